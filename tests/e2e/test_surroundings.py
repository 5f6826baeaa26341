"""Bad surroundings: a clear sentence, the right exit code, no traceback and nothing lost, wherever the fault lies."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from onefile_sandbox.faults import Fault
from onefile_sandbox.world import World
from reconciler.apply import executor
from reconciler.clock import SystemClock
from reconciler.commands.plan import plan
from reconciler.problems import ExitCode, ServiceError, Unreachable
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options
from tests.e2e.user import KATE, LEARNER, REPOSITORY, SETTINGS, TOKEN, WRITES, Ended, Home, Served, point_at, served

AS_ROOT = os.name == "posix" and os.geteuid() == 0


def told(ended: Ended, code: ExitCode, *words: str) -> None:
    assert ended.code == code, ended.out + ended.err
    assert ended.is_decent()
    for word in words:
        assert word in ended.err, ended.err
    assert "Fix:" in ended.err


# ------------------------------------------------------------------ files


def test_no_state_folder(home: Home) -> None:
    """The folder that was looked for is named."""
    told(home.run("plan"), ExitCode.INVALID, "state")
    told(home.run("demo", "--state", "nowhere"), ExitCode.INVALID, "nowhere")


def test_the_demonstration_needs_no_state_folder(home: Home) -> None:
    """Somebody who has just installed the product can try it at once, and it leaves nothing behind."""
    assert home.run("demo").code == ExitCode.DONE
    assert list(home.path.iterdir()) == []


@pytest.mark.parametrize("name", ["settings.yaml", "staff.yaml", "cohorts"])
def test_a_part_of_the_state_is_missing(home: Home, name: str) -> None:
    """Which one, is said."""
    path = home.declare().path / "state" / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    told(home.run("plan"), ExitCode.INVALID, name)


@pytest.mark.parametrize("name", ["settings.yaml", "staff.yaml", "cohorts/c1.yaml"])
def test_a_file_that_cannot_be_read(home: Home, name: str) -> None:
    """A folder in its place, which not even root can read as a file; then a file without permission."""
    path = home.declare().path / "state" / name
    path.unlink()
    path.mkdir()
    told(home.run("validate"), ExitCode.INVALID, name)
    path.rmdir()
    path.write_bytes(b"\xff\xfe\x00")
    told(home.run("validate"), ExitCode.INVALID, name)


def test_paths_with_spaces_and_other_letters(home: Home) -> None:
    """A folder called as people call folders: planned, saved, shown and applied, also where the locale is C."""
    folder = home.declare().path / "Zuständige für Möwenstraße" / "ståte 2026"
    folder.parent.mkdir()
    (home.path / "state").rename(folder)
    state, file = ("--state", str(folder)), str(folder.parent / "plän (1).json")
    bare = partial(home.process, env={"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})
    for run in (home.run, bare):
        for command in (["validate", *state], ["plan", *state, "--out", file], ["show", file]):
            ended = run(*command)
            assert (ended.code, ended.is_decent()) == (ExitCode.DONE, True)
    told(home.run("plan", *state, "--learner", "Möwe"), ExitCode.INVALID, "Möwe")
    assert home.run("apply", file, *state).code == ExitCode.DONE


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_path_that_is_not_utf_8(home: Home) -> None:
    """Linux allows it, so the report shows it somehow, and JSON stays JSON."""
    home.declare()
    (home.path / "state").rename(home.path / os.fsdecode(b"st\xff"))
    for command in (
        ["validate"],
        ["plan", "--format", "json"],
        ["plan", "--out", "p.json"],
        ["apply", "p.json"],
    ):
        ended = home.forked(*command, "--state", os.fsdecode(b"st\xff"))
        assert (ended.code, ended.is_decent()) == (ExitCode.DONE, True), (command, ended)
        if "json" in command:
            assert json.loads(ended.out)


def test_no_git_no_home_no_locale(home: Home) -> None:
    """A bare container: nothing in the environment but where Python is."""
    home.declare()
    bare = {"PATH": str(home.path), "HOME": None, "LANG": "C", "LC_ALL": "C", "USER": None, "LOGNAME": None}
    for command in (["validate"], ["plan"], ["apply", "--auto-approve"], ["demo"]):
        ended = home.process(*command, env=bare)
        assert (ended.code, ended.is_decent()) == (ExitCode.DONE, True), ended.err


# ------------------------------------------------------------------ standard output, --out


def test_a_reader_that_has_seen_enough(home: Home) -> None:
    """`| head -1`: no complaint, and the exit code is the plan's own."""
    process = home.declare_demonstration().start("plan", "--verbose", "--detailed-exitcode", "--out", "plan.json")
    code, err = _with_nobody_reading(process)
    assert (code, "Saved to plan.json" in err, "Traceback" in err) == (ExitCode.CHANGES, True, False)
    assert home.run("show", "plan.json").code == ExitCode.DONE


