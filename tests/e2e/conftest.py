"""One folder a test, with no variable of the surroundings that the product would obey."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.e2e.user import OURS, Home, new_folder


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Home]:
    for name in os.environ:
        if name.startswith(OURS):
            monkeypatch.delenv(name)
    with new_folder() as folder:
        monkeypatch.chdir(folder)
        yield Home(folder, capsys)
        monkeypatch.undo()
