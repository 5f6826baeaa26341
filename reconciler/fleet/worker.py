"""Worker processes: one centre's command with the least environment, and its report as a result."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from reconciler.clock import Clock
from reconciler.fleet.stored_results import digest_of, report_file
from reconciler.model.fleet import Centre, CentreResult, Fleet, QueueRules
from reconciler.model.structs import Struct, replace
from reconciler.problems import ExitCode, Problem, ReconcilerError, Source
from reconciler.runtime.files import write_whole
from reconciler.subprocess_env import TETHER

TOKEN, STORE, BUDGET, STORE_TOKEN = (
    "ONEFILE_CUSTOMER_TOKEN",
    "RECONCILER_STORE",
    "RECONCILER_BUDGET",
    "RECONCILER_STORE_TOKEN",
)
"""Variables that a worker gets: each centre's own, and nothing of another's."""
_MACHINE = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "USERNAME", "USERPROFILE", "LOCALAPPDATA", "XDG_CACHE_HOME", "SYSTEMROOT"),
        *("TMPDIR", "TEMP", "TMP", "TZ", "LANG", "LC_ALL", "LC_CTYPE"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "ONEFILE_CA_FILE", "HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"),
        *("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_SSH", "GIT_SSH_COMMAND"),
        *("GITHUB_ACTOR", "GITLAB_USER_LOGIN", "RECONCILER_APPROVED_BY"),
    }
)
"""Variables that say how this machine works and who runs the command; all others stay here."""
_OWN = re.compile(rf"(?:--store or )?\b(?P<name>{TOKEN}|{STORE}|{BUDGET})\b")
_STOP_SECONDS = 60  # in which a stopped command settles what it wrote and releases its lock
_MOST_PROBLEMS = 5
_RUN_AGAIN = "Run the command again: the next run settles what was cut off."


def worker_environment(centre: Centre, ours: Mapping[str, str], budget: str) -> dict[str, str]:
    """Return the least environment in which a centre's command runs."""
    kept = {name: value for name, value in ours.items() if name.upper() in _MACHINE}
    own = {
        TOKEN: ours.get(centre.token_variable, "") if centre.token_variable else "",
        STORE: centre.store,
        BUDGET: budget,
    }
    if centre.store.startswith("git+"):
        own[STORE_TOKEN] = ours.get(STORE_TOKEN, "")
    ours_only = {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUTF8": "1", "NO_COLOR": "1", TETHER: "1"}
    return {**kept, **ours_only, **{name: value for name, value in own.items() if value}}


def with_own_names(text: str, centre: Centre, queue: QueueRules | None) -> str:
    """Return a centre's message with the variables that the fleet file names, not those that its process has."""
    names = {
        TOKEN: centre.token_variable or f"token of {centre.name} in the fleet file",
        STORE: centre.store_variable or f"store of {centre.name} in the fleet file",
        BUDGET: (queue and queue.budget_variable) or "the fleet's folder",
    }
    return _OWN.sub(lambda match: names[match["name"]], text)


class Ended(Struct, frozen=True):
    """The end of a process; `late` if it was stopped because it took too long."""

    code: int
    out: str
    err: str
    late: bool = False


class Workers:
    """The processes that run now; `stop` ends them as Ctrl-C would, and no further one starts."""

    def __init__(self, fleet: Fleet, clock: Clock, variables: Mapping[str, str], budgets: Mapping[str, str]) -> None:
        self._fleet, self._clock, self._variables, self._budgets = fleet, clock, variables, budgets
        self._running: dict[subprocess.Popen[str], str] = {}  # with the job of each
        self._ending: set[subprocess.Popen[str]] = set()
        self._lock, self._stopped = threading.Lock(), False

    @property
    def stopped(self) -> bool:
        return self._stopped

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            self._end(self._running)

    def stop_jobs(self, keys: Collection[str]) -> None:
        """End the processes of these jobs as Ctrl-C would; others of the same centres go on."""
        with self._lock:
            self._end(process for process, job in self._running.items() if job in keys)

    def _end(self, processes: Iterable[subprocess.Popen[str]]) -> None:
        """End processes that are not ending yet: a second signal would cut off what the first lets them settle."""
        for process in set(processes) - self._ending:
            self._ending.add(process)
            process.terminate()

    def run(self, centre: Centre, command: Sequence[str], longest_seconds: float, job: str = "") -> CentreResult:
        """Run a centre's command to its end. Never raises: what breaks one centre is its own result.

        `job` is the key by which `stop_jobs` ends it.
        """
        begun = self._clock.now()
        files = digest_of(centre.state)
        try:
            ended = self._ended(centre, command, longest_seconds, job)
        except OSError as error:
            ended = Ended(1, "", f"the command cannot be started: {error.strerror or error}")
        ended = replace(ended, out=self._named(ended.out, centre), err=self._named(ended.err, centre))
        document = _document(ended.out)
        problems = list(_problems(document)) or list(_unreported(ended, longest_seconds))
        code = ended.code if ended.code >= 0 and (document or ended.code) else int(ExitCode.ERROR)
        report = report_file(self._fleet, centre.name, command[0])
        try:
            write_whole(ended.out or "{}\n", report)
        except ReconcilerError as error:
            problems += error.problems
        now = self._clock.now()
        return CentreResult(
            centre=centre.name,
            organisation=centre.organisation,
            target=centre.target,
            owner=centre.owner,
            exit_code=code,
            ended=now,
            seconds=round((now - begun).total_seconds(), 1),
            counts=_counts(document),
            problems=tuple(problems[:_MOST_PROBLEMS]) if code not in (ExitCode.DONE, ExitCode.CHANGES) else (),
            report=str(report),
            files=files,
        )

    def _named(self, text: str, centre: Centre) -> str:
        return with_own_names(text, centre, self._fleet.queue)

    def _ended(self, centre: Centre, command: Sequence[str], longest_seconds: float, job: str) -> Ended:
        standard_input, tether = os.pipe()  # closed when this process ends, however it ends
        try:
            with self._lock:
                if self._stopped:
                    return Ended(1, "", "the command was interrupted before this centre was begun")
                process = subprocess.Popen(  # noqa: S603  our own interpreter and package
                    [*_PROGRAM, *command, "--state", centre.state.name, "--target", centre.target, *_REPORT],
                    cwd=centre.state.parent,
                    stdin=standard_input,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    encoding="utf-8",
                    errors="replace",
                    env=worker_environment(centre, self._variables, self._budgets.get(centre.name, "")),
                    start_new_session=True,  # Ctrl-C reaches this command only, which then stops its workers
                )
                self._running[process] = job
            try:
                return _communicated(process, longest_seconds)
            finally:
                with self._lock:
                    self._running.pop(process, None)
                    self._ending.discard(process)
        finally:
            os.close(standard_input)
            os.close(tether)


_PROGRAM = (sys.executable, "-P", "-m", "reconciler")
_REPORT = ("--format", "json", "--no-color")


def _communicated(process: subprocess.Popen[str], longest_seconds: float) -> Ended:
    try:
        out, err = process.communicate(timeout=longest_seconds)
        return Ended(process.returncode, out, err)
    except subprocess.TimeoutExpired:
        process.terminate()
    try:
        out, err = process.communicate(timeout=_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
    return Ended(int(ExitCode.ERROR), out, err, late=True)


# ------------------------------------------------------------------ what a report says


def _document(text: str) -> dict[str, Any]:
    with suppress(ValueError, RecursionError):
        document = json.loads(text)
        if isinstance(document, dict):
            return document
    return {}


def _counts(document: Mapping[str, Any]) -> dict[str, int]:
    """Return the numbers of a report's summary, with the calls that it cost."""
    summary = document.get("summary")
    counts = dict(summary) if isinstance(summary, dict) else {}
    calls = counts.pop("calls", document.get("calls"))
    counts["calls"] = calls.get("read") if isinstance(calls, dict) else calls
    if document.get("report") == "audit":
        counts |= {name: document.get(name) for name in ("learners", "learners_concerned")}
        counts["findings"] = len(document.get("findings", ()))
    return {name: count for name, count in counts.items() if type(count) is int}


def _problems(document: Mapping[str, Any]) -> list[Problem]:
    """Return the errors of a report, and the limits and policies that block a plan; what needs a person is first."""
    rows = [*_rows(document, "problems"), *_rows(document, "limits")]
    later = [finding for change in _rows(document, "later") for finding in _rows(change, "findings")]
    findings = [*_rows(document, "policies"), *later]
    problems = [
        *(_problem(row, str(row.get("what"))) for row in rows if row.get("severity") == "error"),
        *(
            _problem(row, f"policy {row.get('policy')}: {row.get('what')}")
            for row in findings
            if row.get("level") == "error" and not row.get("waived")
        ),
    ]
    return sorted(problems, key=lambda problem: not problem.needs_person)


def _rows(document: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    rows = document.get(key)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _problem(row: Mapping[str, Any], what: str) -> Problem:
    place = row.get("source") or row
    source = Source(str(place["file"]), int(place.get("line") or 0)) if place.get("file") else None
    needs_person = row.get("needs_person") is True
    return Problem(what, str(row.get("fix")), source, str(row.get("where") or ""), needs_person=needs_person)


def _unreported(ended: Ended, longest_seconds: float) -> list[Problem]:
    """Return why there is no report, for a command that was stopped or could not say it itself."""
    if ended.late:
        return [Problem(f"did not end within {longest_seconds / 60:g} minutes and was stopped", _RUN_AGAIN)]
    if ended.code < 0:
        return [Problem(f"the process was ended by signal {-ended.code}", _RUN_AGAIN)]
    if ended.out:
        return []
    said = ended.err.strip().splitlines()
    return [Problem(said[-1][:200] if said else "the process ended without a report", _RUN_AGAIN)]
