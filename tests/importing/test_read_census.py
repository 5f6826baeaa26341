"""Census: all learners in scope and every slot that OneFile shows, and new files for which the next plan is empty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from onefile_sandbox.faults import Fault
from reconciler.declared.load import read_declared
from reconciler.importing.existing_state import Existing
from reconciler.importing.from_onefile import FileOptions, OneFileImport, import_census
from reconciler.importing.read_census import take_census
from reconciler.model.census import READABLE, Census, Scope
from reconciler.model.declared import Declared, Settings
from reconciler.model.slots import LEARNING_AIM_KINDS, UNIT_KINDS, Slot, SlotKind, Unread, UserId
from reconciler.onefile.capabilities import Capabilities
from reconciler.problems import BadAnswer, Invalid
from reconciler.runtime.state_files import cohort_text, settings_text, staff_text
from tests.factories import DAY
from tests.marks import in_long_runs
from tests.observed.centre import Told
from tests.worlds import JAMES, KATE, ORGANISATION, Trial, trial

WHOLE = Scope(ORGANISATION)
DEFAULT = Slot(SlotKind.DEFAULT_ASSESSOR)

WAYS = [
    (),
    ("paged_user_fields=same",),
    ("defaults_on_get=absent",),
    ("paged_user_fields=same", "defaults_on_get=absent"),
    ("aim_search_without_user=refused",),
    ("unit_search_without_user=allowed",),
    ("aim_staff_keys=omit",),
    ("iqa_key=omit", "unit_search_without_user=allowed"),
    ("iqa_key=IQAID",),
    ("iqa_key=InternalVerifierID", "empty_value=omit"),
    ("empty_value=omit", "paged_user_fields=same"),
    ("empty_value=zero",),
    ("unpaged=capped", "page_cap=7"),
    ("page_cap=7", "past_last_page=last_again"),
    ("page_cap=60", "past_last_page=empty"),
    ("archived_in_search=included",),
    ("archived_in_search=included", "archived_marker=absent", "paged_user_fields=same"),
    ("name_filter=prefix", "unknown_id_status=400"),
]


def census_of(
    here: Trial, scope: Scope = WHOLE, capabilities: Capabilities | None = None, told: Told | None = None
) -> Census:
    return here.read(lambda reader: take_census(scope, reader, capabilities or Capabilities(), told))


def files_of(made: OneFileImport, state: Path) -> Declared:
    """Write the import's files, and read them back."""
    (state / "cohorts").mkdir(parents=True)
    (state / "settings.yaml").write_text(settings_text(Settings(ORGANISATION)), "utf-8")
    (state / "staff.yaml").write_text(staff_text(made.staff), "utf-8")
    for cohort in made.cohorts:
        (state / "cohorts" / f"{cohort.name}.yaml").write_text(cohort_text(cohort), "utf-8")
    return read_declared(state, DAY)


def imported_from(census: Census) -> OneFileImport:
    return import_census(
        census, FileOptions(), settings_organisation=ORGANISATION, existing=Existing(), recorded={}, day=DAY
    )


def active(here: Trial) -> set[int]:
    users = here.world.users.values()
    return {
        user["ID"]
        for user in users
        if user["Role"] == 1 and user["OrganisationID"] == ORGANISATION and user["DateArchived"] is None
    }


def shown(here: Trial, switches: tuple[str, ...]) -> Iterator[tuple[int, Slot, UserId]]:
    """Every slot of an active learner that an active, listed account holds and that OneFile shows, once."""
    hidden = {SlotKind.ADDITIONAL}
    if "defaults_on_get=absent" in switches:
        hidden |= {SlotKind.DEFAULT_EMPLOYER}
        if "paged_user_fields=same" in switches:
            hidden |= {SlotKind.DEFAULT_ASSESSOR}
    if "aim_staff_keys=omit" in switches:
        hidden |= LEARNING_AIM_KINDS | UNIT_KINDS
    if "iqa_key=omit" in switches:
        hidden |= {SlotKind.LEARNING_AIM_IQA, SlotKind.UNIT_IQA}
    for user in sorted(active(here)):
        keys = [aim["StandardID"] for aim in here.world.aims_of.get(user, [])]
        keys += [unit["UnitID"] for unit in here.world.units_of.get(user, [])]
        for slot, who in here.held(user).items():
            is_there = who is not None and here.world.users[who]["DateArchived"] is None
            if is_there and who is not None and slot.kind not in hidden and keys.count(slot.key) <= 1:
                yield user, slot, UserId(who)


