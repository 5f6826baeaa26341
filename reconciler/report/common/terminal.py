"""Terminal output: lines of text wrapped to a width and coloured.

Rich's tables take 50 ms to import and longer to lay out a large plan, so rich only measures text beyond ASCII here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from reconciler.model.structs import Struct
from reconciler.report.common.escape import visible

RED, GREEN, YELLOW, BOLD = 31, 32, 33, 1

SIGN_COLOUR = {"+": GREEN, "~": YELLOW, "-": RED, "!": RED, "=": YELLOW, "?": YELLOW}

NARROWEST = 24  # columns; a narrower terminal breaks the lines itself


class Page(Struct, frozen=True):
    """Wrapping and colours. All text is made visible before any colour code is added."""

    width: int
    colour: bool

    def paint(self, code: int, text: str) -> str:
        """Return the text in a colour, if colours are on."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text

    def title(self, text: str, code: int = BOLD) -> list[str]:
        """Return an empty line and a heading."""
        return ["", *(self.paint(code, line) for line in self.wrap(text, rest=2))]

    def wrap(self, text: str, first: int = 0, rest: int = 6) -> list[str]:
        """Wrap between words only, so that a long path or id stays whole and can be copied."""
        width = max(self.width, NARROWEST)
        lines: list[str] = []
        line, used = " " * first, first
        fresh = True
        for word in visible(text).split(" "):
            size = cells(word)
            if not fresh and used + 1 + size > width:
                lines.append(line.rstrip())
                line, used, fresh = " " * rest, rest, True
            if fresh and not word:
                continue
            line += word if fresh else f" {word}"
            used += size if fresh else size + 1
            fresh = False
        return lines if fresh else [*lines, line.rstrip()]

    def signed(self, sign: str, text: str) -> list[str]:
        """Return a row behind its coloured sign."""
        first, *rest = self.wrap(text, first=4)
        return [f"  {self.paint(SIGN_COLOUR[sign], sign)} {first[4:]}", *rest]

    def notice(self, place: str, what: str, fix: str) -> list[str]:
        """Return a notice and its fix."""
        return [*self.wrap(f"{place}: {what}" if place else what, first=2), *self.wrap(f"Fix: {fix}", first=4)]

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]], marks: Sequence[tuple[int, str]]) -> list[str]:
        """Return aligned columns with each row's mark behind it; if that is too wide, each row as a sentence."""
        shown = [[visible(cell) for cell in row] for row in (head, *rows)]
        widths = [max(cells(row[column]) for row in shown) for column in range(len(head))]
        lines = ["  ".join(padded(*pair) for pair in zip(row, widths, strict=True)) for row in shown]
        painted = ["", *(self.paint(code, mark) if mark else "" for code, mark in marks)]
        longest = max((len(mark) for _, mark in marks), default=0)
        if cells(lines[0]) + 4 + longest <= max(self.width, NARROWEST):
            return [f"  {line}  {mark}".rstrip() for line, mark in zip(lines, painted, strict=True)]
        return [line for row, mark in zip(rows, marks, strict=True) for line in self._as_sentence(head, row, mark)]

    def _as_sentence(self, head: Sequence[str], row: Sequence[str], mark: tuple[int, str]) -> Iterator[str]:
        cells_ = ", ".join(f"{name} {cell}".strip() for name, cell in zip(head[1:], row[1:], strict=True) if cell)
        yield from self.wrap(f"{row[0]}: {cells_}", first=2, rest=4)
        if mark[1]:
            yield f"    {self.paint(*mark)}"

    def text(self, lines: Iterable[str]) -> str:
        """Join the lines."""
        return "\n".join(lines) + "\n"


def cells(text: str) -> int:
    """Return the columns that a text takes: East Asian letters take two, combining marks none."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def padded(text: str, width: int) -> str:
    """Pad the text with spaces to a width."""
    return text + " " * (width - cells(text))
