"""The one issue that tells of drift: opened when drift is found, kept up to date, closed when it is gone."""

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


def tell(github: GitHub, here: WorkflowEnvironment, body: str) -> str:
    """Open the issue, or bring the open one up to date; its address."""
    check_size(body)
    if kind_of(body) != "drift":
        fix = "Give the file that `reconciler drift --format markdown --out FILE` wrote."
        raise ReconcilerError(Problem("does not begin like a rendered drift report", fix, where="issue"))
    for node in _ours(github, here):
        if node["body"] != body:
            github.send("PATCH", f"{here.path}/issues/{int(node['number'])}", {"body": body}, needs=_WRITE)
        return str(node["url"])
    made = github.send("POST", f"{here.path}/issues", {"title": TITLE, "body": body}, needs=_WRITE)
    return str(made["html_url"])


def close(github: GitHub, here: WorkflowEnvironment) -> list[str]:
    """Close what is open of ours, saying why; the addresses."""
    closed = []
    for node in list(_ours(github, here)):
        path = f"{here.path}/issues/{int(node['number'])}"
        said = f"No drift is left, as far as OneFile shows. [Found by this run.]({here.run_url})"
        github.send("POST", f"{path}/comments", {"body": said}, needs=_WRITE)
        github.send("PATCH", path, {"state": "closed", "state_reason": "completed"}, needs=_WRITE)
        closed.append(str(node["url"]))
    return closed


def _ours(github: GitHub, here: WorkflowEnvironment) -> Iterator[Any]:
    """Open issues that our own account wrote and that begin with our line, oldest first."""
    owner, _, name = here.repository.partition("/")
    after: object = None
    for _ in range(_MOST_OPEN // 100):
        data = github.query(_QUERY, {"owner": owner, "name": name, "after": after}, needs="issues: read")
        try:
            listed = data["repository"]["issues"]
            nodes, more, after = listed["nodes"], listed["pageInfo"]["hasNextPage"], listed["pageInfo"]["endCursor"]
        except (KeyError, TypeError) as error:
            raise unreadable("/graphql", "it shows no issues") from error
        yield from (one for one in nodes if one["viewerDidAuthor"] is True and kind_of(str(one["body"])) == "drift")
        if not more:
            return
    raise unreadable("/graphql", f"there are more than {_MOST_OPEN} open issues")
