"""Look-ahead: rules that coming days break, and slots that they leave without anybody.

Only the days on which something changes are checked, and on each only the learners concerned.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from reconciler.model.declared import Declared, DeclaredLearner, Level, Shift, Waiver
from reconciler.model.observed import Observed, ObservedLearner
from reconciler.model.plan import Change, Finding, changes_of
from reconciler.model.slots import SlotKind, UserId
from reconciler.model.structs import Struct, replace
from reconciler.plan.holders import Held, holders
from reconciler.plan.lookahead_caseload import burden_findings, burdens_ahead
from reconciler.plan.policies import Case, cases_of, check_learner
from reconciler.plan.waivers import names
from reconciler.problems import Problem, Source, in_order

NAMED = 3  # learners in one warning; the others are counted

_DAY = timedelta(days=1)
_LEVELS: Mapping[bool, Level] = {True: "error", False: "warn"}


def look_ahead(declared: Declared, observed: Observed, changes: Sequence[Change]) -> tuple[Problem, ...]:
    """Warn of each policy that a coming day breaks and the plan does not, and of each slot left to nobody.

    It covers the days up to the declared horizon. The state of a coming day is the one after the plan, with everybody
    in place who is declared by then.
    """
    warnings = _after_plan(declared, observed, changes)
    if not warnings:
        return ()
    burdens = burdens_ahead(*with_holders(declared, observed, changes))
    return in_order(problem for _, problem in (*warnings.problems(), *burdens))


def later_findings(
    declared: Declared, observed: Observed, changes: Sequence[Change]
) -> tuple[tuple[date, Finding], ...]:
    """Return each policy that a coming day breaks and the plan does not, with the day, at the line that causes it."""
    warnings = _after_plan(declared, observed, changes)
    if not warnings:
        return ()
    burdens = burden_findings(*with_holders(declared, observed, changes))
    return (
        *warnings.findings(),
        *((day, finding if caused else replace(finding, level="warn")) for day, finding, caused in burdens),
    )


def _after_plan(declared: Declared, observed: Observed, changes: Sequence[Change]) -> _Warnings | None:
    """Return the warnings for the state after the plan; None if no coming day changes anything."""
    concerned = _concerned(declared, observed.misids)
    if not concerned:
        return None
    users = {learner.user(observed.misids) for learner in concerned}
    seen = replace(observed, learners={user: learner for user, learner in observed.learners.items() if user in users})
    known = tuple(changes_of(changes, users))
    return _warnings(replace(declared, learners=concerned), seen, holders(seen, known, after=True))


def with_holders(
    declared: Declared, observed: Observed, changes: Sequence[Change]
) -> tuple[Declared, dict[UserId, Held]]:
    """Return the declaration with known ids, and the holders of the active learners after the plan."""
    learners = tuple(replace(learner, id=learner.user(observed.misids)) for learner in declared.learners)
    held = holders(observed, changes, after=True)
    active = {user: held[user] for user, seen in observed.learners.items() if seen.standing == "active"}
    return replace(declared, learners=learners), active


def foresee(declared: Declared) -> tuple[Problem, ...]:
    """Warn of the same from the files alone, as if OneFile held exactly what they declare for the day."""
    return in_order(problem for _, problem in (*_foreseen(declared).problems(), *_burdens_foreseen(declared)))


def foresee_breaches(declared: Declared) -> tuple[tuple[date, Problem], ...]:
    """Yield the policies that are broken, each with the first day of the breach."""
    return (*_foreseen(declared).problems(lapses=False), *_burdens_foreseen(declared))


def _burdens_foreseen(declared: Declared) -> Iterator[tuple[date, Problem]]:
    if not any(learner.later for learner in declared.learners):
        return iter(())
    learners = _with_ids(declared.learners)
    return burdens_ahead(replace(declared, learners=learners), _as_declared(learners))


def _with_ids(learners: Iterable[DeclaredLearner]) -> tuple[DeclaredLearner, ...]:
    """Give learners by MISID a number of their own: without OneFile their id is not known."""
    return tuple(
        learner if learner.id is not None else replace(learner, id=UserId(-number), label=learner.name())
        for number, learner in enumerate(learners, 1)
    )


def _as_declared(learners: Iterable[DeclaredLearner]) -> dict[UserId, Held]:
    return {learner.id: learner.holders for learner in learners if learner.id is not None}


def _foreseen(declared: Declared) -> _Warnings:
    concerned = _with_ids(_concerned(declared, {}))
    held = _as_declared(concerned)
    seen = Observed(datetime.min.replace(tzinfo=UTC), {user: ObservedLearner(user) for user in held})
    return _warnings(replace(declared, learners=concerned), seen, held)


def _concerned(declared: Declared, misids: Mapping[str, UserId]) -> tuple[DeclaredLearner, ...]:
    ending = _ending(declared)
    return tuple(
        learner
        for learner in declared.learners
        if learner.later or (ending and any(names(waiver, learner.user(misids), learner.cohort) for waiver in ending))
    )


def _ending(declared: Declared) -> list[Waiver]:
    """Return the waivers that are valid on the declared day and not at its horizon."""
    return [waiver for waiver in declared.settings.waivers if declared.day <= waiver.until < declared.horizon]


def _warnings(declared: Declared, observed: Observed, held: Mapping[UserId, Held]) -> _Warnings:
    warnings = _Warnings()
    days = _Days(declared)
    for case in cases_of(declared, observed, held):
        today = days.today(case)
        for day, cause, finding in days.breaches(case):
            known = (finding.policy, finding.what) in today or days.is_waiver(cause)
            warnings.breach(day, cause, finding, case, known=known)
        for shift in case.learner.later:
            if shift.after is None and shift.slot.kind is not SlotKind.ADDITIONAL:
                warnings.lapse(shift, case)
    return warnings


class _Days:
    """The coming days of one declaration: what each learner's slots break on the days that concern them."""

    def __init__(self, declared: Declared) -> None:
        self._declared = declared
        self._ending = _ending(declared)
        self._on: dict[date, Declared] = {}

    def today(self, case: Case) -> set[tuple[str, str]]:
        """Return what is broken today already, waived or not."""
        return {(finding.policy, finding.what) for finding in check_learner(case, self._at(self._declared.day))}

    def is_waiver(self, cause: Source) -> bool:
        """Return whether the line is a waiver's: nothing is written when one ends."""
        return any(waiver.source == cause for waiver in self._ending)

    def breaches(self, case: Case) -> Iterator[tuple[date, Source, Finding]]:
        """Yield each breach that a day brings and the day before did not have, with the line that causes it."""
        known = {
            (finding.policy, finding.what)
            for finding in check_learner(case, self._at(self._declared.day))
            if not finding.waived
        }
        causes: dict[date, list[Source]] = defaultdict(list)
        for waiver in self._ending:
            if names(waiver, case.id, case.learner.cohort):
                causes[waiver.until + _DAY].append(waiver.source)
        shifts: dict[date, list[Shift]] = defaultdict(list)
        for shift in case.learner.later:
            shifts[shift.day].append(shift)
        for day in sorted({*causes, *shifts}):
            case = _moved(case, shifts[day])
            findings = [finding for finding in check_learner(case, self._at(day)) if not finding.waived]
            for finding in findings:
                if (finding.policy, finding.what) not in known:
                    yield day, _cause(finding, shifts[day], causes[day]), finding
            known = {(finding.policy, finding.what) for finding in findings}

    def _at(self, day: date) -> Declared:
        return self._on.setdefault(day, replace(self._declared, day=day))


