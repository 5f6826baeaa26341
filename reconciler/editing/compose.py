"""Plain values to a new file, or to a new part of one, in the canonical layout."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from reconciler.editing.lines import Block, Part, Value, in_line, lines, scalar
from reconciler.editing.shape import SHAPES, Kind, Shape
from reconciler.editing.tree import Data

WIDTH = 120


def compose(
    kind: Kind, data: dict[str, Data], *, head: Sequence[str] = (), notes: Mapping[str, str] | None = None
) -> str:
    """The text of a new file. *head* are comments for its first lines, without their #; *notes* comments behind keys
    of the file's top, by key. Days and shares are given as text. The same values give the same bytes."""
    block = arranged(data, SHAPES[kind])
    for part in block.parts if isinstance(block, Block) else ():
        if note := (notes or {}).get(part.key):
            part.note = f"  # {note}"
    return "".join(f"{line}\n" for line in (*(f"# {comment}" for comment in head), *spread(block)))


def schema_line(kind: Kind, *, depth: int) -> str:
    """The comment by which editors find the schema; *depth* is how many folders the file is below the repository's."""
    return f"yaml-language-server: $schema={'../' * depth}schemas/{kind}.schema.json"


def spread(value: Value) -> Iterator[str]:
    """The lines of a value that stands below its key."""
    return lines(value) if isinstance(value, Block) and not value.in_line else iter([in_line(value)])


def arranged(data: Data, shape: Shape, key: str = "", *, indent: int = 0, is_item: bool = False) -> Value:
    """A value with its keys in order: on one line where its shape allows it and there is room, else over several.

    *key* is what it stands under, and *indent* where that begins.
    """
    if not isinstance(data, dict | list):
        return scalar(data, share=key == "share")
    if not data:
        return "{}" if isinstance(data, dict) else "[]"
    if shape.style != "block":
        flat = _flat(data, shape)
        room = WIDTH - indent - len("- " if is_item else f"{key}: ")
        if flat is not None and (shape.style == "line" or len(in_line(flat)) <= room):
            return flat
    deeper = indent + 2
    if isinstance(data, list):
        items = (arranged(item, shape.of(None), indent=deeper, is_item=True) for item in data)
        return Block(False, False, [Part("", item) for item in items])
    parts = [
        Part(scalar(name), arranged(data[name], shape.of(name), name, indent=indent if is_item else deeper))
        for name in shape.order(data)
    ]
    return Block(True, False, parts)


def _flat(data: dict[str, Data] | list[Data], shape: Shape) -> Block | None:
    """On one line; None where something inside always takes several."""
    if isinstance(data, list):
        values = [("", _flat_value(item, shape.of(None), "")) for item in data]
    else:
        values = [(scalar(name), _flat_value(data[name], shape.of(name), name)) for name in shape.order(data)]
    parts = [Part(name, value) for name, value in values if value is not None]
    return Block(isinstance(data, dict), True, parts) if len(parts) == len(values) else None


def _flat_value(data: Data, shape: Shape, key: str) -> Value | None:
    if isinstance(data, dict | list) and data:
        return None if shape.style == "block" else _flat(data, shape)
    return arranged(data, shape, key)
