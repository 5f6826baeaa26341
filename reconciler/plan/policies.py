"""Policies: rules over the planned state, for each learner and for each caseload."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import chain, product
from typing import NamedTuple

from reconciler.model.declared import POLICIES, Declared, DeclaredLearner, Level, Settings, Staff
from reconciler.model.observed import CANNOT_ACT, Observed
from reconciler.model.plan import Change, Finding
from reconciler.model.slots import (
    ASSESSOR_KINDS,
    DEFAULT_ASSESSOR,
    DEFAULT_EMPLOYER,
    IQA_KINDS,
    LEARNING_AIM_KINDS,
    UNIT_KINDS,
    Holder,
    OrganisationId,
    Role,
    Slot,
    SlotKind,
    UserId,
)
from reconciler.model.structs import Struct, replace
from reconciler.plan.caseload import KINDS, by_staff, learners_of, with_declared
from reconciler.plan.holders import Held, by_kind, holders, in_effect, keys, people, with_writes
from reconciler.plan.staff_policies import check_staff, first_accounts
from reconciler.plan.waivers import waive, waive_staff

# Python 3.11 takes longer to look up a member of an enum than to compare two
_ADDITIONAL, _AIM_ASSESSOR, _AIM_IQA = SlotKind.ADDITIONAL, SlotKind.LEARNING_AIM_ASSESSOR, SlotKind.LEARNING_AIM_IQA
_ASSESSOR_OR_ADDITIONAL = ASSESSOR_KINDS | {SlotKind.ADDITIONAL}
ASSESSING = (Role.ASSESSOR, Role.TRAINEE_ASSESSOR)


def check_policies(
    declared: Declared, observed: Observed, changes: Sequence[Change], before: Mapping[UserId, Held] | None = None
) -> tuple[Finding, ...]:
    """Return every policy that the state after the plan would break, for the active learners in scope.

    Sorted by policy, cohort, learner and text. A breach that existed before is returned as well: it is just as real,
    and an error blocks until it is fixed or waived. Slots that were not read are never taken as empty. Each `what`
    names its learner or member of staff, so that it can be shown alone. `before` are the holders before the plan, if
    they are known already.
    """
    before = holders(observed, changes, after=False) if before is None else before
    held = with_writes(before, changes)
    world = _world(declared, observed)
    learners: Iterable[DeclaredLearner] = declared.learners
    if all(rule in _RULES_IN_BRIEF for rule, _ in world.rules):
        suspects = world.suspects(declared, held)
        learners = (learner for learner in learners if learner.user(observed.misids) in suspects)
    findings = [finding for case in _cases(learners, held, world) for finding in check_learner(case, declared)]
    findings += check_staff(declared, observed, held)
    if (level := declared.settings.level("caseload")) != "off":
        findings += _caseload(declared, observed, changes, before, held, level)
    return tuple(sorted(findings, key=_order))


def check_learner(case: Case, declared: Declared) -> Iterator[Finding]:
    """Yield what one learner's slots break, waived if a waiver covers the declared day."""
    for rule, level in case.world.rules:
        for finding in rule(case):
            yield waive(replace(finding, level=level), declared)


def _order(finding: Finding) -> tuple[int, str, int, str]:
    return (POLICIES.index(finding.policy), finding.cohort, finding.learner or 0, finding.what)