def _moved(case: Case, shifts: Sequence[Shift]) -> Case:
    """Return the learner after a day's shifts.

    A holder who is no longer declared is still there: OneFile has no unassign, so only a successor replaces a holder.
    """
    slots = {**case.learner.slots, **{shift.slot: shift.after for shift in shifts if shift.after}}
    for shift in shifts:
        if shift.after is None:
            slots.pop(shift.slot, None)
    comers = {shift.slot: shift.after.staff for shift in shifts if shift.after and shift.after.staff is not None}
    return replace(case, learner=replace(case.learner, slots=slots), held={**case.held, **comers})


def _cause(finding: Finding, shifts: Sequence[Shift], waivers: Sequence[Source]) -> Source:
    """Return the line that changes on the day and contributes to the finding, if it can be determined."""
    changed = [source for shift in shifts for source in (shift.source, shift.after.source if shift.after else None)]
    part = [source for source in changed if source in finding.places]
    return next((source for source in (*part, *waivers, *changed) if source), Source(""))


class _Effect(Struct, frozen=True):
    """Effect of one line on one day, reported once for all the learners whom it affects in the same way."""

    day: date
    source: Source
    what: str
    fix: str
    policy: str = ""
    blocks: bool = False


class _Warnings:
    """Warnings grouped by effect, so that one stand-in for forty learners is one warning."""

    def __init__(self) -> None:
        self._learners: dict[_Effect, list[str]] = defaultdict(list)
        self._known: set[tuple[_Effect, str]] = set()
        self._places: dict[_Effect, dict[Source, None]] = defaultdict(dict)

    def breach(self, day: date, cause: Source, finding: Finding, case: Case, *, known: bool) -> None:
        """Add a breach; a `known` one is broken today already, or only a waiver ends: no change causes it."""
        name = case.learner.label or f"learner {case.id}"
        what = finding.what.removeprefix(f"{name}: ")
        effect = _Effect(day, cause, what, finding.fix, finding.policy, finding.level == "error")
        self._learners[effect].append(name)
        if known:
            self._known.add((effect, name))
        self._places[effect].update(dict.fromkeys(place for place in finding.places if place != cause))

    def lapse(self, shift: Shift, case: Case) -> None:
        key = "" if shift.slot.key is None else f" {shift.slot.key}"
        post = f"{shift.slot.kind.value.replace('_', ' ')}{key}"
        what = f"nobody is declared as {post} after {shift.day - _DAY}"
        fix = "Add an entry for the time after, with 'staff: null' if nobody should hold the slot then."
        self._learners[_Effect(shift.day, shift.source, what, fix)].append(case.learner.name())

    def findings(self) -> Iterator[tuple[date, Finding]]:
        """Yield each broken policy with its first day; it blocks only if a change of that day causes it."""
        for effect, learners in self._learners.items():
            if not effect.policy:
                continue
            affected = dict.fromkeys(learners)
            known = [name for name in affected if (effect, name) in self._known]
            caused = [name for name in affected if (effect, name) not in self._known]
            for listed, blocks in ((caused, effect.blocks), (known, False)):
                if listed:
                    what, level = f"{effect.what} for {_listed(listed)}", _LEVELS[blocks]
                    yield effect.day, Finding(effect.policy, level, what, effect.fix, source=effect.source)

    def problems(self, *, lapses: bool = True) -> Iterator[tuple[date, Problem]]:
        """Yield each warning with its first day."""
        for effect, learners in self._learners.items():
            where = f" for {_listed(list(dict.fromkeys(learners)))}"
            if effect.policy:
                places = _listed([str(place) for place in self._places[effect]])
                beside = f", by this line and {places}" if places else ""
                verdict = "the plan will be refused" if effect.blocks else "the plan will warn"
                what = f"from {effect.day} {verdict}: {effect.what}{where}{beside} [{effect.policy}]"
            elif not lapses:
                continue
            else:
                what = f"from {effect.day} the slot is not managed, and apply cannot be complete: {effect.what}{where}"
            yield effect.day, Problem(what, effect.fix, effect.source, severity="warning")


def _listed(words: Sequence[str]) -> str:
    """Return `a, b, c and 9 more`."""
    named, more = list(words[:NAMED]), len(words) - NAMED
    parts = [*named, f"{more} more"] if more > 0 else named
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else "".join(parts)
