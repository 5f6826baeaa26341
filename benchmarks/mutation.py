"""Mutation testing: puts small faults into the modules that decide, one at a time, and runs their tests.

    pip install mutmut                                   (3.8 or newer; not part of the test tools)
    python -m benchmarks.mutation                        the plan, in a temporary folder; prints a table
    python -m benchmarks.mutation --in DIR apply drift   kept in DIR: a second run tries only new or changed mutants

Sentences are not mutated, because rewording one is no fault; words such as "update" are. To see a survivor, run
`python -m mutmut show NAME` in DIR.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.measuring import ROOT, table

PARTS: Mapping[str, tuple[list[str], list[str]]] = {
    "plan": (["reconciler/plan/*.py"], ["tests/plan"]),
    "apply": (["reconciler/apply/*.py"], ["tests/apply"]),
    "drift": (["reconciler/plan/drift.py"], ["tests/plan/test_drift.py"]),
    "observed": (["reconciler/observed/*.py"], ["tests/observed"]),
}
"""The mutated modules, and the tests that must fail."""

QUICK = """
from hypothesis import Phase
settings.register_profile("mutation", settings.get_profile("patient"), phases=[Phase.explicit, Phase.generate])
settings.load_profile("mutation")
"""
"""Settings without shrinking: nobody needs the smallest example of a fault that we made."""

WORD = re.compile(r"""["'][\w.-]*["']""")
KILLED = {1, 3}  # what pytest ends with where a test fails, and mutmut's own for the same
SURVIVED, UNTRIED = {0}, {5, 33, 34, None}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; plan if none is named")
    parser.add_argument("--in", dest="folder", type=Path, metavar="DIR")
    options = parser.parse_args()
    if unknown := set(options.parts) - PARTS.keys():
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        prepare(folder, options.parts or ["plan"])
        subprocess.run([sys.executable, "-m", "benchmarks.mutation", "--mutate"], cwd=folder, check=True)
        report(folder)


def prepare(folder: Path, parts: Iterable[str]) -> None:
    """Copy the files that git knows, and add mutmut's settings."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S607
    for name in filter(None, listed.stdout.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    with (folder / "tests/conftest.py").open("a") as conftest:
        conftest.write(QUICK)
    modules = [module for part in parts for module in PARTS[part][0]]
    tests = [test for part in parts for test in PARTS[part][1]]
    settings: Mapping[str, list[str]] = {
        "source_paths": ["reconciler"],
        "only_mutate": modules,
        "also_copy": [one.name for one in folder.iterdir() if one.name not in ("mutants", "reconciler", "tests")],
        "pytest_add_cli_args": ["-n0", "-pno:randomly", "--hypothesis-seed=0"],
        "pytest_add_cli_args_test_selection": tests,
        "timeout_multiplier": ["5"],
        "timeout_constant": ["3"],
        "use_git_change_detection": ["false"],
    }
    lines = (f"{key} =\n" + "".join(f"    {value}\n" for value in values) for key, values in settings.items())
    (folder / "setup.cfg").write_text("[mutmut]\n" + "".join(lines))


def mutate() -> None:
    """Run mutmut without mutating sentences; it changes one function in a process that has loaded the tests."""
    from mutmut.__main__ import cli
    from mutmut.mutation import mutators

    def word(node: Any) -> Iterator[Any]:
        if WORD.fullmatch(getattr(node, "value", "")):
            yield from list(mutators.operator_string(node))[:1]

    operators = [
        (kind, word if each is mutators.operator_string else each) for kind, each in mutators.mutation_operators
    ]
    mutators.mutation_operators[:] = operators  # type: ignore[index]
    cli(["run", "--max-children", "1"])


def report(folder: Path) -> None:
    rows = []
    for path in sorted((folder / "mutants/reconciler").rglob("*.meta")):
        ends = Counter(json.loads(path.read_text())["exit_code_by_key"].values())
        killed = sum(ends[code] for code in KILLED)
        survived = sum(ends[code] for code in SURVIVED)
        untried = sum(ends[code] for code in UNTRIED)
        timed_out = ends.total() - killed - survived - untried
        counts = (ends.total(), killed, timed_out, survived, untried)
        rows.append([str(path.relative_to(folder / "mutants"))[:-5], *map(str, counts)])
    sys.stdout.write(table(["module", "mutants", "killed", "ended otherwise", "survived", "not tried"], rows) + "\n")


if __name__ == "__main__":
    mutate() if sys.argv[1:] == ["--mutate"] else main()
