"""Pages of staff: everybody's caseload, and of each the learners, the caseload over time, and what is coming."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from reconciler.model.declared import Cover, DeclaredLearner, Staff
from reconciler.model.slots import DEFAULT_KINDS, LEARNING_AIM_KINDS, UNIT_KINDS, Role, Slot, SlotKind
from reconciler.plan.caseload_history import Points, highest, on_day
from reconciler.report.common.words import key_words
from reconciler.report.html.bar_chart import Bar, bar_chart
from reconciler.report.html.cells import joined, link, mark, steady
from reconciler.report.html.sections import Row, Section
from reconciler.report.html.time_chart import Series, time_chart
from reconciler.report.site.coming import DAYS, coming_section
from reconciler.report.site.frame import STAFF, Frame, staff_file
from reconciler.report.site.issues import drift_section, steps_section
from reconciler.text import spaced

if TYPE_CHECKING:
    from reconciler.commands.who import HeldSlot

_AHEAD, _LONGEST = timedelta(days=180), timedelta(days=730)
_WEEKS = 8
_NOTES = {"": "", "above the target": "above target", "above the maximum": "above max"}
"""Marks as they fit beside a bar."""
_COUNTED = (Role.ASSESSOR, Role.TRAINEE_ASSESSOR, Role.IQA)
Held = tuple[DeclaredLearner, Sequence["HeldSlot"]]
ByStaff = Mapping[str, Sequence[Held]]
"""Learners of each member of staff, in effect or in name, with these slots."""


def staff_list(frame: Frame, held: ByStaff) -> str:
    """Render everybody with role and caseload, now and at its highest in the coming days."""
    members = sorted(frame.centre.declared.staff.values(), key=lambda member: member.handle)
    rows = [_line(frame, member, held) for member in members]
    columns = ("Staff", "Role", "Learners now", f"Highest in {DAYS} days", "Target", "Maximum", "Mark", "Cover")
    return frame.page("Staff", [Section("", "", columns, rows, sorts=True)], place=STAFF)


def overloaded(frame: Frame) -> Section:
    """Return who is above the target or the maximum now, or will be in the coming days."""
    rows: list[Row] = []
    for member in frame.centre.declared.staff.values():
        now, day, most = _numbers(frame, member)
        if word := _mark(member, most):
            when = "now" if day <= frame.centre.day else f"from {day}"
            over = member.caseload_max is not None and most > member.caseload_max
            numbers = (str(now), f"{most} {when}", *_bounds(member), mark(word, over=over))
            rows.append((frame.handle(member.handle), *numbers))
    columns = ("Staff", "Learners now", f"Highest in {DAYS} days", "Target", "Maximum", "Mark")
    words = "" if rows else "Nobody is above target or maximum."
    return Section(f"Caseloads above target or maximum in the next {DAYS} days", words, columns, rows, sorts=True)


def staff_page(frame: Frame, member: Staff, held: Sequence[Held], *, title: str = "") -> str:
    """Render whom a member of staff looks after, the caseload over time, cover, and what changes when."""
    handle = member.handle
    in_effect = _with(held, lambda slot: slot.wanted is not None and slot.wanted.staff == member.id)
    in_name = _with(held, lambda slot: handle in slot.in_names)
    sections = [
        _weeks(frame, member),
        _chart(frame, member),
        coming_section(
            frame,
            "What changes",
            days=None,
            shown=lambda handover: handle in (handover.before, handover.after, handover.covered),
        ),
        _learners(frame, "Learners in effect", in_effect),
        _learners(frame, "In name only, while somebody covers", in_name),
    ]
    if frame.centre.only:
        sections[1:1] = [steps_section(frame), drift_section(frame)]
    return frame.page(title or handle, sections, place=STAFF, facts=list(_facts(frame, member, in_effect)))


def _with(held: Sequence[Held], kept: Callable[[HeldSlot], bool]) -> list[Held]:
    chosen = ((learner, [slot for slot in slots if kept(slot)]) for learner, slots in held)
    return [(learner, slots) for learner, slots in chosen if slots]


def _facts(frame: Frame, member: Staff, in_effect: Sequence[Held]) -> Iterator[tuple[str, str]]:
    yield "Role", spaced(member.role.value).replace("iqa", "IQA")
    yield "OneFile id", str(member.id)
    now, day, most = _numbers(frame, member)
    if member.role in _COUNTED:
        named = zip(("target", "maximum"), _bounds(member), strict=True)
        bounds = [f"{name} {bound}" for name, bound in named if bound]
        yield "Learners now", ", ".join([str(now), *bounds, *filter(None, [_mark(member, now)])])
        if most > now:
            yield f"In {DAYS} days", ", ".join([f"{most} from {day}", *filter(None, [_mark(member, most)])])
    else:
        yield "Learners now", str(len(in_effect))
    for cover in member.cover:
        if cover.end is None or cover.end >= frame.centre.day:
            yield "Cover", _cover(cover)


def _cover(cover: Cover) -> str:
    end = f"until {cover.end}" if cover.end else "permanently"
    reason = f" ({cover.reason})" if cover.reason else ""
    return f"{cover.by} from {cover.start} {end}{reason}"


def _line(frame: Frame, member: Staff, held: ByStaff) -> Row:
    now, day, most = _numbers(frame, member)
    if member.role not in _COUNTED:
        now = most = len(held.get(member.handle, ()))
    coming = f"{most} from {day}" if most > now else str(most)
    covers = [cover for cover in member.cover if cover.end is None or cover.end >= frame.centre.day]
    cover = joined([covers[0].by, steady(f"{covers[0].start} to {covers[0].end or 'the end'}")]) if covers else ""
    over = member.caseload_max is not None and most > member.caseload_max
    name = link(member.handle, staff_file(member.handle))
    role = spaced(member.role.value).replace("iqa", "IQA")
    return name, role, str(now), coming, *_bounds(member), mark(_mark(member, most), over=over), cover


def _numbers(frame: Frame, member: Staff) -> tuple[int, date, int]:
    """Return the learners now, and the first of the coming days with most, with their number."""
    points = frame.centre.coming.points(member.id, first=frame.centre.day)
    return on_day(points, frame.centre.day), *highest(points, frame.centre.day, DAYS)


def _bounds(member: Staff) -> tuple[str, str]:
    target, maximum = member.caseload_target, member.caseload_max
    return "" if target is None else str(target), "" if maximum is None else str(maximum)


def _mark(member: Staff, learners: int) -> str:
    if member.caseload_max is not None and learners > member.caseload_max:
        return "above the maximum"
    return "above the target" if member.caseload_target is not None and learners > member.caseload_target else ""


def _weeks(frame: Frame, member: Staff) -> Section:
    """Return the highest number of learners in each of the coming weeks."""
    if member.role not in _COUNTED:
        return Section()
    points, day = frame.centre.coming.points(member.id, first=frame.centre.day), frame.centre.day
    bars = []
    for number in range(_WEEKS):
        start = day + timedelta(days=7 * number)
        _, learners = highest(points, start, 6)
        label = "this week" if not number else f"from {start.day} {start:%b}"
        word = _mark(member, learners)
        bars.append(Bar(label, learners, _NOTES[word], over=word == "above the maximum"))
    title, bounds = f"Learners of {member.handle} in the coming weeks", (member.caseload_target, member.caseload_max)
    chart = bar_chart("weeks", title, bars, target=bounds[0], maximum=bounds[1])
    words = "The highest number in each week, as the files declare it."
    return Section("Coming weeks", words, chart=chart)


def _chart(frame: Frame, member: Staff) -> Section:
    if member.role not in _COUNTED:
        return Section()
    past, coming = frame.centre.caseload(member)
    day = frame.centre.day
    first = max(frame.centre.first_day, day - _LONGEST)
    last = max([day + _AHEAD, *(at for at, _ in coming)])
    last = min(last, day + _LONGEST)
    before = [(first, on_day(past, first)), *((at, number) for at, number in past if first < at <= day)] if past else []
    after = [(at, number) for at, number in coming if at <= last] or [(day, 0)]
    title, bounds = f"Learners of {member.handle} over time", (member.caseload_target, member.caseload_max)
    chart = time_chart(Series(title, first, day, last, before, after, *bounds))
    words = "Solid: as runs recorded it. Dashed: as the files declare it, from today on."
    columns = ("Day", "Learners", "Known from")
    return Section("Caseload over time", words, columns, _points(before, after), chart, folded="The numbers")


def _points(past: Points, coming: Points) -> list[Row]:
    known = (*((*point, "runs") for point in past), *((*point, "files") for point in coming))
    return [(str(day), str(number), where) for day, number, where in known]


def _learners(frame: Frame, title: str, held: Sequence[Held]) -> Section:
    rows = [
        (frame.declared(learner), frame.cohort(learner.cohort), *_layers(frame, [slot.slot for slot in slots]))
        for learner, slots in held
    ]
    columns = ("Learner", "Cohort", "Default", "Learning aims", "Units", "Additional")
    return Section(title, "" if rows or "name" in title else "Nobody.", columns, rows, sorts=True)


def _layers(frame: Frame, slots: Sequence[Slot]) -> Iterator[str]:
    for kinds in (DEFAULT_KINDS, LEARNING_AIM_KINDS, UNIT_KINDS, {SlotKind.ADDITIONAL}):
        yield ", ".join(key_words(slot, frame.centre.names) or "yes" for slot in slots if slot.kind in kinds)
