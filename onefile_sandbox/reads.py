"""Reads of the API: the records that its GETs and searches match, and the fields that they show."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from onefile_sandbox.records import (
    CUSTOMER_ID,
    DEFAULTS,
    LEARNER_STATUSES,
    LEARNING_AIM_STATUSES,
    STANDARDS,
    UNITS,
    User,
)
from onefile_sandbox.request_body import Fields, Kind, Refused
from onefile_sandbox.switches import Switches
from onefile_sandbox.world import World

Record = Mapping[str, object]
Row = dict[str, object]


class Query(Struct, frozen=True):
    """One read with a valid session; *ids* and *text* come from the path and *fields* from the body."""

    world: World
    switches: Switches
    ids: tuple[int, ...]
    fields: Fields
    paged: bool = False
    text: str = ""


class Rows(Struct, frozen=True):
    """The records that a search matches, in the order of their ids, and the function that shows one."""

    records: Sequence[Record]
    show: Callable[[Record], Row] = dict


# ------------------------------------------------------------------ showing

_ROW_KEYS = ("ID", "FirstName", "LastName", "MISID")
_RICH_ROW_KEYS = (*_ROW_KEYS, "Role", "Email", "DefaultAssessorID", "ClassroomID", "PlacementID")
_USER_KEYS = (
    *("ID", "Username", "FirstName", "LastName", "Email", "DOB", "HomeAddress", "Telephone", "MobileNumber", "NINO"),
    *("ULN", "L12", "L13", "ClassroomID", "PlacementID", "EpisodeName", "StartOn", "PlannedEndDate", "Progress"),
    "LastModified",
)
_SLOTS = ("AssessorID", "IVID")


def _show(record: Record, keys: Iterable[str], switches: Switches) -> Row:
    """Return the record's *keys*, with empty values as the switch defines."""
    row: Row = {}
    for key in keys:
        value = record[key]
        if value is None and switches.empty_value == "omit":
            continue
        row[key] = 0 if value is None and switches.empty_value == "zero" and _is_id(key) else value
    return row


def _is_id(key: str) -> bool:
    return key.endswith("ID") and key != "MISID"


def _show_slots(record: Record, keys: Iterable[str], switches: Switches) -> Row:
    """Show an aim or unit summary with its assessor and IQA, under the names that the switches choose."""
    row = _show(record, keys, switches)
    if switches.aim_staff_keys == "present":
        slots = _show(record, _SLOTS, switches)
        if "IVID" in slots:
            iqa = slots.pop("IVID")
            if switches.iqa_key != "omit":
                slots[switches.iqa_key] = iqa
        row.update(slots)
    return row


# ------------------------------------------------------------------ searching


def _matches(value: object, filter_text: str, switches: Switches) -> bool:
    text, expected = value.casefold() if isinstance(value, str) else "", filter_text.casefold()
    return text.startswith(expected) if switches.name_filter == "prefix" else text == expected


def _moment(text: object) -> datetime:
    moment = datetime.fromisoformat(str(text))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _filtered(records: Iterable[Record], query: Query, *names: str) -> list[Record]:
    """Return the records that match every filter; plain loops, because a large centre is searched once per page."""
    matches = list(records)
    for name in names:
        value = query.fields.get(name)
        if isinstance(value, str):
            matches = [record for record in matches if _matches(record[name], value, query.switches)]
        elif value is not None:
            matches = [record for record in matches if record[name] == value]
    return matches


def _check_organisation(query: Query) -> None:
    id_ = query.fields.get("OrganisationID")
    if id_ is not None and all(organisation["ID"] != id_ for organisation in query.world.centre.organisations):
        raise Refused(query.switches.unknown_id_status, f"There is no organisation {id_}")


def find_user(world: World, id_: int, switches: Switches) -> User:
    user = world.users.get(id_)
    if user is None:
        raise Refused(switches.unknown_id_status, f"There is no user {id_}")
    return user


def customer(_: Query) -> Row:
    return {"ID": CUSTOMER_ID, "Name": "Northmere Group (invented)"}


