"""Build hooks: the commit and the repository that a distribution is built from, and the groups of a working copy."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

NAME = "built.json"
PLACES = {"wheel": f"reconciler/data/{NAME}", "sdist": NAME}
COMMIT, REPOSITORY = "RECONCILER_BUILD_COMMIT", "RECONCILER_BUILD_REPOSITORY"
"""Variables for a build without git, as in GitHub's action: a full commit id, and the repository's address."""
_ADDRESS = re.compile(r"(?:https://(?:[^@/]*@)?|(?:ssh://)?git@)([\w.-]+)[:/]([\w./~-]+?)(?:\.git)?/?")
_LINK = re.compile(r"(?<!!)\[([^\]\n]*)\]\((?![a-z]+:|#)([^)\s]+)\)")


class SourceHook(MetadataHookInterface):
    """Sets the project's addresses, and makes the README's links work outside the repository."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set `urls` and `readme` in the project's metadata."""
        root = Path(self.root)
        repository = _repository(root)
        commit = (_source(root) or {}).get("commit", "HEAD")
        metadata["urls"] = _urls(repository) if repository else {}
        text = _absolute((root / "README.md").read_text("utf-8"), f"{repository}/blob/{commit}" if repository else "")
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


class CommitHook(BuildHookInterface):  # type: ignore[type-arg]
    """Stores the commit in a wheel or source distribution; adds the groups to an editable installation.

    An editable installation asks git for its commit each time.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the note of the commit to the distribution, or the groups as extras."""
        if version == "editable":
            groups: dict[str, list[Any]] = self.metadata.config["dependency-groups"]
            self.metadata.core.optional_dependencies.update({name: _members(groups, name) for name in groups})
            return
        if self.target_name not in PLACES:
            return
        root = Path(self.root)
        if (root / NAME).is_file():  # unpacked from a source distribution, which has the note already
            note = root / NAME
        elif source := _source(root):
            note = Path(tempfile.mkdtemp(prefix="reconciler-build-"), NAME)
            note.write_text(json.dumps(source) + "\n", "utf-8")
            self._note = note
        else:
            return
        build_data["force_include"][str(note)] = PLACES[self.target_name]

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Remove the temporary note."""
        if note := getattr(self, "_note", None):
            note.unlink()
            note.parent.rmdir()


def _members(groups: dict[str, list[Any]], name: str) -> list[str]:
    """Return the requirements of a dependency group, with those of the groups that it includes."""
    members: list[str] = []
    for member in groups[name]:
        members += [member] if isinstance(member, str) else _members(groups, member["include-group"])
    return members


def _source(root: Path) -> dict[str, Any] | None:
    """Return the commit, its date, and if files that git knows have changed; None if nothing is known."""
    if not (root / ".git").exists():  # a repository around this folder is another one
        commit = os.environ.get(COMMIT, "")
        return {"commit": commit, "date": "", "changed": False} if re.fullmatch(r"[0-9a-f]{40}", commit) else None
    try:
        commit, date = _git(root, "log", "-1", "--format=%H %cs").split()
        return {"commit": commit, "date": date, "changed": bool(_git(root, "status", "--porcelain", "-uno"))}
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def _repository(root: Path) -> str:
    """Return the https address of the repository, without credentials; empty if there is none."""
    address = os.environ.get(REPOSITORY, "")
    if (root / ".git").exists():
        try:
            address = _git(root, "remote", "get-url", "origin")
        except (OSError, subprocess.SubprocessError):
            return ""
    match = _ADDRESS.fullmatch(address)
    return f"https://{match[1]}/{match[2]}" if match else ""


def _urls(repository: str) -> dict[str, str]:
    return {
        "Repository": repository,
        "Documentation": f"{repository}/blob/HEAD/docs/index.md",
        "Changelog": f"{repository}/blob/HEAD/CHANGELOG.md",
        "Issues": f"{repository}/issues",
    }


def _absolute(text: str, base: str) -> str:
    """Point each relative link below *base*; without a base, keep only the link's text."""
    return _LINK.sub(lambda match: f"[{match[1]}]({base}/{match[2]})" if base else match[1], text)


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True, timeout=60)  # noqa: S603, S607
    return done.stdout.strip()
