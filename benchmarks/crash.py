"""A long run of the tests' crash and fault harness: a kill at every commit and every write, and other faults.

    python -m benchmarks.crash                  some 550 runs, half an hour; writes benchmarks/crash.md
    python -m benchmarks.crash --every 20       each twentieth of every kind, and only prints
    python -m benchmarks.crash --branch         only those over a store on a branch, some 300, and only prints
    python -m benchmarks.crash --minutes 30     as many, in random order, as fit into the time, and only prints

Each trial runs `reconciler apply` in a separate process against a served sandbox, injects its fault, then makes the
allowed follow-up runs and checks the evidence: see tests/crash.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

from tests.crash import test_edits, test_interleaving
from tests.crash.branches import BranchCase
from tests.crash.driver import Fate
from tests.crash.evidence import was_sent
from tests.crash.harness import MEMORY, Case, Site, Size, measure, site
from tests.crash.test_faults import ASSIGN, DEFAULTS, KINDS
from tests.postgres import _cluster, _execute

WORKERS = 2
SMALL, LARGE = 3, 12  # learners
HISTORIES, STEPS = 300, 30


@dataclass(frozen=True)
class Trial:
    """One run with its fault. `by_others` is a test about other people's edits, with its arguments."""

    kind: str
    fate: Fate = field(default_factory=lambda: Fate())
    faults: tuple[Mapping[str, object], ...] = ()
    postgres: bool = False
    by_others: tuple[Callable[..., None], Mapping[str, object]] | None = None
    branch: bool = False


@dataclass(frozen=True)
class Result:
    kind: str
    ended: str
    looked_at: int = 0
    calls: int = 0
    effects: int = 0
    sent: int = 0
    failure: str = ""


def trials(size: Size) -> Iterator[Trial]:
    for commit in range(1, size.commits + 1):
        yield Trial("killed between two commits", {"die": {"commit": commit, "when": "before"}})
    for write in range(1, size.writes + 1):
        for when, words in (("before", "before"), ("sent", "after sending"), ("answered", "after the answer to")):
            if write % 4 == 1:
                yield Trial(f"killed {words} a write", {"die": {"write": write, "when": when}})
    for call in range(1, size.calls + 1, 16):
        yield Trial("killed at a call, reading or writing", {"die": {"call": call, "when": "sent"}})
    for _ in range(40):
        yield Trial("killed at a random moment", {"die": {"seconds": random.uniform(0, size.seconds)}})  # noqa: S311
    for commit in range(1, size.commits + 1, 24):
        yield Trial("killed between two commits, PostgreSQL", {"die": {"commit": commit, "when": "before"}}, (), True)
    yield from _branches(size)
    yield from _faults()
    yield from _stores()
    yield from _people()


PUSHES = 7
"""Pushes of an undisturbed run over a store on a branch, or more; a run is not killed at one that it does not make."""


def _branches(size: Size, *, commits_apart: int = 3, moments: int = 20) -> Iterator[Trial]:
    for push in range(1, PUSHES + 1):
        for when in ("before", "after"):
            yield Trial(f"killed {when} a push, branch", {"die": {"push": push, "when": when}}, branch=True)
        yield Trial("answer to a push lost, branch", {"lost_push": push}, branch=True)
    for write in range(1, size.writes + 1):
        for when, words in (("before", "before"), ("sent", "after sending"), ("answered", "after the answer to")):
            yield Trial(f"killed {words} a write, branch", {"die": {"write": write, "when": when}}, branch=True)
    for commit in range(1, size.commits + 1, commits_apart):
        yield Trial("killed between two commits, branch", {"die": {"commit": commit, "when": "before"}}, branch=True)
    for _ in range(moments):
        fate: Fate = {"die": {"seconds": random.uniform(1, size.seconds + 2)}, "slow_pushes": 0.3}  # noqa: S311
        yield Trial("killed at a random moment, slow pushes, branch", fate, branch=True)


def _faults() -> Iterator[Trial]:
    for kind, more in KINDS.items():
        for nth in (1, 10, 37):
            fault = {"kind": kind, "method": "POST", "path": ASSIGN if nth != 10 else DEFAULTS, "nth": nth, **more}
            yield Trial(f"answered wrongly: {kind}", {}, (fault,))
    kinds = enumerate(KINDS.items(), 1)
    many = tuple({"kind": kind, "method": "POST", "path": ASSIGN, "nth": 7 * n, **more} for n, (kind, more) in kinds)
    for write in range(3, 72, 12):
        yield Trial("faults of every kind, and killed", {"die": {"write": write, "when": "sent"}}, many)


