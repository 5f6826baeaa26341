"""Problems of the declared state as GitHub annotations."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.problems import Problem
from reconciler.report.common.annotations import Workspace, render
from reconciler.report.common.notices import problem_notice


def render_annotations(problems: Iterable[Problem], workspace: Workspace) -> str:
    """Render each problem at its line, errors first; without problems the text is empty."""
    return render([(problem.severity, "Declared state", problem_notice(problem)) for problem in problems], workspace)
