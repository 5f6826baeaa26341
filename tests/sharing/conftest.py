"""The solver for tests that share out. It is an extra, so it may be missing, but not in CI."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest


@pytest.fixture(autouse=True)
def solver() -> None:
    if find_spec("highspy") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("the extra `share` is not installed")
