"""Runs and their journal: intents, sent requests and outcomes, in rows that are only ever added."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import NoneType
from typing import Any, cast

from reconciler.model.history import Correction, Event, JournalOperation, JournalRow, RunRow
from reconciler.model.operations import Proof, State
from reconciler.model.slots import OrganisationId, Site, UserId
from reconciler.model.structs import replace
from reconciler.problems import ExitCode, Problem, StoreError
from reconciler.store.codec import decoded, moves_json, moves_of
from reconciler.store.connection import SCOPE_SQL, Connection, Values, in_clause, in_clauses, moment, scope_params
from reconciler.store.database import Part
from reconciler.store.lock import check_leases

_OPEN = (State.INTENT, State.SENT)
UNFINISHED = (*_OPEN, State.FAILED, State.UNKNOWN)  # the states that the table `unfinished` lists
_PAST_SETTLING = (ExitCode.DONE, ExitCode.STALE, ExitCode.INCOMPLETE)
_LONGEST_RUN = timedelta(days=1)
_RECENT = 200  # runs to look through: several weeks
_CARRIED_OUT = {State.DONE.value, State.ALREADY_DONE.value}
DRIFT_COMMAND = "drift"
_KNOWN = (State.DONE, State.ALREADY_DONE, State.CONFLICT)  # after each the holder is known; after a failure not


class Journal(Part):
    """Runs, operations and events. An operation's state is its latest event; a later run may add one to correct it."""

    # -------------------------------------------------------------- runs

    def begin_run(
        self,
        *,
        command: str,
        target: str,
        organisation: int,
        fingerprint: str,
        who: str,
        commit: str,
        uncommitted: bool | None = None,
        made: datetime | None = None,
        reverts: int | None = None,
        approved_by: str = "",
    ) -> int:
        """Begin a run, and return its number.

        `uncommitted`: its files are not those of `commit`. `made` is when its plan was made, if it has one; `reverts`
        is the run that the plan undoes, `approved_by` who approved it.
        """
        with self._database.writing() as connection:
            row = {
                "started": self._database.now(connection),
                "command": command,
                "target": target,
                "organisation": organisation,
                "fingerprint": fingerprint,
                "who": who,
                "commit_id": commit,
                "uncommitted": uncommitted,
                "made": made,
                "reverts": reverts,
                "approved_by": approved_by,
                "repository": self._database.repository,
            }
            return connection.numbered("runs", row)

    def end_run(self, run: int, *, exit_code: int, summary: Mapping[str, int]) -> None:
        with self._database.writing() as connection:
            row = {
                "run": run,
                "at": self._database.now(connection),
                "exit_code": exit_code,
                "summary": json.dumps(dict(summary)),
            }
            connection.insert("run_ends", [row])
        self._database.check_file()

    def runs(
        self, *, target: str | None = None, organisation: int | None = None, limit: int = 50
    ) -> tuple[RunRow, ...]:
        """Return the newest runs first. A run belongs to its own organisation, and to each that it wrote to."""
        chosen = ["TRUE"] if target is None else ["runs.target = :target"]
        chosen += [] if organisation is None else [f"(runs.organisation = :organisation OR {_WROTE_TO})"]
        values = {"target": target, "organisation": organisation, "limit": limit}
        with self._database.reading() as connection:
            condition = f"WHERE {' AND '.join(chosen)} ORDER BY runs.id DESC LIMIT :limit"
            return _runs(connection, condition, values)

    def run(self, run: int) -> RunRow | None:
        with self._database.reading() as connection:
            return next(iter(_runs(connection, "WHERE runs.id = :run", {"run": run})), None)

    def approved(self, site: Site) -> RunRow | None:
        """Return the newest of the applies that carried out all that was approved; manual steps may be open."""
        return next(iter(self.complete_applies(site)), None)

    def complete_applies(self, site: Site) -> tuple[RunRow, ...]:
        """Return the recent applies that carried out all that was approved, the newest plan first.

        Only this repository's count, and those of no known one: nobody else's commits are known here.
        An apply may wait for its approval while another finishes: the newer plan counts, not the later run.
        """
        codes = f"{ExitCode.DONE:d}, {ExitCode.INCOMPLETE:d}"
        names = self._database.repositories
        clause, own = in_clause("repository", ("", *names))
        ours = f"COALESCE(runs.repository, '') IN {clause}" if names else "TRUE"
        ended = f"WHERE {_RUN_SCOPE} AND {ours} AND runs.command = 'apply' AND exit_code IN ({codes})"
        newest = f"ORDER BY COALESCE(runs.made, runs.started) DESC, runs.id DESC LIMIT {_RECENT}"
        with self._database.reading() as connection:
            runs = _runs(connection, f"{ended} {newest}", scope_params(site) | own)
        return tuple(run for run in runs if run.summary.keys() <= _CARRIED_OUT)

    def corrections(self, site: Site, since: datetime) -> tuple[Correction, ...]:
        """Return the writes of `drift --correct` since then, oldest first."""
        scope = scope_params(site)
        started = f"SELECT id FROM runs WHERE target = :target AND command = '{DRIFT_COMMAND}' AND started >= :started"
        with self._database.reading() as connection:
            # the runs first: there are few, but a large centre's applies have many events
            runs = [run for (run,) in connection.rows(started, {**scope, "started": since - _LONGEST_RUN})]
            if not runs:
                return ()
            clause, params = in_clause("run", runs)
            done = f"{_latest_is(State.DONE)} AND operations.run IN {clause} AND events.run IN {clause}"
            rows = _journal_rows(connection, f"{done} AND events.at >= :since", {**scope, **params, "since": since})
        return tuple(
            Correction(row.operation.learner, slot, row.run, row.events[-1].at)
            for row in rows
            for slot, _ in row.operation.moves
        )

    # -------------------------------------------------------------- operations and events

    def plan_operations(self, run: int, planned: Sequence[JournalOperation]) -> None:
        """Journal the intent of every operation, in order, before the first is sent."""
        if not planned:
            return
        with self._database.writing() as connection:
            check_leases(self._database, connection)
            now = self._database.now(connection)
            rows = [_operation_row(run, number, operation) for number, operation in enumerate(planned, start=1)]
            connection.insert("operations", rows)
            intents = [
                {"run": run, "operation": intent.id, "at": now, "state": State.INTENT.value, "detail": "", "proof": ""}
                for intent in planned
            ]
            connection.insert("events", intents)
            intent = {"run": run, "state": State.INTENT.value}
            connection.insert("unfinished", [{**intent, "operation": operation.id} for operation in planned])

    def append(self, run: int, operation: str, state: State, *, detail: str = "", proof: Proof = "") -> None:
        """Journal an event. Raises Locked if this store held a lock and has lost it."""
        with self._database.writing() as connection:
            check_leases(self._database, connection)
            self._append(connection, run, operation, state, detail, proof)

    def resolve(self, run: int, operation: str, state: State, *, by: str, reason: str) -> None:
        """Settle an unknown operation as a person reports it; `state` is DONE or FAILED.

        Raises StoreError if it is not unknown, so that nobody overrules a reading.
        """
        with self._database.writing(f"journal:{run}") as connection:
            latest = "SELECT state FROM events WHERE run = :run AND operation = :operation ORDER BY id DESC LIMIT 1"
            current = connection.value(latest, {"run": run, "operation": operation})
            if current != State.UNKNOWN:
                raise StoreError(_not_unknown(run, operation, current))
            self._append(connection, run, operation, state, f"{reason} (said by {by})", "")

    def journal(self, run: int) -> tuple[JournalRow, ...]:
        """Return every operation of the run, in order, each with all its events."""
        with self._database.reading() as connection:
            return _journal_rows(connection, "WHERE operations.run = :run", {"run": run})

    def writes_to(
        self, learners: Collection[UserId], *, target: str | None = None, organisation: int | None = None
    ) -> tuple[tuple[RunRow, JournalRow], ...]:
        """Return every operation on these learners with its run, newest first, in any state.

        Those of one target and of the learners of one organisation, if they are given.
        """
        ours = "" if target is None else " AND runs.target = :target"
        ours += "" if organisation is None else f" AND {_OF_ORGANISATION}"
        rows, runs = list[JournalRow](), dict[int, RunRow]()
        with self._database.reading() as connection:
            for clause, params in in_clauses("learner", learners):
                chosen = f"JOIN runs ON runs.id = operations.run WHERE operations.learner IN {clause}{ours}"
                rows += _journal_rows(connection, chosen, {**params, "target": target, "organisation": organisation})
            for clause, params in in_clauses("run", {row.run for row in rows}):
                runs |= {run.id: run for run in _runs(connection, f"WHERE runs.id IN {clause}", params)}
        newest_first = sorted(rows, key=lambda row: (row.run, row.sequence), reverse=True)
        return tuple((runs[row.run], row) for row in newest_first)

    def open_operations(self, site: Site) -> tuple[JournalRow, ...]:
        """Return the operations that dead runs left at intent or sent, oldest first.

        Call it while your own run holds the lock: only the run that holds it is alive.
        """
        with self._database.reading() as connection:
            values = scope_params(site) | {"now": self._database.now(connection)}
            alive = f"SELECT run FROM leases WHERE {SCOPE_SQL} AND until > :now AND run IS NOT NULL"
            return _journal_rows(connection, f"{_latest_is(*_OPEN)} AND operations.run NOT IN ({alive})", values)

    def cut_off(self, site: Site, *, before: int) -> tuple[JournalRow, ...]:
        """Return the operations done by runs that never ended, oldest first.

        Call it as the run `before`, which holds the lock: the other runs are dead.
        """
        without_end = "NOT EXISTS (SELECT 1 FROM run_ends WHERE run_ends.run = runs.id)"
        dead = f"SELECT id FROM runs WHERE runs.target = :target AND {without_end} AND id < :before"
        with self._database.reading() as connection:
            scope = scope_params(site)
            # the runs first: there are few, but a large centre's applies have many events
            runs = [run for (run,) in connection.rows(dead, scope | {"before": before})]
            if not runs:
                return ()
            clause, params = in_clause("run", runs)
            done = f"{_latest_is(State.DONE)} AND operations.run IN {clause} AND events.run IN {clause}"
            return _journal_rows(connection, done, scope | params)

    def recent_writes(self, site: Site, since: datetime) -> tuple[JournalRow, ...]:
        """Return the writes that may have taken effect since then, oldest first, each with the slots of no later one.

        A reading has perhaps shown one in place already, but another reading may be older.
        """
        scope = scope_params(site)
        recent = "SELECT id FROM runs WHERE target = :target AND started >= :started"
        with self._database.reading() as connection:
            runs = [run for (run,) in connection.rows(recent, {**scope, "started": since - _LONGEST_RUN})]
            if not runs:
                return ()
            clause, params = in_clause("run", runs)
            sent = f"{_latest_is(State.SENT, State.DONE)} AND operations.run IN {clause} AND events.run IN {clause}"
            rows = _journal_rows(connection, f"{sent} AND events.at >= :since", {**scope, **params, "since": since})
        return _last_of_each_slot([row for row in rows if row.effective_from >= since])

    def failed(self, site: Site) -> tuple[JournalRow, ...]:
        """Return the operations whose latest event is failed, oldest first."""
        with self._database.reading() as connection:
            return _journal_rows(connection, _latest_is(State.FAILED), scope_params(site))

    def unknown(self, site: Site) -> tuple[JournalRow, ...]:
        """Return the operations whose latest event is unknown, oldest first.

        Operations are left out if later runs have written or read every slot they touch.
        """
        unknown, values = _latest_is(State.UNKNOWN), scope_params(site)
        with self._database.reading() as connection:
            rows = _journal_rows(connection, unknown, values)
            if not rows:
                return ()
            learners = f"SELECT operations.learner FROM operations {unknown}"
            known = f"{_latest_is(*_KNOWN)} AND operations.learner IN ({learners})"
            later = _journal_rows(connection, known, values)
        return tuple(row for row in rows if not _superseded(row, later))

    def last_event(self) -> tuple[int, datetime]:
        """Return the number of the newest event of all runs, and the time now."""
        with self._database.reading() as connection:
            newest = connection.value("SELECT max(id) FROM events") or 0
            return newest, self._database.now(connection)

    def written_since(self, event: tuple[int, datetime], site: Site, *, run: int) -> frozenset[UserId]:
        """Return the learners whom other runs have written to or recorded since `last_event` returned *event*.

        PostgreSQL may commit an event a little after one with a higher number, so slightly older ones count too.
        """
        number, at = event
        if self._database.is_postgresql:
            number, at = number - _LATE_EVENTS, at - _LATE
        values = {"event": number, "at": at, "run": run, **scope_params(site)}
        with self._database.reading() as connection:
            rows = connection.rows(_WRITTEN_SINCE, values) + connection.rows(_RECORDED_SINCE, values)
        return frozenset(UserId(learner) for (learner,) in rows)

    def _append(
        self, connection: Connection, run: int, operation: str, state: State, detail: str, proof: Proof
    ) -> None:
        row = {
            "run": run,
            "operation": operation,
            "at": self._database.now(connection),
            "state": state.value,
            "detail": detail,
            "proof": proof,
        }
        connection.insert("events", [row])
        connection.execute(_UNFINISH if state in UNFINISHED else _FINISH, row)


