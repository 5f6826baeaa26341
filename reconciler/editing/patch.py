"""A file's text and the values it shall have, to the smallest edit that gives it those values.

Only what must change is touched: the rest keeps its bytes, comments, order, quotes and layout. What is new is written
as its neighbours are: on one line among values on one line, else over lines, in quotes where a file has all in quotes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher

from reconciler.editing.emit import Block, arranged, in_line, quoted, scalar, spread
from reconciler.editing.layout import SHAPES, Kind, Shape
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
    data_of,
    line_break,
    line_end,
    line_start,
    parse,
    trivia,
)
from reconciler.model.structs import Struct, field


def rewritten(text: str, kind: Kind, wanted: dict[str, Data]) -> str:
    """*text* with these values. A new key stands behind the one that it follows in *wanted*.

    Comments inside a list or mapping that gives way to a single value move above it. Raises ReconcilerError where the
    result would not say exactly what is wanted.
    """
    root = parse(text)
    rewriting = _Rewriting(text, root)
    rewriting.node(root, wanted, SHAPES[kind])
    result = rewriting.result()
    require(round_trips(result, wanted), "the result would not say what it should")
    return result


_COMMA = re.compile(r"\s*,")


class _Edit(Struct, frozen=True, order=True):
    start: int
    end: int
    turn: int
    text: str


class _Spot(Struct):
    """Where the next new pair or item goes: behind `last`, else before `first`, of those that stay."""

    group: Group
    first: Entry
    last: Entry | None = None
    waiting: list[str] = field(default_factory=list)  # what goes there, inside brackets


class _Rewriting:
    def __init__(self, text: str, root: Node) -> None:
        self._text = text
        self._break = line_break(text)
        self._edits: list[_Edit] = []
        self._comments = [one for one in trivia(text, root) if isinstance(one, Comment)]
        self._in_quotes = isinstance(root, Group) and root.flow and _keys_are_quoted(root)

    def result(self) -> str:
        parts, place = [], 0
        for edit in sorted(self._edits):
            require(edit.start >= place, "two of its edits meet")
            parts += [self._text[place : edit.start], edit.text]
            place = edit.end
        return "".join([*parts, self._text[place:]])

    def _edit(self, start: int, end: int, text: str) -> None:
        self._edits.append(_Edit(start, end, len(self._edits), text))

    # -------------------------------------------------------------- what differs

    def node(self, node: Node, wanted: Data, shape: Shape, entry: Entry | None = None, *, flow: bool = False) -> None:
        """Make *node*, the value of *entry*, say what is wanted; *flow*: it stands inside brackets."""
        if isinstance(node, Group) and node.is_map and isinstance(wanted, dict) and self._has_any(node, wanted):
            self._map(node, wanted, shape)
        elif isinstance(node, Group) and not node.is_map and isinstance(wanted, list) and node.entries and wanted:
            self._list(node, wanted, shape)
        elif not _equal(data_of(node), wanted):
            self._replace(node, wanted, shape, entry, flow=flow)

    def _has_any(self, group: Group, wanted: Mapping[str, Data]) -> bool:
        return any(entry.key and entry.key.value in wanted for entry in group.entries)

    def _map(self, group: Group, wanted: dict[str, Data], shape: Shape) -> None:
        known = {str(entry.key.value): entry for entry in group.entries if entry.key}
        for name, entry in known.items():
            if name in wanted:
                self.node(entry.value, wanted[name], shape.of(name), entry, flow=group.flow)
        spot = _Spot(group, next(entry for name, entry in known.items() if name in wanted))
        for name, value in wanted.items():
            if name in known:
                self._move(spot, known[name])
            else:
                self._insert(spot, name, value, shape.of(name))
        self._insert_in_flow(spot)
        self._remove(group, [entry for name, entry in known.items() if name not in wanted])

    def _list(self, group: Group, wanted: list[Data], shape: Shape) -> None:
        """Items that are the same stay; of those between, as many as can are changed; the rest come or go."""
        inside, gone = shape.of(None), []
        before = [_key_of(data_of(entry.value)) for entry in group.entries]
        after = [_key_of(one) for one in wanted]
        pairs = [*_aligned(before, after)]
        spot = _Spot(group, next(group.entries[old] for old, new in pairs if old is not None and new is not None))
        for old, new in pairs:
            if old is None:
                self._insert(spot, "", wanted[new or 0], inside)
            elif new is None:
                gone.append(group.entries[old])
            else:
                entry = group.entries[old]
                self._move(spot, entry)
                self.node(entry.value, wanted[new], inside, entry, flow=group.flow)
        self._insert_in_flow(spot)
        self._remove(group, gone)

    # -------------------------------------------------------------- one value for another

    def _replace(self, node: Node, wanted: Data, shape: Shape, entry: Entry | None, *, flow: bool) -> None:
        if flow or entry is None:
            self._edit(node.start, node.end, self._flat(wanted, shape, like=node))
            return
        here = column(self._text, entry.start)
        value = arranged(wanted, shape, str(entry.key.value) if entry.key else "", indent=here)
        above = isinstance(node, Group) and not node.flow and entry.key
        if isinstance(value, Block) and not value.in_line and isinstance(node, Scalar) and self._follows(entry):
            inner = "".join(f"{self._break}{' ' * (here + 2)}{line}" for line in spread(value))
            self._edit(self._key_end(entry), node.end, "")
            self._edit(line_end(self._text, node.end), line_end(self._text, node.end), inner)
        elif above and (isinstance(value, str) or value.in_line):
            self._collapse(entry, node, in_line(value))
        elif isinstance(value, Block) and not value.in_line and isinstance(node, Group) and not node.flow:
            self._edit(node.start, node.end, f"{self._break}{' ' * column(self._text, node.start)}".join(spread(value)))
        else:
            self._edit(node.start, node.end, self._flat(wanted, shape, like=node))

    def _follows(self, entry: Entry) -> bool:
        """Whether the value stands on the line of its key."""
        return entry.key is not None and not BREAK.search(self._text, entry.key.end, entry.value.end)

    def _key_end(self, entry: Entry) -> int:
        """Behind the colon."""
        after = entry.key.end if entry.key else entry.start
        return self._text.index(":", after) + 1

    def _collapse(self, entry: Entry, node: Node, text: str) -> None:
        """A mapping or list over lines becomes one value behind its key; comments that stood in it go above the key."""
        place = self._key_end(entry)
        kept = [one for one in self._comments if node.start <= one.start < line_end(self._text, node.end)]
        indent = self._text[line_start(self._text, entry.start) : entry.start]
        if kept and not indent.strip():
            self._edit(entry.start, entry.start, "".join(f"{one.text}{self._break}{indent}" for one in kept))
        self._edit(place, place, f" {text}")
        first = line_start(self._text, node.start)
        if first <= place:  # it began on the line of its key
            self._edit(place, line_end(self._text, node.end), "")
            return
        back = len(_break_before(self._text, first))
        self._edit(first - back, line_end(self._text, node.end), "")

    # -------------------------------------------------------------- what comes

    def _insert(self, spot: _Spot, name: str, wanted: Data, shape: Shape) -> None:
        """A pair, or an item where there is no *name*."""
        group, last = spot.group, spot.last
        if group.flow:
            key = f"{quoted(name) if self._in_quotes else scalar(name)}: " if name else ""
            spot.waiting.append(key + self._flat(wanted, shape))
            return
        indent = column(self._text, group.start)
        value = arranged(wanted, shape, name, indent=indent, is_item=not name)
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
        """What waits to be put behind the spot's last, or before its first, inside brackets."""
        texts, last, spot.waiting = spot.waiting, spot.last, []
        if not texts:
            return
        if last is None:
            self._edit(spot.first.start, spot.first.start, "".join(f"{text}, " for text in texts))
            return
        end = last.value.end
        margin = self._text[line_start(self._text, last.start) : last.start]
        if margin.strip():  # it stands behind others on its line
            self._edit(end, end, "".join(f", {text}" for text in texts))
            return
        rows = f",{self._break}{margin}".join(texts)
        stop = line_end(self._text, end)
        comment = next((one for one in self._comments if end <= one.start < stop), None)
        between = self._text[end : comment.start if comment else stop].strip()
        if comment is None or between not in ("", ","):
            self._edit(end, end, f",{self._break}{margin}{rows}")
        else:  # the comment stays behind what it speaks of
            if not between:
                self._edit(end, end, ",")
            self._edit(stop, stop, f"{self._break}{margin}{rows}{between}")

    # -------------------------------------------------------------- what goes

    def _remove(self, group: Group, gone: Sequence[Entry]) -> None:
        """Pairs or items that are no longer wanted; at least one other stays."""
        left = [entry for entry in group.entries if not any(entry is one for one in gone)]
        for run in _runs(group.entries, gone):
            following = next((one for one in left if one.start > run[-1].start), None)
            if group.flow:
                if following:
                    self._edit(run[0].start, following.start, "")
                else:
                    self._remove_tail(left[-1], run)
                continue
            margin = line_start(self._text, run[0].start)
            if self._text[margin : run[0].start].strip() and following:  # on the line of a dash: the next one moves up
                self._edit(run[0].start, following.start, "")
            else:
                self._edit(margin - len(_break_before(self._text, margin)), line_end(self._text, run[-1].value.end), "")

    def _remove_tail(self, last: Entry, run: Sequence[Entry]) -> None:
        """Everything behind *last* inside brackets, but for the comment that speaks of it."""
        start, end = last.value.end, run[-1].value.end
        stop = line_end(self._text, start)
        if any(start <= one.start < min(stop, run[0].start) for one in self._comments):
            comma = _COMMA.match(self._text, end)  # one stands before the comment already
            start, end = stop, comma.end() if comma else end
        self._edit(start, end, "")

    # -------------------------------------------------------------- how it is written

    def _flat(self, wanted: Data, shape: Shape, like: Node | None = None) -> str:
        """On one line; a text keeps the quotes of the text that it stands for."""
        if isinstance(wanted, str) and isinstance(like, Scalar):
            if like.quote == '"':
                return quoted(wanted)
            if like.quote == "'" and "'" not in wanted and wanted.isprintable():
                return f"'{wanted}'"
        if self._in_quotes:
            return json.dumps(wanted, ensure_ascii=False)
        if isinstance(wanted, dict):
            pairs = (f"{scalar(name)}: {self._flat(wanted[name], shape.of(name))}" for name in shape.order(wanted))
            return f"{{{', '.join(pairs)}}}"
        if isinstance(wanted, list):
            return f"[{', '.join(self._flat(one, shape.of(None)) for one in wanted)}]"
        return scalar(wanted)


