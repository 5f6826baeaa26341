"""Pages of one learner: the holders and the timeline, and the evidence to print or to hand over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC
from typing import TYPE_CHECKING

from reconciler.model.declared import Shift
from reconciler.model.slots import NOBODY, Unread, UserId
from reconciler.report.common.words import FROM_RECORD, holder_words, slot_words
from reconciler.report.history.timeline import COLUMNS, Entry, timeline_entries
from reconciler.report.html.cells import joined, link, stacked, steady
from reconciler.report.html.sections import Row, Section
from reconciler.report.site.frame import FIND, Frame, learner_file
from reconciler.report.site.issues import step_rows
from reconciler.text import number_of

if TYPE_CHECKING:
    from reconciler.commands.site import LearnerFile
    from reconciler.commands.who import HeldSlot, Recorded

_HOLDERS = ("Slot", "In effect", "Since", "By run", "Proof", "Declared in")
_LATER = ("Day", "Slot", "From", "To", "Declared in")
_LEARNER = COLUMNS.index("learner")
_EVENTS = tuple(column for column in COLUMNS if column != "learner")
_NOTHING = "Nothing is recorded of this learner."
_STEPS = ("Step", "What", "Since", "Closed", "How")


def learner_pages(frame: Frame, learner: LearnerFile) -> tuple[str, str]:
    """Render who looks after a learner, since when and why, as a page of the site and as evidence to hand over."""
    declared = learner.learner
    known = [_holders(frame, learner), _coming(frame, learner)]
    entries = timeline_entries(learner.timeline)
    facts = list(_facts(frame, learner))
    evidence = link("Evidence to print", f"../{learner_file(declared, 'evidence')}")
    page = frame.page(
        frame.name(declared),
        [*known, _steps(learner, still_open=True), _story(frame, entries)],
        place=FIND,
        facts=[*facts, ("On paper", evidence)],
    )
    on_paper = frame.page(
        f"Evidence: who looks after {frame.name(declared)}",
        [*known, _steps(learner, still_open=False), _timeline(frame, entries)],
        place=FIND,
        facts=[*facts, *_origin(frame)],
        signed=True,
    )
    return page, on_paper


def _origin(frame: Frame) -> Iterator[tuple[str, str]]:
    centre = frame.centre
    yield "Organisation", f"{centre.site.organisation} on {centre.site.target}"
    yield "OneFile read", "yes, as the last column shows" if centre.plan else "not for this document"


def _facts(frame: Frame, learner: LearnerFile) -> Iterator[tuple[str, str]]:
    declared = learner.learner
    yield "OneFile id", str(learner.user) if learner.user else "not known: declared by MISID, and not read"
    if declared.misid:
        yield "MISID", declared.misid
    yield "Cohort", frame.cohort(declared.cohort) if declared.cohort else "in no file now"


def _holders(frame: Frame, learner: LearnerFile) -> Section:
    columns = (*_HOLDERS, "OneFile has") if frame.centre.plan else _HOLDERS
    rows = [_holder(frame, slot, learner) for slot in learner.slots]
    words = "" if rows else "No slot is declared or recorded."
    return Section("Who looks after this learner", words, columns, rows)


def _holder(frame: Frame, slot: HeldSlot, learner: LearnerFile) -> Row:
    wanted, recorded, names = slot.wanted, slot.recorded, frame.centre.names
    staff = wanted.staff if wanted else recorded.staff if recorded else None
    since: tuple[str, ...] = ("not recorded", "", "")
    if recorded and recorded.staff == staff:
        since = (steady(f"{recorded.at.astimezone(UTC):%Y-%m-%d}"), _by(frame, recorded), recorded.proof)
    elif recorded:
        left = holder_words(recorded.staff, names)
        since = ("not applied yet", _by(frame, recorded), f"{left} is recorded")
    declared = str(wanted.source) if wanted else "in no file"
    row = (slot_words(slot.slot, names), _in_effect(frame, slot, staff), *since, declared)
    return (*row, _onefile(frame, slot, learner)) if frame.centre.plan else row


def _by(frame: Frame, recorded: Recorded) -> str:
    return joined([frame.run(recorded.run), recorded.by])


def _in_effect(frame: Frame, slot: HeldSlot, staff: UserId | None) -> str:
    """Return the holder, and the declared one if somebody stands in."""
    if not slot.in_names:
        return frame.staff(staff)
    return joined(
        [frame.staff(staff), "in the place of", joined([frame.handle(handle) for handle in slot.in_names])], " "
    )


def _onefile(frame: Frame, slot: HeldSlot, learner: LearnerFile) -> str:
    change = learner.changes.get(slot.slot)
    if change is None:
        return "not read"
    if change.recorded:
        return FROM_RECORD
    if change.before is Unread.UNREADABLE:
        return "not shown"
    return "the same" if change.before == change.after else holder_words(change.before, frame.centre.names)


def _coming(frame: Frame, learner: LearnerFile) -> Section:
    rows = [_shift(frame, shift) for shift in learner.learner.later]
    return Section("Coming", columns=_LATER, rows=rows)


def _shift(frame: Frame, shift: Shift) -> Row:
    before, after = (frame.handle(wanted.handle) if wanted else NOBODY for wanted in (shift.before, shift.after))
    return str(shift.day), slot_words(shift.slot, frame.centre.names), before, after, str(shift.source)


def _steps(learner: LearnerFile, *, still_open: bool) -> Section:
    steps = [issue for issue in learner.timeline.issues if issue.matter == "step" and not (still_open and issue.ended)]
    rows = step_rows(steps, learner.timeline.known.names)
    return Section("Open manual steps" if still_open else "Manual steps", columns=_STEPS, rows=rows)


def _story(frame: Frame, entries: Sequence[Entry]) -> Section:
    """Return the timeline in brief: one row for each run or issue."""
    rows = []
    for entry in entries:
        first = dict(zip(COLUMNS, entry.cells[0], strict=True))
        what = stacked([_happened(dict(zip(COLUMNS, cells, strict=True))) for cells in entry.cells])
        rows.append((first["when (UTC)"], first["event"], _run(frame, first["run"]), first["who"], what))
    words = "" if rows else _NOTHING
    return Section("Timeline", words, ("When (UTC)", "Event", "Run", "Who", "What"), rows)


def _happened(event: Mapping[str, str]) -> str:
    people = f"{event['before']} -> {event['after']}" if event["before"] and event["after"] else ""
    outcome = "" if event["outcome"] == event["event"] else event["outcome"]
    parts = [people or event["before"] or event["after"], outcome, event["proof"]]
    return f"{event['slot']}: {', '.join(filter(None, parts))}"


def _run(frame: Frame, number: str) -> str:
    return frame.run(int(number)) if number else ""


def _timeline(frame: Frame, entries: Sequence[Entry]) -> Section:
    """Return the timeline in full: one row for each slot."""
    run, rows = COLUMNS.index("run"), []
    for entry in entries:
        for cells in entry.cells:
            linked = [*cells]
            linked[run] = _run(frame, cells[run])
            del linked[_LEARNER]
            rows.append(linked)
    words = f"{number_of(len(rows), 'event')}, newest first." if rows else _NOTHING
    return Section("Timeline", words, tuple(f"{column[0].upper()}{column[1:]}" for column in _EVENTS), rows)
