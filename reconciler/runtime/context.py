"""What every command is told: where the files are, which OneFile, whose name, what day."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from reconciler.clock import Clock, SystemClock
from reconciler.declared.load import read_declared
from reconciler.model.declared import Declared, Settings
from reconciler.model.plan import GitState
from reconciler.model.structs import RedactedRepr, Struct, field, replace
from reconciler.onefile.targets import Target, resolve_target
from reconciler.problems import Invalid, Problem

if TYPE_CHECKING:
    from reconciler.observed.observe import ProgressListener

TOKEN_FD = "ONEFILE_CUSTOMER_TOKEN_FD"  # noqa: S105  the variable's name
LONDON = ZoneInfo("Europe/London")


class Context(RedactedRepr, Struct, frozen=True):
    """A command's common options and surroundings. `everyone` asks for caseloads also of those whom a plan does not
    touch. `progress` makes a progress listener, given the calls allowed in a minute. `ahead_days` is how far
    plans look ahead. `on_screen`: the report is text, and goes to a terminal only. `known_git_state` is the state
    folder's commit when its files were read: they may be edited while a plan waits to be approved. `says` prints one
    line beside the report.

    The environment is read here and nowhere else.
    """

    hidden = ("environment", "handed")

    state: Path = Path("state")
    target: str | None = None
    store: str | None = None
    cohorts: tuple[str, ...] = ()
    learners: tuple[str, ...] = ()
    since: str | None = None
    at: date | None = None
    ahead_days: int = 28
    everyone: bool = False
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    handed: dict[str, str | None] = field(default_factory=dict)  # what a descriptor gave, which it does once
    clock: Clock = field(default_factory=SystemClock)
    progress: Callable[[int], AbstractContextManager[ProgressListener]] | None = None
    on_screen: bool = False
    known_git_state: GitState | None = None
    says: Callable[[str], None] | None = None

    def __post_init__(self) -> None:
        """A descriptor that is closed now will soon be one of our own files: nothing may be read from it later."""
        number = self.environment.get(TOKEN_FD, "").strip()
        if number not in self.handed and is_descriptor(number) and not _is_open(int(number)):
            self.handed[number] = None

    def may_name(self, settings: Settings) -> bool:
        """Whether this command's report may show learners' names."""
        return settings.names == "always" or (settings.names == "terminal" and self.on_screen)

    def day(self) -> date:
        return self.at or self.today()

    def today(self) -> date:
        return self.clock.now().astimezone(LONDON).date()

    @property
    def is_narrow(self) -> bool:
        """Whether the command's scope leaves learners out."""
        return bool(self.cohorts or self.learners or self.since)

    def whole(self) -> Context:
        """The same without a scope."""
        return replace(self, cohorts=(), learners=(), since=None)

    def declared_in(self, state: Path) -> Declared:
        """All that another folder declares for the same day."""
        return _without_ended_waivers(read_declared(state, self.day()), self.today())

    def declared(self) -> Declared:
        """The files, checked and resolved for the day. Raises Invalid with every problem at once."""
        declared = read_declared(
            self.state, self.day(), cohorts=self.cohorts, learners=self.learners, ahead_days=self.ahead_days
        )
        declared = _without_ended_waivers(declared, self.today())
        if self.since is None:
            return declared
        from reconciler.runtime.changed_since import since

        return since(declared, self.state, self.since)

    def folder(self) -> Path:
        """Where the store and the sandbox's world are kept unless told otherwise: beside the state folder."""
        return self.state.absolute().parent / ".reconciler"

    def store_url(self) -> str:
        return self.store or self.environment.get("RECONCILER_STORE") or str(self.folder() / "store.db")

    def world_file(self) -> Path:
        return self.folder() / "sandbox.jsonl"

    def who(self) -> str:
        """Who asked: the forge's actor in a workflow, else the account that runs this."""
        if actor := self.environment.get("GITHUB_ACTOR") or self.environment.get("GITLAB_USER_LOGIN"):
            return actor
        import getpass  # this and the next are asked by whoever writes, not at each start

        try:
            return getpass.getuser()
        except (OSError, KeyError, ImportError):  # an account without a name; Windows keeps no list of them
            return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"

    def git_state(self) -> GitState:
        return self.known_git_state or _git_state(self.state)

    def with_git_state(self) -> Context:
        """The same, with where the state folder stands now kept."""
        return replace(self, known_git_state=_git_state(self.state))


def _git_state(state: Path) -> GitState:
    from reconciler.runtime import git  # starts programs, which only some commands need

    return git.git_state(state)


def _without_ended_waivers(declared: Declared, today: date) -> Declared:
    """Looking at a day in the past must not bring back an exception that has ended since."""
    if declared.day >= today:
        return declared
    kept = tuple(waiver for waiver in declared.settings.waivers if waiver.until >= today)
    return replace(declared, settings=replace(declared.settings, waivers=kept))


def is_descriptor(number: str) -> bool:
    """Whether the text is the number of a descriptor that is neither input nor output nor errors."""
    return number.isascii() and number.isdecimal() and len(number) < 10 and int(number) > 2


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def host() -> str:
    import socket

    return socket.gethostname()


BASE_URL = "ONEFILE_BASE_URL"


def target_of(context: Context, settings: Settings) -> Target:
    return resolve_target(context.target or settings.target, context.environment.get(BASE_URL))


def named_target(context: Context) -> str | None:
    """The target that the command line names, and None where it names none."""
    return resolve_target(context.target, context.environment.get(BASE_URL)).name if context.target else None


def overruled(context: Context) -> Problem | None:
    """A warning where the environment wins over a target that the command line names: somebody may not expect it."""
    url = context.environment.get(BASE_URL, "")
    if not (context.target and url.strip()):
        return None
    try:
        asked, meant = resolve_target(context.target, None), resolve_target(context.target, url)
    except Invalid:  # whichever of them is wrong, it is told when it is used
        return None
    if asked == meant:
        return None
    what = f"--target {asked.name} is overruled by {BASE_URL}: this command goes to {meant.name}"
    return Problem(what, f"Unset {BASE_URL}, or leave --target away.", where="--target", severity="warning")
