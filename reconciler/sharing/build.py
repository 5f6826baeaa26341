"""Builds a sharing problem from the declared and observed state; the policies of plans judge every heir."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import combinations

from reconciler.model.declared import Declared, DeclaredLearner, Staff, Wanted
from reconciler.model.observed import Observed, ObservedLearner
from reconciler.model.plan import Finding
from reconciler.model.slots import (
    DEFAULT_ASSESSOR,
    DEFAULT_EMPLOYER,
    LEARNING_AIM_KINDS,
    ROLES_FOR,
    Handle,
    Holder,
    LearnerKey,
    Role,
    Slot,
    SlotKind,
    Unread,
    UserId,
)
from reconciler.model.structs import Struct, replace
from reconciler.plan.caseload import KINDS, by_staff, learners_of, with_declared
from reconciler.plan.holders import Held, in_effect, keys
from reconciler.plan.policies import Case, cases_of, check_learner
from reconciler.sharing.problem import Apart, Person, Rule, ShareProblem, Task

_SIDES: Mapping[Role, str] = {Role.TRAINEE_ASSESSOR: Role.ASSESSOR.value}
_RULES: Mapping[str, Rule] = {
    "iqa_independent": "independence",
    "trainee_assessor": "trainee",
    "employer_placement": "placement",
    "coverage": "coverage",
}


def side_of(role: Role) -> str:
    """Return the side of a role: trainee assessors assess."""
    return _SIDES.get(role, role.value)


def is_away(member: Staff, day: date) -> bool:
    """Return True if somebody else covers for them on the day; a cover without an end means that they have left."""
    return member.cover_on(day) is not None


class Given(Struct, frozen=True):
    """Slots of one learner that one heir is to take: those that these people of one side give away.

    `keeps`: they may also stay with the only giver.
    """

    learner: DeclaredLearner
    side: str
    slots: Mapping[Handle, Sequence[Slot]]
    keeps: bool = False

    def leaving(self, held: Held, leavers: Collection[UserId]) -> set[Slot]:
        """Return the slots that these people hold now, among those that are given."""
        given = {slot for slots in self.slots.values() for slot in slots}
        return {slot for slot in given if held.get(slot) in leavers}


def read_from_files(declared: Declared) -> Observed:
    """Return a reading as if OneFile held what the files say: no call is made, and no placement is known.

    A learner who is declared by MISID gets a number that no account has.
    """
    learners: dict[UserId, ObservedLearner] = {}
    misids: dict[str, UserId] = {}
    for number, learner in enumerate(declared.everyone, 1):
        user = learner.id if learner.id is not None else misids.setdefault(learner.misid or "", UserId(-number))
        learners[user] = ObservedLearner(user, slots=learner.holders)
    return Observed(taken_at=datetime.min.replace(tzinfo=UTC), learners=learners, misids=misids)


def build_problem(
    declared: Declared, observed: Observed, given: Sequence[Given], team: Collection[Handle] = ()
) -> ShareProblem:
    """Return the problem: who may take each learner, with whom it is kept together, and everybody's load.

    `declared` are the learners who change hands, with everybody beside them. `team`: only these people take learners.
    """
    return _Builder(declared, observed, given, team).problem()


class _Builder:
    def __init__(
        self, declared: Declared, observed: Observed, given: Sequence[Given], team: Collection[Handle]
    ) -> None:
        self._declared, self._observed, self._given = declared, observed, given
        self._held = as_declared(declared, observed)
        self._cases = {case.learner.key: case for case in cases_of(declared, observed, self._held)}
        staff = declared.staff
        self._humans = {member.id: member.human() for member in staff.values()}
        self._leavers = [
            staff[handle] for handle in sorted({h for item in given if not item.keeps for h in item.slots})
        ]
        self._keepers = {handle for item in given if item.keeps for handle in item.slots}
        self._people = list(self._candidates(team))

    def _candidates(self, team: Collection[Handle]) -> Iterator[Staff]:
        """Yield who may take learners by their side, and the team; nobody who leaves, and nobody who is away."""
        gone = {member.human() for member in self._leavers}
        sides = {item.side for item in self._given}
        chosen = {side_of(self._declared.staff[handle].role) for handle in team}
        for handle, member in sorted(self._declared.staff.items()):
            side = side_of(member.role)
            wanted = handle in team if side in chosen else not is_away(member, self._declared.day)
            if side in sides and member.human() not in gone and (wanted or handle in self._keepers):
                yield member

    def problem(self) -> ShareProblem:
        tasks = [self._task(item) for item in self._given]
        return ShareProblem(
            self._persons(self._people),
            tasks,
            tuple(self._apart()),
            self._declared.settings.share_weights,
            leavers=self._persons(self._leavers),
        )

    # -------------------------------------------------------------- people

    def _persons(self, members: Sequence[Staff]) -> list[Person]:
        now, after = (
            by_staff(self._observed, with_declared(held, self._declared, self._observed), members)
            for held in (self._held, self._remaining())
        )
        return [
            Person(
                member.handle,
                member.human(),
                len(learners_of(member, after)),
                member.caseload_target,
                self._maximum(member, len(learners_of(member, now))),
                member.hours,
                len(learners_of(member, now)),
            )
            for member in members
        ]

    def _maximum(self, member: Staff, now: int) -> int | None:
        """Return the maximum; people who may keep their learners may keep all, even above it."""
        if member.caseload_max is None or member.handle not in self._keepers:
            return member.caseload_max
        return max(member.caseload_max, now)

    def _remaining(self) -> Mapping[UserId, Held]:
        """Return the holders without the slots that are given away."""
        remaining: dict[UserId, Held] = dict(self._held)
        for item in self._given:
            user = item.learner.user(self._observed.misids)
            if user is not None and user in remaining:
                away = item.leaving(remaining[user], self._ids(item))
                remaining[user] = {slot: None if slot in away else held for slot, held in remaining[user].items()}
        return remaining

    def _ids(self, item: Given) -> set[UserId]:
        return {self._declared.staff[handle].id for handle in item.slots}

    # -------------------------------------------------------------- tasks

    def _task(self, item: Given) -> Task:
        case = self._cases.get(item.learner.key)
        held = case.held if case else item.learner.holders
        ids = self._ids(item)
        leaving = item.leaving(held, ids)
        others: dict[UserId, set[SlotKind]] = {}
        for slot, holder in held.items():
            if isinstance(holder, int) and slot not in leaving:
                others.setdefault(holder, set()).add(slot.kind)
        known = (
            member.handle
            for member in self._people
            if others.get(member.id, set()) & KINDS.get(member.role, frozenset(SlotKind))
        )
        humans = {self._humans.get(user, "") for user in others}
        judge = _Judge(case, leaving, humans, frozenset(_named(case, self._declared)), self._declared)
        standards = _standards(held, item, leaving)
        barred: dict[Handle, Rule] = {}
        for member in self._people:
            if item.keeps and member.handle in self._keepers:  # they hold too many to take others
                if member.handle not in item.slots:
                    barred[member.handle] = "max"
                continue
            if rule := self._simple_rule(item, member, standards) or judge.rule(member):
                barred[member.handle] = rule
        return Task(
            item.learner.key,
            item.side,
            f"{item.side} of {_group(item.learner)}",
            barred,
            frozenset(known),
            next(iter(item.slots)) if item.keeps else None,
        )

    def _simple_rule(self, item: Given, member: Staff, standards: Collection[int | str]) -> Rule | None:
        kinds = {slot.kind for slots in item.slots.values() for slot in slots}
        if side_of(member.role) != item.side or not all(member.role in ROLES_FOR[kind] for kind in kinds):
            return "role"
        return None if member.is_competent(standards, self._declared.day) else "competence"

    def _apart(self) -> Iterator[Apart]:
        """Yield the tasks that assess and quality-assure one learner: never one human being."""
        if self._declared.settings.level("iqa_independent") == "off":
            return
        places: dict[LearnerKey, list[int]] = {}
        for place, item in enumerate(self._given):
            if item.side in (Role.ASSESSOR, Role.IQA):
                places.setdefault(item.learner.key, []).append(place)
        for several in places.values():
            for first, second in combinations(several, 2):
                if self._given[first].side != self._given[second].side:
                    yield Apart(first, second)


class _Judge:
    """Policies of one learner, judged with each heir; people who are strangers to the learner are alike by role."""

    def __init__(
        self,
        case: Case | None,
        leaving: Collection[Slot],
        humans: Collection[str],
        baseline: Collection[tuple[str, str]],
        declared: Declared,
    ) -> None:
        self._case, self._leaving, self._humans, self._baseline = case, leaving, humans, baseline
        self._declared = declared
        self._strangers: dict[Role, Rule | None] = {}

    def rule(self, member: Staff) -> Rule | None:
        """Return the first policy that this heir would break and that holds now, or is broken otherwise."""
        if member.human() in self._humans or member.role is Role.EMPLOYER:  # an employer has a placement
            return self._judged(member)
        if member.role not in self._strangers:
            self._strangers[member.role] = self._judged(member)
        return self._strangers[member.role]

    def _judged(self, member: Staff) -> Rule | None:
        if self._case is None:
            return None
        after = with_heir(self._case, self._leaving, member)
        broken = (found[0] for found in _named(after, self._declared) if found not in self._baseline)
        return next((_RULES[policy] for policy in broken), None)


def as_declared(declared: Declared, observed: Observed) -> dict[UserId, dict[Slot, Holder]]:
    """Return the holders as they will be once the files are applied; a slot that the learner lacks stays so."""
    held: dict[UserId, dict[Slot, Holder]] = {user: dict(seen.slots) for user, seen in observed.learners.items()}
    for learner in declared.learners:
        user = learner.user(observed.misids)
        if user is not None and user in held:
            for slot, staff in learner.holders.items():
                if held[user].get(slot) not in (Unread.NOT_HELD, Unread.AMBIGUOUS):
                    held[user][slot] = staff
    return held


def with_heir(case: Case, leaving: Collection[Slot], heir: Staff) -> Case:
    """Return the case with an heir in the slots that the leavers give away."""
    held, slots = dict(case.held), dict(case.learner.slots)
    for slot in leaving:
        new = Slot(slot.kind, heir.id) if slot.kind is SlotKind.ADDITIONAL else slot
        held.pop(slot)
        held[new] = heir.id
        if slot in slots:
            slots[new] = Wanted(heir.id, heir.handle, slots.pop(slot).source)
    return replace(case, learner=replace(case.learner, slots=slots), held=held)


def new_findings(before: Declared, after: Declared, observed: Observed) -> list[Finding]:
    """Return the findings of policies that edited files would add, by what plans check for each learner."""
    known: dict[LearnerKey, set[tuple[str, str]]] = {}
    for case in cases_of(before, observed, as_declared(before, observed)):
        known[case.learner.key] = set(_named(case, before))
    return [
        finding
        for case in cases_of(after, observed, as_declared(after, observed))
        for finding in check_learner(case, after)
        if not finding.waived and (finding.policy, finding.what) not in known.get(case.learner.key, set())
    ]


def _named(case: Case | None, declared: Declared) -> Iterator[tuple[str, str]]:
    """Yield the policies that a case breaks without a waiver, each with its words."""
    if case is not None:
        for finding in check_learner(case, declared):
            if not finding.waived:
                yield finding.policy, finding.what


def _standards(held: Held, item: Given, leaving: Collection[Slot]) -> frozenset[int | str]:
    """Return the standards of the learning aims that the heir will assess or quality-assure.

    With the default assessor go the learning aims without an assessor of their own.
    """
    standards = {slot.key for slots in item.slots.values() for slot in slots if slot.kind in LEARNING_AIM_KINDS}
    if DEFAULT_ASSESSOR in leaving:
        aims = keys(held, LEARNING_AIM_KINDS)
        standards |= {
            aim for aim in aims if in_effect(held, Slot(SlotKind.LEARNING_AIM_ASSESSOR, aim)) & {held[DEFAULT_ASSESSOR]}
        }
    return frozenset(key for key in standards if key is not None)


def _group(learner: DeclaredLearner) -> str:
    employer = learner.slots.get(DEFAULT_EMPLOYER)
    return f"employer {employer.handle}" if employer and employer.handle else f"cohort {learner.cohort}"
