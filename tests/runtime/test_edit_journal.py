"""Several files of one edit are all written or none, wherever the machine stops."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.problems import ReconcilerError
from reconciler.runtime.edit_journal import NAME, recover_edit, write_journalled

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
