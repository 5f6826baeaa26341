"""Saved plans: what was reviewed is what runs, and nothing else that lies in the file's place."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from reconciler.problems import ExitCode
from tests.e2e.user import JAMES, KATE, LEARNER, SETTINGS, TOKEN, WRITES, Home, point_at, served

Document = dict[str, Any]


@pytest.fixture
def saved(home: Home) -> Home:
    """A folder with a plan for the embedded sandbox in plan.json; what that server offers is known from before."""
    home.declare().plan()
    assert home.run("plan", "--out", "plan.json").code == ExitCode.DONE
    return home


def test_a_saved_plan_is_shown_and_applied_as_it_is(saved: Home) -> None:
    """Show says what plan said; apply writes it without asking, and again only if that is meant."""
    planned = saved.run("plan")
    shown = saved.run("show", "plan.json")
    assert shown.code == ExitCode.DONE
    assert _without_the_hour(shown.out) == _without_the_hour(planned.out)
    assert _rows(saved.run("show", "plan.json", "--format", "json").json) == _rows(
        saved.run("plan", "--format", "json").json
    )
    first = saved.run("apply", "plan.json", "--format", "json")
    assert (first.code, first.json["summary"]) == (ExitCode.DONE, {"done": WRITES})
    assert saved.run("apply", "plan.json").code == ExitCode.STALE
    second = saved.run("apply", "plan.json", "--again", "--format", "json")
    assert (second.code, second.json["summary"]) == (ExitCode.DONE, {"already_done": WRITES})
    assert first.json["fingerprint"] == second.json["fingerprint"] == saved_document(saved)["fingerprint"]


def test_whom_a_problem_concerns_is_saved(home: Home) -> None:
    """Show puts learners of one cause together as plan did; a plan that an older version saved is read without it."""
    strangers = ({"id": 299_990 + number, "default_assessor": "kate"} for number in range(3))
    planned = home.declare(LEARNER, *strangers).run("plan", "--out", "plan.json")
    together = "3 learners"
    assert together in planned.out
    assert _without_the_hour(home.run("show", "plan.json").out) == _without_the_hour(planned.out)
    document = saved_document(home)
    assert {row.pop("who") for row in document["problems"]} == {f"learner {299_990 + number}" for number in range(3)}
    _sign(document)
    (home.path / "plan.json").write_text(json.dumps(document), "utf-8")
    assert "learner 299990" in home.run("show", "plan.json", "--verbose").out


def _rows(document: Document) -> Document:
    """Return the document without what another hour changes."""
    return {key: value for key, value in document.items() if key not in ("created_at", "digest")}


def test_a_saved_plan_has_rows_of_what_differs_and_all_rows_if_asked(home: Home) -> None:
    """Both are one plan: it has the same fingerprint, shows the same and writes the same."""
    home.declare(LEARNER).converges()
    home.declare({**LEARNER, "default_assessor": "kate"})
    every = home.plan()["resource_changes"]
    home.run("plan", "--out", "plan.json")
    compact, shown = saved_document(home), home.run("show", "plan.json", "--format", "json").json
    assert "Give --save FILE" in home.run("plan", "--full-rows").err
    home.run("plan", "--out", "plan.json", "--full-rows")
    full = saved_document(home)
    assert (compact["reconciler_format"], full["reconciler_format"]) == ("2.0", "1.1")
    assert [row["change"]["actions"] for row in compact["resource_changes"]] == [["update"]]
    assert len(every) > 1 and shown["resource_changes"] == full["resource_changes"] == every
    assert shown["planned_values"] == full["planned_values"]
    assert compact["fingerprint"] == full["fingerprint"]


def test_an_apply_of_a_compact_plan_records_what_was_seen_as_declared(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slot that the plan did not change counts as watched afterwards, as with a row of its own."""
    with served() as server:
        point_at(monkeypatch, server.url)
        server.world.users[200005]["DefaultAssessorID"] = JAMES
        home.declare({"id": 200004, "default_assessor": "james"}, {"id": 200005, "default_assessor": "james"})
        home.run("plan", "--out", "plan.json")
        assert len(saved_document(home)["unchanged"]) == 1
        assert home.run("apply", "plan.json").code == ExitCode.DONE
        server.world.users[200005]["DefaultAssessorID"] = KATE
        (row,) = (row for row in home.plan()["resource_changes"] if row["learner_id"] == 200005)
        assert row["reason"] == "drift"


def _without_the_hour(text: str) -> list[str]:
    return [line for line in text.splitlines() if ", made " not in line]


def saved_document(home: Home) -> Document:
    document: Document = json.loads((home.path / "plan.json").read_text(encoding="utf-8"))
    return document