class World(Struct, frozen=True):
    """Data shared by all policy checks, computed once.

    `first` has the first account of each person with several, by any of them; `inactive` are the accounts with which
    nobody can act, by organisation: an account counts in its own only. `rules` are those that are not off, each with
    its level.
    """

    staff: Mapping[UserId, Staff]
    first: Mapping[UserId, UserId]
    trainees: frozenset[UserId]
    inactive: Mapping[OrganisationId, AbstractSet[UserId]]
    rules: Sequence[tuple[Callable[[Case], Iterable[Finding]], Level]]
    settings: Settings
    observed: Observed

    def suspects(self, declared: Declared, held: Mapping[UserId, Held]) -> set[UserId]:
        """Return all learners of whom one of _RULES_IN_BRIEF may have a finding, and others; most are not among them.

        None holds a slot, or somebody who cannot act, who is on both sides, or who belongs to another placement; or a
        trainee is declared.
        """
        rows = list(by_kind(held))
        watched: set[Holder] = {None, *chain(*self.inactive.values()), *self.on_both_sides(rows)}
        suspects: set[UserId] = set()
        placements = self._placements()
        for kind, learners, column in rows:
            if not watched.isdisjoint(column):
                suspects.update(user for user, holder in zip(learners, column, strict=True) if holder in watched)
            if kind is DEFAULT_EMPLOYER.kind:
                pairs = zip(learners, column, strict=True)
                suspects.update(user for user, who in pairs if self._is_elsewhere(user, placements.get(who)))
        if self.trainees:
            ids = self.observed.misids
            trained = (one for one in declared.learners if not self.trainees.isdisjoint(one.holders.column))
            suspects.update(user for learner in trained if (user := learner.user(ids)) is not None)
        return suspects

    def _placements(self) -> Mapping[Holder, set[int]]:
        """Return the placements of the accounts that have one, in any organisation."""
        placements: dict[Holder, set[int]] = {}
        for account in self.observed.staff.values():
            if account.placement is not None:
                placements.setdefault(account.id, set()).add(account.placement)
        return placements

    def _is_elsewhere(self, learner: UserId, placements: set[int] | None) -> bool:
        seen = self.observed.learners.get(learner)
        return bool(placements and seen and placements != {seen.placement})

    def on_both_sides(self, rows: Iterable[tuple[SlotKind, Sequence[UserId], Sequence[Holder]]]) -> frozenset[UserId]:
        """Return the accounts of people who assess and quality-assure, if only different learners."""
        holders_of: dict[SlotKind, set[Holder]] = {kind: set() for kind in SlotKind}
        for kind, _, column in rows:
            holders_of[kind].update(column)
        more = [account for account in people(holders_of[_ADDITIONAL]) if account in self.staff]
        assessing = people(holder for kind in ASSESSOR_KINDS for holder in holders_of[kind])
        assessing |= {account for account in more if self.staff[account].role in ASSESSING}
        assuring = people(holder for kind in IQA_KINDS for holder in holders_of[kind])
        assuring |= {account for account in more if self.staff[account].role is Role.IQA}
        both = {self.human(account) for account in assessing} & {self.human(account) for account in assuring}
        return frozenset(account for account in assessing | assuring if self.human(account) in both)

    def human(self, account: UserId) -> UserId:
        """Return the first account of the same person, because people are compared, not accounts."""
        return self.first.get(account, account)


def _world(declared: Declared, observed: Observed) -> World:
    staff, settings = declared.staff_by_id(), declared.settings
    return World(
        staff,
        first_accounts(staff.values(), observed),
        frozenset(member.id for member in staff.values() if member.role is Role.TRAINEE_ASSESSOR),
        _inactive(observed),
        [(rule, level) for policy, rule in _RULES.items() if (level := settings.level(policy)) != "off"],
        settings,
        observed,
    )


def _inactive(observed: Observed) -> Mapping[OrganisationId, set[UserId]]:
    inactive = defaultdict[OrganisationId, set[UserId]](set)
    for (organisation, account), seen in observed.staff.items():
        if seen.standing in CANNOT_ACT:
            inactive[organisation].add(account)
    return inactive


