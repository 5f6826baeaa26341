"""Writes plain values as YAML in the canonical layout: a new file, or a new part of one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from reconciler.editing.layout import Kind, Shape, shape_of
from reconciler.editing.yaml_tree import Data, resolved
from reconciler.model.structs import Struct, field

WIDTH = 120


def compose(
    kind: Kind, data: dict[str, Data], *, head: Sequence[str] = (), notes: Mapping[str, str] | None = None
) -> str:
    """Return the text of a new file; the same values give the same bytes.

    *head* has comments for the first lines, without their #; *notes* has comments for top-level keys, by key. Days and
    shares are text.
    """
    block = arranged(data, shape_of(kind))
    for part in block.parts if isinstance(block, Block) else ():
        if note := (notes or {}).get(part.key):
            part.note = f"  # {note}"
    return "".join(f"{line}\n" for line in (*(f"# {comment}" for comment in head), *spread(block)))


def schema_line(kind: Kind, *, depth: int) -> str:
    """Return the comment that names the schema for editors; *depth* is the file's depth below the repository."""
    return f"yaml-language-server: $schema={'../' * depth}schemas/{kind}.schema.json"


def spread(value: Value) -> Iterator[str]:
    """Yield the lines of a value that is written below its key."""
    return lines(value) if isinstance(value, Block) and not value.in_line else iter([in_line(value)])


def arranged(data: Data, shape: Shape, key: str = "", *, indent: int = 0, is_item: bool = False) -> Value:
    """Put a value's keys in order, on one line if its shape allows it and there is room, else over several lines.

    *key* is the key of the value, and *indent* the column of that key.
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
    """Return a value on one line; None if a value inside always takes several lines."""
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
_AMBIGUOUS = re.compile("(?:y|yes|n|no|on|off|true|false|null)", re.IGNORECASE)  # not text for some readers


def scalar(value: str | int | bool | None, *, share: bool = False) -> str:
    """Write a value as YAML: plain if every reader agrees on it, else in double quotes.

    A day is plain, as everywhere in our files; so is a *share*, which other readers take for a number.
    """
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    if _DAY.fullmatch(value) or (share and _SHARE.fullmatch(value) and isinstance(resolved(value), str)):
        return value
    return value if _PLAIN.fullmatch(value) and not _AMBIGUOUS.fullmatch(value) else quoted(value)


def quoted(text: str) -> str:
    """Put a text in double quotes, with escapes for invisible characters."""
    inside = "".join(
        char if char.isprintable() and char not in '"\\' else json.dumps(char)[1:-1] if char < "\x80" else _escape(char)
        for char in text
    )
    return f'"{inside}"'


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


class Part(Struct):
    """Pair of a mapping, or item of a list (`key` is "").

    `before` has the comments above it ("" is an empty line), `note` the comment after it, starting with its own spaces.
    """

    key: str
    value: str | Block
    before: list[str] = field(default_factory=list)
    note: str = ""


class Block(Struct):
    """Mapping or list, on one line or over several; `foot` has the comments below its last part."""

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
    """Yield an item over several lines; comments of its first part go above its dash."""
    yield from _above([line for line in block.parts[0].before if line], indent)
    block.parts[0].before = []
    first, *rest = lines(block, indent + STEP)
    yield f"{head} {first[len(indent) + 2 :]}"
    yield from rest


def _above(before: list[str], indent: str) -> Iterator[str]:
    return (f"{indent}{line}" if line else "" for line in before)
