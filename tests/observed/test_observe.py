"""What is observed, planned against what is really there: a declaration of the truth is no change."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.model.slots import Slot, SlotKind, UserId
from tests.worlds import KATE, ORGANISATION, SOL, Trial, Wants, trial

ARCHIVED = UserId(200011)
DEFAULT, AIM = Slot(SlotKind.DEFAULT_ASSESSOR), Slot(SlotKind.LEARNING_AIM_ASSESSOR, 41240)


def truth(here: Trial, learners: range) -> Wants:
    """What every active learner of the range really holds, where it can be declared: by somebody active, once."""
    wants: dict[int, dict[Slot, int | None]] = {}
    for user in learners:
        if here.world.users[user]["DateArchived"] is None and user % 40 not in (17, 23):  # who hold something twice
            wants[user] = here.held(user)
    return wants


@pytest.mark.parametrize(
    "switches",
    [
        (),
        ("iqa_key=InternalVerifierID", "empty_value=omit"),
        ("paged_user_fields=same", "empty_value=zero"),
        ("past_last_page=last_again", "page_cap=50"),
        ("page_cap=7",),
        ("unpaged=capped", "page_cap=20"),
        ("aim_search_without_user=refused", "unit_search_without_user=allowed"),
        ("archived_in_search=included",),
        ("unknown_id_status=400", "error_body=text"),
    ],
    ids=lambda switches: " ".join(switches) or "usual",
)
def test_a_declaration_of_what_is_there_plans_nothing(tmp_path: Path, switches: tuple[str, ...]) -> None:
    """Every slot of a whole centre, whatever its OneFile is like: no write, no manual step, nothing set aside."""
    with trial(tmp_path, *switches, learners=60) as here:
        plan = here.plan(here.declared(truth(here, range(200001, 200061))))
        assert len(plan.changes) > 500
        assert not [row for row in plan.changes if row.action != "no-op" or row.blocked]
        assert plan.in_sync
        assert not here.effects()


@pytest.mark.parametrize("switch", ["aim_staff_keys=omit", "iqa_key=omit", "defaults_on_get=absent"])
def test_what_is_not_shown_is_unknown_and_never_a_displacement(tmp_path: Path, switch: str) -> None:
    """A field that OneFile does not send is not an empty one: nobody is said to give way."""
    with trial(tmp_path, switch, "paged_user_fields=same") as here:
        plan = here.plan(here.declared(truth(here, range(200001, 200009))))
        moving = [row for row in plan.changes if row.action != "no-op"]
        assert moving
        assert {(row.action, row.reason) for row in moving} == {("create", "unknown")}


def test_an_archived_learner_is_known_for_one(tmp_path: Path) -> None:
    """Hidden from searches, as is likely: the learner's own record tells."""
    with trial(tmp_path) as here:
        for slots in ({DEFAULT: KATE}, {AIM: KATE}):
            assert here.observe(here.declared({ARCHIVED: slots})).learners[ARCHIVED].standing == "archived"


def test_an_archived_learner_is_known_where_searches_show_archived_users(tmp_path: Path) -> None:
    """That unknown of the API can go either way, and every write to this learner would be refused."""
    with trial(tmp_path, "archived_in_search=included") as here:
        assert here.observe(here.declared({ARCHIVED: {AIM: KATE}})).learners[ARCHIVED].standing == "archived"


def test_archived_staff_are_known_where_searches_show_archived_users(tmp_path: Path) -> None:
    """Nobody is to be handed to somebody who has left."""
    with trial(tmp_path, "archived_in_search=included") as here:
        seen = here.observe(here.declared({200001: {DEFAULT: SOL}}))
        assert seen.staff[ORGANISATION, SOL].standing == "archived"
