"""What a reading costs: never more than asking one by one, hardly more than the least, told before it is spent."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from onefile_sandbox.faults import Fault
from onefile_sandbox.world import World
from reconciler.model.declared import Declared
from reconciler.model.slots import OrganisationId, Slot, SlotKind
from reconciler.model.structs import replace
from reconciler.observed.people import UNMARKED
from reconciler.onefile.capabilities import Capabilities
from reconciler.problems import Rejected
from tests.marks import examples
from tests.observed.centre import DEFAULT, EMPLOYER, Centre, wanting
from tests.worlds import trial

PROBES = 20
"""What looking for a cheaper way costs at most, whatever the size: who is on the learners' list and where it ends (at
most 6), one page of it (2), for learning aims and for units whether there is a list of everybody's and how long (at
most 6 each)."""

PARTLY = 3
"""What partial knowledge costs beyond none at most: two pages in a size that the server does not send, and a probe."""

AIM, UNIT = Slot(SlotKind.LEARNING_AIM_ASSESSOR, 41240), Slot(SlotKind.UNIT_ASSESSOR, "KS_COMM1")
RICH = ("unit_search_without_user=allowed",)
POOR = ("paged_user_fields=same", "aim_search_without_user=refused")
WORLDS = {learners: World.create(learners=learners) for learners in (60, 400)}

switches = st.fixed_dictionaries(
    {
        "paged_user_fields": st.sampled_from(["rich", "same"]),
        "empty_value": st.sampled_from(["null", "omit", "zero"]),
        "past_last_page": st.sampled_from(["204", "empty", "last_again"]),
        "page_cap": st.sampled_from(["50", "77", "200", "5000"]),
        "unpaged": st.sampled_from(["full", "capped"]),
        "aim_search_without_user": st.sampled_from(["allowed", "refused"]),
        "unit_search_without_user": st.sampled_from(["allowed", "refused"]),
        "aim_staff_keys": st.sampled_from(["present", "present", "omit"]),
    }
)


def centre_of(learners: int, switched: Mapping[str, str]) -> Centre:
    return Centre(*(f"{name}={value}" for name, value in switched.items()), world=WORLDS[learners])


scopes = st.tuples(st.sampled_from([60, 400]), st.integers(1, 60), st.integers(1, 60)).map(
    lambda drawn: (drawn[0], range(min(drawn[1:]), max(drawn[1:]) + 1))
)


@settings(max_examples=examples(20), deadline=None)
@given(scope=scopes, switched=switches)
def test_never_more_than_one_by_one_and_the_probes(scope: tuple[int, range], switched: Mapping[str, str]) -> None:
    """Any server, any part of the centre, nothing known: single reads and a constant at most."""
    learners, numbers = scope
    centre = centre_of(learners, switched)
    declared = centre.typical(numbers)
    assert centre.read(declared).calls <= centre.naive_calls(declared) + PROBES


@settings(max_examples=examples(20), deadline=None)
@given(scope=scopes, switched=switches)
def test_the_second_reading_costs_no_more(scope: tuple[int, range], switched: Mapping[str, str]) -> None:
    """What was learnt by the first is not looked for again."""
    learners, numbers = scope
    centre, capabilities = centre_of(learners, switched), Capabilities()
    declared = centre.typical(numbers)
    first = centre.read(declared, capabilities).calls
    assert centre.read(declared, Capabilities(dict(capabilities.known))).calls <= first


FACTS = ("shows", "page_rows", "archived", "rows", "shares", "offers")
LISTED = {"page_cap": "50", "paged_user_fields": "rich", "unpaged": "full"}


@settings(max_examples=examples(15), deadline=None)
@given(scope=scopes, switched=switches, kept=st.sets(st.sampled_from(FACTS), max_size=4))
@example(scope=(400, range(1, 401)), switched=LISTED, kept={"shows", "archived"})
def test_a_part_of_the_knowledge_costs_hardly_more_than_none(
    scope: tuple[int, range], switched: Mapping[str, str], kept: set[str]
) -> None:
    """A reading that was cut off leaves any part of what it learnt: the next one looks for the rest."""
    learners, numbers = scope
    centre, capabilities = centre_of(learners, switched), Capabilities()
    declared = centre.typical(numbers)
    first = centre.read(declared, capabilities).calls
    partial = {name: value for name, value in capabilities.known.items() if name.partition(":")[0] in kept}
    assert centre.read(declared, Capabilities(partial)).calls <= first + PARTLY


@settings(max_examples=examples(20), deadline=None)
@given(scope=scopes, switched=switches, again=st.booleans())
def test_the_forecast_is_right_to_two_percent(
    scope: tuple[int, range], switched: Mapping[str, str], again: bool
) -> None:
    """Or to two calls in a small reading; it comes once, before the bulk, and adds up to what is then spent.

    Where the unpaged list is not whole, an archived learner is not known for one before the record is read, and the
    searches for that learner's aims and units are forecast in vain.
    """
    learners, numbers = scope
    centre, capabilities = centre_of(learners, switched), Capabilities()
    declared = centre.typical(numbers)
    observed = centre.read(declared, capabilities)
    if again:
        observed = centre.read(declared, Capabilities(dict(capabilities.known)))
    ((spent, remaining),) = centre.told.forecasts
    surprises = 2 * len(_archived(centre, declared)) if centre.switches.unpaged == "capped" else 0
    assert abs(spent + remaining - observed.calls) <= max(2, 0.02 * observed.calls) + surprises
    assert observed.calls == len(centre.paths)
    assert centre.told.heard == sorted(centre.told.heard)
    assert centre.told.heard[-1] == observed.calls


@pytest.mark.parametrize("cap", [50, 200, 5000])
@pytest.mark.parametrize("learners", [60, 400])
def test_on_a_rich_server_the_cost_is_near_the_least(cap: int, learners: int) -> None:
    """A page for every `cap` learners, aims and units, and no more than a dozen calls beside them."""
    centre = centre_of(learners, {"page_cap": str(cap), "unit_search_without_user": "allowed"})
    active = [n for n in range(1, learners + 1) if centre.world.users[200000 + n]["DateArchived"] is None]
    declared = centre.declared(*(wanting(200000 + n, [DEFAULT, *_first(centre, n)]) for n in active))
    rows = (len(active), len(centre.world.centre.aims), len(centre.world.centre.unit_summaries))
    least = 1 + sum(-(-count // cap) for count in rows)
    assert least <= centre.read(declared).calls <= least + 14


def _first(centre: Centre, number: int) -> list[Slot]:
    aim, unit = centre.world.aims_of[200000 + number][0], centre.world.units_of[200000 + number][0]
    return [Slot(SlotKind.LEARNING_AIM_ASSESSOR, aim["StandardID"]), Slot(SlotKind.UNIT_ASSESSOR, unit["UnitID"])]


def test_a_scope_on_two_pages_costs_two_pages() -> None:
    """The unpaged list tells where on the paged one the learners are: no other page of 400 learners is asked for."""
    centre = centre_of(400, {"page_cap": "50"})
    declared = centre.declared(*(wanting(200000 + n, [DEFAULT]) for n in range(140, 170)))
    capabilities = Capabilities()
    centre.read(declared, capabilities)
    centre.read(declared, Capabilities(dict(capabilities.known)))
    pages = [path for path in centre.paths if path.startswith("POST /User/Search/")]
    assert len(pages) <= 3  # two pages, and a look at the list's end on account of those who are archived
    assert not any(
        path.startswith("GET /User/2001") for path in centre.paths if path not in _archived(centre, declared)
    )


def _archived(centre: Centre, declared: Declared) -> set[str]:
    return {
        f"GET /User/{one.id}"
        for one in declared.learners
        if one.id is not None and centre.world.users[one.id]["DateArchived"]
    }


@pytest.mark.parametrize(
    ("slots", "never"),
    [
        ([DEFAULT], ("LearningAim", "UnitSummary")),
        ([DEFAULT, AIM], ("UnitSummary",)),
        ([DEFAULT, UNIT], ("LearningAim",)),
        ([AIM], ("UnitSummary", "GET /User")),
        ([Slot(SlotKind.ADDITIONAL, 127733)], ("UnitSummary", "LearningAim", "GET /User")),
    ],
)
@pytest.mark.parametrize("switched", [RICH, POOR])
def test_only_what_is_declared_is_read(slots: list[Slot], never: tuple[str, ...], switched: tuple[str, ...]) -> None:
    """No call for units where none are declared, and so on; nobody's own record where nothing on it is declared, once
    it is known that whoever is on a list is active."""
    centre = Centre(*switched, world=WORLDS[60])
    centre.read(centre.declared(*(wanting(200000 + n, slots) for n in range(1, 10))), Capabilities({UNMARKED: "no"}))
    assert not [path for path in centre.paths for word in never if word in path]


def test_one_learner_costs_a_handful_of_calls() -> None:
    """Log in, the staff of two roles, who is there, two records, the aims; and once, whether somebody who has been on a
    list for long is active: nothing else is probed for one learner's sake."""
    centre = centre_of(400, {})
    centre.read(centre.declared(wanting(200004, [EMPLOYER, AIM])))
    assert sorted(centre.paths) == [
        "GET /User/122762",
        "GET /User/139015",
        "GET /User/200004",
        "POST /Authentication",
        "POST /LearningAim/Search/1/50",
        *["POST /User/Search"] * 3,
    ]


