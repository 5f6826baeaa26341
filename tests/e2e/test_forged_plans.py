"""Forged plans: whoever writes digest and fingerprint anew gets nothing applied that today's files would block."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from reconciler.model.plan import Plan
from reconciler.model.slots import Handle
from reconciler.model.structs import replace
from reconciler.plan.document import Document, dumps, from_document, to_document
from reconciler.problems import ExitCode, Source
from tests.e2e.test_adopt import somebody_edits
from tests.e2e.user import KATE, LEARNER, SETTINGS, STAFF, Home
from tests.marks import examples

ELSEWHERE = 147919
"""An employer of another placement than the learners'."""
REFUSED = {ExitCode.INVALID, ExitCode.STALE, ExitCode.BLOCKED}
CLASH: Mapping[str, object] = {"learning_aims": [{"standard": 41240, "assessor": "kate", "iqa": "kate-iqa"}]}
TWINS: Mapping[str, object] = {
    **{handle: member for handle, member in STAFF.items() if handle != "priya"},
    "kate": {"id": KATE, "role": "assessor", "person": "k"},
    "kate-iqa": {"id": 118204, "role": "iqa", "person": "k"},
}
STRICT = {"iqa_independent": "error", "caseload": "error", "trainee_assessor": "error"}
SMALL = {"kate": {"id": KATE, "role": "assessor", "caseload": {"max": 1}}}
TRAINEE = {"robin": {"id": 135510, "role": "trainee_assessor"}}


# ------------------------------------------------------------------ plans that something blocks


def a_written_clash(home: Home) -> None:
    home.declare({"id": 200004, **CLASH}, {"id": 200005, "default_assessor": "james"}, staff=TWINS)


def a_written_clash_by_misid(home: Home) -> None:
    home.declare({"misid": "LRN00004", "label": "four", **CLASH}, staff=TWINS)


def a_clash_that_was_there_before(home: Home) -> None:
    off = {**SETTINGS, "policies": {"iqa_independent": "off"}}
    home.declare({"id": 200004, **CLASH}, settings=off, staff=TWINS).converges()
    home.declare({"id": 200004, **CLASH}, {"id": 200005, "default_assessor": "james"}, staff=TWINS)


def a_trainee(home: Home) -> None:
    home.declare({"id": 200004, "default_assessor": "robin"}, staff={**STAFF, **TRAINEE})


def a_caseload_above_its_maximum(home: Home) -> None:
    rows = [{"id": number, "default_assessor": "kate"} for number in (200001, 200002, 200003)]
    home.declare(*rows, settings={**SETTINGS, "policies": STRICT}, staff={**STAFF, **SMALL})


def a_count(home: Home) -> None:
    home.declare(settings={**SETTINGS, "limits": {"create": {"count": 0}}})


def a_share(home: Home) -> None:
    rows = [{"id": 200001 + number, "default_assessor": "priya-a"} for number in range(12) if number != 10]
    staff = {**STAFF, "priya-a": {"id": 163757, "role": "assessor"}}
    home.declare(*rows, settings={**SETTINGS, "limits": {"reassign": {"share": 0.01}}}, staff=staff)


def a_cohort_that_vanished(home: Home) -> None:
    home.declare({"id": 200004, "default_assessor": "james"}).converges()
    (home.path / "state/cohorts/c1.yaml").unlink()
    rows = [{"id": 200005, "default_assessor": "james"}]
    text = json.dumps({"version": 1, "cohort": "c2", "learners": rows})
    (home.path / "state/cohorts/c2.yaml").write_text(text, encoding="utf-8")


def a_later_clash(home: Home) -> None:
    cover = [{"by": "kate", "from": "2099-01-01", "reason": "leaves"}]
    james = {"id": 122762, "role": "assessor", "cover": cover}
    aims = [{"standard": 41240, "assessor": "james", "iqa": "kate-iqa"}]
    home.declare({"id": 200004, "learning_aims": aims}, staff={**TWINS, "james": james})


BLOCKED = [
    a_written_clash, a_written_clash_by_misid, a_clash_that_was_there_before, a_trainee, a_caseload_above_its_maximum,
    a_count, a_share, a_cohort_that_vanished, a_later_clash,
]  # fmt: skip


# ------------------------------------------------------------------ forgeries


def no_findings(plan: Plan) -> Plan:
    return replace(plan, findings=())


def no_later_findings(plan: Plan) -> Plan:
    return replace(plan, later=tuple(replace(row, findings=()) for row in plan.later))


def no_later(plan: Plan) -> Plan:
    return replace(plan, later=())


