"""The drift issue: one, ours, up to date while there is drift, closed when it is gone."""

from __future__ import annotations

import pytest

from reconciler.github import issues
from reconciler.github.api import GitHub
from reconciler.problems import ReconcilerError
from tests.github.conftest import Hub
from tests.github.forge import BOT, Text

LINE = "<!-- onefile-reconciler drift target=live organisation=5740 -->"


def tell(hub: Hub, body: str) -> str:
    with GitHub(hub.here()) as github:
        return issues.publish(github, hub.here(), body)


def close(hub: Hub) -> list[str]:
    with GitHub(hub.here()) as github:
        return issues.close(github, hub.here())


def test_drift_opens_one_issue_which_follows_it(hub: Hub) -> None:
    """Edited in place; a run that finds nothing new writes nothing."""
    assert tell(hub, f"{LINE}\none slot") == tell(hub, f"{LINE}\ntwo slots")
    (issue,) = hub.forge.issues.values()
    assert (issue.author, issue.body) == (BOT, f"{LINE}\ntwo slots")
    before = hub.forge.clock
    tell(hub, f"{LINE}\ntwo slots")
    assert hub.forge.clock == before


def test_drift_that_is_gone_closes_the_issue_and_new_drift_opens_another(hub: Hub) -> None:
    """A closed one is history."""
    tell(hub, f"{LINE}\none slot")
    assert len(close(hub)) == 1
    assert close(hub) == []
    (issue,) = hub.forge.issues.values()
    assert (issue.state, len(issue.comments)) == ("closed", 1)
    (comment,) = issue.comments
    assert "where OneFile shows" in comment  # who was not read, or waits to be applied, is no drift
    tell(hub, f"{LINE}\nanother slot")
    assert len(hub.forge.issues) == 2


def test_nobody_elses_issue_is_touched(hub: Hub) -> None:
    """Not one that begins like ours, nor one of ours that tells of something else, however many there are."""
    for number in range(1, 121):
        hub.forge.issues[number] = Text(number, "ada", f"{LINE}\nmine", hub.forge.now())
    hub.forge.issues[121] = Text(121, BOT, "by another workflow", hub.forge.now())
    tell(hub, f"{LINE}\none slot")
    close(hub)
    assert {one.body for one in hub.forge.issues.values() if one.state == "open"} == {
        f"{LINE}\nmine",
        "by another workflow",
    }


@pytest.mark.parametrize("body", ["", "# Drift", LINE.replace("drift", "plan"), f"{LINE}\n{'x' * 65_536}"])
def test_what_is_no_drift_report_or_too_long_is_not_posted(hub: Hub, body: str) -> None:
    """Nothing is cut here: what renders it keeps to the limit."""
    with pytest.raises(ReconcilerError):
        tell(hub, body)
    assert hub.forge.issues == {}
