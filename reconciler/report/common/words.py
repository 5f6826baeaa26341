"""The words of staff for slots, people and changes, shared by every report a person reads; nothing is escaped here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from reconciler.model.operations import Move, Operation, moves
from reconciler.model.plan import Change, Plan
from reconciler.model.slots import Handle, Holder, Slot, SlotKind, Unread, UserId
from reconciler.text import number_of

NOT_SHOWN = "written once; OneFile does not show who is there"
Handles = Mapping[UserId, Handle]


def learner_words(learner: UserId, label: str, names: Mapping[UserId, str] | None = None) -> str:
    """The label, else the id; with the person's own name behind it where `names` has it, which privacy decides."""
    called = label or f"learner {learner}"
    name = (names or {}).get(learner)
    return f"{called} ({name})" if name else called


def slot_words(slot: Slot) -> str:
    match slot.kind:
        case SlotKind.DEFAULT_ASSESSOR:
            return "default assessor"
        case SlotKind.DEFAULT_EMPLOYER:
            return "default employer"
        case SlotKind.ADDITIONAL:
            return "additional people"
        case SlotKind.LEARNING_AIM_ASSESSOR:
            return f"assessor for learning aim {slot.key}"
        case SlotKind.LEARNING_AIM_IQA:
            return f"IQA for learning aim {slot.key}"
        case SlotKind.UNIT_ASSESSOR:
            return f"assessor for unit {slot.key}"
        case SlotKind.UNIT_IQA:
            return f"IQA for unit {slot.key}"


def kind_words(kind: SlotKind) -> str:
    """`default assessor`, `learning aim IQA`, `additional`: a kind of slot without its key."""
    return kind.value.replace("_", " ").replace("iqa", "IQA")


def holder_words(holder: Holder, handles: Handles) -> str:
    match holder:
        case None:
            return "nobody"
        case Unread.UNREADABLE:
            return "somebody or nobody (OneFile does not show it)"
        case Unread.NOT_HELD:
            return "nothing: the learner has no such learning aim or unit"
        case Unread.AMBIGUOUS:
            return "more than one: the learner has several of it"
        case _:
            return handles.get(holder) or f"account {holder} (not in staff.yaml)"


def move_words(slot: Slot, move: Move, handles: Handles) -> str:
    """`assessor for learning aim 41242 moves from kate-anderson to james-fayre`, and who was there before."""
    who, what = holder_words(move.after, handles), slot_words(slot)
    joins = f"{who} joins the {what}" if slot.kind is SlotKind.ADDITIONAL else f"{what} becomes {who}"
    match move.before:
        case Unread.UNREADABLE:
            return f"{joins}: {NOT_SHOWN}"
        case None if slot.kind is SlotKind.ADDITIONAL:
            return joins
        case None:
            return f"{joins} (nobody before)"
        case _:
            return f"{what} moves from {holder_words(move.before, handles)} to {who}"


def change_words(change: Change, handles: Handles) -> str:
    """What happens to one slot; for a slot that is left alone, what OneFile holds and what the files say."""
    what, holder = slot_words(change.slot), holder_words(change.before, handles)
    if change.action in ("create", "update") and change.after is not None:
        words = move_words(change.slot, Move(change.before, change.after), handles)
    elif change.action == "delete":
        words = removal_words(change.slot, change.before, handles)
    else:
        words = f"{what}: OneFile holds {holder}, the files say {holder_words(change.after, handles)}"
    return f"{words} (from our record, unverified: OneFile does not show it)" if change.recorded else words


def removal_words(slot: Slot, holder: Holder, handles: Handles) -> str:
    who, what = holder_words(holder, handles), slot_words(slot)
    if slot.kind is SlotKind.ADDITIONAL:
        return f"{who} is to be removed by hand from the {what}"
    return f"{what} {who} is to be removed by hand"


def operation_words(operation: Operation, handles: Handles) -> str:
    return " and ".join(move_words(slot, move, handles) for slot, move in moves(operation))


def organisation_words(plan: Plan) -> str:
    """The settings' organisation, and those of the learners in scope where their cohorts name others."""
    theirs = sorted({change.organisation for change in plan.changes})
    others = f"; learners in {', '.join(map(str, theirs))}" if set(theirs) - {plan.organisation} else ""
    return f"organisation {plan.organisation}{others}"


def duration_words(seconds: int) -> str:
    """`17 s`, `1 min 23 s`, `2 h 5 min`; rounded up, since a forecast should not end early."""
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    hours, minutes = divmod(-(-seconds // 60), 60)
    return f"{hours} h {minutes} min"


def age_words(age: timedelta) -> str:
    """`3 days`, `5 h`, `12 min`: rounded down, for an age should not sound older than it is."""
    minutes = max(0, int(age.total_seconds())) // 60
    if minutes >= 48 * 60:
        return number_of(minutes // (24 * 60), "day")
    return f"{minutes // 60} h" if minutes >= 60 else f"{minutes} min"
