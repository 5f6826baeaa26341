"""The one comment that tells of a pull request's plan: found by its mark and its author, edited in place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

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


def comments_of(github: GitHub, here: WorkflowEnvironment, number: int) -> Iterator[Any]:
    """The comments of a pull request, oldest first, with GitHub's own word on who wrote and who edited them."""
    owner, _, name = here.repository.partition("/")
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


def ours(github: GitHub, here: WorkflowEnvironment, number: int) -> Iterator[Any]:
    """Those of our own account that tell of a plan."""
    listed = comments_of(github, here, number)
    return (one for one in listed if one["viewerDidAuthor"] is True and kind_of(str(one["body"])) == "plan")


def head_of(github: GitHub, here: WorkflowEnvironment, number: int) -> str:
    """The newest commit of a pull request, as it is now."""
    row = github.get(f"{here.path}/pulls/{number}", needs="pull-requests: read")
    try:
        return str(row["head"]["sha"])
    except (KeyError, TypeError) as error:
        raise unreadable(f"pull request {number}", "it shows no head") from error


def post(github: GitHub, here: WorkflowEnvironment, number: int, body: str) -> str:
    """Write our plan comment, or edit it where it is there and says something else; its address.

    A comment of anybody else is never touched, whatever it begins with.
    """
    check_size(body)
    for node in ours(github, here, number):
        if node["body"] != body or _others_edited(node):
            path = f"{here.path}/issues/comments/{int(node['databaseId'])}"
            github.send("PATCH", path, {"body": body}, needs=_WRITE)
        return str(node["url"])
    made = github.send("POST", f"{here.path}/issues/{number}/comments", {"body": body}, needs=_WRITE)
    return str(made["html_url"])


def shows(github: GitHub, here: WorkflowEnvironment, number: int, mark: PlanMark) -> bool:
    """Whether our comment tells of this very plan already. Then it is left, so that an approval of it stays good."""
    return any(plan_mark(str(one["body"])) == mark and not _others_edited(one) for one in ours(github, here, number))


def _others_edited(node: Any) -> bool:
    return node["lastEditedAt"] is not None and node["editor"] != node["author"]


def check_size(body: str) -> None:
    """GitHub refuses what is larger. What renders plans keeps to this too; here nothing is cut."""
    if not fits(body):
        what = f"the text is longer than the {LARGEST_BODY} characters that GitHub takes"
        fix = "Give the file that `--format markdown` wrote, which always fits."
        raise ReconcilerError(Problem(what, fix, where="comment"))
