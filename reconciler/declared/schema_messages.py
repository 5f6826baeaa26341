"""Schema errors in plain words: where, what is wrong, and what to write instead."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias

from reconciler.declared.characters import character_name
from reconciler.declared.yaml_loader import Document, Fields, Items, Refused, Value
from reconciler.model.structs import Struct
from reconciler.problems import MOST_OF_A_FILE, Problem, Source
from reconciler.text import did_you_mean, listed, nearest, quoted, shown, slug

Path: TypeAlias = tuple[str | int, ...]
"""Keys and list positions from the file's outermost value inwards."""


class Fault(Struct, frozen=True):
    """Keyword of the schema that a value breaks. `of_key`: the value is itself a key at `path`."""

    path: Path
    keyword: str
    expected: Any  # the keyword's value in the schema, and the value that breaks it: any JSON
    value: Any
    schema: Mapping[str, Any]
    of_key: bool


def explain(fault: Fault, document: Document, schema: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the problems of one fault; *schema* is the whole one, to which the fault's own part refers."""
    if isinstance(fault.value, Refused):
        return
    names = _names(fault.path, document.value)
    match fault.keyword:
        case _ if fault.of_key:
            key = str(fault.value)
            what = f"{quoted(key)} is not {_form(fault)}{_foreign_letters(key)}"
            yield Problem(what, _fix(fault), source_of(document, (*fault.path, key)))
        case "additionalProperties":
            for key, fix in _unknown_keys(fault):
                what = ": ".join([*names, f"unknown key {quoted(key)}"])
                yield Problem(what, fix, source_of(document, (*fault.path, key)))
        case "required":
            for key in [key for key in fault.expected if key not in fault.value]:
                fix = f"Add {key}. {_advice(_property(fault, key, schema))}"
                yield Problem(_with_names(names, f"lacks {key}"), fix, source_of(document, fault.path))
        case _:
            yield Problem(_with_names(names, _sentence(fault)), _fix(fault), source_of(document, fault.path))


# ------------------------------------------------------------------ where


def at(value: Value, step: str | int) -> Value:
    if isinstance(value, Fields) and isinstance(step, str):
        return value.get(step)
    return value[step] if isinstance(value, Items) and isinstance(step, int) else None


def source_of(document: Document, path: Path) -> Source:
    """Return the line of the deepest step that has one; the first line for the file's outermost value."""
    line, value = 1, document.value
    for step in path:
        if isinstance(value, Fields) and isinstance(step, str):
            line = value.lines.get(step, line)
        elif isinstance(value, Items) and isinstance(step, int):
            line = value.lines[step]
        value = at(value, step)
    return Source(document.file, line)


def _names(path: Path, value: Value) -> list[str]:
    """Name the place for a reader: `learner 200004`, then the keys below; positions only without a better name."""
    names: list[str] = []
    for depth, step in enumerate(path):
        value = at(value, step)
        if isinstance(step, str):
            names.append(shown(step))
        elif depth == 1 and path[0] in ("learners", "waivers"):
            names = [_entry_name(str(path[0]).removesuffix("s"), step, value)]
        elif depth == len(path) - 1:
            names.append(f"entry {step + 1}")
    return [f"staff {names[1]}", *names[2:]] if len(names) > 1 and path[0] == "staff" else names


def _entry_name(noun: str, position: int, value: Value) -> str:
    if noun == "learner" and isinstance(value, Fields):
        for key in ("id", "misid"):
            name = value.get(key)
            if isinstance(name, str | int) and not isinstance(name, Refused | bool):
                return f"learner {shown(str(name))}"
    return f"{noun} {position + 1} of the list"


def _with_names(names: Sequence[str], sentence: str) -> str:
    *around, name = names or ["the file"]
    return ": ".join([*around, f"{name} {sentence}"])


# ------------------------------------------------------------------ what is wrong


def _sentence(fault: Fault) -> str:
    """Return the words that follow the name of the field; keywords of keys and mappings are in `explain`."""
    value, expected = fault.value, fault.expected
    match fault.keyword:
        case "type" if "x-form" in fault.schema:
            return f"must be {_form(fault)}, but is {_seen(value, fault.schema)}"
        case "type":
            return f"must be {_types(expected)}, but is {_seen(value)}"
        case "pattern":
            foreign = _foreign_letters(value) if _is_name(fault.schema) else ""
            return f"must be {_form(fault)}, but is {_seen(value, fault.schema)}{foreign}"
        case "enum":
            return f"must be {listed(expected, 'or')}, but is {_seen(value)}"
        case "const":
            return f"must be {expected}, but is {_seen(value)}"
        case "minimum":
            return f"must be at least {expected}, but is {value}"
        case "maximum":
            return f"must be at most {expected}, but is {value}"
        case "maxLength":
            return f"has {len(value)} characters; at most {expected} are allowed"
        case "minLength" | "minProperties":
            return "is empty"
        case "oneOf" | "anyOf":
            return _choice(fault)
        case "ambiguous":
            return f"{quoted(value)} is {value.other_type} for other readers of YAML, and text here"
    return f"does not match the schema ({fault.keyword})"


def _choice(fault: Fault) -> str:
    keys = _alternatives(fault)
    given = [key for key in keys if key in fault.value]
    return f"has {listed(given, 'and')}" if given else f"lacks {listed(keys, 'or')}"


def _alternatives(fault: Fault) -> list[str]:
    return [key for branch in fault.expected for key in branch["required"]]


def _unknown_keys(fault: Fault) -> Iterator[tuple[str, str]]:
    names = list(fault.schema.get("properties", {}))
    unknown = [key for key in fault.value if key not in names and not isinstance(key, Refused)]
    for number, key in enumerate(unknown):
        if number >= MOST_OF_A_FILE:  # these are only counted
            yield key, ""
        else:
            yield key, did_you_mean(key, names, f"Use one of these keys: {listed(names, 'and')}.")


_TYPES = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "null": "null",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping (key: value)",
}


