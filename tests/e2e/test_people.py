"""People and accounts, as seen over HTTP: archived staff, changed roles, duplicate accounts, and MISIDs that moved."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import pytest

from reconciler.problems import ExitCode
from tests.e2e.user import JAMES, KATE, PRIYA, SETTINGS, STAFF, Home, Served, point_at, served


@pytest.fixture
def onefile(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    with served() as here:
        point_at(monkeypatch, here.url)
        yield here


# ------------------------------------------------------------------ staff who cannot act


def test_archived_staff_are_reported_in_every_format_of_plan_and_drift(home: Home, onefile: Served) -> None:
    """Their slots are as declared, so nothing is to be written: but nobody acts in them."""
    home.declare().converges()
    onefile.edit({"user": PRIYA, "archived": True})
    onefile.edit({"user": KATE, "role": 10})
    archived = f"priya (account {PRIYA}) is archived in OneFile and is declared for slots of 1 learner"
    role = f"kate (account {KATE}) is an IQA in OneFile, but an assessor in"
    for command in ("plan", "drift"):
        for form in ("text", "markdown", "json", *(["html"] if command == "plan" else [])):
            shown = " ".join(home.run(command, "--format", form).out.replace("\\", "").split())
            assert archived in shown, (command, form)
            assert role in shown, (command, form)
    assert home.plan()["summary"]["no_op"] > 0
    assert "learning aim 41242 has an assessor but no IQA: priya is archived" in home.run("plan").out.replace(
        "\n      ", " "
    )
    metrics = home.run("drift", "--format", "prometheus").out
    assert 'staff_findings{organisation="5740",policy="staff_active"' in metrics


@pytest.mark.parametrize(
    ("level", "code"), [("warn", ExitCode.DONE), ("error", ExitCode.BLOCKED), ("off", ExitCode.DONE)]
)
def test_the_level_of_the_policy_decides(home: Home, onefile: Served, level: str, code: ExitCode) -> None:
    """As for every policy; an error also ends a drift run that shows its result by its exit code."""
    home.declare().converges()
    onefile.edit({"user": PRIYA, "archived": True})
    home.declare(settings={**SETTINGS, "policies": {"staff_active": level}})
    assert home.run("plan").code == code
    drift = home.run("drift", "--detailed-exitcode")
    assert drift.code == (ExitCode.CHANGES if level == "error" else ExitCode.DONE)
    assert ("is archived in OneFile" in drift.out) is (level != "off")


def test_staff_as_declared_cost_no_call_more(home: Home, onefile: Served) -> None:
    """The policies look at what the reading shows anyway."""
    calls = []
    for level in ("warn", "off"):
        home.declare(settings={**SETTINGS, "policies": {"staff_active": level, "duplicate_staff": level}})
        home.run("plan")  # learns the server
        before = len(onefile.calls)
        home.run("plan")
        calls.append(len(onefile.calls) - before)
    assert calls[0] == calls[1]


def test_a_holder_whom_the_files_do_not_know_is_reported(home: Home, onefile: Served) -> None:
    """A slot that is only reported when it moves, and somebody who left holds it."""
    home.declare().converges()
    known = {member["id"] for member in STAFF.values()}
    assessors = (user["ID"] for user in onefile.world.users.values() if user["Role"] == 5 and not user["DateArchived"])
    stranger = next(user for user in assessors if user not in known)
    onefile.edit({"user": 200004, "set": {"DefaultAssessorID": stranger}})
    onefile.edit({"user": stranger, "archived": True})
    home.declare(settings={**SETTINGS, "drift": {"default_assessor": "report"}})
    (found,) = (row for row in home.plan()["policies"] if row["policy"] == "staff_active")
    assert found["what"] == (
        f"account {stranger} (not in staff.yaml) is archived in OneFile and holds slots of 1 learner"
    )


@pytest.mark.parametrize("who", [KATE, PRIYA])
def test_a_saved_plan_does_not_assign_who_was_archived_since(home: Home, onefile: Served, who: int) -> None:
    """With `staff_active: error` it is refused whole, before anything is written."""
    home.declare(settings={**SETTINGS, "policies": {"staff_active": "error"}})
    assert home.run("plan", "--save", "plan.json").code == ExitCode.DONE
    onefile.edit({"user": who, "archived": True})
    ended = home.run("apply", "plan.json")
    assert ended.code == ExitCode.BLOCKED, ended.out + ended.err
    assert f"(account {who}) is archived in OneFile" in " ".join((ended.out + ended.err).split())
    assert onefile.effects == 0


@pytest.mark.parametrize(
    ("who", "change"),
    [(PRIYA, {"role": 5}), (PRIYA, {"archived": True}), (KATE, {"role": 10}), (KATE, {"archived": True})],
)
def test_a_saved_plan_writes_nobody_whose_account_cannot_hold_the_slot_now(
    home: Home, onefile: Served, who: int, change: Mapping[str, object]
) -> None:
    """OneFile uses the role of the account at the time: an IQA who became an assessor would take another's slot."""
    home.declare()
    assert home.run("plan", "--save", "plan.json").code == ExitCode.DONE
    onefile.edit({"user": who, **change})
    before = holders(onefile)
    ended = home.run("apply", "plan.json")
    assert ended.code == ExitCode.STALE, ended.out + ended.err
    assert f"(OneFile user {who}) is" in " ".join(ended.out.split())
    assert who not in {holder for place, holder in holders(onefile).items() if holder != before[place]}
    assert onefile.world.users[200004]["DefaultAssessorID"] == JAMES


