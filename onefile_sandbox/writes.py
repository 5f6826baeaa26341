"""Writes of the API: validate a write and return its effects on the world."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast

from msgspec import Struct

from onefile_sandbox.reads import find_user
from onefile_sandbox.records import (
    ASSESSOR,
    DEFAULTS,
    EMPLOYER,
    IQA,
    LEARNER,
    OBSERVER,
    STAFF_ROLES,
    STANDARDS,
    TRAINEE,
    UNITS,
    Aim,
    UnitSummary,
    User,
    instant,
)
from onefile_sandbox.request_body import Fields, Kind, Refused
from onefile_sandbox.switches import Switches
from onefile_sandbox.world import Effect, Table, World

ASSIGN_FIELDS: Mapping[str, Kind] = {
    "LearnerID": "id",
    "Level": "id",
    "StandardID": "id",
    "UnitID": "text",
    "OrganisationID": "id",  # a real client always sends it; it changes nothing
}

USER_FIELDS: Mapping[str, Kind] = {
    **dict.fromkeys(("FirstName", "LastName", "Email", "Username", "MISID", "EpisodeName"), "text"),
    **dict.fromkeys(("HomeAddress", "Telephone", "MobileNumber", "NINO", "ULN"), "text"),
    **dict.fromkeys(("DOB", "StartOn", "PlannedEndDate"), "time"),
    **dict.fromkeys(("L12", "L13"), "code"),
    **dict.fromkeys(("ClassroomID", "PlacementID", *DEFAULTS), "id"),
}

NEW_USER_FIELDS: Mapping[str, Kind] = {**USER_FIELDS, "OrganisationID": "id", "Role": "id"}

_NEEDED = ("OrganisationID", "FirstName", "LastName", "Email", "Role")
_NEEDED_BY_ROLE = {
    LEARNER: ("DefaultAssessorID", "ClassroomID", "PlacementID"),
    EMPLOYER: ("PlacementID",),
    OBSERVER: ("PlacementID",),
}
_LEVEL_KEYS = {1: None, 2: "UnitID", 3: "StandardID"}
_ROLE_NAMES = {LEARNER: "a learner", TRAINEE: "a trainee assessor", ASSESSOR: "an assessor", IQA: "an IQA"}
_ROLE_NAMES |= {EMPLOYER: "an employer", 45: "an observer"}


class Write(Struct, frozen=True):
    """One write: *ids* and *text* are in the path, *at* is the time of day."""

    world: World
    switches: Switches
    ids: tuple[int, ...]
    fields: Fields
    at: datetime
    text: str = ""

    @property
    def id(self) -> int:
        """The first id in the path."""
        return self.ids[0]


# ------------------------------------------------------------------ POST /User/{id}/Assign


def assign(write: Write) -> list[Effect]:
    switches = write.switches
    level = _level(write.fields, switches)
    learner_id, in_path = _number(write.fields, "LearnerID"), find_user(write.world, write.id, switches)
    if switches.assign_path == "learner_silent" and in_path["Role"] != LEARNER:
        return []
    in_body = find_user(write.world, learner_id, switches)
    staff, learner = (in_path, in_body) if switches.assign_path == "staff" else (in_body, in_path)
    _check_pair(staff, learner, switches)
    slot = _slot_for(staff, level, switches)
    if level == 1:
        return _add(write, staff, learner)
    if level == 2 and switches.unit_level != "on":
        if switches.unit_level == "off_silent":
            return []
        raise Refused(400, "This centre does not assign people at unit level")
    return _put(write, staff, learner, _targets(write, learner, level), "aim" if level == 3 else "unit", slot)


def _level(fields: Fields, switches: Switches) -> int:
    """Return the level; refuse a body without exactly the keys of that level, unless other keys are ignored."""
    level = _number(fields, "Level")
    if level not in _LEVEL_KEYS:
        raise Refused(400, "Level must be 1, 2 or 3")
    for key_level, key in _LEVEL_KEYS.items():
        if key and key_level != level and key in fields and switches.unknown_keys == "refused":
            raise Refused(400, f"{key} is not known at level {level}")
        if key and key_level == level and key not in fields:
            raise Refused(400, f"{key} is missing")
    return level


def _number(fields: Fields, name: str) -> int:
    if name not in fields:
        raise Refused(400, f"{name} is missing")
    return int(fields[name])


def _check_pair(staff: User, learner: User, switches: Switches) -> None:
    if staff["Role"] == LEARNER:
        raise Refused(400, f"User {staff['ID']} is a learner and cannot be assigned")
    if learner["Role"] != LEARNER:
        raise Refused(400, f"User {learner['ID']} is not a learner")
    _check_organisation(staff, learner, switches)
    _check_active(learner, switches)
    _check_active(staff, switches)


def _check_organisation(user: User, learner: User, switches: Switches) -> None:
    if user["OrganisationID"] != learner["OrganisationID"]:
        raise Refused(switches.foreign_organisation_status, f"User {user['ID']} is not of the learner's organisation")


def _check_active(user: User, switches: Switches) -> None:
    if user["DateArchived"] is not None and switches.archived_assign == "refused":
        raise Refused(400, f"User {user['ID']} is archived")


def _slot_for(staff: User, level: int, switches: Switches) -> str:
    """Return the slot for the role of *staff* at levels 2 and 3; level 1 accepts any member of staff."""
    role = staff["Role"]
    if role == TRAINEE and switches.trainee == "refused":
        raise Refused(400, f"User {staff['ID']} is a trainee assessor and cannot be assigned")
    if role in (ASSESSOR, TRAINEE):
        return "AssessorID"
    if role == IQA:
        return "IVID"
    if level == 1:
        return ""
    raise Refused(400, f"User {staff['ID']} is {_ROLE_NAMES[role]} and cannot be assigned at level {level}")


def _targets(write: Write, learner: User, level: int) -> Sequence[Aim | UnitSummary]:
    """Return the learner's aims of the standard, or unit summaries of the unit, that the switches select."""
    held: Sequence[Aim | UnitSummary]
    if level == 3:
        what = f"standard {write.fields['StandardID']}"
        held = [
            aim for aim in write.world.aims_of.get(learner["ID"], []) if aim["StandardID"] == write.fields["StandardID"]
        ]
    else:
        what = f"unit {write.fields['UnitID']}"
        held = [
            unit for unit in write.world.units_of.get(learner["ID"], []) if unit["UnitID"] == write.fields["UnitID"]
        ]
    if not held:
        raise Refused(write.switches.not_held_status, f"Learner {learner['ID']} does not hold {what}")
    if len(held) > 1 and write.switches.ambiguous == "refused":
        raise Refused(400, f"Learner {learner['ID']} holds {what} more than once")
    return held if write.switches.ambiguous == "all" else held[:1]


