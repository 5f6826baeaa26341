"""How problems call things: the names of slots and roles, and the nearest known word."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from reconciler.model.slots import (
    IQA_KINDS,
    LEARNING_AIM_KINDS,
    UNIT_KINDS,
    Slot,
)


def slot_name(slot: Slot) -> str:
    """`default_assessor`, `assessor of standard 41240`, `iqa of unit KS_COMM1`."""
    part = "iqa" if slot.kind in IQA_KINDS else "assessor"
    if slot.kind in LEARNING_AIM_KINDS:
        return f"{part} of standard {slot.key}"
    if slot.kind in UNIT_KINDS:
        return f"{part} of unit {shown(str(slot.key))}"
    return slot.kind.value


def listed(words: Iterable[object], joint: str) -> str:
    """`a, b and c`."""
    *most, last = [str(word).lower() if isinstance(word, bool) else str(word) for word in words]  # as YAML spells them
    return f"{', '.join(most)} {joint} {last}" if most else last


def shown(text: str) -> str:
    """A text from a file as it may stand in a message: shortened, and nothing invisible left as it is."""
    short = text if len(text) <= 60 else f"{text[:57]}…"
    if short.isprintable():
        return short
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in short)


def quoted(text: str) -> str:
    return f"'{shown(text)}'"


def slug(text: str) -> str:
    """`Kate Anderson` as kate-anderson: the form that handles and cohorts have."""
    return re.sub("[^a-z0-9]+", "-", text.lower()).strip("-")


def nearest(given: str, known: Iterable[str]) -> str:
    """`did you mean kate-anderson?`, or nothing where no known word is near."""
    near = get_close_matches(given[:100], list(known), n=1)
    return f"did you mean {near[0]}?" if near else ""


def did_you_mean(given: str, known: Iterable[str], otherwise: str) -> str:
    """A fix that offers the nearest known word, and in any case what to do otherwise."""
    near = nearest(given, known)
    return f"{near} Otherwise {otherwise}" if near else otherwise


def number_of(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"
