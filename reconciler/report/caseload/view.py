"""View model of caseloads before and after a plan."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.model.plan import CaseloadRow, Holding
from reconciler.model.structs import Struct


class CaseloadLine(Struct, frozen=True):
    """One member of staff before and after. `mark` names the limit that is passed; `over` means the maximum."""

    handle: str
    before: Holding
    after: Holding
    target: int | None
    maximum: int | None
    mark: str = ""
    over: bool = False

    @property
    def gain(self) -> int:
        """The change in the number of learners."""
        return self.after.learners - self.before.learners


def caseload_lines(rows: Iterable[CaseloadRow]) -> tuple[CaseloadLine, ...]:
    """Return a plan's caseload in the order of tables and charts: the most changed first, then by handle."""
    return tuple(sorted(map(caseload_line, rows), key=lambda line: (-abs(line.gain), line.handle)))


def caseload_line(row: CaseloadRow) -> CaseloadLine:
    """Return a row of the plan's caseload with its mark."""
    learners = row.after.learners
    over = row.maximum is not None and learners > row.maximum
    busy = row.target is not None and learners > row.target
    mark = "above the maximum" if over else "above the target" if busy else ""
    return CaseloadLine(row.handle, row.before, row.after, row.target, row.maximum, mark, over)
