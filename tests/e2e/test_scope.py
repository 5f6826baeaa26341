"""Reading less: a scope by git, by cohort and by learner, and plans from a reading that was kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.problems import ExitCode
from tests.e2e.user import LEARNER, SETTINGS, STAFF, Home, point_at, served


@pytest.fixture
def repository(home: Home) -> Home:
    """Two cohorts, committed."""
    home.declare()
    cohort = {"version": 1, "cohort": "c2", "learners": [{"id": 200005, "default_assessor": "kate"}]}
    (home.path / "state/cohorts/c2.yaml").write_text(json.dumps(cohort), encoding="utf-8")
    home.commit()
    return home


def learners(home: Home, *arguments: str) -> set[int]:
    return {row["learner_id"] for row in home.plan(*arguments)["resource_changes"]}


def test_only_what_changed_since_a_commit_is_read(repository: Home) -> None:
    """A cohort file concerns its learners, staff.yaml those whom the changed staff hold, settings.yaml everybody."""
    home = repository
    assert learners(home, "--changed-since", "HEAD") == set()
    cohort = home.path / "state/cohorts/c2.yaml"
    cohort.write_text(cohort.read_text(encoding="utf-8").replace("kate", "james"), encoding="utf-8")
    assert learners(home, "--changed-since", "HEAD") == {200005}
    home.commit()
    assert learners(home, "--changed-since", "HEAD") == set()
    assert learners(home, "--changed-since", "HEAD~1") == {200005}
    staff = home.path / "state/staff.yaml"
    cover = {"by": "james", "from": "2026-01-01", "reason": "leave"}
    changed = {**STAFF, "kate": {"id": 132757, "role": "assessor", "cover": [cover]}}
    staff.write_text(json.dumps({"version": 1, "staff": changed}), encoding="utf-8")
    assert learners(home, "--changed-since", "HEAD") == {200004}
    settings = home.path / "state/settings.yaml"
    settings.write_text(settings.read_text(encoding="utf-8").replace("10000", "9000"), encoding="utf-8")
    assert learners(home, "--changed-since", "HEAD") == {200004, 200005}


def test_a_new_cohort_file_counts_as_changed_before_it_is_committed(repository: Home) -> None:
    """What git does not follow yet is what a person is working on."""
    cohort = {"version": 1, "cohort": "c3", "learners": [{"id": 200006, "default_assessor": "kate"}]}
    (repository.path / "state/cohorts/c3.yaml").write_text(json.dumps(cohort), encoding="utf-8")
    assert learners(repository, "--changed-since", "HEAD") == {200006}


def test_the_files_that_did_not_change_are_checked_as_well(repository: Home) -> None:
    """A learner may be declared in two files, and a plan needs to know who holds whom: all must be valid."""
    changed, other = (repository.path / f"state/cohorts/{name}.yaml" for name in ("c2", "c1"))
    changed.write_text(changed.read_text(encoding="utf-8").replace("200005", "200004"), encoding="utf-8")
    ended = repository.run("plan", "--changed-since", "HEAD")
    assert ended.code == ExitCode.INVALID
    assert "learner 200004 is declared twice" in ended.err
    changed.unlink()
    other.write_text(other.read_text(encoding="utf-8").replace("kate", "nobody-known"), encoding="utf-8")
    repository.commit()
    ended = repository.run("plan", "--changed-since", "HEAD")
    assert ended.code == ExitCode.INVALID
    assert "'nobody-known' is not in staff.yaml" in ended.err


@pytest.mark.parametrize("ref", ["nowhere", "--version", "HEAD:state"])
def test_a_commit_that_is_not_there_is_invalid(repository: Home, ref: str) -> None:
    """Also one that looks like an option of git's."""
    ended = repository.run("plan", f"--changed-since={ref}")
    assert ended.code == ExitCode.INVALID
    assert "git does not know" in ended.err


def test_outside_git_a_scope_by_git_is_invalid(home: Home) -> None:
    """Nothing is read in its place."""
    assert home.declare().run("plan", "--changed-since", "HEAD").code == ExitCode.INVALID


def test_what_a_scope_leaves_unread_is_said(repository: Home) -> None:
    """A narrow plan must not look like the whole one."""
    assert "1 declared learner outside this scope was not read" in repository.run("plan", "--cohort", "c2").out
    assert "outside this scope" not in repository.run("plan").out
    assert repository.plan("--learner", "200004")["scope"] == {"learners": 1, "left_unread": 1}


