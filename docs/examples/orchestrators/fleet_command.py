"""Run a command of a fleet, and raise an error if a centre did not end well."""

import json
import subprocess
from typing import Any

FINE = (0, 2)
"""Done, and done with changes."""
PROGRAM = ("reconciler",)


class FleetFailedError(Exception):
    """Centres that did not end well, each with its exit code."""


def run_fleet(*arguments: str) -> dict[str, Any]:
    """Return the report of a command; what it prints for people goes to the log."""
    command = [*PROGRAM, "fleet", *arguments, "--format", "json"]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    report: dict[str, Any] = json.loads(ended.stdout or "{}")
    if ended.returncode in FINE:
        return report
    failed = [row for row in report.get("centres", []) if row["exit_code"] not in FINE]
    words = [f"{row['centre']}: exit code {row['exit_code']}" for row in failed]
    problems = [problem for row in (report, *failed) for problem in row.get("problems", [])]
    words += [f"{problem['what']}. {problem['fix']}" for problem in problems]
    raise FleetFailedError("\n".join(words) or f"exit code {ended.returncode}")
