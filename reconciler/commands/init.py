"""`init`: the files of a starter repository, written all or none."""

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
from reconciler.runtime.pipelines import DISTRIBUTION
from reconciler.runtime.schema_copies import SCHEMAS, handles_of, is_current, schema_text
from reconciler.runtime.state_files import write_new

WORKFLOWS = tuple(f".github/workflows/{name}.yml" for name in ("plan", "apply", "drift", "adopt"))
GUIDE = "docs/how-to/github.md"
FORGES_OF = {"messages": ("github",), "pages": ("github",), "sync": ("github", "gitlab")}
"""The forges for which an extra is offered, if not for all."""
_FORGE_FILES = {"github": ".github/", "gitlab": ".gitlab-ci.yml"}

_OURS = re.compile(r"\./(?:\.program)? # zizmor: ignore\[self-repository\] understood by every server")
_OWN_CHECKOUT = re.compile(r"^ +# In this repository only:.*?(?=^ +- uses: \./)", re.MULTILINE | re.DOTALL)
_TO_USE_IT = re.compile(rf"^# To use it elsewhere, .*{re.escape(GUIDE)} shows how\.$", re.MULTILINE)
_ADDRESS = re.compile(r"https://[A-Za-z0-9.-]+(?::\d+)?(?:/[A-Za-z0-9_.~-]+)*/[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")
_COMMIT = re.compile(r"[0-9a-f]{40}")


class Origin(NamedTuple):
    """The source that pipelines install this program from: a repository and a commit."""

    repository: str
    commit: str

    @property
    def action(self) -> str:
        """The reference in a GitHub workflow."""
        owner, name = self.repository.split("/")[-2:]
        return f"{owner}/{name}@{self.commit}"


class InitOptions(Struct, frozen=True):
    """The choices for a starter repository.

    `extras` are names of starter folders: `messages` for `starter/with-messages`. `keep` are files that stay as they
    are. `origin` is None if not known.
    """

    folder: Path
    organisation: int
    ci: Literal["github", "gitlab", "none"]
    begin_with: Literal["example", "import"] = "example"
    target: str = "sandbox"
    origin: Origin | None = None
    extras: frozenset[str] = field(default_factory=frozenset)
    keep: frozenset[str] = field(default_factory=frozenset)


class InitResult(Struct, frozen=True):
    """Files that were written, and those that existed with the same content.

    `to_name` are the files that still have placeholders for the program's source.
    """

    folder: str
    written: tuple[str, ...]
    already: tuple[str, ...]
    to_name: tuple[str, ...]
    begin_with: Literal["example", "import"]
    target: str
    warnings: tuple[Problem, ...] = ()


def init(request: InitOptions) -> InitResult:
    """Write the missing files. Raises Invalid with every file that is in the way; then nothing is written."""
    if request.folder.exists() and not request.folder.is_dir():
        raise Invalid(Problem("is not a folder", "Use another folder.", Source(request.folder.as_posix())))
    texts = texts_of(request)
    problems = [_nothing_to_keep(name) for name in sorted(request.keep - texts.keys())]
    texts = {name: text for name, text in texts.items() if name not in request.keep}
    existing = {name: text_at(request.folder / name) for name in texts}
    problems += [
        _in_the_way(request.folder, name) for name, text in existing.items() if text not in (None, texts[name])
    ]
    if problems:
        raise Invalid(problems)
    missing = {name: text for name, text in texts.items() if existing[name] is None}
    # invented people and pipelines: for everybody to read
    write_new(request.folder, missing, is_state=False, mode=0o644)
    to_name = () if request.origin else tuple(name for name, text in texts.items() if _UNKNOWN.commit in text)
    already = tuple(sorted(texts.keys() - missing.keys()))
    return InitResult(
        folder=request.folder.as_posix(),
        written=tuple(missing),
        already=already,
        to_name=to_name,
        begin_with=request.begin_with,
        target=request.target,
        warnings=_unseen(request) if missing else (),
    )


def _unseen(request: InitOptions) -> tuple[Problem, ...]:
    """Return a warning if the forge would not find the workflows."""
    if request.ci == "none" or (top := git.repository(request.folder)) in (None, request.folder.resolve()):
        return ()
    what = f"this folder is inside the repository {top}, but a forge runs only the workflows at its top"
    fix = "Make this folder its own repository, or move the workflow files to the top and name this folder in them."
    return (Problem(what, fix, Source(request.folder.as_posix()), severity="warning"),)


