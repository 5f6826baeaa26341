"""Messages for what git or its server refuses: protected branch, missing permission, no network, rewritten history."""

from __future__ import annotations

from collections.abc import Sequence
from subprocess import CalledProcessError, TimeoutExpired

from reconciler.problems import Problem, StoreError
from reconciler.store.git.address import without_credentials

_TOKEN = "RECONCILER_STORE_TOKEN"  # noqa: S105  the variable's name
_OFFLINE = (
    "the remote of the store cannot be reached",
    "Check the network and the remote's address. Without the remote nothing is believed, because its copy here may be "
    "old.",
)
_DENIED = (
    "the remote does not let this account write to the store's branch",
    f"In a workflow, give the job `contents: write` and set {_TOKEN} to its token. Elsewhere, ask for write access to "
    "the repository.",
)
_PROTECTED = (
    "a rule of the remote refuses this push to the store's branch",
    "Let this account push to the branch: the rule must forbid force pushes and deletions, and nothing else.",
)
_SIGN_IN = (
    "the remote asks who this is",
    f"Set {_TOKEN} to a token that may read and write the repository, or sign in with git on this machine.",
)
_ABSENT = (
    "the remote has no such repository, or does not show it to this account",
    f"Check the remote's address (git remote -v), and {_TOKEN} if the repository is private.",
)
_DISK = ("the disk is full", "Free some space and run again. Everything that was pushed before is kept.")

# The first that git's words contain counts; `final` ones do not pass by themselves.
_MEANINGS: Sequence[tuple[tuple[str, ...], tuple[str, str], bool]] = (
    (("No space left",), _DISK, True),
    (("protected branch", "GH006", "GH013", "rule violations", "not allowed to push code to"),
     _PROTECTED, True),
    (("Permission to", "permission denied", "Permission denied", "error: 403", "Write access",
      "unable to create temporary", "insufficient permission", "not allowed to upload", "read-only"), _DENIED, True),
    (("hook declined",), _PROTECTED, True),
    (("could not read Username", "could not read Password", "Authentication failed", "error: 401",
      "Host key verification", "publickey", "terminal prompts disabled"), _SIGN_IN, True),
    (("not found", "does not exist", "does not appear to be a git repository", "error: 404"), _ABSENT, True),
    (("Could not resolve host", "Failed to connect", "Connection refused", "timed out", "Network is unreachable",
      "early EOF", "hung up", "Connection reset", "unable to access", "Could not read from remote", "Empty reply",
      "transport"), _OFFLINE, False),
)  # fmt: skip


class RemoteFailure(StoreError):
    """A failure of git or of the remote. `is_final`: trying again will not help."""

    def __init__(self, problem: Problem, *, is_final: bool) -> None:
        super().__init__(problem._replace(needs_person=is_final))
        self.is_final = is_final


def failure_of(error: Exception, place: str) -> RemoteFailure:
    """Convert a failure of the git program."""
    if isinstance(error, FileNotFoundError):
        what, fix = "git is not installed here: PATH names none outside this repository", "Install git."
        return RemoteFailure(Problem(what, fix, where=place), is_final=True)
    if isinstance(error, TimeoutExpired):
        what, fix = f"{_OFFLINE[0]}: git did not end within {error.timeout:.0f} s", _OFFLINE[1]
        return RemoteFailure(Problem(what, fix, where=place), is_final=False)
    return refusal(_words(error), place)


def refusal(words: str, place: str) -> RemoteFailure:
    """Explain what git or the remote printed."""
    for marks, (what, fix), is_final in _MEANINGS:
        if any(mark in words for mark in marks):
            return RemoteFailure(Problem(f"{what} ({_line(words, marks)})", fix, where=place), is_final=is_final)
    what, fix = f"git failed ({_line(words, ('fatal:', 'error:', 'remote:'))})", "Fix what git names, and run again."
    return RemoteFailure(Problem(what, fix, where=place), is_final=False)


def _words(error: Exception) -> str:
    if isinstance(error, CalledProcessError):
        return "\n".join(part.decode("utf-8", "replace") for part in (error.stderr, error.output) if part)
    return str(error)


def _line(words: str, marks: Sequence[str]) -> str:
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    line = next((line for line in lines if any(mark in line for mark in marks)), lines[0] if lines else "no message")
    return without_credentials(line)[:300]


def rewritten(what: str, place: str) -> StoreError:
    """Refuse a branch whose history is not the one that runs wrote."""
    fix = (
        "Nothing of it is believed. Find out who changed the branch (git log, the audit log of the server), and put "
        "its last good commit back. docs/reference/store-on-a-branch.md shows which rule prevents it."
    )
    return StoreError(Problem(f"the history of the store was rewritten: {what}", fix, where=place))
