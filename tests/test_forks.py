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
from tests.forks import OF_TESTS, Fork, product_modules

STATE = Path(__file__).parents[1] / "state"
pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no forks")


@pytest.mark.parametrize("arguments", [["--version"], ["validate", "--state", "nowhere"], ["plan", "--format", "pdf"]])
def test_a_fork_prints_and_returns_what_a_program_does(tmp_path: Path, arguments: list[str]) -> None:
    """The same command line in the same folder with the same variables."""
    variables = {"PATH": os.environ["PATH"], "NO_COLOR": "1"}
    program = [sys.executable, "-m", "reconciler", *arguments]
    done = subprocess.run(program, cwd=tmp_path, env=variables, capture_output=True, text=True)
    forked = Fork(main, arguments, folder=tmp_path, variables=variables, output=tmp_path)
    assert forked.ended() == (done.returncode, done.stdout + done.stderr)


PROGRAMS = {
    "surroundings": "import os; print(os.getcwd(), sorted(os.environ.items()))",
    "streams": "import sys; print([(s.isatty(), s.encoding, s.errors) for s in (sys.stdin, sys.stdout, sys.stderr)])",
    "signals": "import signal; print({number: signal.getsignal(number) for number in signal.valid_signals()})",
    "input": "import sys; print(repr(input('? ')), repr(sys.stdin.read()), file=sys.stderr)",
    "bytes": "import os; print(repr(os.read(0, 5)), flush=True); os.write(1, b'out'); os.write(2, b'err')",
    "umask": "import os; print(oct(os.umask(0)), os.getpgid(0) == os.getpid())",
    "nothing": "pass",
    "a code": "import sys; print('half a line', end=''); sys.exit(5)",
    "a reason": "import sys; sys.exit('half of the characters \\u00e9 \\udc80')",
    "at once": "import os; print('lost'); os._exit(7)",
    "terminated": "import os, signal; print('kept', flush=True); os.kill(os.getpid(), signal.SIGTERM)",
    "another thread": "import threading; threading.Thread(target=lambda: print('later')).start()",
}


@pytest.mark.parametrize("text", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_any_program_sees_and_ends_the_same_in_a_fork(tmp_path: Path, text: str) -> None:
    """Folder, variables, standard streams and signals; exit codes of every kind, and what is printed by then."""
    variables = {
        "PATH": os.environ["PATH"],
        "LC_ALL": "C.UTF-8",
        "PYTHONIOENCODING": "utf-8",
        "ONEFILE_CUSTOMER_TOKEN": "x",
    }
    given = tmp_path / "given"
    given.write_text("first\nsecond\n")
    with given.open() as stdin:
        program = [sys.executable, "-c", text]
        done = subprocess.run(program, cwd=tmp_path, env=variables, stdin=stdin, capture_output=True, check=False)
    forked = Fork(exec, text, {}, folder=tmp_path, variables=variables, output=tmp_path, stdin=str(given))
    code, _ = forked.ended()
    assert (code, *(said.encode() for said in forked.printed)) == (done.returncode, done.stdout, done.stderr)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("arguments", [["--version"], ["validate", "--state", str(STATE)]])
def test_a_fork_whose_output_has_no_room_ends_as_a_program_does(tmp_path: Path, arguments: list[str]) -> None:
    """The other output has the reason."""
    variables = {"PATH": os.environ["PATH"]}
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        program = [sys.executable, "-m", "reconciler", *arguments]
        done = subprocess.run(program, cwd=tmp_path, env=variables, stdout=full, stderr=subprocess.PIPE, text=True)
    forked = Fork(main, arguments, folder=tmp_path, variables=variables, output=tmp_path, stdout="/dev/full")
    assert forked.ended() == (done.returncode, done.stderr)


def test_a_fork_has_loaded_what_it_will_need(tmp_path: Path) -> None:
    """Whichever test forked first, and from whatever folder."""
    text = f"import sys; print([name for name in {[*product_modules(), *OF_TESTS]} if name not in sys.modules])"
    assert Fork(exec, text, {}, folder=tmp_path, variables={}, output=tmp_path).ended() == (0, "[]\n")


def test_a_fork_dies_alone(tmp_path: Path) -> None:
    """It has a number of its own, and another goes on."""
    first, second = (Fork(time.sleep, 600, folder=tmp_path, variables={}, output=tmp_path) for _ in range(2))
    assert len({first.pid, second.pid, os.getpid()}) == 3
    first.kill()
    assert first.ended() == (-signal.SIGKILL, "")
    assert second.runs
    second.send_signal(signal.SIGTERM)
    assert second.ended() == (-signal.SIGTERM, "")
