"""Rows of a table to cohort entries: a row that can be meant in two ways is refused, and nobody is found by name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from reconciler.declared.cohort import CohortEntry, Held, LearnerEntry, Slots, Term
from reconciler.declared.rules import LearnerIndex, check_cohort
from reconciler.declared.settings_and_staff import Directory
from reconciler.importing.csv_cells import StaffFinder, Unclear, day, learner_key, slot
from reconciler.importing.csv_file import Row, Sheet
from reconciler.importing.existing_state import Existing
from reconciler.importing.factor_defaults import factored
from reconciler.importing.naming import by_role, cohort_name_fault, handles, persons
from reconciler.model.census import CensusStaff
from reconciler.model.declared import Staff
from reconciler.model.slots import Handle, LearnerKey, OrganisationId, Slot, SlotKind, UserId
from reconciler.model.structs import Struct, replace
from reconciler.problems import Problem, Source
from reconciler.text import quoted

Value = TypeVar("Value")
LONGEST_LABEL = 80


class Tabled(Struct, frozen=True):
    """What a sheet declares; with problems, nothing of it is to be used. `staff` are those whom it names."""

    cohorts: tuple[CohortEntry, ...]
    staff: tuple[Staff, ...]
    problems: tuple[Problem, ...]


class _Line(NamedTuple):
    """One row, understood."""

    line: int
    learner: LearnerKey
    slot: Slot
    staff: UserId | None
    term: Term  # without its handle, which is not known yet
    cohort: str
    label: str


def tabled(
    sheet: Sheet,
    existing: Existing,
    listed: Mapping[UserId, CensusStaff],
    *,
    cohort: str = "",
    names: bool = False,
    organisation: OrganisationId | None = None,
) -> Tabled:
    """The cohorts that the rows declare, and every row that is refused, at its line.

    *listed* are the accounts that OneFile lists, where it was asked. Rows that name no cohort go to *cohort*.
    *organisation* is set where it is not that of the settings.
    """
    known = existing.staff or {}
    rows = _Rows(sheet, StaffFinder(known, listed), cohort)
    lines = [line for row in sheet.rows if (line := rows.understood(row))]
    staff = _directory([*lines, *rows.in_part], known, listed, names=names)
    handle_of = {member.id: member.handle for member in staff}
    entries = list(_cohorts(lines, handle_of, sheet.file, organisation))
    problems = [*sheet.problems, *rows.problems, *_of_learners(lines, sheet.file, existing), *_twice(lines, sheet.file)]
    lost = bool(sheet.problems) or None in rows.refused  # of nobody knows whom
    gapped = {line.learner for line in lines if lost or line.learner in rows.refused}
    rules = _Rules(staff, lambda some: _cohorts(some, handle_of, sheet.file, organisation))
    problems += rules.broken_together([line for line in lines if line.learner not in gapped])
    problems += rules.broken_together([line for line in lines if line.learner in gapped], partial=True)
    problems += (problem for line in rows.in_part for problem in rules.broken_alone(line))
    return Tabled(tuple(map(factored, entries)), staff, tuple(problems))


class _Rules:
    """What validate would tell of the files, at the lines of the table."""

    def __init__(self, staff: Sequence[Staff], cohorts: Callable[[Sequence[_Line]], Iterable[CohortEntry]]) -> None:
        by_handle = {member.handle: member for member in staff}
        self._directory = Directory(by_handle, frozenset(by_handle), complete=True)
        self._register = LearnerIndex(self._directory)
        self._cohorts = cohorts

    def broken_together(self, lines: Sequence[_Line], *, partial: bool = False) -> Iterator[Problem]:
        """*partial*: rows of these learners are refused, so that talk of gaps between the others would be wrong."""
        for entry in self._cohorts(lines):
            yield from check_cohort(entry, self._directory, partial=partial)
            yield from self._register.add(entry, readable=True)

    def broken_alone(self, line: _Line) -> Iterator[Problem]:
        """Of a row that is refused for another cell: whether its holder fits its slot."""
        for entry in self._cohorts([line]):
            yield from check_cohort(entry, self._directory, partial=True)


class _Rows:
    def __init__(self, sheet: Sheet, finder: StaffFinder, cohort: str) -> None:
        self.problems: list[Problem] = []
        self.refused: set[LearnerKey | None] = set()  # learners with a row that is refused; None: it is not known whose
        self.in_part: list[_Line] = []  # refused, but it is known whose slot they mean
        self._file, self._finder, self._default_cohort = sheet.file, finder, cohort
        self._clear = True

    def understood(self, row: Row) -> _Line | None:
        """The row's meaning; or None, with a problem for each of its cells that has none, or more than one."""
        self._clear = True
        learner = self._of(row, lambda: learner_key(row["learner"]))
        where = self._of(row, lambda: slot(row))
        staff = self._of(row, lambda: self._staff(row, where))
        start = self._of(row, lambda: day(row["from"], "from"))
        end = self._of(row, lambda: day(row["until"], "until"))
        cohort = self._of(row, lambda: self._cohort(row))
        label = self._of(row, lambda: _label(row))
        if learner is None or where is None:
            self.refused.add(learner)
            return None
        key = staff if where.kind is SlotKind.ADDITIONAL else where.key
        term = Term(None, start, end, row.line)
        line = _Line(row.line, learner, Slot(where.kind, key), staff, term, cohort or "", label or "")
        if self._clear:
            return line
        self.refused.add(learner)
        self.in_part.append(line)
        return None

    def _of(self, row: Row, meaning: Callable[[], Value]) -> Value | None:
        try:
            return meaning()
        except Unclear as unclear:
            self._clear = False
            self.problems.append(Problem(unclear.what, unclear.fix, Source(self._file, row.line)))
            return None

    def _staff(self, row: Row, where: Slot | None) -> UserId | None:
        if where is None:
            return None  # who may be meant depends on the slot, whose fault is told
        found = self._finder.find(row["staff"], where.kind)
        if found is None and where.kind is SlotKind.ADDITIONAL:
            raise Unclear("staff: nobody cannot be an additional person", "leave the row out.")
        return found

    def _cohort(self, row: Row) -> str:
        name = row["cohort"] or self._default_cohort
        if not name:
            raise Unclear("cohort: the cell is empty", "fill it, or give --cohort NAME for all such rows.")
        if fault := cohort_name_fault(name):
            raise Unclear(f"cohort: {fault[0]}", fault[1])
        return name


