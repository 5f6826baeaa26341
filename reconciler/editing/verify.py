"""What every edit is held against before anybody may keep it: a fault of ours must not become a wrong file."""

from __future__ import annotations

import json

from reconciler.editing.yaml_tree import Data, Node, data_of, parse
from reconciler.problems import Problem, ReconcilerError


def same(one: Data, other: Data) -> bool:
    """Equal, with true and 1 apart; the order of a mapping's keys says nothing."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def require(held: bool, what: str) -> None:
    """Raise where a guard does not hold; nothing is written then."""
    if not held:
        fix = "Edit the file by hand, and please report its layout, with everybody in it replaced by somebody invented."
        raise ReconcilerError(Problem(f"the file cannot be edited safely: {what}", fix))


def round_trips(text: str, wanted: Data) -> bool:
    """Whether a text that we made is YAML with just these values."""
    try:
        root: Node = parse(text)
    except Exception:  # whatever the parser makes of it: it is not what was meant
        return False
    return same(data_of(root), wanted)
