"""One run at a time, in real processes: the living are waited for, the dead are not."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.model.slots import Site
from reconciler.onefile.token import CustomerToken
from reconciler.problems import ExitCode
from tests.crash.driver import Fate
from tests.crash.harness import ORGANISATION, TOKEN, Case

HOUR = 3600.0


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest) -> Case:
    found: Case = request.getfixturevalue("case" if request.param == "sqlite" else "postgres_case")
    return found


class Gate:
    """A place where a run of ours waits until it is let through."""

    def __init__(self, folder: Path, name: str) -> None:
        self._reached, self._opened = folder / f"{name}.reached", folder / f"{name}.opened"
        self.files = [str(self._reached), str(self._opened)]

    def wait_for(self, process: subprocess.Popen[str]) -> None:
        while not self._reached.exists():
            assert process.poll() is None, process.communicate()
            try:
                process.wait(0.01)
            except subprocess.TimeoutExpired:
                continue

    def open(self) -> None:
        self._opened.touch()


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    out, err = process.communicate(timeout=120)
    assert "Traceback" not in err, err
    return process.returncode, out + err


@contextmanager
def in_the_midst(case: Case, folder: Path, **more: object) -> Iterator[tuple[subprocess.Popen[str], Gate]]:
    """A run that waits with its tenth write answered."""
    gate = Gate(folder, "midst")
    fate: Fate = {"at_write": 10, "gate": gate.files, **more}  # type: ignore[typeddict-item]
    process = case.start(fate)
    try:
        gate.wait_for(process)
        yield process, gate
    finally:
        gate.open()
        process.communicate(timeout=120)


def test_while_one_run_writes_another_is_refused(either: Case, tmp_path: Path) -> None:
    """Exit 6 before a call is spent, with a run in the history that says so; the first is not disturbed."""
    with in_the_midst(either, tmp_path) as (first, gate):
        seen = len(either.site.calls())
        code, said = either.process({})
        assert code == ExitCode.LOCKED, said
        assert f"process {first.pid}" in said
        assert len(either.site.calls()) == seen
        gate.open()
        assert ended(first)[0] == ExitCode.DONE
    with either.store() as store:
        assert [run.exit_code for run in store.runs()] == [ExitCode.LOCKED, ExitCode.DONE]
    either.is_whole()


def test_of_two_that_ask_for_the_lock_at_once_one_writes(either: Case, tmp_path: Path) -> None:
    """Both have planned everything; the one that is refused writes nothing."""
    gates = [Gate(tmp_path, name) for name in ("one", "two")]
    hold = Gate(tmp_path, "hold")
    two = [either.start({"gate_at_lock": gate.files, "at_write": 1, "gate": hold.files}) for gate in gates]
    for gate, process in zip(gates, two, strict=True):
        gate.wait_for(process)
    for gate in gates:
        gate.open()
    while all(process.poll() is None for process in two):  # the winner waits with its first write answered
        try:
            two[0].wait(0.01)
        except subprocess.TimeoutExpired:
            continue
    hold.open()
    assert sorted(ended(process)[0] for process in two) == [ExitCode.DONE, ExitCode.LOCKED]
    either.is_whole()


def test_a_dead_run_of_this_machine_does_not_hold_the_lock(case: Case) -> None:
    """Nobody waits for a lease whose process is gone."""
    assert case.killed({"die": {"write": 5, "when": "answered"}})
    with case.store() as store:
        holder = store.holder(Site(case.site.url, ORGANISATION))
        assert holder
        assert holder.run == 1
    case.finish()
    case.is_whole()


def test_a_living_run_of_this_machine_is_not_unlocked(case: Case, tmp_path: Path) -> None:
    """Whoever asks is told which process it is; the run goes on undisturbed."""
    with in_the_midst(case, tmp_path) as (first, gate):
        code, said = case.process({}, "unlock", "--reason", "it takes so long")
        assert code == ExitCode.LOCKED, said
        assert f"process {first.pid}" in said
        gate.open()
        assert ended(first)[0] == ExitCode.DONE
    case.is_whole()


def test_a_run_of_another_machine_holds_the_lock_until_its_lease_lapses(case: Case) -> None:
    """Whether it is dead cannot be seen from here. Then its journal is settled first, and the work finished."""
    assert case.killed({"die": {"write": 30, "when": "sent"}, "host": "elsewhere"})
    code, said = case.process({})
    assert code == ExitCode.LOCKED, said
    assert "elsewhere" in said
    code, said = case.process({"later": HOUR})
    assert code in (ExitCode.DONE, ExitCode.INCOMPLETE), said
    if case.unknown():
        case.finish()
    case.is_whole()


def test_a_run_that_was_suspended_beyond_its_lease_writes_nothing_more(case: Case, tmp_path: Path) -> None:
    """Another has taken over meanwhile and finished; the first wakes up, asks for its lock, and stops."""
    with in_the_midst(case, tmp_path, lease=0.2, host="elsewhere") as (sleeper, gate):
        code, said = case.process({"later": HOUR})
        assert code in (ExitCode.DONE, ExitCode.INCOMPLETE), said
        seen = len(case.site.touches(case.began))
        with case.store() as store:  # what was on its way when the process was suspended cannot be called back
            first = store.journal(min(run.id for run in store.runs()))
        on_their_way = {
            place for row in first for place in row.places if any(one.state == "sent" for one in row.events)
        }
        gate.open()
        code, said = ended(sleeper)
        assert code == ExitCode.LOCKED, said
        assert {touch.place for touch in case.site.touches(case.began)[seen:]} <= on_their_way
    if case.unknown():
        case.finish()
    case.all_is_as_declared()
    case.evidence_is_whole()


def test_who_shares_a_store_and_a_token_shares_the_budget(case: Case, tmp_path: Path) -> None:
    """A plan while another run writes: every call of both is in one account, log-ins and readings too; those of a third
    with a store of its own are not."""
    account = CustomerToken(TOKEN).account(case.site.url)
    with in_the_midst(case, tmp_path) as (first, gate):
        assert case.process({}, "plan")[0] == ExitCode.DONE
        apart = replace(case, store_url=str(tmp_path / "apart.db"))
        assert apart.process({}, "plan")[0] == ExitCode.DONE
        gate.open()
        assert ended(first)[0] == ExitCode.DONE
    with case.store() as store, apart.store() as other:
        together, alone = store.ledger(account).spent(), other.ledger(account).spent()
        assert together > alone > 0
        assert together + alone == len(case.site.calls())
        assert store.ledger(CustomerToken("another").account(case.site.url)).spent() == 0
