"""Pages of cohorts: the list, and of each the learners with their holders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconciler.model.declared import DeclaredLearner
from reconciler.model.slots import ASSESSOR_KINDS, IQA_KINDS, SlotKind
from reconciler.report.html.cells import joined, link
from reconciler.report.html.sections import Row, Section
from reconciler.report.site.coming import coming_section
from reconciler.report.site.frame import COHORTS, Frame, cohort_file
from reconciler.text import number_of

ByCohort = Mapping[str, Sequence[DeclaredLearner]]
_COLUMNS = ("Learner", "Default assessor", "Other assessors", "IQAs", "Employer", "Additional")


def cohort_list(frame: Frame, cohorts: ByCohort) -> str:
    """Render the cohorts with the number of learners."""
    rows = [(link(name, cohort_file(name)), str(len(learners))) for name, learners in sorted(cohorts.items())]
    return frame.page("Cohorts", [Section("", "", ("Cohort", "Learners"), rows, sorts=True)], place=COHORTS)


def cohort_page(frame: Frame, cohort: str, learners: Sequence[DeclaredLearner]) -> str:
    """Render the learners of a cohort with who is in effect, and what is coming."""
    rows = [_row(frame, learner) for learner in learners]
    coming = coming_section(
        frame, "Coming", days=None, shown=lambda handover: handover.places[0].learner.cohort == cohort
    )
    sections = [Section(number_of(len(rows), "learner"), "", _COLUMNS, rows, sorts=True), coming]
    return frame.page(cohort, sections, place=COHORTS)


def _row(frame: Frame, learner: DeclaredLearner) -> Row:
    default = {SlotKind.DEFAULT_ASSESSOR}
    return (
        frame.declared(learner),
        *(
            _holders(frame, learner, kinds)
            for kinds in (
                default,
                ASSESSOR_KINDS - default,
                IQA_KINDS,
                {SlotKind.DEFAULT_EMPLOYER},
                {SlotKind.ADDITIONAL},
            )
        ),
    )


def _holders(frame: Frame, learner: DeclaredLearner, kinds: frozenset[SlotKind] | set[SlotKind]) -> str:
    held = {staff: None for slot, staff in learner.holders.items() if slot.kind in kinds}
    return joined([frame.staff(staff) for staff in held if staff is not None])
