"""Choice of the learners whom a drift run reads, from the store and from what OneFile shows of changes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from reconciler.apply.canary_facts import shows_changes
from reconciler.model.declared import Declared, DeclaredLearner
from reconciler.model.observed import misid_digest
from reconciler.model.slots import Site, UserId
from reconciler.model.structs import Struct, replace
from reconciler.plan.rotation import WEEK, Coverage, at_once, kinds_read, settled_slots, to_read
from reconciler.problems import BadAnswer, Rejected
from reconciler.runtime.open_issues import issues_of
from reconciler.runtime.options import Options
from reconciler.runtime.session import Session
from reconciler.runtime.store_snapshot import identities_at, recorded_at, seen_at

_MARGIN = timedelta(minutes=15)  # before the last run began: a change of that moment is looked for twice


class Part(Struct, frozen=True):
    """The learners to read now, as a declaration, and what is known of the others."""

    declared: Declared
    days: int
    follows_changes: bool
    others: dict[UserId, DeclaredLearner]


async def part_to_read(session: Session, options: Options, declared: Declared) -> Part | None:
    """Return the learners to read; None for everybody.

    That is if it is asked for, if only a part of the files is compared, or if OneFile does not show who changed and no
    rotation is asked for.
    """
    store, target = session.store, session.target.name
    if options.full or options.is_narrow or options.at:
        return None
    organisations = sorted({learner.organisation for learner in declared.learners})
    sites_all = [Site(target, organisation) for organisation in organisations]
    can_follow = shows_changes(store, session.account, sites_all, kinds_read(declared))
    if not can_follow and options.rotate_days is None:
        return None
    changed = await _changed(session, declared) if can_follow else None
    if changed is None and options.rotate_days is None:
        return None
    by_user, unknown = _by_user(session, declared)
    days = options.rotate_days or WEEK
    sites = _sites(target, by_user)
    read_at = {user: at for site in sites for user, at in store.readings(site).items()}
    issues = (issue for kind in ("drift", "fight") for issue in issues_of(store, sites, kind))
    chosen = to_read(by_user.keys(), read_at, store.now(), days) | (changed or frozenset())
    chosen |= at_once(by_user.items(), recorded_at(store, sites), seen_at(store, sites), issues)
    others = {user: learner for user, learner in by_user.items() if user not in chosen}
    left = {id(learner) for learner in others.values()}
    learners = tuple(learner for learner in declared.learners if id(learner) not in left or learner in unknown)
    return Part(replace(declared, learners=learners, left_out=len(others)), days, changed is not None, others)


async def _changed(session: Session, declared: Declared) -> frozenset[UserId] | None:
    """Return who was modified in OneFile since the last drift run began; None if that cannot be known."""
    store, target = session.store, session.target.name
    changed: set[UserId] = set()
    for organisation in sorted({learner.organisation for learner in declared.learners}):
        since = store.followed_since(Site(target, organisation))
        if since is None:
            return None
        skew = timedelta(seconds=session.client.clock_skew or 0.0)
        try:
            changed |= await session.reader.modified_since(organisation, since - skew - _MARGIN)
        except (Rejected, BadAnswer):
            return None
    return frozenset(changed)


def note_followed(session: Session, declared: Declared, began: datetime) -> None:
    """Store that a drift run which began then has read everybody who had changed."""
    for organisation in {learner.organisation for learner in declared.learners}:
        session.store.set_followed_since(Site(session.target.name, organisation), began)


def coverage(session: Session, declared: Declared, part: Part | None) -> Coverage:
    """Return when each declared learner was last read, after a run has stored its readings."""
    by_user, _ = _by_user(session, declared)
    sites = _sites(session.target.name, by_user)
    read_at = {user: at for site in sites for user, at in session.store.readings(site).items() if user in by_user}
    if part is None:
        return Coverage(read_at, len(declared.learners), len(declared.learners))
    recorded, seen = recorded_at(session.store, sites), seen_at(session.store, sites)
    watched = sum(settled_slots(user, learner, recorded, seen) for user, learner in part.others.items())
    read = len(declared.learners) - len(part.others)
    return Coverage(read_at, read, len(declared.learners), part.days, part.follows_changes, watched)


def _sites(target: str, by_user: dict[UserId, DeclaredLearner]) -> dict[Site, set[UserId]]:
    sites: dict[Site, set[UserId]] = {}
    for user, learner in by_user.items():
        sites.setdefault(Site(target, learner.organisation), set()).add(user)
    return sites


def _by_user(session: Session, declared: Declared) -> tuple[dict[UserId, DeclaredLearner], list[DeclaredLearner]]:
    """Return the learners by OneFile id, and those by MISID whose id no run has recorded."""
    target = session.target.name
    organisations = {learner.organisation for learner in declared.learners}
    sites = [Site(target, organisation) for organisation in sorted(organisations)]
    accounts = identities_at(session.store, Site(target, declared.settings.organisation), sites)
    by_user: dict[UserId, DeclaredLearner] = {}
    unknown = []
    for user, learner in _users(declared, accounts):
        if user is None or user in by_user:
            unknown.append(learner)
        else:
            by_user[user] = learner
    return by_user, unknown


def _users(declared: Declared, accounts: dict[str, UserId]) -> Iterator[tuple[UserId | None, DeclaredLearner]]:
    for learner in declared.learners:
        digest = misid_digest(learner.organisation, learner.misid or "")
        yield (learner.id if learner.id is not None else accounts.get(digest)), learner
