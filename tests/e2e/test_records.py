"""What the store remembers: history as evidence, a run put back, steps closed by people, a lock taken away."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest

from onefile_sandbox.faults import Fault
from reconciler.clock import SystemClock
from reconciler.model.operations import step_id
from reconciler.model.slots import Site, Slot, SlotKind, UserId
from reconciler.problems import ExitCode
from reconciler.store import Store
from tests.e2e.user import JAMES, KATE, LEARNER, LEE, PRIYA, SETTINGS, WRITES, Home, point_at, served, slots
from tests.report.reading import tables

ADDITIONAL = f"learner[200004].additional[{LEE}]"


def test_history_says_what_each_run_did(home: Home) -> None:
    """Every write with before, after, who, when, fingerprint and proof; in JSON and CSV the same rows."""
    commit = home.declare().commit()
    fingerprint = home.plan()["fingerprint"]
    assert home.run("history", "--format", "json").json == []
    home.converges()
    (run,) = home.run("history", "--format", "json").json
    assert (run["command"], run["exit_code"], run["operations_done"], run["fingerprint"]) == (
        "apply",
        0,
        WRITES,
        fingerprint,
    )
    rows = home.run("history", "1", "--format", "json").json
    assert len(rows) == WRITES
    assert all(row["outcome"] == "done" and row["sent"] and row["settled"] for row in rows)
    assert {row["address"]: row["proof"] for row in rows if row["proof"] == "unreadable"} == {ADDITIONAL: "unreadable"}
    (default,) = (row for row in rows if row["address"].endswith("default_assessor"))
    assert (default["before"], default["before_staff"], default["after_staff"]) == (KATE, "kate", "james")
    assert {(row["fingerprint"], row["commit"], bool(row["who"])) for row in rows} == {(fingerprint, commit, True)}
    table = list(csv.DictReader(io.StringIO(home.run("history", "1", "--format", "csv").out)))
    for column in (
        "address",
        "before_staff",
        "after_staff",
        "outcome",
        "proof",
        "sent",
        "who",
        "commit",
        "fingerprint",
    ):
        assert [row[column] for row in table] == [row[column] for row in rows]
    text = home.run("history", "1").out
    assert all(row["path"] in text for row in rows)


LABELLED = {**LEARNER, "label": "LRN-0042"}


def _moved_twice(home: Home) -> str:
    """Two runs on one learner and one on another; the commit of the second."""
    home.declare(LABELLED).converges()
    commit = home.declare(
        {**LABELLED, "default_assessor": "kate"}, {"id": 200005, "default_assessor": "james"}
    ).commit()
    home.converges()
    return commit


@pytest.mark.parametrize("name", ["LRN-0042", "200004"])
def test_history_of_a_learner_says_who_changed_what(home: Home, name: str) -> None:
    """Every write to that learner, newest first, and nobody else's; by label or id, in every format."""
    commit = _moved_twice(home)
    timeline = home.run("history", "--learner", name, "--format", "json").json
    rows = [row for row in timeline if row.get("operation")]
    assert len(rows) == WRITES + 1
    assert {(row["learner_id"], row["label"]) for row in rows} == {(200004, "LRN-0042")}
    assert [row["run"] for row in rows] == [2] + [1] * WRITES
    newest = rows[0]
    assert (newest["slot"], newest["before_staff"], newest["after_staff"]) == ("default assessor", "james", "kate")
    assert (newest["commit"], newest["outcome"], newest["proof"]) == (commit, "done", "read_back")
    assert newest["who"] and newest["settled"] and newest["command"] == "apply"
    text = home.run("history", "--learner", name).out
    assert "default assessor: james -> kate\n        done, read back, " in text
    assert "LRN-0042, OneFile id 200004" in text and "200005" not in text
    assert text.index(f"commit {commit[:10]}") < text.index("run 1, apply to sandbox, asked by ")
    (table,) = tables(home.run("history", "--learner", name, "--format", "markdown").out)
    assert [row[1] for row in table].count("write") == WRITES + 1
    listed = list(csv.DictReader(io.StringIO(home.run("history", "--learner", name, "--format", "csv").out)))
    assert [row["address"] for row in listed if row["operation"]] == [row["address"] for row in rows]