def _equal(one: Data, other: Data) -> bool:
    return type(one) is type(other) and one == other


def _keys_are_quoted(group: Group) -> bool:
    return all(entry.key is not None and entry.key.quote == '"' for entry in group.entries)


def _break_before(text: str, place: int) -> str:
    """The line break that ends just before *place*."""
    for length in (2, 1):
        found = BREAK.fullmatch(text, place - length, place) if place >= length else None
        if found:
            return found[0]
    return ""


def _key_of(data: Data) -> str:
    return json.dumps(data, sort_keys=True)


def _aligned(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[int | None, int | None]]:
    """Pairs of places, in order: what stays or is changed; a place alone where an item goes or comes.

    Where as many come as go, each is changed where it stands.
    """
    if len(before) == len(after):
        yield from ((place, place) for place in range(len(before)))
        return
    for _, start, end, other, stop in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        shared = min(end - start, stop - other)
        yield from ((start + step, other + step) for step in range(shared))
        yield from ((place, None) for place in range(start + shared, end))
        yield from ((None, place) for place in range(other + shared, stop))


def _runs(entries: Sequence[Entry], gone: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Those that go, as far as they stand side by side."""
    run: list[Entry] = []
    for entry in entries:
        if any(entry is one for one in gone):
            run.append(entry)
        elif run:
            yield run
            run = []
    if run:
        yield run
