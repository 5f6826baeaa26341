"""Measures the queue of a fleet with many jobs: how long commands and a worker's look at it take."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reconciler.fleet.engine import JobQueue, job_queue
from reconciler.model.fleet import QueueRules
from reconciler.model.fleet_queue import Job
from tests.postgres import Cluster

SIZES = (200, 2000)
TOKENS = 12
TIMES = 3


def job(queue: str, number: int) -> Job:
    return Job(queue, f"c{number:04d}", ("drift", "--correct", "--due"), f"TOKEN_{number % TOKENS:02d}")


def seconds(call: Callable[[], object]) -> tuple[float, float]:
    """Return the real and the processor seconds of a call, the least of TIMES."""
    runs = []
    for _ in range(TIMES):
        began, used = time.perf_counter(), time.process_time()
        call()
        runs.append((time.perf_counter() - began, time.process_time() - used))
    return min(runs)


@contextmanager
def opened(cluster: Cluster, name: str) -> Iterator[JobQueue]:
    cluster.create(name)
    with job_queue("night", QueueRules(cluster.url(name), retries=(timedelta(seconds=5),))) as queue:
        yield queue


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="night-") as folder, Cluster.running(Path(folder) / "pg") as cluster:
        for size in SIZES:
            with opened(cluster, f"jobs_{size}") as queue:
                jobs = [(job("night", number), None) for number in range(size)]
                began = time.perf_counter()
                queue.add(jobs, datetime.now(UTC))
                sys.stdout.write(f"{size} jobs: queued in {time.perf_counter() - began:.1f} s; ")
                looks = {
                    "a worker's look": queue.open_jobs,
                    "a look that follows": lambda q=queue: q.jobs(queue="night"),
                }
                for what, look in looks.items():
                    real, used = seconds(look)
                    sys.stdout.write(f"{what} {real:.2f} s, {used:.2f} s of processor; ")
                sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