@pytest.mark.parametrize("switches", WAYS, ids=" ".join)
def test_the_plan_right_after_an_import_is_empty_and_the_files_have_all_that_is_shown(
    tmp_path: Path, switches: tuple[str, ...]
) -> None:
    """Nothing to write, nothing by hand, nothing set aside; and not because the files would say nothing."""
    with trial(tmp_path, *switches, learners=36) as here:
        here.edit({"user": 200002, "set": {"DefaultAssessorID": 121090}})  # an archived account
        here.edit({"user": 200003, "standard": 41240, "set": {"AssessorID": 910003}})  # another centre's
        wanted = files_of(imported_from(census_of(here)), tmp_path / "state")
        plan = here.plan(wanted)
        assert plan.in_sync
        assert plan.problems == ()
        asked = {(one.id, slot, want.staff) for one in wanted.learners for slot, want in one.slots.items()}
        stranger = (200003, Slot(SlotKind.LEARNING_AIM_ASSESSOR, 41240))
        expected = {found for found in shown(here, switches) if found[:2] != stranger}
        # a list that has archived accounts does not mark them; what they hold is declared as it is
        assert expected <= asked if "archived_in_search=included" in switches else expected == asked


@pytest.mark.parametrize("learners", [1000, *in_long_runs(5000)])
def test_a_large_centre_imports_to_an_empty_plan(tmp_path: Path, learners: int) -> None:
    """Read by its lists; the largest that is promised has 5,000 learners."""
    scope = Scope(ORGANISATION, kinds=READABLE - {SlotKind.DEFAULT_EMPLOYER})
    with trial(tmp_path, "unit_search_without_user=allowed", learners=learners) as here:
        census = census_of(here, scope)
        wanted = files_of(imported_from(census), tmp_path / "state")
        assert {one.id for one in wanted.learners} == active(here)
        assert here.plan(wanted).in_sync
        assert census.calls < learners / 20


# ------------------------------------------------------------------ scope


def test_a_class_a_placement_and_an_assessor_narrow_a_census(tmp_path: Path) -> None:
    """Each by what OneFile says of the learner; together they narrow further."""
    with trial(tmp_path, learners=45) as here:

        def those(**capabilities: int) -> set[int]:
            users = here.world.users
            return {one for one in active(here) if all(users[one][key] == value for key, value in capabilities.items())}  # type: ignore[literal-required]  # OneFile's names

        def found(**scope: frozenset[int]) -> set[int]:
            return {one.id for one in census_of(here, Scope(ORGANISATION, **scope)).learners}  # type: ignore[arg-type]  # ids

        assert found(classrooms=frozenset({3302})) == those(ClassroomID=3302) != set()
        assert found(placements=frozenset({8102})) == those(PlacementID=8102) != set()
        assert found(assessors=frozenset({JAMES})) == those(DefaultAssessorID=JAMES) != set()
        both = found(classrooms=frozenset({3301}), assessors=frozenset({JAMES}))
        assert both == those(ClassroomID=3301, DefaultAssessorID=JAMES) != set()


def test_a_narrow_census_asks_for_the_narrow_scope_alone(tmp_path: Path) -> None:
    """Rows of the list tell who is in a class, so that the others' records are not read."""
    with trial(tmp_path, learners=45) as here:
        narrow = census_of(here, Scope(ORGANISATION, classrooms=frozenset({3302})))
        assert narrow.calls < census_of(here).calls - 40


