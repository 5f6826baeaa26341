"""Fixtures that several folders of tests use, and the profiles of property tests: a busy machine is not a fault.

The usual profile draws the same examples in each run of one commit, so that a failure can be seen again. Hypothesis
also draws the constants of loaded modules, and the program loads many of its own only when they are needed: all are
loaded here. `--hypothesis-profile=explore` draws new examples each time, and several times as many.

Modules are compiled once, also where PYTHONDONTWRITEBYTECODE asks for no cache: else each of the hundreds of programs
that tests start would compile the whole program, and each run the tests.

Temporary folders are in memory where Linux offers enough: SQLite and git wait for a disk thousands of times.

A shell and `nohup` start programs with Ctrl-C or a closed terminal ignored, which what tests start would inherit.
"""

from __future__ import annotations

import gc
import importlib
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

from reconciler.cli.main import YOUNG_OBJECTS
from tests.forks import product_modules
from tests.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]

sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
gc.set_threshold(YOUNG_OBJECTS)

MEMORY = Path("/dev/shm")  # noqa: S108  each folder in it has a name of its own
if (
    "TMPDIR" not in os.environ
    and os.access(MEMORY, os.W_OK)
    and shutil.disk_usage(MEMORY).free > 2 * 2**30
    and not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC  # tests write programs too
):
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)

# A package of the tests' environment, whose import takes a second in each worker, for a format that no schema here has.
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]

for name in product_modules():
    importlib.import_module(name)

for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, usual)

settings.register_profile("explore", deadline=None, print_blob=True, max_examples=300)
settings.register_profile("patient", deadline=None, print_blob=True, derandomize=True, max_examples=50)
settings.load_profile("patient")

TESTS = Path(__file__).parent
FAST = {"model", "declared", "plan", "editing", "report", "cli", "runtime"} | {
    f"test_{name}.py" for name in ("imports", "ratelimit", "words")
}
"""Rooms whose tests start no server; theirs that take long all the same have the mark `slow` themselves."""


def pytest_configure(config: pytest.Config) -> None:
    """Keep the shared random numbers as they are: no test draws any, and new ones take a millisecond for each test."""
    config.option.randomly_reset_seed = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.relative_to(TESTS).parts[0] not in FAST or item.get_closest_marker("long"):
            item.add_marker("slow")


def pytest_collection_finish() -> None:
    """Keep the garbage collector from looking through the tests and modules again and again."""
    gc.freeze()
