"""Canonical layout of each kind of file: the order of keys, from the schemas, and which values are on one line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Literal

from reconciler.model.slots import LISTED, SINGLE
from reconciler.model.structs import Struct, field
from reconciler.resources import resource

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
_LINE = Shape("line")
_TERMS = Shape("block", inside={"*": _LINE})
_SLOTS: Mapping[str, Shape] = {
    **dict.fromkeys(SINGLE, _TERMS),
    **{name: Shape(inside={"*": Shape(inside=dict.fromkeys(kinds, _TERMS))}) for name, (_, kinds) in LISTED.items()},
    "additional": Shape(inside={"*": _LINE}),
}
_STYLES: Mapping[Kind, Shape] = {
    "cohort": Shape(
        "block",
        inside={
            "defaults": Shape("block", inside=_SLOTS),
            "learners": Shape("block", inside={"*": Shape("block", inside=_SLOTS)}),
        },
    ),
    "staff": Shape(
        "block",
        inside={
            "staff": Shape(
                "block",
                inside={
                    "*": Shape(
                        inside={
                            "caseload": _LINE,
                            "competence": Shape(inside={"*": _LINE}),
                            "cover": Shape("block", inside={"*": _LINE}),
                        }
                    )
                },
            )
        },
    ),
    "settings": Shape(
        "block",
        inside={
            "limits": Shape(inside={"*": Shape(inside={"per_cohort": _LINE})}),
            "waivers": Shape("block", inside={"*": _LINE}),
            "windows": Shape("block", inside={"*": _LINE}),
        },
    ),
}
"""Which values are on one line or over several; without an entry, the writer of the file chooses."""


@cache
def shape_of(kind: Kind) -> Shape:
    """Return the layout of a kind of file, with the order of keys that its schema has."""
    schema = json.loads(resource(f"schemas/{kind}.schema.json").read_text("utf-8"))
    return _ordered(_STYLES[kind], schema, schema["$defs"])


def _ordered(shape: Shape, schema: Any, definitions: Any) -> Shape:
    """Add the schema's order of keys to a shape and all shapes inside."""
    if "$ref" in schema:
        return _ordered(shape, definitions[schema["$ref"].removeprefix("#/$defs/")], definitions)
    properties = schema.get("properties", {})
    inside = {key: _ordered(shape.of(key), value, definitions) for key, value in properties.items()}
    every = schema.get("items") or schema.get("additionalProperties")
    if every:
        inside["*"] = _ordered(shape.of(None), every, definitions)
    return Shape(shape.style, tuple(properties), inside)
