"""Write into each wheel and source distribution which commit it was made from, as far as git can tell."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NAME = "built.json"
PLACES = {"wheel": f"reconciler/data/{NAME}", "sdist": NAME}


class CommitHook(BuildHookInterface):  # type: ignore[type-arg]
    """An editable installation gets no note: there, git is asked when somebody wants to know."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable" or self.target_name not in PLACES:
            return
        root = Path(self.root)
        if (root / NAME).is_file():  # unpacked from a source distribution, which has it from where it was made
            note = root / NAME
        elif made_from := _made_from(root):
            note = Path(tempfile.mkdtemp(prefix="reconciler-build-"), NAME)
            note.write_text(json.dumps(made_from) + "\n", "utf-8")
            self._made = note
        else:
            return
        build_data["force_include"][str(note)] = PLACES[self.target_name]

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        if note := getattr(self, "_made", None):
            note.unlink()
            note.parent.rmdir()


def _made_from(root: Path) -> dict[str, object] | None:
    """The commit, its date, and whether files that git knows are not as they are there. None without git."""
    if not (root / ".git").exists():  # a repository that this only lies in is not its own
        return None
    try:
        commit, date = _git(root, "log", "-1", "--format=%H %cs").split()
        return {"commit": commit, "date": date, "changed": bool(_git(root, "status", "--porcelain", "-uno"))}
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True, timeout=60)  # noqa: S603, S607
    return done.stdout.strip()
