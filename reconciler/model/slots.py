"""Slots, roles and identities: where on a learner staff are assigned, and how each slot is named."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from enum import Enum, StrEnum
from functools import cached_property, lru_cache
from operator import itemgetter
from typing import Any, NamedTuple, NewType, TypeVar

UserId = NewType("UserId", int)  # OneFile user id: learners and staff alike
StandardId = NewType("StandardId", int)
UnitId = NewType("UnitId", str)  # text such as KS_COMM1, compared exactly
OrganisationId = NewType("OrganisationId", int)
Handle = NewType("Handle", str)  # the name a member of staff has in staff.yaml
LARGEST_ID = 2**31 - 1  # as in the schemas
NOBODY = "nobody"  # in tables and reports, a slot that nobody holds
LearnerKey = UserId | str
"""Identity of a learner in the files: the OneFile user id or else the MISID, which is text."""


class Site(NamedTuple):
    """One organisation on one OneFile server: the scope of locks, records and histories."""

    target: str
    organisation: int


class Role(StrEnum):
    TRAINEE_ASSESSOR = "trainee_assessor"
    ASSESSOR = "assessor"
    IQA = "iqa"
    EMPLOYER = "employer"
    OBSERVER = "observer"


class SlotKind(StrEnum):
    """The seven kinds of slot, in the order in which plans list and write them.

    Additional people come first, so that a newcomer is on the learner before anybody is displaced.
    """

    __hash__ = str.__hash__  # every look-up of a slot hashes its kind, and Enum's own does so in Python

    ADDITIONAL = "additional"
    DEFAULT_ASSESSOR = "default_assessor"
    DEFAULT_EMPLOYER = "default_employer"
    LEARNING_AIM_ASSESSOR = "learning_aim_assessor"
    LEARNING_AIM_IQA = "learning_aim_iqa"
    UNIT_ASSESSOR = "unit_assessor"
    UNIT_IQA = "unit_iqa"


KIND_ORDER: Mapping[SlotKind, int] = {kind: place for place, kind in enumerate(SlotKind)}


class Listed(NamedTuple):
    """A list of items on a learner in a cohort file.

    `name` is the key that distinguishes its items, `kinds` are the slots of an item by their key.
    """

    name: str
    kinds: Mapping[str, SlotKind]


SINGLE: Mapping[str, SlotKind] = {
    "default_assessor": SlotKind.DEFAULT_ASSESSOR,
    "default_employer": SlotKind.DEFAULT_EMPLOYER,
}
LISTED: Mapping[str, Listed] = {
    "learning_aims": Listed("standard", {"assessor": SlotKind.LEARNING_AIM_ASSESSOR, "iqa": SlotKind.LEARNING_AIM_IQA}),
    "units": Listed("unit", {"assessor": SlotKind.UNIT_ASSESSOR, "iqa": SlotKind.UNIT_IQA}),
}
"""Keys of a cohort file for the holders of slots: on the learner, or in an item of a list.

Additional people are a plain list, `additional`.
"""
DEFAULT_KINDS = frozenset(SINGLE.values())
LEARNING_AIM_KINDS = frozenset(LISTED["learning_aims"].kinds.values())
UNIT_KINDS = frozenset(LISTED["units"].kinds.values())
LAYERS = (DEFAULT_KINDS, LEARNING_AIM_KINDS, UNIT_KINDS)
"""Kinds of slot that OneFile shows together: in a user's own record, a learning aim, a unit summary."""
ASSESSOR_KINDS = frozenset({SlotKind.DEFAULT_ASSESSOR, SlotKind.LEARNING_AIM_ASSESSOR, SlotKind.UNIT_ASSESSOR})
IQA_KINDS = frozenset({SlotKind.LEARNING_AIM_IQA, SlotKind.UNIT_IQA})
_ASSESSING = frozenset({Role.ASSESSOR, Role.TRAINEE_ASSESSOR})
ROLES_FOR: Mapping[SlotKind, frozenset[Role]] = {
    SlotKind.ADDITIONAL: frozenset(Role),
    SlotKind.DEFAULT_ASSESSOR: _ASSESSING,
    SlotKind.DEFAULT_EMPLOYER: frozenset({Role.EMPLOYER}),
    SlotKind.LEARNING_AIM_ASSESSOR: _ASSESSING,
    SlotKind.LEARNING_AIM_IQA: frozenset({Role.IQA}),
    SlotKind.UNIT_ASSESSOR: _ASSESSING,
    SlotKind.UNIT_IQA: frozenset({Role.IQA}),
}
"""Roles allowed in each kind of slot. The policy `trainee_assessor` decides about trainees."""


