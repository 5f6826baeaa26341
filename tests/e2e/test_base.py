"""plan --base: what a pull request causes, apart from what was pending, from one reading."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest

from onefile_sandbox.web_edits import edit
from reconciler.problems import ExitCode
from tests.e2e.user import JAMES, KATE, LEARNER, SETTINGS, STAFF, Home, point_at, served
from tests.factories import NOON

OTHER: Mapping[str, object] = {"id": 200005, "default_assessor": "james"}


def pending(plan: Mapping[str, Any]) -> dict[str, bool]:
    """Every row that is a change, and whether it is marked as pending."""
    rows = plan["resource_changes"]
    return {row["address"]: row.get("pending", False) for row in rows if row["change"]["actions"] != ["no-op"]}


def unmarked(plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key != "pending"} for row in plan["resource_changes"]]


def test_a_base_with_the_same_files_makes_every_change_pending(home: Home) -> None:
    """Nothing is caused; operations, fingerprint and calls are those of the plan without a base."""
    commit = home.declare(LEARNER, {"misid": "LRN00002", "default_assessor": "kate"}, OTHER).commit()
    home.plan()  # what this server offers is known from here on
    alone, told = home.plan(), home.plan("--base", "HEAD")
    assert told["base"] == commit
    assert set(pending(told).values()) == {True}
    assert told["summary"].pop("unneeded") == 0
    for part in ("operations", "fingerprint", "summary", "problems", "caseload", "limits", "manual_steps"):
        assert told[part] == alone[part]
    assert unmarked(told) == alone["resource_changes"]
    assert "base" not in alone


def test_a_base_whose_files_are_applied_makes_nothing_pending(home: Home) -> None:
    """Then all that is planned is this change's."""
    home.declare(OTHER).commit()
    home.converges()
    told = home.declare(OTHER, {"id": 200006, "default_assessor": "james"}).plan("--base", "HEAD")
    assert pending(told) == {"learner[200006].default_assessor": False}
    assert told["summary"]["unneeded"] == 0


def test_what_this_change_causes_is_told_from_what_was_pending(home: Home) -> None:
    """One learner was pending, one is new, one is asked for otherwise, and one is no longer asked for."""
    rows = [{"id": 200005 + place, "default_assessor": "james"} for place in range(4)]
    home.declare(*rows[:3]).commit()
    told = home.declare(
        rows[0],
        rows[1] | {"default_assessor": "xanthe"},
        rows[3],
        staff={**STAFF, "xanthe": {"id": 163757, "role": "assessor"}},
    ).plan("--base", "HEAD")
    assert pending(told) == {
        "learner[200005].default_assessor": True,
        "learner[200006].default_assessor": False,
        "learner[200008].default_assessor": False,
    }
    assert told["summary"]["unneeded"] == 1
    assert told["scope"]["learners"] == 3