def _sign(document: Document) -> None:
    """Give an altered plan the digest that fits it, as somebody who means harm would."""
    unsigned = {key: value for key, value in document.items() if key != "digest"}
    text = json.dumps(unsigned, separators=(",", ":"), sort_keys=True, ensure_ascii=True)
    document["digest"] = "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def other_staff_in_a_row(document: Document) -> None:
    for row in document["resource_changes"]:
        if row["type"] == "default_assessor":
            row["change"]["after"] |= {"staff_id": KATE, "staff": "kate"}


def other_staff_in_a_body(document: Document) -> None:
    for row in document["operations"]:
        if "DefaultAssessorID" in row["body"]:
            row["body"]["DefaultAssessorID"] = KATE


def another_path(document: Document) -> None:
    document["operations"][0]["path"] = "/User/200001/Archive"


def one_more_operation(document: Document) -> None:
    document["operations"].append({**document["operations"][0], "path": "/User/1/Archive", "id": "0" * 12})


def one_operation_less(document: Document) -> None:
    document["operations"].pop()


def another_order(document: Document) -> None:
    document["operations"].reverse()


def another_fingerprint(document: Document) -> None:
    document["fingerprint"] = "sha256:" + "0" * 64


def another_summary(document: Document) -> None:
    document["summary"]["update"] = 0


def no_refusals(document: Document) -> None:
    document["limits"] = []
    document["policies"] = []


@pytest.mark.parametrize("command", ["show", "apply"])
@pytest.mark.parametrize(
    "alter",
    [other_staff_in_a_row, other_staff_in_a_body, another_path, one_more_operation, one_operation_less, another_order,
     another_fingerprint, another_summary],
)  # fmt: skip
def test_an_altered_plan_is_refused(saved: Home, alter: Callable[[Document], None], command: str) -> None:
    """By hand, with the digest as it was: it is not the plan that was made."""
    document = saved_document(saved)
    alter(document)
    (saved.path / "plan.json").write_text(json.dumps(document), encoding="utf-8")
    ended = saved.run(command, "plan.json")
    assert ended.code == ExitCode.INVALID
    assert ended.err.startswith("plan.json: ")
    assert saved.run("plan", "--detailed-exitcode").code == ExitCode.CHANGES


@pytest.mark.parametrize(
    "alter", [other_staff_in_a_body, another_path, one_more_operation, one_operation_less, another_order]
)
def test_a_plan_altered_with_care_is_refused_as_well(saved: Home, alter: Callable[[Document], None]) -> None:
    """Signed anew: calls that do not follow from the reviewed rows are not made."""
    document = saved_document(saved)
    alter(document)
    _sign(document)
    (saved.path / "plan.json").write_text(json.dumps(document), encoding="utf-8")
    assert saved.run("apply", "plan.json").code == ExitCode.INVALID


def test_a_plan_rewritten_as_a_whole_is_another_plan(saved: Home) -> None:
    """Rows, calls, fingerprint and digest made to fit: --expect with the approved fingerprint still stops it."""
    approved = saved_document(saved)["fingerprint"]
    saved.declare({**LEARNER, "default_assessor": "kate", "default_employer": "mentor"}, LEARNER | {"id": 200005})
    saved.run("plan", "--out", "plan.json")
    ended = saved.run("apply", "plan.json", "--expect", approved)
    assert ended.code == ExitCode.INVALID
    assert approved in ended.err


def test_a_blocked_plan_stays_blocked_when_saved(home: Home) -> None:
    """Saved for review it can be shown; applied it cannot be, nor when the refusals are taken out of the file."""
    home.declare(settings={**SETTINGS, "limits": {"create": {"count": 0}}})
    assert home.run("plan", "--out", "plan.json").code == ExitCode.BLOCKED
    assert home.run("show", "plan.json").code == ExitCode.DONE
    assert home.run("apply", "plan.json").code == ExitCode.BLOCKED
    document = saved_document(home)
    no_refusals(document)
    (home.path / "plan.json").write_text(json.dumps(document), encoding="utf-8")
    assert home.run("apply", "plan.json").code == ExitCode.INVALID


