"""Compares the speed of start, check and plan with similar tools, in one run on one machine.

    python -m benchmarks.compare              everything (about a quarter of an hour); prints the tables
    python -m benchmarks.compare --write      and commits them to benchmarks/compare.md
    python -m benchmarks.compare start small

Each run is a new process: wall-clock seconds, seconds of the processor, and the largest memory that the operating
system reports. The least programs of benchmarks/least.py show how much of it any program in Python needs.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.folders import PER_FILE
from benchmarks.least import run_least
from benchmarks.measuring import ROOT, Run, cells, machine, measured, ratio, table, times_least
from benchmarks.peers import CHANGED, Peers

RESULT = Path(__file__).with_suffix(".md")
OBSERVED = ["--observed", "reading.json", "--at", "2026-11-24"]
LEARNERS = (100, 1_000, 2_000, 10_000, 100_000)
TEN_THOUSAND_SLOTS = 10_000 // 7  # learners
RECORDS = (1_000, 10_000)
RESOURCES = (250, 500, 1_000, 2_000)
FILES = 1_000
BROKEN: Mapping[str, tuple[str, str]] = {
    "nothing wrong": ("", ""),
    "a key that nobody knows": ("    label:", "    lable:"),
    "a word for a number": ("  - id: 200000", "  - id: two"),
    "a list for a text": ("    default_assessor: assessor-0", "    default_assessor: [assessor-0, assessor-1]"),
    "a key given twice": ("    label: LRN-000000", "    label: LRN-000000\n    label: LRN-000000"),
    "a bracket left open": ("    additional: [observer-0]", "    additional: [observer-0"),
    "a version to come": ("version: 1", "version: 2"),
    "a handle that nobody has": ("    default_assessor: assessor-0", "    default_assessor: asessor-0"),
}
"""Common mistakes in a cohort file: the correct text and the mistake."""
CHECKERS: Mapping[str, tuple[str, str]] = {
    "`check-jsonschema`": ("schema", "check-jsonschema --schemafile {schema} {files}"),
    "`jsonschema validate` of Sourcemeta": ("schema", "jsonschema validate {schema} {files}"),
    "`jsonschema validate --fast` of Sourcemeta": (
        "schema, without a reason",
        "jsonschema validate --fast {schema} {files}",
    ),
    "`ajv validate`": (
        "schema; first fault of a file, no line numbers, no rules across files",
        "ajv validate --spec=draft2020 --strict=false -s {schema} -d 'state/cohorts/*.yaml'",
    ),
    "`yamllint`": ("YAML and its style", "yamllint {files}"),
}
"""Other checkers: what they check, and how they are started."""


# ------------------------------------------------------------------ 1. start


def start(peers: Peers, folder: Path) -> str:
    small = folder / "start"
    shutil.copytree(ROOT / "state", small / "state")
    for extra in sorted((small / "state" / "cohorts").iterdir())[1:]:
        extra.unlink()
    commands: dict[str, list[str | None]] = {
        "`octodns-sync --help`": [peers.command("octodns-sync"), "--help"],
        "`reconciler --help`": [peers.ours, "--help"],
        "`reconciler validate`, one small cohort": [peers.ours, "validate"],
        "`check-jsonschema --help`": [peers.command("check-jsonschema"), "--help"],
        "`terraform version`": [peers.command("terraform"), "version"],
    }
    there = {name: [str(part) for part in command] for name, command in commands.items() if command[0]}
    runs = dict(zip(there, measured(list(there.values()), small, times=15), strict=True))
    octodns = runs.get("`octodns-sync --help`")
    rows = [(name, cells(runs.get(name))[0], ratio(runs.get(name), octodns)) for name in commands]
    return table(("command", "seconds", "× octodns-sync"), rows)


# ------------------------------------------------------------------ 2. check


def check(peers: Peers, folder: Path) -> str:
    many = folder / "check"
    _centre(FILES * PER_FILE, many)
    (ours,) = measured([[peers.ours, "validate"]], many, times=3)
    least = run_least("check", many)
    runs = {"`reconciler validate`: schema, handles, roles, dates, each learner once": ours}
    for name, (checks, words) in CHECKERS.items():
        run = _checked(peers, words, many)
        assert not (run and run.exit_code), (name, run)  # noqa: S101  a peer that failed is no measure
        runs[f"{name}: {checks}"] = run
    runs["the least program: schema, handles, each learner once"] = least
    rows = [(name, *cells(run), ratio(run, ours), times_least(run, least)) for name, run in runs.items()]
    shutil.rmtree(many)
    head = (f"{FILES:,} files of {PER_FILE} learners", "seconds", "processor", "MiB", "× ours", "× least")
    return f"{table(head, rows)}\n\n{_verdicts(peers, folder)}"


def _checked(peers: Peers, words: str, folder: Path) -> Run | None:
    """Run a checker on all cohort files of a folder."""
    files = sorted(str(path.relative_to(folder)) for path in (folder / "state" / "cohorts").iterdir())
    schema = shlex.quote(str(ROOT / "schemas" / "cohort.schema.json"))
    name, *arguments = shlex.split(words.format(schema=schema, files=shlex.join(files)))
    command = peers.command(name)
    return measured([[command, *arguments]], folder, times=1)[0] if command else None


def _verdicts(peers: Peers, folder: Path) -> str:
    """Run all checkers on files with one fault each, and on the file without a fault."""
    rows = []
    for number, (fault, (right, wrong)) in enumerate(BROKEN.items()):
        place = folder / f"verdict-{number}"
        _centre(PER_FILE, place)
        (file,) = (place / "state" / "cohorts").iterdir()
        file.write_text(file.read_text("utf-8").replace(right, wrong, 1), "utf-8")
        ours = subprocess.run([peers.ours, "validate"], cwd=place, capture_output=True, text=True, check=False)  # noqa: S603
        line = "yes" if re.search(r"\.yaml:\d+", ours.stderr) else ""
        theirs = [_checked(peers, words, place) for _, words in CHECKERS.values()]
        verdicts = [_verdict(run.exit_code) if run else "not here" for run in theirs]
        rows.append((fault, _verdict(ours.returncode), line, *verdicts))
    for name, *verdicts in zip(CHECKERS, *(row[3:] for row in rows), strict=True):
        assert {"refused", "not here"} & set(verdicts), name  # noqa: S101  a peer that finds nothing is no measure
    return table(("the file has", "`reconciler validate`", "names the line", *CHECKERS), rows)


def _verdict(exit_code: int) -> str:
    return "refused" if exit_code else "passed"


# ------------------------------------------------------------------ 3. plan


def plan(peers: Peers, folder: Path) -> str:
    ours = {learners: _our_plan(peers, folder, learners) for learners in (*LEARNERS, TEN_THOUSAND_SLOTS)}
    start = _our_plan(peers, folder, 1).processor
    octodns = {records: peers.octodns(records) for records in RECORDS}
    blocks = {resources: peers.terraform(resources, from_yaml=False) for resources in RESOURCES}
    terraform = {resources: peers.terraform(resources, from_yaml=True) for resources in RESOURCES}
    rows = [(f"reconciler, {one:,} learners", f"{7 * one:,} slots", *cells(ours[one]), "") for one in LEARNERS]
    rows += _saved_plan(peers, folder / f"plan-{LEARNERS[-1]}")
    rows += [(f"octodns-sync, {one:,} records", _to_change(one), *cells(run), "") for one, run in octodns.items()]
    rows += [(f"terraform, {one:,} blocks", _to_change(one), *cells(run), "") for one, run in blocks.items()]
    rows += [(f"terraform, {one:,} from YAML", _to_change(one), *cells(run), "") for one, run in terraform.items()]
    net = {learners: run.processor - start for learners, run in ours.items()}
    notes = [
        "From 1,000 to 100,000 learners, a hundred times as many, our time grows "
        f"{ours[100_000].over(ours[1_000])} times and our memory {ours[100_000].mib / ours[1_000].mib:.1f} times. "
        f"Without the {start:.2f} s of a plan of one learner, it grows {net[100_000] / net[1_000]:.0f} times; from "
        f"10,000 learners, {net[100_000] / net[10_000]:.1f} times."
    ]
    if (theirs := terraform[2_000]) and (written := blocks[2_000]):
        notes.append(
            f"Terraform's plan of 2,000 `terraform_data` resources takes {theirs.over(ours[2_000])} times as long as "
            "ours of 2,000 learners, which are 14,000 slots, where it reads them from a YAML file (`for_each`), and "
            f"{written.over(ours[2_000])} times where each is a block of its own."
        )
    if theirs := octodns[10_000]:
        notes.append(
            f"octoDNS's plan of 10,000 records takes {theirs.over(ours[TEN_THOUSAND_SLOTS])} times as long as ours of "
            f"10,000 slots ({TEN_THOUSAND_SLOTS:,} learners), and {theirs.over(ours[10_000])} times as long as ours of "
            "10,000 learners."
        )
    head = ("plan of", "", "seconds", "processor", "MiB", "× least")
    return f"{table(head, rows)}\n\n" + "\n".join(notes)


def _saved_plan(peers: Peers, folder: Path) -> list[tuple[str, ...]]:
    """Return rows of the largest plan when it is saved, as the workflows do, and of the least program for it."""
    least = run_least("plan", folder)
    (saved,) = measured([[peers.ours, "plan", *OBSERVED, "--out", "plan.json"]], folder, times=3)
    size = f"saved with `--out`: {(folder / 'plan.json').stat().st_size / 1e6:.0f} MB"
    return [
        (f"reconciler, {LEARNERS[-1]:,} learners", size, *cells(saved), times_least(saved, least)),
        (f"the least program, {LEARNERS[-1]:,} learners", "saved", *cells(least), "1.0"),
    ]


def _to_change(things: int) -> str:
    return f"{things // CHANGED} to change"


def _our_plan(peers: Peers, folder: Path, learners: int) -> Run:
    place = folder / f"plan-{learners}"
    _centre(learners, place)
    (run,) = measured([[peers.ours, "plan", *OBSERVED]], place, times=9 if learners <= 1_000 else 3)
    assert run.exit_code in (0, 5), run  # noqa: S101  a limit refuses to move more than a hundred
    return run


# ------------------------------------------------------------------ 4. a small change in a large repository


def small(peers: Peers, folder: Path) -> str:
    """Edit one learner in one of a thousand files; then run everything, and only the changed files."""
    place = folder / "small"
    _centre(FILES * PER_FILE, place)
    author = ["-c", "user.name=benchmark", "-c", "user.email=benchmark@example.com"]
    for words in (["init", "-q"], ["add", "state"], [*author, "commit", "-qm", "all"]):
        subprocess.run(["git", *words], cwd=place, check=True)  # noqa: S603, S607
    file = place / "state" / "cohorts" / "cohort-0500.yaml"
    file.write_text(
        file.read_text("utf-8").replace("default_assessor: assessor-0\n", "default_assessor: assessor-1\n", 1)
    )
    commands = {
        "`reconciler validate`": [peers.ours, "validate"],
        "`reconciler plan --observed …`": [peers.ours, "plan", *OBSERVED],
        "`reconciler plan --observed … --changed-since HEAD`": [
            peers.ours,
            "plan",
            *OBSERVED,
            "--changed-since",
            "HEAD",
        ],
    }
    rows = [(name, *cells(measured([command], place, times=3)[0])) for name, command in commands.items()]
    return table(("one of 1,000 files edited", "seconds", "processor", "MiB"), rows)


def _centre(learners: int, place: Path) -> None:
    """Create the folder in a separate process, because a new process starts as large as its parent."""
    make = [sys.executable, "-m", "benchmarks.folders", str(learners), str(place)]
    subprocess.run(make, cwd=ROOT, check=True)  # noqa: S603


# ------------------------------------------------------------------ the report

PARTS: Mapping[str, tuple[str, Callable[[Peers, Path], str]]] = {
    "start": ("Start", start),
    "check": ("Check", check),
    "plan": ("Plan from a saved reading, without a call", plan),
    "small": ("A small change in a large repository", small),
}
TITLE = """# Comparison with other tools: start, check and plan

