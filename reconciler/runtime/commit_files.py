"""State files as a commit holds them: read as git objects, and compared with the working tree without a filter.

Attributes, filters, links and ignore rules do not count: a file is unchanged if the bytes that are read are those of a
plain file at the same path of the commit. Line ends may differ, because a checkout on Windows changes them.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import accumulate
from pathlib import Path, PurePath
from typing import NamedTuple

from reconciler.declared.folder import SIZE_CAP
from reconciler.git_program import enclosing_repository, git
from reconciler.model.plan import NO_GIT, GitState
from reconciler.problems import Invalid, Problem
from reconciler.runtime.git import commit_at, foreign_owner, refused

_PLAIN = ("100644", "100755", "100664")  # the last one is in old histories
_COHORTS = "cohorts"
_SUPERPROJECT = "--show-superproject-working-tree"
_FAILED = (OSError, ValueError, subprocess.SubprocessError)


class Entry(NamedTuple):
    """A name in a commit's tree: its mode as git writes it, and the object."""

    mode: str
    oid: str

    @property
    def is_plain(self) -> bool:
        return self.mode in _PLAIN


Tree = Mapping[str, Entry]


def git_state(state: Path, note: Callable[[str], None] | None = None) -> GitState:
    """Return the commit that is checked out, and whether each file that is read is as it holds it.

    *note* prints why git refuses the folder of another account.
    """
    try:
        if enclosing_repository(state) is None:
            return NO_GIT
        *superproject, commit = git(state, "rev-parse", _SUPERPROJECT, "HEAD^{commit}").splitlines()
        head = commit.decode("ascii")
        return GitState(head, bool(_differing(state, head, is_submodule=bool(superproject))))
    except _FAILED:
        if note and (problem := foreign_owner(state)):
            note(f"{problem.where}: {problem.severity}: {problem.what}\n  Fix: {problem.fix}")
        return NO_GIT


def changed_since(state: Path, ref: str) -> frozenset[str]:
    """Return the files that are read, relative to the state folder, and are not as `ref` holds them.

    Raises Invalid if git cannot tell.
    """
    commit = commit_at(state, ref)
    try:
        return _differing(state, commit, is_submodule=bool(git(state, "rev-parse", _SUPERPROJECT).strip()))
    except _FAILED as error:
        raise Invalid(refused(state, error) or _incomplete(ref)) from error


def differs_from(top: Path, commit: str) -> bool:
    """Return whether a file of the commit, at the top of its repository, is not the same in the working tree."""
    return any(_is_other(top, name, entry) for name, entry in _tree(top, commit).items() if entry.is_plain)


@contextmanager
def as_of(state: Path, ref: str) -> Iterator[Path]:
    """Lay the state folder as `ref` holds it out in a temporary place; empty if the commit has none.

    Files that are read have their content, every other name is empty. Raises Invalid if git cannot tell, or if a file
    that is read is no plain file there.
    """
    commit = commit_at(state, ref)
    try:
        tree = _tree(state, commit)
        content = _contents(state, {name: tree[name] for name in tree if _is_read(name) or name == _COHORTS}, ref)
    except _FAILED as error:
        raise Invalid(refused(state, error) or _incomplete(ref)) from error
    import tempfile  # for a command that compares with another commit, not for each start

    with tempfile.TemporaryDirectory(prefix="reconciler-base-") as folder:
        place = Path(folder) / state.absolute().name
        try:
            place.mkdir()
            _lay_out(place, tree, content)
        except OSError as error:
            raise Invalid(_no_room(ref, folder, error)) from error
        yield place


# ------------------------------------------------------------------ the commit's side


def _tree(state: Path, commit: str) -> Tree:
    """Return every file of the commit below the folder, by its path relative to it."""
    rows = git(state, "ls-tree", "-r", "-z", commit).split(b"\0")
    found: dict[str, Entry] = {}
    for row in filter(None, rows):
        kind, _, name = row.partition(b"\t")
        mode, _, oid = kind.decode("ascii").split(" ")
        found[name.decode("utf-8", "surrogateescape")] = Entry(mode, oid)
    return found


def _contents(state: Path, read: Tree, ref: str) -> dict[str, bytes | int]:
    """Return the bytes of each plain file, or its size alone if it is larger than any that is read."""
    for name, entry in read.items():
        if not entry.is_plain or PurePath(name).parts != tuple(name.split("/")):
            raise Invalid(_not_plain(name, ref))
    sizes = dict(zip(read, _sizes(state, [entry.oid for entry in read.values()]), strict=True))
    small = [name for name, size in sizes.items() if size <= SIZE_CAP]
    return sizes | dict(zip(small, _objects(state, [read[name].oid for name in small]), strict=True))


