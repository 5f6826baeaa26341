"""What is observed is what is there, whichever way it was read: the law that lets the cheapest way be taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onefile_sandbox.faults import Fault
from onefile_sandbox.world import World
from reconciler.model.declared import Declared, DeclaredLearner
from reconciler.model.observed import AccountStatus, Observed
from reconciler.model.slots import (
    DEFAULT_KINDS,
    IQA_KINDS,
    LEARNING_AIM_KINDS,
    UNIT_KINDS,
    Holder,
    Slot,
    SlotKind,
    Unread,
    UserId,
)
from reconciler.model.structs import replace
from reconciler.onefile.capabilities import Capabilities
from reconciler.problems import ServiceError
from tests.marks import examples
from tests.observed.centre import (
    DEFAULT,
    EMPLOYER,
    KATE,
    MORGAN,
    NO_LISTS,
    ORGANISATION,
    SOL,
    Centre,
    Meddling,
    wanting,
)

LEARNERS = 60
WORLD = World.create(learners=LEARNERS)
WAYS: Mapping[str, Mapping[str, str]] = {
    "as it comes": {},
    "one by one": NO_LISTS,
    "small pages": {"page_rows": "9", "rows:learning_aims": "1", "rows:unit_summaries": "1"},
    "no unpaged list": {"offers:roll": "no"},
    "facts that are no longer true": {
        "page_rows": "300",
        "shows:learners:5740": "default_assessor,default_employer",
        "rows:learning_aims": "7",
        "rows:unit_summaries": "9000",
    },
}
SWITCHES = {
    "iqa_key": ["IVID", "IQAID", "IVUserID", "InternalVerifierID", "omit"],
    "aim_staff_keys": ["present", "present", "omit"],
    "defaults_on_get": ["present", "present", "absent"],
    "paged_user_fields": ["rich", "same"],
    "empty_value": ["null", "omit", "zero"],
    "past_last_page": ["204", "empty", "last_again"],
    "page_cap": ["10", "13", "50", "200"],
    "unpaged": ["full", "capped"],
    "archived_in_search": ["omitted", "omitted", "included"],
    "archived_marker": ["present", "absent"],
    "name_filter": ["exact", "prefix"],
    "unknown_id_status": ["404", "400"],
    "aim_search_without_user": ["allowed", "refused"],
    "unit_search_without_user": ["allowed", "refused"],
}
switches = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in SWITCHES.items()})

Chosen = tuple[int, list[Slot], bool]
"""A learner, some slots, and whether the learner goes by the MISID."""


@st.composite
def scopes(draw: st.DrawFn) -> list[Chosen]:
    """Some learners, active and archived, each with some slots, held and not."""
    users = draw(st.lists(st.integers(200001, 200000 + LEARNERS), unique=True, min_size=1, max_size=LEARNERS))
    return [(user, draw(slots_of(user)), user % 2 == 0 and draw(st.booleans())) for user in users]


def slots_of(user: int) -> st.SearchStrategy[list[Slot]]:
    aims = {aim["StandardID"] for aim in WORLD.aims_of[user]} | {41999}
    units = {unit["UnitID"] for unit in WORLD.units_of[user]} | {"NO_SUCH"}
    slots = [DEFAULT, EMPLOYER, Slot(SlotKind.ADDITIONAL, 127733)]
    slots += [Slot(kind, key) for key in sorted(aims) for kind in sorted(LEARNING_AIM_KINDS)]
    slots += [Slot(kind, key) for key in sorted(units) for kind in sorted(UNIT_KINDS)]
    return st.lists(st.sampled_from(slots), unique=True, max_size=5)


def misid(user: int) -> str:
    return f"LRN{user - 200000:05d}"


def is_archived(user: int) -> bool:
    return WORLD.users[user]["DateArchived"] is not None


def centre_with(switched: Mapping[str, str]) -> Centre:
    return Centre(*(f"{name}={value}" for name, value in switched.items()), world=WORLD)


@settings(max_examples=examples(50), deadline=None)
@given(chosen=scopes(), switched=switches, way=st.sampled_from(sorted(WAYS)))
def test_what_is_observed_is_what_is_there(chosen: list[Chosen], switched: Mapping[str, str], way: str) -> None:
    """Any centre, scope, server and way: every wanted slot of every active learner as the sandbox has it.

    Only where this server does not send a field is the slot UNREADABLE; where it leaves out empty fields, a slot that
    is empty may be, because nothing that was read proves that the field is ever sent.
    """
    centre = centre_with(switched)
    learners = [
        wanting(None if known else user, slots, misid(user) if known else None) for user, slots, known in chosen
    ]
    observed = centre.read(centre.declared(*learners), Capabilities(dict(WAYS[way])))
    for user, slots, by_misid in chosen:
        if is_archived(user):
            continue
        if by_misid:
            assert observed.misids[misid(user)] == user
        seen = observed.learners[UserId(user)]
        assert seen.standing == "active"
        for slot in slots:
            assert_right(centre, seen.slots[slot], slot, centre.truth(user, slot))


def assert_right(centre: Centre, holder: Holder, slot: Slot, truth: Holder) -> None:
    """The truth, or UNREADABLE where the server gives reason for that."""
    if holder is not Unread.UNREADABLE:
        assert holder == truth
        assert centre.is_sent(slot.kind) or slot == DEFAULT or truth in (Unread.AMBIGUOUS, Unread.NOT_HELD)
        return
    left_out = truth is None and centre.switches.empty_value == "omit"
    never_sent = not centre.is_sent(slot.kind) and truth not in (Unread.AMBIGUOUS, Unread.NOT_HELD)
    assert slot.kind is SlotKind.ADDITIONAL or never_sent or left_out


@settings(max_examples=examples(25), deadline=None)
@given(chosen=scopes(), switched=switches)
def test_every_way_observes_the_same(chosen: list[Chosen], switched: Mapping[str, str]) -> None:
    """On a server that sends its fields, all that is observed of the active learners, undeclared slots and placements
    included, does not depend on the way; nor does it depend on what was learnt before."""
    centre = centre_with({**switched, "empty_value": "null", "defaults_on_get": "present", "aim_staff_keys": "present"})
    active = [wanting(user, slots) for user, slots, _ in chosen if not is_archived(user)]
    readings = [
        centre.read(centre.declared(*active), Capabilities(dict(capabilities))) for capabilities in WAYS.values()
    ]
    first, *others = [shown(one) for one in readings]
    for other in others:
        assert other == first


def shown(observed: Observed) -> object:
    """Slots that are not declared may be left out or be UNREADABLE: a plan takes both for the same."""

    def read(slots: Mapping[Slot, Holder]) -> object:
        return {slot: held for slot, held in slots.items() if held is not Unread.UNREADABLE}

    learners = {user: (one.standing, one.placement, read(one.slots)) for user, one in observed.learners.items()}
    return observed.misids, observed.staff, learners


@pytest.mark.parametrize("value", ["null", "omit", "zero"])
def test_an_empty_field_is_nobody_however_it_is_written(value: str) -> None:
    """Nothing, 0 and no field at all say the same of a learner without a default assessor or employer."""
    centre = centre_with({"empty_value": value, "unit_search_without_user": "allowed"})
    observed = centre.read(centre.declared(*(wanting(200000 + n, [DEFAULT, EMPLOYER]) for n in (1, 2, 3, 15, 16))))
    assert observed.learners[UserId(200015)].slots[DEFAULT] is None
    for user, one in observed.learners.items():
        assert one.slots == {slot: centre.truth(user, slot) for slot in (DEFAULT, EMPLOYER)}


def test_a_list_s_rows_say_nothing_of_a_field_they_do_not_carry() -> None:
    """The paged list has default assessors and no employers; the employers are read, not taken for nobody."""
    centre = centre_with({})
    some = [wanting(200000 + n, [DEFAULT, EMPLOYER] if n % 2 else [DEFAULT]) for n in range(1, 41)]
    observed = centre.read(centre.declared(*some))
    assert any(one.slots.get(EMPLOYER) for one in observed.learners.values())
    for user, one in observed.learners.items():
        assert is_archived(user) or all(held == centre.truth(user, slot) for slot, held in one.slots.items())


@pytest.mark.parametrize("wanted", [[DEFAULT, EMPLOYER], [DEFAULT]])
def test_what_only_the_list_shows_is_taken_from_the_list(wanted: list[Slot]) -> None:
    """A server whose records lack the default assessor but whose rows have it: neither unreadable nor nobody, also for
    whoever stands alone on a page; the employer, whom neither shows, stays unreadable."""
    centre = centre_with({"defaults_on_get": "absent", "page_cap": "10"})
    learners = [n for n in (*range(1, 11), 25, 45) if not is_archived(200000 + n)]
    observed = centre.read(centre.declared(*(wanting(200000 + n, wanted) for n in learners)))
    for user, one in observed.learners.items():
        assert one.slots == {
            slot: centre.truth(user, DEFAULT) if slot == DEFAULT else Unread.UNREADABLE for slot in wanted
        }


def test_what_only_a_learner_s_own_aims_show_is_not_nobody_on_everybody_s_list() -> None:
    """A record that says more than the list's rows proves nothing of those rows, in either direction."""
    centre = centre_with({"defaults_on_get": "absent"})
    centre.read(centre.declared(*(wanting(200000 + n, [DEFAULT]) for n in range(1, 11))))
    assert centre.reader is not None
    assert centre.reader.sent_fields == set()
    assert centre.reader.known(DEFAULT, Unread.UNREADABLE) is Unread.UNREADABLE
    assert centre.reader.shows(DEFAULT.kind)


