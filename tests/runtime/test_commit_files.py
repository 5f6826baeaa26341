"""State files as a commit holds them: compared and read byte for byte, whatever attributes and links say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model.plan import NO_GIT, GitState
from reconciler.problems import Invalid
from reconciler.runtime.commit_files import as_of, changed_since, git_state
from tests.marks import examples
from tests.runtime.repository import commit, new_repository, run_git

READ = ("settings.yaml", "staff.yaml", "cohorts/a.yaml", "cohorts/b.yaml")

CHANGES: dict[str, tuple[str, str, bool]] = {
    "nothing else": ("", "", False),
    "a file that is read": ("state/settings.yaml", "version: 1", True),
    "a new cohort": ("state/cohorts/b.yaml", "", True),
    "a cohort that git ignores": ("state/cohorts/# private.yaml", "", True),
    "what nobody reads": ("state/cohorts/notes.txt", "", False),
    "a hidden file": ("state/cohorts/.#a.yaml", "", False),
    "a file outside": ("README.md", "", False),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return new_repository(tmp_path / "centre")


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_commit_stands_for_the_files_that_are_read(folder: Path, change: tuple[str, str, bool]) -> None:
    """Whatever is changed, added or ignored beside them."""
    made = commit(folder)
    name, text, differs = change
    if name:
        (folder / name).write_text(text, encoding="utf-8")
    assert git_state(folder / "state") == GitState(made, differs)
    assert bool(changed_since(folder / "state", "HEAD")) == differs


def linked_file(folder: Path) -> None:
    (folder / "shared.yaml").write_text("", "utf-8")
    (folder / "state/cohorts/a.yaml").unlink()
    (folder / "state/cohorts/a.yaml").symlink_to("../../shared.yaml")


def linked_folder(folder: Path) -> None:
    (folder / "state/cohorts").rename(folder / "cohorts")
    (folder / "state/cohorts").symlink_to("../cohorts")


def linked_state(folder: Path) -> None:
    (folder / "state").rename(folder / "real")
    (folder / "state").symlink_to("real")


def submodule(folder: Path) -> None:
    inner = new_repository(folder / "state/cohorts/inner")
    for file in (inner / "state/cohorts").iterdir():
        file.rename(inner / file.name)
    commit(inner)
    (folder / "state/cohorts/a.yaml").unlink()
    (folder / "state/cohorts").rename(folder / "old")
    (folder / "old/inner").rename(folder / "state/cohorts")


def hidden_by_the_index(folder: Path) -> None:
    commit(folder)
    run_git(folder, "update-index", "--assume-unchanged", "state/cohorts/a.yaml")
    (folder / "state/cohorts/a.yaml").write_text("version: 2\n", "utf-8")


def filtered(folder: Path) -> None:
    """A filter that makes every change look clean."""
    (folder / "state/.gitattributes").write_text("*.yaml filter=same\n", "utf-8")
    run_git(folder, "config", "filter.same.clean", "printf ''")
    commit(folder)
    (folder / "state/cohorts/a.yaml").write_text("version: 2\n", "utf-8")


@pytest.mark.parametrize(
    "arrange", [linked_file, linked_folder, linked_state, submodule, hidden_by_the_index, filtered]
)
def test_what_the_commit_does_not_hold_itself_counts_as_changed(folder: Path, arrange: Callable[[Path], None]) -> None:
    """Links, submodules, and what git was told to overlook, committed or not."""
    arrange(folder)
    commit(folder)
    if arrange is hidden_by_the_index or arrange is filtered:
        assert run_git(folder, "status", "--porcelain") == "", "git itself shows nothing"
    assert git_state(folder / "state").uncommitted
    assert "cohorts/a.yaml" in changed_since(folder / "state", "HEAD")


def test_a_state_folder_that_is_a_submodule_counts_as_changed(tmp_path: Path) -> None:
    """Another repository decides which commit of it is checked out."""
    outer, inner = new_repository(tmp_path / "outer"), new_repository(tmp_path / "inner")
    commit(inner)
    run_git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "inside")
    commit(outer)
    assert git_state(outer / "inside/state").uncommitted
    assert changed_since(outer / "inside/state", "HEAD") == set(READ[:3])


def test_a_commit_without_a_branch_is_one(folder: Path) -> None:
    """As a pipeline checks it out."""
    made = commit(folder)
    run_git(folder, "checkout", "--quiet", "--detach")
    assert git_state(folder / "state") == GitState(made, False)


@pytest.mark.parametrize("outside", [False, True], ids=["before", "outside"])
def test_before_a_first_commit_and_outside_git_nothing_is_claimed(folder: Path, outside: bool) -> None:
    """No commit, and not that its files are clean."""
    if outside:
        (folder / ".git").rename(folder / "git")
    assert git_state(folder / "state") == NO_GIT


def test_line_ends_of_a_checkout_are_no_change(folder: Path) -> None:
    """Git for Windows writes others than the commit holds."""
    (folder / "state/staff.yaml").write_bytes(b"version: 1\nstaff: {}\n")
    made = commit(folder)
    (folder / "state/staff.yaml").write_bytes(b"version: 1\r\nstaff: {}\r\n")
    assert git_state(folder / "state") == GitState(made, False)


ATTRIBUTES = (
    *("export-ignore", "export-subst", "ident", "text eol=crlf", "-text", "working-tree-encoding=UTF-16"),
    *("binary", "filter=lost", "diff=lost", "merge=ours", "linguist-generated", "-diff"),
)
CONTENT = st.sampled_from(
    [
        b"",
        b"version: 1\n",
        b"# $Format:%H%n%B$\n",
        b"a: $Id$\n",
        b"a: 1\r\n",
        b"\xff\x00",
        b"# \xe2\x80\xa8x\n",
        b"x" * 70_000,
    ]
)


@settings(max_examples=examples(12))
@given(
    held=st.dictionaries(st.sampled_from(READ), CONTENT),
    later=st.dictionaries(st.sampled_from(READ), CONTENT),
    rules=st.lists(st.tuples(st.sampled_from(["*", *READ, "cohorts/**"]), st.sampled_from(ATTRIBUTES)), max_size=4),
    committed=st.booleans(),
)
def test_files_of_another_commit_are_read_as_they_are(
    tmp_path_factory: pytest.TempPathFactory,
    held: dict[str, bytes],
    later: dict[str, bytes],
    rules: list[tuple[str, str]],
    committed: bool,
) -> None:
    """Every byte and no name missing, and only other bytes differ: with any attributes, committed or not."""
    folder = new_repository(tmp_path_factory.mktemp("any") / "centre")
    state = folder / "state"
    for name in READ:
        (state / name).unlink(missing_ok=True)
    write(folder, held)
    text = "".join(f"{pattern} {attribute}\n" for pattern, attribute in rules)
    place = state / ".gitattributes" if committed else folder / ".git/info/attributes"
    made = commit_bytes(folder, held)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, "utf-8")
    for name in held:
        (state / name).unlink()
    write(folder, later)
    with as_of(state, made) as base:
        assert {name: (base / name).read_bytes() for name in READ if (base / name).exists()} == held
    same_ends = {name: content.replace(b"\r\n", b"\n") for name, content in later.items()}
    expected = {
        name for name in {*held, *later} if later.get(name) != held.get(name) and same_ends.get(name) != held.get(name)
    }
    assert changed_since(state, made) == expected


def write(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (folder / "state" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "state" / name).write_bytes(content)


def commit_bytes(folder: Path, files: dict[str, bytes]) -> str:
    """Commit those bytes exactly; return the commit."""
    for name in files:
        made = run_git(folder, "hash-object", "-w", "--no-filters", f"state/{name}")
        run_git(folder, "update-index", "--add", "--cacheinfo", f"100644,{made},state/{name}")
    run_git(folder, "commit", "--quiet", "--allow-empty", "--message", "Declare")
    return run_git(folder, "rev-parse", "HEAD")


def test_every_name_that_a_check_would_see_is_there(folder: Path) -> None:
    """A file with a wrong ending or in a folder too deep is as much a fault of the base as it is here."""
    for name in ("state/settings.yml", "state/cohorts/b.yml", "state/cohorts/deep/c.yaml", "state/cohorts/.hidden"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("x: 1\n", "utf-8")
    made = commit(folder)
    with as_of(folder / "state", made) as base:
        names = {file.relative_to(base).as_posix() for file in base.rglob("*")}
    assert names == {
        *("settings.yaml", "staff.yaml", "settings.yml"),
        *("cohorts", "cohorts/a.yaml", "cohorts/b.yml", "cohorts/deep"),
    }


def test_a_folder_that_a_commit_lacks_is_empty(folder: Path) -> None:
    """Before the state folder was there."""
    (folder / "state").rename(folder / "aside")
    made = commit(folder)
    (folder / "aside").rename(folder / "state")
    with as_of(folder / "state", made) as base:
        assert list(base.iterdir()) == []


@pytest.mark.parametrize("arrange", [linked_file, linked_folder, submodule])
def test_a_link_of_another_commit_is_not_followed(folder: Path, arrange: Callable[[Path], None]) -> None:
    """It could lead anywhere on this machine."""
    arrange(folder)
    made = commit(folder)
    with pytest.raises(Invalid, match="is not a plain file at"), as_of(folder / "state", made):
        pass


def test_objects_that_stand_in_for_others_are_not_read(folder: Path) -> None:
    """`git replace` shows other content under the same name."""
    made = commit(folder)
    (folder / "other").write_text("version: 9\n", "utf-8")
    other = run_git(folder, "hash-object", "-w", "other")
    run_git(folder, "replace", run_git(folder, "rev-parse", "HEAD:state/staff.yaml"), other)
    with as_of(folder / "state", made) as base:
        assert (base / "staff.yaml").read_bytes() == b""


def test_a_file_too_large_to_be_read_is_not_fetched_from_the_commit(folder: Path) -> None:
    """Its size is kept, which is all that the check of the base needs."""
    (folder / "state/cohorts/b.yaml").write_bytes(b"#" * 20_000_001)
    made = commit(folder)
    with as_of(folder / "state", made) as base:
        assert (base / "cohorts/b.yaml").stat().st_size == 20_000_001
        assert (base / "cohorts/b.yaml").read_bytes()[:1] == b"\0"