# ------------------------------------------------------------------ a server that changes its mind

BEFORE_AND_AFTER = {
    "its pages become shorter": (RICH, (*RICH, "page_cap=60")),
    "its pages become longer": ((*RICH, "page_cap=60"), (*RICH, "page_cap=5000")),
    "it refuses the lists of everybody's": (RICH, POOR),
    "it offers them": (POOR, RICH),
    "its rows say less": (RICH, (*RICH, "paged_user_fields=same")),
    "its rows say more": ((*RICH, "paged_user_fields=same"), RICH),
    "its unpaged list is cut": ((*RICH, "page_cap=60"), (*RICH, "page_cap=60", "unpaged=capped")),
    "its unpaged list is whole again": ((*RICH, "page_cap=60", "unpaged=capped"), (*RICH, "page_cap=60")),
    "its aims no longer name their staff": (RICH, (*RICH, "aim_staff_keys=omit")),
}


@pytest.mark.parametrize("case", sorted(BEFORE_AND_AFTER))
def test_what_has_become_false_costs_calls_not_truth(case: str) -> None:
    """Between two runs the server changes: the second observes what a run without capabilities would, within the same
    bound, and what it contradicted is not believed by the third."""
    before, after = BEFORE_AND_AFTER[case]
    old, new = Centre(*before, world=WORLDS[400]), Centre(*after, world=WORLDS[400])
    declared, capabilities = old.typical(range(1, 61)), Capabilities()
    old.read(declared, capabilities)
    second = new.read(declared, capabilities)
    fresh = new.read(declared)
    assert second.learners == fresh.learners or case == "its aims no longer name their staff"
    assert _shown(second) == _shown(fresh)
    assert second.calls <= new.naive_calls(declared) + PROBES
    assert new.read(declared, Capabilities(dict(capabilities.known))).calls <= second.calls


