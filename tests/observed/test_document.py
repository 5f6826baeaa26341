"""A saved reading is read in one pass in C, or refused with the place and the reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.observed import Observed, ObservedLearner, ObservedStaff
from reconciler.model.slots import OrganisationId, Site, Slot, SlotKind, Unread, UserId
from reconciler.model.structs import Decoder, replace
from reconciler.observed.document import Saved, SavedBefore, SavedProblem, from_document, from_json, to_document
from reconciler.problems import Invalid, Problem, Source

AGAIN = "leave out --observed, or save a new reading with --save-observed."
HERE = Site("sandbox", OrganisationId(5740))
KATE, LEARNER = UserId(118204), UserId(200004)
READING = Observed(
    datetime(2026, 11, 24, 9, 30, tzinfo=UTC),
    {
        LEARNER: ObservedLearner(
            LEARNER,
            placement=7,
            slots={
                Slot(SlotKind.ADDITIONAL, KATE): Unread.UNREADABLE,
                Slot(SlotKind.DEFAULT_ASSESSOR): KATE,
                Slot(SlotKind.LEARNING_AIM_IQA, 41240): None,
                Slot(SlotKind.UNIT_IQA, "BA_301"): Unread.NOT_HELD,
            },
        ),
        UserId(200005): ObservedLearner(UserId(200005), "not listed"),
    },
    {"LRN-7": LEARNER},
    {(OrganisationId(5740), KATE): ObservedStaff(KATE, "archived", 7)},
    12,
    (
        Problem("nobody has MISID LRN-9", "Correct it.", Source("a.yaml", 3)),
        Problem("what", "fix"),
        Problem("LRN-8: what", "Add this:", None, "here", "warning", ("- id: 8",), who="LRN-8"),
    ),
)
DOCUMENT = to_document(READING, HERE)


def older(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document as older versions saved it, with each slot in the learner's row."""
    learners = [
        [*row, [[*slot, holder] for slot, holder in zip(document["slots"][number], holders, strict=True)]]
        for *row, number, holders in document["learners"]
    ]
    rest = {key: value for key, value in document.items() if key != "slots"}
    return {**rest, "observed_format": "1.0", "learners": learners}


DOCUMENTS = {"1.1": DOCUMENT, "1.0": older(DOCUMENT)}
ODD = (None, True, 0, 1, -1, 1.0, 1.5, 10**30, "", "active", "unit_iqa", "not_held", "nonsense", [], [1], {}, KATE)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a document, by its keys."""
    yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, key))


PLACES = {form: [path for path in places(document) if path] for form, document in DOCUMENTS.items()}


def spoilt(form: str, *changes: tuple[tuple[Any, ...], str, Any]) -> dict[str, Any]:
    """A document with values put in, taken out or doubled where they stand; a place that is gone by then is left."""
    document = deepcopy(DOCUMENTS[form])
    for (*outer, last), how, odd in changes:
        inner: Any = document
        try:
            for key in outer:
                inner = inner[key]
            if how == "put":
                inner[last] = odd
            elif how == "drop":
                del inner[last]
            elif isinstance(inner, list):
                inner.append(deepcopy(inner[last]))
        except (KeyError, IndexError, TypeError):
            pass
    return document


def unordered(document: dict[str, Any]) -> dict[str, Any]:
    """A document without the order of its learners, staff and slots, and without what nobody reads."""
    rows_of = (document if document["observed_format"] == "1.0" else older(document))["learners"]
    learners = {(*row[:3], *sorted(map(str, row[3]))) for row in rows_of}
    rows = {name: sorted(map(str, document[name])) for name in ("misids", "staff")}
    problems = [[*row, *Problem("", "")[len(row) :]] for row in document["problems"]]
    return {**rows, "learners": learners, "calls": document["calls"], "problems": problems}


def outcome(read: Any, given: Any) -> Observed | str:
    """The reading, or the words of its refusal."""
    try:
        return read(given, HERE)  # type: ignore[no-any-return]
    except Invalid as error:
        return str(error)


def test_what_is_saved_is_read_in_one_pass_and_comes_back() -> None:
    """A reading as it was, and its document is of the declared types."""
    data = json.dumps(DOCUMENT).encode()
    assert Decoder(Saved).decode(data).learners
    assert from_json(data, HERE) == READING


def test_a_reading_that_an_older_version_saved_is_read_in_one_pass() -> None:
    """It is the same reading."""
    data = json.dumps(DOCUMENTS["1.0"]).encode()
    assert Decoder(SavedBefore).decode(data).learners
    assert from_json(data, HERE) == READING


def test_learners_with_the_same_slots_share_a_list_of_them() -> None:
    """So a saved reading has one row of numbers for each learner."""
    same = {UserId(user): replace(READING.learners[LEARNER], id=UserId(user)) for user in range(1, 100)}
    document = to_document(replace(READING, learners=same), HERE)
    assert len(document["slots"]) == 1
    assert from_document(document, HERE).learners == same


def test_a_path_that_is_not_unicode_comes_back() -> None:
    """JSON in C refuses half a surrogate pair, and a folder's name may hold one."""
    reading = replace(READING, problems=(Problem("what", "fix", Source("state-\udcff/cohorts/a.yaml", 3)),))
    assert from_json(json.dumps(to_document(reading, HERE)).encode(), HERE) == reading


