"""One served OneFile for each process that tests, and what a whole run of the plan amounts to."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.crash.harness import MEMORY, Case, Site, Size, measure, site


@pytest.fixture(scope="session")
def quick() -> Iterator[Path]:
    """A folder in memory where there is such a thing: processes die here, the machine does not, and some seven hundred
    commits a run wait for a disk that others use too."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        yield Path(name)


@pytest.fixture(scope="session")
def onefile(quick: Path) -> Iterator[Site]:
    with site(quick) as served:
        yield served


@pytest.fixture(scope="session")
def size(onefile: Site, quick: Path) -> Size:
    case = Case.begin(onefile, str(quick / "measured.db"))
    found = measure(case, quick / "counts.json")
    case.is_whole()
    return found


@pytest.fixture
def case(onefile: Site, quick: Path) -> Case:
    return Case.begin(onefile, str(quick / f"{uuid4().hex}.db"))


@pytest.fixture
def postgres_case(onefile: Site, postgres_url: str) -> Case:
    return Case.begin(onefile, postgres_url)
