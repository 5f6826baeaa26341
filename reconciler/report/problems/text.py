"""Problems as plain text, each at its place with its fix, for terminals and editors."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.problems import Problem
from reconciler.report.common.escape import visible
from reconciler.text import number_of


def render_text(problems: Sequence[Problem]) -> str:
    """Render each problem as `file:line: what` and its fix, then the counts.

    Lines are not wrapped, so that editors find the place. Without problems the text is empty.
    """
    lines = []
    for problem in problems:
        words = f"{'warning: ' if problem.severity == 'warning' else ''}{problem.what}"
        lines.append(visible(f"{problem.place()}: {words}" if problem.place() else words))
        lines.append(visible(f"  Fix: {problem.fix}"))
        lines += map(visible, problem.lines)
    if not lines:
        return ""
    errors = sum(problem.severity == "error" for problem in problems)
    counts = ((errors, "problem"), (len(problems) - errors, "warning"))
    lines.append(", ".join(number_of(count, thing) for count, thing in counts if count))
    return "\n".join(lines) + "\n"
