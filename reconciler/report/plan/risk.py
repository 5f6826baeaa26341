"""Risk of a change if it is wrong: the order in which every report lists changes."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from reconciler.model.plan import Change
from reconciler.model.slots import Slot, SlotKind, Unread, UserId


class Risk(IntEnum):
    """Kinds of row in a cohort's list of changes, the riskiest first.

    | risk     | means                                                                                  |
    |----------|----------------------------------------------------------------------------------------|
    | ASIDE    | needed and not made: the learner keeps what OneFile holds until somebody acts           |
    | MANUAL   | only a person can do it in OneFile; it stays open until then                            |
    | REASSIGN | displaces somebody who holds the slot now                                               |
    | UNSEEN   | written where OneFile does not show who holds the slot, so it may displace somebody     |
    | FILL     | nobody holds the slot: nobody is displaced                                              |
    | ADD      | joins the additional people: nobody can be displaced                                    |
    | UNKNOWN  | should be empty, and the holder is unknown: nothing is written                          |
    | LEFT     | drift that settings.drift leaves as it is: nothing is written                           |
    """

    ASIDE = 0
    MANUAL = 1
    REASSIGN = 2
    UNSEEN = 3
    FILL = 4
    ADD = 5
    UNKNOWN = 6
    LEFT = 7

    @property
    def sign(self) -> str:
        """The sign in front of a row."""
        return _SIGNS[self]

    @property
    def words(self) -> str:
        """The words that count rows of this risk."""
        return _WORDS[self]


IN_SIGHT = Risk.REASSIGN
"""The last risk whose rows are never folded."""

_SIGNS: Mapping[Risk, str] = dict(zip(Risk, "!-~+++?=", strict=True))
_WORDS: Mapping[Risk, str] = {
    Risk.ASIDE: "set aside",
    Risk.MANUAL: "to remove by hand",
    Risk.REASSIGN: "to reassign",
    Risk.UNSEEN: "to write (cannot be verified)",
    Risk.FILL: "to fill",
    Risk.ADD: "to add to additional people",
    Risk.UNKNOWN: "unknown",
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
"""Slot kinds by the impact of a wrong assignment: an IQA answers for what others decided, a default assessor for the
whole learner, an aim's and a unit's assessor for a part; an employer signs; additional people observe or help."""


def risk_of(change: Change) -> Risk | None:
    """Return the risk of a change; None for an unchanged slot, which reports only count."""
    if change.blocked:
        return Risk.ASIDE
    if change.held:
        return Risk.LEFT
    match change.action:
        case "no-op":
            return Risk.UNKNOWN if change.reason == "unknown" else None
        case "delete":
            return Risk.MANUAL
        case "update":
            return Risk.REASSIGN
        case "create" if change.slot.kind is SlotKind.ADDITIONAL:
            return Risk.ADD
        case "create":
            return Risk.UNSEEN if change.before is Unread.UNREADABLE else Risk.FILL


def place_in_order(risk: Risk, slot: Slot, learner: UserId) -> tuple[int, int, int, tuple[int, int, str]]:
    """Return the sort key within a cohort: risk, impact of the slot, learner, slot."""
    return (risk, _KINDS.index(slot.kind), learner, slot.order())
