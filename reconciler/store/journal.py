"""Runs and their journal: what was meant, sent and learnt, as rows that are only ever added."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, case, func, select

from reconciler.model import OrganisationId, UserId
from reconciler.operations import Proof, State
from reconciler.problems import ExitCode, Problem, StoreError
from reconciler.store.database import Part
from reconciler.store.rows import Correction, Event, JournalOperation, JournalRow, RunRow
from reconciler.store.slots import moves_json, moves_of
from reconciler.store.tables import events, leases, operations, run_ends, runs

_OPEN = (State.INTENT, State.SENT)
_PAST_SETTLING = (ExitCode.DONE, ExitCode.STALE, ExitCode.INCOMPLETE)
_LONGEST_RUN = timedelta(days=1)
_RECENT = 200  # runs to look through: more than weeks of them
_CARRIED_OUT = {State.DONE.value, State.ALREADY_DONE.value}
DRIFT_COMMAND = "drift"
_KNOWN = (State.DONE, State.ALREADY_DONE, State.CONFLICT)  # each says who holds the slot; a failure does not


class Journal(Part):
    """An operation's state is its latest event. A correction is a new event, also one to an earlier run."""

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
    ) -> int:
        """The new run's number. `uncommitted`: the files it goes by are not those of `commit`."""
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
            }
            number: int = connection.execute(runs.insert().returning(runs.c.id), row).scalar_one()
        return number

    def end_run(self, run: int, *, exit_code: int, summary: Mapping[str, int]) -> None:
        with self._database.writing() as connection:
            row = {
                "run": run,
                "at": self._database.now(connection),
                "exit_code": exit_code,
                "summary": dict(summary),
            }
            connection.execute(run_ends.insert(), row)

    def runs(self, *, target: str | None = None, limit: int = 50) -> tuple[RunRow, ...]:
        """Newest first."""
        query = _RUNS.order_by(runs.c.id.desc()).limit(limit)
        if target is not None:
            query = query.where(runs.c.target == target)
        with self._database.reading() as connection:
            return tuple(_run_row(row) for row in connection.execute(query).mappings())

    def run(self, run: int) -> RunRow | None:
        with self._database.reading() as connection:
            row = connection.execute(_RUNS.where(runs.c.id == run)).mappings().one_or_none()
        return _run_row(row) if row else None

    def approved(self, target: str, organisation: int) -> RunRow | None:
        """The newest apply that carried out everything that was approved; steps for people may have stayed open."""
        query = _RUNS.where(runs.c.target == target, runs.c.organisation == organisation, runs.c.command == "apply")
        ended = query.where(run_ends.c.exit_code.in_([ExitCode.DONE, ExitCode.INCOMPLETE]))
        with self._database.reading() as connection:
            found = connection.execute(ended.order_by(runs.c.id.desc()).limit(_RECENT)).mappings()
            return next((run for row in found if (run := _run_row(row)).summary.keys() <= _CARRIED_OUT), None)

    def corrections(self, target: str, organisation: int, since: datetime) -> tuple[Correction, ...]:
        """What runs of `drift --correct` have written since then, oldest first."""
        mine = (runs.c.target == target) & (runs.c.organisation == organisation) & (runs.c.command == DRIFT_COMMAND)
        with self._database.reading() as connection:
            # the runs first: there are few, and events of a large centre's applies are many
            of_late = connection.scalars(select(runs.c.id).where(mine, runs.c.started >= since - _LONGEST_RUN)).all()
            if not of_late:
                return ()
            done = _latest_is(target, organisation, (State.DONE,))
            query = done.where(operations.c.run.in_(of_late), events.c.run.in_(of_late), events.c.at >= since)
            rows = _journal_rows(connection, query)
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
            now = self._database.now(connection)
            rows = [_operation_row(run, number, operation) for number, operation in enumerate(planned, start=1)]
            connection.execute(operations.insert(), rows)
            intents = [
                {"run": run, "operation": each.id, "at": now, "state": State.INTENT.value, "detail": "", "proof": ""}
                for each in planned
            ]
            connection.execute(events.insert(), intents)

    def append(self, run: int, operation: str, state: State, *, detail: str = "", proof: Proof = "") -> None:
        with self._database.writing() as connection:
            self._append(connection, run, operation, state, detail, proof)

    def resolve(self, run: int, operation: str, state: State, *, by: str, reason: str) -> None:
        """A person says how an operation ended that no reading can settle: `state` is DONE or FAILED.
        Raises StoreError if it is not unknown, so that nobody overrules what was read."""
        with self._database.writing(f"journal:{run}") as connection:
            latest = (
                select(events.c.state)
                .where(events.c.run == run, events.c.operation == operation)
                .order_by(events.c.id.desc())
                .limit(1)
            )
            found = connection.scalar(latest)
            if found != State.UNKNOWN:
                raise StoreError(_not_unknown(run, operation, found))
            self._append(connection, run, operation, state, f"{reason} (said by {by})", "")

    def journal(self, run: int) -> tuple[JournalRow, ...]:
        """Every operation of the run, in order, each with all its events."""
        with self._database.reading() as connection:
            return _journal_rows(connection, _OPERATIONS.where(operations.c.run == run))

    def writes_to(
        self, learners: Collection[UserId], *, target: str | None = None
    ) -> tuple[tuple[RunRow, JournalRow], ...]:
        """Every operation on these learners with its run, newest first, whatever became of it."""
        query = _OPERATIONS.join(runs, runs.c.id == operations.c.run).where(operations.c.learner.in_(learners))
        if target is not None:
            query = query.where(runs.c.target == target)
        with self._database.reading() as connection:
            rows = _journal_rows(connection, query)
            theirs = _RUNS.where(runs.c.id.in_({row.run for row in rows}))
            found = {row["id"]: _run_row(row) for row in connection.execute(theirs).mappings()}
        return tuple((found[row.run], row) for row in reversed(rows))

    def open_operations(self, target: str, organisation: int) -> tuple[JournalRow, ...]:
        """What runs now dead left at intent or sent, oldest first. Ask while holding the lock with your own run:
        the run that holds it is the one that lives."""
        with self._database.reading() as connection:
            living = select(leases.c.run).where(
                leases.c.target == target,
                leases.c.organisation == organisation,
                leases.c.until > self._database.now(connection),
                leases.c.run.is_not(None),
            )
            query = _latest_is(target, organisation, _OPEN).where(operations.c.run.not_in(living))
            return _journal_rows(connection, query)

    def cut_off(self, target: str, organisation: int, *, before: int) -> tuple[JournalRow, ...]:
        """Operations done by runs that never ended, oldest first. Ask as the run `before`, which holds the lock: the
        others are dead."""
        query = _latest_is(target, organisation, (State.DONE,)).outerjoin(run_ends, run_ends.c.run == runs.c.id)
        with self._database.reading() as connection:
            return _journal_rows(connection, query.where(run_ends.c.run.is_(None), runs.c.id < before))

    def failed(self, target: str, organisation: int) -> tuple[JournalRow, ...]:
        """Operations whose latest event is failed, oldest first."""
        with self._database.reading() as connection:
            return _journal_rows(connection, _latest_is(target, organisation, (State.FAILED,)))

    def unknown(self, target: str, organisation: int) -> tuple[JournalRow, ...]:
        """Operations whose latest event is unknown, oldest first, unless later runs have since written or read
        every slot they touch."""
        unknown = _latest_is(target, organisation, (State.UNKNOWN,))
        with self._database.reading() as connection:
            found = _journal_rows(connection, unknown)
            if not found:
                return ()
            learners = unknown.with_only_columns(operations.c.learner).order_by(None)
            known = _latest_is(target, organisation, _KNOWN).where(operations.c.learner.in_(learners))
            later = _journal_rows(connection, known)
        return tuple(row for row in found if not _superseded(row, later))

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
        connection.execute(events.insert(), row)


