"""`apply`: carries out a saved plan, or one made now."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date
from pathlib import Path

from reconciler.commands.apply_run import ApplyResult, refuse_if_locked, run_plan
from reconciler.commands.plan import Planned, plan_in
from reconciler.commands.saved_plan import check_site, judged_again, load_whole, refuse_altered, refuse_overtaken
from reconciler.model.declared import Declared
from reconciler.model.plan import GitState
from reconciler.model.structs import replace
from reconciler.problems import Blocked, Invalid, Problem, Source, Stale
from reconciler.runtime.commit_files import git_state
from reconciler.runtime.declared_state import read_ahead
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options
from reconciler.runtime.session import Session, open_session
from reconciler.runtime.sightings import note_sightings
from reconciler.runtime.store_snapshot import (
    note_reading,
)
from reconciler.runtime.windows import wait_until_open

Approve = Callable[[Planned], bool]
"""Shows the plan and returns whether to go on. Not called if the command line has an approval."""


def apply(
    options: Options,
    environment: Environment,
    saved: Path | None,
    *,
    approve: Approve,
    expect: str | None = None,
    again: bool = False,
    early: bool = False,
    wait: int = 0,
) -> ApplyResult:
    """Apply the saved plan, or one made now. `expect` is the fingerprint that was approved.

    `again` allows a saved plan that was applied already or overtaken; `early` allows a plan for a day to come; `wait`
    is for how many minutes to wait for the end of a window. Raises Invalid for a plan file that cannot be used here,
    Stale if `expect` is not the plan's fingerprint or the saved plan is overtaken, Locked, ServiceError or StoreError.
    A plan that is blocked, and errors after the first write, are in the result.
    """
    return asyncio.run(_apply(options, environment, saved, approve, expect, again=again, early=early, wait=wait))


async def _apply(
    options: Options,
    environment: Environment,
    saved: Path | None,
    approve: Approve,
    expect: str | None,
    *,
    again: bool,
    early: bool,
    wait: int,
) -> ApplyResult:
    kept = load_whole(options, saved) if saved else None
    today = environment.today()
    is_early = _check_day(kept.plan.day if kept else options.day(today), today, early, saved)
    options = replace(options, at=kept.plan.day) if kept and is_early else options
    files = git_state(options.state, environment.note)
    declared = read_ahead(options, environment)
    organisation = declared.settings.organisation
    await wait_until_open(environment, declared.settings, wait)
    async with open_session(options, environment, declared.settings) as session:
        refuse_if_locked(session, options, environment, organisation, command="apply", kept=kept)
        if kept:
            check_site(kept.plan, session, organisation, saved)
            _expected(kept, expect, saved)
            refuse_altered(kept.plan, declared, session.store, saved)
            if not again:
                refuse_overtaken(kept, session.store, saved)
        planned = await _planned(session, options, environment, declared, files, kept)
        _expected(planned, None if kept else expect, saved)
        blocked = planned.plan.blocked
        if blocked or (planned.plan.operations and not approve(planned)):
            if not kept and not is_early:
                note_sightings(session.store, planned.plan, session.began)
            error = Blocked(planned.why_blocked()) if blocked else None
            return ApplyResult(planned, error=error, declined=not blocked)
        return await run_plan(
            session,
            planned,
            options,
            environment,
            declared,
            files,
            just_read=not saved,
            command="apply --early" if is_early else "apply",
            wait=wait,
        )


def _check_day(day: date, today: date, early: bool, saved: Path | None) -> bool:
    """Return whether the plan is for a day to come. Raises Invalid unless it is for today, or that was allowed.

    A saved plan of an earlier day is judged by today's files instead.
    """
    if day > today and not early:
        what = f"this plan is for {day}, which is still to come"
        fix = "Apply it on that day, or use --early if it is meant to take effect now."
        raise Invalid(Problem(what, fix, Source(str(saved)) if saved else None, where="" if saved else "--at"))
    if day < today and not saved:
        what = f"{day} is in the past: apply carries out what is declared for today"
        raise Invalid(Problem(what, "Leave out --at.", where="--at"))
    return day > today


async def _planned(
    session: Session,
    options: Options,
    environment: Environment,
    declared: Declared,
    files: GitState,
    kept: Planned | None,
) -> Planned:
    if kept:
        return Planned(await judged_again(session, environment, kept.plan, declared))
    planned = (await plan_in(session, options, environment, declared)).made_from(files)
    note_reading(session.store, planned.plan, planned.plan.created_at)
    return planned


def _expected(planned: Planned, expect: str | None, saved: Path | None) -> None:
    if expect is None or expect == planned.fingerprint:
        return
    what = f"the approved fingerprint is {expect}, but the plan's is {planned.fingerprint}"
    if saved:
        fix = "Apply the file that was approved."
        raise Invalid(Problem(what, fix, Source(str(saved))))
    fix = "Review and approve the new plan: OneFile or the files have changed since the approval."
    raise Stale(Problem(what, fix, where="--expect"))
