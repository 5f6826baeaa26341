"""A reading as a JSON document, so that a plan can be made again without a call: ids only, no names."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from reconciler.model.declared import Declared, DeclaredLearner
from reconciler.model.observed import (
    AccountStatus,
    Observed,
    ObservedLearner,
    ObservedStaff,
    Roster,
    SharedAccount,
    SharedIdentity,
    SharedThing,
)
from reconciler.model.slots import (
    LEARNING_AIM_KINDS,
    UNIT_KINDS,
    OrderedSlots,
    OrganisationId,
    Role,
    Site,
    Slot,
    SlotKind,
    SlotOrder,
    SlotValues,
    Unread,
    UserId,
    plan_order,
    shared_slot,
)
from reconciler.model.structs import Decoder, Meta, Natural, NotUnderstood, Positive, Struct, convert, field, replace
from reconciler.observed.narrow import accounts, layer
from reconciler.problems import Invalid, Problem, Severity, Source, in_order

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")
_User = Annotated[UserId, Meta(gt=0)]
_Organisation = Annotated[OrganisationId, Meta(gt=0)]

FORMAT = "1.1"
_AGAIN = "Read OneFile again: leave out --observed, or save a new reading with --save-observed."


def to_document(observed: Observed, site: Site) -> dict[str, Any]:
    """Return learners and staff by id; a holder is an id, null for nobody, or why it is not known.

    Learners with the same slots share a list of these, and a learner's row has the list's number.
    """
    numbers: dict[OrderedSlots, int] = {}
    learners = [_learner(learner, numbers) for _, learner in sorted(observed.learners.items())]
    return {
        "observed_format": FORMAT,
        "taken_at": observed.taken_at.astimezone(UTC).isoformat(),
        "target": site.target,
        "organisation": site.organisation,
        "calls": observed.calls,
        "slots": [[[slot.kind.value, slot.key] for slot in slots] for slots in numbers],
        "learners": learners,
        "misids": [[misid, user] for misid, user in sorted(observed.misids.items())],
        "staff": [
            [organisation, member.id, member.standing, member.placement]
            for (organisation, _), member in sorted(observed.staff.items())
        ],
        "roles": [
            [organisation, member.id, member.role.value if member.role else None, member.misid]
            for (organisation, _), member in sorted(observed.staff.items())
            if member.role or member.misid
        ],
        **_roster(observed.roster),
        "shared": [
            [shared.thing, [[account.id, account.standing] for account in shared.accounts]]
            for shared in observed.shared
        ],
        "problems": [_problem(problem) for problem in observed.problems],
    }


def _problem(problem: Problem) -> list[Any]:
    row = [problem.what, problem.fix, problem.source and [problem.source.file, problem.source.line]]
    more = problem[len(row) :]
    return row if more == tuple(SavedProblem._field_defaults.values()) else [*row, *more]


def _roster(roster: Roster | None) -> dict[str, Any]:
    if roster is None:
        return {}
    classes = [[user, room] for user, room in sorted(roster.classes.items())]
    return {"roster": [list(roster.learners), classes, roster.whole, roster.asked]}


def _learner(learner: ObservedLearner, numbers: dict[OrderedSlots, int]) -> list[Any]:
    held = SlotValues.of(learner.slots)
    number = numbers.setdefault(held.slots, len(numbers))
    holders = [holder.value if isinstance(holder, Unread) else holder for holder in held.column]
    return [learner.id, learner.standing, learner.placement, number, holders]


class SavedProblem(NamedTuple):
    """Row of one problem, with its fields in order; those of older readings end after its source."""

    what: str
    fix: str
    source: tuple[str, Natural] | None
    where: str = ""
    severity: Severity = "error"
    lines: tuple[str, ...] = ()
    who: str = ""
    needs_person: bool = False

    def problem(self) -> Problem:
        return Problem(self.what, self.fix, self.source and Source(*self.source), *self[3:])


class _Common(Struct, frozen=True, kw_only=True):
    """Fields that all formats of the document have."""

    taken_at: str
    target: str
    organisation: int
    calls: Natural
    misids: list[tuple[str, _User]]
    staff: list[tuple[_Organisation, _User, AccountStatus, Positive | None]]
    problems: list[SavedProblem]
    roles: list[tuple[_Organisation, _User, Role | None, str]] = field(default_factory=list)
    shared: list[tuple[SharedThing, list[tuple[_User, AccountStatus]]]] = field(default_factory=list)
    roster: tuple[list[_User], list[tuple[_User, Positive | None]], bool, bool] | None = None

    def observed_learners(self) -> Iterable[tuple[UserId, ObservedLearner]]:
        """Yield the learners by id. Raises ValueError for faults that types cannot state."""
        raise NotImplementedError


class Saved(_Common, frozen=True, kw_only=True):
    """Format of the document, except for what types cannot state."""

    observed_format: Literal["1.1"]
    slots: list[list[tuple[SlotKind, Positive | str | None]]]
    learners: list[tuple[_User, AccountStatus, Positive | None, Natural, tuple[_User | Unread | None, ...]]]

    def observed_learners(self) -> Iterable[tuple[UserId, ObservedLearner]]:
        orders = [_order(*_columns(slots, 2)) for slots in self.slots]
        for user, standing, placement, number, holders in self.learners:
            if number >= len(orders):
                raise ValueError(f"learner {user}: there is no list of slots {number}")
            order = orders[number]
            if len(holders) != len(order.slots):
                raise ValueError(f"learner {user}: {len(holders)} holders of {len(order.slots)} slots")
            yield user, ObservedLearner(user, standing, placement, order.values(holders))


class SavedBefore(_Common, frozen=True, kw_only=True):
    """Format of older versions, with each slot in the learner's row."""

    observed_format: Literal["1.0"]
    learners: list[
        tuple[
            _User,
            AccountStatus,
            Positive | None,
            list[tuple[SlotKind, Positive | str | None, _User | Unread | None]],
        ]
    ]

    def observed_learners(self) -> Iterable[tuple[UserId, ObservedLearner]]:
        for user, standing, placement, rows in self.learners:
            kinds, keys, holders = _columns(rows, 3)
            yield user, ObservedLearner(user, standing, placement, _order(kinds, keys).values(holders))


