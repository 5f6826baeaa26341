"""What other systems lack is not needed: no call of POSIX alone, no locale's encoding, no path of one kind."""

from __future__ import annotations

import ntpath
import re
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.report.common import annotations
from reconciler.report.common.annotations import Workspace

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "reconciler").rglob("*.py"))

WITHOUT_POSIX = """
import asyncio, getpass, multiprocessing, os, shutil, signal, socket, subprocess, sys, tempfile, threading
import deepdiff, uvicorn, rich.console, rich.progress  # what others import where it is there is no business of ours
for module in ("fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty"):
    sys.modules[module] = None
for name in ("chown", "fchmod", "fchown", "fork", "getegid", "geteuid", "getgid", "getpgid", "getuid", "killpg",
             "lchown", "mkfifo", "nice", "sched_getaffinity", "setsid", "sync", "uname", "O_NOFOLLOW", "O_CLOEXEC"):
    if hasattr(os, name):
        delattr(os, name)
for name in ("SIGALRM", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGUSR1", "SIGXFSZ", "alarm", "pause", "setitimer"):
    delattr(signal, name)
for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
    os.environ.pop(name, None)
from reconciler.cli.main import run
commands = [["demo", "--quiet"], ["validate"], ["plan", "--out", "out/plan.json", "--save-observed", "out/read.json"],
            ["apply", "out/plan.json"], ["drift"], ["history"], ["calendar"], ["fmt", "--check"],
            ["import", "--state", "new", "--organisation", "5740", "--target", "sandbox"]]
for command in commands:
    code = run(command)
    assert code in (0, 7), (command, code)  # 7: the import leaves out what the files cannot say
"""


def test_every_command_works_where_posix_is_not(tmp_path: Path) -> None:
    """Without the modules, calls and signals that Windows lacks, and without an account's name."""
    command = [sys.executable, "-c", "import shutil, sys; shutil.copytree(sys.argv[1], 'state')\n" + WITHOUT_POSIX]
    done = subprocess.run(
        [*command, str(ROOT / "state")], cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert (done.returncode, "unforeseen" in done.stderr) == (0, False), done.stderr[-2000:]


def test_text_is_never_in_a_locales_encoding() -> None:
    """Each file that is opened as text says UTF-8, in the program and in its tests."""
    command = [sys.executable, "-m", "ruff", "check", "--quiet", "--preview", "--select", "PLW1514", "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_no_date_is_written_in_one_systems_way() -> None:
    """A day without its zero is %-d on one system and %#d on another."""
    ways = re.compile("%-d|%-m|%#d|%e ")
    assert [(path, way) for path in MODULES for way in ways.findall(path.read_text("utf-8"))] == []


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("state/staff.yaml", "centre/state/staff.yaml"),
        ("state\\cohorts\\a.yaml", "centre/state/cohorts/a.yaml"),
        ("D:\\repository\\state\\a.yaml", "state/a.yaml"),
        ("..\\..\\elsewhere.yaml", ""),
        ("C:\\kate\\a.yaml", ""),
        ("\\\\server\\share\\a.yaml", ""),
    ],
)
def test_an_annotation_names_a_file_of_windows_as_github_does(
    file: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With forward slashes; one on another drive lies outside."""
    monkeypatch.setattr(annotations, "os", type("Windows", (), {"path": ntpath, "sep": "\\"}))
    assert Workspace("D:\\repository\\centre", "D:\\repository").path_of(file) == told
