"""Output folder: files of our own, replaced only where they change, in a folder that holds nothing else."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from reconciler.model.structs import Struct
from reconciler.problems import Invalid, Problem, ReconcilerError, Source
from reconciler.runtime.files import TEMPORARY, make_folder

LIST = ".reconciler-list"
"""The file that lists what the folder holds; its first line says what the files are of."""
_HEAD = "onefile-reconciler 1: "
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*(?:/[a-z0-9][a-z0-9._-]*)?", re.IGNORECASE)
_STAMP = re.compile(r'<p id="made">.*?</p>')
_SHOWN = 5


class Written(Struct, frozen=True):
    """Numbers of pages that were written, left as they were, and removed."""

    folder: Path
    written: int
    unchanged: int
    removed: int

    @property
    def pages(self) -> int:
        """The number of pages in the folder."""
        return self.written + self.unchanged


class OutputFolder:
    """A folder of files of one subject.

    Every name is listed before its page is written, so that a folder that a crash left is still known as our own.
    """

    def __init__(self, folder: Path, subject: str) -> None:
        self.folder, self._head = folder, f"{_HEAD}{subject}"
        self._before = self._names()
        self._now: dict[str, None] = {}
        self._made: set[Path] = set()
        self._written = self._unchanged = 0

    def check(self) -> None:
        """Raise Invalid if the folder holds something that is not listed, or pages of another subject."""
        if self.folder.exists() and not self.folder.is_dir():
            raise Invalid(Problem("is a file", "Choose another folder for --out.", Source(str(self.folder))))
        foreign = [name for name in self._files() if name not in self._before]
        if foreign:
            more = f" and {len(foreign) - _SHOWN} more" if len(foreign) > _SHOWN else ""
            what = f"holds files that this command did not make: {', '.join(sorted(foreign)[:_SHOWN])}{more}"
            fix = "Choose an empty or a new folder for --out, or remove these files. Nothing was written."
            raise Invalid(Problem(what, fix, Source(str(self.folder))))

    def begin(self) -> None:
        """Make the folder and its list."""
        try:
            make_folder(self.folder)
            if not self._before:
                self._save([])
        except OSError as error:
            raise self._unwritten(error, self.folder) from error

    def put(self, name: str, text: str) -> None:
        """Write a page, unless the one that is there differs only in when it was made."""
        assert _NAME.fullmatch(name), name  # noqa: S101  names are made of ids and handles
        path = self.folder / name
        self._now[name] = None
        try:
            if name in self._before and not path.is_symlink() and _same(path, text):
                self._unchanged += 1
                return
            if name not in self._before:
                with (self.folder / LIST).open("a", encoding="utf-8", newline="\n") as file:
                    file.write(f"{name}\n")
            self._replace(path, text)
            self._written += 1
        except OSError as error:
            raise self._unwritten(error, path) from error

    def end(self) -> Written:
        """Remove the pages that were not written again, and return the counts."""
        gone = [name for name in self._before if name not in self._now]
        try:
            for name in gone:
                (self.folder / name).unlink(missing_ok=True)
            for inner in {PurePosixPath(name).parent for name in gone} - {PurePosixPath(".")}:
                if not any((self.folder / inner).iterdir()):
                    (self.folder / inner).rmdir()
            if self._now.keys() != self._before.keys():
                self._save([*self._now])
        except OSError as error:
            raise self._unwritten(error, self.folder) from error
        return Written(self.folder, self._written, self._unchanged, len(gone))

    # -------------------------------------------------------------- files

    def _names(self) -> dict[str, None]:
        """Return the names that the list has. Raises Invalid for a list that is not ours, or of another subject."""
        path, source = self.folder / LIST, Source(str(self.folder / LIST))
        try:
            lines = path.read_text("utf-8").splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (OSError, ValueError) as error:
            raise Invalid(Problem("cannot be read", "Choose another folder for --out.", source)) from error
        if lines[:1] != [self._head]:
            what = f"the folder holds something else ({', '.join(lines[:1]).removeprefix(_HEAD) or 'an empty list'})"
            fix = "Choose another folder for --out: files for different readers must not be mixed."
            raise Invalid(Problem(what, fix, source))
        if bad := [name for name in lines[1:] if not _NAME.fullmatch(name)]:
            raise Invalid(Problem(f"lists {bad[0]!r}, which no page is called", "Choose another folder.", source))
        return dict.fromkeys(lines[1:])

    def _files(self) -> Iterator[str]:
        """Yield every file below the folder; those that a crash left half-written are removed."""
        for place, folders, files in os.walk(self.folder):
            inner = Path(place)
            links = [name for name in folders if (inner / name).is_symlink()]
            for name in (*files, *links):
                path = inner / name
                relative = path.relative_to(self.folder).as_posix()
                if name.startswith(TEMPORARY) and name != LIST and self._before and inner == self.folder:
                    path.unlink()
                elif relative != LIST or path.is_symlink():
                    yield relative

    def _replace(self, path: Path, text: str) -> None:
        half = self.folder / f"{TEMPORARY}{os.getpid()}"
        if path.parent not in self._made:
            path.parent.mkdir(exist_ok=True)
            half.unlink(missing_ok=True)
            self._made.add(path.parent)
        try:
            with half.open("xb") as file:
                file.write(text.encode("utf-8", "backslashreplace"))
            half.replace(path)
        except BaseException:
            half.unlink(missing_ok=True)
            raise

    def _save(self, names: list[str]) -> None:
        self._replace(self.folder / LIST, "\n".join([self._head, *names]) + "\n")

    def _unwritten(self, error: OSError, path: Path) -> ReconcilerError:
        what = f"cannot be written: {error.strerror or error}"
        return ReconcilerError(Problem(what, "Check the folder's permissions and free space.", Source(str(path))))


def _same(path: Path, text: str) -> bool:
    try:
        before = path.read_text("utf-8")
    except (FileNotFoundError, ValueError):
        return False
    return _STAMP.sub("", before, count=1) == _STAMP.sub("", text, count=1)
