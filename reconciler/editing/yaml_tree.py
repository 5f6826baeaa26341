"""Parses a YAML text into nodes with their exact places in the text, and the comments between them.

Only for texts that `declared` has validated: no anchors, aliases, tags or second documents, and no tabs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from yaml.events import (
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
)

from reconciler.model.structs import Struct, field

try:
    from yaml.cyaml import CSafeLoader as Parser
except ImportError:  # PyYAML without libyaml: the same events, about fifteen times slower
    from yaml import SafeLoader as Parser  # type: ignore[assignment]  # no common type, the same events

Data: TypeAlias = "str | int | bool | list[Data] | dict[str, Data] | None"
"""Values of a file without their places. A date or a share is text, as in our files."""

BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # line breaks of YAML 1.1
_WORDS: Mapping[str, bool | None] = {"null": None, "true": True, "false": False}
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]*)")

_Event: TypeAlias = Any  # each kind of event has attributes of its own, and the base class has none


class Scalar(Struct):
    """Single value; `quote` is the character that opens it: a quote, `|` or `>`, or "" for plain text.

    `head` is the end of the first line of a block of text, which may have a comment; else it is `start`.
    """

    start: int
    end: int
    value: str | int | bool | None
    quote: str = ""
    head: int = 0


class Entry(Struct):
    """Pair of a mapping, or item of a list (`key` None); `start` is at its dash or question mark, if any."""

    start: int
    key: Scalar | None
    value: Node


class Group(Struct):
    """Mapping or list; in block style, `end` is the end of its last value."""

    start: int
    end: int
    is_map: bool
    flow: bool
    entries: list[Entry] = field(default_factory=list)


Node: TypeAlias = Scalar | Group


class Comment(NamedTuple):
    """Comment; `text` begins with its #, and `alone` is True if nothing else is on its line."""

    start: int
    end: int
    text: str
    alone: bool


class Spot(NamedTuple):
    """Empty line."""

    start: int


def parse(text: str) -> Node:
    return _Reader(text).whole()


def data_of(node: Node) -> Data:
    """Return the values of a node, without their places."""
    if isinstance(node, Scalar):
        return node.value
    if node.is_map:
        return {str(entry.key.value): data_of(entry.value) for entry in node.entries if entry.key}
    return [data_of(entry.value) for entry in node.entries]


def resolved(text: str) -> str | int | bool | None:
    """Return the value of a plain scalar in our files: all is text but three words and whole numbers."""
    if text in _WORDS:
        return _WORDS[text]
    return int(text) if _WHOLE.fullmatch(text) else text


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._next: Callable[[], _Event] = Parser(text).get_event

    def whole(self) -> Node:
        event: _Event = self._next()
        while type(event) is not DocumentStartEvent:
            event = self._next()
        return self._node(self._next(), _end(event))

    def _node(self, event: _Event, after: int) -> Node:
        """Build the node that begins with *event*; the text before it ends at *after*."""
        start = event.start_mark.index
        if type(event) is ScalarEvent:
            return self._scalar(event)
        is_map = type(event) is MappingStartEvent
        flow = event.end_mark.index > start and self._text[start] in "[{"
        group = Group(start, start, is_map, flow)
        closing = MappingEndEvent if is_map else SequenceEndEvent
        after = start + 1 if flow else after
        inner: _Event = self._next()
        while type(inner) is not closing:
            key = self._scalar(inner, is_key=True) if is_map else None
            first = key.start if key else inner.start_mark.index
            opening = "?" if is_map else "-"
            marks = [place for place in _marks(self._text, after, first) if self._text[place] == opening]
            value = self._node(self._next(), key.end) if key else self._node(inner, after)
            group.entries.append(Entry(marks[-1] if marks else first, key, value))
            after, inner = value.end, self._next()
        group.end = _end(inner) if flow else after
        if not flow and group.entries:
            group.start = group.entries[0].start
        return group

    def _scalar(self, event: _Event, *, is_key: bool = False) -> Scalar:
        start, end, style = event.start_mark.index, event.end_mark.index, event.style or ""
        head = start
        if style in ("|", ">"):  # its end is at the start of the next line
            end = start + len(self._text[start:end].rstrip())
            head = min(line_end(self._text, start), end)
        value = event.value if style or is_key else resolved(event.value)
        return Scalar(start, end, value, style, head)


def _end(event: _Event) -> int:
    return int(event.end_mark.index)


def _marks(text: str, start: int, end: int) -> Iterator[int]:
    """Yield the places of indicators between two values: neither space nor comment."""
    place = start
    while place < end:
        if text[place] == "#":
            place = line_end(text, place)
        elif text[place].isspace():
            place += 1
        else:
            yield place
            place += 1


# ------------------------------------------------------------------ lines


def line_start(text: str, place: int) -> int:
    while place > 0 and not BREAK.match(text, place - 1):
        place -= 1
    return place


def line_end(text: str, place: int) -> int:
    """Return the end of the line, before its break."""
    match = BREAK.search(text, place)
    return match.start() if match else len(text)


def column(text: str, place: int) -> int:
    return place - line_start(text, place)


def line_break(text: str) -> str:
    """Return the line break of this file."""
    match = BREAK.search(text)
    return match[0] if match else "\n"


# ------------------------------------------------------------------ comments


def trivia(text: str, root: Node) -> Iterator[Comment | Spot]:
    """Yield every comment and empty line between values, in order."""
    place = 0
    for scalar in _scalars(root):
        yield from _between(text, place, scalar.start)
        yield from _between(text, scalar.start, scalar.head)
        place = scalar.end
    yield from _between(text, place, len(text))


def comments(text: str) -> list[str]:
    """Return the texts of all comments, sorted."""
    return sorted(item.text for item in trivia(text, parse(text)) if isinstance(item, Comment))


def _scalars(node: Node) -> Iterator[Scalar]:
    if isinstance(node, Scalar):
        yield node
        return
    for entry in node.entries:
        if entry.key:
            yield entry.key
        yield from _scalars(entry.value)


def _between(text: str, start: int, end: int) -> Iterator[Comment | Spot]:
    place = start
    while place < end:
        if text[place] == "#":  # the parser takes it for a comment even without a space before it
            stop = line_end(text, place)
            alone = not text[line_start(text, place) : place].strip()
            yield Comment(place, stop, text[place:stop].rstrip(), alone)
            place = stop
        elif match := BREAK.match(text, place):
            if line_end(text, match.end()) < end and not text[match.end() : line_end(text, match.end())].strip():
                yield Spot(match.end())
            place = match.end()
        else:
            place += 1