class Case(Struct, frozen=True):
    """One active learner with the holders of the slots, and what a rule needs to judge and to name them."""

    id: UserId
    learner: DeclaredLearner
    held: Held
    world: World

    @property
    def inactive(self) -> AbstractSet[UserId]:
        """Accounts with which nobody can act in the learner's organisation."""
        return self.world.inactive.get(self.learner.organisation, frozenset())

    def called(self, account: UserId) -> str:
        staff = self.world.staff
        return staff[account].handle if account in staff else f"account {account} (not in staff.yaml)"

    def placements(self) -> tuple[int, int] | None:
        """Return the placements of the default employer and of the learner, if they are known and differ."""
        employer, observed = self.held.get(DEFAULT_EMPLOYER), self.world.observed
        own = observed.learners[self.id].placement
        if own is None or not isinstance(employer, int):
            return None
        account = observed.staff.get((self.learner.organisation, employer))
        return None if account is None or account.placement in (None, own) else (account.placement, own)

    def has_both(self) -> bool:
        """Return True if anybody is on both sides by any slot, in effect or not. Fast check: for most, nobody is."""
        assessing, assuring = set(), set()
        staff, first = self.world.staff, self.world.first
        for (kind, _), holder in self.held.items():
            if isinstance(holder, int):
                role = staff[holder].role if kind is _ADDITIONAL and holder in staff else None
                if kind in ASSESSOR_KINDS or role in ASSESSING:
                    assessing.add(first.get(holder, holder))
                elif kind in IQA_KINDS or role is Role.IQA:
                    assuring.add(first.get(holder, holder))
        return not assessing.isdisjoint(assuring)

    def additional(self, *roles: Role) -> frozenset[UserId]:
        """Return the additional people with these roles; a person who is not in staff.yaml has no known role."""
        accounts = people(holder for slot, holder in self.held.items() if slot.kind is _ADDITIONAL)
        staff = self.world.staff
        return frozenset(account for account in accounts if account in staff and staff[account].role in roles)

    def finding(self, policy: str, what: str, fix: str, slots: Iterable[Slot], staff: UserId | None = None) -> Finding:
        """Return a finding at the line that declares the first of the slots, or the learner.

        The level is set in check_learner.
        """
        member = self.world.staff.get(staff) if staff is not None else None
        lines = tuple(self.learner.slots[slot].source for slot in slots if slot in self.learner.slots)
        return Finding(
            policy=policy,
            level="off",
            what=f"{self.learner.label or f'learner {self.id}'}: {what}",
            fix=fix,
            learner=self.id,
            label=self.learner.label,
            cohort=self.learner.cohort,
            staff=member.handle if member else None,
            source=lines[0] if lines else self.learner.source,
            places=lines,
        )


def cases_of(declared: Declared, observed: Observed, held: Mapping[UserId, Held]) -> Iterator[Case]:
    """Yield the active learners; the plan sets the others aside with a problem of their own."""
    return _cases(declared.learners, held, _world(declared, observed))


def _cases(learners: Iterable[DeclaredLearner], held: Mapping[UserId, Held], world: World) -> Iterator[Case]:
    observed = world.observed
    for learner in learners:
        user = learner.user(observed.misids)
        seen = observed.learners.get(user) if user is not None else None
        if seen is not None and seen.standing == "active":
            yield Case(seen.id, learner, held[seen.id], world)


# ------------------------------------------------------------------ nobody quality-assures what they assess


def _iqa_independent(case: Case) -> Iterator[Finding]:
    """Check that nobody quality-assures what they assess.

    People are compared, not accounts: one person may have an assessor's and an IQA's.
    """
    if not case.has_both():
        return
    for aim in keys(case.held, LEARNING_AIM_KINDS):
        place = f"learning aim {aim}"
        yield from _clash(case, Slot(SlotKind.LEARNING_AIM_ASSESSOR, aim), Slot(SlotKind.LEARNING_AIM_IQA, aim), place)
    for unit in keys(case.held, UNIT_KINDS):
        assessor, iqa = Slot(SlotKind.UNIT_ASSESSOR, unit), Slot(SlotKind.UNIT_IQA, unit)
        if people([case.held.get(assessor), case.held.get(iqa)]):  # else the unit adds nothing to its learning aim
            yield from _clash(case, assessor, iqa, f"unit {unit}")
    yield from _additional_clash(case)


