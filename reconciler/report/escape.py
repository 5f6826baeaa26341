"""Makes text from files and from OneFile safe to print: what a terminal would obey or hide is shown instead."""

from __future__ import annotations


def visible(text: str) -> str:
    r"""The text on one line, with each character that is not printable written out, such as \x1b, \n or \u202e.

    That takes in control characters and escape sequences, line breaks, zero-width and bidirectional marks,
    lone surrogates, and every space but the common one. A backslash stays as it is.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)
