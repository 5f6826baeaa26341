"""Words for drift, shared by its formats: what moved, since which run, what may be done, how old it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta

from reconciler.model.history import READ_DAILY, LastApplied, OpenIssue
from reconciler.model.names import Names
from reconciler.model.plan import Change, Finding
from reconciler.model.slots import UserId
from reconciler.plan.drift import APPROVE, LOOKING_BACK, OTHER_STORE, DriftAction, Drifted, DriftReport
from reconciler.report.common.notices import Notices, finding_notice
from reconciler.report.common.words import (
    age_words,
    blind_words,
    holder_words,
    learner_words,
    left_out_words,
    moment_words,
    plan_names,
    slot_words,
)
from reconciler.text import number_of

FIGHTS = "Correction conflicts: another system keeps changing these"

OPEN_STEPS = "Open manual steps"

STAFF = "Staff accounts"

SECTIONS: Mapping[DriftAction, str] = {
    DriftAction.FIGHT: "Left alone until a person decides",
    DriftAction.BY_HAND: "Manual removals needed: the API cannot remove people",
    DriftAction.SET_ASIDE: "Cannot be corrected: set aside",
    DriftAction.CORRECT: "May be corrected now",
    DriftAction.GRACE: "Will be corrected after the grace period",
    DriftAction.NOT_APPROVED: "Not corrected: the approved commit does not ask for it, or only reports it",
    DriftAction.REPORT: "Reported only, as settings.drift says",
    DriftAction.OTHER_WRITER: "Left to the system that owns them, as settings.writers says",
}
"""The verdicts in the order of reports, those that need a person first."""


def section_title(verdict: DriftAction, report: DriftReport) -> str:
    """Return the heading of the slots with this verdict."""
    if verdict is DriftAction.NOT_APPROVED and report.unapproved:
        return "Not corrected: no approved commit is known"
    return SECTIONS[verdict]


def unapproved_words(report: DriftReport) -> str:
    """Return why nothing would be corrected, and the fix; empty if a commit is approved, or nothing drifted."""
    if not report.unapproved or not report.left():
        return ""
    what = f"{report.unapproved[0].upper()}{report.unapproved[1:]}, so drift --correct refuses"
    return _with_fix(what, APPROVE)


def silence_words(report: DriftReport) -> str:
    """Return when OneFile was read before, if that is too long ago for a daily job, and the fix; else nothing."""
    age = report.taken_at - report.read_before if report.read_before else timedelta()
    if age < READ_DAILY:
        return ""
    what = f"The complete reading before this one was taken {age_words(age)} earlier"
    return _with_fix(what, "Check that the schedule is on if a job should read daily.")


def went_blind_words(report: DriftReport) -> str:
    """Return what OneFile no longer shows, and the fix; empty if nothing."""
    what = blind_words(report.watch)
    return _with_fix(what, "Check these slots in OneFile's web pages until OneFile shows them again.") if what else ""


def _with_fix(what: str, fix: str) -> str:
    """Return both as sentences of a report's head, without the last full stop."""
    return f"{what}. Fix: {fix.removesuffix('.')}"


def moved_people(drifted: Drifted, report: DriftReport) -> str:
    """Return both holders: `OneFile holds james; run 3 (kate, …) applied kate, and it was changed in OneFile since`."""
    names = plan_names(report.plan)
    return f"OneFile holds {holder_words(drifted.change.before, names)}; {_applied(drifted, names)}"


def _applied(drifted: Drifted, names: Names) -> str:
    staff = holder_words(drifted.change.after, names)
    if drifted.change.writer and (drifted.last is None or drifted.last.staff != drifted.change.after):
        return f"the files ask for {staff}, and {drifted.change.writer} owns it"
    if drifted.last is None and drifted.sighted:
        return f"{staff} was seen as declared from {moment_words(drifted.sighted)}, and it was changed in OneFile since"
    if drifted.last is None:
        return f"{staff} was applied before"
    return f"{run_words(drifted.last)} {verb_words(drifted.last)} {staff}, and it was changed in OneFile since"


def run_words(last: LastApplied) -> str:
    """Return `run 3 (kate, 2026-11-23 14:00 UTC)`."""
    return f"run {last.run} ({last.who}, {moment_words(last.at)})"


def verb_words(last: LastApplied) -> str:
    """Return `imported` for an import, which wrote nothing to OneFile, else `applied`."""
    return "imported" if last.command == "import" else "applied"


def seen_words(drifted: Drifted, report: DriftReport) -> str:
    """Return when the drift was first seen, and what will happen."""
    words = f"first seen {moment_words(drifted.first_seen)}, {ago_words(report.now - drifted.first_seen)}"
    if drifted.verdict is DriftAction.GRACE:
        words += f"; corrected from {moment_words(drifted.corrected_from)}"
    if drifted.change.blocked:
        words += f"; {drifted.change.blocked}"
    if drifted.corrections:
        words += f"; corrected {number_of(drifted.corrections, 'time')} in the last {LOOKING_BACK.days} days"
    return words


