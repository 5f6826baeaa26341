"""What GitHub refuses, in words for people: which permission, setting or event is missing, and what was done."""

from __future__ import annotations

import json

from reconciler.problems import Problem, ReconcilerError

_AGAIN = "Run the workflow again. Should it go on, look at GitHub's status page."


class Refused(ReconcilerError):
    """GitHub answered, and it was not what was asked for. `status` is the answer's."""

    def __init__(self, problem: Problem, status: int) -> None:
        super().__init__(problem)
        self.status = status


def refused(asked: str, needs: str, status: int, body: bytes) -> Refused:
    """The problem behind a status. `asked` is the request without its host, `needs` the permission it takes."""
    said = _said(body)
    if status == 401:
        what, fix = "GitHub does not accept the token", "Give the step the token of this run: ${{ github.token }}."
    elif 300 <= status < 400:
        what = "GitHub answers with another address, which a token does not follow"
        fix = "The repository was renamed or moved: run the workflow from where it is now."
    elif status == 403 and "create or approve pull requests" in said.lower():
        what = "this repository does not let workflows open pull requests"
        fix = "Under Settings, Actions, General, tick `Allow GitHub Actions to create and approve pull requests`."
    elif status == 403:
        what = f"the token may not do this{said and f': {said}'}"
        fix = f"Give the job `permissions: {needs}`. A run for a fork or by Dependabot never gets it."
    elif status == 404:
        what = "GitHub knows no such thing, or does not show it to this token"
        fix = f"Give the job `permissions: {needs}`, and see whether it was deleted."
    elif status in (409, 422):
        what, fix = f"GitHub does not accept the request{said and f': {said}'}", _AGAIN
    else:
        what, fix = f"GitHub answered {status}{said and f': {said}'}", _AGAIN
    return Refused(Problem(what, fix, where=asked), status)


def unreachable(asked: str, *, may_be_done: bool) -> ReconcilerError:
    what = "GitHub did not answer" + (", so that this may or may not have been done" if may_be_done else "")
    return ReconcilerError(Problem(what, _AGAIN, where=asked))


def unreadable(asked: str, why: str) -> ReconcilerError:
    """An answer that lacks what GitHub promises. Nothing may be concluded from it."""
    return ReconcilerError(Problem(f"GitHub's answer cannot be used: {why}", _AGAIN, where=asked))


def _said(body: bytes) -> str:
    """GitHub's own sentence, shortened; nothing of an answer that is not of its form."""
    try:
        message = json.loads(body)["message"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return "".join(one for one in str(message) if one.isprintable())[:200]
