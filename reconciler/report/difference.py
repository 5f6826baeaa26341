"""Edits of declared files as a unified difference."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from reconciler.report.escape import visible


def render_difference(path: str, before: str, after: str) -> str:
    """One file's lines that go and come, with three around them, as git shows them."""
    found = difflib.unified_diff(_lines(before), _lines(after), f"a/{path}", f"b/{path}", lineterm="")
    return "".join(f"{line}\n" for line in _visible(found))


def _lines(text: str) -> list[str]:
    return text.split("\n")[:-1] if text.endswith("\n") else text.split("\n")


def _visible(lines: Iterator[str]) -> Iterator[str]:
    return (visible(line) for line in lines)
