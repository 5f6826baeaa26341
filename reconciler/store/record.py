"""The record of what was last applied to each slot and seen there, the cohorts, and the accounts of MISIDs."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import lru_cache
from itertools import groupby, islice
from operator import attrgetter, itemgetter
from typing import Any, TypeVar

from reconciler.model.history import AppliedCohort, LastApplied, Sighting
from reconciler.model.slots import (
    NO_HOLDERS,
    HoldersByUser,
    LearnerSlots,
    Place,
    Site,
    Slot,
    SlotOrder,
    SlotValues,
    Unread,
    UserId,
    plan_order,
)
from reconciler.model.structs import Decoder, NotUnderstood
from reconciler.store.codec import BentRow, decoded, holder_of, key_json, slot_of
from reconciler.store.connection import (
    MANY,
    SCOPE_SQL,
    Connection,
    Row,
    Rows,
    in_clause,
    in_clauses,
    moment,
    scope_params,
)
from reconciler.store.database import Part
from reconciler.store.lock import check_leases

_Value = TypeVar("_Value")

_CHUNK = 5_000  # rows: bounds the memory that one statement's parameters take
_NO_RECORD = object()
_STAFF = Decoder(tuple[UserId | None, ...])

_RECORD = """
INSERT INTO record (target, organisation, learner, kind, key, staff, run, at)
VALUES (:target, :organisation, :learner, :kind, :key, :staff, :run, :at)
ON CONFLICT (target, organisation, learner, kind, key)
DO UPDATE SET staff = excluded.staff, run = excluded.run, at = excluded.at
WHERE record.staff <> excluded.staff OR (record.staff IS NULL) <> (excluded.staff IS NULL)
"""
_LAST_APPLIED = """
SELECT learner, kind, key, staff, run, at, who, runs.command
FROM record JOIN runs ON runs.id = record.run
WHERE record.target = :target AND learner IN
"""
_ELSEWHERE = "target = :target AND (organisation < :organisation OR organisation > :organisation)"
_MOVE = f"DELETE FROM record WHERE {_ELSEWHERE} AND learner = :learner AND kind = :kind AND key = :key"
_SEE = """
INSERT INTO seen (target, organisation, learner, kind, key, holder, at)
VALUES (:target, :organisation, :learner, :kind, :key, :holder, :at) ON CONFLICT DO NOTHING
"""
_RECORD_COLUMNS = "learner, kind, key, staff FROM record"
_SEEN_COLUMNS = "learner, kind, key, holder, at FROM seen"
_FORGET = f"""
DELETE FROM seen WHERE {SCOPE_SQL} AND learner = :learner AND kind = :kind AND key = :key AND holder = :holder
"""
_SET_FACT = """
INSERT INTO facts (target, name, value, at) VALUES (:target, :name, :value, :at)
ON CONFLICT (target, name) DO UPDATE SET value = excluded.value, at = excluded.at
"""


class Record(Part):
    """The last-applied record, the cohorts, the accounts of MISIDs and the last reading."""

    def recorded(
        self, site: Site, learners: Collection[UserId] = (), wanted: HoldersByUser = NO_HOLDERS
    ) -> LearnerSlots[UserId | None]:
        """Return the last applied, or last observed, holder of each recorded slot; None is nobody.

        Of a few `learners` only their record is read. It counts even if a run for another organisation of the target
        wrote it: two state folders may share an organisation. If everybody's is read, a learner whose record equals
        what is `wanted` gets that very value, which takes less memory.
        """
        columns = f"SELECT {_RECORD_COLUMNS} WHERE"
        with self._database.reading() as connection:
            if 0 < len(learners) <= MANY:
                chosen = _selected(connection, _RECORD_COLUMNS, site, learners)
                recorded = _learner_slots(_by_learner("record", chosen, _record))
            else:
                recorded = LearnerSlots(dict(_whole_record(connection, site, wanted)))
            if connection.rows(f"{columns} {_ELSEWHERE} LIMIT 1", scope_params(site)):
                for clause, params in in_clauses("learner", learners):
                    others = f"{columns} {_ELSEWHERE} AND learner IN {clause} ORDER BY learner"
                    rows = connection.each(others, scope_params(site) | params)
                    recorded = recorded.updated(_learner_slots(_by_learner("record", rows, _record)))
            return recorded

    def has_record(self, site: Site) -> bool:
        """Return whether any slot was applied, or seen as declared."""
        with self._database.reading() as connection:
            return any(
                connection.rows(f"SELECT learner FROM {table} WHERE {SCOPE_SQL} LIMIT 1", scope_params(site))
                for table in ("record", "seen")
            )

    def record(
        self,
        site: Site,
        rows: Iterable[tuple[UserId, Slot, UserId | None]],
        *,
        run: int,
    ) -> None:
        """Set slots' records. An unchanged record keeps the run and time that set it.

        A slot has one record for each target: one that a run for another organisation wrote is replaced. Other holders
        who were seen in the slot as declared are forgotten.
        """
        holders = {(learner, slot): staff for learner, slot, staff in rows}
        with self._database.writing() as connection:
            check_leases(self._database, connection)
            _forget(connection, site, holders)
            common = scope_params(site) | {"run": run, "at": self._database.now(connection)}
            before = _selected(connection, _RECORD_COLUMNS, site, {learner for learner, _ in holders})
            unchanged = _learner_slots(_by_learner("record", before, _record))
            values = (
                {**common, **_columns(learner, slot), "staff": staff}
                for (learner, slot), staff in holders.items()
                if unchanged.get((learner, slot), _NO_RECORD) != staff
            )
            is_shared = bool(connection.rows(f"SELECT run FROM record WHERE {_ELSEWHERE} LIMIT 1", scope_params(site)))
            for chunk in _chunks(values):
                if is_shared:
                    connection.many(_MOVE, chunk)
                connection.many(_RECORD, chunk)

    def last_applied(self, site: Site, learners: Collection[UserId]) -> dict[Place, LastApplied]:
        """Return the records of these learners' slots, with the run that set each."""
        records = {}
        with self._database.reading() as connection:
            for clause, params in in_clauses("learner", learners):
                rows = connection.each(f"{_LAST_APPLIED} {clause}", {"target": site.target} | params)
                for learner, pairs in _by_learner("record", rows, _last_applied):
                    records.update({(learner, slot): last for slot, last in pairs})
        return records

    # -------------------------------------------------------------- sightings

    def see(
        self, site: Site, rows: Collection[tuple[UserId, Slot, UserId | None]], *, at: datetime | None = None
    ) -> None:
        """Store that slots were seen to hold what the files declare, now or `at` an earlier time.

        The first time of each holder is kept.
        """
        before = self.seen(site, {learner for learner, _, _ in rows})
        new = [row for row in rows if not any(row[2] == seen.holder for seen in before.get(row[:2], ()))]
        if not new:
            return
        with self._database.writing() as connection:
            check_leases(self._database, connection)
            common = scope_params(site) | {"at": at or self._database.now(connection)}
            values = (
                {**common, **_columns(learner, slot), "holder": json.dumps(staff)} for learner, slot, staff in new
            )
            for chunk in _chunks(values):
                connection.many(_SEE, chunk)

    def seen(self, site: Site, learners: Collection[UserId]) -> LearnerSlots[tuple[Sighting, ...]]:
        """Return who was seen in each slot as declared since it was last applied, oldest first."""
        with self._database.reading() as connection:
            by_learner = _by_learner("seen", _selected(connection, _SEEN_COLUMNS, site, learners), _sighting)
            return LearnerSlots({learner: _sightings(pairs) for learner, pairs in by_learner})

    # -------------------------------------------------------------- cohorts and accounts

    def cohorts(self, site: Site) -> dict[str, AppliedCohort]:
        """Return the cohorts that earlier applies of this repository managed, whatever their organisation.

        Those of no known repository count if they are of the site.
        """
        ours, params = self._own_cohorts(site)
        cohorts = f"SELECT cohort, organisation, CAST(learners AS TEXT) AS learners FROM cohorts WHERE {ours}"
        with self._database.reading() as connection:
            rows = connection.named(f"{cohorts} ORDER BY repository", params)
            return {row["cohort"]: decoded("cohorts", row["cohort"], row, _cohort) for row in rows}

    def set_cohorts(self, site: Site, cohorts: Mapping[str, AppliedCohort]) -> None:
        """Set the cohorts that this repository manages, in place of those that `cohorts` returns."""
        ours, params = self._own_cohorts(site)
        rows = [
            {
                "target": site.target,
                "repository": self._database.repository,
                "cohort": name,
                "organisation": cohort.organisation,
                "learners": None if cohort.learners is None else json.dumps(sorted(cohort.learners)),
            }
            for name, cohort in sorted(cohorts.items())
        ]
        with self._database.writing() as connection:
            connection.execute(f"DELETE FROM cohorts WHERE {ours}", params)
            connection.insert("cohorts", rows)

    def sharers(self, site: Site) -> dict[str, tuple[str, ...]]:
        """Return the other repositories that manage cohorts of this organisation, each with these cohorts."""
        owners = f"SELECT repository, cohort FROM cohorts WHERE {SCOPE_SQL} ORDER BY repository, cohort"
        sharers: dict[str, tuple[str, ...]] = {}
        with self._database.reading() as connection:
            for repository, cohort in connection.rows(owners, scope_params(site)):
                sharers[repository] = (*sharers.get(repository, ()), cohort)
        return {name: cohorts for name, cohorts in sharers.items() if name not in ("", *self._database.repositories)}

    def _own_cohorts(self, site: Site) -> tuple[str, dict[str, object]]:
        """Return the condition for this repository's cohorts, and its values."""
        clause, names = in_clause("repository", self._database.repositories)
        ours = f"repository IN {clause} OR (repository = '' AND organisation = :organisation)"
        return f"target = :target AND ({ours})", scope_params(site) | names

    def identities(self, site: Site) -> dict[str, UserId]:
        """Return accounts by the digest of their MISID, as earlier applies saw them."""
        fact = "SELECT value FROM facts WHERE target = :target AND name = :name"
        row = {"target": site.target, "name": _identities_of(site)}
        with self._database.reading() as connection:
            rows = connection.named(fact, row)
            return decoded("facts", repr(row["name"]), rows[0], _accounts) if rows else {}

    def set_identities(self, site: Site, identities: Mapping[str, UserId]) -> None:
        value = json.dumps(dict(sorted(identities.items())), separators=(",", ":"))
        self.set_fact(site.target, _identities_of(site), value)

    def last_reading(self, site: Site) -> datetime | None:
        """Return when a run last read everybody of the site in the files of this repository.

        Older versions stored one time for all repositories.
        """
        clause, names = in_clause("name", [_reading_of(site), *self._readings_of(site)])
        facts = f"SELECT name, value FROM facts WHERE target = :target AND name IN {clause}"
        with self._database.reading() as connection:
            rows = connection.named(facts, {"target": site.target, **names})
            return max((decoded("facts", repr(row["name"]), row, _moment) for row in rows), default=None)

    def set_last_reading(self, site: Site, at: datetime) -> None:
        name = next(iter(self._readings_of(site)), _reading_of(site))
        self.set_fact(site.target, name, at.isoformat())

    def _readings_of(self, site: Site) -> list[str]:
        return [f"{_reading_of(site)}:{repository}" for repository in self._database.repositories]

    def readings(self, site: Site) -> dict[UserId, datetime]:
        """Return when each learner of the site was last read completely, and was active."""
        fact = "SELECT value FROM facts WHERE target = :target AND name = :name"
        row = {"target": site.target, "name": _readings_of(site)}
        with self._database.reading() as connection:
            rows = connection.named(fact, row)
            return decoded("facts", repr(row["name"]), rows[0], _read_at) if rows else {}

    def set_readings(self, site: Site, readings: Mapping[UserId, datetime]) -> None:
        by_time: dict[str, list[int]] = {}
        for learner, at in sorted(readings.items()):
            by_time.setdefault(at.astimezone(UTC).isoformat(timespec="seconds"), []).append(learner)
        self.set_fact(site.target, _readings_of(site), json.dumps(by_time, separators=(",", ":")))

    def followed_since(self, site: Site) -> datetime | None:
        """Return when this repository's last drift run began that read all its learners who had changed until then."""
        fact = "SELECT value FROM facts WHERE target = :target AND name = :name"
        row = {"target": site.target, "name": _followed_of(site, self._database.repository)}
        with self._database.reading() as connection:
            rows = connection.named(fact, row)
            return decoded("facts", repr(row["name"]), rows[0], _moment) if rows else None

    def set_followed_since(self, site: Site, at: datetime) -> None:
        self.set_fact(site.target, _followed_of(site, self._database.repository), at.isoformat())

    def synced(self, site: Site, memory: str) -> dict[str, dict[str, str]]:
        """Return the values of this repository's last sync with a sort of source, by learner and field.

        A learner is an id or the digest of a MISID.
        """
        fact = "SELECT value FROM facts WHERE target = :target AND name = :name"
        row = {"target": site.target, "name": _synced_of(site, memory, self._database.repository)}
        with self._database.reading() as connection:
            rows = connection.named(fact, row)
            return decoded("facts", repr(row["name"]), rows[0], _fields) if rows else {}

    def set_synced(self, site: Site, memory: str, values: Mapping[str, Mapping[str, str]]) -> None:
        value = json.dumps(values, sort_keys=True, separators=(",", ":"))
        self.set_fact(site.target, _synced_of(site, memory, self._database.repository), value)

    def fleet(self) -> str:
        """Return the name of the fleet that uses this store; empty if none does."""
        with self._database.reading() as connection:
            name = connection.value("SELECT value FROM facts WHERE target = '' AND name = 'fleet'")
            return name if isinstance(name, str) else ""

    def set_fleet(self, name: str) -> None:
        self.set_fact("", "fleet", name)

    def set_fact(self, target: str, name: str, value: str) -> None:
        with self._database.writing() as connection:
            now = self._database.now(connection)
            connection.execute(_SET_FACT, {"target": target, "name": name, "value": value, "at": now})


