"""The one comment with a pull request's plan: found by its mark and its author, edited in place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from reconciler.github.api import GitHub
from reconciler.github.environment import WorkflowEnvironment
from reconciler.github.errors import unreadable
from reconciler.github.markers import LARGEST_BODY, PlanMark, fits, kind_of, plan_mark
from reconciler.problems import Problem, ReconcilerError

MOST_COMMENTS = 2000  # more than anybody reads
_WRITE = "pull-requests: write"

_QUERY = """
query($owner: String!, $name: String!, $number: Int!, $after: String) {
  repository(owner: $owner, name: $name) { pullRequest(number: $number) { comments(first: 100, after: $after) {
    pageInfo { hasNextPage endCursor }
    nodes { databaseId url body viewerDidAuthor author { login } editor { login } lastEditedAt updatedAt }
  } } }
}"""


def comments_of(github: GitHub, workflow: WorkflowEnvironment, number: int) -> Iterator[Any]:
    """Yield the comments of a pull request, oldest first, with GitHub's data on who wrote and edited them."""
    owner, _, name = workflow.repository.partition("/")
    after: object = None
    for _ in range(MOST_COMMENTS // 100):
        variables = {"owner": owner, "name": name, "number": number, "after": after}
        data = github.query(_QUERY, variables, needs="pull-requests: read")
        try:
            listed = data["repository"]["pullRequest"]["comments"]
            nodes, more, after = listed["nodes"], listed["pageInfo"]["hasNextPage"], listed["pageInfo"]["endCursor"]
        except (KeyError, TypeError) as error:
            raise unreadable("/graphql", f"it shows no pull request {number}") from error
        yield from nodes
        if not more:
            return
    raise unreadable("/graphql", f"there are more than {MOST_COMMENTS} comments")


def ours(github: GitHub, workflow: WorkflowEnvironment, number: int) -> Iterator[Any]:
    """Yield the plan comments of our own account."""
    nodes = comments_of(github, workflow, number)
    return (node for node in nodes if node["viewerDidAuthor"] is True and kind_of(str(node["body"])) == "plan")


def head_of(github: GitHub, workflow: WorkflowEnvironment, number: int) -> str:
    """Return the newest commit of a pull request now."""
    row = github.get(f"{workflow.path}/pulls/{number}", needs="pull-requests: read")
    try:
        return str(row["head"]["sha"])
    except (KeyError, TypeError) as error:
        raise unreadable(f"pull request {number}", "it shows no head") from error


def post(github: GitHub, workflow: WorkflowEnvironment, number: int, body: str) -> str:
    """Post our plan comment, or edit it if it exists and differs; return its address.

    A comment of another account is never edited, whatever it begins with.
    """
    check_size(body)
    for node in ours(github, workflow, number):
        if node["body"] != body or _others_edited(node):
            path = f"{workflow.path}/issues/comments/{int(node['databaseId'])}"
            github.send("PATCH", path, {"body": body}, needs=_WRITE)
        return str(node["url"])
    return add(github, workflow, number, body)


def add(github: GitHub, workflow: WorkflowEnvironment, number: int, body: str) -> str:
    """Add a comment below the others; return its address."""
    check_size(body)
    made = github.send("POST", f"{workflow.path}/issues/{number}/comments", {"body": body}, needs=_WRITE)
    return str(made["html_url"])


def mark_of(github: GitHub, workflow: WorkflowEnvironment, number: int) -> PlanMark | None:
    """Return the mark of the plan that our comment shows now; None if it shows none."""
    return next((mark for node in ours(github, workflow, number) if (mark := plan_mark(str(node["body"])))), None)


class Shown(NamedTuple):
    """Our comment with a plan, as nobody else has edited it."""

    url: str
    body: str


def shown(github: GitHub, workflow: WorkflowEnvironment, number: int, mark: PlanMark) -> Shown | None:
    """Return our comment if it shows the plan with this mark; edited, it would lose its approval."""
    nodes = (node for node in ours(github, workflow, number) if not _others_edited(node))
    same = (Shown(str(node["url"]), str(node["body"])) for node in nodes)
    return next((comment for comment in same if plan_mark(comment.body) == mark), None)


def _others_edited(node: Any) -> bool:
    return node["lastEditedAt"] is not None and node["editor"] != node["author"]


def check_size(body: str) -> None:
    """Refuse a text that is too large for GitHub. Renderers keep to the same limit; nothing is cut off."""
    if not fits(body):
        what = f"the text is longer than the {LARGEST_BODY} characters that GitHub takes"
        fix = "Give the file that `--format markdown` wrote. It always fits."
        raise ReconcilerError(Problem(what, fix, where="comment"))
