"""Wire format: OneFile's JSON to our nouns, our operations to its requests; the only module with its field names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple, assert_never

from reconciler.model.operations import AssignAdditional, AssignLearningAim, AssignUnit, Move, Operation, SetDefaults
from reconciler.model.slots import (
    DEFAULT_KINDS,
    LEARNING_AIM_KINDS,
    UNIT_KINDS,
    Holder,
    OrganisationId,
    Role,
    SlotKind,
    StandardId,
    UnitId,
    Unread,
    UserId,
)
from reconciler.model.structs import RedactedRepr, Struct
from reconciler.problems import BadAnswer, Problem


class Request(NamedTuple):
    """One call: `path` is relative to the base URL, `body` is sent as JSON."""

    method: str
    path: str
    body: Mapping[str, object] | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Write(NamedTuple):
    """One call that changes something."""

    method: str
    path: str
    body: Mapping[str, object]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


LEARNER_ROLE = 1
LONGEST_NUMBER = 20  # digits; int() has a limit of its own, and no id comes near it
ROLE_IDS: Mapping[Role, int] = {
    Role.TRAINEE_ASSESSOR: 4,
    Role.ASSESSOR: 5,
    Role.IQA: 10,
    Role.EMPLOYER: 40,
    Role.OBSERVER: 45,
}

# The field names that a holder may have, likeliest first. OneFile publishes none of them; its exports have IVID.
_HOLDER_KEYS: Mapping[SlotKind, tuple[str, ...]] = {
    SlotKind.DEFAULT_ASSESSOR: ("defaultassessorid",),
    SlotKind.DEFAULT_EMPLOYER: ("defaultemployerid",),
    SlotKind.LEARNING_AIM_ASSESSOR: ("assessorid",),
    SlotKind.LEARNING_AIM_IQA: ("ivid", "iqaid", "ivuserid", "internalverifierid"),
    SlotKind.UNIT_ASSESSOR: ("assessorid",),
    SlotKind.UNIT_IQA: ("ivid", "iqaid", "ivuserid", "internalverifierid"),
}


# ------------------------------------------------------------------ requests


def write_request(operation: Operation) -> Write:
    """Return the one call that carries out an operation.

    In Assign the path names the member of staff and the body the learner: every client seen in use does so,
    and no body field names the staff. (OneFile's documentation of 2026 states the opposite, so the first write of a
    run is read back before the rest.)
    """
    match operation:
        case SetDefaults(learner=learner, assessor=assessor, employer=employer):
            fields = {"DefaultAssessorID": assessor, "DefaultEmployerID": employer}
            return Write(
                "POST", f"/User/{learner}", {key: move.after for key, move in fields.items() if move is not None}
            )
        case AssignLearningAim(learner=learner, standard=standard, move=move):
            return _assign(move, {"LearnerID": learner, "Level": 3, "StandardID": standard})
        case AssignUnit(learner=learner, unit=unit, move=move):
            return _assign(move, {"LearnerID": learner, "Level": 2, "UnitID": unit})
        case AssignAdditional(learner=learner, move=move):
            return _assign(move, {"LearnerID": learner, "Level": 1})
        case _:
            assert_never(operation)


def _assign(move: Move, body: Mapping[str, object]) -> Write:
    return Write("POST", f"/User/{move.after}/Assign", body)


def get_user(user: UserId) -> Request:
    return Request("GET", f"/User/{user}")


def search_users(organisation: OrganisationId, role: int, page: int, size: int) -> Request:
    return Request("POST", f"/User/Search/{page}/{size}", {"OrganisationID": organisation, "Role": role})


def search_users_unpaged(organisation: OrganisationId, role: int) -> Request:
    """Search without pages: all in one answer, as clients in use read a whole centre."""
    return Request("POST", "/User/Search", {"OrganisationID": organisation, "Role": role})


def search_placement_learners(organisation: OrganisationId, placement: int, page: int, size: int) -> Request:
    body = {"OrganisationID": organisation, "Role": LEARNER_ROLE, "PlacementID": placement}
    return Request("POST", f"/User/Search/{page}/{size}", body)


def search_modified(organisation: OrganisationId, since: datetime, page: int, size: int) -> Request:
    """Search learners whose record was modified since."""
    body = {"OrganisationID": organisation, "Role": LEARNER_ROLE, "LastModified": f"{since:%Y-%m-%dT%H:%M:%S}.000Z"}
    return Request("POST", f"/User/Search/{page}/{size}", body)


def search_misid(organisation: OrganisationId, misid: str, page: int, size: int) -> Request:
    body = {"OrganisationID": organisation, "Role": LEARNER_ROLE, "MISID": misid}
    return Request("POST", f"/User/Search/{page}/{size}", body)


def search_learning_aims(learner: UserId, page: int, size: int) -> Request:
    return Request("POST", f"/LearningAim/Search/{page}/{size}", {"UserID": learner})


def search_unit_summaries(learner: UserId, page: int, size: int) -> Request:
    return Request("POST", f"/UnitSummary/Search/{page}/{size}", {"UserID": learner})


def search_all_learning_aims(page: int, size: int) -> Request:
    """Search without a UserID: a client in use sends this, but the answer was never seen."""
    return Request("POST", f"/LearningAim/Search/{page}/{size}", {})


def search_all_unit_summaries(page: int, size: int) -> Request:
    return Request("POST", f"/UnitSummary/Search/{page}/{size}", {})


def search_classrooms(organisation: OrganisationId) -> Request:
    """Search without pages; no client is known to request pages of these."""
    return Request("POST", "/Classroom/Search", {"OrganisationID": organisation})


def search_placements(organisation: OrganisationId) -> Request:
    return Request("POST", "/Placement/Search", {"OrganisationID": organisation})


def search_standards(organisation: OrganisationId) -> Request:
    return Request("POST", "/Standard/Search", {"OrganisationID": organisation})


def search_units(organisation: OrganisationId) -> Request:
    return Request("POST", "/Unit/Search", {"OrganisationID": organisation})


def get_customer() -> Request:
    return Request("GET", "/Customer")


def search_organisations(customer: int | None) -> Request:
    """Search the centres of a customer; of the token's own if its number is not known."""
    return Request("POST", "/Organisation/Search", {} if customer is None else {"CustomerID": customer})


