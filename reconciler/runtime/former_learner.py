"""Finds a learner whom the declared files had in the past, in their git history."""

from __future__ import annotations

import subprocess
from datetime import date
from pathlib import Path

from reconciler.declared.load import read_declared
from reconciler.declared.selection import choose
from reconciler.git_program import git
from reconciler.model.declared import DeclaredLearner
from reconciler.problems import Invalid
from reconciler.runtime.commit_files import as_of


def former_learner(state: Path, name: str) -> DeclaredLearner | None:
    """Return the learner with this label or MISID from the last commit that declared them; None if there is none."""
    try:
        search = ("log", "-1", "--no-ext-diff", "--no-textconv", "--format=%H %cs", f"-S{name}", "--", "cohorts")
        removal = git(state, *search).decode().split()
        if not removal:
            return None
        commit, day = removal
        with as_of(state, f"{commit}^") as folder:
            learners = read_declared(folder, date.fromisoformat(day)).learners
    except (OSError, subprocess.SubprocessError, Invalid, ValueError):
        return None
    matches, _ = choose(learners, (), [name])
    return matches[0] if len(matches) == 1 and matches[0].id is not None else None
