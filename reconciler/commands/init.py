"""init: the files of a repository to begin with, from those that the program ships; written all or none."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Literal, NamedTuple

from reconciler.model.structs import Struct, field
from reconciler.problems import Invalid, Problem, Source
from reconciler.resources import resource
from reconciler.runtime import git
from reconciler.runtime.files import text_at
from reconciler.runtime.schema_copies import SCHEMAS
from reconciler.runtime.state_files import write_new

DISTRIBUTION = "onefile-reconciler"
WORKFLOWS = tuple(f".github/workflows/{name}.yml" for name in ("plan", "apply", "drift", "adopt"))
GUIDE = "docs/how-to/github.md"

_OURS = "./ # zizmor: ignore[self-repository] understood by every server"
_TO_USE_IT = re.compile(rf"^# To use it elsewhere, .*{re.escape(GUIDE)} tells how\.$", re.MULTILINE)
_ADDRESS = re.compile(r"https://[A-Za-z0-9.-]+(?::\d+)?(?:/[A-Za-z0-9_.~-]+)*/[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")
_COMMIT = re.compile(r"[0-9a-f]{40}")


class Origin(NamedTuple):
    """Where pipelines take this program from: a repository's address, and a commit of it."""

    repository: str
    commit: str

    @property
    def action(self) -> str:
        """As a workflow on GitHub names it."""
        owner, name = self.repository.split("/")[-2:]
        return f"{owner}/{name}@{self.commit}"


class InitOptions(Struct, frozen=True):
    """What the command line asks for. *keep* are files of the user's that stay as they are; *origin* is None where
    nobody knows it yet."""

    folder: Path
    organisation: int
    ci: Literal["github", "gitlab", "none"]
    begin_with: Literal["example", "import"] = "example"
    target: str = "sandbox"
    origin: Origin | None = None
    keep: frozenset[str] = field(default_factory=frozenset)


class Begun(Struct, frozen=True):
    """What was written and what was there already, by its place in the folder. *to_name* are the files in which
    the user still has to say where the program comes from; *warnings* are what is better changed."""

    written: tuple[str, ...]
    already: tuple[str, ...]
    to_name: tuple[str, ...]
    warnings: tuple[Problem, ...] = ()


def begin(wish: InitOptions) -> Begun:
    """Write what is not there yet. Raises Invalid with everything that is in the way; then nothing is written."""
    if wish.folder.exists() and not wish.folder.is_dir():
        raise Invalid(Problem("is not a folder", "Name another one.", Source(wish.folder.as_posix())))
    texts = texts_of(wish)
    problems = [_nothing_to_keep(name) for name in sorted(wish.keep - texts.keys())]
    texts = {name: text for name, text in texts.items() if name not in wish.keep}
    there = {name: text_at(wish.folder / name) for name in texts}
    problems += [_in_the_way(wish.folder, name) for name, found in there.items() if found not in (None, texts[name])]
    if problems:
        raise Invalid(problems)
    missing = {name: text for name, text in texts.items() if there[name] is None}
    write_new(wish.folder, missing)
    to_name = () if wish.origin else tuple(name for name, text in texts.items() if _UNKNOWN.commit in text)
    already = tuple(sorted(texts.keys() - missing.keys()))
    return Begun(tuple(missing), already, to_name, _unseen(wish) if missing else ())


def _unseen(wish: InitOptions) -> tuple[Problem, ...]:
    """A warning where the forge would not find what it is to run."""
    if wish.ci == "none" or (top := git.repository(wish.folder)) in (None, wish.folder.resolve()):
        return ()
    what = f"this folder is inside the repository {top}, and a forge runs only what is at a repository's top"
    fix = "Make this folder a repository of its own, or move the pipeline's files up and name this folder in them."
    return (Problem(what, fix, Source(wish.folder.as_posix()), severity="warning"),)


def texts_of(wish: InitOptions) -> dict[str, str]:
    """Every file, by its place in the folder, in the order of their names."""
    texts = dict(_shipped("starter/any")) | dict(_shipped(f"starter/{wish.begin_with}"))
    if wish.ci == "gitlab":
        texts |= dict(_shipped("starter/gitlab"))
    origin = wish.origin or _UNKNOWN
    words = {
        "@ORGANISATION@": str(wish.organisation),
        "@TARGET@": wish.target,
        "@REPOSITORY@": origin.repository,
        "@COMMIT@": origin.commit,
    }
    texts = {name: _filled(text, words) for name, text in texts.items()}
    texts |= {name: resource(name).read_text("utf-8") for name in SCHEMAS}
    if wish.ci == "github":
        texts |= {name: workflow(resource(name).read_text("utf-8"), origin) for name in WORKFLOWS}
    return dict(sorted(texts.items()))


_UNKNOWN = Origin(f"https://github.com/OWNER/{DISTRIBUTION}", "COMMIT")  # as the guide writes it


def workflow(ours: str, origin: Origin) -> str:
    """One of this repository's own workflows as another repository has it."""
    theirs = _TO_USE_IT.sub(f"# Written by reconciler init. {GUIDE} of {DISTRIBUTION} tells what it needs.", ours)
    return theirs.replace(f"{GUIDE} tells how", f"{GUIDE} of {DISTRIBUTION} tells how").replace(_OURS, origin.action)


def origin_of(text: str) -> Origin:
    """What --source means. Raises Invalid where it is no address with the full id of a commit."""
    address, _, commit = text.rpartition("@")
    address = address.removesuffix(".git").rstrip("/")
    if not _ADDRESS.fullmatch(address) or not _COMMIT.fullmatch(commit):
        what = "is not the https address of a repository, then @ and the full id of a commit (40 digits)"
        fix = f"Write https://github.com/OWNER/{DISTRIBUTION}@ and the commit that you have looked at."
        raise Invalid(Problem(what, fix, where="--source"))
    return Origin(address, commit)


def installed_from() -> Origin | None:
    """The repository and commit that this program was installed from, where the installer wrote them down (PEP 610)."""
    try:
        noted = json.loads(metadata.distribution(DISTRIBUTION).read_text("direct_url.json") or "{}")
        return origin_of(f"{noted['url']}@{noted['vcs_info']['commit_id']}")
    except (metadata.PackageNotFoundError, ValueError, KeyError, TypeError, Invalid):
        return None


# ------------------------------------------------------------------ files


def _shipped(folder: str) -> Iterator[tuple[str, str]]:
    top = resource(folder)
    for path in top.rglob("*"):
        if path.is_file():
            yield path.relative_to(top).as_posix(), path.read_text("utf-8")


def _filled(text: str, words: Mapping[str, str]) -> str:
    for mark, word in words.items():
        text = text.replace(mark, word)
    return text


def _in_the_way(folder: Path, name: str) -> Problem:
    fix = f"Move it away and run init again, or leave yours as it is with --keep {name}. No file is ever written over."
    return Problem("is there already, with other content", fix, Source((folder / name).as_posix()))


def _nothing_to_keep(name: str) -> Problem:
    what = "is not a file that init would write"
    return Problem(what, "Name it as init does, such as README.md or .gitignore.", where=f"--keep {name}")
