"""A few things at a time: enough calls in flight to hide the latency, never more than that."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

Item = TypeVar("Item")

AT_ONCE = 8  # at 1 s a call this still asks for more than OneFile's 300 calls a minute


async def gather_bounded(
    items: Iterable[Item], work: Callable[[Item], Awaitable[None]], *, workers: int = AT_ONCE
) -> None:
    """Do the work for every item with a few at a time; the first error stops the rest and is raised as itself."""
    queue = iter(items)

    async def worker() -> None:
        for item in queue:
            await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(worker())
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
