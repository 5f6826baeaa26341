"""Values of a command are neither searched for garbage nor released before the process ends."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from collections.abc import Iterator

import pytest

from reconciler.memory import keep_until_exit, no_garbage_collection


class Value:
    """A value that can be watched."""


@pytest.fixture(autouse=True)
def collecting() -> Iterator[None]:
    """Leave garbage collection as it was."""
    was_on = gc.isenabled()
    yield
    gc.enable() if was_on else gc.disable()
    gc.unfreeze()
    gc.freeze()  # as tests/conftest.py does for all


@pytest.mark.parametrize("is_on", [True, False])
@pytest.mark.parametrize("fails", [False, True])
def test_garbage_collection_is_off_within_and_as_before_afterwards(is_on: bool, fails: bool) -> None:
    """Also after an error."""
    gc.enable() if is_on else gc.disable()
    try:
        with no_garbage_collection():
            assert not gc.isenabled()
            if fails:
                raise ValueError
    except ValueError:
        assert fails
    assert gc.isenabled() is is_on


def test_a_value_that_is_kept_outlives_its_names_and_a_collection() -> None:
    """Another value does not."""
    kept, other = Value(), Value()
    of_kept, of_other = weakref.ref(kept), weakref.ref(other)
    keep_until_exit(kept)
    del kept, other
    gc.collect()
    assert of_kept() is not None
    assert of_other() is None


def test_a_process_that_kept_a_value_ends_as_any_other() -> None:
    """What it registered for its end runs, and nothing is printed about the value."""
    program = (
        "import atexit, sys\n"
        "from reconciler.memory import keep_until_exit\n"
        "class Value:\n"
        "    def __del__(self): print('released')\n"
        "atexit.register(print, 'ended')\n"
        "keep_until_exit(Value())\n"
        "sys.exit(3)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (3, "ended\n", "")
