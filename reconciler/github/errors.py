"""Errors of the exchange with GitHub: the missing permission, setting or event, and what was done."""

from __future__ import annotations

import json

from reconciler.problems import Problem, ReconcilerError

_AGAIN = "Run the workflow again. If the error persists, check GitHub's status page."


class Refused(ReconcilerError):
    """An answer of GitHub that refuses the request, with its status."""

    def __init__(self, problem: Problem, status: int) -> None:
        super().__init__(problem)
        self.status = status


def refused(request: str, needs: str, status: int, body: bytes) -> Refused:
    """Explain a status. `request` is without its host; `needs` is the permission that it takes."""
    message = _message(body)
    if status == 401:
        what, fix = "GitHub does not accept the token", "Give the step the token of this run: ${{ github.token }}."
    elif 300 <= status < 400:
        what = "GitHub redirects to another address, where the token is not sent"
        fix = "If the repository was renamed or moved, run the workflow in its new place."
    elif status == 403 and "create or approve pull requests" in message.lower():
        what = "this repository does not let workflows open pull requests"
        fix = "Under Settings, Actions, General, tick `Allow GitHub Actions to create and approve pull requests`."
    elif status == 403:
        what = f"the token may not do this{message and f': {message}'}"
        fix = f"Give the job `permissions: {needs}`. A run for a fork or by Dependabot never gets it."
    elif status == 404:
        what = "GitHub does not have this, or does not show it to this token"
        fix = f"Give the job `permissions: {needs}`, and check whether it was deleted."
    elif status in (409, 422):
        what, fix = f"GitHub does not accept the request{message and f': {message}'}", _AGAIN
    else:
        what, fix = f"GitHub answered {status}{message and f': {message}'}", _AGAIN
    return Refused(Problem(what, fix, where=request), status)


def limited(request: str, status: int, until: str) -> Refused:
    """Explain a rate limit that lasts longer than a run waits."""
    fix = f"Run the workflow again after {until}."
    return Refused(Problem(f"GitHub's rate limit is reached until {until}", fix, where=request), status)


def unreachable(request: str, *, may_be_done: bool) -> ReconcilerError:
    what = "GitHub did not answer" + (", so this may or may not have been done" if may_be_done else "")
    return ReconcilerError(Problem(what, _AGAIN, where=request))


def unreadable(request: str, why: str) -> ReconcilerError:
    """Report an answer that lacks what GitHub promises. Nothing may be concluded from it."""
    return ReconcilerError(Problem(f"GitHub's answer cannot be used: {why}", _AGAIN, where=request))


def _message(body: bytes) -> str:
    """Return GitHub's own message, shortened; nothing from a malformed answer."""
    try:
        message = json.loads(body)["message"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return "".join(letter for letter in str(message) if letter.isprintable())[:200]
