"""The organisation that a command reads if no settings name one."""

from __future__ import annotations

from reconciler.model.slots import OrganisationId
from reconciler.problems import Invalid, Problem
from reconciler.runtime.session import Session


async def organisation_of(session: Session, requested: int | None) -> OrganisationId:
    """Return the requested organisation, or the only one that the token can read."""
    if requested is not None:
        return OrganisationId(requested)
    organisations = sorted(await session.reader.organisations())
    if len(organisations) == 1:
        return organisations[0]
    listed = f"{len(organisations)} organisations: {', '.join(map(str, organisations))}"
    fix = "Choose one with --organisation ID."
    if session.target.embedded:
        what, fix = f"the sandbox has {listed}", f"{fix} For your own centre, use --target practice or live."
    else:
        what = f"the token can read {listed}"
    raise Invalid(Problem(what, fix, where="--organisation"))
