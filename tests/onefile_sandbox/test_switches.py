"""Switches are named, closed and read from text with useful refusals."""

from __future__ import annotations

import re

import pytest

from onefile_sandbox.switches import Switches, allowed


def test_no_settings_give_the_defaults() -> None:
    """Parsing nothing is the same as asking for nothing."""
    assert Switches.parse([]) == Switches()


NUMBERS = {"rate_limit": "7", "page_cap": "7", "session_hours": "0.5", "read_lag_seconds": "30.0"}


@pytest.mark.parametrize("name", sorted(allowed()))
def test_every_allowed_value_of_a_switch_is_read_as_itself(name: str) -> None:
    """`parse` takes each value that `allowed` lists, and the field prints the same."""
    for value in (NUMBERS[name],) if name in NUMBERS else allowed()[name]:
        assert str(getattr(Switches.parse([f" {name} = {value} "]), name)) == value


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["iqa_keys=IVID"], "did you mean iqa_key?"),
        (["nonsense=1"], "The switches are aim_search_without_user, aim_staff_keys"),
        (["iqa_key"], "write it as name=value"),
        (["iqa_key=ivid"], "is not one of IVID, IQAID"),
        (["bad_token_status=500"], "is not one of 401, 403, 400"),
        (["rate_limit=many"], "is not a whole number"),
        (["rate_limit=-1"], "is not a whole number"),
        (["session_hours=soon"], "is not a number"),
        (["session_hours=nan"], "is out of range"),
        (["session_hours=0"], "is out of range"),
        (["page_cap=0"], "is out of range"),
        (["trainee=accepted", "trainee=refused"], "trainee is given twice"),
    ],
)
def test_a_wrong_setting_is_refused_with_what_is_allowed(settings: list[str], message: str) -> None:
    """The text of the refusal is enough to write the setting correctly."""
    with pytest.raises(ValueError, match=re.escape(message)):
        Switches.parse(settings)


def test_switches_cannot_be_changed_under_a_running_sandbox() -> None:
    """They are arguments of the process, not state."""
    with pytest.raises(AttributeError):
        Switches().rate_limit = 1  # type: ignore[misc]
