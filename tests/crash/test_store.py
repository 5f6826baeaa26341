"""A store that fails in the middle of a run: nothing is claimed that is not known; the next run settles the rest."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from onefile_sandbox.app import create_app
from reconciler.model.operations import State
from reconciler.onefile.client import OneFile
from reconciler.onefile.in_process import in_process
from reconciler.onefile.token import CustomerToken
from reconciler.problems import ExitCode, Problem, StoreError
from reconciler.ratelimit import MemoryLedger, RateLimiter
from tests.crash.driver import Fate
from tests.crash.harness import Case
from tests.crash.test_lock import in_the_midst
from tests.worlds import JAMES, LEARNER, Trial, trial


def fails(case: Case, fate: Fate) -> dict[str, int]:
    """A run whose store fails: exit 1, a report all the same; counts of its outcomes."""
    code, said = case.process(fate, "apply", "--auto-approve", "--format=json", "--quiet")
    assert code == ExitCode.ERROR, said
    report = json.loads(said[said.index("{") : said.rindex("}") + 1])
    states = [outcome["state"] for outcome in report["outcomes"]]
    return {state: states.count(state) for state in set(states)}


def recovers(case: Case) -> None:
    case.finish()
    case.is_whole()


@pytest.mark.parametrize("more_pages", [0, 9])
def test_a_full_disk_ends_the_run_and_loses_nothing(case: Case, more_pages: int) -> None:
    """Wherever the store stops growing."""
    case.store().close()
    code, _ = case.process({"more_pages": more_pages, "patience": 0.2})
    assert code == ExitCode.ERROR
    recovers(case)


@pytest.mark.parametrize("file_size", [60_000, 500_000])
def test_a_quota_ends_the_run_and_loses_nothing(case: Case, file_size: int) -> None:
    """A quota, which SQLite meets in another way than a full disk."""
    case.store().close()
    code, _ = case.process({"file_size": file_size, "patience": 0.2})
    assert code == ExitCode.ERROR
    recovers(case)


@pytest.mark.parametrize("write", [1, 50])
def test_what_was_sent_is_unknown_where_the_store_is_locked(case: Case, write: int) -> None:
    """What was sent and could not be journalled is unknown in the report, and sent in the journal."""
    told = fails(case, {"at_write": write, "lock_store": case.store_url, "patience": 0.05})
    assert told["unknown"] >= 1
    sent = [row for row in case.journal() if row.state is State.SENT]
    assert len(sent) == told["unknown"]
    recovers(case)


@pytest.mark.parametrize("another", [False, True], ids=["removed", "replaced"])
def test_a_run_whose_store_is_gone_ends_and_forgets_nothing(case: Case, tmp_path: Path, another: bool) -> None:
    """What was on its way is recorded in a copy; with that back in its place, the next run settles and finishes."""
    store = Path(case.store_url)
    case.store().close()
    with in_the_midst(case, tmp_path) as (process, gate):
        for file in store.parent.glob(f"{store.name}*"):
            file.unlink()
        if another:
            case.store().close()
        gate.open()
        code, said = process.ended()
    assert code == ExitCode.ERROR, said
    words = " ".join(said.split())
    assert "the store's file was removed or replaced while this command used it" in words
    (copy,) = store.parent.glob(f"{store.name}.rescued-*")
    for file in store.parent.glob(f"{store.name}*"):
        if file != copy:
            file.unlink()
    copy.rename(store)
    recovers(case)


@pytest.mark.parametrize("write", [30])
def test_a_run_whose_connections_are_ended_loses_nothing(postgres_case: Case, postgres_server: str, write: int) -> None:
    """A failover, say. Whether the run survives it or not, the evidence does."""
    code, said = postgres_case.process({"at_write": write, "end_connections": postgres_server})
    assert code in (ExitCode.DONE, ExitCode.ERROR, ExitCode.INCOMPLETE), said
    recovers(postgres_case)


class _FullLedger(MemoryLedger):
    """A ledger on a disk that is full by the time an answer arrives."""

    def settle(self, id: int) -> None:  # noqa: ARG002  the protocol's signature
        raise StoreError(Problem("the disk is full", "Make room.", where="store"))


def test_an_answer_counts_though_its_call_cannot_be_booked(tmp_path: Path) -> None:
    """What OneFile acknowledged is known to be done: a place in the window that is not given back costs a minute."""

    async def write(here: Trial) -> None:
        rate_limiter = RateLimiter(_FullLedger(here.clock), 300, here.clock)
        token = CustomerToken("sandbox")
        network = in_process(create_app(here.world, clock=here.clock))
        base = "http://sandbox.invalid/api/v2.1"
        async with OneFile(base, token, rate_limiter=rate_limiter, clock=here.clock, transport=network) as client:
            await client.write("POST", f"/User/{LEARNER}", {"DefaultAssessorID": JAMES})

    with trial(tmp_path) as here:
        asyncio.run(write(here))
