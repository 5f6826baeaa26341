"""One run at a time, in real processes: the living are waited for, the dead are not."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from onefile_sandbox.clock import VirtualClock
from reconciler.commands.apply import apply
from reconciler.model.operations import State
from reconciler.model.slots import Place, Site, SlotKind
from reconciler.onefile.token import CustomerToken
from reconciler.problems import ExitCode
from reconciler.store import Store
from tests.crash.driver import Fate, changes
from tests.crash.harness import ORGANISATION, SETTINGS, TOKEN, Case, Declaration, edit_of, somebody_else
from tests.forks import Fork
from tests.marks import in_long_runs

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

    def wait_for(self, process: Fork) -> None:
        while not self._reached.exists():
            assert process.runs, process.said
            process.wait(0.01)

    def open(self) -> None:
        self._opened.touch()


@contextmanager
def in_the_midst(case: Case, folder: Path, **more: object) -> Iterator[tuple[Fork, Gate]]:
    """A run that waits with its tenth write answered."""
    gate = Gate(folder, "midst")
    fate: Fate = {"at_write": 10, "gate": gate.files, **more}  # type: ignore[typeddict-item]
    process = case.start(fate)
    try:
        gate.wait_for(process)
        yield process, gate
    finally:
        gate.open()
        process.ended()


def test_while_one_run_writes_another_is_refused(either: Case, tmp_path: Path) -> None:
    """Exit 6 before a call is spent, with a run in the history that says so; the first is not disturbed."""
    with in_the_midst(either, tmp_path) as (first, gate):
        seen = len(either.site.calls())
        code, said = either.process({})
        assert code == ExitCode.LOCKED, said
        assert f"process {first.pid}" in said
        assert len(either.site.calls()) == seen
        gate.open()
        assert first.ended()[0] == ExitCode.DONE
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
    wait_for_one(two)  # the winner waits with its first write answered
    hold.open()
    assert sorted(process.ended()[0] for process in two) == [ExitCode.DONE, ExitCode.LOCKED]
    either.is_whole()


def wait_for_one(processes: Sequence[Fork]) -> None:
    """Wait until one of them has ended."""
    while all(process.runs for process in processes):
        processes[0].wait(0.01)


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
        assert first.ended()[0] == ExitCode.DONE
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


def sent_by_the_first(case: Case) -> set[Place]:
    """The places of requests on their way when the first run was stopped: those cannot be called back."""
    with case.store() as store:
        first = store.journal(min(run.id for run in store.runs()))
    return {place for row in first for place in row.places if any(event.state == "sent" for event in row.events)}


def test_a_run_that_was_suspended_beyond_its_lease_writes_nothing_more(case: Case, tmp_path: Path) -> None:
    """Another has taken over meanwhile and finished; the first wakes up, asks for its lock, and stops."""
    with in_the_midst(case, tmp_path, host="elsewhere") as (sleeper, gate):
        let_lease_expire(case)
        code, said = case.process({})
        assert code in (ExitCode.DONE, ExitCode.INCOMPLETE), said
        seen = len(case.site.touches(case.began))
        on_their_way = sent_by_the_first(case)
        gate.open()
        code, said = sleeper.ended()
        assert code == ExitCode.LOCKED, said
        assert {touch.place for touch in case.site.touches(case.began)[seen:]} <= on_their_way
    if case.unknown():
        case.finish()
    case.all_is_as_declared()
    case.evidence_is_whole()


@pytest.mark.parametrize("taken", [True, *in_long_runs(False)], ids=["another run took over", "nobody took over"])
def test_a_stopped_process_that_goes_on_after_its_lease_writes_and_records_nothing(
    either: Case, tmp_path: Path, taken: bool
) -> None:
    """SIGSTOP, as a machine that sleeps; then SIGCONT. What was under way is settled by whoever comes next."""
    with in_the_midst(either, tmp_path, host="elsewhere") as (sleeper, gate):
        sleeper.send_signal(signal.SIGSTOP)
        let_lease_expire(either)
        if taken:
            code, said = either.process({})
            assert code in (ExitCode.DONE, ExitCode.INCOMPLETE), said
        seen, before, on_their_way = len(either.site.touches(either.began)), history(either), sent_by_the_first(either)
        gate.open()
        sleeper.send_signal(signal.SIGCONT)
        code, said = sleeper.ended()
        assert code == ExitCode.LOCKED, said
        assert {touch.place for touch in either.site.touches(either.began)[seen:]} <= on_their_way
        assert history(either) == before
    either.finish()
    either.all_is_as_declared()
    either.evidence_is_whole()


def let_lease_expire(case: Case) -> None:
    """Renew the holder's lease as of so long ago that it is over by now."""
    with case.store() as store:
        lease = store.holder(Site(case.site.url, ORGANISATION))
    assert lease
    with Store.open(case.store_url, clock=VirtualClock(datetime.now(UTC) - timedelta(seconds=lease.seconds))) as store:
        store.renew(lease)


def history(case: Case) -> tuple[object, ...]:
    """All that a run records or journals."""
    with case.store() as store:
        return (store.recorded(Site(case.site.url, ORGANISATION)), [row.events for row in case.journal()])


