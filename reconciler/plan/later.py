"""Later, by date: what the declared files bring after the plan's day, with the caseloads and policies of those days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta

from reconciler.model.declared import Declared, Shift, Waiver
from reconciler.model.observed import Observed
from reconciler.model.plan import Change, Finding, HandoverKind, LaterCaseload, LaterChange, LaterSlot, Plan
from reconciler.model.slots import Handle, UserId
from reconciler.model.structs import replace
from reconciler.plan.calendar import DeclaredSlot, Handover, build_calendar
from reconciler.plan.caseload import KINDS
from reconciler.plan.lookahead import later_findings, with_holders
from reconciler.plan.lookahead_caseload import Burdens
from reconciler.problems import Source

_DAY = timedelta(days=1)
_Key = tuple[date, HandoverKind, Handle | None, Handle | None]


def cut_horizon(declared: Declared, last: date) -> Declared:
    """Return the declaration as if the files had been read ahead to `last` only."""
    if declared.horizon <= last:
        return declared
    learners = tuple(
        replace(learner, later=tuple(shift for shift in learner.later if shift.day <= last))
        if learner.later and learner.later[-1].day > last
        else learner
        for learner in declared.learners
    )
    return replace(declared, learners=learners, horizon=max(last, declared.day))


def build_later(declared: Declared, observed: Observed, changes: Sequence[Change]) -> tuple[LaterChange, ...]:
    """Return one row per day, cause and pair of people, up to the declared horizon, in order."""
    calendar = build_calendar(declared, ())
    grouped: dict[_Key, list[Handover]] = defaultdict(list)
    for handover in calendar.handovers:
        grouped[handover.day, handover.kind, handover.before, handover.after].append(handover)
    rows = [_row(handovers, observed) for handovers in grouped.values()]
    rows += [_waiver_row(waiver) for waiver in calendar.waivers]
    if not rows:
        return ()
    rows = _with_findings(rows, later_findings(declared, observed, changes))
    return tuple(_with_caseload(sorted(rows, key=_order), declared, observed, changes))


def attribute_later(plan: Plan, base: Plan) -> Plan:
    """Split the rows into those of the base's files as well (`pending`) and those that only these files bring."""
    before = {_key(row): row for row in base.later}
    known = {(_key(row)[0], finding.policy, finding.what) for row in base.later for finding in row.findings}
    rows = [part for row in plan.later for part in _split(row, before.get(_key(row)))]
    rows = [
        replace(
            row,
            findings=tuple(
                replace(finding, pending=(row.day, finding.policy, finding.what) in known) for finding in row.findings
            ),
        )
        for row in rows
    ]
    return replace(plan, later=tuple(rows), withdrawn=tuple(_withdrawn(base.later, plan.later)))


def _split(row: LaterChange, before: LaterChange | None) -> Iterator[LaterChange]:
    if before is None:
        yield row
    elif not row.slots or before.last != row.last:
        yield replace(row, pending=before.last == row.last)
    else:
        known = {slot.address for slot in before.slots}
        caused = tuple(slot for slot in row.slots if slot.address not in known)
        rest = tuple(slot for slot in row.slots if slot.address in known)
        if caused:
            yield replace(row, slots=caused)
        if rest:  # the day's findings and caseloads are with the first part
            whole = {} if not caused else {"findings": (), "caseload": ()}
            yield replace(row, slots=rest, pending=True, **whole)


def _withdrawn(base: Iterable[LaterChange], rows: Iterable[LaterChange]) -> Iterator[LaterChange]:
    kept: dict[_Key, set[str]] = defaultdict(set)
    for row in rows:
        kept[_key(row)].update(slot.address for slot in row.slots)
    for row in base:
        gone = tuple(slot for slot in row.slots if slot.address not in kept[_key(row)])
        if gone:
            yield replace(row, slots=gone, findings=(), caseload=())


# ------------------------------------------------------------------ rows


def _row(handovers: Sequence[Handover], observed: Observed) -> LaterChange:
    first = handovers[0]
    slots = (_slot(place, observed) for handover in handovers for place in handover.places)
    return LaterChange(
        first.day,
        first.kind,
        first.before,
        first.after,
        tuple(sorted(slots, key=lambda slot: (slot.label, slot.address))),
        first.source,
        first.covered,
        first.last,
        first.cover.reason if first.cover else "",
    )


