"""What docs/architecture.md says of adding a policy, a report and a kind of slot is done to a copy, and works there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ADDING = ROOT / "docs" / "examples" / "adding"
PROVED_BY = {
    "policy": ("tests/plan/test_one_iqa.py", "tests/plan/test_policies.py", "tests/declared/test_cases.py"),
    "report": ("tests/report/plan/test_csv.py",),
    "slot-kind": ("tests/e2e/test_default_iqa.py", "tests/plan/test_operations.py"),
}
"""The test that each adds, and those of the places it changes."""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The repository's own files, as they are in this folder."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file() and not name.startswith(("docs/pictures/", "benchmarks/")):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.mark.long
@pytest.mark.parametrize("what", PROVED_BY)
def test_what_is_told_to_be_added_works_in_a_copy(what: str, copy: Path) -> None:
    """With the rules of the house kept: the module map is among the tests."""
    applied = subprocess.run(
        ["git", "apply", str(ADDING / f"{what}.diff")], cwd=copy, capture_output=True, text=True, check=False
    )
    anew = "it no longer fits: git apply --3way, mend, and write it anew with git diff -U2"
    assert applied.returncode == 0, f"docs/examples/adding/{what}.diff: {anew}\n{applied.stderr}"
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *PROVED_BY[what]]
    ours = {**os.environ, "PYTHONPATH": str(copy)}
    ended = subprocess.run(
        [*command, "tests/test_imports.py"], cwd=copy, env=ours, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout[-3000:]


def test_the_page_tells_of_each_and_the_picture_shows_every_package() -> None:
    """A new package has a place in the picture too."""
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    assert set(re.findall(r"examples/adding/([\w-]+)\.diff", page)) == set(PROVED_BY)
    assert {path.stem for path in ADDING.iterdir()} == set(PROVED_BY)
    picture = set(re.findall(r"\w+", (ROOT / "docs" / "pictures" / "house.svg").read_text("utf-8")))
    packages = {path.stem for path in (ROOT / "reconciler").iterdir() if path.suffix == ".py" or path.is_dir()}
    assert packages - {"__init__", "__main__", "__pycache__", "py"} <= picture