def _clash(case: Case, assessor: Slot, iqa: Slot, place: str) -> Iterator[Finding]:
    assessors, iqas = in_effect(case.held, assessor), in_effect(case.held, iqa)
    certain = len(assessors) == len(iqas) == 1
    verb = "would" if certain else "may"
    fix = (
        f"Declare another assessor or another IQA for {place}"
        if certain
        else f"Declare both the assessor and the IQA of {place}, two different people: "
        "who is in effect while one of them is empty or not shown is not known"
    )
    for assessing, assuring in _same_person(case, people(assessors), people(iqas)):
        yield case.finding(
            "iqa_independent", _both(case, assessing, assuring, verb, place), f"{fix}.", (iqa, assessor), assuring
        )


def _additional_clash(case: Case) -> Iterator[Finding]:
    """Check additional people for all of the learner's work, since nothing ties them to one learning aim."""
    more_assessors, more_iqas = case.additional(*ASSESSING), case.additional(Role.IQA)
    if not (more_assessors or more_iqas):
        return
    aims, units = keys(case.held, LEARNING_AIM_KINDS), keys(case.held, UNIT_KINDS)
    slots = [Slot(SlotKind.LEARNING_AIM_ASSESSOR, aim) for aim in aims] or [DEFAULT_ASSESSOR]
    assessors = people(holder for slot in slots for holder in in_effect(case.held, slot))
    assessors |= people(case.held.get(Slot(SlotKind.UNIT_ASSESSOR, unit)) for unit in units)
    iqas = people(case.held.get(Slot(SlotKind.LEARNING_AIM_IQA, aim)) for aim in aims)
    iqas |= people(case.held.get(Slot(SlotKind.UNIT_IQA, unit)) for unit in units)
    fix = "Name them on the learning aims they work on, in place of `additional`, or choose another person."
    for assessing, assuring in _same_person(case, assessors | more_assessors, iqas | more_iqas):
        if assessing in more_assessors or assuring in more_iqas:
            what = _both(case, assessing, assuring, "may", "the same work, as an additional person")
            slots = [Slot(SlotKind.ADDITIONAL, account) for account in (assuring, assessing)]
            yield case.finding("iqa_independent", what, fix, slots, assuring)


def _same_person(case: Case, assessors: Iterable[UserId], iqas: Iterable[UserId]) -> Iterator[tuple[UserId, UserId]]:
    for assessor, iqa in product(sorted(assessors), sorted(iqas)):
        if case.world.human(assessor) == case.world.human(iqa):
            yield assessor, iqa


def _both(case: Case, assessor: UserId, iqa: UserId, verb: str, place: str) -> str:
    if assessor == iqa:
        return f"{case.called(iqa)} {verb} both assess and quality-assure {place}"
    persons = {case.world.staff[account].human() for account in (assessor, iqa) if account in case.world.staff}
    one = "are one person, who" if len(persons) == 1 else "have the same MISID, so they count as one person, who"
    who = f"{case.called(assessor)} and {case.called(iqa)} {one}"
    return f"{who} {verb} both assess and quality-assure {place}"


# ------------------------------------------------------------------ nobody is left alone


def _coverage(case: Case) -> Iterator[Finding]:
    if None not in case.held.values() and case.inactive.isdisjoint(people(case.held.values())):
        return  # nobody is known to be missing, as for most learners
    aims = keys(case.held, LEARNING_AIM_KINDS)
    for why, bare in _bare(
        case, [Slot(_AIM_ASSESSOR, aim) for aim in aims], "no assessor there, and no default assessor"
    ):
        what = f"nobody assesses {_listed('learning aim', [slot.key for slot in bare if slot.key is not None])}: {why}"
        fix = "Declare a default assessor, or an assessor for each."
        yield case.finding("coverage", what, fix, [DEFAULT_ASSESSOR, *bare])
    if not aims and not _unit_assessors(case):
        for why, bare in _bare(case, [DEFAULT_ASSESSOR], ""):
            what = (
                f"nobody is the default assessor{why and f' ({why})'}, and no learning aim or unit was read that has "
            )
            yield case.finding("coverage", f"{what}an assessor", "Declare a default assessor.", bare)
    for aim in aims:
        yield from _without_iqa(case, aim)
    if case.world.settings.employer_signs:
        for why, bare in _bare(case, [DEFAULT_EMPLOYER], ""):
            what = f"nobody is the default employer{why and f' ({why})'}, whose signature reviews need"
            yield case.finding("coverage", what, "Declare a default employer.", bare)


