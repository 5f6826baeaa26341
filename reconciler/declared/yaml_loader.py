"""Loads a YAML file into values with line numbers; refuses what two YAML readers could read differently.

Built on the parser's events, because a loader resolves aliases and guesses types before they can be refused.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from reconciler.declared.characters import character_faults, character_name, conflict_fault
from reconciler.declared.folder import SIZE_CAP
from reconciler.model.structs import Struct, field
from reconciler.problems import Problem, Source
from reconciler.text import HIDDEN, quoted, shown

try:
    from yaml.cyaml import CSafeLoader as Parser  # used for its events only
except ImportError:  # PyYAML without libyaml: the same events, about fifteen times slower
    from yaml import SafeLoader as Parser  # type: ignore[assignment]  # no common type, the same events

DEPTH_CAP = 20


class Fields(dict[str, "Value"]):
    """Mapping with the line of each of its keys."""

    __slots__ = ("lines",)

    def __init__(self) -> None:
        self.lines: dict[str, int] = {}


class Items(list["Value"]):
    """List with the line on which each of its items starts."""

    __slots__ = ("lines",)

    def __init__(self) -> None:
        self.lines: list[int] = []


class Refused(str):
    """Placeholder for a refused value, whose problem is already reported, so that later checks skip it."""

    __slots__ = ()


_OTHER_WORDS = {
    "": "null",
    "~": "null",
    "null": "null",
    "true": "a truth value",
    "false": "a truth value",
    "=": "a default value",
    "<<": "a merge key",
}


class Ambiguous(str):
    """Plain text that editors or common checkers take for a number, a truth value, null or a sign of YAML."""

    __slots__ = ()

    @property
    def other_type(self) -> str:
        """Type that other readers of YAML see."""
        return _OTHER_WORDS.get(self.lower(), "a number")


Value: TypeAlias = str | int | bool | Fields | Items | None


class Document(Struct):
    """Content of one file. `value` is None if the file could not be read to its end."""

    file: str
    value: Value = None
    problems: list[Problem] = field(default_factory=list)
    has_ambiguous: bool = False

    def problem(self, line: int, what: str, fix: str) -> None:
        self.problems.append(Problem(what, fix, Source(self.file, line)))


class Unreadable(Exception):
    """Raised to stop reading a file; problems before this one are kept."""

    def __init__(self, line: int, what: str, fix: str) -> None:
        super().__init__(what)
        self.line, self.what, self.fix = line, what, fix

    def document(self, file: str) -> Document:
        """Return the document of a file of which nothing can be read."""
        return Document(file, problems=[Problem(self.what, self.fix, Source(file, self.line))])


def load(path: Path, file: str) -> Document:
    """Read the file at *path*, named *file* in messages; every failure becomes a problem of the document."""
    try:
        return load_text(read_text(path), file)
    except Unreadable as stop:
        return stop.document(file)


def load_text(text: str, file: str) -> Document:
    document, tabs = Document(file), _tabs(text)
    conflict = conflict_fault(text)
    if faults := [conflict] if conflict else [*character_faults(text)]:
        for fault in faults:
            document.problem(*fault)
        return document
    try:
        document.value = _Builder(document, text).whole()
    except Unreadable as stop:
        document.problem(stop.line, stop.what, stop.fix)
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # the last two: wrong escapes in the slow parser
        line, what, fix = _explain(error, text)
        if line not in tabs:  # the parser's complaint about a tab does not help
            document.problem(line, what, fix)
    if tabs:
        more = f" ({len(tabs) - 1} more below)" if len(tabs) > 1 else ""
        fix = "Use spaces, and set your editor to write spaces for tabs."
        document.problem(tabs[0], f"this line contains a tab{more}", fix)
    return document


def _tabs(text: str) -> list[int]:
    """Return the lines with a tab. YAML allows some of them, and readers disagree on which."""
    return [number for number, line in enumerate(text.split("\n"), 1) if "\t" in line] if "\t" in text else []


# ------------------------------------------------------------------ bytes to text


def read_text(path: Path) -> str:
    """Return the text of a file. Raises Unreadable if it is too large, or not text."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable(0, "this is not a file", "Put a YAML file in its place.")
        size = min(status.st_size, SIZE_CAP)
        with path.open("rb") as handle:
            raw = handle.read(size + 1)  # room for SIZE_CAP would take longer to make than the file to read
            if len(raw) > size:
                raw += handle.read(SIZE_CAP - size)
    except FileNotFoundError:
        fix = "Create it with `reconciler import`, from what OneFile holds, or with `reconciler init`, as an example."
        raise Unreadable(0, "there is no such file", fix) from None
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise Unreadable(0, f"the file cannot be read: {reason}", "Check that it exists and may be read.") from None
    if len(raw) > SIZE_CAP:
        cap = f"{SIZE_CAP // 1_000_000} MB"
        raise Unreadable(0, f"the file is larger than {cap}", f"Split it: no file may have more than {cap}.")
    return _decoded(raw)


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise Unreadable(line, "the file is not UTF-8 from this line on", "Save it with the encoding UTF-8.") from None


