"""The files of a state folder: which are read, and which look as if they should be but are not."""

from __future__ import annotations

from pathlib import Path

from reconciler.model.structs import Struct, field
from reconciler.problems import Problem, Source
from reconciler.text import quoted


class Folder(Struct):
    """Paths as the user gave them. `problems` has warnings too."""

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
    """List the state folder. A folder that is not there, or has no cohort file, is a problem."""
    folder = Folder(state)
    entries = _entries(state, folder)
    if entries is None:
        folder.exists = False
        return folder
    for path in entries:
        if path.name.lower() in ("settings.yml", "staff.yml"):
            fix = f"rename it to {path.stem.lower()}.yaml."
            folder.problems.append(Problem("this file is not read", fix, Source(path.as_posix())))
        elif path.name not in ("settings.yaml", "staff.yaml") and path.suffix.lower() in (".yaml", ".yml"):
            what = "this file is not read: only settings.yaml, staff.yaml and cohorts/*.yaml are"
            fix = "move a cohort's file into the folder cohorts, or rename or remove this file."
            folder.problems.append(Problem(what, fix, Source(path.as_posix()), severity="warning"))
    _look_at_cohorts(folder)
    return folder


def _look_at_cohorts(folder: Folder) -> None:
    place = folder.state / "cohorts"
    for path in _entries(place, folder) or ():
        if path.suffix == ".yaml":
            folder.cohorts.append(path)
        elif path.suffix.lower() in (".yaml", ".yml"):
            fix = f"rename it to {path.stem}.yaml."
            folder.problems.append(Problem("cohort files end in .yaml", fix, Source(path.as_posix())))
        elif path.is_dir():
            fix = "move its files up into cohorts."
            folder.problems.append(Problem("folders inside cohorts are not read", fix, Source(path.as_posix())))
    if not folder.cohorts and not any(problem.severity == "error" for problem in folder.problems):
        fix = "write one file per cohort there, such as business-admin-l3-2026.yaml."
        folder.problems.append(Problem("there is no cohort file", fix, Source(place.as_posix())))


def _entries(place: Path, folder: Folder) -> list[Path] | None:
    """What the folder holds, by name, without hidden files; None where it cannot be listed."""
    fix = (
        "make one with `reconciler init`, or `reconciler import` from what OneFile holds; or name another with --state."
    )
    if place != folder.state:
        fix = "make this folder, with one file per cohort, such as business-admin-l3-2026.yaml."
    try:
        paths = sorted(path for path in place.iterdir() if not path.name.startswith("."))
        return [path for path in paths if _has_a_name(path, folder)]
    except FileNotFoundError:
        what = "there is no such folder"
    except NotADirectoryError:
        what = "this is not a folder"
    except OSError as error:
        what, fix = f"the folder cannot be read: {(error.strerror or 'unknown reason').lower()}", "allow reading it."
    folder.problems.append(Problem(what, fix, Source(place.as_posix())))
    return None


def _has_a_name(path: Path, folder: Folder) -> bool:
    """A name with a line break or with bytes that are no text cannot be told to anybody."""
    if path.name.isprintable():
        return True
    what = f"the file name {quoted(path.name)} has characters that cannot be shown"
    folder.problems.append(Problem(what, "rename the file.", Source(path.parent.as_posix())))
    return False
