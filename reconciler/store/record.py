"""The record of what was last applied, slot by slot, and what was learnt about a target on the way."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from itertools import islice

from sqlalchemy import delete, select

from reconciler.model import Slot, UserId
from reconciler.store.database import Part
from reconciler.store.rows import LastApplied
from reconciler.store.slots import key_json, slot_of
from reconciler.store.tables import facts, record, runs

_CHUNK = 5_000  # rows: bounds the memory that one statement's parameters take
_MANY = 500  # learners: fewer than any database takes in one list


class Record(Part):
    def recorded(self, target: str, organisation: int) -> dict[tuple[UserId, Slot], UserId | None]:
        """Who was last applied to, or last seen in, each slot; None is nobody, and a slot not there has no record."""
        query = select(record.c.learner, record.c.kind, record.c.key, record.c.staff).where(
            record.c.target == target, record.c.organisation == organisation
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return {(UserId(learner), slot_of(kind, key)): staff for learner, kind, key, staff in rows}

    def has_record(self, target: str, organisation: int) -> bool:
        """Whether any slot has one."""
        one = select(record.c.learner).where(record.c.target == target, record.c.organisation == organisation).limit(1)
        with self._database.reading() as connection:
            return connection.execute(one).first() is not None

    def record(
        self,
        target: str,
        organisation: int,
        rows: Iterable[tuple[UserId, Slot, UserId | None]],
        *,
        run: int,
    ) -> None:
        """Set slots' records. A row that says what is recorded already keeps the run and time that set it."""
        statement = self._database.upsert(record)
        statement = statement.on_conflict_do_update(
            index_elements=[column.name for column in record.primary_key],
            set_={name: statement.excluded[name] for name in ("staff", "run", "at")},
            where=record.c.staff.is_distinct_from(statement.excluded.staff),
        )
        with self._database.writing() as connection:
            always = {"target": target, "organisation": organisation, "run": run, "at": self._database.now(connection)}
            values = (
                {**always, "learner": learner, "kind": slot.kind.value, "key": key_json(slot), "staff": staff}
                for learner, slot, staff in rows
            )
            for chunk in _chunks(values):
                connection.execute(statement, chunk)

    def last_applied(
        self, target: str, organisation: int, learners: Collection[UserId]
    ) -> dict[tuple[UserId, Slot], LastApplied]:
        """The record of these learners' slots, with the run that set it."""
        query = (
            select(
                record.c.learner,
                record.c.kind,
                record.c.key,
                record.c.staff,
                record.c.run,
                record.c.at,
                runs.c.who,
                runs.c.command,
            )
            .join(runs, runs.c.id == record.c.run)
            .where(record.c.target == target, record.c.organisation == organisation)
        )
        asked, found = sorted(learners), {}
        with self._database.reading() as connection:
            for start in range(0, len(asked), _MANY):
                chosen = query.where(record.c.learner.in_(asked[start : start + _MANY]))
                for learner, kind, key, *last in connection.execute(chosen):
                    found[UserId(learner), slot_of(kind, key)] = LastApplied(*last)
        return found

    # -------------------------------------------------------------- facts

    def learn(self, target: str, name: str, value: str) -> None:
        """Keep a fact about a target's server, such as a field that it does not send."""
        statement = self._database.upsert(facts)
        changed = {name: statement.excluded[name] for name in ("value", "at")}
        statement = statement.on_conflict_do_update(index_elements=["target", "name"], set_=changed)
        with self._database.writing() as connection:
            now = self._database.now(connection)
            connection.execute(statement, {"target": target, "name": name, "value": value, "at": now})

    def learnt(self, target: str) -> dict[str, tuple[str, datetime]]:
        query = select(facts.c.name, facts.c.value, facts.c.at).where(facts.c.target == target).order_by(facts.c.name)
        with self._database.reading() as connection:
            return {name: (value, at) for name, value, at in connection.execute(query)}

    def forget(self, target: str, name: str) -> None:
        with self._database.writing() as connection:
            connection.execute(delete(facts).where(facts.c.target == target, facts.c.name == name))


def _chunks(values: Iterator[dict[str, object]]) -> Iterator[list[dict[str, object]]]:
    while chunk := list(islice(values, _CHUNK)):
        yield chunk
