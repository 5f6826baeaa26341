"""What must appear nowhere, and calls that are counted as they are made."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from onefile_sandbox.api import SandboxApi
from onefile_sandbox.app import create_app
from onefile_sandbox.clock import VirtualClock
from onefile_sandbox.switches import Switches
from onefile_sandbox.world import World
from reconciler.apply.executor import apply_plan
from reconciler.clock import SystemClock
from reconciler.commands.plan import plan_in
from reconciler.onefile.client import OneFile
from reconciler.onefile.in_process import in_process
from reconciler.onefile.reader import Reader
from reconciler.onefile.targets import Target
from reconciler.onefile.token import CustomerToken
from reconciler.problems import ExitCode
from reconciler.ratelimit import MemoryLedger, RateLimiter
from reconciler.runtime.declared_state import read_state
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options
from reconciler.runtime.session import Session
from reconciler.store import Store
from tests.e2e.user import LEARNER, TOKEN, Home, point_at, served

# ------------------------------------------------------------------ what must appear nowhere


def _personal(world: World) -> set[str]:
    """What would identify a learner. First and last names only together: alone they are also words and other people."""
    found = set()
    for user in world.users.values():
        if user["Role"] == 1:
            found |= {f"{user['FirstName']} {user['LastName']}", user["Email"], user["Username"]}
            found |= {value for value in (user["HomeAddress"], user["MobileNumber"], user["ULN"]) if value}
            found |= {user["DOB"], user["DOB"][:10]} if user["DOB"] else set()
    return found


def _everything_written(folder: Path) -> str:
    files = [path.read_bytes().decode("utf-8", "replace") for path in sorted(folder.rglob("*")) if path.is_file()]
    return "\n".join(files)


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_full_run_shows_neither_the_token_nor_anybody(
    home: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, form: str
) -> None:
    """Plans, outcomes, failures, every file and every log at its most talkative."""
    caplog.set_level(logging.DEBUG)
    home.declare(LEARNER, {"misid": "LRN00002", "default_assessor": "kate"}, {"id": 299999})
    with served(World.create(1, 24), "assign_path=staff") as server:
        point_at(monkeypatch, server.url)
        said = ""
        for command in (
            ["validate"],
            ["plan", "--verbose", "--out", "plan.json"],
            ["apply", "plan.json", "--verbose", "--out", "report"],
            ["plan", "--verbose", "--save-observed", "seen.json"],
            ["plan", "--learner", "nobody"],
        ):
            ended = home.run(*command, "--format", form)
            said += ended.out + ended.err
        monkeypatch.setenv("ONEFILE_CUSTOMER_TOKEN", f"{TOKEN}-wrong")
        said += home.run("plan", "--format", form).err
        written = _everything_written(home.path)
        assert len(written) > 10_000
        ours = [record.getMessage() for record in caplog.records if not record.name.startswith("asyncio")]
        for text in (said, written, "\n".join(ours)):
            assert TOKEN not in text
            assert [secret for secret in _personal(server.world) if secret in text] == []


def test_the_embedded_world_keeps_no_learners(home: Home) -> None:
    """Its file holds a seed and what was written, its store ids: people are made anew each time."""
    home.declare()
    home.run("apply", "--auto-approve")
    written = _everything_written(home.path / ".reconciler")
    assert [secret for secret in _personal(World.create(1, 60)) if secret in written] == []


def test_a_server_that_repeats_the_token_is_not_quoted(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the body of a refusal, of all places."""
    from tests.e2e.test_surroundings import always

    body = (
        b'{"message": "token ' + TOKEN.encode() + b' of adara.ashcombe@learner.example.org, born 1999-01-02, unknown"}'
    )
    with always(401, body, "application/json") as url:
        point_at(monkeypatch, url)
        ended = home.declare().run("plan", "--format", "json", "--out", "plan.json")
    assert ended.code == ExitCode.ERROR
    for text in (ended.out, ended.err, _everything_written(home.path)):
        assert TOKEN not in text and "adara" not in text and "1999" not in text


# ------------------------------------------------------------------ calls


