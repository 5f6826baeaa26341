"""Canonical layout of each kind of file: the order of keys, and which values are on one line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from reconciler.model.slots import LISTED, SINGLE
from reconciler.model.structs import Struct, field

Kind = Literal["settings", "staff", "cohort"]
Style = Literal["block", "line", "either"]


class Shape(Struct, frozen=True):
    """Layout of one value.

    `keys` are in their order (other keys follow as written); `inside` has the shape of the value of each key, or under
    "*" that of any key or item. With `either`, the writer of the file chooses one line or several.
    """

    style: Style = "either"
    keys: tuple[str, ...] = ()
    inside: Mapping[str, Shape] = field(default_factory=dict)

    def of(self, key: str | None) -> Shape:
        """Return the shape of the value of *key*, or of an item."""
        return self.inside.get(key or "*") or self.inside.get("*") or _PLAIN

    def order(self, keys: Iterable[str]) -> list[str]:
        written = list(keys)
        known = [key for key in self.keys if key in written]
        return known + [key for key in written if key not in self.keys]


_PLAIN = Shape()
_TERM = Shape("line", ("staff", "from", "until"))
_TERMS = Shape("block", inside={"*": _TERM})
_SLOTS: Mapping[str, Shape] = {
    **dict.fromkeys(SINGLE, _TERMS),
    **{
        listed: Shape(inside={"*": Shape("either", (name, *kinds), dict.fromkeys(kinds, _TERMS))})
        for listed, (name, kinds) in LISTED.items()
    },
    "additional": Shape(inside={"*": _TERM}),
}
_LEARNER = Shape("block", ("id", "misid", "label", *_SLOTS), _SLOTS)
_COHORT = Shape(
    "block",
    ("version", "cohort", "organisation", "defaults", "learners"),
    {"defaults": Shape("block", tuple(_SLOTS), _SLOTS), "learners": Shape("block", inside={"*": _LEARNER})},
)

_COVER = Shape("block", inside={"*": Shape("line", ("by", "from", "until", "reason"))})
_MEMBER = Shape(
    "either",
    ("id", "role", "person", "caseload", "cover"),
    {"caseload": Shape("line", ("target", "max")), "cover": _COVER},
)
_STAFF = Shape("block", ("version", "staff"), {"staff": Shape("block", inside={"*": _MEMBER})})

_ALLOWANCE = ("count", "share")
_LIMIT = Shape("either", (*_ALLOWANCE, "per_cohort"), {"per_cohort": Shape("line", _ALLOWANCE)})
_WAIVER = Shape("line", ("policy", "learner", "cohort", "run", "reason", "approved_by", "until"))
_SETTINGS = Shape(
    "block",
    (
        *("version", "organisation", "target", "drift", "limits", "calls_per_minute"),
        *("longest_wait_seconds", "policies", "waivers", "windows"),
        *("reviews", "manual_steps", "names", "privacy"),
    ),
    {
        "limits": Shape("either", ("create", "reassign", "manual"), {"*": _LIMIT}),
        "waivers": Shape("block", inside={"*": _WAIVER}),
        "windows": Shape("block", inside={"*": Shape("line", ("never", "days", "reason"))}),
    },
)

SHAPES: Mapping[Kind, Shape] = {"settings": _SETTINGS, "staff": _STAFF, "cohort": _COHORT}
