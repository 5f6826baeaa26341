"""The holders of slots as plain text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC
from itertools import groupby
from typing import TYPE_CHECKING

from reconciler.model.operations import step_id
from reconciler.model.slots import SlotKind
from reconciler.report.common.terminal import BOLD, Page
from reconciler.report.common.words import holder_words, learner_words, slot_words
from reconciler.text import listed, number_of, spaced

if TYPE_CHECKING:
    from reconciler.commands.who import HeldSlot, Holders


def render_text(holders: Holders, *, colour: bool = False, width: int = 100) -> str:
    """Render each slot with its holder, since when, by which run and line, and what proves it."""
    page = Page(width, colour)
    return page.text([*(_member(page, holders) if holders.staff else _learner(page, holders))])


def _learner(page: Page, holders: Holders) -> Iterator[str]:
    learner = holders.learner
    user = learner.id if learner else None
    name = learner_words(user, learner.label) if learner and user else holders.name
    number = f", OneFile id {user}" if user else ""
    cohort = f", {learner.cohort}" if learner and learner.cohort else ""
    yield from page.wrap(page.paint(BOLD, f"{name}{number}{cohort}, on {holders.day}"), rest=2)
    if not holders.slots:
        yield "  No slot is declared or recorded."
    for slot in holders.slots:
        yield from page.wrap(f"{slot_words(slot.slot, holders.names)}: {_holder(slot, holders)}", first=2, rest=6)


def _member(page: Page, holders: Holders) -> Iterator[str]:
    member = holders.staff
    assert member is not None  # noqa: S101  the caller has checked
    title = f"{member.handle}, {spaced(member.role.value)}, OneFile id {member.id}, on {holders.day}"
    yield page.paint(BOLD, title)
    if words := cover_words(holders):
        yield f"  {words}"
    groups = {
        "In effect": [slot for slot in holders.slots if slot.wanted and slot.wanted.staff == member.id],
        "In name only": [slot for slot in holders.slots if member.handle in slot.in_names],
    }
    for name, slots in groups.items():
        learners = len({slot.learner or slot.label for slot in slots})
        yield ""
        yield f"{name}: {number_of(len(slots), 'slot')} of {number_of(learners, 'learner')}"
        yield from _by_learner(page, slots, holders)


def cover_words(holders: Holders) -> str:
    """Return who covers the member of staff on the day, and who covers them; empty if nobody does."""
    steps = []
    for cover in holders.covers:
        end = f" until {cover.end}" if cover.end else ""
        steps.append(f"covered by {cover.by} from {cover.start}{end}")
    words = ", who is ".join(steps)
    return f"{words[0].upper()}{words[1:]}." if words else ""


def _by_learner(page: Page, slots: Sequence[HeldSlot], holders: Holders) -> Iterator[str]:
    for (learner, label), group in groupby(slots, key=lambda slot: (slot.learner, slot.label)):
        yield f"  {learner_words(learner, label) if learner else label}"
        for slot in group:
            yield from page.wrap(f"{slot_words(slot.slot, holders.names)} {_holder(slot, holders)}", first=4, rest=8)


def again_words(slot: HeldSlot) -> str:
    """Return how to add an additional person again whom somebody took off; empty for every other slot."""
    recorded, wanted = slot.recorded, slot.wanted
    if slot.slot.kind is not SlotKind.ADDITIONAL or not (slot.learner and wanted and recorded):
        return ""
    if recorded.staff != wanted.staff:
        return ""
    step = step_id(slot.learner, slot.slot)
    return f"if taken off in OneFile, add them again with: reconciler done {step} --by NAME, then apply"


def _holder(slot: HeldSlot, holders: Holders) -> str:
    """Return the holder and all that is known of it."""
    recorded, wanted = slot.recorded, slot.wanted
    staff = wanted.staff if wanted else recorded.staff if recorded else None
    words = holder_words(staff, holders.names)
    if slot.in_names:
        words += f" (covers {listed(slot.in_names, 'and')})"
    parts = [f"{words} [{wanted.source}]" if wanted else f"{words}, in no file"]
    if holders.staff and wanted and wanted.staff == holders.staff.id and not slot.in_names:
        parts = [f"[{wanted.source}]"]  # the heading names the holder
    if recorded and recorded.staff == staff:
        parts.append(f"since {recorded.at.astimezone(UTC):%Y-%m-%d} by run {recorded.run} of {recorded.by}")
        parts.append(recorded.proof)
    elif recorded:
        parts.append(f"not applied yet: run {recorded.run} left {holder_words(recorded.staff, holders.names)} there")
    else:
        parts.append("not recorded")
    if again := again_words(slot):
        parts.append(again)
    if holders.read:
        parts.append(f"OneFile has {holder_words(slot.onefile, holders.names)} now")
    return ", ".join(parts)
