"""Matters that outlive runs: since when a slot has drifted, a step has waited, two systems have fought."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, RowMapping, bindparam, insert, or_, select, update

from reconciler.model import Holder, Slot, UserId
from reconciler.operations import holder_json
from reconciler.store.database import Part
from reconciler.store.rows import Episode, Matter
from reconciler.store.slots import holder_of, key_json, slot_of
from reconciler.store.tables import episodes


class Sighting(NamedTuple):
    """What a run found at a slot: who stands there, and who should."""

    holder: Holder
    due: UserId | None


Seen = Mapping[tuple[UserId, Slot], Sighting]
Ending = Callable[[Episode], str]
"""How an episode that was not seen again ended; nothing where the run did not look there, so that it stays open."""


class Episodes(Part):
    """One open episode at most for each matter of a slot, however many runs see it; an ended one is never rewritten."""

    def see(
        self, target: str, organisation: int, matter: Matter, seen: Seen, ending: Ending
    ) -> tuple[tuple[Episode, ...], tuple[Episode, ...]]:
        """Note what a run saw: what goes on, what begins, what is over. Gives the open episodes and those that ended
        now. Somebody else in the slot is a new episode, and so is the same one after an end."""
        with self._database.writing(f"episodes:{organisation}:{target}") as connection:
            now = self._database.now(connection)
            mine = _of(target, organisation, matter)
            before = _episodes(connection, mine & episodes.c.ended.is_(None))
            ends = {one.id: how for one in before if (how := _how(one, seen, ending))}
            on = {one.place for one in before if one.place in seen and one.id not in ends}
            _end(connection, ends, now)
            _go_on(connection, [one.id for one in before if one.place in on], now)
            begins = [(place, sighting) for place, sighting in seen.items() if place not in on]
            if begins:
                always = {"target": target, "organisation": organisation, "matter": matter, "ending": ""}
                rows = [_row(place, sighting, now) | always for place, sighting in begins]
                connection.execute(insert(episodes), rows)
            open_now = _episodes(connection, mine & episodes.c.ended.is_(None))
            over = _episodes(connection, mine & (episodes.c.ended == now)) if ends else ()
        return open_now, tuple(one for one in over if one.id in ends)

    def now(self) -> datetime:
        """The hour by which episodes are dated."""
        with self._database.reading() as connection:
            return self._database.now(connection)

    def end_episode(self, id: int, how: str) -> None:
        """A person, or a correction, ends an open episode; nothing happens where it has ended already."""
        with self._database.writing() as connection:
            _end(connection, {id: how}, self._database.now(connection))

    def episodes(
        self, target: str, organisation: int, matter: Matter, *, ended_since: datetime | None = None
    ) -> tuple[Episode, ...]:
        """The open episodes, oldest first, and those that have ended since then."""
        wanted: ColumnElement[bool] = episodes.c.ended.is_(None)
        if ended_since is not None:
            wanted = or_(wanted, episodes.c.ended >= ended_since)
        with self._database.reading() as connection:
            return _episodes(connection, _of(target, organisation, matter) & wanted)


def _of(target: str, organisation: int, matter: Matter) -> ColumnElement[bool]:
    return (episodes.c.target == target) & (episodes.c.organisation == organisation) & (episodes.c.matter == matter)


def _how(episode: Episode, seen: Seen, ending: Ending) -> str:
    sighting = seen.get(episode.place)
    if sighting is None:
        return ending(episode)
    return "" if sighting == (episode.holder, episode.due) else "somebody else stands there since"


def _end(connection: Connection, ends: Mapping[int, str], now: datetime) -> None:
    statement = update(episodes).where(episodes.c.id == bindparam("which"), episodes.c.ended.is_(None))
    if ends:
        rows = [{"which": id, "ended": now, "ending": how} for id, how in ends.items()]
        connection.execute(statement.values(ended=bindparam("ended"), ending=bindparam("ending")), rows)


def _go_on(connection: Connection, ids: list[int], now: datetime) -> None:
    if ids:
        statement = update(episodes).where(episodes.c.id == bindparam("which")).values(last_seen=bindparam("seen"))
        connection.execute(statement, [{"which": id, "seen": now} for id in ids])


def _row(place: tuple[UserId, Slot], sighting: Sighting, now: datetime) -> dict[str, object]:
    learner, slot = place
    return {
        "learner": learner,
        "kind": slot.kind.value,
        "key": key_json(slot),
        "holder": json.dumps(holder_json(sighting.holder)),
        "due": sighting.due,
        "first_seen": now,
        "last_seen": now,
    }


def _episodes(connection: Connection, wanted: ColumnElement[bool]) -> tuple[Episode, ...]:
    rows = connection.execute(select(episodes).where(wanted).order_by(episodes.c.id)).mappings()
    return tuple(_episode(row) for row in rows)


def _episode(row: RowMapping) -> Episode:
    return Episode(
        id=row["id"],
        matter=row["matter"],
        learner=UserId(row["learner"]),
        slot=slot_of(row["kind"], row["key"]),
        holder=holder_of(json.loads(row["holder"])),
        due=row["due"],
        first_seen=row["first_seen"],
        last_seen=row["last_seen"],
        ended=row["ended"],
        ending=row["ending"],
    )
