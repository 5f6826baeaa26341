"""Executor of a plan: runs its operations in order; a learner whose operation fails is skipped, the rest proceed."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.apply.attempt import READINGS, Attempts
from reconciler.apply.journal import RunJournal
from reconciler.apply.read_back import ReadBack, recent_writes
from reconciler.apply.recovery import written_by_the_dead
from reconciler.model.history import JournalRow
from reconciler.model.operations import Operation, Outcome, State, moves
from reconciler.model.plan import AsDeclared, Plan, changes_of
from reconciler.model.slots import LearnerSlots, Place, Slot, SlotKind, UserId
from reconciler.model.structs import Struct
from reconciler.onefile.concurrency import gather_bounded
from reconciler.onefile.reader import Reader
from reconciler.problems import Problem, ReconcilerError, Throttled, Unauthorised, Unreachable
from reconciler.store import Store

ANSWER_SECONDS = 10.0  # for the answers of writes that are on their way when the run is stopped
WORKERS = 8  # learners who are written at the same time: no more writes than these are under way if something breaks
NOTHING_REFUSED: Mapping[Place, str] = {}
NOTHING_AGREED: AsDeclared = {}


class Applied(Struct, frozen=True):
    """Every operation's outcome, in plan order. `error` is what ended the run early, if anything did.

    `modified_moves` is whether a canary of a kind of slot moved the learner's LastModified.
    """

    outcomes: tuple[Outcome, ...]
    error: ReconcilerError | None = None
    modified_moves: Mapping[SlotKind, bool] = {}


async def apply_plan(
    plan: Plan,
    reader: Reader,
    store: Store,
    run: int,
    *,
    unsettled: Collection[Place],
    still_ours: Callable[[], None],
    agreed: AsDeclared = NOTHING_AGREED,
    read_at: datetime | None = None,
    refused: Mapping[Place, str] = NOTHING_REFUSED,
    closed: Callable[[], ReconcilerError | None] = lambda: None,
    proven_lately: Collection[SlotKind] = (),
) -> Applied:
    """Carry out `plan` through the reader's client, journalled under `run`, which has begun and holds the lock.

    All slots are checked before the first write, and each again before its own unless its reading is younger than a
    minute. While a kind of slot is unproven in this run, learners are written one at a time; after that several at
    once, each learner's operations always in plan order. `unsettled` slots, which an earlier run may or may not have
    written, are not written again. `agreed` slots are recorded, because the plan's reading found them as declared;
    `read_at` is when, if that was before this session. `closed` returns an error once nothing more may be written.
    `refused` slots are conflicts for the reason given. A plan of one operation needs no canary if its kinds were
    `proven_lately` by an earlier run: nothing follows that it would protect, and it is read back at the end.
    `still_ours` raises Locked when the lock is lost. An error or a cancellation ends the run early, once the writes on
    their way are answered or ANSWER_SECONDS have passed; the outcomes show what was done by then.
    """
    journal = RunJournal(plan, store, run, reader, agreed, read_at)
    attempts = Attempts(
        journal,
        reader,
        still_ours,
        _declared_slots(plan),
        unsettled,
        refused=refused,
        closed=closed,
        proven_lately=proven_lately if is_one_write(plan) else (),
    )
    schedule = asyncio.ensure_future(_Schedule(plan, journal, attempts).run())
    try:
        await asyncio.shield(schedule)
    except asyncio.CancelledError:  # Ctrl-C: nothing more is sent; what has no answer in time, the next run settles
        attempts.abort(_interrupted())
        await asyncio.wait({schedule}, timeout=ANSWER_SECONDS)
        schedule.cancel()
        with suppress(asyncio.CancelledError):
            await schedule
    outcomes = journal.close(plan.operations, attempts.stopped or "the run ended before it")
    return Applied(outcomes, attempts.error, attempts.modified_moves)


def is_one_write(plan: Plan) -> bool:
    """Return whether a plan writes one slot, or the defaults of one learner, and nothing else."""
    return len(plan.operations) == 1


def _interrupted() -> ReconcilerError:
    fix = "Run apply again: it settles what was left open by reading OneFile, then does the rest."
    return ReconcilerError(Problem("stopped before the end", fix))


def _declared_slots(plan: Plan) -> dict[UserId, list[Slot]]:
    slots: dict[UserId, list[Slot]] = defaultdict(list)
    for change in changes_of(plan.changes, plan.learners_written):
        slots[change.learner].append(change.slot)
    return slots


@dataclass
class _Schedule:
    plan: Plan
    journal: RunJournal
    attempts: Attempts
    work: dict[UserId, list[Operation]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        for operation in self.plan.operations:
            self.work[operation.learner].append(operation)

    async def run(self) -> None:
        for stage in (self._open, self._check_all, self._write_all, self._read_back):
            try:
                await stage()
            except ReconcilerError as error:
                self.attempts.abort(error)

    async def _open(self) -> None:
        self.journal.open()
        store = self.journal.store
        recorded = LearnerSlots[UserId | None]({})
        written_by: dict[Place, int] = {}
        earlier: dict[UserId, list[JournalRow]] = {}
        for site, learners in self.plan.by_site().items():
            recorded = recorded.updated(store.recorded(site, learners & self.work.keys()))
            written_by |= written_by_the_dead(store, site, self.journal.run)
            earlier |= recent_writes(store, self.journal.reader, site)
        self.attempts.recorded, self.attempts.written_by, self.attempts.earlier = recorded, written_by, earlier

    async def _check_all(self) -> None:
        """Check every operation before anything is written; conflicts and finished ones get their outcome now."""

        async def check(learner: UserId) -> None:
            needed = [slot for operation in self.work[learner] for slot, _ in moves(operation)]
            slots = await self.attempts.recent(learner, needed)
            for operation in self.work[learner]:
                self.attempts.precheck(operation, slots)

        await gather_bounded(list(self.work), check)

    async def _write_all(self) -> None:
        """Write every learner, then settle the writes that OneFile did not show at first and do what follows them."""
        learners = list(self.work)
        while learners:
            await self._write(learners)
            learners = list(self.attempts.waiting)
            await gather_bounded(learners, self._settle_waiting)

    async def _write(self, learners: Collection[UserId]) -> None:
        """Write canaries alone, so that no other learner is written before they are proven; then several at once."""
        remaining = dict.fromkeys(learners)
        while learner := next(filter(self._has_canary, remaining), None):
            del remaining[learner]
            await self._learner(learner)
        self.journal.store.checkpoint()
        await gather_bounded(list(remaining), self._learner_or_abort, workers=WORKERS)

    async def _settle_waiting(self, learner: UserId) -> None:
        try:
            await self.attempts.settle_waiting(learner)
        except ReconcilerError as error:
            self.attempts.abort(error)

    async def _learner_or_abort(self, learner: UserId) -> None:
        """Write one learner; an error stops the others too, but only once their own write is answered."""
        try:
            await self._learner(learner)
        except ReconcilerError as error:
            self.attempts.abort(error)

    def _has_canary(self, learner: UserId) -> bool:
        return not self.attempts.stopped and any(
            self.attempts.needs_canary(operation)
            and not self.journal.settled(operation)
            and not self.attempts.skip_reason(operation)
            for operation in self.work[learner]
        )

    async def _learner(self, learner: UserId) -> None:
        """Carry out one learner's operations in plan order; after a failure the rest of this learner is skipped."""
        skipped = ""
        if not self.attempts.stopped and (closed := self.attempts.closed()):
            self.attempts.abort(closed)
        for operation in self.work[learner]:
            if earlier := self.journal.outcome(operation):
                skipped = skipped or _why_skipped(earlier)
                continue
            if self.journal.is_open(operation):
                return
            why_not = self.attempts.stopped or skipped or self.attempts.skip_reason(operation)
            if why_not:
                self.journal.settle(operation, State.NOT_TRIED, why_not)
                continue
            outcome = await self._operation(operation)
            if outcome is None:
                return
            skipped = skipped or _why_skipped(outcome)

    async def _operation(self, operation: Operation) -> Outcome | None:
        """Read, check and write; again if the reading became too old while the write waited for the rate limit.

        None if the learner must wait until OneFile shows what became of the write.
        """
        outcome, readings = None, 0
        while outcome is None and operation.learner not in self.attempts.waiting:
            if readings and (why_not := self.attempts.skip_reason(operation)):
                return self.journal.settle(operation, State.NOT_TRIED, why_not)
            readings += 1
            slots = await self.attempts.read_before(operation)
            outcome = self.attempts.precheck(operation, slots)
            outcome = outcome or await self.attempts.write(operation, slots, whenever=readings >= READINGS)
        return outcome

    async def _read_back(self) -> None:
        """Read back every learner written without proof, where this server shows the slots."""
        if isinstance(self.attempts.error, (Unreachable, Unauthorised, Throttled)):
            return  # it would fail the same way; the next run reads everything again
        unproven = self.journal.unproven()

        async def verify(learner: UserId) -> None:
            written = [slot for outcome in unproven[learner] for slot, _ in moves(outcome.operation)]
            shown = [slot for slot in written if self.journal.reader.shows(slot.kind)]
            read = await self.attempts.verify(learner, shown) if shown else ReadBack({})
            for outcome in unproven[learner]:
                self.attempts.prove(outcome, read)

        await gather_bounded(list(unproven), verify)


def _why_skipped(outcome: Outcome) -> str:
    """Return why the rest of a learner is skipped after this outcome; empty if it is not."""
    failed = outcome.state in (State.FAILED, State.UNKNOWN)
    return f"an operation before it on this learner is {outcome.state.value}" if failed else ""
