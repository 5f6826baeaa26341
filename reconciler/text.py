"""Text for messages: names of slots, lists of words, quoting, and the nearest known word."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.model.slots import Slot

HIDDEN = re.compile(
    "[\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\ufff9-\ufffb\U000e0000-\U000e007f]"
    "|(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])"
    "|(?<![^\x00-\x7f])[\ufe00-\ufe0f\U000e0100-\U000e01ef](?!\u20e3)"
)
"""Characters that cannot be seen or that change the order of text on screen.

Joiners and variation selectors are allowed after letters and symbols beyond ASCII, which need them.
"""


def slot_name(slot: Slot) -> str:
    """Name a slot: `default_assessor`, `assessor of standard 41240`, `iqa of unit KS_COMM1`."""
    from reconciler.model.slots import IQA_KINDS, LEARNING_AIM_KINDS, UNIT_KINDS  # `--help` escapes text, and no slot

    part = "iqa" if slot.kind in IQA_KINDS else "assessor"
    if slot.kind in LEARNING_AIM_KINDS:
        return f"{part} of standard {slot.key}"
    if slot.kind in UNIT_KINDS:
        return f"{part} of unit {shown(str(slot.key))}"
    return slot.kind.value


def listed(words: Iterable[object], joint: str) -> str:
    """Join words as `a, b and c`."""
    *most, last = [str(word).lower() if isinstance(word, bool) else str(word) for word in words]  # as YAML spells them
    return f"{', '.join(most)} {joint} {last}" if most else last


def shown(text: str) -> str:
    """Return a text from a file for use in a message: shortened, with invisible characters escaped."""
    short = text if len(text) <= 60 else f"{text[:57]}…"
    if short.isascii() and short.isprintable():
        return short
    return escaped(short, lambda char: f"\\u{ord(char):04x}")


def escaped(text: str, escape: Callable[[str], str]) -> str:
    """Return the text with each unprintable or hidden character escaped."""
    seen = "".join(char if char.isprintable() else escape(char) for char in text)
    while HIDDEN.search(seen):  # an escape may leave a selector without its letter
        seen = HIDDEN.sub(lambda match: escape(match[0]), seen)
    return seen


def quoted(text: str) -> str:
    """Return text from a file in quotation marks."""
    return f"'{shown(text)}'"


def slug(text: str) -> str:
    """Turn `Kate Anderson` into kate-anderson, the form of handles and cohorts."""
    return re.sub("[^a-z0-9]+", "-", text.lower()).strip("-")


def nearest(given: str, known: Iterable[str]) -> str:
    """Return `Did you mean kate-anderson?`, or nothing if no known word is similar."""
    near = get_close_matches(given[:100], list(known), n=1)
    return f"Did you mean {near[0]}?" if near else ""


def otherwise(hint: str, fix: str) -> str:
    """Join a hint, if there is one, and the *fix* for when it does not help."""
    return f"{hint} Otherwise {fix[0].lower()}{fix[1:]}" if hint else fix


def did_you_mean(given: str, known: Iterable[str], fix: str) -> str:
    """Return a fix that suggests the nearest known word, and *fix* if that is not meant."""
    return otherwise(nearest(given, known), fix)


def spaced(name: str) -> str:
    """Return the name of a state or kind in words: `not_tried` as `not tried`."""
    return name.replace("_", " ")


def number_of(count: int, thing: str) -> str:
    """Return `1 slot` or `2 slots`."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


FEW = 10
"""Items that are listed where somebody asked for a short list."""


def some(items: Sequence[str], *, whole: bool) -> str:
    """Return the items in a list, the first FEW of them unless the `whole` list is wanted."""
    if whole or len(items) <= FEW:
        return ", ".join(items)
    return f"{', '.join(items[:FEW])} and {len(items) - FEW} more"
