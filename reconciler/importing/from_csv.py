"""Turns CSV rows into cohort entries; ambiguous rows are refused, and names are not accepted."""

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
from reconciler.importing.factor_defaults import factor_defaults
from reconciler.importing.naming import by_role, cohort_name_fault, handles, persons
from reconciler.model.census import CensusStaff
from reconciler.model.declared import Staff
from reconciler.model.slots import Handle, LearnerKey, OrganisationId, Slot, SlotKind, UserId
from reconciler.model.structs import Struct, replace
from reconciler.problems import Problem, Source
from reconciler.text import quoted

Value = TypeVar("Value")
LONGEST_LABEL = 80


class CsvImport(Struct, frozen=True):
    """Result of importing a sheet, of use only without problems. `staff` are those that the files or rows name."""

    cohorts: tuple[CohortEntry, ...]
    staff: tuple[Staff, ...]
    problems: tuple[Problem, ...]


class Line(NamedTuple):
    """Parsed row of a table with one row for each slot."""

    line: int
    learner: LearnerKey
    slot: Slot
    staff: UserId | None
    term: Term  # without its handle, which is added later
    cohort: str
    label: str


def import_sheet(
    sheet: Sheet,
    existing: Existing,
    listed: Mapping[UserId, CensusStaff],
    *,
    cohort: str = "",
    names: bool = False,
    organisation: OrganisationId | None = None,
) -> CsvImport:
    """Turn the rows into cohorts; every refused row is a problem at its line.

    *listed* are the accounts that OneFile lists, if they were read. Rows without a cohort go to *cohort*.
    *organisation* is set if it is not that of the settings.
    """
    known = existing.staff or {}
    rows = RowParser(sheet, StaffFinder(known, listed), cohort)
    lines = [line for row in sheet.rows if (line := rows.parse(row))]
    staff = _directory([*lines, *rows.partial], known, listed, names=names)
    handle_of = {member.id: member.handle for member in staff}
    entries = list(_cohorts(lines, handle_of, sheet.file, organisation))
    problems = [*sheet.problems, *rows.problems, *_of_learners(lines, sheet.file, existing), *_twice(lines, sheet.file)]
    lost = bool(sheet.problems) or None in rows.refused  # rows of an unknown learner
    gapped = {line.learner for line in lines if lost or line.learner in rows.refused}
    rules = _Rules(staff, lambda lines: _cohorts(lines, handle_of, sheet.file, organisation))
    problems += rules.check_lines([line for line in lines if line.learner not in gapped])
    problems += rules.check_lines([line for line in lines if line.learner in gapped], partial=True)
    problems += (problem for line in rows.partial for problem in rules.check_line(line))
    return CsvImport(tuple(map(factor_defaults, entries)), staff, tuple(problems))


class _Rules:
    """Rules that `validate` applies to the files, with problems at the lines of the CSV file."""

    def __init__(self, staff: Sequence[Staff], cohorts: Callable[[Sequence[Line]], Iterable[CohortEntry]]) -> None:
        by_handle = {member.handle: member for member in staff}
        self._directory = Directory(by_handle, frozenset(by_handle), complete=True)
        self._index = LearnerIndex(self._directory)
        self._cohorts = cohorts

    def check_lines(self, lines: Sequence[Line], *, partial: bool = False) -> Iterator[Problem]:
        """Check rows together. *partial*: rows of these learners are refused, so gaps are not reported."""
        for entry in self._cohorts(lines):
            yield from check_cohort(entry, self._directory, partial=partial)
            yield from self._index.add(entry, readable=True)

    def check_line(self, line: Line) -> Iterator[Problem]:
        """Check only that the holder fits the slot, for a row that is refused because of another cell."""
        for entry in self._cohorts([line]):
            yield from check_cohort(entry, self._directory, partial=True)


