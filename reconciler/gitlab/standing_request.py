"""The one merge request with what a nightly command proposes: opened, kept up to date, closed when nothing is left."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote

from reconciler.github.proposal import Kept, Proposal, StandingRequest, decide, decide_close
from reconciler.gitlab.api import GitLab, text_of, unreadable
from reconciler.gitlab.branch import Branch
from reconciler.gitlab.environment import PipelineEnvironment
from reconciler.gitlab.notes import account
from reconciler.problems import ReconcilerError

_MOST = 20  # merge requests of our account from one branch, newest first
_STATES: Mapping[str, Literal["open", "closed", "merged"]] = {"opened": "open", "closed": "closed", "merged": "merged"}


def keep(gitlab: GitLab, pipeline: PipelineEnvironment, proposal: Proposal, at: datetime) -> Kept:
    """Open the merge request, or bring the open one up to date.

    One with the same changes stays as it is, so that its approvals stay valid. Raises ReconcilerError if somebody
    else's commits are on the branch: nothing is changed then.
    """
    newest = _newest(gitlab, pipeline, proposal.branch)
    with Branch(pipeline, proposal.branch) as branch:
        before = branch.head()
        outcome = decide(proposal, newest, before)
        if newest and outcome in ("unchanged", "declined"):
            return Kept(outcome, newest.url)
        head = branch.commit(proposal, pipeline.commit, at)
        if newest and outcome == "updated":
            description = proposal.described(head, before or head)
            _edit(gitlab, pipeline, newest, title=proposal.title, description=description)
            branch.push(head, before)
            return Kept("updated", newest.url)
        description = proposal.described(head, head)
        branch.push(head, before)
        try:
            return Kept("opened", _open(gitlab, pipeline, proposal, description))
        except ReconcilerError:
            with suppress(ReconcilerError):  # the first error is the one to report
                branch.remove(head)
            raise


def close(gitlab: GitLab, pipeline: PipelineEnvironment, branch_name: str, why: str) -> str:
    """Close the open merge request and remove its branch; return its address, or nothing if there is none.

    Raises ReconcilerError if somebody has pushed to it: then it stays.
    """
    newest = _newest(gitlab, pipeline, branch_name)
    if newest is None or not newest.may_be_closed:
        return ""
    with Branch(pipeline, branch_name) as branch:
        head = branch.head()
        task = decide_close(branch_name, newest, head)
        if task == "close":
            gitlab.send("POST", f"{_path(pipeline)}/{newest.number}/notes", {"body": why})
            _edit(gitlab, pipeline, newest, state_event="close", description=newest.withdrawn_body)
        if head and task != "nothing":
            branch.remove(head)
    return newest.url if task == "close" else ""


def _newest(gitlab: GitLab, pipeline: PipelineEnvironment, branch: str) -> StandingRequest | None:
    """Return the newest merge request that our account opened from this branch of the project."""
    ours = account(gitlab)
    chosen = f"source_branch={quote(branch, safe='')}&author_id={ours}&scope=all&state=all"
    path = f"{_path(pipeline)}?{chosen}&order_by=created_at&sort=desc&per_page={_MOST}"
    rows = gitlab.get(path)
    try:
        found = [row for row in rows if _is_ours(row, ours, pipeline.project, branch)]
        return _request(found[0]) if found else None
    except (KeyError, TypeError, ValueError) as error:
        raise unreadable(path, f"a field is missing or malformed ({type(error).__name__})") from error


def _is_ours(row: Any, ours: int, project: int, branch: str) -> bool:
    return (row["author"]["id"], row["source_project_id"], row["source_branch"]) == (ours, project, branch)


def _request(row: Any) -> StandingRequest:
    return StandingRequest(int(row["iid"]), str(row["web_url"]), _STATES[row["state"]], str(row["description"] or ""))


def _open(gitlab: GitLab, pipeline: PipelineEnvironment, proposal: Proposal, description: str) -> str:
    body = {
        "source_branch": proposal.branch,
        "target_branch": pipeline.branch,
        "title": proposal.title,
        "description": description,
        "remove_source_branch": True,
    }
    return text_of(gitlab.send("POST", _path(pipeline), body), _path(pipeline), "web_url")


def _edit(gitlab: GitLab, pipeline: PipelineEnvironment, request: StandingRequest, **changes: object) -> None:
    gitlab.send("PUT", f"{_path(pipeline)}/{request.number}", changes)


def _path(pipeline: PipelineEnvironment) -> str:
    return f"{pipeline.path}/merge_requests"
