"""Capabilities of a server have an age, change when they are contradicted, and are never read as something else."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from reconciler.onefile.capabilities import FRESH, Capabilities
from tests.onefile.servers import START


def test_an_old_fact_is_looked_for_again() -> None:
    """It expires thirty days after it was stored, even if it was used since."""
    learnt = {"old": ("1", START - FRESH), "fresh": ("2", START - FRESH + timedelta(seconds=1))}
    assert Capabilities.of(learnt, START).known == {"fresh": "2"}


def test_a_fact_from_days_to_come_is_not_relied_on() -> None:
    """A clock that was wrong when it was stored must not make it last for years."""
    learnt = {"mad": ("1", START + timedelta(days=400)), "skewed": ("2", START + timedelta(hours=5))}
    assert Capabilities.of(learnt, START).known == {"skewed": "2"}


def test_only_what_is_new_is_written() -> None:
    """The same value again keeps its age: a fact that is used daily still expires."""
    capabilities = Capabilities({"page_rows": "200"})
    capabilities.set("page_rows", "200")
    assert capabilities.changed == {}
    capabilities.set("page_rows", "100")
    assert capabilities.changed == {"page_rows": "100"}


def test_forgetting_is_written_once() -> None:
    """A known fact is removed from the store; an unknown one changes nothing."""
    capabilities = Capabilities({"page_rows": "200"})
    capabilities.clear("page_rows")
    capabilities.clear("rows:learning_aims")
    assert capabilities.get("page_rows") is None
    assert capabilities.changed == {"page_rows": None}


def test_what_was_forgotten_can_be_learnt_again() -> None:
    """In the same run, and the last word is what is written."""
    capabilities = Capabilities({"page_rows": "200"})
    capabilities.clear("page_rows")
    capabilities.set("page_rows", "100")
    assert capabilities.changed == {"page_rows": "100"}


@given(text=st.text(max_size=12))
def test_a_number_is_a_plain_positive_one_or_none(text: str) -> None:
    """The store may hold anything: zero, signs, other alphabets' digits and long numbers are refused."""
    number = Capabilities({"rows": text}).number("rows")
    assert number is None or (number > 0 and str(number) == text.lstrip("0") and number < 10**9)


def test_denying_is_remembered() -> None:
    """A list that a server does not offer is not requested again until the fact is old."""
    capabilities = Capabilities()
    assert not capabilities.denies("roll")
    capabilities.deny("roll")
    assert capabilities.denies("roll")
    assert capabilities.changed == {"offers:roll": "no"}


def test_a_doubt_counts_at_once_and_is_kept_only_if_the_reading_succeeds() -> None:
    """A refusal may be the search's, or that of an organisation that does not exist."""
    capabilities = Capabilities()
    capabilities.suspect("roll")
    assert capabilities.denies("roll")
    assert capabilities.changed == {}
    capabilities.settle()
    assert capabilities.changed == {"offers:roll": "no"}
