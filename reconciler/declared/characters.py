"""Characters and lines that a file must not have, because readers disagree on them or people cannot see them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from reconciler.text import HIDDEN

_LINE_BREAKS = re.compile("[\x85\u2028\u2029]|\r(?!\n)")  # some readers end a line there, and others do not
_MARKERS = re.compile(r"^(<{7}|\|{7}|={7}|>{7})(?: .*)?$", re.MULTILINE)
_MOST = 20  # problems of one file

Fault = tuple[int, str, str]
"""Line, what is wrong, and the fix."""


def character_faults(text: str) -> Iterator[Fault]:
    """Yield line breaks that only some YAML readers know, and invisible characters."""
    places = sorted({match.start() for form in _forms(text) for match in islice(form.finditer(text), _MOST)})
    for place in places[:_MOST]:
        line, name = text.count("\n", 0, place) + 1, character_name(text[place])
        if text[place] in "\r\x85\u2028\u2029":
            what = f"the character {name} ends a line for some readers of YAML, and not for others"
            yield line, what, "Replace it with a line break or a space."
        else:
            what = f"this line contains the invisible character {name}"
            yield line, what, "Remove it: the line may not say what it seems to say."


def _forms(text: str) -> tuple[re.Pattern[str], ...]:
    if not text.isascii():
        return (_LINE_BREAKS, HIDDEN)
    return (_LINE_BREAKS,) if "\r" in text else ()


def character_name(char: str) -> str:
    """Name a character that cannot be printed: `U+2028 (LINE SEPARATOR)`."""
    import unicodedata  # only for a file with a fault

    name = unicodedata.name(char, {"\r": "CARRIAGE RETURN", "\x85": "NEXT LINE"}.get(char, ""))
    return f"U+{ord(char):04X} ({name})" if name else f"U+{ord(char):04X}"


def conflict_fault(text: str) -> Fault | None:
    """Return the fault of a file in which git has left the markers of a merge conflict."""
    if "<<<<<<<" not in text and ">>>>>>>" not in text:
        return None
    lines = [text.count("\n", 0, match.start()) + 1 for match in islice(_MARKERS.finditer(text.replace("\r", "")), 6)]
    if len(lines) < 2:
        return None
    what = f"a merge conflict is not resolved (markers on lines {', '.join(map(str, lines))})"
    fix = "Keep one of the two versions, and remove the lines that start with <<<<<<<, ======= and >>>>>>>."
    return lines[0], what, fix
