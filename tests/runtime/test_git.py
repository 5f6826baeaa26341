"""The git program as it is started: with nothing of a hook, a copied folder or a secret."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler import git_program
from reconciler.problems import Invalid
from reconciler.runtime import git
from reconciler.runtime.commit_files import as_of, changed_since, git_state
from tests.runtime.repository import commit, mark, new_repository, run_git


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return new_repository(tmp_path / "centre")


def test_git_sees_no_secret(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repository's configuration could make it start a program, which would see what git sees."""
    fake = tmp_path / "bin" / "git"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\nenv\n")
    fake.chmod(0o700)
    monkeypatch.setenv("PATH", f"{fake.parent}{os.pathsep}{os.environ['PATH']}")
    for name in ("ONEFILE_CUSTOMER_TOKEN", "RECONCILER_STORE", "GITHUB_TOKEN", "GH_TOKEN", "CI_JOB_TOKEN"):
        monkeypatch.setenv(name, "s3cret-word")
    monkeypatch.setenv("LANGUAGE", "cy")
    shown = git_program.git(folder, "status").decode()
    assert "LANGUAGE=cy" in shown and "s3cret-word" not in shown


def test_the_variables_of_a_hook_name_no_other_repository(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a hook, and in a linked worktree, git sets variables that would lead every command elsewhere."""
    made = commit(folder)
    other = new_repository(tmp_path / "other")
    (other / "state/settings.yaml").write_text("version: 9\n", "utf-8")
    commit(other)
    leading = {
        "GIT_DIR": other / ".git",
        "GIT_WORK_TREE": other,
        "GIT_INDEX_FILE": other / ".git/index",
        "GIT_OBJECT_DIRECTORY": other / ".git/objects",
        "GIT_COMMON_DIR": other / ".git",
        "GIT_PREFIX": "state/",
        "GIT_CONFIG_PARAMETERS": "'core.worktree=/'",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.worktree",
        "GIT_CONFIG_VALUE_0": "/",
    }
    for name, value in leading.items():
        monkeypatch.setenv(name, str(value))
    assert git_state(folder / "state").commit == made
    assert changed_since(folder / "state", "HEAD") == frozenset()
    assert git.repository(folder / "state") == folder


def test_a_program_in_the_workspace_is_not_git(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever PATH names it first: by the repository's address, by an empty entry, by a dot, through a link."""
    made = commit(folder)
    left = mark(folder / "git", tmp_path / "ran")
    mark(folder / "state" / "git", tmp_path / "ran")
    (tmp_path / "linked").symlink_to(folder)
    monkeypatch.chdir(folder)
    for entry in (str(folder), str(folder / "state"), ".", "", "state", str(tmp_path / "linked")):
        monkeypatch.setenv("PATH", f"{entry}{os.pathsep}{os.environ['PATH']}")
        assert git_state(folder / "state").commit == made
    assert not left.exists()
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(Invalid, match="git is not installed here"):
        git.commit_at(folder, "HEAD")


CONFIGURED = {
    "core.fsmonitor": "{program}",
    "core.hooksPath": "{hooks}",
    "core.sshCommand": "{program}",
    "core.gitProxy": "{program}",
    "core.pager": "{program}",
    "core.editor": "{program}",
    "core.alternateRefsCommand": "{program}",
    "diff.external": "{program}",
    "diff.mark.textconv": "{program}",
    "diff.mark.command": "{program}",
    "filter.mark.clean": "{program}",
    "filter.mark.smudge": "{program}",
    "filter.mark.process": "{program}",
    "filter.mark.required": "true",
    "gpg.program": "{program}",
    "gpg.ssh.program": "{program}",
    "log.showSignature": "true",
    "credential.helper": "!{program}",
    "remote.origin.url": "ssh://nowhere.invalid/x",
    "remote.origin.uploadpack": "{program}",
    "remote.origin.promisor": "true",
    "remote.origin.partialclonefilter": "blob:none",
    "extensions.partialClone": "origin",
    "protocol.allow": "always",
    "protocol.ext.allow": "always",
    "protocol.file.allow": "always",
    "protocol.ssh.allow": "always",
    "alias.cat-file": "!{program}",
    "alias.ls-tree": "!{program}",
    "alias.rev-parse": "!{program}",
    "pager.ls-tree": "{program}",
    "submodule.recurse": "true",
    "status.submoduleSummary": "true",
}
REMOTES = ("ssh://nowhere.invalid/x", "ext::{program} %S", "mark::x", "{other}")


@pytest.mark.skipif(sys.platform == "win32", reason="the marks are shell scripts")
@pytest.mark.parametrize("remote", REMOTES)
def test_a_copied_folder_starts_nothing(
    folder: Path, tmp_path: Path, remote: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its configuration, hooks and attributes name programs for all that git can start; and an object is missing, which
    a partial clone would fetch."""
    program, hooks = tmp_path / "program", folder / ".git" / "hooks"
    left = mark(program, tmp_path / "ran")
    mark(tmp_path / "path" / "git-remote-mark", tmp_path / "ran")
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}{os.pathsep}{os.environ['PATH']}")
    other = new_repository(tmp_path / "other")
    first = commit(folder)
    (folder / "state/staff.yaml").write_text("version: 1\n", "utf-8")
    (folder / "state/.gitattributes").write_text("* filter=mark diff=mark\n", "utf-8")
    commit(folder)
    words = {"program": str(program), "hooks": str(hooks), "other": str(other)}
    for name, value in CONFIGURED.items():
        run_git(folder, "config", name, value.format(**words))
    run_git(folder, "config", "remote.origin.url", remote.format(**words))
    if remote == "mark::x":
        run_git(folder, "config", "remote.origin.vcs", "mark")
    for name in ("post-index-change", "post-checkout", "reference-transaction", "pre-auto-gc", "post-rewrite"):
        mark(hooks / name, tmp_path / "ran")
    (folder / ".git/info").mkdir(exist_ok=True)
    (folder / ".git/info/attributes").write_text("* filter=mark diff=mark\n", "utf-8")
    (folder / "state/staff.yaml").write_text("version: 1 # changed\n", "utf-8")
    subprocess.run(["git", "-C", str(folder), "status"], capture_output=True, check=False)
    assert left.exists(), "git itself would have run it"
    left.unlink()

    state = folder / "state"
    assert git_state(state).uncommitted
    assert changed_since(state, "HEAD") == {"staff.yaml"}
    with as_of(state, first) as base:
        assert (base / "staff.yaml").read_bytes() == b""
    missing = run_git(folder, "rev-parse", f"{first}:state/cohorts/a.yaml")
    (folder / ".git/objects" / missing[:2] / missing[2:]).unlink()
    with pytest.raises(Invalid, match="does not hold all files"), as_of(state, first):
        pass
    git.repository(state)
    git.foreign_owner(state)
    assert not left.exists()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_owner_is_refused_in_gits_words(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the way to trust it; and trusting it, in the environment too, is enough."""
    made = commit(folder)
    for place in (folder, *folder.rglob("*")):
        os.chown(place, 1000, 1000)
    with pytest.raises(Invalid) as refusal:
        changed_since(folder / "state", "HEAD")
    (problem,) = refusal.value.problems
    assert "dubious ownership" in problem.what
    assert f"--add safe.directory {folder}" in problem.fix
    warning = git.foreign_owner(folder / "state")
    assert warning and warning.severity == "warning" and "No commit is recorded" in warning.what
    trust = {"COUNT": "2", "KEY_0": "alias.x", "VALUE_0": "!x", "KEY_1": "safe.directory", "VALUE_1": str(folder)}
    for name, value in trust.items():
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    assert git_state(folder / "state").commit == made
    assert git.foreign_owner(folder / "state") is None


def test_outside_a_repository_is_what_git_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not that a commit is unknown."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(Invalid, match="git finds no repository here: not a git repository"):
        git.commit_at(tmp_path, "HEAD")
    assert git.foreign_owner(tmp_path) is None
