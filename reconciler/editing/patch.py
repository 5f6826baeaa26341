"""Minimal text patch: changes a YAML text to given values with the smallest edit.

The rest keeps its bytes, comments, order, quotes and layout. New values are written like their neighbours: on one line
or over several, and in quotes in a file that quotes everything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher

from reconciler.editing.emit import Block, arranged, in_line, quoted, scalar, spread
from reconciler.editing.layout import Kind, Shape, shape_of
from reconciler.editing.verify import require, round_trips
from reconciler.editing.yaml_tree import (
    BREAK,
    Comment,
    Data,
    Entry,
    Group,
    Node,
    Scalar,
    column,
    comments,
    data_of,
    line_break,
    line_end,
    line_start,
    parse,
    trivia,
)
from reconciler.model.structs import Struct, field


def patch(text: str, kind: Kind, data: dict[str, Data], *, keeps_comments: bool = False) -> str:
    """Change *text* to the values of *data*; a new key goes after the one that it follows in *data*.

    Comments of a removed pair or item go with it, or with *keeps_comments* stay in its place. Comments inside a list or
    mapping that is replaced by a single value move above it. Raises ReconcilerError if the result would not have
    exactly these values.
    """
    root = parse(text)
    patcher = _Patcher(text, root, keeps_comments=keeps_comments)
    patcher.node(root, data, shape_of(kind))
    result = patcher.result()
    require(round_trips(result, data), "the result would not have the intended values")
    after = "\n".join(comments(result))
    require(all(comment in after for comment in patcher.remaining_comments()), "a comment would be lost")
    return result


_SPACES = re.compile(" *")
_COMMA = re.compile(r"\s*,")


class _Edit(Struct, frozen=True, order=True):
    start: int
    end: int
    turn: int
    text: str


class _Spot(Struct):
    """Place for the next new pair or item: after `last`, else before `first`, of those that stay."""

    group: Group
    first: Entry
    last: Entry | None = None
    waiting: list[str] = field(default_factory=list)  # new pairs or items inside brackets


class _Patcher:
    def __init__(self, text: str, root: Node, *, keeps_comments: bool) -> None:
        self._text = text
        self._keeps_comments = keeps_comments
        self._break = line_break(text)
        self._edits: list[_Edit] = []
        self._removed: set[int] = set()
        self._comments = [item for item in trivia(text, root) if isinstance(item, Comment)]
        self._in_quotes = isinstance(root, Group) and root.flow and _keys_are_quoted(root)

    def result(self) -> str:
        parts, place = [], 0
        for edit in sorted(self._edits):
            require(edit.start >= place, "two edits overlap")
            parts += [self._text[place : edit.start], edit.text]
            if self._text.startswith("#", edit.end) and "".join(parts[-2:])[-1:].strip():
                parts.append(" ")  # a comment needs one after plain text
            place = edit.end
        return "".join([*parts, self._text[place:]])

    def remaining_comments(self) -> list[str]:
        """Return the texts of the comments that do not belong to a removed entry."""
        return [item.text for item in self._comments if item.start not in self._removed]

    def _edit(self, start: int, end: int, text: str) -> None:
        self._edits.append(_Edit(start, end, len(self._edits), text))

    def _delete(self, start: int, end: int) -> None:
        """Delete a removed entry, with the comments that belong to it or, if they are kept, leaving them in lines."""
        inside = [item for item in self._comments if start <= item.start < end]
        if not self._keeps_comments or not inside:
            self._removed |= {item.start for item in inside}
            self._edit(start, end, "")
        elif BREAK.match(self._text, start):  # whole lines
            first = line_start(self._text, line_end(self._text, start) + len(self._break))
            margin = self._margin(first)
            self._edit(start, end, "".join(f"{self._break}{margin}{item.text}" for item in inside))
        else:
            place = line_start(self._text, start)
            lines = "".join(f"{self._margin(place)}{item.text}{self._break}" for item in inside)
            self._edit(place, place, lines)
            self._edit(start, end, "")

    def _margin(self, start: int) -> str:
        """Return the spaces at the start of a line."""
        match = _SPACES.match(self._text, start)
        return match[0] if match else ""

    # -------------------------------------------------------------- differences

    def node(self, node: Node, data: Data, shape: Shape, entry: Entry | None = None, *, flow: bool = False) -> None:
        """Change *node*, the value of *entry*, to *data*; *flow*: it is inside brackets."""
        if isinstance(node, Group) and node.is_map and isinstance(data, dict) and self._has_any(node, data):
            self._map(node, data, shape)
        elif isinstance(node, Group) and not node.is_map and isinstance(data, list) and node.entries and data:
            self._list(node, data, shape)
        elif not _equal(data_of(node), data):
            self._replace(node, data, shape, entry, flow=flow)

    def _has_any(self, group: Group, data: Mapping[str, Data]) -> bool:
        return any(entry.key and entry.key.value in data for entry in group.entries)

    def _map(self, group: Group, data: dict[str, Data], shape: Shape) -> None:
        known = {str(entry.key.value): entry for entry in group.entries if entry.key}
        for name, entry in known.items():
            if name in data:
                self.node(entry.value, data[name], shape.of(name), entry, flow=group.flow)
        spot = _Spot(group, next(entry for name, entry in known.items() if name in data))
        for name, value in data.items():
            if name in known:
                self._move(spot, known[name])
            else:
                self._insert(spot, name, value, shape.of(name))
        self._insert_in_flow(spot)
        self._remove(group, [entry for name, entry in known.items() if name not in data])

    def _list(self, group: Group, data: list[Data], shape: Shape) -> None:
        """Keep equal items, change as many as possible of those between, and add or remove the rest."""
        inside, removed = shape.of(None), []
        before = [_key_of(data_of(entry.value)) for entry in group.entries]
        after = [_key_of(item) for item in data]
        pairs = [*_aligned(before, after)]
        spot = _Spot(group, next(group.entries[old] for old, new in pairs if old is not None and new is not None))
        for old, new in pairs:
            if old is None:
                self._insert(spot, "", data[new or 0], inside)
            elif new is None:
                removed.append(group.entries[old])
            else:
                entry = group.entries[old]
                self._move(spot, entry)
                self.node(entry.value, data[new], inside, entry, flow=group.flow)
        self._insert_in_flow(spot)
        self._remove(group, removed)

    # -------------------------------------------------------------- replaced values

    def _replace(self, node: Node, data: Data, shape: Shape, entry: Entry | None, *, flow: bool) -> None:
        if flow or entry is None:
            note = self._note(node)
            ends = f"{self._break}{' ' * (column(self._text, node.start) + 1)}" if note else ""
            self._edit(node.start, node.end, f"{self._flat(data, shape, like=node)}{note}{ends}")
            return
        indent = column(self._text, entry.start)
        value = arranged(data, shape, str(entry.key.value) if entry.key else "", indent=indent)
        above = isinstance(node, Group) and not node.flow and entry.key
        if isinstance(value, Block) and not value.in_line and isinstance(node, Scalar) and self._follows(entry):
            inner = "".join(f"{self._break}{' ' * (indent + 2)}{line}" for line in spread(value))
            self._edit(self._key_end(entry), node.end, self._note(node))
            self._edit(line_end(self._text, node.end), line_end(self._text, node.end), inner)
        elif above and (isinstance(value, str) or value.in_line):
            self._collapse(entry, node, in_line(value))
        elif isinstance(value, Block) and not value.in_line and isinstance(node, Group) and not node.flow:
            lines = f"{self._break}{' ' * column(self._text, node.start)}".join(spread(value))
            self._edit(node.start, node.end, f"{lines}{self._note(node)}")
        else:
            self._edit(node.start, node.end, f"{self._flat(data, shape, like=node)}{self._note(node)}")

    def _note(self, node: Node) -> str:
        """Return the comments inside a value as one comment, with two spaces before it."""
        return "".join(f"  {item.text}" for item in self._comments if node.start <= item.start < node.end)

    def _follows(self, entry: Entry) -> bool:
        """Return True if the value is on the line of its key."""
        return entry.key is not None and not BREAK.search(self._text, entry.key.end, entry.value.end)

    def _key_end(self, entry: Entry) -> int:
        """Return the place after the colon."""
        after = entry.key.end if entry.key else entry.start
        return self._text.index(":", after) + 1

    def _collapse(self, entry: Entry, node: Node, text: str) -> None:
        """Replace a mapping or list over lines with one value after its key; its comments go above the key."""
        place = self._key_end(entry)
        kept = [item for item in self._comments if node.start <= item.start < line_end(self._text, node.end)]
        indent = self._text[line_start(self._text, entry.start) : entry.start]
        if kept and not indent.strip():
            self._edit(entry.start, entry.start, "".join(f"{item.text}{self._break}{indent}" for item in kept))
        elif kept:  # on the line of a dash
            text += "".join(f"  {item.text}" for item in kept)
        self._edit(place, place, f" {text}")
        first = line_start(self._text, node.start)
        if first <= place:  # the value starts on the line of its key
            self._edit(place, line_end(self._text, node.end), "")
            return
        back = len(_break_before(self._text, first))
        self._edit(first - back, line_end(self._text, node.end), "")

    # -------------------------------------------------------------- new entries

    def _insert(self, spot: _Spot, name: str, data: Data, shape: Shape) -> None:
        """Insert a pair, or an item if *name* is empty."""
        group, last = spot.group, spot.last
        if group.flow:
            key = f"{quoted(name) if self._in_quotes else scalar(name)}: " if name else ""
            spot.waiting.append(key + self._flat(data, shape))
            return
        indent = column(self._text, group.start)
        value = arranged(data, shape, name, indent=indent, is_item=not name)
        margin = " " * indent
        if not isinstance(value, Block) or value.in_line:
            rows = [f"{scalar(name)}: {in_line(value)}" if name else f"- {in_line(value)}"]
        elif name:
            rows = [f"{scalar(name)}:", *(f"  {line}" for line in spread(value))]
        else:
            rows = [f"{'  ' if number else '- '}{line}" for number, line in enumerate(spread(value))]
        if last is None:
            self._edit(spot.first.start, spot.first.start, "".join(f"{row}{self._break}{margin}" for row in rows))
        else:
            place = line_end(self._text, last.value.end)
            self._edit(place, place, "".join(f"{self._break}{margin}{row}" for row in rows))

    def _move(self, spot: _Spot, entry: Entry) -> None:
        self._insert_in_flow(spot)
        spot.last = entry

    def _insert_in_flow(self, spot: _Spot) -> None:
        """Insert the waiting pairs or items inside brackets, after the spot's last entry or before its first."""
        texts, last, spot.waiting = spot.waiting, spot.last, []
        if not texts:
            return
        if last is None:
            self._edit(spot.first.start, spot.first.start, "".join(f"{text}, " for text in texts))
            return
        end = last.value.end
        margin = self._text[line_start(self._text, last.start) : last.start]
        if margin.strip():  # there are other entries before it on its line
            self._edit(end, end, "".join(f", {text}" for text in texts))
            return
        rows = f",{self._break}{margin}".join(texts)
        stop = line_end(self._text, end)
        comment = next((item for item in self._comments if end <= item.start < stop), None)
        between = self._text[end : comment.start if comment else stop].strip()
        if comment is None or between not in ("", ","):
            self._edit(end, end, f",{self._break}{margin}{rows}")
        else:  # the comment stays with its entry
            if not between:
                self._edit(end, end, ",")
            self._edit(stop, stop, f"{self._break}{margin}{rows}{between}")

    # -------------------------------------------------------------- removed entries

    def _remove(self, group: Group, removed: Sequence[Entry]) -> None:
        """Remove pairs or items; at least one other stays."""
        left = [entry for entry in group.entries if not any(entry is item for item in removed)]
        for run in _runs(group.entries, removed):
            following = next((entry for entry in left if entry.start > run[-1].start), None)
            if group.flow:
                if following:
                    self._delete(run[0].start, following.start)
                else:
                    self._remove_tail(left[-1], run)
                continue
            margin = line_start(self._text, run[0].start)
            if (
                self._text[margin : run[0].start].strip() and following
            ):  # on the line of a dash: the next entry moves up
                self._delete(run[0].start, following.start)
            else:
                start = margin - len(_break_before(self._text, margin))
                self._delete(start, line_end(self._text, run[-1].value.end))

    def _remove_tail(self, last: Entry, run: Sequence[Entry]) -> None:
        """Remove everything after *last* inside brackets, but for the comment of *last*."""
        start, end = last.value.end, run[-1].value.end
        stop = line_end(self._text, start)
        if any(start <= item.start < min(stop, run[0].start) for item in self._comments):
            comma = _COMMA.match(self._text, end)  # there is a comma before the comment already
            start, end = stop, comma.end() if comma else end
        self._delete(start, end)

    # -------------------------------------------------------------- values on one line

    def _flat(self, data: Data, shape: Shape, like: Node | None = None) -> str:
        """Write a value on one line; a text keeps the quotes of the text that it replaces."""
        if isinstance(data, str) and isinstance(like, Scalar):
            if like.quote == '"':
                return quoted(data)
            if like.quote == "'" and "'" not in data and data.isprintable():
                return f"'{data}'"
        if self._in_quotes:
            return json.dumps(data, ensure_ascii=False)
        if isinstance(data, dict):
            pairs = (f"{scalar(name)}: {self._flat(data[name], shape.of(name))}" for name in shape.order(data))
            return f"{{{', '.join(pairs)}}}"
        if isinstance(data, list):
            return f"[{', '.join(self._flat(item, shape.of(None)) for item in data)}]"
        return scalar(data)


