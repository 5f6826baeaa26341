"""The surroundings of a command: environment variables, clock, progress and notes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import date
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from reconciler.clock import Clock, SystemClock
from reconciler.model.declared import Settings
from reconciler.model.structs import RedactedRepr, Struct, field

if TYPE_CHECKING:
    from reconciler.observed.observe import ProgressListener

TOKEN_FD = "ONEFILE_CUSTOMER_TOKEN_FD"  # noqa: S105  the variable's name
LONDON = ZoneInfo("Europe/London")
LONGEST_APPROVERS = 200  # characters


class Environment(RedactedRepr, Struct, frozen=True):
    """Environment variables, clock, and the way to the person at the terminal.

    `progress` makes a progress listener, given the calls allowed in a minute. `note` prints one line beside the report,
    `status` one for somebody who waits. `on_screen`: the report is text, and goes to a terminal only. `handed` caches
    what a file descriptor gave, because it can be read once.

    The process's environment variables are read here and nowhere else.
    """

    hidden = ("variables", "handed")

    variables: Mapping[str, str] = field(default_factory=lambda: os.environ)
    handed: dict[str, str | None] = field(default_factory=dict)
    clock: Clock = field(default_factory=SystemClock)
    progress: Callable[[int], AbstractContextManager[ProgressListener]] | None = None
    note: Callable[[str], None] | None = None
    status: Callable[[str], None] | None = None
    on_screen: bool = False

    def __post_init__(self) -> None:
        """Note a token descriptor that is closed already: its number will soon belong to a file of our own."""
        number = self.variables.get(TOKEN_FD, "").strip()
        if number not in self.handed and is_descriptor(number) and not _is_open(int(number)):
            self.handed[number] = None

    def may_name(self, settings: Settings) -> bool:
        """Return whether this command's report may show learners' names."""
        return settings.names == "always" or (settings.names == "terminal" and self.on_screen)

    def today(self) -> date:
        """Return today's date in London."""
        return self.clock.now().astimezone(LONDON).date()

    def who(self) -> str:
        """Return who runs the command: the forge's actor in a workflow, else this machine's account."""
        if actor := self.variables.get("GITHUB_ACTOR") or self.variables.get("GITLAB_USER_LOGIN"):
            return actor
        import getpass  # needed by commands that write, not at each start

        try:
            return getpass.getuser()
        except (OSError, KeyError, ImportError):  # an account without a name; Windows keeps no list of them
            return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"

    def approved_by(self) -> str:
        """Return who approved what the command writes, as the pipeline says; empty if it does not."""
        return self.variables.get("RECONCILER_APPROVED_BY", "").strip()[:LONGEST_APPROVERS]


def is_descriptor(number: str) -> bool:
    """Return whether the text is the number of a descriptor other than the three standard streams."""
    return number.isascii() and number.isdecimal() and len(number) < 10 and int(number) > 2


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def host() -> str:
    """Return this machine's host name."""
    import socket

    return socket.gethostname()