class Slot(NamedTuple):
    """A position on a learner that a member of staff holds.

    `key` is None for the two defaults, the StandardId for a learning aim, the UnitId for a unit and, for `additional`,
    which is a set, the member's own UserId.
    """

    kind: SlotKind
    key: int | str | None = None

    def address(self, learner: UserId) -> str:
        """Return the address used in plans and the record, such as `learner[200004].learning_aim[41242].assessor`."""
        kind = self.kind
        if kind in DEFAULT_KINDS:
            return f"learner[{learner}].{kind.value}"
        if kind is SlotKind.ADDITIONAL:
            return f"learner[{learner}].additional[{self.key}]"
        thing, part = kind.value.rsplit("_", 1)
        return f"learner[{learner}].{thing}[{self.key}].{part}"

    @classmethod
    def parse(cls, kind: SlotKind, address: str) -> Place:
        """Parse the address of a slot of a known kind. Raises ValueError if they do not match."""
        learner, _, place = address.partition("].")
        text = place[place.find("[") + 1 : place.rfind("]")]
        key: int | str | None = None
        if kind in UNIT_KINDS:
            key = text
        elif kind in LEARNING_AIM_KINDS or kind is SlotKind.ADDITIONAL:
            key = int(text)
        user, slot = UserId(int(learner.removeprefix("learner["))), cls(kind, key)
        if slot.address(user) != address:
            raise ValueError(f"{address} is not the address of a slot of kind {kind.value}")
        return user, slot

    @lru_cache(maxsize=10_000)  # noqa: B019  slots are values: a few hundred different ones stand on all learners
    def order(self) -> tuple[int, int, str]:
        """Return a sort key: kinds in plan order, then number keys by number and text keys by text."""
        number = self.key if isinstance(self.key, int) else 0
        text = self.key if isinstance(self.key, str) else ""
        return (KIND_ORDER[self.kind], number, text)


shared_slot = lru_cache(maxsize=10_000, typed=True)(Slot)
"""The same object for the same kind and key: all learners have the same few thousand slots.

Slots of the files, of a reading and of the record are looked up in one another, which is faster with one object. A key
of another type is never the same, although `True == 1`: a file with a fault must not change what others are read as.
"""
DEFAULT_ASSESSOR = shared_slot(SlotKind.DEFAULT_ASSESSOR, None)
DEFAULT_EMPLOYER = shared_slot(SlotKind.DEFAULT_EMPLOYER, None)


Place = tuple[UserId, Slot]
"""A slot of one learner."""
_Value = TypeVar("_Value")


class OrderedSlots(tuple[Slot, ...]):
    """Slots in plan order. Learners with the same slots share them, and what follows from them."""

    @cached_property
    def kinds(self) -> tuple[SlotKind, ...]:
        return tuple(slot.kind for slot in self)

    @cached_property
    def employer(self) -> int | None:
        """Place of the default employer among them; None if it is not there."""
        return self.index(DEFAULT_EMPLOYER) if DEFAULT_EMPLOYER in self else None

    @cached_property
    def additional(self) -> tuple[int | str | None, ...]:
        """Additional people, who come first, as the slots name them."""
        return tuple(slot.key for slot in self if slot.kind is SlotKind.ADDITIONAL)

    @cached_property
    def of_additional(self) -> frozenset[Slot]:
        """Slots of the additional people."""
        return frozenset(self[: len(self.additional)])


class SlotValues(Mapping[Slot, _Value]):
    """A value for each slot of one learner, in plan order.

    Learners with the same slots share the tuple of them, so two sides of a learner are compared as a whole. A learner
    has few slots: looking for one among them takes little longer than in a dictionary, which takes four times as much
    memory.
    """

    __slots__ = ("column", "slots")

    def __init__(self, slots: OrderedSlots, column: tuple[_Value, ...]) -> None:
        """Take slots and the value of each."""
        self.slots = slots
        self.column = column

    @classmethod
    def of(cls, values: Mapping[Slot, _Value]) -> SlotValues[_Value]:
        """Return the values in order; as they are if they are that already."""
        return values if isinstance(values, SlotValues) else plan_order(tuple(values)).values(values.values())

    def are_in(self, others: Mapping[Slot, object]) -> bool:
        """Return whether each of the slots is among the others."""
        if isinstance(others, SlotValues) and self.slots == others.slots:  # as for most learners
            return True
        return self.keys() <= others.keys()

    def __getitem__(self, slot: Slot) -> _Value:
        if slot not in self.slots:
            raise KeyError(slot)
        return self.column[self.slots.index(slot)]

    def get(self, slot: Slot, default: Any = None) -> Any:  # as Mapping's, which catches an error for each miss
        return self.column[self.slots.index(slot)] if slot in self.slots else default

    def __contains__(self, slot: object) -> bool:
        return slot in self.slots

    def __iter__(self) -> Iterator[Slot]:
        return iter(self.slots)

    def __len__(self) -> int:
        return len(self.slots)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, SlotValues):
            return bool(self.slots == other.slots and self.column == other.column)
        return self._dict() == other

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self._dict())

    def keys(self) -> KeysView[Slot]:
        return self._dict().keys()

    def items(self) -> ItemsView[Slot, _Value]:
        return self._dict().items()

    def values(self) -> ValuesView[_Value]:
        return self._dict().values()

    def _dict(self) -> dict[Slot, _Value]:
        return dict(zip(self.slots, self.column, strict=True))


