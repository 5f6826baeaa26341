"""Other people's edits in OneFile's web pages, for trials: what the API itself cannot do, emptying a slot included."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from onefile_sandbox.records import DEFAULTS, instant
from onefile_sandbox.world import Effect, Table, Value, World

USER_KEYS = frozenset({*DEFAULTS, "PlacementID", "ClassroomID"})
SLOT_KEYS = frozenset({"AssessorID", "IVID"})


def edit(world: World, asked: object, at: datetime) -> list[Effect]:
    """The effects of one edit; roles are not checked. Raises ValueError that says what is wrong with it.

    {"user": 200004, "set": {"DefaultAssessorID": 122762}}                        null empties
    {"user": 200004, "standard": 41240, "set": {"AssessorID": 122762, "IVID": null}}
    {"user": 200004, "unit": "KS_COMM1", "set": {"IVID": 118204}}
    {"user": 200004, "additional": {"add": [127733], "remove": [122762]}}
    {"user": 200004, "archived": true}
    """
    if not isinstance(asked, Mapping) or not isinstance(asked.get("user"), int) or asked["user"] not in world.users:
        raise ValueError("an edit is an object whose user is somebody's id")
    user = asked["user"]
    parts = frozenset(asked) - {"user"}
    if parts == {"set"}:
        return [Effect("user", user, name, value) for name, value in _values(world, asked["set"], USER_KEYS)]
    if parts == {"standard", "set"}:
        aims = [aim["ID"] for aim in world.aims_of.get(user, []) if aim["StandardID"] == asked["standard"]]
        return _slots(world, "aim", aims, asked["set"])
    if parts == {"unit", "set"}:
        units = [unit["ID"] for unit in world.units_of.get(user, []) if unit["UnitID"] == asked["unit"]]
        return _slots(world, "unit", units, asked["set"])
    if parts == {"additional"}:
        return _additional(world, user, asked["additional"])
    if parts == {"archived"}:
        return [Effect("user", user, "DateArchived", instant(at) if asked["archived"] else None)]
    raise ValueError("an edit has a user and one of: set; standard and set; unit and set; additional; archived")


def _slots(world: World, table: Table, targets: list[int], given: object) -> list[Effect]:
    if not targets:
        raise ValueError("the user does not hold it")
    values = _values(world, given, SLOT_KEYS)
    return [Effect(table, target, name, value) for target in targets for name, value in values]


def _values(world: World, given: object, known: frozenset[str]) -> list[tuple[str, Value]]:
    if not isinstance(given, Mapping) or not given or not known.issuperset(given):
        raise ValueError(f"set has one or more of {', '.join(sorted(known))}")
    for name, value in given.items():
        is_person = name not in ("PlacementID", "ClassroomID")
        if value is not None and (not isinstance(value, int) or (is_person and value not in world.users)):
            raise ValueError(f"{name} cannot be {value!r}")
    return list(given.items())


def _additional(world: World, learner: int, given: object) -> list[Effect]:
    if not isinstance(given, Mapping) or not given or not {"add", "remove"}.issuperset(given):
        raise ValueError("additional has add, remove or both, each a list of ids")
    for people in given.values():
        if not isinstance(people, list) or not all(
            isinstance(person, int) and person in world.users for person in people
        ):
            raise ValueError("additional has add, remove or both, each a list of ids of users")
    removed = [Effect("additional", learner, "remove", person) for person in given.get("remove", [])]
    return removed + [Effect("additional", learner, "add", person) for person in given.get("add", [])]
