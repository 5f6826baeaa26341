"""How much harm a change can do if it is wrong: the order in which every report lists changes."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from reconciler.model.plan import Change
from reconciler.model.slots import Slot, SlotKind, Unread, UserId


class Risk(IntEnum):
    """The kinds of row in a cohort's list of changes, what needs a person's eye first.

    | risk     | means                                                                                  |
    |----------|----------------------------------------------------------------------------------------|
    | ASIDE    | needed and not made: the learner keeps what OneFile holds until somebody acts           |
    | BY_HAND  | only a person can do it in OneFile, and it stays open until one has                     |
    | REASSIGN | displaces somebody who holds the slot now                                               |
    | UNSEEN   | written where OneFile does not show who holds the slot, so it may displace somebody     |
    | FILL     | nobody holds the slot: nobody is displaced                                              |
    | JOIN     | joins the additional people: nobody can be displaced                                    |
    | UNTOLD   | shall be nobody's, and nothing tells whether somebody is there: nothing is written      |
    | LEFT     | drift that settings.drift leaves as it is: nothing is written                           |
    """

    ASIDE = 0
    BY_HAND = 1
    REASSIGN = 2
    UNSEEN = 3
    FILL = 4
    JOIN = 5
    UNTOLD = 6
    LEFT = 7

    @property
    def sign(self) -> str:
        return _SIGNS[self]

    @property
    def words(self) -> str:
        return _WORDS[self]


IN_SIGHT = Risk.REASSIGN
"""Rows up to this risk are never folded away."""

_SIGNS: Mapping[Risk, str] = dict(zip(Risk, "!-~+++?=", strict=True))
_WORDS: Mapping[Risk, str] = {
    Risk.ASIDE: "set aside",
    Risk.BY_HAND: "to remove by hand",
    Risk.REASSIGN: "to reassign",
    Risk.UNSEEN: "to write unseen",
    Risk.FILL: "to fill",
    Risk.JOIN: "to join additional people",
    Risk.UNTOLD: "unknown",
    Risk.LEFT: "left to differ",
}

_KINDS = (
    SlotKind.LEARNING_AIM_IQA,
    SlotKind.UNIT_IQA,
    SlotKind.DEFAULT_ASSESSOR,
    SlotKind.LEARNING_AIM_ASSESSOR,
    SlotKind.UNIT_ASSESSOR,
    SlotKind.DEFAULT_EMPLOYER,
    SlotKind.ADDITIONAL,
)
"""Slots by what hangs on them: an IQA answers for what others decided, a default assessor for the whole learner, an
aim's and a unit's assessor for a part; an employer signs; additional people look on or help."""


def risk_of(change: Change) -> Risk | None:
    """None for a slot that stays as the files say, which reports only count."""
    if change.blocked:
        return Risk.ASIDE
    if change.held:
        return Risk.LEFT
    match change.action:
        case "no-op":
            return Risk.UNTOLD if change.reason == "unknown" else None
        case "delete":
            return Risk.BY_HAND
        case "update":
            return Risk.REASSIGN
        case "create" if change.slot.kind is SlotKind.ADDITIONAL:
            return Risk.JOIN
        case "create":
            return Risk.UNSEEN if change.before is Unread.UNREADABLE else Risk.FILL


def place_in_order(risk: Risk, slot: Slot, learner: UserId) -> tuple[int, int, int, tuple[int, int, str]]:
    """A sort key within a cohort: by risk, then by what hangs on the slot, then by learner and slot."""
    return (risk, _KINDS.index(slot.kind), learner, slot.order())
