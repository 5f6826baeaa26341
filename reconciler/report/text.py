"""Plans, outcomes and problems as plain text for a terminal: what matters first, every change in the words of staff."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC
from itertools import groupby

from reconciler.model import SlotKind, Unread, UserId
from reconciler.operations import CaseloadRow, Change, Finding, Outcome, Plan, State, Summary, addresses
from reconciler.problems import Problem
from reconciler.report.escape import visible
from reconciler.report.page import BOLD, GREEN, RED, YELLOW, Page
from reconciler.report.words import (
    NOT_SHOWN,
    Handles,
    change_words,
    duration_words,
    holder_words,
    learner_words,
    number_of,
    operation_words,
    removal_words,
)

MANY_UNKNOWN = 10  # more unknown slots than this in a cohort become one line per member of staff

_REASONS = {"declared": "declared", "drift": "drift: OneFile moved, the files did not", "cover": "cover", "unknown": ""}
_HELD = {"report": "drift, reported only", "ignore": "drift, ignored"}


# ------------------------------------------------------------------ a plan


def render_plan(
    plan: Plan,
    *,
    fingerprint: str,
    colour: bool = False,
    width: int = 100,
    verbose: bool = False,
) -> str:
    """The plan for a person: counts, what blocks, what is set aside, manual steps, caseloads, then every change.

    Slots that stay as they are are only counted. `verbose` spells out each unknown slot even where there are many.
    """
    page = Page(width, colour)
    lines = [
        *_plan_head(page, plan, fingerprint),
        *_refusals(page, plan),
        *_problems(page, plan.problems),
        *_manual(page, plan, "To remove by hand: OneFile's API cannot"),
        *_caseload(page, plan.caseload),
        *_changes(page, plan.changes, plan.handles, verbose),
    ]
    return page.text(lines)


def _plan_head(page: Page, plan: Plan, fingerprint: str) -> Iterator[str]:
    made = f"{plan.created_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    title = f"Plan for {plan.target}, organisation {plan.organisation}, as declared for {plan.day}, made {made}"
    yield page.paint(BOLD, visible(title))
    if plan.blocked:
        yield page.paint(RED, "Blocked: nothing is applied while a limit or a policy refuses this plan.")
    yield from page.wrap(_verdict(plan), rest=2)
    for note in _unverified(plan.changes):
        yield from page.wrap(note, rest=2)
    if plan.left_out:
        are, were = ("is", "was") if plan.left_out == 1 else ("are", "were")
        yield f"{number_of(plan.left_out, 'declared learner')} {are} not in this scope and {were} left unread."
    yield _cost(plan.summary)
    yield visible(f"Fingerprint {fingerprint}")


def _verdict(plan: Plan) -> str:
    left = [change for change in plan.changes if change.held]
    if not plan.in_sync:
        return f"{_counts(plan)}."
    if _untold(plan.changes):
        return f"Nothing to write: {_counts(plan)}."
    if left:
        return f"Nothing to write. Left to differ, as settings.drift says: {number_of(len(left), 'slot')}."
    if not plan.changes:
        return "No changes. The files declare no slot in this scope."
    return "No changes. OneFile holds what the files declare."


def _counts(plan: Plan) -> str:
    summary, untold = plan.summary, len(_untold(plan.changes))
    counts = [
        (summary.create, "to fill"),
        (summary.update, "to reassign"),
        (summary.unknown - untold, "to write once (OneFile does not show who is there)"),
        (untold, "unknown"),
        (summary.manual, "to remove by hand"),
        (summary.blocked, "set aside"),
        (summary.reported, "drifted and only reported"),
        (summary.no_op, "unchanged"),
    ]
    return ", ".join(f"{count} {words}" for count, words in counts if count or words == "unchanged")


def _unverified(changes: Iterable[Change]) -> Iterator[str]:
    """What an unchanged slot cannot be taken to prove."""
    still = [change for change in changes if change.action == "no-op" and not change.blocked and not change.held]
    if recorded := sum(change.recorded for change in still):
        yield f"{recorded} of the unchanged are as we recorded them, unverified: OneFile does not show them."
    if untold := _untold(changes):
        are = "are" if len(untold) > 1 else "is"
        what = f"{number_of(len(untold), 'slot')} {are} unknown ({_by_kind(untold)})"
        yield f"{what}: the files say nobody, and neither OneFile nor a record says who is there. Look in OneFile."


def _untold(changes: Iterable[Change]) -> list[Change]:
    """Slots that shall be nobody's, and of which nothing tells whether somebody is there."""
    return [one for one in changes if one.reason == "unknown" and one.action == "no-op" and not one.blocked]


