"""A store on a branch: killed at pushes and between, answers lost, two clones; nothing is lost or done twice."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from reconciler.model import slots
from reconciler.problems import ExitCode
from tests.crash.branches import BranchCase
from tests.crash.driver import Fate
from tests.crash.harness import MEMORY, ORGANISATION, Site, Size, at, measure, site
from tests.marks import in_long_runs
from tests.store.branches import git_url
from tests.store.test_branch import hook


@pytest.fixture(scope="module")
def small() -> Iterator[Site]:
    """Three learners: some eighteen operations of all kinds."""
    with (
        tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name,
        site(Path(name), learners=3) as served,
    ):
        yield served


@pytest.fixture
def case(small: Site, quick: Path) -> BranchCase:
    return BranchCase.on_branch(small, quick / uuid4().hex)


@pytest.fixture(scope="module")
def size(small: Site, quick: Path) -> Size:
    """Made again if a worker comes back to this module, so in a folder of its own."""
    folder = quick / uuid4().hex
    return measure(BranchCase.on_branch(small, folder), folder / "pushes.json")


def test_a_run_pushes_a_handful_of_times_however_much_it_writes(size: Size) -> None:
    """Its beginning, the lock, the intents, what came before the canaries' followers, the steps, and its end."""
    assert size.writes >= 12
    assert size.pushes <= 8


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("part", [0.4, *in_long_runs(0, 0.7, 1)])
def test_a_death_at_a_push_loses_and_repeats_nothing(case: BranchCase, size: Size, part: float, when: str) -> None:
    """Not yet pushed; pushed, and nobody there to learn of it."""
    case.survives({"push": at(part, size.pushes), "when": when})


@pytest.mark.parametrize("when", ["before", "sent", "answered"])
@pytest.mark.parametrize("part", [0.5, *in_long_runs(0, 1)])
def test_a_death_at_a_write_loses_and_repeats_nothing(case: BranchCase, size: Size, part: float, when: str) -> None:
    """Whatever was written since the last push is known as an intent alone, and is read before it is written again."""
    case.survives({"write": at(part, size.writes), "when": when})


@pytest.mark.parametrize("push", [1, 4, *in_long_runs(2, 3, 5, 6, 7)])
def test_a_push_whose_answer_is_lost_counts_once(case: BranchCase, push: int) -> None:
    """The branch itself is asked: a lock is not taken twice, and no outcome is journalled twice."""
    code, said = case.process({"lost_push": push})
    assert code == ExitCode.DONE, said
    case.is_whole()


def test_a_remote_that_refuses_half_way_stops_the_run(case: BranchCase, size: Size) -> None:
    """It says so; the next run settles by reading, and does the rest."""
    hook(
        case.folder,
        "pre-receive",
        f"n=$(cat n 2>/dev/null || echo 0); echo $((n + 1)) > n; [ $n -lt {size.pushes - 3} ]",
    )
    code, said = case.process({})
    assert code == ExitCode.ERROR and "a rule of the remote refuses this push" in " ".join(said.split()), said
    hook(case.folder, "pre-receive", "exit 0")
    case.finish()
    case.is_whole()


@pytest.mark.long
def test_slow_pushes_change_nothing(case: BranchCase) -> None:
    """They only take longer."""
    code, said = case.process({"slow_pushes": 1.0})
    assert code == ExitCode.DONE, said
    case.is_whole()


def test_two_runs_from_two_clones_write_everything_once(case: BranchCase) -> None:
    """One of them gets the lock; the other is told, or finds it done."""
    fates: list[Fate] = [{}, {}]
    processes = []
    for fate in fates:
        case.on_another_clone()
        processes.append(case.start(fate))
    ends = [process.ended() for process in processes]
    codes = sorted(code for code, _ in ends)
    assert codes[0] == ExitCode.DONE and codes[1] in (ExitCode.DONE, ExitCode.LOCKED), ends
    case.is_whole()


@pytest.mark.long
def test_another_machine_takes_over_when_the_lease_is_over(case: BranchCase, size: Size) -> None:
    """It cannot know that the process is dead, and so it waits for the end of the lease."""
    assert case.killed({"die": {"write": at(0.5, size.writes), "when": "answered"}, "host": "runner-1", "lease": 6.0})
    case.on_another_clone()
    code, said = case.process({"host": "runner-2"})
    assert code == ExitCode.LOCKED and "runner-1" in said
    time.sleep(6)
    case.finish()
    case.is_whole()
    with case.store() as store:
        assert store.holder(slots.Site(case.site.url, ORGANISATION)) is None


def test_a_clone_that_is_old_catches_up(case: BranchCase) -> None:
    """Its cache is some runs behind, and is brought up and not believed."""
    case.store_url = git_url(case.folder, "old")
    case.store().close()
    assert case.apply().exit_code == ExitCode.DONE
    case.store_url = git_url(case.folder, "old")
    finished = super(BranchCase, case).apply()
    assert (finished.exit_code, finished.outcomes) == (ExitCode.DONE, ())
