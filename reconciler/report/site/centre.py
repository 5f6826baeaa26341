"""Pages of the whole centre: the first page, the list to search in, and the findings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.report.common.notices import Notices, problem_notice
from reconciler.report.common.words import age_words, moment_words
from reconciler.report.html.cells import joined, link
from reconciler.report.html.sections import Row, Section
from reconciler.report.plan.view import plan_view
from reconciler.report.site.coming import DAYS, coming_section
from reconciler.report.site.frame import FIND, FINDINGS, HOME, Frame, cohort_file
from reconciler.report.site.issues import drift_section, steps_section
from reconciler.report.site.runs import runs_section
from reconciler.report.site.staff import overloaded
from reconciler.text import number_of

_LATEST_RUNS = 10
_NO_READING = "OneFile was not read for these pages: they show the files, and what runs have recorded."


def centre_page(frame: Frame) -> str:
    """Render what a centre must know today: in step or not, drift, steps, coming days, caseloads, policies."""
    centre = frame.centre
    sections = [
        steps_section(frame),
        drift_section(frame),
        coming_section(frame, f"The next {DAYS} days", days=DAYS, shown=lambda _: True),
        overloaded(frame),
        runs_section(frame, "Latest runs", centre.runs[:_LATEST_RUNS]),
        _waivers(frame),
        _policies(frame),
    ]
    title = f"Organisation {centre.site.organisation} on {centre.site.target}"
    facts = list(_answers(frame, sections))
    return frame.page(title, sections, place=HOME, lead=f"On {centre.day}", verdict=_verdict(frame), facts=facts)


def _verdict(frame: Frame) -> str:
    plan = frame.centre.plan
    if plan is None:
        return _NO_READING
    if plan.in_sync:
        return "In step: OneFile has what the files ask for, where it shows it."
    counts = plan.summary
    parts = [
        number_of(counts.create + counts.update, "change") + " to write" if counts.create + counts.update else "",
        number_of(counts.manual, "manual step") if counts.manual else "",
        f"{counts.blocked} set aside" if counts.blocked else "",
    ]
    return f"Not in step: {', '.join(filter(None, parts))}."


def _answers(frame: Frame, sections: Sequence[Section]) -> Iterator[tuple[str, str]]:
    centre = frame.centre
    last = centre.last_reading
    if centre.read_at and centre.read_at != last:
        yield "OneFile read", moment_words(centre.read_at)
    age = f", {age_words(centre.now - last)} ago" if last else ""
    yield "Last complete reading", f"{moment_words(last)}{age}" if last else "none is recorded"
    if centre.runs:
        run = centre.runs[0]
        yield "Latest run", joined([frame.run(run), run.command, moment_words(run.started)])
    steps, drift, coming, above, *_ = sections
    yield "Manual steps", str(len(steps.rows)) if steps.rows else "none is open"
    yield "Drift", number_of(len(drift.rows), "slot") if drift.rows else "none is known"
    yield f"Next {DAYS} days", number_of(len(coming.rows), "change") if coming.rows else "nothing changes"
    yield "Caseloads", f"{len(above.rows)} above target or maximum" if above.rows else "within bounds"
    count = sum(group.count for group in _findings(frame))
    yield "Findings", link(number_of(count, "finding"), "findings.html") if count else "none"
    yield "Checked", moment_words(centre.now)


def _waivers(frame: Frame) -> Section:
    rows: list[Row] = [
        (
            str(waiver.until),
            waiver.policy,
            f"learner {waiver.learner}" if waiver.learner else waiver.cohort or "the run as a whole",
            waiver.reason,
            waiver.approved_by,
        )
        for waiver in sorted(frame.centre.declared.settings.waivers, key=lambda waiver: waiver.until)
        if waiver.until >= frame.centre.day
    ]
    return Section("Waivers, by last day", "", ("Last day", "Policy", "For", "Reason", "Approved by"), rows)


def _policies(frame: Frame) -> Section:
    settings = frame.centre.declared.settings
    rows = [(policy, settings.level(policy)) for policy in settings.policies]
    return Section("Policies", "", ("Policy", "Level"), rows)


def findings_page(frame: Frame) -> str:
    """Render what policies and checks found, with what to do."""
    groups = _findings(frame)
    words = "" if groups else "No finding."
    lead = "" if frame.centre.plan else _NO_READING
    return frame.page("Findings", [Section("", words, notices=groups)], place=FINDINGS, lead=lead)


def _findings(frame: Frame) -> list[Notices]:
    centre = frame.centre
    if centre.plan:
        return [group for group in plan_view(centre.plan, "").notices if group.items]
    items = tuple(map(problem_notice, centre.declared.warnings))
    return [Notices("Warnings", "warnings", items)] if items else []


def find_page(frame: Frame, former: Sequence[str]) -> str:
    """Render the list of learners, staff and cohorts that readers search in."""
    centre = frame.centre
    learners = sorted(
        centre.visible.values(), key=lambda learner: (learner.label == "", learner.label, str(learner.key))
    )
    items = [
        joined([frame.declared(learner), *_details(frame.centre.users[learner.key], learner.label), learner.cohort])
        for learner in learners
    ]
    if centre.only is None:
        items += [joined([frame.handle(handle), "staff"]) for handle in sorted(centre.declared.staff)]
        cohorts = sorted({learner.cohort for learner in centre.declared.learners})
        items += [joined([link(cohort, cohort_file(cohort)), "cohort"]) for cohort in cohorts]
    return frame.page("Find", [Section("", items=[*items, *former])], place=FIND)


def _details(user: int | None, label: str) -> list[str]:
    return [str(user)] if user and label else []
