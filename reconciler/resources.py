"""Where the schemas and the demonstration centre are: inside an installed package, or at the top of a checkout."""

from __future__ import annotations

from pathlib import Path

from reconciler.problems import Problem, ReconcilerError

_HERE = Path(__file__).resolve().parent


def resource(name: str) -> Path:
    """The path of `schemas/…` or `state/…`, files and folders alike.

    Raises ReconcilerError where an installation lacks it.
    """
    for root in (_HERE / "data", _HERE.parent):
        if (root / name).exists():
            return root / name
    raise ReconcilerError(Problem(f"this installation has no {name}", "install onefile-reconciler again."))