def _bare(case: Case, slots: Iterable[Slot], empty: str) -> Iterator[tuple[str, list[Slot]]]:
    """Yield the slots in which certainly nobody acts, with the reason: `empty`, or who is archived or gone."""
    bare: dict[str, list[Slot]] = {}
    for slot in slots:
        effect = in_effect(case.held, slot)
        if _nobody(case, effect):
            bare.setdefault(_why_nobody(case, effect) or empty, []).append(slot)
    yield from bare.items()


def _nobody(case: Case, effect: Iterable[Holder]) -> bool:
    """Return whether certainly nobody acts: an archived account counts as nobody, and hides nobody below it."""
    return all(holder is None or holder in case.inactive for holder in effect)


def _why_nobody(case: Case, effect: Iterable[Holder]) -> str:
    """Return who cannot act, in words; empty if the slot is."""
    organisation, seen = case.learner.organisation, case.world.observed.staff
    gone = [
        f"{case.called(account)} is {'archived' if seen[organisation, account].standing == 'archived' else 'gone'}"
        for account in sorted(people(effect))
    ]
    return ", ".join(gone)


def _unit_assessors(case: Case) -> frozenset[UserId]:
    assessors = people(holder for slot, holder in case.held.items() if slot.kind is SlotKind.UNIT_ASSESSOR)
    return assessors - case.inactive


def _without_iqa(case: Case, aim: int | str) -> Iterator[Finding]:
    """Report a declared learning aim with an assessor but no IQA of its own, nor one added to the learner."""
    assessor, iqa = Slot(_AIM_ASSESSOR, aim), Slot(_AIM_IQA, aim)
    effect = in_effect(case.held, iqa)
    if not _nobody(case, effect) or not people(in_effect(case.held, assessor)):
        return
    if not {assessor, iqa}.isdisjoint(case.learner.slots) and not case.additional(Role.IQA) - case.inactive:
        why = _why_nobody(case, effect)
        what = f"learning aim {aim} has an assessor but no IQA{why and f': {why}'}"
        yield case.finding("coverage", what, f"Declare an IQA for learning aim {aim}.", (iqa, assessor))


def _listed(thing: str, keys: Sequence[int | str]) -> str:
    return f"{thing}{'' if len(keys) == 1 else 's'} {', '.join(map(str, keys))}"


# ------------------------------------------------------------------ trainees do not stand alone


def _trainee_assessor(case: Case) -> Iterator[Finding]:
    """Report a trainee declared in any assessor slot, or as an additional person.

    Whether OneFile accepts a trainee there is not known.
    """
    if not (trainees := case.world.trainees):
        return
    slots_of: dict[UserId, list[Slot]] = {}
    for slot, wanted in case.learner.slots.items():
        if wanted.staff is not None and wanted.staff in trainees and slot.kind in _ASSESSOR_OR_ADDITIONAL:
            slots_of.setdefault(wanted.staff, []).append(slot)
    for trainee, held in slots_of.items():
        in_order = sorted(held, key=Slot.order)
        what = f"{case.called(trainee)} is a trainee assessor, declared as {', '.join(map(_post, in_order))}"
        yield case.finding("trainee_assessor", what, "Declare a qualified assessor.", in_order, trainee)


def _post(slot: Slot) -> str:
    match slot.kind:
        case SlotKind.ADDITIONAL:
            return "additional person"
        case SlotKind.LEARNING_AIM_ASSESSOR:
            return f"assessor for learning aim {slot.key}"
        case SlotKind.UNIT_ASSESSOR:
            return f"assessor for unit {slot.key}"
        case _:
            return slot.kind.value.replace("_", " ")


