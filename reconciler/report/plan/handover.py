"""Handover list: what people must check in OneFile, learner by learner, because the API cannot move it.

The API shows neither tasks nor who planned a visit or review, so the list does not claim that there are any.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from reconciler.model.names import Names
from reconciler.model.plan import Change
from reconciler.model.slots import ASSESSOR_KINDS, IQA_KINDS, Slot, SlotKind, UserId
from reconciler.model.structs import Struct
from reconciler.report.common import truncate as fit
from reconciler.report.common.escape import code_span, prose
from reconciler.report.common.terminal import BOLD, Page
from reconciler.report.common.truncate import COMMENT_LIMIT, Item, Part
from reconciler.report.common.words import holder_words, learner_words, plan_names, slot_words
from reconciler.report.html.sections import Section, SectionedPage, render_sections
from reconciler.text import number_of

if TYPE_CHECKING:
    from reconciler.commands.plan import Planned

Form = Literal["text", "markdown", "json"]

TITLE = "Handover: check in OneFile"
WHY = "OneFile does not move open tasks, visits or reviews. Check these for each learner:"
FULL = "The text and JSON formats have the whole list."
NOTHING = "No learner changes hands."
_COLUMNS = ("Learner", "From", "To", "Slots", "Done")

_TASKS = (
    "Open tasks: give those of {giver} to {taker}, after the apply. OneFile offers only people who are assigned to the "
    "learner."
)
_VISITS = (
    "Visits report: visits and reviews planned by {giver} stay with {giver}. Agree which of them {taker} takes, and "
    "plan these again."
)
_IQA = "Open quality assurance tasks: give those of {giver} to {taker}, after the apply."
_EMPLOYER = (
    "Reviews: those not yet started follow the new employer. A complete one keeps {giver}; unlock it for {taker} to "
    "sign."
)
_ACCESS = (
    "The learner's Access Accounts and Allocations pages: {giver} may still have access. Remove it if it should end."
)


class HandOver(Struct, frozen=True):
    """One learner who moves from one member of staff to another, or to nobody named (`taker` None).

    `recorded`: OneFile does not show one of the slots, and the giver is from our record.
    """

    learner: UserId
    label: str
    cohort: str
    giver: UserId
    taker: UserId | None
    slots: tuple[Slot, ...]
    recorded: bool = False

    def steps(self, names: Names) -> list[str]:
        """Return what to check, by the kinds of the slots."""
        words = {"giver": holder_words(self.giver, names), "taker": holder_words(self.taker, names)}
        if self.taker is None:
            words["taker"] = "the person who continues with the learner"
        kinds = {slot.kind for slot in self.slots}
        steps = [_TASKS, _VISITS] if kinds & ASSESSOR_KINDS else []
        steps += [_IQA] if kinds & IQA_KINDS else []
        steps += [_EMPLOYER] if SlotKind.DEFAULT_EMPLOYER in kinds else []
        return [step.format(**words) for step in (*steps, _ACCESS)]


def hand_overs(changes: Iterable[Change], successors: Mapping[UserId, UserId] | None = None) -> list[HandOver]:
    """Return the handovers in the order of the plan: every slot whose known holder leaves.

    *successors* name who takes over from somebody who leaves the additional people, which a plan does not show.
    """
    groups: dict[tuple[str, UserId, str, UserId, UserId | None], list[Change]] = defaultdict(list)
    for change in changes:
        if change.action in ("update", "delete") and isinstance(change.before, int):
            taker = change.after
            if change.slot.kind is SlotKind.ADDITIONAL and taker is None:
                taker = (successors or {}).get(change.before)
            groups[change.cohort, change.learner, change.label, change.before, taker].append(change)
    return [
        HandOver(
            learner,
            label,
            cohort,
            giver,
            taker,
            tuple(change.slot for change in group),
            any(change.recorded for change in group),
        )
        for (cohort, learner, label, giver, taker), group in groups.items()
    ]


def render_handover(
    rows: Sequence[HandOver],
    names: Names,
    form: Form = "text",
    *,
    colour: bool = False,
    width: int = 100,
    limit: int = COMMENT_LIMIT,
) -> str:
    """Render the list as text, as Markdown of at most *limit* bytes with boxes to tick, or as JSON."""
    if form == "json":
        return json.dumps({"handover": [as_json(row, names) for row in rows]}, indent=1, ensure_ascii=False) + "\n"
    return _markdown(rows, names, limit) if form == "markdown" else _text(rows, names, Page(width, colour))


def render_text(planned: Planned, *, colour: bool = False, width: int = 100) -> str:
    """Render the handover list of a plan."""
    return render_handover(hand_overs(planned.plan.differing), plan_names(planned.plan), colour=colour, width=width)


def render_markdown(planned: Planned, *, limit: int = COMMENT_LIMIT) -> str:
    """Render the same as Markdown of at most *limit* bytes."""
    return render_handover(hand_overs(planned.plan.differing), plan_names(planned.plan), "markdown", limit=limit)


def render_json(planned: Planned) -> str:
    """Render the same for programs."""
    return render_handover(hand_overs(planned.plan.differing), plan_names(planned.plan), "json")


def render_html(planned: Planned) -> str:
    """Render the same as a page to tick and to sign: learners with the same checks together."""
    names = plan_names(planned.plan)
    rows = hand_overs(planned.plan.differing)
    sections = [
        Section(number_of(len(group), "handover"), " ".join(steps), _COLUMNS, [_cells(row, names) for row in group])
        for steps, group in _shared(rows, names)
    ]
    page = SectionedPage(TITLE, sections, lead=WHY if rows else "", verdict="" if rows else NOTHING, signed=bool(rows))
    return render_sections(page)


def _cells(row: HandOver, names: Names) -> Sequence[str]:
    giver, taker = _people(row, names)
    slots = ", ".join(slot_words(slot, names) for slot in row.slots)
    return learner_words(row.learner, row.label), giver, taker, slots, "☐"


def as_json(row: HandOver, names: Names) -> Mapping[str, object]:
    """Return one handover for JSON."""
    return {
        "learner_id": row.learner or None,  # a MISID whose learner was not looked up
        "label": row.label,
        "cohort": row.cohort,
        "from": {"staff_id": row.giver, "staff": names.handles.get(row.giver)},
        "to": None if row.taker is None else {"staff_id": row.taker, "staff": names.handles.get(row.taker)},
        "slots": [slot_words(slot, names) for slot in row.slots],
        "addresses": [slot.address(row.learner) for slot in row.slots] if row.learner else [],
        "recorded": row.recorded,
        "look_at": row.steps(names),
    }


def _people(row: HandOver, names: Names) -> tuple[str, str]:
    taker = "nobody named" if row.taker is None else holder_words(row.taker, names)
    return holder_words(row.giver, names) + (" (from our record)" if row.recorded else ""), taker


def _head(row: HandOver, names: Names) -> str:
    giver, taker = _people(row, names)
    return f"{learner_words(row.learner, row.label)}: from {giver} to {taker}"


def _shared(rows: Sequence[HandOver], names: Names) -> list[tuple[list[str], list[HandOver]]]:
    """Group the rows by what to check, so that it is printed once."""
    groups: dict[tuple[str, ...], list[HandOver]] = defaultdict(list)
    for row in rows:
        groups[tuple(row.steps(names))].append(row)
    return [([*steps], group) for steps, group in groups.items()]


def _text(rows: Sequence[HandOver], names: Names, page: Page) -> str:
    if not rows:
        return f"{NOTHING}\n"
    lines = [page.paint(BOLD, f"{TITLE} ({number_of(len(rows), 'handover')})"), *page.wrap(WHY, rest=0)]
    for steps, group in _shared(rows, names):
        lines.append("")
        for row in group:
            slots = ", ".join(slot_words(slot, names) for slot in row.slots)
            lines += page.wrap(f"[ ] {_head(row, names)} ({slots})", rest=6)
        lines += [line for step in steps for line in page.wrap(f"- {step}", first=6, rest=8)]
    return page.text(lines)


def _markdown(rows: Sequence[HandOver], names: Names, limit: int) -> str:
    if not rows:
        return f"{NOTHING}\n"
    parts = []
    for steps, group in _shared(rows, names):
        items = tuple(Item(_box(row, names), fit.BY_HAND, "handovers") for row in group)
        parts.append(Part(items, "\n", "".join(f"  - {prose(step)}\n" for step in steps)))
    return fit.fit(f"### {TITLE}\n\n{prose(WHY)}\n", parts, "", limit=limit, full_report=FULL)


def _box(row: HandOver, names: Names) -> str:
    slots = ", ".join(slot_words(slot, names) for slot in row.slots)
    return f"- [ ] {code_span(_head(row, names))}: {code_span(slots)}\n"
