"""Laws of the digest: everybody concerned hears once what changes, through real servers, and nothing else leaves."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from typing import Any

import pytest

from reconciler.problems import ExitCode
from tests.e2e.user import KATE, LEARNER, STAFF, Home
from tests.report.html.test_html import HOSTILE

if os.environ.get("CI") != "true" and not (find_spec("apprise") and find_spec("aiosmtpd")):
    pytest.skip("the extra `notify` or the SMTP server of the tests is not installed", allow_module_level=True)

SHARED, KATES = "RECONCILER_NOTIFY", "RECONCILER_NOTIFY_KATE"
PEOPLE = {**STAFF, "kate": {"id": KATE, "role": "assessor", "notify": KATES}}
LABELLED = {**LEARNER, "label": "LRN-0042"}
MOVED = {**LABELLED, "default_assessor": "kate"}


class Receiver:
    """A webhook that keeps what it gets; it refuses what comes after the first `takes`, or holds it."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.takes = 1_000
        self.holds: threading.Event | None = None
        self.reached = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.reached.set()
                if receiver.holds:
                    receiver.holds.wait(30)
                taken = len(receiver.bodies) < receiver.takes
                if taken:
                    receiver.bodies.append(body)
                    receiver.paths.append(self.path)
                self.send_response(200 if taken else 500)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Print nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def address(self, path: str = "") -> str:
        return f"json://127.0.0.1:{self.server.server_address[1]}/{path}"

    @contextmanager
    def serving(self) -> Iterator[None]:
        thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            self.server.shutdown()
            thread.join()
            self.server.server_close()

    @property
    def titles(self) -> list[str]:
        return [body["title"] for body in self.bodies]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    with receiver.serving():
        yield receiver


@pytest.fixture
def centre(home: Home) -> Home:
    """A centre in which run 2 gave a learner of james to kate, and one manual step is open."""
    home.declare(LABELLED, staff=PEOPLE).run("apply", "--auto-approve")
    home.declare({**MOVED, "additional": []}, staff=PEOPLE)
    home.run("apply", "--auto-approve")
    return home


def test_each_person_is_told_what_they_gain_and_hand_over(centre: Home) -> None:
    """As Markdown and as an e-mail draft, with what to look at in OneFile; the manager, and the owner of steps."""
    made = centre.run("digest", "--run", "2", "--out", "messages")
    assert made.code == ExitCode.DONE, made.err
    folder = centre.path / "messages"
    names = {file.name for file in folder.iterdir()} - {".reconciler-list"}
    assert names == {f"{who}.{kind}" for who in ("james", "kate", "manager", "step-owner") for kind in ("md", "eml")}
    kate = (folder / "kate.md").read_text()
    assert "you gain 1 learner" in kate and "- LRN-0042 from james: default assessor" in kate
    james = (folder / "james.md").read_text()
    assert "- LRN-0042 to kate: default assessor" in james and "Open tasks: give those of james to kate" in james
    assert "- james → kate: 1 learner" in (folder / "manager.md").read_text()
    assert "remove lee from the additional people" in (folder / "step-owner.md").read_text()
    draft = message_from_bytes((folder / "james.eml").read_bytes(), _class=EmailMessage, policy=policy.default)
    assert (draft["Subject"], draft["X-Unsent"]) == ("james: Run 2: you hand over 1 learner", "1")
    assert draft.get_content().replace("\r\n", "\n") == james


def test_a_message_lists_the_same_learners_once(home: Home) -> None:
    """Also if several steps concern them: those of all learners of the message follow without their names."""
    learners = [{"id": 200004 + n, "label": f"LRN-{n:04}", "default_assessor": "james"} for n in range(4)]
    home.declare(*learners, staff=PEOPLE).run("apply", "--auto-approve")
    home.declare(*({**learner, "default_assessor": "kate"} for learner in learners), staff=PEOPLE)
    assert home.run("apply", "--auto-approve").code == ExitCode.DONE
    home.run("digest", "--run", "2", "--out", "messages")
    james = (home.path / "messages" / "james.md").read_text("utf-8")
    assert [james.count(f"LRN-{n:04}") for n in range(4)] == [1] * 4
    assert "For all 4 learners above:\n\n- Open tasks" in james


