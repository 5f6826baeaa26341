"""Errors for people: the place, the problem and the fix; exit codes and the exception hierarchy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum
from itertools import groupby
from typing import Literal, NamedTuple


class ExitCode(IntEnum):
    """Exit codes of all commands. Pipelines depend on these numbers; reports and formats never change them."""

    DONE = 0
    ERROR = 1
    CHANGES = 2
    INVALID = 3
    STALE = 4
    BLOCKED = 5
    LOCKED = 6
    INCOMPLETE = 7


class Source(NamedTuple):
    """Line of a file that asks for something; lines count from 1, and 0 means the file as a whole."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


Severity = Literal["error", "warning"]


class Problem(NamedTuple):
    """One problem with its fix.

    `where` names a request, an address or an option if no file is to blame. `lines` are to be pasted into the file, as
    text and JSON show them; the fix then ends by referring to them. `who` is the learner with whom `what` begins,
    before a colon: reports put together what differs only in the learner. `needs_person` is true if it does not pass by
    itself although the exit code is one of a passing reason, such as a token that is refused: a retry would not help.
    """

    what: str
    fix: str
    source: Source | None = None
    where: str = ""
    severity: Severity = "error"
    lines: tuple[str, ...] = ()
    who: str = ""
    needs_person: bool = False

    def place(self) -> str:
        return str(self.source) if self.source else self.where

    def __str__(self) -> str:
        place = self.place()
        return f"{place}: {self.what}\n  Fix: {self.fix}" if place else f"{self.what}\n  Fix: {self.fix}"


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Sort problems by file, line and text, without duplicates: the order in which people work through them."""

    def key(problem: Problem) -> tuple[str, int, str, str, str]:
        source = problem.source or Source("", 0)
        return (source.file, source.line, problem.where, problem.what, problem.fix)

    return tuple(sorted(dict.fromkeys(problems), key=key))


MOST_OF_A_FILE = 100
MOST_IN_ALL = 1000


def bounded(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Sort problems, and count those beyond what a person can work through: of one file, and in all."""
    fix = "Fix the problems above first, then run the command again."
    result: list[Problem] = []
    for file, group in groupby(in_order(problems), key=lambda problem: problem.source and problem.source.file):
        shown, hidden = (of_file := list(group))[:MOST_OF_A_FILE], of_file[MOST_OF_A_FILE:]
        if not file or not hidden:
            result += of_file
            continue
        what = f"{len(hidden)} more in this file, from this line on"
        severity: Severity = "error" if any(problem.severity == "error" for problem in hidden) else "warning"
        result += [*shown, Problem(what, fix, hidden[0].source, severity=severity)]
    if hidden := result[MOST_IN_ALL:]:
        result[MOST_IN_ALL:] = [Problem(f"{len(hidden)} more in this file and others", fix, hidden[0].source)]
    return tuple(result)


class ReconcilerError(Exception):
    """Anything that ends a command in words a user can act on.

    ReconcilerError
    ├── Invalid          declared state, plan file or command line                    exit 3
    ├── Stale            the world moved since the plan                               exit 4
    ├── Blocked          a limit or a policy refuses; nothing was written             exit 5
    ├── WindowReached    a window began during the run; the next run does the rest    exit 7
    ├── Locked           another run holds the lock                                   exit 6
    ├── StoreError       the store cannot be opened, read or written                  exit 1
    │   └── NoStore      there is none, and the command only reads what others kept
    └── ServiceError     the exchange with OneFile failed                             exit 1
        ├── Unreachable  the request never left, or no server answered: nothing was done
        ├── Unauthorised the token was refused: nothing was done
        ├── Throttled    the server keeps answering 429: nothing was done
        ├── Rejected     the server refused this request (4xx): nothing was done
        ├── AnswerLost   sent, but no trustworthy answer came: may or may not have been done
        └── BadAnswer    a read was answered with something that is not what was promised
    """

    exit_code = ExitCode.ERROR

    def __init__(self, problems: Problem | Sequence[Problem]) -> None:
        self.problems = in_order([problems] if isinstance(problems, Problem) else problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Invalid(ReconcilerError):
    exit_code = ExitCode.INVALID

    def __init__(self, problems: Problem | Sequence[Problem]) -> None:
        super().__init__(bounded([problems] if isinstance(problems, Problem) else problems))


def refuse(problems: Iterable[Problem]) -> None:
    """Raise Invalid with all of these problems, if there are any."""
    if refused := list(problems):
        raise Invalid(refused)


class Stale(ReconcilerError):
    exit_code = ExitCode.STALE


class Blocked(ReconcilerError):
    exit_code = ExitCode.BLOCKED


class WindowReached(ReconcilerError):
    """A run reached a window in which nothing is written; the next run does the rest."""

    exit_code = ExitCode.INCOMPLETE


class Locked(ReconcilerError):
    exit_code = ExitCode.LOCKED


class StoreError(ReconcilerError):
    pass


class NoStore(StoreError):
    """No store exists yet, and the command does not create one."""


class ServiceError(ReconcilerError):
    """Error in the exchange with OneFile.

    `status` is the HTTP status if there was an answer; `detail` is the server's message, shortened.
    """

    def __init__(self, problem: Problem, *, status: int | None = None, detail: str = "") -> None:
        super().__init__(problem)
        self.status = status
        self.detail = detail


class Unreachable(ServiceError):
    pass


class Unauthorised(ServiceError):
    pass


class Throttled(ServiceError):
    pass


class Rejected(ServiceError):
    pass


class AnswerLost(ServiceError):
    pass


class BadAnswer(ServiceError):
    pass
