"""What a schema cannot say: who exists, who fits where, which days meet, who stands only once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date, timedelta
from functools import lru_cache

from reconciler.declared.cohort import CohortEntry, Held, LearnerEntry, Slots, Term
from reconciler.declared.cover import cover_on
from reconciler.declared.settings_and_staff import Directory
from reconciler.model.declared import POLICIES, RUN_LIMITS, VANISHED, Cover, Settings, Staff, Waiver
from reconciler.model.slots import ROLES_FOR, Handle, Role, Slot, SlotKind, UserId
from reconciler.problems import Problem, Source
from reconciler.text import did_you_mean, listed, nearest, quoted, slot_name, slug

_DAY = timedelta(days=1)


# ------------------------------------------------------------------ staff.yaml


def check_staff(directory: Directory) -> Iterator[Problem]:
    first: dict[UserId, Staff] = {}
    for member in directory.staff.values():
        if member.id in first:
            other = first[member.id]
            what = f"staff {member.handle}: id {member.id} is also {other.handle}'s, on line {other.source.line}"
            yield Problem(what, "keep one handle per OneFile account; join two accounts by person.", member.source)
        first.setdefault(member.id, member)
        yield from _check_caseload(member)
        for cover in member.cover:
            yield from _check_cover(member, cover, directory)
        yield from _check_cover_days(member)
    yield from _circles(directory.staff)


def _check_caseload(member: Staff) -> Iterator[Problem]:
    target, most = member.caseload_target, member.caseload_max
    if target is not None and most is not None and target > most:
        what = f"staff {member.handle}: caseload: the target of {target} is above the max of {most}"
        yield Problem(what, "lower the target or raise the max.", member.source)


def _check_cover(member: Staff, cover: Cover, directory: Directory) -> Iterator[Problem]:
    subject = f"staff {member.handle}: cover"
    if cover.end is not None and cover.end < cover.start:
        what = f"{subject}: it ends on {cover.end}, before it starts on {cover.start}"
        yield Problem(what, "correct from or until.", cover.source)
    if cover.by == member.handle:
        yield Problem(f"{subject}: {member.handle} cannot stand in for themselves", "name somebody else.", cover.source)
    elif cover.by not in directory.handles:
        yield unknown_handle(f"{subject}: ", cover.by, directory, cover.source)
    elif (by := directory.staff.get(cover.by)) and not _can_replace(by.role, member.role):
        fitting = [role for role in Role if _can_replace(role, member.role)]
        what = f"{subject}: {by.handle} is {a_role(by.role)} and cannot stand in for {a_role(member.role)}"
        yield Problem(what, f"name {listed(map(a_role, fitting), 'or')}.", cover.source)


def _can_replace(role: Role, covered: Role) -> bool:
    return all(role in roles for roles in ROLES_FOR.values() if covered in roles)


def _check_cover_days(member: Staff) -> Iterator[Problem]:
    """Two stand-ins on one day leave open who acts. Covers come sorted by their first day."""
    last: Cover | None = None
    for cover in member.cover:
        if last is not None and (last.end is None or cover.start <= last.end):
            upto = f"until {last.end}" if last.end else "for good"
            what = (
                f"staff {member.handle}: cover: {cover.by} stands in from {cover.start}, when {last.by} "
                f"(line {last.source.line}) does so {upto}"
            )
            yield Problem(what, "let one end before the other starts; both days are included.", cover.source)
        if last is None or (last.end is not None and (cover.end is None or cover.end > last.end)):
            last = cover


def _circles(staff: Mapping[Handle, Staff]) -> Iterator[Problem]:
    """Cover that comes back to where it began, on any day. Circles can only begin on a day when some cover begins."""
    told: set[frozenset[Handle]] = set()
    for day in sorted({cover.start for member in staff.values() for cover in member.cover}):
        active = {handle: cover for handle, member in staff.items() if (cover := cover_on(member, day))}
        for circle in _circles_among(active):
            if frozenset(circle) not in told:
                told.add(frozenset(circle))
                yield _circle_problem(circle, active, day)


def _circles_among(active: Mapping[Handle, Cover]) -> Iterator[list[Handle]]:
    """Every circle of two or more in a map where each handle points to at most one other."""
    done: set[Handle] = set()
    for start in sorted(active):
        path: list[Handle] = []
        here = start
        while here in active and here not in done:
            done.add(here)
            path.append(here)
            here = active[here].by
        if here in path[:-1]:
            yield path[path.index(here) :]


def _circle_problem(circle: list[Handle], active: Mapping[Handle, Cover], day: date) -> Problem:
    first = circle.index(min(circle))
    ordered = circle[first:] + circle[:first]
    steps = [f"{handle} is covered by {active[handle].by} (line {active[handle].source.line})" for handle in ordered]
    what = f"cover goes in a circle on {day}: {listed(steps, 'and')}"
    return Problem(what, "let one of them be covered by somebody outside the circle.", active[ordered[0]].source)


# ------------------------------------------------------------------ one cohort file


def check_cohort(cohort: CohortEntry, directory: Directory, *, partial: bool = False) -> Iterator[Problem]:
    """*partial*: entries may be missing, so that days without anybody say nothing."""
    if cohort.declared and cohort.declared != cohort.name:
        what = f"cohort is {quoted(cohort.declared)}, but the file is called {cohort.name}.yaml"
        fix = f"rename the file to {cohort.declared}.yaml"
        fix += f", or write 'cohort: {cohort.name}'." if cohort.name == slug(cohort.name) else "."
        yield Problem(what, fix, Source(cohort.file, cohort.line))
    yield from _check_slots(cohort.defaults, "defaults", cohort.file, directory, partial)
    yield from _check_empty(cohort.defaults, "defaults", cohort.file, ())
    named = {held.slot for held in cohort.defaults.held}
    for learner in cohort.learners:
        if not _is_plain(learner.slots, directory.fitting):
            yield from _check_slots(learner.slots, learner.subject, cohort.file, directory, partial)
            yield from _check_empty(learner.slots, learner.subject, cohort.file, named)


def _is_plain(slots: Slots, fitting: Mapping[SlotKind, Collection[Handle | None]]) -> bool:
    """Everything is one entry for good, of somebody who fits: by far the most, and nothing can be wrong with it."""
    for held in slots.held:
        if len(held.terms) != 1:
            return False
        (term,) = held.terms
        if term.start or term.end or term.staff not in fitting[held.slot.kind]:
            return False
    return all(
        not term.start and not term.end and term.staff in fitting[SlotKind.ADDITIONAL] for term in slots.additional
    )


def _check_empty(slots: Slots, subject: str, file: str, named: Collection[Slot]) -> Iterator[Problem]:
    """An empty list leaves out what the defaults name; where they do not, it is more likely a slip."""
    for held in slots.held:
        if not held.terms and held.slot not in named:
            what = f"{subject}: {slot_name(held.slot)} is an empty list, and there is no default to leave out"
            yield Problem(what, "remove the key, or write null if nobody is meant.", Source(file, held.line))


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
    """Why the holder does not fit; nothing where the entry in staff.yaml has a fault of its own."""
    member = directory.staff.get(term.staff) if term.staff else None
    if member is None:
        if directory.complete and term.staff not in directory.handles:
            yield unknown_handle(f"{subject}: ", str(term.staff), directory, Source(file, term.line))
    else:
        roles = listed((a_role(role) for role in Role if role in ROLES_FOR[slot.kind]), "or")
        what = f"{subject}: {slot_name(slot)} must be {roles}, but '{member.handle}' is {a_role(member.role)}"
        fix = f"name {roles}, or correct the role at {member.source}."
        yield Problem(what, fix, Source(file, term.line))


def _check_terms(held: Held, place: str, file: str, partial: bool) -> Iterator[Problem]:
    """Each term the right way round; all together without a day that has two holders or, in between, none."""
    turned = [problem for term in held.terms for problem in _check_direction(term, place, file)]
    yield from turned
    if turned:
        return
    first, *rest = sorted(held.terms, key=lambda term: (term.start or date.min, term.end or date.max))
    latest = first
    for term in rest:
        yield from _check_neighbours(latest, term, place, file, partial)
        latest = max(latest, term, key=lambda each: each.end or date.max)


def _check_direction(term: Term, place: str, file: str) -> Iterator[Problem]:
    if term.start and term.end and term.end < term.start:
        what = f"{place}: the entry ends on {term.end}, before it starts on {term.start}"
        yield Problem(what, "correct from or until.", Source(file, term.line))


def _check_neighbours(before: Term, after: Term, place: str, file: str, partial: bool) -> Iterator[Problem]:
    start, end = after.start or date.min, before.end or date.max
    who = f"{before.staff or 'nobody'} (line {before.line}) and {after.staff or 'nobody'} (line {after.line})"
    line = max(before.line, after.line)
    if start <= end:
        what = f"{place}: the entries of {who} overlap{_overlap_words(before, after)}"
        yield Problem(what, "let one end on the day before the other starts.", Source(file, line))
    elif start - end > _DAY and not partial:
        gap = f"from {end + _DAY} to {start - _DAY}" if start - end > 2 * _DAY else f"on {end + _DAY}"
        what = f"{place}: between the entries of {who} nobody is declared {gap}"
        fix = "close the gap, or add an entry with 'staff: null' if nobody shall hold the slot in that time."
        yield Problem(what, fix, Source(file, line))


def _overlap_words(before: Term, after: Term) -> str:
    start, end = after.start, min((term.end for term in (before, after) if term.end), default=None)
    if start == end:
        return f" on {start}" if start else " on every day"
    return (f" from {start}" if start else "") + (f" to {end}" if end else "")


_NOBODY = frozenset({"no", "none", "nobody", "nil", "off", "false"})


@lru_cache(maxsize=10_000)  # the same slip often stands on every learner of a file
def _near_handle(handle: str, handles: frozenset[str]) -> str:
    return nearest(handle, sorted(handles))


def unknown_handle(prefix: str, handle: str, directory: Directory, source: Source) -> Problem:
    otherwise = "add the handle, with its OneFile id and role, to staff.yaml."
    if handle in _NOBODY:
        fix = f"{quoted(handle)} is a word here; write null if nobody is meant. Otherwise {otherwise}"
    else:
        near = _near_handle(handle, directory.handles)
        fix = f"{near} Otherwise {otherwise}" if near else otherwise
    return Problem(f"{prefix}{quoted(handle)} is not in staff.yaml", fix, source)


def a_role(role: Role) -> str:
    words = "IQA" if role is Role.IQA else role.value.replace("_", " ")
    return f"an {words}" if words[0] in "aeioIAEO" else f"a {words}"


# ------------------------------------------------------------------ all files together


class LearnerIndex:
    """Every learner of every cohort file, each only once, and none who is staff."""

    def __init__(self, directory: Directory) -> None:
        self._staff = {member.id: member for member in directory.staff.values()}
        self._places: dict[tuple[str, int | str], Source] = {}
        self._complete = True
        self.cohorts: set[str] = set()

    def add(self, cohort: CohortEntry, readable: bool) -> Iterator[Problem]:
        """*readable* False: the file may hold learners that nobody has seen."""
        self.cohorts.add(cohort.name)
        self._complete = self._complete and readable
        for learner in cohort.learners:
            yield from self._add(learner, Source(cohort.file, learner.line))

    def lacks_learner(self, key: UserId) -> bool:
        return self._complete and ("id", key) not in self._places

    def _add(self, learner: LearnerEntry, source: Source) -> Iterator[Problem]:
        for kind, key in (("id", learner.id), ("misid", learner.misid)):
            if key is not None and (place := self._places.setdefault((kind, key), source)) is not source:
                what = f"{learner.subject} is declared twice; first at {place}"
                yield Problem(what, "a learner stands in one cohort only, once: remove one of the two.", source)
        if learner.label and (place := self._places.setdefault(("label", learner.label), source)) is not source:
            what = f"{learner.subject}: the label {quoted(learner.label)} is also the label of the learner at {place}"
            yield Problem(what, "give each learner a label of their own, or none.", source)
        if learner.id in self._staff:
            member = self._staff[learner.id]
            what = f"{learner.subject}: this id is {member.handle}'s, at {member.source}"
            yield Problem(what, "correct the id: one OneFile account cannot be learner and staff.", source)


def check_waivers(settings: Settings, register: LearnerIndex, day: date) -> Iterator[Problem]:
    for waiver in settings.waivers:
        if waiver.learner is not None and register.lacks_learner(waiver.learner):
            what = f"waiver of {waiver.policy}: no cohort file declares a learner with id {waiver.learner}"
            fix = "correct the id or remove the waiver; for a learner declared by misid, waive the cohort."
            yield Problem(what, fix, waiver.source)
        yield from _misplaced(waiver)
        gone = waiver.policy == VANISHED  # it names a cohort that is no longer there
        if waiver.cohort is not None and not gone and waiver.cohort not in register.cohorts:
            what = f"waiver of {waiver.policy}: there is no cohort {quoted(waiver.cohort)}"
            fix = did_you_mean(waiver.cohort, register.cohorts, "name an existing cohort file, without .yaml.")
            yield Problem(what, fix, waiver.source)
        if waiver.until < day:
            yield _expired(waiver)


def _misplaced(waiver: Waiver) -> Iterator[Problem]:
    """Policies are waived for a learner or a cohort, limits for a cohort or the whole run."""
    if waiver.policy in RUN_LIMITS and waiver.learner is not None:
        fix = "write cohort: NAME, or run: true for the whole run."
        yield Problem(f"waiver of {waiver.policy}: a limit cannot be waived for one learner", fix, waiver.source)
    elif waiver.policy == VANISHED and waiver.cohort is None:
        fix = "write cohort: NAME, the cohort whose file is gone or empty."
        yield Problem(f"waiver of {waiver.policy}: it must name the cohort", fix, waiver.source)
    elif waiver.policy in POLICIES and waiver.run:
        fix = "write learner: ID or cohort: NAME."
        yield Problem(f"waiver of {waiver.policy}: a policy cannot be waived for a whole run", fix, waiver.source)


def _expired(waiver: Waiver) -> Problem:
    what = f"waiver of {waiver.policy}: its last day was {waiver.until}, so it no longer counts"
    return Problem(what, "remove it, or have it approved anew with a later day.", waiver.source, severity="warning")
