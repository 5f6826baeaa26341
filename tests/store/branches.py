"""Branches of real repositories on this disk, and clones of them: what stores on a branch are tested with."""

from __future__ import annotations

import os
import subprocess
import zipfile
from pathlib import Path

from reconciler.store.git.address import GitAddress

BRANCH = "onefile-record"


def new_remote(folder: Path) -> Path:
    """Make a bare repository that takes pushes, as a server keeps it."""
    remote = folder / "remote.git"
    if not remote.exists():
        run_git("init", "--quiet", "--bare", "--template=", str(remote))
    return remote


def git_url(folder: Path, clone: str = "here", remote: str = "") -> str:
    """Return the address of a store on a branch; each clone has a cache of its own, as each machine has."""
    place = remote or new_remote(folder).as_uri()
    return GitAddress(BRANCH, place, cache=str(folder / f"cache-{clone}")).url()


def run_git(*arguments: str, folder: Path | None = None) -> str:
    """Run git as a person would, with nothing of this machine's configuration."""
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    surroundings |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    surroundings |= {
        f"GIT_{who}_{what}": "kate@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    done = subprocess.run(["git", *arguments], cwd=folder, env=surroundings, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def tip(folder: Path) -> str:
    return run_git("rev-parse", BRANCH, folder=folder / "remote.git")


def files(folder: Path) -> dict[str, str]:
    """Every file of the branch with its text."""
    archive = folder / "branch.zip"
    run_git("archive", f"--output={archive}", BRANCH, folder=folder / "remote.git")
    with zipfile.ZipFile(archive) as packed:
        names = [name for name in packed.namelist() if not name.endswith("/")]
        return {name: packed.read(name).decode("utf-8").strip() for name in names}
