"""Whoever reads a page and types what it shows: one folder, one clock, commands in this process where that can be.

The centre is the invented one in state/, committed; the OneFile of every target is the embedded sandbox. The clock
stands still while a command runs and moves a little after it, so that what is printed is the same on every day.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler.cli.main import run
from reconciler.clock import SystemClock
from reconciler.doctor import local as machine
from reconciler.onefile.targets import HOSTS, Target, resolve_target
from reconciler.runtime import state_files as newfiles
from reconciler.runtime import target as targets
from tests.e2e.user import OURS, TOKEN, new_folder
from tests.pages import EXAMPLES, Block, Written, command_lines, steady
from tests.shell import said_by

ROOT = Path(__file__).parent.parent
START = datetime(2026, 11, 30, 9, tzinfo=UTC)
TOKEN_IS_READ = "read -rs ONEFILE_CUSTOMER_TOKEN && export ONEFILE_CUSTOMER_TOKEN"
_SHELL = re.compile(r"[|&;<>$`(){}*]")
_ENDS = re.compile(r"\s#.*\bexit (\d)\b.*$")
_PASSES = re.compile(r"(\d+) (hours?|days?) pass(?:es)?$")
_WHO = {
    "LOGNAME": "sam",
    "GIT_AUTHOR_NAME": "Sam",
    "GIT_AUTHOR_EMAIL": "sam@centre.example",
    "GIT_COMMITTER_NAME": "Sam",
    "GIT_COMMITTER_EMAIL": "sam@centre.example",
    "GIT_AUTHOR_DATE": "2026-11-30T09:00:00Z",
    "GIT_COMMITTER_DATE": "2026-11-30T09:00:00Z",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "COLUMNS": "100",
    "PYTHONUTF8": "1",
}


class _Keyboard(io.StringIO):
    """Somebody who says yes to every question, and whose answer is seen."""

    def __init__(self, screen: io.StringIO) -> None:
        super().__init__()
        self._screen = screen

    def isatty(self) -> bool:
        return True

    def readline(self, *_: int) -> str:  # type: ignore[override]
        self._screen.write("y\n")
        return "y\n"


class Desk:
    """One reader's folder and terminal."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._patch = patch
        self._now = START
        patch.setattr(SystemClock, "now", lambda _clock: self._now)
        for module in (targets, machine, newfiles):
            patch.setattr(module, "resolve_target", _embedded)

    def type(self, line: str) -> str:
        """What the terminal shows after this line. It must end as its comment says, `# exit 2: …`, else with 0."""
        ends = _ENDS.search(line)
        if passes := _PASSES.fullmatch(line):
            self._now += timedelta(**{passes[2].rstrip("s") + "s": int(passes[1])})
            return ""
        command = line[: ends.start()] if ends else line
        if command.startswith("cd "):
            self.folder /= command.removeprefix("cd ")
            self._patch.chdir(self.folder)
            return ""
        if command == TOKEN_IS_READ:
            self._patch.setenv("ONEFILE_CUSTOMER_TOKEN", TOKEN)
            return ""
        words = [] if _SHELL.search(command) else shlex.split(command, comments=True)
        code, shown = self._ours(words[1:]) if words[:1] == ["reconciler"] else self._shell(command)
        assert code == (int(ends[1]) if ends else 0), f"{line}\nended with {code}:\n{shown}"
        self._now += timedelta(minutes=1)
        return shown

    def _ours(self, arguments: list[str]) -> tuple[int, str]:
        screen = io.StringIO()
        with redirect_stdout(screen), redirect_stderr(screen), pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdin", _Keyboard(screen))
            code = run(arguments)
        return int(code), screen.getvalue()

    def _shell(self, command: str) -> tuple[int, str]:
        """Another program's line. One of ours stands on a line of its own, where no target is a real one."""
        assert not re.search(r"\breconciler [a-z-]", command), command
        done = said_by(["bash", "-c", command], self.folder)
        return done.returncode, done.stdout

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8", newline="\n")


def _embedded(name_or_url: str, env_url: str | None) -> Target:
    """The sandbox in this process for every name: nothing is sent anywhere."""
    if name_or_url in HOSTS and not env_url:
        return Target(name_or_url, "", embedded=True)
    return resolve_target(name_or_url, env_url)


def read_through(page: Written) -> Iterator[tuple[Block, str]]:
    """Everything that the page shows, done in its order; each console block comes back with what it shows now."""
    with at_the_desk(empty=page.begins_empty) as desk:
        for block in page.blocks:
            for line in block.before:
                desk.type(line)
            if block.excuse is not None:
                continue
            if block.title and block.language != "console":
                desk.write(block.title, block.text)
            if block.language == "sh":
                for line in command_lines(block.text):
                    desk.type(line)
            elif block.language == "console":
                typed = [line for line in block.text.splitlines() if line.startswith("$ ")]
                yield block, "".join(f"{line}\n{desk.type(line.removeprefix('$ '))}" for line in typed)


def renew(page: Written) -> None:
    """Put into the page's console blocks what they show now, and into others the example that they are."""
    lines = page.path.read_text("utf-8").splitlines(keepends=True)
    examples = [block for block in page.blocks if block.title.startswith(EXAMPLES)]
    found = [*read_through(page), *((block, (ROOT / block.title).read_text("utf-8")) for block in examples)]
    for block, shown in sorted(found, key=lambda one: one[0].first, reverse=True):
        if steady(block.text) == steady(shown):
            continue
        lines[block.first + 1 : block.end - 1] = [shown]
    page.path.write_text("".join(lines), "utf-8", newline="\n")


@contextmanager
def at_the_desk(*, empty: bool) -> Iterator[Desk]:
    """A reader in a folder that holds the invented centre, committed; or nothing."""
    with new_folder() as folder, pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith(OURS):
                patch.delenv(name)
        for name, value in _WHO.items():
            patch.setenv(name, value)
        patch.chdir(folder)
        desk = Desk(folder, patch)
        if not empty:
            shutil.copytree(ROOT / "state", folder / "state")
            desk.write(".gitignore", ".reconciler/\n")
            desk.type("git init -q -b main && git add . && git commit -q -m 'As it is'")
        yield desk
