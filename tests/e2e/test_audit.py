"""A centre judged with no files at all, over HTTP: each fault is found, in every format, and nothing is written."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pytest

from reconciler.problems import ExitCode
from tests.e2e.user import JAMES, KATE, PRIYA, Home, Served, point_at, served

ANNA = 200004  # an invented learner of the sandbox


@pytest.fixture
def onefile(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    with served() as here:
        point_at(monkeypatch, here.url)
        yield here


def spoilt(here: Served) -> None:
    """One fault of each sort, made in OneFile's web pages."""
    here.edit({"user": ANNA, "standard": 41242, "set": {"AssessorID": KATE, "IVID": PRIYA}})
    here.world.users[KATE]["MISID"] = here.world.users[PRIYA]["MISID"] = "HR-0099"  # so they are one person
    here.edit({"user": 200006, "set": {"DefaultAssessorID": JAMES}})
    here.edit({"user": JAMES, "archived": True})


def test_every_fault_is_found_in_every_format_without_a_file(home: Home, onefile: Served) -> None:
    """Nothing is declared, nothing is written, and neither MISIDs nor names are in any report."""
    spoilt(onefile)
    first = home.run("audit", "--organisation", "5740", "--save-observed", "reading.json")
    assert "An audit reads everybody" in first.err
    for form in ("text", "markdown", "html", "json", "csv"):  # of one reading: OneFile allows 300 calls a minute
        ended = home.run("audit", "--organisation", "5740", "--format", form, "--observed", "reading.json")
        assert ended.code == ExitCode.DONE, ended.err
        assert form != "text" or ended.out == first.out
        shown = " ".join(ended.out.replace("\\", "").split())
        for words in (
            f"assessor-{KATE} and iqa-{PRIYA} have one MISID or e-mail address: one person, who both",
            f"iqa-{PRIYA} and assessor-{KATE} have the same MISID",
            f"account {JAMES} is archived and still holds slots",
        ):
            assert words in shown, (form, words)
        assert "HR-0099" not in ended.out
        assert onefile.world.users[KATE]["LastName"] not in ended.out
    assert onefile.effects == 0
    assert not (home.path / "state").exists()


def test_json_and_csv_name_every_learner(home: Home, onefile: Served) -> None:
    """A spreadsheet has one line for each finding and learner; the counts are those of the list."""
    spoilt(onefile)
    found = home.run("audit", "--organisation", "5740", "--format", "json").json
    learners = {user["ID"] for user in onefile.world.users.values() if user["Role"] == 1 and not user["DateArchived"]}
    assert found["learners"] == len(learners & {user for user in learners if user < 900000})
    table = home.run("audit", "--organisation", "5740", "--format", "csv").out
    rows = list(csv.DictReader(io.StringIO(table)))
    pairs = {(row["what"], int(row["learner_id"] or 0)) for row in rows}
    assert pairs == {
        (one["what"], learner["learner_id"])
        for one in found["findings"]
        for learner in one["learners"] or [{"learner_id": 0}]
    }
    assert found["learners_concerned"] == len({user for _, user in pairs if user})
    assert {row["staff"] for row in found["caseload"]} >= {f"assessor-{KATE}", f"iqa-{PRIYA}"}


def test_a_saved_reading_is_judged_the_same_without_a_call(home: Home, onefile: Served) -> None:
    """Also by somebody who has the file and nothing else; it has ids only."""
    spoilt(onefile)
    first = home.run("audit", "--organisation", "5740", "--format", "json", "--save-observed", "seen.json").json
    calls = len(onefile.calls)
    again = home.run("audit", "--observed", "seen.json", "--format", "json").json
    assert len(onefile.calls) == calls
    assert again == first
    assert "HR-0099" not in (home.path / "seen.json").read_text()
    assert home.run("audit", "--observed", "seen.json", "--organisation", "1").code == ExitCode.INVALID
    (home.path / "broken.json").write_text("[1")
    assert home.run("audit", "--observed", "broken.json").code == ExitCode.INVALID


def test_the_exit_code_says_that_something_was_found_if_asked(home: Home, onefile: Served) -> None:
    """An audit is a report; a pipeline asks for its result."""
    spoilt(onefile)
    assert home.run("audit", "--organisation", "5740").code == ExitCode.DONE
    assert home.run("audit", "--organisation", "5740", "--detailed-exitcode").code == ExitCode.CHANGES


def test_a_state_folder_gives_handles_labels_levels_and_caseloads(home: Home, onefile: Served) -> None:
    """What is declared already is used; waivers are not, because the audit reports what is there."""
    spoilt(onefile)
    staff = {"kate": {"id": KATE, "role": "assessor", "caseload": {"target": 0, "max": 1}}}
    settings = {"organisation": 5740, "policies": {"duplicate_staff": "off"}}
    home.declare({"id": ANNA, "label": "LRN-0042", "default_assessor": "kate"}, staff=staff, settings=settings)
    found = home.run("audit", "--format", "json").json
    policies = {one["policy"] for one in found["findings"]}
    assert "duplicate_staff" not in policies
    (over,) = (one for one in found["findings"] if one["policy"] == "caseload")
    assert over["what"].startswith("kate holds ")
    assert {"learner_id": ANNA, "label": "LRN-0042"} in over["learners"]


def test_names_make_handles(home: Home, onefile: Served) -> None:
    """Only if they are asked for."""
    shown = home.run("audit", "--organisation", "5740", "--names").out
    user = onefile.world.users[KATE]
    assert f"{user['FirstName']}-{user['LastName']}".lower() in shown


def test_a_centre_of_several_organisations_must_be_named(home: Home, onefile: Served) -> None:
    """The token reads two; the audit says which, and is not confused by one that has nobody."""
    assert onefile.url
    ended = home.run("audit")
    assert ended.code == ExitCode.INVALID
    assert "--organisation ID" in ended.err
    assert "Traceback" not in home.run("audit", "--organisation", "77").err