@pytest.mark.parametrize("command", ["show", "apply"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"resource_changes: []\n", "not JSON"),
        (b"\xff\xfe\x00\x00", "not JSON"),
        (b"[" * 200_000, "not JSON"),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, ""),
        (b"[]", "not a plan"),
        (b"{}", "not a plan"),
        (b"null", "not a plan"),
        (b'{"format_version": "1.2", "resource_changes": []}', "not a plan"),
        (b"1" * 10_000, "not JSON"),
        (b'{"organisation": 5740.0}', "5740.0 is not a whole number"),
        (b'{"organisation": NaN}', "NaN is not a whole number"),
    ],
    ids=lambda value: repr(value[:12]),
)
def test_what_is_no_plan_is_refused(home: Home, command: str, content: bytes, words: str) -> None:
    """Another file, another tool's plan, or one that nests for ever: said in a sentence."""
    (home.declare().path / "plan.json").write_bytes(content)
    ended = home.run(command, "plan.json")
    assert ended.code == ExitCode.INVALID
    assert words in ended.err and ended.is_decent()
    assert len(ended.err) < 5000


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_truncated_plan_is_refused(saved: Home, share: float) -> None:
    """Wherever a copy was cut off."""
    whole = (saved.path / "plan.json").read_bytes()
    (saved.path / "plan.json").write_bytes(whole[: int(len(whole) * share)])
    assert saved.run("apply", "plan.json").code == ExitCode.INVALID


@pytest.mark.parametrize(("version", "code"), [("3.0", ExitCode.INVALID), ("1.7", ExitCode.DONE)])
def test_a_format_of_another_major_number_is_refused(saved: Home, version: str, code: ExitCode) -> None:
    """It may mean something by it that this version does not know; a newer minor number adds, and is read."""
    document = saved_document(saved)
    document["reconciler_format"] = version
    _sign(document)
    (saved.path / "plan.json").write_text(json.dumps(document), encoding="utf-8")
    ended = saved.run("show", "plan.json")
    assert ended.code == code
    assert code == ExitCode.DONE or "3.0" in ended.err


