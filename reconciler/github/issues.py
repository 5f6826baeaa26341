"""The one drift issue: opened when there is drift, kept up to date, closed when it is gone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from reconciler.github.api import GitHub
from reconciler.github.comments import check_size
from reconciler.github.environment import WorkflowEnvironment
from reconciler.github.errors import Refused, unreadable
from reconciler.github.markers import kind_of
from reconciler.problems import Problem, ReconcilerError
from reconciler.report.drift.news import news_of

TITLE = "Drift: OneFile differs from the files"
_MOST_OPEN = 3000
_LOGIN = re.compile(r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}")
_WRITE = "issues: write"

_QUERY = """
query($owner: String!, $name: String!, $after: String) {
  repository(owner: $owner, name: $name) {
    issues(first: 100, after: $after, states: OPEN, orderBy: {field: CREATED_AT, direction: ASC}) {
      pageInfo { hasNextPage endCursor }
      nodes { number url body viewerDidAuthor }
    }
  }
}"""


def publish(github: GitHub, workflow: WorkflowEnvironment, body: str, owner: str = "") -> str:
    """Open the issue, or update the open one; return its address.

    An issue that is open already gets a comment if the report has news. `owner` is assigned to a new issue if it is the
    name of an account that GitHub lets be assigned.
    """
    check_size(body)
    if kind_of(body) != "drift":
        fix = "Give the file that `reconciler drift --format markdown --out FILE` wrote."
        raise ReconcilerError(Problem("does not begin like a rendered drift report", fix, where="issue"))
    for node in _ours(github, workflow):
        if node["body"] != body:
            path = f"{workflow.path}/issues/{int(node['number'])}"
            github.send("PATCH", path, {"body": body}, needs=_WRITE)
            if news := news_of(body):
                text = f"{news}\n\n[Found by this run.]({workflow.run_url})"
                github.send("POST", f"{path}/comments", {"body": text}, needs=_WRITE)
        return str(node["url"])
    assignees = {"assignees": [login]} if (login := _assignable(github, workflow, owner)) else {}
    issue = {"title": TITLE, "body": body, **assignees}
    made = github.send("POST", f"{workflow.path}/issues", issue, needs=_WRITE)
    return str(made["html_url"])


def _assignable(github: GitHub, workflow: WorkflowEnvironment, owner: str) -> str:
    """Return the login of an owner who can be assigned; empty for a team, a function or a person without access."""
    login = owner.removeprefix("@")
    if not _LOGIN.fullmatch(login):
        return ""
    try:
        github.check(f"{workflow.path}/assignees/{login}", needs="issues: read")
    except Refused as error:
        if error.status == 404:
            return ""
        raise
    return login


def close(github: GitHub, workflow: WorkflowEnvironment) -> list[str]:
    """Close our open issues with a comment that gives the reason; return their addresses."""
    closed = []
    for node in list(_ours(github, workflow)):
        path = f"{workflow.path}/issues/{int(node['number'])}"
        text = f"No drift is left where OneFile shows the slots. [Found by this run.]({workflow.run_url})"
        github.send("POST", f"{path}/comments", {"body": text}, needs=_WRITE)
        github.send("PATCH", path, {"state": "closed", "state_reason": "completed"}, needs=_WRITE)
        closed.append(str(node["url"]))
    return closed


def _ours(github: GitHub, workflow: WorkflowEnvironment) -> Iterator[Any]:
    """Yield the open issues that our own account wrote and that begin with our mark, oldest first."""
    owner, _, name = workflow.repository.partition("/")
    after: object = None
    for _ in range(_MOST_OPEN // 100):
        data = github.query(_QUERY, {"owner": owner, "name": name, "after": after}, needs="issues: read")
        try:
            listed = data["repository"]["issues"]
            nodes, more, after = listed["nodes"], listed["pageInfo"]["hasNextPage"], listed["pageInfo"]["endCursor"]
        except (KeyError, TypeError) as error:
            raise unreadable("/graphql", "it shows no issues") from error
        yield from (node for node in nodes if node["viewerDidAuthor"] is True and kind_of(str(node["body"])) == "drift")
        if not more:
            return
    raise unreadable("/graphql", f"there are more than {_MOST_OPEN} open issues")
