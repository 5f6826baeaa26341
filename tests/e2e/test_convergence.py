"""Apply, then plan, is empty: for every way in which the sandbox settles an unknown, and for worlds drawn at random."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from onefile_sandbox.records import ASSESSOR, CENTRE_ID, EMPLOYER, IQA, LEARNER, OBSERVER, User
from onefile_sandbox.switches import allowed
from onefile_sandbox.world import World
from reconciler.commands.apply import apply
from reconciler.commands.apply_run import ApplyResult
from reconciler.commands.plan import Planned, plan
from reconciler.problems import ExitCode
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options
from tests.e2e.user import JAMES, KATE, SETTINGS, TOKEN, Home, new_folder, point_at, served, slots
from tests.marks import examples, in_long_runs

TWO = (
    {
        "id": 200004,
        "default_assessor": "james",
        "default_employer": "mentor",
        "learning_aims": [
            {"standard": 41240, "assessor": "james", "iqa": "priya"},
            {"standard": 41242, "assessor": "kate", "iqa": "priya"},
        ],
        "units": [{"unit": "BA_301", "assessor": "kate", "iqa": "priya"}, {"unit": "KS_COMM1", "assessor": "kate"}],
        "additional": ["lee"],
    },
    {"misid": "LRN00002", "default_assessor": "kate", "additional": ["lee", "kate"]},
    {"id": 200015, "default_assessor": "kate"},
)

CANNOT = {
    "assign_path=learner": (ExitCode.INCOMPLETE, "is a learner and cannot be assigned"),
    "assign_path=learner_silent": (ExitCode.INCOMPLETE, "OneFile acknowledged the write, but"),
    "unit_level=off_refused": (ExitCode.INCOMPLETE, "This centre does not assign people at unit level"),
    "unit_level=off_silent": (ExitCode.INCOMPLETE, "OneFile acknowledged the write, but"),
}
"""How an apply ends where the world cannot become what is declared."""

NOT_AT_ONCE = "default_cascade=cascades"
"""A write that moves what nobody asked for stops the run; it takes more runs to put everything right."""

NUMBERS = {
    "session_hours": ("24", "1"),
    "rate_limit": ("0", "10000"),
    "read_lag_seconds": ("0",),  # later readings are tested with the clock that they need
    "page_cap": ("200", "10", "3", "50"),
}
CHOICES = {name: NUMBERS.get(name, values) for name, values in allowed().items()}
CAN = {
    name: [one for value in values if (one := f"{name}={value}") not in CANNOT and one != NOT_AT_ONCE]
    for name, values in CHOICES.items()
}


UNUSUAL = [one for values in CAN.values() for one in values[1:]]
ALONE = [(switch,) for switch in UNUSUAL]
GROUPS = [tuple(UNUSUAL[place :: -(-len(UNUSUAL) // 3)]) for place in range(-(-len(UNUSUAL) // 3))]


@pytest.mark.parametrize("switches", [*GROUPS, *in_long_runs(*ALONE)], ids=" ".join)
def test_each_switch_converges(home: Home, monkeypatch: pytest.MonkeyPatch, switches: tuple[str, ...]) -> None:
    """Three unknowns settled the other way than usual; in long runs each alone."""
    with served(None, *switches) as server:
        point_at(monkeypatch, server.url)
        applied = home.declare(*TWO).run("apply", "--auto-approve")
        assert applied.code == ExitCode.DONE, applied.out + applied.err
        again = home.run("plan", "--detailed-exitcode", "--format", "json")
        assert again.code == ExitCode.DONE, again.out + again.err
        _holds(server.world, again.json)


def _holds(world: World, plan: Mapping[str, Any]) -> None:
    """Every declared slot is as declared, which the plan's own words are not asked about."""
    wanted = {
        row["address"]: row["change"]["after"]["staff_id"] for row in plan["resource_changes"] if row["change"]["after"]
    }
    found = slots(world)
    assert {address: found.get(address) for address in wanted} == wanted


@pytest.mark.parametrize(("switch", "end"), CANNOT.items(), ids=CANNOT)
def test_what_cannot_converge_says_so(
    home: Home, monkeypatch: pytest.MonkeyPatch, switch: str, end: tuple[ExitCode, str]
) -> None:
    """Incomplete, in words that name what is wrong, and a second apply is no wilder than the first."""
    code, words = end
    with served(None, switch) as server:
        point_at(monkeypatch, server.url)
        home.declare(*TWO)
        for _ in range(2):
            ended = home.run("apply", "--auto-approve")
            assert ended.code == code
            assert words in " ".join(ended.out.split())
            assert home.run("plan", "--detailed-exitcode").code == ExitCode.CHANGES


