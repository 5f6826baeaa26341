"""Plans, outcomes and problems as one HTML page each: no script, nothing fetched, readable on paper and on a phone."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from reconciler.model.plan import Plan
from reconciler.problems import Problem
from reconciler.report.common.escape import visible
from reconciler.report.html.chart import caseload_chart
from reconciler.report.outcome.view import OutcomeView
from reconciler.report.plan.risk import IN_SIGHT
from reconciler.report.plan.view import BY_HAND, STILL_BY_HAND, after_by_hand, one_fix, plan_view, problem_notice

if TYPE_CHECKING:
    from jinja2 import Environment


def render_plan(plan: Plan, *, fingerprint: str) -> str:
    """The plan for a browser, in the order of report/review.py, with the caseloads as a chart and as a table."""
    told = plan_view(plan, fingerprint, fold=True)
    return _page("plan", told=told, chart=caseload_chart(told.caseload), by_hand=BY_HAND)


def render_outcomes(told: OutcomeView) -> str:
    """How each operation of a run ended and what proves it, what needs somebody first."""
    return _page("outcomes", told=told, by_hand=STILL_BY_HAND)


def render_problems(problems: Sequence[Problem]) -> str:
    """Problems alone, of a command that ended without a report."""
    return _page("problems", notices=[problem_notice(problem) for problem in problems])


def _page(name: str, **told: object) -> str:
    style = _style()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    template = _environment().get_template(f"{name}.html.j2")
    return template.render(style=style, style_hash=f"sha256-{digest}", after_by_hand=after_by_hand, **told) + "\n"


@cache
def _style() -> str:
    environment = _environment()
    assert environment.loader is not None  # noqa: S101  ours has one
    return environment.loader.get_source(environment, "style.css")[0]


@cache
def _environment() -> Environment:
    """Every value is escaped, and nothing in it stays invisible, unless it was made by us as markup."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    def shown(value: object) -> object:
        return value if isinstance(value, Markup) else visible(str(value))

    environment = Environment(
        loader=PackageLoader(__name__, "."),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["in_sight"] = IN_SIGHT
    environment.globals["one_fix"] = one_fix
    environment.filters["trusted"] = Markup  # our own style sheet alone
    return environment
