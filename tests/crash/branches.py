"""Cases whose store is on a branch: a remote on this disk, and a new clone of it for each run, as runners have."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from reconciler.commands.apply_run import ApplyResult
from tests.crash.harness import Case, Site
from tests.store.branches import git_url, new_remote


@dataclass
class BranchCase(Case):
    """A case over a branch. Every second run has a clone of its own; the others one that is older and older."""

    folder: Path = field(default_factory=Path)
    clones: int = 0

    @classmethod
    def on_branch(cls, site: Site, folder: Path) -> BranchCase:
        folder.mkdir(parents=True)
        new_remote(folder)
        return cls(site, git_url(folder), site.put_back(), folder=folder)

    def on_another_clone(self) -> None:
        self.clones += 1
        self.store_url = git_url(self.folder, f"{self.clones}" if self.clones % 2 else "old")

    def apply(self) -> ApplyResult:
        self.on_another_clone()
        return super().apply()
