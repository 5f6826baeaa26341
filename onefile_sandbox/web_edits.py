"""Edits that people make in OneFile's web pages, which the API cannot make, such as emptying a slot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from onefile_sandbox.records import DEFAULTS, LEARNER, STAFF_ROLES, Aim, UnitSummary, instant
from onefile_sandbox.switches import Switches
from onefile_sandbox.world import Effect, Table, Value, World

USER_KEYS = frozenset({*DEFAULTS, "PlacementID", "ClassroomID"})
SLOT_KEYS = frozenset({"AssessorID", "IVID"})


def edit(world: World, request: object, at: datetime, switches: Switches | None = None) -> list[Effect]:
    """Return the effects of one edit; roles are not checked. Raises ValueError with the reason.

    With the switch `last_modified` as `bumped`, they include the LastModified of every learner whose slots change.

    {"user": 200004, "set": {"DefaultAssessorID": 122762}}                        null empties
    {"user": 200004, "standard": 41240, "set": {"AssessorID": 122762, "IVID": null}}
    {"user": 200004, "unit": "KS_COMM1", "set": {"IVID": 118204}}
    {"user": 200004, "additional": {"add": [127733], "remove": [122762]}}
    {"user": 200004, "archived": true}
    {"user": 132757, "archived": true, "heir": 122762}          the heir gets every slot of the user
    {"user": 200002, "misid_of": 200004}                        the two users swap their MISIDs
    {"user": 132757, "role": 10}
    """
    effects = _edited(world, request, at)
    if switches is None or switches.last_modified != "bumped":
        return effects
    learners = dict.fromkeys(_learner_of(world, effect) for effect in effects)
    return effects + [Effect("user", learner, "LastModified", instant(at)) for learner in learners]


def _learner_of(world: World, effect: Effect) -> int:
    if effect.table in ("user", "additional"):
        return effect.id
    rows = world.centre.aims if effect.table == "aim" else world.centre.unit_summaries
    return next(row["UserID"] for row in rows if row["ID"] == effect.id)


def _edited(world: World, request: object, at: datetime) -> list[Effect]:
    user = request.get("user") if isinstance(request, Mapping) else None
    if not isinstance(request, Mapping) or not isinstance(user, int) or user not in world.users:
        raise ValueError("an edit is an object whose user is the id of a user")
    parts = frozenset(request) - {"user"}
    if parts == {"set"}:
        return [Effect("user", user, name, value) for name, value in _values(world, request["set"], USER_KEYS)]
    if parts == {"standard", "set"}:
        aims = [aim["ID"] for aim in world.aims_of.get(user, []) if aim["StandardID"] == request["standard"]]
        return _slots(world, "aim", aims, request["set"])
    if parts == {"unit", "set"}:
        units = [unit["ID"] for unit in world.units_of.get(user, []) if unit["UnitID"] == request["unit"]]
        return _slots(world, "unit", units, request["set"])
    if parts == {"additional"}:
        return _additional(world, user, request["additional"])
    if parts == {"archived"}:
        return [Effect("user", user, "DateArchived", instant(at) if request["archived"] else None)]
    if parts == {"archived", "heir"}:
        return _archive_with_heir(world, user, _user_id(world, request["heir"], "heir"), at)
    if parts == {"misid_of"}:
        other = _user_id(world, request["misid_of"], "misid_of")
        first, second = world.users[user]["MISID"], world.users[other]["MISID"]
        return [Effect("user", user, "MISID", second), Effect("user", other, "MISID", first)]
    if parts == {"role"}:
        if request["role"] not in (LEARNER, *STAFF_ROLES):
            raise ValueError(f"role cannot be {request['role']!r}")
        return [Effect("user", user, "Role", request["role"])]
    raise ValueError(
        "an edit has a user and one of: set; standard and set; unit and set; additional; archived; archived and heir; "
        "misid_of; role"
    )


def _user_id(world: World, value: object, name: str) -> int:
    if not isinstance(value, int) or value not in world.users:
        raise ValueError(f"{name} cannot be {value!r}: it is the id of a user")
    return value


def _archive_with_heir(world: World, user: int, heir: int, at: datetime) -> list[Effect]:
    """Archive a member of staff and move all their slots to one heir, as OneFile's web pages do."""
    effects = [Effect("user", user, "DateArchived", instant(at))]
    for learner in world.centre.users:
        held = {"DefaultAssessorID": learner["DefaultAssessorID"], "DefaultEmployerID": learner["DefaultEmployerID"]}
        effects += [Effect("user", learner["ID"], name, heir) for name, holder in held.items() if holder == user]
    effects += _moved_slots("aim", world.centre.aims, user, heir)
    effects += _moved_slots("unit", world.centre.unit_summaries, user, heir)
    for learner_id, people in world.additional.items():
        if user in people:
            effects += [Effect("additional", learner_id, "remove", user), Effect("additional", learner_id, "add", heir)]
    return effects


def _slots(world: World, table: Table, targets: list[int], settings: object) -> list[Effect]:
    if not targets:
        raise ValueError("the user does not hold it")
    values = _values(world, settings, SLOT_KEYS)
    return [Effect(table, target, name, value) for target in targets for name, value in values]


def _values(world: World, settings: object, known: frozenset[str]) -> list[tuple[str, Value]]:
    if not isinstance(settings, Mapping) or not settings or not known.issuperset(settings):
        raise ValueError(f"set has one or more of {', '.join(sorted(known))}")
    for name, value in settings.items():
        is_person = name not in ("PlacementID", "ClassroomID")
        if value is not None and (not isinstance(value, int) or (is_person and value not in world.users)):
            raise ValueError(f"{name} cannot be {value!r}")
    return list(settings.items())


def _additional(world: World, learner: int, moves: object) -> list[Effect]:
    if not isinstance(moves, Mapping) or not moves or not {"add", "remove"}.issuperset(moves):
        raise ValueError("additional has add, remove or both, each a list of ids")
    for people in moves.values():
        if not isinstance(people, list) or not all(
            isinstance(person, int) and person in world.users for person in people
        ):
            raise ValueError("additional has add, remove or both, each a list of ids of users")
    removed = [Effect("additional", learner, "remove", person) for person in moves.get("remove", [])]
    return removed + [Effect("additional", learner, "add", person) for person in moves.get("add", [])]


def _moved_slots(table: Table, works: Sequence[Aim | UnitSummary], user: int, heir: int) -> list[Effect]:
    return [
        Effect(table, work["ID"], name, heir)
        for work in works
        for name, holder in (("AssessorID", work["AssessorID"]), ("IVID", work["IVID"]))
        if holder == user
    ]
