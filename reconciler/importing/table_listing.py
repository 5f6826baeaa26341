"""Turns a table's rows into a listing of learners; ambiguous rows are refused, and names are not accepted."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from reconciler.declared.rules import a_role
from reconciler.importing.csv_cells import StaffFinder, Unclear, learner_key, number
from reconciler.importing.csv_file import Row, Sheet
from reconciler.importing.from_csv import LONGEST_LABEL, Line, RowParser
from reconciler.importing.naming import cohort_name_fault, handles
from reconciler.model.census import CensusStaff
from reconciler.model.declared import Staff
from reconciler.model.listing import ListedLearner, ListedTerm, Listing
from reconciler.model.slots import ROLES_FOR, Handle, LearnerKey, Role, Slot, SlotKind, UserId
from reconciler.model.structs import Struct
from reconciler.model.table_columns import SEPARATOR, column_of
from reconciler.problems import Problem, Source
from reconciler.text import listed as in_words

Value = TypeVar("Value")


class TableListing(Struct, frozen=True):
    """Result of reading a table, of use only without problems. `staff` are those to be added to staff.yaml."""

    listing: Listing
    staff: tuple[Staff, ...]
    problems: tuple[Problem, ...]


def cells_of_staff(sheet: Sheet) -> Iterator[str]:
    """Yield every cell that names somebody who is assigned."""
    for row in sheet.rows:
        if "slot" in sheet.names:
            yield row["staff"]
            continue
        for name in sheet.names:
            column = column_of(name, {})
            if column and column.meaning == "additional":
                yield from _parts(row[name])
            elif column and column.slot:
                yield row[name]


def listing_of(
    sheet: Sheet,
    known: Mapping[Handle, Staff],
    accounts: Mapping[UserId, CensusStaff],
    *,
    cohort: str = "",
    add_staff: bool = False,
) -> TableListing:
    """Turn the rows into a listing; every refused row is a problem at its line. It has no slots that are refused.

    *accounts* are those that OneFile lists, if they were read. Newcomers without a cohort go to *cohort*. With
    *add_staff*, accounts that are not in staff.yaml are new staff, else they are refused.
    """
    work = _Reading(sheet, known, accounts, cohort, add_staff)
    learners = work.long() if "slot" in sheet.names else work.wide()
    return TableListing(Listing(tuple(learners)), tuple(work.new.values()), (*sheet.problems, *work.problems))


@dataclass
class _Reading:
    sheet: Sheet
    known: Mapping[Handle, Staff]
    accounts: Mapping[UserId, CensusStaff]
    cohort: str
    add_staff: bool
    problems: list[Problem] = field(default_factory=list)
    new: dict[UserId, Staff] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.finder = StaffFinder(self.known, self.accounts)
        self.members = {member.id: member for member in self.known.values()}
        named = handles(
            list(self.accounts.values()), names=False, taken={user: m.handle for user, m in self.members.items()}
        )
        self.handles = named | {user: member.handle for user, member in self.members.items()}

    def _refuse(self, line: int, what: str, fix: str) -> None:
        self.problems.append(Problem(what, fix, Source(self.sheet.file, line)))

    def _cell(self, row: Row, name: str, read: Callable[[], Value]) -> Value | None:
        """Read a cell; return None, with a problem that names the column, if it is refused."""
        try:
            return read()
        except Unclear as unclear:
            what = re.sub("^(?:staff|learner): ", f"{name}: ", unclear.what)
            self._refuse(row.line, what, unclear.fix)
            return None

    # -------------------------------------------------------------- staff

    def _holder(self, user: UserId | None, kind: SlotKind) -> Handle | None:
        """Return the handle of an account that may hold this kind of slot; add it to the new staff if need be."""
        if user is None:
            return None
        member = self.members.get(user) or self.new.get(user)
        role = member.role if member else self.accounts[user].role
        if role not in ROLES_FOR[kind]:
            roles = in_words((a_role(allowed) for allowed in Role if allowed in ROLES_FOR[kind]), "or")
            raise Unclear(f"staff: account {user} is {a_role(role)}, not {roles}", "Correct the cell.")
        if member is None:
            if not self.add_staff:
                fix = "Use --add-staff, or add the account to staff.yaml."
                raise Unclear(f"staff: account {user} is not in staff.yaml", fix)
            member = Staff(self.handles[user], user, role)
            self.new[user] = member
        return member.handle

    # -------------------------------------------------------------- one row for each learner

    def wide(self) -> Iterator[ListedLearner]:
        short = self._without_zeros()
        for row in self.sheet.rows:
            before = len(self.problems)
            if row.line in short:
                fix = "Format the column as text, and enter the MISID again with its leading zeros."
                self._refuse(row.line, "misid: the number is shorter than the others, and may have lost zeros", fix)
            keys = self._keys(row)
            cohort = self._cell(row, "cohort", partial(_cohort, row["cohort"]))
            if len(row["label"]) > LONGEST_LABEL:
                self._refuse(row.line, f"label: the cell has more than {LONGEST_LABEL} characters", "Shorten it.")
            is_clear = len(self.problems) == before
            holders = self._holders(row)
            if is_clear:
                source = Source(self.sheet.file, row.line)
                yield ListedLearner(keys, source, cohort or "", self.cohort, row["label"], holders)

    def _keys(self, row: Row) -> tuple[LearnerKey, ...]:
        keys: list[LearnerKey] = []
        if "learner" in self.sheet.names and (key := self._cell(row, "learner", lambda: learner_key(row["learner"]))):
            keys.append(key)
        if row["id"] and (user := self._cell(row, "id", lambda: UserId(number(row["id"], "id")))):
            keys.append(user)
        if row["misid"]:
            keys.append(row["misid"])
        if not (row["id"] or row["misid"] or "learner" in self.sheet.names):
            names = in_words((name for name in ("id", "misid") if name in self.sheet.names), "and")
            self._refuse(row.line, f"{names}: the cell is empty", "Write the learner's OneFile id or MISID.")
        return tuple(keys)

    def _without_zeros(self) -> set[int]:
        """Return the lines whose MISID is shorter than those that begin with a zero, so that it may have lost some."""
        numbers = {row.line: row["misid"] for row in self.sheet.rows if row["misid"].isdecimal()}
        lengths = {len(text) for text in numbers.values() if text.startswith("0")}
        if len(lengths) != 1:
            return set()
        return {line for line, text in numbers.items() if len(text) < min(lengths)}

    def _holders(self, row: Row) -> dict[Slot, tuple[ListedTerm, ...]]:
        holders: dict[Slot, tuple[ListedTerm, ...]] = {}
        for name in self.sheet.names:
            column = column_of(name, {})
            if column is None or not row[name]:
                continue
            if column.meaning == "additional":
                holders |= self._additional(row)
            elif slot := column.slot:
                before = len(self.problems)
                staff = self._cell(row, name, partial(self._staff, row[name], slot.kind))
                if len(self.problems) == before:
                    holders[slot] = (ListedTerm(staff),)
        return holders

    def _staff(self, text: str, kind: SlotKind) -> Handle | None:
        return self._holder(self.finder.find(text, kind), kind)

    def _additional(self, row: Row) -> dict[Slot, tuple[ListedTerm, ...]]:
        holders: dict[Slot, tuple[ListedTerm, ...]] = {}
        for text in _parts(row["additional"]):
            user = self._cell(row, "additional", partial(self._person, text))
            if user is not None:
                handle = self._holder(user, SlotKind.ADDITIONAL)
                holders[Slot(SlotKind.ADDITIONAL, user)] = (ListedTerm(handle),)
        return holders

    def _person(self, text: str) -> UserId:
        user = self.finder.find(text, SlotKind.ADDITIONAL)
        if user is None:
            raise Unclear("staff: nobody cannot be an additional person", "Clear the cell.")
        self._holder(user, SlotKind.ADDITIONAL)
        return user

    # -------------------------------------------------------------- one row for each slot

    def long(self) -> Iterator[ListedLearner]:
        rows = RowParser(self.sheet, self.finder, None)
        lines = [line for row in self.sheet.rows if (line := rows.parse(row))]
        self.problems += rows.problems
        by_learner: dict[LearnerKey, list[Line]] = defaultdict(list)
        for line in lines:
            by_learner[line.learner].append(line)
        for key, group in by_learner.items():
            cohort = self._shared([(line.line, line.cohort) for line in group], "cohort")
            label = self._shared([(line.line, line.label) for line in group], "label")
            holders = self._terms(group)
            source = Source(self.sheet.file, group[0].line)
            yield ListedLearner((key,), source, cohort, self.cohort, label, holders)

    def _shared(self, values: Sequence[tuple[int, str]], name: str) -> str:
        """Return what the rows of one learner say; an empty cell says nothing."""
        given = [(line, value) for line, value in values if value]
        for line, value in given:
            if value != given[0][1]:
                what = f"{name}: the row on line {given[0][0]} has another for the same learner"
                self._refuse(line, what, f"Write the same {name} in every row of a learner.")
        return given[0][1] if given else ""

    def _terms(self, lines: Sequence[Line]) -> dict[Slot, tuple[ListedTerm, ...]]:
        terms: dict[Slot, list[tuple[ListedTerm, int]]] = defaultdict(list)
        for line in lines:
            try:
                handle = self._holder(line.staff, line.slot.kind)
            except Unclear as unclear:
                self._refuse(line.line, unclear.what, unclear.fix)
                continue
            term = ListedTerm(handle, line.term.start, line.term.end)
            if term.start and term.end and term.end < term.start:
                self._refuse(line.line, "until: the day is before from", "Correct one of the two.")
            for other, place in terms[line.slot]:
                if _overlap(term, other):
                    what = f"the row on line {place} has the same slot on the same days"
                    self._refuse(line.line, what, "Remove one of the two, or correct from and until.")
                    break
            terms[line.slot].append((term, line.line))
        return {
            slot: tuple(sorted((term for term, _ in group), key=lambda term: (term.start is not None, str(term.start))))
            for slot, group in terms.items()
        }


def _overlap(left: ListedTerm, right: ListedTerm) -> bool:
    starts = left.start is None or right.end is None or left.start <= right.end
    return starts and (right.start is None or left.end is None or right.start <= left.end)


def _cohort(name: str) -> str:
    if name and (fault := cohort_name_fault(name)):
        raise Unclear(f"cohort: {fault[0]}", fault[1])
    return name


def _parts(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(SEPARATOR) if part.strip()]