def _put(
    write: Write, staff: User, learner: User, targets: Sequence[Aim | UnitSummary], table: Table, slot: str
) -> list[Effect]:
    moved = [
        Effect(table, target["ID"], slot, staff["ID"])
        for target in targets
        if (target["AssessorID"] if slot == "AssessorID" else target["IVID"]) != staff["ID"]
    ]
    if not moved:
        _check_repeat(staff, write.switches)
        return []
    return moved + _assignment_bump(write, learner)


def _add(write: Write, staff: User, learner: User) -> list[Effect]:
    if staff["ID"] in write.world.additional.get(learner["ID"], []):
        _check_repeat(staff, write.switches)
        if write.switches.repeat_assign == "no_op":
            return []
    return [Effect("additional", learner["ID"], "add", staff["ID"]), *_assignment_bump(write, learner)]


def _check_repeat(staff: User, switches: Switches) -> None:
    if switches.repeat_assign == "refused":
        raise Refused(400, f"User {staff['ID']} is already assigned")


def _assignment_bump(write: Write, learner: User) -> list[Effect]:
    return [_bump(learner, write.at)] if write.switches.last_modified != "kept" else []


def _bump(user: User, at: datetime) -> Effect:
    return Effect("user", user["ID"], "LastModified", instant(at))


