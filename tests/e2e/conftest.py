"""One folder a test, with no variable of the surroundings that the product would obey."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.e2e.user import OURS, Home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Home:
    for name in os.environ:
        if name.startswith(OURS):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return Home(tmp_path, capsys)
