"""The doctor's canary: writes back what a learner's slots hold already, under the lock and journalled, and reads it.

Nothing else is ever sent. That a write which changes something takes effect is shown by the first write of an apply.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from reconciler.apply.attempt import READING_COUNTS_FOR
from reconciler.apply.journal import journal_operation
from reconciler.doctor.checks import Name
from reconciler.model.operations import Move, Operation, Outcome, Proof, State, moves, operation_of
from reconciler.model.slots import (
    LEARNING_AIM_KINDS,
    UNIT_KINDS,
    Holder,
    OrganisationId,
    Site,
    Slot,
    SlotKind,
    Unread,
    UserId,
)
from reconciler.model.structs import Struct
from reconciler.onefile.reader import Reader
from reconciler.onefile.wire import LEARNER_ROLE, write_request
from reconciler.problems import AnswerLost, ExitCode, Invalid, Problem, ReconcilerError, Rejected, ServiceError
from reconciler.runtime.environment import Environment
from reconciler.runtime.lock import locked
from reconciler.runtime.options import Options
from reconciler.runtime.session import Session, begin_run
from reconciler.store import Store

_WRITTEN: Mapping[Name, Collection[SlotKind]] = {
    Name.DEFAULT: {SlotKind.DEFAULT_ASSESSOR},
    Name.ASSIGN: LEARNING_AIM_KINDS,
    Name.UNIT_LEVEL: UNIT_KINDS,
}


class CanaryResult(Struct, frozen=True):
    """Outcome of each canary write.

    A write is missing if the learner has nothing of the kind. `moved` has the addresses of slots that read differently
    afterwards; `run` is the run in the journal.
    """

    outcomes: Mapping[Name, Outcome]
    moved: tuple[str, ...]
    run: int


async def run_canary(
    session: Session, options: Options, environment: Environment, organisation: OrganisationId, learner: UserId
) -> CanaryResult:
    """Write back one default assessor, one learning aim slot and one unit slot, if the learner has them.

    Raises Invalid for somebody who is no active learner, Locked, StoreError, ServiceError where reading fails, or
    ReconcilerError where it is stopped (Ctrl-C) after something was sent.
    """
    store, site = session.store, Site(session.target.name, organisation)
    async with locked(store, site, environment=environment, command="doctor") as still_ours:
        before = await _everything(session.reader, learner)
        run = begin_run(store, options, environment, "doctor", site)
        canary = _Canary(session.reader, store, run, learner, organisation, still_ours)
        try:
            return await canary.write_back(before)
        except asyncio.CancelledError:
            if not canary.sent:
                raise
            raise _stopped(run) from None
        finally:
            canary.end()


def _stopped(run: int) -> ReconcilerError:
    what = f"stopped before the end: run {run} had sent writes, each to put back who was there"
    return ReconcilerError(Problem(what, "Run apply: it settles by reading what was under way. Or run this again."))


async def _everything(reader: Reader, learner: UserId) -> Mapping[Slot, Holder]:
    """Read all that OneFile shows of a learner's slots, and remember it as the learner's last reading."""
    started = reader.clock.monotonic()
    row = await reader.user(learner)
    if row is None or row.archived or row.role not in (None, LEARNER_ROLE):
        what = "is not a user of OneFile" if row is None else "is archived" if row.archived else "is not a learner"
        fix = "Name an active learner by OneFile id, best one who is kept for trials."
        raise Invalid(Problem(f"{learner} {what}", fix, where="--canary"))
    slots = {**reader.defaults_of(row), **await reader.learning_aims(learner, ()), **await reader.units(learner, ())}
    reader.remember(learner, slots, (), started)
    return slots


@dataclass
class _Canary:
    reader: Reader
    store: Store
    run: int
    learner: UserId
    organisation: OrganisationId
    still_ours: Callable[[], None]
    outcomes: dict[Name, Outcome] = field(default_factory=dict)
    whole: bool = False  # everything was read back

    @property
    def sent(self) -> bool:
        return any(outcome.state not in (State.INTENT, State.NOT_TRIED) for outcome in self.outcomes.values())

    async def write_back(self, before: Mapping[Slot, Holder]) -> CanaryResult:
        for name, kinds in _WRITTEN.items():
            if operation := _back(self.learner, before, kinds):
                self.outcomes[name] = Outcome(operation, State.INTENT)
        self.store.plan_operations(
            self.run,
            [journal_operation(outcome.operation, self.organisation) for outcome in self.outcomes.values()],
        )
        for name in self.outcomes:
            await self._write(name)
        after = await _everything(self.reader, self.learner)
        self._prove(after)
        self.whole = True
        moved = tuple(
            slot.address(self.learner)
            for slot in sorted({*before, *after}, key=Slot.order)
            if before.get(slot, Unread.NOT_HELD) != after.get(slot, Unread.NOT_HELD)
        )
        return CanaryResult(self.outcomes, moved, self.run)

    async def _write(self, name: Name) -> None:
        """Send one write, once. Errors that are not about this write end the canary."""
        operation = self.outcomes[name].operation
        ((slot, move),) = moves(operation)
        reading = await self.reader.recent(self.learner, [slot], within=READING_COUNTS_FOR)
        if reading.slots[slot] != move.after:  # writing it would change something
            self._settle(name, State.NOT_TRIED, "not tried: somebody else changed the slot meanwhile")
            return
        self.still_ours()
        self._settle(name, State.SENT)
        try:
            await self.reader.client.write(*write_request(operation))
        except Rejected as refusal:
            self._settle(name, State.FAILED, refusal.problems[0].what)
        except AnswerLost:
            pass  # stays sent, until it is read back
        except ServiceError as error:  # any other error means that nothing was done
            self._settle(name, State.NOT_TRIED, f"not done: {error.problems[0].what}")
            raise
        else:
            self._settle(name, State.DONE)

    def _prove(self, after: Mapping[Slot, Holder]) -> None:
        for name, outcome in self.outcomes.items():
            ((slot, move),) = moves(outcome.operation)
            if outcome.state not in (State.DONE, State.SENT):
                continue
            if after.get(slot) != move.after:
                self._settle(name, State.CONFLICT, "the slot no longer reads the same", "read_back")
            elif outcome.state is State.SENT:
                self._settle(name, State.DONE, "the answer was lost; the slot still reads the same", "read_back")
            else:
                self._settle(name, State.DONE, proof="read_back")

    def _settle(self, name: Name, state: State, detail: str = "", proof: Proof = "") -> None:
        outcome = Outcome(self.outcomes[name].operation, state, detail, proof)
        self.store.append(self.run, outcome.id, state, detail=detail, proof=proof)
        self.outcomes[name] = outcome

    def end(self) -> None:
        """Mark unsent writes as not tried; what was sent and not read back stays open for the next run to settle.

        The exit code says whether the canary finished, not what it found.
        """
        for name, outcome in self.outcomes.items():
            if outcome.state is State.INTENT:
                self._settle(name, State.NOT_TRIED, "the run ended before it")
        code = ExitCode.DONE if self.whole else ExitCode.ERROR
        summary = Counter(outcome.state.value for outcome in self.outcomes.values())
        self.store.end_run(self.run, exit_code=code, summary=summary)


def _back(learner: UserId, slots: Mapping[Slot, Holder], kinds: Collection[SlotKind]) -> Operation | None:
    """Return the operation that writes the present holder into the first slot of these kinds that has one."""
    for slot in sorted(slots, key=Slot.order):
        holder = slots[slot]
        if slot.kind in kinds and holder is not None and not isinstance(holder, Unread):
            return operation_of(learner, {slot: Move(holder, holder)})
    return None
