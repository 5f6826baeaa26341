"""Ageing of a saved plan: applied already, overtaken by a newer run, or not what today's files and waivers allow."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date

from reconciler.model.declared import Declared, DeclaredLearner, Staff, Wanted
from reconciler.model.history import LastApplied, RunRow
from reconciler.model.observed import Observed, ObservedStaff
from reconciler.model.operations import State, moves
from reconciler.model.plan import REVERTED, AsDeclared, Change, Finding, HandoverKind, LaterChange, Plan
from reconciler.model.slots import OrganisationId, Place, UserId
from reconciler.model.structs import replace
from reconciler.plan.alteration import learners_of, missing_findings
from reconciler.plan.compare import account_refusal
from reconciler.plan.operations import removal
from reconciler.plan.waivers import waive, waive_saved
from reconciler.problems import Problem, Source

_AGAIN = "Make a new plan and review it, or use --again if this is meant."
_CARRIED_OUT = {State.DONE.value, State.ALREADY_DONE.value}


def applied_already(plan: Plan, fingerprint: str, runs: Iterable[RunRow]) -> tuple[Problem, ...]:
    """Refuse a plan that a finished run has carried out since it was made."""
    for run in runs:
        if (
            plan.operations
            and run.fingerprint == fingerprint
            and run.organisation == plan.organisation
            and run.ended is not None
            and run.started >= plan.created_at
            and run.summary.keys() <= _CARRIED_OUT
            and run.summary
        ):
            what = f"this plan was applied already, by run {run.id} on {run.started:%Y-%m-%d %H:%M} UTC"
            return (Problem(what, _AGAIN),)
    return ()


def overtaken(
    plan: Plan, fingerprint: str, applied: Mapping[Place, LastApplied], runs: Iterable[RunRow]
) -> tuple[Problem, ...]:
    """Refuse a plan whose slots a newer run has written, or a person has closed, since it was made.

    What this very plan wrote before it was cut off does not count. OneFile does not show every slot, so only the record
    knows that such a slot has moved.
    """
    own = {run.id for run in runs if run.fingerprint == fingerprint}
    changes = {(change.learner, change.slot): change for change in plan.differing}
    newer = []
    for operation in plan.operations:
        for slot, move in moves(operation):
            place = (operation.learner, slot)
            last = applied.get(place)
            if last and last.at > plan.created_at and last.run not in own and last.staff != move.before:
                newer.append((changes[place], last))
    if not newer:
        return ()
    change, last = newer[0]
    others = f", and {len(newer) - 1} more" if len(newer) > 1 else ""
    what = f"run {last.run} ({last.command}) has set {change.address} since this plan was made{others}"
    return (Problem(what, _AGAIN, change.source),)


def no_longer_asked(plan: Plan, declared: Declared) -> dict[Place, str]:
    """Return the slots to be written for which today's files ask for somebody else, each with the reason.

    What reverts a run is not judged: files do not ask for it.
    """
    learners, reasons = learners_of(plan, declared), {}
    for change in plan.differing:
        if change.action not in ("create", "update") or change.source.file.startswith(REVERTED):
            continue
        if why := _why_not(change, learners.get(change.learner), declared):
            reasons[change.learner, change.slot] = why
    return reasons


def still_agreed(plan: Plan, declared: Declared, contradicted: Collection[Place]) -> AsDeclared:
    """Return the slots that a saved plan found as declared, that today's files declare alike, and nothing contradicts.

    What reverts a run asks for is not what files declare.
    """
    learners = learners_of(plan, declared)
    rows = {
        site: [
            (user, slot, staff)
            for user, slot, staff in found
            if (learner := learners.get(user)) and slot in learner.slots and learner.slots[slot].staff == staff
            if (user, slot) not in contradicted
        ]
        for site, found in plan.as_declared().items()
    }
    return {} if any(change.source.file.startswith(REVERTED) for change in plan.differing) else rows


def _why_not(change: Change, learner: DeclaredLearner | None, declared: Declared) -> str:
    wanted = learner.slots.get(change.slot) if learner else None
    if wanted is None:
        return f"on {declared.day} the files declare nobody for it"
    if wanted.staff != change.after:
        return f"on {declared.day} the files declare {wanted.handle or 'nobody'} for it"
    return ""


def renewed(plan: Plan, declared: Declared) -> Plan:
    """Return the plan with its manual steps and the names of aims and units made again from today's files."""
    members, owner = declared.staff_by_id(), declared.settings.step_owner
    since = {step.id: step.first_seen for step in plan.manual}
    steps = [removal(change, members, owner) for change in plan.differing if change.action == "delete"]
    return replace(
        plan,
        manual=tuple(replace(step, first_seen=since.get(step.id)) for step in steps),
        titles={key: title for key, title in declared.settings.titles.items() if key in plan.titles},
    )


