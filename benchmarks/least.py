"""The least programs that do the work of `validate` and `plan`: a lower bound for any program in Python.

    python -m benchmarks.least check FOLDER       parse the cohort files and check them by the schema
    python -m benchmarks.least plan FOLDER        the same, then compare with the reading and the record, and save the plan

They know nothing of lines, cover, dates, policies, limits or reports. Their parser handles only the plain YAML that
benchmarks/folders.py writes; a wrong file is refused without words.
"""

from __future__ import annotations

import json
import re
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs

from benchmarks.measuring import ROOT

_ENTRY = re.compile(
    r"  - id: (\d+)\n    label: (\S+)\n    default_assessor: (\S+)\n    default_employer: (\S+)\n"
    r"    learning_aims:\n      - standard: (\d+)\n        assessor: (\S+)\n        iqa: (\S+)\n"
    r"    units:\n      - unit: (\S+)\n        assessor: (\S+)\n        iqa: (\S+)\n    additional: \[(\S+)\]\n"
)
_STAFF = re.compile(r"^  (\S+): \{id: (\d+),", re.MULTILINE)


def check(folder: Path) -> dict[int, tuple[str, ...]]:
    """Return the learners of a folder with their handles. Raises ValueError for a wrong file, or an unknown handle."""
    schema = json.loads((ROOT / "schemas" / "cohort.schema.json").read_text("utf-8"))
    validator = jsonschema_rs.Draft202012Validator(schema)
    staff = _staff(folder)
    learners: dict[int, tuple[str, ...]] = {}
    for file in sorted((folder / "state" / "cohorts").iterdir()):
        entries = _ENTRY.findall(file.read_text("utf-8"))
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
    held = {learner: slots for learner, _, _, slots in reading["learners"]}
    differs, same = [], []
    for learner, texts in learners.items():
        wanted = dict(_wanted(texts, staff))
        changed = []
        for kind, key, holder in held[learner]:
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


if __name__ == "__main__":
    {"check": check, "plan": plan}[sys.argv[1]](Path(sys.argv[2]))
