"""Matters that outlive runs: since when a slot has drifted, a step has waited, two systems have fought."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from reconciler.model.history import IssueKind, OpenIssue
from reconciler.model.operations import holder_json
from reconciler.model.slots import Holder, Place, Site, UserId
from reconciler.store.codec import holder_of, key_json, slot_of
from reconciler.store.connection import SCOPE_SQL, Connection, Values, moment, scope_params
from reconciler.store.database import Part

_END = "UPDATE episodes SET ended = :ended, ending = :ending WHERE id = :id AND ended IS NULL"
_GO_ON = "UPDATE episodes SET last_seen = :seen WHERE id = :id"


class Observation(NamedTuple):
    """What a run found at a slot: who stands there, and who should."""

    holder: Holder
    due: UserId | None


Seen = Mapping[Place, Observation]
Ending = Callable[[OpenIssue], str]
"""How an episode that was not seen again ended; nothing where the run did not look there, so that it stays open."""


class OpenIssues(Part):
    """One open episode at most for each matter of a slot, however many runs see it; an ended one is never rewritten."""

    def see(
        self, site: Site, matter: IssueKind, seen: Seen, ending: Ending
    ) -> tuple[tuple[OpenIssue, ...], tuple[OpenIssue, ...]]:
        """Note what a run saw: what goes on, what begins, what is over. Gives the open episodes and those that ended
        now. Somebody else in the slot is a new episode, and so is the same one after an end."""
        with self._database.writing(f"episodes:{site.organisation}:{site.target}") as connection:
            now = self._database.now(connection)
            mine = scope_params(site) | {"matter": matter}
            before = _episodes(connection, "ended IS NULL", mine)
            ends = {one.id: how for one in before if (how := _how(one, seen, ending))}
            on = {one.place for one in before if one.place in seen and one.id not in ends}
            _end(connection, ends, now)
            _go_on(connection, [one.id for one in before if one.place in on], now)
            begins = [(place, sighting) for place, sighting in seen.items() if place not in on]
            if begins:
                rows = [{**_row(place, sighting, now), **mine, "ending": ""} for place, sighting in begins]
                connection.insert("episodes", rows)
            open_now = _episodes(connection, "ended IS NULL", mine)
            over = _episodes(connection, "ended = :now", {**mine, "now": now}) if ends else ()
        return open_now, tuple(one for one in over if one.id in ends)

    def now(self) -> datetime:
        """The hour by which episodes are dated."""
        with self._database.reading() as connection:
            return self._database.now(connection)

    def end_episode(self, id: int, how: str) -> None:
        """A person, or a correction, ends an open episode; nothing happens where it has ended already."""
        with self._database.writing() as connection:
            _end(connection, {id: how}, self._database.now(connection))

    def episodes(self, site: Site, matter: IssueKind, *, ended_since: datetime | None = None) -> tuple[OpenIssue, ...]:
        """The open episodes, oldest first, and those that have ended since then."""
        mine = scope_params(site) | {"matter": matter}
        with self._database.reading() as connection:
            if ended_since is None:
                return _episodes(connection, "ended IS NULL", mine)
            return _episodes(connection, "(ended IS NULL OR ended >= :since)", {**mine, "since": ended_since})


def _how(episode: OpenIssue, seen: Seen, ending: Ending) -> str:
    sighting = seen.get(episode.place)
    if sighting is None:
        return ending(episode)
    return "" if sighting == (episode.holder, episode.due) else "somebody else stands there since"


def _end(connection: Connection, ends: Mapping[int, str], now: datetime) -> None:
    if ends:
        connection.many(_END, [{"id": id, "ended": now, "ending": how} for id, how in ends.items()])


def _go_on(connection: Connection, ids: list[int], now: datetime) -> None:
    if ids:
        connection.many(_GO_ON, [{"id": id, "seen": now} for id in ids])


def _row(place: Place, sighting: Observation, now: datetime) -> dict[str, object]:
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


def _episodes(connection: Connection, wanted: str, values: Values) -> tuple[OpenIssue, ...]:
    rows = connection.named(
        f"SELECT * FROM episodes WHERE {SCOPE_SQL} AND matter = :matter AND {wanted} ORDER BY id", values
    )
    return tuple(_episode(row) for row in rows)


def _episode(row: Mapping[str, Any]) -> OpenIssue:
    return OpenIssue(
        id=row["id"],
        matter=row["matter"],
        learner=UserId(row["learner"]),
        slot=slot_of(row["kind"], row["key"]),
        holder=holder_of(json.loads(row["holder"])),
        due=row["due"],
        first_seen=moment(row["first_seen"]),
        last_seen=moment(row["last_seen"]),
        ended=moment(row["ended"]),
        ending=row["ending"],
    )
