"""Standard streams that are full, closed or left early, and signals: an exit code and never an unexpected error."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.problems import ExitCode
from tests.e2e.user import Home

STATE = Path(__file__).parents[2] / "state"
COMMANDS = (
    "--help",
    "--version",
    "validate",
    "plan --format json",
    "apply --auto-approve --learner 200004",
    "drift",
    "history",
    "doctor",
)
MOST_UNLIKE = ("--help", "plan --format json", "apply --auto-approve --learner 200004")
UNEXPECTED = ("unexpected error", "Traceback", "Exception ignored")


def run(folder: Path, command: str, redirections: str) -> tuple[int, str]:
    """Run a command in a shell with these redirections; `messages` keeps standard error."""
    shutil.copytree(STATE, folder / "state", dirs_exist_ok=True)
    messages = folder / "messages"
    messages.touch()
    program = f'{sys.executable} -c "from reconciler.cli.main import main; main()" {command} {redirections}'
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("ONEFILE_", "RECONCILER_"))
    }
    ended = subprocess.run(["bash", "-c", program], cwd=folder, env=environment, check=False, timeout=120)
    return ended.returncode, messages.read_text("utf-8")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_report_that_finds_no_room_is_an_error_and_said(home: Home, command: str) -> None:
    """Whatever the command did is done; the copy that was asked for is missing."""
    ended = home.declare_demonstration().forked(*command.split(), stdout="/dev/full")
    assert ended.code == ExitCode.ERROR
    assert "standard output: the report cannot be written" in ended.err
    assert not any(word in ended.err for word in UNEXPECTED), ended.err


@pytest.mark.parametrize(
    ("command", "redirections"),
    [
        *itertools.product(MOST_UNLIKE, ["2>/dev/full", "2>&-", ">&- 2>messages"]),
        *itertools.product(COMMANDS, [">&- 2>&- <&-"]),
    ],
)
def test_messages_that_nobody_can_read_change_no_exit_code(tmp_path: Path, command: str, redirections: str) -> None:
    """Nor does an output that was closed from the start, whose number no file of ours gets."""
    code, said = run(tmp_path, command, redirections)
    assert code in (ExitCode.DONE, ExitCode.INCOMPLETE)
    assert not any(word in said for word in UNEXPECTED), said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_command_in_words(tmp_path: Path, number: signal.Signals) -> None:
    """A runner that ends a job, a terminal that is closed, and Ctrl-C, pressed twice by the impatient."""
    program = [sys.executable, "-c", "from reconciler.cli.main import main; main()", "sandbox", "--port=0"]
    with subprocess.Popen(program, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline()
        process.send_signal(number)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode in (ExitCode.DONE, ExitCode.ERROR)
    assert not any(word in said for word in UNEXPECTED), said
