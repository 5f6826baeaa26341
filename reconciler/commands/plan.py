"""The `plan` command: compare declared, observed and recorded state; nothing is written to OneFile."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.commands.plan_base import Base, as_on_base, base_of, for_both
from reconciler.memory import no_garbage_collection
from reconciler.model.declared import Declared
from reconciler.model.observed import Observed
from reconciler.model.plan import Change, Finding, GitState, Plan
from reconciler.model.slots import Place, Site, UserId
from reconciler.model.structs import Struct, replace
from reconciler.observed.narrow import narrow
from reconciler.plan.complete import Conditions, attribute_plan, complete_plan
from reconciler.plan.document import Document, fingerprint, to_document
from reconciler.problems import ExitCode, Problem, ReconcilerError, Rejected, Source
from reconciler.runtime.commit_files import git_state
from reconciler.runtime.declared_state import read_ahead
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options
from reconciler.runtime.reading_file import load_reading, save_reading
from reconciler.runtime.store_address import open_store
from reconciler.runtime.store_snapshot import note_planned, snapshot
from reconciler.runtime.target import target_of
from reconciler.store import Store

if TYPE_CHECKING:
    from reconciler.observed.people import Known
    from reconciler.runtime.session import Session


READING_OF_LATE = timedelta(hours=24)
"""Age of a reading of the list of learners that still proves, for a short reading, that somebody is on it."""


class Planned(Struct, frozen=True, dict=True):
    """A plan with what people approve (`fingerprint`) and what is saved (`document`)."""

    plan: Plan

    @cached_property
    def fingerprint(self) -> str:
        return fingerprint(self.plan)

    @property
    def document(self) -> Document:
        return to_document(self.plan)

    def made_from(self, files: GitState) -> Planned:
        """Return the same plan with the commit that its files were read at."""
        return Planned(replace(self.plan, made_from=files))

    def with_findings(self, first: tuple[Finding, ...]) -> Planned:
        """Return the same plan with these findings before its own."""
        return Planned(replace(self.plan, findings=(*first, *self.plan.findings))) if first else self

    def why_blocked(self) -> list[Problem]:
        """Return the limits and policies that refuse the plan as a whole."""
        findings = [
            Problem(f"policy {finding.policy}: {finding.what}", finding.fix, finding.source)
            for finding in self.plan.findings
            if finding.blocks
        ]
        later = [
            Problem(f"from {change.day} policy {finding.policy}: {finding.what}", finding.fix, finding.source)
            for change in self.plan.later
            for finding in change.findings
            if finding.blocks
        ]
        return [*self.plan.refusals, *findings, *later]

    def exit_code(self, *, detailed: bool) -> ExitCode:
        if self.plan.blocked:
            return ExitCode.BLOCKED
        return ExitCode.CHANGES if detailed and not self.plan.in_sync else ExitCode.DONE


class Handover:
    """A change of the files with its plan against OneFile, if that was made."""

    __slots__ = ()
    planned: Planned | None
    changes: list[Change]

    @property
    def handed(self) -> Sequence[Change]:
        """The changes for the handover list: from the plan if there is one, else from the files."""
        return self.planned.plan.differing if self.planned else tuple(self.changes)


def plan(
    options: Options,
    environment: Environment,
    *,
    observed: Path | None = None,
    save_observed: Path | None = None,
    base: str | None = None,
) -> Planned:
    """Make the plan of the declared state in scope. Raises Invalid, ServiceError or StoreError.

    `save_observed` is a file for the reading; `observed` is such a file, to plan from without a call. `base` names the
    commit whose files are planned as well, to show what these cause; a setting that
    these files loosen counts as it is there.
    """

    async def run() -> Planned:
        from reconciler.runtime.session import open_session  # the whole exchange, which a kept reading does without

        async with open_session(options, environment, declared.settings) as session:
            planned = await plan_in(session, options, environment, declared, save_observed, other)
            return planned.made_from(files)

    files = git_state(options.state, environment.note)
    declared = read_ahead(options, environment)
    other = base_of(options, environment, base, declared) if base is not None else None
    declared, loosened = as_on_base(declared, other)
    if observed is None:
        import asyncio  # a kept reading does without

        return asyncio.run(run()).with_findings(loosened)
    target = target_of(options, environment, declared.settings).name
    with no_garbage_collection():
        reading = load_reading(observed, for_both(declared, other), target)
        if other is None:
            reading = narrow(reading, declared)  # it may have been taken for more
        with open_store(options, environment) as store:
            planned = compare_both(declared, other, reading, store, target, options, environment)
    return planned.made_from(files).with_findings(loosened)


async def plan_in(
    session: Session,
    options: Options,
    environment: Environment,
    declared: Declared,
    save_observed: Path | None = None,
    base: Base | None = None,
) -> Planned:
    """Make the plan in an open session. The reader keeps its readings for an apply that follows."""
    is_short = bool(options.learners) and base is None and save_observed is None
    known = known_learners(session, declared) if is_short else None
    wanted = for_both(declared, base)
    observed = await observe_in(session, environment, wanted, undeclared=options.undeclared, known=known)
    if known:
        note_planned(session.store, declared, session.target.name, session.account)
    if save_observed:
        save_reading(observed, Site(session.target.name, declared.settings.organisation), save_observed)
    return compare_both(declared, base, observed, session.store, session.target.name, options, environment)


def compare_both(
    declared: Declared,
    base: Base | None,
    observed: Observed,
    store: Store,
    target: str,
    options: Options,
    environment: Environment,
) -> Planned:
    """Make the plan with the git state of its files, and with the rows marked that a base asks for as well."""
    site = Site(target, declared.settings.organisation)
    sites = declared.by_site(target, observed.misids)
    if base is not None and base.declared is not None:
        for place, learners in base.declared.by_site(target, observed.misids).items():
            sites.setdefault(place, set()).update(learners)
    held = snapshot(options, store, site, sites, declared.holders_by_user(observed.misids))
    conditions = _conditions(target, options, environment)
    plan = complete_plan(declared, narrow(observed, declared) if base else observed, held, conditions)
    if base is not None:
        seen = narrow(observed, base.declared) if base.declared is not None else observed
        plan = attribute_plan(plan, base.declared, base.commit, seen, held, conditions)
    return Planned(plan)


def compare(
    declared: Declared, observed: Observed, store: Store, target: str, options: Options, environment: Environment
) -> Planned:
    """Make the plan of one declaration, as compare_both does, without the git state of its files."""
    site, sites = Site(target, declared.settings.organisation), declared.by_site(target, observed.misids)
    held = snapshot(options, store, site, sites, declared.holders_by_user(observed.misids))
    return Planned(complete_plan(declared, observed, held, _conditions(target, options, environment)))


def _conditions(target: str, options: Options, environment: Environment) -> Conditions:
    return Conditions(target, environment.clock.now(), options.everyone, options.ahead_days, options.until)


def known_learners(session: Session, declared: Declared, just_read: Collection[UserId] = ()) -> Known:
    """Return what makes a reading of very few learners short: who was active lately, and the record."""
    from reconciler.observed.people import Known

    store, since = session.store, session.store.now() - READING_OF_LATE
    active: set[UserId] = set()
    recorded: dict[Place, UserId | None] = {}
    for site, users in declared.by_site(session.target.name, {}).items():
        active |= {user for user, at in store.readings(site).items() if at >= since}
        rows = store.recorded(site, users)
        recorded |= {(user, slot): staff for user in users for slot, staff in rows.of(user).items()}
    return Known(active, recorded, just_read)


async def observe_in(
    session: Session,
    environment: Environment,
    declared: Declared,
    *,
    undeclared: bool = False,
    known: Known | None = None,
) -> Observed:
    """Read OneFile once; knowledge about the server is stored, also when the reading fails.

    With `undeclared`, the whole list of learners is read, and its cost is printed before it is spent. With `known`, a
    reading of very few learners is short.
    """
    from reconciler.apply.read_back import await_recent_writes
    from reconciler.observed.observe import observe
    from reconciler.runtime.session import learnt_capabilities, progress_listener

    announce = (environment.note or _silent) if undeclared else None
    try:
        with (
            learnt_capabilities(session, environment, declared.settings.organisation) as capabilities,
            progress_listener(environment, declared.settings) as progress,
        ):
            observed = await observe(declared, session.reader, capabilities, progress, announce, known)
            for site in declared.by_site(session.target.name, observed.misids):
                observed = await await_recent_writes(session.store, session.reader, site, observed)
            return observed
    except Rejected as refusal:
        if session.target.embedded and (problems := await _not_in_sandbox(session, declared)):
            raise ReconcilerError(problems) from refusal
        raise


def _silent(_: str) -> None:
    """Print nothing."""


async def _not_in_sandbox(session: Session, declared: Declared) -> list[Problem]:
    """Return the declared organisations that the sandbox does not have, each where it is named."""
    from reconciler.doctor.checks import not_in_sandbox

    seen = await session.reader.organisations()
    settings = declared.settings
    named = {learner.organisation: Source(learner.source.file) for learner in declared.learners}
    fix = "Plan it where it is, such as with --target practice; for the sandbox, name one that it has."
    return [
        Problem(
            f"organisation {not_in_sandbox([organisation], seen)}",
            fix,
            settings.source if organisation == settings.organisation else file,
        )
        for organisation, file in named.items()
        if organisation not in seen
    ]
