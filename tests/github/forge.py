"""A stand-in for GitHub: what people and workflows do to one repository, kept in memory and in a bare git repository.

Commits, files and comparisons are git's own. Time is a counter of seconds that each deed moves on.
"""

from __future__ import annotations

import io
import subprocess
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

REPOSITORY = "centre/assignments"
BOT = "github-actions[bot]"
ADDRESSES = {f"{name}@people.invalid": name for name in ("ada", "ben", "cleo", "dan")} | {"bot@people.invalid": BOT}
PERMISSIONS = {"ada": "write", "ben": "write", "cleo": "admin", "dan": "read"}


@dataclass
class Text:
    """A comment or an issue: who wrote it, and who edited it last."""

    id: int
    author: str
    body: str
    updated_at: datetime
    editor: str | None = None
    title: str = ""
    state: str = "open"
    comments: list[str] = field(default_factory=list)
    assignees: list[str] = field(default_factory=list)

    def edit(self, who: str, body: str, now: datetime) -> None:
        if body != self.body:
            self.body, self.editor, self.updated_at = body, who, now


@dataclass
class PullRequest:
    number: int
    author: str
    branch: str
    head: str
    base: str = "main"
    base_commit: str = ""
    owner: str = REPOSITORY
    merge_commit: str | None = None
    merged_at: datetime | None = None
    title: str = ""
    body: str = ""
    comments: list[Text] = field(default_factory=list)
    reviews: list[dict[str, Any]] = field(default_factory=list)
    labels: set[str] = field(default_factory=set)
    closed: bool = False

    @property
    def state(self) -> str:
        return "MERGED" if self.merged_at else "CLOSED" if self.closed else "OPEN"


@dataclass
class Artifact:
    """What a run keeps: files in an archive, under a name that other runs may use as well."""

    id: int
    name: str
    head: str
    content: bytes
    expired: bool = False


