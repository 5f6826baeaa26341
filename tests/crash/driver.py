"""The product's command line in this process, with the harness's instruments around it: where it dies, who interferes.

Nothing of the product is replaced: its own functions run, counted, and at the chosen one this process is killed with
SIGKILL, as by a power cut. See `Fate` for what can be asked.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypedDict

import httpx

import reconciler.apply.attempt
import reconciler.apply.executor
import reconciler.cli.main
import reconciler.clock
import reconciler.runtime.lock
import reconciler.runtime.session
import reconciler.store.database
from reconciler.store import Store
from reconciler.store.git.errors import failure_of
from reconciler.store.git.remote import Remote

COMMITS = ("begin_run", "acquire", "plan_operations", "append", "record", "end_run", "release")

_LOCKER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
"""


class Death(TypedDict, total=False):
    """Where to die. `when` is before or after a commit, or a push of a store on a branch; before, sent (the answer is
    not awaited) or answered for a call (`write` counts those that change something)."""

    commit: int
    call: int
    write: int
    push: int
    when: str
    seconds: float  # after this process began


class Fate(TypedDict, total=False):
    die: Death
    count: str  # a file to leave counts of commits, calls and writes in, at the end
    at_write: int  # when this write is answered, what follows happens, and the product learns of the answer only then
    edit: list[dict[str, Any]]  # somebody edits in OneFile
    interrupt: bool  # somebody presses Ctrl-C
    lost_push: int  # what this push was answered never arrives, though it took effect
    slow_pushes: float  # every push takes so many seconds longer
    lock_store: str  # another process begins to write to this SQLite file, and does not finish
    end_connections: str  # the administrator of this PostgreSQL server ends every other connection
    gate: list[str]  # two files: the first is made, then the second is waited for
    gate_at_lock: list[str]  # likewise, just before the lock is asked for
    more_pages: int  # SQLite may grow by so many pages, then the disk is full
    file_size: int  # no file may grow beyond so many bytes
    patience: float  # seconds to wait for other writers
    lease: float  # seconds that the lock holds without being renewed
    readings_count_for: float  # seconds
    answers_within: float  # seconds that a run that is stopped waits for the answers of its writes
    host: str  # this machine is called so
    boot: str  # this machine was started as the one whose id is in this file
    pid: int  # this process has that number, which is nobody's on this machine
    later: float  # this machine's clock is so many seconds ahead


class _Counts:
    commits = 0
    calls = 0
    writes = 0
    pushes = 0


def run(fate: Fate, arguments: Sequence[str]) -> None:
    """Run a command line to its end, or to that which *fate* has for it."""
    surround(fate)
    _count_commits(fate)
    _count_calls(fate)
    _count_pushes(fate)
    if "seconds" in (death := fate.get("die", {})):
        timer = threading.Timer(death["seconds"], die)
        timer.daemon = True
        timer.start()
    try:
        reconciler.cli.main.main(arguments)
    finally:
        if "count" in fate:
            _leave_counts(Path(fate["count"]))


def _leave_counts(file: Path) -> None:
    file.write_text(
        json.dumps({name: getattr(_Counts, name) for name in ("commits", "calls", "writes", "pushes")}), "utf-8"
    )


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)  # the signal arrives at once, but in its own time


# ------------------------------------------------------------------ counting


def _count_commits(fate: Fate) -> None:
    death = fate.get("die", {})

    def counted(name: str, method: Callable[..., object]) -> Callable[..., object]:
        def call(*given: Any, **named: Any) -> object:
            if name == "acquire" and "gate_at_lock" in fate:
                _wait_at(fate["gate_at_lock"])
            _Counts.commits += 1
            mine = _Counts.commits == death.get("commit")
            if mine and death["when"] == "before":
                die()
            done = method(*given, **named)
            if mine:
                die()
            return done

        return call

    for name in COMMITS:
        setattr(Store, name, counted(name, getattr(Store, name)))


