"""Measures the call ledger on PostgreSQL: calls a second, by the processes and accounts that share a store."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from reconciler.clock import SystemClock
from reconciler.store import Store
from tests.postgres import Cluster

SECONDS = 4.0
LIMIT = 10_000_000


def calls_made(url: str, account: str) -> int:
    """Reserve and settle calls of one account for SECONDS; return how many."""
    with Store.open(url, clock=SystemClock()) as store:
        ledger, made, end = store.ledger(account), 0, time.monotonic() + SECONDS
        while time.monotonic() < end:
            reserved = ledger.reserve(LIMIT).id
            if reserved is not None:
                ledger.settle(reserved)
                made += 1
        return made


def measure(url: str, accounts: Sequence[str]) -> float:
    """Return the calls a minute of one process for each of these accounts, all at once."""
    with ProcessPoolExecutor(len(accounts)) as pool:
        return 60 / SECONDS * sum(pool.map(calls_made, [url] * len(accounts), accounts))


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="night-") as name, Cluster.running(Path(name) / "pg") as cluster:
        cluster.create("store")
        url = cluster.url("store")
        Store.open(url, clock=SystemClock()).close()
        for what, accounts in (
            ("one process", ["a"]),
            ("eight processes of one account", ["b"] * 8),
            ("eight processes of eight accounts", list("cdefghij")),
        ):
            sys.stdout.write(f"{what}: {measure(url, accounts):,.0f} calls a minute\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
