"""A pipeline's environment on GitLab: project, commit, merge request and API address, read strictly and once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from reconciler.github.environment import is_token, unsafe_address
from reconciler.model.structs import RedactedRepr, Struct
from reconciler.problems import Invalid, Problem

TOKEN = "RECONCILER_GITLAB_TOKEN"  # noqa: S105  the variable's name
_COMMIT = re.compile(r"[0-9a-f]{40}")
_NUMBER = re.compile(r"[1-9][0-9]{0,15}")
_PIPELINE = "Run this in a GitLab pipeline. See docs/how-to/gitlab.md."


class PipelineEnvironment(RedactedRepr, Struct, frozen=True):
    """One job. `merge_request` is its number in the project, 0 if no merge request started the pipeline.

    `head` is the commit that is planned and reviewed, `branch` the branch that was pushed to.
    """

    hidden = ("token",)

    token: str
    project: int
    commit: str
    api_url: str
    branch: str = ""
    merge_request: int = 0
    head: str = ""
    is_fork: bool = False
    job_url: str = ""
    project_url: str = ""

    @property
    def path(self) -> str:
        return f"/projects/{self.project}"

    @property
    def remote(self) -> str:
        """Address of the project's repository for git. Raises Invalid if the token may not be sent there."""
        if unsafe_address(self.project_url) or urlsplit(self.project_url).hostname != urlsplit(self.api_url).hostname:
            what = "is not an address of this GitLab that a token may be sent to"
            raise Invalid(Problem(what, _PIPELINE, where="CI_PROJECT_URL"))
        return f"{self.project_url}.git"


def read_environment(environment: Mapping[str, str]) -> PipelineEnvironment:
    """Read the environment. Raises Invalid with everything that is missing or invalid."""
    problems: list[Problem] = []

    def required(name: str, form: re.Pattern[str]) -> str:
        value = environment.get(name, "")
        if not form.fullmatch(value):
            problems.append(Problem("is missing or malformed", _PIPELINE, where=name))
        return value

    token = environment.get(TOKEN, "").strip()
    if not is_token(token):
        fix = "Set it to a project access token with the role Developer and the scope `api`, masked."
        problems.append(Problem("there is no token for GitLab", fix, where=TOKEN))
    project, commit = required("CI_PROJECT_ID", _NUMBER), required("CI_COMMIT_SHA", _COMMIT)
    api_url = environment.get("CI_API_V4_URL", "").rstrip("/")
    if unsafe_address(api_url):
        problems.append(Problem("is not an address that a token may be sent to", _PIPELINE, where="CI_API_V4_URL"))
    number = required("CI_MERGE_REQUEST_IID", _NUMBER) if _is_merge_request(environment) else "0"
    head = environment.get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA") or commit
    if not _COMMIT.fullmatch(head):
        problems.append(Problem("is malformed", _PIPELINE, where="CI_MERGE_REQUEST_SOURCE_BRANCH_SHA"))
    if problems:
        raise Invalid(problems)
    return PipelineEnvironment(
        token=token,
        project=int(project),
        commit=commit,
        api_url=api_url,
        branch=environment.get("CI_COMMIT_BRANCH", ""),
        merge_request=int(number),
        head=head,
        is_fork=number != "0" and environment.get("CI_MERGE_REQUEST_SOURCE_PROJECT_ID") != project,
        job_url=environment.get("CI_JOB_URL", ""),
        project_url=environment.get("CI_PROJECT_URL", "").rstrip("/"),
    )


def _is_merge_request(environment: Mapping[str, str]) -> bool:
    return environment.get("CI_PIPELINE_SOURCE") == "merge_request_event"
