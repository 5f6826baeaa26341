"""Placements of employers, and employers where reviews need one: judged only where read, and read cheaply."""

from __future__ import annotations

import pytest

from reconciler.model.declared import Declared, Level, Settings, Wanted
from reconciler.model.slots import OrganisationId, SlotKind, Unread, UserId
from reconciler.model.structs import replace
from reconciler.onefile.capabilities import Capabilities
from tests.observed.centre import DEFAULT, EMPLOYER, NO_LISTS, ORGANISATION, Centre, wanting


def everybody_as_is(centre: Centre, level: Level = "warn") -> Declared:
    """Every learner with the default employer they have."""
    learners = []
    for number in range(1, 50):
        learner, held = wanting(200000 + number, [EMPLOYER]), centre.truth(200000 + number, EMPLOYER)
        if held is not None and not isinstance(held, Unread):
            want = replace(learner.slots[EMPLOYER], staff=held)
            learners.append(replace(learner, slots={EMPLOYER: want}))
    settings = Settings(ORGANISATION, policies={"employer_placement": level})
    return replace(centre.declared(*learners), settings=settings)


def employers(declared: Declared) -> set[UserId | None]:
    return {learner.slots[EMPLOYER].staff for learner in declared.learners}


@pytest.mark.parametrize("switches", [[], ["paged_user_fields=same"]], ids=str)
@pytest.mark.parametrize("capabilities", [{}, NO_LISTS], ids=["lists", "no lists"])
def test_every_default_employers_placement_is_known_whichever_way_it_comes(
    switches: list[str], capabilities: dict[str, str]
) -> None:
    """From rows of the employers' list where they tell, from records where not; told before it is spent."""
    centre = Centre(*switches, learners=60)
    declared = everybody_as_is(centre)
    assert len(employers(declared)) == 5
    observed = centre.read(declared, Capabilities(dict(capabilities)))
    told = {user: account.placement for (_, user), account in observed.staff.items()}
    assert told == {user: centre.world.users[user]["PlacementID"] for user in employers(declared) if user}
    spent, remaining = centre.told.forecasts[0]
    assert spent + remaining == observed.calls


def test_a_page_of_employers_is_cheaper_than_each_of_them() -> None:
    """One page where rows tell; a record each where they do not, and after the first time without another look."""
    calls = {}
    for fields in ("rich", "same"):
        centre = Centre(f"paged_user_fields={fields}", learners=60)
        off, capabilities = everybody_as_is(centre, "off"), Capabilities()
        for _ in range(2):
            calls[fields] = (
                centre.read(everybody_as_is(centre), capabilities).calls - centre.read(off, capabilities).calls
            )
    assert calls["rich"] == 1
    assert calls["same"] == len(employers(off))


def test_no_placement_is_asked_for_while_the_policy_is_off() -> None:
    """Nobody needs it then: neither plan nor policy."""
    centre = Centre(learners=60)
    observed = centre.read(everybody_as_is(centre, "off"))
    assert {account.placement for account in observed.staff.values()} == {None}
    probed = [path for path in centre.paths if path.startswith("GET /User/1")]
    assert len(probed) == 1  # whether lists have archived users, of the first employer on one


def test_where_reviews_need_an_employer_everybodys_is_read() -> None:
    """Declared or not; and where they do not, or the policy is off, no call is spent on it."""
    centre = Centre(learners=60)
    plain = centre.declared(*(wanting(200000 + number, [DEFAULT]) for number in range(1, 9)))
    sides: dict[str, Settings] = {
        "asked": Settings(ORGANISATION, employer_signs=True),
        "off": Settings(ORGANISATION, employer_signs=True, policies={"coverage": "off"}),
        "not asked": Settings(OrganisationId(5740)),
    }
    read = {name: centre.read(replace(plain, settings=one)) for name, one in sides.items()}
    for user, seen in read["asked"].learners.items():
        assert seen.slots[EMPLOYER] == centre.truth(user, EMPLOYER)
        assert seen.placement is None  # that is only of use beside a declared employer
    assert read["off"].learners == read["not asked"].learners
    assert not any(
        slot.kind is SlotKind.DEFAULT_EMPLOYER for one in read["off"].learners.values() for slot in one.slots
    )
    assert read["off"].calls == read["not asked"].calls <= read["asked"].calls


def test_nobody_declared_as_employer_has_no_placement_to_ask_for() -> None:
    """An employer slot that shall be empty names nobody."""
    centre = Centre()
    learner = wanting(200004, [EMPLOYER])
    nobody = Wanted(None, None, learner.source)
    observed = centre.read(centre.declared(replace(learner, slots={EMPLOYER: nobody})))
    assert observed.staff == {}
