"""The holders of slots as an HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import TYPE_CHECKING

from reconciler.report.common.words import holder_words, learner_words, slot_words
from reconciler.report.html.cells import steady
from reconciler.report.html.sections import Row, Section, SectionedPage, render_sections
from reconciler.report.who.text import again_words, cover_words
from reconciler.text import number_of, spaced

if TYPE_CHECKING:
    from reconciler.commands.who import HeldSlot, Holders

_COLUMNS = ("Learner", "Slot", "In effect", "In name", "Since", "By run", "Proof", "Declared in")


def render_html(holders: Holders) -> str:
    """Render each slot with its holder, since when, by which run and line, and what proves it."""
    member, learner = holders.staff, holders.learner
    if member:
        title, lead = str(member.handle), f"{spaced(member.role.value)}, OneFile id {member.id}, on {holders.day}"
        groups = {
            "In effect": [slot for slot in holders.slots if slot.wanted and slot.wanted.staff == member.id],
            "In name only": [slot for slot in holders.slots if member.handle in slot.in_names],
        }
    else:
        user = learner.id if learner else None
        title = learner_words(user, learner.label) if learner and user else holders.name
        parts = (f"OneFile id {user}" if user else "", learner.cohort if learner else "", f"on {holders.day}")
        lead, groups = ", ".join(filter(None, parts)), {"Slots": list(holders.slots)}
    sections = [_section(name, slots, holders) for name, slots in groups.items()]
    return render_sections(SectionedPage(title, sections, lead=lead, verdict=cover_words(holders)))


def _section(name: str, slots: Sequence[HeldSlot], holders: Holders) -> Section:
    rows = [_row(slot, holders) for slot in slots]
    columns = (*_COLUMNS, "OneFile has") if holders.read else _COLUMNS
    return Section(
        f"{name}: {number_of(len(rows), 'slot')}",
        "",
        columns,
        rows,
    )


def _row(slot: HeldSlot, holders: Holders) -> Row:
    recorded, wanted, names = slot.recorded, slot.wanted, holders.names
    staff = wanted.staff if wanted else recorded.staff if recorded else None
    known = ("not recorded", "", "")
    if recorded and recorded.staff == staff:
        known = (f"{recorded.at.astimezone(UTC):%Y-%m-%d}", f"{recorded.run}, {recorded.by}", str(recorded.proof))
    elif recorded:
        left = f"{holder_words(recorded.staff, names)} is recorded"
        known = ("not applied yet", f"{recorded.run}, {recorded.by}", left)
    row = (
        learner_words(slot.learner, slot.label) if slot.learner else slot.label,
        slot_words(slot.slot, names),
        holder_words(staff, names),
        ", ".join(slot.in_names),
        steady(known[0]),
        known[1],
        "; ".join(filter(None, [known[2], again_words(slot)])),
        str(wanted.source) if wanted else "in no file",
    )
    return (*row, holder_words(slot.onefile, names)) if holders.read else row
