"""A store on a branch after many runs: pushes, their time, the branch's size, and the time to rebuild the cache.

    python -m benchmarks.branch               1,000 runs of 40 operations, about an hour; writes benchmarks/branch.md
    python -m benchmarks.branch --runs 50     fewer, and only prints

The same runs are then recorded in SQLite, and in PostgreSQL if there is one.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from reconciler.clock import SystemClock
from reconciler.model.operations import State
from reconciler.model.slots import Site, Slot, SlotKind, UserId
from reconciler.store import Store
from reconciler.store.git.remote import Remote
from tests.postgres import _cluster, _NoServer
from tests.store.branches import BRANCH, git_url, run_git
from tests.store.parts import acquire, aim, begin

OPERATIONS = 40
SITE = Site("sandbox", 5740)


def one_run(store: Store, number: int) -> None:
    """What `apply` does with its store for a plan of forty operations."""
    run = begin(store)
    lease = acquire(store, run=run)
    operations = [aim(place, learner=UserId(200_000 + number % 500)) for place in range(1, OPERATIONS + 1)]
    store.plan_operations(run, operations)
    for place, operation in enumerate(operations):
        store.append(run, operation.id, State.SENT)
        slot = Slot(SlotKind.LEARNING_AIM_ASSESSOR, place + 1)
        store.record(SITE, [(operation.learner, slot, UserId(number))], run=run)
        store.append(run, operation.id, State.DONE, proof="read_back")
        if place == 0:
            store.checkpoint()  # the canary's outcome
    store.release(lease)
    store.end_run(run, exit_code=0, summary={"done": OPERATIONS})


def seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def recorded(url: str, runs: int) -> float:
    with Store.open(url, clock=SystemClock(), patience=60) as store:
        return seconds(lambda: [one_run(store, number) for number in range(runs)]) / runs


def opened(url: str) -> float:
    return seconds(lambda: Store.open(url, clock=SystemClock()).close())


def size_of(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


def measure(runs: int, folder: Path, server: str | None) -> list[tuple[str, str]]:
    pushes, push = [0.0], Remote.push

    def timed(self: Remote, commit: str) -> None:
        pushes.append(seconds(lambda: push(self, commit)))

    Remote.push = timed  # type: ignore[method-assign]
    url = git_url(folder)
    whole = recorded(url, runs)
    remote = folder / "remote.git"
    run_git("gc", "--quiet", folder=remote)
    count = len(pushes) - 1
    rows = [
        ("pushes in a run", f"{count / runs:.1f}"),
        ("seconds for a push, remote on this disk: median", f"{sorted(pushes)[count // 2]:.2f}"),
        ("seconds that the store adds to a run", f"{whole:.2f}"),
        ("the branch, packed", f"{size_of(remote / 'objects'):.1f} MB"),
        ("its files, as text", f"{_text(remote):.1f} MB in {_files(remote):,} files"),
        ("seconds to fetch it and rebuild the cache from nothing", f"{opened(git_url(folder, 'new')):.1f}"),
        ("seconds to open it with a cache", f"{opened(git_url(folder, 'new')):.2f}"),
        ("the cache", f"{(folder / 'cache-new' / 'record.db').stat().st_size / 1e6:.1f} MB"),
    ]
    sqlite = folder / "store.db"
    rows.append(("seconds that SQLite adds to a run", f"{recorded(str(sqlite), runs):.2f}"))
    rows.append(("SQLite's file", f"{sqlite.stat().st_size / 1e6:.1f} MB, opened in {opened(str(sqlite)):.3f} s"))
    if server:
        rows.append(("seconds that PostgreSQL, on this machine, adds to a run", f"{recorded(server, runs):.2f}"))
    return rows


def _text(remote: Path) -> float:
    sizes = run_git("ls-tree", "-r", "-l", BRANCH, folder=remote).splitlines()
    return sum(int(row.split()[3]) for row in sizes) / 1e6


def _files(remote: Path) -> int:
    return len(run_git("ls-tree", "-r", "--name-only", BRANCH, folder=remote).splitlines())


def report(runs: int, rows: list[tuple[str, str]]) -> str:
    version = run_git("--version")
    return "\n".join(
        [
            "# A store on a branch",
            "",
            f"{datetime.now(UTC):%d %B %Y}; {os.cpu_count()} cores, {platform.system()}, Python "
            f"{platform.python_version()}, {version}. Made by `python -m benchmarks.branch --runs {runs}`.",
            "",
            f"{runs:,} runs of {OPERATIONS} operations each, all in one centre, as `apply` records them.",
            "",
            "| measured | |",
            "|---|---:|",
            *(f"| {name} | {value} |" for name, value in rows),
            "",
            "Over a network a push takes two round trips more, and a server's own checks. A run longer than 30 seconds "
            "pushes once more for each 30 seconds.",
            "",
        ]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1_000)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        try:
            server: str | None = stack.enter_context(_cluster())
        except _NoServer:
            server = None
        text = report(runs, measure(runs, Path(name), server))
    if runs >= 1_000:
        (Path(__file__).parent / "branch.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
