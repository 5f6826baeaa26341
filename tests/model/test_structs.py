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


def private_fields(struct: type[Struct]) -> set[str]:
    """Fields with a secret, an address, an answer of OneFile's, or the names of people."""
    fields = set(struct.__struct_fields__)
    private = fields & {"email", "handed", "token", "variables"}
    if struct.__annotations__.get("store") == "str":  # an address, maybe with a password
        private.add("store")
    names = struct.__annotations__.get("names", "").lower()
    if "mapping" in names or "dict" in names:
        private.add("names")
    if private or issubclass(struct, RedactedRepr):
        private |= fields & {"body", "location", "name"}
    return private


def test_no_value_shows_a_secret_or_a_name() -> None:
    """Logs, tracebacks and failed tests print values as they are."""
    private = {
        struct: fields
        for struct in structs()
        if (fields := private_fields(struct)) and struct.__name__ not in NO_SECRET
    }
    assert {"Observed", "Plan", "CensusStaff", "WorkflowEnvironment"} <= {struct.__name__ for struct in private}
    assert [struct for struct in private if not issubclass(struct, RedactedRepr)] == []
    assert [struct for struct, fields in private.items() if set(struct.hidden) != fields] == []  # type: ignore[attr-defined]


def test_what_is_hidden_or_not_compared_is_a_field() -> None:
    """A field that was renamed would be shown, or compared, without anybody noticing."""
    for struct in structs():
        for names in (getattr(struct, "hidden", ()), getattr(struct, "not_compared", ())):
            assert set(names) <= set(struct.__struct_fields__), struct


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
