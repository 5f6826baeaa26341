"""Problems as plain text, each at its place with its fix, for terminals and editors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.problems import Problem
from reconciler.report.common.escape import visible
from reconciler.report.common.grouping import SHOWN_ALIKE, group_by, more_words
from reconciler.report.common.notices import problem_notice
from reconciler.text import number_of


def render_text(problems: Sequence[Problem], *, verbose: bool = False) -> str:
    """Render each problem as `file:line: what`, the fix of problems that differ only in the learner once, and counts.

    Of more than SHOWN_ALIKE such problems the rest are counted, unless *verbose*. Lines are not wrapped, so that
    editors find the place. Without problems the text is empty.
    """
    if not problems:
        return ""
    lines = [line for group in group_by(problems, _cause) for line in _group(group, verbose)]
    errors = sum(problem.severity == "error" for problem in problems)
    counts = ((errors, "problem"), (len(problems) - errors, "warning"))
    lines.append(", ".join(number_of(count, thing) for count, thing in counts if count))
    return "\n".join(lines) + "\n"


def _cause(problem: Problem) -> tuple[str, str, str, str]:
    notice = problem_notice(problem)
    where = problem.where if problem.source is None else problem.source.file
    return problem.severity, where, notice.subject or notice.what, problem.fix


def _group(group: Sequence[Problem], verbose: bool) -> Iterator[str]:
    shown = group if verbose else group[:SHOWN_ALIKE]
    for problem in shown:
        words = f"{'warning: ' if problem.severity == 'warning' else ''}{problem.what}"
        yield visible(f"{problem.place()}: {words}" if problem.place() else words)
    if left := len(group) - len(shown):
        yield f"  {more_words(left)}"
    yield visible(f"  Fix: {group[0].fix}")
    for problem in shown:
        yield from map(visible, problem.lines)
