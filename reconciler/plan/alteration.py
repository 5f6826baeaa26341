"""Alteration of a saved plan: names that are not those of today's files, and learners whose findings may be missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date

from reconciler.model.declared import Declared, DeclaredLearner
from reconciler.model.observed import Observed, ObservedLearner
from reconciler.model.operations import Move, moves
from reconciler.model.plan import REVERTED, Change, Finding, Plan
from reconciler.model.slots import LAYERS, Place, Role, SlotKind, Unread, UserId
from reconciler.model.structs import replace
from reconciler.plan.lookahead import later_findings
from reconciler.plan.policies import ASSESSING, check_policies
from reconciler.plan.staff_policies import first_accounts
from reconciler.problems import Problem

_FIX = "Make a new plan from the files and review it."

_REVERT = "Make the plan again with `reconciler revert RUN`, in the store that has the run."

Learners = Mapping[UserId, DeclaredLearner]
"""Learners of a plan as today's files declare them, by OneFile id."""


def learners_of(plan: Plan, declared: Declared) -> dict[UserId, DeclaredLearner]:
    """Return the plan's learners as today's files declare them.

    A learner declared by MISID is found by label and cohort: of several, the one who asks for most of the plan's rows.
    """
    known = {learner.id: learner for learner in declared.learners if learner.id is not None}
    by_misid: dict[tuple[str, str], list[DeclaredLearner]] = defaultdict(list)
    for learner in declared.learners:
        if learner.id is None:
            by_misid[learner.label, learner.cohort].append(learner)
    learners = {}
    for user, rows in _rows_of(plan).items():
        candidates = by_misid.get((rows[0].label, rows[0].cohort), [])
        if user in known:
            learners[user] = known[user]
        elif candidates:
            best = max(candidates, key=lambda learner: sum(_asks(learner, row) for row in rows))
            learners[user] = replace(best, id=user)
    return learners


def _rows_of(plan: Plan) -> dict[UserId, list[Change]]:
    rows: dict[UserId, list[Change]] = defaultdict(list)
    for change in plan.changes:
        rows[change.learner].append(change)
    return rows


def _asks(learner: DeclaredLearner, row: Change) -> bool:
    return row.slot in learner.slots and learner.slots[row.slot].staff == row.after


def altered(plan: Plan, declared: Declared) -> tuple[Problem, ...]:
    """Refuse labels, cohorts and handles that today's files do not have for the same learner or account."""
    return (*_altered_learners(plan, declared), *_altered_handles(plan, declared))


def _altered_learners(plan: Plan, declared: Declared) -> Iterator[Problem]:
    learners = learners_of(plan, declared)
    by_misid = any(learner.id is None for learner in declared.learners)
    for user, rows in _rows_of(plan).items():
        names = {(row.label, row.cohort) for row in rows}
        words = " and ".join(_called(*name) for name in sorted(names))
        learner = learners.get(user)
        if learner is not None and names != {(learner.label, learner.cohort)}:
            today = _called(learner.label, learner.cohort)
            yield Problem(f"the plan calls learner {user} {words}; {learner.source} has {today}", _FIX)
        elif learner is None and by_misid and not all(row.source.file.startswith(REVERTED) for row in rows):
            yield Problem(f"the plan calls learner {user} {words}; today's files have no such learner", _FIX)


def _called(label: str, cohort: str) -> str:
    return f"{label or '(no label)'} of cohort {cohort}"


def _altered_handles(plan: Plan, declared: Declared) -> Iterator[Problem]:
    members = declared.staff_by_id()
    holders = {holder for change in plan.changes for holder in (change.before, change.after)}
    for account in sorted(UserId(holder) for holder in holders if isinstance(holder, int)):
        stated, member = plan.handles.get(account), members.get(account)
        if stated != (member.handle if member else None):
            today = f"{member.source} has {member.handle}" if member else "staff.yaml has none"
            yield Problem(f"the plan has {stated or 'no handle'} for account {account}; {today}", _FIX)


def reverted_runs(plan: Plan) -> set[int]:
    """Return the runs that the plan says it reverts; 0 is a run that cannot be."""
    sources = {change.source.file for change in plan.differing if change.source.file.startswith(REVERTED)}
    numbers = {source.removeprefix(REVERTED) for source in sources}
    return {int(number) if number.isascii() and number.isdecimal() and len(number) < 19 else 0 for number in numbers}


