"""The store's laws hold wherever it is: a test that asks for `url` or `store` runs over SQLite, PostgreSQL and git."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.store import Store
from tests.store.branches import git_url
from tests.store.parts import HandClock


@pytest.fixture(params=["sqlite", "postgresql", "git"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return git_url(tmp_path) if request.param == "git" else str(tmp_path / "store.db")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database's address, for what only a database promises."""
    return str(request.getfixturevalue("postgres_url")) if request.param == "postgresql" else str(tmp_path / "store.db")


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def store(url: str, clock: HandClock) -> Iterator[Store]:
    with Store.open(url, clock=clock) as store:
        yield store