class _Pairs(dict[Row, tuple[Slot, _Value]]):
    """Slots and their values, by the columns that say them: learners have many in common."""

    def __init__(self, decode: Callable[..., tuple[Slot, _Value]]) -> None:
        super().__init__()
        self._decode = decode

    def __missing__(self, columns: Row) -> tuple[Slot, _Value]:
        pair = self[columns] = self._decode(*columns)
        return pair


def _by_learner(
    table: str, rows: Rows, decode: Callable[..., tuple[Slot, _Value]]
) -> Iterator[tuple[UserId, Sequence[tuple[Slot, _Value]]]]:
    """Yield learners with their slots and values, from rows in the order of learners. Raises BentRow."""
    pairs = _Pairs(decode)
    with closing(rows):
        for learner, group in groupby(rows, itemgetter(0)):
            if type(learner) is not int:
                raise BentRow(table, f"learner {learner}")
            own = []
            for _, kind, key, *values in group:
                try:
                    own.append(pairs[kind, key, *values])
                except (ValueError, TypeError, OverflowError, OSError) as error:
                    raise BentRow(table, f"learner {learner}, {kind} {key}") from error
            yield UserId(learner), own


def _learner_slots(learners: Iterable[tuple[UserId, Sequence[tuple[Slot, _Value]]]]) -> LearnerSlots[_Value]:
    return LearnerSlots({learner: SlotValues.of(dict(pairs)) for learner, pairs in learners})


