"""What a program that we start is told of the environment: nothing that is ours, and no token."""

from __future__ import annotations

from collections.abc import Mapping

_OURS = ("ONEFILE_", "RECONCILER_")
_TOKENS = frozenset({"GITHUB_TOKEN", "GH_TOKEN", "CI_JOB_TOKEN"})


def for_others(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that are its business."""
    return {name: value for name, value in environment.items() if not name.startswith(_OURS) and name not in _TOKENS}
