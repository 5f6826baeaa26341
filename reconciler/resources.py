"""Packaged files: the schemas and the demonstration centre, in an installed package or a checkout."""

from __future__ import annotations

from pathlib import Path

from reconciler.problems import Problem, ReconcilerError

_PACKAGE = Path(__file__).resolve().parent


def resource(name: str) -> Path:
    """Return the path of `schemas/…` or `state/…`, a file or a folder.

    Raises ReconcilerError if the installation lacks it.
    """
    for root in (_PACKAGE / "data", _PACKAGE.parent):
        if (root / name).exists():
            return root / name
    raise ReconcilerError(Problem(f"this installation has no {name}", "Install onefile-reconciler again."))
