"""A fleet's reports as JSON for pipelines."""

from __future__ import annotations

import json

from reconciler.model.fleet import CentreResult, CentreState, FleetRun, FleetStatus
from reconciler.model.operations import time_json
from reconciler.plan.document import FORMAT, Document
from reconciler.report.problems.json import problem_json


def render_run(run: FleetRun) -> str:
    """Render one row for each centre, worst first; `report` is the file of its whole report."""
    return _text(
        {
            "reconciler_format": FORMAT,
            "fleet": run.fleet,
            "command": run.command,
            "exit_code": int(run.exit_code),
            "centres": [_result(result) for result in run.results],
            "left_out": list(run.left_out),
        }
    )


def render_status(status: FleetStatus) -> str:
    """Render one row for each centre."""
    return _text(
        {
            "reconciler_format": FORMAT,
            "fleet": status.fleet,
            "exit_code": int(status.exit_code),
            "centres": [_state(state) for state in status.centres],
        }
    )


def _text(document: Document) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _result(result: CentreResult) -> Document:
    return {
        "centre": result.centre,
        "organisation": result.organisation,
        "target": result.target,
        "owner": result.owner,
        "exit_code": result.exit_code,
        "ended": time_json(result.ended),
        "seconds": result.seconds,
        "counts": dict(result.counts),
        "report": result.report,
        "problems": [problem_json(problem) for problem in result.problems],
    }


def _state(state: CentreState) -> Document:
    return {
        "centre": state.centre,
        "organisation": state.organisation,
        "target": state.target,
        "owner": state.owner,
        "command": state.command or None,
        "exit_code": state.exit_code,
        "started": time_json(state.started),
        "read_at": time_json(state.read_at),
        "drift": state.drift,
        "manual_steps": state.steps,
        "holder": state.holder or None,
        "problems": [problem_json(problem) for problem in state.problems],
    }
