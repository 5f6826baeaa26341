"""Report of sync: edits, leavers and conflicts, as text, Markdown and JSON."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from reconciler.model.listing import field_of
from reconciler.problems import Problem
from reconciler.report.common import truncate as fit
from reconciler.report.common.escape import code_span, fenced, visible
from reconciler.report.common.truncate import COMMENT_LIMIT, Item, Part
from reconciler.report.edits import FULL, edits_json, render_difference
from reconciler.report.problems.json import problem_json
from reconciler.text import number_of, some

if TYPE_CHECKING:
    from reconciler.commands.sync import Synced

Section = tuple[str, list[str]]


def conflict_problems(synced: Synced) -> list[Problem]:
    """Return each conflict as a problem, for people who get no report."""
    fix = "Give the table and the files the same value, then run sync again."
    return [Problem(f"changed in both since the last sync: {words}", fix) for words in _conflicts(synced)]


def _conflicts(synced: Synced) -> Iterator[str]:
    for row in synced.changes.conflicts:
        before, now, files = (_value(value, synced) for value in (row.synced, row.listing, row.files))
        yield f"{row.learner} in {row.cohort}: {row.field}: last sync {before}, now {now}, files {files}"


def render_text(synced: Synced, *, verbose: bool = False) -> str:
    """Render the edits by cohort, who has left, and what conflicts, with the difference if nothing was written."""
    lines = [_head(synced)]
    for title, rows in _sections(synced, verbose=verbose):
        lines += ["", title, *(f"  {row}" for row in rows)]
    lines += ["", *_end(synced)]
    return "".join(f"{visible(line)}\n" for line in lines) + _differences(synced)


def render_markdown(synced: Synced, *, limit: int = COMMENT_LIMIT, verbose: bool = False) -> str:
    """Render the same as Markdown of at most `limit` bytes."""
    parts = [
        Part(
            tuple(Item(f"- {code_span(visible(row))}\n", fit.GRAVE, "rows") for row in rows),
            f"### {code_span(visible(title))}\n\n",
            "\n",
        )
        for title, rows in _sections(synced, verbose=verbose)
    ]
    parts.append(Part(tuple(Item(f"{code_span(visible(row))}\n\n", fit.GRAVE, "rows") for row in _end(synced))))
    if differences := _differences(synced):
        opening, *lines, closing = fenced(differences, "diff").splitlines(keepends=True)
        items = tuple(Item(line, fit.REST, "lines of the difference") for line in lines)
        parts.append(Part(items, opening, closing, always=True))
    return fit.fit(f"{code_span(visible(_head(synced)))}\n\n", parts, "", limit=limit, full_report=FULL)


def render_json(synced: Synced) -> str:
    """Render all of it for programs."""
    changes = synced.changes
    document = {
        "exit_code": synced.exit_code,
        "source": synced.source,
        "written": synced.written,
        "newcomers": [{"learner": new.learner, "cohort": new.cohort} for new in changes.newcomers],
        "moves": [{"learner": move.learner, "from": move.before, "to": move.after} for move in changes.moves],
        "holders": [
            {
                "learner": change.learner,
                "cohort": change.cohort,
                "slot": field_of(change.slot),
                "before": None if change.before is None else [list(map(_json, term)) for term in change.before],
                "after": [list(map(_json, term)) for term in change.after],
            }
            for change in changes.effects
        ],
        "new_staff": [{"handle": member.handle, "id": member.id, "role": member.role} for member in synced.new_staff],
        "leavers": [
            {"learner": leaver.learner, "cohort": leaver.cohort, "removed": changes.removes}
            for leaver in changes.leavers
        ],
        **{
            name: [
                {
                    "learner": row.learner,
                    "cohort": row.cohort,
                    "field": row.field,
                    "last_sync": row.synced,
                    "table": row.listing,
                    "files": row.files,
                }
                for row in rows
            ]
            for name, rows in (("conflicts", changes.conflicts), ("kept", changes.kept))
        },
        "edits": edits_json(synced.edits),
        "problems": [problem_json(problem) for problem in synced.warnings],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _json(value: object) -> str | None:
    return None if value is None else str(value)


def _head(synced: Synced) -> str:
    changes = synced.changes
    counts = [
        number_of(len(changes.newcomers), "newcomer"),
        number_of(len(changes.moves), "move"),
        number_of(len(changes.effects), "changed holder"),
        number_of(len(changes.leavers), "leaver"),
        number_of(len(changes.conflicts), "conflict"),
    ]
    verb = "Brought the files up to" if synced.written else "Compared the files with"
    return f"{verb} {synced.source}: {', '.join(counts)}."


def _end(synced: Synced) -> Iterator[str]:
    paths = ", ".join(edit.path for edit in synced.edits)
    if not synced.edits:
        yield "No file needs a change."
    else:
        yield f"Edited: {paths}" if synced.written else f"Would be edited: {paths}"
    if synced.first and synced.edits:
        yield "There was no earlier sync to compare with, so the source won wherever it differs from the files."


def _sections(synced: Synced, *, verbose: bool) -> Iterator[Section]:
    changes, source = synced.changes, synced.source
    if synced.new_staff:
        yield "New staff", [f"{member.handle}: account {member.id}, {member.role.value}" for member in synced.new_staff]
    yield from ((cohort, rows) for cohort, rows in _by_cohort(synced, verbose=verbose).items())
    if changes.leavers:
        title = "Removed, because they are not" if changes.removes else "Not removed without --remove, but no longer"
        leavers: dict[str, list[str]] = defaultdict(list)
        for leaver in changes.leavers:
            leavers[leaver.cohort].append(str(leaver.learner))
        yield f"{title} in {source}", _listed(leavers, whole=verbose)
    if changes.conflicts:
        title = f"Conflicts, left alone: changed in {source} and in the files since the last sync"
        yield (
            title,
            list(_conflicts(synced)),
        )
    if changes.kept:
        kept: dict[str, list[str]] = defaultdict(list)
        for row in changes.kept:
            words = f"{row.cohort}: {row.field}: {_value(row.files, synced)}, not {_value(row.listing, synced)}"
            kept[words].append(str(row.learner))
        yield "Kept, because only the files have changed since the last sync", _listed(kept, whole=verbose)


def _by_cohort(synced: Synced, *, verbose: bool) -> Mapping[str, list[str]]:
    """Return the edits of each cohort; those that differ only in the learner are one row."""
    cohorts: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for new in synced.changes.newcomers:
        cohorts[new.cohort]["new"].append(str(new.learner))
    for move in synced.changes.moves:
        cohorts[move.after][f"moved from {move.before}"].append(str(move.learner))
    for change in synced.changes.effects:
        before = "not declared" if change.before is None else _terms(change.before)
        words = f"{field_of(change.slot)}: {before} -> {_terms(change.after)}"
        cohorts[change.cohort][words].append(str(change.learner))
    return {cohort: _listed(rows, whole=verbose) for cohort, rows in sorted(cohorts.items())}


def _listed(rows: Mapping[str, Sequence[str]], *, whole: bool) -> list[str]:
    return [f"{words}: {some(learners, whole=whole)}" for words, learners in rows.items()]


def _terms(terms: Sequence[tuple[object, object, object]]) -> str:
    """Return the holders of a slot in words."""
    parts = []
    for staff, start, end in terms:
        days = f" from {start}" if start else ""
        days += f" until {end}" if end else ""
        parts.append(f"{staff or 'nobody'}{days}")
    return ", ".join(parts) or "not managed"


def _value(text: str, synced: Synced) -> str:
    """Return a remembered value in words: accounts by their handle."""
    parts = []
    for part in text.split(","):
        holder, mark, days = part.partition("@")
        handle = synced.handles.get(int(holder), holder) if holder.isdecimal() else holder  # type: ignore[call-overload]
        parts.append(f"{handle} {days}" if mark else handle)
    return ", ".join(parts) or "none"


def _differences(synced: Synced) -> str:
    return "" if synced.written else "".join(render_difference(edit) for edit in synced.edits)