def _settled_by() -> ColumnElement[int | None]:
    """Of a run without an end, the first later one that got past the lock and what there was to settle."""
    later, end = runs.alias("later_run"), run_ends.alias("later_end")
    ended = select(end.c.run).where(end.c.run == later.c.id, end.c.exit_code.in_(_PAST_SETTLING))
    began = select(operations.c.run).where(operations.c.run == later.c.id)
    first = (
        select(func.min(later.c.id))
        .where(later.c.id > runs.c.id, later.c.target == runs.c.target, later.c.organisation == runs.c.organisation)
        .where(later.c.command.in_(("apply", DRIFT_COMMAND)), ended.exists() | began.exists())
        .correlate(runs)
        .scalar_subquery()
    )
    return case((run_ends.c.run.is_(None), first)).label("settled_by")


_RUNS = select(runs, run_ends.c.at, run_ends.c.exit_code, run_ends.c.summary, _settled_by()).outerjoin(
    run_ends, run_ends.c.run == runs.c.id
)
_OPERATIONS = select(operations).order_by(operations.c.run, operations.c.sequence)


def _latest_is(target: str, organisation: int, states: Iterable[State]) -> Select[tuple[object, ...]]:
    later = events.alias("later")
    same_operation = (later.c.run == events.c.run) & (later.c.operation == events.c.operation)
    newer = select(later.c.id).where(same_operation, later.c.id > events.c.id)
    return (
        _OPERATIONS.join(events, (events.c.run == operations.c.run) & (events.c.operation == operations.c.operation))
        .join(runs, runs.c.id == operations.c.run)
        .where(runs.c.target == target, runs.c.organisation == organisation)
        .where(events.c.state.in_([state.value for state in states]), ~newer.exists())
    )