def test_everybody_s_list_says_nothing_of_a_field_that_it_does_not_carry() -> None:
    """Where aims do not name their IQA, nobody is not said to stand there, declared or not."""
    centre = centre_with({"iqa_key": "omit", "unit_search_without_user": "allowed"})
    observed = centre.read(centre.declared(*(wanting(200000 + n, list(_assessors(n))) for n in range(1, 11))))
    assert not any(path.startswith("POST /LearningAim/Search/1/50") for path in centre.paths)
    for one in observed.learners.values():
        assert all(one.slots.get(slot) is not None for slot in one.slots if slot.kind in IQA_KINDS)


def _assessors(number: int) -> Iterator[Slot]:
    for aim in WORLD.aims_of[200000 + number]:
        yield Slot(SlotKind.LEARNING_AIM_ASSESSOR, aim["StandardID"])


@pytest.mark.parametrize("way", sorted(WAYS))
def test_unmanaged_learners_change_nothing(way: str) -> None:
    """A centre of twice the size, of which the same learners are declared, is observed the same."""
    readings = []
    for centre in (Centre(learners=30), Centre(learners=60)):
        learners = [wanting(200000 + n, [DEFAULT, EMPLOYER]) for n in range(1, 11)]
        readings.append(shown(centre.read(centre.declared(*learners), Capabilities(dict(WAYS[way])))))
    assert readings[0] == readings[1]