def _shown(observed: object) -> object:
    return {
        user: {slot: held for slot, held in one.slots.items() if held is None or isinstance(held, int)}
        for user, one in observed.learners.items()  # type: ignore[attr-defined]
    }


def test_whether_lists_have_archived_users_is_asked_once() -> None:
    """The next reading relies on it, and where they have, reads the record of everybody who is declared."""
    for switched, own in (("archived_in_search=omitted", 0), ("archived_in_search=included", 9)):
        centre, capabilities = Centre(switched, world=WORLDS[60]), Capabilities()
        declared = centre.declared(*(wanting(200000 + n, [AIM]) for n in range(1, 10)))
        centre.read(declared, capabilities)
        centre.paths.clear()
        centre.read(declared, Capabilities(dict(capabilities.known)))
        assert sum(path.startswith("GET /User/2000") for path in centre.paths) == own
        ((spent, remaining),) = centre.told.forecasts
        assert spent + remaining == len(centre.paths)


def test_an_organisation_that_is_not_there_teaches_nothing() -> None:
    """The searches are refused on account of the organisation: what the server offers is not known any better."""
    centre, capabilities = centre_of(60, {}), Capabilities()
    declared = centre.declared(
        *(replace(wanting(200000 + n, [DEFAULT]), organisation=OrganisationId(1)) for n in (1, 2))
    )
    with pytest.raises(Rejected):
        centre.read(declared, capabilities)
    assert capabilities.changed == {}


def test_a_list_that_has_grown_is_read_to_its_new_end() -> None:
    """The length that was learnt chooses the way; it does not end the reading."""
    capabilities = Capabilities()
    for learners in (60, 400):
        centre = centre_of(learners, {"page_cap": "50", "unit_search_without_user": "allowed"})
        declared = centre.typical(range(1, learners + 1))
        centre.read(declared, capabilities)
    assert capabilities.number("rows:learning_aims") == len(centre.world.centre.aims)


# ------------------------------------------------------------------ what the plan says it cost


def test_the_plan_s_read_calls_are_the_calls_made(tmp_path: Path) -> None:
    """Log-in and repeated calls included: what the server saw is what the summary says."""
    with trial(tmp_path, faults=(Fault("error_before", path="/LearningAim/*", nth=2),)) as here:
        wants = {200000 + n: {DEFAULT: 132757, AIM: 132757} for n in (1, 2, 3, 4, 5)}
        plan = here.plan(here.declared(wants))
        assert plan.summary.read_calls == len(here.service.calls)
