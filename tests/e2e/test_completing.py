"""Completion in shells: commands, options, cohorts, targets and runs, quickly and without an error."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete

from reconciler.cli.completion import SHELLS, runs_in
from reconciler.cli.main import cli
from tests.e2e.user import Home

SCRIPTS = sysconfig.get_path("scripts")


def completed(*words: str) -> list[str]:
    """What would be offered for the last word."""
    shell = ShellComplete(cli, {}, "reconciler", "_RECONCILER_COMPLETE")
    return [item.value for item in shell.get_completions(list(words[:-1]), words[-1])]


def test_commands_and_options_are_completed() -> None:
    """By how they begin."""
    assert completed("re") == ["replace", "revert"]
    assert completed("--v") == ["--version"]
    assert completed("plan", "--detailed") == ["--detailed-exitcode"]
    assert completed("plan", "--format", "a") == ["annotations"]


def test_cohorts_and_targets_are_completed(home: Home, tmp_path: Path) -> None:
    """Of the folder that --state names; what is in the files is not looked at."""
    home.declare()
    elsewhere = tmp_path / "other" / "cohorts"
    elsewhere.mkdir(parents=True)
    (elsewhere / "care-l3-2026.yaml").write_text("\0 no YAML", "utf-8")
    assert completed("plan", "--cohort", "") == ["c1"]
    assert completed("plan", "--state", str(elsewhere.parent), "--cohort", "care") == ["care-l3-2026"]
    assert completed("plan", "--state", "nowhere", "--cohort", "") == []
    assert completed("plan", "--target", "") == ["sandbox", "beta", "practice", "live"]


def test_the_newest_runs_are_completed(home: Home, tmp_path: Path) -> None:
    """From a store that is a file; nothing is made where there is none, and what is no store is nothing."""
    assert completed("history", "") == [] and not (home.path / ".reconciler").exists()
    home.declare()
    assert home.run("apply", "--auto-approve").code == 0
    home.run("apply", "--auto-approve")
    assert completed("revert", "") == ["2", "1"]
    assert completed("history", "1") == ["1"]
    ((_, what),) = runs_in(home.path / ".reconciler" / "store.db", most=1)
    assert what.startswith("apply") and what.endswith(" UTC")
    (tmp_path / "other.db").write_text("no store", "utf-8")
    assert completed("history", "--store", str(tmp_path / "other.db"), "") == []
    assert completed("history", "--store", "postgresql://nobody@nowhere.invalid/x", "") == []


def test_completing_loads_nothing_heavy() -> None:
    """Commands by name need no command's module; cohorts and targets need no library but click."""
    program = (
        "import sys; from click.shell_completion import ShellComplete; from reconciler.cli.main import cli\n"
        "shell = ShellComplete(cli, {}, 'reconciler', '_X')\n"
        "shell.get_completions([], ''); print(*(n for n in sys.modules if n.startswith('reconciler.cli.')))\n"
        "shell.get_completions(['plan', '--cohort'], ''); shell.get_completions(['plan', '--target'], '')\n"
        "shell.get_completions(['history'], ''); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    first, last = (set(line.split()) for line in done.stdout.splitlines())
    assert "reconciler.cli.commands" not in first
    assert not last & {"httpx", "yaml", "jsonschema", "rich", "jinja2", "starlette"}


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_gets_a_script_of_its_own(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Which asks this program, by click's protocol."""
    with pytest.raises(click.exceptions.Exit):
        cli.make_context("reconciler", ["--completion", shell])
    said = capsys.readouterr().out
    assert f"_RECONCILER_COMPLETE={shell}_complete" in said
    words = {"bash": ("COMP_WORDS", "COMP_CWORD"), "zsh": ("COMP_WORDS", "COMP_CWORD"), "fish": ("COMP_WORDS",)}
    assert all(word in said for word in words[shell])


_LINES = {  # what somebody types, and how each shell is brought to complete it
    "bash": 'eval "$(reconciler --completion bash)"; COMP_WORDS=(reconciler plan --cohort ""); COMP_CWORD=3; '
    'COMPREPLY=(); _reconciler_completion reconciler; printf "%s\\n" "${COMPREPLY[@]}"',
    "zsh": 'autoload -U compinit; compinit -u -D; eval "$(reconciler --completion zsh)"; '
    'compadd() { print -l -- $completions }; words=(reconciler plan --cohort ""); CURRENT=4; _reconciler_completion',
    "fish": 'reconciler --completion fish | source; complete -C "reconciler plan --cohort "',
}


@pytest.mark.parametrize("shell", [name for name in SHELLS if shutil.which(name)])
def test_a_real_shell_completes_a_cohort(shell: str, home: Home) -> None:
    """Every shell that this machine has, with the line that the help tells."""
    home.declare()
    surroundings = {**os.environ, "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"}
    plain = {"bash": ["--norc", "--noprofile"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
    asked = [shell, *plain, "-c", _LINES[shell]]
    done = subprocess.run(asked, cwd=home.path, env=surroundings, capture_output=True, text=True, check=False)
    assert "c1" in done.stdout.split(), done.stdout + done.stderr
