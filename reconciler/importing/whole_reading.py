"""Turns a census into a reading of everybody, as an audit judges it and as it is saved."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from reconciler.importing.naming import handles
from reconciler.model.census import Census, CensusStaff
from reconciler.model.observed import (
    PEOPLE_ROLES,
    Observed,
    ObservedLearner,
    ObservedStaff,
    Roster,
    SharedAccount,
    SharedIdentity,
    SharedThing,
    misid_digest,
)
from reconciler.model.slots import Handle, OrganisationId, UserId


def reading_of(census: Census) -> Observed:
    """Return the census as a reading, with every active account of staff and every holder."""
    organisation = census.organisation
    strangers = [ObservedStaff(user, status) for user, status in census.elsewhere.items()]
    members = [_account(member, organisation) for member in census.staff.values()]
    return Observed(
        taken_at=census.taken_at,
        learners={learner.id: ObservedLearner(learner.id, slots=learner.slots) for learner in census.learners},
        staff={(organisation, account.id): account for account in (*members, *strangers)},
        calls=census.calls,
        shared=tuple(sorted(_shared(census))),
        roster=Roster(tuple(learner.id for learner in census.learners), whole=True, asked=True),
    )


def handles_of(census: Census) -> dict[UserId, Handle]:
    """Return handles made from people's names; those of archived accounts too."""
    everybody = {**census.retired, **census.staff}
    return handles(list(everybody.values()), names=True, taken={})


def plain_handles(observed: Observed) -> dict[UserId, Handle]:
    """Return handles made from roles and ids."""
    roles = {account.id: account.role for account in observed.staff.values() if account.role is not None}
    return handles([CensusStaff(user, role) for user, role in roles.items()], names=False, taken={})


def _account(member: CensusStaff, organisation: OrganisationId) -> ObservedStaff:
    digest = misid_digest(organisation, member.misid) if member.misid else ""
    return ObservedStaff(member.id, role=member.role, misid=digest)


def _shared(census: Census) -> Iterator[SharedIdentity]:
    """Yield the accounts with one MISID, and the assessors and IQAs with one e-mail address; archived ones too."""
    everybody = {**census.retired, **census.staff}.values()
    by_misid = ((member.misid.strip(), member) for member in everybody)
    by_email = ((member.email.casefold(), member) for member in everybody if member.role in PEOPLE_ROLES)
    things: tuple[tuple[SharedThing, Iterable[tuple[str, CensusStaff]]], ...] = (
        ("misid", by_misid),
        ("email", by_email),
    )
    for thing, pairs in things:
        groups: dict[str, list[UserId]] = defaultdict(list)
        for key, member in pairs:
            if key:
                groups[key].append(member.id)
        for users in groups.values():
            if len(users) > 1:
                accounts = (
                    SharedAccount(user, "active" if user in census.staff else "archived") for user in sorted(users)
                )
                yield SharedIdentity(thing, tuple(accounts))