def no_limits(plan: Plan) -> Plan:
    return replace(plan, refusals=())


def warnings_alone(plan: Plan) -> Plan:
    later = [replace(row, findings=tuple(replace(one, level="warn") for one in row.findings)) for row in plan.later]
    findings = tuple(replace(one, level="warn") for one in plan.findings)
    return replace(plan, findings=findings, later=tuple(later), refusals=())


def waived(plan: Plan) -> Plan:
    later = [replace(row, findings=tuple(replace(one, waived="once") for one in row.findings)) for row in plan.later]
    findings = tuple(replace(one, waived="agreed (approved by head, until 2999-01-01)") for one in plan.findings)
    return replace(plan, findings=findings, later=tuple(later), refusals=())


def no_problems(plan: Plan) -> Plan:
    return replace(plan, problems=())


def a_narrow_scope(plan: Plan) -> Plan:
    return replace(plan, left_out=1)


FORGERIES = [
    no_findings, no_later_findings, no_later, no_limits, warnings_alone, waived, no_problems, a_narrow_scope
]  # fmt: skip


def forge(home: Home, *alter: Callable[[Plan], Plan], version: str = "1.1") -> None:
    """Alter plan.json, with the digest and the fingerprint that fit what it has become."""
    path = home.path / "plan.json"
    plan = from_document(json.loads(path.read_text(encoding="utf-8")))
    for alteration in alter:
        plan = alteration(plan)
    document: Document = {**to_document(plan, full=version != "2.0"), "reconciler_format": version}
    del document["digest"]
    text = json.dumps(document, separators=(",", ":"), sort_keys=True, ensure_ascii=True)
    digest = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    path.write_text(dumps(document | {"digest": digest}), encoding="utf-8")


Forgery = tuple[list[Callable[[Plan], Plan]], str]


def drawn(seed: int) -> Forgery:
    """Some of the forgeries in some order, and a format."""
    chance = random.Random(seed)  # noqa: S311  for a test
    return chance.sample(FORGERIES, chance.randint(1, len(FORGERIES))), chance.choice(["1.0", "1.1", "1.7", "2.0"])


@pytest.mark.parametrize("committed", [True, False], ids=["committed", "not committed"])
@pytest.mark.parametrize("block", BLOCKED)
def test_what_blocks_a_plan_cannot_be_forged_away(home: Home, block: Callable[[Home], None], committed: bool) -> None:
    """Whatever is taken out or softened, in every format: refused, and nothing is written."""
    block(home)
    if committed:
        home.commit()
    assert home.run("plan", "--out", "plan.json").code == ExitCode.BLOCKED
    honest = (home.path / "plan.json").read_bytes()
    forgeries: list[Forgery] = [
        ([no_findings, no_later_findings, no_limits], "1.0"),
        ([warnings_alone], "1.1"),
        ([waived], "1.0"),
        *map(drawn, range(examples(6 if committed else 1))),
    ]
    for alter, version in forgeries:
        (home.path / "plan.json").write_bytes(honest)
        forge(home, *alter, version=version)
        ended = home.run("apply", "plan.json")
        assert ended.code in REFUSED, (alter, version, ended.out + ended.err)
    assert home.plan()["operations"] == json.loads(honest)["operations"]


# ------------------------------------------------------------------ names that people know


def other_labels(plan: Plan) -> Plan:
    return replace(plan, changes=tuple(replace(change, label="somebody else") for change in plan.changes))


def another_cohort(plan: Plan) -> Plan:
    return replace(plan, changes=(replace(plan.changes[0], cohort="another"), *plan.changes[1:]))


def swapped_labels(plan: Plan) -> Plan:
    labels = list({change.learner: change.label for change in plan.changes}.items())
    swapped = dict(zip((user for user, _ in labels), (label for _, label in reversed(labels)), strict=True))
    changes = tuple(replace(change, label=swapped[change.learner]) for change in plan.changes)
    return replace(plan, changes=changes)


def swapped_handles(plan: Plan) -> Plan:
    return replace(plan, handles=dict(zip(plan.handles, reversed(list(plan.handles.values())), strict=True)))


def no_handles(plan: Plan) -> Plan:
    return replace(plan, handles={})


def a_handle_too_many(plan: Plan) -> Plan:
    displaced = {change.before for change in plan.changes} - {None}
    unknown: Any = {account: Handle("invented") for account in displaced if account not in plan.handles}
    return replace(plan, handles={**plan.handles, **unknown})