_FORMATS: Mapping[str, type[_Common]] = {"1.1": Saved, "1.0": SavedBefore}


def from_json(data: bytes, site: Site) -> Observed:
    """Read a file's bytes: in one pass in C, if nothing is wrong with them.

    Raises Invalid as `from_document` does, and ValueError or RecursionError for bytes that are not JSON.
    """
    for form in _FORMATS.values():
        with suppress(NotUnderstood, ValueError, RecursionError):
            saved = Decoder(form).decode(data)
            if (saved.target, saved.organisation) == site:
                return _observed(saved)
    return from_document(json.loads(data), site)


def from_document(document: Any, site: Site) -> Observed:
    """Read a document. Raises Invalid if it is not a reading, or is of another target or organisation."""
    named = document.get("observed_format") if isinstance(document, dict) else None
    form = _FORMATS.get(named) if isinstance(named, str) else None
    if form is None:
        raise Invalid(Problem(f"is not a saved reading of format {' or '.join(sorted(_FORMATS))}", _AGAIN))
    for name, expected in (("target", site.target), ("organisation", site.organisation)):
        if document.get(name) != expected:
            raise Invalid(
                Problem(f"was read from {name} {document.get(name)}, and the {name} here is {expected}", _AGAIN)
            )
    try:
        return _observed(convert(document, form))
    except (NotUnderstood, ValueError) as error:
        raise Invalid(Problem(f"is a damaged reading ({error})", _AGAIN)) from error


def _observed(saved: _Common) -> Observed:
    """Make the reading. Raises ValueError for faults that types cannot state."""
    roles = _once(((organisation, user), (role, misid)) for organisation, user, role, misid in saved.roles)
    return Observed(
        taken_at=_moment(saved.taken_at),
        learners=_once(saved.observed_learners()),
        misids=_once(saved.misids),
        staff=_once(
            (
                (organisation, user),
                ObservedStaff(user, standing, placement, *roles.get((organisation, user), ())),
            )
            for organisation, user, standing, placement in saved.staff
        ),
        calls=saved.calls,
        problems=tuple(row.problem() for row in saved.problems),
        shared=tuple(
            SharedIdentity(thing, tuple(SharedAccount(user, standing) for user, standing in accounts))
            for thing, accounts in saved.shared
        ),
        roster=_saved_roster(*saved.roster) if saved.roster else None,
    )


def _saved_roster(learners: list[UserId], classes: list[tuple[UserId, int | None]], whole: bool, asked: bool) -> Roster:
    return Roster(tuple(learners), _once(classes), whole, asked)


def _columns(rows: Sequence[tuple[Any, ...]], number: int) -> Sequence[tuple[Any, ...]]:
    return tuple(zip(*rows, strict=True)) or ((),) * number


@lru_cache(maxsize=100_000)  # many learners have the same slots
def _order(kinds: tuple[SlotKind, ...], keys: tuple[int | str | None, ...]) -> SlotOrder:
    return plan_order(tuple(map(_slot, kinds, keys)))


def _slot(kind: SlotKind, key: int | str | None) -> Slot:
    if kind in UNIT_KINDS:
        fits = isinstance(key, str)
    elif kind in LEARNING_AIM_KINDS or kind is SlotKind.ADDITIONAL:
        fits = isinstance(key, int)
    else:
        fits = key is None
    if not fits:
        raise ValueError(f"{key!r} is not the key of a slot of kind {kind.value}")
    return shared_slot(kind, key)


def _once(pairs: Iterable[tuple[_Key, _Value]]) -> dict[_Key, _Value]:
    """Return the pairs as a dict. Raises ValueError for a key that comes twice: neither value can be trusted."""
    every = list(pairs)
    unique = dict(every)
    if len(unique) < len(every):
        counted = Counter(key for key, _ in every)
        raise ValueError(f"{counted.most_common(1)[0][0]} is there twice")
    return unique


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("the time of the reading has no offset from UTC")
    return moment


def fitted(observed: Observed, declared: Declared) -> Observed:
    """Fit the reading to a declaration that may ask for more than was declared when it was taken.

    A slot of a layer that was read for a learner is known not to be held. Raises Invalid for learners, staff and layers
    that the reading never looked at: not read is not empty.
    """
    learners = dict(observed.learners)
    problems: list[Problem] = []
    for learner in declared.learners:
        user = learner.user(observed.misids)
        seen = observed.learners.get(user) if user is not None else None
        if seen is None:
            if learner.id is not None or not any(problem.source == learner.source for problem in observed.problems):
                problems.append(Problem(f"the saved reading has no {learner.name()}", _AGAIN, learner.source))
        elif seen.standing == "active" and not learner.holders.are_in(seen.slots):
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
