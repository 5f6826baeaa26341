"""Values with their comments, to lines of YAML in the one layout that `fmt` and every new file have."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TypeAlias

from reconciler.editing.tree import resolved
from reconciler.values import Struct, field

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
