"""Words for slots, people, changes, durations and ages, shared by all reports; nothing is escaped here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from reconciler.model.names import NO_NAMES, Names
from reconciler.model.operations import Move, Outcome
from reconciler.model.plan import Change, Departed, Plan, Watch
from reconciler.model.slots import NOBODY, Holder, Slot, SlotKind, Unread, UserId
from reconciler.text import listed, number_of, spaced

NOT_VERIFIED = "cannot be verified"
FROM_RECORD = "from our record, not verified"


def plan_names(plan: Plan) -> Names:
    """Return the names that a plan carries."""
    return Names(plan.handles, plan.titles)


def learner_words(learner: UserId, label: str, names: Mapping[UserId, str] | None = None) -> str:
    """Return the label, else the id, followed by the learner's name if *names* has it (as privacy settings allow)."""
    called = label or f"learner {learner}"
    name = (names or {}).get(learner)
    return f"{called} ({name})" if name else called


def slot_words(slot: Slot, names: Names = NO_NAMES) -> str:
    """Return the name of a slot: `IQA of Business Administrator L3 (41240)`, or `IQA of learning aim 41240`."""
    match slot.kind:
        case SlotKind.DEFAULT_ASSESSOR:
            return "default assessor"
        case SlotKind.DEFAULT_EMPLOYER:
            return "default employer"
        case SlotKind.ADDITIONAL:
            return "additional people"
        case SlotKind.LEARNING_AIM_ASSESSOR:
            return f"assessor of {_aim(slot, names)}"
        case SlotKind.LEARNING_AIM_IQA:
            return f"IQA of {_aim(slot, names)}"
        case SlotKind.UNIT_ASSESSOR:
            return f"assessor of {_unit(slot, names)}"
        case SlotKind.UNIT_IQA:
            return f"IQA of {_unit(slot, names)}"


def key_words(slot: Slot, names: Names) -> str:
    """Return the learning aim or unit of a slot; empty for the others."""
    if slot.kind is SlotKind.ADDITIONAL or slot.key is None:
        return ""
    title = names.titles.get(slot.key)
    return f"{title} ({slot.key})" if title else str(slot.key)


def _aim(slot: Slot, names: Names) -> str:
    title = names.titles.get(slot.key) if slot.key is not None else None
    return f"{title} ({slot.key})" if title else f"learning aim {slot.key}"


def _unit(slot: Slot, names: Names) -> str:
    title = names.titles.get(slot.key) if slot.key is not None else None
    return f"unit {title} ({slot.key})" if title else f"unit {slot.key}"


def kind_words(kind: SlotKind) -> str:
    """Return the name of a kind of slot: `default assessor`, `learning aim IQA`, `additional person`."""
    if kind is SlotKind.ADDITIONAL:
        return "additional person"
    return spaced(kind.value).replace("iqa", "IQA")


def watch_words(watched: int, unwatched: int, unseen: int) -> str:
    """Return `257 of 313 declared slots are watched, 31 not yet, 25 are not shown by OneFile`; empty without a slot."""
    total = watched + unwatched + unseen
    parts = [f"{watched} of {number_of(total, 'declared slot')} {'is' if total == 1 else 'are'} watched"]
    parts += [f"{unwatched} not yet"] if unwatched else []
    parts += [f"{unseen} {'is' if unseen == 1 else 'are'} not shown by OneFile"] if unseen else []
    return ", ".join(parts) if total else ""


def watched_words(watch: Watch) -> str:
    """Return how many declared slots are watched; empty if that is not known."""
    return watch_words(watch.watched, len(watch.unwatched), watch.unseen_count)


def blind_words(watch: Watch) -> str:
    """Return what OneFile showed before and no longer shows; empty if nothing."""
    kinds = Counter(change.slot.kind for change in watch.blind)
    if not kinds:
        return ""
    gone = [kind_words(kind) for kind in SlotKind if kinds[kind] and kind not in watch.shown]
    whole = f"; no {listed(gone, 'or')} is shown at all" if gone else ""
    return f"Went blind: OneFile showed {kinds_words(kinds)} before and no longer does{whole}"


def kinds_words(kinds: Mapping[SlotKind, int]) -> str:
    """Return the number of slots of each kind: `15 default assessors, 1 unit IQA, 2 additional people`."""
    counts = ((kinds[kind], kind) for kind in SlotKind if kinds.get(kind))
    return ", ".join(
        f"{count} additional people"
        if kind is SlotKind.ADDITIONAL and count > 1
        else number_of(count, kind_words(kind))
        for count, kind in counts
    )