def test_the_latest_run_that_wrote_is_meant(home: Home) -> None:
    """Not a later one that wrote nothing; before any wrote, there is no message."""
    home.declare(LABELLED, staff=PEOPLE)
    assert home.run("digest", "--latest").out.startswith("Nobody gains or loses")
    home.run("apply", "--auto-approve")
    home.run("apply", "--auto-approve")
    home.run("drift")
    latest, first = (home.run("digest", *args, "--format", "markdown").out for args in (["--latest"], ["--run", "1"]))
    assert "Run 1: you gain 1 learner" in latest and latest == first
    assert home.run("digest", "--latest", "--run", "1").code == ExitCode.INVALID


def test_a_plan_and_a_day_are_told_of_as_well(home: Home) -> None:
    """What will happen, from the saved plan, or from the files alone."""
    home.declare(LABELLED, staff=PEOPLE).run("apply", "--auto-approve")
    dated = [{"staff": "james", "until": "2098-12-31"}, {"staff": "kate", "from": "2099-01-01"}]
    home.declare({**LABELLED, "default_assessor": dated}, staff=PEOPLE)
    day = home.run("digest", "--due", "2099-01-01", "--format", "markdown").out
    assert "# From Thursday 1 January 2099: you gain 1 learner" in day and "From 2099-01-01." in day
    assert "2099-01-01: kate takes over from james" in day
    nothing = home.run("digest", "--due", "2099-01-02")
    assert nothing.out == "Nobody gains or loses a learner, and no manual step is open: there is no message.\n"
    home.declare(MOVED, staff=PEOPLE).run("plan", "--save", "plan.json")
    planned = home.run("digest", "--plan", "plan.json", "--format", "markdown").out
    assert (
        "From the moment when the plan is applied." in planned and "- LRN-0042 from james: default assessor" in planned
    )


