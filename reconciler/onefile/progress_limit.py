"""Progress limit: one bound on the time that a command waits for a server without a usable answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reconciler.clock import Clock, time_after
from reconciler.ratelimit import LONGEST_WAIT_SECONDS

_FIRST_NOTE_SECONDS = 2.0  # for a server that has not answered yet: without a network it never will
_NOTE_SECONDS = 15.0  # for a server that has answered before, and between two notes

Notify = Callable[[str], None]


class ProgressLimit:
    """The time without progress of all calls of one client, and its bound.

    The time starts when a request is sent, and ends with the next answer that is neither 429 nor 5xx. Retries, backoff
    and pauses are a part of it, also those of later calls. `notify` shows one line to a person; the delay of these
    notes is real time, as that of an exchange is.
    """

    def __init__(
        self, host: str, clock: Clock, seconds: float = LONGEST_WAIT_SECONDS, notify: Notify | None = None
    ) -> None:
        self.seconds = seconds
        self._host = host
        self._clock = clock
        self._notify = notify
        self._since: float | None = None
        self._in_flight = 0
        self._notes_failure = True
        self._noted_pause = 0.0
        self._usual_note_seconds = min(_NOTE_SECONDS, seconds / 3)
        self._note_seconds = min(_FIRST_NOTE_SECONDS, seconds / 3)
        self._timer: asyncio.TimerHandle | None = None

    @property
    def left(self) -> float:
        """Seconds until the bound is reached."""
        return self.seconds if self._since is None else self._since + self.seconds - self._clock.monotonic()

    @property
    def left_for_a_try(self) -> float:
        """Seconds for a try that was within the bound before its wait: a little, even if nothing is left."""
        return max(self.left, self.seconds / 20)

    @contextmanager
    def waiting(self, request: str) -> Iterator[None]:
        """Count the block as a wait for the server, and show notes while it lasts."""
        if self._since is None:
            self._since = self._clock.monotonic()
        self._in_flight += 1
        if self._timer is None:
            self._schedule_note(request)
        try:
            yield
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._cancel_note()

    def progressed(self) -> None:
        """Restart the time, after an answer that is neither 429 nor 5xx."""
        self._note_seconds = self._usual_note_seconds
        self._notes_failure = False
        self._since = self._clock.monotonic() if self._in_flight else None
        self._cancel_note()

    def note_pause(self, seconds: float) -> None:
        """Show until when all calls pause after a 429."""
        end = self._clock.monotonic() + seconds
        if self._notify and end > self._noted_pause + 1:  # calls in flight are answered alike, one after another
            self._noted_pause = end
            until = time_after(self._clock, seconds)
            self._notify(f"Waiting until {until}: {self._host} answered that there were too many calls.")

    def note_failure(self, request: str, what: str) -> None:
        """Show the first failure of a server that has sent no usable answer yet, because more tries follow it."""
        if self._notify and self._notes_failure:
            self._notes_failure = False
            self._notify(f"{request}: {what}; trying again for up to {max(0.0, self.left):.0f} s.")

    def _schedule_note(self, request: str) -> None:
        if self._notify:
            self._timer = asyncio.get_running_loop().call_later(self._note_seconds, self._note, self._notify, request)

    def _note(self, notify: Notify, request: str) -> None:
        notify(f"Waiting for {self._host} to answer {request}; giving up in {max(0.0, self.left):.0f} s.")
        self._note_seconds = self._usual_note_seconds
        self._schedule_note(request)

    def _cancel_note(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
