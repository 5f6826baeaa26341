"""Garbage collection and release of memory, which a command with millions of values does without."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Switch garbage collection off: millions of values without cycles would take a fifth of the time.

    The values stay for the whole command, so they are frozen for later collections.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()


def keep_until_exit(value: object) -> None:
    """Keep a value until the process ends, when its memory is released at once instead of part by part.

    The value goes into a cycle that no collection looks at. Only for a value that a process makes once.
    """
    cycle: list[object] = [value]
    cycle.append(cycle)
    gc.freeze()