def test_a_reader_that_is_gone_does_not_stop_an_apply(home: Home) -> None:
    """The plan cannot be printed any more; what was approved beforehand is done all the same."""
    code, err = _with_nobody_reading(home.declare().start("apply", "--auto-approve"))
    assert (code, "Traceback" in err) == (ExitCode.DONE, False)
    assert home.run("plan", "--detailed-exitcode").code == ExitCode.DONE


def _with_nobody_reading(process: subprocess.Popen[str]) -> tuple[int, str]:
    assert process.stdout and process.stderr
    process.stdout.close()
    with process.stderr as said:
        return process.wait(60), said.read()


@pytest.mark.parametrize("closed", ["<&-", ">&- 2>&-"])
def test_standard_streams_that_were_closed(home: Home, closed: str) -> None:
    """There is nowhere to print to, and the exit code is all there is."""
    home.declare()
    program = f"{sys.executable} -c 'from reconciler.cli.main import main; main()'"
    shell = ["/bin/sh", "-c", f"{program} plan --detailed-exitcode {closed}"]
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    assert subprocess.run(shell, env=env, capture_output=True, check=False).returncode == ExitCode.CHANGES


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_a_full_disk(home: Home) -> None:
    """For the report on standard output, and for the one in --out; neither hides what the command did."""
    home.declare()
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        told(home.process("plan", stdout=full), ExitCode.ERROR, "No space left", "standard output")
        ended = home.process("plan", "--detailed-exitcode", stdout=full)
        told(ended, ExitCode.CHANGES, "No space left")
    told(home.run("plan", "--out", "/dev/full"), ExitCode.ERROR, "/dev/full", "No space left")
    ended = home.run("apply", "--auto-approve", "--out", "/dev/full")
    told(ended, ExitCode.ERROR, "No space left")
    assert f"{WRITES} done" in ended.out
    assert Path("/dev/full").is_char_device()


def test_out_into_what_is_no_file(home: Home) -> None:
    """/dev/null stays what it is, a link is followed, a folder is refused before anything is read."""
    home.declare()
    assert home.run("plan", "--out", os.devnull).code == ExitCode.DONE
    assert Path(os.devnull).is_char_device()
    (home.path / "link.json").symlink_to("plans/target.json")
    assert home.run("plan", "--out", "link.json").code == ExitCode.DONE
    assert (home.path / "link.json").is_symlink() and (home.path / "plans/target.json").is_file()
    told(home.run("plan", "--out", "state"), ExitCode.INVALID, "state: is a folder\n", "\n1 problem\n")
    told(home.run("plan", "--out", "link.json/below.json"), ExitCode.INVALID, "not a folder")
    (home.path / "round").symlink_to("round")
    told(home.run("plan", "--out", "round"), ExitCode.ERROR, "round")


