"""Lines of text at a width, coloured or not: the terminal's side of a report, and nothing of what it says."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass

from reconciler.report.escape import visible

RED, GREEN, YELLOW, BOLD = 31, 32, 33, 1

SIGN_COLOUR = {"+": GREEN, "~": YELLOW, "-": RED, "!": RED, "=": YELLOW, "?": YELLOW}


@dataclass(frozen=True, slots=True)
class Page:
    """Wraps to a width and colours. Everything that comes in is made visible before any code is added."""

    width: int
    colour: bool

    def paint(self, code: int, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text

    def title(self, text: str, code: int = BOLD) -> list[str]:
        return ["", self.paint(code, visible(text))]

    def wrap(self, text: str, first: int = 0, rest: int = 6) -> list[str]:
        return textwrap.wrap(
            visible(text),
            max(self.width, 40),
            initial_indent=" " * first,
            subsequent_indent=" " * rest,
            break_long_words=False,
            break_on_hyphens=False,
        )

    def signed(self, sign: str, text: str) -> list[str]:
        first, *rest = self.wrap(text, first=4)
        return [f"  {self.paint(SIGN_COLOUR[sign], sign)} {first[4:]}", *rest]

    def notice(self, place: str, what: str, fix: str) -> list[str]:
        return [*self.wrap(f"{place}: {what}" if place else what, first=2), *self.wrap(f"Fix: {fix}", first=4)]

    def text(self, lines: Iterable[str]) -> str:
        return "\n".join(lines) + "\n"
