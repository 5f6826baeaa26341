"""Differences between two readings of a learner's slots, in words."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.model.slots import Handle, Holder, Slot, Unread, UserId


def differences(
    then: Mapping[Slot, Holder], now: Mapping[Slot, Holder], learner: UserId, handles: Mapping[UserId, Handle]
) -> str:
    """Describe what moved on a learner between two readings; empty if nothing did."""
    from deepdiff import DeepDiff  # 118 ms to import, and only needed for a difference

    def words(slots: Mapping[Slot, Holder]) -> dict[str, str]:
        return {slot.address(learner): in_words(holder, handles) for slot, holder in slots.items()}

    difference = DeepDiff(words(then), words(now), view="tree")
    lines = [
        f"{level.path(output_format='list')[0]}: {_side(level.t1)} then, {_side(level.t2)} now"
        for group in difference.values()
        for level in group
    ]
    return "; ".join(sorted(lines))


def _side(value: object) -> str:
    return value if isinstance(value, str) else "not there"


def in_words(holder: Holder, handles: Mapping[UserId, Handle]) -> str:
    match holder:
        case None:
            return "nobody"
        case Unread.UNREADABLE:
            return "not shown by OneFile"
        case Unread.NOT_HELD:
            return "not held by the learner"
        case Unread.AMBIGUOUS:
            return "held more than once"
        case _:
            return handles.get(holder, Handle(f"account {holder} (not in staff.yaml)"))
