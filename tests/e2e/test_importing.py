"""import from outside: a centre that exists becomes files, nothing is written over, and nobody's name gets out."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from onefile_sandbox.faults import Fault
from onefile_sandbox.world import World
from reconciler.clock import SystemClock
from reconciler.model.slots import Site
from reconciler.problems import ExitCode
from reconciler.store import Store
from tests.e2e.user import JAMES, KATE, LEE, SETTINGS, STAFF, Home, point_at, served

NORTHMERE = ("--organisation", "5740")
TITLES = ["/Standard/Search", "/Unit/Search"]


def files(home: Home) -> dict[str, str]:
    return {
        path.relative_to(home.path).as_posix(): path.read_text("utf-8") for path in home.path.glob("state/**/*.yaml")
    }


def names_of_people() -> list[str]:
    """First and last names of everybody in a new sandbox that no ordinary word of ours contains."""
    users = World.create().users.values()
    return sorted({str(user[key]) for user in users for key in ("FirstName", "LastName") if len(user[key]) > 4})


def test_an_import_writes_files_whose_plan_is_empty(home: Home) -> None:
    """The gate before a first apply: nothing to write, whatever the policies say of what OneFile holds."""
    done = home.run("import", *NORTHMERE, "--format", "json")
    assert done.code == ExitCode.INCOMPLETE, done.err  # one learner of the sandbox has a learning aim twice
    assert done.json["files"] == ["state/settings.yaml", "state/staff.yaml", *sorted(files(home))[:3]]
    assert {one["address"].split(".")[0] for one in done.json["left_out"]} == {
        f"learner[{number}]" for number in (200017, 200023, 200057)
    }
    plan = home.plan()
    assert plan["operations"] == plan["manual_steps"] == []
    assert plan["summary"]["no_op"] == done.json["slots"] > 300
    assert plan["summary"]["unknown"] == plan["summary"]["blocked"] == 0
    for level in ("error", "warn"):
        found = Counter(one["policy"] for one in plan["policies"] if one["level"] == level)
        assert done.json["policies"][level] == found != {}


@pytest.mark.parametrize("less", ["default_assessor", "learning_aims", "units"])
def test_an_import_of_some_layers_counts_what_the_next_plan_will_count(home: Home, less: str) -> None:
    """What is read and not declared is not judged by either."""
    done = home.run("import", *NORTHMERE, "--classroom", "3301", "--without", less, "--format", "json").json
    found = Counter((one["level"], one["policy"]) for one in home.plan()["policies"])
    assert {(level, policy): n for level, of in done["policies"].items() for policy, n in of.items()} == found


def test_what_moves_after_an_import_is_drift(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files and OneFile agreed when they were written, and that is recorded; the history has the run. It approves
    nothing: corrections wait for an apply."""
    with served() as server:
        point_at(monkeypatch, server.url)
        done = home.run("import", *NORTHMERE, "--classroom", "3301", "--without", "units", "--format", "json").json
        (run,) = home.run("history", "--format", "json").json
        assert (run["command"], run["exit_code"]) == ("import", ExitCode.INCOMPLETE)
        assert run["operations_recorded"] == done["slots"]
        learner = next(one for one in home.plan()["resource_changes"] if one["type"] == "default_assessor")
        other = next(u for u in (KATE, JAMES) if u != learner["change"]["before"]["staff_id"])
        server.world.users[learner["learner_id"]]["DefaultAssessorID"] = other
        moved = [one for one in home.plan()["resource_changes"] if one["change"]["actions"] != ["no-op"]]
        assert [(one["address"], one["reason"]) for one in moved] == [(learner["address"], "drift")]
        said = " ".join(home.run("drift").out.split())
        assert ") imported assessor-" in said and "applied assessor-" not in said
        assert home.run("drift", "--correct").code == ExitCode.INVALID


def test_an_import_beside_a_run_writes_its_files_and_says_what_it_could_not_record(home: Home) -> None:
    """The record is the run's that holds the lock."""
    with Store.open(str(home.path / ".reconciler" / "store.db"), clock=SystemClock()) as store:
        store.acquire(Site("sandbox", 5740), holder="kate", host="desk", command="apply", run=None, lease_seconds=600)
        done = home.run("import", *NORTHMERE, "--classroom", "3301", "--without", "units", "--format", "json")
        assert (done.code, list(files(home)) != []) == (ExitCode.INCOMPLETE, True)
        assert any("but not recorded" in one["what"] for one in done.json["problems"])
        assert store.recorded(Site("sandbox", 5740)) == {}


