"""The expressions of workflow files, as far as ours use them: names, texts, comparisons, and, or, not, status words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_TOKEN = re.compile(r"\s*(?:(\|\||&&|==|!=|[!()])|('(?:[^']|'')*')|([A-Za-z_][\w.-]*(?:\(\))?))")
_WHOLE = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)

Status = Mapping[str, Callable[[], bool]]


def filled(text: object, contexts: Mapping[str, Any], status: Status) -> str:
    """A value of a workflow file with its expressions replaced by what they come to."""
    if isinstance(text, bool):
        return "true" if text else "false"
    return _WHOLE.sub(lambda found: shown(evaluate(found[1], contexts, status)), str(text))


def holds(condition: object, contexts: Mapping[str, Any], status: Status) -> bool:
    """Whether a step or job runs. Without a status word it runs only while all went well."""
    text = "success()" if condition is None else str(condition).removeprefix("${{").removesuffix("}}")
    said = bool(evaluate(text, contexts, status))
    return said and (any(f"{word}()" in text for word in status) or status["success"]())


def evaluate(text: str, contexts: Mapping[str, Any], status: Status) -> Any:
    tokens = _tokens(text)
    value = _either(tokens, contexts, status)
    assert not tokens, f"{text!r}: {tokens} is left over"
    return value


def shown(value: Any) -> str:
    return "" if value is None else {True: "true", False: "false"}.get(value, str(value))


def _tokens(text: str) -> list[str]:
    tokens, place = [], 0
    while text[place:].strip():
        found = _TOKEN.match(text, place)
        assert found, f"{text!r} has more in it than these tests understand"
        tokens.append(found[0].strip())
        place = found.end()
    return tokens


def _either(tokens: list[str], contexts: Mapping[str, Any], status: Status) -> Any:
    value = _both(tokens, contexts, status)
    while tokens[:1] == ["||"]:
        tokens.pop(0)
        other = _both(tokens, contexts, status)
        value = value or other
    return value


def _both(tokens: list[str], contexts: Mapping[str, Any], status: Status) -> Any:
    value = _compared(tokens, contexts, status)
    while tokens[:1] == ["&&"]:
        tokens.pop(0)
        other = _compared(tokens, contexts, status)
        value = value and other
    return value


def _compared(tokens: list[str], contexts: Mapping[str, Any], status: Status) -> Any:
    value = _single(tokens, contexts, status)
    while tokens[:1] in (["=="], ["!="]):
        sign, other = tokens.pop(0), _single(tokens, contexts, status)
        value = (shown(value).lower() == shown(other).lower()) is (sign == "==")
    return value


def _single(tokens: list[str], contexts: Mapping[str, Any], status: Status) -> Any:
    token = tokens.pop(0)
    if token == "!":
        return not _single(tokens, contexts, status)
    if token == "(":
        value = _either(tokens, contexts, status)
        assert tokens.pop(0) == ")"
        return value
    if token.startswith("'"):
        return token[1:-1].replace("''", "'")
    if token.endswith("()"):
        return status[token[:-2]]()
    value: Any = contexts
    for name in token.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
