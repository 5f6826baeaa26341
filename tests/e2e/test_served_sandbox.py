"""`reconciler sandbox` as a process of its own: the same OneFile as the embedded one, for whoever calls it."""

from __future__ import annotations

import json
import signal
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from onefile_sandbox.faults import FIELDS, KINDS
from reconciler.problems import ExitCode
from tests.e2e.user import TOKEN, Home, point_at, served
from tests.forks import Fork


@contextmanager
def sandbox(home: Home, *options: str) -> Iterator[tuple[str, Fork]]:
    """The base URL that the process says it serves at, and the process."""
    with home.fork("sandbox", "--port", "0", *options, env={"ONEFILE_CUSTOMER_TOKEN": TOKEN}) as process:
        while "\n" not in process.printed[0]:
            assert process.runs, process.said
            process.wait(0.005)
        name, _, url = process.printed[0].splitlines()[0].partition("=")
        assert name == "ONEFILE_BASE_URL"
        yield url, process


def asked(url: str, what: str) -> Any:
    with urllib.request.urlopen(f"{url.removesuffix('/api/v2.1')}/_sandbox/{what}") as answer:  # noqa: S310  our own server
        return json.load(answer)


def comparable(plan: dict[str, Any]) -> dict[str, Any]:
    return {key: plan[key] for key in ("resource_changes", "operations", "summary", "policies", "caseload")}


def test_a_served_sandbox_gives_the_embedded_ones_plan(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows, operations and what they cost; only the target differs, and so the fingerprint, which is bound to it."""
    embedded = home.declare_demonstration().plan()
    with sandbox(home, "--world", "served.jsonl") as (url, _):
        point_at(monkeypatch, url)
        over_http = home.plan("--store", "served.db")
        assert comparable(over_http) == comparable(embedded)
        assert (embedded["target"], over_http["target"]) == ("sandbox", url)
        assert over_http["summary"]["calls"]["read"] == len(asked(url, "calls"))


def test_a_served_and_an_embedded_sandbox_can_share_a_world(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is applied over HTTP is there for the embedded one, whose file it is by default."""
    home.declare()
    with sandbox(home) as (url, _):
        point_at(monkeypatch, url)
        assert home.run("apply", "--auto-approve", "--store", "served.db").code == ExitCode.DONE
        monkeypatch.delenv("ONEFILE_BASE_URL")
        plan = home.plan()
    assert [row["change"]["actions"] for row in plan["resource_changes"] if row["type"] != "additional"] == [
        ["no-op"]
    ] * 6


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_when_told_and_keeps_its_world(home: Home, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 0 without a complaint; served again, everything written is there."""
    home.declare()
    options = ("--world", "served.jsonl", "--learners", "24", "--seed", "3", "--switch", "iqa_key=IQAID")
    with sandbox(home, *options) as (url, process):
        assert asked(url, "state")["seed"] == 3
        process.send_signal(number)
        assert process.ended(20)[0] == ExitCode.DONE
        assert process.printed[1] == ""
    assert "Traceback" not in (home.path / "served.jsonl").read_text()
    with sandbox(home, "--world", "served.jsonl") as (url, _):
        assert asked(url, "state")["seed"] == 3


def test_a_port_in_use_is_told(home: Home) -> None:
    """Which, and what to do."""
    with sandbox(home, "--world", "a.jsonl") as (url, _):
        port = url.split(":")[2].split("/")[0]
        ended = home.run("sandbox", "--port", port, "--world", "b.jsonl")
        assert ended.code == ExitCode.ERROR
        assert port in ended.err and "--port" in ended.err


def test_its_switches_are_listed(home: Home) -> None:
    """Each with the values it takes."""
    ended = home.run("sandbox", "--switches")
    assert ended.code == ExitCode.DONE
    assert "iqa_key = IVID | IQAID" in ended.out


def test_its_help_names_every_fault_and_field(home: Home) -> None:
    """So that nobody has to read the source."""
    text = home.run("sandbox", "--help").out
    assert [name for name in (*KINDS, *FIELDS) if name not in text] == []


@pytest.mark.parametrize(
    ("option", "value", "what", "fix"),
    [
        ("--fault", "x", "--fault: 'x' is not JSON", "lists the kinds and fields"),
        ("--fault", "[" * 100_000, "is not JSON", "lists the kinds and fields"),
        ("--fault", '{"kind": "gremlin"}', "no fault is called 'gremlin'", "lists the kinds and fields"),
        ("--switch", "rate_limit=abc", "--switch: switch rate_limit: 'abc' is not a whole number", "--switches"),
        ("--switch", "iqa_kee=IVID", "did you mean iqa_key?", "--switches"),
    ],
)
def test_a_wrong_switch_or_fault_is_explained(home: Home, option: str, value: str, what: str, fix: str) -> None:
    """Without a word of the JSON library."""
    ended = home.run("sandbox", option, value)
    assert ended.code == ExitCode.INVALID
    assert what in ended.err and fix in ended.err and ended.is_decent()


@pytest.mark.parametrize(("options", "status"), [((), 204), (("--switch", "unknown_keys=refused"), 400)])
def test_a_served_sandbox_ignores_unknown_keys_unless_told_otherwise(
    home: Home, options: tuple[str, ...], status: int
) -> None:
    """Other people's clients send some."""
    with sandbox(home, *options) as (url, _), httpx.Client(trust_env=False) as client:
        session = client.post(f"{url}/Authentication", headers={"X-CustomerToken": TOKEN}).text
        body = {"Telephone": "07700 900111", "CompanyName": "Acme"}
        assert client.post(f"{url}/User/200004", headers={"X-TokenID": session}, json=body).status_code == status


def test_a_target_that_the_environment_overrules_is_told(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """On standard error, so that JSON stays alone on the other; nothing is said where both mean the same."""
    home.declare()
    with served() as server:
        point_at(monkeypatch, server.url)
        surprised = home.run("plan", "--format", "json", "--target", "live")
        assert surprised.json["target"] == server.url
        assert f"--target live is overruled by ONEFILE_BASE_URL: this command goes to {server.url}" in surprised.err
        for arguments in ((), ("--target", server.url)):
            assert "overruled" not in home.run("plan", *arguments).err
