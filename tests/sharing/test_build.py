"""Who may take a learner: the policies of plans judge it, with role, competence, cover and placement."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.model.declared import Competence, Cover, Declared, Settings, Staff
from reconciler.model.observed import Observed, ObservedStaff
from reconciler.model.slots import Handle, OrganisationId, Role, Slot, StandardId, UserId
from reconciler.model.structs import replace
from reconciler.sharing.build import Given, build_problem, read_from_files, side_of
from reconciler.sharing.problem import Apart, ShareProblem, broken_rules
from reconciler.sharing.solver import solve
from tests.factories import (
    ACME,
    AIM,
    AIM_IQA,
    DAY,
    DEFAULT,
    EMPLOYER,
    JAMES,
    KATE,
    LEARNER,
    PRIYA,
    STAFF,
    additional,
    declared,
    learner,
    member,
    observed,
)
from tests.sharing.centres import Centre

TWIN = member("oscar-two", 140099, Role.IQA, person="kanderson")
STANDARD = StandardId(41242)


def centre(*staff: Staff, slots: dict[Slot, UserId | None] | None = None, settings: Settings | None = None) -> Declared:
    """One learner whom james-fayre assesses and priya-shah quality-assures; *staff* replace their namesakes."""
    members = {one.handle: one for one in (*STAFF, *staff)}
    held = slots or {DEFAULT: JAMES, AIM_IQA: PRIYA}
    one = declared(learner(held), staff=members.values(), settings=settings)
    return replace(one, everyone=one.learners)


def asked(one: Declared, *leavers: str, seen: Observed | None = None, team: tuple[str, ...] = ()) -> ShareProblem:
    given = []
    for leaver in leavers:
        who = one.staff[Handle(leaver)]
        slots = [slot for slot, wanted in one.learners[0].slots.items() if wanted.staff == who.id]
        given.append(Given(one.learners[0], side_of(who.role), {who.handle: slots}))
    return build_problem(one, seen or read_from_files(one), given, [Handle(name) for name in team])


def barred(problem: ShareProblem, task: int = 0) -> dict[str, str]:
    """Who may not take the task, and why, but for the roles."""
    return {who: rule for who, rule in problem.tasks[task].barred.items() if rule != "role"}


def test_only_people_of_the_role_who_stay_take_a_learner() -> None:
    """Neither a leaver's other account nor another role is a candidate."""
    other = member("james-two", 122999, person="jfayre")
    problem = asked(centre(member("james-fayre", JAMES, person="jfayre"), other), "james-fayre")
    assert [person.handle for person in problem.people] == ["kate-anderson", "noor-haddad", "tom-reed"]
    assert barred(problem) == {"tom-reed": "trainee"}


def test_nobody_assures_the_quality_of_work_that_their_other_account_assesses() -> None:
    """The IQA of the learner has a second account that assesses."""
    problem = asked(
        centre(member("priya-shah", PRIYA, Role.IQA, person="ps"), member("priya-two", 9, person="ps")), "james-fayre"
    )
    assert barred(problem)["priya-two"] == "independence"


def test_an_assessor_and_an_iqa_who_are_chosen_together_are_two_people() -> None:
    """Each alone would be independent."""
    one = centre(member("kate-anderson", KATE, person="kanderson"), TWIN)
    problem = asked(one, "james-fayre", "priya-shah", team=("kate-anderson", "oscar-two"))
    assert problem.apart == (Apart(0, 1),)
    heirs = solve(problem).heirs
    assert heirs.count(None) == 1
    assert broken_rules(problem, heirs) == []
    off = Settings(OrganisationId(5740), policies={"iqa_independent": "off"})
    assert asked(replace(one, settings=off), "james-fayre", "priya-shah").apart == ()


@pytest.mark.parametrize(
    ("competence", "may"),
    [
        (None, True),
        ((), False),
        ((Competence(STANDARD),), True),
        ((Competence(StandardId(41240)),), False),
        ((Competence(STANDARD, None, DAY),), True),
        ((Competence(STANDARD, None, DAY - timedelta(days=1)),), False),
        ((Competence(STANDARD, DAY),), True),
        ((Competence(STANDARD, DAY + timedelta(days=1)),), False),
    ],
)
@pytest.mark.parametrize("slots", [{AIM: JAMES}, {DEFAULT: JAMES, AIM: None}])
def test_competence_is_needed_for_each_standard_on_the_day(
    competence: tuple[Competence, ...] | None, may: bool, slots: dict[Slot, UserId | None]
) -> None:
    """Both days count; with the default goes the learning aim without an assessor of its own."""
    kate = replace(member("kate-anderson", KATE), competence=competence)
    assert ("kate-anderson" not in barred(asked(centre(kate, slots=slots), "james-fayre"))) is may


