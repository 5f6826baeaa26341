"""Warns when future cover or entries take a caseload past its target or maximum."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date, timedelta

from reconciler.model.declared import Declared, DeclaredLearner, Level, Shift, Staff
from reconciler.model.plan import Finding
from reconciler.model.slots import Place, Slot, SlotKind, UserId
from reconciler.model.structs import replace
from reconciler.plan.caseload import KINDS
from reconciler.plan.holders import Held
from reconciler.plan.policies import bound_passed, is_watched
from reconciler.plan.waivers import waive_staff
from reconciler.problems import Problem, Source

_DAY = timedelta(days=1)


def burdens_ahead(declared: Declared, held: Mapping[UserId, Held]) -> Iterator[tuple[date, Problem]]:
    """Warn of each bound of a member of staff that a coming day exceeds and the day before did not."""
    return (_problem(day, finding) for day, finding, _ in burden_findings(declared, held))


def burden_findings(declared: Declared, held: Mapping[UserId, Held]) -> Iterator[tuple[date, Finding, bool]]:
    """Yield each bound of a member of staff that a coming day exceeds and the day before did not.

    It covers the days up to the declared horizon. `held` has the active learners in scope, as they are after the plan.
    The finding's source is the line that brings most of the learners. The last value is False if nobody comes on that
    day, so that a waiver has ended.
    """
    level = declared.settings.level("caseload")
    watched = [member for member in declared.staff.values() if is_watched(member)]
    shifts = _by_day(learner for learner in declared.learners if learner.id in held)
    if level == "off" or not watched or not shifts:
        return
    kinds = {kind for member in watched for kind in KINDS[member.role]}
    burdens = Burdens(declared, level, watched)
    burdens.take_all(held, kinds)
    over = {matter for matter, _ in burdens.over(declared.day)}
    for day in sorted({*shifts, *_waivers_end(declared)}):
        causes: dict[UserId, Counter[Source]] = defaultdict(Counter)
        for user, shift in shifts.get(day, ()):
            if shift.after is not None and shift.after.staff is not None:
                burdens.take(user, shift.slot, shift.after.staff)
                causes[shift.after.staff][shift.source] += 1
        exceeded = dict(burdens.over(day))
        for (member, bound), finding in exceeded.items():
            if (member, bound) not in over:
                first = causes[member].most_common(1)
                yield day, replace(finding, source=first[0][0]) if first else finding, bool(first)
        over = {*exceeded}


def _by_day(learners: Iterable[DeclaredLearner]) -> Mapping[date, list[tuple[UserId, Shift]]]:
    days: dict[date, list[tuple[UserId, Shift]]] = defaultdict(list)
    for learner in learners:
        for shift in learner.later:
            if learner.id is not None:
                days[shift.day].append((learner.id, shift))
    return days


def _waivers_end(declared: Declared) -> Iterator[date]:
    for waiver in declared.settings.waivers:
        if waiver.policy == "caseload" and declared.day <= waiver.until < declared.horizon:
            yield waiver.until + _DAY


class Burdens:
    """Learners of each member of staff, by kind of slot, from day to day."""

    def __init__(self, declared: Declared, level: Level, watched: list[Staff]) -> None:
        self._declared, self._level, self._watched = declared, level, watched
        self._holder: dict[Place, UserId] = {}
        self._learners: dict[tuple[UserId, SlotKind], Counter[UserId]] = defaultdict(Counter)
        self._cohorts = {learner.id: learner.cohort for learner in declared.learners}

    def take_all(self, held: Mapping[UserId, Held], kinds: Collection[SlotKind]) -> None:
        """Take every slot of these kinds that somebody holds."""
        for learner, slots in held.items():
            for slot, holder in slots.items():
                if slot.kind in kinds and isinstance(holder, int):
                    self.take(learner, slot, UserId(holder))

    def learners(self, member: Staff) -> list[UserId]:
        """Return the distinct learners of a member of staff, in order."""
        kinds = KINDS.get(member.role, ())
        return sorted({learner for kind in kinds for learner in self._learners[member.id, kind]})

    def take(self, learner: UserId, slot: Slot, holder: UserId) -> None:
        if slot.kind is SlotKind.ADDITIONAL:
            return
        if before := self._holder.get((learner, slot)):
            counts = self._learners[before, slot.kind]
            counts[learner] -= 1
            if not counts[learner]:
                del counts[learner]
        self._holder[learner, slot] = holder
        self._learners[holder, slot.kind][learner] += 1

    def over(self, day: date) -> Iterator[tuple[tuple[UserId, str], Finding]]:
        """Yield the bounds exceeded on that day and not waived, by the member of staff and the key of the bound."""
        on_the_day = replace(self._declared, day=day)
        for member in self._watched:
            held = self.learners(member)
            passed = bound_passed(member, len(held), self._level)
            if passed is None:
                continue
            finding = passed.finding(member, len(held))
            learners = [(learner, self._cohorts.get(learner, "")) for learner in held]
            if not waive_staff(finding, on_the_day, learners, passed.bound).waived:
                yield (member.id, passed.key), finding


def _problem(day: date, finding: Finding) -> tuple[date, Problem]:
    verdict = "the plan will be refused" if finding.level == "error" else "the plan will warn"
    what = f"from {day} {verdict}: {finding.what} [caseload]"
    return day, Problem(what, finding.fix, finding.source, severity="warning")
