"""New files of a state folder: tried out beside what is there, then written all or none, and never over another."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from reconciler.problems import Invalid, Problem, Source
from reconciler.run.files import write_whole

_FIX = "Check the folder's permissions and free space. Nothing was kept of what this command wrote."


def already_there(state: Path, names: Iterable[str]) -> list[Problem]:
    """A problem for each of these files, relative to the folder, that is there already."""
    fix = "Move it away, or choose another name for the cohort: no file is ever written over."
    there = (path for path in (state / name for name in names) if path.exists() or path.is_symlink())
    return [Problem("is there already", fix, Source(path.as_posix())) for path in there]


@contextmanager
def tried(state: Path, texts: Mapping[str, str]) -> Iterator[Path]:
    """A copy of the state folder with the new files in it, in a temporary place."""
    with tempfile.TemporaryDirectory(prefix="reconciler-new-") as folder:
        place = Path(folder) / "state"
        place.mkdir()
        if state.is_dir():
            shutil.copytree(state, place, dirs_exist_ok=True)
        for name, text in texts.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text(text, encoding="utf-8", newline="\n")
        yield place


def write_new(state: Path, texts: Mapping[str, str]) -> None:
    """Write them all. Raises Invalid where one is there already, and ReconcilerError where one cannot be written; then
    none is left."""
    if problems := already_there(state, texts):
        raise Invalid(problems)
    written: list[Path] = []
    try:
        for name, text in texts.items():
            write_whole(text, state / name, fix=_FIX)
            written.append(state / name)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise
