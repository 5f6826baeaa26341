"""OneFile's JSON becomes our nouns or a BadAnswer, and no message of ours repeats what an answer held."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.operations import AssignAdditional, AssignLearningAim, AssignUnit, Move, Operation, SetDefaults
from reconciler.model.slots import Holder, OrganisationId, SlotKind, StandardId, UnitId, Unread, UserId
from reconciler.onefile import wire
from reconciler.onefile.wire import Request
from reconciler.problems import BadAnswer

ASKED = Request("POST", "/LearningAim/Search/1/50", {"UserID": 200004})
KATE, JAMES, LEARNER = UserId(132757), UserId(122762), UserId(200004)

DEFAULT, EMPLOYER = SlotKind.DEFAULT_ASSESSOR, SlotKind.DEFAULT_EMPLOYER
AIM, AIM_IQA = SlotKind.LEARNING_AIM_ASSESSOR, SlotKind.LEARNING_AIM_IQA

Parse = Callable[[object, Request], Any]
PARSERS: tuple[Parse, ...] = (
    wire.parse_user,
    wire.parse_users,
    wire.parse_learning_aims,
    wire.parse_unit_summaries,
)


def aim(**fields: object) -> dict[str, object]:
    return {"ID": 1, "UserID": 200004, "StandardID": 41240, "AssessorID": 132757, "IVID": 118204} | fields


def aim_holders(**fields: object) -> dict[SlotKind, Holder]:
    (row,) = wire.parse_learning_aims([fields], ASKED)
    return dict(row.holders)


# ------------------------------------------------------------------ requests


@pytest.mark.parametrize(
    ("operation", "path", "body"),
    [
        (SetDefaults(LEARNER, Move(KATE, JAMES)), "/User/200004", {"DefaultAssessorID": JAMES}),
        (SetDefaults(LEARNER, None, Move(None, KATE)), "/User/200004", {"DefaultEmployerID": KATE}),
        (
            SetDefaults(LEARNER, Move(KATE, JAMES), Move(None, KATE)),
            "/User/200004",
            {"DefaultAssessorID": JAMES, "DefaultEmployerID": KATE},
        ),
        (
            AssignLearningAim(LEARNER, StandardId(41240), "iqa", Move(None, JAMES)),
            "/User/122762/Assign",
            {"LearnerID": LEARNER, "Level": 3, "StandardID": 41240},
        ),
        (
            AssignUnit(LEARNER, UnitId("0012"), "assessor", Move(None, JAMES)),
            "/User/122762/Assign",
            {"LearnerID": LEARNER, "Level": 2, "UnitID": "0012"},
        ),
        (
            AssignAdditional(LEARNER, Move(Unread.UNREADABLE, JAMES)),
            "/User/122762/Assign",
            {"LearnerID": LEARNER, "Level": 1},
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Operation) else "",
)
def test_each_operation_is_one_request(operation: Operation, path: str, body: dict[str, object]) -> None:
    """In Assign the path names the member of staff and the body the learner; a unit's id is text."""
    assert tuple(wire.write_request(operation)) == ("POST", path, body)


def test_searches_name_their_page_and_filter() -> None:
    """Pages are in the path, filters in the body."""
    assert tuple(wire.search_users(OrganisationId(5740), 5, 2, 50)) == (
        "POST",
        "/User/Search/2/50",
        {"OrganisationID": 5740, "Role": 5},
    )
    assert tuple(wire.search_learning_aims(LEARNER, 1, 50)) == ("POST", "/LearningAim/Search/1/50", {"UserID": 200004})
    assert tuple(wire.search_unit_summaries(LEARNER, 3, 9)) == ("POST", "/UnitSummary/Search/3/9", {"UserID": 200004})


# ------------------------------------------------------------------ who holds what


@pytest.mark.parametrize("nobody", [None, 0, "", "0"], ids=repr)
def test_null_and_zero_are_nobody(nobody: object) -> None:
    """Both were seen to mean an unset id."""
    assert aim_holders(**aim(AssessorID=nobody, IVID=nobody)) == {AIM: None, AIM_IQA: None}


def test_a_field_that_was_not_sent_is_unreadable() -> None:
    """It never means nobody: that would replace the holder."""
    assert aim_holders(ID=1, StandardID=41240) == {AIM: Unread.UNREADABLE, AIM_IQA: Unread.UNREADABLE}
    assert wire.parse_user({"ID": 1}, ASKED).holders == {DEFAULT: Unread.UNREADABLE, EMPLOYER: Unread.UNREADABLE}


@pytest.mark.parametrize("name", ["IVID", "IQAID", "IVUserID", "InternalVerifierID", "ivid", "iqaId", "IvUserId"])
def test_the_iqa_is_found_under_every_spelling_that_is_feared(name: str) -> None:
    """OneFile publishes none of them, and the case of keys is not significant."""
    assert aim_holders(ID=1, StandardID=41240, **{name: 118204})[AIM_IQA] == 118204


@pytest.mark.parametrize("number", [132757, "132757", 132757.0, "000132757"], ids=repr)
def test_ids_may_come_as_text_or_with_a_decimal_point(number: object) -> None:
    """Serialisers differ; the id is the same."""
    row = wire.parse_user({"id": number, "DEFAULTASSESSORID": number, "Role": number, "PlacementID": number}, ASKED)
    assert (row.id, row.holders[DEFAULT], row.role, row.placement) == (132757, 132757, 132757, 132757)


