"""The saved plan of an earlier run, from the artifact that the run has kept."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator

from reconciler.commands.plan_file import decode
from reconciler.github.api import GitHub
from reconciler.github.environment import WorkflowEnvironment
from reconciler.github.errors import unreadable
from reconciler.github.markers import PlanMark
from reconciler.model.plan import Plan
from reconciler.plan.document import fingerprint
from reconciler.problems import Invalid, Source

_NAMES = ("reconciler-plan", "reconciler-apply")
_MEMBER = "plan.json"
_MOST = 3  # artifacts of one name that are read
_LARGEST_ARCHIVE_BYTES, _LARGEST_BYTES = 20_000_000, 100_000_000
_NEEDS = "actions: read"


def earlier_plan(github: GitHub, workflow: WorkflowEnvironment, mark: PlanMark) -> Plan | None:
    """Return the plan that a comment shows, if a run has kept it.

    Anyone who can push a branch can make such an artifact, so only a plan with the comment's fingerprint counts.
    """
    for identifier in _candidates(github, workflow, mark):
        plan = _plan(github.download(f"{workflow.path}/actions/artifacts/{identifier}/zip", needs=_NEEDS))
        if plan and (plan.target, str(plan.organisation), fingerprint(plan)) == (
            mark.target,
            mark.organisation,
            mark.fingerprint,
        ):
            return plan
    return None


def _candidates(github: GitHub, workflow: WorkflowEnvironment, mark: PlanMark) -> Iterator[int]:
    """Yield the artifacts of the runs that could have planned it, newest first."""
    for name in _NAMES:
        path = f"{workflow.path}/actions/artifacts?name={name}&per_page=100"
        answer = github.get(path, needs=_NEEDS)
        try:
            ids = [
                int(row["id"])
                for row in answer["artifacts"]
                if row["workflow_run"]["head_sha"] in (mark.head, workflow.commit)
                and not row["expired"]
                and row["size_in_bytes"] <= _LARGEST_ARCHIVE_BYTES
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise unreadable(path, "it shows no artifacts") from error
        yield from sorted(ids, reverse=True)[:_MOST]


def _plan(content: bytes) -> Plan | None:
    """Read the plan in an archive; None if there is none that can be read."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if archive.getinfo(_MEMBER).file_size > _LARGEST_BYTES:
                return None
            return decode(archive.read(_MEMBER), Source(_MEMBER))
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, NotImplementedError, RuntimeError, OSError, Invalid):
        return None