def _stores() -> Iterator[Trial]:
    for pages in range(0, 12, 3):
        yield Trial("disk full", {"more_pages": pages, "patience": 0.2})
    for size in (30_000, 60_000, 250_000, 1_000_000):
        yield Trial("no file may grow", {"file_size": size, "patience": 0.2})
    for write in range(1, 73, 12):
        yield Trial("database locked by another process", {"at_write": write, "lock_store": "", "patience": 0.2})
        yield Trial("PostgreSQL ends the connections", {"at_write": write, "end_connections": ""}, (), True)


def _people() -> Iterator[Trial]:
    cut_off = test_edits.test_a_slot_edited_after_its_write_was_cut_off_keeps_the_newer_value
    acknowledged = test_edits.test_what_was_acknowledged_before_a_death_is_known_for_ours
    before_its_turn = test_edits.test_a_slot_edited_before_its_turn_is_left_alone
    for write in range(2, 72, 9):
        for when in ("before", "answered"):
            yield Trial("killed, and the slot then edited", by_others=(cut_off, {"write": write, "when": when}))
    for write in range(22, 70, 12):
        yield Trial("killed, and acknowledged slots then edited", by_others=(acknowledged, {"write": write}))
    for write in range(1, 13, 4):
        yield Trial("slots edited before their turn", by_others=(before_its_turn, {"write": write}))


def _each(every: int, trials: Iterator[Trial]) -> Iterator[Trial]:
    """Yield each nth trial of every kind, and so at least one."""
    counts: Counter[str] = Counter()
    for trial in trials:
        if counts[trial.kind] % every == 0:
            yield trial
        counts[trial.kind] += 1


# ------------------------------------------------------------------ carried out by a worker

_here: tuple[Site, Path, str]
_stack = ExitStack()


def _settle_in(learners: int) -> None:
    global _here
    folder = Path(_stack.enter_context(tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)))
    served = _stack.enter_context(site(folder, learners=learners))
    _here = (served, folder, _stack.enter_context(_cluster()))


def _leave(_: int) -> None:
    _stack.close()


def carry_out(trial: Trial) -> Result:
    served, folder, server = _here
    name = f"t{uuid4().hex}"
    url = str(folder / f"{name}.db")
    if trial.postgres:
        _execute(server, f"CREATE SCHEMA {name}")
        url = f"{server}&options={quote(f'-csearch_path={name}')}"
    case = BranchCase.on_branch(served, folder / name) if trial.branch else Case.begin(served, url)
    try:
        return _carried_out(case, trial, server)
    except Exception:
        return Result(trial.kind, "failed", failure=f"{trial}\n{traceback.format_exc(limit=-3)[-1500:]}")
    finally:
        if trial.postgres:
            _execute(server, f"DROP SCHEMA {name} CASCADE")
        shutil.rmtree(folder / name, ignore_errors=True)
        for file in folder.glob(f"{name}.db*"):
            file.unlink()


def _carried_out(case: Case, trial: Trial, server: str) -> Result:
    if trial.by_others:
        test, given = trial.by_others
        test(case, **given)
        ended, looked_at = "killed" if "killed" in trial.kind else "exit 4", 0
    else:
        case.store().close()
        case.site.arm(*trial.faults)
        code, _ = case.process(_filled(trial.fate, case, server))
        ended = "killed" if code < 0 else f"exit {code}"
        looked_at = case.finish()
        case.is_whole()
    rows, calls = case.journal(), case.site.calls()
    ours = sum(touch.ours for touch in case.site.touches(case.began))
    return Result(trial.kind, ended, looked_at, len(calls), ours, sum(map(was_sent, rows)))


def _filled(fate: Fate, case: Case, server: str) -> Fate:
    if "lock_store" in fate:
        return {**fate, "lock_store": case.store_url}
    return {**fate, "end_connections": server} if "end_connections" in fate else fate


# ------------------------------------------------------------------ the report


