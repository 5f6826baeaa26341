"""Report of what changed between two plans, as text, Markdown, HTML and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from reconciler.model.plan import Change, Finding, Plan
from reconciler.model.structs import Struct
from reconciler.plan.document import fingerprint
from reconciler.plan.since import PlanDifference
from reconciler.report.common import truncate as fit
from reconciler.report.common.grouping import Entry, Group, grouped
from reconciler.report.common.line_links import NO_LINKS, LineLinks
from reconciler.report.common.markdown import cell, heading, row, sentence, table_head, who_cell
from reconciler.report.common.terminal import BOLD, Page
from reconciler.report.common.truncate import COMMENT_LIMIT, Item, Part
from reconciler.report.common.words import (
    change_mark,
    change_people,
    learner_words,
    moment_words,
    plan_names,
    slot_words,
)
from reconciler.report.html.cells import folded
from reconciler.report.html.sections import Section, SectionedPage, render_sections
from reconciler.text import number_of

NOTHING = "Both plans do the same."
_COLUMNS = ("Learner", "Change", "Declared in")


class Difference(Struct, frozen=True):
    """The rows that are new, gone or different, below their heading."""

    title: str
    rows: tuple[Group, ...] = ()
    findings: tuple[str, ...] = ()


def render_text(found: PlanDifference, *, colour: bool = False, width: int = 100, verbose: bool = False) -> str:
    """Render what changed since the older plan."""
    page = Page(width, colour)
    lines = [page.paint(BOLD, line) for line in page.wrap(_title(found), rest=2)]
    if found.is_empty:
        lines.append(NOTHING)
    for section in _sections(found, verbose):
        lines += page.title(section.title)
        lines += [line for group in section.rows for line in page.wrap(_row(group), first=2)]
        lines += [line for words in section.findings for line in page.wrap(words, first=2)]
    return page.text(lines)


def render_markdown(
    found: PlanDifference, *, limit: int = COMMENT_LIMIT, verbose: bool = False, links: LineLinks = NO_LINKS
) -> str:
    """Render the same in at most *limit* bytes."""
    parts = [_part(section) for section in _sections(found, verbose)]
    opening = heading(sentence(_title(found)), 2) + (f"{NOTHING}\n" if found.is_empty else "")
    return fit.fit(
        opening, parts, "", limit=limit, full_report="The text and JSON formats show everything.", links=links
    )


def render_html(found: PlanDifference, *, verbose: bool = False) -> str:
    """Render the same as a page."""
    sections = [
        Section(part.title, "", _COLUMNS, [_cells(group) for group in part.rows])
        if part.rows
        else Section(part.title, "", ("Finding",), [(words,) for words in part.findings])
        for part in _sections(found, verbose)
    ]
    title, _, counts = _title(found).partition(": ")
    verdict = NOTHING if found.is_empty else f"{counts}."
    return render_sections(SectionedPage(title, sections, verdict=verdict))


def _cells(group: Group) -> Sequence[str]:
    return folded(group.who, group.names) if group.names else group.who, group.what, group.where


def render_json(found: PlanDifference) -> str:
    """Render the same for programs, slot by slot."""
    document = {
        "older": _plan_json(found.older),
        "newer": _plan_json(found.newer),
        "added": [_change_json(change, found.newer) for change in found.added],
        "removed": [_change_json(change, found.older) for change in found.removed],
        "altered": [
            {"older": _change_json(older, found.older), "newer": _change_json(newer, found.newer)}
            for older, newer in found.altered
        ],
        "new_findings": [_finding_json(finding) for finding in found.new_findings],
        "gone_findings": [_finding_json(finding) for finding in found.gone_findings],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _title(found: PlanDifference) -> str:
    return (
        f"Changed since the plan made {moment_words(found.older.created_at)}: {len(found.added)} new, "
        f"{len(found.removed)} no longer planned, {len(found.altered)} different"
    )


def _sections(found: PlanDifference, verbose: bool) -> Iterator[Difference]:
    slots = (
        ("New", _entries(found.added, found.newer)),
        ("No longer planned", _entries(found.removed, found.older)),
        ("Different", [_altered(*pair, found) for pair in found.altered]),
    )
    for title, entries in slots:
        if entries:
            yield Difference(f"{title} ({number_of(len(entries), 'slot')})", grouped(entries, verbose=verbose))
    for title, findings in (("New findings", found.new_findings), ("Findings that are gone", found.gone_findings)):
        if findings:
            words = tuple(f"{finding.what} [{finding.policy}]" for finding in findings)
            yield Difference(f"{title} ({len(findings)})", findings=words)


def _entries(changes: Iterable[Change], plan: Plan) -> list[Entry]:
    return [_entry(change, plan, change_people(change, plan_names(plan))) for change in changes]


def _altered(older: Change, newer: Change, found: PlanDifference) -> Entry:
    before, after = (_people(change, plan) for change, plan in ((older, found.older), (newer, found.newer)))
    return _entry(newer, found.newer, f"{after}, before: {before}")


def _people(change: Change, plan: Plan) -> str:
    words = change_people(change, plan_names(plan))
    return f"{words}, set aside: {change.blocked}" if change.blocked else words


def _entry(change: Change, plan: Plan, people: str) -> Entry:
    who = learner_words(change.learner, change.label, plan.names)
    place = slot_words(change.slot, plan_names(plan))
    return Entry(0, who, change.cohort, change.slot.kind, place, people, "", change_mark(change), change.source)


def _row(group: Group) -> str:
    return f"{group.who}: {group.what}  [{group.where}]" if group.where else f"{group.who}: {group.what}"


def _part(section: Difference) -> Part:
    rows = [
        Item(row((who_cell(group.who, group.names), cell(group.what), cell(group.where))), fit.DISPLACES, "slots")
        for group in section.rows
    ]
    findings = [Item(f"- {sentence(words)}\n", fit.WARNS, "findings") for words in section.findings]
    head = heading(section.title) + (table_head(("learner", "change", "where")) if rows else "")
    return Part(tuple(rows or findings), head, "\n", always=True)


def _plan_json(plan: Plan) -> dict[str, object]:
    return {"fingerprint": fingerprint(plan), "created_at": plan.created_at.isoformat(), "day": plan.day.isoformat()}


def _change_json(change: Change, plan: Plan) -> dict[str, object]:
    return {
        "address": change.address,
        "label": change.label,
        "cohort": change.cohort,
        "action": change.action,
        "people": change_people(change, plan_names(plan)),
        "blocked": change.blocked,
    }


def _finding_json(finding: Finding) -> dict[str, object]:
    return {"policy": finding.policy, "level": finding.level, "what": finding.what, "waived": finding.waived}