# ------------------------------------------------------------------ events to values

_WORDS: dict[str, str | int | bool | None] = {"null": None, "true": True, "false": False}
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]*)")
_LONGEST_NUMBER = 18  # digits; every id is far smaller, and conversion stays cheap
_SURROGATE = re.compile("[\ud800-\udfff]")
_DECIMALS = {
    "share": re.compile(r"[01]|0\.[0-9]{1,18}|1\.0{1,18}"),
    "hours": re.compile(r"[1-9][0-9]?\.[0-9]{1,18}|100\.0{1,18}"),
}
"""Keys with numbers that are the same for every reader, and kept as text here."""
_OTHER_TYPE = re.compile(  # of YAML 1.2's core schema, with the forms of 1.1 that check-jsonschema reads
    r"~|Null|NULL|True|TRUE|False|FALSE|=|<<"
    r"|[-+]?(?:0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+)|[-+][0-9_]+|[0-9][0-9_]*"
    r"|[-+]?(?:\.[0-9_]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)

_Event: TypeAlias = Any  # each kind of event has attributes of its own, and the base class has none


class _Builder:
    """Builds the value of one document, and adds a problem to it for each fault."""

    def __init__(self, document: Document, text: str) -> None:
        self._document = document
        self._problem = document.problem
        self._next: Callable[[], _Event] = Parser(text).get_event
        self._known = dict(_WORDS)
        """Values of plain words, with those met before: every learner has the same few."""
        self._keys: dict[str, str] = {"<<": "<<"}
        """Plain keys met before, which are the same few too."""

    def whole(self) -> Value:
        self._next()  # the stream's start
        if type(self._next()) is not DocumentStartEvent:
            raise Unreadable(0, "the file is empty", "Write it as shown in the documentation, or remove it.")
        value = self._node(self._next(), 0)
        self._next()  # the document's end
        after = self._next()
        line = after.start_mark.line + 1
        if type(after) is not StreamEndEvent:
            raise Unreadable(line, "a second document starts here", "Remove the '---', or move it to its own file.")
        return value

    def _node(self, event: _Event, depth: int) -> Value:
        if type(event) is ScalarEvent:
            return self._scalar(event)
        line = event.start_mark.line + 1
        if type(event) is AliasEvent:
            self._problem(line, f"an alias (*{shown(str(event.anchor))}) is not allowed", "Write the value out.")
            return Refused()
        if event.anchor is not None or event.tag is not None:
            self._decorated(event)
        if depth == DEPTH_CAP:
            raise Unreadable(line, f"values are nested more than {DEPTH_CAP} deep", "Flatten them: no file needs that.")
        return self._mapping(depth + 1) if type(event) is MappingStartEvent else self._sequence(depth + 1)

    def _mapping(self, depth: int) -> Fields:
        fields = Fields()
        lines, following, known = fields.lines, self._next, self._known
        event = following()
        while type(event) is not MappingEndEvent:
            plain = type(event) is ScalarEvent and not event.style and event.anchor is None and event.tag is None
            key, line = event.value if plain else self._key(event), event.start_mark.line + 1
            if not event.style:
                key = self._keys.get(key) or self._plain_key(key, line)
            inner = following()
            if type(inner) is not ScalarEvent:
                value = self._node(inner, depth)
            elif inner.style or inner.anchor is not None or inner.tag is not None or inner.value not in known:
                value = self._scalar(inner, key)
            else:  # the usual case
                value = known[inner.value]
            if key in fields:
                what = f"the key {quoted(key)} is given twice; first on line {lines[key]}"
                self._problem(line, what, "Remove one of the two.")
            elif key == "<<" and not event.style:
                self._problem(line, "a merge key (<<) is not allowed", "Write the keys out.")
            else:
                fields[key] = value
                lines[key] = line
            event = following()
        return fields

    def _key(self, event: _Event) -> str:
        if type(event) is not ScalarEvent:
            raise Unreadable(
                event.start_mark.line + 1,
                "a key must be one word, not a list, a mapping or an alias",
                "Put a value that starts with a bracket or brace in quotes.",
            )
        if event.anchor is not None or event.tag is not None:
            self._decorated(event)
        return self._clean(event) if event.style else event.value

    def _plain_key(self, key: str, line: int) -> str:
        """Refuse a key that other readers take for another type, because two of them may be equal there."""
        if _WHOLE.fullmatch(key) and key != "-0":
            if isinstance(self._number(key, line), Refused):
                return Refused(key)
        elif not key or key in _WORDS or _OTHER_TYPE.fullmatch(key):
            what = f"the key {quoted(key)} is {Ambiguous(key).other_type} for other readers of YAML, and text here"
            self._problem(line, what, f'Put it in quotes: "{shown(key)}".')
            return Refused(key)
        return self._keys.setdefault(key, key)

    def _sequence(self, depth: int) -> Items:
        items = Items()
        lines, following, node = items.lines, self._next, self._node
        event = following()
        while type(event) is not SequenceEndEvent:
            items.append(node(event, depth))
            lines.append(event.start_mark.line + 1)
            event = following()
        return items

    def _scalar(self, event: _Event, key: str = "") -> Value:
        if event.anchor is not None or event.tag is not None:
            self._decorated(event)
            if event.tag is not None:
                return Refused()
        text: str = event.value
        if event.style:  # quoted, or a block of text
            return self._clean(event)
        if not text:
            fix = "Write the value. Write null if nobody is meant, or remove the key."
            self._problem(event.start_mark.line + 1, f"{quoted(key) if key else 'this item'} has no value", fix)
            return Refused()
        if key in _DECIMALS and _DECIMALS[key].fullmatch(text):
            return self._number(text, event.start_mark.line + 1) if _WHOLE.fullmatch(text) else text
        if text not in self._known:
            if _WHOLE.fullmatch(text):
                return self._number(text, event.start_mark.line + 1)
            if _OTHER_TYPE.fullmatch(text):
                self._document.has_ambiguous = True
                return Ambiguous(text)
            self._known[text] = text
        return self._known[text]

    def _number(self, text: str, line: int) -> int | Refused:
        if len(text.lstrip("-")) <= _LONGEST_NUMBER:
            return int(text)
        what = f"a whole number has more than {_LONGEST_NUMBER} digits"
        self._problem(line, what, "Put it in quotes if it is text; no id is that long.")
        return Refused()

    def _clean(self, event: _Event) -> str:
        """Refuse what only an escape can name: an invisible character, or half a surrogate pair (slow parser only)."""
        text: str = event.value
        if event.style != '"':
            return text
        line = event.start_mark.line + 1
        if _SURROGATE.search(text):
            self._problem(line, "an escape names half a character", "Write the character itself.")
            return Refused()
        if match := HIDDEN.search(text):
            what = f"an escape names the invisible character {character_name(match[0])}"
            self._problem(line, what, "Remove it.")
            return Refused()
        return text

    def _decorated(self, event: _Event) -> None:
        line = event.start_mark.line + 1
        if event.anchor is not None:
            what = f"an anchor (&{shown(event.anchor)}) is not allowed"
            self._problem(line, what, "Remove it, and write the value out where it is used.")
        if event.tag is not None:
            self._problem(line, "a tag (!) is not allowed", "Remove it; put a text that starts with ! in quotes.")


# ------------------------------------------------------------------ messages for the parser's errors

_AT_THE_START = ("could not find expected ':'", "found unexpected end of stream")  # noticed only further down
_COMPLAINTS: tuple[tuple[str, str, str], ...] = (
    (
        "mapping values are not allowed",
        "a colon is in the wrong place",
        "Check the indentation of this line and of the line above; put a text that contains ': ' in quotes.",
    ),
    (
        "could not find expected ':'",
        "a key without its colon",
        "Write 'key: value' with a colon and a space, and indent the line as its neighbours are.",
    ),
    (
        "did not find expected ',' or",
        "an opening bracket or brace is not closed",
        "Put a comma between entries and close every bracket or brace.",
    ),
    (
        "found unexpected end of stream",
        "a quote is opened here and never closed",
        "Close it; two apostrophes stand for one inside single quotes.",
    ),
    (
        "did not find expected '-'",
        "this line does not fit the list above it",
        "Start each item with '- ' and indent all items of a list alike.",
    ),
    (
        "block sequence entries are not allowed",
        "a list item ('- ') cannot be on this line",
        "Put the list on the lines below its key, each item starting with '- '.",
    ),
    (
        "cannot start any token",
        "a value cannot start with this character",
        "Put the whole value in quotes.",
    ),
    (
        "while scanning an a",  # an alias or an anchor
        "a value cannot start with * or &",
        "Put the whole value in quotes.",
    ),
    ("escape", "an escape (\\) inside double quotes is not known", "Use single quotes, in which \\ has no meaning."),
    (
        "hexadecimal",
        "an escape (\\) inside double quotes is not whole",
        "Use single quotes, in which \\ has no meaning.",
    ),
    ("tag", "a tag (!) is not allowed", "Put a text that starts with ! in quotes."),
    ("directive", "a line starting with % is not allowed", "Remove it, or put the text in quotes."),
    ("block scalar", "a block of text does not start correctly", "Put the text in quotes on one line."),
    (
        "did not find expected key",
        "this line does not fit the lines above it",
        "Indent it as its neighbours are; look above for a quote or bracket that is not closed.",
    ),
)
_NOT_YAML = "this is not valid YAML"
_LOOK_AROUND = "Check the indentation, quotes and brackets on this line and on the line above."
# compiled only when needed: that takes as long as reading a file
_NOT_PRINTABLE = "[^\x09\x0a\x0d\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"


def _explain(error: Exception, text: str) -> tuple[int, str, str]:
    """Return the line, what is wrong and the fix for a text that is not YAML."""
    if not isinstance(error, yaml.MarkedYAMLError):
        match = re.search(_NOT_PRINTABLE, text)
        line = text.count("\n", 0, match.start()) + 1 if match else 0
        code = f" (U+{ord(match[0]):04X})" if match else ""
        return line, f"the file contains a character that YAML does not allow{code}", "Remove the invisible character."
    complaint = f"{error.context or ''} {error.problem or ''}"
    noticed, begun = error.problem_mark or error.context_mark, error.context_mark or error.problem_mark
    if noticed is None or begun is None:
        return 0, _NOT_YAML, _LOOK_AROUND
    if any(part in complaint for part in _AT_THE_START):
        noticed = begun
    since = f" (see line {begun.line + 1})" if begun.line != noticed.line else ""
    for part, what, fix in _COMPLAINTS:
        if part in complaint:
            return noticed.line + 1, f"{what}{since}", fix
    return noticed.line + 1, f"{_NOT_YAML}{since}", _LOOK_AROUND
