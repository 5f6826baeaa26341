"""The programs for Prefect and Dagster: what they share is run against a fleet, and the rest is compiled."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fleet.centres import Centres

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "orchestrators"


@pytest.fixture
def command(centres: Centres, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The shared program, which starts this tree's reconciler beside the fleet file of two centres."""
    centres.add("east")
    centres.add("north")
    centres.write()
    monkeypatch.chdir(centres.home.path)
    names = runpy.run_path(str(EXAMPLES / "fleet_command.py"))
    names["run_fleet"].__globals__["PROGRAM"] = (sys.executable, "-m", "reconciler")
    return names


def test_a_command_that_ends_well_returns_its_report(command: dict[str, Any]) -> None:
    """With a row for each centre, also if there are changes."""
    report = command["run_fleet"]("plan", "--detailed-exitcode")
    assert {row["centre"]: row["exit_code"] for row in report["centres"]} == {"east": 2, "north": 2}


def test_an_error_names_each_centre_that_failed_with_its_fix(centres: Centres, command: dict[str, Any]) -> None:
    """And no other; a command that did not start names what is wrong."""
    centres.home.path.joinpath("north/state/cohorts/c1.yaml").write_text("version: 2\n")
    with pytest.raises(command["FleetFailedError"], match="north: exit code 3") as raised:
        command["run_fleet"]("plan")
    assert "east" not in str(raised.value)
    with pytest.raises(command["FleetFailedError"], match="there is no centre"):
        command["run_fleet"]("plan", "--only", "nowhere")


@pytest.mark.parametrize("name", ["prefect_night.py", "dagster_night.py"])
def test_a_program_of_an_orchestrator_compiles(name: str) -> None:
    """Its tool is not installed here."""
    compile((EXAMPLES / name).read_text("utf-8"), name, "exec")
