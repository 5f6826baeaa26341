"""The `audit` command: everybody in OneFile, judged without declared files; nothing is written."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from reconciler.commands.organisation import organisation_of
from reconciler.importing.existing_state import Existing, read_existing
from reconciler.importing.read_census import take_census
from reconciler.importing.whole_reading import handles_of, plain_handles, reading_of
from reconciler.model.audit import Audit
from reconciler.model.census import Scope
from reconciler.model.declared import Settings, Staff
from reconciler.model.observed import PEOPLE_ROLES, Observed
from reconciler.model.slots import Handle, OrganisationId, Site, UserId
from reconciler.model.structs import replace
from reconciler.plan.audit import Known, audit_of
from reconciler.problems import ExitCode, Invalid, Problem
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options
from reconciler.runtime.reading_file import read_reading, save_reading, site_of
from reconciler.runtime.session import Session, learnt_capabilities, open_session, progress_listener
from reconciler.runtime.state_files import first_settings

COST = "An audit reads everybody: the lists of learners and staff first, then up to 3 calls for each learner."


def audit(
    options: Options,
    environment: Environment,
    *,
    organisation: int | None = None,
    names: bool = False,
    observed: Path | None = None,
    save_observed: Path | None = None,
) -> Audit:
    """Judge an organisation. Raises Invalid, ServiceError or StoreError.

    A state folder is not needed; if there is one, its settings, handles, persons and caseloads count. `names` makes
    handles from people's names. `observed` is a saved reading, which is judged without a call; `save_observed` is a
    file for this one.
    """
    existing = read_existing(options.state, environment.today())
    if observed:
        return _from_file(options, environment, existing, observed, organisation)
    settings = existing.settings or first_settings(options, environment, organisation or 0)
    return asyncio.run(_read(options, environment, existing, settings, organisation, names, save_observed))


def exit_code(audit: Audit, *, detailed: bool) -> ExitCode:
    """Return CHANGES if something was found and the exit code must show it."""
    return ExitCode.CHANGES if detailed and audit.findings else ExitCode.DONE


async def _read(
    options: Options,
    environment: Environment,
    existing: Existing,
    settings: Settings,
    organisation: int | None,
    names: bool,
    save_observed: Path | None,
) -> Audit:
    async with open_session(options, environment, settings) as session:
        named = organisation or settings.organisation or None
        site = Site(session.target.name, await organisation_of(session, named))
        settings = replace(settings, organisation=OrganisationId(site.organisation))
        if environment.note:
            environment.note(COST)
        observed, handles = await _everybody(session, environment, settings, names=names)
    if save_observed:
        save_reading(observed, site, save_observed)
    return audit_of(observed, _known(site, settings, existing, observed, handles))


async def _everybody(
    session: Session, environment: Environment, settings: Settings, *, names: bool
) -> tuple[Observed, Mapping[UserId, Handle]]:
    scope = Scope(settings.organisation, by_class=False)
    with (
        learnt_capabilities(session, environment, settings.organisation) as capabilities,
        progress_listener(environment, settings) as progress,
    ):
        census = await take_census(scope, session.reader, capabilities, progress)
    if not census.learners:
        what = f"organisation {settings.organisation} has no active learner"
        raise Invalid(Problem(what, "Check the organisation and the target.", where="--organisation"))
    observed = reading_of(replace(census, calls=session.client.calls))
    return observed, handles_of(census) if names else {}


def _from_file(
    options: Options, environment: Environment, existing: Existing, file: Path, organisation: int | None
) -> Audit:
    named = organisation or (existing.settings.organisation if existing.settings else None)
    settings = existing.settings or first_settings(options, environment, named or 0)
    observed = read_reading(file, Site(options.target or settings.target, named) if named else None)
    site = site_of(file)
    settings = replace(settings, organisation=OrganisationId(site.organisation))
    return audit_of(observed, _known(site, settings, existing, observed, {}))


# ------------------------------------------------------------------ what is known beside the reading


def _known(
    site: Site, settings: Settings, existing: Existing, observed: Observed, handles: Mapping[UserId, Handle]
) -> Known:
    own = {member.id: member for member in (existing.staff or {}).values()}
    persons = _persons(observed)
    called = {**plain_handles(observed), **handles, **{user: member.handle for user, member in own.items()}}
    staff = {
        account.id: own.get(account.id)
        or Staff(called[account.id], account.id, account.role, person=persons.get(account.id, ""))
        for account in observed.staff.values()
        if account.role is not None
    }
    labels = {learner.id: learner.label for learner in existing.learners if learner.id is not None and learner.label}
    return Known(site, settings, own, staff, called, labels)


def _persons(observed: Observed) -> dict[UserId, str]:
    """Return a key for each person with several accounts: assessors and IQAs with one MISID or e-mail address."""
    roles = {account.id: account.role for account in observed.staff.values()}
    return {
        user: str(min(shared.ids()))
        for shared in observed.shared
        for user in shared.ids()
        if roles.get(user) in PEOPLE_ROLES
    }
