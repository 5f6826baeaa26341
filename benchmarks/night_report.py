"""The page of the nights, made from their lines of results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from benchmarks.measuring import machine, table

CENTRES, CORES, LIMIT = 2000, 2, 300
LEDGER = (25_000, 13_000, 22_000)
"""Calls a minute that the ledger took: of one process, of eight of one account, and of eight of eight accounts."""
LOOK_SECONDS, LOOKS_APART, QUEUED_SECONDS = 0.06, 2, 3.1
"""Of a look at 2,000 jobs, between two looks, and to queue 2,000 jobs."""
HEAD = (
    *("day", "commands", "calls", "writes", "minutes", "least", "ratio", "sliding least", "workers killed"),
    *("centres killed", "restarts", "more rounds", "smallest done, s", "last begun, s", "longest wait, s"),
    *("processor, s", "faults"),
)
_OF_A_NIGHT = ("smallest done, s", "last begun, s", "longest wait, s")  # cannot be added
_CHECKED = """
**Least** is the calls of a token by its limit a minute, for the token that needs longest, of the merges and of the
daily job, which begins when the merges have ended. It counts the calls that were made, also those of runs that were
killed and run again: without kills fewer are needed. The **ratio** is the night's length by it. Some time does not
depend on the length, so a short night has a larger ratio: eight seconds until the jobs of a dead worker are queued
again, and five or more until a centre is tried again. A sliding window lets the whole first minute's calls through at
once, so the **sliding least** of the whole night is shorter. **More rounds** are commands with `--failed` after the
first. **Smallest done** is the end of the smallest centre's last command, and **last begun** the moment at which the
last centre's last command began, both from the beginning of the night. The **longest wait** is how much later than the
calls of its token take the daily job of a centre began at most, retries included.

Checked after each day, from the server's own log and world:

- Nothing twice: each slot that a merge moved or somebody edited was written exactly once, no other slot was written,
  and no write changed nothing.
- Nothing lost: every declared slot of every centre is held as declared, but for the centre whose files are never valid,
  which nobody wrote to.
- Never more calls of a token than its limit in any 60 seconds; no answer of 429 but for the throttled token.
- No centre is starved: its daily job begins within 1.1 times what the calls of its token take, and two minutes.
- Every centre has a result, and `fleet status` shows each as it is: the one that fails as failing, all others as done
  and without drift.
"""


def report(days: Sequence[Mapping[str, Any]], note: str = "") -> str:
    first = days[0]
    how = "by one command without a queue" if first["local"] else "by worker processes and the queue"
    lines = [
        "# Nights of a large fleet",
        "",
        f"{datetime.now(UTC):%d %B %Y}; {machine().partition(', load')[0]}. Made by",
        f"`python -m benchmarks.night`, {how}.",
        "",
        f"{first['centres']} centres with {first['learners']:,} learners under {len(first['calls'])} tokens,",
        f"each with {first['calls_per_minute']:,} calls a minute. One token's sessions end after half a minute, and",
        "one token gets a quarter of the calls that the settings say.",
        "",
        table(HEAD, [*(_row(day) for day in days), _sum(days)]),
        _CHECKED.rstrip(),
        "",
        *([note, ""] if note else []),
        *_faults(days),
        *_costs(days),
        *_at_two_thousand(days),
    ]
    return "\n".join(lines) + "\n"


def _row(day: Mapping[str, Any]) -> list[str]:
    return [
        str(day["day"]),
        str(day["commands"]),
        f"{sum(day['calls']):,}",
        f"{day['writes']} of {day['moves'] + day['drifts']}",
        f"{day['seconds'] / 60:.1f}",
        f"{day['least'] / 60:.1f}",
        f"{day['seconds'] / day['least']:.2f}" if day["least"] else "",
        f"{day['least_sliding'] / 60:.1f}",
        *(str(day[name]) for name in ("workers_killed", "centres_killed", "restarts", "rounds")),
        *(f"{day[name]:.0f}" for name in ("smallest_ended", "last_first_begun", "longest_wait", "processor")),
        str(len(day["faults"])),
    ]


def _sum(days: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the row of all days, with what can be added."""
    names = ("seconds", "least", "least_sliding", "workers_killed", "centres_killed", "restarts", "rounds", "processor")
    total: dict[str, Any] = dict.fromkeys(("smallest_ended", "last_first_begun", "longest_wait"), 0.0)
    total |= {name: sum(day[name] for day in days) for name in (*names, "commands", "writes", "moves", "drifts")}
    total |= {
        "calls": [sum(day["calls"]) for day in days],
        "faults": [fault for day in days for fault in day["faults"]],
    }
    row = _row(total | {"day": "all"})
    return [cell if name not in _OF_A_NIGHT else "" for name, cell in zip(HEAD, row, strict=True)]


