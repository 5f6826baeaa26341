"""Post-edit verification: an edited text must parse to the intended values."""

from __future__ import annotations

import json

from reconciler.editing.yaml_tree import Data, Node, data_of, parse
from reconciler.problems import Problem, ReconcilerError


def same(left: Data, right: Data) -> bool:
    """Compare values; true and 1 differ, and the order of a mapping's keys does not matter."""
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


def require(condition: bool, what: str) -> None:
    """Raise ReconcilerError if a guard does not hold; nothing is written then."""
    if not condition:
        fix = "Edit the file by hand, and report its layout, with invented people in place of real ones."
        raise ReconcilerError(Problem(f"the file cannot be edited safely: {what}", fix))


def round_trips(text: str, data: Data) -> bool:
    """Return True if an edited text is YAML with exactly these values."""
    try:
        root: Node = parse(text)
    except Exception:  # any failure to parse means that the edit was wrong
        return False
    return same(data_of(root), data)
