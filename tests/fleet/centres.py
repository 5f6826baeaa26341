"""A fleet for tests: small centres behind sandboxes of their own, and the fleet file that lists them."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import Any

import pytest

from tests.e2e.user import Ended, Home, Served, served

NAMES = ("east", "north", "south", "valley", "west")
FILE = "fleet.yaml"


class Centres:
    """A fleet of small centres, each with a folder and a token of its own, on as many servers as tokens."""

    def __init__(self, home: Home, monkeypatch: pytest.MonkeyPatch, stack: ExitStack) -> None:
        self.home, self._monkeypatch, self._stack = home, monkeypatch, stack
        self.entries: dict[str, dict[str, object]] = {}
        self.servers: dict[str, Served] = {}
        self.name = "colleges"
        self.queue: dict[str, object] = {}
        self.nights: list[dict[str, str]] = []

    def add(self, name: str, **more: object) -> Home:
        """A centre with the usual learner, behind a server that takes its token alone."""
        token = str(more.setdefault("token", f"TOKEN_{name.upper()}"))
        if token not in self.servers:
            self.servers[token] = self._stack.enter_context(served(token=f"secret-of-{token}"))
            self._monkeypatch.setenv(token, f"secret-of-{token}")
        entry = {"organisation": 5740, "folder": f"{name}/state", "target": self.servers[token].url}
        self.entries[name] = {**entry, **more}
        centre = Home(self.home.path / name, self.home._capsys)
        centre.path.mkdir()
        return centre.declare()

    def write(self) -> None:
        more = {"queue": self.queue, "nights": self.nights}
        fleet = {"version": 1, "fleet": self.name, "centres": self.entries}
        fleet |= {key: value for key, value in more.items() if value}
        (self.home.path / FILE).write_text(json.dumps(fleet, indent=1), "utf-8")

    def run(self, *arguments: str) -> Ended:
        self.write()
        return self.home.run("fleet", *arguments)

    def rows(self, *arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
        ended = self.run(*arguments, "--format", "json")
        return ended.code, {row["centre"]: row for row in ended.json["centres"]}
