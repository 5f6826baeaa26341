"""The store's laws hold for SQLite and for PostgreSQL: each test that asks for `url` or `store` runs on both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.store import Store
from tests.store.parts import HandClock


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return str(tmp_path / "store.db")


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def store(url: str, clock: HandClock) -> Iterator[Store]:
    with Store.open(url, clock=clock) as store:
        yield store
