"""Declared slots on which a change in OneFile would be noticed, and slots that OneFile no longer shows."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from reconciler.model.declared import Declared
from reconciler.model.history import Sighting
from reconciler.model.observed import Recorded
from reconciler.model.plan import Change, Plan, Watch
from reconciler.model.slots import Place, SlotKind, Unread
from reconciler.model.structs import replace

Seen = Mapping[Place, tuple[Sighting, ...]]
"""Holders who were seen in a slot as the files declared, oldest first."""
NOTHING_SEEN: Seen = {}
_MISSING = Unread.UNREADABLE
_NOT_SHOWN = (Unread.UNREADABLE, Unread.AMBIGUOUS)


def watch_of(plan: Plan, declared: Declared, recorded: Recorded, seen: Seen) -> Watch:
    """Sort the declared slots. Kinds that settings.drift ignores never go blind: nobody asks for them."""
    watched = 0
    unwatched: list[Change] = []
    unseen: list[Change] = []
    blind: list[Change] = []
    shown: set[SlotKind] = set()
    for change in plan.changes:
        if not change.is_declared:
            continue
        place = (change.learner, change.slot)
        if change.recorded or change.before in _NOT_SHOWN:
            unseen.append(change)
            if place in seen and declared.settings.drift[change.slot.kind] != "ignore":
                blind.append(change)
            continue
        shown.add(change.slot.kind)
        if recorded.get(place, _MISSING) == change.after or was_seen(seen.get(place, ()), change):
            watched += 1
        else:
            unwatched.append(change)
    unresolved = plan.summary.blocked - sum(bool(change.blocked) for change in plan.changes)
    return Watch(watched, tuple(unwatched), tuple(unseen), tuple(blind), max(0, unresolved), frozenset(shown))


def was_seen(sightings: Collection[Sighting], change: Change) -> bool:
    """Return whether the slot was seen to hold what is declared."""
    return any(sighting.holder == change.after for sighting in sightings)


def with_watch(plan: Plan, watch: Watch) -> Plan:
    """Return the plan with its slots sorted and counted."""
    summary = replace(
        plan.summary,
        watched=watch.watched,
        unwatched=len(watch.unwatched),
        unseen=watch.unseen_count,
        went_blind=len(watch.blind),
    )
    return replace(plan, watch=watch, summary=summary)


def noted(watch: Watch, places: Collection[Place]) -> Watch:
    """Return the watch once these slots have been stored as seen."""
    left = tuple(change for change in watch.unwatched if (change.learner, change.slot) not in places)
    return replace(watch, unwatched=left, watched=watch.watched + len(watch.unwatched) - len(left))
