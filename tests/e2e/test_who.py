"""Laws of who, of a learner's timeline and of done for many steps: what an inspector asks, answered by one command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reconciler.problems import ExitCode
from tests.e2e.user import JAMES, KATE, LEARNER, REPOSITORY, STAFF, Home
from tests.shell import said_by

LABELLED = {**LEARNER, "label": "LRN-0042"}
SECOND = {"id": 200005, "label": "LRN-0043", "default_assessor": "kate", "additional": ["lee"]}


def committed(home: Home, message: str) -> None:
    if not (home.path / ".git").exists():
        said_by(["git", "init", "--quiet"], home.path)
    said_by(["git", "add", "state"], home.path)
    who = ("-c", "user.name=kate", "-c", "user.email=kate@example.invalid")
    assert said_by(["git", *who, "commit", "--quiet", "-m", message], home.path).returncode == 0


def test_who_answers_without_a_call(home: Home) -> None:
    """Each slot with its holder, its line, its run and its proof; a plan that is not applied yet is told apart."""
    home.declare(LABELLED)
    before = home.run("who", "LRN-0042")
    assert before.code == ExitCode.DONE and "Reading OneFile" not in before.err
    assert "not recorded" in before.out and "state/cohorts/" in before.out
    home.run("apply", "--auto-approve")
    rows = {row["slot"]: row for row in home.run("who", "LRN-0042", "--format", "json").json["slots"]}
    assert (rows["assessor of learning aim 41242"]["proof"], rows["assessor of learning aim 41242"]["run"]) == (
        "read back", 1
    )  # fmt: skip
    assert rows["default employer"]["proof"] == "seen as declared"
    assert rows["additional people"]["proof"] == "not shown by OneFile"
    assert home.run("who", "200004", "--format", "csv").out.count("\n") == len(rows) + 1
    home.declare({**LABELLED, "default_assessor": "kate"})
    assert "not applied yet: run 1 left james there" in " ".join(home.run("who", "LRN-0042").out.split())


def test_who_reads_onefile_if_asked(home: Home) -> None:
    """What is there now stands beside what is declared and recorded."""
    shown = home.declare(LABELLED).run("who", "LRN-0042", "--read")
    assert "Reading OneFile" in shown.err
    assert "OneFile has mentor now" in " ".join(shown.out.split())


def test_who_of_staff_lists_their_slots_in_effect_and_in_name(home: Home) -> None:
    """Of somebody who is covered on that day, all slots are in name only."""
    cover = {"by": "james", "from": "2027-01-01", "until": "2027-01-31"}
    staff = {**STAFF, "kate": {"id": KATE, "role": "assessor", "cover": [cover]}}
    home.declare(LABELLED, SECOND, staff=staff)
    now = home.run("who", "kate").out
    assert "In effect: 3 slots of 2 learners" in now and "In name only: 0 slots" in now
    then = home.run("who", "kate", "--at", "2027-01-10").out
    assert "Covered by james from 2027-01-01 until 2027-01-31." in then
    assert "In effect: 0 slots" in then and "In name only: 3 slots of 2 learners" in then
    assert "james (covers kate)" in then


def test_in_a_chain_of_covers_each_is_named_for_their_own_slots(home: Home) -> None:
    """Kate, covered by James, covered by Noor: Noor acts for both, and each slot says for whom."""
    both = {"from": "2027-01-01", "until": "2027-01-31"}
    staff: dict[str, dict[str, object]] = {
        "kate": {"id": KATE, "role": "assessor", "cover": [{"by": "james", **both}]},
        "james": {"id": JAMES, "role": "assessor", "cover": [{"by": "noor", **both, "until": "2027-01-10"}]},
        "noor": {"id": 132990, "role": "assessor"},
    }
    first, second = ({"id": 200004 + n, "label": f"LRN-004{n}"} for n in range(2))
    home.declare({**first, "default_assessor": "kate"}, {**second, "default_assessor": "james"}, staff=staff)
    kate, james, noor = (home.run("who", name, "--at", "2027-01-05").out for name in ("kate", "james", "noor"))
    assert (
        "Covered by james from 2027-01-01 until 2027-01-31, who is covered by noor from 2027-01-01 until 2027-01-10."
        in " ".join(kate.split())
    )
    assert "In name only: 1 slot of 1 learner" in kate and "LRN-0040" in kate and "LRN-0041" not in kate
    assert "In name only: 1 slot of 1 learner" in james and "LRN-0041" in james and "LRN-0040" not in james
    assert "In effect: 2 slots of 2 learners" in noor and "(covers kate)" in noor and "(covers james)" in noor


def test_several_people_with_one_stand_in_are_each_named(home: Home) -> None:
    """As additional people they are one slot in OneFile, also if the stand-in has one of their own."""
    cover = [{"by": "noor", "from": "2027-01-01", "until": "2027-01-31"}]
    staff: dict[str, dict[str, object]] = {
        "kate": {"id": KATE, "role": "assessor", "cover": cover},
        "james": {"id": JAMES, "role": "assessor", "cover": cover},
        "noor": {"id": 132990, "role": "assessor"},
    }
    first, second = ({"id": 200004 + n, "label": f"LRN-004{n}"} for n in range(2))
    home.declare({**first, "additional": ["kate", "james"]}, {**second, "additional": ["kate", "noor"]}, staff=staff)
    kate, james, noor = (home.run("who", name, "--at", "2027-01-05").out for name in ("kate", "james", "noor"))
    assert "In name only: 2 slots of 2 learners" in kate
    assert "In name only: 1 slot of 1 learner" in james and "LRN-0040" in james
    assert "In effect: 2 slots of 2 learners" in noor
    assert "(covers kate and james)" in noor and "(covers kate)" in noor
    rows = home.run("who", "LRN-0040", "--at", "2027-01-05", "--format", "json").json["slots"]
    assert [row["in_name"] for row in rows] == ["kate, james"]


def test_nobody_is_named_with_a_way_on(home: Home) -> None:
    """A name that is near is offered."""
    refused = home.declare(LABELLED).run("who", "LRN-0024")
    assert refused.code == ExitCode.INVALID
    assert "'LRN-0024' is nobody in the files or in their history" in refused.err and "LRN-0042" in refused.err


@pytest.mark.parametrize("form", ["text", "json", "csv", "markdown", "html"])
def test_a_leavers_timeline_is_found_by_label(home: Home, form: str) -> None:
    """After the entry left the files, from their history; with what was seen, written and left to people."""
    home.declare(LABELLED, SECOND)
    committed(home, "Declare")
    home.run("apply", "--auto-approve")
    home.declare(SECOND)
    committed(home, "LRN-0042 has left")
    shown = home.run("history", "--learner", "LRN-0042", "--format", form)
    assert shown.code == ExitCode.DONE
    for words in ("default employer", "assessor of learning aim 41242", "james"):
        assert words in shown.out
    assert ("seen as declared" in shown.out) or ("seen_as_declared" in shown.out)
    assert home.run("history", "--learner", "LRN-9999").code == ExitCode.INVALID


def test_a_timeline_has_drift_and_manual_steps_with_their_ends(home: Home) -> None:
    """And who closed a step by hand, in which run."""
    home.declare(LABELLED)
    home.run("apply", "--auto-approve")
    home.declare({**LABELLED, "additional": []})
    home.run("apply", "--auto-approve")
    home.run("done", "--all", "--by", "priya")
    timeline = home.run("history", "--learner", "200004").out
    assert "manual step" in timeline
    assert "absent, reported by priya (run 3)" in timeline
    (step,) = [row for row in home.run("history", "--learner", "200004", "--format", "json").json
               if row["event"] == "manual_step"]  # fmt: skip
    assert (step["outcome"], bool(step["until"])) == ("ended", True)


def open_steps(home: Home) -> set[str]:
    return {step["id"] for step in home.plan()["manual_steps"]}


def test_done_closes_many_steps_at_once_and_takes_them_back(home: Home) -> None:
    """By their ids, of a run, or of one learner; all or none, and only open ones."""
    home.declare(LABELLED, SECOND)
    home.run("apply", "--auto-approve")
    home.declare({**LABELLED, "additional": []}, {**SECOND, "additional": []})
    home.run("apply", "--auto-approve")
    both = open_steps(home)
    assert len(both) == 2
    assert home.run("done", *both, "ffffffff", "--by", "priya").code == ExitCode.INVALID
    assert open_steps(home) == both
    one = home.run("done", "--all", "--learner", "LRN-0043", "--by", "priya")
    assert one.code == ExitCode.DONE and "LRN-0043: additional people: lee recorded as removed" in one.out
    (left,) = open_steps(home)
    assert home.run("done", "--run", "2", "--by", "priya").code == ExitCode.DONE
    assert open_steps(home) == set()
    assert home.run("done", "--run", "2", "--by", "priya").code == ExitCode.INVALID
    assert home.run("done", "--undo", left, "--by", "priya").code == ExitCode.DONE
    assert open_steps(home) == {left}
    assert home.run("done", "--undo", "ffffffff", "--by", "priya").code == ExitCode.INVALID


def test_done_closes_nobody_who_is_to_stay(home: Home) -> None:
    """`--all` is of open steps: additional people whom the files declare are none."""
    home.declare(LABELLED)
    home.run("apply", "--auto-approve")
    refused = home.run("done", "--all", "--by", "priya")
    assert (refused.code, "no manual step is open" in refused.err) == (ExitCode.INVALID, True)


def test_the_state_folder_is_found_from_below(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the folder itself and from those below it, with the store where it always is."""
    home.declare(LABELLED)
    home.run("apply", "--auto-approve")
    for folder in ("state", "state/cohorts"):
        monkeypatch.chdir(home.path / folder)
        found = home.run("history")
        assert found.code == ExitCode.DONE and "apply" in found.out and "State folder: ../" in found.err
        assert not (home.path / "state" / ".reconciler").exists()