# ------------------------------------------------------------------ answers


class UserRow(RedactedRepr, Struct, frozen=True):
    """The fields of a user that OneFile sent. `holders` has both defaults, UNREADABLE if the field was not sent.

    `placement` is None if it was not sent or is unset; `role` is OneFile's number or None. `name` and `email` are
    hidden in the row's repr.
    """

    hidden = ("name", "email")

    id: UserId
    misid: str
    role: int | None
    placement: int | None
    archived: bool
    holders: Mapping[SlotKind, Holder]
    classroom: int | Unread | None = Unread.UNREADABLE
    name: str = ""
    email: str = ""
    modified: datetime | None = None


class WorkRow(Struct, frozen=True):
    """A learning aim (key: StandardId) or a unit summary (key: UnitId). `learner` is None if it was not sent."""

    id: int
    learner: UserId | None
    key: int | str
    holders: Mapping[SlotKind, Holder]


_Fields = Mapping[str, object]


def parse_user(answer: object, request: Request) -> UserRow:
    if not isinstance(answer, Mapping):
        raise _unexpected(request, "one user as a JSON object", answer)
    return _user(_fields(answer), request)


def parse_users(answer: object, request: Request) -> list[UserRow]:
    return [_user(fields, request) for fields in _rows(answer, request)]


def parse_learning_aims(answer: object, request: Request) -> list[WorkRow]:
    return [
        WorkRow(
            _need(fields, "id", request),
            _learner(fields, request),
            StandardId(_need(fields, "standardid", request)),
            _holders(fields, LEARNING_AIM_KINDS, request),
        )
        for fields in _rows(answer, request)
    ]


def parse_unit_summaries(answer: object, request: Request) -> list[WorkRow]:
    return [
        WorkRow(
            _need(fields, "id", request),
            _learner(fields, request),
            _unit_id(fields, "unitid", request),
            _holders(fields, UNIT_KINDS, request),
        )
        for fields in _rows(answer, request)
    ]


def parse_customer(answer: object, request: Request) -> int:
    if not isinstance(answer, Mapping):
        raise _unexpected(request, "one customer as a JSON object", answer)
    return _need(_fields(answer), "id", request)


def parse_organisations(answer: object, request: Request) -> frozenset[OrganisationId]:
    return frozenset(OrganisationId(_need(fields, "id", request)) for fields in _rows(answer, request))


def parse_places(answer: object, request: Request) -> dict[int, str]:
    """Return the names of classrooms or placements by id."""
    return {_need(fields, "id", request): _text(fields, "name") for fields in _rows(answer, request)}


def parse_standard_titles(answer: object, request: Request) -> dict[int | str, str]:
    """Return the titles of standards by StandardID."""
    return {_need(fields, "id", request): _text(fields, "title") for fields in _rows(answer, request)}


def parse_unit_titles(answer: object, request: Request) -> dict[int | str, str]:
    """Return the titles of units by UnitID."""
    return {_unit_id(fields, "id", request): _text(fields, "title") for fields in _rows(answer, request)}


