"""A file's text to the same declaration in the canonical layout, with every comment kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from reconciler.editing.emit import WIDTH, Block, Part, Value, in_line, lines, quoted, scalar
from reconciler.editing.layout import SHAPES, Kind, Shape
from reconciler.editing.verify import require, round_trips
from reconciler.editing.yaml_tree import (
    BREAK,
    Comment,
    Entry,
    Group,
    Node,
    Scalar,
    Spot,
    column,
    data_of,
    line_break,
    line_end,
    parse,
    trivia,
)

_END = -1  # the column of what owns the whole file
_TIMES = 5  # where keys change places, a comment may come to stand where the next round finds another place for it


def formatted(text: str, kind: Kind) -> str:
    """The text in canonical order and layout; the same text again where it has that already.

    Which of two texts is quoted, and how far a comment stands behind a value, stays as it is written; so does whether a
    short mapping or list stands on one line, unless the shape of the file says so. A comment goes with what follows
    it; behind the last entry of an indented part, with that part; above the first key, with the file.
    """
    wanted = data_of(parse(text))
    for _ in range(_TIMES):
        before, text = text, _laid_out(text, kind)
        if text == before:
            break
    require(text == before, "its layout does not settle")
    require(round_trips(text, wanted), "the layout would change what is declared")
    return text


def _laid_out(text: str, kind: Kind) -> str:
    root = parse(text)
    if not isinstance(root, Group) or not root.entries:
        return text
    layout = _Layout(text, root)
    block = layout.block(root, SHAPES[kind], owner=_END, until=len(text))
    block.foot += layout.rest()
    ends = line_break(text)
    return "".join(f"{line}{ends}" for line in _without_blank_start([*lines(block)]))


def _without_blank_start(given: list[str]) -> list[str]:
    while given and not given[0]:
        del given[0]
    return given


@dataclass
class _Layout:
    text: str
    root: Group

    def __post_init__(self) -> None:
        self._left = deque(trivia(self.text, self.root))
        self._commented = sorted(one.start for one in self._left if isinstance(one, Comment))

    def rest(self) -> list[str]:
        """Comments behind the last bracket of the file."""
        return [one.text for one in self._left if isinstance(one, Comment)]

    def block(self, group: Group, shape: Shape, *, owner: int, until: int) -> Block:
        """Over several lines. *owner* is the column of the entry that has this value; *until* is where what comes after
        the value begins."""
        parts = []
        limits = [entry.start for entry in group.entries[1:]] + [until]
        for entry, limit in zip(group.entries, limits, strict=True):
            parts.append(self._part(entry, shape.of(_name(entry)), limit))
            if len(parts) == 1:
                parts[0].before = _trimmed(parts[0].before)
        foot = self._foot(group, owner, until)
        ordered = _in_order(parts, shape) if group.is_map else parts
        if owner == _END and ordered[0] is not parts[0]:  # what heads the file stays its head, whichever key moves
            ordered[0].before = [*parts[0].before, *ordered[0].before]
            parts[0].before = []
        return Block(group.is_map, False, ordered, foot)

    def _part(self, entry: Entry, shape: Shape, limit: int) -> Part:
        before = self._lines(lambda one: one.start < entry.start)
        key, value = _key(entry), entry.value
        if isinstance(value, Group) and value.entries and self._over_lines(value, shape):
            note = self._note(entry.key.end, value.start) if entry.key else ""
            inner = self.block(value, shape, owner=column(self.text, entry.start), until=limit)
            if value.flow and entry.key and not note:  # the comment behind its closing bracket
                note = self._note(value.end, limit)
            return Part(key, inner, before, note)
        before += [line for line in self._lines(lambda one: one.start < value.end) if line]
        return Part(key, self._in_line(value, shape), before, self._note(value.end, limit))

    # -------------------------------------------------------------- one line or several

    def _over_lines(self, group: Group, shape: Shape) -> bool:
        if self._has_comment(group) or shape.style == "block":
            return True
        if shape.style == "line":
            return False
        if not group.flow:
            return True
        spread = line_end(self.text, group.start) < group.end
        return spread and not group.is_map and len(in_line(self._in_line(group, shape))) > WIDTH

    def _has_comment(self, group: Group) -> bool:
        """Whether one stands before its last value, so that it cannot stand on one line."""
        return any(group.start <= start < _content_end(group) for start in self._commented)

    def _in_line(self, node: Node, shape: Shape, *, from_block: bool = False) -> Value:
        """*from_block*: it stands on lines of its own so far, where plain text may hold what ends it on one line."""
        if isinstance(node, Scalar):
            moved = from_block and not node.quote and not _ENDS_TEXT.isdisjoint(str(node.value))
            return quoted(str(node.value)) if moved else self._word(node)
        if not node.entries:
            return "{}" if node.is_map else "[]"
        parts = [
            Part(_key(entry), self._in_line(entry.value, shape.of(_name(entry)), from_block=not node.flow))
            for entry in node.entries
        ]
        return Block(node.is_map, True, _in_order(parts, shape) if node.is_map else parts)

    def _word(self, node: Scalar) -> str:
        """As it is written, unless it is a block of text or goes over several lines."""
        written = self.text[node.start : node.end]
        return written if node.quote not in ("|", ">") and not BREAK.search(written) else scalar(node.value)

    # -------------------------------------------------------------- comments and empty lines

    def _lines(self, wanted: Callable[[Comment | Spot], bool]) -> list[str]:
        """The lines from here on that are wanted; of several empty ones in a row, one."""
        found: list[str] = []
        while self._left and wanted(self._left[0]):
            one = self._left.popleft()
            if isinstance(one, Comment):
                found.append(one.text)
            elif not found or found[-1]:
                found.append("")
        return found

    def _note(self, end: int, limit: int) -> str:
        """The comment behind what ends at *end*, on the same line."""
        stop = min(line_end(self.text, end), limit)
        if self._left and isinstance(one := self._left[0], Comment) and end <= one.start <= stop and not one.alone:
            self._left.popleft()
            before = self.text[: one.start]
            return " " * max(2, len(before) - len(before.rstrip(" "))) + one.text
        return ""

    def _foot(self, group: Group, owner: int, until: int) -> list[str]:
        """What stands below the last entry and belongs to the group: before its bracket, or indented as it is."""
        depth = max(owner + 1, column(self.text, group.start))
        last = -1
        for one in self._left:
            if isinstance(one, Comment):
                inside = one.start < group.end if group.flow else column(self.text, one.start) >= depth
                if one.start >= until or not inside:
                    break
                last = one.start
        return self._lines(lambda one: one.start <= last)


def _content_end(node: Node) -> int:
    return _content_end(node.entries[-1].value) if isinstance(node, Group) and node.entries else node.end


_ENDS_TEXT = frozenset(",[]{}:?")


def _key(entry: Entry) -> str:
    return scalar(entry.key.value) if entry.key else ""


def _name(entry: Entry) -> str | None:
    return str(entry.key.value) if entry.key else None


def _trimmed(before: Iterable[str]) -> list[str]:
    """Without empty lines at the start."""
    return _without_blank_start(list(before))


def _in_order(parts: list[Part], shape: Shape) -> list[Part]:
    by_key = {part.key: part for part in parts}
    ordered = [by_key[key] for key in shape.order(by_key)]
    if ordered[0] is not parts[0]:
        ordered[0].before = _trimmed(ordered[0].before)
    return ordered