# ------------------------------------------------------------------ POST /User/{id}, Archive, Unarchive


def update_user(write: Write) -> list[Effect]:
    """Change the fields in the body; others stay. No null and no 0: no way to empty a field is known."""
    user = find_user(write.world, write.id, write.switches)
    if not write.fields:
        raise Refused(400, "The body names nothing to change")
    _check_active(user, write.switches)
    _check_places(write, user)
    for name, roles in DEFAULTS.items():
        if name in write.fields:
            _check_default(write, user, name, roles)
    before: Mapping[str, object] = user
    changed = {name: value for name, value in write.fields.items() if before[name] != value}
    if not changed:
        return []
    effects = [Effect("user", user["ID"], name, value) for name, value in changed.items()]
    if "DefaultAssessorID" in changed and write.switches.default_cascade == "cascades":
        effects += _cascade(write, user)
    # Row 25 asks about assignments; a change to anything else about a user does move LastModified.
    plain = changed.keys() - DEFAULTS.keys()
    return effects + ([_bump(user, write.at)] if plain else _assignment_bump(write, user))


def _check_places(write: Write, user: User) -> None:
    centre = write.world.centre
    for name, places in (("ClassroomID", centre.classrooms), ("PlacementID", centre.placements)):
        if name not in write.fields:
            continue
        place = next((place for place in places if place["ID"] == write.fields[name]), None)
        if place is None:
            raise Refused(write.switches.unknown_id_status, f"There is no {name} {write.fields[name]}")
        if place["OrganisationID"] != user["OrganisationID"]:
            raise Refused(
                write.switches.foreign_organisation_status, f"{name} {place['ID']} is of another organisation"
            )


def _check_default(write: Write, learner: User, name: str, roles: tuple[int, ...]) -> None:
    if learner["Role"] != LEARNER:
        raise Refused(400, f"User {learner['ID']} is not a learner and has no {name}")
    staff = find_user(write.world, _number(write.fields, name), write.switches)
    _check_organisation(staff, learner, write.switches)
    _check_active(staff, write.switches)
    if staff["Role"] not in roles or (staff["Role"] == TRAINEE and write.switches.trainee == "refused"):
        raise Refused(400, f"User {staff['ID']} is {_ROLE_NAMES[staff['Role']]} and cannot be {name}")
    placement = write.fields.get("PlacementID", learner["PlacementID"])
    differs = staff["Role"] == EMPLOYER and staff["PlacementID"] != placement
    if differs and write.switches.employer_placement == "refused":
        raise Refused(400, f"Employer {staff['ID']} is not of the learner's placement")


def _cascade(write: Write, learner: User) -> list[Effect]:
    """Move the aim and unit slots of the old default to the new one."""
    old, new = learner["DefaultAssessorID"], write.fields["DefaultAssessorID"]
    if old is None:
        return []
    aims = [aim for aim in write.world.aims_of.get(learner["ID"], []) if aim["AssessorID"] == old]
    units = [unit for unit in write.world.units_of.get(learner["ID"], []) if unit["AssessorID"] == old]
    return [
        *(Effect("aim", aim["ID"], "AssessorID", new) for aim in aims),
        *(Effect("unit", unit["ID"], "AssessorID", new) for unit in units),
    ]


def assign_placement(write: Write) -> list[Effect]:
    """Move a user to a placement, whether or not access is granted with it."""
    moved = Write(write.world, write.switches, write.ids[:1], {"PlacementID": write.ids[1]}, write.at)
    return update_user(moved)


# ------------------------------------------------------------------ new records