def test_a_narrow_census_of_a_server_with_poor_rows_finds_the_same(tmp_path: Path) -> None:
    """Then everybody's record is read to learn their class."""
    scope = Scope(ORGANISATION, classrooms=frozenset({3302}), assessors=frozenset({KATE, JAMES}))
    with trial(tmp_path, learners=45) as here, trial(tmp_path / "..", "paged_user_fields=same", learners=45) as poor:
        rich = census_of(here, scope).learners
        assert [one.id for one in census_of(poor, scope).learners] == [one.id for one in rich] != []


def test_what_a_server_does_not_show_cannot_narrow(tmp_path: Path) -> None:
    """No learner is taken to be in scope, or out of it, unseen."""
    with trial(tmp_path, "paged_user_fields=same", "defaults_on_get=absent") as here, pytest.raises(Invalid) as stop:
        census_of(here, Scope(ORGANISATION, assessors=frozenset({KATE})))
    assert "default assessor" in stop.value.problems[0].what


# ------------------------------------------------------------------ staff, calls, trouble


def test_everybody_on_a_list_of_staff_has_the_role_of_that_list(tmp_path: Path) -> None:
    """The active staff of this organisation, and nobody else's."""
    roles = {4: "trainee_assessor", 5: "assessor", 10: "iqa", 40: "employer", 45: "observer"}
    with trial(tmp_path) as here:
        census = census_of(here)
        expected = {
            user["ID"]: roles[user["Role"]]
            for user in here.world.users.values()
            if user["Role"] in roles and user["OrganisationID"] == ORGANISATION and user["DateArchived"] is None
        }
        assert {user: one.role.value for user, one in census.staff.items()} == expected


def test_a_holder_on_no_list_is_looked_up_once(tmp_path: Path) -> None:
    """So that it can be told whether the account is archived or somebody else's."""
    with trial(tmp_path) as here:
        for learner in (200002, 200005):
            here.edit({"user": learner, "set": {"DefaultAssessorID": 121090}})
        here.edit({"user": 200006, "set": {"DefaultAssessorID": 910003}})
        assert census_of(here).elsewhere == {121090: "archived", 910003: "not listed"}


def test_an_archived_learner_is_left_out_and_counted(tmp_path: Path) -> None:
    """Where OneFile lists one at all."""
    with trial(tmp_path, "archived_in_search=included") as here:
        census = census_of(here)
        assert census.archived == 1
        assert {one.id for one in census.learners} == active(here)


def test_the_calls_are_told_before_most_are_spent(tmp_path: Path) -> None:
    """And what is spent in the end is what was told, but for a look at the end of an empty list."""
    told = Told()
    with trial(tmp_path, learners=45) as here:
        census = census_of(here, told=told)
    [(spent, remaining)] = told.forecasts
    assert spent < 25
    assert spent + remaining <= told.heard[-1] <= spent + remaining + 5
    assert told.heard[-1] == census.calls


def test_a_list_that_fails_makes_no_census(tmp_path: Path) -> None:
    """Whoever could not be read is not taken to be gone."""
    with trial(tmp_path, "page_cap=7") as here:
        here.arm(Fault("repeated_page", path="/User/Search/*", nth=2, times=50))
        with pytest.raises(BadAnswer):
            census_of(here)


def test_without_a_kind_of_slot_its_calls_are_spared(tmp_path: Path) -> None:
    """A row shows the default assessor, so that without employers and units hardly a record is read."""
    lean = READABLE - {SlotKind.DEFAULT_EMPLOYER} - UNIT_KINDS
    with trial(tmp_path, learners=45) as here:
        census = census_of(here, Scope(ORGANISATION, kinds=lean))
        assert census.calls < 20
        assert {slot.kind for one in census.learners for slot in one.slots} == lean
        assert all(held is not Unread.UNREADABLE for one in census.learners for held in one.slots.values())
