"""All pages of a site, one after another, so that a large centre's are never in memory together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from reconciler.model.declared import DeclaredLearner, Staff
from reconciler.report.html.cells import joined
from reconciler.report.site.centre import centre_page, find_page, findings_page
from reconciler.report.site.cohorts import cohort_list, cohort_page
from reconciler.report.site.frame import Frame, cohort_file, learner_file, run_file, staff_file
from reconciler.report.site.learner import learner_pages
from reconciler.report.site.runs import run_page, runs_page
from reconciler.report.site.staff import ByStaff, Held, staff_list, staff_page

if TYPE_CHECKING:
    from reconciler.commands.site import Centre
    from reconciler.commands.who import HeldSlot

Pages = Iterator[tuple[str, str]]
ROBOTS = "User-agent: *\nDisallow: /\n"


def site_pages(centre: Centre) -> Pages:
    """Yield the name and the text of each page; those of learners first, because caseloads are counted with them."""
    frame = Frame(centre)
    former = []
    for learner in centre.learners():
        page, evidence = learner_pages(frame.below, learner)
        yield learner_file(learner.learner), page
        yield learner_file(learner.learner, "evidence"), evidence
        if learner.learner.key not in centre.visible and learner.user:
            former.append(joined([frame.learner(learner.user), "in no file now"]))
    held = _held(centre)
    if centre.only:
        yield from _of_one(frame, centre.only, held)
    else:
        yield from _of_all(frame, held)
    yield "find.html", find_page(frame, former)
    yield "robots.txt", ROBOTS


def _of_one(frame: Frame, member: Staff, held: ByStaff) -> Pages:
    own = held.get(member.handle, ())
    yield "index.html", staff_page(frame, member, own, title=f"Learners of {member.handle}")
    yield staff_file(member.handle), staff_page(frame.below, member, own)


def _of_all(frame: Frame, held: ByStaff) -> Pages:
    centre = frame.centre
    yield "index.html", centre_page(frame)
    yield "findings.html", findings_page(frame)
    yield "staff.html", staff_list(frame, held)
    for member in centre.declared.staff.values():
        yield staff_file(member.handle), staff_page(frame.below, member, held.get(member.handle, ()))
    cohorts: dict[str, list[DeclaredLearner]] = defaultdict(list)
    for learner in centre.declared.learners:
        cohorts[learner.cohort].append(learner)
    yield "cohorts.html", cohort_list(frame, cohorts)
    for cohort, learners in cohorts.items():
        yield cohort_file(cohort), cohort_page(frame.below, cohort, learners)
    yield "runs.html", runs_page(frame)
    for run in centre.runs:
        yield run_file(run.id), run_page(frame.below, run, centre.journal(run.id))


def _held(centre: Centre) -> ByStaff:
    """Return the learners of each member of staff, in effect or in name."""
    held: dict[str, list[Held]] = defaultdict(list)
    for learner in centre.visible.values():
        own: dict[str, list[HeldSlot]] = defaultdict(list)
        for slot in centre.slots(learner):
            for handle in {slot.wanted.handle if slot.wanted else None, *slot.in_names} - {None}:
                own[str(handle)].append(slot)
        for name, slots in own.items():
            held[name].append((learner, slots))
    return held