def test_a_cascade_is_seen_and_put_right(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new default assessor who also takes aims from the old one: told, nothing more is written, and the runs that
    follow give the aims back."""
    with served(None, NOT_AT_ONCE) as server:
        point_at(monkeypatch, server.url)
        aims = [{"standard": 41240, "assessor": "kate"}]
        home.declare({"id": 200004, "default_assessor": "james", "learning_aims": aims}, TWO[2])
        first = home.run("apply", "--auto-approve")
        assert first.code == ExitCode.INCOMPLETE
        assert "something else moved with it" in " ".join(first.out.split())
        home.converges()
        assert slots(server.world)["learner[200004].learning_aim[41240].assessor"] == KATE


def test_the_wrong_reading_of_assign_writes_to_nobody_else(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should the path of Assign name the learner after all, the first write shows it, and no slot is harmed."""
    for switch in ("assign_path=learner", "assign_path=learner_silent"):
        with served(None, switch) as server:
            point_at(monkeypatch, server.url)
            before = slots(server.world)
            home.declare(*TWO).run("apply", "--auto-approve")
            moved = {address for address, holder in slots(server.world).items() if before.get(address) != holder}
            assert moved <= {f"learner[{id}].default_assessor" for id in (200002, 200004, 200015)}


def test_what_cannot_be_seen_and_may_not_be_repeated_stays_open(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """OneFile shows no holder of an aim, and refuses to assign whom it has already: each run says so, in its words."""
    with served(None, "aim_staff_keys=omit", "repeat_assign=refused") as server:
        point_at(monkeypatch, server.url)
        home.declare({"id": 200004, "learning_aims": [{"standard": 41240, "iqa": "priya"}]})
        ended = home.run("apply", "--auto-approve")
        assert ended.code == ExitCode.INCOMPLETE
        assert "User 118204 is already assigned" in " ".join(ended.out.split())
        assert home.run("plan", "--detailed-exitcode").code == ExitCode.CHANGES


def _can_converge(chosen: tuple[str, ...]) -> bool:
    hidden = {"aim_staff_keys=omit", "iqa_key=omit"} & set(chosen)
    return not (hidden and "repeat_assign=refused" in chosen)


@settings(
    phases=[Phase.explicit, Phase.generate],
    max_examples=examples(6),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(chosen=st.tuples(*(st.sampled_from(values) for values in CAN.values())).filter(_can_converge))
def test_switches_converge_together(chosen: tuple[str, ...]) -> None:
    """Unknowns settled in any combination that can converge."""
    with served(None, *chosen) as server, new_folder() as folder:
        _declare(folder, {"c1": list(TWO)}, {"kate": (KATE, "assessor"), "james": (JAMES, "assessor"), **OTHERS})
        done, again = _apply_then_plan(folder, server.url)
        assert (done.exit_code, again.plan.in_sync) == (ExitCode.DONE, True), chosen


OTHERS = {"priya": (118204, "iqa"), "mentor": (139015, "employer"), "lee": (127733, "observer")}
FREE = {"iqa_independent": "off", "coverage": "off", "caseload": "off", "trainee_assessor": "off"}


def _declare(folder: Path, cohorts: Mapping[str, list[object]], staff: Mapping[str, tuple[int, str]]) -> None:
    files: dict[str, object] = {
        "settings": {**SETTINGS, "policies": FREE, "limits": {"reassign": {"share": 1, "count": 10000}}},
        "staff": {"staff": {handle: {"id": id, "role": role} for handle, (id, role) in staff.items()}},
        **{f"cohorts/{name}": {"cohort": name, "learners": learners} for name, learners in cohorts.items()},
    }
    for name, value in files.items():
        file = folder / "state" / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"version": 1, **value}), encoding="utf-8")  # type: ignore[dict-item]


def _apply_then_plan(folder: Path, url: str) -> tuple[ApplyResult, Planned]:
    environment = Environment(variables={"ONEFILE_BASE_URL": url, "ONEFILE_CUSTOMER_TOKEN": TOKEN})
    options = Options(state=folder / "state")
    return apply(options, environment, None, approve=lambda _: True), plan(options, environment)


# ------------------------------------------------------------------ worlds and declarations drawn at random


@dataclass(frozen=True)
class Drawn:
    """A centre, what is first declared for it, and what later."""

    seed: int
    size: int
    declarations: tuple[list[dict[str, object]], ...]