def holder_names(answer: object, kinds: Iterable[SlotKind]) -> dict[SlotKind, str]:
    """Return this server's spelling of the first field that shows each kind of slot in an answer."""
    rows = answer if isinstance(answer, list) else [answer]
    sent = {str(key).lower(): str(key) for row in rows if isinstance(row, Mapping) for key in row}
    names = {kind: next((sent[key] for key in _HOLDER_KEYS[kind] if key in sent), "") for kind in kinds}
    return {kind: name for kind, name in names.items() if name}


def _user(fields: _Fields, request: Request) -> UserRow:
    misid = fields.get("misid")
    return UserRow(
        id=UserId(_need(fields, "id", request)),
        misid=str(misid) if isinstance(misid, (str, int)) else "",
        role=_number(fields, "role", request),
        placement=_number(fields, "placementid", request) or None,
        archived=_archived(fields),
        holders=_holders(fields, DEFAULT_KINDS, request),
        classroom=(_number(fields, "classroomid", request) or None) if "classroomid" in fields else Unread.UNREADABLE,
        name=" ".join(part for key in ("firstname", "lastname") if (part := _text(fields, key))),
        email=_text(fields, "email"),
        modified=_moment(fields, "lastmodified"),
    )


def _moment(fields: _Fields, key: str) -> datetime | None:
    """Return a time in UTC; None if there is none, or it cannot be understood."""
    text = _text(fields, key)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _text(fields: _Fields, key: str) -> str:
    value = fields.get(key)
    return " ".join(value.split()) if isinstance(value, str) else ""


def _archived(fields: _Fields) -> bool:
    """Return True for any mark of an archived user; OneFile publishes none, its exports have DateArchived."""
    marks = (fields.get(key) for key in ("archived", "isarchived", "datearchived", "archivedon"))
    return any(mark not in (None, False, 0, "", "false", "False") for mark in marks) or fields.get("active") is False


def _holders(fields: _Fields, kinds: frozenset[SlotKind], request: Request) -> dict[SlotKind, Holder]:
    return {kind: _holder(fields, _HOLDER_KEYS[kind], request) for kind in SlotKind if kind in kinds}


def _holder(fields: _Fields, keys: tuple[str, ...], request: Request) -> Holder:
    """Return the holder under any spelling that was sent; null and 0 are nobody.

    No spelling at all is UNREADABLE, never nobody. Two spellings that name two people are an error.
    """
    sent = [_number(fields, key, request) for key in keys if key in fields]
    named = {number for number in sent if number}
    if len(named) > 1:
        raise _unexpected(request, f"one holder under {' or '.join(keys)}", list(named))
    if named:
        return UserId(named.pop())
    return None if sent else Unread.UNREADABLE


def _learner(fields: _Fields, request: Request) -> UserId | None:
    number = _number(fields, "userid", request)
    return UserId(number) if number else None


def _unit_id(fields: _Fields, key: str, request: Request) -> UnitId:
    unit = fields.get(key)
    if isinstance(unit, str) and unit:
        return UnitId(unit)
    if isinstance(unit, int) and not isinstance(unit, bool):
        return UnitId(str(unit))
    raise _unexpected(request, f"a unit's id in field {key!r}", unit)


def _rows(answer: object, request: Request) -> Iterator[_Fields]:
    """Yield the rows of a search: no body at all (204) is an empty list, anything but a list is an error."""
    if answer is None:
        return
    if not isinstance(answer, list):
        raise _unexpected(request, "a list", answer)
    for row in answer:
        if not isinstance(row, Mapping):
            raise _unexpected(request, "a list of JSON objects", row)
        yield _fields(row)


def _fields(row: Mapping[object, object]) -> _Fields:
    """Return the fields by lower-case key: key case is not significant in OneFile."""
    return {str(key).lower(): value for key, value in row.items()}


def _need(fields: _Fields, key: str, request: Request) -> int:
    number = _number(fields, key, request)
    if number is None or number <= 0:
        raise _unexpected(request, f"a number in field {key!r}", fields.get(key))
    return number


def _number(fields: _Fields, key: str, request: Request) -> int | None:
    value = fields.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        raise _unexpected(request, f"a number in field {key!r}", value)
    number: int | None = None
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        number = int(value)
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < LONGEST_NUMBER:
        number = int(value)
    if number is None or number < 0:  # no id of OneFile's is negative
        raise _unexpected(request, f"a number in field {key!r}", value)
    return number


def _unexpected(request: Request, expected: str, value: object) -> BadAnswer:
    """Make an error that names the kind of value received, never its content: answers hold personal data."""
    kind = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "nothing"}
    return BadAnswer(
        Problem(
            f"expected OneFile to send {expected}, but it sent {kind.get(type(value), 'a number')}",
            "Check that the address is OneFile's API v2.1. If it is, its answers have changed and this program needs "
            "an update. This read changed nothing.",
            where=str(request),
        )
    )
