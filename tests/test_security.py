"""What SECURITY.md promises has a test behind it, by name."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "SECURITY.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)))


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_each_test_that_is_named_exists(file: str, name: str) -> None:
    """In that file, as a function at its top, and not marked to be skipped everywhere."""
    functions = [one for one in ast.parse((ROOT / file).read_text("utf-8")).body if isinstance(one, ast.FunctionDef)]
    (found,) = (one for one in functions if one.name == name)
    assert "mark.skip(" not in "".join(map(ast.unparse, found.decorator_list))


def test_each_threat_names_one() -> None:
    """A row of the section on what may be tried is no wish."""
    section = TEXT.partition("## What may be tried")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ") and not line.startswith("| what |")]
    assert len(rows) > 25
    assert [row for row in rows if not re.search(r"\| `tests/[^|]+::\w+` \|$", row)] == []