@st.composite
def drawn(draw: st.DrawFn) -> Drawn:
    seed, size = draw(st.integers(0, 10_000)), draw(st.integers(3, 24))
    world = World.create(seed, size)
    active = [user for user in world.users.values() if _is_active(user, LEARNER)]
    chosen = draw(st.lists(st.sampled_from(active), min_size=1, max_size=4, unique_by=lambda user: user["ID"]))
    first = [draw(_learner(world, user)) for user in chosen]
    # people once added stay declared: taking them off is a step for a person, not for an apply
    later = [draw(_learner(world, user, kept=old)) for user, old in zip(chosen, first, strict=True)]
    return Drawn(seed, size, (first, later))


def _is_active(user: User, role: int) -> bool:
    return (user["Role"], user["OrganisationID"], user["DateArchived"]) == (role, CENTRE_ID, None)


def _handles(world: World, role: int) -> dict[str, User]:
    return {f"s{user['ID']}": user for user in world.users.values() if _is_active(user, role)}


@st.composite
def _learner(draw: st.DrawFn, world: World, user: User, kept: Mapping[str, object] | None = None) -> dict[str, object]:
    assessors, iqas = (st.sampled_from(sorted(_handles(world, role))) for role in (ASSESSOR, IQA))
    employers = [name for name, one in _handles(world, EMPLOYER).items() if one["PlacementID"] == user["PlacementID"]]
    others = sorted({**_handles(world, OBSERVER), **_handles(world, ASSESSOR)})
    aims = [row["StandardID"] for row in world.aims_of.get(user["ID"], [])]
    units = [row["UnitID"] for row in world.units_of.get(user["ID"], [])]
    by_misid = bool(user["MISID"]) and draw(st.booleans())
    learner: dict[str, object] = {"misid": user["MISID"]} if by_misid else {"id": user["ID"]}
    if draw(st.booleans()):
        learner["default_assessor"] = draw(assessors)
    if employers and draw(st.booleans()):
        learner["default_employer"] = draw(st.sampled_from(employers))
    for name, key, held in (("learning_aims", "standard", aims), ("units", "unit", units)):
        entries = []
        for one in held:
            entry = draw(st.fixed_dictionaries({}, optional={"assessor": assessors, "iqa": iqas}))
            if entry and held.count(one) == 1:
                entries.append({key: one, **entry})
        if entries:
            learner[name] = entries
    already = kept.get("additional", []) if kept else []
    assert isinstance(already, list)
    people = draw(st.lists(st.sampled_from(others), max_size=2, unique=True))
    if both := sorted({*already, *people}):
        learner["additional"] = both
    return learner


@settings(max_examples=examples(7), deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(case=drawn())
def test_any_world_becomes_what_is_declared_and_nothing_else_moves(case: Drawn) -> None:
    """Twice over: first from scratch, then after the files have changed."""
    world = World.create(case.seed, case.size)
    roles = {ASSESSOR: "assessor", IQA: "iqa", EMPLOYER: "employer", OBSERVER: "observer"}
    staff = {name: (user["ID"], word) for role, word in roles.items() for name, user in _handles(world, role).items()}
    with served(world) as server, new_folder() as folder:
        for learners in case.declarations:
            before = slots(world)
            _declare(folder, {"c1": list(learners)}, staff)
            done, again = _apply_then_plan(folder, server.url)
            assert (done.exit_code, again.plan.in_sync) == (ExitCode.DONE, True)
            expected = dict(itertools.chain.from_iterable(_wanted(world, one).items() for one in learners))
            assert slots(world) == before | expected


def _wanted(world: World, learner: Mapping[str, object]) -> dict[str, int]:
    """What the declaration asks for by address, worked out here once more from the file's own shape."""
    misids = {user["MISID"]: user["ID"] for user in world.users.values() if user["OrganisationID"] == CENTRE_ID}
    me = f"learner[{learner['id'] if 'id' in learner else misids[str(learner['misid'])]}]"
    wanted = {f"{me}.{key}": str(learner[key]) for key in ("default_assessor", "default_employer") if key in learner}
    for name, thing, key in (("learning_aims", "learning_aim", "standard"), ("units", "unit", "unit")):
        for entry in learner.get(name, []):  # type: ignore[attr-defined]
            wanted |= {
                f"{me}.{thing}[{entry[key]}].{role}": entry[role] for role in ("assessor", "iqa") if role in entry
            }
    for person in learner.get("additional", []):  # type: ignore[attr-defined]
        wanted[f"{me}.additional[{person[1:]}]"] = person
    return {address: int(handle[1:]) for address, handle in wanted.items()}