def test_a_plan_is_for_one_target(saved: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made for the embedded sandbox, it is not applied to a served one, and not one call is made there."""
    with served() as server:
        point_at(monkeypatch, server.url)
        ended = saved.run("apply", "plan.json")
        assert ended.code == ExitCode.INVALID
        assert server.url in ended.err
        assert server.calls == []
    monkeypatch.delenv("ONEFILE_BASE_URL")
    for target in ("live", "practice"):
        monkeypatch.setenv("ONEFILE_CUSTOMER_TOKEN", TOKEN)
        assert saved.run("apply", "plan.json", "--target", target).code == ExitCode.INVALID


def test_a_plan_is_for_one_organisation(saved: Home) -> None:
    """Another centre's state folder does not apply it."""
    saved.declare({"id": 920001}, settings={**SETTINGS, "organisation": 5741})
    ended = saved.run("apply", "plan.json")
    assert ended.code == ExitCode.INVALID
    assert "5740" in ended.err and "5741" in ended.err


def test_the_right_fingerprint_is_applied_and_a_wrong_one_is_not(saved: Home) -> None:
    """With a file and without; the wrong one tells both fingerprints."""
    wrong, right = "sha256:" + "a" * 64, saved_document(saved)["fingerprint"]
    ended = saved.run("apply", "plan.json", "--expect", wrong)
    assert ended.code == ExitCode.INVALID
    assert wrong in ended.err and right in ended.err
    ended = saved.run("apply", "--expect", wrong)
    assert ended.code == ExitCode.STALE
    assert wrong in ended.err and right in ended.err
    assert saved.run("plan", "--detailed-exitcode").code == ExitCode.CHANGES
    assert saved.run("apply", "--expect", right).code == ExitCode.DONE
    assert saved.run("plan", "--detailed-exitcode").code == ExitCode.DONE


def test_an_approval_is_stale_once_the_world_has_moved(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was approved displaced kate; now somebody else would be displaced."""
    with served() as server:
        point_at(monkeypatch, server.url)
        approved = home.declare({"id": 200004, "default_assessor": "james"}).plan()["fingerprint"]
        server.world.users[200004]["DefaultAssessorID"] = None
        assert home.run("apply", "--expect", approved).code == ExitCode.STALE
        assert server.world.users[200004]["DefaultAssessorID"] is None
        server.world.users[200004]["DefaultAssessorID"] = KATE
        assert home.run("apply", "--expect", approved).code == ExitCode.DONE
        assert server.world.users[200004]["DefaultAssessorID"] == JAMES


@pytest.mark.parametrize("option", [("--cohort", "c1"), ("--learner", "200004"), ("--at", "2027-01-01")])
def test_a_saved_plan_is_applied_whole(saved: Home, option: tuple[str, str]) -> None:
    """A scope beside it would mean another plan than the reviewed one."""
    ended = saved.run("apply", "plan.json", *option)
    assert ended.code == ExitCode.INVALID
    assert option[0] in ended.err


def test_without_a_terminal_somebody_must_have_approved(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a file, nor a fingerprint, nor --auto-approve: told once there is something to ask about; nothing is
    written, and no run begins."""
    with served() as server:
        point_at(monkeypatch, server.url)
        ended = home.declare().run("apply")
        assert ended.code == ExitCode.INVALID
        assert "--auto-approve" in ended.err
        assert server.effects == 0
        assert home.run("history", "--format", "json").json == []


def test_a_plan_made_elsewhere_can_be_applied_here(saved: Home) -> None:
    """A pipeline plans in one job and applies in another: another folder, another store, the same state."""
    (saved.path / "elsewhere").mkdir()
    (saved.path / "plan.json").rename(saved.path / "elsewhere" / "plan.json")
    ended = saved.run("apply", "elsewhere/plan.json", "--store", "elsewhere/store.db")
    assert ended.code == ExitCode.DONE


# ------------------------------------------------------------------ the commit that a plan was made from

DEFAULT = "learner[200004].default_assessor"


def test_a_run_records_the_commit_that_its_plan_was_made_from(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Applied in a checkout of another commit, the plan still carries out its own: drift goes back to those files, with
    their time of grace, and not to the ones checked out, which nobody has applied."""
    with served() as server:
        point_at(monkeypatch, server.url)
        planned = home.declare(settings={**SETTINGS, "drift": {"grace_hours": 20}}).commit()
        home.run("plan", "--out", "plan.json")
        other = home.declare(settings={**SETTINGS, "drift": {"grace_hours": 0}}).commit()
        applied = home.run("apply", "plan.json")
        assert applied.code == ExitCode.DONE
        told = " ".join(applied.out.split())
        assert f"made from commit {planned[:10]}, but {other[:10]} is checked out" in told
        (run,) = home.run("history", "--format", "json").json
        assert (run["commit"], run["uncommitted_changes"]) == (planned, False)
        server.world.users[200004]["DefaultAssessorID"] = KATE
        report = home.run("drift", "--correct", "--format", "json").json
        assert report["approved_commit"] == planned
        assert [(row["address"], row["verdict"]) for row in report["drift"]] == [(DEFAULT, "grace")]
        assert server.world.users[200004]["DefaultAssessorID"] == KATE


def test_a_plan_of_uncommitted_files_approves_none_wherever_it_is_applied(home: Home) -> None:
    """Also where the files have been committed since, or the checkout is clean."""
    home.declare().commit()
    home.declare({**LEARNER, "default_assessor": "kate"})
    home.run("plan", "--out", "plan.json")
    home.commit()
    applied = home.run("apply", "plan.json", "--format", "json").json
    assert applied["uncommitted_changes"] is True
    ended = home.run("drift", "--correct")
    assert (ended.code, "from files that commit" in ended.err) == (ExitCode.INVALID, True)


def test_a_plan_that_names_no_commit_approves_none(home: Home) -> None:
    """As older versions made them: the commit checked out where it is applied is not taken for its own."""
    home.declare().commit()
    home.run("plan", "--out", "plan.json")
    document = saved_document(home)
    assert document.pop("made_from")["uncommitted_changes"] is False
    _sign(document)
    (home.path / "plan.json").write_text(json.dumps(document), encoding="utf-8")
    applied = home.run("apply", "plan.json")
    assert applied.code == ExitCode.DONE
    assert "The plan names no commit" in " ".join(applied.out.split())
    (run,) = home.run("history", "--format", "json").json
    assert (run["commit"], run["uncommitted_changes"]) == ("", None)
    ended = home.run("drift", "--correct")
    assert (ended.code, "a plan that names no commit" in ended.err) == (ExitCode.INVALID, True)


def test_the_commit_of_a_plan_is_under_its_digest_and_not_its_fingerprint(home: Home) -> None:
    """The same writes from another commit are the same plan to approve; an altered commit is an altered plan."""
    home.declare().commit()
    home.plan()  # what the server offers is known from here on
    first = home.plan()
    second_commit = home.commit()
    second = home.plan()
    assert (first["fingerprint"], second["made_from"]["commit"]) == (second["fingerprint"], second_commit)
    assert first["digest"] != second["digest"]
    home.run("plan", "--out", "plan.json")
    document = saved_document(home)
    document["made_from"]["commit"] = first["made_from"]["commit"]
    (home.path / "plan.json").write_text(json.dumps(document), encoding="utf-8")
    assert home.run("apply", "plan.json").code == ExitCode.INVALID


def test_show_says_what_changed_since_an_older_plan(home: Home) -> None:
    """For whoever approved that one: new slots, slots that are no longer planned, and those that differ."""
    home.declare().run("plan", "--out", "old.json")
    home.declare({**LEARNER, "units": []})
    home.run("plan", "--out", "new.json")
    ended = home.run("show", "new.json", "--since", "old.json")
    assert (ended.code, "no longer planned" in ended.out) == (ExitCode.DONE, True)
    assert "Both plans do the same" in home.run("show", "new.json", "--since", "new.json").out
    assert home.run("show", "new.json", "--since", "old.json", "--handover").code == ExitCode.INVALID