def _faults(days: Sequence[Mapping[str, Any]]) -> list[str]:
    faults = [f"- day {day['day']}: {fault}" for day in days for fault in day["faults"]]
    return ["## Faults", "", *faults, ""] if faults else []


def _costs(days: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what the processes cost, as the most of all days."""
    by: dict[str, int] = {}
    for day in days:
        for name, count in day["connections_by"].items():
            by[name] = max(by.get(name, 0), count)
    commands = sum(day["commands"] for day in days)
    rows = [
        ["processor seconds of a command, all processes", f"{sum(day['processor'] for day in days) / commands:.2f}"],
        ["memory of the largest centre's process, MiB", f"{max(day['centre_mib'] for day in days):.0f}"],
        ["memory of a worker, MiB", f"{max(day['worker_mib'] for day in days):.0f}"],
        ["connections to PostgreSQL at once", str(max(day["connections"] for day in days))],
        *([f"of these at most, {name.strip()}", str(count)] for name, count in sorted(by.items())),
    ]
    return ["## Costs", "", table(("most of all days", ""), rows)]


def _at_two_thousand(days: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what would break first in a fleet of CENTRES, worked out from the costs of an ordinary day."""
    usual = [day for day in days if day["day"] > 1] or list(days)
    growth = CENTRES / days[0]["centres"]
    busiest = growth * sum(max(day["calls"]) for day in usual) / len(usual)
    first = growth * max(days[0]["calls"])
    processor = growth * sum(day["processor"] for day in usual) / len(usual)
    tokens = len(days[0]["calls"])
    mib = max(day["centre_mib"] for day in days)
    rows = [
        [
            "processor",
            f"{processor / growth / 60:.1f} minutes a night",
            f"{processor / 60:.0f} minutes: {processor / 60 / CORES:.0f} on {CORES} cores",
        ],
        ["rate limit of the busiest token", f"{busiest / growth:,.0f} calls a night", f"{busiest / LIMIT:.0f} minutes"],
        ["the same, the first night", f"{first / growth:,.0f} calls", f"{first / LIMIT:.0f} minutes"],
        [
            "call ledger",
            f"{LEDGER[2]:,} calls a minute of eight accounts, {LEDGER[1]:,} of one",
            f"{tokens * LIMIT:,} calls a minute, {tokens * LIMIT / LEDGER[2]:.0%} of it",
        ],
        ["connections", "one for each centre that runs, seven for a worker", "16 jobs and two workers: about 30"],
        ["memory", f"{mib:.0f} MiB for the largest centre", f"16 of these at once: {16 * mib / 1024:.1f} GiB"],
        [
            "queue",
            f"{LOOK_SECONDS} s for a look at {CENTRES:,} jobs",
            f"{LOOK_SECONDS / LOOKS_APART:.0%} of a core for each worker; {QUEUED_SECONDS} s to queue a night",
        ],
    ]
    return [
        "",
        f"## What breaks first at {CENTRES:,} organisations",
        "",
        f"On paper: the same mixture of sizes under {tokens} tokens with {LIMIT} calls a minute. The ledger and the",
        "queue were measured by `python -m benchmarks.night_ledger` and `python -m benchmarks.night_queue`.",
        "",
        table(("", "measured", f"at {CENTRES:,}"), rows),
        _ORDER.rstrip(),
    ]


_ORDER = """
**The processor and the busiest token** come first, the longer of the two: more worker machines shorten the one, and
nothing but more tokens the other. **Connections** follow: PostgreSQL's default of 100 is reached at some 80 centres at
once, not at 2,000 centres. **The ledger** is far away with a few tokens; one account with a limit of 10,000 calls a
minute comes near it, because all its calls wait for one lock.
"""
