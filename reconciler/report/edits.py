"""What a command edited, or would edit, in the declared files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from reconciler.report.difference import render_difference
from reconciler.report.escape import code_span, fenced, visible
from reconciler.report.words import number_of

Edited = Sequence[tuple[str, str, str]]
"""Files with their text before and after."""


class Place(NamedTuple):
    """Something that changed in a cohort file: for one learner (id or MISID), or in the defaults."""

    cohort: str
    learner: int | str | None
    kind: str


def render_formatted(count: int, edited: Edited, *, written: bool, as_json: bool = False) -> str:
    """Which of the *count* files fmt changed; how, where it did not write them."""
    if as_json:
        return json.dumps({"files": count, "changed": [path for path, _, _ in edited], "written": written}) + "\n"
    rows = [] if written else [render_difference(*one) for one in edited]
    if written:
        rows += [visible(f"Formatted {path}.") + "\n" for path, _, _ in edited]
    verb = "formatted" if written else "to format: reconciler fmt writes what is shown"
    left = f"{count - len(edited)} laid out so already"
    rows.append(f"{number_of(len(edited), 'file')} {verb}; {left}.\n" if edited else "Nothing to do.\n")
    return "".join(rows)


def render_edits(title: str, places: Sequence[Place], edited: Edited, *, written: bool, markdown: bool = False) -> str:
    """What was edited, cohort by cohort, and the difference itself where it was not written."""
    rows = [f"{title}.", *_by_cohort(places)]
    if not edited:
        rows.append("No file has to change.")
    elif written:
        rows.append(f"Edited: {', '.join(path for path, _, _ in edited)}")
    shown = [visible(row) for row in rows]
    differences = "" if written else "".join(render_difference(*one) for one in edited)
    if not markdown:
        return "".join(f"{row}\n" for row in shown) + differences
    head, *rest = shown
    lines = [code_span(head), "", *(f"- {code_span(row)}" for row in rest)]
    return "\n".join(lines) + "\n" + (f"\n{fenced(differences, 'diff')}" if differences else "")


class Row(NamedTuple):
    """A slot whose declaration changed, in words; `shared` where a cohort's default says it."""

    cohort: str
    learner: str
    slot: str
    was: str
    now: str
    shared: bool


def render_rows(rows: Sequence[Row], *, markdown: bool = False) -> str:
    """Slot by slot, under their cohorts."""
    lines = []
    for cohort in dict.fromkeys(row.cohort for row in rows):
        lines += [f"### {code_span(cohort)}", ""] if markdown else [visible(cohort)]
        for row in rows:
            if row.cohort == cohort:
                words = f"{row.learner}: {row.slot}: the files said {row.was}, OneFile holds {row.now}"
                words += " (by the cohort's default)" if row.shared else ""
                lines.append(f"- {code_span(words)}" if markdown else f"  {visible(words)}")
        lines.append("")
    return "\n".join(lines) + "\n" * markdown


def _by_cohort(places: Sequence[Place]) -> list[str]:
    rows = []
    for cohort in dict.fromkeys(place.cohort for place in places):
        here = [place for place in places if place.cohort == cohort]
        shared = Counter(place.kind for place in here if place.learner is None)
        own = Counter(place.kind for place in here if place.learner is not None)
        learners = len({place.learner for place in here if place.learner is not None})
        parts = [f"defaults: {_counted(shared)}"] if shared else []
        parts += [f"{number_of(learners, 'learner')}: {_counted(own)}"] if own else []
        rows.append(f"{cohort}: {'; '.join(parts)}")
    return rows


def _counted(kinds: Counter[str]) -> str:
    return ", ".join(f"{count} {kind.replace('_', ' ').replace('iqa', 'IQA')}" for kind, count in kinds.items())
