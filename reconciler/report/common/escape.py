r"""Escaping of text from files and from OneFile, for terminals, Markdown and GitHub's commands.

Characters that a terminal would obey or hide are written out. In Markdown, a code span is the only place without any
markup: no link, image, mention, reference or HTML begins there. (Backslashes before punctuation are not enough: a
value that ends in one swallows the border of its cell, and GitHub looks for mentions after it has removed them.)
"""

from __future__ import annotations

import re

from reconciler.text import HIDDEN, escaped


def visible(text: str) -> str:
    r"""Return the text on one line, with each unprintable character written out, such as \x1b, \n or \u202e.

    Unprintable are control characters and escape sequences, line breaks, zero-width and bidirectional marks,
    lone surrogates, every space but the common one, and all that is HIDDEN. A backslash stays as it is.
    """
    if text.isascii() and text.isprintable():
        return text
    return escaped(text, _code_point)


_LINE_COMMAND = re.compile(r"(^|(?<=\r))([^\S\r\n]*):(?=:)", re.MULTILINE)
_INNER_COMMAND = re.compile(r"##(?=\w*\[)")
_HARMLESS = {
    "html": (r"\2&#58;", "#&#35;"),
    "ics": (r"\2:\\\\x3a", r"#\\\\x23"),
    "json": (r"\g<0>", r"#\\u0023"),
    "prometheus": (r"\2:\\\\x3a", r"#\\\\x23"),
}
_HARMLESS_TEXT = (r"\2:\\x3a", r"#\\x23")


def without_commands(text: str, form: str = "text") -> str:
    r"""Return a report in which a runner finds no workflow command of anybody else's.

    GitHub's runner reads every printed line: `::name::` after any blanks at its start, and the older `##[name]`
    anywhere in it; other forges have `##vso[` and `##teamcity[`. One character of the mark is written out, as the
    format does that (in text as \x3a and \x23). The annotations of a report are commands, and stay.
    """
    line, inner = _HARMLESS.get(form, _HARMLESS_TEXT)
    if form != "annotations" and "::" in text:
        text = _LINE_COMMAND.sub(line, text)
    return _INNER_COMMAND.sub(inner, text)


def without_hidden(text: str, form: str = "text") -> str:
    r"""Return a report without hidden characters: written out, in JSON as an escape that stands for the same value."""
    if text.isascii():
        return text
    escape = _json_escape if form == "json" else _code_point
    while HIDDEN.search(text):  # an escape may leave a selector without its letter
        text = HIDDEN.sub(lambda match: escape(match[0]), text)
    return text


def harmless(text: str, form: str = "text") -> str:
    """Return a report in which a runner finds no command, and a reader no hidden character."""
    return without_commands(without_hidden(text, form), form)


def _code_point(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def _json_escape(char: str) -> str:
    from json import dumps  # for what is hidden alone

    return dumps(char)[1:-1]


def without_colons(text: str) -> str:
    r"""Return text that holds no `::`, for lines that are folded anywhere afterwards."""
    return without_commands(text).replace("::", r":\x3a")


def code_span(text: str, *, cell: bool = False) -> str:
    r"""Return the text as Markdown code, whatever it holds; several spaces become one.

    With *cell*, pipes are written \|, which a table's cell needs even in code. Empty text stays empty, because
    Markdown has no empty code.
    """
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
    """Return a code block that keeps every line as it is, whatever it holds."""
    body, fence = text.rstrip("\n"), "`" * 3
    while fence in body:
        fence += "`"
    return f"{fence}{language}\n{body}\n{fence}\n"


_PLAIN = re.compile(r"[^\W_]+(?:['’–-][^\W_]+)*|\d{1,3}(?:,\d{3})+|\d\d:\d\d|[–—%…→]|=")
"""A word without markup that is no address and no file name."""

_NOT_PLAIN = re.compile(r"(?=\d*[a-f])[\da-f]{7,40}|gh-\d+|www", re.IGNORECASE)
"""Words that look plain and that GitHub links: a commit's hash, a reference such as GH-12."""

_AROUND = re.compile(r"""(['"(]*)([\w./@#–’'-]*\w)(%?['"),.;:!?]*)""")
"""A word, a name or a path between marks that are harmless beside one."""

_TRAIL = re.compile(r"(?<=[\w/])[,.]+$")
"""The marks of the sentence behind an address."""


_SPAN = re.compile(r"""(?<!\S)(['"(]*)`([^`\s](?:[^`]*[^`\s])?)`(['"),.;:!?]*)(?!\S)""")
"""Code between marks that are harmless beside it."""

_QUOTATION = re.compile(r"""(?<!\S)(\(*(['"]))((?:(?!\2)[^`\s])+(?: +(?:(?!\2)[^`\s])+)+)(\2['"),.;:!?]*)(?!\S)""")
"""Several words in quotes between marks that are harmless beside them."""

ARROWS = {"->": "→"}
"""Words of our own in plain text, with their form in Markdown and HTML."""


def prose(text: str, *, cell: bool = False) -> str:
    """Return a sentence for Markdown: plain words as they are, every other word as code.

    What is between backticks is one piece of code, except in a table's cell, where a value keeps its backticks. So is
    what is between quotes, if it is not plain words.
    """
    sentence, shown, place = visible(text), list[str](), 0
    for span in () if cell else _SPAN.finditer(sentence):
        lead, code, trail = span.groups()
        shown += _words(sentence[place : span.start()], cell, first=not shown)
        shown.append(f"{lead}{code_span(code, cell=cell)}{trail}")
        place = span.end()
    return " ".join([*shown, *_words(sentence[place:], cell, first=not shown)])


def _words(text: str, cell: bool, *, first: bool) -> list[str]:
    """Return the words; a quotation of which one is no plain word is one piece of code."""
    shown, place = list[str](), 0
    for quotation in _QUOTATION.finditer(text):
        lead, _, quoted, trail = quotation.groups()
        if any(_word(word, cell, first=False) != word for word in quoted.split()):
            shown += _single(text[place : quotation.start()], cell, first=first and not shown)
            shown.append(f"{lead}{code_span(quoted, cell=cell)}{trail}")
            place = quotation.end()
    return [*shown, *_single(text[place:], cell, first=first and not shown)]


def _single(text: str, cell: bool, *, first: bool) -> list[str]:
    words = [ARROWS.get(word, word) for word in text.split(" ") if word]
    return [_word(word, cell, first=first and not place) for place, word in enumerate(words)]


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
    """Percent-encode a value for an HTML comment, except letters, digits and `:/._-`; never two hyphens."""
    from urllib.parse import quote  # for Markdown alone; the rest is there at each start

    return quote(visible(text), safe=":/._").replace("--", "-%2D").replace("~", "%7E")