def test_a_message_is_sent_once(centre: Home, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same digest again sends nothing; a person's own address is used for that person alone."""
    monkeypatch.setenv(SHARED, receiver.address("all"))
    monkeypatch.setenv(KATES, receiver.address("kate"))
    sent = centre.run("digest", "--run", "2", "--format", "json").json["messages"]
    assert {row["recipient"]: row["state"] for row in sent} == dict.fromkeys(
        ("james", "kate", "manager", "step-owner"), "sent"
    )
    assert sorted(receiver.paths) == ["/all", "/all", "/all", "/kate"]
    again = centre.run("digest", "--run", "2", "--format", "json").json["messages"]
    assert {row["state"] for row in again} == {"sent before"} and len(receiver.bodies) == 4
    centre.run("digest", "--run", "1")
    assert len(receiver.bodies) > 4  # another occasion


def test_a_channel_that_fails_gets_the_rest_next_time(
    centre: Home, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fails no run, and what was taken is not repeated."""
    monkeypatch.setenv(SHARED, receiver.address())
    monkeypatch.setenv(KATES, receiver.address())
    receiver.takes = 2
    failed = centre.run("digest", "--run", "2")
    assert failed.code == ExitCode.DONE and "was not sent" in failed.err and len(receiver.bodies) == 2
    receiver.takes = 1_000
    assert centre.run("digest", "--run", "2").err == ""
    assert len(receiver.titles) == len(set(receiver.titles)) == 4


def test_a_service_that_fails_twice_is_not_awaited_for_every_message(
    centre: Home, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest is not tried and not marked, so the next run sends it."""
    monkeypatch.setenv(SHARED, receiver.address())
    receiver.takes = 0
    states = [row["state"] for row in centre.run("digest", "--run", "2", "--format", "json").json["messages"]]
    assert sorted(states) == ["failed", "failed", "no address", "not tried"]
    receiver.takes = 1_000
    states = [row["state"] for row in centre.run("digest", "--run", "2", "--format", "json").json["messages"]]
    assert sorted(states) == ["no address", "sent", "sent", "sent"]


def test_a_process_that_is_killed_while_it_sends_repeats_nothing(
    centre: Home, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message on its way may have arrived, and is named; the next run sends the others."""
    receiver.holds = threading.Event()
    addresses = {SHARED: receiver.address(), KATES: receiver.address()}
    with centre.fork("digest", "--run", "2", env=addresses):
        assert receiver.reached.wait(30)
    receiver.holds.set()
    for name, address in addresses.items():
        monkeypatch.setenv(name, address)
    rest = centre.run("digest", "--run", "2", "--format", "json")
    states = {row["recipient"]: row["state"] for row in rest.json["messages"]}
    assert states == {"james": "not known", "kate": "sent", "manager": "sent", "step-owner": "sent"}
    assert "a run that was cut off may have sent it" in rest.err and rest.code == ExitCode.DONE
    assert len(receiver.titles) == len(set(receiver.titles))


@pytest.mark.parametrize("address", ["json://kate:geheim-4711@127.0.0.1:9/x", "geheim-4711", "nothing://geheim-4711"])
def test_an_address_that_fails_is_not_shown(centre: Home, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may hold a password: the variable's name is enough."""
    monkeypatch.setenv(SHARED, address)
    ended = centre.run("digest", "--run", "2", "--verbose")
    assert ended.code == ExitCode.DONE and ended.is_decent()
    assert f"{KATES} is not set" in ended.err and SHARED in ended.err
    assert "4711" not in ended.out + ended.err


def test_a_real_mail_server_gets_the_message(centre: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over SMTP, to the person's address."""
    from aiosmtpd.controller import Controller
    from aiosmtpd.handlers import Message as Handler

    mails: list[Any] = []

    class Keep(Handler):
        def handle_message(self, message: Any) -> None:
            mails.append(message)

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(Keep(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        address = f"mailto://127.0.0.1:{port}/?from=centre@example.org&to=kate@example.org&mode=insecure"
        monkeypatch.setenv(KATES, address)
        ended = centre.run("digest", "--run", "2")
    finally:
        controller.stop()
    assert ended.code == ExitCode.DONE, ended.err
    (mail,) = mails
    assert mail["X-RcptTo"] == "kate@example.org" and "you gain 1 learner" in str(mail["Subject"])
    texts = [part.get_payload(decode=True).decode() for part in mail.walk() if not part.is_multipart()]
    assert any("LRN-0042 from james: default assessor" in text for text in texts)


@pytest.mark.parametrize("text", [text for text in HOSTILE if text.isprintable()])
def test_a_hostile_label_is_only_text(home: Home, text: str) -> None:
    """Markdown shows it as code, and it begins no line."""
    home.declare({**LABELLED, "label": text}, staff=PEOPLE).run("apply", "--auto-approve")
    said = home.run("digest", "--run", "1", "--format", "markdown").out
    assert not [line for line in said.splitlines() if line.lstrip("- ").startswith(text)]


@pytest.mark.parametrize("name", ["ONEFILE_CUSTOMER_TOKEN", "RECONCILER_STORE", "PATH", "mailto://kate:pw@host"])
def test_only_a_variable_for_messages_can_be_named(home: Home, name: str) -> None:
    """A pull request must not send another secret away as an address, and no address is in a file."""
    home.declare(LABELLED, staff={**STAFF, "kate": {"id": KATE, "role": "assessor", "notify": name}})
    refused = home.run("validate")
    assert refused.code == ExitCode.INVALID and "RECONCILER_NOTIFY_" in refused.err + refused.out


def test_without_any_address_nothing_is_sent(centre: Home) -> None:
    """The messages are printed all the same."""
    states = {row["state"] for row in centre.run("digest", "--run", "2", "--format", "json").json["messages"]}
    assert states == {"no address"}
