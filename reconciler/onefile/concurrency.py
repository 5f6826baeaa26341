"""Bounded concurrency: run a coroutine per item with at most N workers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from itertools import islice
from typing import TypeVar

from reconciler.onefile.in_flight import MOST

Item = TypeVar("Item")

WORKERS = MOST  # the client decides how many of their calls are under way at once


async def gather_bounded(
    items: Iterable[Item], work: Callable[[Item], Awaitable[None]], *, workers: int = WORKERS
) -> None:
    """Await `work` for every item with a few workers; the first error stops the rest and is raised as itself."""
    queue = iter(items)

    async def worker(first: Item) -> None:
        await work(first)
        for item in queue:
            await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            for first in islice(queue, workers):  # no more workers than items
                group.create_task(worker(first))
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
