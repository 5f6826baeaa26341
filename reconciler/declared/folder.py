"""Files of a state folder: those that are read, and those that look as if they should be but are not."""

from __future__ import annotations

import re
from pathlib import Path

from reconciler.model.structs import Struct, field
from reconciler.problems import Problem, Source
from reconciler.text import quoted

SIZE_CAP = 20_000_000
"""Bytes of the largest file that is read."""

_YAML = re.compile(r"(.+?)(?:\.ya?ml)+(?:\.txt|[ .]+)?", re.IGNORECASE)
"""Names under which editors and file managers save YAML, such as `x.yml` or Notepad's `x.yaml.txt`."""
_BACKUP = re.compile(r"\.ya?ml[^a-z0-9]", re.IGNORECASE)
"""Names of copies, such as `x.yaml~`, `x.yaml.bak` or `x.yaml (1)`."""


def _yaml_stem(name: str) -> str:
    """Return the name without its ending; "" if it is not a name for YAML."""
    match = _YAML.fullmatch(name)
    return match[1] if match else ""


class Folder(Struct):
    """State folder, with paths as the user gave them. `problems` has warnings too."""

    state: Path
    exists: bool = True
    cohorts: list[Path] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def settings(self) -> Path:
        return self.state / "settings.yaml"

    @property
    def staff(self) -> Path:
        return self.state / "staff.yaml"


def list_state_folder(state: Path) -> Folder:
    """List the state folder; a missing folder, or one without a cohort file, is a problem."""
    folder = Folder(state)
    entries = _entries(state, folder)
    if entries is None:
        folder.exists = False
        return folder
    for path in entries:
        stem = _yaml_stem(path.name)
        if path.name in ("settings.yaml", "staff.yaml") or not stem:
            continue
        if stem.lower() in ("settings", "staff"):
            fix = f"Rename it to {stem.lower()}.yaml."
            folder.problems.append(Problem("this file is not read", fix, Source(path.as_posix())))
        else:
            what = "this file is not read: only settings.yaml, staff.yaml and cohorts/*.yaml are"
            fix = "Move a cohort's file into the folder cohorts, or rename or remove this file."
            folder.problems.append(Problem(what, fix, Source(path.as_posix()), severity="warning"))
    _list_cohorts(folder)
    return folder


def _list_cohorts(folder: Folder) -> None:
    place = folder.state / "cohorts"
    for path in _entries(place, folder) or ():
        if path.suffix == ".yaml":
            folder.cohorts.append(path)
        elif stem := _yaml_stem(path.name):
            fix = f"Rename it to {stem}.yaml."
            folder.problems.append(Problem("cohort files end in .yaml", fix, Source(path.as_posix())))
        elif _BACKUP.search(path.name):
            fix = "Remove it, or move it out of the folder."
            folder.problems.append(Problem("this file is not read", fix, Source(path.as_posix()), severity="warning"))
        elif path.is_dir():
            fix = "Move its files up into cohorts."
            folder.problems.append(Problem("folders inside cohorts are not read", fix, Source(path.as_posix())))
    if not folder.cohorts and not any(problem.severity == "error" for problem in folder.problems):
        fix = "Write one file per cohort there, such as business-admin-l3-2026.yaml."
        folder.problems.append(Problem("there is no cohort file", fix, Source(place.as_posix())))


def _entries(place: Path, folder: Folder) -> list[Path] | None:
    """List a folder by name, without hidden files; return None if it cannot be listed."""
    fix = "Create one with `reconciler init`, or with `reconciler import` from OneFile; or name another with --state."
    if place != folder.state:
        fix = "Create this folder, with one file per cohort, such as business-admin-l3-2026.yaml."
    try:
        paths = sorted(path for path in place.iterdir() if not path.name.startswith("."))
        return [path for path in paths if _is_printable(path, folder)]
    except FileNotFoundError:
        what = "there is no such folder"
    except NotADirectoryError:
        what = "this is not a folder"
    except OSError as error:
        what, fix = f"the folder cannot be read: {(error.strerror or 'unknown reason').lower()}", "Allow reading it."
    folder.problems.append(Problem(what, fix, Source(place.as_posix())))
    return None


def _is_printable(path: Path, folder: Folder) -> bool:
    """Report a name that cannot be printed, because it has a line break or bytes that are not text."""
    if path.name.isprintable():
        return True
    what = f"the file name {quoted(path.name)} has characters that cannot be shown"
    folder.problems.append(Problem(what, "Rename the file.", Source(path.parent.as_posix())))
    return False
