"""Excel files in tests. The libraries are an extra, so they may be missing, but not in CI."""

from __future__ import annotations

import io
import os
from importlib.util import find_spec
from typing import Any

import pytest


def require_excel() -> None:
    """Skip the test without the extra."""
    if find_spec("xlsxwriter") is None or find_spec("python_calamine") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("the extra `excel` is not installed")


def cells_of(content: bytes) -> list[list[Any]]:
    """The cells of a workbook's first sheet."""
    from python_calamine import CalamineWorkbook

    return CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()
