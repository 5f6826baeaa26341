"""Messages of a digest in Markdown: one for each person who gains or loses, the manager, and the owner of steps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence, Set
from typing import TYPE_CHECKING

from reconciler.model.history import OpenIssue
from reconciler.model.message import SHARED, Message
from reconciler.model.operations import step_id
from reconciler.model.slots import UserId
from reconciler.report.calendar.words import handover_words, places_words
from reconciler.report.common.escape import prose, visible
from reconciler.report.common.words import holder_words, learner_words, removal_words, slot_words
from reconciler.report.plan.handover import HandOver
from reconciler.text import number_of

if TYPE_CHECKING:
    from reconciler.commands.digest import Digest, Transfer

MANAGER, OWNER = "manager", "step-owner"
LISTED = 50
"""Learners or steps of one sort that a message lists; the others are counted."""


def messages_of(digest: Digest) -> list[Message]:
    """Return the messages, those to staff by handle first; none if there is nothing to say."""
    messages = [message for member in sorted(digest.staff) if (message := _to_member(digest, member))]
    if messages or digest.drift or digest.steps or digest.coming.handovers:
        messages.append(_to_manager(digest))
    if digest.steps:
        messages.append(_to_owner(digest))
    return messages


def _to_member(digest: Digest, handle: str) -> Message | None:
    member = next(member for member in digest.staff.values() if member.handle == handle)
    gains = [transfer for transfer in digest.transfers if transfer.taker == member.id]
    losses = [transfer for transfer in digest.transfers if transfer.giver == member.id]
    if not (gains or losses):
        return None
    counts = [f"you gain {_learners(gains)}" if gains else "", f"you hand over {_learners(losses)}" if losses else ""]
    title = f"{digest.title}: {' and '.join(filter(None, counts))}"
    lines = [_day(digest), ""]
    lines += _listed("You gain", gains, digest, "from")
    lines += _listed("You hand over", losses, digest, "to")
    lines += _checks([*gains, *losses], digest)
    return Message(handle, member.notify or SHARED, title, _text(title, lines))


def _learners(transfers: Sequence[Transfer]) -> str:
    return number_of(len({(transfer.user, transfer.label) for transfer in transfers}), "learner")


def _day(digest: Digest) -> str:
    day = next((transfer.day for transfer in digest.transfers), None)
    return prose(f"From {day}." if day else "From the moment when the plan is applied.")


def _listed(title: str, transfers: Sequence[Transfer], digest: Digest, joint: str) -> Iterator[str]:
    if not transfers:
        return
    yield f"## {prose(title)}"
    yield ""
    for transfer in transfers[:LISTED]:
        other = transfer.giver if joint == "from" else transfer.taker
        slots = ", ".join(slot_words(slot, digest.names) for slot in transfer.slots)
        who = f" {joint} {holder_words(other, digest.names)}" if other is not None else ""
        yield f"- {prose(f'{_name(transfer)}{who}: {slots}')}"
    if len(transfers) > LISTED:
        yield f"- and {len(transfers) - LISTED} more"
    yield ""


def _name(transfer: Transfer) -> str:
    return learner_words(transfer.user, transfer.label)


def _checks(transfers: Sequence[Transfer], digest: Digest) -> Iterator[str]:
    """Yield what to check in OneFile: each step once, and the same learners once, above their steps."""
    learners: dict[str, dict[str, None]] = defaultdict(dict)
    for transfer in transfers:
        if transfer.giver is not None:
            row = HandOver(
                transfer.user, transfer.label, transfer.cohort, transfer.giver, transfer.taker, transfer.slots
            )
            for step in row.steps(digest.names):
                learners[step][_name(transfer)] = None
    if not learners:
        return
    yield "## To hand over in OneFile"
    yield ""
    yield prose("OneFile does not move open tasks, visits or reviews.")
    yield ""
    steps: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for step, names in learners.items():
        steps[tuple(names)].append(step)
    everybody = {_name(transfer) for transfer in transfers}
    for some, same in steps.items():
        yield prose(f"{_whose(some, everybody)}:")
        yield ""
        yield from (f"- {prose(step)}" for step in same)
        yield ""


def _whose(names: Sequence[str], everybody: Set[str]) -> str:
    """Return the heading of the steps of these learners, who need no names if they are all of the message."""
    if len(names) > 1 and everybody == set(names):
        return f"For all {len(names)} learners above"
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"For {', '.join(names[:LISTED])}{more}"


def _to_manager(digest: Digest) -> Message:
    title = f"{digest.title}: {_learners(digest.transfers)} {'changes' if _one(digest) else 'change'} hands"
    lines: list[str] = []
    pairs: dict[tuple[UserId | None, UserId | None], list[Transfer]] = defaultdict(list)
    for transfer in digest.transfers:
        pairs[transfer.giver, transfer.taker].append(transfer)
    for (giver, taker), some in pairs.items():
        before = holder_words(giver, digest.names) if giver is not None else "nobody, or not known"
        lines.append(f"- {prose(f'{before} -> {holder_words(taker, digest.names)}: {_learners(some)}')}")
    lines += [
        "",
        f"- {prose(_issues('manual step', digest.steps))}",
        f"- {prose(_issues('drifted slot', digest.drift))}",
    ]
    if digest.coming.handovers:
        lines += ["", "## The coming days", ""]
    for handover in digest.coming.handovers:
        lines.append(f"- {prose(f'{handover.day}: {handover_words(handover)}: {places_words(handover)}')}")
    return Message(MANAGER, SHARED, title, _text(title, lines))


def _one(digest: Digest) -> bool:
    return _learners(digest.transfers).startswith("1 ")


def _issues(what: str, issues: Sequence[OpenIssue]) -> str:
    if not issues:
        return f"No {what} is open."
    oldest = min(issue.first_seen for issue in issues)
    return f"{number_of(len(issues), what)} open, the oldest since {oldest:%Y-%m-%d}."


def _to_owner(digest: Digest) -> Message:
    title = f"{number_of(len(digest.steps), 'manual step')} open in OneFile"
    lines = [prose(f"For {digest.owner}."), ""] if digest.owner else []
    for step in digest.steps[:LISTED]:
        who = learner_words(step.learner, digest.labels.get(step.learner, ""))
        what = removal_words(step.slot, step.holder, digest.names)
        number = step_id(step.learner, step.slot)
        lines.append(f"- {prose(f'{who}: {what}, since {step.first_seen:%Y-%m-%d} (step {number})')}")
    if len(digest.steps) > LISTED:
        lines.append(f"- and {len(digest.steps) - LISTED} more: reconciler history --steps")
    return Message(OWNER, SHARED, title, _text(title, lines))


def _text(title: str, lines: Sequence[str]) -> str:
    body = "\n".join([f"# {prose(title)}", "", *lines]).rstrip("\n")
    return f"{body}\n"


def subject_of(message: Message) -> str:
    """Return the subject of an e-mail: one line, with the recipient because several messages may share an address."""
    return f"{message.recipient}: {visible(message.title)}"
