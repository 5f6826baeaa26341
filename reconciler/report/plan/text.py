"""Plans, outcomes and problems as plain text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.model.plan import Plan
from reconciler.problems import Problem
from reconciler.report.common.escape import visible
from reconciler.report.common.terminal import BOLD, GREEN, RED, YELLOW, Page
from reconciler.report.outcome.view import ENDED_BY, End, EndRow, OutcomeView
from reconciler.report.plan.rows import CohortRows
from reconciler.report.plan.view import (
    BY_HAND,
    STILL_BY_HAND,
    CaseloadLine,
    ManualStep,
    Notice,
    Notices,
    PlanView,
    after_by_hand,
    one_fix,
    plan_view,
)
from reconciler.text import number_of

LEGEND = "+ fill  ~ reassign  - remove by hand  ! set aside  = left as it is"


# ------------------------------------------------------------------ a plan


def render_plan(
    plan: Plan,
    *,
    fingerprint: str,
    colour: bool = False,
    width: int = 100,
    verbose: bool = False,
) -> str:
    """The plan for a person at a terminal, in the order of report/review.py.

    Slots that stay as they are are only counted. `verbose` spells out each unknown slot even where there are many.
    """
    page, told = Page(width, colour), plan_view(plan, fingerprint, fold=not verbose, whole=verbose)
    lines = [
        *_headline(page, told),
        *(line for group in told.notices if group.risky for line in _notices(page, group)),
        *_manual(page, told.manual, BY_HAND),
        *(line for group in told.notices if not group.risky for line in _notices(page, group)),
        *caseload_table(page, told.caseload, "Who gains and who loses (learners in scope)"),
        *_changes(page, "Changes", told.cohorts),
        *_changes(page, "Pending or drifting before this change of the files", told.already),
    ]
    return page.text(lines)


def _headline(page: Page, told: PlanView) -> Iterator[str]:
    for line in page.wrap(told.title, rest=2):
        yield page.paint(BOLD, line)
    for line in page.wrap(told.stop, rest=2):
        yield page.paint(RED, line)
    for words in (told.verdict, *told.notes):
        yield from page.wrap(words, rest=2)
    yield told.cost
    yield visible(f"Fingerprint {told.fingerprint}")


def _notices(page: Page, group: Notices) -> Iterator[str]:
    code = RED if group.risky else BOLD if group.items[0].waived else YELLOW
    yield from page.title(f"{group.title} ({group.count})", code)
    for first, *others in group.gathered():
        if others:
            yield from _with_one_fix(page, [first, *others])
        else:
            yield from _notice(page, first)


def _notice(page: Page, notice: Notice) -> Iterator[str]:
    what = f"{notice.what} [{notice.mark}]" if notice.mark else notice.what
    if notice.waived:
        yield from page.wrap(f"{notice.place}: {what}" if notice.place else what, first=2)
        yield from page.wrap(f"Waived: {notice.waived}", first=4)
        if notice.count > 1:
            yield from page.wrap(notice.fix, first=4)
    else:
        yield from page.notice(notice.place, what, notice.fix)


def _with_one_fix(page: Page, group: Sequence[Notice]) -> Iterator[str]:
    mark, fix = group[0].mark, group[0].fix
    yield from page.notice("", f"{one_fix(group)} [{mark}]" if mark else one_fix(group), fix)
    for one in group:
        yield from page.wrap(f"{one.place}: {one.what}" if one.place else one.what, first=4)


def _manual(page: Page, steps: Sequence[ManualStep], title: str) -> Iterator[str]:
    if not steps:
        return
    yield from page.title(f"{title} ({len(steps)})")
    for step in steps:
        name = f"step {step.id}, {step.since}" if step.since else f"step {step.id}"
        yield from page.wrap(f"{step.who}: {step.what}: {step.page} ({name})", first=2)
        yield from page.wrap(step.how, first=4)
    yield from after_lines(page, steps)


def after_lines(page: Page, steps: Sequence[ManualStep]) -> Iterator[str]:
    for command, words in after_by_hand(steps):
        yield from page.wrap(f"Afterwards: {command}{words}", first=4)


_CASELOAD = ("staff", "learners", "", "default", "learning aim", "unit", "target", "max")


def caseload_table(page: Page, lines: Sequence[CaseloadLine], title: str) -> list[str]:
    if not lines:
        return []
    marks = [(RED if line.over else YELLOW, line.mark) for line in lines]
    return [*page.title(title), *page.table(_CASELOAD, [_caseload_cells(line) for line in lines], marks)]


def _caseload_cells(line: CaseloadLine) -> tuple[str, ...]:
    return (
        line.handle,
        _from_to(line.before.learners, line.after.learners),
        f"{line.gain:+d}" if line.gain else "",
        _from_to(line.before.default, line.after.default),
        _from_to(line.before.learning_aim, line.after.learning_aim),
        _from_to(line.before.unit, line.after.unit),
        "" if line.target is None else str(line.target),
        "" if line.maximum is None else str(line.maximum),
    )


def _from_to(before: int, after: int) -> str:
    return str(after) if before == after else f"{before} -> {after}"


def _changes(page: Page, title: str, cohorts: Sequence[CohortRows]) -> Iterator[str]:
    if cohorts:
        unknown = any(row.sign == "?" for cohort in cohorts for row in cohort.rows)
        yield from page.title(f"{title}: {LEGEND}{'  ? unknown' if unknown else ''}")
    for cohort in cohorts:
        yield visible(cohort.cohort)
        for row in cohort.rows:
            reason = f" ({row.reason()})" if row.reason() else ""
            yield from page.signed(row.sign, f"{row.who}: {row.what}{reason}")


# ------------------------------------------------------------------ outcomes


def render_outcomes(told: OutcomeView, *, colour: bool = False, width: int = 100) -> str:
    """How each operation of a run ended and what proves it: totals first, then what needs somebody, then the rest."""
    page = Page(width, colour)
    lines = [page.paint(BOLD, line) for line in page.wrap(told.title, rest=2)]
    lines += [line for words in (*told.notes, told.calls) for line in page.wrap(words, rest=2)]
    lines.append(visible(f"Fingerprint {told.fingerprint}"))
    if told.problems:
        lines += page.title(f"{ENDED_BY} ({len(told.problems)})", RED)
    for problem in told.problems:
        lines += page.notice(problem.place, problem.what, problem.fix)
    for end, rows in told.groups:
        lines += page.title(f"{end.title} ({len(rows)})", _colour(end))
        for row in rows:
            lines += page.wrap(_ended(row), first=2)
    lines += _manual(page, told.manual, STILL_BY_HAND)
    if told.aside:
        lines += ["", *page.wrap(told.aside)]
    if told.waived.items:
        lines += _notices(page, told.waived)
    return page.text(lines)


def _colour(end: End) -> int:
    return RED if end.grave else YELLOW if end.open else GREEN


def _ended(row: EndRow) -> str:
    proof = f" ({row.proof})" if row.proof else ""
    detail = f": {row.detail}" if row.detail else ""
    return f"{row.who}: {row.what}{proof}{detail}"


# ------------------------------------------------------------------ problems


def render_problems(problems: Sequence[Problem]) -> str:
    """Each problem as `file:line: what` and its fix, unwrapped so that editors find the place; counts come last."""
    lines = []
    for problem in problems:
        words = f"{'warning: ' if problem.severity == 'warning' else ''}{problem.what}"
        lines.append(visible(f"{problem.place()}: {words}" if problem.place() else words))
        lines.append(visible(f"  Fix: {problem.fix}"))
        lines += map(visible, problem.lines)
    if not lines:
        return ""
    errors = sum(problem.severity == "error" for problem in problems)
    counts = ((errors, "problem"), (len(problems) - errors, "warning"))
    lines.append(", ".join(number_of(count, thing) for count, thing in counts if count))
    return "\n".join(lines) + "\n"