def test_the_calls_that_are_told_are_those_that_are_made(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan's forecast of reads and writes, and the report's total, against what the server saw."""
    home.declare(LEARNER, {"misid": "LRN00002", "default_assessor": "kate"}, {"id": 200012, "additional": ["kate"]})
    with served() as server:
        point_at(monkeypatch, server.url)
        calls = home.plan()["summary"]["calls"]
        assert calls["read"] == len(server.calls)
        server.service.calls.clear()
        report = home.run("apply", "--auto-approve", "--format", "json").json
        assert report["calls"] == len(server.calls)
        assert calls["write"] == server.effects == len(report["outcomes"])


@pytest.mark.parametrize("learners", [1, 12])
def test_an_empty_plan_writes_nothing(home: Home, monkeypatch: pytest.MonkeyPatch, learners: int) -> None:
    """Once everything is as declared, an apply reads and does not write."""
    home.declare(*({"id": 200001 + place, "default_assessor": "kate"} for place in range(learners) if place != 10))
    with served() as server:
        point_at(monkeypatch, server.url)
        home.converges()
        server.service.calls.clear()
        assert home.run("apply", "--auto-approve").code == ExitCode.DONE
        assert server.effects == 0


@asynccontextmanager
async def slow_session(path: Path, limit: int, switches: Switches) -> AsyncIterator[tuple[Session, SandboxApi]]:
    """A session with an embedded sandbox that allows `limit` calls a minute, in virtual time."""
    clock = VirtualClock(datetime(2026, 11, 23, 12, tzinfo=UTC))
    app = create_app(World.create(1, 60), switches, clock=clock)
    rate_limiter = RateLimiter(MemoryLedger(clock), limit, clock)
    with Store.open(str(path), clock=SystemClock()) as store:
        async with OneFile(
            "http://sandbox.invalid/api/v2.1",
            CustomerToken("sandbox"),
            rate_limiter=rate_limiter,
            clock=clock,
            transport=in_process(app),
        ) as client:
            target = Target("sandbox", "", embedded=True)
            yield Session(target, store, client, Reader(client, clock), clock, "", store.last_event()), app.state.api


@pytest.mark.parametrize("limit", [7, 60, 300])
@pytest.mark.parametrize("throttled_calls", ["free", "counted"])
def test_a_budget_as_large_as_the_servers_limit_is_never_refused(home: Home, limit: int, throttled_calls: str) -> None:
    """The whole demonstration centre, planned and applied: not one 429, and no faster than allowed."""
    home.declare_demonstration()
    options, environment = Options(), Environment(variables={})

    async def whole_run() -> tuple[list[dict[str, object]], int, float]:
        switches = Switches.parse([f"rate_limit={limit}", f"throttled_calls={throttled_calls}"])
        async with slow_session(home.path / "store.db", limit, switches) as (session, service):
            planned = await plan_in(session, options, environment, read_state(options, environment))
            run = session.store.begin_run(
                command="apply", target="sandbox", organisation=5740, fingerprint=planned.fingerprint, who="", commit=""
            )
            done = await apply_plan(
                planned.plan, session.reader, session.store, run, unsettled=(), still_ours=lambda: None
            )
            assert done.error is None
            return list(service.calls), session.client.calls, session.clock.monotonic()

    calls, counted, seconds = asyncio.run(whole_run())
    assert [call for call in calls if call["status"] == 429] == []
    assert counted == len(calls) > 100
    assert seconds >= (len(calls) // limit - 1) * 60


def test_an_apply_costs_what_was_told_before(home: Home) -> None:
    """The reading's forecast and the apply's, proofs included, add up to the calls that were made, within 2 %."""
    ended = home.declare_demonstration().run("apply", "--auto-approve")
    assert ended.code == ExitCode.DONE
    told = [int(calls) for calls in re.findall(r"(?:Reading OneFile|Applying): (\d+) calls", ended.err)]
    (made,) = (int(calls) for calls in re.findall(r"^Run .* done, (\d+) calls", ended.out, re.MULTILINE))
    assert len(told) == 2
    assert abs(sum(told) - made) <= 0.02 * made


def test_applying_a_saved_plan_costs_what_was_told_before(home: Home) -> None:
    """The readings that judge it again are told as well, and the check before the first write needs no others."""
    home.declare_demonstration().run("plan", "--out", "plan.json")
    ended = home.run("apply", "plan.json")
    assert ended.code == ExitCode.DONE
    told = [int(calls) for calls in re.findall(r"(?:Reading OneFile|Applying): (\d+) calls", ended.err)]
    (made,) = (int(calls) for calls in re.findall(r"^Run .* done, (\d+) calls", ended.out, re.MULTILINE))
    assert abs(sum(told) - made) <= 0.02 * made
