"""Runs commands, measures their time and memory, and formats the results as tables."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).resolve().parent.parent
MIB = 1024  # ru_maxrss is in KiB on Linux


@dataclass(frozen=True, slots=True)
class Run:
    """One command, run several times: median seconds, largest memory, exit code, median processor seconds.

    The processor's time is that of all processes of the command; other work on the machine hardly changes it.
    """

    seconds: float
    mib: float
    exit_code: int
    processor: float

    def over(self, other: Run) -> str:
        """Return the ratio of the seconds to those of another run."""
        return f"{self.seconds / other.seconds:.2f}"


def measured(commands: Sequence[Sequence[str]], folder: Path, *, times: int) -> list[Run]:
    """Run the commands in turn, A B A B …, so that a slow moment of the machine affects all of them.

    With several runs there is one warm-up.
    """
    runs: list[list[Run]] = [[] for _ in commands]
    for _ in range(times + (times > 1)):
        for command, mine in zip(commands, runs, strict=True):
            mine.append(once(command, folder))
    kept = [mine[-times:] for mine in runs]
    return [
        Run(
            statistics.median(one.seconds for one in mine),
            max(one.mib for one in mine),
            mine[-1].exit_code,
            statistics.median(one.processor for one in mine),
        )
        for mine in kept
    ]


def once(command: Sequence[str], folder: Path) -> Run:
    environment = {**os.environ, "CHECKPOINT_DISABLE": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # whose modules are compiled at each start, is not measured
    with tempfile.TemporaryFile() as out:
        began = perf_counter()
        child = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=out, stdin=subprocess.DEVNULL)  # noqa: S603
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        seconds, processor = perf_counter() - began, used.ru_utime + used.ru_stime
        return Run(seconds, used.ru_maxrss / MIB, child.returncode, processor)


def machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"Python {platform.python_version()}, {platform.system()} on {platform.machine()}, {os.cpu_count()} cores, "
        f"{memory:.0f} GiB of memory, load {os.getloadavg()[1]:.1f} when it began"
    )


def cells(run: Run | None) -> tuple[str, str, str]:
    """Return seconds, processor seconds and MiB, or that the command is not available."""
    if run is None:
        return "not here", "", ""
    return _rounded(run.seconds), _rounded(run.processor), f"{run.mib:.0f}"


def _rounded(seconds: float) -> str:
    digits = 3 if seconds < 1 else 2 if seconds < 10 else 1
    return f"{seconds:.{digits}f}"


def times_least(run: Run | None, least: Run) -> str:
    """Return the ratio of the processor's time to that of the least program."""
    return f"{run.processor / least.processor:.1f}" if run else ""


def ratio(run: Run | None, other: Run | None) -> str:
    return run.over(other) if run and other else ""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
