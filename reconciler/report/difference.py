"""Edits of declared files as a unified difference."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from reconciler.report.escape import visible


def render_difference(path: str, before: str, after: str) -> str:
    """One file's lines that go and come, with three around them, as git shows them."""
    crlf = _has_crlf(before) and _has_crlf(after)
    found = difflib.unified_diff(_lines(before, crlf), _lines(after, crlf), f"a/{path}", f"b/{path}", lineterm="")
    return "".join(f"{line}\n" for line in _visible(found))


def _has_crlf(text: str) -> bool:
    """Whether every line ends as in Windows: then that is how the file is, and no part of any line."""
    return "\n" in text and text.count("\n") == text.count("\r\n")


def _lines(text: str, crlf: bool) -> list[str]:
    lines = text.split("\r\n" if crlf else "\n")
    return lines[:-1] if text.endswith("\n") else lines


def _visible(lines: Iterator[str]) -> Iterator[str]:
    return (visible(line) for line in lines)