def texts_of(request: InitOptions) -> dict[str, str]:
    """Return the text of every file by place in the folder, sorted."""
    texts = dict(_shipped("starter/any")) | dict(_shipped(f"starter/{request.begin_with}"))
    if request.ci != "none":
        texts |= dict(_shipped(f"starter/{request.ci}"))
    for extra in sorted(request.extras):
        texts |= {name: texts.get(name, "") + text for name, text in _of_extra(extra, request.ci)}
    origin = request.origin or _UNKNOWN
    words = {
        "@ACTION@": origin.action,
        "@ORGANISATION@": str(request.organisation),
        "@TARGET@": request.target,
        "@REPOSITORY@": origin.repository,
        "@COMMIT@": origin.commit,
    }
    texts = {name: _filled(text, words) for name, text in texts.items()}
    texts |= _schemas(request)
    if request.ci == "github":
        texts |= {name: workflow(resource(name).read_text("utf-8"), origin) for name in WORKFLOWS}
    return dict(sorted(texts.items()))


def _schemas(request: InitOptions) -> dict[str, str]:
    """Return the schemas with the centre's handles, or the existing copies of this version."""
    staff = request.folder / "state" / "staff.yaml"
    starter = Path(str(resource(f"starter/{request.begin_with}"))) / "state" / "staff.yaml"
    handles = handles_of(staff if staff.is_file() else starter)
    existing = {name: text_at(request.folder / name) for name in SCHEMAS}
    return {
        name: text if text and is_current(name, text) else schema_text(name, handles) for name, text in existing.items()
    }


_UNKNOWN = Origin(f"https://github.com/OWNER/{DISTRIBUTION}", "COMMIT")  # as the guide writes it


def workflow(ours: str, origin: Origin) -> str:
    """Return one of this repository's own workflows for another repository."""
    theirs = _TO_USE_IT.sub(f"# Written by reconciler init. {GUIDE} of {DISTRIBUTION} lists what it needs.", ours)
    theirs = theirs.replace(f"{GUIDE} shows how", f"{GUIDE} of {DISTRIBUTION} shows how")
    return _OURS.sub(origin.action, _OWN_CHECKOUT.sub("", theirs))


def origin_of(text: str) -> Origin:
    """Parse `--source`. Raises Invalid if it is not an address with a full commit id."""
    address, _, commit = text.rpartition("@")
    address = address.removesuffix(".git").rstrip("/")
    if not _ADDRESS.fullmatch(address) or not _COMMIT.fullmatch(commit):
        what = "is not an https address of a repository, followed by @ and a full commit id (40 digits)"
        fix = f"Use https://github.com/OWNER/{DISTRIBUTION}@COMMIT, with the commit that you have reviewed."
        raise Invalid(Problem(what, fix, where="--source"))
    return Origin(address, commit)


def installed_from() -> Origin | None:
    """Return the source of this program: as the installer recorded it (PEP 610), or as it was built."""
    try:
        distribution = metadata.distribution(DISTRIBUTION)
        record = json.loads(distribution.read_text("direct_url.json") or "{}")
        if "vcs_info" not in record:
            return _built_from(distribution)
        return origin_of(f"{record['url']}@{record['vcs_info']['commit_id']}")
    except (metadata.PackageNotFoundError, ValueError, KeyError, TypeError, Invalid):
        return None


def _built_from(distribution: metadata.Distribution) -> Origin | None:
    """Return the repository in the metadata, at the commit of the build; None for a checkout or changed files."""
    note = git.built_note()
    urls = dict(line.split(", ", 1) for line in distribution.metadata.get_all("Project-URL") or ())
    return origin_of(f"{urls['Repository']}@{note.commit}") if note and not note.changed else None


# ------------------------------------------------------------------ files


def _shipped(folder: str) -> Iterator[tuple[str, str]]:
    top = resource(folder)
    for path in top.rglob("*"):
        if path.is_file():
            yield path.relative_to(top).as_posix(), path.read_text("utf-8")


def _of_extra(extra: str, ci: str) -> Iterator[tuple[str, str]]:
    """Yield the files of an extra, without those of another forge; GitLab's is a job at the end of the pipeline."""
    others = tuple(start for forge, start in _FORGE_FILES.items() if forge != ci)
    return ((name, text) for name, text in _shipped(f"starter/with-{extra}") if not name.startswith(others))


def _filled(text: str, words: Mapping[str, str]) -> str:
    for mark, word in words.items():
        text = text.replace(mark, word)
    return text


def _in_the_way(folder: Path, name: str) -> Problem:
    fix = f"Move it away and run init again, or keep yours with --keep {name}. No file is overwritten."
    return Problem("already exists and differs", fix, Source((folder / name).as_posix()))


def _nothing_to_keep(name: str) -> Problem:
    what = "is not a file that init writes"
    return Problem(what, "Use a name that init writes, such as README.md or .gitignore.", where=f"--keep {name}")
