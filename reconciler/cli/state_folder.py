"""Finds the state folder from the working folder, as git finds its repository."""

from __future__ import annotations

import os
from pathlib import Path

DEFAULT = Path("state")


def find_state(working: Path) -> Path:
    """Return the state folder of the working folder or of the nearest folder above it, relative to the working folder.

    The search ends at the top of a repository. Without a state folder, it is the default.
    """
    if (working / DEFAULT).is_dir():
        return DEFAULT
    for folder in (working, *working.parents):
        if _is_state(folder) and folder.parent != folder:
            return Path(os.path.relpath(folder.parent, working)) / folder.name
        if _is_state(folder / DEFAULT):
            return Path(os.path.relpath(folder, working)) / DEFAULT
        if (folder / ".git").exists():
            break
    return DEFAULT


def _is_state(folder: Path) -> bool:
    return (folder / "settings.yaml").is_file() and (folder / "cohorts").is_dir()