def test_an_out_that_cannot_be_written_is_told_before_anything_is_done(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An apply whose report has nowhere to go does not begin."""
    with served() as server:
        point_at(monkeypatch, server.url)
        ended = home.declare().run("apply", "--auto-approve", "--out", "state/settings.yaml/report")
        told(ended, ExitCode.INVALID, "not a folder")
        assert server.calls == []


@pytest.mark.skipif(AS_ROOT, reason="root may write everywhere")
def test_a_folder_without_permission(home: Home) -> None:
    """Neither --out nor the store can be written there."""
    home.declare().path.chmod(0o500)
    try:
        told(home.run("plan", "--out", "plan.json"), ExitCode.ERROR, "may not be written", "\n1 problem\n")
        told(home.run("plan"), ExitCode.ERROR, ".reconciler")
    finally:
        home.path.chmod(0o700)


# ------------------------------------------------------------------ the store


@pytest.mark.parametrize("command", [["plan"], ["apply", "--auto-approve"]], ids=" ".join)
@pytest.mark.parametrize("kind", ["folder", "garbage", "newer", "in a file", "address", "nowhere"])
def test_a_store_that_is_none(home: Home, kind: str, command: list[str]) -> None:
    """The place is named, nothing there is touched, and the fix says what to do."""
    home.declare()
    place = home.path / "store.db"
    match kind:
        case "folder":
            place.mkdir()
        case "garbage":
            place.write_bytes(b"somebody's letter, 1 of 2\n" * 100)
        case "newer":
            home.run("plan", "--store", "store.db")
            with sqlite3.connect(place) as database:
                tables = {row[0] for row in database.execute("select name from sqlite_master where type = 'table'")}
                table = next(name for name in tables if "version" in name or "schema" in name)
                column = next(row[1] for row in database.execute(f"pragma table_info({table})") if "version" in row[1])
                database.execute(f"update {table} set {column} = {column} + 1000")
            database.close()
        case "in a file":
            place.write_text("")
            place = place / "below.db"
        case "address":
            place = Path("mysql:/")
        case "nowhere":
            place = Path("postgresql:/")
    address = {"address": "mysql://root@h/db", "nowhere": "postgresql://nobody:geheim@127.0.0.1:9/none"}.get(kind)
    before = place.read_bytes() if place.is_file() else b""
    ended = home.run(*command, "--store", address or str(place))
    told(ended, ExitCode.ERROR)
    assert "geheim" not in ended.err
    assert (place.read_bytes() if place.is_file() else b"") == before


def test_an_unusable_budget_is_named_by_its_own_variable(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the option of the store nor its default is the budget's."""
    home.declare()
    monkeypatch.setenv("RECONCILER_BUDGET", ":memory:")
    ended = home.run("plan")
    told(ended, ExitCode.ERROR, "Correct RECONCILER_BUDGET.")
    assert "--store" not in ended.err and "RECONCILER_STORE" not in ended.err and "Without both" not in ended.err


def test_a_world_file_that_is_none(home: Home) -> None:
    """Somebody's own file where the embedded sandbox keeps its world: said, and left as it is."""
    home.declare()
    file = home.path / ".reconciler" / "sandbox.jsonl"
    file.parent.mkdir()
    file.write_text("mine\n")
    told(home.run("plan"), ExitCode.ERROR, "sandbox.jsonl", "not a sandbox world")
    assert file.read_text() == "mine\n"


# ------------------------------------------------------------------ the network


def test_tokens(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """None, an empty one, a wrong one and one that cannot be: the variable is named, the token is not shown."""
    with served() as server:
        home.declare()
        monkeypatch.setenv("ONEFILE_BASE_URL", server.url)
        told(home.run("plan"), ExitCode.INVALID, "no customer token", "ONEFILE_CUSTOMER_TOKEN")
        monkeypatch.setenv("ONEFILE_CUSTOMER_TOKEN", " ")
        told(home.run("plan"), ExitCode.INVALID, "ONEFILE_CUSTOMER_TOKEN")
        monkeypatch.setenv("ONEFILE_CUSTOMER_TOKEN", "zwei\nZeilen")
        told(home.run("plan"), ExitCode.INVALID, "ONEFILE_CUSTOMER_TOKEN")
        assert server.calls == []
        monkeypatch.setenv("ONEFILE_CUSTOMER_TOKEN", "falsches-Zeichen-77")
        ended = home.run("plan")
        told(ended, ExitCode.ERROR, "ONEFILE_CUSTOMER_TOKEN")
        assert "falsches" not in ended.err
        assert len(server.calls) == 1  # a refused token is not tried again


class _Hurried(SystemClock):
    """The machine's clock, whose waits are over at once."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(0 * seconds)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "no-such-host.invalid"])
def test_nobody_answers(home: Home, host: str) -> None:
    """A port without a server and a name without a host: unreachable, nothing was done."""
    home.declare()
    scheme = "https" if "invalid" in host else "http"
    url = f"{scheme}://{host}:{_free_port()}/api/v2.1"
    variables = {"ONEFILE_BASE_URL": url, "ONEFILE_CUSTOMER_TOKEN": TOKEN}
    with pytest.raises(Unreachable, match="Nothing was done") as caught:
        plan(Options(), Environment(variables, clock=_Hurried()))
    assert caught.value.exit_code == ExitCode.ERROR
    assert host.strip("[]") in str(caught.value)


def test_plain_http_over_the_network(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token would be readable on the way: refused before anything is sent."""
    for url in ("http://wsapi.onefile.co.uk/api/v2.1", "http://192.0.2.1/api/v2.1", "ftp://localhost/api/v2.1", "%%"):
        point_at(monkeypatch, url)
        told(home.declare().run("plan"), ExitCode.INVALID, "ONEFILE_BASE_URL")


@contextmanager
def always(status: int, body: bytes, kind: str = "text/html", **headers: str) -> Iterator[str]:
    """The base URL of a server that gives one answer to everything, log-ins included."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api/v2.1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_garbage_that_asks_to_wait_is_bounded_by_the_settings(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wait that is longer than the settings allow ends the command at once, and the error names the time."""
    with always(429, b"\xff\xfe", "application/json", **{"Retry-After": "a while"}) as url:
        home.declare(settings={**SETTINGS, "longest_wait_seconds": 59})
        point_at(monkeypatch, url)
        told(home.run("plan"), ExitCode.ERROR, "too many calls (HTTP 429); wait 60 s", "Nothing was done")


PAGE = b"<html><body>Adara Ashcombe, please sign in</body></html>"


@pytest.mark.parametrize(
    ("status", "body", "headers", "words"),
    [
        (200, PAGE, {}, "web page"),
        (200, b"", {}, "session token"),
        (302, b"", {"Location": "https://login.example/?a=b"}, "redirected to login.example"),
        (404, b"{}", {}, "refused the log-in"),
        (407, PAGE, {}, "refused the log-in"),
        (204, b"", {}, "no result"),
    ],
)
def test_something_else_answers_in_place_of_onefile(
    home: Home, monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, headers: dict[str, str], words: str
) -> None:
    """A proxy, a log-in page, another service: said for what it is, without quoting its page."""
    with always(status, body, **headers) as url:
        point_at(monkeypatch, url)
        ended = home.declare().run("plan")
    told(ended, ExitCode.ERROR, words)
    assert "Adara" not in ended.err


def test_a_proxy_that_says_unavailable(home: Home) -> None:
    """503 with a page: tried a few times, then told."""
    with always(503, PAGE) as url:
        variables = {"ONEFILE_BASE_URL": url, "ONEFILE_CUSTOMER_TOKEN": TOKEN}
        home.declare()
        with pytest.raises(ServiceError, match="HTTP 503") as caught:
            plan(Options(), Environment(variables, clock=_Hurried()))
    assert "Adara" not in str(caught.value)


@pytest.mark.parametrize("kind", ["html", "cut_json", "cut_length"])
def test_a_reading_that_is_spoilt_ends_the_command(home: Home, kind: str) -> None:
    """Never half a picture: no plan is made of it, and certainly nothing is written."""
    fault = Fault.from_json({"kind": kind, "method": "POST", "path": "/*/Search/*", "times": 100})
    with served(faults=(fault,)) as server:
        home.declare()
        environment = {"ONEFILE_BASE_URL": server.url, "ONEFILE_CUSTOMER_TOKEN": TOKEN}
        with pytest.raises(ServiceError) as caught:
            plan(Options(), Environment(environment, clock=_Hurried()))
        assert caught.value.exit_code == ExitCode.ERROR
        assert server.effects == 0


def test_a_repeated_page_hides_nobody(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that sends page 1 for page 2 gets the true plan out of the rest of its answers, or none."""
    home.declare(LEARNER, *({"id": 200012 + place, "default_assessor": "james"} for place in range(48)))
    with served(World.create(1, 60), "page_cap=50") as server:
        point_at(monkeypatch, server.url)
        true = home.plan("--store", "true.db")["operations"]
    repeats = Fault("repeated_page", "POST", "/User/Search/2/*", times=100)
    with served(World.create(1, 60), "page_cap=50", faults=(repeats,)) as server:
        point_at(monkeypatch, server.url)
        ended = home.run("plan", "--format", "json", "--store", "spoilt.db")
        assert any(call["fault"] for call in server.calls)
    assert ended.code == ExitCode.ERROR or ended.json["operations"] == true


@pytest.mark.parametrize(
    "body", [b"[1,2]", b'{"a":1}', b'"text"', b'[{"ID":"x"}]', b"[[]]", b"nonsense", b"[" * 100_000]
)
def test_json_that_is_not_what_was_promised(home: Home, body: bytes) -> None:
    """Another shape than a list of users, by a server that otherwise logs in (its answer is also a token of sorts)."""
    with _logs_in_then(body) as url:
        home.declare()
        variables = {"ONEFILE_BASE_URL": url, "ONEFILE_CUSTOMER_TOKEN": TOKEN}
        with pytest.raises(ServiceError) as caught:
            plan(Options(), Environment(variables, clock=_Hurried()))
    assert caught.value.exit_code == ExitCode.ERROR


@contextmanager
def _logs_in_then(body: bytes) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = b"session-0001" if self.path.endswith("/Authentication") else body
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api/v2.1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


# ------------------------------------------------------------------ Ctrl-C


@contextmanager
def stopped_during(
    home: Home, path: str, *command: str, number: int = signal.SIGINT, seconds: float = 2, before: str = ""
) -> Iterator[tuple[Ended, Served]]:
    """The command, interrupted while a call to `path` is under way for some seconds, and the server it spoke to."""
    fault = Fault("latency", "POST", path, seconds=seconds)
    with served(faults=(fault,)) as server:
        env = {"ONEFILE_BASE_URL": server.url, "ONEFILE_CUSTOMER_TOKEN": TOKEN}
        process = home.start(*command, env=env, before=before)
        while server.service.faults.waiting():
            assert process.poll() is None, process.communicate()
            threading.Event().wait(0.01)
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
        yield Ended(process.returncode, out, err), server


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_during_a_plan(home: Home, number: int) -> None:
    """Nothing was written, and that is said."""
    home.declare()
    with stopped_during(home, "/LearningAim/Search/*", "plan", number=number) as (ended, _):
        told(ended, ExitCode.ERROR, "interrupted; nothing was written")


APPLY = ("apply", "--auto-approve", "--format", "json", "--out", "report.json")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_during_an_apply(home: Home, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The write under way gets its answer, no further one is begun, all is reported, and the lock is given back."""
    home.declare(LEARNER, {"id": 200005, "default_assessor": "james"})
    with stopped_during(home, f"/User/{KATE}/Assign", *APPLY, number=number) as (ended, server):
        told(ended, ExitCode.ERROR, "stopped before the end")
        states = {row["state"] for row in json.loads((home.path / "report.json").read_text("utf-8"))["outcomes"]}
        assert states == {"done", "not_tried"}
        point_at(monkeypatch, server.url)
        home.converges()


def test_stopped_during_a_write_without_an_answer(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is waited for no longer than ten seconds, which are half of one here, and left for the next run."""
    assert executor.ANSWER_SECONDS == 10
    home.declare(LEARNER, {"id": 200005, "default_assessor": "james"})
    sooner = "from reconciler.apply import executor; executor.ANSWER_SECONDS = 0.5"
    with stopped_during(home, f"/User/{KATE}/Assign", *APPLY, seconds=60, before=sooner) as (ended, server):
        told(ended, ExitCode.ERROR, "stopped before the end")
        states = [row["state"] for row in json.loads((home.path / "report.json").read_text("utf-8"))["outcomes"]]
        assert states.count("unknown") == 1 and set(states) == {"done", "unknown", "not_tried"}
        point_at(monkeypatch, server.url)
        home.converges()
