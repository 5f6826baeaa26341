"""Problems as JSON for pipelines."""

from __future__ import annotations

import json
from collections.abc import Sequence

from reconciler.plan.document import Document
from reconciler.problems import Problem


def render_json(problems: Sequence[Problem], exit_code: int) -> str:
    """Render the exit code and the problems."""
    document = {"exit_code": exit_code, "problems": [problem_json(problem) for problem in problems]}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def problem_json(problem: Problem) -> Document:
    """Return a problem as every JSON report shows it; `lines`, `who` and `needs_person` only if there are any."""
    return {
        "severity": problem.severity,
        "file": problem.source.file if problem.source else None,
        "line": problem.source.line if problem.source else None,
        "where": problem.where,
        "what": problem.what,
        "fix": problem.fix,
        **({"lines": list(problem.lines)} if problem.lines else {}),
        **({"who": problem.who} if problem.who else {}),
        **({"needs_person": True} if problem.needs_person else {}),
    }
