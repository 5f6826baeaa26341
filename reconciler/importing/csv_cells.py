"""What single cells of a table mean: a learner, a slot, a member of staff, a day; or why they may mean two things."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date

from reconciler.declared.cohort import calendar_day
from reconciler.importing.csv_file import Row
from reconciler.model.census import CensusStaff
from reconciler.model.declared import Staff
from reconciler.model.slots import LEARNING_AIM_KINDS, ROLES_FOR, UNIT_KINDS, Handle, LearnerKey, Slot, SlotKind, UserId
from reconciler.text import listed, nearest, quoted

NOBODY = "nobody"
LARGEST_ID = 2**31 - 1  # as in the schemas
LONGEST_KEY = 100
_HANDLE = re.compile("[a-z][a-z0-9-]*")
_NUMBER = re.compile("[1-9][0-9]*")
_ISO_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_OTHER_DAY = re.compile(r"([0-9]{1,2})[/.]([0-9]{1,2})[/.]([0-9]{4})")
_EITHER = {  # these say less than which slot: the cells for standard and unit decide
    "assessor": (SlotKind.LEARNING_AIM_ASSESSOR, SlotKind.UNIT_ASSESSOR),
    "iqa": (SlotKind.LEARNING_AIM_IQA, SlotKind.UNIT_IQA),
}


class Unclear(Exception):
    """A cell that cannot be taken for one thing: what is wrong, and what to do. A cell's text is only repeated where
    it has the form of an id or a handle: it may be anybody's name."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.what, self.fix = what, fix


def number(text: str, column: str) -> int:
    if not _NUMBER.fullmatch(text) or int(text) > LARGEST_ID:
        raise Unclear(f"{column}: the cell is not an id, a whole number", "write the number as OneFile shows it.")
    return int(text)


def learner_key(text: str) -> LearnerKey:
    """Digits are a OneFile id, anything else a MISID; `id:` or `misid:` before it says which."""
    told, _, value = text.partition(":")
    value = value.strip()
    if told.strip().lower() == "id" and value:
        return UserId(number(value, "learner"))
    if told.strip().lower() == "misid" and value:
        return _short(value, "learner")
    if not text:
        raise Unclear("learner: the cell is empty", "write the learner's OneFile id or MISID.")
    if _NUMBER.fullmatch(text):
        return UserId(number(text, "learner"))
    if text.isdecimal() or re.fullmatch(r"[0-9]+[.,][0-9]+", text):
        fix = f"write misid:{text} if it is a MISID, or the OneFile id without leading zeros or fractions."
        raise Unclear(f"learner: {quoted(text)} may be an id or a MISID", fix)
    if " " in text:
        fix = "write the OneFile id or the MISID; a MISID with spaces in it as misid:…"
        raise Unclear("learner: the cell looks like a name, and nobody is found by name", fix)
    return _short(text, "learner")


def _short(text: str, column: str) -> str:
    if len(text) > LONGEST_KEY:
        raise Unclear(f"{column}: the cell has more than {LONGEST_KEY} characters", "shorten it.")
    return text


def slot(row: Row) -> Slot:
    """The slot of a row; the cells for standard and unit are filled where the slot has one, and only there.

    An additional person's slot has no key yet: it follows from who it is.
    """
    word = re.sub("[^a-z0-9]+", "_", row["slot"].lower()).strip("_")
    standard, unit = row["standard"], row["unit"]
    if word in _EITHER:
        if bool(standard) == bool(unit):
            fix = (
                f"fill one of standard and unit, or write default_{word}."
                if word == "assessor"
                else "fill one of them."
            )
            raise Unclear(f"slot: '{word}' goes with a standard or with a unit, and {_both(standard)} here", fix)
        kind = _EITHER[word][bool(unit)]
    elif word in set(SlotKind):
        kind = SlotKind(word)
    else:
        near = nearest(word, [*SlotKind, *_EITHER])
        fix = f"{near + ' ' if near else ''}The slots are {listed(SlotKind, 'and')}."
        raise Unclear("slot: the cell names no slot" if row["slot"] else "slot: the cell is empty", fix)
    return Slot(kind, _key(kind, standard, unit))


def _both(standard: str) -> str:
    return "both are filled" if standard else "neither is filled"


