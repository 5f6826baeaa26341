"""A forge that is served, and what a workflow run there knows of itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette

from onefile_sandbox.serve import serving
from reconciler.github.environment import WorkflowEnvironment
from tests.e2e.conftest import home
from tests.github.forge import BOT, REPOSITORY, Forge
from tests.github.standin import application

__all__ = ["home"]

TOKEN = "ghs_Haselnuss-und-Quitte"  # recognisable wherever it should not be
EVERYTHING = {"contents": "write", "pull-requests": "write", "issues": "write", "actions": "read"}


class Hub:
    """The forge behind a real socket; `app.state` has what was asked, and takes answers that are not true."""

    def __init__(self, forge: Forge, app: Starlette, url: str) -> None:
        self.forge, self.app, self.url = forge, app, url

    def here(self, commit: str = "0" * 40, branch: str = "main", token: str = TOKEN) -> WorkflowEnvironment:
        return WorkflowEnvironment(
            token, REPOSITORY, commit, branch, "https://github.invalid/run", self.url, f"{self.url}/graphql"
        )


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    forge = Forge(tmp_path)
    forge.tokens[TOKEN] = (BOT, EVERYTHING)
    app = application(forge)
    with serving(app) as url:
        yield Hub(forge, app, url.removesuffix("/api/v2.1"))
