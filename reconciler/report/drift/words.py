"""The words for drift that every format shares: what moved since which run, what may be done, how old it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from reconciler.model.history import LastApplied, OpenIssue
from reconciler.model.plan import Change
from reconciler.model.slots import UserId
from reconciler.plan.drift import LOOKING_BACK, OTHER_STORE, DriftAction, Drifted, DriftReport
from reconciler.report.common.words import Handles, age_words, change_words, holder_words, learner_words, slot_words
from reconciler.text import number_of

FIGHTS = "Two systems fight over these: a person must answer"

SECTIONS: Mapping[DriftAction, str] = {
    DriftAction.FIGHT: "Left alone until a person answers",
    DriftAction.BY_HAND: "To be put back by hand: OneFile's API cannot take anybody off",
    DriftAction.SET_ASIDE: "Cannot be put back: set aside",
    DriftAction.CORRECT: "May be corrected now",
    DriftAction.GRACE: "Will be corrected once the time of grace is over",
    DriftAction.NOT_APPROVED: "Not corrected: the approved commit does not ask for it, or asks only to report it",
    DriftAction.REPORT: "Reported only, as settings.drift says",
}
"""The verdicts in the order of reports, what needs somebody first."""


def section_title(verdict: DriftAction, report: DriftReport) -> str:
    if verdict is DriftAction.NOT_APPROVED and report.unapproved:
        return "Not corrected: no approved commit is known"
    return SECTIONS[verdict]


def unapproved_words(report: DriftReport) -> str:
    """Why nothing would be corrected, as a sentence; nothing where a commit is approved, or nothing drifted."""
    if not report.unapproved or not report.left():
        return ""
    return f"{report.unapproved[0].upper()}{report.unapproved[1:]}: until one is, drift --correct refuses"


def moved_words(one: Drifted, report: DriftReport) -> str:
    """What stands there and what was applied: `default assessor: OneFile holds james; run 3 (kate, …) applied kate`."""
    handles, change = report.plan.handles, one.change
    return f"{slot_words(change.slot)}: OneFile holds {holder_words(change.before, handles)}; {_applied(one, handles)}"


def _applied(one: Drifted, handles: Handles) -> str:
    who = holder_words(one.change.after, handles)
    if one.last is None:
        return f"{who} was applied before"
    return f"{run_words(one.last)} {verb_words(one.last)} {who}, and somebody in OneFile has moved it since"


def run_words(last: LastApplied) -> str:
    return f"run {last.run} ({last.who}, {moment_words(last.at)})"


def verb_words(last: LastApplied) -> str:
    """An import wrote nothing to OneFile: it found them there and declared it."""
    return "imported" if last.command == "import" else "applied"


def seen_words(one: Drifted, report: DriftReport) -> str:
    """Since when it is known, and what becomes of it."""
    words = f"first seen {moment_words(one.first_seen)}, {ago_words(report.now - one.first_seen)}"
    if one.verdict is DriftAction.GRACE:
        words += f"; corrected from {moment_words(one.corrected_from)}"
    if one.change.blocked:
        words += f"; {one.change.blocked}"
    if one.corrections:
        words += f"; corrected {number_of(one.corrections, 'time')} in the last {LOOKING_BACK.days} days"
    return words


def fight_words(fight: OpenIssue, handles: Handles) -> str:
    what, who = slot_words(fight.slot), holder_words(fight.due, handles)
    return f"{what}: put back to {who} again and again, and moved again each time"


def waiting_words(change: Change, report: DriftReport) -> str:
    """A change that waits to be applied; where OneFile moved too, that as well: applying it overwrites somebody."""
    words = change_words(change, report.plan.handles)
    if last := report.moved_too(change):
        who = holder_words(last.staff, report.plan.handles)
        words += f"; OneFile moved too: {run_words(last)} had {verb_words(last)} {who}"
    if report.plan.base:
        words += (
            "; pending before this change of the files" if change.pending else "; caused by this change of the files"
        )
    return f"{words}: set aside, {change.blocked}" if change.blocked else words


def counts(report: DriftReport) -> list[tuple[int, str]]:
    """How many of each sort there are; those that are none are left out, but for drift itself."""
    left = report.left()
    found = [
        (len(left), "drifted"),
        (len(report.unseen), "drifted before and cannot be looked at now"),
        (len(report.corrected()), "corrected"),
        (len(report.due), "due by date"),
        (len(report.pending), "pending from the files"),
        (len(report.unknown), "to write once (OneFile does not show who is there)"),
        (len(report.plan.manual), f"step{'' if len(report.plan.manual) == 1 else 's'} by hand open"),
        (sum(report.unmanaged.values()), "held by somebody and not managed"),
        (report.ignored, "drifted and ignored, as settings.drift says"),
    ]
    return [(count, words) for count, words in found if count or words == "drifted"]


def counts_words(report: DriftReport) -> str:
    """The counts in a row. Where nothing is recorded, that no drift was found says nothing."""
    found = counts(report)
    if report.unrecorded:
        return ", ".join(("Drift cannot be told", *(f"{count} {words}" for count, words in found if count)))
    return ", ".join(f"{count} {words}" for count, words in found)


def untold_words(report: DriftReport) -> str:
    """Why drift cannot be told, and what to do; nothing where it can."""
    if not report.unrecorded:
        return ""
    return (
        f"Whether OneFile moved cannot be told: {report.unrecorded}. {OTHER_STORE} Where there is none, begin one: "
        "reconciler apply, or for a centre that was never declared reconciler import"
    )


def who_words(report: DriftReport, learner: UserId, label: str) -> str:
    return learner_words(learner, label, report.plan.names)


def labels_of(report: DriftReport) -> Mapping[UserId, str]:
    return {change.learner: change.label for change in report.plan.changes}


def moment_words(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def ago_words(age: timedelta) -> str:
    return f"{age_words(age)} ago" if age >= timedelta(minutes=1) else "just now"
