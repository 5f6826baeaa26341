"""Parses cohort files in worker processes, because parsing takes most of the time of a large state.

A worker reads file names from its standard input, and writes one line of JSON per file to its standard output.
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
from reconciler.subprocess_env import child_environment

WORTH_BYTES = 2_000_000
"""Total size from which workers pay off. Starting one takes as long as reading about 300 kB."""

MOST_PROCESSES = 8  # the undivided work (rules, resolving) takes as long as an eighth of the rest


class CohortFile(Struct, frozen=True, array_like=True):
    """Content of one cohort file; `is_readable` is False if its learners are unknown."""

    entry: CohortEntry
    problems: list[Problem]
    is_readable: bool


def read_file(path: Path) -> CohortFile:
    document = checked(path, "cohort")
    entry = read_cohort(document, path.stem)
    return CohortFile(entry, document.problems, document.value is not None)


@contextmanager
def files_read(paths: Sequence[Path], processes: int | None = None) -> Iterator[Iterator[CohortFile]]:
    """Read all files in the order given, with *processes* workers, or as many as the files are worth.

    Workers start at once and end with the context.
    """
    count = worker_count(paths) if processes is None else processes
    with ExitStack() as stack:
        workers = [stack.enter_context(_worker(paths[first::count])) for first in range(count)]
        yield _collect(paths, workers) if workers else map(read_file, paths)


def _collect(paths: Sequence[Path], workers: Sequence[Iterator[bytes]]) -> Iterator[CohortFile]:
    """Yield each file from its worker; if a worker fails or returns invalid data, parse the file in this process."""
    decode = Decoder(CohortFile).decode
    for path, worker in zip(paths, cycle(workers), strict=False):
        file = None
        with suppress(NotUnderstood):
            file = decode(next(worker, b""))
        yield file if file and file.entry.file == path.as_posix() else read_file(path)


def worker_count(paths: Sequence[Path]) -> int:
    """Return the number of worker processes to use."""
    pays = cores() > 1 and sum(map(_size, paths)) >= WORTH_BYTES
    return min(cores(), MOST_PROCESSES) if pays and all(map(_is_text, paths)) else 0


def cores() -> int:
    """Return the number of cores that this process may use, or that the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _is_text(path: Path) -> bool:
    """Return False for a path that is not UTF-8, which cannot be sent to a worker."""
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
def _worker(paths: Sequence[Path]) -> Iterator[Iterator[bytes]]:
    """Start a worker for these files; it ends by itself once its output is closed."""
    import subprocess  # a tenth of the start-up time, and not needed for few files

    command = [sys.executable, "-P", "-c", f"from {__name__} import main; main()"]
    with subprocess.Popen(  # noqa: S603  our own interpreter and module
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=worker_environment(os.environ),
        start_new_session=True,  # Ctrl-C reaches the command only, which then stops the worker
    ) as process:
        assert process.stdin and process.stdout  # noqa: S101  both are pipes
        try:
            try:
                process.stdin.write(encode([path.as_posix() for path in paths]))
                process.stdin.close()
            except OSError:
                pass  # the worker died at once, so its output has ended too
            yield iter(process.stdout)
        finally:
            process.kill()


def worker_environment(ours: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which a worker imports the same modules from the same folders."""
    return {**child_environment(ours), "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUTF8": "1"}


def main() -> None:
    gc.disable()  # as in `load`
    try:
        for name in Decoder(list[str]).decode(sys.stdin.buffer.read()):
            sys.stdout.buffer.write(encode(read_file(Path(name))) + b"\n")
        sys.stdout.flush()
    except BrokenPipeError:  # the command was stopped
        os._exit(1)
