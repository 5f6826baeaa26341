"""Schema copies for editors: they have this centre's handles, and accept what `validate` accepts."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.runtime.schema_copies import (
    SCHEMAS,
    handles_of,
    is_current,
    other_schemas,
    renew_schemas,
    schema_text,
    stale_handles,
    update_handles,
)
from tests.marks import examples

COHORT, SETTINGS, STAFF = SCHEMAS
HANDLES = ("james-fayre", "kate-anderson")
KNOWN = st.sampled_from(HANDLES)
UNKNOWN = st.from_regex("[a-z][a-z0-9-]{0,10}", fullmatch=True).filter(lambda handle: handle not in HANDLES)


def _errors(name: str, value: object, handles: tuple[str, ...] = HANDLES) -> list[str]:
    validator = jsonschema_rs.validator_for(json.loads(schema_text(name, handles)))
    return [error.message for error in validator.iter_errors(value)]


def _cohort(handle: str, place: str) -> dict[str, object]:
    holder: object = {
        "holder": handle,
        "dated": [{"staff": handle, "from": "2026-01-01"}],
    }.get(place)
    slots: dict[str, object] = {"additional": [{"staff": handle}]} if place == "additional" else {}
    if place in ("holder", "dated"):
        slots = {"default_assessor": holder, "learning_aims": [{"standard": 41240, "iqa": holder}]}
    return {"version": 1, "cohort": "c", "learners": [{"id": 200001, **slots}]}


@settings(max_examples=examples(30))
@pytest.mark.parametrize("place", ["holder", "dated", "additional"])
@given(known=KNOWN, unknown=UNKNOWN)
def test_a_copy_accepts_the_centres_handles_and_no_other(place: str, known: str, unknown: str) -> None:
    """In every place that a cohort file names a member of staff; the plain schema accepts both."""
    assert _errors(COHORT, _cohort(known, place)) == []
    assert _errors(COHORT, _cohort(unknown, place)) != []
    assert _errors(COHORT, _cohort(unknown, place), ()) == []


@pytest.mark.parametrize("value", [None, [], [{"staff": None}]])
def test_a_copy_accepts_nobody_and_no_management(value: object) -> None:
    """Null, an empty list and a dated null are no handles."""
    cohort = {"version": 1, "cohort": "c", "learners": [{"id": 200001, "default_assessor": value}]}
    assert _errors(COHORT, cohort) == []


@settings(max_examples=examples(30))
@given(known=KNOWN, unknown=UNKNOWN)
def test_a_stand_in_is_one_of_the_staff_and_new_staff_may_be_added(known: str, unknown: str) -> None:
    """The staff file defines handles, so only a cover names an existing one."""

    def staff(by: str) -> dict[str, object]:
        member = {"id": 132757, "role": "assessor", "cover": [{"by": by, "from": "2026-01-01"}]}
        return {"version": 1, "staff": {unknown: member}}

    assert _errors(STAFF, staff(known)) == []
    assert _errors(STAFF, staff(unknown)) != []


@settings(max_examples=examples(30))
@pytest.mark.parametrize("name", SCHEMAS)
@given(handles=st.lists(st.from_regex("[a-z][a-z0-9-]{0,10}", fullmatch=True), unique=True).map(tuple))
def test_a_copy_is_of_this_version_with_any_handles(name: str, handles: tuple[str, ...]) -> None:
    """So that a new member of staff is not taken for another version of the program."""
    text = schema_text(name, handles)
    assert is_current(name, text)
    assert is_current(name, text.replace("\n", "\r\n"))
    assert not is_current(name, json.dumps({**json.loads(text), "title": "Another"}))
    assert jsonschema_rs.meta.is_valid(json.loads(text))


def _centre(folder: Path, *handles: str) -> Path:
    state = folder / "state"
    state.mkdir(exist_ok=True)
    lines = "".join(f"  {handle}: {{id: {number}, role: assessor}}\n" for number, handle in enumerate(handles, 1))
    (state / "staff.yaml").write_text(f"version: 1\nstaff:\n{lines}", "utf-8")
    return state


def test_the_handles_follow_the_staff_file(tmp_path: Path) -> None:
    """Renewed with the schemas, updated when somebody joins, and stale in between."""
    state = _centre(tmp_path, *HANDLES)
    assert handles_of(state / "staff.yaml") == HANDLES
    assert set(renew_schemas(tmp_path)) == set(SCHEMAS)
    assert (stale_handles(state), other_schemas(tmp_path), update_handles(state)) == ((), (), ())
    _centre(tmp_path, *HANDLES, "priya-shah")
    assert stale_handles(state) == (COHORT, STAFF)
    assert other_schemas(tmp_path) == ()
    assert update_handles(state) == (COHORT, STAFF)
    assert stale_handles(state) == ()
    assert "priya-shah" in (tmp_path / COHORT).read_text("utf-8")


def test_only_copies_of_this_version_are_updated(tmp_path: Path) -> None:
    """A copy of another version is renewed by `init --schemas`; a folder without copies gets none."""
    state = _centre(tmp_path, *HANDLES)
    assert update_handles(state) == ()
    assert not (tmp_path / "schemas").exists()
    renew_schemas(tmp_path)
    other = json.dumps({**json.loads((tmp_path / COHORT).read_text("utf-8")), "title": "Another"})
    (tmp_path / COHORT).write_text(other, "utf-8")
    _centre(tmp_path, "priya-shah")
    assert update_handles(state) == (STAFF,)
    assert (tmp_path / COHORT).read_text("utf-8") == other


@pytest.mark.parametrize("text", ["", "staff: [\n", "version: 1\n", "version: 1\nstaff: {}\n"])
def test_without_a_readable_staff_file_any_handle_is_accepted(text: str, tmp_path: Path) -> None:
    """An editor must not reject every handle because one line of staff.yaml is wrong."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "staff.yaml").write_text(text, "utf-8")
    renew_schemas(tmp_path)
    assert (tmp_path / COHORT).read_text("utf-8") == schema_text(COHORT, ())
