"""Doctor's checks as data: each result becomes one check with a status, and a fix if there is one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from reconciler.model.operations import Outcome, State
from reconciler.model.slots import OrganisationId, SlotKind, UserId
from reconciler.model.structs import Struct
from reconciler.problems import ExitCode, Invalid, Problem, ReconcilerError

SKEW_SECONDS = 60.0  # a clock further off than this writes misleading times, and turns the day early or late


class CheckStatus(StrEnum):
    FINE = "fine"
    FAILED = "failed"
    UNKNOWN = "unknown"  # not known, or not from this machine
    NOTHING = "nothing"  # not needed or not offered
    SKIPPED = "skipped"  # not looked at, and the reason says why


class Name(StrEnum):
    """Names of the checks, in the order of the report."""

    CONFIGURATION = "configuration"
    LEAVERS = "leavers"
    SCHEMAS = "schemas for editors"
    PIPELINES = "pipelines"
    TARGET = "target"
    TOKEN = "customer token"  # noqa: S105  a check's name
    STORE = "store"
    LOCK = "lock"
    UNFINISHED = "unfinished writes"
    LAST_READING = "last complete reading"
    CLOCK = "clock"
    SERVER = "server"
    LOG_IN = "log-in"
    SESSION = "session"
    ORGANISATION = "organisation"
    RECORD = "learner's own record"
    ROWS = "learners in lists"
    AIMS = "learning aims"
    UNITS = "units"
    ALL_AIMS = "list of all learning aims"
    ALL_UNITS = "list of all units"
    PAGES = "page size"
    DEFAULT = "writing a default"
    ASSIGN = "writing with Assign"
    UNIT_LEVEL = "unit allocation"
    TRACE = "nothing changed"


CANARY_ONLY = frozenset({Name.DEFAULT, Name.TRACE})


class Check(Struct, frozen=True):
    """One line of the report, with more in `details`. `fix` is the next step, `code` the exit code of a failure."""

    name: Name
    verdict: CheckStatus
    result: str
    fix: str = ""
    details: tuple[str, ...] = ()
    code: ExitCode = ExitCode.DONE


Show = Callable[[Check], None]
"""Prints one check."""


class Checks:
    """Results of the checks with these names so far. `stopped` says why the missing checks were not made.

    `show` gets each check in the order of the names, as soon as it and all before it are known.
    """

    def __init__(self, names: Sequence[Name] = (), show: Show | None = None) -> None:
        self.found: dict[Name, Check] = {}
        self.stopped = "an earlier check failed"
        self._names = names
        self._show = show
        self._shown = 0

    def note(self, check: Check) -> None:
        """Note a check, in place of an earlier one with its name."""
        self.found[check.name] = check
        while self._show and self._shown < len(self._names) and self._names[self._shown] in self.found:
            self._show(self.found[self._names[self._shown]])
            self._shown += 1

    def note_first(self, check: Check) -> None:
        """Note a check unless there is one already: a later failure does not undo what a first page showed."""
        if check.name not in self.found:
            self.note(check)

    def all(self) -> tuple[Check, ...]:
        """Return all checks in order; those that were not made as skipped."""
        return tuple(self.found.get(name) or skipped(name, self.stopped) for name in self._names)


class Checkup(Struct, frozen=True):
    """All checks in order, their number of calls, and the run under which a canary was journalled."""

    checks: tuple[Check, ...]
    calls: int
    run: int | None = None

    @property
    def exit_code(self) -> ExitCode:
        """The worst exit code of the checks: wrong files, target or command line outrank everything else."""
        return max((check.code for check in self.checks), default=ExitCode.DONE)

    def problems(self) -> tuple[Problem, ...]:
        """Return the failed checks, for output without the table."""
        return tuple(
            Problem("; ".join((check.result, *check.details)), check.fix, where=check.name.value)
            for check in self.checks
            if check.verdict is CheckStatus.FAILED
        )


def fine(name: Name, result: str) -> Check:
    return Check(name, CheckStatus.FINE, result)


def failed(name: Name, result: str, fix: str) -> Check:
    return Check(name, CheckStatus.FAILED, result, fix, code=ExitCode.ERROR)


def unknown(name: Name, result: str, fix: str = "") -> Check:
    return Check(name, CheckStatus.UNKNOWN, result, fix)


def nothing(name: Name, result: str, fix: str = "") -> Check:
    return Check(name, CheckStatus.NOTHING, result, fix)


def skipped(name: Name, why: str, fix: str = "") -> Check:
    return Check(name, CheckStatus.SKIPPED, f"skipped: {why}", fix)


def failed_with(name: Name, error: ReconcilerError) -> Check:
    """Return an error as a failed check; of several problems, their number and the first few."""
    first, *more = error.problems
    code = ExitCode.INVALID if isinstance(error, Invalid) else ExitCode.ERROR
    if not more:
        return Check(name, CheckStatus.FAILED, _told(first), first.fix, code=code)
    shown = tuple(_told(problem) for problem in error.problems[:3])
    result = f"{len(error.problems)} problems" + (", the first of them:" if len(shown) < len(error.problems) else ":")
    return Check(
        name, CheckStatus.FAILED, result, "Run `reconciler validate` to list them all, each with its fix.", shown, code
    )


def _told(problem: Problem) -> str:
    return f"{problem.place()}: {problem.what}" if problem.place() else problem.what


# ------------------------------------------------------------------ the conversation


def clock_check(skew_seconds: float | None) -> Check:
    """Check the clock. `skew_seconds`: how far ours is ahead; None if the server does not send its time."""
    if skew_seconds is None:
        return unknown(Name.CLOCK, "the server does not tell its time")
    apart = f"{abs(skew_seconds):.0f} s {'ahead of' if skew_seconds >= 0 else 'behind'} the server's"
    if abs(skew_seconds) <= SKEW_SECONDS:
        return fine(Name.CLOCK, apart)
    fix = "Set this machine's clock by a time server (NTP): the day that the files are read for depends on it."
    return failed(Name.CLOCK, apart, fix)


def session_check(renewed_at: datetime) -> Check:
    return fine(Name.SESSION, f"given; renewed at {renewed_at:%Y-%m-%d %H:%M} UTC")


def organisation_check(
    declared: Collection[OrganisationId], seen: Collection[OrganisationId], *, embedded: bool = False
) -> Check:
    """Check that this token sees every organisation in the files.

    The embedded sandbox has centres of its own, and a real centre's number is not wrong because of that.
    """
    missing = sorted(set(declared) - set(seen))
    if missing and embedded:
        return nothing(
            Name.ORGANISATION,
            not_in_sandbox(missing, seen),
            "Look for it where it is: `reconciler doctor --target practice`.",
        )
    if not missing:
        return fine(Name.ORGANISATION, f"{_listed(sorted(declared))}, among the {len(seen)} that this token sees")
    sees = _listed(sorted(seen)[:10]) if seen else "none"
    fix = "Correct `organisation` in settings.yaml or the cohort file, or use the token of the right customer."
    return failed(Name.ORGANISATION, f"this token does not see {_listed(missing)}; it sees {sees}", fix)


def not_in_sandbox(missing: Iterable[OrganisationId], seen: Iterable[OrganisationId]) -> str:
    return f"{_listed(missing)} is not in the sandbox, which has {_listed(sorted(seen))} only"


# ------------------------------------------------------------------ what can be read


WORDS: Mapping[SlotKind, str] = {
    SlotKind.DEFAULT_ASSESSOR: "default assessor",
    SlotKind.DEFAULT_EMPLOYER: "default employer",
    SlotKind.LEARNING_AIM_ASSESSOR: "assessor",
    SlotKind.LEARNING_AIM_IQA: "IQA",
    SlotKind.UNIT_ASSESSOR: "assessor",
    SlotKind.UNIT_IQA: "IQA",
}


def shown_check(name: Name, kinds: Sequence[SlotKind], fields: Mapping[SlotKind, str], looked_at: int) -> Check:
    """Report which kinds of slot the records show, and under which name; `looked_at` counts the records."""
    if not looked_at:
        return unknown(name, "none of the learners looked at has one", "Look at another with --learner ID.")
    shown = [f"{WORDS[kind]} as {fields[kind]}" for kind in kinds if kind in fields]
    hidden = [f"no {WORDS[kind]}" for kind in kinds if kind not in fields]
    if not hidden:
        return fine(name, ", ".join(shown))
    fix = "What is not shown is taken from the record of what was last applied, unverified. Check it in the web pages."
    result = f"{', '.join([*shown, *hidden])} (records looked at: {looked_at}; a server may leave out what is empty)"
    return unknown(name, result, fix)


def rows_check(kinds: Iterable[SlotKind], rows: int) -> Check:
    """Report the defaults that rows of a paged list carry: they need no call for each learner."""
    if not rows:
        fix = "Check `organisation`, and that this token may see its learners."
        return unknown(Name.ROWS, "the organisation lists no active learner", fix)
    shown = [WORDS[kind] for kind in sorted(kinds)]
    if shown:
        return fine(Name.ROWS, f"rows show {' and '.join(shown)}")
    return nothing(Name.ROWS, "rows show no defaults: learners are read one by one")


def list_check(name: Name, rows: int, *, says_whose: bool) -> Check:
    """Report whether a search without a learner is offered, which saves one call per learner."""
    if not rows:
        return unknown(name, "answered, with nothing in it")
    if not says_whose:
        return nothing(name, "answered without saying whose rows they are: learners are read one by one")
    return fine(name, "offered")


def page_check(rows: int, requested: int, *, ended: bool) -> Check:
    """Report the page size: `rows` came for `asked`; `ended`: there are no more."""
    if ended:
        return unknown(Name.PAGES, f"a page had room for all {rows} learners; the largest cannot be known")
    return fine(Name.PAGES, f"{rows} rows, where {requested} were asked for")


# ------------------------------------------------------------------ what writing back showed


def no_canary_checks(learner_may_be_named: bool) -> tuple[Check, Check]:
    """Report what stays unknown while nothing is written."""
    fix = "On beta, practice or a sandbox, run `reconciler doctor --canary LEARNER`: it tries this and changes nothing."
    if learner_may_be_named:
        fix = "Run `reconciler doctor --canary LEARNER`: it tries this by writing back what is there."
    result = "cannot be known without a write"
    return unknown(Name.ASSIGN, result, fix), unknown(Name.UNIT_LEVEL, result, fix)


def default_check(outcome: Outcome | None) -> Check:
    """Report the write that put back the default assessor; None if there was nobody to put back."""
    if outcome and outcome.state is State.FAILED:
        fix = "Ask OneFile whether this customer token may change learners."
        return failed(Name.DEFAULT, f"refused: {outcome.detail}", fix)
    return _not_refused(Name.DEFAULT, outcome, "default assessor")


def assign_check(outcome: Outcome | None) -> Check:
    if outcome and outcome.state is State.FAILED:
        result = (
            f"refused with the member of staff in the path: {outcome.detail}. Either this server wants the learner "
            "there, as OneFile's text of 2026 has it, or it refuses a person who already has the slot"
        )
        fix = "Do not apply learning aims or units here; ask OneFile whose id belongs in the path of User/{id}/Assign."
        return failed(Name.ASSIGN, result, fix)
    return _not_refused(Name.ASSIGN, outcome, "learning aim with an assessor or IQA")


def unit_check(outcome: Outcome | None, *, assign: CheckStatus, declared: bool) -> Check:
    """Report the unit write. `assign` is the result for a learning aim; `declared`: the files have units."""
    if not outcome or outcome.state is not State.FAILED:
        return _not_refused(Name.UNIT_LEVEL, outcome, "unit with an assessor or IQA")
    if assign is CheckStatus.FAILED:
        return unknown(Name.UNIT_LEVEL, f"refused, as all of Assign is: {outcome.detail}")
    result = f"unit-level allocation is off or refused: {outcome.detail}"
    if not declared:
        return nothing(Name.UNIT_LEVEL, f"{result}. The files declare no units")
    fix = "Switch on people at unit level in the centre's settings in OneFile, or remove the units from the files."
    return failed(Name.UNIT_LEVEL, result, fix)


def _not_refused(name: Name, outcome: Outcome | None, thing: str) -> Check:
    if outcome is None:
        fix = "Name a learner who has one with --canary."
        return unknown(name, f"the learner has no {thing} that OneFile shows, so there is nothing to write back", fix)
    if outcome.state is not State.DONE or outcome.detail:  # an answer that came needs no detail
        return unknown(name, outcome.detail, "Run this again.")
    result = "accepted, and the slot still reads the same (apply verifies the first write of each kind before the rest)"
    return fine(name, result)


def trace_check(moved: Sequence[str]) -> Check:
    """Report whether anything changed. `moved`: addresses of the canary's slots with another holder now."""
    if not moved:
        return fine(Name.TRACE, "every slot of the learner reads as before")
    fix = "Look at the learner in OneFile, and put back what nobody else changed meanwhile."
    return failed(Name.TRACE, f"no longer as before: {', '.join(moved)}", fix)


def _listed(ids: Iterable[OrganisationId | UserId]) -> str:
    return ", ".join(map(str, ids))
