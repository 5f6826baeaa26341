"""A plan as a person reviews it: what is said, in which words and order; every format renders this and adds nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC

from reconciler.model.plan import CaseloadRow, Change, Finding, Holding, ManualRemoval, Plan, Summary
from reconciler.model.structs import Struct
from reconciler.problems import Problem, Source
from reconciler.report.common.words import age_words, duration_words, learner_words, organisation_words, removal_words
from reconciler.report.plan.risk import risk_of
from reconciler.report.plan.rows import CohortRows, Shown, by_kind, cohort_rows, shown, unknown_slots
from reconciler.text import number_of

BY_HAND = "To remove by hand: OneFile's API cannot"
ONE_FIX = 3  # so many notices with one fix, or more, are told under it
FEW_BEFORE = 3  # warnings from before this change that are still told one by one
ALL = "reconciler plan --verbose lists each of them."
STILL_BY_HAND = "Still to remove by hand: OneFile's API cannot"
_DONE = "reconciler done STEP --by NAME"


class Notice(Struct, frozen=True):
    """One thing to know and what to do about it. `mark` names the policy, or says that it was so before. `count` is
    more than one where several were gathered."""

    what: str
    fix: str
    place: str = ""
    source: Source | None = None
    mark: str = ""
    waived: str = ""
    count: int = 1


class Notices(Struct, frozen=True):
    """Notices of one sort, and what they are counted as. `stops` where nothing is applied while there is one; `risky`
    where a slot does not get what the files ask for."""

    title: str
    counted: str
    items: tuple[Notice, ...]
    stops: bool = False
    risky: bool = False

    @property
    def count(self) -> int:
        return sum(item.count for item in self.items)

    def gathered(self) -> tuple[tuple[Notice, ...], ...]:
        """The items, those of one policy with one fix together where they are many: their fix is told once."""
        alike: dict[object, list[Notice]] = {}
        for item in self.items:
            alone = item.waived or item.count > 1
            alike.setdefault(id(item) if alone else (item.mark, item.fix), []).append(item)
        return tuple(
            part
            for group in map(tuple, alike.values())
            for part in ([group] if len(group) >= ONE_FIX else [(one,) for one in group])
        )


class ManualStep(Struct, frozen=True):
    """What a person has to do in OneFile; `page` is where, `how` the way there, `since` its age and whose it is.
    `told`: OneFile does not show the slot, so that only a person can say that it is done."""

    id: str
    who: str
    what: str
    page: str
    how: str = ""
    since: str = ""
    told: bool = True


class CaseloadLine(Struct, frozen=True):
    """One member of staff before and after. `mark` says which of their numbers is passed; `over` is the graver one."""

    handle: str
    before: Holding
    after: Holding
    target: int | None
    maximum: int | None
    mark: str = ""
    over: bool = False

    @property
    def gain(self) -> int:
        return self.after.learners - self.before.learners


class PlanView(Struct, frozen=True):
    """A plan in words. Nothing in it is escaped or wrapped: that is each format's own.

    The order in which reports tell it: the headline (`title`, `stop`, `verdict`, `notes`, `cost`, `fingerprint`,
    `base`), what blocks, what is set aside, steps by hand, warnings, waivers, caseloads, then the changes by cohort:
    cohorts by name, and in each the rows by risk (report/risk.py). What was pending or drifting before this
    change of the files stands apart, in `already`, and only where the plan was compared with a `base`.
    `counts` are numbers of slots with their words, and `stop` is empty unless the plan is refused.
    """

    title: str
    target: str
    organisation: int
    fingerprint: str
    base: str
    stop: str
    verdict: str
    counts: tuple[tuple[int, str], ...]
    notes: tuple[str, ...]
    cost: str
    notices: tuple[Notices, ...]
    manual: tuple[ManualStep, ...]
    caseload: tuple[CaseloadLine, ...]
    cohorts: tuple[CohortRows, ...]
    already: tuple[CohortRows, ...]


def plan_view(plan: Plan, fingerprint: str, *, fold: bool = False, whole: bool = False) -> PlanView:
    """The plan for reviewers. With `fold`, many slots of a cohort that OneFile does not show are one row per person.
    With `whole`, what a waiver lets pass is told one by one, and so is what policies warned of before this change."""
    made = f"{plan.created_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    changes = shown(plan)
    cohorts = cohort_rows(changes, plan, fold=fold, pending=False)
    already = cohort_rows(changes, plan, fold=fold, pending=True)
    unknown = unknown_slots(changes)
    counts = _counts(plan.summary, len(unknown))
    return PlanView(
        title=f"Plan for {plan.target}, {organisation_words(plan)}, as declared for {plan.day}, made {made}",
        target=plan.target,
        organisation=plan.organisation,
        fingerprint=fingerprint,
        base=plan.base,
        stop=_stop(plan),
        verdict=_verdict(plan, changes, counts),
        counts=counts,
        notes=tuple(_notes(plan, unknown, cohorts, already)),
        cost=_cost(plan.summary),
        notices=tuple(group for group in _notices(plan, whole=whole) if group.items),
        manual=manual_steps(plan),
        caseload=tuple(caseload_line(row) for row in plan.caseload),
        cohorts=cohorts,
        already=already,
    )


# ------------------------------------------------------------------ the headline


def _stop(plan: Plan) -> str:
    """That nothing is applied, and why in brief; empty unless something refuses the plan."""
    counts = ((len(plan.refusals), "limit"), (sum(finding.blocks for finding in plan.findings), "policy finding"))
    why = ", ".join(number_of(count, thing) for count, thing in counts if count)
    return f"Blocked: {why}. Nothing is applied while a limit or a policy refuses this plan." if plan.blocked else ""


def _verdict(plan: Plan, changes: Shown, counts: Iterable[tuple[int, str]]) -> str:
    counted = ", ".join(f"{count} {words}" for count, words in counts)
    left = sum(bool(change.held) for _, change in changes)
    if not plan.in_sync:
        return f"{counted}."
    if unknown_slots(changes):
        return f"Nothing to write: {counted}."
    if left:
        return f"Nothing to write. Left to differ, as settings.drift says: {number_of(left, 'slot')}."
    if not plan.changes:
        return "No changes. The files declare no slot in this scope."
    return "No changes. OneFile holds what the files declare."


def _counts(summary: Summary, unknown: int) -> tuple[tuple[int, str], ...]:
    counts = [
        (summary.create, "to fill"),
        (summary.update, "to reassign"),
        (summary.unknown - unknown, "to write once (OneFile does not show who is there)"),
        (unknown, "unknown"),
        (summary.manual, "to remove by hand"),
        (summary.blocked, "set aside"),
        (summary.reported, "drifted and only reported"),
        (summary.no_op, "unchanged"),
    ]
    return tuple((count, words) for count, words in counts if count or words == "unchanged")


def _notes(
    plan: Plan, unknown: Sequence[Change], cohorts: Sequence[CohortRows], already: Sequence[CohortRows]
) -> Iterator[str]:
    """What a count alone cannot be taken to prove, and what was not looked at."""
    if plan.base:
        yield _attribution(plan, cohorts, already)
    if recorded := sum(one.recorded and risk_of(one) is None for one in plan.changes):
        are, them = ("is", "it") if recorded == 1 else ("are", "them")
        yield f"{recorded} of the unchanged {are} as we recorded {them}, unverified: OneFile does not show {them}."
    if unknown:
        are = "are" if len(unknown) > 1 else "is"
        what = f"{number_of(len(unknown), 'slot')} {are} unknown ({by_kind(unknown)})"
        yield f"{what}: the files say nobody, and neither OneFile nor a record says who is there. Look in OneFile."
    if plan.left_out:
        are, were = ("is", "was") if plan.left_out == 1 else ("are", "were")
        yield f"{number_of(plan.left_out, 'declared learner')} {are} not in this scope and {were} left unread."


def _attribution(plan: Plan, cohorts: Sequence[CohortRows], already: Sequence[CohortRows]) -> str:
    caused, before = (sum(cohort.slots for cohort in side) for side in (cohorts, already))
    was = "was" if before == 1 else "were"
    unneeded = plan.summary.unneeded or 0
    need = "was pending needs" if unneeded == 1 else "were pending need"
    spared = f"; {number_of(unneeded, 'slot')} that {need} no change any more" if unneeded else ""
    return (
        f"Compared with the files of commit {plan.base[:12]}: {number_of(caused, 'slot')} by this change of the files; "
        f"{number_of(before, 'slot')} {was} pending or drifting already{spared}."
    )


def _cost(summary: Summary) -> str:
    calls = f"{number_of(summary.read_calls, 'call')} to read, {summary.write_calls} to write"
    return f"{calls}, about {duration_words(summary.seconds)}"


# ------------------------------------------------------------------ what blocks, is set aside, warns or is waived


def _notices(plan: Plan, *, whole: bool) -> Iterator[Notices]:
    aside, warnings = (
        [problem_notice(problem) for problem in plan.problems if problem.severity == severity]
        for severity in ("error", "warning")
    )
    blocking = [finding for finding in plan.findings if finding.blocks]
    rest = [finding for finding in plan.findings if not finding.blocks and not finding.waived]
    yield Notices(
        "Refused by limits", "limits exceeded", tuple(map(problem_notice, plan.refusals)), stops=True, risky=True
    )
    yield Notices(
        "Refused by policies", "breaches that block", tuple(_findings(blocking, plan)), stops=True, risky=True
    )
    yield Notices("Set aside; the rest goes ahead", "problems set aside", tuple(aside), risky=True)
    yield Notices("Policy warnings", "policy warnings", tuple(_warnings(rest, plan, whole=whole)))
    yield Notices("Warnings", "warnings", tuple(warnings))
    yield waivers(plan, whole=whole)


def waivers(plan: Plan, *, whole: bool = False) -> Notices:
    """What exceptions let pass: an exception shows in every report, of a plan and of its run; once for each waiver
    unless the `whole` is asked for."""
    waived = tuple(_findings([finding for finding in plan.findings if finding.waived], plan))
    return Notices("Waived", "breaches waived", waived if whole else tuple(_by_waiver(waived)))


def _by_waiver(waived: Iterable[Notice]) -> Iterator[Notice]:
    alike: dict[tuple[str, str], list[Notice]] = {}
    for notice in waived:
        alike.setdefault((notice.mark, notice.waived), []).append(notice)
    for (mark, waiver), notices in alike.items():
        first = notices[0]
        if len(notices) == 1:
            yield first
            continue
        what = f"{len(notices)} breaches, the first: {first.what}"
        yield Notice(what, ALL, mark=mark, waived=waiver, count=len(notices))


def _warnings(findings: Sequence[Finding], plan: Plan, *, whole: bool) -> Iterator[Notice]:
    """Warnings of policies. Those that were there before this change of the files are one line, lest they bury it."""
    before = [] if whole else [finding for finding in findings if plan.base and finding.pending]
    if len(before) < FEW_BEFORE:
        yield from _findings(findings, plan)
        return
    yield from _findings([finding for finding in findings if not finding.pending], plan)
    counts = sorted(Counter(finding.policy for finding in before).items())
    listed = ", ".join(f"{policy} {count}" for policy, count in counts)
    what = f"{len(before)} warnings that were there before this change of the files: {listed}"
    yield Notice(what, ALL, count=len(before))


def one_fix(group: Sequence[Notice]) -> str:
    """What stands above several notices that have one fix."""
    return f"{len(group)} with one fix"


def problem_notice(problem: Problem) -> Notice:
    return Notice(problem.what, problem.fix, problem.place(), problem.source)


def _findings(findings: Iterable[Finding], plan: Plan) -> Iterator[Notice]:
    """Those that this change of the files brings come first, where that is known."""
    for finding in sorted(findings, key=lambda finding: bool(plan.base) and finding.pending):
        place = str(finding.source) if finding.source else ""
        before = ", there before this change" if plan.base and finding.pending else ""
        mark = f"{finding.policy}{before}"
        yield Notice(finding.what, finding.fix, place, finding.source, mark, finding.waived)


def manual_steps(plan: Plan) -> tuple[ManualStep, ...]:
    def told(step: ManualRemoval) -> ManualStep:
        who = learner_words(step.learner, step.label, plan.names)
        what = removal_words(step.slot, step.holder, plan.handles)
        age = f"open for {age_words(plan.created_at - step.first_seen)}" if step.first_seen else ""
        since = ", ".join(words for words in (age, step.owner) if words)
        return ManualStep(step.id, who, what, step.page, step.clicks, since, step.unseen)

    return tuple(told(step) for step in plan.manual)


def after_by_hand(steps: Sequence[ManualStep]) -> Iterator[tuple[str, str]]:
    """How steps come to be closed once somebody has done them: a command to give, or none, and words after it."""
    told = sum(step.told for step in steps)
    read = len(steps) - told
    if told:
        yield _DONE, ", for what OneFile does not show" if read else ""
    if read:
        which = "the others" if told else "this step" if read == 1 else "these steps"
        yield "", f"the next apply or drift closes {which}, as soon as it reads the slot empty"


# ------------------------------------------------------------------ caseloads


def caseload_line(row: CaseloadRow) -> CaseloadLine:
    learners = row.after.learners
    over = row.maximum is not None and learners > row.maximum
    busy = row.target is not None and learners > row.target
    mark = "above the maximum" if over else "above the target" if busy else ""
    return CaseloadLine(row.handle, row.before, row.after, row.target, row.maximum, mark, over)
