"""Labels of a pull request that show how far its plan has come, also in the list of pull requests."""

from __future__ import annotations

from enum import StrEnum
from urllib.parse import quote

from reconciler.github.api import GitHub
from reconciler.github.environment import WorkflowEnvironment
from reconciler.github.errors import Refused, unreadable
from reconciler.github.markers import SavedPlan

_MOST_LABELS = 100  # GitHub allows no more
_WRITE = "pull-requests: write"


class Label(StrEnum):
    """A label of ours. A pull request has at most one of them."""

    CHANGES = "onefile: changes"
    BLOCKED = "onefile: blocked"
    APPLIED = "onefile: applied"


def label_of(saved: SavedPlan) -> Label | None:
    """Return the label of a plan that waits for its approval; None if there is nothing to approve."""
    if saved.is_blocked:
        return Label.BLOCKED
    return None if saved.is_empty else Label.CHANGES


def set_label(github: GitHub, workflow: WorkflowEnvironment, number: int, label: Label | None) -> None:
    """Give a pull request this one of our labels, or none; other labels stay."""
    path = f"{workflow.path}/issues/{number}/labels"
    rows = github.pages(path, needs=_WRITE, most=_MOST_LABELS)
    try:
        present = {str(row["name"]) for row in rows}
    except (KeyError, TypeError) as error:
        raise unreadable(path, "it shows no labels") from error
    for other in Label:
        if other in present and other is not label:
            _remove(github, f"{path}/{quote(other)}")
    if label and label not in present:
        github.send("POST", path, {"labels": [label.value]}, needs=_WRITE)


def _remove(github: GitHub, path: str) -> None:
    try:
        github.send("DELETE", path, {}, needs=_WRITE)
    except Refused as error:
        if error.status != 404:  # somebody else has removed it meanwhile
            raise
