"""Processes that begin with the product loaded: forks of one that has loaded it, which takes longer than most runs.

Each has its own number, folder, variables and output, and ends, or is killed, by itself.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import pkgutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import chdir
from functools import cache
from pathlib import Path
from subprocess import TimeoutExpired
from typing import TYPE_CHECKING
from uuid import uuid4

import onefile_sandbox
import reconciler

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext

_LATE = (
    "anyio._backends._asyncio",
    "certifi",
    "dbos",
    "deepdiff",
    "httpcore",
    "jsonschema_rs",
    "psycopg",
    "rich.cells",
)
OF_TESTS = ("tests.crash.driver", "tests.fleet.quick_worker", "tests.store.parts")


class Fork:
    """A function that runs in a process of its own; what it prints goes to files in `output`, if nowhere else."""

    def __init__(
        self,
        function: Callable[..., object],
        *arguments: object,
        folder: Path,
        variables: Mapping[str, str],
        output: Path,
        stdin: str = os.devnull,
        stdout: str = "",
    ) -> None:
        name = uuid4().hex
        self._files = [Path(stdout or output / f"{name}.out"), output / f"{name}.err"]
        given = (function, arguments, folder, variables, [stdin, *self._files])
        self._process = forks().Process(target=_begin, args=given, daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process.is_alive()

    @property
    def printed(self) -> list[str]:
        """All that it has printed so far, to files: standard output and standard error."""
        return [file.read_text("utf-8") if file.is_file() else "" for file in self._files]

    @property
    def said(self) -> str:
        """All that it has printed so far, errors last."""
        return "".join(self.printed)

    def wait(self, seconds: float) -> None:
        self._process.join(seconds)

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()

    def ended(self, seconds: float = 120) -> tuple[int, str]:
        """Return the exit code, -9 if it was killed, and all that it printed."""
        self._process.join(seconds)
        if self._process.exitcode is None:
            raise TimeoutExpired(f"fork {self.pid}", seconds, self.said)
        assert "Traceback" not in self.said, self.said
        return self._process.exitcode, self.said


def product_modules() -> Iterator[str]:
    """Yield the names of all modules of the product, but for those that are programs."""
    for package in (onefile_sandbox, reconciler):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                yield module.name


@cache
def forks() -> ForkServerContext:
    """Return forks of a process that has loaded the product, what it loads late, and what tests let forks do.

    Python has one such process for all, and starts it with the first fork. It imports the tests from the folder in
    which it starts.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*product_modules(), *_LATE, *OF_TESTS])
    with chdir(Path(__file__).parents[1]):
        importlib.import_module("multiprocessing.forkserver").ensure_running()  # Windows has none
    return context


def _begin(
    function: Callable[..., object],
    arguments: Sequence[object],
    folder: Path,
    variables: Mapping[str, str],
    files: Sequence[str | Path],
) -> None:
    """Run the function as a program that was started in this folder with these variables."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    for number, file in enumerate(files):
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND if number else os.O_RDONLY)
        os.dup2(descriptor, number)
        os.close(descriptor)
    utf8 = {"encoding": "utf-8", "closefd": False}
    sys.stdin, sys.stdout = open(0, **utf8), open(1, "w", **utf8)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", **utf8)  # noqa: SIM115
    function(*arguments)
