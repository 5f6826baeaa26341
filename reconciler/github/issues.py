"""The one drift issue: opened when there is drift, kept up to date, closed when it is gone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reconciler.github.api import GitHub
from reconciler.github.comments import check_size
from reconciler.github.environment import WorkflowEnvironment
from reconciler.github.errors import unreadable
from reconciler.github.markers import kind_of
from reconciler.problems import Problem, ReconcilerError

TITLE = "Drift: OneFile differs from the files"
_MOST_OPEN = 3000
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


def publish(github: GitHub, workflow: WorkflowEnvironment, body: str) -> str:
    """Open the issue, or update the open one; return its address."""
    check_size(body)
    if kind_of(body) != "drift":
        fix = "Give the file that `reconciler drift --format markdown --out FILE` wrote."
        raise ReconcilerError(Problem("does not begin like a rendered drift report", fix, where="issue"))
    for node in _ours(github, workflow):
        if node["body"] != body:
            github.send("PATCH", f"{workflow.path}/issues/{int(node['number'])}", {"body": body}, needs=_WRITE)
        return str(node["url"])
    made = github.send("POST", f"{workflow.path}/issues", {"title": TITLE, "body": body}, needs=_WRITE)
    return str(made["html_url"])


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
