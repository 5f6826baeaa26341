"""A saved reading is made out in one pass in C, and only where that says what the careful reader would say."""

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
from reconciler.model.structs import Decoder
from reconciler.observed.document import Saved, from_document, from_json, to_document
from reconciler.problems import Invalid, Problem, Source

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
    (Problem("nobody has MISID LRN-9", "Correct it.", Source("a.yaml", 3)), Problem("what", "fix")),
)
DOCUMENT = to_document(READING, HERE)
ODD = (None, True, 0, 1, -1, 1.0, 1.5, 10**30, "", "active", "unit_iqa", "not_held", "nonsense", [], [1], {}, KATE)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a document, by its keys."""
    yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, key))


PLACES = [path for path in places(DOCUMENT) if path]


def spoilt(*changes: tuple[tuple[Any, ...], str, Any]) -> dict[str, Any]:
    """A document with values put in, taken out or doubled where they stand; a place that is gone by then is left."""
    document = deepcopy(DOCUMENT)
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


def told(read: Any, *given: Any) -> Observed | str:
    try:
        return read(*given, HERE)  # type: ignore[no-any-return]
    except Invalid as error:
        return str(error)


def test_what_is_saved_is_read_in_one_pass_and_comes_back() -> None:
    """A reading as it was, and its document is of the shape that the quick way knows."""
    data = json.dumps(DOCUMENT).encode()
    assert Decoder(Saved).decode(data).learners
    assert from_json(data, HERE) == READING


@pytest.mark.parametrize("path", PLACES, ids=str)
def test_one_odd_value_is_as_odd_to_both_ways(path: tuple[Any, ...]) -> None:
    """Wherever it stands: the same reading, or the same words."""
    documents = [spoilt((path, "put", odd)) for odd in ODD]
    documents += [spoilt((path, how, None)) for how in ("drop", "double")]
    for document in documents:
        assert told(from_json, json.dumps(document).encode()) == told(from_document, document)


@given(st.lists(st.tuples(st.sampled_from(PLACES), st.sampled_from(["put", "drop", "double"]), st.sampled_from(ODD))))
def test_both_ways_read_alike(changes: list[tuple[tuple[Any, ...], str, Any]]) -> None:
    """However many places of a document are spoilt."""
    document = spoilt(*changes)
    assert told(from_json, json.dumps(document).encode()) == told(from_document, document)