def create_user(write: Write) -> list[Effect]:
    fields, switches = write.fields, write.switches
    for name in _NEEDED:
        if name not in fields:
            raise Refused(400, f"{name} is missing")
    role = int(fields["Role"])
    if role not in (LEARNER, *STAFF_ROLES):
        raise Refused(400, f"Role {role} cannot be created")
    for name in _NEEDED_BY_ROLE.get(role, ()):
        if name not in fields:
            raise Refused(400, f"{name} is missing")
    if all(organisation["ID"] != fields["OrganisationID"] for organisation in write.world.centre.organisations):
        raise Refused(switches.unknown_id_status, f"There is no organisation {fields['OrganisationID']}")
    id_ = max(write.world.users) + 1
    user = cast("User", {**dict.fromkeys(User.__annotations__), **fields, "ID": id_, "LastModified": instant(write.at)})
    user["Username"] = str(fields.get("Username", f"{fields['FirstName']}.{fields['LastName']}.{id_}".lower()))
    _check_places(write, user)
    for name, roles in DEFAULTS.items():
        if name in fields:
            _check_default(write, user, name, roles)
    return [Effect("user", id_, "create", json.dumps(user))]


def assign_standard(write: Write) -> list[Effect]:
    """Give a learner a new learning aim of the standard."""
    standard, learner = write.ids[0], _learner_for(write, write.ids[1])
    if all(known["ID"] != standard for known in STANDARDS):
        raise Refused(write.switches.unknown_id_status, f"There is no standard {standard}")
    id_ = max(write.world.aims) + 1
    aim: Aim = {
        "ID": id_,
        "StandardID": standard,
        "UserID": learner["ID"],
        "Status": 0,
        "Progress": 0,
        "AchievedDate": None,
        "AssessorID": None,
        "IVID": None,
    }
    return [Effect("aim", id_, "create", json.dumps(aim))]


def assign_unit(write: Write) -> list[Effect]:
    """Give a learner a new unit summary under an aim of the standard; a second time it is refused."""
    learner, standard = _learner_for(write, write.ids[0]), write.ids[1]
    if all(unit["ID"] != write.text for unit in UNITS.get(standard, ())):
        raise Refused(write.switches.unknown_id_status, f"There is no unit {write.text} in standard {standard}")
    aim = next((aim for aim in write.world.aims_of.get(learner["ID"], []) if aim["StandardID"] == standard), None)
    if aim is None:
        raise Refused(write.switches.not_held_status, f"Learner {learner['ID']} does not hold standard {standard}")
    held = write.world.units_of.get(learner["ID"], [])
    if any(unit["UnitID"] == write.text and unit["LearningAimID"] == aim["ID"] for unit in held):
        raise Refused(400, f"Learner {learner['ID']} holds unit {write.text} already")
    id_ = max(write.world.units) + 1
    unit: UnitSummary = {
        "ID": id_,
        "UserID": learner["ID"],
        "UnitID": write.text,
        "LearningAimID": aim["ID"],
        "AssessorID": None,
        "IVID": None,
    }
    return [Effect("unit", id_, "create", json.dumps(unit))]


def _learner_for(write: Write, id_: int) -> User:
    learner = find_user(write.world, id_, write.switches)
    if learner["Role"] != LEARNER:
        raise Refused(400, f"User {id_} is not a learner")
    _check_active(learner, write.switches)
    return learner


def archive(write: Write) -> list[Effect]:
    user = find_user(write.world, write.id, write.switches)
    if user["DateArchived"] is not None:
        return []
    return [Effect("user", user["ID"], "DateArchived", instant(write.at)), _bump(user, write.at)]


def unarchive(write: Write) -> list[Effect]:
    user = find_user(write.world, write.id, write.switches)
    if user["DateArchived"] is None:
        return []
    return [Effect("user", user["ID"], "DateArchived", None), _bump(user, write.at)]