class SlotOrder:
    """Plan order of a sequence of different slots."""

    __slots__ = ("_places", "slots")

    def __init__(self, slots: tuple[Slot, ...]) -> None:
        places = sorted(range(len(slots)), key=lambda place: slots[place].order())
        ordered = tuple(slots[place] for place in places)
        self.slots: OrderedSlots = OrderedSlots(slots) if ordered == slots else plan_order(ordered).slots
        self._places = None if ordered == slots else itemgetter(*places)

    def column(self, values: Iterable[_Value]) -> tuple[_Value, ...]:
        """Put values that are in the order of the sequence into plan order."""
        column = tuple(values)
        return column if self._places is None else self._places(column)

    def values(self, values: Iterable[_Value]) -> SlotValues[_Value]:
        """Return a value for each slot, from values in the order of the sequence."""
        return SlotValues(self.slots, self.column(values))


@lru_cache(maxsize=100_000)
def plan_order(slots: tuple[Slot, ...]) -> SlotOrder:
    """Return the plan order of some slots. Raises ValueError if one is there twice."""
    if len(set(slots)) < len(slots):
        raise ValueError("a slot is there twice")
    return SlotOrder(slots)


_NOTHING = SlotValues[Any](OrderedSlots(), ())


class LearnerSlots(Mapping[Place, _Value]):
    """A value for each of many slots, by learner: a key for each place takes ten times as much memory."""

    __slots__ = ("_of",)

    def __init__(self, values: Mapping[UserId, SlotValues[_Value]]) -> None:
        self._of = values

    @classmethod
    def nested(cls, values: Mapping[Place, _Value]) -> LearnerSlots[_Value]:
        """Return the values by learner; as they are if they are that already."""
        if isinstance(values, LearnerSlots):
            return values
        nested: dict[UserId, dict[Slot, _Value]] = {}
        for (learner, slot), value in values.items():
            nested.setdefault(learner, {})[slot] = value
        return cls({learner: SlotValues.of(own) for learner, own in nested.items()})

    def of(self, learner: UserId) -> SlotValues[_Value]:
        """Return the values of one learner's slots."""
        return self._of.get(learner, _NOTHING)

    def updated(self, newer: LearnerSlots[_Value]) -> LearnerSlots[_Value]:
        """Return these values with newer ones added, or in place of those of the same slots."""
        if not self._of or not newer._of:
            return self if self._of else newer
        common = self._of.keys() & newer._of.keys()
        joined = {learner: SlotValues.of({**self._of[learner], **newer._of[learner]}) for learner in common}
        return LearnerSlots({**self._of, **newer._of, **joined})

    def __getitem__(self, place: Place) -> _Value:
        learner, slot = place
        if (own := self._of.get(learner)) is None:
            raise KeyError(place)
        return own[slot]

    def __iter__(self) -> Iterator[Place]:
        return ((learner, slot) for learner, own in self._of.items() for slot in own.slots)

    def __len__(self) -> int:
        return sum(map(len, self._of.values()))


HoldersByUser = Mapping[UserId, SlotValues[UserId | None]]
"""Holders of all slots of each learner."""
NO_HOLDERS: HoldersByUser = {}


class Unread(Enum):
    """Reason why a slot's holder is not known. None, by contrast, means: read, and nobody holds it."""

    __hash__ = object.__hash__  # holders are looked up by the hundred thousand, and Enum's own hash is made in Python

    UNREADABLE = "unreadable"  # OneFile does not send this field
    NOT_HELD = "not_held"  # the learner has no such learning aim or unit
    AMBIGUOUS = "ambiguous"  # the learner has more than one of that standard or unit


Holder = UserId | None | Unread
