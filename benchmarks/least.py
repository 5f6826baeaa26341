"""The least programs that do the work of `validate` and `plan`: a lower bound for any program in Python.

    python -m benchmarks.least check FOLDER   parse the cohort files and check them by the schema
    python -m benchmarks.least plan FOLDER    then compare with the reading and the record, and save the plan
    python -m benchmarks.least                measure both beside ours for 100,000 learners; --write: least.md

They know nothing of lines, cover, dates, policies, limits or reports. Their parser handles only the plain YAML that
benchmarks/folders.py writes; a wrong file is refused without words.
"""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs

from benchmarks.measuring import ROOT, Run, cells, machine, measured, table, times_least

_ENTRY = re.compile(
    r"  - id: (\d+)\n    label: (\S+)\n    default_assessor: (\S+)\n    default_employer: (\S+)\n"
    r"    learning_aims:\n      - standard: (\d+)\n        assessor: (\S+)\n        iqa: (\S+)\n"
    r"    units:\n      - unit: (\S+)\n        assessor: (\S+)\n        iqa: (\S+)\n    additional: \[(\S+)\]\n"
)
RESULT = Path(__file__).with_suffix(".md")
LEARNERS = 100_000
_STAFF = re.compile(r"^  (\S+): \{id: (\d+),", re.MULTILINE)


def check(folder: Path) -> dict[int, tuple[str, ...]]:
    """Return the learners of a folder with their handles. Raises ValueError for a wrong file, or an unknown handle."""
    schema = json.loads((ROOT / "schemas" / "cohort.schema.json").read_text("utf-8"))
    validator = jsonschema_rs.Draft202012Validator(schema)
    staff = _staff(folder)
    learners: dict[int, tuple[str, ...]] = {}
    for file in sorted((folder / "state" / "cohorts").iterdir()):
        text = file.read_text("utf-8")
        entries = _ENTRY.findall(text)
        if _ENTRY.sub("", text) != f"version: 1\ncohort: {file.stem}\nlearners:\n":
            raise ValueError(file)
        document = {"version": 1, "cohort": file.stem, "learners": [_entry(*entry) for entry in entries]}
        if not validator.is_valid(document):
            raise ValueError(file)
        for user, *rest in entries:
            if int(user) in learners or not staff.keys() >= {rest[place] for place in (1, 2, 4, 5, 7, 8, 9)}:
                raise ValueError(user)
            learners[int(user)] = tuple(rest)
    return learners


def _entry(*texts: str) -> dict[str, Any]:
    user, label, assessor, employer, standard, aim_assessor, aim_iqa, unit, unit_assessor, unit_iqa, observer = texts
    return {
        "id": int(user),
        "label": label,
        "default_assessor": assessor,
        "default_employer": employer,
        "learning_aims": [{"standard": int(standard), "assessor": aim_assessor, "iqa": aim_iqa}],
        "units": [{"unit": unit, "assessor": unit_assessor, "iqa": unit_iqa}],
        "additional": [observer],
    }


def _staff(folder: Path) -> dict[str, int]:
    return {handle: int(user) for handle, user in _STAFF.findall((folder / "state" / "staff.yaml").read_text("utf-8"))}


def plan(folder: Path) -> None:
    """Save a plan: the slots that differ in words, and the others as they were compared."""
    staff, learners = _staff(folder), check(folder)
    reading = json.loads((folder / "reading.json").read_bytes())
    with sqlite3.connect(folder / ".reconciler" / "store.db") as store:
        recorded = {
            (learner, kind, key): user
            for learner, kind, key, user in store.execute("SELECT learner, kind, key, staff FROM record")
        }
    held = {learner: (reading["slots"][number], holders) for learner, _, _, number, holders in reading["learners"]}
    differs, same = [], []
    for learner, texts in learners.items():
        wanted = dict(_wanted(texts, staff))
        changed = []
        for (kind, key), holder in zip(*held[learner], strict=True):
            now = recorded.get((learner, kind, json.dumps(key))) if holder == "unreadable" else holder
            if wanted[kind, key] != now:
                changed.append([kind, key, now, wanted[kind, key]])
        (differs if changed else same).append([learner, texts[0], changed or list(wanted.values())])
    (folder / "least.json").write_text(json.dumps({"differs": differs, "same": same}, separators=(",", ":")), "utf-8")


def _wanted(texts: tuple[str, ...], staff: dict[str, int]) -> Iterator[tuple[tuple[str, int | str | None], int]]:
    _, assessor, employer, standard, aim_assessor, aim_iqa, unit, unit_assessor, unit_iqa, observer = texts
    yield ("default_assessor", None), staff[assessor]
    yield ("default_employer", None), staff[employer]
    yield ("learning_aim_assessor", int(standard)), staff[aim_assessor]
    yield ("learning_aim_iqa", int(standard)), staff[aim_iqa]
    yield ("unit_assessor", unit), staff[unit_assessor]
    yield ("unit_iqa", unit), staff[unit_iqa]
    yield ("additional", staff[observer]), staff[observer]


def run_least(work: str, folder: Path) -> Run:
    """Measure a least program in a process of its own, on a folder that benchmarks/folders.py wrote."""
    return measured([[sys.executable, "-m", "benchmarks.least", work, str(folder.resolve())]], ROOT, times=1)[0]


# ------------------------------------------------------------------ the report


def report() -> str:
    """Return the table of ours beside the least programs."""
    ours = str(Path(sys.executable).with_name("reconciler"))
    offline = [ours, "plan", "--observed", "reading.json", "--at", "2026-11-24"]
    commands = {
        "`reconciler validate`": ("check", [ours, "validate"]),
        "`reconciler plan --observed …`": ("plan", offline),
        "`reconciler plan --observed … --out plan.json`": ("plan", [*offline, "--out", "plan.json"]),
    }
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        make = [sys.executable, "-m", "benchmarks.folders", str(LEARNERS), made]
        subprocess.run(make, cwd=ROOT, check=True)  # noqa: S603  a new process starts as large as its parent
        least = {work: run_least(work, folder) for work in ("check", "plan")}
        runs = {name: (work, measured([command], folder, times=1)[0]) for name, (work, command) in commands.items()}
        rows = [(name, *cells(run), times_least(run, least[work])) for name, (work, run) in runs.items()]
        rows += [(f"the least program for `{work}`", *cells(run), "1.0") for work, run in least.items()]
        size = (folder / "plan.json").stat().st_size / 1e6
    head = (f"{LEARNERS:,} learners", "seconds", "processor", "MiB", "× least")
    title = "# What the least program takes\n\nMade by `python -m benchmarks.least --write`; do not edit."
    words = (
        "The record is as after an apply: seven rows a learner. The saved plan, in which one learner in fifty is to "
        f"change, has {size:.1f} MB. `× least` compares the processor's time. Memory is that of the largest process."
    )
    return "\n\n".join([title, f"{machine()}.\n{words}", table(head, rows)]) + "\n"


def main() -> None:
    """Run a least program, or measure both."""
    if len(sys.argv) > 2:
        {"check": check, "plan": plan}[sys.argv[1]](Path(sys.argv[2]))
        return
    text = report()
    sys.stdout.write(text)
    if "--write" in sys.argv[1:]:
        RESULT.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