@pytest.mark.parametrize("unit", ["KS_COMM1", "0012", "a/b #1", " x ", "é"])
def test_unit_ids_are_kept_to_the_letter(unit: str) -> None:
    """Also where they look like numbers."""
    (row,) = wire.parse_unit_summaries([{"ID": 1, "UnitID": unit}], ASKED)
    assert (row.key, row.learner) == (unit, None)


def test_a_unit_id_that_comes_as_a_number_is_text_all_the_same() -> None:
    """So that it meets the declared one."""
    (row,) = wire.parse_unit_summaries([{"ID": 1, "UnitID": 12, "UserID": 200004}], ASKED)
    assert (row.key, row.learner) == ("12", LEARNER)


@pytest.mark.parametrize(
    ("fields", "archived"),
    [
        ({}, False),
        ({"DateArchived": None}, False),
        ({"DateArchived": ""}, False),
        ({"DateArchived": "2026-09-01T00:00:00.000Z"}, True),
        ({"IsArchived": True}, True),
        ({"IsArchived": "true"}, True),
        ({"IsArchived": False}, False),
        ({"IsArchived": "False"}, False),
        ({"Active": False}, True),
        ({"Active": True}, False),
    ],
    ids=repr,
)
def test_whatever_marks_an_archived_user_is_seen(fields: dict[str, object], archived: bool) -> None:
    """Writing to their read-only portfolio would be refused, so it must not be planned."""
    assert wire.parse_user({"ID": 1, **fields}, ASKED).archived is archived


@pytest.mark.parametrize("misid", [("LRN00042", "LRN00042"), (42, "42"), (None, ""), ("0042", "0042")])
def test_misids_are_text(misid: tuple[object, str]) -> None:
    """Compared exactly; leading zeros count."""
    assert wire.parse_user({"ID": 1, "MISID": misid[0]}, ASKED).misid == misid[1]


# ------------------------------------------------------------------ what is no answer


@pytest.mark.parametrize("parse", PARSERS[1:])
def test_no_content_is_an_empty_list(parse: Parse) -> None:
    """OneFile answers an empty search with 204."""
    assert parse(None, ASKED) == parse([], ASKED) == []


@pytest.mark.parametrize("answer", [{}, {"Message": "x"}, "x", 1, True, 1.5, [[]], [1], ["x"], [None]], ids=repr)
@pytest.mark.parametrize("parse", PARSERS[1:])
def test_what_is_not_a_list_of_objects_is_no_list(parse: Parse, answer: object) -> None:
    """An error in an object's clothes is not an empty list."""
    with pytest.raises(BadAnswer):
        parse(answer, ASKED)


@pytest.mark.parametrize(
    "fields",
    [
        {"ID": None},
        {"ID": 0},
        {"ID": -1},
        {"ID": True},
        {"ID": 1.5},
        {"ID": "x"},
        {"ID": "１２"},
        {"ID": [1]},
        {"StandardID": None},
        {"StandardID": "BA_L3"},
        {"AssessorID": "Kate"},
        {"AssessorID": False},
        {"AssessorID": {"ID": 1}},
        {"IVID": [118204]},
        {"UserID": "me"},
    ],
    ids=repr,
)
def test_a_field_of_another_type_is_an_error_that_names_it(fields: dict[str, object]) -> None:
    """Nothing is guessed from it."""
    with pytest.raises(BadAnswer) as error:
        wire.parse_learning_aims([aim(**fields)], ASKED)
    assert next(iter(fields)).lower() in str(error.value)
    assert "/LearningAim/Search/1/50" in str(error.value)


@pytest.mark.parametrize("unit", [None, "", True, 1.5, [], {}], ids=repr)
def test_a_unit_summary_without_a_unit_is_an_error(unit: object) -> None:
    """It could be any unit's."""
    with pytest.raises(BadAnswer):
        wire.parse_unit_summaries([{"ID": 1, "UnitID": unit}], ASKED)


def test_a_holder_under_any_spelling_counts() -> None:
    """An empty spelling beside a filled one is not nobody, and two people are no answer."""
    assert aim_holders(**aim(IVID=None, IQAID=77))[SlotKind.LEARNING_AIM_IQA] == 77
    assert aim_holders(**aim(IVID=0, IQAID=None))[SlotKind.LEARNING_AIM_IQA] is None
    with pytest.raises(BadAnswer):
        aim_holders(**aim(IVID=76, IQAID=77))


def test_a_negative_holder_is_an_error() -> None:
    """No account has such an id, so it says something that we do not understand."""
    with pytest.raises(BadAnswer):
        aim_holders(**aim(AssessorID=-1))


def test_an_endless_number_in_a_text_is_an_error_in_words() -> None:
    """A hostile answer ends in a message like any other."""
    with pytest.raises(BadAnswer):
        aim_holders(**aim(AssessorID="9" * 5000))


SECRET = "Xanthe Silverbeck"
LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from([SECRET, "12", "", "1.5"])
JSON = st.recursive(LEAF, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.just(SECRET), inner))
KEYS = st.sampled_from(["ID", "UserID", "StandardID", "UnitID", "AssessorID", "IVID", "MISID", "Role", "DateArchived"])
ANSWERS = JSON | st.lists(st.dictionaries(KEYS, JSON), max_size=3) | st.dictionaries(KEYS, JSON)


@given(st.sampled_from(PARSERS), ANSWERS)
def test_any_json_is_parsed_or_refused_without_a_word_of_it(parse: Parse, answer: object) -> None:
    """Answers hold people's data, so a message says what kind of thing came, and never what it was."""
    try:
        parse(answer, ASKED)
    except BadAnswer as error:
        assert "Silverbeck" not in str(error)