def _record(kind: str, key: str, staff: int | None) -> tuple[Slot, UserId | None]:
    if staff is None or type(staff) is int:
        return slot_of(kind, key), None if staff is None else UserId(staff)
    raise ValueError(staff)


def _whole_record(
    connection: Connection, site: Site, wanted: HoldersByUser
) -> Iterator[tuple[UserId, SlotValues[UserId | None]]]:
    """Yield each learner's record. Raises BentRow.

    The database makes three lists for each learner, which takes half as long as a row for each slot.
    """
    listed = "json_agg" if connection.is_postgresql else "json_group_array"
    lists = ", ".join(f"CAST({listed}({column}) AS TEXT)" for column in ("kind", "key", "staff"))
    statement = f"SELECT learner, {lists} FROM record WHERE {SCOPE_SQL} GROUP BY learner"
    learner: object = None
    try:
        with closing(connection.each(statement, scope_params(site))) as rows:
            for learner, kinds, keys, staff in rows:
                if type(learner) is not int:
                    raise BentRow("record", f"learner {learner}")
                user, own = UserId(learner), _order(kinds, keys).values(_STAFF.decode(staff))
                same = wanted.get(user)
                yield user, same if same is not None and same == own else own
    except (NotUnderstood, ValueError, TypeError) as error:
        rows = connection.each(f"SELECT {_RECORD_COLUMNS} WHERE {SCOPE_SQL} ORDER BY learner", scope_params(site))
        for _ in _by_learner("record", rows, _record):
            """Row by row, the one that is bent is found."""
        raise BentRow("record", f"learner {learner}") from error


