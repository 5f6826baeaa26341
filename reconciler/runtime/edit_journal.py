"""Journal of an edit of several files: after a crash, the next command finishes the edit or discards it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from reconciler.model.structs import Decoder, NotUnderstood, Struct, encode
from reconciler.problems import Problem, ReconcilerError, Source
from reconciler.runtime.files import TEMPORARY, read_within, write_whole
from reconciler.runtime.git import is_tracked

NAME = ".reconciler-edit.json"
"""Name of the journal, in the folder that the state folder is in."""
_OWN_TEMPORARY = ".reconciler-edit-"
_DECLARED = re.compile(r"([^/\\\\.][^/\\\\]*/)*[^/\\\\.][^/\\\\]*\.yaml")
_LARGEST = 200_000_000
_FIX = "Allow writing there, so that an interrupted edit can be finished."


class Entry(Struct, frozen=True):
    """One file, relative to the state folder: the digest of its bytes before the edit (None: no file), and its text."""

    name: str
    before: str | None
    after: str


class Journal(Struct, frozen=True):
    """Files of one edit."""

    version: int
    files: tuple[Entry, ...]


def write_journalled(state: Path, texts: Mapping[str, str], *, fix: str, mode: int = 0o600) -> None:
    """Write all these files or none, also if the machine stops in between; existing files keep their permissions.

    Raises ReconcilerError if one cannot be written; then all are as they were.
    """
    files = tuple(Entry(name, _digest(_bytes(state / name)), text) for name, text in texts.items())
    before = {name: _bytes(state / name) for name in texts}
    journal = _place(state)
    _remove(journal.parent.glob(f"{_OWN_TEMPORARY}????????"))
    write_whole(encode(Journal(1, files)).decode(), journal, fix=fix, prefix=_OWN_TEMPORARY)
    _sync({journal.parent})
    try:
        for name, text in texts.items():
            _write(state / name, text, fix, mode)
    except BaseException:
        for name, raw in before.items():
            _restore(state / name, raw, fix, mode)
        _remove([journal])
        raise
    _sync(_folders(state, texts))
    _remove([journal])


def recover_edit(state: Path) -> str:
    """Finish or discard an edit that a crash interrupted; return a note on what was done, or "".

    An edit of which at least one file was written is finished; otherwise it is discarded. Raises ReconcilerError if a
    file has changed since, because then neither is safe.
    """
    journal = _place(state)
    try:
        raw = read_within(journal, _LARGEST)
    except OSError:  # there is none, or no folder
        return ""
    files = _entries(raw, state, journal)
    now = {entry.name: _bytes(state / entry.name) for entry in files}
    done = [entry for entry in files if now[entry.name] == entry.after.encode()]
    waiting = [entry for entry in files if entry not in done]
    if not done:
        _finish(state, now, journal)
        return "An edit that was interrupted before it wrote anything was discarded."
    changed = [entry.name for entry in waiting if _digest(now[entry.name]) != entry.before]
    if changed:
        what = "changed after an edit of several files was interrupted, so the edit can neither be finished nor undone"
        fix = f"Compare the files with git diff, then remove {journal.as_posix()}."
        raise ReconcilerError([Problem(what, fix, Source((state / name).as_posix())) for name in changed])
    for entry in waiting:
        _write(state / entry.name, entry.after, _FIX, 0o600)
    _finish(state, now, journal)
    return "An edit that was interrupted was finished: " + ", ".join(entry.name for entry in files) + "."


def _entries(raw: bytes | None, state: Path, journal: Path) -> tuple[Entry, ...]:
    """Read the entries. Raises ReconcilerError for a journal that no edit of this state folder has left."""
    try:
        files = Decoder(Journal).decode(raw or b"").files
    except NotUnderstood as error:
        fix = "Move it away, and compare the files with git diff: it is not a journal of this version."
        raise ReconcilerError(Problem("cannot be read", fix, Source(journal.as_posix()))) from error
    fix = "Remove it, also from git, and look at who has added it: it could overwrite files."
    if is_tracked(journal):
        what = "is committed, so no interrupted edit has left it"
        raise ReconcilerError(Problem(what, fix, Source(journal.as_posix())))
    if outside := [entry.name for entry in files if not _is_declared(state, entry.name)]:
        what = f"names {outside[0][:100]!r}, which is no file of the state folder"
        raise ReconcilerError(Problem(what, fix, Source(journal.as_posix())))
    return files


def _is_declared(state: Path, name: str) -> bool:
    """Return whether this is a visible YAML file in the state folder, and no link leads it elsewhere."""
    try:
        place = (state / name).resolve()
    except (OSError, RuntimeError, ValueError):
        return False
    return _DECLARED.fullmatch(name) is not None and place.is_relative_to(state.resolve())


def _place(state: Path) -> Path:
    return state.absolute().parent / NAME


def _write(path: Path, text: str, fix: str, mode: int) -> None:
    with suppress(OSError):
        mode = path.stat().st_mode & 0o777
    write_whole(text, path, fix=fix, mode=mode)


def _restore(path: Path, raw: bytes | None, fix: str, mode: int) -> None:
    """Give a file the bytes that it had, or remove it."""
    if raw is None:
        path.unlink(missing_ok=True)
    elif _bytes(path) != raw:
        _write(path, raw.decode("utf-8"), fix, mode)


def _finish(state: Path, names: Iterable[str], journal: Path) -> None:
    """Remove the journal, once the files are on the disk, and temporary files that a crash left beside them."""
    folders = _folders(state, names)
    _sync(folders)
    _remove(path for folder in folders for path in folder.glob(f"{TEMPORARY}????????"))
    _remove([journal])


def _folders(state: Path, names: Iterable[str]) -> set[Path]:
    return {(state / name).resolve().parent for name in names}


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            what = f"cannot be removed: {error.strerror}"
            raise ReconcilerError(Problem(what, _FIX, Source(path.as_posix()))) from error


def _sync(folders: Iterable[Path]) -> None:
    """Make renames in these folders durable, if the system can."""
    for folder in folders:
        with suppress(OSError):
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        what = f"cannot be read: {error.strerror}"
        raise ReconcilerError(
            Problem(what, "Allow reading it. Nothing was written.", Source(path.as_posix()))
        ) from error


def _digest(raw: bytes | None) -> str | None:
    return None if raw is None else sha256(raw).hexdigest()