_LATE_EVENTS, _LATE = 1_000, timedelta(seconds=2)
_WRITTEN_SINCE = f"""
SELECT DISTINCT operations.learner FROM events
JOIN operations ON operations.run = events.run AND operations.operation = events.operation
JOIN runs ON runs.id = events.run
WHERE events.id > :event AND events.at >= :at AND events.run <> :run AND runs.target = :target
    AND events.state NOT IN ('{State.INTENT.value}', '{State.NOT_TRIED.value}')
"""
_RECORDED_SINCE = f"SELECT DISTINCT learner FROM record WHERE {SCOPE_SQL} AND at >= :at AND run <> :run"
_UNFINISH = """
INSERT INTO unfinished (run, operation, state) VALUES (:run, :operation, :state)
ON CONFLICT (run, operation) DO UPDATE SET state = excluded.state
"""
_FINISH = "DELETE FROM unfinished WHERE run = :run AND operation = :operation"
_RUN_SCOPE = "runs.target = :target AND runs.organisation = :organisation"
_OF_ORGANISATION = "COALESCE(operations.organisation, runs.organisation) = :organisation"
_SITE = f"runs.target = :target AND {_OF_ORGANISATION}"
_WROTE_TO = (
    "EXISTS (SELECT 1 FROM operations WHERE operations.run = runs.id AND operations.organisation = :organisation)"
)
_RUNS = f"""
SELECT runs.id, started, runs.command, runs.target, runs.organisation, fingerprint, who, commit_id, uncommitted,
    made, reverts, approved_by,
    repository, run_ends.at AS ended, exit_code, CAST(summary AS TEXT) AS summary,
    -- for a run without an end, the first later run that took the lock and settled what was open
    CASE WHEN run_ends.run IS NULL THEN (
        SELECT min(later.id) FROM runs AS later
        WHERE later.id > runs.id AND later.target = runs.target AND later.organisation = runs.organisation
            AND later.command IN ('apply', 'apply --due', '{DRIFT_COMMAND}')
            AND (EXISTS (SELECT 1 FROM run_ends AS past WHERE past.run = later.id
                         AND past.exit_code IN ({", ".join(f"{code:d}" for code in _PAST_SETTLING)}))
                 OR EXISTS (SELECT 1 FROM operations WHERE operations.run = later.id))
    ) END AS settled_by
FROM runs LEFT JOIN run_ends ON run_ends.run = runs.id
"""
_OPERATIONS = """
SELECT operations.run, operations.operation, sequence, learner, CAST(moves AS TEXT) AS moves, method, path,
    CAST(body AS TEXT) AS body, operations.organisation
FROM operations
"""
_EVENTS = """
SELECT events.run, events.operation, events.at, events.state, events.detail, events.proof
FROM events JOIN (SELECT operations.run, operations.operation FROM operations {}) AS chosen
    ON chosen.run = events.run AND chosen.operation = events.operation
ORDER BY events.id
"""


