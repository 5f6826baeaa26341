"""Environment for child processes, without our own variables and tokens."""

from __future__ import annotations

from collections.abc import Mapping

TETHER = "RECONCILER_TETHER"
"""Set for a command that ends, as with Ctrl-C, once its standard input is closed: with the process that started it."""
_OWN_PREFIXES = ("ONEFILE_", "RECONCILER_")
_TOKENS = frozenset({"GITHUB_TOKEN", "GH_TOKEN", "CI_JOB_TOKEN"})


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a child process may see."""
    return {
        name: value for name, value in environment.items() if not name.startswith(_OWN_PREFIXES) and name not in _TOKENS
    }