def _journal_rows(connection: Connection, query: Select[tuple[object, ...]]) -> tuple[JournalRow, ...]:
    found = connection.execute(query).mappings().all()
    chosen = query.order_by(None).subquery()
    theirs = select(events).join(chosen, (chosen.c.run == events.c.run) & (chosen.c.operation == events.c.operation))
    happened = defaultdict[tuple[int, str], list[Event]](list)
    for row in connection.execute(theirs.order_by(events.c.id)).mappings():
        event = Event(row["at"], State(row["state"]), row["detail"], cast(Proof, row["proof"]))
        happened[row["run"], row["operation"]].append(event)
    return tuple(_journal_row(row, happened[row["run"], row["operation"]]) for row in found)


def _journal_row(row: RowMapping, happened: Sequence[Event]) -> JournalRow:
    operation = JournalOperation(
        id=row["operation"],
        learner=UserId(row["learner"]),
        moves=moves_of(row["moves"]),
        method=row["method"],
        path=row["path"],
        body=row["body"],
    )
    return JournalRow(row["run"], row["sequence"], operation, tuple(happened))


def _operation_row(run: int, sequence: int, operation: JournalOperation) -> dict[str, object]:
    return {
        "run": run,
        "operation": operation.id,
        "sequence": sequence,
        "learner": operation.learner,
        "moves": moves_json(operation.moves),
        "method": operation.method,
        "path": operation.path,
        "body": dict(operation.body),
    }


def _run_row(row: RowMapping) -> RunRow:
    return RunRow(
        id=row["id"],
        started=row["started"],
        command=row["command"],
        target=row["target"],
        organisation=OrganisationId(row["organisation"]),
        fingerprint=row["fingerprint"],
        who=row["who"],
        commit=row["commit_id"],
        uncommitted=row["uncommitted"],
        ended=row["at"],
        exit_code=row["exit_code"],
        summary=row["summary"] or {},
        settled_by=row["settled_by"],
    )


def _superseded(row: JournalRow, later: Iterable[JournalRow]) -> bool:
    known = {place for other in later if other.run > row.run for place in other.places}
    return row.places <= known


def _not_unknown(run: int, operation: str, found: str | None) -> Problem:
    what = (
        f"operation {operation} of run {run} is {found}, not unknown" if found else "no such operation was journalled"
    )
    return Problem(what=what, fix=f"See `reconciler history {run}` for what is still unknown.", where=f"run {run}")