def test_only_declared_defaults_are_kept() -> None:
    """A call that shows both defaults where one is declared adds nothing: the plan must not depend on the way."""
    centre = centre_with({"paged_user_fields": "same"})
    observed = centre.read(centre.declared(wanting(200004, [EMPLOYER])))
    assert {slot.kind for slot in observed.learners[UserId(200004)].slots} & DEFAULT_KINDS == {EMPLOYER.kind}


def test_a_placement_is_known_where_an_employer_is_declared_and_only_there() -> None:
    """Of the learner and of the declared employer, whether they change or stay: so it does not depend on the way."""
    centre = centre_with({})
    elsewhere = next(user for user in range(200005, 200060) if centre.truth(user, EMPLOYER) not in (None, MORGAN))
    moving, staying = wanting(elsewhere, [EMPLOYER]), wanting(200004, [EMPLOYER])
    assert centre.truth(200004, EMPLOYER) == MORGAN
    placement = WORLD.users[MORGAN]["PlacementID"]
    for learner in (moving, staying):
        observed = centre.read(centre.declared(learner, wanting(200002, [DEFAULT])))
        assert observed.staff[ORGANISATION, MORGAN].placement == placement
        assert observed.learners[learner.id or UserId(0)].placement == WORLD.users[learner.id or 0]["PlacementID"]
        assert observed.learners[UserId(200002)].placement is None


# ------------------------------------------------------------------ who is there


