"""What the store's tests are made of: a clock moved by hand, runs, operations, and the work of other processes."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from typing import Protocol

from reconciler.clock import SystemClock
from reconciler.model.operations import AssignLearningAim, AssignUnit, Move, SetDefaults, State
from reconciler.model.slots import Site, StandardId, UnitId, UserId
from reconciler.problems import Locked
from reconciler.store import JournalOperation, Lease, Store
from tests import marks
from tests.forks import forks

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
KATE, JAMES, PRIYA = UserId(132757), UserId(122762), UserId(140001)
LEARNER = UserId(200004)


def examples(usual: int, url: str) -> int:
    """The number of examples of a law; a fifth over git, where each row is a push, and whose rules are the same."""
    return marks.examples(usual // 5 if url.startswith("git+") else usual)


class HandClock:
    """Time that moves only when the test says so."""

    def __init__(self, start: datetime = NOON) -> None:
        self._now = start

    def forward(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._now.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.forward(seconds)


def begin(store: Store, *, target: str = "sandbox", organisation: int = 5740) -> int:
    return store.begin_run(
        command="apply",
        target=target,
        organisation=organisation,
        fingerprint="sha256:00",
        who="kate",
        commit="0123abc",
    )


def acquire(store: Store, *, run: int | None = None, seconds: float = 60.0, holder: str = "kate") -> Lease:
    return store.acquire(
        Site("sandbox", 5740), holder=holder, host="desk", command="reconciler apply", run=run, lease_seconds=seconds
    )


def defaults(learner: UserId = LEARNER, after: UserId = JAMES) -> JournalOperation:
    operation = SetDefaults(learner, Move(KATE, after), Move(None, PRIYA))
    body = {"DefaultAssessorID": after, "DefaultEmployerID": PRIYA}
    return JournalOperation.of(operation, method="POST", path=f"/User/{learner}", body=body)


def aim(standard: int, after: UserId = JAMES, learner: UserId = LEARNER) -> JournalOperation:
    operation = AssignLearningAim(learner, StandardId(standard), "assessor", Move(KATE, after))
    body = {"Level": 3, "UserID": learner, "StandardID": standard}
    return JournalOperation.of(operation, method="POST", path=f"/User/{after}/Assign", body=body)


def unit(name: str, after: UserId = JAMES, learner: UserId = LEARNER) -> JournalOperation:
    operation = AssignUnit(learner, UnitId(name), "iqa", Move(None, after))
    body = {"Level": 2, "UserID": learner, "UnitID": name}
    return JournalOperation.of(operation, method="POST", path=f"/User/{after}/Assign", body=body)


# ------------------------------------------------------------------ other processes


class Work(Protocol):
    """Done in a process of its own; `line` is its end of a pipe to the test."""

    def __call__(self, line: Connection, url: str) -> None: ...


class Processes:
    """Real processes that all start their work at the same moment; killed at the end if they have not ended."""

    def __init__(self, work: Work, url: str, count: int) -> None:
        context = forks()
        pairs = [context.Pipe() for _ in range(count)]
        self.lines = [ours for ours, _ in pairs]
        self._processes = [context.Process(target=work, args=(theirs, url), daemon=True) for _, theirs in pairs]
        for process in self._processes:
            process.start()
        for _, theirs in pairs:
            theirs.close()

    def __enter__(self) -> Processes:
        for line in self.lines:
            assert line.recv() == "ready"
        for line in self.lines:
            line.send("go")
        return self

    def answers(self) -> list[object]:
        return [line.recv() for line in self.lines]

    def kill(self) -> None:
        for process in self._processes:
            process.kill()
            process.join()

    def __exit__(self, *_: object) -> None:
        self.kill()
        for line in self.lines:
            line.close()
        for process in self._processes:
            process.close()


def ready(line: Connection) -> None:
    line.send("ready")
    line.recv()


def open_once(line: Connection, url: str) -> None:
    ready(line)
    with Store.open(url, clock=SystemClock()) as store:
        line.send(begin(store))


def take_lock(line: Connection, url: str) -> None:
    with Store.open(url, clock=SystemClock()) as store:
        ready(line)
        try:
            line.send(acquire(store).token)
        except Locked:
            line.send(None)


def hammer(line: Connection, url: str) -> None:
    """Make CALLS calls as fast as the ledger lets; answer with the moments at which they were made."""
    moments: list[float] = []
    with Store.open(url, clock=SystemClock()) as store:
        ledger = store.ledger("account", window=WINDOW, answer=30.0)
        ready(line)
        while len(moments) < CALLS:
            reservation = ledger.reserve(LIMIT)
            if reservation.id is None:
                time.sleep(reservation.wait_seconds)
                continue
            moments.append(time.time())
            ledger.settle(reservation.id)
    line.send(moments)


CALLS, LIMIT, WINDOW = 6, 2, 0.08  # few places, much contended


def journal_for_ever(line: Connection, url: str) -> None:
    """Journal one operation after another, telling of each event that was committed, until killed."""
    with Store.open(url, clock=SystemClock()) as store:
        ready(line)
        run = begin(store)
        planned = [aim(number) for number in range(1, 2000)]
        store.plan_operations(run, planned)
        for operation in planned:
            for state in (State.SENT, State.DONE):
                store.append(run, operation.id, state)
                line.send((run, operation.id, state.value))