def test_a_run_on_a_second_machine_of_the_same_name_is_not_believed_dead(either: Case, tmp_path: Path) -> None:
    """Its process number is nobody's here. On this machine that means that it is dead; on another it means nothing."""
    boot = tmp_path / "boot_id"
    boot.write_text("0b5c1ad0-6b4e-4c3a-9c11-2f0d5d1f4a77\n", "ascii")
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    with in_the_midst(either, tmp_path, boot=str(boot), pid=process.pid) as (first, gate):
        code, said = either.process({})
        assert code == ExitCode.LOCKED, said
        assert f"boot 0b5c1ad0-6b4e (process {process.pid})" in said
        gate.open()
        assert first.ended()[0] == ExitCode.DONE
    either.is_whole()


# ------------------------------------------------------------------ two folders that share an organisation


def beside(case: Case, folder: Path) -> Case:
    """The same declaration in a folder whose own organisation is another; its cohort names the shared one."""
    state = case.site.declaration.write(folder, {**SETTINGS, "organisation": 5741})
    file = state / "cohorts" / "c1.yaml"
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), "organisation": ORGANISATION}), "utf-8")
    return replace(case, site=replace(case.site, state=state))


def writes_of(case: Case) -> int:
    return sum(changes(call["method"], call["path"]) for call in case.site.calls())


def test_of_two_folders_that_share_an_organisation_one_writes_at_a_time(either: Case, tmp_path: Path) -> None:
    """Both have planned the same writes; each is made once, also those that OneFile does not show."""
    pair = [either, beside(either, tmp_path / "other")]
    gates = [Gate(tmp_path, name) for name in ("one", "two")]
    hold = Gate(tmp_path, "hold")
    two = [
        case.start({"gate_at_lock": gate.files, "at_write": 1, "gate": hold.files})
        for case, gate in zip(pair, gates, strict=True)
    ]
    for gate, process in zip(gates, two, strict=True):
        gate.wait_for(process)
    for gate in gates:
        gate.open()
    wait_for_one(two)
    hold.open()
    assert sorted(process.ended()[0] for process in two) == [ExitCode.DONE, ExitCode.LOCKED]
    once = writes_of(either)
    for case in pair:
        code, said = case.process({})
        assert code == ExitCode.DONE, said
    assert writes_of(either) == once
    either.is_whole()


def test_an_apply_that_waited_while_another_folder_was_applied_writes_nothing_twice(
    either: Case, tmp_path: Path
) -> None:
    """It planned 72 writes and was asked; meanwhile all were made. Its own readings of that moment no longer count."""
    other = beside(either, tmp_path / "other")

    def wait(_: object) -> bool:
        code, said = other.process({})
        assert code == ExitCode.DONE, said
        return True

    waited = apply(*either.surroundings, None, approve=wait)
    assert waited.exit_code == ExitCode.DONE, waited.problems()
    assert {outcome.state for outcome in waited.outcomes} == {State.ALREADY_DONE}
    either.is_whole()


def test_an_apply_that_waited_records_nothing_older_than_what_another_wrote(either: Case, tmp_path: Path) -> None:
    """It saw a slot as declared and was asked about another; meanwhile another apply gave that slot to somebody."""
    assert either.process({})[0] == ExitCode.DONE
    moved, pending = [place for place in either.site.declaration.wanted if place[1].kind is SlotKind.UNIT_ASSESSOR][:2]
    somebody = somebody_else(either.site.declaration, pending)
    assert somebody is not None
    either.site.edit(edit_of(pending, somebody))
    newer = Declaration(either.site.declaration.world)
    newer.wanted[moved] = newer.wanted[pending] = somebody
    other = replace(either, site=replace(either.site, state=newer.write(tmp_path / "newer")))

    def wait(_: object) -> bool:
        code, said = other.process({})
        assert code == ExitCode.DONE, said
        return True

    waited = apply(*either.surroundings, None, approve=wait)
    assert waited.exit_code == ExitCode.DONE, waited.problems()
    with either.store() as store:
        assert store.recorded(Site(either.site.url, ORGANISATION))[moved] == somebody
    assert either.site.holders()[moved] == somebody


def test_who_shares_a_store_and_a_token_shares_the_budget(case: Case, tmp_path: Path) -> None:
    """A plan while another run writes: every call of both is in one account, log-ins and readings too; those of a third
    with a store of its own are not."""
    account = CustomerToken(TOKEN).account(case.site.url)
    with in_the_midst(case, tmp_path) as (first, gate):
        assert case.process({}, "plan")[0] == ExitCode.DONE
        apart = replace(case, store_url=str(tmp_path / "apart.db"))
        assert apart.process({}, "plan")[0] == ExitCode.DONE
        gate.open()
        assert first.ended()[0] == ExitCode.DONE
    with case.store() as store, apart.store() as other:
        together, alone = store.ledger(account).spent(), other.ledger(account).spent()
        assert together > alone > 0
        assert together + alone == len(case.site.calls())
        assert store.ledger(CustomerToken("another").account(case.site.url)).spent() == 0