def _cost(summary: Summary) -> str:
    calls = f"{number_of(summary.read_calls, 'call')} to read, {summary.write_calls} to write"
    return f"{calls}, about {duration_words(summary.seconds)}"


def _refusals(page: Page, plan: Plan) -> Iterator[str]:
    blocking = [finding for finding in plan.findings if finding.blocks]
    waived = [finding for finding in plan.findings if finding.waived]
    warnings = [finding for finding in plan.findings if not finding.blocks and not finding.waived]
    if plan.refusals:
        yield from page.title(f"Refused by limits ({len(plan.refusals)})", RED)
    for refusal in plan.refusals:
        yield from page.notice(refusal.place(), refusal.what, refusal.fix)
    for findings, title, code in ((blocking, "Refused by policies", RED), (warnings, "Policy warnings", YELLOW)):
        if findings:
            yield from page.title(f"{title} ({len(findings)})", code)
        for finding in findings:
            yield from page.notice(_place(finding), f"{finding.what} [{finding.policy}]", finding.fix)
    if waived:
        yield from page.title(f"Waived ({len(waived)})")
    for finding in waived:
        place = f"{_place(finding)}: " if finding.source else ""
        yield from page.wrap(f"{place}{finding.what} [{finding.policy}]", first=2)
        yield from page.wrap(f"Waived: {finding.waived}", first=4)


def _place(finding: Finding) -> str:
    return str(finding.source) if finding.source else ""


def _problems(page: Page, problems: Sequence[Problem]) -> Iterator[str]:
    titles = (("error", "Set aside; the rest goes ahead", RED), ("warning", "Warnings", YELLOW))
    for severity, title, code in titles:
        found = [problem for problem in problems if problem.severity == severity]
        if found:
            yield from page.title(f"{title} ({len(found)})", code)
        for problem in found:
            yield from page.notice(problem.place(), problem.what, problem.fix)


def _manual(page: Page, plan: Plan, title: str) -> Iterator[str]:
    if not plan.manual:
        return
    yield from page.title(f"{title} ({len(plan.manual)})")
    for step in plan.manual:
        words = removal_words(step.slot, step.holder, plan.handles)
        line = f"{learner_words(step.learner, step.label)}: {words}: {step.page} (step {step.id})"
        yield from page.wrap(line, first=2)
    yield "    Afterwards: reconciler done STEP --by NAME"


# ------------------------------------------------------------------ caseloads


def _caseload(page: Page, rows: Sequence[CaseloadRow]) -> Iterator[str]:
    if not rows:
        return
    yield from page.title("Who gains and who loses (learners in scope)")
    head = ("staff", "learners", "", "default", "learning aim", "unit", "target", "max")
    table = [head, *(_caseload_cells(row) for row in rows)]
    widths = [max(len(cells[column]) for cells in table) for column in range(len(head))]
    marks = [(0, ""), *(_mark(row) for row in rows)]
    for cells, (code, mark) in zip(table, marks, strict=True):
        line = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        yield f"  {line}  {page.paint(code, mark) if mark else ''}".rstrip()


