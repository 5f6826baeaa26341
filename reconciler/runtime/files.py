"""Atomic writing of files for people and pipelines, readable only by their owner."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from reconciler.problems import Invalid, Problem, ReconcilerError, Source

_ANOTHER = "Choose another path for --out."
TEMPORARY = ".reconciler-"  # how the names of temporary files begin
_SURROGATES = "backslashreplace"
"""JSON's own escape for what UTF-8 cannot hold: half of a surrogate pair."""


def write_whole(
    content: str | bytes | Iterable[str], path: Path, *, fix: str = _ANOTHER, mode: int = 0o600, prefix: str = TEMPORARY
) -> None:
    """Write a file atomically: beside `path` first, then moved there.

    A write that is cut off leaves the old file. Links are followed. A pipe or a device such as /dev/null is written to
    and never replaced.
    """
    import tempfile  # needed by commands that save something, not at each start

    pieces = [content] if isinstance(content, str | bytes) else content
    data = (piece if isinstance(piece, bytes) else piece.encode("utf-8", errors=_SURROGATES) for piece in pieces)
    try:
        place = path.resolve()
        if place.exists() and not place.is_file():
            with place.open("wb") as file:
                file.writelines(data)
            return
        make_folder(place.parent)
        handle, name = tempfile.mkstemp(dir=place.parent, prefix=prefix)
        try:
            with os.fdopen(handle, "wb") as file:
                file.writelines(data)
                file.flush()
                os.fsync(file.fileno())  # or a machine that stops could keep the new name and lose the content
            Path(name).chmod(mode)
            Path(name).replace(place)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except (OSError, RuntimeError, ValueError) as error:  # a link in a circle; a name with a zero byte
        what = f"cannot be written: {getattr(error, 'strerror', None) or error}"
        raise ReconcilerError(Problem(what, fix, Source(str(path)))) from error


def make_folder(folder: Path) -> None:
    """Make a folder and its missing parents. Only their owner may write there, whatever the umask is."""
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        missing.mkdir(mode=0o755, exist_ok=True)


class NewFolder:
    """Context manager that removes a folder again if the command fails and made it, unless it is to be kept."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._keeps = folder, folder.exists()

    def keep(self) -> None:
        """Keep the folder, however the command ends."""
        self._keeps = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error and not self._keeps:
            shutil.rmtree(self._folder, ignore_errors=True)


def check_place(path: Path, *, fix: str = _ANOTHER) -> None:
    """Check that `path` can be written, without making anything.

    Raises Invalid if it cannot be a file, and ReconcilerError if this user may not write there.
    """
    try:
        existing = next(place for place in (path.absolute(), *path.absolute().parents) if place.exists())
        why = ""
        if existing == path.absolute():
            why = "is a folder" if path.is_dir() else ""
        elif not existing.is_dir():
            why = f"cannot be written: {existing} is not a folder"
        written = existing.parent if existing.is_file() else existing  # a file is replaced, not written to
        if not why and not os.access(written, os.W_OK):
            raise ReconcilerError(Problem("may not be written to", fix, Source(str(path))))
    except (OSError, ValueError) as error:
        why = f"cannot be written: {getattr(error, 'strerror', None) or error}"
    if why:
        raise Invalid(Problem(why, fix, Source(str(path))))


PATIENCE_SECONDS = 120
"""How long a pipe may send nothing."""
_LARGEST_TEXT = 10_000_000
_CHUNK = 1_000_000


def read_within(path: Path, largest: int) -> bytes | None:
    """Return the content of a file, or None if it has more bytes: a device or a pipe may have no end.

    Raises OSError, also if a pipe sends nothing for too long.
    """
    content = read_start(path, largest + 1)
    return content if len(content) <= largest else None


def read_start(path: Path, most: int) -> bytes:
    """Return the first bytes of a file, at most so many. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        return read_descriptor(descriptor, most)
    finally:
        os.close(descriptor)


def read_descriptor(descriptor: int, most: int) -> bytes:
    """Read at most so many bytes, to the end if there are fewer. Raises OSError."""
    os.read(descriptor, 0)  # one that is only for writing, or a folder, is refused at once
    content = bytearray()
    while len(content) < most:
        _await_content(descriptor)
        try:
            part = os.read(descriptor, min(_CHUNK, most - len(content)))
        except BlockingIOError:
            continue
        if not part:
            break
        content += part
    return bytes(content)


def _await_content(descriptor: int) -> None:
    if stat.S_ISFIFO(os.fstat(descriptor).st_mode) and os.name == "posix":
        import select  # only for pipes

        if not select.select([descriptor], [], [], PATIENCE_SECONDS)[0]:
            raise TimeoutError(errno.ETIMEDOUT, f"the pipe sent nothing for {PATIENCE_SECONDS} seconds")


def text_at(path: Path) -> str | None:
    """Return the text of a file: None if there is none, an empty text if it cannot be read as text."""
    try:
        return (read_within(path, _LARGEST_TEXT) or b"").decode("utf-8")
    except FileNotFoundError:
        return "" if path.is_symlink() else None
    except (OSError, ValueError):  # a folder, a file where a folder should be, not UTF-8
        return ""