def search_organisations(query: Query) -> Rows:
    is_own = query.fields.get("CustomerID", CUSTOMER_ID) == CUSTOMER_ID
    return Rows(query.world.centre.organisations if is_own else [])


def get_organisation(query: Query) -> Row:
    for organisation in query.world.centre.organisations:
        if organisation["ID"] == query.ids[0]:
            return dict(organisation)
    raise Refused(query.switches.unknown_id_status, f"There is no organisation {query.ids[0]}")


def learner_statuses(query: Query) -> Rows:
    get_organisation(query)
    return Rows([{"ID": id_, "Name": name} for id_, name in LEARNER_STATUSES])


def learning_aim_statuses(query: Query) -> Rows:
    get_organisation(query)
    return Rows([{"ID": id_, "Name": name} for id_, name in LEARNING_AIM_STATUSES])


def assigned_standards(query: Query) -> Rows:
    get_organisation(query)
    return Rows(STANDARDS)


def search_users(query: Query) -> Rows:
    _check_organisation(query)
    switches = query.switches
    names = ("OrganisationID", "Role", "PlacementID", "FirstName", "LastName", "Email", "MISID")
    users = _filtered(query.world.centre.users, query, *names)
    if switches.archived_in_search == "omitted":
        users = [user for user in users if user["DateArchived"] is None]
    if "LastModified" in query.fields:
        since = _moment(query.fields["LastModified"])
        users = [user for user in users if _moment(user["LastModified"]) >= since]
    keys = _RICH_ROW_KEYS if query.paged and switches.paged_user_fields == "rich" else _ROW_KEYS
    return Rows(users, lambda user: _show(user, keys, switches))


def get_user(query: Query) -> Row:
    user = find_user(query.world, query.ids[0], query.switches)
    keys = (*_USER_KEYS, *(DEFAULTS if query.switches.defaults_on_get == "present" else ()))
    row = _show(user, keys, query.switches)
    if user["DateArchived"] is not None and query.switches.archived_marker == "present":
        row["DateArchived"] = user["DateArchived"]
    return row


def search_classrooms(query: Query) -> Rows:
    _check_organisation(query)
    rooms = _filtered(query.world.centre.classrooms, query, "OrganisationID", "Name")
    return Rows(rooms, lambda room: _show(room, ("ID", "Name", "MISID"), query.switches))


def get_classroom(query: Query) -> Row:
    for room in query.world.centre.classrooms:
        if room["ID"] == query.ids[0]:
            return _show(room, ("ID", "Name", "MISID"), query.switches)
    raise Refused(query.switches.unknown_id_status, f"There is no classroom {query.ids[0]}")


def search_placements(query: Query) -> Rows:
    _check_organisation(query)
    placements = _filtered(query.world.centre.placements, query, "OrganisationID", "Name")
    return Rows(placements, lambda place: _show(place, ("ID", "Name"), query.switches))


def get_placement(query: Query) -> Row:
    for place in query.world.centre.placements:
        if place["ID"] == query.ids[0]:
            return _show(place, ("ID", "Name", "Active", "Address"), query.switches)
    raise Refused(query.switches.unknown_id_status, f"There is no placement {query.ids[0]}")


def search_standards(query: Query) -> Rows:
    _check_organisation(query)
    return Rows(_filtered(STANDARDS, query, "Title"))


def get_standard(query: Query) -> Row:
    for standard in STANDARDS:
        if standard["ID"] == query.ids[0]:
            return dict(standard)
    raise Refused(query.switches.unknown_id_status, f"There is no standard {query.ids[0]}")


def search_units(query: Query) -> Rows:
    _check_organisation(query)
    standard = query.fields.get("StandardID")
    units = {unit["ID"]: unit for id_, own in UNITS.items() if standard in (None, id_) for unit in own}
    matches = _filtered(units.values(), query, "Title")
    return Rows(matches, lambda unit: _show(unit, ("ID", "Title", "NDAQCode", "Display"), query.switches))


def get_unit(query: Query) -> Row:
    """Show a unit of the catalogue; its id is text and compared exactly."""
    for unit in (unit for units in UNITS.values() for unit in units):
        if unit["ID"] == query.text:
            return _show(unit, ("ID", "Title", "NDAQCode", "Display"), query.switches)
    raise Refused(query.switches.unknown_id_status, f"There is no unit {query.text}")


