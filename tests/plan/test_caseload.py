"""Caseloads: learners, not slots, per member of staff, before and after."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.model.plan import CaseloadRow, Holding
from reconciler.model.slots import Handle, Holder, Role, Slot
from reconciler.model.structs import replace
from reconciler.plan.caseload import caseload
from tests.factories import (
    AIM,
    AIM_2,
    AIM_IQA,
    DEFAULT,
    JAMES,
    KATE,
    LEARNER,
    PRIYA,
    UNIT,
    UNIT_IQA,
    change,
    declared,
    learner,
    member,
)
from tests.factories import observed as reading

OTHER = 200005


def rows(**options: bool) -> dict[str, CaseloadRow]:
    """Kate's two learners, of whom James takes the default of one; Priya quality-assures."""
    held: Mapping[Slot, Holder] = {DEFAULT: KATE, AIM: KATE, AIM_2: KATE, AIM_IQA: PRIYA, UNIT_IQA: PRIYA}
    seen = reading({LEARNER: held, OTHER: {DEFAULT: KATE, UNIT: JAMES}})
    changes = [change(DEFAULT, KATE, JAMES), change(AIM_IQA, PRIYA, PRIYA)]
    return {row.handle: row for row in caseload(declared(), seen, changes, **options)}


def test_learners_are_counted_not_slots() -> None:
    """Kate holds three slots of one learner and one of another: two learners."""
    assert rows()["kate-anderson"].before == Holding(default=2, learning_aim=1, unit=0, learners=2)
    assert rows()["kate-anderson"].after == Holding(default=1, learning_aim=1, unit=0, learners=2)
    assert rows()["james-fayre"].before == Holding(unit=1, learners=1)
    assert rows()["james-fayre"].after == Holding(default=1, unit=1, learners=2)


def test_only_those_whom_the_plan_touches_have_a_row() -> None:
    """Priya's slots stay as they are, so she is not listed, unless everyone is asked for."""
    assert list(rows()) == ["james-fayre", "kate-anderson"]
    assert list(rows(everyone=True)) == ["james-fayre", "kate-anderson", "priya-shah"]


def test_an_iqa_is_counted_by_iqa_slots() -> None:
    """The learning aim and unit columns of an IQA count what they quality-assure, and nothing else."""
    row = rows(everyone=True)["priya-shah"]
    assert row.before == row.after == Holding(learning_aim=1, unit=1, learners=1)
    assert caseload(declared(), reading({LEARNER: {DEFAULT: PRIYA, AIM: PRIYA}}), [], everyone=True) == ()


def test_everyone_includes_staff_with_a_declared_caseload_and_no_learner() -> None:
    """A target is shown even where nobody is held yet; an employer never is."""
    staff = [member("kate-anderson", KATE, target=30), member("boss", 1, Role.EMPLOYER, target=3), member("new", 2)]
    found = caseload(declared(staff=staff), reading({}), [], everyone=True)
    assert found == (CaseloadRow(Handle("kate-anderson"), KATE, Holding(), Holding(), target=30),)


def test_a_row_shows_the_target_and_the_maximum_it_is_read_against() -> None:
    """A reviewer need not look them up."""
    staff = [member("kate-anderson", KATE, target=30, maximum=40), member("james-fayre", JAMES, maximum=12)]
    found = caseload(declared(staff=staff), reading({}), [], everyone=True)
    assert [(row.target, row.maximum) for row in found] == [(None, 12), (30, 40)]


def test_everyone_includes_who_comes_and_who_goes() -> None:
    """Holding somebody on either side of the plan is enough."""
    found = caseload(declared(), reading({LEARNER: {DEFAULT: KATE}}), [change(DEFAULT, KATE, JAMES)], everyone=True)
    assert [(row.handle, row.before.learners, row.after.learners) for row in found] == [
        ("james-fayre", 0, 1),
        ("kate-anderson", 1, 0),
    ]


def test_who_fills_an_empty_slot_has_a_row() -> None:
    """Nobody is displaced there, and one caseload grows."""
    (row,) = caseload(declared(), reading({LEARNER: {AIM: None}}), [change(AIM, None, JAMES)])
    assert (row.handle, row.before.learners, row.after.learners) == ("james-fayre", 0, 1)


def test_an_archived_learner_is_nobodys_work() -> None:
    """OneFile leaves the assessor on an archived learner; the caseload does not count them."""
    seen = reading({LEARNER: {DEFAULT: KATE}}, standing={LEARNER: "archived"})
    assert caseload(declared(), seen, [], everyone=True) == ()


def test_a_learner_left_alone_gives_nobody_a_row() -> None:
    """A blocked change touches nobody's caseload."""
    blocked = change(DEFAULT, KATE, JAMES, action="no-op", blocked="archived")
    assert caseload(declared(), reading({LEARNER: {DEFAULT: KATE}}), [blocked]) == ()


def test_a_caseload_is_of_the_whole_person_in_any_scope() -> None:
    """Learners whom the scope leaves out count as the files have them, also those known by MISID only."""
    mine = learner({DEFAULT: JAMES}, LEARNER)
    others = (learner({DEFAULT: JAMES, AIM: KATE}, OTHER), replace(mine, id=None, misid="LRN00042"))
    scope = replace(declared(mine), everyone=(mine, *others), left_out=2)
    found = caseload(scope, reading({LEARNER: {DEFAULT: KATE}}), [change(DEFAULT, KATE, JAMES)])
    assert [(row.handle, row.before.learners, row.after.learners) for row in found] == [
        ("james-fayre", 2, 3),
        ("kate-anderson", 2, 1),
    ]


def test_everybody_in_scope_is_counted_as_onefile_holds_them() -> None:
    """A plan of all learners asks the files for nothing that OneFile shows."""
    mine = learner({DEFAULT: JAMES}, LEARNER)
    whole = replace(declared(mine), everyone=(mine,))
    (row,) = caseload(whole, reading({LEARNER: {DEFAULT: KATE}}), [], everyone=True)
    assert (row.handle, row.before.learners) == ("kate-anderson", 1)
