"""Nouns of a fleet: centres, how each one's command ended, and the state of each one's store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from reconciler.model.structs import RedactedRepr, Struct, field
from reconciler.problems import ExitCode, Problem, Source

WORST_FIRST: Sequence[ExitCode] = (
    ExitCode.ERROR,
    ExitCode.INVALID,
    ExitCode.INCOMPLETE,
    ExitCode.BLOCKED,
    ExitCode.STALE,
    ExitCode.LOCKED,
    ExitCode.CHANGES,
    ExitCode.DONE,
)
"""Exit codes in the order in which people should look at them."""
FINE = (ExitCode.DONE, ExitCode.CHANGES)
"""Exit codes of a command that ended well."""


class Centre(RedactedRepr, Struct, frozen=True):
    """One centre of a fleet.

    `state` is its state folder and `target` the name or URL as written. `store` is the address, which may have a
    password, empty for the default. `repository` and `branch` are those that the folder is fetched from, if any. The
    sources are the lines of the folder and of the store.
    """

    hidden = ("name", "store")

    name: str
    organisation: int
    state: Path
    target: str
    folder: str = ""
    token_variable: str = ""
    store: str = ""
    owner: str = ""
    repository: str = ""
    branch: str = ""
    source: Source = Source("fleet.yaml")
    store_source: Source = Source("fleet.yaml")


class Fleet(Struct, frozen=True):
    """The centres of a fleet file, in its order. `folder` keeps checkouts and results, beside the file."""

    name: str
    folder: Path
    centres: tuple[Centre, ...]
    jobs: int = 4


class CentreResult(Struct, frozen=True):
    """The end of one centre's command: the exit code it would have alone, with counts and problems of its report.

    `report` is the file of the whole report; `files` is a digest of the declared files that were used.
    """

    centre: str
    organisation: int
    target: str
    owner: str
    exit_code: int
    ended: datetime
    seconds: float = 0.0
    counts: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    report: str = ""
    files: str = ""

    @property
    def is_fine(self) -> bool:
        return self.exit_code in FINE


class FleetRun(Struct, frozen=True):
    """One command over the chosen centres, worst first, and the names of those that were not chosen."""

    fleet: str
    command: str
    results: tuple[CentreResult, ...]
    left_out: tuple[str, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of the worst."""
        return ExitCode(self.results[0].exit_code) if self.results else ExitCode.DONE


class CentreState(Struct, frozen=True):
    """The state of a centre in its store: its newest run, its newest complete reading, and open issues.

    `holder` runs a command now. `problems` say why the store cannot be read.
    """

    centre: str
    organisation: int
    target: str
    owner: str
    now: datetime
    command: str = ""
    exit_code: int | None = None
    started: datetime | None = None
    read_at: datetime | None = None
    drift: int = 0
    steps: int = 0
    holder: str = ""
    problems: tuple[Problem, ...] = ()

    @property
    def reading_age(self) -> timedelta | None:
        """The age of the newest complete reading."""
        return self.now - self.read_at if self.read_at else None


class FleetStatus(Struct, frozen=True):
    """The state of each centre, those that need somebody first."""

    fleet: str
    centres: tuple[CentreState, ...]

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.ERROR if any(centre.problems for centre in self.centres) else ExitCode.DONE


def rank(code: int) -> int:
    """Return the place of an exit code in the order of WORST_FIRST; unknown codes come first."""
    codes = [int(known) for known in WORST_FIRST]
    return codes.index(code) if code in codes else -1
