"""Moves a learner from one cohort file to another: the lines as they are written, with their comments."""

from __future__ import annotations

from typing import NamedTuple

from reconciler.editing.assignments import Fields, learners_of
from reconciler.editing.patch import patch
from reconciler.editing.replace import learner_key
from reconciler.editing.verify import require, round_trips
from reconciler.editing.yaml_tree import (
    Data,
    Entry,
    Group,
    Node,
    column,
    comments,
    data_of,
    line_break,
    line_end,
    line_start,
    parse,
)
from reconciler.model.slots import LearnerKey

INDENT = "  "


class Cut(NamedTuple):
    """A file without the learner, and the learner's lines, indented as if their dash were in the first column."""

    rest: str
    lines: tuple[str, ...]
    learner: Fields


def move(source: str, target: str, key: LearnerKey) -> tuple[str, str]:
    """Move a learner's own entries to the end of another cohort file; return both texts.

    Raises ReconcilerError if values or comments would be lost; nothing is changed then.
    """
    cut = _cut(source, key)
    after = _paste(target, cut)
    kept = sorted([*comments(source), *comments(target)]) == sorted([*comments(cut.rest), *comments(after)])
    require(kept, f"a comment would be lost if learner {key} moved to another file; move the learner by hand")
    return cut.rest, after


def _cut(text: str, key: LearnerKey) -> Cut:
    values, learners = _values(text), _learners(text)
    place = next(number for number, learner in enumerate(learners_of(values)) if learner_key(learner) == key)
    learner = learners_of(values)[place]
    items = values["learners"]
    if isinstance(items, list):
        del items[place]
    if learners is None or learners.flow:
        return Cut(patch(text, "cohort", values), (), learner)
    start, end = _span(text, learners.entries[place])
    margin = column(text, learners.entries[place].start)
    lines = tuple(line[min(margin, len(line) - len(line.lstrip(" "))) :] for line in text[start:end].splitlines())
    rest = text[:start] + text[_next_line(text, end) :]
    if len(learners.entries) == 1:
        colon = text.index(":", _key_end(text, "learners"))
        rest = f"{rest[: colon + 1]} []{rest[colon + 1 :]}"
    if not round_trips(rest, values):
        return Cut(patch(text, "cohort", values), (), learner)
    return Cut(rest, lines, learner)


def _span(text: str, entry: Entry) -> tuple[int, int]:
    """Return where the lines of an item begin and end: comments directly above it, and indented ones below it, belong.

    The end is before the line break.
    """
    margin, start = column(text, entry.start), line_start(text, entry.start)
    while start > 0 and _is_comment(text, above := line_start(text, start - 1), margin, margin):
        start = above
    end = line_end(text, entry.value.end)
    while (following := _next_line(text, end)) < len(text) and _is_comment(text, following, margin + 1, len(text)):
        end = line_end(text, following)
    return start, end


def _is_comment(text: str, start: int, least: int, most: int) -> bool:
    """Return True if the line that begins here is a comment in one of these columns."""
    line = text[start : line_end(text, start)]
    indent = len(line) - len(line.lstrip(" "))
    return line[indent : indent + 1] == "#" and least <= indent <= most


def _next_line(text: str, end: int) -> int:
    mark = line_break(text)
    return end + len(mark) if text.startswith(mark, end) else len(text)


def _paste(text: str, cut: Cut) -> str:
    values = _values(text)
    items = values.get("learners")
    values["learners"] = [*(items if isinstance(items, list) else []), cut.learner]
    learners = _learners(text)
    if not cut.lines or learners is None or (learners.flow and learners.entries):
        return patch(text, "cohort", values)
    mark = line_break(text)
    if learners.entries:
        place = _span(text, learners.entries[-1])[1]
        margin = " " * column(text, learners.entries[-1].start)
        after = text[:place] + "".join(f"{mark}{margin}{line}" for line in cut.lines) + text[place:]
    else:
        place = line_end(text, learners.end)
        lines = "".join(f"{mark}{INDENT}{line}" for line in cut.lines)
        after = text[: learners.start].rstrip(" ") + text[learners.end : place] + lines + text[place:]
    return after if round_trips(after, values) else patch(text, "cohort", values)


def _values(text: str) -> Fields:
    values: Data = data_of(parse(text))
    require(isinstance(values, dict), "it is not a mapping")
    return values if isinstance(values, dict) else {}


def _learners(text: str) -> Group | None:
    value = _value(parse(text), "learners")
    return value if isinstance(value, Group) and not value.is_map else None


def _entry(root: Node, name: str) -> Entry | None:
    entries = root.entries if isinstance(root, Group) else []
    return next((entry for entry in entries if entry.key and entry.key.value == name), None)


def _value(root: Node, name: str) -> Node | None:
    entry = _entry(root, name)
    return entry.value if entry else None


def _key_end(text: str, name: str) -> int:
    entry = _entry(parse(text), name)
    return entry.key.end if entry and entry.key else 0
