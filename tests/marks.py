"""Marks of tests that take long."""

from __future__ import annotations

from typing import Any

import pytest


def in_long_runs(*values: Any) -> list[Any]:
    """Values of a parameter that only `pytest -m long` tries."""
    return [pytest.param(value, marks=pytest.mark.long) for value in values]