def _equal(left: Data, right: Data) -> bool:
    return type(left) is type(right) and left == right


def _keys_are_quoted(group: Group) -> bool:
    return all(entry.key is not None and entry.key.quote == '"' for entry in group.entries)


def _break_before(text: str, place: int) -> str:
    """Return the line break that ends just before *place*."""
    for length in (2, 1):
        match = BREAK.fullmatch(text, place - length, place) if place >= length else None
        if match:
            return match[0]
    return ""


def _key_of(data: Data) -> str:
    return json.dumps(data, sort_keys=True)


def _aligned(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[int | None, int | None]]:
    """Yield pairs of places, in order, of items that stay or change; a place alone for an item removed or added.

    If as many are added as removed, each is changed in place.
    """
    if len(before) == len(after):
        yield from ((place, place) for place in range(len(before)))
        return
    for _, start, end, new, stop in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        shared = min(end - start, stop - new)
        yield from ((start + step, new + step) for step in range(shared))
        yield from ((place, None) for place in range(start + shared, end))
        yield from ((None, place) for place in range(new + shared, stop))


def _runs(entries: Sequence[Entry], removed: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Group removed entries that are adjacent."""
    run: list[Entry] = []
    for entry in entries:
        if any(entry is item for item in removed):
            run.append(entry)
        elif run:
            yield run
            run = []
    if run:
        yield run
