"""Checkouts of the repositories that centres are declared in: fetched before anything is started."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from reconciler.git_program import bare_git, git
from reconciler.model.fleet import Centre, Fleet
from reconciler.problems import Problem


def checkout_of(fleet: Fleet, centre: Centre) -> Path:
    """Return the folder of a centre's checkout, which belongs to the fleet alone."""
    return fleet.folder / centre.name / "checkout"


def fetch(fleet: Fleet, centre: Centre) -> Problem | None:
    """Bring a centre's checkout to the newest commit of its branch; return the problem if it has no such folder."""
    place = checkout_of(fleet, centre)
    try:
        if not (place / ".git").is_dir():
            place.mkdir(parents=True, exist_ok=True, mode=0o700)
            git(place, "init", "-q")
            git(place, "remote", "add", "--", "origin", centre.repository)
        git(place, "remote", "set-url", "--", "origin", centre.repository)
        ref = f"refs/heads/{centre.branch}" if centre.branch else "HEAD"
        bare_git(place / ".git", "fetch", "-q", "--no-tags", "store", ref, remote=centre.repository)
        git(place, "reset", "-q", "--hard", "FETCH_HEAD")
    except (OSError, subprocess.SubprocessError) as error:
        what = f"{centre.name}: the repository cannot be fetched: {_reason(error)}"
        fix = "Check repository and branch, and that git may read it here without a prompt. Nothing was started."
        return Problem(what, fix, centre.source)
    if not Path(os.path.realpath(centre.state)).is_relative_to(place.resolve()):
        what = f"{centre.name}: {centre.folder} is outside of the repository"
        return Problem(what, "Name the state folder within the repository. Nothing was started.", centre.source)
    return None


def _reason(error: Exception) -> str:
    """Return the line in which git says why, or why git could not be started."""
    lines = (getattr(error, "stderr", None) or b"").decode("utf-8", "replace").strip().splitlines()
    said = next((line for line in lines if line.startswith("fatal: ")), "".join(lines[-1:]))
    return said[:200] or getattr(error, "strerror", None) or "git gave no answer"