def test_an_employer_belongs_to_the_learners_placement() -> None:
    """Placements are read from OneFile; where none is known nobody is judged."""
    other = member("bexley", 143353, Role.EMPLOYER)
    one = centre(other, slots={EMPLOYER: ACME})
    seen = observed({LEARNER: {EMPLOYER: ACME}})
    learners = {LEARNER: replace(seen.learners[LEARNER], placement=7)}
    staff = {(OrganisationId(5740), other.id): ObservedStaff(other.id, placement=8)}
    assert barred(asked(one, "acme-mentor", seen=replace(seen, learners=learners, staff=staff))) == {
        "bexley": "placement"
    }
    assert barred(asked(one, "acme-mentor", seen=seen)) == {}


def test_who_is_away_takes_nobody_unless_named() -> None:
    """A cover without an end says that somebody has left."""
    kate = replace(
        member("kate-anderson", KATE), cover=(Cover(Handle("kate-anderson"), Handle("noor-haddad"), DAY, None),)
    )
    one = centre(kate)
    assert "kate-anderson" not in {person.handle for person in asked(one, "james-fayre").people}
    named = asked(one, "james-fayre", team=("kate-anderson",))
    assert [person.handle for person in named.people] == ["kate-anderson"]


def test_a_team_of_one_side_leaves_the_other_side_free() -> None:
    """Assessors are named, so every IQA may still take the IQA slots."""
    problem = asked(centre(), "james-fayre", "priya-shah", team=("kate-anderson",))
    assert {person.handle for person in problem.people} == {"kate-anderson", "oscar-lind"}


def test_who_holds_another_slot_of_the_learner_is_known_and_adds_nobody() -> None:
    """A caseload counts learners, not slots; an additional person of another kind is not of the caseload."""
    one = centre(member("kate-anderson", KATE, maximum=1), slots={DEFAULT: JAMES, AIM: KATE, additional(KATE): KATE})
    problem = asked(one, "james-fayre")
    assert problem.tasks[0].known == {"kate-anderson"}
    assert [person.load for person in problem.people if person.handle == "kate-anderson"] == [1]
    assert solve(problem).heirs == ("kate-anderson",)


def test_what_onefile_holds_beside_the_files_counts_too() -> None:
    """An IQA whom nobody declared is still an IQA."""
    one = centre(member("kate-anderson", KATE, person="kanderson"), TWIN, slots={DEFAULT: JAMES, AIM: JAMES})
    seen = observed({LEARNER: {DEFAULT: JAMES, AIM: JAMES, AIM_IQA: TWIN.id}})
    assert barred(asked(one, "james-fayre")) == {"tom-reed": "trainee"}
    assert barred(asked(one, "james-fayre", seen=seen))["kate-anderson"] == "independence"


@pytest.mark.parametrize("seed", range(12))
def test_no_proposal_breaks_what_a_plan_keeps(seed: int) -> None:
    """The policies of plans, over generated centres with tight maximums, judge the files before and after."""
    one = Centre(seed, staff=10 + 3 * seed, learners=40 + 15 * seed, leavers=1 + seed % 3, slack=3)
    problem = one.problem()
    answer = solve(problem)
    assert broken_rules(problem, answer.heirs) == []
    assert one.broken(one.after(answer.heirs)) - one.broken(one.declared) == set()


def test_loads_are_the_caseloads_of_plans_without_what_is_given() -> None:
    """Counted by the same code, for everybody declared."""
    one = centre(slots={DEFAULT: JAMES, AIM: KATE, AIM_IQA: PRIYA})
    problem = asked(one, "james-fayre")
    assert {person.handle: (person.now, person.load) for person in problem.people} == {
        "kate-anderson": (1, 1),
        "noor-haddad": (0, 0),
        "tom-reed": (0, 0),
    }
    assert [(person.now, person.load) for person in problem.leavers] == [(1, 0)]
