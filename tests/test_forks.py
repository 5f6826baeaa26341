"""Forks of a loaded process: each is a process of its own, and does what a program that was started does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reconciler.cli.main import main
from tests.forks import Fork

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no forks")


@pytest.mark.parametrize("arguments", [["--version"], ["validate", "--state", "nowhere"], ["plan", "--format", "pdf"]])
def test_a_fork_prints_and_returns_what_a_program_does(tmp_path: Path, arguments: list[str]) -> None:
    """The same command line in the same folder with the same variables."""
    variables = {"PATH": os.environ["PATH"], "NO_COLOR": "1"}
    program = [sys.executable, "-m", "reconciler", *arguments]
    done = subprocess.run(program, cwd=tmp_path, env=variables, capture_output=True, text=True)
    forked = Fork(main, arguments, folder=tmp_path, variables=variables, output=tmp_path)
    assert forked.ended() == (done.returncode, done.stdout + done.stderr)


def test_a_fork_dies_alone(tmp_path: Path) -> None:
    """It has a number of its own, and another goes on."""
    first, second = (Fork(time.sleep, 600, folder=tmp_path, variables={}, output=tmp_path) for _ in range(2))
    assert len({first.pid, second.pid, os.getpid()}) == 3
    first.kill()
    assert first.ended() == (-signal.SIGKILL, "")
    assert second.runs
    second.send_signal(signal.SIGTERM)
    assert second.ended() == (-signal.SIGTERM, "")
