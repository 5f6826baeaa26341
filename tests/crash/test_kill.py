"""Killed with SIGKILL at any moment, the run after finishes the work, repeats nothing, and the journal has it all."""

from __future__ import annotations

import random

import pytest

from reconciler.model import slots
from reconciler.model.operations import State
from reconciler.model.slots import SlotKind
from reconciler.problems import ExitCode
from tests.crash.harness import ORGANISATION, Case, Site, Size, at
from tests.marks import in_long_runs


def test_the_plan_is_large_and_of_every_kind(onefile: Site, size: Size) -> None:
    """Else the other tests would say little."""
    assert {slot.kind for _, slot in onefile.declaration.wanted} == set(SlotKind)
    assert size.writes >= 60
    assert size.commits >= 3 * size.writes


@pytest.mark.parametrize("part", [0.01, 0.5, 1, *in_long_runs(0, 0.2, 0.8)])
def test_a_death_between_two_commits_loses_and_repeats_nothing(case: Case, size: Size, part: float) -> None:
    """From before the run's first row, to before the lock is given back."""
    case.survives({"commit": at(part, size.commits), "when": "before"})


@pytest.mark.parametrize("when", ["before", "sent", "answered"])
@pytest.mark.parametrize("part", [0.6, *in_long_runs(0.1, 1)])
def test_a_death_at_a_write_loses_and_repeats_nothing(case: Case, size: Size, part: float, when: str) -> None:
    """Not yet sent; sent, and nobody there to hear the answer; answered, and nobody there to write it down."""
    case.survives({"write": at(part, size.writes), "when": when})


def test_a_death_at_any_moment_loses_and_repeats_nothing(case: Case, size: Size) -> None:
    """Whenever that is, the very end included, when the run is done before it dies."""
    case.killed({"die": {"seconds": random.uniform(0, size.seconds)}})  # noqa: S311
    case.finish()
    case.is_whole()


def test_an_interrupted_run_denies_nothing_that_it_sent(case: Case, size: Size) -> None:
    """Ctrl-C, with several writes on their way: a report that says unknown of them, which stay sent in the journal."""
    code, said = case.process({"at_write": at(0.5, size.writes), "interrupt": True, "answers_within": 1.0})
    assert code == ExitCode.ERROR, said[-2000:]
    assert any(row.state is State.SENT for row in case.journal())
    case.finish()
    case.is_whole()


def test_runs_that_die_one_after_another_are_finished_by_the_last(case: Case, size: Size) -> None:
    """Each run takes over from a dead one, and dies itself; the last finishes what all of them left."""
    for part in (0.1, 0.3, 0.3):
        assert case.killed({"die": {"commit": at(part, size.commits), "when": "after"}})
    case.finish()
    case.is_whole()


@pytest.mark.parametrize("when", ["sent", "answered"])
def test_a_write_that_cannot_be_seen_is_looked_at_by_a_person(case: Case, when: str) -> None:
    """The first write of all adds an additional person, whom OneFile never shows: it is not sent again unasked."""
    assert case.survives({"write": 1, "when": when}) == 1


@pytest.mark.parametrize("part", [0.01, 0.6])
def test_a_death_does_no_more_harm_with_postgresql(postgres_case: Case, size: Size, part: float) -> None:
    """The same, where the store is a server that outlives the run; and a run after that has nothing to do."""
    postgres_case.survives({"commit": at(part, size.commits), "when": "after"})
    finished = postgres_case.apply()
    assert (finished.exit_code, finished.outcomes) == (0, ())
    with postgres_case.store() as store:
        assert store.holder(slots.Site(postgres_case.site.url, ORGANISATION)) is None
