"""Centres of a fleet in a folder of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.e2e import conftest
from tests.e2e.user import Home
from tests.fleet.centres import Centres

home = conftest.home


@pytest.fixture
def centres(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Centres]:
    with ExitStack() as stack:
        yield Centres(home, monkeypatch, stack)
