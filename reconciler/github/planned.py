"""A saved plan as a workflow needs it: what its comment must say, and what must be approved before it is applied."""

from __future__ import annotations

from pathlib import Path

from reconciler.github.marks import PlanMark, marked, plan_mark
from reconciler.problems import Invalid, Problem, Source
from reconciler.run.planfile import load
from reconciler.run.planning import Planned
from reconciler.values import Struct


class SavedPlan(Struct, frozen=True):
    path: Path
    target: str
    organisation: str
    fingerprint: str
    writes: int

    def comment(self, report: Path, head: str) -> tuple[str, PlanMark]:
        """The rendered plan as a comment on that commit. Raises Invalid where it is not this plan's."""
        try:
            body = marked(report.read_text("utf-8"), head)
        except (OSError, ValueError) as error:
            what = f"cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}"
            raise Invalid(Problem(what, _AGAIN, Source(str(report)))) from error
        mark = plan_mark(body)
        if mark is None or (mark.organisation, mark.fingerprint) != (self.organisation, self.fingerprint):
            raise Invalid(Problem(f"is not the report of {self.path}", _AGAIN, Source(str(report))))
        return body, mark


_AGAIN = "Write it again with: reconciler show PLAN --format markdown --out FILE"


def read_plan(path: Path) -> SavedPlan:
    """Raises Invalid for a file that is no plan or was altered."""
    plan = load(path)
    fingerprint = Planned(plan).fingerprint
    return SavedPlan(path, plan.target, str(plan.organisation), fingerprint, len(plan.operations))
