"""Attempts at single operations: checked against a fresh reading, sent once, verified by reading back."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from reconciler.apply.differences import differences
from reconciler.apply.journal import RunJournal
from reconciler.apply.read_back import ReadBack, no_older, read_back
from reconciler.model.history import JournalRow
from reconciler.model.observed import Recorded
from reconciler.model.operations import Operation, Outcome, SetDefaults, State, moves, step_id
from reconciler.model.slot_state import SlotState, after_write, before_write
from reconciler.model.slots import LAYERS, UNIT_KINDS, Holder, Place, Slot, SlotKind, Unread, UserId
from reconciler.onefile.reader import Reader, layers_of
from reconciler.onefile.wire import write_request
from reconciler.problems import AnswerLost, ReconcilerError, Rejected, ServiceError

READINGS = 3  # before one write, if a very small rate limit makes each too old by the time the write may be sent
READING_COUNTS_FOR = 60.0  # seconds; younger readings need not be made again before a write
MODIFIED_IS_EARLIER = timedelta(minutes=5)  # our clock and OneFile's may differ
FAILED_CANARIES = 3  # failures before any success of a kind, after which that kind is skipped


class Unsettled(NamedTuple):
    """A write whose answer was lost, why, and when (monotonic seconds); readings show the old value so far."""

    operation: Operation
    why: str
    at: float


@dataclass
class Attempts:
    """The state of a run's writes to this server. `stopped` is why nothing more may be written.

    `lost_answers` counts writes to slots that OneFile does not show, since it last answered a write; after the first,
    such writes go `alone`, and after the second none is sent. `waiting` has the learners with a write that OneFile may
    show later; they are settled once the others are written. `proven_lately` are kinds that a canary of an earlier run
    proved, for a plan that has nothing else to write. `modified_moves` is whether a canary moved the learner's
    LastModified. `last_write` is when a write was last acknowledged.
    `recorded`, `unsettled`, `written_by` (the slots that dead runs wrote) and `earlier` (the writes of other runs that
    readings may not show yet) are as of the moment the lock was taken, because another run may have come in between.
    """

    journal: RunJournal
    reader: Reader
    still_ours: Callable[[], None]
    declared: Mapping[UserId, Collection[Slot]]
    unsettled: Collection[Place]
    recorded: Recorded = field(default_factory=dict)
    written_by: Mapping[Place, int] = field(default_factory=dict)
    earlier: dict[UserId, list[JournalRow]] = field(default_factory=dict)
    refused: Mapping[Place, str] = field(default_factory=dict)
    closed: Callable[[], ReconcilerError | None] = lambda: None
    proven: set[SlotKind] = field(default_factory=set)
    proven_lately: Collection[SlotKind] = ()
    failures: Counter[SlotKind] = field(default_factory=Counter)
    modified_moves: dict[SlotKind, bool] = field(default_factory=dict)
    lost_answers: int = 0
    alone: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: dict[UserId, Unsettled] = field(default_factory=dict)
    last_write: float = float("-inf")
    stopped: str = ""
    error: ReconcilerError | None = None

    def abort(self, error: ReconcilerError) -> None:
        self.stopped = self.stopped or error.problems[0].what
        self.error = self.error or error

    def needs_canary(self, operation: Operation) -> bool:
        """Return whether this is the first write of a kind of slot, read back before other learners are written."""
        return bool(_kinds(operation) - self.proven - set(self.proven_lately))

    def skip_reason(self, operation: Operation) -> str:
        """Return why a kind of slot is skipped: it failed before any success, so it does not work here."""
        if self.lost_answers > 1 and self._is_unseen(operation):
            return "two answers were lost, and OneFile has answered no write since; it does not show this slot"
        for kind in sorted(_kinds(operation)):
            # one setting of the centre covers both unit kinds: one refusal disables both for this run
            group, allowed = (UNIT_KINDS, 1) if kind in UNIT_KINDS else ({kind}, FAILED_CANARIES)
            if not group & self.proven and sum(self.failures[member] for member in group) >= allowed:
                return f"no write to a {kind.value.replace('_', ' ')} slot has succeeded so far, and one has failed"
        return ""

    def _is_unseen(self, operation: Operation) -> bool:
        """Return whether a lost answer to the write could not be settled by reading."""
        return not all(self.reader.shows(kind) for kind in _kinds(operation))

    def precheck(self, operation: Operation, slots: Mapping[Slot, Holder]) -> Outcome | None:
        """Return an outcome without writing, or None if the operation must be written."""
        pairs = moves(operation)
        if reasons := [why for slot, _ in pairs if (why := self.refused.get((operation.learner, slot)))]:
            return self.journal.settle(operation, State.CONFLICT, "; ".join(dict.fromkeys(reasons)))
        unseen = {slot for slot, _ in pairs if slots.get(slot, Unread.UNREADABLE) is Unread.UNREADABLE}
        if any((operation.learner, slot) in self.unsettled for slot in unseen):
            what = "an earlier run sent this write and got no answer, and OneFile does not show the slot"
            return self.journal.settle(operation, State.NOT_TRIED, what)
        stand_in = {slot: self.recorded.get((operation.learner, slot), Unread.UNREADABLE) for slot in unseen}
        live = {**slots, **stand_in}
        match before_write(pairs, live):
            case SlotState.ALREADY_DONE if unseen:
                how = self._ours(operation) or "recorded by an earlier run"
                return self.journal.settle(operation, State.ALREADY_DONE, how, "unreadable")
            case SlotState.ALREADY_DONE:
                how = self._ours(operation) or "OneFile already holds it"
                return self.journal.settle(operation, State.ALREADY_DONE, how, "read_back")
            case SlotState.CONFLICT:
                moved = self._moved(operation, {slot: move.before for slot, move in pairs}, live)
                return self.journal.settle(operation, State.CONFLICT, moved)
            case _:
                return None

    def _ours(self, operation: Operation) -> str:
        """Return which cut-off runs wrote all of it, if the journal shows that."""
        writers = [self.written_by.get((operation.learner, slot)) for slot in _slots(operation)]
        runs = sorted({run for run in writers if run is not None})
        if not runs or None in writers:
            return ""
        return f"written by run {' and '.join(map(str, runs))}, which was cut off"

    async def read_before(self, operation: Operation) -> Mapping[Slot, Holder]:
        """Read what must be known before an operation.

        That is its own slots, by a reading that still counts; for a canary every managed slot of the learner, so
        that a side effect shows. Changing a default may change other slots, so its canary reads the whole learner,
        managed or not, again.
        """
        if not self.needs_canary(operation):
            return await self.recent(operation.learner, _slots(operation))
        declared = self.declared[operation.learner]
        if isinstance(operation, SetDefaults):
            whole = await self.reader.whole(operation.learner, declared, within=READING_COUNTS_FOR)
            return await self._no_older(operation.learner, whole.slots)
        return await self.recent(operation.learner, declared)

    async def recent(self, learner: UserId, slots: Collection[Slot]) -> Mapping[Slot, Holder]:
        """Return a learner's slots by a reading that still counts and shows what other runs wrote lately."""
        reading = await self.reader.recent(learner, slots, within=READING_COUNTS_FOR)
        return await self._no_older(learner, reading.slots)

    async def _no_older(self, learner: UserId, slots: Mapping[Slot, Holder]) -> Mapping[Slot, Holder]:
        return await no_older(self.journal.store, self.reader, self.earlier.get(learner, ()), slots)

    async def write(
        self, operation: Operation, before: Mapping[Slot, Holder], *, whenever: bool = False
    ) -> Outcome | None:
        """Send the one call, never twice, and settle the operation by its answer or the lack of one.

        `before` is what `read_before` returned. None means that it became too old while the call waited for the rate
        limit, or that another answer was lost: nothing was written, and the operation must be checked again. It also
        means that the learner is `waiting`. `whenever`: send it even if `before` is too old.
        """
        if not (self.lost_answers and self._is_unseen(operation)):
            return await self._write(operation, before, whenever=whenever, alone=False)
        async with self.alone:
            if self.skip_reason(operation):
                return None
            return await self._write(operation, before, whenever=whenever, alone=True)

    async def _write(
        self, operation: Operation, before: Mapping[Slot, Holder], *, whenever: bool, alone: bool
    ) -> Outcome | None:
        canary = self.needs_canary(operation)
        modified = self.reader.modified(operation.learner)

        def may_be_sent() -> bool:
            is_recent = self.reader.is_recent(operation.learner, within=READING_COUNTS_FOR)
            if not (whenever or is_recent) or (self.lost_answers and self._is_unseen(operation) and not alone):
                return False
            self.still_ours()
            self.journal.sending(operation)
            self._supersede(operation)
            return True

        try:
            request = write_request(operation)
            if not await self.reader.client.write(*request, precondition=may_be_sent, at_send=self.still_ours):
                return None
        except Rejected as refusal:
            self.lost_answers = 0
            self.failures.update(_kinds(operation))
            return self.journal.settle(operation, State.FAILED, refusal.problems[0].what + _perhaps_there(operation))
        except AnswerLost as lost:
            return await self._lost(operation, lost.problems[0].what, canary=canary)
        except ServiceError as error:  # after any other, nothing was done
            self.abort(error)
            return self.journal.settle(operation, State.NOT_TRIED, f"not sent: {error.problems[0].what}")
        self.lost_answers = 0
        written = {slot: move.after for slot, move in moves(operation)}
        self.reader.wrote(operation.learner, written)
        self.last_write = self.reader.clock.monotonic()
        outcome = self.journal.settle(operation, State.DONE)
        if not canary:
            return outcome
        outcome = await self._canary(outcome, {**before, **self._acknowledged(operation.learner)})
        self._learn_of_modified(operation, modified)
        return outcome

    def _supersede(self, operation: Operation) -> None:
        """Forget what other runs wrote to the slots of this operation: readings need not show it from now on."""
        rows, slots = self.earlier.pop(operation.learner, []), {(operation.learner, slot) for slot in _slots(operation)}
        if kept := [row for row in rows if not row.places & slots]:
            self.earlier[operation.learner] = kept

    def _acknowledged(self, learner: UserId) -> dict[Slot, Holder]:
        """Return what this run wrote to the learner: readings before may not have shown it."""
        return {slot: move.after for pairs in self.journal.written(learner) for slot, move in pairs}

    async def verify(self, learner: UserId, slots: Collection[Slot], *, whole: bool = False) -> ReadBack:
        """Read a learner back; again while OneFile may still show what an acknowledged write replaced.

        That is any recent write to the learner, of this run or an earlier one: another reading may have shown it in
        place, from newer data.
        """
        written = [*self.journal.written(learner), *(row.operation.moves for row in self.earlier.get(learner, ()))]
        left = self.last_write + self.reader.longest_read_lag_seconds - self.reader.clock.monotonic()

        def is_old(read: Mapping[Slot, Holder]) -> bool:
            return any(after_write(pairs, read) is SlotState.TO_WRITE for pairs in written)

        return await read_back(self.reader, learner, slots, is_old, whole=whole, within_seconds=max(0.0, left))

    def prove(self, outcome: Outcome, read: ReadBack) -> Outcome:
        """Compare an acknowledged write with a reading."""
        operation, slots = outcome.operation, read.slots
        match after_write(moves(operation), slots):
            case SlotState.ALREADY_DONE:
                detail = outcome.detail or (f"OneFile shows it{read.late}" if read.late else "")
                return self.journal.settle(operation, State.DONE, detail, "read_back")
            case SlotState.UNSEEN:
                return self.journal.settle(operation, State.DONE, "OneFile does not show this slot", "unreadable")
            case _:
                expected = {slot: move.after for slot, move in moves(operation)}
                what = f"OneFile acknowledged the write, but {self._moved(operation, expected, slots)}{read.late}"
                return self.journal.disproven(operation, what, slots)

    async def _canary(self, outcome: Outcome, expected: Mapping[Slot, Holder]) -> Outcome:
        operation = outcome.operation
        whole = isinstance(operation, SetDefaults)
        watched = expected if whole else self._managed_layers(operation, expected)
        read = await self.verify(operation.learner, watched, whole=whole)
        fresh, outcome = read.slots, self.prove(outcome, read)
        if outcome.state is State.DONE:
            # a slot that is shown only now did not move: the write may have made OneFile show that field
            seen_before = {slot: holder for slot, holder in expected.items() if holder is not Unread.UNREADABLE}
            if side_effects := self._moved(operation, seen_before, fresh):
                what = f"the write took effect, but something else moved with it: {side_effects}"
                outcome = self.journal.settle(operation, State.FAILED, what, outcome.proof)
        if outcome.state is not State.DONE:
            self.stopped = self.stopped or (
                f"the first write of its kind did not do what it should ({outcome.detail}), so nothing more was written"
            )
        self.proven |= _kinds(operation)
        return outcome

    def _learn_of_modified(self, operation: Operation, before: tuple[datetime, float] | None) -> None:
        """Compare LastModified before a canary and after it, if readings around it showed both.

        A time as recent as the write proves nothing: OneFile's times are whole seconds. Of two kinds in one write it is
        not known which one moved it.
        """
        after = self.reader.modified(operation.learner)
        if before is None or after is None or after[1] <= self.last_write:
            return
        kinds = _kinds(operation)
        if after[0] > before[0]:
            self.modified_moves |= dict.fromkeys(kinds, True) if len(kinds) == 1 else {}
        elif self.reader.clock.now() - before[0] > MODIFIED_IS_EARLIER:
            self.modified_moves |= dict.fromkeys(kinds, False)

    def _managed_layers(self, operation: Operation, known: Iterable[Slot]) -> list[Slot]:
        """Leave out the slots that only an earlier canary's reading of the whole learner showed."""
        managed = layers_of(self.declared[operation.learner])
        foreign = {kind for layer in LAYERS if layer not in managed for kind in layer}
        return [slot for slot in known if slot.kind not in foreign]

    async def _lost(self, operation: Operation, why: str, *, canary: bool) -> Outcome | None:
        """Settle a lost answer by reading, never by sending again.

        None if OneFile shows the old value, which may be a read that lags: other learners proceed meanwhile, unless
        they depend on this write as a canary.
        """
        lost = Unsettled(operation, why, self.reader.clock.monotonic())
        if canary:
            return await self._settle_lost(lost)
        slots = (await self.reader.slots(operation.learner, _slots(operation))).slots
        if self.reader.longest_read_lag_seconds and after_write(moves(operation), slots) is SlotState.TO_WRITE:
            self.waiting[operation.learner] = lost
            return None
        return await self._settle(lost, ReadBack(slots))

    async def settle_waiting(self, learner: UserId) -> None:
        """Settle the write of a learner who is waiting."""
        await self._settle_lost(self.waiting.pop(learner))

    async def _settle_lost(self, lost: Unsettled) -> Outcome:
        operation = lost.operation
        left = lost.at + self.reader.longest_read_lag_seconds - self.reader.clock.monotonic()

        def is_old(slots: Mapping[Slot, Holder]) -> bool:
            return after_write(moves(operation), slots) is SlotState.TO_WRITE

        read = await read_back(self.reader, operation.learner, _slots(operation), is_old, within_seconds=max(0.0, left))
        return await self._settle(lost, read)

    async def _settle(self, lost: Unsettled, read: ReadBack) -> Outcome:
        (operation, why, _), slots = lost, read.slots
        pairs = moves(operation)
        match after_write(pairs, slots):
            case SlotState.ALREADY_DONE:
                self.proven |= _kinds(operation)
                what = f"{why}; OneFile shows the new value{read.late}"
                return self.journal.settle(operation, State.DONE, what, "read_back")
            case SlotState.TO_WRITE:
                self.failures.update(_kinds(operation))
                what = f"{why}; OneFile still shows the old value{read.late}"
                return self.journal.settle(operation, State.FAILED, what, "read_back")
            case SlotState.UNSEEN:
                self.lost_answers += 1
                what = f"{why}, and OneFile does not show this slot: a person must look"
                outcome = self.journal.settle(operation, State.UNKNOWN, what, "unreadable")
                await self.reader.user(operation.learner)  # ends the run if OneFile does not answer this either
                return outcome
            case SlotState.CONFLICT:
                moved = self._moved(operation, {slot: move.after for slot, move in pairs}, slots)
                return self.journal.overtaken(operation, f"{why}; {moved}")

    def _moved(self, operation: Operation, then: Mapping[Slot, Holder], now: Mapping[Slot, Holder]) -> str:
        """Describe what moved on the learner, among the slots that are shown now."""
        shown = [slot for slot in then if now.get(slot, Unread.UNREADABLE) is not Unread.UNREADABLE]
        before, after = {slot: then[slot] for slot in shown}, {slot: now[slot] for slot in shown}
        return differences(before, after, operation.learner, self.journal.plan.handles)


def _perhaps_there(operation: Operation) -> str:
    """Describe how to report a new holder who is there already, which OneFile may refuse; empty if slots are shown."""
    unseen = [step_id(operation.learner, slot) for slot, move in moves(operation) if move.before is Unread.UNREADABLE]
    if not unseen:
        return ""
    commands = ", ".join(f"reconciler done {step} --by NAME --outcome present" for step in unseen)
    return f"; OneFile does not show who is there: if the new holder is there already, run: {commands}"


def _slots(operation: Operation) -> list[Slot]:
    return [slot for slot, _ in moves(operation)]


def _kinds(operation: Operation) -> set[SlotKind]:
    return {slot.kind for slot, _ in moves(operation)}
