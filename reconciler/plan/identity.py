"""Identity across ids and MISIDs: learners declared twice, and MISIDs that belong to another account than before."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping

from reconciler.model.declared import Declared, DeclaredLearner
from reconciler.model.observed import Observed, misid_digest
from reconciler.model.plan import Plan, changes_of
from reconciler.model.slots import OrganisationId, Place, UserId
from reconciler.model.structs import replace
from reconciler.problems import Invalid, Problem

Identities = Mapping[str, UserId]
"""Accounts by the digest of their MISID, as earlier runs recorded them."""


def refuse_twins(declared: Declared, observed: Observed, recorded: Identities) -> None:
    """Raise Invalid if a learner in scope is declared a second time, by id here and by MISID there.

    Entries outside the scope count as well: the account of a MISID is known from this reading, or from an earlier run.
    If no learner has a MISID there are none: the files have each id once.
    """
    if not any(learner.misid for learner in (*declared.learners, *declared.everyone)):
        return
    first: dict[UserId, DeclaredLearner] = {}
    twins = []
    here = {learner.key for learner in declared.learners}
    outside = [learner for learner in declared.everyone if learner.key not in here]
    for learner in (*declared.learners, *outside):
        user = _account(learner, observed, recorded)
        other = first.setdefault(user, learner) if user is not None else learner
        if other is not learner and (learner.key in here or other.key in here):
            twins.append(_twin(learner, other, user))
    if twins:
        raise Invalid(twins)


def _twin(learner: DeclaredLearner, other: DeclaredLearner, user: UserId | None) -> Problem:
    return Problem(
        f"{learner.name()} is OneFile user {user}, who is already declared at {other.source}",
        "Declare each learner once: remove one of the two entries.",
        learner.source,
    )


def _account(learner: DeclaredLearner, observed: Observed, recorded: Identities) -> UserId | None:
    user = learner.user(observed.misids)
    if user is not None or learner.misid is None:
        return user
    digest = misid_digest(learner.organisation, learner.misid)
    return observed.identities.get(digest) or recorded.get(digest)


def moved_misids(declared: Declared, observed: Observed, recorded: Identities) -> dict[UserId, Problem]:
    """Return a warning for each learner in scope whose MISID belonged to another account before, by account."""
    moved: dict[UserId, Problem] = {}
    for learner in declared.learners:
        user = observed.misids.get(learner.misid) if learner.id is None and learner.misid else None
        before = recorded.get(misid_digest(learner.organisation, learner.misid or "")) if user is not None else None
        if user is not None and before is not None and before != user:
            what = f"MISID {learner.misid} was account {before} in an earlier run, and is account {user} now"
            fix = (
                f"Find out in OneFile whose MISID it is. If account {user} is right, declare the learner by "
                f"`id: {user}`; otherwise correct the MISID in OneFile."
            )
            moved[user] = Problem(what, fix, learner.source, severity="warning")
    return moved


def with_former(observed: Observed, recorded: Identities) -> Observed:
    """Return the reading with the account that had each staff member's MISID before, if it was another one."""
    if not recorded or not any(account.misid for account in observed.staff.values()):
        return observed
    staff = {
        key: replace(account, former=before)
        if (before := recorded.get(account.misid)) not in (None, account.id)
        else account
        for key, account in observed.staff.items()
    }
    return replace(observed, staff=staff)


def seen_identities(declared: Declared, observed: Observed) -> dict[OrganisationId, dict[str, UserId]]:
    """Return the accounts of the MISIDs that this reading shows: of learners in scope, and of staff."""
    seen: dict[OrganisationId, dict[str, UserId]] = {}
    for organisation, digest, user in _seen(declared, observed):
        seen.setdefault(organisation, {})[digest] = user
    return seen


def _seen(declared: Declared, observed: Observed) -> Iterator[tuple[OrganisationId, str, UserId]]:
    organisations = {learner.id: learner.organisation for learner in declared.learners}
    for digest, learner_id in observed.identities.items():
        if learner_id in organisations:
            yield organisations[learner_id], digest, learner_id
    for learner in declared.learners:
        if learner.misid is not None and (user := observed.misids.get(learner.misid)) is not None:
            yield learner.organisation, misid_digest(learner.organisation, learner.misid), user
    for (organisation, _), account in observed.staff.items():
        if account.misid and account.standing == "active":
            yield organisation, account.misid, account.id


def recorded_after(recorded: Identities, seen: Identities, moved: Container[UserId]) -> dict[str, UserId]:
    """Return what is recorded after an apply: what was seen, but for learners whose MISID has moved."""
    return {**recorded, **{digest: user for digest, user in seen.items() if user not in moved}}


def refused_slots(plan: Plan, reasons: Mapping[UserId, str]) -> dict[Place, str]:
    """Return the slots of these learners, each with the learner's reason."""
    places = ((change.learner, change.slot) for change in changes_of(plan.changes, reasons))
    return {place: reasons[place[0]] for place in places}