class Forge:
    """`tokens` maps a token to its account and what it may do, such as {"pull-requests": "write"}."""

    def __init__(self, folder: Path) -> None:
        self.git_folder = folder / "origin.git"
        self.clock = datetime(2026, 11, 25, 9, tzinfo=UTC)
        self.pulls: dict[int, PullRequest] = {}
        self.issues: dict[int, Text] = {}
        self.artifacts: list[Artifact] = []
        self.tokens: dict[str, tuple[str, Mapping[str, str]]] = {}
        self.permissions = dict(PERMISSIONS)
        self.lets_workflows_open_pulls = True
        self.rules: dict[str, tuple[str, ...]] = {}  # types of the rules that a ruleset has for a branch
        self.protected: set[str] = set()  # branches with a protection that is no ruleset
        self._next = 1
        git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(self.git_folder))

    def now(self) -> datetime:
        self.clock += timedelta(seconds=1)
        return self.clock

    def number(self) -> int:
        self._next += 1
        return self._next - 1

    def keep(self, name: str, head: str, files: Mapping[str, bytes]) -> Artifact:
        """What a run keeps for later ones."""
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            for path, content in files.items():
                file.writestr(path, content)
        artifact = Artifact(self.number(), name, head, archive.getvalue())
        self.artifacts.append(artifact)
        return artifact

    # ------------------------------------------------------------------ what people do

    def open_pull(self, author: str, branch: str, owner: str = REPOSITORY) -> PullRequest:
        number = self.number()
        pull = PullRequest(number, author, branch, self.commit(branch), base_commit=self.commit("main"), owner=owner)
        self.pulls[number] = pull
        return pull

    def push(self, pull: PullRequest) -> None:
        """What a push to the branch means to its pull request."""
        pull.head = self.commit(pull.branch)

    def review(self, pull: PullRequest, who: str, state: str = "APPROVED", commit: str = "") -> None:
        review = {"user": who, "state": state, "commit": commit or pull.head, "at": self.now()}
        pull.reviews.append(review)

    def merge(self, pull: PullRequest) -> str:
        """Merge it, as the web page does, into what main is now; the new commit."""
        pull.base_commit = self.commit("main")
        pull.merge_commit = self.merged(pull)
        git(self.git_folder, "update-ref", "refs/heads/main", pull.merge_commit)
        pull.merged_at = self.now()
        return pull.merge_commit

    # ------------------------------------------------------------------ what git knows

    def commit(self, ref: str) -> str:
        return git(self.git_folder, "rev-parse", f"{ref}^{{commit}}").strip()

    def merged(self, pull: PullRequest) -> str:
        """The commit that refs/pull/N/merge stands at: main now, with the branch merged into it."""
        main = self.commit("main")
        tree = git(self.git_folder, "merge-tree", "--write-tree", main, pull.head).splitlines()[0]
        made = [*WEB_FLOW, "commit-tree", tree, "-p", main, "-p", pull.head, "-m", f"Merge {pull.number}"]
        merge = git(self.git_folder, *made).strip()
        git(self.git_folder, "update-ref", f"refs/pull/{pull.number}/merge", merge)
        return merge

    def files(self, since: str, until: str) -> list[dict[str, str]]:
        rows = git(self.git_folder, "diff", "--name-status", "-M", f"{since}...{until}").splitlines()
        found = []
        for status, *names in (row.split("\t") for row in rows):
            former = {"previous_filename": names[0]} if len(names) > 1 else {}
            found.append({"filename": names[-1], "status": status, **former})
        return found

    def commits(self, pull: PullRequest) -> list[tuple[str, str, str]]:
        """Each commit with the addresses of who wrote and who committed it."""
        rows = git(self.git_folder, "log", "--format=%H %ae %ce", f"{pull.base_commit}..{pull.head}").splitlines()
        return [(row[0], row[1], row[2]) for row in (line.split() for line in reversed(rows))]

    def move(self, ref: str, before: str, after: str) -> bool:
        """Move a branch if it is at the commit before, as git itself compares; no commit after means to remove it."""
        asked = ["git", "-C", str(self.git_folder), "update-ref", ref, after, before]
        if subprocess.run(asked, capture_output=True, check=False).returncode != 0:
            return False
        for pull in self.pulls.values():
            if pull.state == "OPEN" and f"refs/heads/{pull.branch}" == ref and self.has(f"heads/{pull.branch}"):
                self.push(pull)
        return True

    def has(self, ref: str) -> bool:
        asked = ["git", "-C", str(self.git_folder), "rev-parse", "--verify", "--quiet", f"refs/{ref}"]
        return subprocess.run(asked, capture_output=True, check=False).returncode == 0

    def commit_files(self, branch: str, message: str, kept: Mapping[str, bytes], gone: Sequence[str]) -> str:
        """A commit made by GitHub for whoever asks with a token of ours."""
        tree = self.git_folder.parent / f"tree-{self.number()}"
        git(self.git_folder, "worktree", "add", "--quiet", str(tree), branch)
        for name, content in kept.items():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_bytes(content)
        for name in gone:
            (tree / name).unlink()
        git(tree, "add", "--all")
        bot = ("-c", "user.name=bot", "-c", "user.email=bot@people.invalid")
        git(tree, *bot, "commit", "--quiet", "-m", message)
        git(self.git_folder, "worktree", "remove", str(tree))
        return self.commit(branch)

    def is_ancestor(self, old: str, new: str) -> bool:
        asked = ["git", "-C", str(self.git_folder), "merge-base", "--is-ancestor", old, new]
        return subprocess.run(asked, capture_output=True, check=False).returncode == 0


WEB_FLOW = ("-c", "user.name=GitHub", "-c", "user.email=noreply@github.invalid")


def git(folder: Path, *arguments: str) -> str:
    asked = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(asked, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, f"{asked}: {done.stderr}"
    return done.stdout
