"""What a value shows of itself, and when two are one."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from datetime import date

import pytest

import reconciler
from reconciler.model.census import CensusLearner, CensusStaff
from reconciler.model.declared import Staff, Wanted
from reconciler.model.slots import Handle, Role, UserId
from reconciler.model.structs import EqualIgnoringSource, RedactedRepr, Struct, replace
from reconciler.problems import Source

NO_SECRET = {"Lease"}  # its token tells one run from another, and opens nothing
HERE, THERE = Source("state/staff.yaml", 3), Source("state/staff.yaml", 7)


def structs() -> Iterator[type[Struct]]:
    """Every struct of the program."""
    for module in pkgutil.walk_packages(reconciler.__path__, "reconciler."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found = list(Struct.__subclasses__())
    while found:
        one = found.pop()
        found += one.__subclasses__()
        if one.__module__.startswith("reconciler."):
            yield one


def is_private(one: type[Struct]) -> bool:
    """Has a secret, an address, or the names of people."""
    names = one.__annotations__.get("names", "").lower()
    return bool({"email", "token"} & set(one.__struct_fields__)) or "mapping" in names or "dict" in names


def test_no_value_shows_a_secret_or_a_name() -> None:
    """Logs, tracebacks and failed tests print values as they are."""
    private = [one for one in structs() if is_private(one) and one.__name__ not in NO_SECRET]
    assert {"Observed", "Plan", "CensusStaff", "WorkflowEnvironment"} <= {one.__name__ for one in private}
    assert [one for one in private if not issubclass(one, RedactedRepr)] == []


def test_a_discreet_value_shows_the_rest() -> None:
    """An id leads whoever may to the person."""
    someone = CensusStaff(UserId(122762), Role.ASSESSOR, "A77", name="Robin Example", email="r@example.com")
    assert "122762" in repr(someone) and "Role.ASSESSOR" in repr(someone)
    assert "Robin" not in f"{[someone]} {someone}" and "example.com" not in repr(someone)
    assert "Robin" not in repr(CensusLearner(UserId(200004), "L77", None, {}, name="Robin Example"))


@pytest.mark.parametrize("staff", [UserId(122762), None])
def test_what_asks_for_the_same_is_equal_wherever_it_stands(staff: UserId | None) -> None:
    """Moved down by a line, a declaration has not changed; with another holder, it has."""
    here, there = Wanted(staff, Handle("kate"), HERE), Wanted(staff, Handle("kate"), THERE)
    assert here == there and len({here, there}) == 1
    assert here != Wanted(UserId(1), Handle("kate"), HERE)
    assert here != Wanted(staff, Handle("kate"), HERE, "cover")


def test_only_values_of_one_kind_are_equal() -> None:
    """A member of staff is no holder, whatever both are made of."""

    class Other(EqualIgnoringSource, Struct, frozen=True):
        day: date
        source: Source

    class Like(EqualIgnoringSource, Struct, frozen=True):
        day: date
        source: Source

    assert Other(date(2026, 1, 1), HERE) != Like(date(2026, 1, 1), HERE)
    assert Other(date(2026, 1, 1), HERE) == Other(date(2026, 1, 1), THERE)
    member = Staff(Handle("kate"), UserId(1), Role.ASSESSOR, source=HERE)
    assert replace(member, source=THERE) == member != replace(member, person="kate")
