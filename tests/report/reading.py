"""Reads Markdown back with a parser of somebody else's: its tables' cells, and what is markup in it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token

PARSER = MarkdownIt("gfm-like", {"linkify": False})


def inline(tokens: list[Token]) -> list[Token]:
    return [child for token in tokens if token.type == "inline" for child in token.children or []]


def said(token: Token) -> str:
    """Return the text that a reader sees of an inline token; a line break of ours is a space."""
    return "".join(" " if one.type == "html_inline" else one.content for one in token.children or [])


def tables(markdown: str) -> list[list[list[str]]]:
    """Each table's rows, its head first, as lists of what the cells say."""
    found: list[list[list[str]]] = []
    for opening, token in pairwise(PARSER.parse(markdown)):
        if opening.type == "table_open":
            found.append([])
        elif opening.type == "tr_open":
            found[-1].append([])
        if opening.type in ("th_open", "td_open"):
            found[-1][-1].append(said(token))
    return found


def markup(markdown: str) -> Iterator[str]:
    """Every piece of HTML, and the kind of every other inline token that is neither text nor code nor bold."""
    plain = {"text", "code_inline", "strong_open", "strong_close", "em_open", "em_close", "softbreak"}
    tokens = PARSER.parse(markdown)
    for token in tokens:
        if token.type == "html_block":
            yield from token.content.strip().splitlines()
    for child in inline(tokens):
        if child.type == "html_inline":
            yield child.content
        elif child.type not in plain:
            yield child.type