def holders(here: Served) -> dict[tuple[object, str], object]:
    """The assessor and the IQA of each learning aim and unit of the learner."""
    rows = [*here.world.aims_of[200004], *here.world.units_of[200004]]
    return {(row["ID"], key): row[key] for row in rows for key in ("AssessorID", "IVID")}


def test_two_accounts_with_one_misid_are_reported(home: Home, onefile: Served) -> None:
    """Without the MISID itself, which is personal."""
    for user in (KATE, PRIYA):
        onefile.world.users[user]["MISID"] = "HR-0099"
    home.declare()
    plan = home.run("plan", "--format", "json")
    (found,) = (row for row in plan.json["policies"] if row["policy"] == "duplicate_staff")
    assert found["what"] == f"priya (account {PRIYA}) and kate (account {KATE}) have the same MISID in OneFile"
    assert "HR-0099" not in plan.out


# ------------------------------------------------------------------ identity

TWO: Mapping[str, object] = {"misid": "LRN00002", "label": "two", "default_assessor": "kate"}


def swapped(here: Served) -> None:
    """Two records had been mixed up, and their MISIDs are put right."""
    here.edit({"user": 200002, "misid_of": 200006})


def assessors(here: Served) -> dict[int, int | None]:
    return {user: here.world.users[user]["DefaultAssessorID"] for user in (200002, 200006)}


def test_a_misid_that_moved_is_a_warning_in_plans_and_a_conflict_at_apply(home: Home, onefile: Served) -> None:
    """What was applied to one account is not written to another because of a MISID; by id it is."""
    home.declare(TWO).converges()
    swapped(onefile)
    onefile.edit({"user": 200006, "set": {"DefaultAssessorID": JAMES}})
    before = assessors(onefile)
    words = "MISID LRN00002 was account 200002 in an earlier run, and is account 200006 now"
    for command in ("plan", "drift"):
        assert words in " ".join(home.run(command).out.split())
    applied = home.run("apply", "--auto-approve")
    assert applied.code == ExitCode.STALE
    assert words in " ".join(applied.out.split())
    assert assessors(onefile) == before
    home.declare({"id": 200006, "label": "two", "default_assessor": "kate"}).converges()
    home.declare(TWO).converges()


@pytest.mark.parametrize("first", [5740, 5741])
def test_a_misid_is_known_to_every_folder_that_declares_its_organisation(
    home: Home, onefile: Served, first: int
) -> None:
    """Whichever organisation the settings of each folder name: the account is of the learner's own."""
    onefile.world.users[200006].update({"OrganisationID": 5741, "MISID": None})
    south = {"misid": "LRN00002", "label": "south", "default_assessor": "south"}

    def declare(organisation: int) -> Home:
        staff = {"south": {"id": 910002, "role": "assessor"}}
        return home.declare(south, settings={**SETTINGS, "organisation": organisation}, staff=staff, organisation=5741)

    declare(first).converges()
    onefile.edit({"user": 920001, "misid_of": 200006})
    for organisation in (first, 5740 + 5741 - first):
        declare(organisation)
        for command in ("plan", "drift"):
            words = "MISID LRN00002 was account 920001 in an earlier run, and is account 200006 now"
            assert words in " ".join(home.run(command).out.split()), (organisation, command)


def test_a_saved_plan_is_not_written_to_an_account_that_lost_the_misid(home: Home, onefile: Served) -> None:
    """The plan was reviewed for the learner with this MISID, not for the account."""
    onefile.edit({"user": 200002, "set": {"DefaultAssessorID": JAMES}})
    home.declare(TWO)
    assert home.run("plan", "--save", "plan.json").code == ExitCode.DONE
    swapped(onefile)
    before = assessors(onefile)
    applied = home.run("apply", "plan.json")
    assert applied.code == ExitCode.STALE
    words = "MISID LRN00002 was account 200002 when this plan was made, and is account 200006 now"
    assert words in " ".join(applied.out.split())
    assert assessors(onefile) == before
    for command in ("plan", "drift"):
        assert "MISID LRN00002 was account 200002 in an earlier run" in " ".join(home.run(command).out.split())


def test_a_saved_plan_whose_misids_stay_is_applied(home: Home, onefile: Served) -> None:
    """The look-up stops nothing else."""
    onefile.edit({"user": 200002, "set": {"DefaultAssessorID": JAMES}})
    home.declare(TWO)
    home.run("plan", "--save", "plan.json")
    assert home.run("apply", "plan.json").code == ExitCode.DONE
    assert assessors(onefile)[200002] == KATE


