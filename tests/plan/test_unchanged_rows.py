"""Compact rows of unchanged slots: the plan that is read back is the plan that was saved, whatever its slots."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.model.plan import Change, Plan
from reconciler.model.slots import SlotKind, Unread
from reconciler.model.structs import replace
from reconciler.plan.document import dumps, from_document, plan_faults, to_document
from reconciler.problems import Invalid, Source
from tests.factories import AIM, DEFAULT, EMPLOYER, JAMES, KATE, LEE, UNIT, UNIT_IQA, additional, change, plan_of
from tests.plan.test_document import TEXT, at, changes, leaves, plans, refused, signed

HOLDERS = st.sampled_from([KATE, JAMES, LEE])
SLOTS = [DEFAULT, EMPLOYER, AIM, UNIT, UNIT_IQA, additional(LEE)]


@st.composite
def unchanged(draw: st.DrawFn) -> Change:
    """A slot as declared, of one of three learners, who may have a line, a file and a label for each slot."""
    slot = draw(st.sampled_from(SLOTS))
    holder = LEE if slot.kind is SlotKind.ADDITIONAL else draw(HOLDERS)
    row = change(slot, holder, holder, learner=draw(st.sampled_from([200004, 200005, 200006])))
    return replace(
        row,
        label=draw(st.sampled_from(["LRN-1", ""]) | TEXT),
        reason=draw(st.sampled_from(["declared", "cover"])),
        recorded=draw(st.booleans()),
        source=Source(draw(st.sampled_from(["state/cohorts/a.yaml", "state/staff.yaml"])), draw(st.integers(0, 99))),
    )


def in_order(rows: Sequence[Change]) -> list[Change]:
    return sorted(rows, key=lambda row: (row.cohort, row.learner, row.slot.order()))


ROWS = st.lists(unchanged() | changes(), max_size=8, unique_by=lambda row: (row.learner, row.slot)).map(in_order)


def compact(plan: Plan) -> Any:
    return json.loads(dumps(to_document(plan, full=False)).encode())


def labelled(label: str) -> list[Change]:
    return [replace(change(DEFAULT, KATE, KATE), label=label)]


@given(ROWS)
@example(labelled("".join(map(chr, range(128)))))
@example(labelled("\x7f"))
@example(labelled("Zoë"))
@example(labelled("half a pair: \udc80"))
def test_the_faster_encoder_writes_what_json_writes(rows: Sequence[Change]) -> None:
    """Plans of every version have the same digest, whichever characters they hold."""
    document = to_document(plan_of(rows), full=False)
    assert signed(document) == document
    written = dumps(document)
    for row in document.get("unchanged", ()):
        text = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
        assert f"\n  {text.encode('utf-8', 'backslashreplace').decode()}" in written


def lines(plan: Plan) -> list[Source]:
    return [row.source for row in plan.changes]


@given(ROWS)
def test_a_plan_survives_its_compact_document(rows: Sequence[Change]) -> None:
    """With each line of the files, and with the fingerprint, the full rows and the schema of the same plan."""
    plan = plan_of(rows)
    document = compact(plan)
    assert plan_faults(document) == []
    again = from_document(document)
    assert (again, lines(again)) == (plan, lines(plan))
    assert to_document(again) == to_document(plan)
    assert document["fingerprint"] == to_document(plan)["fingerprint"]


@given(plans())
def test_rows_in_any_order_survive_as_well(plan: Plan) -> None:
    """A plan whose order does not follow from its content has a row for each slot."""
    again = from_document(compact(plan))
    assert (again, lines(again)) == (plan, lines(plan))


def test_a_slot_that_differs_has_a_row_of_its_own() -> None:
    """Whatever differs: the holder, what is known of it, what was set aside, what was asked for before."""
    same = change(DEFAULT, KATE, KATE)
    others = [
        change(EMPLOYER, KATE, JAMES),
        change(AIM, None, None),
        change(UNIT, Unread.UNREADABLE, None),
        change(UNIT_IQA, KATE, KATE, blocked="archived"),
        replace(change(DEFAULT, KATE, KATE, learner=200005), held="report"),
        replace(change(EMPLOYER, KATE, KATE, learner=200005), pending=True),
        replace(change(AIM, KATE, KATE, learner=200005), held="writer", writer="mis"),
    ]
    document = compact(plan_of([same, *others]))
    assert len(document["resource_changes"]) == len(others)
    assert document["unchanged"][0]["learners"] == [[same.learner, same.label, 0, [KATE], [same.source.line]]]


def test_a_hundred_learners_with_the_same_slots_have_one_shape() -> None:
    """So a learner takes some sixty bytes, however many slots there are."""
    rows = [
        change(slot, staff, staff, learner=200000 + learner)
        for learner in range(100)
        for slot, staff in ((DEFAULT, KATE), (EMPLOYER, LEE), (AIM, KATE), (UNIT, JAMES))
    ]
    document = compact(plan_of(rows))
    assert (document["resource_changes"], len(document["unchanged_shapes"])) == ([], 1)


# ------------------------------------------------------------------ altered documents

PLAN = plan_of(
    in_order(
        [
            change(DEFAULT, KATE, JAMES),
            change(EMPLOYER, LEE, LEE),
            change(UNIT, KATE, KATE),
            change(additional(LEE), LEE, LEE, recorded=True),
            change(DEFAULT, KATE, KATE, learner=200005),
        ]
    )
)
LEAVES = [path for path in leaves(compact(PLAN)) if path[0].startswith("unchanged")]


@given(st.sampled_from(LEAVES), st.none() | st.booleans() | st.integers() | TEXT | st.just({}) | st.just([]))
def test_an_altered_value_is_refused_and_signed_anew_is_never_a_traceback(path: tuple[Any, ...], value: object) -> None:
    """Positions outside their list, keys of another kind, lines that are too few."""
    document = compact(PLAN)
    place, key = at(document, path)
    altered = (type(place[key]), place[key]) != (type(value), value)
    place[key] = value
    assert refused(document) or not altered
    refused(signed(document))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("unchanged", 0, "learners", 0, 2), 2),
        (("unchanged", 0, "learners", 0, 3), []),
        (("unchanged", 0, "learners", 0, 4), [1]),
        (("unchanged", 0, "learners", 1, 0), 200004),
        (("unchanged_shapes", 0, 0, "holder"), 9),
        (("unchanged_shapes", 0, 2, "key"), 41242),
        (("unchanged_shapes", 0, 1, "key"), "of no kind"),
        (("unchanged_shapes", 0, 1, "type"), "unit_assessor"),
        (("unchanged_shapes", 1, 0), {"type": "default_employer", "holder": 0, "key": 1}),
    ],
    ids=str,
)
def test_compact_rows_that_do_not_belong_together_are_refused(path: tuple[Any, ...], value: object) -> None:
    """Also if somebody has signed them anew: a slot is there once, and each has its holder and its line."""
    document = compact(PLAN)
    place, key = at(document, path)
    place[key] = value
    with pytest.raises(Invalid, match="its rows do not belong together"):
        from_document(signed(document))


def test_a_slot_that_is_a_row_and_unchanged_as_well_is_refused() -> None:
    """A write could hide behind a slot that is shown as unchanged."""
    document = compact(PLAN)
    document["unchanged"][0]["learners"][1][0] = int(PLAN.changes[0].learner)
    with pytest.raises(Invalid, match="a slot is there twice"):
        from_document(signed(document))