@settings(max_examples=examples(30), deadline=None)
@given(
    cap=st.sampled_from(["10", "50", "200"]),
    marker=st.sampled_from(["present", "absent"]),
    slots=st.sampled_from([[], [DEFAULT], [DEFAULT, EMPLOYER]]),
    rich=st.sampled_from(["rich", "same"]),
    others=st.integers(0, 30),
)
def test_whoever_is_not_an_active_learner_here_is_recognised(
    cap: str, marker: str, slots: list[Slot], rich: str, others: int
) -> None:
    """Archived learners, staff, learners of another organisation and ids that nobody has, in any scope."""
    centre = centre_with({"page_cap": cap, "archived_marker": marker, "paged_user_fields": rich})
    archived: AccountStatus = "archived" if marker == "present" else "not listed"
    expected = {200011: archived, int(KATE): "not listed", 920001: "not listed", 299999: "missing", 200004: "active"}
    crowd = [200020 + n for n in range(others) if not is_archived(200020 + n)]
    observed = centre.read(centre.declared(*(wanting(user, slots) for user in [*expected, *crowd])))
    assert {user: observed.learners[UserId(user)].standing for user in expected} == expected


@pytest.mark.parametrize(("staff", "standing"), [(KATE, "active"), (SOL, "archived")])
@pytest.mark.parametrize("way", sorted(WAYS))
def test_archived_staff_are_recognised(way: str, staff: UserId, standing: str) -> None:
    """The leaver is not among the active assessors; Kate is."""
    centre = centre_with({})
    learner = wanting(200004, [DEFAULT])
    slots = {DEFAULT: replace(learner.slots[DEFAULT], staff=staff)}
    observed = centre.read(centre.declared(replace(learner, slots=slots)), Capabilities(dict(WAYS[way])))
    assert observed.staff[ORGANISATION, staff].standing == standing


@pytest.mark.parametrize("way", ["as it comes", "one by one", "no unpaged list"])
@pytest.mark.parametrize("others", [0, 40])
def test_a_misid_of_two_learners_is_an_error_that_names_both(way: str, others: int) -> None:
    """By the list or by a search: no choice is made between them."""
    world = World.create(learners=LEARNERS)
    world.users[200007]["MISID"] = misid(200002)
    centre = Centre("name_filter=prefix", world=world)
    crowd = [wanting(200010 + n, [DEFAULT]) for n in range(others) if not is_archived(200010 + n)]
    observed = centre.read(
        centre.declared(wanting(None, [DEFAULT], misid(200002)), *crowd), Capabilities(dict(WAYS[way]))
    )
    (problem,) = observed.problems
    assert "200002, 200007" in problem.what
    assert observed.misids == {}


@pytest.mark.parametrize("kind", ["short_page", "changed_order"])
def test_a_list_that_hides_one_of_two_does_not_decide_a_misid(kind: str) -> None:
    """The unpaged list decides only once a page agrees with it on where the list ends: the last learner is there."""
    world = World.create(learners=LEARNERS)
    world.users[200060]["MISID"] = misid(200002)
    centre = Centre(world=world)
    learners = (wanting(None, [DEFAULT], misid(200002)), wanting(200004, [DEFAULT]))
    fault = Fault(kind, path="/User/Search", nth=1)  # type: ignore[arg-type]  # parametrised as text
    observed = centre.read(centre.declared(*learners), None, fault)
    assert observed.misids == {}
    assert "200002, 200060" in observed.problems[0].what


@pytest.mark.parametrize("way", ["as it comes", "one by one", "no unpaged list"])
def test_a_misid_is_compared_exactly_and_within_the_organisation(way: str) -> None:
    """LRN0000 is the beginning of several; LRN00002 is also a learner's of the other organisation; case counts."""
    centre = centre_with({"name_filter": "prefix"})
    wanted = ["LRN0000", misid(200002), "lrn00004", misid(200006)]
    observed = centre.read(
        centre.declared(*(wanting(None, [DEFAULT], one) for one in wanted)), Capabilities(dict(WAYS[way]))
    )
    assert observed.misids == {misid(200002): 200002, misid(200006): 200006}
    assert [problem.what.split()[-1] for problem in observed.problems] == ["LRN0000", "lrn00004"]


# ------------------------------------------------------------------ wrong answers


