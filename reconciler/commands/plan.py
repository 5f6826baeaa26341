"""plan: declared, observed and recorded, compared; judged by policies and limits; nothing written to OneFile."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.commands.plan_base import Base, base_of, for_both
from reconciler.model.declared import VANISHED, Declared
from reconciler.model.observed import Observed
from reconciler.model.operations import State
from reconciler.model.plan import Plan
from reconciler.model.slots import Place, Site, UserId
from reconciler.model.structs import Struct, replace
from reconciler.observed.narrow import narrow
from reconciler.onefile.wire import Write, write_request
from reconciler.plan.attribution import attributed
from reconciler.plan.caseload import caseload
from reconciler.plan.compare import make_plan
from reconciler.plan.document import Document, fingerprint, to_document
from reconciler.plan.limits import check_limits, check_vanished, counts_only, waive_limits
from reconciler.plan.lookahead import look_ahead
from reconciler.plan.policies import check_policies
from reconciler.problems import ExitCode, Invalid, Problem, ReconcilerError, Rejected, Source, in_order
from reconciler.runtime.context import Context, target_of
from reconciler.runtime.manual_steps import dated
from reconciler.runtime.reading_file import load_reading, save_reading
from reconciler.runtime.session import open_store
from reconciler.store import JournalRow, Store

if TYPE_CHECKING:
    from reconciler.runtime.session import Session


class Planned(Struct, frozen=True, dict=True):
    """A plan with what people approve (`fingerprint`) and what is saved (`document`)."""

    plan: Plan

    @cached_property
    def fingerprint(self) -> str:
        return fingerprint(self.plan, calls_of(self.plan))

    @property
    def document(self) -> Document:
        return to_document(self.plan, calls_of(self.plan))

    def why_blocked(self) -> list[Problem]:
        """The limits and policies that refuse the plan as a whole."""
        findings = [
            Problem(f"policy {finding.policy}: {finding.what}", finding.fix, finding.source)
            for finding in self.plan.findings
            if finding.blocks
        ]
        return [*self.plan.refusals, *findings]

    def exit_code(self, *, detailed: bool) -> ExitCode:
        if self.plan.blocked:
            return ExitCode.BLOCKED
        return ExitCode.CHANGES if detailed and not self.plan.in_sync else ExitCode.DONE


def calls_of(plan: Plan) -> Sequence[Write]:
    return [write_request(operation) for operation in plan.operations]


def plan(
    context: Context, *, observed: Path | None = None, save_observed: Path | None = None, base: str | None = None
) -> Planned:
    """Make the plan of the declared state in scope. Raises Invalid, ServiceError or StoreError.

    `save_observed` keeps what was read; `observed` plans from such a file, without any call. `base` names the commit
    whose files are planned as well, to tell what these cause.
    """

    async def run() -> Planned:
        from reconciler.runtime.session import open_session  # the whole exchange, which a kept reading does without

        async with open_session(context, declared.settings) as session:
            return await plan_in(session, context, declared, save_observed, other)

    context = context.with_git_state()
    declared = context.declared()
    other = base_of(context, base, declared) if base is not None else None
    if observed is None:
        import asyncio  # a kept reading does without

        return asyncio.run(run())
    target = target_of(context, declared.settings).name
    reading = load_reading(observed, for_both(declared, other), target)
    if other is None:
        reading = narrow(reading, declared)  # it may have been taken for more
    with open_store(context) as store:
        return compare_both(declared, other, reading, store, target, context)


async def plan_in(
    session: Session,
    context: Context,
    declared: Declared,
    save_observed: Path | None = None,
    base: Base | None = None,
) -> Planned:
    """Make the plan in a session that is open. The reader keeps its readings, for an apply that follows."""
    observed = await observe_in(session, context, for_both(declared, base))
    if save_observed:
        save_reading(observed, declared, session.target.name, save_observed)
    return compare_both(declared, base, observed, session.store, session.target.name, context)


def compare_both(
    declared: Declared, base: Base | None, observed: Observed, store: Store, target: str, context: Context
) -> Planned:
    """The plan, with where its files stand; with a base, whose learners the reading has as well, what it would have
    asked for is marked."""
    made = compare(declared, narrow(observed, declared) if base else observed, store, target, context)
    made = Planned(replace(made.plan, made_from=context.git_state()))
    if base is None:
        return made
    before = None
    if base.declared is not None:
        with suppress(Invalid):  # two of its learners are one: as good as files that are not valid
            seen = narrow(observed, base.declared)
            before = compare(base.declared, seen, store, target, context).plan
    return Planned(attributed(made.plan, before, base.commit))


def compare(declared: Declared, observed: Observed, store: Store, target: str, context: Context) -> Planned:
    organisation = declared.settings.organisation
    made = make_plan(
        declared,
        observed,
        {**store.recorded(Site(target, organisation)), **_overtaken(store, Site(target, organisation), observed)},
        unsettled(store, Site(target, organisation)),
        target=target,
        created_at=context.clock.now(),
    )
    warned = replace(made, problems=in_order([*made.problems, *look_ahead(declared, observed, made.changes)]))
    cohorts = missable_cohorts(context, store, Site(target, organisation))
    return judged(dated(warned, store), declared, observed, cohorts, everyone=context.everyone)


def judged(
    made: Plan,
    declared: Declared,
    observed: Observed,
    applied_cohorts: Collection[str] = (),
    *,
    everyone: bool = False,
) -> Planned:
    """The plan with what policies, limits and caseloads say of it; `applied_cohorts` were managed before.
    With `everyone`, also the caseloads of those whom the plan does not touch."""
    exceeded = (*check_limits(declared.settings.limits, made.changes), *check_vanished(declared, applied_cohorts))
    standing, lifted = waive_limits(exceeded, declared)
    return Planned(
        replace(
            made,
            findings=(*lifted, *check_policies(declared, observed, made.changes)),
            refusals=standing,
            caseload=caseload(declared, observed, made.changes, everyone=everyone),
        )
    )


def limited_anew(kept: Planned, declared: Declared) -> Planned:
    """A saved plan under today's limits as well: its own word that they are kept is not enough. A plan that reverts
    a run is all changes, so only counts are judged anew."""
    standing, _ = waive_limits(check_limits(counts_only(declared.settings.limits), kept.plan.changes), declared)
    return Planned(replace(kept.plan, refusals=tuple(dict.fromkeys((*kept.plan.refusals, *standing)))))


async def observe_in(session: Session, context: Context, declared: Declared) -> Observed:
    """One reading; what was learnt of the server on the way is kept, also when the reading fails."""
    from reconciler.observed.observe import observe
    from reconciler.runtime.session import learnt_capabilities, progress_listener

    try:
        with (
            learnt_capabilities(session, context) as capabilities,
            progress_listener(context, declared.settings) as progress,
        ):
            return await observe(declared, session.reader, capabilities, progress)
    except Rejected as refusal:
        if session.target.embedded and (problems := await _not_in_sandbox(session, declared)):
            raise ReconcilerError(problems) from refusal
        raise


async def _not_in_sandbox(session: Session, declared: Declared) -> list[Problem]:
    """The organisations that the files name and the sandbox does not have, each where it is named."""
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


def _overtaken(store: Store, site: Site, observed: Observed) -> dict[Place, UserId]:
    """What a dead run sent last to slots that somebody else has moved since: by it the newer value shows as drift.
    Apply's settling records the same, but only once this plan is made."""
    sent = _sent(store, site)
    if not sent:
        return {}
    from reconciler.apply.preconditions import SlotState, after_write

    return {
        (row.operation.learner, slot): move.after
        for row in sent
        if (seen := observed.learners.get(row.operation.learner))
        for slot, move in row.operation.moves
        if after_write([(slot, move)], seen.slots) is SlotState.CONFLICT
    }