def _sizes(state: Path, oids: Iterable[str]) -> list[int]:
    rows = git(state, "cat-file", "--batch-check", given=_lines(oids)).splitlines()
    return [int(row.rpartition(b" ")[2]) for row in rows]  # an object that is missing ends in that word


def _objects(state: Path, oids: Iterable[str]) -> Iterator[bytes]:
    rest = git(state, "cat-file", "--batch", given=_lines(oids))
    while rest:
        head, _, rest = rest.partition(b"\n")
        size = int(head.split(b" ")[2])
        yield rest[:size]
        rest = rest[size + 1 :]


def _lines(oids: Iterable[str]) -> bytes:
    return "".join(f"{oid}\n" for oid in oids).encode("ascii")


def _lay_out(place: Path, tree: Tree, content: Mapping[str, bytes | int]) -> None:
    """Write what is read, and every other name that the folder would show."""
    if any(name.startswith(f"{_COHORTS}/") for name in tree):
        (place / _COHORTS).mkdir()
    for name in tree:
        parts = name.split("/")
        if name not in content and not any(part.startswith(".") for part in parts[:2]):
            with suppress(OSError):  # a name that this disk cannot hold was never read from it
                _placeholder(place, parts)
    for name, held in content.items():
        _write(place / name, held)


def _placeholder(place: Path, parts: Sequence[str]) -> None:
    if len(parts) == 1 or (len(parts) == 2 and parts[0] == _COHORTS):
        place.joinpath(*parts).touch()
    elif parts[0] == _COHORTS:
        place.joinpath(*parts[:2]).mkdir(exist_ok=True)


def _write(file: Path, held: bytes | int) -> None:
    with file.open("wb") as stream:
        if isinstance(held, int):
            stream.truncate(held)  # too large to be read: its size is all that counts
        else:
            stream.write(held)


# ------------------------------------------------------------------ the working tree's side


def _differing(state: Path, commit: str, *, is_submodule: bool) -> frozenset[str]:
    """Return the files that are not as the commit holds them: all, if other files decide which commit that is."""
    tree = {name: entry for name, entry in _tree(state, commit).items() if _is_read(name)}
    names = frozenset([*tree, *_present(state)])
    if is_submodule or _is_linked(state):
        return names
    return frozenset(name for name in names if name not in tree or _is_other(state, name, tree[name]))


def _is_read(name: str) -> bool:
    """Return whether the program reads the file of that path below the state folder."""
    if name in ("settings.yaml", "staff.yaml"):
        return True
    folder, _, last = name.partition("/")
    return folder == _COHORTS and last.endswith(".yaml") and not last.startswith(".") and "/" not in last


def _present(state: Path) -> Iterator[str]:
    for folder in ("", f"{_COHORTS}/"):
        with suppress(FileNotFoundError, NotADirectoryError):
            names = (f"{folder}{file.name}" for file in (state / folder).iterdir())
            yield from filter(_is_read, names)


def _is_other(top: Path, name: str, entry: Entry) -> bool:
    *_, file = below = [*accumulate(Path(name).parts, Path.joinpath, initial=top)][1:]
    if not entry.is_plain or any(place.is_symlink() for place in below):
        return True
    if not file.is_file() or file.stat().st_size > SIZE_CAP:
        return True
    held = file.read_bytes()
    forms = (held, held.replace(b"\r\n", b"\n")) if b"\r" in held else (held,)
    return all(entry.oid != _oid(form, entry.oid) for form in forms)


def _oid(content: bytes, like: str) -> str:
    """Return the name that git gives to a file of that content, by the same algorithm as another name."""
    digest = hashlib.sha256() if len(like) == 64 else hashlib.sha1(usedforsecurity=False)
    digest.update(b"blob %d\0" % len(content) + content)
    return digest.hexdigest()


def _is_linked(state: Path) -> bool:
    """Return whether the folder is a link that a repository may hold: a change of it changes every file."""
    place = state.absolute()
    return place.is_symlink() and enclosing_repository(place.parent) is not None


# ------------------------------------------------------------------ problems


def _not_plain(name: str, ref: str) -> Problem:
    what = f"{name} is not a plain file at {ref!r}: links and submodules of another commit are not read"
    return Problem(what, "Compare with a commit that contains only plain files.", where="git")


def _no_room(ref: str, folder: str, error: OSError) -> Problem:
    what = f"the files of {ref!r} cannot be laid out: {error.strerror or error}"
    return Problem(what, "Check the temporary folder's permissions and free space.", where=folder)


def _incomplete(ref: str) -> Problem:
    what = f"this clone does not hold all files of {ref!r}, and nothing is fetched while they are read"
    return Problem(what, "Clone without --filter, or fetch that commit whole first: git fetch --refetch.", where="git")
