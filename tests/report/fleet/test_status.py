"""A fleet's status answers in each form what somebody asks in the morning."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reconciler.model.fleet import Centre, FleetRun, refused_result
from reconciler.model.fleet_queue import JobState
from reconciler.model.fleet_status import FleetStatus
from reconciler.model.structs import replace
from reconciler.problems import ExitCode
from reconciler.report.fleet.html import render_run as run_html
from reconciler.report.fleet.html import render_status as html
from reconciler.report.fleet.markdown import render_run as run_markdown
from reconciler.report.fleet.markdown import render_status as markdown
from reconciler.report.fleet.text import render_run as run_text
from reconciler.report.fleet.text import render_status as text
from tests.factories import NOON
from tests.report.fleet.status import WRONG_TOKEN, centre, job, local, queued


def _forms(status: FleetStatus) -> list[str]:
    page = re.sub(r"<br>|<style.*?</style>|<script.*?</script>", " ", html(status), flags=re.DOTALL)
    shown = [text(status, width=300, colour=False), markdown(status).replace("`", ""), re.sub(r"<[^>]+>", "", page)]
    return [re.sub(r"\s+", " ", form) for form in shown]


@pytest.mark.parametrize(
    "words",
    [
        "2 of 5 centres need attention: east, north.",
        "reconciler fleet resume --only east",
        "Put a valid token into TOKEN_NORTH.",
        "drift --correct running by worker-1 for 15 min",
        "drift --correct waiting for 15 min",
        "waiting until 2026-11-23 13:00 UTC, attempt 2",
        "1 older than 2 days",
        "2026-11-24 01:00 UTC",
    ],
)
def test_each_form_says_what_needs_somebody_and_what_runs_and_waits(words: str) -> None:
    """The verdict, fixes, workers, times and readings."""
    assert [form for form in _forms(queued()) if words not in form] == []


def test_what_failed_comes_before_what_runs_on_the_page() -> None:
    """And what runs before the list of all."""
    page = html(queued())
    places = [page.index(f">{title}") for title in ("Problems (2)", "Running and waiting (3)", "Centres<")]
    assert places == sorted(places)


@pytest.mark.parametrize("attempt", [1, 2])
@pytest.mark.parametrize("state", [state for state in JobState if state is not JobState.ENDED])
def test_a_result_is_shown_until_the_next_one(state: JobState, attempt: int) -> None:
    """Also while another job waits, runs or was cancelled; only a retry of its own needs nobody."""
    failed = job("north", JobState.ENDED, code=1).result
    north = replace(centre("north", job=job("north", state, attempt=attempt)), result=failed, result_command="plan")
    is_retried = state.is_open and attempt > 1
    assert north.needs_attention is not is_retried
    for form in _forms(FleetStatus("colleges", (north,), NOON)):
        assert "plan" in form
        assert "with an error (1)" in form
        assert (WRONG_TOKEN.fix in form) is not is_retried


def test_a_centre_that_was_not_started_is_in_each_report() -> None:
    """It has a problem and no whole report, as after its job was cancelled or its repository could not be fetched."""
    cancelled = job("north", JobState.CANCELLED).why_unfinished
    north = refused_result(Centre("north", 5740, Path("north"), "sandbox"), cancelled, ExitCode.ERROR, NOON)
    run = FleetRun("colleges", "plan", (north,))
    for form in (run_text(run, width=300, colour=False), run_markdown(run), run_html(run)):
        assert "the job was cancelled" in form
        assert "Whole report" not in form


def test_without_a_queue_nothing_of_a_queue_is_shown() -> None:
    """No column, no counter and no section."""
    for form in _forms(local()):
        assert "No centre needs attention." in form
        assert not re.search("queue|Running|Waiting|Next due", form)