def search_aims(query: Query) -> Rows:
    """Search by learner through the index; without UserID every aim of the customer, if the switch allows it."""
    learner = query.fields.get("UserID")
    if learner is None and query.switches.aim_search_without_user == "refused":
        raise Refused(400, "UserID is missing")
    aims: Iterable[Record]
    aims = query.world.centre.aims if learner is None else query.world.aims_of.get(int(learner), [])
    if "LearningAimCompletionStatus" in query.fields:
        aims = [aim for aim in aims if aim["Status"] == query.fields["LearningAimCompletionStatus"]]
    if "DateFrom" in query.fields:
        start = _moment(query.fields["DateFrom"])
        aims = [aim for aim in aims if aim["AchievedDate"] and _moment(aim["AchievedDate"]) >= start]
    if "DateTo" in query.fields:
        end = _moment(query.fields["DateTo"])
        aims = [aim for aim in aims if aim["AchievedDate"] and _moment(aim["AchievedDate"]) <= end]
    return Rows(list(aims), lambda aim: _show_slots(aim, ("ID", "StandardID", "UserID", "Status"), query.switches))


def get_aim(query: Query) -> Row:
    aim = query.world.aims.get(query.ids[0])
    if aim is None:
        raise Refused(query.switches.unknown_id_status, f"There is no learning aim {query.ids[0]}")
    return _show_slots(aim, ("ID", "Progress"), query.switches)


def search_unit_summaries(query: Query) -> Rows:
    """Search unit summaries. Nothing public shows their fields; these names follow the learning aim's."""
    learner = query.fields.get("UserID")
    if learner is None and query.switches.unit_search_without_user == "refused":
        raise Refused(400, "UserID is missing")
    units: Sequence[Record]
    units = query.world.centre.unit_summaries if learner is None else query.world.units_of.get(int(learner), [])
    return Rows(units, lambda unit: _show_slots(unit, ("ID", "UserID", "UnitID", "LearningAimID"), query.switches))


def user_unit_summaries(query: Query) -> Rows:
    user = find_user(query.world, query.ids[0], query.switches)
    units = query.world.units_of.get(user["ID"], [])
    return Rows(units, lambda unit: _show_slots(unit, ("ID", "UserID", "UnitID", "LearningAimID"), query.switches))


def search_nothing(query: Query) -> Rows:
    """Return no rows: OneFile has reviews and plans, but this centre has none, because nothing here depends on them."""
    _check_organisation(query)
    return Rows([])


def get_nothing(query: Query) -> Row:
    """Refuse the id of a review or plan, because there are none."""
    raise Refused(query.switches.unknown_id_status, f"There is no record {query.ids[0]}")


def learner_timesheets(query: Query) -> Rows:
    find_user(query.world, query.ids[0], query.switches)
    return Rows([])


FILTERS: Mapping[str, Mapping[str, Kind]] = {
    "organisation": {"CustomerID": "id"},
    "user": {
        "OrganisationID": "id",
        "Role": "id",
        "FirstName": "text",
        "LastName": "text",
        "Email": "text",
        "MISID": "text",
        "PlacementID": "id",
        "LastModified": "time",
    },
    "classroom": {"OrganisationID": "id", "Name": "text"},
    "placement": {"OrganisationID": "id", "Name": "text"},
    "standard": {"OrganisationID": "id", "Title": "text"},
    "unit": {"StandardID": "id", "OrganisationID": "id", "Title": "text"},
    "aim": {"UserID": "id", "LearningAimCompletionStatus": "whole", "DateFrom": "time", "DateTo": "time"},
    "unit_summary": {"UserID": "id"},
    "review": {"OrganisationID": "id", "LearnerID": "id", "Status": "whole", "DateFrom": "time", "DateTo": "time"},
    "plan": {"OrganisationID": "id", "LearnerID": "id"},
    "provider": {"OrganisationID": "id", "Name": "text"},
}
"""Filters seen in documents and in real clients, by kind of record."""