def applied_cohorts(store: Store, site: Site) -> frozenset[str]:
    """The cohorts that earlier applies managed: one that is gone from the files since has vanished."""
    known, _ = store.values(site.target).get(f"cohorts:{site.organisation}", ("[]", None))
    return frozenset(json.loads(known))


def missable_cohorts(context: Context, store: Store, site: Site) -> frozenset[str]:
    """Those whose vanishing this plan answers for: where people name cohorts or learners, only the cohorts that they
    name, since it does nothing to the others."""
    applied = applied_cohorts(store, site)
    return applied & set(context.cohorts) if context.cohorts or context.learners else applied


def remember_cohorts(store: Store, plan: Plan, declared: frozenset[str]) -> None:
    """After an apply: its cohorts, as far as the files still declare them, are managed now; those whose vanishing
    was waived no longer are."""
    let_go = {finding.cohort for finding in plan.findings if finding.policy == VANISHED and finding.waived}
    before = applied_cohorts(store, plan.site)
    after = (before | ({change.cohort for change in plan.changes} & declared)) - let_go
    if after != before:
        store.set_value(plan.target, f"cohorts:{plan.organisation}", json.dumps(sorted(after)))


def unsettled(store: Store, site: Site) -> frozenset[Place]:
    """Slots whose last write may or may not have happened: only a reading or a person can tell."""
    sent, unknown = _sent(store, site), store.unknown(site)
    return frozenset(place for row in (*sent, *unknown) for place in row.places)


def _sent(store: Store, site: Site) -> list[JournalRow]:
    """What was sent and has no outcome yet, also by the run that has the lock: it may be dead, its lease not lapsed."""
    holder = store.holder(site)
    living = store.journal(holder.run) if holder and holder.run is not None else ()
    return [row for row in (*store.open_operations(site), *living) if row.state is State.SENT]
