"""Simulates a year of a centre and its OneFile, and checks that nothing is lost.

    python -m benchmarks.year                     400 learners, 365 days; writes benchmarks/year.md
    python -m benchmarks.year --days 30 --seed 2  part of another year, and only prints

The centre edits and merges its files, and `apply` carries out each merge, from a plan saved before or from a new one.
What dates bring about, and drift, is left to the daily job alone: `drift --correct --due`. People and another system
edit in OneFile, answers get lost, runs are killed, and the daily job is skipped or run twice. After every daily job
everything is checked against an independent model: see tests/year. The first mismatch ends the run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.crash import _machine
from tests.crash.harness import MEMORY
from tests.year.simulation import FIRST, live

LEARNERS, DAYS, SEED = 400, 365, 1

_DONE_TO_US = (
    "edits",
    "another",
    "faults",
    "calls answered",
    "runs killed",
    "daily jobs skipped",
    "daily jobs run twice",
)

_CHECKED = """
`apply` ran only for merged files, so every cover and dated entry began and ended by the daily job alone, on its day or,
if that job was skipped, on the next. "Moved" is a due change of a slot that somebody had edited in OneFile: a person is
asked, and applies.

Checked after every daily job, and never found otherwise: each managed slot is held by whom the entries and covers
say, worked out by a second, naive reading of them, or the job's report says why not yet; nothing but what a person
must decide waits for more than three days; the job wrote nothing that the approved commit does not ask for on that day;
a second run on one day wrote nothing; slots that nobody declares are as they were; no default employer, whose drift is
only reported, was written; every slot whose time ran out with nobody to follow was set aside by the plan; every write
that OneFile saw has its entry in the journal, displaced what that entry said, and was made once; no effect is reported
as not done; nothing is left open.
"""


def report(counts: Counter[str], learners: int, seed: int, minutes: float) -> str:
    days = counts["days"]
    last = FIRST + timedelta(days - 1)
    happened = {what: count for what, count in sorted(counts.items()) if what != "days"}
    centre = {what: count for what, count in happened.items() if what.startswith("files: ")}
    others = {what: count for what, count in happened.items() if what.startswith(_DONE_TO_US)}
    product = {what: count for what, count in happened.items() if what not in centre | others}
    lines = [
        "# A simulated year",
        "",
        f"{datetime.now(UTC):%d %B %Y}; {_machine()}; {minutes:.0f} minutes. Made by `python -m benchmarks.year`.",
        "",
        f"{learners} learners, seed {seed}, {days} days, from {FIRST} to {last}. The sandbox ran in the same",
        "process, on a clock that was set from hour to hour; runs that were killed were processes of their own, ended",
        "by SIGKILL at one of their writes, before or after it took effect.",
    ]
    for title, table in (
        ("what the centre did", centre),
        ("what was done to it", others),
        ("what came of it", product),
    ):
        lines += ["", f"| {title} | |", "|---|---:|"]
        lines += [f"| {what.removeprefix('files: ')} | {count:,} |" for what, count in table.items()]
    return "\n".join([*lines, _CHECKED])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--learners", type=int, default=LEARNERS)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        counts = live(Path(folder), learners=given.learners, days=given.days, seed=given.seed)
    text = report(counts, given.learners, given.seed, (time.monotonic() - began) / 60)
    if (given.learners, given.days, given.seed) == (LEARNERS, DAYS, SEED):
        (Path(__file__).parent / "year.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