def test_the_reading_for_both_costs_what_either_needs_and_no_more(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same learners and slots, held by other people: not one call more than without a base."""
    home.declare().commit()
    home.declare({**LEARNER, "default_assessor": "kate"})
    with served() as server:
        point_at(monkeypatch, server.url)
        home.plan()
        server.service.calls.clear()
        alone = home.plan()["summary"]["calls"]["read"]
        told = home.plan("--base", "HEAD")["summary"]["calls"]["read"]
        assert alone == told
        assert len(server.calls) == alone + told


def test_what_only_the_base_declares_does_not_show_in_the_plan(home: Home) -> None:
    """A learner, a layer, a person and a MISID that is unknown, all of the base: read, and told nowhere."""
    home.declare(LEARNER, OTHER, {"misid": "NOBODY-9", "default_assessor": "kate"}).commit()
    head = {"id": 200004, "default_assessor": "kate"}
    staff = {"kate": STAFF["kate"]}
    alone = home.declare(head, staff=staff).plan()
    told = home.plan("--base", "HEAD")
    for part in ("operations", "fingerprint", "problems", "caseload", "policies", "limits", "scope", "staff"):
        assert told[part] == alone[part]
    assert unmarked(told) == alone["resource_changes"]


def test_one_learner_named_by_id_here_and_by_misid_there_is_one(home: Home) -> None:
    """Their change was pending under either name."""
    home.declare({"misid": "LRN00002", "default_assessor": "james"}).commit()
    (row,) = home.plan()["resource_changes"]
    home.declare({"id": row["learner_id"], "default_assessor": "james"})
    assert list(pending(home.plan("--base", "HEAD")).values()) == [True]


def test_a_breach_of_a_policy_is_pending_where_it_was_there_before(home: Home) -> None:
    """The same clash in both, and one that the change brings."""
    twins = {"kate": STAFF["kate"] | {"person": "k"}, "kate-iqa": {"id": 118204, "role": "iqa", "person": "k"}}  # type: ignore[operator]
    staff = {**STAFF, **twins}
    staff.pop("priya")
    clash = {"learning_aims": [{"standard": 41240, "assessor": "kate", "iqa": "kate-iqa"}]}
    home.declare({"id": 200004} | clash, staff=staff).commit()
    told = home.declare({"id": 200004} | clash, {"id": 200005} | clash, staff=staff).plan("--base", "HEAD")
    found = {
        row["learner_id"]: row.get("pending", False) for row in told["policies"] if row["policy"] == "iqa_independent"
    }
    assert found == {200004: True, 200005: False}


# ------------------------------------------------------------------ bases that do not help


@pytest.mark.parametrize("spoil", ["version: 2", None], ids=["not valid", "not there"])
def test_a_base_that_is_no_declared_state_makes_everything_this_changes_doing(home: Home, spoil: str | None) -> None:
    """The plan stands, and says that nothing could be told apart."""
    home.declare()
    if spoil:
        (home.path / "state/settings.yaml").write_text(spoil, encoding="utf-8")
        commit = home.commit()
        home.declare()
    else:
        home.git("init", "-q")
        home.git("commit", "-q", "--allow-empty", "-m", "before there was a state folder")
        commit = home.git("rev-parse", "HEAD")
    told = home.plan("--base", "HEAD")
    assert told["base"] == commit
    assert set(pending(told).values()) == {False}
    assert any(f"the files at {commit[:12]} are not valid" in row["what"] for row in told["problems"])
    assert told["fingerprint"] == home.plan()["fingerprint"]


def test_a_commit_that_git_does_not_know_is_invalid(home: Home) -> None:
    """Nothing is planned as if there were no base."""
    home.declare().commit()
    ended = home.run("plan", "--base", "no-such-branch")
    assert ended.code == ExitCode.INVALID
    assert "git does not know 'no-such-branch'" in ended.err


def test_a_shallow_clone_says_what_to_fetch(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipeline's clone has one commit: the error names the command that fetches the other."""
    home.declare().commit()
    home.declare(OTHER).commit()
    clone = home.path / "clone"
    subprocess.run(["git", "clone", "-q", "--depth=1", home.path.as_uri(), str(clone)], check=True)
    monkeypatch.chdir(clone)
    ended = home.run("plan", "--base", "HEAD~1")
    assert ended.code == ExitCode.INVALID
    assert "is a shallow clone" in ended.err and "git fetch --depth=1 origin" in ended.err
    assert home.run("plan", "--base", "HEAD").code == ExitCode.DONE


# ------------------------------------------------------------------ with the other options


def test_the_same_inputs_give_the_same_bytes(home: Home) -> None:
    """From a kept reading that was taken for both, twice; no temporary place shows."""
    home.declare(LEARNER, {"misid": "NOBODY-9", "default_assessor": "kate"}, OTHER).commit()
    home.declare(LEARNER | {"default_assessor": "kate"})
    first = home.plan("--base", "HEAD", "--save-observed", "seen.json")
    assert "reconciler-base-" not in (home.path / "seen.json").read_text(encoding="utf-8")
    told = [home.plan("--base", "HEAD", "--observed", "seen.json") for _ in range(2)]
    for plan in (first, *told):
        del plan["created_at"], plan["digest"]
    assert json.dumps(told[0]) == json.dumps(told[1]) == json.dumps(first)


def test_a_kept_reading_that_never_looked_for_the_bases_people_is_refused(home: Home) -> None:
    """What was not read is not empty, on the base's side either."""
    home.declare(OTHER).commit()
    home.declare({"id": 200006, "default_assessor": "kate"}).plan("--save-observed", "seen.json")
    ended = home.run("plan", "--base", "HEAD", "--observed", "seen.json")
    assert ended.code == ExitCode.INVALID
    assert "the saved reading has no learner 200005" in ended.err
    assert "state/cohorts/c1.yaml" in ended.err and "reconciler-base-" not in ended.err


def test_a_scope_holds_for_both_sides(home: Home) -> None:
    """Whoever left the cohort is counted with it, and whoever only moved to another cohort is not."""
    home.declare({"id": 200005, "default_assessor": "james"}, {"id": 200006, "default_assessor": "james"})
    moved = {"version": 1, "cohort": "c2", "learners": [{"id": 200006, "default_assessor": "james"}]}
    home.commit()
    home.declare({"id": 200007, "default_assessor": "james"})
    (home.path / "state/cohorts/c2.yaml").write_text(json.dumps(moved), encoding="utf-8")
    told = home.plan("--base", "HEAD", "--cohort", "c1")
    assert {row["learner_id"] for row in told["resource_changes"]} == {200007}
    everybody = home.plan("--base", "HEAD")
    only_one = home.plan("--base", "HEAD", "--learner", "200006")
    assert told["summary"]["unneeded"] == everybody["summary"]["unneeded"] == 1
    assert pending(only_one) == {"learner[200006].default_assessor": True}
    assert only_one["summary"]["unneeded"] == 0


def test_what_changed_since_a_commit_is_told_from_what_was_pending(home: Home) -> None:
    """Only the changed cohort is read, and its old rows are pending."""
    other = {"version": 1, "cohort": "c2", "learners": [{"id": 200006, "default_assessor": "james"}]}
    home.declare(OTHER)
    (home.path / "state/cohorts/c2.yaml").write_text(json.dumps(other), encoding="utf-8")
    home.commit()
    home.declare(OTHER, {"id": 200007, "default_assessor": "james"})
    told = home.plan("--base", "HEAD", "--changed-since", "HEAD")
    assert pending(told) == {"learner[200005].default_assessor": True, "learner[200007].default_assessor": False}


def test_settings_of_the_base_judge_the_base(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drift that was only reported, and is corrected from now on, is this change's doing."""
    wish = {"id": 200005, "default_assessor": "kate"}
    moved = {"user": 200005, "set": {"DefaultAssessorID": JAMES}}
    with served() as server:
        point_at(monkeypatch, server.url)
        home.declare(wish).converges()
        server.world.commit(lambda: edit(server.world, moved, NOON), NOON, "somebody")
        home.declare(wish, settings={**SETTINGS, "drift": {"default_assessor": "report"}}).commit()
        (row,) = home.declare(wish).plan("--base", "HEAD")["resource_changes"]
    assert (row["reason"], row["change"]["after"]["staff_id"]) == ("drift", KATE)
    assert "pending" not in row


# ------------------------------------------------------------------ rules that the files loosen for themselves


def test_a_change_of_the_files_cannot_lift_the_limits_of_its_own_plan(home: Home) -> None:
    """The base's limit blocks; the difference is the first finding, in every format that tells any."""
    home.declare({"id": 200004}, settings={**SETTINGS, "limits": {"reassign": {"count": 0, "share": 1}}}).commit()
    home.declare(LEARNER, settings={**SETTINGS, "limits": {"reassign": {"count": 50, "share": 1}}})
    ended = home.run("plan", "--base", "HEAD", "--format", "json")
    assert ended.code == ExitCode.BLOCKED
    first = ended.json["policies"][0]
    assert (first["policy"], first["level"]) == ("loosened_settings", "warn")
    assert "limits.reassign.count: 50 in these files, 0 on the base; the base counts" in first["what"]
    text = home.run("plan", "--base", "HEAD").out
    assert text.index("Settings that these files loosen") < text.index("Refused by limits")
    told = home.run("plan", "--base", "HEAD", "--format", "annotations").out
    assert told.startswith("::error file=state/settings.yaml")
    assert home.run("plan").code == ExitCode.DONE, "as merged"


def test_a_change_of_the_files_cannot_waive_for_itself(home: Home) -> None:
    """A waiver that nobody has merged lifts nothing, and is named."""
    settings = {**SETTINGS, "limits": {"reassign": {"count": 0, "share": 1}}}
    home.declare({"id": 200004}, settings=settings).commit()
    waiver = {"policy": "limit_reassign", "run": True, "reason": "mine", "approved_by": "me", "until": "2099-01-01"}
    home.declare(LEARNER, settings={**settings, "waivers": [waiver]})
    ended = home.run("plan", "--base", "HEAD", "--format", "json")
    assert ended.code == ExitCode.BLOCKED
    assert "the waiver of limit_reassign for the run until 2099-01-01" in ended.json["policies"][0]["what"]
    assert home.run("plan").code == ExitCode.DONE, "as merged"


@pytest.mark.parametrize(
    ("rule", "policy", "aim"),
    [
        ({"caseload": {"max": 60}}, "caseload", {"standard": 41242, "assessor": "kate"}),
        ({"role": "assessor"}, "trainee_assessor", {"standard": 41242, "assessor": "robin"}),
        ({"person": "r2"}, "iqa_independent", {"standard": 41242, "assessor": "robin", "iqa": "robin-iqa"}),
    ],
)
def test_a_change_of_the_files_cannot_loosen_the_rules_for_staff(
    home: Home, rule: Mapping[str, object], policy: str, aim: Mapping[str, object]
) -> None:
    """Neither a caseload, nor who is a trainee, nor which accounts are one person, counts before it is merged."""
    policies = {"iqa_independent": "off", "trainee_assessor": "off", "caseload": "off", policy: "error"}
    settings = {**SETTINGS, "policies": policies}
    kate = {**STAFF["kate"], "caseload": {"max": 1}}
    robin = {"id": 135510, "role": "trainee_assessor", "person": "r"}
    iqa = {"id": 136481, "role": "iqa", "person": "r"}
    staff = {**STAFF, "kate": kate, "robin": robin, "robin-iqa": iqa}
    home.declare({"id": 200004}, {"id": 200005, "default_assessor": "kate"}, settings=settings, staff=staff).commit()
    member = "kate" if policy == "caseload" else "robin"
    looser = {**staff, member: {**staff[member], **rule}}
    home.declare(
        {"id": 200004, "learning_aims": [aim]},
        {"id": 200005, "default_assessor": "kate"},
        settings=settings,
        staff=looser,
    )
    ended = home.run("plan", "--base", "HEAD", "--format", "json")
    assert ended.code == ExitCode.BLOCKED, ended.out + ended.err
    first, *others = ended.json["policies"]
    assert (first["policy"], first["staff"]) == ("loosened_settings", member)
    assert [row["level"] for row in others if row["policy"] == policy] == ["error"]
    assert home.run("plan").code == ExitCode.DONE, "as merged"


@pytest.mark.parametrize("base", ["never", "terminal", None])
def test_a_change_of_the_files_cannot_print_names_in_its_own_plan(
    home: Home, monkeypatch: pytest.MonkeyPatch, base: str | None
) -> None:
    """Whatever the format, and also where the base has no valid settings."""
    with served() as server:
        point_at(monkeypatch, server.url)
        home.declare(LEARNER, settings={**SETTINGS, **({"privacy": {"names": base}} if base else {})})
        if base is None:
            (home.path / "state/settings.yaml").write_text("privacy: {names: always}\n", encoding="utf-8")
        home.commit()
        home.declare(LEARNER, settings={**SETTINGS, "privacy": {"names": "always"}})
        person = server.world.users[200004]
        assert str(person["LastName"]) in home.run("plan").out, "as merged"
        for form in ("text", "markdown", "html", "json", "annotations"):
            ended = home.run("plan", "--base", "HEAD", "--verbose", "--format", form)
            assert str(person["LastName"]) not in ended.out + ended.err
            assert "privacy.names" in ended.out
