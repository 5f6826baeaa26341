"""Compare the declared, observed and recorded state, slot by slot, into a plan."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import repeat

from reconciler.model.declared import Declared, DeclaredLearner, Lapse, Staff, Wanted
from reconciler.model.observed import Observed, ObservedLearner, ObservedStaff, Recorded
from reconciler.model.operations import step_id
from reconciler.model.plan import Action, Change, Changes, Plan, Reason, UnchangedLearner
from reconciler.model.slots import (
    LEARNING_AIM_KINDS,
    Holder,
    LearnerSlots,
    OrganisationId,
    Place,
    Role,
    Slot,
    SlotKind,
    SlotValues,
    Unread,
    UserId,
)
from reconciler.model.structs import replace
from reconciler.plan.operations import operations_for, removal, summarise
from reconciler.plan.watch import NOTHING_SEEN, Seen
from reconciler.problems import Invalid, Problem, Source, in_order

# Python 3.11 takes as long to look up a member as for the rest of a comparison
_UNREADABLE, _ADDITIONAL = Unread.UNREADABLE, SlotKind.ADDITIONAL

Unsettled = Collection[Place]
"""Slots that an earlier run may or may not have written. Only counts if OneFile does not show them."""


def make_plan(
    declared: Declared,
    observed: Observed,
    recorded: Recorded,
    unsettled: Unsettled = (),
    *,
    target: str,
    created_at: datetime,
    seen: Seen = NOTHING_SEEN,
) -> Plan:
    """Compare the three sides and put the results in order. The same inputs give the same plan.

    Changes are sorted by cohort, learner and slot (additional people first: make before break), operations likewise.
    What was `seen` as declared counts as applied. Raises Invalid if two declarations turn out to be one learner.
    """
    learners = sorted(_resolved(declared, observed), key=lambda pair: (pair[0].cohort, pair[1], pair[0].source))
    _refuse_twins(learners)
    compare = Comparison(declared, observed, recorded, frozenset(unsettled), seen)
    changes = Changes([compare.learner(learner, user) for learner, user in learners])
    unresolved = sum(_slots(learner) for learner in declared.learners if learner.user(observed.misids) is None)
    operations = tuple(operations_for(changes.differing))
    return Plan(
        target=target,
        organisation=declared.settings.organisation,
        created_at=created_at.replace(microsecond=0),  # as the saved plan has it
        day=declared.day,
        changes=changes,
        operations=operations,
        manual=tuple(
            removal(change, compare.members, declared.settings.step_owner)
            for change in changes.differing
            if change.action == "delete"
        ),
        problems=in_order([*declared.warnings, *observed.problems, *compare.problems]),
        summary=summarise(changes, unresolved, len(operations), observed.calls, declared.settings.calls_per_minute),
        handles={member.id: member.handle for member in declared.staff.values()},
        titles=_titles(declared, changes),
        left_out=declared.left_out,
        names=observed.names,
    )


def _titles(declared: Declared, changes: Changes) -> dict[int | str, str]:
    """Return the names of the learning aims and units in the plan, in the order of the settings."""
    if not declared.settings.titles:
        return {}
    slots = {change.slot for change in changes.differing}
    slots |= {slot for slots in {learner.slots for learner in changes.unchanged} for slot in slots}
    keys = {slot.key for slot in slots if slot.kind is not SlotKind.ADDITIONAL}
    return {key: title for key, title in declared.settings.titles.items() if key in keys}


def _slots(learner: DeclaredLearner) -> int:
    return len(learner.slots) + len(learner.lapsed)


def _resolved(declared: Declared, observed: Observed) -> Iterator[tuple[DeclaredLearner, UserId]]:
    """Yield learners with their OneFile id; the reading reports a MISID that did not resolve."""
    for learner in declared.learners:
        user = learner.user(observed.misids)
        if user is not None:
            yield learner, user


def _refuse_twins(learners: Iterable[tuple[DeclaredLearner, UserId]]) -> None:
    first: dict[UserId, DeclaredLearner] = {}
    twins = []
    for learner, user in learners:
        other = first.setdefault(user, learner)
        if other is not learner:
            twins.append(
                Problem(
                    f"{learner.name()} is OneFile user {user}, who is already declared at {other.source}",
                    "Declare each learner once: remove one of the two entries.",
                    learner.source,
                )
            )
    if twins:
        raise Invalid(twins)


@dataclass
class Comparison:
    """The three sides of a plan, compared learner by learner; `problems` are those of slots set aside."""

    declared: Declared
    observed: Observed
    recorded: Recorded
    unsettled: frozenset[Place]
    seen: Seen

    def __post_init__(self) -> None:
        self.problems: list[Problem] = []
        self.members = self.declared.staff_by_id()
        self._last_of, self._seen_of = LearnerSlots.nested(self.recorded).of, LearnerSlots.nested(self.seen).of
        self._recorded: dict[frozenset[Slot], frozenset[Slot]] = {}

    def learner(self, learner: DeclaredLearner, user: UserId) -> UnchangedLearner | list[Change]:
        seen = self.observed.learners.get(user) or ObservedLearner(user, "missing")
        return self._unchanged(learner, seen) or self.slot_by_slot(learner, seen)

    def _unchanged(self, learner: DeclaredLearner, seen: ObservedLearner) -> UnchangedLearner | None:
        """Return the learner if each slot is known to hold who is declared: the result of most comparisons."""
        held, wanted, last = SlotValues.of(seen.slots), learner.holders, self._last_of(seen.id)
        if seen.standing != "active" or learner.lapsed or not _names_somebody_everywhere(wanted):
            return None
        applied = last.column == wanted.column and last.slots == wanted.slots
        if applied and _is_as_usual(held, wanted):
            return UnchangedLearner(seen.id, learner, wanted.slots, wanted.slots.of_additional, applied)
        holders = held.column if held.slots == wanted.slots else map(held.get, wanted.slots, repeat(_UNREADABLE))
        recorded = []
        for slot, staff, holder in zip(wanted.slots, wanted.column, holders, strict=True):
            if holder != staff:
                if holder is not _UNREADABLE or not (applied or self._last(seen.id, slot, staff, last) == staff):
                    return None
                recorded.append(slot)
        if not applied and any(slot not in wanted for slot in _added(last)):
            return None
        unseen = frozenset(recorded)
        return UnchangedLearner(seen.id, learner, wanted.slots, self._recorded.setdefault(unseen, unseen), applied)

    def slot_by_slot(self, learner: DeclaredLearner, seen: ObservedLearner) -> list[Change]:
        """Return the changes of one learner in order."""
        why_not = self._learner_blocked(learner, seen)
        wanted, last = learner.slots, self._last_of(seen.id)
        if not why_not and (added := _added(last)):  # we added them; the files no longer ask for them
            wanted = {slot: Wanted(None, None, learner.source) for slot in added} | dict(wanted)
        changes = [
            self._slot(learner, seen, slot, wanted[slot], self._last(seen.id, slot, wanted[slot].staff, last), why_not)
            for slot in sorted(wanted, key=Slot.order)
        ]
        if learner.lapsed:
            changes += [self._lapsed(learner, seen, slot, lapse, why_not) for slot, lapse in learner.lapsed.items()]
            changes.sort(key=lambda change: change.slot.order())
        return changes

    def _last(self, user: UserId, slot: Slot, staff: UserId | None, last: Mapping[Slot, UserId | None]) -> Holder:
        """Return the holder that was last applied, or that was seen since as these or other files declared it.

        Files that are not merged yet may have seen another holder as declared. So the person whom these files declare
        counts if they were ever applied or seen; else the holder seen last.
        """
        recorded = last.get(slot, _UNREADABLE)
        if recorded == staff:
            return recorded
        sightings = self._seen_of(user).get(slot)
        if not sightings:
            return recorded
        return staff if any(sighting.holder == staff for sighting in sightings) else sightings[-1].holder

    def _lapsed(
        self, learner: DeclaredLearner, seen: ObservedLearner, slot: Slot, lapse: Lapse, why_not: str
    ) -> Change:
        """Set aside a slot whose declared time has ended.

        The last holder is still there, and only a person can decide who follows. A warning of the declaration explains
        the rest.
        """
        return Change(
            learner=seen.id,
            slot=slot,
            label=learner.label,
            cohort=learner.cohort,
            organisation=learner.organisation,
            action="no-op",
            reason="declared",
            before=seen.slots.get(slot, _UNREADABLE),
            after=None,
            source=lapse.source,
            blocked=why_not or f"nobody is declared for it after {lapse.last}",
        )

    def _slot(
        self, learner: DeclaredLearner, seen: ObservedLearner, slot: Slot, want: Wanted, last: Holder, why_not: str
    ) -> Change:
        holder = seen.slots.get(slot, _UNREADABLE)
        from_record = holder is _UNREADABLE and last is not _UNREADABLE
        before = last if from_record else holder
        action: Action = "no-op" if before == want.staff else _action(before, want.staff)  # most are equal
        change = Change(
            learner=seen.id,
            slot=slot,
            label=learner.label,
            cohort=learner.cohort,
            organisation=learner.organisation,
            action=action,
            reason=_reason(before, last, want),
            before=before,
            after=want.staff,
            source=want.source,
            recorded=from_record,
        )
        if why_not:
            return replace(change, action="no-op", blocked=why_not)
        if action == "no-op":
            return change
        if writer := self.declared.settings.writers.get(slot.kind):
            return replace(change, action="no-op", held="writer", writer=writer)
        if change.reason == "drift" and (mode := self.declared.settings.drift[slot.kind]) != "correct":
            return replace(change, action="no-op", held=mode)
        if blocked := self._change_blocked(learner, seen, change):
            return replace(change, action="no-op", blocked=blocked)
        return change

    def _learner_blocked(self, learner: DeclaredLearner, seen: ObservedLearner) -> str:
        """Return why nothing can be written for this learner, and add it as one problem."""
        if seen.standing == "active":
            return ""
        what, fix = {
            "archived": (
                "the learner is archived in OneFile, so the portfolio is read-only",
                "Remove the learner from the cohort file, or unarchive them in OneFile.",
            ),
            "missing": (
                "OneFile has no user with this id",
                "Check the id: it is the number in the address of the learner's page in OneFile.",
            ),
            "not listed": (
                f"the learner is not among the active learners of organisation {learner.organisation}",
                "The learner may be archived, belong to another organisation, or the id may be a member of staff's: "
                "correct the id or the organisation, or remove the learner.",
            ),
        }[seen.standing]
        self.problems.append(_about(learner, f" (OneFile user {seen.id})", what, fix, learner.source))
        return what

    def _change_blocked(self, learner: DeclaredLearner, seen: ObservedLearner, change: Change) -> str:
        """Return why this one change cannot be made, and add it as a problem at the line that asks for it."""
        refusal = self._slot_refusal(change) or self._staff_refusal(learner, seen, change)
        if not refusal:
            return ""
        what, fix = refusal
        self.problems.append(_about(learner, "", what, fix, change.source))
        return what

    def _slot_refusal(self, change: Change) -> tuple[str, str] | None:
        thing = "learning aim of standard" if change.slot.kind in LEARNING_AIM_KINDS else "unit"
        if change.before is Unread.NOT_HELD and change.slot.key is None:
            what = "OneFile lists the learner, but finds no record of them"
            return what, "Run again; if it stays so, look the learner up in OneFile."
        if change.before is Unread.NOT_HELD:
            what = f"the learner has no {thing} {change.slot.key} in OneFile"
            return what, f"Assign the {thing} {change.slot.key} in OneFile first, or remove it from the cohort file."
        if change.before is Unread.AMBIGUOUS:
            what = f"the learner has more than one {thing} {change.slot.key} in OneFile, and its API cannot tell which"
            return what, "Set this slot by hand in OneFile, and remove it from the cohort file."
        unseen = change.recorded or change.before is Unread.UNREADABLE  # a slot that is read is settled
        if unseen and (change.learner, change.slot) in self.unsettled:
            what = "an earlier run sent this write and got no answer, and OneFile does not show the slot"
            step = step_id(change.learner, change.slot)
            tell = f"reconciler done {step} --by NAME --outcome present (or absent)"
            return what, f"Look at the learner in OneFile, then record what is there: {tell}."
        return None

    def _staff_refusal(self, learner: DeclaredLearner, seen: ObservedLearner, change: Change) -> tuple[str, str] | None:
        if change.after is None:
            return None
        member = self.members[change.after]
        account = self.observed.staff.get((learner.organisation, change.after))
        if refusal := account_refusal(member, account, learner.organisation):
            return refusal
        settings, own = self.declared.settings, seen.placement
        placement = account.placement if account and change.slot.kind is SlotKind.DEFAULT_EMPLOYER else None
        if settings.level("employer_placement") == "off" or placement is None or own is None:
            return None
        if placement != own:
            there = f"{settings.placement(placement)}, the learner to {settings.placement(own)}"
            what = f"{_account_of(member)} belongs to {there}"
            return what, "Correct the learner's or the employer's placement in OneFile, or declare another employer."
        return None


def _names_somebody_everywhere(wanted: SlotValues[UserId | None]) -> bool:
    """Return whether there are slots, each with a holder, and of additional people those whom they are named by."""
    column, additional = wanted.column, wanted.slots.additional
    return bool(column) and all(column) and column[: len(additional)] == additional  # no id is 0


def _is_as_usual(held: SlotValues[Holder], wanted: SlotValues[UserId | None]) -> bool:
    """Return whether OneFile shows what is declared, except for additional people, whom it does not show."""
    first = len(wanted.slots.additional)
    return (
        held.column[first:] == wanted.column[first:]
        and held.column[:first].count(_UNREADABLE) == first
        and held.slots == wanted.slots
    )


def _added(last: Mapping[Slot, UserId | None]) -> list[Slot]:
    """Return the slots of additional people whom we added."""
    return [slot for slot, staff in last.items() if slot.kind is _ADDITIONAL and staff is not None]


def _about(learner: DeclaredLearner, number: str, what: str, fix: str, source: Source) -> Problem:
    return Problem(f"{learner.name()}{number}: {what}", fix, source, who=learner.name())


def account_refusal(
    member: Staff, account: ObservedStaff | None, organisation: OrganisationId
) -> tuple[str, str] | None:
    """Return why an account cannot be assigned in its role, and what to do; None if it can.

    OneFile uses the role that the account has now: a write might put somebody with another role into another slot.
    """
    if account is None or account.standing == "missing":
        return f"OneFile has no user {member.id} for {member.handle}", f"Correct the id at {member.source}."
    if account.standing == "archived":
        what = f"{_account_of(member)} is archived in OneFile"
        return what, "Declare somebody else, or unarchive the account in OneFile."
    if account.standing == "not listed":
        what = f"{_account_of(member)} is not among the active {_plural(member.role)} of organisation {organisation}"
        return what, f"Correct the id or the role at {member.source}, or the account in OneFile."
    return None


def _account_of(member: Staff) -> str:
    return f"{member.handle} (OneFile user {member.id})"


def _action(before: Holder, after: UserId | None) -> Action:
    """Return the action that leads from one holder to another."""
    match before:
        case Unread.UNREADABLE:
            return "no-op" if after is None else "create"
        case Unread():
            return "create"  # not held or ambiguous: blocked before it is written
        case None:
            return "create"
        case _:
            return "update" if after is not None else "delete"


def _reason(before: Holder, last: Holder, want: Wanted) -> Reason:
    if before is _UNREADABLE:
        return "unknown"
    if last is not _UNREADABLE and last == want.staff and before != last:
        return "drift"  # the files ask for what was last applied, so it was OneFile that moved
    return want.reason


def _plural(role: Role) -> str:
    return {Role.IQA: "IQAs"}.get(role, f"{role.value.replace('_', ' ')}s")
