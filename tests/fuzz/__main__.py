"""`python -m tests.fuzz`: many hostile inputs for every target, guided by coverage where atheris is installed.

Each target runs in a process of its own. What breaks a law is kept as a file in tests/fuzz/cases, to be mended and then
tried by every run of the tests.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib.util
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

CASES = Path(__file__).parent / "cases"
LARGEST_BYTES = 65_536
LONGEST_SECONDS = 10  # for one input: far more than any of this size takes
MOST_MEGABYTES = 2_048
MOST_CRASHES = 3  # of one target: then they are mended first


def main() -> int:
    asked = _arguments()
    if asked.here:
        _fuzz_here(asked.here, asked.inputs, Path(asked.into), asked.seed)
        return 0
    from tests.fuzz.targets import TARGETS

    sys.stdout.write(f"engine: {_engine()}\n")
    crashes = 0
    for name in asked.targets or TARGETS:
        tried, seconds, found = _fuzz(name, asked.inputs, asked.seed)
        crashes += len(found)
        row = f"| {name} | {tried:,} | {seconds / 60:.1f} | {len(found)} |"
        sys.stdout.write("\n".join([row, *found, ""]))
        sys.stdout.flush()
    return 1 if crashes else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", help="names of targets; all where none is given")
    parser.add_argument("--inputs", type=int, default=10_000, help="for each target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--here", default="", help=argparse.SUPPRESS)
    parser.add_argument("--into", default="", help=argparse.SUPPRESS)
    return parser.parse_args()


def _engine() -> str:
    return "atheris" if importlib.util.find_spec("atheris") else "hypothesis"


# ------------------------------------------------------------------ the process that starts the others


def _fuzz(name: str, inputs: int, seed: int) -> tuple[int, float, list[str]]:
    """How many inputs were tried in how many seconds, and the cases that were kept."""
    started, tried = time.monotonic(), 0
    found: list[str] = []
    with TemporaryDirectory() as folder:
        into = Path(folder)
        while tried < inputs and len(found) < MOST_CRASHES:
            command = [sys.executable, "-m", "tests.fuzz", "--here", name, "--into", folder]
            command += ["--inputs", str(inputs - tried), "--seed", str(seed + len(found))]
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
            tried += _tried(done.stderr) or 1
            if done.returncode == 0:
                break
            broken = list(into.glob("broken-*"))
            new = [_kept(name, file, done.stdout + done.stderr) for file in broken]
            if new and set(new) <= set(found):
                break  # another chance led to the same
            found += new
            if not broken:
                sys.stderr.write(done.stderr)
                found.append("a process that ended without saying why")
    return tried, time.monotonic() - started, found


def _tried(said: str) -> int:
    counts = re.findall(r"number_of_executed_units: (\d+)|tried (\d+) inputs", said)
    return max((int(one or other) for one, other in counts), default=0)


def _kept(name: str, file: Path, said: str) -> str:
    content = file.read_bytes()
    kept = CASES / name / hashlib.sha256(content).hexdigest()[:12]
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(content)
    file.unlink()
    lines = [
        line for line in said.splitlines() if re.match(r"\w*(Error|Exception|Exit)\b|ERROR: libFuzzer", line.strip())
    ]
    return f"{kept.name}: {lines[-1].strip()[:200] if lines else 'unknown'}"


# ------------------------------------------------------------------ the process of one target


def _fuzz_here(name: str, inputs: int, into: Path, seed: int) -> None:
    engine = _by_coverage if _engine() == "atheris" else _by_chance
    engine(name, inputs, into, seed)


def _by_coverage(name: str, inputs: int, into: Path, seed: int) -> None:
    import atheris  # type: ignore[import-untyped,unused-ignore]  # not installed with the others

    with atheris.instrument_imports(include=["reconciler"]):
        from tests.fuzz.targets import TARGETS
    target = TARGETS[name]
    corpus = into / "corpus"
    shutil.rmtree(corpus, ignore_errors=True)
    corpus.mkdir()
    for number, content in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(content)

    def mutated(data: bytes, largest: int, number: int) -> bytes:
        chance = Random(number)  # noqa: S311  the same number, the same slips
        if chance.random() < 0.3:
            return bytes(atheris.Mutate(data, largest))
        return target.slipped(bytes(data), chance)[:largest]

    options = [f"-runs={inputs}", f"-seed={seed}", f"-max_len={LARGEST_BYTES}", f"-timeout={LONGEST_SECONDS}"]
    options += [f"-rss_limit_mb={MOST_MEGABYTES}", f"-artifact_prefix={into}/broken-", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], _tried_in(into, target.law), custom_mutator=mutated)
    atheris.Fuzz()


def _by_chance(name: str, inputs: int, into: Path, seed: int) -> None:
    """Without coverage: slips that Hypothesis chooses, and makes small again where they break something."""
    import faulthandler

    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as seeded
    from hypothesis import strategies as st

    from tests.fuzz.targets import TARGETS

    target, count = TARGETS[name], 0
    once = _tried_in(into, target.law)

    @seeded(seed)
    @settings(
        max_examples=inputs,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(st.randoms(use_true_random=False))
    def trial(chance: Random) -> None:
        nonlocal count
        count += 1
        data = target.slipped(b"", chance)
        (into / "last").write_bytes(data)
        faulthandler.dump_traceback_later(LONGEST_SECONDS, exit=True)
        try:
            once(data)
        finally:
            faulthandler.cancel_dump_traceback_later()

    try:
        trial()
    except BaseException:
        (into / "last").rename(into / "broken-last")
        raise
    finally:
        sys.stderr.write(f"\ntried {count} inputs\n")


def _tried_in(into: Path, law: Callable[[bytes, Path], None]) -> Callable[[bytes], None]:
    work = into / "work"
    work.mkdir(exist_ok=True)

    def once(data: Any) -> None:
        with contextlib.redirect_stdout(None):
            law(bytes(data), work)

    return once


if __name__ == "__main__":
    sys.exit(main())