PROBLEMS = st.builds(
    Problem,
    source=st.none() | st.builds(Source, st.text(), st.integers(0, 10**6)),
    where=...,
    severity=...,
    lines=...,
    who=...,
    needs_person=...,
)


@given(PROBLEMS)
def test_a_problem_comes_back_whole(problem: Problem) -> None:
    """With every field, so that a plan of a saved reading shows it as the plan of the reading itself does."""
    assert SavedProblem._fields == Problem._fields
    reading = replace(READING, problems=(problem,))
    assert from_json(json.dumps(to_document(reading, HERE)).encode(), HERE) == reading


def test_problems_of_older_readings_are_read() -> None:
    """Their rows end after the source."""
    document = DOCUMENT | {"problems": [["what", "fix", ["a.yaml", 3]], ["what", "fix", None]]}
    expected = (Problem("what", "fix", Source("a.yaml", 3)), Problem("what", "fix"))
    assert from_json(json.dumps(document).encode(), HERE).problems == expected


@pytest.mark.parametrize(("form", "path"), [(form, path) for form in PLACES for path in PLACES[form]], ids=str)
def test_one_odd_value_is_read_alike_from_bytes_and_from_a_document(form: str, path: tuple[Any, ...]) -> None:
    """Wherever it is: the same reading, or the same words."""
    documents = [spoilt(form, (path, "put", odd)) for odd in ODD]
    documents += [spoilt(form, (path, how, None)) for how in ("drop", "double")]
    for document in documents:
        assert outcome(from_json, json.dumps(document).encode()) == outcome(from_document, document)


@given(st.sampled_from(sorted(PLACES)), st.data())
def test_a_spoilt_reading_is_refused_or_saved_again_as_it_is(form: str, data: st.DataObject) -> None:
    """However many places of a document are spoilt: nothing is read as something else."""
    how = st.sampled_from(["put", "drop", "double"])
    changes = st.lists(st.tuples(st.sampled_from(PLACES[form]), how, st.sampled_from(ODD)))
    document = spoilt(form, *data.draw(changes))
    reading = outcome(from_document, document)
    if isinstance(reading, Observed):
        again = to_document(reading, HERE)
        assert from_document(again, HERE) == reading
        assert unordered(again) == unordered(document)
    else:
        assert reading.endswith(AGAIN)


@pytest.mark.parametrize(
    ("form", "path", "odd", "words"),
    [
        ("1.1", ("calls",), True, "Expected `int`, got `bool` - at `$.calls`"),
        ("1.1", ("learners", 0, 0), 0, "Expected `int` >= 1 - at `$.learners[0][0]`"),
        ("1.1", ("slots", 0, 0, 1), "x", "'x' is not the key of a slot of kind additional"),
        ("1.1", ("learners", 0, 3), 2, "learner 200004: there is no list of slots 2"),
        ("1.1", ("learners", 0, 4), [], "learner 200004: 0 holders of 4 slots"),
        ("1.0", ("learners", 0, 3, 0, 1), "x", "'x' is not the key of a slot of kind additional"),
        ("1.1", ("taken_at",), "2026-11-24T09:30:00", "the time of the reading has no offset from UTC"),
    ],
    ids=["number", "id", "key", "list", "holders", "older", "time"],
)
def test_a_damaged_reading_is_refused_with_its_place(form: str, path: tuple[Any, ...], odd: Any, words: str) -> None:
    """A person who edited the file finds the value."""
    refused = outcome(from_document, spoilt(form, (path, "put", odd)))
    assert isinstance(refused, str) and f"is a damaged reading ({words})" in refused