def holder_words(holder: Holder, names: Names) -> str:
    """Return the handle of a slot's holder, or why there is none."""
    match holder:
        case None:
            return NOBODY
        case Unread.UNREADABLE:
            return "somebody or nobody (OneFile does not show it)"
        case Unread.NOT_HELD:
            return "nothing: the learner has no such learning aim or unit"
        case Unread.AMBIGUOUS:
            return "more than one: the learner has several of it"
        case _:
            return names.handles.get(holder) or f"account {holder} (not in staff.yaml)"


def move_people(slot: Slot, move: Move, names: Names) -> str:
    """Return the people of a move: `kate-anderson -> james-fayre`, or `add observer-lee`."""
    who = holder_words(move.after, names)
    if slot.kind is SlotKind.ADDITIONAL:
        return f"add {who}"
    before = "not shown" if move.before is Unread.UNREADABLE else holder_words(move.before, names)
    return f"{before} -> {who}"


def move_words(slot: Slot, move: Move, names: Names) -> str:
    """Return one slot's move: `assessor of learning aim 41242: kate-anderson -> james-fayre`."""
    return f"{slot_words(slot, names)}: {move_people(slot, move, names)}"


def change_people(change: Change, names: Names) -> str:
    """Return the people of a change; for a slot left alone, what OneFile holds and what the files say."""
    if change.action in ("create", "update") and change.after is not None:
        return move_people(change.slot, Move(change.before, change.after), names)
    if change.action == "delete":
        return f"remove {holder_words(change.before, names)}, by hand"
    return f"OneFile holds {holder_words(change.before, names)}, the files say {holder_words(change.after, names)}"


def change_mark(change: Change) -> str:
    """Return what qualifies a change whose slot OneFile does not show; empty if it does."""
    if change.recorded:
        return FROM_RECORD
    written = change.action in ("create", "update")
    return NOT_VERIFIED if written and change.before is Unread.UNREADABLE else ""


def removal_words(slot: Slot, holder: Holder, names: Names) -> str:
    """Return `remove priya-shah as IQA of learning aim 41242`."""
    who, what = holder_words(holder, names), slot_words(slot, names)
    return f"remove {who} from the {what}" if slot.kind is SlotKind.ADDITIONAL else f"remove {who} as {what}"


def detail_words(outcome: Outcome) -> str:
    """Return why or how an operation ended, without its learner, whom the row names."""
    return outcome.detail.replace(f"learner[{outcome.operation.learner}].", "")


def organisation_words(plan: Plan) -> str:
    """Return the organisation of the settings, and those of the learners in scope if their cohorts name others."""
    cohorts = plan.organisations
    learners = f"; learners in {', '.join(map(str, sorted(cohorts)))}" if cohorts - {plan.organisation} else ""
    return f"organisation {plan.organisation}{learners}"


def left_out_words(plan: Plan) -> str:
    """Return the sentence on declared learners outside the scope."""
    were = "was" if plan.left_out == 1 else "were"
    return f"{number_of(plan.left_out, 'declared learner')} outside this scope {were} not read."


def roll_words(plan: Plan, *, verbose: bool = False) -> Iterator[str]:
    """Yield sentences on active learners whom no file declares, and on declared ones who have left."""
    roll = plan.roll
    if roll is None:
        return
    if roll.undeclared:
        count = len(roll.undeclared)
        least, are = "" if roll.whole else "At least ", "is" if count == 1 else "are"
        ids = f": {', '.join(map(str, roll.undeclared))}" if verbose else ""
        yield f"{least}{number_of(count, 'active learner')} of the organisation {are} declared in no file{ids}."
    gone = [one for one in roll.departed if one.why != "class"]
    moved = [one for one in roll.departed if one.why == "class"]
    if gone:
        yield _departed(gone, "archived in OneFile, or not in the organisation now", verbose)
    if moved:
        yield _departed(moved, "in another class than most of their cohort", verbose)


def _departed(departed: Sequence[Departed], words: str, verbose: bool) -> str:
    are = "is" if len(departed) == 1 else "are"
    names = ", ".join(one.label or str(one.learner or one.misid) for one in departed)
    return f"{number_of(len(departed), 'declared learner')} {are} {words}{f': {names}' if verbose else ''}."


def moment_words(moment: datetime) -> str:
    """Return `2026-11-23 14:00 UTC`."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


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
