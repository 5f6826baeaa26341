"""Parses single CSV cells: a learner, a slot, a member of staff, a day; ambiguous cells are refused."""

from __future__ import annotations

import re
from calendar import month_name
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date

from reconciler.declared.cohort import calendar_day
from reconciler.importing.csv_file import Row
from reconciler.model.census import CensusStaff
from reconciler.model.declared import Staff
from reconciler.model.slots import (
    LARGEST_ID,
    LEARNING_AIM_KINDS,
    NOBODY,
    ROLES_FOR,
    UNIT_KINDS,
    Handle,
    LearnerKey,
    Slot,
    SlotKind,
    UserId,
)
from reconciler.text import did_you_mean, listed, nearest, otherwise, quoted

LONGEST_KEY = 100
_HANDLE = re.compile("[a-z][a-z0-9-]*")
_NUMBER = re.compile("[1-9][0-9]*")
_ISO_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_OTHER_DAY = re.compile(r"([0-9]{1,2})[/.]([0-9]{1,2})[/.]([0-9]{4})")
_EITHER = {  # the cells for standard and unit decide which slot is meant
    "assessor": (SlotKind.LEARNING_AIM_ASSESSOR, SlotKind.UNIT_ASSESSOR),
    "iqa": (SlotKind.LEARNING_AIM_IQA, SlotKind.UNIT_IQA),
}


class Unclear(Exception):
    """Raised for a cell that is invalid or ambiguous.

    A cell's text is only repeated if it has the form of an id or a handle, because it may be somebody's name.
    """

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.what, self.fix = what, fix


def number(text: str, column: str) -> int:
    if not _NUMBER.fullmatch(text) or int(text) > LARGEST_ID:
        raise Unclear(f"{column}: the cell is not an id, a whole number", "Write the number as OneFile shows it.")
    return int(text)


def learner_key(text: str) -> LearnerKey:
    """Parse a learner: digits are a OneFile id, anything else a MISID, unless `id:` or `misid:` is before it."""
    prefix, _, value = text.partition(":")
    value = value.strip()
    if prefix.strip().lower() == "id" and value:
        return UserId(number(value, "learner"))
    if prefix.strip().lower() == "misid" and value:
        return _short(value, "learner")
    if not text:
        raise Unclear("learner: the cell is empty", "Write the learner's OneFile id or MISID.")
    if _NUMBER.fullmatch(text):
        return UserId(number(text, "learner"))
    if text.isdecimal() or re.fullmatch(r"[0-9]+(?:[.,'’ ][0-9]+)+", text):
        fix = f"Write misid:{text} if it is a MISID, or the OneFile id without leading zeros or fractions."
        raise Unclear(f"learner: {quoted(text)} may be an id or a MISID", fix)
    if " " in text or not any(char.isdecimal() for char in text):
        fix = "Write the OneFile id or the MISID; write a MISID with spaces as misid:…."
        raise Unclear("learner: the cell looks like a name (names are not accepted)", fix)
    return _short(text, "learner")


def _short(text: str, column: str) -> str:
    if len(text) > LONGEST_KEY:
        raise Unclear(f"{column}: the cell has more than {LONGEST_KEY} characters", "Shorten it.")
    return text


def slot(row: Row) -> Slot:
    """Parse the slot of a row; the cells for standard and unit must be filled if the slot has one, else empty.

    An additional person's slot has no key yet: its key is the person's id.
    """
    word = re.sub("[^a-z0-9]+", "_", row["slot"].lower()).strip("_")
    standard, unit = row["standard"], row["unit"]
    if word in _EITHER:
        if bool(standard) == bool(unit):
            fix = (
                f"Fill one of standard and unit, or write default_{word}."
                if word == "assessor"
                else "Fill one of standard and unit."
            )
            what = (
                f"'{word}' takes a standard or a unit, not both" if standard else f"'{word}' needs a standard or a unit"
            )
            raise Unclear(f"slot: {what}", fix)
        kind = _EITHER[word][bool(unit)]
    elif word in set(SlotKind):
        kind = SlotKind(word)
    else:
        near = nearest(word, [*SlotKind, *_EITHER])
        fix = otherwise(near, f"Write one of {listed(SlotKind, 'and')}.")
        raise Unclear("slot: the cell names no slot" if row["slot"] else "slot: the cell is empty", fix)
    return Slot(kind, _key(kind, standard, unit))