def _latest_is(*states: State) -> str:
    """Return the condition for a site's operations whose latest event is one of these.

    Only operations that are not finished are found without a search: choose others by run or learner as well.
    """
    values = ", ".join(f"'{state.value}'" for state in states)
    if set(states) <= set(UNFINISHED):
        return f"""
        JOIN unfinished ON unfinished.run = operations.run AND unfinished.operation = operations.operation
        JOIN runs ON runs.id = operations.run
        WHERE {_SITE} AND unfinished.state IN ({values})
        """
    return f"""
    JOIN events ON events.run = operations.run AND events.operation = operations.operation
    JOIN runs ON runs.id = operations.run
    WHERE {_SITE} AND events.state IN ({values}) AND NOT EXISTS (
        SELECT 1 FROM events AS later
        WHERE later.run = events.run AND later.operation = events.operation AND later.id > events.id)
    """


def _runs(connection: Connection, condition: str, values: Values) -> tuple[RunRow, ...]:
    rows = connection.named(f"{_RUNS} {condition}", values)
    return tuple(decoded("runs", f"run {row['id']}", row, _run_row) for row in rows)


def _journal_rows(connection: Connection, condition: str, values: Values) -> tuple[JournalRow, ...]:
    """Return the operations that meet the condition, in order, each with all its events."""
    rows = connection.named(f"{_OPERATIONS} {condition} ORDER BY operations.run, operations.sequence", values)
    if not rows:
        return ()
    events = defaultdict[tuple[int, str], list[Event]](list)
    for row in connection.named(_EVENTS.format(condition), values):
        events[row["run"], row["operation"]].append(decoded("events", _operation_of(row), row, _event))
    return tuple(
        decoded("operations", _operation_of(row), row | {"events": events[row["run"], row["operation"]]}, _journal_row)
        for row in rows
    )


