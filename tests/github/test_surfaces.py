"""Workflows for people without git: messages after an apply and each week, and pages that are published if private."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.test_digest import PEOPLE, Receiver
from tests.github.forge import git
from tests.github.test_workflows import (
    RECORD,
    SECRETS,
    SEND,
    Centre,
    Job,
    centre,
    cohort,
    james_is_applied,
    keeps_its_secrets,
    tools,
)

__all__ = ["centre", "tools"]
STAFF_FILE = {"state/staff.yaml": {"version": 1, "staff": PEOPLE}}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    with receiver.serving():
        yield receiver


def addressed(receiver: Receiver) -> dict[str, str]:
    """The secrets of a centre that sends: a shared address, and kate's own among lines that must not count."""
    people = f"PATH=/nowhere\nRECONCILER_NOTIFY_KATE={receiver.address('kate')}\r\nRECONCILER_STORE=x\nnonsense\n"
    shared = receiver.address("all")
    return {**SECRETS, "RECONCILER_NOTIFY": shared, "RECONCILER_NOTIFY_PEOPLE": people}


def sends_in_one_step(job: Job, secrets: dict[str, str]) -> None:
    """The addresses are in the environment of the step that sends, and printed nowhere."""
    keeps_its_secrets(job)
    assert {name.partition(": ")[0] for name in job.seen if "NOTIFY" in name or "PEOPLE" in name} <= {SEND}
    for address in (secrets["RECONCILER_NOTIFY"], secrets["RECONCILER_NOTIFY_PEOPLE"]):
        assert address not in job.log + job.summary


def test_what_was_applied_is_sent_once_and_fails_no_run(centre: Centre, receiver: Receiver) -> None:
    """A service that is down leaves the apply green; the next morning sends the rest, and repeats nothing."""
    secrets = addressed(receiver)
    receiver.takes = 0
    centre.commit("ada", "change", cohort("james") | STAFF_FILE)
    pull = centre.forge.open_pull("ada", "change")
    centre.runner.pull_request(pull, secrets)
    centre.forge.review(pull, "ben")
    job = centre.runner.push(centre.forge.merge(pull), secrets)["apply"]
    assert (job.conclusion, job.steps[SEND]) == ("success", "success"), job.log
    assert "was not sent" in job.log and receiver.bodies == []
    sends_in_one_step(job, secrets)

    receiver.takes = 1_000
    for _ in range(2):
        job = centre.runner.schedule(secrets)["drift"]
        assert job.conclusion == "success", job.log
        sends_in_one_step(job, secrets)
        assert len(receiver.titles) == len(set(receiver.titles)) > 0
        assert any("you gain 1 learner" in title for title in receiver.titles), job.log


def test_without_an_address_nothing_is_sent(centre: Centre) -> None:
    """The step is skipped, and what sends is not even installed."""
    job = centre.runner.schedule(SECRETS)["drift"]
    assert (job.conclusion, job.steps[SEND]) == ("success", "skipped")


def test_the_weekly_messages_show_what_is_open(centre: Centre, receiver: Receiver) -> None:
    """Drift and coming days for the manager, without the token of OneFile."""
    secrets = addressed(receiver)
    james_is_applied(centre, STAFF_FILE | cohort("james"))
    centre.somebody_sets(132757)
    centre.runner.schedule(SECRETS)
    job = centre.runner.by_hand("messages", secrets)["messages"]
    assert (job.conclusion, job.steps[SEND]) == ("success", "success"), job.log
    sends_in_one_step(job, secrets)
    (body,) = receiver.bodies
    assert "1 drifted slot open" in body["message"], body


def test_pages_are_published_if_they_are_private(centre: Centre, tmp_path: Path) -> None:
    """Public pages, no pages, or no answer: nothing is read, made or published."""
    james_is_applied(centre)
    record = git(centre.forge.git_folder, "rev-parse", RECORD)
    gh = tmp_path / "gh"
    centre.runner.surroundings = {"PATH": f"{tmp_path}:/usr/local/bin:/usr/bin:/bin"}
    for answer in ("echo true", "echo", "exit 1"):
        gh.write_text(f"#!/bin/sh\n{answer}\n", "utf-8")
        gh.chmod(0o755)
        jobs = centre.runner.by_hand("site", SECRETS)
        assert {name: job.conclusion for name, job in jobs.items()} == {"check": "failure"}
        assert "must be private" in jobs["check"].log
    gh.write_text("#!/bin/sh\necho false\n", "utf-8")
    jobs = centre.runner.by_hand("site", SECRETS)
    assert {name: job.conclusion for name, job in jobs.items()} == dict.fromkeys(
        ("check", "make", "publish"), "success"
    )
    keeps_its_secrets(jobs["make"])
    page = jobs["make"].artifacts["pages/learners/200004.html"].decode()
    assert "LRN-0042" in page and "james" in page
    assert git(centre.forge.git_folder, "rev-parse", RECORD) == record, "the job may only read"
