"""Segments: files of JSON lines, one for each push, each with the digest of the one before."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

Line = Mapping[str, Any]

_PATH = re.compile(r"(?:runs/\d{4}-\d\d/\d{6,}|other/\d{4}-\d\d)/(\d{8,})\.jsonl")


class Position(NamedTuple):
    """The newest segment that is known: its number and digest. The first segment follows number 0."""

    number: int = 0
    digest: str = ""


class Segment(NamedTuple):
    """A segment: its header's facts, and the rows that its runs added or changed, in order. `push` is a random id."""

    number: int
    before: str
    schema: int
    push: str
    lines: Sequence[Line]
    digest: str


class BentSegment(Exception):
    """A file that no version of this program wrote."""


def path_of(number: int, run: int | None, at: datetime) -> str:
    """Return the path of a segment: one folder for each run, in one for each month."""
    folder = f"other/{at:%Y-%m}" if run is None else f"runs/{at:%Y-%m}/{run:06}"
    return f"{folder}/{number:08}.jsonl"


def number_of(path: str) -> int | None:
    """Return the number of the segment at a path; None for another file."""
    match = _PATH.fullmatch(path)
    return int(match[1]) if match else None


def encode(position: Position, schema: int, at: datetime, push: str, lines: Iterable[Line]) -> bytes:
    """Write the segment that follows a position."""
    header = {
        "segment": position.number + 1,
        "before": position.digest,
        "schema": schema,
        "at": in_words(at),
        "push": push,  # two clones never make the same commit, and so never share one by mistake
    }
    return b"".join(_line(row) for row in (header, *lines))


def decode(content: bytes) -> Segment:
    """Read a segment. Raises BentSegment."""
    try:
        header, *lines = map(json.loads, content.splitlines())
        number, before, schema = header["segment"], header["before"], header["schema"]
        if not (type(number) is type(schema) is int and isinstance(before, str)):
            raise ValueError("header")
        if not all(isinstance(line, dict) and isinstance(line.get("table"), str) for line in lines):
            raise ValueError("line")
    except (ValueError, TypeError, KeyError) as error:
        raise BentSegment(str(error)) from error
    return Segment(number, before, schema, str(header.get("push")), lines, digest_of(content))


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _line(row: Line) -> bytes:
    return json.dumps(row, ensure_ascii=False, separators=(", ", ": ")).encode("utf-8", "backslashreplace") + b"\n"


def in_words(at: datetime) -> str:
    """Write a moment so that people can read it and the same moment is read back."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def moment_of(text: str) -> datetime:
    return datetime.fromisoformat(text)
