"""Wording helpers for messages: names of slots, lists, plurals, quoted text and the nearest known word."""

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
    """Return a slot as the files name it: `default_assessor`, `assessor of standard 41240`, `iqa of unit KS_COMM1`."""
    part = "iqa" if slot.kind in IQA_KINDS else "assessor"
    if slot.kind in LEARNING_AIM_KINDS:
        return f"{part} of standard {slot.key}"
    if slot.kind in UNIT_KINDS:
        return f"{part} of unit {shown(str(slot.key))}"
    return slot.kind.value


def listed(words: Iterable[object], joint: str) -> str:
    """Return `a, b and c`."""
    *most, last = [str(word).lower() if isinstance(word, bool) else str(word) for word in words]  # as YAML spells them
    return f"{', '.join(most)} {joint} {last}" if most else last


def shown(text: str) -> str:
    """Return text from a file for a message: shortened, with invisible characters written out."""
    short = text if len(text) <= 60 else f"{text[:57]}…"
    if short.isprintable():
        return short
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in short)


def quoted(text: str) -> str:
    """Return text from a file in quotation marks."""
    return f"'{shown(text)}'"


def slug(text: str) -> str:
    """Return the form that handles and cohorts have: `Kate Anderson` as `kate-anderson`."""
    return re.sub("[^a-z0-9]+", "-", text.lower()).strip("-")


def nearest(given: str, known: Iterable[str]) -> str:
    """Return `did you mean kate-anderson?`, or an empty text if no known word is near."""
    near = get_close_matches(given[:100], list(known), n=1)
    return f"did you mean {near[0]}?" if near else ""


def did_you_mean(given: str, known: Iterable[str], otherwise: str) -> str:
    """Return a fix that offers the nearest known word and the alternative."""
    near = nearest(given, known)
    return f"{near} Otherwise {otherwise}" if near else otherwise


def spaced(name: str) -> str:
    """Return the name of a state or kind in words: `not_tried` as `not tried`."""
    return name.replace("_", " ")


def number_of(count: int, thing: str) -> str:
    """Return `1 slot` or `2 slots`."""
    return f"{count} {thing}{'' if count == 1 else 's'}"