def _key(kind: SlotKind, standard: str, unit: str) -> int | str | None:
    takes = "standard" if kind in LEARNING_AIM_KINDS else "unit" if kind in UNIT_KINDS else ""
    for column, text in (("standard", standard), ("unit", unit)):
        if text and column != takes:
            raise Unclear(f"{column}: {kind.value} has no {column}", "Clear the cell, or name another slot.")
    if takes and not (standard or unit):
        raise Unclear(f"{takes}: the cell is empty", f"Write the {takes}'s id in OneFile: {kind.value} needs it.")
    if takes == "standard":
        return number(standard, "standard")
    return _short(unit, "unit") if takes else None


def day(text: str, column: str) -> date | None:
    """Parse a day such as 2026-12-31, or 31/12/2026 if it is not ambiguous."""
    if not text:
        return None
    fix = "Write it as year-month-day, such as 2026-12-31."
    slashed = _OTHER_DAY.fullmatch(text)
    if slashed:
        first, second, year = slashed.groups()
        days = [calendar_day(f"{year}-{second:0>2}-{first:0>2}"), calendar_day(f"{year}-{first:0>2}-{second:0>2}")]
        if None not in days and days[0] != days[1]:
            either = " or ".join(f"{day.day} {month_name[day.month]}" for day in days if day)
            raise Unclear(f"{column}: {text} is ambiguous ({either})", fix)
        result = days[0] or days[1]
    else:
        result = calendar_day(text) if _ISO_DAY.fullmatch(text) else None
    if result is None:
        raise Unclear(f"{column}: the cell is not a day", fix)
    return result


class StaffFinder:
    """Finds members of staff by handle, OneFile id, e-mail address or MISID (the last two only among *listed*)."""

    def __init__(self, known: Mapping[Handle, Staff], listed: Mapping[UserId, CensusStaff]) -> None:
        self._known = known
        self._by_id = {member.id: member for member in known.values()}
        self._listed = listed
        self._by_text: dict[str, set[UserId]] = defaultdict(set)
        for user, account in listed.items():
            for text in (account.email.casefold(), account.misid):
                if text:
                    self._by_text[text].add(user)

    def knows(self, text: str) -> bool:
        """Return True if the files alone identify this person."""
        if text.lower() == NOBODY or not text:
            return True
        return text in self._known or (bool(_NUMBER.fullmatch(text)) and int(text) in self._by_id)

    def find(self, text: str, kind: SlotKind) -> UserId | None:
        """Return the account that is meant, or None for nobody; of two accounts, the one whose role fits."""
        if text.lower() == NOBODY and Handle(text) not in self._known:
            return None
        candidates = self._candidates(text)
        fitting = {user for user in candidates if self._role(user) in ROLES_FOR[kind]}
        chosen = fitting if len(candidates) > 1 and len(fitting) == 1 else candidates
        if len(chosen) == 1:
            return chosen.pop()
        if chosen:
            what = f"staff: {len(chosen)} accounts may be meant: {', '.join(map(str, sorted(chosen)))}"
            raise Unclear(what, "Write the OneFile id of the right one.")
        raise self._unknown(text)

    def _candidates(self, text: str) -> set[UserId]:
        users = set(self._by_text.get(text, ())) | set(self._by_text.get(text.casefold(), ()) if "@" in text else ())
        if member := self._known.get(Handle(text)):
            users.add(member.id)
        if _NUMBER.fullmatch(text) and (user := UserId(int(text))) in self._by_id.keys() | self._listed.keys():
            users.add(user)
        return users

    def _role(self, user: UserId) -> object:
        return self._by_id[user].role if user in self._by_id else self._listed[user].role

    def _unknown(self, text: str) -> Unclear:
        if not text:
            return Unclear("staff: the cell is empty", f"Write who it is, or {NOBODY} if the slot should be empty.")
        if _NUMBER.fullmatch(text):
            what = f"staff: no active member of staff has the id {text}"
            return Unclear(what, "Correct the id, or leave the row out.")
        if _HANDLE.fullmatch(text):
            fix = did_you_mean(text, self._known, "Write the OneFile id, or add the handle to staff.yaml.")
            return Unclear(f"staff: {quoted(text)} is not a handle in staff.yaml, nor a known MISID", fix)
        what = "staff: not a known handle, id, e-mail address or MISID (names are not accepted)"
        return Unclear(what, "Write a handle of staff.yaml or the OneFile id.")


def known_to_files(texts: Iterable[str], known: Mapping[Handle, Staff]) -> bool:
    """Return True if the files alone identify all of these, without a call to OneFile."""
    finder = StaffFinder(known, {})
    return all(finder.knows(text) for text in texts)
