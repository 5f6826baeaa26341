"""Plain values to a new file, or to a new part of one, in the canonical layout."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from reconciler.editing.layout import SHAPES, Kind, Shape
from reconciler.editing.yaml_tree import Data, resolved
from reconciler.model.structs import Struct, field

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


STEP = "  "
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.@/+-]*(?: [A-Za-z0-9_.@/+(-][A-Za-z0-9_.@/+()-]*)*")
_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SHARE = re.compile(r"[01]|[01]?\.[0-9]+")
_OTHERS = re.compile("(?:y|yes|n|no|on|off|true|false|null)", re.IGNORECASE)  # words that some readers take for others


def scalar(value: str | int | bool | None, *, share: bool = False) -> str:
    """A value as YAML: plain where every reader takes it for the same, else in double quotes.

    A day stays plain, as everywhere in our files; so does a *share*, which other readers take for the number it is.
    """
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    if _DAY.fullmatch(value) or (share and _SHARE.fullmatch(value) and isinstance(resolved(value), str)):
        return value
    return value if _PLAIN.fullmatch(value) and not _OTHERS.fullmatch(value) else quoted(value)


def quoted(text: str) -> str:
    """In double quotes; what cannot be seen is written as an escape."""
    inside = "".join(
        one if one.isprintable() and one not in '"\\' else json.dumps(one)[1:-1] if one < "\x80" else _escape(one)
        for one in text
    )
    return f'"{inside}"'


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


class Part(Struct):
    """A pair, or an item (`key` is ""): with the lines above it (comments; "" is an empty line), and the comment behind
    it, which starts with its own spaces."""

    key: str
    value: str | Block
    before: list[str] = field(default_factory=list)
    note: str = ""


class Block(Struct):
    """A mapping or a list, on one line or over several; `foot` is what stands below its last part."""

    is_map: bool
    in_line: bool
    parts: list[Part] = field(default_factory=list)
    foot: list[str] = field(default_factory=list)


Value: TypeAlias = str | Block


def in_line(value: Value) -> str:
    if isinstance(value, str):
        return value
    block = value.parts
    inside = ", ".join(f"{part.key}: {in_line(part.value)}" if part.key else in_line(part.value) for part in block)
    return f"{{{inside}}}" if value.is_map else f"[{inside}]"


def lines(block: Block, indent: str = "") -> Iterator[str]:
    for part in block.parts:
        yield from _above(part.before, indent)
        head = f"{indent}{part.key}:" if part.key else f"{indent}-"
        value = part.value
        if isinstance(value, str) or value.in_line:
            yield f"{head} {in_line(value)}{part.note}"
        elif part.key:
            yield f"{head}{part.note}"
            yield from lines(value, indent + STEP)
        else:
            yield from _item(value, indent, head)
    yield from _above(block.foot, indent)


def _item(block: Block, indent: str, head: str) -> Iterator[str]:
    """An item over several lines begins on the line of its dash, so what is above its first part goes there."""
    yield from _above([line for line in block.parts[0].before if line], indent)
    block.parts[0].before = []
    first, *rest = lines(block, indent + STEP)
    yield f"{head} {first[len(indent) + 2 :]}"
    yield from rest


def _above(before: list[str], indent: str) -> Iterator[str]:
    return (f"{indent}{line}" if line else "" for line in before)
