"""View model of a plan: the words and order that every format renders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC

from reconciler.model.declared import LOOSENED
from reconciler.model.plan import Change, Finding, Plan, Summary, unchanged
from reconciler.model.slots import SlotKind
from reconciler.model.structs import Struct, replace
from reconciler.plan.document import future_digest
from reconciler.report.caseload.view import CaseloadLine, caseload_lines
from reconciler.report.common.manual_steps import ManualStep, manual_steps
from reconciler.report.common.notices import Notice, Notices, finding_notice, plan_notices, problem_notice
from reconciler.report.common.words import (
    blind_words,
    duration_words,
    left_out_words,
    organisation_words,
    roll_words,
    watch_words,
)
from reconciler.report.plan.answers import Answer, answers
from reconciler.report.plan.later import Later, later_view, verdict_words
from reconciler.report.plan.risk import risk_of
from reconciler.report.plan.rows import CohortRows, Shown, by_kind, cohort_rows, shown, unknown_slots
from reconciler.text import number_of

FEW_BEFORE = 3
"""Number of older policy warnings up to which each of them is printed."""
ALL = "See reconciler plan --verbose for each of them."


class PlanView(Struct, frozen=True):
    """A plan in words; each format escapes and wraps them.

    The order of reports: the headline (`title`, `stop`, `verdict`, `answers`, `notes`, `cost`, `fingerprint`,
    `base`), what blocks, what is set aside, manual steps, warnings, waivers, caseloads, then the changes by cohort:
    cohorts by name, and in each the rows by risk (report/plan/risk.py). `already` has what was pending or drifting
    before this change of the files, if the plan was compared with a `base`. `counts` are numbers of slots with
    their words. `stop` is empty unless the plan is refused, and without `writes` reports show no
    fingerprint, because there is nothing to approve.
    """

    title: str
    target: str
    organisation: int
    fingerprint: str
    writes: bool
    base: str
    stop: str
    verdict: str
    counts: tuple[tuple[int, str], ...]
    answers: tuple[Answer, ...]
    notes: tuple[str, ...]
    cost: str
    notices: tuple[Notices, ...]
    manual: tuple[ManualStep, ...]
    caseload: tuple[CaseloadLine, ...]
    cohorts: tuple[CohortRows, ...]
    already: tuple[CohortRows, ...]
    later: Later
    future: str


def plan_view(plan: Plan, fingerprint: str, *, verbose: bool = False) -> PlanView:
    """Return the view of a plan.

    With *verbose*, nothing is grouped: each slot, waived finding and older policy warning is listed.
    """
    made = f"{plan.created_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    changes = shown(plan)
    cohorts = cohort_rows(changes, plan, verbose=verbose, pending=False)
    already = cohort_rows(changes, plan, verbose=verbose, pending=True)
    unknown = unknown_slots(changes)
    counts = _counts(plan.summary, len(unknown), sum(bool(change.writer) for change in plan.differing))
    notices = tuple(replace(group, verbose=verbose) for group in _notices(plan, verbose=verbose) if group.items)
    later = later_view(plan, whole=verbose)
    manual, caseload = manual_steps(plan), caseload_lines(plan.caseload)
    return PlanView(
        title=f"Plan for {plan.target}, {organisation_words(plan)}, as declared for {plan.day}, made {made}",
        target=plan.target,
        organisation=plan.organisation,
        fingerprint=fingerprint,
        writes=bool(plan.operations),
        base=plan.base,
        stop=_stop(plan),
        verdict=" ".join(filter(None, (_verdict(plan, changes, counts), verdict_words(plan)))),
        counts=counts,
        answers=answers(plan, changes, caseload, notices, manual, later),
        notes=(*_notes(plan, unknown, cohorts, already), *roll_words(plan, verbose=verbose)),
        cost=_cost(plan.summary),
        notices=notices,
        manual=manual,
        caseload=caseload,
        cohorts=cohorts,
        already=already,
        later=later,
        future=future_digest(plan) if plan.later else "",
    )


# ------------------------------------------------------------------ the headline


def _stop(plan: Plan) -> str:
    """Return the reason for refusing the plan in brief; empty unless a limit or a policy blocks it."""
    later = sum(finding.blocks for change in plan.later for finding in change.findings)
    counts = (
        (len(plan.refusals), "limit"),
        (sum(finding.blocks for finding in plan.findings), "policy finding"),
        (later, "later policy finding"),
    )
    why = ", ".join(number_of(count, thing) for count, thing in counts if count)
    return f"Blocked: {why}. Nothing is applied while a limit or a policy refuses this plan." if plan.blocked else ""


def _verdict(plan: Plan, changes: Shown, counts: Iterable[tuple[int, str]]) -> str:
    counted = ", ".join(f"{count} {words}" for count, words in counts)
    held = sum(bool(change.held) for _, change in changes)
    if not plan.in_sync:
        return f"{counted}."
    if unknown_slots(changes):
        return f"Nothing to write: {counted}."
    if held:
        owned = any(change.writer for _, change in changes)
        setting = "settings.writers says" if owned else "settings.drift says"
        return f"Nothing to write. Left to differ, as {setting}: {number_of(held, 'slot')}."
    if not plan.changes:
        return "No changes. The files declare no slot in this scope."
    if plan.later or plan.withdrawn:
        return "No changes today. OneFile holds what the files declare for today."
    return "No changes. OneFile holds what the files declare."


def _counts(summary: Summary, unknown: int, owned: int) -> tuple[tuple[int, str], ...]:
    counts = [
        (summary.create, "to fill"),
        (summary.update, "to reassign"),
        (summary.unknown - unknown, "to add (cannot be verified)"),
        (unknown, "unknown"),
        (summary.manual, "to remove by hand"),
        (summary.blocked, "set aside"),
        (summary.reported - owned, "drifted and only reported"),
        (owned, "left to another system"),
        (summary.no_op, "unchanged"),
    ]
    return tuple((count, words) for count, words in counts if count or words == "unchanged")


def _notes(
    plan: Plan, unknown: Sequence[Change], cohorts: Sequence[CohortRows], already: Sequence[CohortRows]
) -> Iterator[str]:
    """Yield what the counts do not prove, and what was not read."""
    if plan.day < plan.created_at.astimezone(UTC).date():
        yield f"{plan.day} is in the past: this is what was declared for that day, and apply does not carry it out."
    if plan.base:
        yield _attribution(plan, cohorts, already)
    recorded = [change.slot for change in plan.differing if change.recorded and risk_of(change) is None]
    recorded += [slot for learner in unchanged(plan.changes) for slot in learner.recorded]
    if recorded:
        them = "it" if len(recorded) == 1 else "them"
        yield f"{number_of(len(recorded), 'unchanged slot')} cannot be verified (OneFile does not show {them})."
        if any(slot.kind is SlotKind.ADDITIONAL for slot in recorded):
            yield "To add somebody again who was taken off in OneFile, see: reconciler who LEARNER."
    if unknown:
        are = "are" if len(unknown) > 1 else "is"
        what = f"{number_of(len(unknown), 'slot')} {are} unknown ({by_kind(unknown)})"
        yield f"{what}: the files say nobody, and neither OneFile nor our record shows a holder. Look in OneFile."
    if blind := blind_words(plan.watch):
        yield f"{blind}."
    summary = plan.summary
    if words := watch_words(summary.watched or 0, summary.unwatched or 0, summary.unseen or 0):
        yield f"{words}."
    if plan.left_out:
        yield left_out_words(plan)


def _attribution(plan: Plan, cohorts: Sequence[CohortRows], already: Sequence[CohortRows]) -> str:
    caused, before = (sum(cohort.slots for cohort in side) for side in (cohorts, already))
    was = "was" if before == 1 else "were"
    unneeded = plan.summary.unneeded or 0
    need = "was pending no longer needs" if unneeded == 1 else "were pending no longer need"
    spared = f"; {number_of(unneeded, 'slot')} that {need} a change" if unneeded else ""
    return (
        f"Compared with the files of commit {plan.base[:12]}: {number_of(caused, 'slot')} by this change of the files; "
        f"{number_of(before, 'slot')} {was} pending or drifting already{spared}."
    )


def _cost(summary: Summary) -> str:
    calls = f"{number_of(summary.read_calls, 'call')} to read, {summary.write_calls} to write"
    return f"{calls}, about {duration_words(summary.seconds)}"


# ------------------------------------------------------------------ what blocks, is set aside, warns or is waived


def _notices(plan: Plan, *, verbose: bool) -> Iterator[Notices]:
    aside, warnings = (
        plan_notices(plan, [problem for problem in plan.problems if problem.severity == severity])
        for severity in ("error", "warning")
    )
    blocking = [finding for finding in plan.findings if finding.blocks]
    loosened = [finding for finding in plan.findings if finding.policy == LOOSENED]
    rest = [finding for finding in plan.findings if not (finding.blocks or finding.waived or finding in loosened)]
    rules = tuple(_findings(loosened, plan))
    yield Notices("Settings that these files loosen", "settings loosened", rules, stops=True, risky=True)
    yield Notices(
        "Refused by limits", "limits exceeded", tuple(map(problem_notice, plan.refusals)), stops=True, risky=True
    )
    yield Notices(
        "Refused by policies", "findings that block", tuple(_findings(blocking, plan)), stops=True, risky=True
    )
    yield Notices("Problems that set slots aside; the rest goes ahead", "problems set aside", tuple(aside), risky=True)
    yield Notices("Policy warnings", "policy warnings", tuple(_warnings(rest, plan, verbose=verbose)))
    yield Notices("Warnings", "warnings", tuple(warnings))
    yield waivers(plan, verbose=verbose)


def waivers(plan: Plan, *, verbose: bool = False) -> Notices:
    """Return the waived findings, which every report shows, one notice per waiver unless *verbose*."""
    waived = tuple(_findings([finding for finding in plan.findings if finding.waived], plan))
    return Notices("Waived", "findings waived", waived if verbose else tuple(_by_waiver(waived)))


def _by_waiver(waived: Iterable[Notice]) -> Iterator[Notice]:
    groups: dict[tuple[str, str], list[Notice]] = {}
    for notice in waived:
        groups.setdefault((notice.mark, notice.waived), []).append(notice)
    for (mark, waiver), notices in groups.items():
        first = notices[0]
        if len(notices) == 1:
            yield first
            continue
        what = f"{len(notices)} findings, the first: {first.what}"
        yield Notice(what, ALL, mark=mark, waived=waiver, count=len(notices))


def _warnings(findings: Sequence[Finding], plan: Plan, *, verbose: bool) -> Iterator[Notice]:
    """Yield policy warnings; those from before this change of the files are one line, so that new ones are seen."""
    before = [] if verbose else [finding for finding in findings if plan.base and finding.pending]
    if len(before) < FEW_BEFORE:
        yield from _findings(findings, plan)
        return
    yield from _findings([finding for finding in findings if not finding.pending], plan)
    counts = sorted(Counter(finding.policy for finding in before).items())
    listed = ", ".join(f"{policy} {count}" for policy, count in counts)
    what = f"{len(before)} warnings from before this change of the files: {listed}"
    yield Notice(what, ALL, count=len(before))


def _findings(findings: Iterable[Finding], plan: Plan) -> Iterator[Notice]:
    """Yield the findings, those caused by this change of the files first, if that is known."""
    for finding in sorted(findings, key=lambda finding: bool(plan.base) and finding.pending):
        before = ", from before this change" if plan.base and finding.pending else ""
        yield finding_notice(finding, before)