def _caseload_cells(row: CaseloadRow) -> tuple[str, ...]:
    difference = row.after.learners - row.before.learners
    return (
        visible(row.handle),
        _from_to(row.before.learners, row.after.learners),
        f"{difference:+d}" if difference else "",
        _from_to(row.before.default, row.after.default),
        _from_to(row.before.learning_aim, row.after.learning_aim),
        _from_to(row.before.unit, row.after.unit),
        "" if row.target is None else str(row.target),
        "" if row.maximum is None else str(row.maximum),
    )


def _from_to(before: int, after: int) -> str:
    return str(after) if before == after else f"{before} -> {after}"


def _mark(row: CaseloadRow) -> tuple[int, str]:
    if row.maximum is not None and row.after.learners > row.maximum:
        return RED, "above the maximum"
    if row.target is not None and row.after.learners > row.target:
        return YELLOW, "above the target"
    return 0, ""


# ------------------------------------------------------------------ changes


def _changes(page: Page, changes: Sequence[Change], handles: Handles, verbose: bool) -> Iterator[str]:
    untold = _untold(changes)
    listed = untold if verbose or len(untold) <= MANY_UNKNOWN else []  # of more, the head has the counts
    shown = [one for one in changes if one.action != "no-op" or one.blocked or one.held or one in listed]
    if shown:
        signs = "Changes: + fill  ~ reassign  - remove by hand  ! set aside  = left as it is"
        yield from page.title(f"{signs}  ? unknown" if listed else signs)
    for cohort, group in groupby(shown, key=lambda change: change.cohort):
        yield visible(cohort)
        rows = list(group)
        unknown = [change for change in rows if _is_unknown(change)]
        fold = len(unknown) > MANY_UNKNOWN and not verbose
        rest = [change for change in rows if not _is_unknown(change)] if fold else rows
        for learner, mine in groupby(rest, key=lambda change: change.learner):
            yield from _learner(page, learner, list(mine), handles)
        if fold:
            yield from _folded(page, unknown, handles)


def _is_unknown(change: Change) -> bool:
    return change.action == "create" and change.before is Unread.UNREADABLE


def _learner(page: Page, learner: UserId, changes: Sequence[Change], handles: Handles) -> Iterator[str]:
    blocked = Counter(change.blocked for change in changes if change.blocked)
    name = learner_words(learner, changes[0].label)
    for change in changes:
        if not change.blocked:
            words = f"{name}: {change_words(change, handles)} ({_because(change)})"
            yield from page.signed(_sign(change), words)
    for why, count in blocked.items():
        yield from page.signed("!", f"{name}: {number_of(count, 'slot')} set aside: {why}")


def _because(change: Change) -> str:
    reason = _HELD[change.held] if change.held else _REASONS[change.reason]
    return f"{reason}, {change.source}" if reason else str(change.source)


def _sign(change: Change) -> str:
    if change.action == "no-op" and change.reason == "unknown":
        return "?"
    return {"create": "+", "update": "~", "delete": "-", "no-op": "="}[change.action]


def _folded(page: Page, changes: Sequence[Change], handles: Handles) -> Iterator[str]:
    """Unknown slots by who comes: `kate-anderson: 30 slots of 15 learners (15 default assessor, ...)`."""
    by_staff: dict[UserId, list[Change]] = {}
    for change in changes:
        if change.after is not None:
            by_staff.setdefault(change.after, []).append(change)
    for staff, group in sorted(by_staff.items(), key=lambda item: holder_words(item[0], handles)):
        learners = number_of(len({change.learner for change in group}), "learner")
        slots = f"{number_of(len(group), 'slot')} of {learners} ({_by_kind(group)})"
        what = f"{holder_words(staff, handles)}: {slots}, {NOT_SHOWN}"
        yield from page.signed("+", what)


def _by_kind(changes: Iterable[Change]) -> str:
    kinds = Counter(change.slot.kind for change in changes)
    return ", ".join(f"{kinds[kind]} {_kind_words(kind)}" for kind in SlotKind if kinds[kind])


def _kind_words(kind: SlotKind) -> str:
    return kind.value.replace("_", " ").replace("iqa", "IQA")


# ------------------------------------------------------------------ outcomes