class RowParser:
    """Parses the rows of a table that has one for each slot. Without *cohort*, a row may leave the cohort empty."""

    def __init__(self, sheet: Sheet, finder: StaffFinder, cohort: str | None) -> None:
        self.problems: list[Problem] = []
        self.refused: set[LearnerKey | None] = set()  # learners with a refused row; None: an unknown learner
        self.partial: list[Line] = []  # refused rows whose learner and slot are known
        self._file, self._finder, self._default_cohort = sheet.file, finder, cohort
        self._clear = True

    def parse(self, row: Row) -> Line | None:
        """Parse a row; return None, with a problem for each invalid or ambiguous cell."""
        self._clear = True
        learner = self._cell(row, lambda: learner_key(row["learner"]))
        place = self._cell(row, lambda: slot(row))
        staff = self._cell(row, lambda: self._staff(row, place))
        start = self._cell(row, lambda: day(row["from"], "from"))
        end = self._cell(row, lambda: day(row["until"], "until"))
        cohort = self._cell(row, lambda: self._cohort(row))
        label = self._cell(row, lambda: _label(row))
        if learner is None or place is None:
            self.refused.add(learner)
            return None
        key = staff if place.kind is SlotKind.ADDITIONAL else place.key
        term = Term(None, start, end, row.line)
        line = Line(row.line, learner, Slot(place.kind, key), staff, term, cohort or "", label or "")
        if self._clear:
            return line
        self.refused.add(learner)
        self.partial.append(line)
        return None

    def _cell(self, row: Row, parse: Callable[[], Value]) -> Value | None:
        try:
            return parse()
        except Unclear as unclear:
            self._clear = False
            self.problems.append(Problem(unclear.what, unclear.fix, Source(self._file, row.line)))
            return None

    def _staff(self, row: Row, place: Slot | None) -> UserId | None:
        if place is None:
            return None  # the account depends on the slot, whose fault is already reported
        user = self._finder.find(row["staff"], place.kind)
        if user is None and place.kind is SlotKind.ADDITIONAL:
            raise Unclear("staff: nobody cannot be an additional person", "Leave the row out.")
        return user

    def _cohort(self, row: Row) -> str:
        name = row["cohort"] or self._default_cohort or ""
        if not name and self._default_cohort is None:
            return ""
        if not name:
            raise Unclear("cohort: the cell is empty", "Fill it, or give --cohort NAME for all such rows.")
        if fault := cohort_name_fault(name):
            raise Unclear(f"cohort: {fault[0]}", fault[1])
        return name


def _label(row: Row) -> str:
    if len(row["label"]) > LONGEST_LABEL:
        raise Unclear(f"label: the cell has more than {LONGEST_LABEL} characters", "Shorten it.")
    return row["label"]


# ------------------------------------------------------------------ all rows together


def _directory(
    lines: Sequence[Line], known: Mapping[Handle, Staff], listed: Mapping[UserId, CensusStaff], *, names: bool
) -> tuple[Staff, ...]:
    """Return the staff of the files, and those that the rows name, with new handles."""
    by_id = {member.id: member for member in known.values()}
    new = [listed[user] for user in sorted({line.staff for line in lines if line.staff} - by_id.keys())]
    named = handles(new, names=names, taken={user: member.handle for user, member in by_id.items()})
    joined = persons(new, named)
    added = (Staff(named[account.id], account.id, account.role, joined.get(account.id, "")) for account in new)
    return (*known.values(), *sorted(added, key=by_role))


def _of_learners(lines: Sequence[Line], file: str, existing: Existing) -> Iterator[Problem]:
    """Report learners that the files declare already, and labels that are ambiguous."""
    declared = {learner.key: learner.source for learner in existing.learners}
    labels = {learner.label: learner.source for learner in existing.learners if learner.label}
    first: dict[LearnerKey, Line] = {}
    for line in lines:
        source = Source(file, line.line)
        if place := declared.get(line.learner):
            yield Problem(f"the learner is declared already, at {place}", "Change that file by hand.", source)
        elif line.learner in labels:
            what = f"{quoted(str(line.learner))} is the label of the learner at {labels[str(line.learner)]}"
            yield Problem(what, "Change that file by hand, or write misid: before it if it is a MISID as well.", source)
        elif place := labels.get(line.label):
            yield Problem(f"the label is also that of the learner at {place}", "Choose another.", source)
        earlier = first.setdefault(line.learner, line)
        if line.label != earlier.label:
            what = f"label: the row on line {earlier.line} has another for the same learner"
            yield Problem(what, "Write the same label in every row of a learner.", source)


def _twice(lines: Sequence[Line], file: str) -> Iterator[Problem]:
    """Report an additional person who is named twice for a learner, whatever the days."""
    first: dict[tuple[LearnerKey, Slot], int] = {}
    for line in lines:
        if line.slot.kind is SlotKind.ADDITIONAL:
            before = first.setdefault((line.learner, line.slot), line.line)
            if before != line.line:
                what = f"the row on line {before} names this additional person already"
                yield Problem(what, "Remove one of the two.", Source(file, line.line))


def _cohorts(
    lines: Sequence[Line], handle_of: Mapping[UserId, Handle], file: str, organisation: OrganisationId | None
) -> Iterator[CohortEntry]:
    cohorts: dict[str, dict[LearnerKey, list[Line]]] = defaultdict(lambda: defaultdict(list))
    for line in lines:
        cohorts[line.cohort][line.learner].append(line)
    for name, learners in sorted(cohorts.items()):
        entries = tuple(_learner(learners[key], handle_of) for key in sorted(learners, key=_order))
        yield CohortEntry(file, name, name, 0, organisation, Slots(), entries)


def _order(key: LearnerKey) -> tuple[str, int, str]:
    return ("id", key, "") if isinstance(key, int) else ("misid", 0, key)


def _learner(lines: Sequence[Line], handle_of: Mapping[UserId, Handle]) -> LearnerEntry:
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