def test_a_learner_declared_twice_is_refused_in_every_scope(home: Home, onefile: Served) -> None:
    """By id in one file and by MISID in the other: the reading shows it, or an earlier run, also of one cohort."""
    home.declare({"id": 200008, "label": "eight", "default_assessor": "kate"})
    other = {
        "version": 1,
        "cohort": "d",
        "learners": [{"misid": "LRN00008", "label": "again", "default_assessor": "james"}],
    }
    (home.path / "state/cohorts/d.yaml").write_text(json.dumps(other))
    for scope in ((), ("--cohort", "c1"), ("--cohort", "d"), ("--learner", "200008"), ("--learner", "LRN00008")):
        for command in ("plan", "apply", "drift"):
            approve = ("--auto-approve",) if command == "apply" else ()
            ended = home.run(command, *scope, *approve)
            assert ended.code == ExitCode.INVALID, (command, scope)
            assert "is OneFile user 200008, who is already declared at" in " ".join(ended.err.split())
    assert onefile.effects == 0


def test_staff_whose_misids_were_exchanged_are_reported_until_an_apply(home: Home, onefile: Served) -> None:
    """Each account has the MISID of another: perhaps the ids in staff.yaml are each other's now."""
    onefile.world.users[KATE]["MISID"], onefile.world.users[PRIYA]["MISID"] = "HR-1", "HR-2"
    home.declare().converges()
    onefile.edit({"user": KATE, "misid_of": PRIYA})
    words = f"kate (account {KATE}) has the MISID that account {PRIYA} had before"
    assert words in " ".join(home.run("drift").out.split())
    assert words in " ".join(home.run("plan").out.split())
    home.run("apply", "--auto-approve")
    assert words not in " ".join(home.run("plan").out.split())


def test_a_new_account_of_one_person_stays_that_person(home: Home, onefile: Served) -> None:
    """Priya's MISID goes to a new assessor's account: she must not assess what she quality-assures by the old one."""
    onefile.world.users[PRIYA]["MISID"] = "HR-2"
    home.declare().converges()
    onefile.world.users[PRIYA]["MISID"], onefile.world.users[KATE]["MISID"] = None, "HR-2"
    ended = home.run("plan")
    assert ended.code == ExitCode.BLOCKED
    assert "have the same MISID, so they count as one person" in " ".join(ended.out.split())


# ------------------------------------------------------------------ learners of the organisation and the files


def active_learners(here: Served) -> set[int]:
    users = here.world.users.values()
    return {
        user["ID"]
        for user in users
        if user["Role"] == 1 and user["OrganisationID"] == 5740 and not user["DateArchived"]
    }


def test_learners_in_no_file_are_counted_without_a_call_and_named_if_asked(home: Home, onefile: Served) -> None:
    """The list of learners is read anyway; --undeclared proves it complete, and says first what that costs."""
    home.declare()
    left = active_learners(onefile) - {200004}
    before = len(onefile.calls)
    plan = home.plan()
    calls = len(onefile.calls) - before
    assert set(plan["learners"]["undeclared"]) == left
    for command in ("plan", "drift"):
        assert f"{len(left)} active learners of the organisation are declared in no file." in home.run(command).out
        named = " ".join(home.run(command, "--verbose").out.split())
        assert f"in no file: {', '.join(map(str, sorted(left)))}." in named
        assert set(home.run(command, "--format", "json").json["learners"]["undeclared"]) == left
    before = len(onefile.calls)
    asked = home.run("plan", "--undeclared", "--format", "json")
    assert "--undeclared: about 2 calls" in asked.err
    assert asked.json["learners"] == {"undeclared": sorted(left), "departed": [], "whole": True}
    assert len(onefile.calls) - before <= calls + 2


def test_undeclared_finds_who_is_archived_where_only_records_show_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list with unmarked archived users proves nothing; the cost of the records is printed before it is spent."""
    with served(None, "archived_in_search=included") as here:
        point_at(monkeypatch, here.url)
        home.declare()
        home.run("plan")
        assert "learners" not in home.plan()
        asked = home.run("plan", "--undeclared", "--format", "json")
        assert "calls, because only a learner's own record shows who is archived" in " ".join(asked.err.split())
        assert set(asked.json["learners"]["undeclared"]) == active_learners(here) - {200004}


def test_declared_learners_who_left_are_counted_and_named(home: Home, onefile: Served) -> None:
    """Archived, in no list, or in another class than their cohort."""
    users = [200001, 200002, 200003, 200004, 200005]
    for user in users:
        onefile.world.users[user]["ClassroomID"] = 3301
    onefile.world.users[200003]["ClassroomID"] = 3302
    onefile.edit({"user": 200005, "archived": True})
    home.declare(*({"id": user, "label": f"L{user}", "default_assessor": "kate"} for user in users))
    departed = home.plan("--undeclared")["learners"]["departed"]
    assert [(row["learner_id"], row["why"]) for row in departed] == [(200003, "class"), (200005, "archived")]
    assert (departed[0]["cohort_class"], departed[0]["class"]) == (3301, 3302)
    words = " ".join(home.run("plan", "--verbose").out.split())
    assert "1 declared learner is archived in OneFile, or not in the organisation now: L200005." in words
