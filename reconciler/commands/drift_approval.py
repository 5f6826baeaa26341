"""Approved files: those of the commit that bounds corrections."""

from __future__ import annotations

from reconciler.declared.load import read_declared
from reconciler.model.declared import Declared
from reconciler.model.observed import Observed
from reconciler.model.slots import Site
from reconciler.model.structs import Struct
from reconciler.plan.drift import APPROVE, Approval, wanted_by
from reconciler.problems import Invalid, Problem
from reconciler.runtime.commit_files import as_of
from reconciler.runtime.environment import LONDON
from reconciler.runtime.git import commit_at, is_ancestor
from reconciler.runtime.options import Options
from reconciler.runtime.session import nothing_recorded
from reconciler.store import RunRow, Store


class ApprovedFiles(Struct, frozen=True):
    """The files at `ref`, for the day that is planned.

    `then` are the same files for the day on which they were applied, with what they declare until the planned day.
    """

    ref: str
    declared: Declared
    then: Declared

    def on(self, observed: Observed) -> Approval:
        return Approval(self.ref, self.declared.settings, wanted_by(self.declared, observed))


def approved_files(
    options: Options,
    declared: Declared,
    store: Store,
    target: str,
    ref: str | None = None,
    *,
    where: str = "drift --correct",
) -> ApprovedFiles:
    """Read the files at `ref`, or at the commit of the newest complete apply.

    Uncommitted files were approved by nobody. Raises Invalid if no such commit is known, if git does not have it, or if
    its files are not valid or are another organisation's.
    """
    site = Site(target, declared.settings.organisation)
    run = _approved_run(store, site, options)
    if not ref:
        if why := _why_not(run, store, site):
            raise Invalid(Problem(why, APPROVE, where=where))
        ref = run.commit if run else ""
    ref = commit_at(options.state, ref)
    first = min(run.started.astimezone(LONDON).date(), declared.day) if run else declared.day
    with as_of(options.state, ref) as place:
        try:
            approved = read_declared(place, declared.day)
            then = read_declared(place, first, ahead_days=(declared.day - first).days)
        except Invalid as error:
            what = f"the files at the approved commit {ref} are not valid: {error.problems[0].what}"
            raise Invalid(Problem(what, "Name another with --approved, or apply the files as they are now.")) from error
    if approved.settings.organisation != declared.settings.organisation:
        what = (
            f"the files at the approved commit {ref} are for organisation {approved.settings.organisation}, and these "
            f"for {declared.settings.organisation}"
        )
        raise Invalid(Problem(what, "Plan, review and apply these files first.", where="--approved"))
    return ApprovedFiles(ref, approved, then)


def _approved_run(store: Store, site: Site, options: Options) -> RunRow | None:
    """Return the newest complete apply, unless its commit is an ancestor of one that was applied before it.

    An older plan that is applied again must not take the approval of newer files back.
    """
    approved: RunRow | None = None
    for run in store.complete_applies(site):
        if approved is None or (
            approved.commit and run.commit and is_ancestor(options.state, approved.commit, run.commit)
        ):
            approved = run
    return approved


def why_none(store: Store, site: Site) -> str:
    """Return why no approved commit is known; empty if one is. Git is not asked."""
    return _why_not(store.approved(site), store, site)


def _why_not(run: RunRow | None, store: Store, site: Site) -> str:
    if run is None:
        why = nothing_recorded(store, site) or "no apply has been complete yet"
        return f"no approved commit is known: {why}"
    newest = f"no approved commit is known: run {run.id}, the newest complete apply, was made"
    if not run.commit:
        return f"{newest} outside git, or from a plan that names no commit"
    return f"{newest} from files that commit {run.commit[:10]} does not hold" if run.uncommitted else ""