def rejudge(plan: Plan, declared: Declared) -> Plan:
    """Judge the saved findings by today's levels and waivers: one whose waiver has ended blocks again."""
    findings = []
    for finding in plan.findings:
        level = declared.settings.policies.get(finding.policy)
        if level == "off":
            continue
        strict = replace(finding, level=level) if level == "error" and finding.staff is None else finding
        findings.append(_waived(strict, declared))
    return replace(plan, findings=tuple(dict.fromkeys(findings)))


def _waived(finding: Finding, declared: Declared) -> Finding:
    if not finding.waived:
        return waive(finding, declared) if finding.learner is not None else finding
    return waive_saved(finding, declared)


def broken_today(plan: Plan, declared: Declared, observed: Observed, users: Collection[UserId]) -> Plan:
    """Add the findings that block today or on a later day and that the plan lacks: caseloads, and those of `users`."""
    missing = [
        (day, finding)
        for day, finding in missing_findings(plan, declared, observed)
        if finding.learner is None or finding.learner in users
    ]
    added = [finding for day, finding in missing if day == declared.day]
    later = [_later(day, finding) for day, finding in missing if day != declared.day]
    return replace(plan, findings=(*plan.findings, *added), later=(*plan.later, *later))


def to_look_up(plan: Plan, declared: Declared, observed: Observed) -> tuple[DeclaredLearner, ...]:
    """Return a learner and slot for each person whom the plan would write and who was not looked up.

    Today's files do not ask for these people there: only what reverts a run may still write them.
    """
    known, members, otherwise = learners_of(plan, declared), declared.staff_by_id(), no_longer_asked(plan, declared)
    people: dict[tuple[OrganisationId, UserId], DeclaredLearner] = {}
    for (user, slot), organisation, account in _written(plan, declared):
        if account not in members or (user, slot) in otherwise or (organisation, account) in observed.staff:
            continue
        wanted = Wanted(account, members[account].handle, Source(""))
        learner = known.get(user) or DeclaredLearner(user, None, "", "", organisation, {}, Source(""))
        people.setdefault((organisation, account), replace(learner, slots={slot: wanted}, later=()))
    return tuple(people.values())


def unfit(plan: Plan, declared: Declared, observed: Observed) -> dict[Place, str]:
    """Return the slots to be written with an account that cannot hold them now, each with the reason.

    An account that was not looked up cannot.
    """
    members, reasons = declared.staff_by_id(), {}
    for place, organisation, account in _written(plan, declared):
        seen = observed.staff.get((organisation, account))
        if why := _unfit(account, members.get(account), seen, organisation):
            reasons[place] = why
    return reasons


def _unfit(account: UserId, member: Staff | None, seen: ObservedStaff | None, organisation: OrganisationId) -> str:
    if member is None:
        return f"account {account} is not in staff.yaml"
    if seen is None:
        return f"{member.handle} (OneFile user {account}) was not looked up"
    refusal = account_refusal(member, seen, organisation)
    return refusal[0] if refusal else ""


def _written(plan: Plan, declared: Declared) -> Iterator[tuple[Place, OrganisationId, UserId]]:
    """Yield the slots to be written, each with its learner's organisation and the new holder."""
    organisations = {user: learner.organisation for user, learner in learners_of(plan, declared).items()}
    for operation in plan.operations:
        organisation = organisations.get(operation.learner, plan.organisation)
        for slot, move in moves(operation):
            if move.after is not None:
                yield (operation.learner, slot), organisation, move.after


def _later(day: date, finding: Finding) -> LaterChange:
    source = finding.source or Source("")
    return LaterChange(day, HandoverKind.POLICY, None, None, (), source, findings=(finding,))
