"""A reading as a JSON document, so that any plan can be made again without a call: ids only, no names."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal, TypeVar, cast, get_args

from reconciler.model.declared import Declared, DeclaredLearner
from reconciler.model.observed import AccountStatus, Observed, ObservedLearner, ObservedStaff
from reconciler.model.slots import (
    LEARNING_AIM_KINDS,
    UNIT_KINDS,
    Holder,
    OrganisationId,
    Site,
    Slot,
    SlotKind,
    Unread,
    UserId,
)
from reconciler.model.structs import Decoder, Natural, NotUnderstood, Positive, Struct, replace
from reconciler.observed.narrow import accounts, layer
from reconciler.problems import Invalid, Problem, Source, in_order

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

FORMAT = "1.0"
_AGAIN = "Read OneFile again: leave --observed away, or save a new reading with --save-observed."


def to_document(observed: Observed, site: Site) -> dict[str, Any]:
    """Learners and staff by id; a slot's holder is an id, null for nobody, or the word for why it is not known."""
    return {
        "observed_format": FORMAT,
        "taken_at": observed.taken_at.astimezone(UTC).isoformat(),
        "target": site.target,
        "organisation": site.organisation,
        "calls": observed.calls,
        "learners": [_learner(learner) for _, learner in sorted(observed.learners.items())],
        "misids": [[misid, user] for misid, user in sorted(observed.misids.items())],
        "staff": [
            [site.organisation, one.id, one.standing, one.placement]
            for (organisation, _), one in sorted(observed.staff.items())
        ],
        "problems": [
            [problem.what, problem.fix, problem.source and [problem.source.file, problem.source.line]]
            for problem in observed.problems
        ],
    }


def _learner(learner: ObservedLearner) -> list[Any]:
    slots = sorted(learner.slots.items(), key=lambda item: item[0].order())
    return [
        learner.id,
        learner.standing,
        learner.placement,
        [[slot.kind.value, slot.key, held.value if isinstance(held, Unread) else held] for slot, held in slots],
    ]


class Saved(Struct, frozen=True):
    """What `to_document` writes, as far as types can say it."""

    observed_format: Literal["1.0"]
    taken_at: str
    target: str
    organisation: int
    calls: Natural
    learners: list[
        tuple[Positive, AccountStatus, Positive | None, list[tuple[SlotKind, Any, Positive | Unread | None]]]
    ]
    misids: list[tuple[str, Positive]]
    staff: list[tuple[Positive, Positive, AccountStatus, Positive | None]]
    problems: list[tuple[str, str, tuple[str, Natural] | None]]


def from_json(data: bytes, site: Site) -> Observed:
    """The reading in a file's bytes, checked and made in C where nothing is wrong with it.

    Where something is, it is read again, to say what. Raises Invalid as `from_document` does, and ValueError or
    RecursionError where it is no JSON.
    """
    with suppress(NotUnderstood, TypeError, ValueError, RecursionError):
        saved = Decoder(Saved).decode(data)
        if (saved.target, saved.organisation) == (site):
            return _made(saved)
    return from_document(json.loads(data), site)


def _made(saved: Saved) -> Observed:
    """Raises TypeError or ValueError."""
    return Observed(
        taken_at=_moment(saved.taken_at),
        learners=_once(
            (UserId(user), ObservedLearner(UserId(user), standing, placement, _held(slots)))
            for user, standing, placement, slots in saved.learners
        ),
        misids=_once((misid, UserId(user)) for misid, user in saved.misids),
        staff=_once(_read_staff(*row) for row in saved.staff),
        calls=saved.calls,
        problems=tuple(_read_problem(what, fix, source and list(source)) for what, fix, source in saved.problems),
    )


def _held(rows: Sequence[tuple[SlotKind, Any, Any]]) -> dict[Slot, Holder]:
    held: dict[Slot, Holder] = {_slot(kind, key): holder for kind, key, holder in rows}
    if len(held) < len(rows):
        raise ValueError("a slot is there twice")
    return held


def from_document(document: Any, site: Site) -> Observed:
    """The reading of a document. Raises Invalid where it is none, or is of another target or organisation."""
    if not isinstance(document, dict) or document.get("observed_format") != FORMAT:
        raise Invalid(Problem(f"is not a saved reading of format {FORMAT}", _AGAIN))
    for name, here in (("target", site.target), ("organisation", site.organisation)):
        if document.get(name) != here:
            raise Invalid(Problem(f"was read from {name} {document.get(name)}, and the {name} here is {here}", _AGAIN))
    try:
        return _read(document)
    except KeyError as error:
        raise Invalid(Problem(f"is a damaged reading (it lacks {error})", _AGAIN)) from error
    except (TypeError, ValueError) as error:
        raise Invalid(Problem(f"is a damaged reading ({error})", _AGAIN)) from error


def _read(document: dict[str, Any]) -> Observed:
    """Every value is of the kind that `to_document` writes: a person may have edited it, and `1.9` is nobody's id.

    Raises KeyError, TypeError or ValueError.
    """
    return Observed(
        taken_at=_moment(document["taken_at"]),
        learners=_once((row.id, row) for row in (_read_learner(*_row(row)) for row in _row(document["learners"]))),
        misids=_once((_text(misid), UserId(_id(user))) for misid, user in map(_row, _row(document["misids"]))),
        staff=_once(_read_staff(*_row(row)) for row in _row(document["staff"])),
        calls=_whole(document["calls"]),
        problems=tuple(_read_problem(*_row(row)) for row in _row(document["problems"])),
    )


