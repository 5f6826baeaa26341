"""Open issues of every organisation that a plan touches."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

from reconciler.model.history import IssueKind, OpenIssue
from reconciler.model.plan import Plan
from reconciler.model.slots import Site
from reconciler.store import Store
from reconciler.store.open_issues import Observations


def observe_issues(
    store: Store, plan: Plan, matter: IssueKind, observations: Observations, ending: Callable[[OpenIssue], str]
) -> tuple[tuple[OpenIssue, ...], tuple[OpenIssue, ...]]:
    """Store a run's observations, each in its learner's organisation; return the open issues and those that ended.

    An observation of a learner whom the plan does not have belongs to the organisation where its issue is open.
    """
    open_now: tuple[OpenIssue, ...] = ()
    ended: tuple[OpenIssue, ...] = ()
    sites = plan.by_site()
    others = {place for place in observations if not any(place[0] in learners for learners in sites.values())}
    for site, learners in sites.items():
        kept = {issue.place for issue in store.issues(site, matter)} & others if others else ()
        seen = {
            place: observation for place, observation in observations.items() if place[0] in learners or place in kept
        }
        left, over = store.observe_issues(site, matter, seen, ending)
        open_now, ended = (*open_now, *left), (*ended, *over)
    return open_now, ended


def issues_of(
    store: Store, sites: Collection[Site], matter: IssueKind, *, ended_since: datetime | None = None
) -> tuple[OpenIssue, ...]:
    """Return the open issues of these organisations, and those that have ended since then."""
    return tuple(issue for site in sites for issue in store.issues(site, matter, ended_since=ended_since))
