"""Cohort files by more than one process: parsing is most of the time of a large state, and every core can do some.

A process started here reads names from its input, and writes to its output what each file says, a line of JSON each.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import cycle
from pathlib import Path

from reconciler.declared.cohort import CohortEntry, read_cohort
from reconciler.declared.schema import checked
from reconciler.model.structs import Decoder, NotUnderstood, Struct, encode
from reconciler.problems import Problem
from reconciler.subprocess_env import for_others

WORTH_BYTES = 2_000_000
"""From here on it pays. Starting another process takes as long as reading about 300 kB."""

MOST_PROCESSES = 8  # what is not divided (rules, building) takes as long as an eighth of the rest


class CohortFile(Struct, frozen=True, array_like=True):
    """What one file says by itself; `is_readable` is False where nothing can be said about who stands in it."""

    entry: CohortEntry
    problems: list[Problem]
    is_readable: bool


def read_file(path: Path) -> CohortFile:
    document = checked(path, "cohort")
    entry = read_cohort(document, path.stem)
    return CohortFile(entry, document.problems, document.value is not None)


@contextmanager
def files_read(paths: Sequence[Path], processes: int | None = None) -> Iterator[Iterator[CohortFile]]:
    """All files in the order given, by so many other processes; how many, is decided here where nobody says.

    They begin at once, whatever else is done meanwhile, and end with the context.
    """
    count = worth(paths) if processes is None else processes
    with ExitStack() as stack:
        others = [stack.enter_context(_reader(paths[first::count])) for first in range(count)]
        yield _told(paths, others) if others else map(read_file, paths)


def _told(paths: Sequence[Path], others: Sequence[Iterator[bytes]]) -> Iterator[CohortFile]:
    """What the others say of each file in turn. One that died, or says anything else, has said nothing of a file: it is
    read here, and what is wrong with it told as ever."""
    understand = Decoder(CohortFile).decode
    for path, other in zip(paths, cycle(others), strict=False):
        said = None
        with suppress(NotUnderstood):
            said = understand(next(other, b""))
        yield said if said and said.entry.file == path.as_posix() else read_file(path)


def worth(paths: Sequence[Path]) -> int:
    """How many other processes these files are worth."""
    pays = cores() > 1 and sum(map(_size, paths)) >= WORTH_BYTES
    return min(cores(), MOST_PROCESSES) if pays and all(map(_is_text, paths)) else 0


def cores() -> int:
    """Those that this process may use, where the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _is_text(path: Path) -> bool:
    """Whether another process can be told of it: not where a folder's name is no UTF-8."""
    try:
        return bool(path.as_posix().encode())
    except UnicodeEncodeError:
        return False


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


@contextmanager
def _reader(paths: Sequence[Path]) -> Iterator[Iterator[bytes]]:
    """A process that reads these files; it ends by itself when nobody takes what it says any more."""
    import subprocess  # with what it brings, a tenth of the start of whoever has few files

    command = [sys.executable, "-P", "-c", f"from {__name__} import main; main()"]
    with subprocess.Popen(  # noqa: S603  our own interpreter and module
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=surroundings(os.environ),
        start_new_session=True,  # a Ctrl-C is for the command, which then stops this
    ) as process:
        assert process.stdin and process.stdout  # noqa: S101  both asked for above
        try:
            try:
                process.stdin.write(encode([path.as_posix() for path in paths]))
                process.stdin.close()
            except OSError:
                pass  # it died at once: its output has ended too
            yield iter(process.stdout)
        finally:
            process.kill()


def surroundings(ours: Mapping[str, str]) -> dict[str, str]:
    """The same modules from the same places."""
    return {**for_others(ours), "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUTF8": "1"}


def main() -> None:
    gc.disable()  # as for everything that reads the files
    try:
        for name in Decoder(list[str]).decode(sys.stdin.buffer.read()):
            sys.stdout.buffer.write(encode(read_file(Path(name))) + b"\n")
        sys.stdout.flush()
    except BrokenPipeError:  # the command was stopped
        os._exit(1)
