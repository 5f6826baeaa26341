"""Names for new handles and cohorts: from ids unless names are wanted, and never two the same."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.importing.naming import cohort_name_fault, cohort_names, folded, handles, persons
from reconciler.model.census import CensusStaff
from reconciler.model.slots import Handle, Role, UserId

FORM = re.compile("[a-z][a-z0-9-]{0,63}")


def account(number: int, name: str, role: Role = Role.ASSESSOR, email: str = "") -> CensusStaff:
    return CensusStaff(UserId(number), role, "", name, email)


def named(*staff: CensusStaff, taken: dict[UserId, Handle] | None = None) -> list[str]:
    return list(handles(staff, names=True, taken=taken or {}).values())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Kate Anderson", "kate-anderson"),
        ("Zoë O'Brien-Müller", "zoe-obrien-muller"),
        ("Łukasz Strauß", "lukasz-strauss"),
        ("李 小龍", ""),
        ("x" * 80, "x" * 64),
    ],
)
def test_names_are_folded_to_plain_letters(name: str, expected: str) -> None:
    """What a handle may consist of; nothing is left of a name in another script."""
    assert folded(name) == expected


def test_without_names_a_handle_is_role_and_id() -> None:
    """Nothing of the person, whatever OneFile sent."""
    staff = [account(132757, "Kate Anderson"), account(135510, "Robin Tregarth", Role.TRAINEE_ASSESSOR)]
    assert list(handles(staff, names=False, taken={}).values()) == ["assessor-132757", "trainee-assessor-135510"]


def test_whoever_shares_a_name_is_told_apart_by_role_and_else_by_id() -> None:
    """All of them, so that none looks like the only one."""
    james = [account(1, "James Fayre"), account(2, "James Fayre", Role.IQA)]
    assert named(*james) == ["james-fayre-assessor", "james-fayre-iqa"]
    assert named(*james, account(3, "James Fayre")) == ["james-fayre-1", "james-fayre-iqa", "james-fayre-3"]


def test_a_handle_that_is_in_use_stays_and_is_nobody_elses() -> None:
    """The files name it already."""
    taken = {UserId(1): Handle("kate"), UserId(9): Handle("james-fayre")}
    assert named(account(1, "Kate Anderson"), account(2, "James Fayre"), taken=taken) == [
        "kate",
        "james-fayre-assessor",
    ]


names = st.sampled_from(["Al", "Al Iqa", "Al 1", "assessor 2", "Assessor-3", "1 Al", "李", ""])


@given(st.lists(st.tuples(names, st.sampled_from(Role)), max_size=8))
def test_handles_are_well_formed_and_differ(people: list[tuple[str, Role]]) -> None:
    """However unlucky the names, such as one that looks like somebody else's id."""
    staff = [account(number, name, role) for number, (name, role) in enumerate(people, 1)]
    found = named(*staff)
    assert len(set(found)) == len(staff)
    assert all(FORM.fullmatch(one) for one in found)


def test_accounts_with_one_address_are_one_person() -> None:
    """Of assessors and IQAs; a firm's employers may share an address."""
    staff = [
        account(1, "", email="James@college.example"),
        account(2, "", Role.IQA, "james@college.example"),
        account(3, "", Role.EMPLOYER, "office@firm.example"),
        account(4, "", Role.EMPLOYER, "office@firm.example"),
        account(5, ""),
        account(6, ""),
    ]
    assert persons(staff, handles(staff, names=False, taken={})) == {1: "assessor-1", 2: "assessor-1"}


def test_cohorts_are_called_by_their_classes_ids_or_names() -> None:
    """A name that two classes have gets the id as well."""
    rooms = [1, 2, 3, None]
    assert cohort_names(rooms, {}) == {1: "class-1", 2: "class-2", 3: "class-3", None: "no-class"}
    called = {1: "Care (Tue)", 2: "Café", 3: "cafe"}
    assert cohort_names(rooms, called) == {1: "care-tue", 2: "cafe-2", 3: "cafe-3", None: "no-class"}
    assert cohort_names([1, 2], {1: "A 2", 2: "A"}) == {1: "a-2", 2: "a", None: "no-class"}
    assert cohort_names([1, 2, 3], {1: "A-2", 2: "A", 3: "A"})[1] in ("a-2", "class-1")


@pytest.mark.parametrize(("name", "fits"), [("care-l3", True), ("3-care", True), ("Care L3", False), ("", False)])
def test_a_cohort_name_that_cannot_be_one_is_told_with_one_that_can(name: str, fits: bool) -> None:
    """Before any call is spent."""
    assert (cohort_name_fault(name) is None) == fits
