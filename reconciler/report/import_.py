"""Report of an import: files written, slots left undeclared and next steps, as text and JSON."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from reconciler.model.structs import Struct, field
from reconciler.problems import ExitCode, Problem
from reconciler.report.common.escape import visible
from reconciler.report.problems.json import problem_json
from reconciler.text import number_of


class Written(Struct, frozen=True):
    """The outcome of an import.

    `left_out` are held slots that no file declares. `unreadable` counts slots that OneFile does not show, by kind in
    words. `blocking` and `warning` count findings by policy. `calls` is None if OneFile was not read. `from_onefile`:
    OneFile holds what the files say, so the next plan is empty.
    """

    source: str
    files: Sequence[str]
    learners: int
    slots: int
    staff: int
    calls: int | None = None
    from_onefile: bool = True
    already: int = 0
    archived: int = 0
    recorded: int = 0
    left_out: Sequence[Problem] = ()
    warnings: Sequence[Problem] = ()
    unreadable: Mapping[str, int] = field(default_factory=dict)
    blocking: Mapping[str, int] = field(default_factory=dict)
    warning: Mapping[str, int] = field(default_factory=dict)

    @property
    def exit_code(self) -> ExitCode:
        """Incomplete if slots could not be declared."""
        return ExitCode.INCOMPLETE if self.left_out else ExitCode.DONE


FEW = 10
"""Number of addresses per reason that are listed without --verbose."""


def render_text(written: Written, *, verbose: bool = False) -> str:
    """Render the files, counts and open slots, with all addresses if *verbose*."""
    return "\n".join(_lines(written, verbose)) + "\n"


def import_problems(written: Written, *, verbose: bool = False) -> list[Problem]:
    """Return the slots left undeclared as warnings, one per reason, for output beside JSON."""
    reasons = _by_reason(written.left_out)
    slots = (
        Problem(f"left undeclared: {why}", fix, where=_some(addresses, verbose), severity="warning")
        for (why, fix), addresses in reasons.items()
    )
    return [*slots, *written.warnings]


def _by_reason(left_out: Sequence[Problem]) -> dict[tuple[str, str], list[str]]:
    reasons: dict[tuple[str, str], list[str]] = defaultdict(list)
    for problem in left_out:
        reasons[problem.what, problem.fix].append(problem.where)
    return reasons


def _some(addresses: Sequence[str], verbose: bool) -> str:
    if verbose or len(addresses) <= FEW:
        return ", ".join(addresses)
    return f"{', '.join(addresses[:FEW])} and {len(addresses) - FEW} more"


def _lines(written: Written, verbose: bool) -> Iterator[str]:
    spent = "" if written.calls is None else f"; {number_of(written.calls, 'call')}"
    counts = f"{number_of(written.learners, 'learner')}, {number_of(written.slots, 'slot')}, {written.staff} staff"
    yield f"Imported from {visible(written.source)}: {counts}{spent}. Written:"
    yield from (f"  {visible(file)}" for file in written.files)
    if written.left_out:
        yield f"Left undeclared, to be managed in OneFile: {number_of(len(written.left_out), 'slot')}"
        for (why, fix), addresses in _by_reason(written.left_out).items():
            yield f"  {visible(why)}: {visible(_some(addresses, verbose))}"
            yield f"    {visible(fix)}"
    if written.unreadable:
        kinds = (f"{kind} ({number})" for kind, number in written.unreadable.items())
        yield f"Not shown by OneFile, left undeclared: {', '.join(kinds)}"
    if written.from_onefile:
        yield "OneFile never shows additional people: add them to the files yourself."
    if written.recorded:
        yield f"Taken from our record, because OneFile does not show them: {number_of(written.recorded, 'slot')}"
    if written.already:
        yield f"Already declared, left unchanged: {number_of(written.already, 'learner')}"
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


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{policy} ({number})" for policy, number in counts.items())


def render_json(written: Written) -> str:
    """Render the outcome for pipelines."""
    document = {
        "exit_code": written.exit_code,
        "source": written.source,
        "files": list(written.files),
        "learners": written.learners,
        "slots": written.slots,
        "staff": written.staff,
        "calls": written.calls,
        "already_declared": written.already,
        "archived": written.archived,
        "from_record": written.recorded,
        "left_out": [{"address": slot.where, "why": slot.what, "fix": slot.fix} for slot in written.left_out],
        "unreadable": dict(written.unreadable),
        "policies": {"error": dict(written.blocking), "warn": dict(written.warning)},
        "problems": [problem_json(problem) for problem in written.warnings],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
