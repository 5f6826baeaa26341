"""Cross-file validation: unknown handles, roles, date overlaps, duplicate learners."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache

from reconciler.declared.cohort import CohortEntry, Held, Learner, Slots, Term
from reconciler.declared.settings_and_staff import Directory
from reconciler.declared.shapes import not_plain
from reconciler.model.declared import POLICIES, RUN_LIMITS, VANISHED, Cover, Settings, Staff, Waiver
from reconciler.model.slots import ROLES_FOR, Handle, Role, Slot, SlotKind, UserId
from reconciler.problems import Problem, Source
from reconciler.text import did_you_mean, listed, nearest, otherwise, quoted, slot_name, slug

_DAY = timedelta(days=1)


# ------------------------------------------------------------------ staff.yaml


def check_staff(directory: Directory) -> Iterator[Problem]:
    first: dict[UserId, Staff] = {}
    for member in directory.staff.values():
        if member.id in first:
            other = first[member.id]
            what = f"staff {member.handle}: id {member.id} is also {other.handle}'s, on line {other.source.line}"
            yield Problem(what, "Keep one handle per OneFile account; join two accounts with person.", member.source)
        first.setdefault(member.id, member)
        yield from _check_caseload(member)
        yield from _check_competence(member)
        for cover in member.cover:
            yield from _check_cover(member, cover, directory)
        yield from _check_cover_days(member)
    yield from _circles(directory.staff)


def _check_caseload(member: Staff) -> Iterator[Problem]:
    target, most = member.caseload_target, member.caseload_max
    if target is not None and most is not None and target > most:
        what = f"staff {member.handle}: caseload: the target of {target} is above the max of {most}"
        yield Problem(what, "Lower the target or raise the max.", member.source)


def _check_competence(member: Staff) -> Iterator[Problem]:
    for item in member.competence or ():
        if item.start and item.end and item.end < item.start:
            what = f"staff {member.handle}: competence: standard {item.standard} ends on {item.end}, before it starts"
            yield Problem(what, "Correct from or until.", item.source)


def _check_cover(member: Staff, cover: Cover, directory: Directory) -> Iterator[Problem]:
    subject = f"staff {member.handle}: cover"
    if cover.end is not None and cover.end < cover.start:
        what = f"{subject}: it ends on {cover.end}, before it starts on {cover.start}"
        yield Problem(what, "Correct from or until.", cover.source)
    if cover.by == member.handle:
        yield Problem(f"{subject}: {member.handle} cannot stand in for themselves", "Name somebody else.", cover.source)
    elif cover.by not in directory.handles:
        yield unknown_handle(f"{subject}: ", cover.by, directory, cover.source)
    elif (by := directory.staff.get(cover.by)) and not _can_replace(by.role, member.role):
        fitting = [role for role in Role if _can_replace(role, member.role)]
        what = f"{subject}: {by.handle} is {a_role(by.role)} and cannot stand in for {a_role(member.role)}"
        yield Problem(what, f"Name {listed(map(a_role, fitting), 'or')}.", cover.source)


def _can_replace(role: Role, covered: Role) -> bool:
    return all(role in roles for roles in ROLES_FOR.values() if covered in roles)


def _check_cover_days(member: Staff) -> Iterator[Problem]:
    """Report days with two stand-ins. Covers are sorted by their first day."""
    last: Cover | None = None
    for cover in member.cover:
        if last is not None and (last.end is None or cover.start <= last.end):
            until = f"until {last.end}" if last.end else "without an end"
            what = (
                f"staff {member.handle}: cover: {cover.by} stands in from {cover.start}, when {last.by} "
                f"(line {last.source.line}) does so {until}"
            )
            yield Problem(what, "End one before the other starts; both days are included.", cover.source)
        if last is None or (last.end is not None and (cover.end is None or cover.end > last.end)):
            last = cover


def _circles(staff: Mapping[Handle, Staff]) -> Iterator[Problem]:
    """Report circular cover, on any day. A circle can only begin on a day when some cover begins."""
    reported: set[frozenset[Handle]] = set()
    for day in sorted({cover.start for member in staff.values() for cover in member.cover}):
        active = {handle: cover for handle, member in staff.items() if (cover := member.cover_on(day))}
        for circle in _circles_among(active):
            if frozenset(circle) not in reported:
                reported.add(frozenset(circle))
                yield _circle_problem(circle, active, day)


def _circles_among(active: Mapping[Handle, Cover]) -> Iterator[list[Handle]]:
    """Yield every circle of two or more in a map where each handle points to at most one other."""
    done: set[Handle] = set()
    for start in sorted(active):
        path: list[Handle] = []
        handle = start
        while handle in active and handle not in done:
            done.add(handle)
            path.append(handle)
            handle = active[handle].by
        if handle in path[:-1]:
            yield path[path.index(handle) :]


def _circle_problem(circle: list[Handle], active: Mapping[Handle, Cover], day: date) -> Problem:
    first = circle.index(min(circle))
    ordered = circle[first:] + circle[:first]
    steps = [f"{handle} is covered by {active[handle].by} (line {active[handle].source.line})" for handle in ordered]
    what = f"cover is circular on {day}: {listed(steps, 'and')}"
    return Problem(what, "Name somebody outside the circle to cover one of them.", active[ordered[0]].source)


# ------------------------------------------------------------------ one cohort file


def check_cohort(cohort: CohortEntry, directory: Directory, *, partial: bool = False) -> Iterator[Problem]:
    """Check one cohort file. *partial*: entries may be missing, so gaps are not reported."""
    if cohort.declared and cohort.declared != cohort.name:
        what = f"cohort is {quoted(cohort.declared)}, but the file is called {cohort.name}.yaml"
        fix = f"Rename the file to {cohort.declared}.yaml"
        fix += f", or write 'cohort: {cohort.name}'." if cohort.name == slug(cohort.name) else "."
        yield Problem(what, fix, Source(cohort.file, cohort.line))
    yield from _check_slots(cohort.defaults, "defaults", cohort.file, directory, partial)
    yield from _check_empty(cohort.defaults, "defaults", cohort.file, ())
    named = {held.slot for held in cohort.defaults.held}
    for learner in not_plain(cohort.learners, directory.fitting):
        yield from _check_slots(learner.slots, learner.subject, cohort.file, directory, partial)
        yield from _check_empty(learner.slots, learner.subject, cohort.file, named)


def _check_empty(slots: Slots, subject: str, file: str, named: Collection[Slot]) -> Iterator[Problem]:
    """Report an empty list for a slot that the defaults do not name: it leaves out nothing."""
    for held in slots.held:
        if not held.terms and held.slot not in named:
            what = f"{subject}: {slot_name(held.slot)} is an empty list, and there is no default to leave out"
            yield Problem(what, "Remove the key, or write null if nobody is meant.", Source(file, held.line))


_ADDITIONAL = Slot(SlotKind.ADDITIONAL)


def _check_slots(slots: Slots, subject: str, file: str, directory: Directory, partial: bool) -> Iterator[Problem]:
    for held in slots.held:
        for term in held.terms:
            if term.staff not in directory.fitting[held.slot.kind]:
                yield from _check_holder(held.slot, term, subject, file, directory)
        if held.terms and (len(held.terms) > 1 or held.terms[0].start or held.terms[0].end):
            yield from _check_terms(held, f"{subject}: {slot_name(held.slot)}", file, partial)
    for term in slots.additional:
        if term.staff not in directory.fitting[SlotKind.ADDITIONAL]:
            yield from _check_holder(_ADDITIONAL, term, subject, file, directory)
        yield from _check_direction(term, f"{subject}: additional", file)


def _check_holder(slot: Slot, term: Term, subject: str, file: str, directory: Directory) -> Iterator[Problem]:
    """Report a holder that does not fit, unless the entry in staff.yaml has a fault of its own."""
    member = directory.staff.get(term.staff) if term.staff else None
    if member is None:
        if directory.complete and term.staff not in directory.handles:
            yield unknown_handle(f"{subject}: ", str(term.staff), directory, Source(file, term.line))
    else:
        roles = listed((role.value for role in Role if role in ROLES_FOR[slot.kind]), "or")
        place = f"{subject}: {slot_name(slot)}"
        what = f"{place} must have role {roles}, but '{member.handle}' has role {member.role.value}"
        fix = f"Name somebody with role {roles}, or correct the role at {member.source}."
        yield Problem(what, fix, Source(file, term.line))


def _check_terms(held: Held, place: str, file: str, partial: bool) -> Iterator[Problem]:
    """Report terms that end before they start; else overlaps and gaps between them."""
    reversed_terms = [problem for term in held.terms for problem in _check_direction(term, place, file)]
    yield from reversed_terms
    if reversed_terms:
        return
    first, *rest = sorted(held.terms, key=lambda term: (term.start or date.min, term.end or date.max))
    latest = first
    for term in rest:
        yield from _check_neighbours(latest, term, place, file, partial)
        latest = max(latest, term, key=lambda term: term.end or date.max)


def _check_direction(term: Term, place: str, file: str) -> Iterator[Problem]:
    if term.start and term.end and term.end < term.start:
        what = f"{place}: the entry ends on {term.end}, before it starts on {term.start}"
        yield Problem(what, "Correct from or until.", Source(file, term.line))


def _check_neighbours(before: Term, after: Term, place: str, file: str, partial: bool) -> Iterator[Problem]:
    start, end = after.start or date.min, before.end or date.max
    holders = f"{before.staff or 'nobody'} (line {before.line}) and {after.staff or 'nobody'} (line {after.line})"
    line = max(before.line, after.line)
    if start <= end:
        what = f"{place}: the entries of {holders} overlap{_overlap_words(before, after)}"
        yield Problem(what, "End one on the day before the other starts.", Source(file, line))
    elif start - end > _DAY and not partial:
        gap = f"from {end + _DAY} to {start - _DAY}" if start - end > 2 * _DAY else f"on {end + _DAY}"
        what = f"{place}: between the entries of {holders} nobody is declared {gap}"
        fix = "Close the gap, or add an entry with 'staff: null' if nobody should hold the slot in that time."
        yield Problem(what, fix, Source(file, line))


def _overlap_words(before: Term, after: Term) -> str:
    start, end = after.start, min((term.end for term in (before, after) if term.end), default=None)
    if start == end:
        return f" on {start}" if start else " on every day"
    return (f" from {start}" if start else "") + (f" to {end}" if end else "")


_NOBODY = frozenset({"no", "none", "nobody", "nil", "off", "false"})


@lru_cache(maxsize=10_000)  # the same slip is often on every learner of a file
def _near_handle(handle: str, handles: frozenset[str]) -> str:
    return nearest(handle, sorted(handles))


def unknown_handle(prefix: str, handle: str, directory: Directory, source: Source) -> Problem:
    if handle in _NOBODY:
        hint = f"Write null if nobody is meant: {quoted(handle)} is text here."
    else:
        hint = _near_handle(handle, directory.handles)
    fix = otherwise(hint, "Add the handle, with its OneFile id and role, to staff.yaml.")
    return Problem(f"{prefix}{quoted(handle)} is not in staff.yaml", fix, source)


def a_role(role: Role) -> str:
    words = "IQA" if role is Role.IQA else role.value.replace("_", " ")
    return f"an {words}" if words[0] in "aeioIAEO" else f"a {words}"


# ------------------------------------------------------------------ all files together


_Place = tuple[str, int]
"""File and line. To make a Source takes ten times as long, and few are ever shown."""


class LearnerIndex:
    """Index of all learners of all cohort files; reports duplicates, and learners who are staff."""

    def __init__(self, directory: Directory) -> None:
        self._staff = {member.id: member for member in directory.staff.values()}
        self._ids, self._misids, self._labels = (dict[int | str, _Place]() for _ in range(3))
        self._complete = True
        self.cohorts: set[str] = set()

    def add(self, cohort: CohortEntry, readable: bool) -> Iterator[Problem]:
        """Add a cohort's learners. *readable* False: the file may have learners that could not be read."""
        self.cohorts.add(cohort.name)
        self._complete = self._complete and readable
        places = [(cohort.file, learner.line) for learner in cohort.learners]
        if not self._added(cohort.learners, places):
            for learner, place in zip(cohort.learners, places, strict=True):
                yield from self._faults(learner, place)

    def lacks_learner(self, key: UserId) -> bool:
        return self._complete and key not in self._ids

    def _added(self, learners: Sequence[Learner], places: Sequence[_Place]) -> bool:
        """Add the learners of a file together, which is faster; return False, without adding, if one has a fault."""
        named: tuple[tuple[dict[int | str, _Place], list[int | str | None]], ...] = (
            (self._ids, [learner.id for learner in learners]),
            (self._misids, [learner.misid for learner in learners]),
            (self._labels, [learner.label or None for learner in learners]),
        )
        for known, keys in named:
            own = [key for key in keys if key is not None]
            if len(set(own)) < len(own) or not known.keys().isdisjoint(own):
                return False
        if not self._staff.keys().isdisjoint(learner.id for learner in learners):
            return False
        for known, keys in named:
            if any(keys):
                known.update((key, place) for key, place in zip(keys, places, strict=True) if key is not None)
        return True

    def _faults(self, learner: Learner, place: _Place) -> Iterator[Problem]:
        """Add what can be added of a learner, and yield the problems."""
        source = Source(*place)
        for places, key in ((self._ids, learner.id), (self._misids, learner.misid)):
            if key is not None and (first := places.setdefault(key, place)) is not place:
                what = f"{learner.subject} is declared twice; first at {Source(*first)}"
                yield Problem(what, "Remove one of the two: a learner is in one cohort only, once.", source)
        if learner.label and (first := self._labels.setdefault(learner.label, place)) is not place:
            other = Source(*first)
            what = f"{learner.subject}: the label {quoted(learner.label)} is also the label of the learner at {other}"
            yield Problem(what, "Give each learner a label of their own, or none.", source)
        if learner.id in self._staff:
            member = self._staff[learner.id]
            what = f"{learner.subject}: this id is {member.handle}'s, at {member.source}"
            yield Problem(what, "Correct the id: one OneFile account cannot be learner and staff.", source)


