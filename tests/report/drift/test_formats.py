"""Drift reports: the same facts in every format, no markup from files, nothing personal."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from reconciler.github.markers import kind_of
from reconciler.model.operations import Outcome, State
from reconciler.model.plan import Change, ManualRemoval
from reconciler.model.slots import SlotKind
from reconciler.model.structs import replace
from reconciler.plan.drift import DriftAction, Drifted, DriftReport, fight_id
from reconciler.problems import Source
from reconciler.report.common.truncate import SMALLEST_LIMIT
from reconciler.report.common.words import age_words
from reconciler.report.drift import json as jsonreport
from reconciler.report.drift import markdown, prometheus
from reconciler.report.drift.text import render_text
from reconciler.store import LastApplied, OpenIssue
from tests.factories import (
    AIM,
    COHORT,
    DEFAULT,
    EMPLOYER,
    JAMES,
    KATE,
    LEARNER,
    LEE,
    NOON,
    UNIT,
    additional,
    change,
    plan_of,
)
from tests.report.reading import markup, tables
from tests.schemas import fitting

LAST = LastApplied(KATE, 12, NOON - timedelta(days=9), "quality-lead")
STEP = ManualRemoval(
    "3ef71a24",
    LEARNER,
    additional(LEE),
    LEE,
    "LRN-0042",
    COHORT,
    "the learner's Access Accounts tab",
    Source("state/cohorts/c.yaml", 3),
    "Users, Account, Access Accounts",
    "quality-lead",
    NOON - timedelta(days=30),
    unseen=True,
)


def drifted(verdict: DriftAction, row: Change | None = None, days: float = 3) -> Drifted:
    row = row or change(DEFAULT, JAMES, KATE, reason="drift")
    first = NOON - timedelta(days=days)
    return Drifted(row, verdict, first, first + timedelta(hours=20), LAST, corrections=2)


def report(*drift: Drifted, **more: Any) -> DriftReport:
    rows = [one.change for one in drift]
    plan = plan_of([*rows, *more.get("due", ()), *more.get("pending", ())], manual=more.pop("manual", ()))
    return DriftReport(plan, NOON, NOON, drift, spent_calls=9, **more)


def everything() -> DriftReport:
    fight = OpenIssue(1, "fight", LEARNER, AIM, None, KATE, NOON, NOON)
    return report(
        *(drifted(verdict) for verdict in DriftAction),
        due=(change(UNIT, KATE, JAMES, reason="cover"),),
        pending=(change(EMPLOYER, KATE, JAMES),),
        applied={(LEARNER, EMPLOYER): replace(LAST, staff=JAMES)},
        manual=(STEP,),
        fights=(fight,),
        ignored=4,
        unmanaged={SlotKind.UNIT_IQA: 5},
        ended=(OpenIssue(2, "drift", LEARNER, UNIT, JAMES, KATE, NOON, NOON, NOON, "back as it was applied"),),
        recent_corrections=6,
        approved="0123abc",
    )


# ------------------------------------------------------------------ text


def test_the_text_tells_everything_there_is() -> None:
    """Both holders, the run, the age, what will happen, and what a person can do."""
    text = re.sub(r"\n +", " ", render_text(everything()))
    for words in (
        "8 drifted, 1 due by date, 1 pending from the files, 1 manual step open",
        "OneFile holds james-fayre; run 12 (quality-lead, 2026-11-14 12:00 UTC) applied kate-anderson",
        "first seen 2026-11-20 12:00 UTC, 3 days ago",
        f"(step {fight_id(LEARNER, AIM)})",
        "reconciler done STEP --by NAME",
        "changed in OneFile too",
        "step 3ef71a24, open for 30 days, quality-lead",
        "Users, Account, Access Accounts",
        "back as it was applied",
        "5 unit IQA",
        "0123abc",
    ):
        assert words in text


def test_what_differs_only_in_the_learner_is_one_row() -> None:
    """Drift stays in sight: a hundred equal slots are a row, unless all is asked for."""
    pending = tuple(change(EMPLOYER, KATE, JAMES, learner=user) for user in range(1, 101))
    long = report(drifted(DriftAction.GRACE), pending=pending)
    assert len(render_text(long).splitlines()) < 20
    assert len(render_text(long, verbose=True).splitlines()) > 100


def test_nothing_from_files_commands_a_terminal() -> None:
    """Labels and reasons are made visible."""
    row = change(DEFAULT, JAMES, KATE, reason="drift", label="\x1b[2J\u202e", blocked="\r\x07")
    text = render_text(report(drifted(DriftAction.SET_ASIDE, row)), colour=False)
    assert all(one.isprintable() or one == "\n" for one in text)


@pytest.mark.parametrize(
    ("minutes", "words"), [(0, "0 min"), (59, "59 min"), (60, "1 h"), (47 * 60 + 59, "47 h"), (48 * 60, "2 days")]
)
def test_an_age_never_sounds_older_than_it_is(minutes: int, words: str) -> None:
    """Rounded down; hours up to two days."""
    assert age_words(timedelta(minutes=minutes, seconds=59)) == words


# ------------------------------------------------------------------ JSON


def test_json_has_one_row_a_slot_and_the_counts_of_them() -> None:
    """And says of each since when, which run had applied what, and what may be done."""
    document = fitting(json.loads(jsonreport.render_json(everything(), exit_code=2)))
    assert [row["verdict"] for row in document["drift"]] == [verdict.value for verdict in DriftAction]
    assert document["drift"][0] | {"source": None} == {
        "address": f"learner[{LEARNER}].default_assessor",
        "type": "default_assessor",
        "learner_id": LEARNER,
        "label": "LRN-0042",
        "cohort": COHORT,
        "holds": {"staff_id": JAMES, "staff": "james-fayre"},
        "applied": {"staff_id": KATE, "staff": "kate-anderson"},
        "seen_as_declared": None,
        "last_applied": {
            "run": 12,
            "command": "apply",
            "at": "2026-11-14T12:00:00Z",
            "who": "quality-lead",
            "staff_id": KATE,
        },
        "verdict": "correct",
        "why": "",
        "first_seen": "2026-11-20T12:00:00Z",
        "age_seconds": 3 * 86400,
        "corrected_from": "2026-11-21T08:00:00Z",
        "corrections_in_7_days": 2,
        "source": None,
    }
    summary = document["summary"]
    assert (summary["drift"], summary["due"], summary["pending"], summary["manual_steps"]) == (8, 1, 1, 1)
    assert document["manual_steps"][0]["first_seen"] == "2026-10-24T12:00:00Z"
    assert document["exit_code"] == 2


def test_a_corrected_slot_is_no_longer_drift() -> None:
    """In every format it counts as corrected."""
    one = drifted(DriftAction.CORRECT)
    done = report(one)
    done = replace(
        done, run=13, outcomes=(Outcome(plan_of([one.change]).operations[0], State.DONE, proof="read_back"),)
    )
    document = fitting(json.loads(jsonreport.render_json(done, exit_code=0)))
    assert (document["drift"][0]["verdict"], document["summary"]["drift"], document["summary"]["corrected"]) == (
        "corrected", 0, 1,
    )  # fmt: skip
    assert "0 drifted, 1 corrected" in render_text(done)
    assert samples(done)["onefile_reconciler_corrections", "done"] == 1


# ------------------------------------------------------------------ Markdown

HOSTILE = "`|` <img src=x> @everyone #12 [a](http://b.example) \u202e\n| x |"


def test_the_hidden_first_line_is_how_the_issue_is_found() -> None:
    """The program that updates the issue reads it."""
    text = markdown.render_markdown(everything())
    assert text.splitlines()[0] == "<!-- onefile-reconciler drift target=sandbox organisation=5740 -->"
    assert kind_of(text) == "drift"


def test_markdown_tells_everything_there_is() -> None:
    """Each sort has its table, what needs a person comes first, and what only waits is folded."""
    text = markdown.render_markdown(everything())
    titles = re.findall(r"^### (.+) \(\d+\)$", text, re.MULTILINE)
    assert titles[:2] == [
        "Correction conflicts: another system keeps changing these",
        "Left alone until a person decides",
    ]
    assert titles[-3:] == [
        "Due by date: cover and dated entries",
        "Pending: in the files and not applied yet",
        "No longer drifting since the last reading",
    ]
    assert text.count("<details>") == 3
    assert "A person must decide" in text
    cells = [cell for table in tables(text) for line in table for cell in line]
    assert f"reconciler done {fight_id(LEARNER, AIM)} --by NAME" in cells
    assert "`LRN-0042`: remove observer-lee from the additional people" in text
    assert "step `3ef71a24`, open for 30 days, quality-lead" in text


def test_nothing_from_files_is_markup() -> None:
    """Labels, cohorts and reasons stand in their own cells, as text."""
    row = change(DEFAULT, JAMES, KATE, reason="drift", label=HOSTILE, cohort=HOSTILE, blocked=HOSTILE)
    text = markdown.render_markdown(report(drifted(DriftAction.SET_ASIDE, row), pending=(row,)))
    ours = {"<details>", "<summary>", "</summary>", "</details>", "<details><summary>Show them</summary>"}
    assert {found for found in markup(text) if not found.startswith("<!-- onefile-reconciler")} <= ours
    assert {len(line) for table in tables(text) for line in table} == {4}


@pytest.mark.parametrize("limit", [SMALLEST_LIMIT, 65_536])
def test_what_waits_gives_way_before_drift_and_drift_before_fights(limit: int) -> None:
    """However much there is, it fits; what a person must answer is there, and what was left out is counted."""
    pending = tuple(change(EMPLOYER, KATE, JAMES, learner=user) for user in range(1, 3001))
    rows = [change(DEFAULT, JAMES, KATE, reason="drift", learner=user) for user in range(1, 2001)]
    fight = OpenIssue(1, "fight", LEARNER, AIM, None, KATE, NOON, NOON)
    found = report(*(drifted(DriftAction.GRACE, row) for row in rows), pending=pending, fights=(fight,))
    text = markdown.render_markdown(found, limit=limit, verbose=True)
    assert len(text.encode()) <= limit
    assert "reconciler done" in text
    assert re.search(r"2000 drifted, 3000 pending", text)
    assert "left out" in text
    assert kind_of(text) == "drift"


def test_names_stand_where_the_plan_has_them_and_never_in_data() -> None:
    """The plan has them only where privacy lets this report show them; JSON and metrics are kept, so never there."""
    found = everything()
    found = replace(found, plan=replace(found.plan, names={LEARNER: "Alex Beech"}))
    assert "LRN-0042 (Alex Beech)" in render_text(found)
    assert "`LRN-0042 (Alex Beech)`" in markdown.render_markdown(found)
    assert "Beech" not in jsonreport.render_json(found, exit_code=0) + prometheus.render_prometheus(found, exit_code=0)


def test_without_drift_markdown_says_so_in_a_few_lines() -> None:
    """For the last edit of an issue before it is closed."""
    text = markdown.render_markdown(report())
    assert "Everything applied is still in place" in text
    assert len(text.splitlines()) < 10


# ------------------------------------------------------------------ Prometheus


def samples(found: DriftReport) -> dict[tuple[str, ...], float]:
    """By name and the labels after target and organisation, as Prometheus itself reads them."""
    families = text_string_to_metric_families(prometheus.render_prometheus(found, exit_code=2))
    read = {}
    for family in families:
        assert family.documentation
        assert family.type == "gauge"
        for sample in family.samples:
            labels = dict(sample.labels)
            assert (labels.pop("target"), labels.pop("organisation")) == ("sandbox", "5740")
            read[(sample.name, *labels.values())] = sample.value
    return read


def test_prometheus_reads_what_the_report_says() -> None:
    """Counts by kind and verdict, ages in seconds, and when OneFile was last read."""
    read = {
        (name.removeprefix("onefile_reconciler_"), *rest): value
        for (name, *rest), value in samples(everything()).items()
    }
    assert {value for (name, *_), value in read.items() if name == "drifted_slots"} == {0, 1}
    assert read["drifted_slots", "default_assessor", "grace"] == 1
    assert read["drift_oldest_seconds",] == 3 * 86400
    assert (read["manual_steps",], read["manual_step_oldest_seconds",]) == (1, 30 * 86400)
    assert (read["fights",], read["corrections_in_7_days",], read["waiting_slots", "pending"]) == (1, 6, 1)
    assert read["last_reading_timestamp_seconds",] == NOON.timestamp()
    assert read["exit_code",] == 2


def test_without_drift_every_series_is_there_and_zero() -> None:
    """So that an alert can tell nothing from not known."""
    quiet, loud = samples(report()), samples(everything())
    assert quiet.keys() == loud.keys()
    assert {value for (name, *_), value in quiet.items() if "drift" in name} == {0}
