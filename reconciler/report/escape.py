r"""Makes text from files and from OneFile safe to print, on a terminal, in Markdown and in GitHub's commands.

What a terminal would obey or hide is shown instead. In Markdown, a code span is the one place where nothing is markup:
no link, image, mention, reference or HTML begins there. (Backslashes before punctuation are not enough: a value that
ends in one swallows the border of its cell, and GitHub looks for mentions after it has taken them away.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from urllib.parse import quote


def visible(text: str) -> str:
    r"""The text on one line, with each character that is not printable written out, such as \x1b, \n or \u202e.

    That takes in control characters and escape sequences, line breaks, zero-width and bidirectional marks,
    lone surrogates, and every space but the common one. A backslash stays as it is.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


def code_span(text: str, *, cell: bool = False) -> str:
    r"""The text as Markdown code, whatever it holds; runs of spaces become one. `cell`: for a table's cell, where a
    pipe must be written \| even in code. Empty text stays empty: Markdown has no empty code."""
    shown = " ".join(visible(text).split(" ")).strip()
    shown = re.sub(" +", " ", shown)
    if not shown:
        return ""
    fence = "`" * (max((len(run) for run in re.findall("`+", shown)), default=0) + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    if cell:
        shown = shown.replace("|", r"\|")
    return f"{fence}{pad}{shown}{pad}{fence}"


_PLAIN = re.compile(r"""['"(]*[^\W_]+(?:['’–-][^\W_]+)*%?['")]*[,.;:!?]*['")]*|[–—%…]|=""")
"""A word that Markdown, GitHub and a browser take as letters: it has no markup, and is no address or file name."""

_NOT_PLAIN = re.compile(r"\d+[.)]+|(?=\d*[a-f])[\da-f]{7,40}\W*|gh-\d+\W*|www\W?.*", re.IGNORECASE)
"""What looks plain and is not: a numbered item, a commit's hash, a reference such as GH-12."""


def prose(text: str, *, cell: bool = False) -> str:
    """A sentence for Markdown: plain words as they are, every other run of words as code."""
    words = [word for word in visible(text).split(" ") if word]
    return " ".join(_runs(words, cell))


def _runs(words: list[str], cell: bool) -> Iterator[str]:
    for plain, run in groupby(words, key=_is_plain):
        joined = " ".join(run)
        yield joined if plain else code_span(joined, cell=cell)


def _is_plain(word: str) -> bool:
    return bool(_PLAIN.fullmatch(word)) and not _NOT_PLAIN.fullmatch(word)


def comment_value(text: str) -> str:
    """For a value in an HTML comment: percent-encoded but for letters, digits and `:/._-`, and never two hyphens."""
    return quote(visible(text), safe=":/._").replace("--", "-%2D").replace("~", "%7E")