Made by `python -m benchmarks.compare --write`; do not edit."""
HOW = (
    "Each figure is the median of several new processes (of one where it takes long). A learner has seven slots: "
    "default assessor, default employer, assessor and IQA of a learning aim and of a unit, one additional person. One "
    "in fifty is to change. Memory is that of the largest process."
)
FOUND = """## What profiling found

- **Start.** Half of what a plan took to start was SQLAlchemy, so the store now talks to SQLite and PostgreSQL by their
  own drivers. Our own sixty dataclasses were most of the rest; values are structs made in C (msgspec), which cost a
  twentieth to define. What a command does not use is not loaded: commands are listed without their modules, HTTP waits
  for the first call, PostgreSQL's driver for a PostgreSQL store, asyncio for something to wait for. What is left is
  click, PyYAML, the schema validator and Python itself.
- **Check.** Most of the time for a file was making libyaml's events into Python objects; benchmarks/readers.md has what
  other readers of YAML take. Learners whose entries differ only in their values are now read by the pattern of their
  shape, in a tenth of the time, and only the rest of a file is parsed. Checking by the Rust-backed validator takes a
  fiftieth; the validator that explains is asked only about what was refused. Slots are resolved when somebody asks for
  them, and only learners of whom something can be wrong are looked at closely. Other processes no longer pay, so none
  are started.