def report(results: list[Result], size: Size, histories: str, minutes: float) -> str:
    command = f"python -m benchmarks.crash {' '.join(sys.argv[1:])}".rstrip()
    kinds: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        kinds[result.kind].append(result)
    lines = [
        "# Crash and fault runs",
        "",
        f"{datetime.now(UTC):%d %B %Y}; {_machine()}; {minutes:.0f} minutes. Made by `{command}`.",
        "",
        f"The plan: {size.writes} operations of all seven kinds of slot, {size.calls} calls, {size.commits} commits of "
        "journal, record and lock in an undisturbed run. Each run below is a real process of its own against a served "
        "sandbox. After it came one more run, and where an additional person's write was cut off, a person's word and "
        "one run more.",
        "",
        "| what happened to the run | runs | killed | others' exit codes | looked at by a person | failed checks |",
        "|---|---:|---:|---|---:|---:|",
    ]
    for kind, mine in kinds.items():
        codes = Counter(one.ended for one in mine if one.ended.startswith("exit"))
        ends = ", ".join(f"{code} × {count}" for code, count in sorted(codes.items())) or "–"
        counts = (len(mine), sum(one.ended == "killed" for one in mine))
        checked = (sum(one.looked_at for one in mine), sum(bool(one.failure) for one in mine))
        lines.append(f"| {kind} | {counts[0]} | {counts[1]} | {ends} | {checked[0]} | {checked[1]} |")
    total = (len(results), sum(one.ended == "killed" for one in results))
    failed, looked_at = sum(bool(one.failure) for one in results), sum(one.looked_at for one in results)
    lines += [
        f"| **all** | **{total[0]}** | **{total[1]}** | | **{looked_at}** | **{failed}** |",
        "",
        "Checked after each: the world equals the declaration and nothing else moved; no slot got the same value from "
        "us twice, and no write that OneFile acted on was idle, save that of an additional person whom somebody else "
        "had added unseen; every value that a write displaced is the one its journalled operation names; every write "
        "call that the sandbox saw has its own `sent` in the journal; no operation is left at intent or sent; "
        "`unknown` only where OneFile does not show the slot; after edits by "
        "others, their value remains if the settings only report drift.",
        "",
        f"The sandbox saw {sum(one.calls for one in results):,} calls, and {sum(one.effects for one in results):,} "
        f"slots moved by us; the journals hold {sum(one.sent for one in results):,} operations that were sent.",
        "",
        f"Beside these, {histories} of up to {STEPS} steps drawn by Hypothesis, in one process: edits in "
        "OneFile and in the files, plans applied at once, late or cut off at a write, faults, settling, and a "
        "person's word; the same checks after every step.",
        "",
    ]
    return "\n".join(lines)


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    cpu = next((line.split(":", 1)[1].strip() for line in lines if "model name" in line), platform.machine())
    return f"{cpu}, {os.cpu_count()} cores, Linux, Python {platform.python_version()}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--every", type=int, default=1, help="only each nth trial of every kind; then nothing is written down"
    )
    parser.add_argument("--branch", action="store_true", help="only the trials over a store on a branch")
    parser.add_argument("--minutes", type=float, help="end after this time, with the trials carried out by then")
    asked = parser.parse_args()
    every = asked.every
    began = time.monotonic()
    learners = SMALL if asked.branch else LARGE
    with tempfile.TemporaryDirectory() as name, site(Path(name), learners=learners) as served:
        size = measure(Case.begin(served, f"{name}/store.db"), Path(name) / "counts.json")
    branches = _branches(size, commits_apart=1, moments=140)
    chosen = list(_each(every, branches if asked.branch else trials(size)))
    if asked.minutes:
        random.Random(size.commits).shuffle(chosen)  # noqa: S311
    results = []
    with ProcessPoolExecutor(WORKERS, initializer=_settle_in, initargs=(learners,)) as pool:
        left = iter(chosen)
        running = deque(pool.submit(carry_out, trial) for trial in islice(left, WORKERS))
        while running:
            results.append(result := running.popleft().result())
            if result.failure or len(results) % 25 == 0:
                sys.stderr.write(f"{len(results)}/{len(chosen)} {result.failure}\n")
            if not asked.minutes or time.monotonic() - began < 60 * asked.minutes:
                running.extend(pool.submit(carry_out, trial) for trial in islice(left, 1))
        list(pool.map(_leave, range(WORKERS)))
    only_trials = asked.branch or asked.minutes
    histories, well = ("no histories", True) if only_trials else _histories(HISTORIES // every)
    text = report(results, size, histories, (time.monotonic() - began) / 60)
    if every == 1 and not only_trials:
        (Path(__file__).parent / "crash.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return int(not well or any(result.failure for result in results))


def _histories(count: int) -> tuple[str, bool]:
    """Return a description and the overall result; a failure must not lose the results of the trials before it."""
    try:
        test_interleaving.check(count, STEPS, always_the_same=False)
    except Exception:
        sys.stderr.write(traceback.format_exc())
        return f"{count} histories, one of which FAILED a check,", False
    return f"{count} histories", True


if __name__ == "__main__":
    sys.exit(main())
