"""Long-lived issues per slot: drift, open manual steps, correction conflicts."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from reconciler.model.history import IssueKind, OpenIssue
from reconciler.model.operations import holder_json
from reconciler.model.slots import Holder, Place, Site, UserId
from reconciler.model.structs import replace
from reconciler.store.codec import decoded, holder_of, key_json, slot_of
from reconciler.store.connection import SCOPE_SQL, Connection, Values, moment, scope_params
from reconciler.store.database import Part
from reconciler.store.lock import check_leases

_END = "UPDATE episodes SET ended = :ended, ending = :ending WHERE id = :id AND ended IS NULL"
_SEEN = "UPDATE episodes SET last_seen = :seen WHERE id = :id"
_MOVE = "UPDATE episodes SET organisation = :organisation WHERE id = :id"
_ELSEWHERE = "SELECT * FROM episodes WHERE target = :target AND organisation <> :organisation AND matter = :matter "


class Observation(NamedTuple):
    """The holder of a slot as a run read it, and the holder that is due."""

    holder: Holder
    due: UserId | None


Observations = Mapping[Place, Observation]
Ending = Callable[[OpenIssue], str]
"""Returns how an issue that was not observed again ended; nothing if the run did not read the slot: it stays open."""


class OpenIssues(Part):
    """At most one open issue of a kind for each slot, however many runs observe it; an ended one is never rewritten.

    The tables call an issue an episode, and its kind the matter.
    """

    def observe_issues(
        self, site: Site, matter: IssueKind, observations: Observations, ending: Ending
    ) -> tuple[tuple[OpenIssue, ...], tuple[OpenIssue, ...]]:
        """Store a run's observations, and return the open issues and those that ended now.

        Another holder in the slot is a new issue, and so is the same holder after an end. Drift from the same holder
        keeps its age while other people hold the slot.
        """
        with self._database.writing(f"episodes:{site.organisation}:{site.target}") as connection:
            check_leases(self._database, connection)
            now = self._database.now(connection)
            scope = scope_params(site) | {"matter": matter}
            before = self._issues(connection, "ended IS NULL", scope)
            before += self._bring_here(connection, scope, observations.keys() - {issue.place for issue in before})
            ends = {issue.id: how for issue in before if (how := _how(issue, observations, ending))}
            seen = {issue.place for issue in before if issue.place in observations and issue.id not in ends}
            _end(connection, ends, now)
            _mark_seen(connection, [issue.id for issue in before if issue.place in seen], now)
            new = [(place, observation) for place, observation in observations.items() if place not in seen]
            if new:
                since = {(issue.place, issue.due): issue.since or issue.first_seen for issue in before}
                common = {**scope, "ending": "", "repository": self._database.repository}
                rows = [
                    {**_row(place, observation, now, since if matter == "drift" else {}), **common}
                    for place, observation in new
                ]
                connection.insert("episodes", rows)
            open_now = self._issues(connection, "ended IS NULL", scope)
            ended = self._issues(connection, "ended = :now", {**scope, "now": now}) if ends else ()
        return open_now, tuple(issue for issue in ended if issue.id in ends)

    def now(self) -> datetime:
        """Return the time by which issues are dated."""
        with self._database.reading() as connection:
            return self._database.now(connection)

    def end_issue(self, id: int, how: str) -> None:
        """End an open issue, because a person or a correction settled it; do nothing if it has ended already."""
        with self._database.writing() as connection:
            _end(connection, {id: how}, self._database.now(connection))

    def issues(self, site: Site, matter: IssueKind, *, ended_since: datetime | None = None) -> tuple[OpenIssue, ...]:
        """Return the open issues, oldest first, and those that have ended since then."""
        scope = scope_params(site) | {"matter": matter}
        with self._database.reading() as connection:
            if ended_since is None:
                return self._issues(connection, "ended IS NULL", scope)
            return self._issues(connection, "(ended IS NULL OR ended >= :since)", {**scope, "since": ended_since})

    def sites(self, target: str | None = None) -> tuple[Site, ...]:
        """Return the organisations that have or had an issue, of one target or of all."""
        where = "" if target is None else "WHERE target = :target"
        with self._database.reading() as connection:
            rows = connection.rows(f"SELECT DISTINCT target, organisation FROM episodes {where}", {"target": target})
        return tuple(sorted(Site(target, organisation) for target, organisation in rows))

    def _bring_here(self, connection: Connection, scope: Values, places: Collection[Place]) -> tuple[OpenIssue, ...]:
        """Move the open issues of these slots here that an older version stored under the settings' organisation."""
        if not places:
            return ()
        rows = connection.named(f"{_ELSEWHERE} AND ended IS NULL ORDER BY id", scope)
        moved = {issue.place: issue for issue in map(self._decoded, rows) if issue.place in places}
        for issue in moved.values():
            connection.execute(_MOVE, {"id": issue.id, "organisation": scope["organisation"]})
        return tuple(moved.values())

    def _issues(self, connection: Connection, condition: str, values: Values) -> tuple[OpenIssue, ...]:
        rows = connection.named(
            f"SELECT * FROM episodes WHERE {SCOPE_SQL} AND matter = :matter AND {condition} ORDER BY id", values
        )
        return tuple(map(self._decoded, rows))

    def _decoded(self, row: Mapping[str, Any]) -> OpenIssue:
        issue = decoded("episodes", f"id {row['id']}", row, _issue)
        own = self._database.repositories
        return replace(issue, foreign=bool(own) and row["repository"] not in (None, "", *own))


def _how(issue: OpenIssue, observations: Observations, ending: Ending) -> str:
    observation = observations.get(issue.place)
    if observation is None:
        return ending(issue)
    return "" if observation == (issue.holder, issue.due) else "another person has held it since"


def _end(connection: Connection, ends: Mapping[int, str], now: datetime) -> None:
    if ends:
        connection.many(_END, [{"id": id, "ended": now, "ending": how} for id, how in ends.items()])


def _mark_seen(connection: Connection, ids: list[int], now: datetime) -> None:
    if ids:
        connection.many(_SEEN, [{"id": id, "seen": now} for id in ids])


def _row(
    place: Place, observation: Observation, now: datetime, since: Mapping[tuple[Place, UserId | None], datetime]
) -> dict[str, object]:
    learner, slot = place
    return {
        "learner": learner,
        "kind": slot.kind.value,
        "key": key_json(slot),
        "holder": json.dumps(holder_json(observation.holder)),
        "due": observation.due,
        "first_seen": now,
        "last_seen": now,
        "since": since.get((place, observation.due), now),
    }


def _issue(row: Mapping[str, Any]) -> OpenIssue:
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
        since=moment(row["since"]),
    )