def _count_calls(fate: Fate) -> None:
    death, send = fate.get("die", {}), httpx.AsyncHTTPTransport.handle_async_request

    async def call(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        is_write = changes(request.method, request.url.path)
        _Counts.calls += 1
        _Counts.writes += is_write
        write = _Counts.writes
        mine = _Counts.calls == death.get("call") or (is_write and write == death.get("write"))
        if mine and death["when"] == "before":
            die()
        if mine and death["when"] == "sent":
            request.extensions = {**request.extensions, "trace": _dies_when_sent}
        response = await send(self, request)
        if mine:
            die()
        if is_write and write == fate.get("at_write"):
            await response.aread()  # the server is done with it before anybody else comes
            interfere(fate)
            if "interrupt" in fate:
                await asyncio.sleep(60)  # the answer is still on its way when Ctrl-C ends the run
        return response

    httpx.AsyncHTTPTransport.handle_async_request = call  # type: ignore[method-assign]


def _count_pushes(fate: Fate) -> None:
    death, push = fate.get("die", {}), Remote.push

    def pushed(self: Remote, commit: str) -> None:
        _Counts.pushes += 1
        mine, this = _Counts.pushes == death.get("push"), _Counts.pushes
        if mine and death["when"] == "before":
            die()
        time.sleep(fate.get("slow_pushes", 0))
        push(self, commit)
        if mine:
            die()
        if this == fate.get("lost_push"):
            raise failure_of(subprocess.TimeoutExpired("git push", 60), self.place)

    Remote.push = pushed  # type: ignore[method-assign]


def changes(method: str, path: str) -> bool:
    """Whether a request may change something in OneFile: POST /User/{id} and what is below it, but no search."""
    parts = path.rsplit("/api/v2.1/", 1)[-1].strip("/").split("/")
    return method == "POST" and parts[0] == "User" and len(parts) > 1 and parts[1].isdigit()


async def _dies_when_sent(event: str, _info: object) -> None:
    if event == "http11.send_request_body.complete":
        die()


# ------------------------------------------------------------------ surroundings and interference


def surround(fate: Fate) -> None:
    if "patience" in fate:
        _change_default(Store.open.__func__, "patience", fate["patience"])  # type: ignore[attr-defined]
    if "lease" in fate:
        reconciler.runtime.lock.LEASE_SECONDS = fate["lease"]
    if "readings_count_for" in fate:
        reconciler.apply.executor.READING_COUNTS_FOR = fate["readings_count_for"]  # type: ignore[attr-defined]
        reconciler.apply.attempt.READING_COUNTS_FOR = fate["readings_count_for"]
    if "answers_within" in fate:
        reconciler.apply.executor.ANSWER_SECONDS = fate["answers_within"]
    if "host" in fate:
        socket.gethostname = lambda: fate["host"]
    if "boot" in fate:
        reconciler.runtime.lock._BOOT_ID = Path(fate["boot"])
    if "pid" in fate:
        os.getpid = lambda: fate["pid"]
    if "later" in fate:
        _shift_clock(timedelta(seconds=fate["later"]))
    if "file_size" in fate:
        resource.setrlimit(resource.RLIMIT_FSIZE, (fate["file_size"], fate["file_size"]))
    if "more_pages" in fate:
        _fill_disk(fate["more_pages"])


def _change_default(function: Any, name: str, value: object) -> None:
    function.__kwdefaults__ = {**function.__kwdefaults__, name: value}


def _shift_clock(ahead: timedelta) -> None:
    now = reconciler.clock.SystemClock.now

    def shifted(self: reconciler.clock.SystemClock) -> datetime:
        return now(self) + ahead

    reconciler.clock.SystemClock.now = shifted  # type: ignore[method-assign]


def _fill_disk(more_pages: int) -> None:
    connect = reconciler.store.database._connect
    limit: list[int] = []

    def connected(*given: Any) -> Any:
        connection = connect(*given)
        if not limit:
            limit.append(connection.execute("PRAGMA page_count").fetchone()[0] + more_pages)
        connection.execute(f"PRAGMA max_page_count = {limit[0]}").close()
        return connection

    reconciler.store.database._connect = connected


def interfere(fate: Fate) -> None:
    for edit in fate.get("edit", []):
        httpx.post(os.environ["ONEFILE_BASE_URL"].replace("/api/v2.1", "/_sandbox/edit"), json=edit).raise_for_status()
    if "interrupt" in fate:
        os.kill(os.getpid(), signal.SIGINT)
    if "lock_store" in fate:
        command = [sys.executable, "-c", _LOCKER, fate["lock_store"]]
        locker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # ends when this process does
        assert locker.stdout
        locker.stdout.readline()
    if "end_connections" in fate:
        import psycopg

        with psycopg.connect(fate["end_connections"], autocommit=True) as connection:
            others = "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = USER"
            connection.execute(f"SELECT pg_terminate_backend(pid) {others}".encode())
    if "gate" in fate:
        _wait_at(fate["gate"])


def _wait_at(gate: list[str]) -> None:
    reached, opened = map(Path, gate)
    reached.touch()
    deadline = time.monotonic() + 60
    while not opened.exists() and time.monotonic() < deadline:
        time.sleep(0.005)
