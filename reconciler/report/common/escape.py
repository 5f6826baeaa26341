r"""Makes text from files and from OneFile safe to print, on a terminal, in Markdown and in GitHub's commands.

What a terminal would obey or hide is shown instead. In Markdown, a code span is the one place where nothing is markup:
no link, image, mention, reference or HTML begins there. (Backslashes before punctuation are not enough: a value that
ends in one swallows the border of its cell, and GitHub looks for mentions after it has taken them away.)
"""

from __future__ import annotations

import re
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


def fenced(text: str, language: str = "text") -> str:
    """Lines that stay as they are in Markdown, whatever they hold."""
    body, fence = text.rstrip("\n"), "`" * 3
    while fence in body:
        fence += "`"
    return f"{fence}{language}\n{body}\n{fence}\n"


_PLAIN = re.compile(r"[^\W_]+(?:['’–-][^\W_]+)*|\d\d:\d\d|[–—%…]|=")
"""A word that Markdown, GitHub and a browser take as letters: it has no markup, and is no address or file name."""

_NOT_PLAIN = re.compile(r"(?=\d*[a-f])[\da-f]{7,40}|gh-\d+|www", re.IGNORECASE)
"""What looks plain and is not: a commit's hash, a reference such as GH-12."""

_AROUND = re.compile(r"""(['"(]*)([\w./@#–’'-]*\w)(%?['"),.;:!?]*)""")
"""A word, a name or a path between marks that are harmless beside one."""

_TRAIL = re.compile(r"(?<=[\w/])[,.]+$")
"""The marks of the sentence behind an address."""


def prose(text: str, *, cell: bool = False) -> str:
    """A sentence for Markdown: plain words as they are, every other word as code, between the marks around it."""
    words = [word for word in visible(text).split(" ") if word]
    return " ".join(_word(word, cell, first=not place) for place, word in enumerate(words))


def _word(word: str, cell: bool, *, first: bool) -> str:
    parts = _AROUND.fullmatch(word)
    if parts is None:
        if _PLAIN.fullmatch(word):
            return word
        core = _TRAIL.sub("", word)
        return f"{code_span(core, cell=cell)}{word[len(core) :]}"
    lead, core, trail = parts.groups()
    if first and not lead and core.isdigit() and trail[:1] in (".", ")"):  # it would number a list
        return f"{code_span(core, cell=cell)}{trail}"
    if _PLAIN.fullmatch(core) and not _NOT_PLAIN.fullmatch(core):
        return word
    return f"{lead}{code_span(core, cell=cell)}{trail}"


def comment_value(text: str) -> str:
    """For a value in an HTML comment: percent-encoded but for letters, digits and `:/._-`, and never two hyphens."""
    return quote(visible(text), safe=":/._").replace("--", "-%2D").replace("~", "%7E")