def test_an_import_of_nobody_new_ends_with_the_list_of_learners(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is declared already is not read again, and what it cost to see that is told."""
    with served() as server:
        point_at(monkeypatch, server.url)
        assert home.run("import", *NORTHMERE, "--cohort", "all").code == ExitCode.INCOMPLETE
        first = len(server.calls)
        again = home.run("import", "--cohort", "more")
        spent = len(server.calls) - first
        assert again.code == ExitCode.INVALID
        assert "already declared" in again.err
        assert f"({spent} calls made)" in again.err
        assert spent < first / 10


def test_a_class_that_fits_its_policies_passes_the_gate(home: Home) -> None:
    """With exit 0, which a pipeline can wait for."""
    assert home.run("import", *NORTHMERE, "--classroom", "3301", "--without", "units").code == ExitCode.INCOMPLETE
    assert list(files(home)) and home.run("plan", "--detailed-exitcode").code == ExitCode.DONE
    assert home.run("validate").err == ""


def test_the_same_centre_makes_the_same_bytes(home: Home) -> None:
    """No times, no order of arrival."""
    home.run("import", *NORTHMERE, "--state", "one")
    home.run("import", *NORTHMERE, "--state", "two")
    one, two = ({path.name: path.read_bytes() for path in Path(name).rglob("*.yaml")} for name in ("one", "two"))
    assert one == two != {}


def test_without_names_nobody_is_named(home: Home) -> None:
    """In no file, and in nothing that is printed."""
    done = home.run("import", *NORTHMERE, "--labels", "misid", "--all-staff", "--verbose")
    said = done.out + done.err + "".join(files(home).values())
    assert [name for name in names_of_people() if name.lower() in said.lower()] == []
    assert "label: LRN00002" in said


def test_with_names_handles_cohorts_and_labels_have_them(home: Home) -> None:
    """James has two accounts, and is one person."""
    home.run("import", *NORTHMERE, "--names", "--labels", "name")
    staff = files(home)["state/staff.yaml"]
    assert "kate-anderson: {id: 132757, role: assessor}" in staff
    assert "james-fayre-iqa: {id: 136481, role: iqa, person: james-fayre-assessor}" in staff
    assert "state/cohorts/business-administrator-class-1.yaml" in files(home)
    assert home.plan()["operations"] == []


def test_learning_aims_and_units_get_onefiles_titles(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call for each of the two lists; reports use the titles from then on, without any call."""
    with served() as server:
        point_at(monkeypatch, server.url)
        home.run("import", *NORTHMERE, "--classroom", "3301")
        settings = files(home)["state/settings.yaml"]
        assert '"41240": Business Administrator' in settings and "KS_COMM1: Communication" in settings
        assert [call["path"] for call in server.calls if call["path"] in TITLES] == TITLES
        learners = {one["learner_id"] for one in home.plan()["resource_changes"] if "[41240]" in one["address"]}
        shown = home.run("who", str(min(learners))).out
        assert "of Business Administrator (41240): " in " ".join(shown.split())
        assert home.run("fmt", "--check").code == ExitCode.DONE


def test_titles_for_settings_that_exist_are_lines_to_add(home: Home) -> None:
    """No file is changed, and what the settings name already is left out."""
    names = {"learning_aims": {"41240": "Our own name"}}
    home.path.joinpath("state").mkdir()
    home.path.joinpath("state/settings.yaml").write_text(json.dumps({"version": 1, **SETTINGS, "names": names}))
    before = files(home)["state/settings.yaml"]
    lines = home.run("import", "--classroom", "3301", "--format", "json").json["names_to_add"]
    assert "  units:" in lines and "    KS_COMM1: Communication" in lines
    assert not any("41240" in line for line in lines) and any("41241" in line for line in lines)
    assert files(home)["state/settings.yaml"] == before


@pytest.mark.parametrize("status", [400, 403, 404])
@pytest.mark.parametrize("path", TITLES)
def test_an_import_needs_no_titles(home: Home, monkeypatch: pytest.MonkeyPatch, path: str, status: int) -> None:
    """A refused list has none, and the import goes on."""
    fault = Fault(kind="error_before", path=path, status=status, times=100)
    with served(faults=(fault,)) as server:
        point_at(monkeypatch, server.url)
        assert home.run("import", *NORTHMERE, "--classroom", "3301").code == ExitCode.INCOMPLETE
        names = files(home)["state/settings.yaml"].partition("names:")[2]
        assert ("learning_aims" in names, "units" in names) == (path != TITLES[0], path != TITLES[1])


def test_labels_of_names_need_leave_to_use_names(home: Home) -> None:
    """A name in a file is asked for twice."""
    assert home.run("import", *NORTHMERE, "--labels", "name").code == ExitCode.INVALID


def test_a_file_that_is_there_is_never_written_over(home: Home) -> None:
    """Whatever else was to be written, nothing is."""
    home.run("import", *NORTHMERE, "--classroom", "3301")
    before = files(home)
    again = home.run("import", *NORTHMERE, "--classroom", "3301")
    assert again.code == ExitCode.INVALID
    assert "already declared" in again.err
    (home.path / "state/cohorts/class-3302.yaml").write_text("version: 1\ncohort: class-3302\nlearners: []\n")
    refused = home.run("import", "--all-staff", "--classroom", "3302")
    assert refused.code == ExitCode.INVALID
    assert "state/cohorts/class-3302.yaml: already exists" in refused.err
    (home.path / "state/cohorts/class-3302.yaml").unlink()
    assert files(home) == before


def test_a_second_class_joins_once_its_staff_are_listed(home: Home) -> None:
    """staff.yaml is never changed: the lines to add are told, and with them the import goes through."""
    home.run("import", *NORTHMERE, "--classroom", "3301")
    refused = home.run("import", "--classroom", "3303", "--format", "json")
    assert refused.code == ExitCode.INVALID
    [problem] = refused.json["problems"]
    shown = home.run("import", "--classroom", "3303").err
    assert "\n".join([problem["fix"], *problem["lines"], "1 problem\n"]) in shown, "one block, to be pasted as it is"
    with (home.path / "state/staff.yaml").open("a") as file:
        file.writelines(f"{line}\n" for line in problem["lines"])
    assert home.run("import", "--classroom", "3303").code == ExitCode.INCOMPLETE
    assert home.plan()["operations"] == []


def test_who_is_asked_for_but_holds_nothing_is_not_said_to_hold_a_slot(home: Home) -> None:
    """With --all-staff a file may lack people of either sort, and says which is which."""
    home.run("import", *NORTHMERE, "--classroom", "3301")
    plain, everybody = (
        home.run("import", "--classroom", "3303", *more, "--format", "json").json["problems"][0]
        for more in ((), ("--all-staff",))
    )
    holders, _, others = everybody["what"].partition("; ")
    assert plain["what"] == holders and holders.endswith("a slot to import")
    assert f" {LEE}" in others and others.endswith("who hold none, but --all-staff asks for all active staff")
    assert set(plain["lines"]) < set(everybody["lines"])


def test_learners_who_are_declared_already_are_left_as_they_are(home: Home) -> None:
    """By id or by MISID; the handles that there are stay."""
    staff = {**STAFF, "xan": {"id": 163757, "role": "assessor"}}
    home.declare({"id": 200004, "default_assessor": "kate"}, {"misid": "LRN00002"}, staff=staff)
    done = home.run(
        "import", "--classroom", "3301", "--cohort", "rest", "--without", "default_employer", "--format", "json"
    )
    assert done.code == ExitCode.INCOMPLETE, done.err
    assert done.json["already_declared"] == 2
    assert done.json["files"] == ["state/cohorts/rest.yaml"]
    text = files(home)["state/cohorts/rest.yaml"]
    assert "id: 200004" not in text and "id: 200002" not in text and "default_assessor: kate" in text


def test_slots_left_out_for_one_reason_are_told_together(home: Home) -> None:
    """Ten of them, and all with --verbose or as JSON."""
    staff = {**STAFF, "kate": {"id": KATE, "role": "iqa"}, "xan": {"id": 163757, "role": "assessor"}}
    lean = ("--without", "units", "--without", "default_employer", "--without", "learning_aims")
    home.declare({"id": 200009}, staff=staff)
    short = home.run("import", "--classroom", "3301", *lean, "--quiet")
    (home.path / "state/cohorts/class-3301.yaml").unlink()
    whole = home.run("import", "--classroom", "3301", *lean, "--verbose")
    assert "more" in short.err and short.out == ""
    assert whole.out.count("].default_assessor") > short.err.count("].default_assessor") == 10
    assert whole.out.count("is IQA in staff.yaml") == 1


def test_of_several_organisations_one_must_be_named(home: Home) -> None:
    """And its number is in the message."""
    done = home.run("import")
    assert done.code == ExitCode.INVALID
    assert "5740, 5741" in done.err


def test_another_organisation_is_declared_as_such(home: Home) -> None:
    """Its cohort says so, because the settings are of the first."""
    home.run("import", *NORTHMERE, "--classroom", "3301", "--all-staff")
    [problem] = home.run("import", "--organisation", "5741", "--format", "json").json["problems"]
    with (home.path / "state/staff.yaml").open("a") as file:
        file.writelines(f"{line}\n" for line in problem["lines"])
    assert home.run("import", "--organisation", "5741").code == ExitCode.DONE
    assert "organisation: 5741" in files(home)["state/cohorts/class-990001.yaml"]
    assert home.plan()["operations"] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--classroom", "Nobody's class"), "no classroom is called"),
        (("--classroom", "999"), "no active learner"),
        (("--cohort", "Care L3"), "care-l3"),
        (("--without", "everything"), "everything"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_is_written(
    home: Home, arguments: tuple[str, ...], said: str
) -> None:
    """Exit 3, with a way out."""
    done = home.run("import", *NORTHMERE, *arguments)
    assert done.code == ExitCode.INVALID
    assert said in done.err and done.is_decent()
    assert files(home) == {}


def test_a_class_and_a_placement_may_be_named(home: Home) -> None:
    """Exactly as OneFile has the name."""
    done = home.run(
        "import", *NORTHMERE, "--classroom", "Team Leader class 2", "--placement", "Acme", "--format", "json"
    )
    assert done.code in (ExitCode.DONE, ExitCode.INCOMPLETE), done.err
    assert [Path(file).name for file in done.json["files"]] == ["settings.yaml", "staff.yaml", "class-3302.yaml"]


def test_a_cohort_is_called_as_the_settings_call_its_class(home: Home) -> None:
    """By number without a name there."""
    home.path.joinpath("state").mkdir()
    settings = {"version": 1, **SETTINGS, "names": {"classes": {"3302": "Leeds, Monday"}}}
    home.path.joinpath("state/settings.yaml").write_text(json.dumps(settings))
    done = home.run("import", "--classroom", "3302", "--format", "json")
    assert done.code in (ExitCode.DONE, ExitCode.INCOMPLETE), done.err
    assert [Path(file).name for file in done.json["files"]] == ["staff.yaml", "leeds-monday.yaml"]


def test_state_that_is_not_valid_is_told_before_a_call_is_spent(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """With every problem, as validate tells them."""
    with served() as onefile:
        point_at(monkeypatch, onefile.url)
        home.declare({"id": 200004, "default_assessor": "nobody-known"})
        assert home.run("import").code == ExitCode.INVALID
        assert onefile.calls == []


def test_an_import_that_is_cut_off_leaves_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a part of the files nor a folder of odd ones; the next one goes through."""
    with served() as onefile:
        point_at(monkeypatch, onefile.url)
        home.path.joinpath("state").mkdir()
        home.path.joinpath("state/settings.yaml").write_text(json.dumps({"version": 1, **SETTINGS}))
        home.path.joinpath("state/cohorts").write_text("a file where a folder should be")
        assert home.run("import").code == ExitCode.ERROR
        assert [path.name for path in home.path.joinpath("state").iterdir()] != []
        assert not home.path.joinpath("state/staff.yaml").exists()
        home.path.joinpath("state/cohorts").unlink()
        assert home.run("import").code == ExitCode.INCOMPLETE
        assert onefile.effects == 0


def test_what_our_own_record_knows_is_declared_with_it(home: Home) -> None:
    """OneFile does not show additional people; whom an apply of ours added is known, and would else be asked off."""
    home.declare().converges()
    for path in home.path.glob("state/**/*.yaml"):
        path.unlink()
    done = home.run("import", *NORTHMERE, "--classroom", "3301", "--format", "json")
    assert done.json["from_record"] == 1
    assert "additional: [observer-127733]" in files(home)["state/cohorts/class-3301.yaml"]
    assert home.plan()["manual_steps"] == []


def test_new_settings_name_the_target_where_they_can(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A URL has no name there, which is told; and so is it that rows without addresses hide who is one person."""
    with served(None, "paged_user_fields=same") as onefile:
        point_at(monkeypatch, onefile.url)
        done = home.run("import", *NORTHMERE, "--classroom", "3301", "--format", "json")
        assert "target: sandbox" in files(home)["state/settings.yaml"]
        assert [problem["where"] for problem in done.json["problems"]] == ["settings.yaml", "staff.yaml"]
        assert onefile.url in done.json["problems"][0]["what"]
    assert home.run("validate").code == ExitCode.DONE


@pytest.mark.parametrize(
    ("kate", "why"),
    [
        ({"role": "iqa"}, "is IQA in staff.yaml"),
        ({"cover": [{"by": "james", "from": "2020-01-01"}]}, "is covered by james"),
    ],
)
def test_what_existing_files_would_make_of_a_slot_is_not_imported_against_them(
    home: Home, kate: dict[str, object], why: str
) -> None:
    """Somebody who is covered would be replaced by the very next plan: that is for people to decide."""
    lean = ("--without", "units", "--without", "default_employer", "--without", "learning_aims")
    staff = {**STAFF, "kate": {"id": KATE, "role": "assessor", **kate}, "xan": {"id": 163757, "role": "assessor"}}
    home.declare({"id": 200009, "label": "LRN00002"}, staff=staff)
    done = home.run("import", "--classroom", "3301", *lean, "--labels", "misid", "--format", "json")
    assert done.code == ExitCode.INCOMPLETE, done.err
    assert all(why in one["why"] for one in done.json["left_out"])
    assert len(done.json["left_out"]) > 10
    assert home.plan("--cohort", "class-3301")["operations"] == []


# ------------------------------------------------------------------ from a table

TABLE = (
    "learner;slot;staff;standard;cohort\r\n200004;default assessor;{kate};;arts\r\nLRN00002;assessor;{kate};41240;\r\n"
)


def table(home: Home, text: str) -> str:
    (home.path / "people.csv").write_text(text, "utf-8-sig", newline="")
    return "people.csv"


def test_a_table_whose_staff_are_known_is_imported_without_a_call(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files say who kate is, and learners are declared as the table names them."""
    with served() as onefile:
        point_at(monkeypatch, onefile.url)
        home.declare({"id": 200009})
        done = home.run(
            "import", "--csv", table(home, TABLE.format(kate="kate")), "--cohort", "care", "--format", "json"
        )
        assert (done.code, done.json["calls"], onefile.calls) == (ExitCode.DONE, None, [])
    assert done.json["files"] == ["state/cohorts/arts.yaml", "state/cohorts/care.yaml"]
    assert home.run("validate").code == ExitCode.DONE


def test_a_table_alone_makes_a_state_folder(home: Home) -> None:
    """Roles and ids come from OneFile's lists of staff; the plan then shows where it differs from the table."""
    text = TABLE.format(kate="kate.anderson.132757@staff.example.org")
    done = home.run("import", *NORTHMERE, "--csv", table(home, text), "--cohort", "care")
    assert done.code == ExitCode.DONE, done.err
    assert "assessor-132757: {id: 132757, role: assessor}" in files(home)["state/staff.yaml"]
    assert {row["address"] for row in home.plan()["resource_changes"]} == {
        "learner[200002].learning_aim[41240].assessor",
        "learner[200004].default_assessor",
    }


def test_a_table_with_an_unclear_row_writes_nothing(home: Home) -> None:
    """Each such row is told with its line and a way out, and no cell that may be a name is repeated."""
    text = TABLE.format(kate="132757") + "200005;default assessor;Kate Anderson;;arts\r\n=A1;iqa;;;\r\n"
    done = home.run("import", *NORTHMERE, "--csv", table(home, text), "--cohort", "care", "--format", "json")
    assert done.code == ExitCode.INVALID
    assert [problem["line"] for problem in done.json["problems"]] == [4, 5]
    assert "Anderson" not in done.out + done.err
    assert files(home) == {}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--csv", "gone.csv", *NORTHMERE), "cannot be read"),
        (("--csv", "people.csv"), "--organisation"),
        (("--csv", "people.csv", "--classroom", "3301"), "--csv can be used only with"),
        (("--csv", "empty.csv", *NORTHMERE), "has no rows"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused(home: Home, arguments: tuple[str, ...], said: str) -> None:
    """Exit 3, before OneFile is asked."""
    table(home, TABLE.format(kate="132757"))
    (home.path / "empty.csv").write_text("learner,slot,staff\n")
    done = home.run("import", *arguments)
    assert done.code == ExitCode.INVALID
    assert said in done.err and done.is_decent()
    assert files(home) == {}


def test_an_import_that_fails_leaves_nothing_behind(home: Home) -> None:
    """Neither files nor a store, in whichever folder it was started; a store that was there before stays."""
    assert home.run("import", *NORTHMERE, "--classroom", "9999").code != ExitCode.DONE
    assert list(home.path.iterdir()) == []
    home.declare().run("plan")
    before = sorted((home.path / ".reconciler").iterdir())
    assert home.run("import", *NORTHMERE, "--classroom", "9999").code != ExitCode.DONE
    assert sorted((home.path / ".reconciler").iterdir()) == before
