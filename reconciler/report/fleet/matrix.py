"""Pipelines of a fleet: a matrix for GitHub Actions, and a child pipeline for GitLab."""

from __future__ import annotations

import json

from reconciler.model.fleet import Centre, Fleet

_JOBS = {
    "plan": "plan --detailed-exitcode",
    "apply": "apply --due",
    "drift": "drift --correct --due",
    "audit": "audit",
}
"""Command of the job of each action: nothing that nobody approved."""


def render_matrix(fleet: Fleet, *, ci: str, job: str) -> str:
    """Render one job for each centre, which has that centre's token alone."""
    return _github(fleet, job) if ci == "github" else _gitlab(fleet, job)


def _github(fleet: Fleet, job: str) -> str:
    rows = [
        {
            "name": centre.name,
            "organisation": centre.organisation,
            "target": centre.target,
            "token": centre.token_variable,
            "owner": centre.owner,
            "run": _command(centre, job),
        }
        for centre in fleet.centres
    ]
    return json.dumps({"include": rows}, ensure_ascii=False) + "\n"


def _gitlab(fleet: Fleet, job: str) -> str:
    """Render the jobs as YAML; names have small letters, digits and hyphens only, so nothing needs quotes."""
    return "".join(
        f"fleet-{centre.name}:\n"
        f"  resource_group: onefile-{centre.organisation}\n"
        f"  environment: {centre.name}\n"
        f"  script:\n"
        f"    - {_command(centre, job)}\n"
        for centre in fleet.centres
    )


def _command(centre: Centre, job: str) -> str:
    return f"reconciler fleet {_JOBS[job]} --only {centre.name}"
