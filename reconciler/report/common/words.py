"""Words for slots, people, changes, durations and ages, shared by all reports; nothing is escaped here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from reconciler.model.operations import Move, Operation, moves
from reconciler.model.plan import Change, Plan
from reconciler.model.slots import Handle, Holder, Slot, SlotKind, Unread, UserId
from reconciler.text import number_of, spaced

NOT_VERIFIED = "cannot be verified"
Handles = Mapping[UserId, Handle]


def learner_words(learner: UserId, label: str, names: Mapping[UserId, str] | None = None) -> str:
    """Return the label, else the id, followed by the learner's name if *names* has it (as privacy settings allow)."""
    called = label or f"learner {learner}"
    name = (names or {}).get(learner)
    return f"{called} ({name})" if name else called


def slot_words(slot: Slot) -> str:
    """Return the name of a slot: `IQA of learning aim 41240`."""
    match slot.kind:
        case SlotKind.DEFAULT_ASSESSOR:
            return "default assessor"
        case SlotKind.DEFAULT_EMPLOYER:
            return "default employer"
        case SlotKind.ADDITIONAL:
            return "additional people"
        case SlotKind.LEARNING_AIM_ASSESSOR:
            return f"assessor of learning aim {slot.key}"
        case SlotKind.LEARNING_AIM_IQA:
            return f"IQA of learning aim {slot.key}"
        case SlotKind.UNIT_ASSESSOR:
            return f"assessor of unit {slot.key}"
        case SlotKind.UNIT_IQA:
            return f"IQA of unit {slot.key}"


def kind_words(kind: SlotKind) -> str:
    """Return the name of a kind of slot: `default assessor`, `learning aim IQA`, `additional`."""
    return spaced(kind.value).replace("iqa", "IQA")


def holder_words(holder: Holder, handles: Handles) -> str:
    """Return the handle of a slot's holder, or why there is none."""
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


def move_words(slot: Slot, move: Move, handles: Handles, *, mark: bool = True) -> str:
    """Return one slot's move: `assessor of learning aim 41242: kate-anderson -> james-fayre`.

    With *mark*, a slot that OneFile does not show is marked.
    """
    who, what = holder_words(move.after, handles), slot_words(slot)
    unseen = move.before is Unread.UNREADABLE
    if slot.kind is SlotKind.ADDITIONAL:
        words = f"{what}: add {who}"
    else:
        words = f"{what}: {'not shown' if unseen else holder_words(move.before, handles)} -> {who}"
    return f"{words} ({NOT_VERIFIED})" if unseen and mark else words


def change_words(change: Change, handles: Handles) -> str:
    """Return the change of one slot; for a slot left alone, both what OneFile holds and what the files say."""
    what, holder = slot_words(change.slot), holder_words(change.before, handles)
    if change.action in ("create", "update") and change.after is not None:
        words = move_words(change.slot, Move(change.before, change.after), handles)
    elif change.action == "delete":
        words = removal_words(change.slot, change.before, handles)
    else:
        words = f"{what}: OneFile holds {holder}, the files say {holder_words(change.after, handles)}"
    return f"{words} (from our record, not verified)" if change.recorded else words


def removal_words(slot: Slot, holder: Holder, handles: Handles) -> str:
    """Return `remove priya-shah as IQA of learning aim 41242, by hand`."""
    who, what = holder_words(holder, handles), slot_words(slot)
    if slot.kind is SlotKind.ADDITIONAL:
        return f"remove {who} from the {what}, by hand"
    return f"remove {who} as {what}, by hand"


def operation_words(operation: Operation, handles: Handles) -> str:
    """Return the moves of one operation, unmarked, because its proof says the same."""
    return " and ".join(move_words(slot, move, handles, mark=False) for slot, move in moves(operation))


def organisation_words(plan: Plan) -> str:
    """Return the organisation of the settings, and those of the learners in scope if their cohorts name others."""
    cohorts = sorted({change.organisation for change in plan.changes})
    learners = f"; learners in {', '.join(map(str, cohorts))}" if set(cohorts) - {plan.organisation} else ""
    return f"organisation {plan.organisation}{learners}"


def left_out_words(plan: Plan) -> str:
    """Return the sentence on declared learners outside the scope."""
    were = "was" if plan.left_out == 1 else "were"
    return f"{number_of(plan.left_out, 'declared learner')} outside this scope {were} not read."


def duration_words(seconds: int) -> str:
    """Return `17 s`, `1 min 23 s` or `2 h 5 min`, rounded up because a forecast should not end early."""
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    hours, minutes = divmod(-(-seconds // 60), 60)
    return f"{hours} h {minutes} min"


def age_words(age: timedelta) -> str:
    """Return `3 days`, `5 h` or `12 min`, rounded down."""
    minutes = max(0, int(age.total_seconds())) // 60
    if minutes >= 48 * 60:
        return number_of(minutes // (24 * 60), "day")
    return f"{minutes // 60} h" if minutes >= 60 else f"{minutes} min"
