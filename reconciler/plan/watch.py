"""Declared slots on which a change in OneFile would be noticed, and slots that OneFile no longer shows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from reconciler.model.declared import Declared
from reconciler.model.history import Sighting
from reconciler.model.observed import Recorded
from reconciler.model.plan import Change, Changes, Plan, UnchangedLearner, Watch, groups_of
from reconciler.model.slots import LearnerSlots, Place, Slot, SlotKind, Unread, UserId
from reconciler.model.structs import replace

_Parts = tuple[tuple[Slot, ...], tuple[Slot, ...]]
Seen = Mapping[Place, tuple[Sighting, ...]]
"""Holders who were seen in a slot as the files declared, oldest first."""
NOTHING_SEEN: Seen = {}
_MISSING = Unread.UNREADABLE


def watch_of(plan: Plan, declared: Declared, recorded: Recorded, seen: Seen) -> Watch:
    """Sort the declared slots. Kinds that settings.drift ignores never go blind: nobody asks for them."""
    watched = not_shown = 0
    unwatched: list[UnchangedLearner | list[Change]] = []
    were_seen: list[Change] = []
    shown: set[SlotKind] = set()
    recorded, seen = LearnerSlots.nested(recorded), LearnerSlots.nested(seen)
    is_any_seen = bool(seen)
    parts: dict[tuple[int, int], _Parts] = {}  # by the identity of what learners of the plan share
    for group in groups_of(plan.changes):
        if isinstance(group, UnchangedLearner):
            key = (id(group.slots), id(group.recorded))
            read, unread = parts.get(key) or parts.setdefault(key, _parts(group.slots, group.recorded))
            new = () if group.applied else _never_seen(group, read, recorded.of(group.id), seen.of(group.id))
            not_shown += len(unread)
            if is_any_seen:
                were_seen += [group.change(slot) for slot in unread if slot in seen.of(group.id)]
            unwatched += [group.part(new)] if new else []
            watched += len(read) - len(new)
            continue
        for change in group:
            if not change.is_declared:
                continue
            if change.is_unseen:
                not_shown += 1
                were_seen += [change] if change.slot in seen.of(change.learner) else []
                continue
            shown.add(change.slot.kind)
            if _is_watched(change.slot, change.after, recorded.of(change.learner), seen.of(change.learner)):
                watched += 1
            else:
                unwatched.append([change])
    shown.update(slot.kind for read, _ in parts.values() for slot in read)
    blind = tuple(change for change in were_seen if declared.settings.drift[change.slot.kind] != "ignore")
    unresolved = max(0, plan.summary.blocked - sum(bool(change.blocked) for change in plan.differing))
    return Watch(watched, Changes(unwatched), not_shown, blind, unresolved, frozenset(shown), plan.changes)


def _parts(slots: tuple[Slot, ...], recorded: frozenset[Slot]) -> _Parts:
    """Return the slots that were read, and the others."""
    return tuple(slot for slot in slots if slot not in recorded), tuple(slot for slot in slots if slot in recorded)


def _never_seen(
    learner: UnchangedLearner,
    read: Sequence[Slot],
    last: Mapping[Slot, UserId | None],
    seen: Mapping[Slot, Collection[Sighting]],
) -> Sequence[Slot]:
    """Return the slots that were read, but neither applied nor seen before as they are declared."""
    wanted = learner.learner.holders
    return [slot for slot in read if not _is_watched(slot, wanted[slot], last, seen)]


def _is_watched(
    slot: Slot, staff: UserId | None, last: Mapping[Slot, UserId | None], seen: Mapping[Slot, Collection[Sighting]]
) -> bool:
    """Return whether a learner's slot was applied, or seen, as it is declared."""
    return last.get(slot, _MISSING) == staff or was_seen(seen.get(slot, ()), staff)


def was_seen(sightings: Collection[Sighting], staff: UserId | None) -> bool:
    """Return whether a slot was seen to hold somebody, or nobody."""
    return any(sighting.holder == staff for sighting in sightings)


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
