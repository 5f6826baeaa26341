"""The law of the spreadsheet: what export wrote, sync brings back without an edit, from CSV and from a workbook."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest

from reconciler.problems import ExitCode
from tests.e2e.user import KATE, LEARNER, SETTINGS, STAFF, Home
from tests.excel import require_excel

UNITS = ("BA_301", "KS COMM 1", "12-11", "=1+1", "U[1].iqa", "a;b")
LABELS = ("LRN-0042", "march-2026", "=1+1", "0042", "1/2/2026", 'Zoë "Z"', "a,b", "n/a", "'x'")
MISIDS = ("0042", "0007", "LRN00017", "Sept1", "1E5", "AB-12")
COHORTS = ("care-l3", "march-2026", "2026-12-01", "none", "true")
ASSESSORS: tuple[Any, ...] = ("kate", "james", None, [], [{"staff": "kate", "until": "2026-12-31"}])


def generated(random: Random) -> dict[str, dict[str, Any]]:
    """The cohort files of a centre whose words are those that spreadsheets spoil."""
    ids, misids = iter(range(200100, 200200)), iter(random.sample(MISIDS, len(MISIDS)))
    cohorts = {}
    for name in random.sample(COHORTS, 2):
        learners = [_learner(random, ids, misids) for _ in range(random.randint(1, 3))]
        defaults = {"default_assessor": "james", "additional": random.choice([[], ["lee"]])}
        cohorts[name] = {"version": 1, "cohort": name, "defaults": defaults, "learners": learners}
    return cohorts


def _learner(random: Random, ids: Any, misids: Any) -> dict[str, Any]:
    learner: dict[str, Any] = {"id": next(ids)} if random.random() < 0.5 else {"misid": next(misids)}
    if random.random() < 0.5:
        learner["label"] = f"{random.choice(LABELS)}{next(ids)}"
    if random.random() < 0.7:
        learner["default_assessor"] = random.choice(ASSESSORS)
    if random.random() < 0.5:
        learner["units"] = [{"unit": unit, "iqa": "priya"} for unit in random.sample(UNITS, 2)]
    if random.random() < 0.5:
        learner["learning_aims"] = [{"standard": 41242, "assessor": random.choice(["kate", None]), "iqa": "priya"}]
    if random.random() < 0.5:
        learner["additional"] = random.sample(["lee", "kate", "james"], 2)
    return learner


def texts(home: Home) -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in sorted((home.path / "state").rglob("*.yaml"))}


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("file", ["table.csv", "table.xlsx"])
def test_what_comes_back_unchanged_edits_nothing(seed: int, file: str, home: Home) -> None:
    """Whatever ids, labels, cohorts and units there are, with cover and dates, and however the rows are sorted."""
    if file.endswith(".xlsx"):
        require_excel()
    random = Random(seed)  # noqa: S311  to invent a centre, not to keep secrets
    cover = [{"by": "james", "from": "2020-01-01", "reason": "leave"}] if seed % 2 else []
    home.declare(LEARNER, staff={**STAFF, "kate": {"id": KATE, "role": "assessor", "cover": cover}})
    for name, content in generated(random).items():
        (home.path / "state" / "cohorts" / f"{name}.yaml").write_text(json.dumps(content, indent=1), "utf-8")
    before = texts(home)
    ended = home.run("export", f"--{Path(file).suffix[1:]}", file)
    assert ended.code == ExitCode.DONE, ended.err
    if file.endswith(".csv"):
        shuffle(home.path / file, random)
    ended = home.run("sync", file)
    assert ended.code == ExitCode.DONE, ended.err
    assert texts(home) == before
    assert home.run("sync", file, "--check").code == ExitCode.DONE


def shuffle(path: Path, random: Random) -> None:
    """Sort the rows and the columns differently, as people do."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        headings, *rows = csv.reader(file)
    random.shuffle(rows)
    order = random.sample(range(len(headings)), len(headings))
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([row[place] for place in order] for row in [headings, *rows])


def test_an_edited_cell_comes_back_as_one_edit(home: Home) -> None:
    """The holder of one slot, from a column of the table; nothing else."""
    settings: Mapping[str, object] = {**SETTINGS, "import": {"columns": {"Note": "ignore"}}}
    home.declare({**LEARNER, "default_assessor": "james"}, settings=settings)
    home.run("export", "--csv", "table.csv")
    before = texts(home)["c1.yaml"]
    file = home.path / "table.csv"
    file.write_text(file.read_text("utf-8").replace(",james", ",kate", 1), "utf-8")
    assert home.run("sync", "table.csv").code == ExitCode.DONE
    assert texts(home)["c1.yaml"] == before.replace('"default_assessor": "james"', '"default_assessor": "kate"')
