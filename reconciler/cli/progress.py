"""Progress on standard error: the cost in calls, then a bar."""

from __future__ import annotations

import math
import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

from reconciler.report.common.words import duration_words

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

WORTH_A_BAR = 20
"""Calls. Fewer are over before anybody can read a bar."""


class ProgressBar:
    """One line with calls and time before they are spent, then a bar if standard error is a terminal.

    `rate` is the calls allowed in a minute.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._total = 0
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def forecast(self, spent: int, remaining: int) -> None:
        """Print the cost of a reading, and start the bar."""
        calls = spent + remaining
        self._say(f"Reading OneFile: {calls} calls, about {self._time(calls)}.")
        if sys.stderr is not None and sys.stderr.isatty() and remaining >= WORTH_A_BAR:
            self._start(spent, calls)

    def _time(self, calls: int) -> str:
        return duration_words(math.ceil(calls * 60 / self._rate))

    def _say(self, line: str) -> None:
        if sys.stderr is not None:  # closed from outside
            sys.stderr.write(f"{line}\n")

    def applying(self, calls: int) -> None:
        """Print the cost of an apply."""
        self._say(f"Applying: {calls} calls including read-back, about {self._time(calls)}.")

    def spent(self, calls: int) -> None:
        """Move the bar to the calls spent so far."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=calls, status=self._status(calls))

    def _start(self, spent: int, calls: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        words = TextColumn("calls, {task.fields[status]}")
        console = Console(stderr=True)
        self._progress = Progress(BarColumn(), MofNCompleteColumn(), words, console=console, transient=True)
        self._progress.start()
        self._total = calls
        self._task = self._progress.add_task("reading", total=calls, completed=spent, status=self._status(spent))

    def _status(self, spent: int) -> str:
        left = self._rate - spent % self._rate
        return f"{left} of {self._rate} left this minute, about {self._time(max(0, self._total - spent))} to go"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()
