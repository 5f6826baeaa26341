"""Every folder in tests/cases/invalid is a state folder, and expected.txt is all that is to be said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.declared.load import read_declared
from reconciler.problems import ExitCode, Invalid
from tests.declared.files import DAY

CASES = sorted((Path(__file__).parents[1] / "cases" / "invalid").iterdir())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_problem_of_a_case_is_told_at_once(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All problems, in order, each with its place and a fix; the exit code is 3."""
    monkeypatch.chdir(case)
    with pytest.raises(Invalid) as stop:
        read_declared(Path("state"), DAY)
    assert f"{stop.value}\n" == (case / "expected.txt").read_text(encoding="utf-8")
    assert stop.value.exit_code is ExitCode.INVALID


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_problem_names_a_line_that_exists(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line is within its file; only a file or folder as a whole goes without one."""
    monkeypatch.chdir(case)
    with pytest.raises(Invalid) as stop:
        read_declared(Path("state"), DAY)
    for problem in stop.value.problems:
        assert problem.source is not None
        if problem.source.line:
            lines = Path(problem.source.file).read_bytes().count(b"\n") + 1
            assert 1 <= problem.source.line <= lines