def _types(names: str | Sequence[str]) -> str:
    return listed([_TYPES[name] for name in ([names] if isinstance(names, str) else names)], "or")


def _form(fault: Fault) -> str:
    return str(fault.schema.get("x-form", "of the form that the schema has"))


def _seen(value: object, schema: Mapping[str, Any] = MappingProxyType({})) -> str:
    """Describe a value; where a schema says that people may put a secret by mistake, without the value itself."""
    if "x-hidden" in schema and isinstance(value, str | int):
        return "a value that is not shown, because it may be a secret"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text {quoted(value)}"
    return "a list" if isinstance(value, list) else "a mapping"


# ------------------------------------------------------------------ what to write instead

_GUESSED_WORDS = frozenset(["no", "yes", "on", "off", "y", "n", "true", "false"])
_DIGITS_APART = re.compile(r"[+-]?[0-9][0-9_, ]*")
_EXPONENT = re.compile(r"[+-]?[0-9.]+[eE][+-]?[0-9]+")
_OTHER_BASE = re.compile(r"0[xob][0-9A-Fa-f]+")
_CLOCK = re.compile(r"[0-9]+(:[0-9]{2})+")


def _fix(fault: Fault) -> str:
    """Return the likeliest fix first, then the field's own advice."""
    hint = _hint(fault)
    if fault.keyword in ("oneOf", "anyOf", "ambiguous"):
        return hint
    return f"{hint} {_advice(fault.schema)}" if hint else _advice(fault.schema)


