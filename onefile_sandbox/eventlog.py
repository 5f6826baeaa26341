"""Event log of a world: in memory, or in a JSON-lines file that several processes may share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

try:
    import fcntl
except ImportError:  # not a POSIX system: the file then serves only one process at a time
    fcntl = None  # type: ignore[assignment]


class WorldFileError(ValueError):
    """The file is not a sandbox world, or is damaged before its last line."""


class EventLog(Protocol):
    """Append-only lines, shared by processes."""

    def forward(self) -> list[str]:
        """Return the whole lines that any process appended since the last call."""
        ...

    def append(self, line: str) -> None:
        """Store *line* permanently before returning. Only inside `alone`, and after `forward`."""
        ...

    def alone(self) -> AbstractContextManager[None]:
        """Lock the log: no other process appends inside the block."""
        ...

    def close(self) -> None: ...


class MemoryLog:
    """The log of one process."""

    def __init__(self) -> None:
        self._unread: list[str] = []

    def forward(self) -> list[str]:
        lines, self._unread = self._unread, []
        return lines

    def append(self, line: str) -> None:
        self._unread.append(line)

    @contextmanager
    def alone(self) -> Iterator[None]:
        yield

    def close(self) -> None:
        pass


class FileLog:
    """Lines in a file that only its owner may read.

    A last line without a newline was cut off when its process died. It was never acknowledged, so it does not count,
    and the next append removes it.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o600)
        self._read = 0  # bytes, always at the end of a whole line

    def forward(self) -> list[str]:
        size = os.fstat(self._file).st_size
        if size == self._read:
            return []
        if size < self._read:
            raise WorldFileError("the file has become shorter while it was in use")
        os.lseek(self._file, self._read, os.SEEK_SET)
        fresh = self._bytes(size - self._read)
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self._read += len(whole)
        try:
            return whole.decode().split("\n")[:-1]
        except UnicodeDecodeError:
            raise WorldFileError("this is not a sandbox world") from None

    def torn(self) -> bytes:
        """Return the bytes after the last whole line that was read."""
        os.lseek(self._file, self._read, os.SEEK_SET)
        return self._bytes(os.fstat(self._file).st_size - self._read)

    def _bytes(self, count: int) -> bytes:
        parts = []
        while count and (part := os.read(self._file, min(count, 1 << 20))):
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def append(self, line: str) -> None:
        os.ftruncate(self._file, self._read)  # bytes after the last whole line were never acknowledged
        data = line.encode() + b"\n"
        if os.write(self._file, data) != len(data):
            os.ftruncate(self._file, self._read)
            raise OSError("no room for another event")

    @contextmanager
    def alone(self) -> Iterator[None]:
        if fcntl is None:
            yield
            return
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        os.close(self._file)
