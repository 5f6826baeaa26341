"""Report of an import: files written, slots left undeclared and next steps, as text and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from reconciler.model.slots import SlotKind
from reconciler.report.common.escape import visible
from reconciler.report.common.words import kind_words, watched_words
from reconciler.report.problems.json import problem_json
from reconciler.text import number_of, some

if TYPE_CHECKING:
    from reconciler.commands.import_onefile import ImportResult


def render_text(written: ImportResult, *, verbose: bool = False) -> str:
    """Render the files, counts and open slots, with all addresses if *verbose*."""
    return "\n".join(_lines(written, verbose)) + "\n"


def _lines(written: ImportResult, verbose: bool) -> Iterator[str]:
    spent = "" if written.calls is None else f"; {number_of(written.calls, 'call')}"
    counts = f"{number_of(written.learners, 'learner')}, {number_of(written.slots, 'slot')}, {written.staff} staff"
    yield f"Imported from {visible(written.source)}: {counts}{spent}. Written:"
    yield from (f"  {visible(file)}" for file in written.files)
    if written.left_out:
        yield f"Left undeclared, to be managed in OneFile: {number_of(len(written.left_out), 'slot')}"
        for (why, fix), addresses in written.reasons().items():
            yield f"  {visible(why)}: {visible(some(addresses, whole=verbose))}"
            yield f"    {visible(fix)}"
    if written.unreadable:
        kinds = (f"{kind} ({number})" for kind, number in _unreadable(written).items())
        yield f"Not shown by OneFile, left undeclared: {', '.join(kinds)}"
    if written.from_onefile:
        yield "OneFile never shows additional people: add them to the files yourself."
    if words := watched_words(written.watch):
        yield f"{words}."
    if written.recorded:
        yield f"Taken from our record, because OneFile does not show them: {number_of(written.recorded, 'slot')}"
    if written.already:
        yield f"Already declared, left unchanged: {number_of(written.already, 'learner')}"
    if written.unnamed:
        yield "For reports that name learning aims and units, add to settings.yaml:"
        yield from (f"  {visible(line)}" for line in written.unnamed)
    if written.archived:
        yield f"Archived, left out: {number_of(written.archived, 'learner')}"
    yield from (f"Warning: {visible(problem.what)}. {visible(problem.fix)}" for problem in written.warnings)
    if written.blocking:
        yield f"Policies that block an apply, by number of findings: {_counted(written.blocking)}"
    if written.warning:
        yield f"Policy warnings, by number of findings: {_counted(written.warning)}"
    if written.from_onefile:
        yield "Next, before the first apply: reconciler plan --detailed-exitcode"
    else:
        yield "Next: reconciler plan, which shows the differences between OneFile and the table."


def _unreadable(written: ImportResult) -> dict[str, int]:
    """Return the counts of slots that OneFile does not show, by words for their kind."""
    return {
        "additional people" if kind is SlotKind.ADDITIONAL else kind_words(kind): number
        for kind, number in written.unreadable.items()
    }


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{policy} ({number})" for policy, number in counts.items())


def render_json(written: ImportResult) -> str:
    """Render the outcome for pipelines."""
    document = {
        "exit_code": written.exit_code,
        "source": written.source,
        "files": list(written.files),
        "learners": written.learners,
        "slots": written.slots,
        "staff": written.staff,
        "watch": written.watch.counts() if written.from_onefile else None,
        "calls": written.calls,
        "already_declared": written.already,
        "archived": written.archived,
        "from_record": written.recorded,
        "left_out": [{"address": slot.where, "why": slot.what, "fix": slot.fix} for slot in written.left_out],
        "unreadable": _unreadable(written),
        "names_to_add": list(written.unnamed),
        "policies": {"error": dict(written.blocking), "warn": dict(written.warning)},
        "problems": [problem_json(problem) for problem in written.warnings],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
