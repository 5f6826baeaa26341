"""A worker as a test starts it: it looks at the queue more often, so that nobody waits for it."""

from __future__ import annotations

from reconciler.cli.main import main
from reconciler.commands import fleet_queue
from reconciler.fleet import engine

LOOK_SECONDS, TAKE_SECONDS = 0.3, 0.2


def work(*arguments: str) -> None:
    """Run `fleet work` in this process."""
    fleet_queue.LOOK_SECONDS, engine.TAKE_SECONDS = LOOK_SECONDS, TAKE_SECONDS
    main(["fleet", "work", *arguments])
