"""Edits of the declared files by a command, made or proposed."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from reconciler.report.common import truncate as fit
from reconciler.report.common.escape import code_span, fenced, visible
from reconciler.report.common.truncate import COMMENT_LIMIT, Item, Part
from reconciler.text import number_of, spaced

if TYPE_CHECKING:
    from reconciler.runtime.state_edits import FileEdit

FULL = "The text and JSON formats show everything."


class EditedSlot(NamedTuple):
    """A declaration that changed in a cohort file: of one learner (id or MISID), or in the defaults."""

    cohort: str
    learner: int | str | None
    kind: str


def render_edits(
    title: str,
    places: Sequence[EditedSlot],
    edited: Sequence[FileEdit],
    *,
    written: bool,
    markdown: bool = False,
    limit: int = COMMENT_LIMIT,
) -> str:
    """Render the edits by cohort, with the difference if they were not written.

    Markdown has at most *limit* bytes.
    """
    rows = [f"{title}.", *_by_cohort(places)]
    if not edited:
        rows.append("No file needs a change.")
    elif written:
        rows.append(f"Edited: {', '.join(edit.path for edit in edited)}")
    shown = [visible(row) for row in rows]
    differences = "" if written else "".join(render_difference(edit) for edit in edited)
    if not markdown:
        return "".join(f"{row}\n" for row in shown) + differences
    head, *rest = shown
    parts = [Part(tuple(Item(f"- {code_span(row)}\n", fit.GRAVE, "lines") for row in rest))]
    if differences:
        opening, *lines, closing = fenced(differences, "diff").splitlines(keepends=True)
        items = tuple(Item(line, fit.REST, "lines of the difference") for line in lines)
        parts.append(Part(items, f"\n{opening}", closing, always=True))
    return fit.fit(f"{code_span(head)}\n\n", parts, "", limit=limit, full_report=FULL)


class Row(NamedTuple):
    """A slot whose declaration changed, in words; `shared`: declared by the cohort's default."""

    cohort: str
    learner: str
    slot: str
    was: str
    now: str
    shared: bool


def render_rows(rows: Sequence[Row], *, markdown: bool = False, limit: int = COMMENT_LIMIT) -> str:
    """Render each slot under its cohort; Markdown has at most *limit* bytes."""
    cohorts = {
        cohort: [_row(row) for row in rows if row.cohort == cohort]
        for cohort in dict.fromkeys(row.cohort for row in rows)
    }
    if not markdown:
        return "\n".join(line for cohort, slots in cohorts.items() for line in (visible(cohort), *slots, ""))
    parts = [
        Part(
            tuple(Item(f"- {code_span(line.strip())}\n", fit.REST, "slots") for line in slots),
            f"### {code_span(cohort)}\n\n",
            "\n",
        )
        for cohort, slots in cohorts.items()
    ]
    return fit.fit("", parts, "", limit=limit, full_report=FULL)


def _row(row: Row) -> str:
    words = f"{row.learner}: {row.slot}: the files said {row.was}, OneFile holds {row.now}"
    return visible(f"  {words} (by the cohort's default)" if row.shared else f"  {words}")


def _by_cohort(places: Sequence[EditedSlot]) -> list[str]:
    rows = []
    for cohort in dict.fromkeys(place.cohort for place in places):
        of_cohort = [place for place in places if place.cohort == cohort]
        shared = Counter(place.kind for place in of_cohort if place.learner is None)
        own = Counter(place.kind for place in of_cohort if place.learner is not None)
        learners = len({place.learner for place in of_cohort if place.learner is not None})
        parts = [f"defaults: {_counted(shared)}"] if shared else []
        parts += [f"{number_of(learners, 'learner')}: {_counted(own)}"] if own else []
        rows.append(f"{cohort}: {'; '.join(parts)}")
    return rows


def _counted(kinds: Counter[str]) -> str:
    return ", ".join(f"{count} {spaced(kind).replace('iqa', 'IQA')}" for kind, count in kinds.items())


def edits_json(edited: Sequence[FileEdit]) -> list[dict[str, str]]:
    """Return each edited file with its difference."""
    return [{"file": edit.path, "difference": render_difference(edit)} for edit in edited]


def render_difference(edit: FileEdit) -> str:
    """Render one file's removed and added lines with three lines of context, as git does."""
    path, before, after = edit.path, edit.before, edit.after
    crlf = _has_crlf(before) and _has_crlf(after)
    diff = difflib.unified_diff(_lines(before, crlf), _lines(after, crlf), f"a/{path}", f"b/{path}", lineterm="")
    return "".join(f"{line}\n" for line in _visible(diff))


def _has_crlf(text: str) -> bool:
    """Return True if every line ends as in Windows; the ending is then no part of any line."""
    return "\n" in text and text.count("\n") == text.count("\r\n")


def _lines(text: str, crlf: bool) -> list[str]:
    lines = text.split("\r\n" if crlf else "\n")
    return lines[:-1] if text.endswith("\n") else lines


def _visible(lines: Iterator[str]) -> Iterator[str]:
    return (visible(line) for line in lines)