@lru_cache(maxsize=100_000)  # many learners have the same slots
def _order(kinds: str, keys: str) -> SlotOrder:
    """Return the order of slots from JSON lists of their columns. Raises ValueError."""
    return plan_order(tuple(map(slot_of, json.loads(kinds), json.loads(keys))))


def _columns(learner: UserId, slot: Slot) -> dict[str, object]:
    return {"learner": learner, "kind": slot.kind.value, "key": key_json(slot)}


def _last_applied(
    kind: str, key: str, staff: int | None, run: int, at: float, who: str, command: str
) -> tuple[Slot, LastApplied]:
    slot, holder = _record(kind, key, staff)
    return slot, LastApplied(holder, run, moment(at), who, command)


def _sighting(kind: str, key: str, holder: str, at: float) -> tuple[Slot, tuple[Sighting, ...]]:
    staff = holder_of(json.loads(holder))
    if isinstance(staff, Unread):
        raise ValueError(holder)
    return slot_of(kind, key), (Sighting(staff, moment(at)),)


def _sightings(pairs: Sequence[tuple[Slot, tuple[Sighting, ...]]]) -> SlotValues[tuple[Sighting, ...]]:
    """Join the sightings of each slot, oldest first."""
    slots: dict[Slot, tuple[Sighting, ...]] = {}
    for slot, sightings in pairs:
        earlier = slots.get(slot)
        slots[slot] = tuple(sorted((*earlier, *sightings), key=attrgetter("at"))) if earlier else sightings
    return SlotValues.of(slots)