def _operation_of(row: Mapping[str, Any]) -> str:
    return f"operation {row['operation']} of run {row['run']}"


def _event(row: Mapping[str, Any]) -> Event:
    return Event(moment(row["at"]), State(row["state"]), row["detail"], cast(Proof, row["proof"]))


def _journal_row(row: Mapping[str, Any]) -> JournalRow:
    if not row["events"]:
        raise ValueError("an operation without an event")
    operation = JournalOperation(
        id=row["operation"],
        learner=UserId(row["learner"]),
        moves=moves_of(json.loads(row["moves"])),
        method=row["method"],
        path=row["path"],
        body=_object(row["body"]),
        organisation=row["organisation"],
    )
    return JournalRow(row["run"], row["sequence"], operation, tuple(row["events"]))


def _operation_row(run: int, sequence: int, operation: JournalOperation) -> dict[str, object]:
    return {
        "run": run,
        "operation": operation.id,
        "sequence": sequence,
        "learner": operation.learner,
        "moves": json.dumps(moves_json(operation.moves)),
        "method": operation.method,
        "path": operation.path,
        "body": json.dumps(dict(operation.body)),
        "organisation": operation.organisation,
    }


def _run_row(row: Mapping[str, Any]) -> RunRow:
    if not isinstance(row["exit_code"], (int, NoneType)):
        raise ValueError("exit_code")
    return RunRow(
        id=row["id"],
        started=moment(row["started"]),
        command=row["command"],
        target=row["target"],
        organisation=OrganisationId(row["organisation"]),
        fingerprint=row["fingerprint"],
        who=row["who"],
        commit=row["commit_id"],
        uncommitted=None if row["uncommitted"] is None else bool(row["uncommitted"]),
        ended=moment(row["ended"]),
        exit_code=row["exit_code"],
        summary=_object(row["summary"] or "{}"),
        settled_by=row["settled_by"],
        made=moment(row["made"]),
        reverts=row["reverts"],
        approved_by=row["approved_by"] or "",
        repository=row["repository"] or "",
    )


def _object(text: str) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError(text)
    return value


def _superseded(row: JournalRow, later: Iterable[JournalRow]) -> bool:
    known = {place for newer in later if newer.run > row.run for place in newer.places}
    return row.places <= known


def _last_of_each_slot(rows: Sequence[JournalRow]) -> tuple[JournalRow, ...]:
    """Return the writes without the slots that a later one wrote."""
    last = {place: row for row in rows for place in row.places}
    newest = []
    for row in rows:
        operation = row.operation
        kept = tuple((slot, move) for slot, move in operation.moves if last[operation.learner, slot] is row)
        if kept:
            newest.append(replace(row, operation=replace(operation, moves=kept)))
    return tuple(newest)


def _not_unknown(run: int, operation: str, state: str | None) -> Problem:
    what = (
        f"operation {operation} of run {run} is {state}, not unknown" if state else "the journal has no such operation"
    )
    return Problem(what=what, fix=f"See `reconciler history {run}` for what is still unknown.", where=f"run {run}")
