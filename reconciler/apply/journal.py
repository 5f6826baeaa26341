"""The journal of one run: intents, outcomes, and the record of what was applied."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from reconciler.model.operations import Move, Operation, Outcome, Proof, State, moves, operation_id
from reconciler.model.plan import AsDeclared, Plan
from reconciler.model.slots import Holder, OrganisationId, Site, Slot, Unread, UserId
from reconciler.onefile.reader import Reader
from reconciler.onefile.wire import write_request
from reconciler.problems import Locked, StoreError
from reconciler.store import JournalOperation, Store


@dataclass
class RunJournal:
    """The journal and the record of one run, and the outcomes so far by operation id.

    `outcomes` are journalled. `reached` also has those that a failing store did not take: once it has failed, nothing
    more is written to it (each attempt may take as long as its patience) until `close` tries once more. `agreed` are
    the slots that the plan's reading found as declared, `read_at` is when, if that was before this run.
    """

    plan: Plan
    store: Store
    run: int
    reader: Reader
    agreed: AsDeclared
    read_at: datetime | None = None
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    reached: dict[str, Outcome] = field(default_factory=dict)
    sent: set[str] = field(default_factory=set)
    failure: StoreError | Locked | None = None

    def open(self) -> None:
        """Journal every intent, and record the slots read as declared: a later edit of one is then drift."""
        operations = [
            journal_operation(operation, self._sites[operation.learner].organisation)
            for operation in self.plan.operations
        ]
        self.store.plan_operations(self.run, operations)
        for site, rows in self.agreed.items():
            self.store.record(site, rows, run=self.run)
            self.store.see(site, rows, at=self.read_at)

    def sending(self, operation: Operation) -> None:
        with self._note_failure():
            self.store.append(self.run, operation_id(operation), State.SENT)
        self.sent.add(operation_id(operation))

    def settle(self, operation: Operation, state: State, detail: str = "", proof: Proof = "") -> Outcome:
        """Bring an operation to an outcome.

        What was acknowledged is recorded before it is journalled, so that a crash between the two does not lose it:
        if OneFile later holds another value, somebody else put it there.
        """
        outcome = Outcome(operation, state, detail, proof)
        self.reached[outcome.id] = outcome
        with self._note_failure():
            if state in (State.DONE, State.ALREADY_DONE):
                self._record({slot: move.after for slot, move in moves(operation)}, operation.learner)
            self.store.append(self.run, outcome.id, state, detail=detail, proof=proof)
        self.outcomes[outcome.id] = outcome
        return outcome

    def disproven(self, operation: Operation, detail: str, slots: Mapping[Slot, Holder]) -> Outcome:
        """Settle an acknowledged write that a reading contradicts.

        If the slot still has the old value, that is recorded. A third value may be newer than ours; to later plans
        it is drift.
        """
        unchanged = {slot: move.before for slot, move in moves(operation) if slots.get(slot) == move.before}
        with self._note_failure():
            holders = {slot: holder for slot, holder in unchanged.items() if not isinstance(holder, Unread)}
            self._record(holders, operation.learner)
        return self.settle(operation, State.FAILED, detail)

    def overtaken(self, operation: Operation, detail: str) -> Outcome:
        """Settle a write that was sent, and whose slot somebody else has moved since.

        It is recorded as the last applied: OneFile's value is newer, so later plans see drift and treat it as the
        settings say.
        """
        with self._note_failure():
            self._record({slot: move.after for slot, move in moves(operation)}, operation.learner)
        return self.settle(operation, State.CONFLICT, detail)

    def _record(self, holders: Mapping[Slot, UserId | None], learner: UserId) -> None:
        rows = [(learner, slot, holder) for slot, holder in holders.items()]
        self.store.record(self._sites[learner], rows, run=self.run)

    @cached_property
    def _operations(self) -> Mapping[UserId, Collection[Operation]]:
        operations = defaultdict[UserId, list[Operation]](list)
        for operation in self.plan.operations:
            operations[operation.learner].append(operation)
        return operations

    @cached_property
    def _sites(self) -> Mapping[UserId, Site]:
        return {learner: site for site, learners in self.plan.by_site().items() for learner in learners}

    @contextmanager
    def _note_failure(self) -> Iterator[None]:
        if self.failure:
            raise self.failure
        try:
            yield
        except (StoreError, Locked) as error:
            self.failure = error
            raise

    def outcome(self, operation: Operation) -> Outcome | None:
        """Return the outcome of an operation, None so far."""
        return self.outcomes.get(operation_id(operation))

    def is_open(self, operation: Operation) -> bool:
        """Return True if the operation was sent and has no outcome."""
        return operation_id(operation) in self.sent and not self.settled(operation)

    def settled(self, operation: Operation) -> bool:
        return operation_id(operation) in self.outcomes

    def written(self, learner: UserId) -> list[tuple[tuple[Slot, Move], ...]]:
        """Return the moves of the learner's acknowledged writes."""
        outcomes = (self.outcome(operation) for operation in self._operations[learner])
        return [moves(outcome.operation) for outcome in outcomes if outcome and outcome.state is State.DONE]

    def unproven(self) -> dict[UserId, list[Outcome]]:
        """Return the acknowledged writes that are not verified yet, by learner."""
        unproven: dict[UserId, list[Outcome]] = {}
        for outcome in self.outcomes.values():
            if outcome.state is State.DONE and not outcome.proof:
                unproven.setdefault(outcome.operation.learner, []).append(outcome)
        return unproven

    def close(self, operations: Collection[Operation], why: str) -> tuple[Outcome, ...]:
        """Return every operation's outcome, in order; what was never reached was not tried.

        What was sent and has no outcome stays sent in the journal, for the next run to settle by reading. A store
        that failed is tried once more, because it may only have been busy.
        """
        self.failure = None
        outcomes = tuple(self._closed(operation, why) for operation in operations)
        with suppress(StoreError, Locked):  # otherwise the next reading stores it
            self._see_proven(outcomes)
        return outcomes

    def _see_proven(self, outcomes: Collection[Outcome]) -> None:
        """Store that slots were seen to hold what was written."""
        shown: dict[Site, list[tuple[UserId, Slot, UserId | None]]] = {}
        for outcome in outcomes:
            if outcome.state is State.DONE and outcome.proof == "read_back":
                learner = outcome.operation.learner
                rows = shown.setdefault(self._sites[learner], [])
                rows += [(learner, slot, move.after) for slot, move in moves(outcome.operation)]
        for site, rows in shown.items():
            self.store.see(site, rows)

    def _closed(self, operation: Operation, why: str) -> Outcome:
        id = operation_id(operation)
        journalled, reached = self.outcomes.get(id), self.reached.get(id)
        if journalled is not None and journalled is reached:
            return journalled
        cut_off = Outcome(operation, State.UNKNOWN, f"sent, and then {why}; the next run settles it by reading")
        if reached is None and id in self.sent:
            return cut_off
        try:
            if reached is not None:
                return self.settle(operation, reached.state, reached.detail, reached.proof)
            return self.settle(operation, State.NOT_TRIED, why)
        except (StoreError, Locked):
            if id in self.sent:
                return journalled or cut_off
            return reached or Outcome(operation, State.NOT_TRIED, why)


def journal_operation(operation: Operation, organisation: int) -> JournalOperation:
    """Return the operation as it is journalled; *organisation* is the learner's."""
    call = write_request(operation)
    return JournalOperation.of(
        operation, method=call.method, path=call.path, body=call.body, organisation=OrganisationId(organisation)
    )