def never_written(plan: Plan, written: Mapping[int, Mapping[Place, Move]]) -> tuple[Problem, ...]:
    """Refuse a plan that says it reverts a run, but does not restore what that run replaced.

    A revert holds nothing else: limits and files do not count for it as they do for another plan.
    """
    if not written:
        return ()
    sources = {f"{REVERTED}{run}" for run in written}
    if len(sources) > 1 or any(change.source.file not in sources for change in plan.changes):
        return (Problem("the plan reverts a run and holds other changes as well", _REVERT),)
    ((run, moves),) = written.items()
    others = [change for change in plan.changes if not _restores(change, moves.get((change.learner, change.slot)))]
    what = f"the plan says that it reverts run {run}, which did not write it like that"
    return tuple(Problem(f"{change.address}: {what}", _REVERT) for change in others)


def _restores(change: Change, move: Move | None) -> bool:
    if move is None or change.after != (None if isinstance(move.before, Unread) else move.before):
        return False
    return change.action not in ("create", "update") or change.before == move.after


def as_planned(plan: Plan, learners: Learners) -> dict[UserId, ObservedLearner]:
    """Return the plan's learners as if OneFile held what the files declare, but for rows that are not no-ops."""
    return {
        user: ObservedLearner(
            user,
            "archived" if all(row.blocked for row in rows) else "active",
            slots=dict(learners[user].holders) | {row.slot: row.before for row in rows if not _in_sync(row)},
        )
        for user, rows in _rows_of(plan).items()
        if user in learners
    }


def _in_sync(row: Change) -> bool:
    return row.action == "no-op" and not row.blocked and not row.held and row.reason != "unknown"


def written_layers(plan: Plan) -> dict[UserId, set[SlotKind]]:
    """Return by learner the kinds of slot that the searches for the plan's writes show."""
    kinds: dict[UserId, set[SlotKind]] = {}
    for operation in plan.operations:
        written = {slot.kind for slot, _ in moves(operation)}
        shown = (layer for layer in LAYERS if layer & written)
        kinds.setdefault(operation.learner, set()).update(written, *shown)
    return kinds


def suspects(plan: Plan, declared: Declared, observed: Observed) -> set[UserId]:
    """Return the learners for whom the plan lacks a finding that would block it if OneFile is as it says.

    What else OneFile holds for them is not known here, so only a reading decides.
    """
    return {finding.learner for _, finding in missing_findings(plan, declared, observed) if finding.learner is not None}


def two_sided(plan: Plan, declared: Declared, observed: Observed) -> set[UserId]:
    """Return the plan's learners with a declared holder who has both an assessor's and an IQA's account.

    In a slot that no file declares, the other account breaks a policy, and the plan does not show who is there.
    """
    if declared.settings.level("iqa_independent") != "error":
        return set()
    members = declared.staff_by_id()
    first = first_accounts(members.values(), observed)
    sides: dict[UserId, set[bool]] = defaultdict(set)
    for account, member in members.items():
        if member.role in (*ASSESSING, Role.IQA):
            sides[first.get(account, account)].add(member.role is Role.IQA)
    both = {account for account in members if len(sides[first.get(account, account)]) > 1}
    return {
        user for user, learner in learners_of(plan, declared).items() if not both.isdisjoint(learner.holders.values())
    }


def missing_findings(plan: Plan, declared: Declared, observed: Observed) -> tuple[tuple[date, Finding], ...]:
    """Return the findings that block today or on a later day and that the plan does not hold, each with its day."""
    held = {(declared.day, *_key(finding)) for finding in plan.findings}
    held |= {(row.day, *_key(finding)) for row in plan.later for finding in row.findings}
    findings = [(declared.day, finding) for finding in check_policies(declared, observed, plan.changes)]
    findings += later_findings(declared, observed, plan.changes)
    return tuple((day, finding) for day, finding in findings if finding.blocks and (day, *_key(finding)) not in held)


def _key(finding: Finding) -> tuple[object, ...]:
    return finding.policy, finding.learner, finding.staff, finding.what, finding.blocks
