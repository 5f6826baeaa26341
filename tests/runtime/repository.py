"""Small git repositories with a state folder, and programs that leave a mark if anything runs them."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

AUTHOR = ("-c", "user.name=Nora", "-c", "user.email=nora@centre.example", "-c", "maintenance.auto=false")


def new_repository(folder: Path) -> Path:
    """Make a repository with one cohort and no commit."""
    (folder / "state/cohorts").mkdir(parents=True)
    for name in ("settings.yaml", "staff.yaml", "cohorts/a.yaml"):
        (folder / "state" / name).write_text("", encoding="utf-8")
    (folder / ".gitignore").write_text("*private*\n", encoding="utf-8")
    run_git(folder, "init", "--quiet", "--template=", "-b", "main")
    return folder


def run_git(folder: Path, *arguments: str) -> str:
    """Run git as a person does; return its output without the last line's end."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", *AUTHOR, "-C", str(folder), *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=clean)
    return done.stdout.rstrip("\n")


def commit(folder: Path) -> str:
    """Commit everything; return the commit."""
    run_git(folder, "add", "--all")
    run_git(folder, "commit", "--quiet", "--allow-empty", "--message", "Declare")
    return run_git(folder, "rev-parse", "HEAD")


def mark(program: Path, left: Path) -> Path:
    """Write a program that fails and leaves a file; return that file."""
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(f'#!/bin/sh\necho "$0" >> {shlex.quote(str(left))}\nexit 1\n', "utf-8")
    program.chmod(0o755)
    return left