def test_an_aim_that_slipped_between_two_pages_is_looked_for_alone() -> None:
    """Somebody deletes an aim that was read already: every later one moves up, and one slips from page 2 to page 1."""
    world = World.create(learners=LEARNERS)
    active = [n for n in range(1, LEARNERS + 1) if not is_archived(200000 + n) and n % 40 not in (17, 23)]
    aims = world.centre.aims
    second = next(n for n in range(1, 15) if aims[n]["UserID"] == aims[n - 1]["UserID"])  # of its learner: not declared
    gone = aims[second]
    cut = next(
        n for n in range(15, 40) if aims[n]["UserID"] != aims[n - 1]["UserID"] and aims[n]["UserID"] - 200000 in active
    )
    centre = Centre(f"page_cap={cut}", world=world)
    declared = centre.declared(*(one for n in active for one in centre.typical(range(n, n + 1)).learners))

    def delete() -> None:
        aims.remove(gone)
        centre.world.aims_of[gone["UserID"]].remove(gone)

    observed = centre.read(declared, network=lambda inner: Meddling(inner, f"/LearningAim/Search/1/{cut}", delete))
    assert centre.paths.count("POST /LearningAim/Search/1/50") == 1
    for learner in declared.learners:
        seen = observed.learners[learner.id or UserId(0)]
        assert {slot: seen.slots[slot] for slot in learner.slots} == {
            slot: centre.truth(learner.id or 0, slot) for slot in learner.slots
        }


def test_a_learner_who_slipped_between_two_pages_is_read_alone() -> None:
    """Somebody archives a learner who was listed already; whoever is not on the page where they should be is asked for
    by id."""
    centre = Centre("page_cap=10", learners=LEARNERS)
    users = [n for n in range(2, LEARNERS + 1) if not is_archived(200000 + n)]
    declared = centre.declared(*(wanting(200000 + n, [DEFAULT]) for n in users))
    gone = centre.world.users[200001]
    observed = centre.read(
        declared,
        network=lambda inner: Meddling(inner, "/User/Search/1/1000", lambda: gone.update(DateArchived="2026-11-01")),
    )
    assert any(path.startswith("GET /User/") for path in centre.paths)
    for number in users:
        seen = observed.learners[UserId(200000 + number)]
        assert (seen.standing, seen.slots[DEFAULT]) == ("active", centre.truth(200000 + number, DEFAULT))


FAULTS = (
    *("repeated_page", "short_page", "changed_order"),
    *("error_before", "drop_after", "cut_length", "cut_json", "html"),
)
CLEAR = [n for n in range(1, 25) if not is_archived(200000 + n) and n % 40 not in (17, 23)]
"""Learners of whom every slot can be read: not archived, and with nothing held twice."""


@cache
def read_without_fault(cap: str, wide: str) -> tuple[Centre, Declared, object]:
    centre = centre_with({"page_cap": cap, "unit_search_without_user": wide})
    declared = centre.declared(*(one for n in CLEAR for one in centre.typical(range(n, n + 1)).learners))
    return centre, declared, declared_slots(declared, centre.read(declared))


def declared_slots(declared: Declared, observed: Observed) -> object:
    def slots(learner: DeclaredLearner) -> object:
        one = observed.learners[learner.id or UserId(0)]
        return one.standing, {slot: one.slots[slot] for slot in learner.slots}

    return observed.staff, {learner.id: slots(learner) for learner in declared.learners}


@settings(max_examples=examples(40), deadline=None)
@given(
    kind=st.sampled_from(FAULTS),
    nth=st.integers(1, 30),
    path=st.sampled_from(["*", "/User/Search", "/User/Search/*", "/LearningAim/*", "/UnitSummary/*"]),
    cap=st.sampled_from(["10", "50", "200"]),
    wide=st.sampled_from(["allowed", "refused"]),
)
def test_one_wrong_answer_never_makes_a_wrong_observation(kind: str, nth: int, path: str, cap: str, wide: str) -> None:
    """Wherever it strikes: the same is observed of every declared slot as without it, or the reading is an error."""
    centre, declared, true = read_without_fault(cap, wide)
    fault = Fault(kind, path=path, nth=nth)  # type: ignore[arg-type]  # drawn from the kinds
    with suppress(ServiceError):
        assert declared_slots(declared, centre.read(declared, None, fault)) == true