# ------------------------------------------------------------------ employers belong to the learner's placement


def _employer_placement(case: Case) -> Iterator[Finding]:
    """Report an employer of another placement than the learner's; unknown placements are not judged.

    A new employer of another placement is set aside by the plan, and is then not in effect.
    """
    employer, placements = case.held.get(DEFAULT_EMPLOYER), case.placements()
    if placements and isinstance(employer, int):
        of_employer, of_learner = placements
        named = case.world.settings.placement
        what = f"{case.called(employer)} is the default employer and belongs to {named(of_employer)}, "
        what += f"the learner to {named(of_learner)}"
        fix = "Correct the learner's or the employer's placement in OneFile, or declare another employer."
        yield case.finding("employer_placement", what, fix, [DEFAULT_EMPLOYER], employer)


_RULES: Mapping[str, Callable[[Case], Iterable[Finding]]] = {
    "iqa_independent": _iqa_independent,
    "coverage": _coverage,
    "trainee_assessor": _trainee_assessor,
    "employer_placement": _employer_placement,
}

_RULES_IN_BRIEF = frozenset({_iqa_independent, _coverage, _trainee_assessor, _employer_placement})
"""Rules that `World.suspects` knows; with any other, every learner is judged."""


# ------------------------------------------------------------------ nobody carries too much


def _caseload(
    declared: Declared,
    observed: Observed,
    changes: Sequence[Change],
    before: Mapping[UserId, Held],
    after: Mapping[UserId, Held],
    level: Level,
) -> Iterator[Finding]:
    """Report caseloads: above the target is a warning; only above the maximum can be an error."""
    watched = [member for _, member in sorted(declared.staff.items()) if is_watched(member)]
    if not watched:
        return
    by_member = by_staff(observed, with_declared(after, declared, observed), watched)
    over = [
        (member, passed)
        for member in watched
        if (passed := bound_passed(member, len(learners_of(member, by_member)), level))
    ]
    if not over:
        return
    by_member_now = by_staff(observed, with_declared(before, declared, observed), watched)
    cohorts = {learner.user(observed.misids): learner.cohort for learner in (*declared.everyone, *declared.learners)}
    for member, passed in over:
        if changes and passed.level == "warn" and learners_of(member, by_member) <= learners_of(member, by_member_now):
            continue  # the plan adds nobody
        learners = [(learner, cohorts.get(learner, "")) for learner in sorted(learners_of(member, by_member))]
        finding = passed.finding(member, len(learners), f" ({len(learners_of(member, by_member_now))} now)")
        yield waive_staff(finding, declared, learners, passed.bound)


class _Passed(NamedTuple):
    """An exceeded bound of a caseload: its name, its key in staff.yaml and its level."""

    bound: int
    word: str
    key: str
    level: Level

    def finding(self, member: Staff, learners: int, besides: str = "") -> Finding:
        """Return the finding that the member holds so many learners; `besides` ends the sentence."""
        held = f"{learners} learner{'' if learners == 1 else 's'}"
        what = f"{member.handle} would hold {held}, above the {self.word} of {self.bound}{besides}"
        fix = f"Give learners to somebody else, or raise caseload.{self.key} in staff.yaml."
        return Finding("caseload", self.level, what, fix, staff=member.handle, source=member.source)


def is_watched(member: Staff) -> bool:
    """Return True if the member's caseload has a bound."""
    return member.role in KINDS and (member.caseload_target, member.caseload_max) != (None, None)


def bound_passed(member: Staff, learners: int, level: Level) -> _Passed | None:
    """Return the exceeded maximum, or else the exceeded target."""
    if member.caseload_max is not None and learners > member.caseload_max:
        return _Passed(member.caseload_max, "maximum", "max", level)
    if member.caseload_target is not None and learners > member.caseload_target:
        return _Passed(member.caseload_target, "target", "target", "warn")
    return None