def _key(kind: SlotKind, standard: str, unit: str) -> int | str | None:
    takes = "standard" if kind in LEARNING_AIM_KINDS else "unit" if kind in UNIT_KINDS else ""
    for column, text in (("standard", standard), ("unit", unit)):
        if text and column != takes:
            raise Unclear(f"{column}: {kind.value} has no {column}", "clear the cell, or name another slot.")
    if takes and not (standard or unit):
        raise Unclear(f"{takes}: the cell is empty", f"{kind.value} needs the {takes}'s id in OneFile.")
    if takes == "standard":
        return number(standard, "standard")
    return _short(unit, "unit") if takes else None


def day(text: str, column: str) -> date | None:
    """A day as 2026-12-31, or 31/12/2026 where no other reading is possible."""
    if not text:
        return None
    fix = "write it as year-month-day, such as 2026-12-31."
    other = _OTHER_DAY.fullmatch(text)
    if other:
        first, second, year = other.groups()
        if int(first) <= 12 and int(second) <= 12 and int(first) != int(second):
            raise Unclear(f"{column}: the day and the month of {text} may be either way round", fix)
        found = calendar_day(f"{year}-{second:0>2}-{first:0>2}") or calendar_day(f"{year}-{first:0>2}-{second:0>2}")
    else:
        found = calendar_day(text) if _ISO_DAY.fullmatch(text) else None
    if found is None:
        raise Unclear(f"{column}: the cell is not a day", fix)
    return found


class StaffFinder:
    """Finds members of staff by handle, OneFile id, e-mail address or MISID; the last two only among *listed*."""

    def __init__(self, known: Mapping[Handle, Staff], listed: Mapping[UserId, CensusStaff]) -> None:
        self._known = known
        self._by_id = {member.id: member for member in known.values()}
        self._listed = listed
        self._by_text: dict[str, set[UserId]] = defaultdict(set)
        for user, one in listed.items():
            for text in (one.email.casefold(), one.misid):
                if text:
                    self._by_text[text].add(user)

    def knows(self, text: str) -> bool:
        """Whether the files alone tell who this is."""
        if text.lower() == NOBODY or not text:
            return True
        return text in self._known or (bool(_NUMBER.fullmatch(text)) and int(text) in self._by_id)

    def find(self, text: str, kind: SlotKind) -> UserId | None:
        """The one account that is meant; None for nobody. Of two accounts of one person, the one whose role fits."""
        if text.lower() == NOBODY and Handle(text) not in self._known:
            return None
        found = self._candidates(text)
        fitting = {user for user in found if self._role(user) in ROLES_FOR[kind]}
        chosen = fitting if len(found) > 1 and len(fitting) == 1 else found
        if len(chosen) == 1:
            return chosen.pop()
        if chosen:
            what = f"staff: {len(chosen)} accounts may be meant: {', '.join(map(str, sorted(chosen)))}"
            raise Unclear(what, "write the OneFile id of the right one.")
        raise self._unknown(text)

    def _candidates(self, text: str) -> set[UserId]:
        found = set(self._by_text.get(text, ())) | set(self._by_text.get(text.casefold(), ()) if "@" in text else ())
        if member := self._known.get(Handle(text)):
            found.add(member.id)
        if _NUMBER.fullmatch(text) and (user := UserId(int(text))) in self._by_id.keys() | self._listed.keys():
            found.add(user)
        return found

    def _role(self, user: UserId) -> object:
        return self._by_id[user].role if user in self._by_id else self._listed[user].role

    def _unknown(self, text: str) -> Unclear:
        if not text:
            return Unclear("staff: the cell is empty", f"write who it is, or {NOBODY} if the slot shall be empty.")
        if _NUMBER.fullmatch(text):
            what = f"staff: no active member of staff has the id {text}"
            return Unclear(what, "correct the id, or leave the row out.")
        if _HANDLE.fullmatch(text):
            near = nearest(text, self._known)
            fix = f"{near + ' Otherwise ' if near else ''}write the OneFile id, or add the handle to staff.yaml."
            return Unclear(f"staff: {quoted(text)} is no handle in staff.yaml, nor anybody's MISID", fix)
        what = "staff: the cell is no handle, no id, and nobody's e-mail address or MISID; nobody is found by name"
        return Unclear(what, "write a handle of staff.yaml or the OneFile id.")


def known_to_files(texts: Iterable[str], known: Mapping[Handle, Staff]) -> bool:
    """Whether OneFile need not be asked who any of these are."""
    finder = StaffFinder(known, {})
    return all(finder.knows(text) for text in texts)
