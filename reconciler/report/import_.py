"""What an import wrote, what it could not declare and what comes next, as text and as JSON."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from reconciler.model.structs import Struct, field
from reconciler.problems import ExitCode, Problem
from reconciler.report.common.escape import visible
from reconciler.report.outcome.json import problem_json
from reconciler.text import number_of


class Written(Struct, frozen=True):
    """The outcome of an import. `left_out` are slots that somebody holds and no file declares; `unreadable` counts
    slots that OneFile does not show, by words for their kind; `blocking` and `warning` count what the policies object
    to, by policy. `calls` is None where OneFile was not asked. `from_onefile` tells that OneFile holds what the files
    say, so that the next plan is empty."""

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
        """Incomplete where somebody has to look after what could not be declared."""
        return ExitCode.INCOMPLETE if self.left_out else ExitCode.DONE


FEW = 10  # addresses of one reason that are listed without --verbose


def render_import(written: Written, *, verbose: bool = False) -> str:
    return "\n".join(_lines(written, verbose)) + "\n"


def told(written: Written, *, verbose: bool = False) -> list[Problem]:
    """What has to be looked after, once per reason, for where there is no report to read it in."""
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
        yield f"Left undeclared, to be looked after by hand: {number_of(len(written.left_out), 'slot')}"
        for (why, fix), addresses in _by_reason(written.left_out).items():
            yield f"  {visible(why)}: {visible(_some(addresses, verbose))}"
            yield f"    {visible(fix)}"
    if written.unreadable:
        kinds = (f"{kind} ({number})" for kind, number in written.unreadable.items())
        yield f"Not shown by OneFile, so left undeclared: {', '.join(kinds)}"
    if written.from_onefile:
        yield "Additional people are never shown by OneFile: add them to the files by hand."
    if written.recorded:
        yield f"Taken from our own record, as OneFile does not show them: {number_of(written.recorded, 'slot')}"
    if written.already:
        yield f"Declared before, and left as they are: {number_of(written.already, 'learner')}"
    if written.archived:
        yield f"Archived, and left out: {number_of(written.archived, 'learner')}"
    yield from (f"Warning: {visible(problem.what)}. {visible(problem.fix)}" for problem in written.warnings)
    if written.blocking:
        yield f"Policies refuse what OneFile holds, so apply is blocked: {_counted(written.blocking)}"
    if written.warning:
        yield f"Policies warn of what OneFile holds: {_counted(written.warning)}"
    if written.from_onefile:
        yield "Next, before the first apply: reconciler plan --detailed-exitcode"
    else:
        yield "Next: reconciler plan, which shows where OneFile differs from the table."


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{policy} ({number})" for policy, number in counts.items())


def render_import_json(written: Written) -> str:
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
        "left_out": [{"address": one.where, "why": one.what, "fix": one.fix} for one in written.left_out],
        "unreadable": dict(written.unreadable),
        "policies": {"error": dict(written.blocking), "warn": dict(written.warning)},
        "problems": [problem_json(problem) for problem in written.warnings],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