def _label(row: Row) -> str:
    if len(row["label"]) > LONGEST_LABEL:
        raise Unclear(f"label: the cell has more than {LONGEST_LABEL} characters", "shorten it.")
    return row["label"]


# ------------------------------------------------------------------ all rows together


def _directory(
    lines: Sequence[_Line], known: Mapping[Handle, Staff], listed: Mapping[UserId, CensusStaff], *, names: bool
) -> tuple[Staff, ...]:
    """Whom the rows name, and whom the files have: known accounts as they are, others with new handles."""
    there = {member.id: member for member in known.values()}
    new = [listed[user] for user in sorted({line.staff for line in lines if line.staff} - there.keys())]
    named = handles(new, names=names, taken={user: member.handle for user, member in there.items()})
    joined = persons(new, named)
    added = (Staff(named[one.id], one.id, one.role, joined.get(one.id, "")) for one in new)
    return (*known.values(), *sorted(added, key=by_role))


def _of_learners(lines: Sequence[_Line], file: str, existing: Existing) -> Iterator[Problem]:
    """Learners whom the files declare already, and labels that are not one learner's one label."""
    declared = {one.key: one.source for one in existing.learners}
    labels = {one.label: one.source for one in existing.learners if one.label}
    first: dict[LearnerKey, _Line] = {}
    for line in lines:
        source = Source(file, line.line)
        if place := declared.get(line.learner):
            yield Problem(f"the learner is declared already, at {place}", "change that file by hand.", source)
        elif line.learner in labels:
            what = f"{quoted(str(line.learner))} is the label of the learner at {labels[str(line.learner)]}"
            yield Problem(what, "change that file by hand, or write misid: before it if it is a MISID as well.", source)
        elif place := labels.get(line.label):
            yield Problem(f"the label is also that of the learner at {place}", "choose another.", source)
        other = first.setdefault(line.learner, line)
        if line.label != other.label:
            what = f"label: the row on line {other.line} has another for the same learner"
            yield Problem(what, "write the same in every row of a learner.", source)


def _twice(lines: Sequence[_Line], file: str) -> Iterator[Problem]:
    """An additional person stands on a learner once, whatever the days."""
    first: dict[tuple[LearnerKey, Slot], int] = {}
    for line in lines:
        if line.slot.kind is SlotKind.ADDITIONAL:
            before = first.setdefault((line.learner, line.slot), line.line)
            if before != line.line:
                what = f"the row on line {before} names this additional person already"
                yield Problem(what, "remove one of the two.", Source(file, line.line))


def _cohorts(
    lines: Sequence[_Line], handle_of: Mapping[UserId, Handle], file: str, organisation: OrganisationId | None
) -> Iterator[CohortEntry]:
    cohorts: dict[str, dict[LearnerKey, list[_Line]]] = defaultdict(lambda: defaultdict(list))
    for line in lines:
        cohorts[line.cohort][line.learner].append(line)
    for name, learners in sorted(cohorts.items()):
        entries = tuple(_learner(learners[key], handle_of) for key in sorted(learners, key=_order))
        yield CohortEntry(file, name, name, 0, organisation, Slots(), entries)


def _order(key: LearnerKey) -> tuple[str, int, str]:
    return ("id", key, "") if isinstance(key, int) else ("misid", 0, key)


def _learner(lines: Sequence[_Line], handle_of: Mapping[UserId, Handle]) -> LearnerEntry:
    held: dict[Slot, list[Term]] = defaultdict(list)
    for line in lines:
        term = replace(line.term, staff=None if line.staff is None else handle_of[line.staff])
        held[line.slot].append(term)
    first = lines[0]
    key = first.learner
    single = [
        Held(slot, tuple(terms), terms[0].line) for slot, terms in held.items() if slot.kind is not SlotKind.ADDITIONAL
    ]
    additional = tuple(term for slot, terms in held.items() if slot.kind is SlotKind.ADDITIONAL for term in terms)
    return LearnerEntry(
        key if isinstance(key, int) else None,
        key if isinstance(key, str) else None,
        first.label,
        first.line,
        Slots(tuple(single), additional),
    )
