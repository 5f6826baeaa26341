"""Accounts of staff as OneFile has them, whichever way they are read, without a call more where lists show them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onefile_sandbox.web_edits import edit
from onefile_sandbox.world import World
from reconciler.model.declared import Settings
from reconciler.model.observed import AccountStatus, SharedAccount, SharedIdentity
from reconciler.model.slots import Role, UserId
from reconciler.model.structs import replace
from reconciler.observed.staff_accounts import UNMARKED
from reconciler.onefile.capabilities import Capabilities
from reconciler.onefile.wire import ROLE_IDS
from tests.observed.centre import DEFAULT, KATE, ORGANISATION, PRIYA, SOL, Centre, wanting
from tests.observed.test_ways_agree import WAYS
from tests.onefile.servers import START

ROLES = {number: role for role, number in ROLE_IDS.items()}


def changed(world: World, *edits: Mapping[str, object]) -> World:
    for one in edits:
        world.commit(lambda one=one: edit(world, one, START), START, "edit")  # type: ignore[misc]
    return world


def staff_of(world: World) -> list[int]:
    return [
        user["ID"]
        for user in world.users.values()
        if user["Role"] in (5, 10) and user["OrganisationID"] == ORGANISATION
    ]


@settings(max_examples=40, deadline=None)
@given(data=st.data(), way=st.sampled_from(sorted(WAYS)), rich=st.sampled_from(["rich", "same"]))
def test_every_holder_and_every_declared_account_is_as_it_is_in_onefile(
    data: st.DataObject, way: str, rich: str
) -> None:
    """After any archivings and changes of role: archived where archived, of the role that it has, in every way."""
    world = World.create(learners=24)
    people = staff_of(world)
    gone = data.draw(st.sets(st.sampled_from(people), max_size=4))
    moved = data.draw(st.dictionaries(st.sampled_from(people), st.sampled_from([5, 10]), max_size=3))
    edits = [{"user": user, "archived": True} for user in sorted(gone)]
    changed(world, *edits, *({"user": user, "role": role} for user, role in sorted(moved.items())))
    centre = Centre(f"paged_user_fields={rich}", world=world)
    wanted = centre.typical(range(1, 11))
    observed = centre.read(wanted, Capabilities(dict(WAYS[way])))
    declared_accounts = {want.staff for learner in wanted.learners for want in learner.slots.values()}
    held = {
        centre.truth(learner.id or 0, slot)
        for learner in wanted.learners
        if observed.learners[learner.id or UserId(0)].standing == "active"
        for slot in learner.slots
    }
    for account in {user for user in held | declared_accounts if isinstance(user, int)}:
        user, seen = world.users[account], observed.staff[ORGANISATION, UserId(account)]
        expected: AccountStatus = "archived" if user["DateArchived"] else "active"
        assert seen.standing == expected
        if expected == "active":
            assert seen.role == ROLES[user["Role"]]


def test_holders_on_the_lists_cost_no_call() -> None:
    """A plan with the policy takes the calls of one without it, whoever holds the slots."""
    calls = []
    for level in ("warn", "off"):
        centre = Centre()
        wanted = replace(
            centre.typical(range(1, 21)), settings=Settings(ORGANISATION, policies={"staff_active": level})
        )  # type: ignore[dict-item]
        calls.append(centre.read(wanted).calls)
    assert calls[0] == calls[1]


@pytest.mark.parametrize("way", sorted(WAYS))
def test_a_changed_role_is_known(way: str) -> None:
    """Somebody declared as an assessor is an IQA now: on the list of IQAs, which this reading makes anyway."""
    centre = Centre(world=changed(World.create(learners=24), {"user": KATE, "role": 10}))
    wanted = centre.typical(range(1, 4))
    as_assessor = replace(next(one for one in wanted.staff.values() if one.id == KATE), role=Role.ASSESSOR)
    wanted = replace(wanted, staff={**wanted.staff, as_assessor.handle: as_assessor})
    seen = centre.read(wanted, Capabilities(dict(WAYS[way]))).staff[ORGANISATION, KATE]
    assert (seen.standing, seen.role) == ("not listed", Role.IQA)


@pytest.mark.parametrize("way", sorted(WAYS))
def test_two_accounts_with_one_misid_are_found(way: str) -> None:
    """Whatever list or record shows it; only ids are kept of it."""
    world = World.create(learners=24)
    world.users[KATE]["MISID"] = world.users[PRIYA]["MISID"] = "STAFF-7"
    centre = Centre(world=world)
    observed = centre.read(centre.typical(range(1, 4)), Capabilities(dict(WAYS[way])))
    assert SharedIdentity("misid", (SharedAccount(PRIYA), SharedAccount(KATE))) in observed.shared
    assert "STAFF-7" not in repr(observed)


def test_one_address_of_two_assessors_is_found_where_rows_show_it() -> None:
    """The paged list has addresses; that of a firm's employers is not compared."""
    world = World.create(learners=24)
    other = next(user for user in staff_of(world) if user not in (KATE, SOL) and world.users[user]["Role"] == 5)
    world.users[other]["Email"] = world.users[KATE]["Email"].upper()
    centre = Centre(world=world)
    observed = centre.read(centre.declared(wanting(200004, [DEFAULT])), Capabilities({"offers:roll": "no"}))
    first, second = sorted((KATE, UserId(other)))
    assert observed.shared == (SharedIdentity("email", (SharedAccount(first), SharedAccount(second))),)


@pytest.mark.parametrize("listed", ["omitted", "included"])
def test_an_archived_account_with_the_address_of_an_active_one_is_shown_as_archived(listed: str) -> None:
    """By its own record: of a holder, or of one on a list that does not mark who is archived."""
    world = World.create(learners=24)
    old = next(user for user in staff_of(world) if user not in (KATE, SOL) and world.users[user]["Role"] == 5)
    world.users[old]["Email"] = world.users[KATE]["Email"]
    changed(world, {"user": old, "archived": True}, {"user": 200004, "set": {"DefaultAssessorID": old}})
    centre = Centre(f"archived_in_search={listed}", "paged_user_fields=rich", world=world)
    wanted = centre.declared(wanting(200004, [DEFAULT]), wanting(200005, [DEFAULT]))
    known = {"offers:roll": "no", UNMARKED: "yes" if listed == "included" else "no"}
    observed = centre.read(wanted, Capabilities(known))
    accounts = (SharedAccount(UserId(KATE), "active"), SharedAccount(UserId(old), "archived"))
    assert SharedIdentity("email", tuple(sorted(accounts, key=lambda account: account.id))) in observed.shared