def fight_words(fight: OpenIssue, names: Names) -> str:
    """Return the slot and the holder of a correction conflict."""
    what, who = slot_words(fight.slot, names), holder_words(fight.due, names)
    return f"{what}: corrected to {who} several times, and changed again each time"


def waiting_details(change: Change, report: DriftReport) -> str:
    """Return whether a change that waits was changed in OneFile too, what caused it, and why it is set aside."""
    parts = []
    if last := report.moved_too(change):
        who = holder_words(last.staff, plan_names(report.plan))
        parts.append(f"changed in OneFile too: {run_words(last)} had {verb_words(last)} {who}")
    if report.plan.base:
        parts.append(f"{'pending before' if change.pending else 'caused by'} this change of the files")
    if change.blocked:
        parts.append(f"set aside, {change.blocked}")
    return "; ".join(parts)


def counts(report: DriftReport) -> list[tuple[int, str]]:
    """Return the count of each sort, without zeros except for drift itself."""
    left, staff = report.left(), report.staff_findings()
    numbers = [
        (len(left), "drifted"),
        (len(report.unseen), "drifted before and cannot be read now"),
        (len(report.corrected()), "corrected"),
        (len(report.due), "due by date"),
        (len(report.pending), "pending from the files"),
        (len(report.unknown), "to add (cannot be verified)"),
        (len(report.plan.steps), f"manual step{'' if len(report.plan.steps) == 1 else 's'} open"),
        (sum(report.unmanaged.values()), "not managed"),
        (len(report.causes), f"likely cause{'' if len(report.causes) == 1 else 's'}"),
        (len(staff), f"finding{'' if len(staff) == 1 else 's'} about staff accounts"),
        (report.ignored, "drifted and ignored, as settings.drift says"),
    ]
    return [(count, words) for count, words in numbers if count or words == "drifted"]


def counts_words(report: DriftReport) -> str:
    """Return the counts as a sentence; without a record, zero drift means nothing and is replaced."""
    numbers = counts(report)
    if report.unrecorded:
        return ", ".join(("Drift unknown", *(f"{count} {words}" for count, words in numbers if count)))
    return ", ".join(f"{count} {words}" for count, words in numbers)


def unrecorded_words(report: DriftReport) -> str:
    """Return why drift is unknown, and the fix; empty if it is known."""
    if not report.unrecorded:
        return ""
    fix = (
        f"{OTHER_STORE} If there is none, make one with reconciler apply, or with reconciler import for a centre that "
        "was never declared."
    )
    return _with_fix(f"Drift is unknown: {report.unrecorded}", fix)


def staff_notices(report: DriftReport) -> Notices:
    """Return what is wrong with accounts of staff who are declared or hold declared slots."""
    findings = report.staff_findings()
    return Notices(STAFF, "findings about staff", tuple(map(finding_notice, findings)), risky=_has_error(findings))


def _has_error(findings: Iterable[Finding]) -> bool:
    return any(finding.level == "error" for finding in findings)


def who_words(report: DriftReport, learner: UserId, label: str) -> str:
    """Return the learner's label or id."""
    return learner_words(learner, label, report.plan.names)


def labels_of(report: DriftReport) -> Mapping[UserId, str]:
    """Return the labels of the learners in the plan."""
    return {change.learner: change.label for change in report.plan.of_each_learner}


def in_place_words(report: DriftReport) -> str:
    """Return what a run without drift has found."""
    of_whom = " of those who were read" if report.coverage and report.coverage.is_part else ""
    return f"Everything applied{of_whom} is still in place, where OneFile shows it"


def coverage_words(report: DriftReport) -> Iterator[str]:
    """Yield sentences on how old the readings of the other learners are, if this run has read a part of them."""
    coverage = report.coverage
    if coverage is None or not coverage.is_part:
        return
    oldest = f", the oldest {moment_words(coverage.oldest)}" if coverage.oldest else ""
    before = coverage.watched_before
    yield (
        f"{coverage.read} of {number_of(coverage.declared, 'declared learner')} were read now, the others "
        f"earlier{oldest}; {number_of(before, 'slot')} of theirs {'is' if before == 1 else 'are'} watched by "
        "those readings."
    )
    if coverage.follows_changes:
        yield (
            "Those who changed since the last run, as OneFile shows it, were read; everybody is within "
            f"{coverage.days} days."
        )
    else:
        yield f"A change made directly in OneFile may stay unseen for up to {coverage.days} days."


def unread_words(report: DriftReport) -> Iterator[str]:
    """Yield sentences on the declared learners whom this run did not read: outside its scope, or not due."""
    if report.coverage and report.coverage.is_part:
        yield from coverage_words(report)
    elif report.plan.left_out:
        yield left_out_words(report.plan)


def ago_words(age: timedelta) -> str:
    """Return `3 days ago` or `just now`."""
    return f"{age_words(age)} ago" if age >= timedelta(minutes=1) else "just now"
