"""What the commands leave on the disk is readable by its owner alone, also where the machine is careless."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from reconciler.problems import ExitCode
from tests.e2e.user import Home

pytestmark = pytest.mark.skipif(os.name != "posix", reason="other systems have other permissions")


@pytest.fixture
def careless() -> Iterator[None]:
    """Everybody may read and write whatever does not say otherwise."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("careless")
def test_nothing_that_a_command_writes_can_be_read_by_others(home: Home) -> None:
    """Plans, readings, reports in every format, the store and its journal, the sandbox's world, new declared files."""
    home.declare()
    ours = set(home.path.rglob("*"))
    commands = [
        ["plan", "--out", "out/plan.json", "--save-observed", "out/read.json"],
        ["show", "out/plan.json", "--format", "html", "--out", "out/deep/plan.html"],
        ["apply", "out/plan.json", "--format", "markdown", "--out", "out/applied.md"],
        ["drift", "--format", "json", "--out", "out/drift.json"],
        ["calendar", "--format", "ics", "--out", "out/calendar.ics"],
        ["history", "--format", "json", "--out", "out/history.json"],
        ["import", "--state", "imported", "--organisation", "5740", "--target", "sandbox"],
    ]
    for command in commands:
        ended = home.run(*command)
        assert ended.code in (ExitCode.DONE, ExitCode.INCOMPLETE), (command, ended.err)
    made = set(home.path.rglob("*")) - ours
    assert {"plan.json", "read.json", "plan.html", "applied.md", "drift.json", "calendar.ics", "history.json"} < {
        path.name for path in made
    }
    assert {"store.db", "sandbox.jsonl", "staff.yaml"} < {path.name for path in made}
    for path in made:
        assert path.stat().st_mode & (0o022 if path.is_dir() else 0o077) == 0, (path, oct(path.stat().st_mode))