def _read_learner(user: Any, standing: Any, placement: Any, slots: Any) -> ObservedLearner:
    held = _once([(_slot(kind, key), _holder(holder)) for kind, key, holder in map(_row, _row(slots))])
    return ObservedLearner(UserId(_id(user)), _standing(standing), _placement(placement), held)


def _holder(value: Any) -> Holder:
    return Unread(value) if isinstance(value, str) else None if value is None else UserId(_id(value))


@lru_cache(maxsize=10_000, typed=True)  # the same few thousand slots stand on all learners
def _slot(kind: Any, key: Any) -> Slot:
    slot = Slot(SlotKind(_text(kind)), key)
    if slot.kind in UNIT_KINDS:
        _text(key)
    elif slot.kind in LEARNING_AIM_KINDS or slot.kind is SlotKind.ADDITIONAL:
        _id(key)
    elif key is not None:
        raise ValueError(f"{slot.kind.value} has no key")
    return slot


def _read_staff(
    where: Any, user: Any, standing: Any, placement: Any
) -> tuple[tuple[OrganisationId, UserId], ObservedStaff]:
    key = (OrganisationId(_id(where)), UserId(_id(user)))
    return key, ObservedStaff(key[1], _standing(standing), _placement(placement))


def _read_problem(what: Any, fix: Any, source: Any) -> Problem:
    if source is None:
        return Problem(_text(what), _text(fix))
    file, line = _row(source)
    return Problem(_text(what), _text(fix), Source(_text(file), _whole(line)))


def _once(pairs: Iterable[tuple[_Key, _Value]]) -> dict[_Key, _Value]:
    """Raises ValueError for a key that comes twice: which of the two is true cannot be told."""
    every = list(pairs)
    found = dict(every)
    if len(found) < len(every):
        counted = Counter(key for key, _ in every)
        raise ValueError(f"{counted.most_common(1)[0][0]} is there twice")
    return found


def _row(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"a list is expected, not {type(value).__name__}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"text is expected, not {type(value).__name__}")
    return value


def _whole(value: Any) -> int:
    if type(value) is not int or value < 0:  # a bool is an int to Python
        raise TypeError(f"a whole number is expected, not {value if isinstance(value, int) else type(value).__name__}")
    return value


def _id(value: Any) -> int:
    if not _whole(value):
        raise ValueError("0 is nobody's id")
    return int(value)


def _standing(value: Any) -> AccountStatus:
    for standing in get_args(AccountStatus):
        if value == standing:
            return cast(AccountStatus, standing)
    raise ValueError(f"{value!r} is no standing")


def _placement(value: Any) -> int | None:
    return None if value is None else _id(value)


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError("the time of the reading has no offset from UTC")
    return moment


def fitted(observed: Observed, declared: Declared) -> Observed:
    """The reading, for a declaration that may ask for more than was declared when it was taken.

    A slot of a layer that was read for a learner is known not to be held. Raises Invalid for learners, staff
    and layers that the reading never looked at: not read is not empty.
    """
    learners = dict(observed.learners)
    problems: list[Problem] = []
    for learner in declared.learners:
        user = learner.user(observed.misids)
        seen = observed.learners.get(user) if user is not None else None
        if seen is None:
            if learner.id is not None or not any(problem.source == learner.source for problem in observed.problems):
                problems.append(Problem(f"the saved reading has no {learner.name()}", _AGAIN, learner.source))
        elif seen.standing == "active" and not learner.slots.keys() <= seen.slots.keys():
            learners[seen.id] = _with_absent(seen, learner)
            problems += _unseen(seen, learner)
    problems += _unseen_staff(observed, declared)
    if problems:
        raise Invalid(in_order(problems))
    return replace(observed, learners=learners)


def _with_absent(seen: ObservedLearner, learner: DeclaredLearner) -> ObservedLearner:
    read = {kind for slot in seen.slots for kind in layer(slot.kind)}
    absent = {
        slot: Unread.NOT_HELD
        for slot in learner.slots
        if slot not in seen.slots and slot.kind in read & (LEARNING_AIM_KINDS | UNIT_KINDS)
    }
    return replace(seen, slots={**seen.slots, **absent}) if absent else seen


def _unseen(seen: ObservedLearner, learner: DeclaredLearner) -> Iterator[Problem]:
    read = {kind for slot in seen.slots for kind in layer(slot.kind)} | {SlotKind.ADDITIONAL}
    for kind in sorted({slot.kind for slot in learner.slots} - read):
        what = f"the saved reading did not look at the {kind.value.replace('_', ' ')} of {learner.name()}"
        yield Problem(what, _AGAIN, learner.source)


def _unseen_staff(observed: Observed, declared: Declared) -> Iterator[Problem]:
    members = declared.staff_by_id()
    for organisation, staff in sorted(accounts(declared) - observed.staff.keys()):
        member = members[staff]
        what = f"the saved reading did not look for {member.handle} in organisation {organisation}"
        yield Problem(what, _AGAIN, member.source)
