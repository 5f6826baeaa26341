"""Marks of tests that take long, and numbers of examples."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings


def in_long_runs(*values: Any) -> list[Any]:
    """Values of a parameter that only `pytest -m long` tries."""
    return [pytest.param(value, marks=pytest.mark.long) for value in values]


def examples(usual: int) -> int:
    """As many examples as a law usually has; more where the profile draws more than 100, as `explore` does."""
    return usual * max(100, settings.default.max_examples) // 100
