"""Columns of a wide table, one row per learner: what each heading means, for the reading and for the export."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from reconciler.model.listing import field_of
from reconciler.model.slots import LARGEST_ID, Slot, SlotKind, UnitId

Meaning = Literal["learner", "id", "misid", "label", "cohort", "additional", "slot", "ignore"]
KEYS: tuple[Meaning, ...] = ("learner", "id", "misid")
"""Columns that say who the learner is: either of both keys, the OneFile id, the MISID."""
WORDS: tuple[Meaning, ...] = (*KEYS, "label", "cohort", "additional", "ignore")
SEPARATOR = ";"
"""Separator of additional people in one cell."""
HELD = " in OneFile"
SINCE = " since"
"""Ends of the headings that an export has beside a slot's own, for people to read: these columns are not read back."""

_SLOT = re.compile(r"(learning_aim|unit)\[(.+)\]\.(assessor|iqa)")
_SINGLE: Mapping[str, SlotKind] = {kind.value: kind for kind in (SlotKind.DEFAULT_ASSESSOR, SlotKind.DEFAULT_EMPLOYER)}


class Column(NamedTuple):
    """Meaning of a column; `slot` is set if it is a slot's."""

    meaning: Meaning
    slot: Slot | None = None

    @property
    def name(self) -> str:
        """Canonical heading."""
        return field_of(self.slot) if self.slot else self.meaning


def headings(slots: Iterable[Slot]) -> list[str]:
    """Return the headings of a table with these slots, in their order; additional people share one column."""
    distinct = dict.fromkeys("additional" if slot.kind is SlotKind.ADDITIONAL else field_of(slot) for slot in slots)
    return ["id", "misid", "label", "cohort", *distinct]


def column_of(heading: str, columns: Mapping[str, str]) -> Column | None:
    """Return the meaning of a heading: as *columns*, from the settings, say, or its own; None if it has none."""
    text = " ".join(heading.split())
    given = {name.casefold(): meaning for name, meaning in columns.items()}.get(text.casefold(), text)
    if given.endswith((HELD, SINCE)) and _parsed(given.removesuffix(HELD).removesuffix(SINCE)):
        return Column("ignore")
    return _parsed(given)


def _parsed(text: str) -> Column | None:
    word = re.sub("[ -]+", "_", text.lower())
    if word in _SINGLE:
        return Column("slot", Slot(_SINGLE[word]))
    for meaning in WORDS:
        if word == meaning:
            return Column(meaning)
    if match := _SLOT.fullmatch(text.strip()):
        thing, key, part = match.groups()
        kind = SlotKind(f"{thing}_{part}")
        if thing == "unit":
            return Column("slot", Slot(kind, UnitId(key)))
        if re.fullmatch("[1-9][0-9]*", key) and int(key) <= LARGEST_ID:
            return Column("slot", Slot(kind, int(key)))
    return None


_LIKELY: Mapping[str, str] = {
    "id": "onefile id, onefile user id, onefile learner id, user id",
    "misid": "mis id, mis ref, learner ref, learner reference, learner id, learner number, learnrefnumber, "
    "learn ref number, trainee id, trainee ref, trainee reference, student id, student number, apprentice id, "
    "providerref",
    "cohort": "group, class, classroom, learner group, cohort name, cohortref, cohort ref, main tag",
    "default_assessor": "main officer, officer, assessor, main assessor, primary assessor, tutor, main tutor, "
    "default tutor, trainer, skills coach, coach, case owner, delivery officer, training officer",
    "default_employer": "employer, employer contact, employer mentor, mentor, workplace mentor, line manager, manager",
    "learning_aim[STANDARD].iqa": "iqa, iv, verifier, internal verifier, internal quality assurer, verifying officer",
}
"""Headings of other systems, by what they are likely to mean: only ever suggested."""
_SUGGESTED = {heading: meaning for meaning, headings in _LIKELY.items() for heading in headings.split(", ")}


def suggestion(heading: str) -> str:
    """Return the likely meaning of a heading that has none, or ""."""
    word = " ".join(re.sub("[^a-z0-9]+", " ", heading.lower()).split())
    if word in _SUGGESTED:
        return _SUGGESTED[word]
    bare = re.sub(r"\b(?:e mail|email|address|id|misid|mis|code|ref|onefile)\b", " ", word)
    return _SUGGESTED.get(" ".join(bare.split()), "")
