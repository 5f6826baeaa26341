"""One change costs few calls: planned and applied, the sandbox counts no more than a law allows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from onefile_sandbox.world import World
from reconciler.model.slots import ROLES_FOR, Role, SlotKind
from reconciler.onefile.wire import ROLE_IDS
from reconciler.problems import ExitCode
from tests.e2e.user import LEE, Home, Served, point_at, served, slots

WITH_CANARY, PROVEN = 12, 8
"""Calls of `plan --learner` and `apply` of one slot, in a kept session: with a canary, and within an hour of one."""
PLACEMENT = 1  # the call that the plan spends on a new default employer's placement
FIELDS = {"learning_aim": "learning_aims", "unit": "units"}


def _handles(world: World) -> dict[int, str]:
    return {user["ID"]: f"p{user['ID']}" for user in world.users.values() if user["Role"] in ROLE_IDS.values()}


def _staff(world: World) -> dict[str, Any]:
    roles = {number: role.value for role, number in ROLE_IDS.items()}
    handles = _handles(world)
    return {handles[user]: {"id": user, "role": roles[world.users[user]["Role"]]} for user in handles}


def _as_held(world: World) -> list[dict[str, Any]]:
    """Every active learner of the centre, with every slot that somebody holds."""
    learners: dict[str, dict[str, Any]] = {}
    held = slots(world)
    handles = _handles(world)
    for address, holder in held.items():
        number, _, slot = address.removeprefix("learner[").partition("].")
        user = world.users[int(number)]
        if holder is None or user["DateArchived"] or user["OrganisationID"] != 5740 or slot.startswith("additional"):
            continue
        learner = learners.setdefault(number, {"id": int(number)})
        thing, _, rest = slot.partition("[")
        if not rest:
            learner[thing] = handles[holder]
            continue
        key, _, part = rest.partition("].")
        name, entries = ("standard" if thing == "learning_aim" else "unit"), learner.setdefault(FIELDS[thing], [])
        entry = next((one for one in entries if str(one[name]) == key), None)
        if entry is None:
            entry = {name: int(key) if name == "standard" else key}
            entries.append(entry)
        entry[part] = handles[holder]
    return list(learners.values())


def _others(world: World, kind: SlotKind) -> list[str]:
    """Return the handles of active people who may be in such a slot."""
    numbers = {ROLE_IDS[role] for role in ROLES_FOR[kind]} - {ROLE_IDS[Role.TRAINEE_ASSESSOR]}
    people = (user for user in world.users.values() if user["Role"] in numbers and user["OrganisationID"] == 5740)
    return [f"p{user['ID']}" for user in people if not user["DateArchived"]]


def _entry(learner: dict[str, Any], kind: SlotKind) -> tuple[dict[str, Any], str] | None:
    """Where the files have the learner's first slot of a kind."""
    if kind.value in ("default_assessor", "default_employer"):
        return (learner, kind.value) if kind.value in learner else None
    thing, _, part = kind.value.rpartition("_")
    entries = [entry for entry in learner.get(FIELDS[thing], []) if part in entry]
    return (entries[0], part) if entries else None


def _change(home: Home, server: Served, learner: int) -> int:
    """Plan and apply what the files ask for now; return the calls."""
    before = len(server.calls)
    planned = home.run("plan", "--learner", str(learner), "--out", "plan.json")
    applied = home.run("apply", "plan.json")
    assert (planned.code, applied.code) == (ExitCode.DONE, ExitCode.DONE), planned.out + applied.out + applied.err
    return len(server.calls) - before


@pytest.mark.parametrize(("which", "kind"), list(enumerate(sorted(set(SlotKind) - {SlotKind.ADDITIONAL}))))
def test_one_slot_costs_twelve_calls_and_eight_once_proven(
    home: Home, monkeypatch: pytest.MonkeyPatch, which: int, kind: SlotKind
) -> None:
    """Whoever the learner is and whatever else is declared for them; a default employer's placement is one more."""
    world = World.create(seed=3, learners=12)
    learners = _as_held(world)
    settings: Mapping[str, object] = {
        "organisation": 5740,
        "policies": {"iqa_independent": "warn", "trainee_assessor": "warn"},
        "limits": {"reassign": {"share": 1}},
    }
    fit = [learner for learner in learners if _entry(learner, kind)]
    learner = fit[which % len(fit)]
    for user in world.users.values():
        if user["Role"] in (ROLE_IDS[Role.EMPLOYER], ROLE_IDS[Role.OBSERVER]):  # there is one employer otherwise
            user["Role"] = ROLE_IDS[Role.EMPLOYER]
            user["PlacementID"] = world.users[learner["id"]]["PlacementID"]
    home.declare(*learners, settings=settings, staff=_staff(world))
    with served(world, "rate_limit=0") as server:
        point_at(monkeypatch, server.url)
        assert home.run("apply", "--auto-approve").code == ExitCode.DONE
        spent = []
        for _ in range(2):
            entry, name = _entry(learner, kind) or ({}, "")
            entry[name] = next(who for who in _others(world, kind) if who != entry[name])
            home.declare(*learners, settings=settings, staff=_staff(world))
            spent.append(_change(home, server, learner["id"]))
    extra = PLACEMENT if kind is SlotKind.DEFAULT_EMPLOYER else 0
    assert spent[0] <= WITH_CANARY + extra
    assert spent[1] <= PROVEN + extra


def test_an_additional_person_costs_twelve_calls(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """OneFile does not show the slot, so nothing proves its kind and each is a canary; those recorded cost nothing."""
    everything = {
        "id": 200004,
        "default_assessor": "kate",
        "learning_aims": [{"standard": 41240, "assessor": "kate", "iqa": "priya"}],
        "units": [{"unit": "KS_COMM1", "iqa": "priya"}],
    }
    with served() as server:
        point_at(monkeypatch, server.url)
        home.declare(everything).converges()
        home.declare({**everything, "additional": ["lee"]})
        assert _change(home, server, 200004) <= WITH_CANARY
        assert LEE in server.world.additional[200004]
        home.declare({**everything, "additional": ["lee", "james"]})
        assert _change(home, server, 200004) <= WITH_CANARY


def test_a_plan_that_is_older_than_a_minute_is_judged_by_a_new_reading(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file may say any time, so the store must have the plan's reading too, and it counts for a minute."""
    learner = {"id": 200004, "default_assessor": "kate", "units": [{"unit": "KS_COMM1", "iqa": "priya"}]}
    with served() as server:
        point_at(monkeypatch, server.url)
        home.declare(learner).converges()
        home.declare({**learner, "default_assessor": "james"})
        home.run("plan", "--learner", "200004", "--out", "plan.json")
        home.run("plan", "--learner", "200004", "--store", "other.db")
        before = len(server.calls)
        assert home.run("apply", "plan.json", "--store", "other.db").code == ExitCode.DONE
        own = [call["path"] for call in server.calls[before:]]
    assert own.count("/UnitSummary/Search/1/50") > 1
