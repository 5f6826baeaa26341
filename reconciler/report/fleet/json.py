"""A fleet's reports as JSON for pipelines."""

from __future__ import annotations

import json

from reconciler.model.fleet import CentreResult, FleetRun
from reconciler.model.fleet_queue import QueueCount, QueuedJob
from reconciler.model.fleet_status import CentreState, FleetStatus
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
            "at": time_json(status.now),
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
        "job": _job(state.job) if state.job else None,
        "newest_result": _newest_result(state),
        "due": time_json(state.due),
        "problems": [problem_json(problem) for problem in state.problems],
    }


def _newest_result(state: CentreState) -> Document | None:
    """Return the command that ended last, with its result, unless the store has a newer run."""
    return {"command": state.result_command, **_result(state.newest_result)} if state.newest_result else None


def _job(job: QueuedJob) -> Document:
    return {
        "queue": job.job.queue,
        "command": " ".join(job.job.command),
        "attempt": job.job.attempt,
        "state": job.state.value,
        "since": time_json(job.since),
        "due": time_json(job.due),
        "worker": job.worker or None,
        "result": _result(job.result) if job.result else None,
    }


def render_count(count: QueueCount) -> str:
    """Render which centres a command queued, cancelled, resumed or ran."""
    return _text(
        {
            "reconciler_format": FORMAT,
            "fleet": count.fleet,
            "action": count.action,
            "queue": count.queue or None,
            "centres": list(count.centres),
            "skipped": list(count.skipped),
        }
    )
