"""Files read by other processes say the same as files read here, whatever becomes of those processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reconciler.declared import parallel as apart
from reconciler.declared.load import read_declared
from tests.declared.files import DAY, centre

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted([*ROOT.glob("state/cohorts/*.yaml"), *ROOT.glob("tests/cases/invalid/**/cohorts/*.yaml")])
"""Good ones, and every sort of bad one."""

EVERYTHING = """organisation: 5741
defaults:
  default_assessor: kate-anderson
  learning_aims: [{standard: 41240, assessor: kate-anderson}]
  additional: [observer-lee]
learners:
  - id: 200004
    label: "Räksmörgås \\U0001F600"
    default_assessor:
      - {staff: kate-anderson, until: 2026-12-31}
      - {staff: null, from: 2027-01-01, until: 2027-01-31}
      - {staff: james-fayre, from: 2027-02-01}
    default_employer: null
    learning_aims: [{standard: 41240, assessor: [], iqa: priya-shah}]
    units: [{unit: "123", assessor: noor-haddad, iqa: oscar-lind}]
    additional: [{staff: kate-anderson, until: 2026-11-30}]
  - {misid: LRN00043}
"""


def read(processes: int) -> list[apart.CohortFile]:
    with apart.files_read(FILES, processes) as files:
        return list(files)


def test_other_processes_say_of_every_file_what_this_one_says() -> None:
    """In the same order, with the same problems at the same lines."""
    assert len(FILES) > 50
    assert read(2) == read(0)


def test_everything_a_file_can_say_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dates, nobody, empty lists, texts that look like numbers, and letters beyond ASCII."""
    state = centre(tmp_path, EVERYTHING)
    here = read_declared(state, DAY, ahead_days=100)
    monkeypatch.setattr(apart, "WORTH_BYTES", 0)
    monkeypatch.setattr(apart, "cores", lambda: 2)
    assert read_declared(state, DAY, ahead_days=100) == here
    assert here.learners[1].later and here.warnings


def test_processes_that_die_leave_their_files_to_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed for want of memory, say: slower, and no less true."""
    here = read(0)
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    assert read(2) == here


def test_what_a_process_says_of_another_file_is_not_taken_for_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line too many at its start, from whatever its Python loads, and every later one would be a file late."""
    here = read(0)
    talks = tmp_path / "python"
    talks.write_text(f'#!/bin/sh\necho hello\nexec "{sys.executable}" "$@"\n')
    talks.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(talks))
    assert read(2) == here


def test_no_process_outlives_a_reading_that_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """As by Ctrl-C in the middle."""
    started: list[subprocess.Popen[str]] = []

    class Noted(subprocess.Popen[str]):
        def __init__(self, *arguments: Any, **more: Any) -> None:
            super().__init__(*arguments, **more)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    with pytest.raises(KeyboardInterrupt), apart.files_read(FILES, 2) as files:
        next(files)
        raise KeyboardInterrupt
    assert [process.returncode is not None for process in started] == [True, True]


def test_only_a_large_state_is_worth_other_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And none where there is but one core."""
    monkeypatch.setattr(apart, "cores", lambda: 4)
    small, large = tmp_path / "small.yaml", tmp_path / "large.yaml"
    small.write_bytes(b"#" * 1000)
    large.write_bytes(b"#" * apart.WORTH_BYTES)
    assert apart.worker_count([small, small, tmp_path / "gone.yaml"]) == 0
    assert apart.worker_count([small, large]) == 4
    monkeypatch.setattr(apart, "cores", lambda: 1)
    assert apart.worker_count([small, large]) == 0


def test_files_whose_folder_has_no_name_in_utf_8_are_read_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a name cannot be told to another process, nor can it be said back."""
    monkeypatch.setattr(apart, "cores", lambda: 2)
    monkeypatch.setattr(apart, "WORTH_BYTES", 0)
    odd = tmp_path / os.fsdecode(b"centre-\xff")
    odd.mkdir()
    assert (apart.worker_count(FILES), apart.worker_count([odd / "care.yaml"])) == (2, 0)


def test_no_token_is_handed_to_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers of files need none."""
    given = apart.worker_environment(
        {
            "ONEFILE_CUSTOMER_TOKEN": "secret",
            "RECONCILER_STORE": "postgresql://u:p@h/d",
            "GITHUB_TOKEN": "secret",
            "CI_JOB_TOKEN": "secret",
            "A": "b",
        }
    )
    assert {name: value for name, value in given.items() if name not in ("PYTHONPATH", "PYTHONUTF8")} == {"A": "b"}
