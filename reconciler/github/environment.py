"""A workflow's environment: repository, commit, event and API addresses, read strictly and once."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from reconciler.model.structs import RedactedRepr, Struct
from reconciler.onefile.targets import is_loopback
from reconciler.problems import Invalid, Problem

_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_WORKFLOW = "Run this in a GitHub workflow, as this project's action does. See docs/how-to/github.md."


class PullEvent(Struct, frozen=True):
    """The pull request that a workflow runs for. `head` is the commit that is planned and reviewed."""

    number: int
    head: str
    is_fork: bool


class WorkflowEnvironment(RedactedRepr, Struct, frozen=True):
    """One workflow run. `pull` is None if no pull request started it; `branch` is the branch that was pushed to.

    `output` is the file for step outputs, `summary` the file for the run's page.
    """

    hidden = ("token",)

    token: str
    repository: str
    commit: str
    branch: str = ""
    run_url: str = ""
    api_url: str = "https://api.github.com"
    graphql_url: str = "https://api.github.com/graphql"
    pull: PullEvent | None = None
    output: Path | None = None
    summary: Path | None = None

    @property
    def path(self) -> str:
        return f"/repos/{self.repository}"


def read_environment(environment: Mapping[str, str]) -> WorkflowEnvironment:
    """Read the environment. Raises Invalid with everything that is missing or invalid."""
    problems: list[Problem] = []

    def required(name: str, form: re.Pattern[str]) -> str:
        value = environment.get(name, "")
        if not form.fullmatch(value):
            problems.append(Problem("is missing or malformed", _WORKFLOW, where=name))
        return value

    def address(name: str, default: str) -> str:
        value = environment.get(name) or default
        if why := unsafe_address(value):
            problems.append(Problem(why, "Leave it as GitHub sets it: https://, without a user name.", where=name))
        return value.rstrip("/")

    token = environment.get("GITHUB_TOKEN", "").strip()
    if not is_token(token):
        fix = "Give the step `GITHUB_TOKEN: ${{ github.token }}`. The action does so by itself."
        problems.append(Problem("there is no token for GitHub", fix, where="GITHUB_TOKEN"))
    repository, commit = required("GITHUB_REPOSITORY", _REPOSITORY), required("GITHUB_SHA", _COMMIT)
    api_url = address("GITHUB_API_URL", "https://api.github.com")
    graphql_url = address("GITHUB_GRAPHQL_URL", f"{api_url}/graphql")
    pull = _pull(environment, repository, problems)
    if problems:
        raise Invalid(problems)
    ref, run = environment.get("GITHUB_REF", ""), environment.get("GITHUB_RUN_ID", "")
    server = environment.get("GITHUB_SERVER_URL", "https://github.com")
    return WorkflowEnvironment(
        token=token,
        repository=repository,
        commit=commit,
        branch=ref.removeprefix("refs/heads/") if ref.startswith("refs/heads/") else "",
        run_url=f"{server}/{repository}/actions/runs/{run}" if run.isdecimal() else "",
        api_url=api_url,
        graphql_url=graphql_url,
        pull=pull,
        output=_file(environment, "GITHUB_OUTPUT"),
        summary=_file(environment, "GITHUB_STEP_SUMMARY"),
    )


def _file(environment: Mapping[str, str], name: str) -> Path | None:
    return Path(environment[name]) if environment.get(name) else None


def unsafe_address(url: str) -> str:
    """Return why the token must not be sent there, or nothing."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return "is not a URL"
    if not re.fullmatch(r"[!-~]+", url) or not host or "@" in url or parts.query or parts.fragment:
        return "is not a URL that a token may be sent to"
    return "" if is_private(url) else "would show the token to the network"


def is_token(text: str) -> bool:
    """Return whether a text can be sent as a token: visible ASCII characters alone."""
    return bool(text) and all("!" <= letter <= "~" for letter in text)


def is_private(url: str) -> bool:
    """Return whether nobody on the network sees what is sent there: https, or this machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))


def _pull(environment: Mapping[str, str], repository: str, problems: list[Problem]) -> PullEvent | None:
    """Read the pull request of the event. One that is not clearly of this repository counts as a fork's."""
    if environment.get("GITHUB_EVENT_NAME") != "pull_request":
        return None
    try:
        event: Any = json.loads(Path(environment.get("GITHUB_EVENT_PATH", "")).read_bytes())
        pull = event["pull_request"]
        number, head = pull["number"], str(pull["head"]["sha"])
        owner = (pull["head"].get("repo") or {}).get("full_name", "")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        problems.append(Problem("the event cannot be read", _WORKFLOW, where="GITHUB_EVENT_PATH"))
        return None
    if type(number) is not int or number < 1 or not _COMMIT.fullmatch(head):
        problems.append(Problem("the event names no pull request", _WORKFLOW, where="GITHUB_EVENT_PATH"))
        return None
    return PullEvent(number, head, is_fork=owner != repository)
