"""What every reference page that is made has in common: its head, and words that are safe in Markdown."""

from __future__ import annotations

import textwrap

MARK = "<!-- Made by `python -m docs.reference`. Change what it is made from, not this page. -->"
WIDTH = 120


def page(title: str, *parts: str) -> str:
    return "\n\n".join([MARK, f"# {title}", *(part.strip("\n") for part in parts if part.strip())]) + "\n"


def prose(text: str) -> str:
    """One paragraph of plain text, wrapped, with nothing in it that Markdown would take for a mark."""
    return textwrap.fill(_plain(text), WIDTH, break_long_words=False, break_on_hyphens=False)


def item(name: str, text: str) -> str:
    """One entry of a list of names: what stands behind the colon may be long."""
    return textwrap.fill(
        f"- `{name}`: {_plain(text)}",
        WIDTH,
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def fence(text: str, language: str = "text") -> str:
    return f"```{language}\n{text.strip(chr(10))}\n```"


def _plain(text: str) -> str:
    pieces = " ".join(text.split()).split("`")
    plain = [
        piece.replace("<", "&lt;").replace("*", "\\*").replace("[", "\\[") if not n % 2 else piece
        for n, piece in enumerate(pieces)
    ]
    return "`".join(plain)