@pytest.mark.parametrize("version", ["1.0", "1.1", "2.0"])
@pytest.mark.parametrize(
    "alter", [other_labels, another_cohort, swapped_labels, swapped_handles, no_handles, a_handle_too_many]
)
def test_names_in_a_plan_are_those_of_the_files(home: Home, alter: Callable[[Plan], Plan], version: str) -> None:
    """A plan that calls learners or staff otherwise is refused, with what to do."""
    staff = {handle: member for handle, member in STAFF.items() if handle != "kate"}
    four = {"id": 200004, "label": "four", "default_assessor": "james"}
    two = {"misid": "LRN00002", "label": "two", "default_assessor": "james"}
    home.declare(four, two, staff=staff).run("plan", "--out", "plan.json")
    forge(home, alter, version=version)
    ended = home.run("apply", "plan.json")
    assert ended.code == ExitCode.INVALID, ended.out + ended.err
    assert ended.err.startswith("plan.json: ")
    assert "Make a new plan from the files and review it." in ended.err


def test_manual_steps_of_a_forged_plan_are_made_again_from_the_files(home: Home) -> None:
    """Left out of the plan, or with another way there: the report has those that the rows ask for."""
    home.declare({**LEARNER, "default_assessor": None}).run("plan", "--out", "plan.json")
    (step,) = json.loads((home.path / "plan.json").read_text(encoding="utf-8"))["manual_steps"]
    forge(home, lambda plan: replace(plan, manual=()))
    applied = home.run("apply", "plan.json", "--format", "json")
    assert applied.code == ExitCode.INCOMPLETE
    assert [(row["id"], row["clicks"]) for row in applied.json["manual_steps"]] == [(step["id"], step["clicks"])]


@pytest.mark.parametrize("version", ["1.0", "1.1", "2.0"])
def test_an_honest_plan_of_the_demonstration_centre_is_applied(home: Home, version: str) -> None:
    """The same way of writing a plan anew, with nothing altered: every write is made."""
    home.declare_demonstration().run("plan", "--out", "plan.json")
    forge(home, version=version)
    assert home.run("apply", "plan.json").code == ExitCode.DONE


# ------------------------------------------------------------------ plans that say they revert a run


def reverts(run: int, rows: int = 9) -> Callable[[Plan], Plan]:
    def alter(plan: Plan) -> Plan:
        changed = [replace(change, source=Source(f"run {run}")) for change in plan.changes[:rows]]
        return replace(plan, changes=(*changed, *plan.changes[rows:]), findings=())

    return alter


@pytest.mark.parametrize(
    "alter", [reverts(1), reverts(7), reverts(-1), reverts(1, rows=1)], ids=["1", "7", "-1", "one row"]
)
def test_a_plan_cannot_pass_for_a_revert(home: Home, alter: Callable[[Plan], Plan]) -> None:
    """Files and shares do not count for a revert, so only what the store knows of the run makes a plan one."""
    home.declare({**LEARNER, "default_assessor": "kate"}).converges()
    home.declare({**LEARNER, "default_assessor": "james"}, {"id": 200005, "default_assessor": "kate"})
    home.run("plan", "--out", "plan.json")
    home.declare({**LEARNER, "default_assessor": "kate"}, {"id": 200005, "default_assessor": "james"})
    forge(home, alter)
    ended = home.run("apply", "plan.json")
    assert ended.code == ExitCode.INVALID, ended.out + ended.err
    assert "reconciler revert RUN" in ended.err


def test_a_revert_is_applied_as_made(home: Home) -> None:
    """It restores what its run replaced, whatever the files say."""
    home.declare({**LEARNER, "default_assessor": "kate"}).converges()
    home.declare({**LEARNER, "default_assessor": "james"}).converges()
    home.run("revert", "2", "--save", "plan.json")
    forge(home)
    assert home.run("apply", "plan.json").code == ExitCode.DONE
    assert home.plan()["summary"]["update"] == 1


# ------------------------------------------------------------------ what the plan does not hold


def test_a_breach_by_a_slot_that_no_file_declares_is_judged(home: Home) -> None:
    """Who quality-assures a learning aim is not in the plan, and becomes its assessor by default."""
    aims = [{"standard": 41242, "assessor": "james"}]
    home.declare({"id": 200004, "default_assessor": "james", "learning_aims": aims}).converges()
    somebody_edits(home.path, {"user": 200004, "standard": 41240, "set": {"AssessorID": None, "IVID": 118204}})
    home.declare({"id": 200004, "default_assessor": "kate", "learning_aims": aims}, staff=TWINS)
    assert home.run("plan", "--out", "plan.json").code == ExitCode.BLOCKED
    forge(home, no_findings, no_limits)
    ended = home.run("apply", "plan.json")
    assert ended.code == ExitCode.BLOCKED and "iqa_independent" in ended.out, ended.out + ended.err