def test_history_of_several_learners_names_who_was_never_written(home: Home) -> None:
    """Also one who stands in no file: that nothing is recorded is an answer; in CSV it is the header alone."""
    _moved_twice(home)
    rows = home.run("history", "--learner", "200005", "--learner", "LRN-0042", "--format", "json").json
    assert {row["learner_id"] for row in rows} == {200004, 200005}
    for form in ("text", "markdown"):
        ended = home.run("history", "--learner", "200005", "--learner", "200017", "--format", form)
        assert (ended.code, "No write to learner 200017 is recorded here" in ended.out) == (ExitCode.DONE, True)
    assert home.run("history", "--learner", "200017", "--format", "csv").out.startswith("run,operation,address,")


def test_a_learner_of_history_who_has_no_known_id_is_invalid(home: Home) -> None:
    """OneFile is not asked: the error says how to find the id, or to name the files; an id goes without any file."""
    home.declare({"misid": "LRN00004", "label": "M-4", "default_assessor": "james"}).converges()
    for name in ("LRN00004", "M-4"):
        ended = home.run("history", "--learner", name)
        assert (ended.code, "plan --learner LRN00004 --format json" in " ".join(ended.err.split())) == (3, True)
    unknown = home.run("history", "--learner", "LRN-9999", "--learner", "nobody")
    assert unknown.code == ExitCode.INVALID and "'LRN-9999'" in unknown.err and "'nobody'" in unknown.err
    elsewhere = ("--state", "nowhere", "--store", ".reconciler/store.db")
    assert home.run("history", "--learner", "200004", *elsewhere, "--format", "json").json[0]["label"] == ""
    no_files = home.run("history", "--learner", "M-4", *elsewhere)
    assert (no_files.code, "--state" in no_files.err) == (ExitCode.INVALID, True)
    for more in (["1"], ["--steps"]):
        assert home.run("history", "--learner", "200004", *more).code == ExitCode.INVALID


def test_history_of_a_run_tells_labels(home: Home) -> None:
    """Beside the id, where the files tell them."""
    home.declare(LABELLED).converges()
    assert "learner 200004 (LRN-0042): default assessor" in home.run("history", "1").out
    assert "200004 `LRN-0042`" in home.run("history", "1", "--format", "markdown").out
    assert home.run("history", "1", "--format", "json").json[0]["label"] == "LRN-0042"
    home.declare(LEARNER)
    assert "learner 200004: default assessor" in home.run("history", "1").out


def test_history_can_be_of_one_target(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """One store may hold runs to several: each is listed with its target, and --target leaves the others out."""
    home.declare(LABELLED).converges()
    with served() as server, monkeypatch.context() as there:
        point_at(there, server.url)
        home.converges()
    assert [row["target"] for row in home.run("history", "--format", "json").json] == [server.url, "sandbox"]
    for form in ("text", "markdown"):
        listed = home.run("history", "--format", form).out
        assert "target" in listed and "sandbox" in listed and server.url[:20] in listed
    of_one = ("history", "--target", "sandbox")
    assert [row["run"] for row in home.run(*of_one, "--format", "json").json] == [1]
    assert server.url[:20] not in home.run(*of_one).out
    ended = home.run("history", "2", "--target", "sandbox")
    assert (ended.code, "no run 2 to sandbox" in ended.err) == (ExitCode.INVALID, True)
    everywhere = _writes(home.run("history", "--learner", "200004", "--format", "json").json)
    assert _writes(home.run(*of_one, "--learner", "200004", "--format", "json").json) == everywhere / 2 == WRITES


def _writes(timeline: list[dict[str, Any]]) -> int:
    return sum(bool(row.get("operation")) for row in timeline)


def test_a_table_without_a_row_has_its_header(home: Home) -> None:
    """A run that wrote nothing, or no run at all: whoever reads the file by its columns finds them."""
    home.declare(LABELLED)
    nothing = home.run("history", "--format", "csv").out
    home.converges()
    home.converges()
    header, *rows = home.run("history", "1", "--format", "csv").out.splitlines()
    assert rows and home.run("history", "2", "--format", "csv").out == f"{header}\n"
    assert home.run("history", "--format", "csv").out.startswith(nothing.strip())
    assert home.run("history", "--steps", "--format", "csv").out.startswith("step,address,learner_id,")


def test_history_of_a_run_that_is_not_there_is_invalid(home: Home) -> None:
    """With the way to find the right one."""
    home.declare().converges()
    ended = home.run("history", "7")
    assert ended.code == ExitCode.INVALID
    assert "reconciler history" in ended.err


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["history"], ExitCode.DONE),
        (["history", "7"], ExitCode.INVALID),
        (["history", "--steps"], ExitCode.DONE),
        (["history", "--learner", "200004"], ExitCode.DONE),
        (["unlock", "--reason", "a trial"], ExitCode.ERROR),
        (["done", "0123abcd", "--by", "kate", "--outcome", "present"], ExitCode.ERROR),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_who_only_looks_back_makes_no_store(home: Home, command: list[str], code: ExitCode) -> None:
    """A slip in --store would leave a file behind, and an empty answer that looks like a true one."""
    home.declare()
    ended = home.run(*command, "--store", "mistyped.db")
    assert ended.code == code
    assert not (home.path / "mistyped.db").exists()
    if command != ["history", "--steps"] and "--learner" not in command:
        assert "mistyped.db" in ended.out + ended.err


