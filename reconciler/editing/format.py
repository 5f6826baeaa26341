"""Formats a declared file in the canonical layout; all comments are kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from reconciler.editing.emit import WIDTH, Block, Part, Value, in_line, lines, quoted, scalar
from reconciler.editing.layout import Kind, Shape, shape_of
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
    comments,
    data_of,
    line_break,
    line_end,
    parse,
    trivia,
)

_END = -1  # the column of the owner of the whole file
_TIMES = 5  # if keys change places, the next round may move a comment again


def format_text(text: str, kind: Kind) -> str:
    """Format a file's text in canonical key order and layout.

    Quotes and the distance of a comment from its value stay as written; so does a short mapping or list on one line,
    unless the file's shape fixes that. A comment moves with the entry after it; below the last entry of an indented
    part, with that part; above the first key, it stays at the top of the file.
    """
    data, before_comments = data_of(parse(text)), comments(text)
    for _ in range(_TIMES):
        before, text = text, _format_once(text, kind)
        if text == before:
            break
    require(text == before, "its layout does not settle")
    require(round_trips(text, data), "the layout would change what is declared")
    require(comments(text) == before_comments, "the layout would lose a comment")
    return text


def _format_once(text: str, kind: Kind) -> str:
    root = parse(text)
    if not isinstance(root, Group) or not root.entries:
        return text
    layout = _Layout(text, root)
    block = layout.block(root, shape_of(kind), owner=_END, until=len(text))
    block.foot += layout.rest()
    ends = line_break(text)
    return "".join(f"{line}{ends}" for line in _without_blank_start([*lines(block)]))


def _without_blank_start(lines: list[str]) -> list[str]:
    while lines and not lines[0]:
        del lines[0]
    return lines


@dataclass
class _Layout:
    text: str
    root: Group

    def __post_init__(self) -> None:
        self._left = deque(trivia(self.text, self.root))
        self._commented = sorted(item.start for item in self._left if isinstance(item, Comment))

    def rest(self) -> list[str]:
        """Comments after the last bracket of the file."""
        return [item.text for item in self._left if isinstance(item, Comment)]

    def block(self, group: Group, shape: Shape, *, owner: int, until: int) -> Block:
        """Lay out a value over several lines.

        *owner* is the column of the entry that has this value; *until* is where the next entry begins.
        """
        parts = []
        limits = [entry.start for entry in group.entries[1:]] + [until]
        for entry, limit in zip(group.entries, limits, strict=True):
            parts.append(self._part(entry, shape.of(_name(entry)), limit))
            if len(parts) == 1:
                parts[0].before = _trimmed(parts[0].before)
        foot = self._foot(group, owner, until)
        ordered = _in_order(parts, shape) if group.is_map else parts
        if owner == _END and ordered[0] is not parts[0]:  # the comment at the top of the file stays there
            ordered[0].before = [*parts[0].before, *ordered[0].before]
            parts[0].before = []
        return Block(group.is_map, False, ordered, foot)

    def _part(self, entry: Entry, shape: Shape, limit: int) -> Part:
        before = self._lines(lambda item: item.start < entry.start)
        key, value = _key(entry), entry.value
        if isinstance(value, Group) and value.entries and self._over_lines(value, shape):
            note = self._note(entry.key.end, value.start) if entry.key else ""
            inner = self.block(value, shape, owner=column(self.text, entry.start), until=limit)
            if value.flow and entry.key and not note:  # the comment after its closing bracket
                note = self._note(value.end, limit)
            return Part(key, inner, before, note)
        before += [line for line in self._lines(lambda item: item.start < value.end) if line]
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
        """Return True if there is a comment before the last value, so that the group needs several lines."""
        return any(group.start <= start < _content_end(group) for start in self._commented)

    def _in_line(self, node: Node, shape: Shape, *, from_block: bool = False) -> Value:
        """Put a value on one line. *from_block*: it is on its own lines now, where plain text may contain , or ]."""
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
        """Return a scalar as it is written, unless it takes several lines."""
        written = self.text[node.start : node.end]
        return written if node.quote not in ("|", ">") and not BREAK.search(written) else scalar(node.value)

    # -------------------------------------------------------------- comments and empty lines

    def _lines(self, belongs: Callable[[Comment | Spot], bool]) -> list[str]:
        """Take the next comments and empty lines that belong; of several empty lines in a row, one."""
        lines: list[str] = []
        while self._left and belongs(self._left[0]):
            item = self._left.popleft()
            if isinstance(item, Comment):
                lines.append(item.text)
            elif not lines or lines[-1]:
                lines.append("")
        return lines

    def _note(self, end: int, limit: int) -> str:
        """Take the comment after a value that ends at *end*, on the same line."""
        stop = min(line_end(self.text, end), limit)
        if self._left and isinstance(note := self._left[0], Comment) and end <= note.start <= stop and not note.alone:
            self._left.popleft()
            before = self.text[: note.start]
            return " " * max(2, len(before) - len(before.rstrip(" "))) + note.text
        return ""

    def _foot(self, group: Group, owner: int, until: int) -> list[str]:
        """Take the comments below the last entry that belong to the group: before its bracket, or indented like it."""
        depth = max(owner + 1, column(self.text, group.start))
        last = -1
        for item in self._left:
            if isinstance(item, Comment):
                inside = item.start < group.end if group.flow else column(self.text, item.start) >= depth
                if item.start >= until or not inside:
                    break
                last = item.start
        return self._lines(lambda item: item.start <= last)


def _content_end(node: Node) -> int:
    return _content_end(node.entries[-1].value) if isinstance(node, Group) and node.entries else node.end


_ENDS_TEXT = frozenset(",[]{}:?")


def _key(entry: Entry) -> str:
    return scalar(entry.key.value) if entry.key else ""


def _name(entry: Entry) -> str | None:
    return str(entry.key.value) if entry.key else None


def _trimmed(before: Iterable[str]) -> list[str]:
    """Drop empty lines at the start."""
    return _without_blank_start(list(before))


def _in_order(parts: list[Part], shape: Shape) -> list[Part]:
    by_key = {part.key: part for part in parts}
    ordered = [by_key[key] for key in shape.order(by_key)]
    if ordered[0] is not parts[0]:
        ordered[0].before = _trimmed(ordered[0].before)
    return ordered
