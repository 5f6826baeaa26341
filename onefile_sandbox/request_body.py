"""Parser of request bodies, JSON or form: returns the fields that an endpoint knows and refuses others."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Literal
from urllib.parse import parse_qsl

Kind = Literal["id", "whole", "text", "time", "code"]
"""A code is a whole number or text, as clients send it."""
Fields = dict[str, "int | str"]

_FORM = "application/x-www-form-urlencoded"
_DIGITS = re.compile(r"[0-9]{1,18}")


class Refused(Exception):
    """A refusal by the API, with its status and message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def read_fields(
    body: bytes, content_type: str, known: Mapping[str, Kind], unknown_keys: Literal["refused", "ignored"] = "refused"
) -> Fields:
    """Return the body's fields under their canonical names, regardless of key case.

    A mistake in a client shows at once: a key given twice, a number in place of text, and an unknown key unless it is
    ignored. A number may be sent as text, as one client in use does.
    """
    if not body.strip():
        return {}
    is_form = content_type.partition(";")[0].strip().lower() == _FORM
    pairs = _form_pairs(body) if is_form else _json_pairs(body)
    names = {name.lower(): name for name in known}
    fields: Fields = {}
    for key, value in pairs:
        name = names.get(key.lower())
        if name is None and unknown_keys == "ignored":
            continue
        if name is None:
            raise Refused(400, f"{key} is not known here")
        if name in fields:
            raise Refused(400, f"{name} is given twice")
        fields[name] = _checked(name, value, known[name])
    return fields


def _form_pairs(body: bytes) -> list[tuple[str, object]]:
    try:
        text = body.decode("ascii")
        return list(parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=100))
    except ValueError:
        raise Refused(400, "The body is not a form") from None


def _json_pairs(body: bytes) -> list[tuple[str, object]]:
    def pairs_of_outermost(pairs: list[tuple[str, object]]) -> object:
        return _Pairs(pairs)

    try:
        value = json.loads(body, object_pairs_hook=pairs_of_outermost)
    except (ValueError, RecursionError):
        raise Refused(400, "The body is not JSON") from None
    if not isinstance(value, _Pairs):
        raise Refused(400, "The body is not a JSON object")
    return value


class _Pairs(list[tuple[str, object]]):
    """A JSON object as sent, keys given twice included."""


def _checked(name: str, value: object, kind: Kind) -> int | str:
    if kind in ("id", "whole"):
        return _number(name, value, kind)
    if kind == "code" and isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise Refused(400, f"{name} must be text")
    if kind == "time":
        _check_time(name, value)
    return value


def _number(name: str, value: object, kind: Kind) -> int:
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < (1 if kind == "id" else 0):
        raise Refused(400, f"{name} must be {'an id, a whole number above 0' if kind == 'id' else 'a whole number'}")
    return value


def _check_time(name: str, value: str) -> None:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        raise Refused(400, f"{name} must be an ISO 8601 time") from None
