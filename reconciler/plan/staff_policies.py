"""Policies about accounts of staff: people who cannot act, and accounts that may be one person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from reconciler.model.declared import Declared, Staff
from reconciler.model.observed import Observed, ObservedStaff, SharedIdentity
from reconciler.model.plan import Finding
from reconciler.model.slots import ROLES_FOR, OrganisationId, Role, SlotKind, UserId
from reconciler.model.structs import Struct, field
from reconciler.plan.holders import Held
from reconciler.plan.waivers import waive_staff
from reconciler.problems import Source

_SHARE = "Give these learners to somebody else, or correct the account in OneFile."
THINGS = {"misid": "MISID", "email": "e-mail address"}


class _Concern(Struct):
    """The slots for which one account is declared, or which it holds: learners with cohorts, kinds and lines."""

    organisation: OrganisationId
    declared: bool = False
    learners: dict[UserId, str] = field(default_factory=dict)
    kinds: set[SlotKind] = field(default_factory=set)
    places: list[Source] = field(default_factory=list)


def check_staff(declared: Declared, observed: Observed, held: Mapping[UserId, Held]) -> Iterator[Finding]:
    """Yield what is wrong with the accounts that are declared for slots, or hold declared ones; one finding each."""
    levels = {policy: declared.settings.level(policy) for policy in ("staff_active", "duplicate_staff")}
    if not observed.staff or set(levels.values()) == {"off"}:
        return
    members = declared.staff_by_id()
    suspects = {account.id for account in observed.staff.values() if _is_suspect(account, members.get(account.id))}
    suspects |= {account.id for shared in observed.shared for account in shared.accounts}
    concerns = _concerns(declared, observed, held, suspects)
    if levels["staff_active"] != "off":
        for account, concern in sorted(concerns.items()):
            seen = observed.staff.get((concern.organisation, account))
            if seen and (fault := _fault(seen, members.get(account), concern)):
                yield _finding("staff_active", fault, declared, [account], concerns)
    if levels["duplicate_staff"] != "off":
        for shared in observed.shared:
            accounts = [account.id for account in shared.accounts]
            if not concerns.keys().isdisjoint(accounts) and not is_intended(shared, members):
                yield _finding("duplicate_staff", _duplicate(shared, members), declared, accounts, concerns)


def _is_suspect(seen: ObservedStaff, member: Staff | None) -> bool:
    """Return whether the account may have a fault, whatever its slots: most have none."""
    other_role = seen.role is not None and (member is None or seen.role is not member.role)
    return seen.standing != "active" or seen.former is not None or other_role


def _concerns(
    declared: Declared, observed: Observed, held: Mapping[UserId, Held], suspects: Collection[UserId]
) -> Mapping[UserId, _Concern]:
    concerns: dict[UserId, _Concern] = {}
    if not suspects:
        return concerns
    for learner in declared.learners:
        user = learner.user(observed.misids)
        seen = observed.learners.get(user) if user is not None else None
        if seen is None or seen.standing != "active":
            continue
        slots = held.get(seen.id, seen.slots)
        for slot, want in learner.slots.items():
            for account in {want.staff, slots.get(slot)}:
                if isinstance(account, int) and account in suspects:
                    concern = concerns.setdefault(account, _Concern(learner.organisation))
                    concern.declared |= account == want.staff
                    concern.learners[seen.id] = learner.cohort
                    concern.kinds.add(slot.kind)
                    concern.places.append(want.source)
    return concerns


class _Fault(NamedTuple):
    what: str
    fix: str


def _finding(
    policy: str,
    fault: _Fault,
    declared: Declared,
    accounts: Iterable[UserId],
    concerns: Mapping[UserId, _Concern],
) -> Finding:
    concerned = [concerns[account] for account in accounts if account in concerns]
    members = declared.staff_by_id()
    member = next((members[account] for account in accounts if account in members), None)
    places = tuple(place for concern in concerned for place in concern.places)
    learners = {learner: cohort for concern in concerned for learner, cohort in concern.learners.items()}
    finding = Finding(
        policy,
        declared.settings.level(policy),
        fault.what,
        fault.fix,
        staff=member.handle if member else None,
        source=member.source if member else places[0],
        places=places,
    )
    return waive_staff(finding, declared, sorted(learners.items()), bound=0)


# ------------------------------------------------------------------ people who cannot act


def _fault(seen: ObservedStaff, member: Staff | None, concern: _Concern) -> _Fault | None:
    """Return why this account cannot act in its slots; None if it can."""
    who = called(seen.id, member)
    count = len(concern.learners)
    verb = "is declared for" if concern.declared else "holds"
    slots = f"{verb} slots of {count} learner{'' if count == 1 else 's'}"
    if seen.standing == "archived":
        return _Fault(f"{who} is archived in OneFile and {slots}", _SHARE)
    if seen.standing == "missing":
        return _Fault(f"{who} has no account in OneFile and {slots}", _SHARE)
    fitting = frozenset({member.role}) if member else frozenset.intersection(*map(ROLES_FOR.__getitem__, concern.kinds))
    if seen.role is not None and seen.role not in fitting:
        expected = f", but {a_role(member.role)} in staff.yaml" if member else ""
        fix = f"Correct the role in OneFile or in staff.yaml. {_SHARE}"
        return _Fault(f"{who} is {a_role(seen.role)} in OneFile{expected}, and {slots}", fix)
    if seen.standing == "not listed":
        fix = f"Check the account's role and organisation in OneFile. {_SHARE}"
        kind = _plural(member.role) if member else "staff"
        what = f"{who} is not among the active {kind} of organisation {concern.organisation} and {slots}"
        return _Fault(what, fix)
    if seen.former is not None:
        fix = "Find out in OneFile which account is whose. The next apply takes the MISIDs as they are then."
        return _Fault(f"{who} has the MISID that account {seen.former} had before, and {slots}", fix)
    return None


def called(account: UserId, member: Staff | None) -> str:
    return f"{member.handle} (account {account})" if member else f"account {account} (not in staff.yaml)"


def a_role(role: Role) -> str:
    if role is Role.IQA:
        return "an IQA"
    words = role.value.replace("_", " ")
    return f"{'an' if words[0] in 'aeo' else 'a'} {words}"


def _plural(role: Role) -> str:
    return "IQAs" if role is Role.IQA else f"{role.value.replace('_', ' ')}s"


# ------------------------------------------------------------------ accounts that may be one person


def is_intended(shared: SharedIdentity, members: Mapping[UserId, Staff]) -> bool:
    """Return whether staff.yaml has these accounts as one person with several roles."""
    accounts = [members[account] for account in shared.ids() if account in members]
    roles, persons = {member.role for member in accounts}, {member.human() for member in accounts}
    return len(accounts) == len(shared.accounts) == len(roles) and len(persons) == 1


def _duplicate(shared: SharedIdentity, members: Mapping[UserId, Staff]) -> _Fault:
    names = [
        called(account.id, members.get(account.id)) + (", archived" if account.standing == "archived" else "")
        for account in shared.accounts
    ]
    what = f"{'; '.join(names[:-1])} and {names[-1]} have the same {THINGS[shared.thing]} in OneFile"
    fix = (
        "Correct the MISID in OneFile: other programs find staff by it. If it is one person with two roles, declare "
        "the same `person` for both."
        if shared.thing == "misid"
        else "Archive one of them or, if it is one person with two roles, declare the same `person` for both."
    )
    return _Fault(what, fix)


# ------------------------------------------------------------------ one person


def first_accounts(staff: Iterable[Staff], observed: Observed) -> dict[UserId, UserId]:
    """Return the first account of each person with several, by any of them.

    Accounts are one person's if staff.yaml has the same `person` for them, or OneFile the same MISID, now or one after
    the other; two accounts that exchanged their MISIDs are not. An e-mail address is no proof here: only some of a
    server's lists show it, and a plan must not depend on the list that was read.
    """
    by_misid = [set(shared.ids()) for shared in observed.shared if shared.thing == "misid"]
    former = {account.id: account.former for account in observed.staff.values() if account.former is not None}
    by_misid += [{account, before} for account, before in former.items() if former.get(before) != account]
    by_person: dict[str, set[UserId]] = defaultdict(set)
    for member in staff:
        if member.person:
            by_person[member.person].add(member.id)
    groups: list[set[UserId]] = []
    for accounts in (*by_person.values(), *by_misid):
        joined = set(accounts)
        apart = []
        for group in groups:
            if group.isdisjoint(joined):
                apart.append(group)
            else:
                joined |= group
        groups = [*apart, joined]
    return {account: min(group) for group in groups for account in group}