def test_single_files_are_validated_with_their_folder(home: Home) -> None:
    """Problems of the other files are counted, not listed."""
    home.declare(LABELLED)
    files = sorted(path.relative_to(home.path).as_posix() for path in Path("state/cohorts").absolute().glob("*.yaml"))
    assert home.run("validate", *files).code == ExitCode.DONE
    staff = home.path / "state/staff.yaml"
    staff.write_text(staff.read_text("utf-8") + "\nnonsense: 1\n", "utf-8")
    elsewhere = home.run("validate", *files)
    assert (elsewhere.code, "Other files" in elsewhere.out) == (ExitCode.DONE, True)
    assert home.run("validate", "state/staff.yaml").code == ExitCode.INVALID
    assert home.run("validate", "/dev/null").code == ExitCode.INVALID


def test_each_question_of_an_inspector_is_answered_by_one_command(home: Home) -> None:
    """The table of the page on audits: every command in it runs and answers something."""
    page = (REPOSITORY / "docs/how-to/audit.md").read_text("utf-8")
    commands = re.findall(r"^\| [^|]+ \| `reconciler ([^`]+)`", page, re.MULTILINE)
    assert len(commands) >= 9
    home.declare_demonstration().run("apply", "--auto-approve", "--quiet")
    for command in commands:
        answer = home.run(*command.split())
        assert answer.code in (ExitCode.DONE, ExitCode.CHANGES), command
        assert answer.out.strip() and "nobody in the files" not in answer.out + answer.err, command