# ------------------------------------------------------------------ kept readings


def test_a_plan_is_made_again_from_a_kept_reading_without_a_call(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rows, operations and fingerprint; no token is needed, and no name is in the file."""
    with served() as server:
        point_at(monkeypatch, server.url)
        first = home.declare().plan("--save-observed", "seen.json")
        calls = len(server.calls)
        monkeypatch.delenv("ONEFILE_CUSTOMER_TOKEN")
        again = home.plan("--observed", "seen.json")
        assert len(server.calls) == calls
        kept = (home.path / "seen.json").read_text(encoding="utf-8")
        for user in server.world.users.values():
            assert user["LastName"] not in kept
    for part in ("resource_changes", "operations", "fingerprint", "summary", "policies", "caseload"):
        assert again[part] == first[part]


def test_a_kept_reading_does_not_answer_what_it_was_not_asked(home: Home) -> None:
    """A learner, a layer or a member of staff that it never looked at is not taken for absent."""
    home.declare({"id": 200004, "default_assessor": "james"}).plan("--save-observed", "seen.json")
    for learner, words in (
        ({"id": 200005, "default_assessor": "james"}, "has no learner 200005"),
        ({"id": 200004, "units": [{"unit": "BA_301", "assessor": "james"}]}, "did not look at the unit assessor"),
        ({"id": 200004, "default_assessor": "sol"}, "did not look for sol"),
    ):
        staff = {**STAFF, "sol": {"id": 121090, "role": "assessor"}}
        ended = home.declare(learner, staff=staff).run("plan", "--observed", "seen.json")
        assert ended.code == ExitCode.INVALID
        assert words in ended.err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{}", "is not a saved reading"),
        ("[1]", "is not a saved reading"),
        ('{"observed_format": "1.0"', "is not JSON"),
        ('{"observed_format": "1.0", "target": "sandbox", "organisation": 5740}', "is a damaged reading"),
        ('{"observed_format": "1.0", "target": "live", "organisation": 5740}', "was read from target live"),
    ],
)
def test_a_reading_that_cannot_be_used_is_invalid(home: Home, content: str, words: str) -> None:
    """Each with the file and the reason."""
    (home.path / "seen.json").write_text(content, encoding="utf-8")
    ended = home.declare().run("plan", "--observed", "seen.json")
    assert ended.code == ExitCode.INVALID
    assert "seen.json" in ended.err
    assert words in ended.err


def test_a_reading_is_not_made_and_kept_at_once_from_a_file(home: Home) -> None:
    """Nothing is read, so there is nothing to keep."""
    ended = home.declare().run("plan", "--observed", "a.json", "--save-observed", "b.json")
    assert ended.code == ExitCode.INVALID
    assert not Path("b.json").exists()


def test_the_saved_reading_answers_for_a_unit_that_the_learner_does_not_hold(home: Home) -> None:
    """The layer was read, so what is not in it is not held."""
    home.declare({**LEARNER, "units": [{"unit": "BA_301", "assessor": "kate"}]}).plan("--save-observed", "seen.json")
    home.declare({**LEARNER, "units": [{"unit": "NEVER_1", "assessor": "kate"}]})
    plan = home.plan("--observed", "seen.json")
    (problem,) = (one for one in plan["problems"] if "has no unit NEVER_1" in one["what"])
    assert problem["fix"] == "Assign the unit NEVER_1 in OneFile first, or remove it from the cohort file."


def test_a_centre_that_the_sandbox_has_not_is_told_where_it_is_named(home: Home) -> None:
    """The sandbox has centres of its own; a real one's number is not wrong, but cannot be planned there."""
    home.declare(settings={**SETTINGS, "organisation": 7777})
    ended = home.run("plan")
    assert ended.code == ExitCode.ERROR
    line = "state/settings.yaml:3: organisation 7777 is not in the sandbox, which has 5740, 5741 only\n  Fix: Plan it"
    assert ended.err.count("Fix:") == 1 and line in ended.err, ended.err
    ended = home.declare(organisation=7778).run("plan")
    assert "state/cohorts/c1.yaml: organisation 7778 is not in the sandbox" in ended.err, ended.err
