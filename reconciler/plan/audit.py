"""Audit of a whole organisation: the policies over everybody in OneFile, without declared files."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

from reconciler.model.audit import Audit, AuditFinding
from reconciler.model.declared import POLICIES, Declared, DeclaredLearner, Level, Settings, Staff, Wanted
from reconciler.model.observed import Observed, ObservedStaff, SharedIdentity
from reconciler.model.plan import CaseloadRow, Finding
from reconciler.model.slots import (
    DEFAULT_ASSESSOR,
    LEARNING_AIM_KINDS,
    ROLES_FOR,
    UNIT_KINDS,
    Handle,
    OrganisationId,
    Site,
    Slot,
    SlotKind,
    Unread,
    UserId,
)
from reconciler.model.structs import Struct, replace
from reconciler.plan.caseload import caseload
from reconciler.plan.holders import Held, keys
from reconciler.plan.policies import bound_passed, check_policies
from reconciler.plan.staff_policies import THINGS, a_role, is_intended
from reconciler.problems import Source

DEFAULT_LEVELS: Mapping[str, Level] = {
    "iqa_independent": "error",
    "trainee_assessor": "error",
    "staff_active": "error",
    "coverage": "warn",
    "duplicate_staff": "warn",
    "layers_agree": "warn",
    "caseload": "warn",
}
"""What an audit judges, the most serious first, with its levels if no settings say otherwise."""
_BY_PLANS = ("iqa_independent", "trainee_assessor", "coverage")  # judged exactly as plans judge them
_NOWHERE = Source("")
_FIXES = {
    "iqa_independent": "Find out who assesses and who quality-assures, then give one of the slots to somebody else.",
    "trainee_assessor": "Give the slots to a qualified assessor, or correct the account's role in OneFile.",
    "coverage": "Assign somebody who can act in OneFile.",
}
_SHARE = "Give these learners to active members of staff."


class Known(Struct, frozen=True):
    """Knowledge of the centre beside the reading.

    `declared` are the accounts of staff.yaml by id, if there is one; `staff` are all accounts, the others made from the
    reading. `handles` name every account, and `labels` the learners who are declared. The levels of `settings` count
    where they are given; waivers do not, because an audit reports what is there.
    """

    site: Site
    settings: Settings
    declared: Mapping[UserId, Staff]
    staff: Mapping[UserId, Staff]
    handles: Mapping[UserId, Handle]
    labels: Mapping[UserId, str]

    def called(self, account: UserId) -> str:
        return self.handles.get(account, f"account {account}")


def audit_of(observed: Observed, known: Known) -> Audit:
    """Judge everybody in a reading."""
    levels = {policy: known.settings.policies.get(policy, level) for policy, level in DEFAULT_LEVELS.items()}
    declared = _as_declared(observed, known, levels)
    rows = caseload(declared, observed, (), everyone=True)
    found = [
        *_policy_findings(declared, observed, known, levels),
        *_cannot_act(observed, known, levels["staff_active"]),
        *(_duplicate(shared, known, levels["duplicate_staff"]) for shared in _duplicates(observed, known)),
        *_layers_that_disagree(observed, known, levels["layers_agree"]),
        *_overloaded(rows, observed, known, levels["caseload"]),
    ]
    order = list(DEFAULT_LEVELS)
    found.sort(key=lambda finding: (order.index(finding.policy), -len(finding.learners), finding.what))
    active = [account for account in observed.staff.values() if account.standing == "active"]
    return Audit(
        target=known.site.target,
        organisation=OrganisationId(known.site.organisation),
        taken_at=observed.taken_at,
        learners=len(observed.learners),
        slots=sum(isinstance(held, int) for seen in observed.learners.values() for held in seen.slots.values()),
        staff=Counter(account.role for account in active if account.role is not None),
        checked=tuple(policy for policy in order if levels[policy] != "off"),
        findings=tuple(finding for finding in found if finding.level != "off"),
        caseload=rows,
        handles=known.handles,
        labels=known.labels,
        unseen=_unseen(observed),
        calls=observed.calls,
    )


def _unseen(observed: Observed) -> Mapping[SlotKind, int]:
    slots = (item for seen in observed.learners.values() for item in seen.slots.items())
    kinds = Counter(slot.kind for slot, held in slots if held is Unread.UNREADABLE)
    return dict(sorted(kinds.items()))


# ------------------------------------------------------------------ policies that plans judge


def _as_declared(observed: Observed, known: Known, levels: Mapping[str, Level]) -> Declared:
    """Return the files that would ask for exactly what OneFile holds, with only the policies of plans on."""
    off: dict[str, Level] = dict.fromkeys(POLICIES, "off")
    settings = replace(known.settings, policies={**off, **{policy: levels[policy] for policy in _BY_PLANS}}, waivers=())
    organisation = OrganisationId(known.site.organisation)
    learners = tuple(
        DeclaredLearner(user, None, "", "", organisation, _wanted(seen.slots, known.staff), _NOWHERE)
        for user, seen in observed.learners.items()
    )
    return Declared(observed.taken_at.date(), settings, {one.handle: one for one in known.staff.values()}, learners)


def _wanted(slots: Held, staff: Mapping[UserId, Staff]) -> dict[Slot, Wanted]:
    wanted: dict[Slot, Wanted] = {}
    for slot, held in slots.items():
        if held is None:
            wanted[slot] = Wanted(None, None, _NOWHERE)
        elif isinstance(held, int) and held in staff:
            wanted[slot] = Wanted(held, staff[held].handle, _NOWHERE)
    return wanted


def _policy_findings(
    declared: Declared, observed: Observed, known: Known, levels: Mapping[str, Level]
) -> Iterator[AuditFinding]:
    """Group the findings that differ only in the learner."""
    by_cause: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in check_policies(declared, observed, ()):
        what = finding.what.removeprefix(f"learner {finding.learner}: ").replace(" (not in staff.yaml)", "")
        what = what.replace(" would both assess and quality-assure ", " both assesses and quality-assures ")
        if not known.declared:  # then only OneFile shows who they are
            what = what.replace(" are one person, who ", " have one MISID or e-mail address: one person, who ")
        by_cause[finding.policy, what.replace(", declared as ", ", and is ")].append(finding)
    for (policy, what), findings in by_cause.items():
        learners = sorted({finding.learner for finding in findings if finding.learner is not None})
        yield AuditFinding(policy, levels[policy], what, _FIXES[policy], tuple(learners))


# ------------------------------------------------------------------ accounts


def _cannot_act(observed: Observed, known: Known, level: Level) -> Iterator[AuditFinding]:
    """Yield one finding for each holder whose account cannot act, with the learners who are left to them."""
    held: dict[UserId, set[UserId]] = defaultdict(set)
    kinds: dict[UserId, set[SlotKind]] = defaultdict(set)
    for user, seen in observed.learners.items():
        for slot, holder in seen.slots.items():
            if isinstance(holder, int):
                held[holder].add(user)
                kinds[holder].add(slot.kind)
    organisation = OrganisationId(known.site.organisation)
    for holder, learners in sorted(held.items()):
        account = observed.staff.get((organisation, holder))
        if account and (fault := _why_not(account, kinds[holder])):
            what = f"{known.called(holder)} {fault[0]}"
            yield AuditFinding("staff_active", level, what, fault[1], tuple(sorted(learners)), (holder,))


def _why_not(account: ObservedStaff, kinds: set[SlotKind]) -> tuple[str, str] | None:
    if account.standing == "archived":
        return "is archived and still holds slots", _SHARE
    if account.standing == "missing":
        return "holds slots, but OneFile has no such account", _SHARE
    if account.standing == "not listed":
        fix = f"Check the account's role and organisation in OneFile. {_SHARE}"
        return "holds slots, but is on no list of this organisation's active staff", fix
    wrong = sorted(kind for kind in kinds if account.role is not None and account.role not in ROLES_FOR[kind])
    if wrong and account.role is not None:
        named = _joined([kind.value.replace("_", " ").replace("iqa", "IQA") for kind in wrong])
        fix = f"Correct the account's role in OneFile. {_SHARE}"
        return f"is {a_role(account.role)}, which does not fit its slots: {named}", fix
    return None


def _duplicates(observed: Observed, known: Known) -> Iterator[SharedIdentity]:
    return (shared for shared in observed.shared if not is_intended(shared, known.declared))


def _duplicate(shared: SharedIdentity, known: Known, level: Level) -> AuditFinding:
    """Return the finding for accounts with one MISID or address, without either, because they are personal."""
    names = [
        known.called(account.id) + (" (archived)" if account.standing == "archived" else "")
        for account in shared.accounts
    ]
    what = f"{_joined(names)} have the same {THINGS[shared.thing]}"
    fix = (
        "Correct the MISID in OneFile: programs that find staff by MISID fail on it."
        if shared.thing == "misid"
        else "If they are one person with two roles, declare the same `person` for both; otherwise archive one of them."
    )
    return AuditFinding("duplicate_staff", level, what, fix, (), tuple(account.id for account in shared.accounts))


def _overloaded(
    rows: tuple[CaseloadRow, ...], observed: Observed, known: Known, level: Level
) -> Iterator[AuditFinding]:
    """Yield one finding for each caseload above its target or maximum, if staff.yaml has one."""
    for row in rows:
        count = row.after.learners
        if passed := bound_passed(known.staff[row.staff], count, level):
            held = (user for user, seen in observed.learners.items() if row.staff in seen.slots.values())
            learners = f"{count} learner{'' if count == 1 else 's'}"
            what = f"{row.handle} holds {learners}, above the {passed.word} of {passed.bound}"
            fix = "Give some of these learners to somebody else."
            yield AuditFinding("caseload", passed.level, what, fix, tuple(sorted(held)), (row.staff,))


# ------------------------------------------------------------------ layers


def _layers_that_disagree(observed: Observed, known: Known, level: Level) -> Iterator[AuditFinding]:
    """Yield a finding for each default assessor who assesses nothing of the learner, with who does.

    OneFile uses the assessor of a unit or learning aim where there is one, so such a default is easily forgotten.
    """
    groups: dict[tuple[UserId, tuple[UserId, ...]], list[UserId]] = defaultdict(list)
    for user, seen in observed.learners.items():
        holder, own = seen.slots.get(DEFAULT_ASSESSOR), _assessors(seen.slots)
        if isinstance(holder, int) and own and holder not in own:
            groups[holder, tuple(sorted(own))].append(user)
    for (holder, others), learners in groups.items():
        verb = "assesses" if len(others) == 1 else "assess"
        names = _joined([known.called(other) for other in others])
        what = f"{known.called(holder)} is the default assessor, but {names} {verb} every learning aim and unit"
        fix = "Make one of those who assess the default assessor, unless this is meant."
        yield AuditFinding("layers_agree", level, what, fix, tuple(sorted(learners)), (holder, *others))


def _assessors(slots: Held) -> set[UserId]:
    """Return who assesses each learning aim and unit; nobody if the default assessor may assess one of them."""
    found: set[UserId] = set()
    for kinds, kind in ((LEARNING_AIM_KINDS, SlotKind.LEARNING_AIM_ASSESSOR), (UNIT_KINDS, SlotKind.UNIT_ASSESSOR)):
        for key in keys(slots, kinds):
            holder = slots.get(Slot(kind, key), Unread.UNREADABLE)
            if isinstance(holder, int):
                found.add(holder)
            elif kind is SlotKind.LEARNING_AIM_ASSESSOR or isinstance(holder, Unread):
                return set()  # no holder of its own, so the default assessor is in effect, or it cannot be known
    return found


def _joined(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