def _hint(fault: Fault) -> str:
    value = fault.value
    match fault.keyword:
        case "oneOf":
            return f"Give exactly one of {listed(_alternatives(fault), 'and')}."
        case "anyOf":
            return f"Give at least one of {listed(_alternatives(fault), 'and')}."
        case "ambiguous":
            return f'Put it in quotes: "{shown(value)}".'
        case "enum" if isinstance(value, str):
            return "Write true, without quotes." if fault.expected == [True] else nearest(value, fault.expected)
        case "pattern":
            return _as_type(value, fault.schema) or _as_handle(value, fault.schema)
        case "type" | "enum" | "const" if value is None:
            return "Give it a value or remove the key."
        case "type" if isinstance(value, str) and "string" in fault.schema.get("items", {}).get("type", ()):
            return f"Put it in brackets: [{shown(value)}]."
        case "type" | "const" if isinstance(value, str):
            return _as_type(value, fault.schema)
        case "type" if isinstance(value, int):
            return _in_quotes(value, fault.schema)
        case "type" if isinstance(value, dict) and "array" in fault.expected:
            return "Start each entry with '- '."
        case "type" if "object" in fault.expected:
            return "Write keys with their values, such as 'version: 1'." if not fault.path else ""
    return ""


def _as_handle(text: str, schema: Mapping[str, Any]) -> str:
    """Suggest kate-anderson for `Kate Anderson`, if the schema requires a name of small letters."""
    name = slug(unicodedata.normalize("NFKC", text).translate(_LOOK_ALIKES))
    return f"Did you mean {name}?" if _is_name(schema) and re.search(str(schema["pattern"]), name) else ""


def _is_name(schema: Mapping[str, Any]) -> bool:
    """Return True for the schema of a handle or a cohort's name."""
    return "[a-z0-9-]*$" in str(schema.get("pattern", ""))


_LOOK_ALIKES = str.maketrans("аеорсухіјѕԁһкмтвнԛԝɡαεικνορτυχ‐‑‒–—−", "aeopcyxijsdhkmtbhqwgaeiknoptux------")
"""Letters of other alphabets, and dashes, that look like those of a handle."""


def _foreign_letters(text: str) -> str:
    """Name the letters of other alphabets in a text, which may look like those that are allowed."""
    letters = list(dict.fromkeys(char for char in text[:100] if ord(char) > 0x7E and char.isprintable()))
    names = listed((f"{char} is {character_name(char)}" for char in letters[:3]), "and") if letters else ""
    return f", in which {names}" if names else ""


def _in_quotes(value: int, schema: Mapping[str, Any]) -> str:
    text = str(value).lower()
    pattern = schema.get("pattern")
    return f'Put it in quotes: "{text}".' if pattern and re.search(pattern, text) else ""


def _as_type(text: str, schema: Mapping[str, Any]) -> str:
    """Return the fix for text that some YAML readers take for another type."""
    types = ["integer"] if "const" in schema else schema.get("type", [])
    if "null" in types and text.lower() in ("~", "null"):
        return f"Write null: {quoted(text)} is text here."
    if "boolean" in types and text.lower() in _GUESSED_WORDS:
        return f"Write true or false, without quotes: {quoted(text)} is text here."
    if "integer" not in types:
        return ""
    return next((f"{fix}: {quoted(text)} is text here." for form, fix in _numbers(text) if form), "")


def _numbers(text: str) -> Iterator[tuple[object, str]]:
    digits = re.sub("[^0-9]", "", text).lstrip("0") or "0"
    yield text.lower() in _GUESSED_WORDS, "Write a number"
    yield _DIGITS_APART.fullmatch(text), f"Use {digits}, without quotes"
    yield _OTHER_BASE.fullmatch(text), "Write the number in plain decimal digits"
    yield _EXPONENT.fullmatch(text), "Write the number in plain decimal digits"
    yield _CLOCK.fullmatch(text), "Write a number, not a time"


def _advice(schema: Mapping[str, Any]) -> str:
    return str(schema.get("description", "Compare with the example in the documentation."))


def _property(fault: Fault, key: str, schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema of one key, following a reference."""
    part: Mapping[str, Any] = fault.schema.get("properties", {}).get(key, {})
    name = str(part.get("$ref", "")).removeprefix("#/$defs/")
    return schema["$defs"][name] if name else part