def test_an_employer_of_another_placement_is_judged_although_nothing_is_written_there(home: Home) -> None:
    """Placements are in no plan."""
    settings = {**SETTINGS, "policies": {"employer_placement": "error"}}
    staff = {**STAFF, "acme": {"id": ELSEWHERE, "role": "employer"}}
    rows = [{"id": 200004, "default_employer": "acme"}, {"id": 200005, "default_assessor": "james"}]
    home.declare(LEARNER).converges()
    somebody_edits(home.path, {"user": 200004, "set": {"DefaultEmployerID": ELSEWHERE}})
    home.declare(*rows, staff=staff, settings=settings)
    assert home.run("plan", "--out", "plan.json").code == ExitCode.BLOCKED
    forge(home, no_findings, no_limits)
    ended = home.run("apply", "plan.json")
    assert ended.code == ExitCode.BLOCKED and "employer_placement" in ended.out, ended.out + ended.err


def test_a_breach_where_nothing_is_written_is_judged_if_somebody_has_two_accounts(home: Home) -> None:
    """The slot with the other account is in no file and in no plan."""
    aims = [{"standard": 41242, "assessor": "james"}]
    rows = [{"id": 200004, "default_assessor": "kate", "learning_aims": aims}]
    home.declare(*rows, settings={**SETTINGS, "policies": {"iqa_independent": "off"}}, staff=TWINS).converges()
    somebody_edits(home.path, {"user": 200004, "standard": 41240, "set": {"AssessorID": None, "IVID": 118204}})
    home.declare(*rows, {"id": 200005, "default_assessor": "james"}, staff=TWINS)
    assert home.run("plan", "--out", "plan.json").code == ExitCode.BLOCKED
    forge(home, no_findings, no_limits)
    ended = home.run("apply", "plan.json")
    assert ended.code == ExitCode.BLOCKED and "iqa_independent" in ended.out, ended.out + ended.err


# ------------------------------------------------------------------ people whom a plan would write


def archived_since(home: Home) -> None:
    somebody_edits(home.path, {"user": KATE, "archived": True})


def out_of_the_files(home: Home) -> None:
    staff = {handle: member for handle, member in STAFF.items() if handle != "kate"}
    home.declare({**BY_ID, "default_assessor": "james"}, staff=staff)


def asked_otherwise(home: Home) -> None:
    home.declare({**BY_MISID, "default_assessor": "james"})


BY_ID = {"id": 200004, "label": "four", "default_assessor": "kate"}
BY_MISID = {"misid": "LRN00004", "label": "four", "default_assessor": "kate"}


def saved(home: Home, row: Mapping[str, object]) -> None:
    home.declare({**row, "default_assessor": "james"}).converges()
    home.declare(row).run("plan", "--save", "plan.json")


def saved_revert(home: Home, row: Mapping[str, object], then: Mapping[str, object] | None = None) -> None:
    home.declare(row).converges()
    home.declare({**row, "default_assessor": "james"}).converges()
    home.declare(then or {**row, "default_assessor": "james"})
    home.run("revert", "2", "--save", "plan.json")


@pytest.mark.parametrize(
    ("save", "change"),
    [
        (lambda home: saved(home, BY_ID), archived_since),
        (lambda home: saved(home, BY_MISID), archived_since),
        (lambda home: saved(home, BY_MISID), asked_otherwise),
        (lambda home: saved_revert(home, BY_ID), archived_since),
        (lambda home: saved_revert(home, BY_MISID), archived_since),
        (lambda home: saved_revert(home, BY_ID, {"id": 200005, "default_assessor": "james"}), archived_since),
        (lambda home: saved_revert(home, BY_ID), out_of_the_files),
    ],
    ids=[
        "by id",
        "by MISID",
        "another by MISID",
        "revert",
        "revert by MISID",
        "revert of a leaver",
        "not in staff.yaml",
    ],
)
def test_whoever_cannot_hold_a_slot_now_is_not_written(
    home: Home, save: Callable[[Home], None], change: Callable[[Home], None]
) -> None:
    """Everybody whom a saved plan writes is looked up, or refused: also by a revert, which no file asks for."""
    save(home)
    change(home)
    forge(home)
    ended = home.run("apply", "plan.json")
    assert ended.code in REFUSED, ended.out + ended.err
    somebody_edits(home.path, {"user": KATE, "archived": False})
    (row,) = home.declare({**BY_ID, "default_assessor": "james"}).plan()["resource_changes"]
    assert row["change"]["actions"] == ["no-op"]