def test_history_of_a_target_without_runs_names_those_that_have_some(home: Home) -> None:
    """That nothing has been recorded would be untrue."""
    home.declare().converges()
    for form in ("text", "markdown"):
        ended = home.run("history", "--target", "practice", "--format", form)
        assert (ended.code, "There are runs to sandbox" in ended.out) == (ExitCode.DONE, True)
        assert "practice" in ended.out


# ------------------------------------------------------------------ revert


def test_a_reverted_run_is_put_back_as_far_as_onefile_can(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who was displaced returns; where nobody stood, and for additional people, there are steps for a person."""
    with served() as server:
        point_at(monkeypatch, server.url)
        before = slots(server.world)
        home.declare().converges()
        plan = home.run("revert", "1", "--out", "back.json", "--format", "json").json
        assert "[reverts run 1]" in home.run("show", "back.json").out
        rows = {row["address"]: row["change"]["actions"][0] for row in plan["resource_changes"]}
        assert {address for address, action in rows.items() if action == "update"} == {
            address for address in rows if before.get(address)
        }
        assert {step["address"] for step in plan["manual_steps"]} == {
            address for address in rows if not before.get(address)
        }
        assert home.run("apply", "back.json").code == ExitCode.INCOMPLETE  # the steps are open
        after = slots(server.world)
        assert all(after[address] == before[address] for address, action in rows.items() if action == "update")


def test_a_write_that_took_others_with_it_is_put_back(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run says failed, and why; the default itself was written, and is among what a person may undo."""
    with served(None, "default_cascade=cascades") as server:
        point_at(monkeypatch, server.url)
        before = slots(server.world)
        failed = home.declare({"id": 200004, "default_assessor": "james"}).run("apply", "--auto-approve")
        assert failed.code == ExitCode.INCOMPLETE
        assert "moved with it" in " ".join(failed.out.split())
        assert home.run("revert", "1", "--out", "back.json").code == ExitCode.DONE
        home.run("apply", "back.json")
        assert slots(server.world) == before


def test_what_moved_since_a_run_is_not_put_back(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody's newer decision is left alone, and said."""
    with served() as server:
        point_at(monkeypatch, server.url)
        home.declare().converges()
        server.world.users[200004]["DefaultAssessorID"] = 163757
        plan = home.run("revert", "1", "--format", "json").json
        assert not any(row["type"] == "default_assessor" for row in plan["resource_changes"])
        assert any("default_assessor has changed since run 1" in problem["what"] for problem in plan["problems"])


def test_slots_that_moved_since_a_run_are_one_row(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever holds them now."""
    learners = (200004, 200005, 200007)
    with served() as server:
        point_at(monkeypatch, server.url)
        home.declare(*({"id": user, "label": f"L{user}", "default_assessor": "james"} for user in learners)).converges()
        for user in learners:
            server.world.users[user]["DefaultAssessorID"] = 163757
        for form in ("text", "markdown"):
            report = " ".join(home.run("revert", "1", "--format", form).out.replace("`", "").split())
            assert report.count("default_assessor has changed since run 1") == 1
            assert "3 learners, L200004 to L200007: default_assessor has changed" in report


# ------------------------------------------------------------------ done


def test_a_removal_stays_open_until_somebody_says_that_it_is_done(home: Home) -> None:
    """OneFile has no unassign and does not show the slot: until a person says so, apply is incomplete."""
    home.declare().converges()
    home.declare({**LEARNER, "additional": []})
    (step,) = home.plan()["manual_steps"]
    assert step["address"] == ADDITIONAL
    assert home.run("apply", "--auto-approve").code == ExitCode.INCOMPLETE
    assert home.run("done", "00000000", "--by", "priya").code == ExitCode.INVALID
    said = home.run("done", step["id"], "--by", "priya")
    assert said.code == ExitCode.DONE
    assert "additional people: lee recorded as removed, reported by priya" in said.out
    assert home.plan()["manual_steps"] == []
    assert home.run("apply", "--auto-approve").code == ExitCode.DONE
    closed = home.run("history", "--format", "json").json
    assert ("done", "priya") in {(run["command"], run["who"]) for run in closed}


@pytest.mark.parametrize(
    ("fault", "outcome", "present"), [("drop_after", "present", True), ("drop_before", "absent", False)]
)
def test_a_write_that_nobody_can_see_is_settled_by_a_person_and_never_sent_again_by_itself(
    home: Home, monkeypatch: pytest.MonkeyPatch, fault: Any, outcome: str, present: bool
) -> None:
    """The answer was lost; whoever looks decides whether it is recorded or written again."""
    with served() as server:
        point_at(monkeypatch, server.url)
        server.service.faults.arm(Fault(fault, "POST", f"/User/{LEE}/Assign"))
        home.declare({"id": 200004, "additional": ["lee"]})
        assert home.run("apply", "--auto-approve").code == ExitCode.INCOMPLETE
        assert (LEE in server.world.additional.get(200004, [])) is present
        blocked = home.run("apply", "--auto-approve")
        assert blocked.code == ExitCode.INCOMPLETE
        sent = [call for call in server.calls if call["path"].endswith("/Assign")]
        assert len(sent) == 1
        step = home.run("plan").out.replace("\n", " ").split("reconciler done ")[1].split()[0]
        assert home.run("done", step, "--by", "priya", "--outcome", outcome).code == ExitCode.DONE
        home.converges()
        sent = [call for call in server.calls if call["path"].endswith("/Assign")]
        assert len(sent) == (1 if present else 2)
        assert server.world.additional[200004] == [LEE]


def test_a_refusal_of_what_is_there_already_is_settled_by_a_person(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where OneFile refuses to repeat and does not show what it holds, no run could ever succeed by itself."""
    with served(None, "repeat_assign=refused") as server:
        point_at(monkeypatch, server.url)
        server.world.additional[200004] = [LEE]
        refused = home.declare({"id": 200004, "additional": ["lee"]}).run("apply", "--auto-approve")
        assert refused.code == ExitCode.INCOMPLETE
        step = refused.out.replace("\n", " ").split("reconciler done ")[1].split()[0]
        assert home.run("done", step, "--by", "priya", "--outcome", "present").code == ExitCode.DONE
        home.converges()
        assert len([call for call in server.calls if call["path"].endswith("/Assign")]) == 1
        assert home.run("done", step, "--by", "priya", "--outcome", "absent").code == ExitCode.DONE  # taken off since
        assert home.run("apply", "--auto-approve").code == ExitCode.INCOMPLETE


# ------------------------------------------------------------------ unlock


def test_a_lock_of_another_machine_is_taken_away_only_with_a_reason(home: Home) -> None:
    """Until then apply ends with 6, naming who has it."""
    home.declare()
    home.plan()
    with Store.open(".reconciler/store.db", clock=SystemClock()) as store:
        store.acquire(
            Site("sandbox", 5740), holder="robin", host="elsewhere", command="apply", run=None,
            lease_seconds=timedelta(hours=1).total_seconds(),
        )  # fmt: skip
    locked = home.run("apply", "--auto-approve")
    assert locked.code == ExitCode.LOCKED
    assert "robin" in locked.err
    assert home.run("unlock").code == ExitCode.INVALID
    assert home.run("unlock", "--reason", " ").code == ExitCode.INVALID
    taken = home.run("unlock", "--reason", "the runner was removed")
    assert taken.code == ExitCode.DONE
    assert "robin at elsewhere" in taken.out
    home.converges()
    assert home.run("unlock", "--reason", "again").out == "Nobody had the lock.\n"


# ------------------------------------------------------------------ cohorts that vanish


def test_a_cohort_that_vanished_blocks_until_somebody_answers_for_it(home: Home) -> None:
    """An empty file counts as none; the waiver is needed once, and its plan says who gave it."""
    home.declare({"id": 200005, "default_assessor": "kate"}).converges()
    (home.path / "state/cohorts/c1.yaml").rename(home.path / "state/cohorts/c2.yaml")
    text = (home.path / "state/cohorts/c2.yaml").read_text(encoding="utf-8").replace('"c1"', '"c2"')
    text = text.replace("200005", "200006")  # with the same learner it would only be renamed
    (home.path / "state/cohorts/c2.yaml").write_text(text, encoding="utf-8")
    blocked = home.run("apply", "--auto-approve")
    assert blocked.code == ExitCode.BLOCKED
    assert "cohort c1 was managed before" in blocked.out
    waiver = {
        "policy": "vanished_cohort",
        "cohort": "c1",
        "reason": "renamed",
        "approved_by": "quality-lead",
        "until": "2999-12-31",
    }
    settings = home.path / "state/settings.yaml"
    kept = settings.read_text(encoding="utf-8")
    home.declare(settings={**SETTINGS, "waivers": [waiver]})
    (home.path / "state/cohorts/c1.yaml").unlink()
    plan = home.plan()
    assert [(one["policy"], one["cohort"]) for one in plan["policies"] if one["waived"]] == [("vanished_cohort", "c1")]
    (waived,) = home.run("apply", "--auto-approve", "--format", "json").json["waived"]
    assert "quality-lead" in waived["waived"]
    settings.write_text(kept, encoding="utf-8")
    assert home.run("plan", "--detailed-exitcode").code == ExitCode.DONE


def test_a_plan_of_others_does_not_answer_for_a_cohort_that_vanished(home: Home) -> None:
    """It does nothing to that cohort's learners; one that names the cohort, or the whole centre, does answer."""
    home.declare({"id": 200005, "default_assessor": "kate"})
    other = home.path / "state/cohorts/c2.yaml"
    learners = [{"id": 200006, "default_assessor": "kate"}]
    other.write_text(json.dumps({"version": 1, "cohort": "c2", "learners": learners}), encoding="utf-8")
    home.converges()
    other.write_text(json.dumps({"version": 1, "cohort": "c2", "learners": []}), encoding="utf-8")
    for scope, code in {
        ("--cohort", "c1"): ExitCode.DONE,
        ("--learner", "200005"): ExitCode.DONE,
        ("--cohort", "c1", "--cohort", "c2"): ExitCode.BLOCKED,
        (): ExitCode.BLOCKED,
    }.items():
        assert home.run("plan", *scope).code == code, scope


def test_a_reverted_account_must_be_known(home: Home) -> None:
    """Whom the files do not know cannot be declared to return."""
    staff = {"james": {"id": JAMES, "role": "assessor"}, "priya": {"id": PRIYA, "role": "iqa"}}
    home.declare({"id": 200004, "default_assessor": "james"}, staff=staff).converges()
    plan = home.run("revert", "1", "--format", "json").json
    assert plan["operations"] == []
    assert any(f"held account {KATE}, who is not in staff.yaml" in problem["what"] for problem in plan["problems"])


def test_reverting_a_learner_declared_by_misid_leaves_no_trace_of_a_cohort(home: Home) -> None:
    """The journal knows ids alone; a made-up cohort must not be missed by later plans."""
    home.declare({"misid": "LRN00004", "default_assessor": "james"}).converges()
    home.run("revert", "1", "--out", "back.json")
    assert home.run("apply", "back.json").code == ExitCode.DONE
    assert home.run("plan").code == ExitCode.DONE
    home.converges()


def test_a_revert_is_not_refused_for_being_all_changes(home: Home) -> None:
    """A share of the slots in scope says nothing where the scope is what a run wrote; counts still hold."""
    settings = {"organisation": 5740, "limits": {"reassign": {"count": 1, "share": 0.5}}}
    declared = {"id": 200004, "default_assessor": "james", "default_employer": "mentor"}
    home.declare(declared, settings=settings).converges()
    home.declare(declared, settings={"organisation": 5740, "limits": {"reassign": {"count": 0}}})
    assert home.run("revert", "1").code == ExitCode.BLOCKED
    home.declare(declared, settings=settings)
    assert home.run("revert", "1", "--out", "back.json").code == ExitCode.DONE
    assert home.run("apply", "back.json").code == ExitCode.DONE


def test_a_day_in_the_past_does_not_bring_back_a_waiver_that_has_ended(home: Home) -> None:
    """--at is for looking, not for getting round a limit."""
    waiver = {"policy": "limit_create", "run": True, "reason": "once", "approved_by": "head", "until": "2026-01-31"}
    settings = {**SETTINGS, "limits": {"create": {"count": 0}}, "waivers": [waiver]}
    home.declare({"id": 200004, "additional": ["lee"]}, settings=settings)
    assert home.run("plan", "--at", "2026-01-15").code == ExitCode.BLOCKED


def test_a_saved_plan_is_held_to_the_limits_of_the_day_it_is_applied(home: Home) -> None:
    """What was allowed when it was made, or was edited to look so, is judged again."""
    home.declare().run("plan", "--out", "plan.json")
    home.declare(settings={**SETTINGS, "limits": {"reassign": {"count": 0}}})
    assert home.run("apply", "plan.json").code == ExitCode.BLOCKED


def test_only_what_onefile_does_not_show_can_be_told(home: Home) -> None:
    """A slot that is read is nobody's to say."""
    home.declare().converges()
    step = step_id(UserId(200004), Slot(SlotKind.DEFAULT_ASSESSOR))
    assert home.run("done", step, "--by", "priya").code == ExitCode.INVALID


def test_an_old_plan_does_not_record_what_it_saw_as_what_is(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its no-ops were true when it was made; recorded now, they would turn somebody's edit into a declared change."""
    with served() as server:
        point_at(monkeypatch, server.url)
        home.declare({**LEARNER, "id": 200004}).converges()
        home.run("plan", "--out", "old.json")
        server.world.users[200004]["DefaultEmployerID"] = None
        home.run("apply", "--auto-approve")
        assert home.run("apply", "old.json").code == ExitCode.DONE
        (row,) = (one for one in home.plan()["resource_changes"] if one["type"] == "default_employer")
        assert (row["reason"], row["held"]) == ("drift", "report")


def test_a_run_names_its_plan_what_it_reverts_and_who_approved_it(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the run, in the list, in the timeline and for programs; and apply says for whom and when it ran."""
    home.declare().commit()
    home.run("plan", "--out", "plan.json")
    made = json.loads((home.path / "plan.json").read_text("utf-8"))["created_at"]
    monkeypatch.setenv("RECONCILER_APPROVED_BY", "ben, cleo")
    monkeypatch.setenv("GITHUB_ACTOR", "ada")
    applied = home.run("apply", "plan.json")
    assert "\nRun 1 on sandbox, organisation 5740, by ada, 20" in applied.out
    monkeypatch.delenv("RECONCILER_APPROVED_BY")
    home.run("revert", "1", "--save", "back.json")
    home.run("apply", "back.json")

    first, second = home.run("history", "1").out, home.run("history", "2").out
    assert "Asked by ada, approved by ben, cleo, commit " in first
    assert f", plan made {made[:10]}" in first
    assert second.startswith("Run 2: apply to sandbox, organisation 5740, to revert run 1\n")
    assert "approved by" not in second
    assert ", to revert run 1" in home.run("history").out
    timeline = home.run("history", "--learner", str(LEARNER["id"])).out
    assert "run 1, apply to sandbox, asked by ada, approved by ben, cleo" in timeline
    assert "run 2, apply to sandbox, to revert run 1, asked by" in timeline
    rows = home.run("history", "--format", "json").json
    assert [(row["reverts"], row["approved_by"], row["plan_made"][:10]) for row in rows] == [
        (1, "", made[:10]),
        (None, "ben, cleo", made[:10]),
    ]
    assert {row["approved_by"] for row in home.run("history", "1", "--format", "json").json} == {"ben, cleo"}