_ENDS: Mapping[State, tuple[str, str, int]] = {
    State.FAILED: ("failed", "Failed", RED),
    State.UNKNOWN: ("unknown", "Unknown: whether these took effect cannot be told; look in OneFile", RED),
    State.CONFLICT: ("in conflict", "Conflict: OneFile moved since the plan, left alone; plan again", RED),
    State.SENT: ("sent without an answer", "Sent, and no answer noted; the next run settles these", RED),
    State.INTENT: ("begun", "Begun, and perhaps not sent; the next run settles these", RED),
    State.NOT_TRIED: ("not tried", "Not tried", YELLOW),
    State.ALREADY_DONE: ("already done", "Already done: the new holder was there before we wrote", GREEN),
    State.DONE: ("done", "Done", GREEN),
}
"""States in the order of the report, worst first: the word for totals, the heading, its colour."""

_PROOFS = {"read_back": "read back", "unreadable": "not shown by OneFile, so not proven", "": "not read back"}


def render_outcomes(
    plan: Plan,
    outcomes: Sequence[Outcome],
    *,
    fingerprint: str,
    run: int,
    spent_calls: int,
    colour: bool = False,
    width: int = 100,
) -> str:
    """How each operation of a run ended and what proves it, totals first, then what needs somebody, then the rest."""
    page = Page(width, colour)
    labels = {change.address: change.label for change in plan.changes}
    lines = [*_outcome_head(page, outcomes, run), f"{number_of(spent_calls, 'call')} made"]
    lines.append(visible(f"Fingerprint {fingerprint}"))
    for state, (_, title, code) in _ENDS.items():
        found = [outcome for outcome in outcomes if outcome.state is state]
        if found:
            lines += page.title(f"{title} ({len(found)})", code)
        for outcome in found:
            lines += page.wrap(_outcome_words(outcome, labels, plan.handles), first=2)
    lines += _manual(page, plan, "Still to remove by hand: OneFile's API cannot")
    if aside := plan.summary.blocked:
        lines += ["", f"{number_of(aside, 'slot')} set aside and not written: reconciler plan says why"]
    return page.text(lines)


def _outcome_head(page: Page, outcomes: Sequence[Outcome], run: int) -> Iterator[str]:
    ends = Counter(outcome.state for outcome in outcomes)
    listed = ", ".join(f"{ends[state]} {word}" for state, (word, _, _) in list(_ENDS.items())[::-1] if ends[state])
    yield page.paint(BOLD, f"Run {run}: {listed or 'nothing to write'}")
    written = [outcome for outcome in outcomes if outcome.state is State.DONE]
    if unproven := sum(outcome.proof != "read_back" for outcome in written):
        yield f"{unproven} of the {len(written)} done could not be read back, so nothing proves them yet"


def _outcome_words(outcome: Outcome, labels: Mapping[str, str], handles: Handles) -> str:
    operation = outcome.operation
    label = next((labels[address] for address in addresses(operation) if address in labels), "")
    words = f"{learner_words(operation.learner, label)}: {operation_words(operation, handles)}"
    if outcome.state is State.DONE:
        words += f" ({_PROOFS[outcome.proof]})"
    return f"{words}: {outcome.detail}" if outcome.detail else words


# ------------------------------------------------------------------ problems


def render_problems(problems: Sequence[Problem]) -> str:
    """Each problem as `file:line: what` and its fix, unwrapped so that editors find the place; counts come last."""
    lines = []
    for problem in problems:
        words = f"{'warning: ' if problem.severity == 'warning' else ''}{problem.what}"
        lines.append(visible(f"{problem.place()}: {words}" if problem.place() else words))
        lines.append(visible(f"  Fix: {problem.fix}"))
    if not lines:
        return ""
    errors = sum(problem.severity == "error" for problem in problems)
    counts = ((errors, "problem"), (len(problems) - errors, "warning"))
    lines.append(", ".join(number_of(count, thing) for count, thing in counts if count))
    return "\n".join(lines) + "\n"