def check_windows(settings: Settings) -> Iterator[Problem]:
    """Report windows of whole days whose last day comes before the first."""
    for window in settings.windows:
        if window.first and window.last and window.last < window.first:
            what = f"window: its last day {window.last} is before its first day {window.first}"
            yield Problem(what, "Write the earlier day first: 2027-01-04..2027-01-08.", window.source)


def check_waivers(settings: Settings, index: LearnerIndex, day: date) -> Iterator[Problem]:
    for waiver in settings.waivers:
        if waiver.learner is not None and index.lacks_learner(waiver.learner):
            what = f"waiver of {waiver.policy}: no cohort file declares a learner with id {waiver.learner}"
            fix = "Correct the id or remove the waiver; for a learner declared by misid, waive the cohort."
            yield Problem(what, fix, waiver.source)
        yield from _misplaced(waiver)
        vanished = waiver.policy == VANISHED  # it names a cohort that no longer exists
        if waiver.cohort is not None and not vanished and waiver.cohort not in index.cohorts:
            what = f"waiver of {waiver.policy}: there is no cohort {quoted(waiver.cohort)}"
            fix = did_you_mean(waiver.cohort, index.cohorts, "Name an existing cohort file, without .yaml.")
            yield Problem(what, fix, waiver.source)
        if waiver.until < day:
            yield _expired(waiver)


def _misplaced(waiver: Waiver) -> Iterator[Problem]:
    """Report a wrong scope: policies are waived for a learner or a cohort, limits for a cohort or a run."""
    if waiver.policy in RUN_LIMITS and waiver.learner is not None:
        fix = "Write cohort: NAME, or run: true for the whole run."
        yield Problem(f"waiver of {waiver.policy}: a limit cannot be waived for one learner", fix, waiver.source)
    elif waiver.policy == VANISHED and waiver.cohort is None:
        fix = "Write cohort: NAME, the cohort whose file is gone or empty."
        yield Problem(f"waiver of {waiver.policy}: it must name the cohort", fix, waiver.source)
    elif waiver.policy in POLICIES and waiver.run:
        fix = "Write learner: ID or cohort: NAME."
        yield Problem(f"waiver of {waiver.policy}: a policy cannot be waived for a whole run", fix, waiver.source)


def _expired(waiver: Waiver) -> Problem:
    what = f"waiver of {waiver.policy}: its last day was {waiver.until}, so it no longer counts"
    return Problem(what, "Remove it, or have it approved again with a later day.", waiver.source, severity="warning")
