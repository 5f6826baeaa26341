"""Rules for branches on GitHub: those that the record's branch and the main branch should have, as hints."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from urllib.parse import quote

from reconciler.github.api import GitHub
from reconciler.github.environment import WorkflowEnvironment
from reconciler.github.errors import unreadable
from reconciler.problems import Problem

_NEEDS = "contents: read"
_MOST_RULES = 1000
_KEEP = {"deletion": "restricts deletions", "non_fast_forward": "blocks force pushes"}
_REFUSE = {
    "pull_request": "requires a pull request",
    "required_status_checks": "requires status checks",
    "required_signatures": "requires signed commits",
    "merge_queue": "requires a merge queue",
    "required_deployments": "requires deployments",
}
_RULESETS = "under Settings, Rules, Rulesets"


def rule_hints(github: GitHub, workflow: WorkflowEnvironment, record: str) -> Iterator[Problem]:
    """Yield a warning for each rule that is missing or in the way. `record` is the store's branch, if it is on one."""
    if record:
        yield from record_hints(record, _rules(github, workflow, record))
    if workflow.branch and "pull_request" not in _rules(github, workflow, workflow.branch):
        yield from _main_hints(github, workflow)


def record_hints(branch: str, rules: Collection[str]) -> Iterator[Problem]:
    """Judge the rules of the record's branch by their types."""
    if refusing := [words for kind, words in _REFUSE.items() if kind in rules]:
        what = f"a rule of this branch {' and '.join(refusing)}, so runs may not be able to push the record to it"
        yield _hint(branch, what, f"Exclude {branch} from that rule, {_RULESETS}.")
    if lacking := [words for kind, words in _KEEP.items() if kind not in rules]:
        what = f"no rule of this branch {' or '.join(lacking)}, so the record could be replaced"
        yield _hint(
            branch, what, f"Add a ruleset for {branch} that restricts deletions and blocks force pushes, {_RULESETS}."
        )


def _main_hints(github: GitHub, workflow: WorkflowEnvironment) -> Iterator[Problem]:
    """Warn about a branch that no ruleset and no older protection covers."""
    path = f"{workflow.path}/branches/{quote(workflow.branch, safe='')}"
    row = github.get(path, needs=_NEEDS)
    if not isinstance(row, dict) or not isinstance(row.get("protected"), bool):
        raise unreadable(path, "it does not show whether the branch is protected")
    if not row["protected"]:
        fix = f"Require a pull request with one approval of the most recent push, {_RULESETS}."
        yield _hint(workflow.branch, "anyone with write access can push to this branch without a review", fix)


def _rules(github: GitHub, workflow: WorkflowEnvironment, branch: str) -> Collection[str]:
    path = f"{workflow.path}/rules/branches/{quote(branch, safe='')}"
    rows = github.pages(path, needs=_NEEDS, most=_MOST_RULES)
    return {str(row.get("type")) for row in rows if isinstance(row, dict)}


def _hint(branch: str, what: str, fix: str) -> Problem:
    return Problem(what, fix, where=branch, severity="warning")
