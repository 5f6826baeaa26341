"""Several files of one edit are all written or none, wherever the machine stops."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.model.structs import encode
from reconciler.problems import ReconcilerError
from reconciler.runtime.edit_journal import NAME, Entry, Journal, recover_edit, write_journalled

BEFORE = {"staff.yaml": "a: 1\n", "cohorts/care.yaml": "b: 1\n", "cohorts/arts.yaml": "c: 1\n"}
AFTER = {**{name: text.replace("1", "2") for name, text in BEFORE.items()}, "cohorts/new.yaml": "d: 2\n"}
EDIT = """
import os, sys
from pathlib import Path
from reconciler.runtime.edit_journal import write_journalled
left = [int(sys.argv[2])]
def stop(event, arguments):
    if event in ("os.rename", "os.remove", "os.chmod"):
        left[0] -= 1
        if left[0] < 0:
            os._exit(9)
sys.addaudithook(stop)
write_journalled(Path(sys.argv[1]), AFTER, fix="x")
"""
STEPS = 11  # a permission and a name for the journal and each of four files, and the end of the journal


def folder(tmp_path: Path) -> Path:
    state = tmp_path / "state"
    (state / "cohorts").mkdir(parents=True)
    for name, text in BEFORE.items():
        (state / name).write_text(text)
        (state / name).chmod(0o664)
    return state


def texts(state: Path) -> dict[str, str]:
    """Return every file of the folder and beside it, also hidden ones."""
    files = [path for path in state.parent.rglob("*") if path.is_file()]
    return {os.path.relpath(path, state): path.read_text() for path in files}


def edit(state: Path, steps: int) -> int:
    """Edit in a process that dies before the step after so many; return how it ended."""
    code = EDIT.replace("AFTER", repr(AFTER))
    return subprocess.run([sys.executable, "-c", code, str(state), str(steps)], check=False).returncode


@pytest.mark.parametrize("steps", range(STEPS + 1))
def test_wherever_the_process_dies_the_next_command_finds_all_or_none(steps: int, tmp_path: Path) -> None:
    """After each step of the edit: no temporary file stays, no file is half, and permissions are as they were."""
    state = folder(tmp_path)
    assert edit(state, steps) == (0 if steps == STEPS else 9)
    note = recover_edit(state)
    assert bool(note) == (2 <= steps < STEPS)
    write_journalled(state, {}, fix="x")  # the next edit removes what was left of a journal without a name
    assert texts(state) == (AFTER if steps > 3 else BEFORE)
    assert {(state / name).stat().st_mode & 0o777 for name in BEFORE} == {0o664}
    assert recover_edit(state) == ""


def test_a_file_that_cannot_be_written_leaves_all_as_they_were(tmp_path: Path) -> None:
    """An error is no crash: nothing is left to be finished later."""
    state = folder(tmp_path)
    with pytest.raises(ReconcilerError):
        write_journalled(state, {**AFTER, "cohorts/care.yaml/below": "x"}, fix="x")
    assert texts(state) == BEFORE


def test_an_edit_is_not_finished_over_what_somebody_wrote_since(tmp_path: Path) -> None:
    """Neither way is safe then: every command says so, until a person has compared the files."""
    state = folder(tmp_path)
    assert edit(state, 5) == 9
    waiting = [name for name in BEFORE if (state / name).read_text() == BEFORE[name]]
    assert 0 < len(waiting) < len(BEFORE)
    (state / waiting[0]).write_text("mine: 1\n")
    with pytest.raises(ReconcilerError, match="can neither be finished nor undone"):
        recover_edit(state)
    assert (state / waiting[0]).read_text() == "mine: 1\n"


def test_a_journal_of_another_kind_is_not_taken_for_one(tmp_path: Path) -> None:
    """It is named, and nothing is written."""
    state = folder(tmp_path)
    (tmp_path / NAME).write_text("[]")
    with pytest.raises(ReconcilerError, match="cannot be read"):
        recover_edit(state)


# ------------------------------------------------------------------ journals that no edit has left


def left_by_somebody(state: Path, name: str, text: str = "evil: 1\n") -> None:
    """Leave a journal whose first file is as it should be, so that the second would be written."""
    entries = (Entry("staff.yaml", None, BEFORE["staff.yaml"]), Entry(name, None, text))
    (state.parent / NAME).write_bytes(encode(Journal(1, entries)))


@pytest.mark.parametrize(
    "name",
    [
        "../victim.yaml",
        "cohorts/../../victim.yaml",
        "/elsewhere/victim.yaml",
        "../.git/hooks/pre-commit",
        ".git/config.yaml",
        "cohorts/.hidden.yaml",
        "..\\victim.yaml",
        "evil.pth",
        "out/victim.yaml",
        "cohorts/linked.yaml",
        "",
    ],
)
def test_a_journal_writes_to_no_file_but_those_of_the_state_folder(name: str, tmp_path: Path) -> None:
    """Whoever can put a journal there could otherwise overwrite any file of the machine."""
    state = folder(tmp_path)
    outside = tmp_path / "outside"
    outside.mkdir()
    (state / "out").symlink_to(outside)
    (state / "cohorts" / "linked.yaml").symlink_to(outside / "victim.yaml")
    left_by_somebody(state, name)
    before = texts(state)
    with pytest.raises(ReconcilerError, match="no file of the state folder"):
        recover_edit(state)
    assert texts(state) == before and not list(outside.iterdir())


@pytest.mark.parametrize("is_staged", [True, False], ids=["staged", "committed"])
def test_a_journal_that_a_commit_brings_is_refused(is_staged: bool, tmp_path: Path) -> None:
    """A checkout would otherwise read other files than those that were reviewed."""
    state = folder(tmp_path)
    left_by_somebody(state, "cohorts/care.yaml", "evil: 1\n")
    run_git(tmp_path, "init", "-q")
    run_git(tmp_path, "add", "-f", NAME)
    if not is_staged:
        run_git(tmp_path, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "x")
        run_git(tmp_path, "rm", "-q", "--cached", NAME)
    with pytest.raises(ReconcilerError, match="is committed"):
        recover_edit(state)
    assert (state / "cohorts/care.yaml").read_text() == BEFORE["cohorts/care.yaml"]


def run_git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True)
