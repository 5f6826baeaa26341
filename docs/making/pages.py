"""Common parts of the generated reference pages: the page itself, paragraphs, list items and code blocks."""

from __future__ import annotations

import textwrap

MARK = "<!-- Made by `python -m docs.reference`. Change its source, not this page. -->"
WIDTH = 120


def page(title: str, *parts: str) -> str:
    """Join a title and the parts that are not empty into a page."""
    return "\n\n".join([MARK, f"# {title}", *(part.strip("\n") for part in parts if part.strip())]) + "\n"


def prose(text: str) -> str:
    """Wrap one paragraph of plain text, with Markdown's marks escaped."""
    return textwrap.fill(_plain(text), WIDTH, break_long_words=False, break_on_hyphens=False)


def item(name: str, text: str) -> str:
    """Format one list entry: a name, a colon and a text of any length."""
    return textwrap.fill(
        f"- `{name}`: {_plain(text)}",
        WIDTH,
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def fence(text: str, language: str = "text") -> str:
    """Put a text into a code block."""
    return f"```{language}\n{text.strip(chr(10))}\n```"


def _plain(text: str) -> str:
    """Escape Markdown's marks outside code spans."""
    pieces = " ".join(text.split()).split("`")
    plain = [
        piece.replace("<", "&lt;").replace("*", "\\*").replace("[", "\\[") if not n % 2 else piece
        for n, piece in enumerate(pieces)
    ]
    return "`".join(plain)
