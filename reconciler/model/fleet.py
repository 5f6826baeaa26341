"""Nouns of a fleet: centres, how each one's command ended, and the state of each one's store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
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

PASSING = (ExitCode.ERROR, ExitCode.LOCKED, ExitCode.INCOMPLETE)
"""Exit codes whose reason may pass by itself: a queue runs these centres again."""


class Centre(RedactedRepr, Struct, frozen=True):
    """One centre of a fleet.

    `state` is its state folder and `target` the name or URL as written. `store` is the address, which may have a
    password, empty for the default; `store_variable` is the variable that holds it, if one does. `repository` and
    `branch` are those that the folder is fetched from, if any. The sources are the lines of the folder and of the
    store.
    """

    hidden = ("name", "store")

    name: str
    organisation: int
    state: Path
    target: str
    folder: str = ""
    token_variable: str = ""
    store: str = ""
    store_variable: str = ""
    owner: str = ""
    repository: str = ""
    branch: str = ""
    source: Source = Source("fleet.yaml")
    store_source: Source = Source("fleet.yaml")


class QueueRules(RedactedRepr, Struct, frozen=True):
    """The queue's database, how many jobs run at a time (in all, for a token, in a worker), and waits before retries.

    `database` and `budget` are addresses, which may have a password; empty if their variables are not set. `budget` is
    that of the store in which calls are counted, if the stores of one token differ; `budget_variable` holds it.
    """

    hidden = ("database", "budget")

    database: str
    budget: str = ""
    jobs: int = 16
    jobs_per_token: int = 2
    jobs_per_worker: int = 4
    retries: tuple[timedelta, ...] = (timedelta(minutes=5), timedelta(minutes=15), timedelta(minutes=45))
    source: Source = Source("fleet.yaml")
    budget_variable: str = ""


FLAGS: Mapping[str, Sequence[str]] = {
    "plan": ("detailed-exitcode",),
    "apply": ("auto-approve", "due"),
    "drift": ("correct", "due", "detailed-exitcode"),
    "audit": ("detailed-exitcode",),
}
"""The commands that run for each centre, and the flags of each."""


def unfit_flags(action: str, flags: Sequence[str]) -> str:
    """Return what is wrong with the flags of a command, as a sentence; empty if nothing is."""
    if wrong := [flag for flag in flags if flag not in FLAGS.get(action, ())]:
        return f"--{wrong[0]} does not belong to {action}."
    if action == "apply" and not {"auto-approve", "due"} & set(flags):
        return "apply needs --auto-approve or --due: nobody is asked for each centre."
    if action == "apply" and {"auto-approve", "due"} <= set(flags):
        return "--due applies what was approved already: leave --auto-approve out."
    if action == "drift" and "due" in flags and "correct" not in flags:
        return "--due needs --correct."
    return ""


class Night(Struct, frozen=True):
    """A command that is queued each day, spread from `begin` until `end` in Europe/London; `end` may be tomorrow's."""

    command: tuple[str, ...]
    begin: time
    end: time


class Fleet(Struct, frozen=True):
    """The centres of a fleet file, in its order. `folder` keeps checkouts and results, beside the file.

    `queue` holds the rules of the queue, if the file has one, and `nights` what it runs by itself.
    """

    name: str
    folder: Path
    centres: tuple[Centre, ...]
    jobs: int = 4
    queue: QueueRules | None = None
    nights: tuple[Night, ...] = ()


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

    @property
    def may_pass(self) -> bool:
        """True if it ended for a reason that may pass by itself."""
        return self.exit_code in PASSING and not any(problem.needs_person for problem in self.problems)


def refused_result(centre: Centre, problem: Problem, code: ExitCode, now: datetime) -> CentreResult:
    """Return the result of a centre whose command was not started."""
    return CentreResult(centre.name, centre.organisation, centre.target, centre.owner, code, now, problems=(problem,))


def worst_first(results: Sequence[CentreResult]) -> tuple[CentreResult, ...]:
    """Return results in the order in which people should look at them."""
    return tuple(sorted(results, key=lambda result: (rank(result.exit_code), result.centre)))


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


def rank(code: int) -> int:
    """Return the place of an exit code in the order of WORST_FIRST; unknown codes come first."""
    codes = [int(known) for known in WORST_FIRST]
    return codes.index(code) if code in codes else -1
