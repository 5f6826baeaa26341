"""One OneFile for a year, without a socket and without waiting: the sandbox in this process, its world in a file, a
clock that others set, and runs of the product that may be killed."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import httpx

from onefile_sandbox.api import SandboxApi
from onefile_sandbox.app import create_app
from onefile_sandbox.switches import Switches
from onefile_sandbox.web_edits import edit
from onefile_sandbox.world import World
from reconciler.cli.main import run as command_line
from reconciler.clock import SystemClock
from reconciler.onefile.in_process import dropped_answer, in_process
from reconciler.ratelimit import MemoryLedger
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options
from reconciler.store import Store
from tests.crash.driver import changes
from tests.forks import Fork

URL = "http://127.0.0.1:9/api/v2.1"  # nobody listens there
ENVIRONMENT = {"ONEFILE_BASE_URL": URL, "ONEFILE_CUSTOMER_TOKEN": "sandbox", "USER": "year"}
REPOSITORY = Path(__file__).parents[2]


class Time:
    """The machine's clock in a year without waiting: who sleeps moves it on."""

    def __init__(self, now: datetime) -> None:
        self.start = self.instant = now

    def set(self, now: datetime) -> None:
        assert now >= self.instant
        self.instant = now

    @contextmanager
    def told(self) -> Iterator[None]:
        """Every SystemClock tells this time."""

        async def sleep(_: SystemClock, seconds: float) -> None:
            self.instant += timedelta(seconds=max(seconds, 0))

        with (
            patch.object(SystemClock, "now", lambda _: self.instant),
            patch.object(SystemClock, "monotonic", lambda _: (self.instant - self.start).total_seconds()),
            patch.object(SystemClock, "sleep", sleep),
        ):
            yield


class OneFile:
    """The sandbox over the world file of a folder, put in the network's place while `reached`."""

    def __init__(self, folder: Path, learners: int, seed: int) -> None:
        self.folder = folder
        self.world = World.open(folder / "world.jsonl", seed, learners)
        switches = Switches.parse(("rate_limit=0", "repeat_assign=duplicate"))
        app = create_app(self.world, switches, clock=SystemClock(), dropped=dropped_answer)
        self.service: SandboxApi = app.state.api
        self._inner = in_process(app)

    @contextmanager
    def reached(self, die_at_write: int | None = None, after: bool = False) -> Iterator[None]:
        """Every call goes to this sandbox. At the nth write this process is killed, before or after it takes effect;
        each write is noted in a file first, which survives that."""
        count = 0

        async def call(_: object, request: httpx.Request) -> httpx.Response:
            nonlocal count
            writes = changes(request.method, request.url.path)
            count += writes
            if writes and die_at_write is not None:
                if count == die_at_write and not after:
                    os.kill(os.getpid(), signal.SIGKILL)
                with (self.folder / "writes.jsonl").open("a", encoding="utf-8") as file:
                    file.write(json.dumps([request.method, request.url.path.removeprefix("/api/v2.1")]) + "\n")
            response = await self._inner.handle_async_request(request)
            if writes and count == die_at_write:
                os.kill(os.getpid(), signal.SIGKILL)
            return response

        with (
            patch.object(httpx.AsyncHTTPTransport, "handle_async_request", call),
            patch(
                "httpx._transports.asgi.is_running_trio", lambda: False, create=True
            ),  # it looks for trio on the disk, each time
            patch.object(
                Store, "ledger", lambda *_: MemoryLedger(SystemClock())
            ),  # a million calls, and nobody to share
        ):
            yield

    def edit(self, asked: dict[str, object], at: datetime) -> None:
        """Somebody works in OneFile's web pages."""
        self.world.commit(lambda: edit(self.world, asked, at), at, "edit")


def surroundings(folder: Path) -> tuple[Options, Environment]:
    options = Options(state=folder / "state", store=str(folder / "store.db"))
    return options, Environment(variables=ENVIRONMENT)


def killed(folder: Path, now: datetime, arguments: Sequence[str], die_at_write: int, *, after: bool) -> bool:
    """Run the command in a process of its own, to be killed at a write; False where it ended before that."""
    variables = {**os.environ, **ENVIRONMENT}
    run = Fork(_run, folder, now, arguments, die_at_write, after, folder=REPOSITORY, variables=variables, output=folder)
    code, said = run.ended(600)
    assert code == -signal.SIGKILL or 0 <= code <= 7, said
    return code < 0


def _run(folder: Path, now: datetime, arguments: Sequence[str], die_at_write: int, after: bool) -> None:
    site = OneFile(folder, 60, 1)  # the file knows better
    with Time(now).told(), site.reached(die_at_write, after):
        given = [f"--state={folder / 'state'}", f"--store={folder / 'store.db'}", "--quiet"]
        sys.exit(command_line([*arguments, *given]))