def _selected(connection: Connection, columns: str, site: Site, learners: Collection[UserId]) -> Rows:
    """Yield the site's rows of these learners, in their order; of many learners, the rows of all."""
    if len(learners) > MANY:
        return connection.each(f"SELECT {columns} WHERE {SCOPE_SQL} ORDER BY learner", scope_params(site))
    clause, params = in_clause("learner", sorted(learners))
    chosen = f"SELECT {columns} WHERE {SCOPE_SQL} AND learner IN {clause} ORDER BY learner"
    return connection.each(chosen, scope_params(site) | params)


def _identities_of(site: Site) -> str:
    return f"misids:{site.organisation}"


def _accounts(row: Mapping[str, Any]) -> dict[str, UserId]:
    accounts = json.loads(row["value"])
    if not isinstance(accounts, dict) or not all(isinstance(user, int) for user in accounts.values()):
        raise ValueError(row["value"])
    return {digest: UserId(user) for digest, user in accounts.items()}


def _synced_of(site: Site, memory: str, repository: str) -> str:
    return f"synced:{memory}:{site.organisation}:{repository}"


def _fields(row: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    learners = json.loads(row["value"])
    if not isinstance(learners, dict) or not all(isinstance(fields, dict) for fields in learners.values()):
        raise ValueError(row["value"])
    return learners


def _reading_of(site: Site) -> str:
    return f"last_reading:{site.organisation}"


def _followed_of(site: Site, repository: str) -> str:
    return f"followed:{site.organisation}:{repository}"


def _readings_of(site: Site) -> str:
    return f"readings:{site.organisation}"


def _read_at(row: Mapping[str, Any]) -> dict[UserId, datetime]:
    readings: dict[UserId, datetime] = {}
    for at, learners in json.loads(row["value"]).items():
        moment = datetime.fromisoformat(at).astimezone(UTC)
        if not isinstance(learners, list) or not all(type(learner) is int for learner in learners):
            raise ValueError(at)
        readings |= {UserId(learner): moment for learner in learners}
    return readings


def _moment(row: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(row["value"]).astimezone(UTC)


def _forget(connection: Connection, site: Site, holders: Mapping[Place, UserId | None]) -> None:
    """Forget who else was seen in these slots."""
    learners = {learner for learner, _ in holders}
    rows = [
        {**scope_params(site), **_columns(learner, slot), "holder": json.dumps(sighting.holder)}
        for learner, pairs in _by_learner("seen", _selected(connection, _SEEN_COLUMNS, site, learners), _sighting)
        for slot, sightings in pairs
        for sighting in sightings
        if holders.get((learner, slot), sighting.holder) != sighting.holder
    ]
    if rows:
        connection.many(_FORGET, rows)


def _cohort(row: Mapping[str, Any]) -> AppliedCohort:
    if row["learners"] is None:
        return AppliedCohort(row["organisation"], None)
    learners = json.loads(row["learners"])
    if not (isinstance(learners, list) and all(type(learner) is int for learner in learners)):
        raise ValueError(row["learners"])
    return AppliedCohort(row["organisation"], frozenset(map(UserId, learners)))


def _chunks(values: Iterator[dict[str, object]]) -> Iterator[list[dict[str, object]]]:
    while chunk := list(islice(values, _CHUNK)):
        yield chunk