def _slot(place: DeclaredSlot, observed: Observed) -> LaterSlot:
    """Return the slot with its address; a learner by MISID who is not known in OneFile keeps the MISID in it."""
    learner, slot = place
    user = learner.user(observed.misids)
    address = slot.address(user if user is not None else UserId(0))
    if user is None:
        address = address.replace("learner[0]", f"learner[{learner.misid}]", 1)
    return LaterSlot(address, learner.label)


def _waiver_row(waiver: Waiver) -> LaterChange:
    if waiver.learner is not None:
        scope = f"learner {waiver.learner}"
    else:
        scope = f"cohort {waiver.cohort}" if waiver.cohort else "the run as a whole"
    why = f"the waiver of {waiver.policy} for {scope} has ended: its last day was {waiver.until}"
    return LaterChange(waiver.until + _DAY, HandoverKind.WAIVER, None, None, (), waiver.source, why=why)


def _order(row: LaterChange) -> tuple[date, int, str, str, str]:
    return (row.day, list(HandoverKind).index(row.kind), row.before or "", row.after or "", row.why)


def _key(row: LaterChange) -> _Key:
    return row.day, row.kind, row.before, row.after


# ------------------------------------------------------------------ policies and caseloads of the days


def _with_findings(rows: list[LaterChange], findings: Iterable[tuple[date, Finding]]) -> list[LaterChange]:
    """Put each finding with the row of its day that has the line or the person, or else with the day's first row."""
    placed: dict[int, list[Finding]] = defaultdict(list)
    for day, finding in findings:
        fitting = [number for number, row in enumerate(rows) if row.day == day]
        best = [number for number in fitting if rows[number].source == finding.source]
        best = best or [number for number in fitting if finding.staff in (rows[number].after, rows[number].before)]
        if not fitting:
            rows.append(LaterChange(day, HandoverKind.POLICY, None, None, (), finding.source or Source("")))
            fitting = [len(rows) - 1]
        placed[(best or fitting)[0]].append(finding)
    return [
        replace(row, findings=tuple(placed[number])) if number in placed else row for number, row in enumerate(rows)
    ]


def _with_caseload(
    rows: Sequence[LaterChange], declared: Declared, observed: Observed, changes: Sequence[Change]
) -> Iterator[LaterChange]:
    """Count the learners of both people on the eve and on the day; the days are taken in order."""
    known, held = with_holders(declared, observed, changes)
    burdens = Burdens(known, "off", [])
    burdens.take_all(held, {kind for kinds in KINDS.values() for kind in kinds})
    shifts: dict[date, list[tuple[UserId, Shift]]] = defaultdict(list)
    for learner in known.learners:
        for shift in learner.later:
            if learner.id in held:
                shifts[shift.day].append((learner.id, shift))
    for day in sorted({*shifts, *(row.day for row in rows)}):
        today = [row for row in rows if row.day == day]
        people = {handle for row in today for handle in (row.before, row.after) if handle}
        before = _counts(people, known, burdens)
        for user, shift in shifts.get(day, ()):
            if shift.after is not None and shift.after.staff is not None:
                burdens.take(user, shift.slot, shift.after.staff)
        after = _counts(people, known, burdens)
        for row in today:
            pair = dict.fromkeys(handle for handle in (row.before, row.after) if handle in after)
            yield replace(row, caseload=tuple(_caseload(handle, before, after, known) for handle in pair if handle))


def _counts(people: Collection[Handle], declared: Declared, burdens: Burdens) -> Mapping[Handle, int]:
    members = [declared.staff[handle] for handle in sorted(people) if handle in declared.staff]
    return {member.handle: len(burdens.learners(member)) for member in members if member.role in KINDS}


def _caseload(
    handle: Handle, before: Mapping[Handle, int], after: Mapping[Handle, int], declared: Declared
) -> LaterCaseload:
    member = declared.staff[handle]
    return LaterCaseload(handle, before[handle], after[handle], member.caseload_target, member.caseload_max)