- **Plan.** Nothing is conspicuous now: building, comparing and checking take a microsecond or two a slot each. The
  largest parts were the collector (a fifth, with millions of values and hardly a cycle among them), hashing and
  looking up members of enums, caseloads counted several times, and asking every rule about every slot.
- **A cache of parsed files** was measured and not kept. Its best case, every file unchanged, replaces parsing by
  loading what was kept, and parsing is now less than half of a check. It would save nothing to notice for a centre with
  ten files, at the price of a copy of learners' ids on disk that has to be proved current.
  Where a change is small, `--changed-since` plans it alone."""


def report(names: Sequence[str]) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        peers = Peers(folder)
        yield TITLE
        yield f"{datetime.now(UTC):%d %B %Y}, {machine()}. Compared with {peers.versions()}.\n{HOW}"
        for name in names:
            title, part = PARTS[name]
            yield f"## {title}\n\n{part(peers, folder)}"
        yield FOUND


def main() -> None:
    names = [argument for argument in sys.argv[1:] if argument in PARTS] or list(PARTS)
    parts = []
    for part in report(names):
        parts.append(part)
        sys.stdout.write(f"{part}\n\n")
        sys.stdout.flush()
    if "--write" in sys.argv[1:]:
        RESULT.write_text("\n\n".join(parts) + "\n", "utf-8")


if __name__ == "__main__":
    main()
