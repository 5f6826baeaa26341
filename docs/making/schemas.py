"""One page for each schema: every key with what it takes, its default, its meaning and an example."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from docs.making.pages import item, page, prose

Schema = Mapping[str, Any]
_TYPES = {"integer": "whole number", "array": "list", "object": "keys", "boolean": "true or false", "string": "text"}


def schema_page(title: str, schema: Schema, *more: str) -> str:
    """The keys in the schema's order; below a key whatever is inside it, by its whole path."""
    needed = schema.get("required", [])
    parts = [prose(schema["description"])] if "description" in schema else []
    if needed:
        parts.append(prose(f"Required: {', '.join(f'`{name}`' for name in needed)}."))
    for name, inside in schema.get("properties", {}).items():
        parts.append(f"## `{name}`")
        whole = _whole(inside, schema)
        parts.append("\n\n".join(filter(None, [prose(str(whole.get("description", ""))), _facts(whole)])))
        parts.append("\n".join(_rows(name, whole, schema, ())))
    return page(title, *more, *parts)


def _rows(path: str, value: Schema, schema: Schema, seen: tuple[int, ...]) -> Iterator[str]:
    """Everything below a key. What contains itself is told once."""
    for name, inside in _below(value):
        whole = _whole(inside, schema)
        mark = id(inside.get("$ref", inside)) if "$ref" not in inside else hash(inside["$ref"])
        deeper = f"{path}{name}"
        required = name.lstrip(".") in value.get("required", ())
        yield item(deeper, " ".join(filter(None, [str(whole.get("description", "")), _facts(whole, required)])) or "–")
        if mark not in seen:
            yield from _rows(deeper, whole, schema, (*seen, mark))


def _below(value: Schema) -> Iterator[tuple[str, Schema]]:
    for name, inside in value.get("properties", {}).items():
        yield f".{name}", inside
    others = value.get("additionalProperties")
    if isinstance(others, Mapping):
        yield ".NAME", others
    items = value.get("items")
    if isinstance(items, Mapping):
        yield "[]", items
    for one in value.get("anyOf", ()):
        if isinstance(one, Mapping):
            yield from _below(one)


def _whole(value: Schema, schema: Schema) -> dict[str, Any]:
    """A value with what it refers to put in; what stands beside the reference wins."""
    if "$ref" not in value:
        return dict(value)
    referred = schema["$defs"][value["$ref"].rpartition("/")[2]]
    return {**_whole(referred, schema), **{name: one for name, one in value.items() if name != "$ref"}}


def _facts(value: Schema, required: bool = False) -> str:
    facts = ["required"] if required else []
    facts += list(filter(None, [_takes(value)]))
    if "default" in value:
        facts.append(f"default `{_shown(value['default'])}`")
    if value.get("examples"):
        facts.append(f"such as `{_shown(value['examples'][0])}`")
    text = "; ".join(facts)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _takes(value: Schema) -> str:
    if "const" in value:
        return f"always `{_shown(value['const'])}`"
    if "enum" in value:
        return "one of " + ", ".join(f"`{_shown(one)}`" for one in value["enum"])
    if "x-form" in value:
        return str(value["x-form"])
    kinds = value.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds == ["object"]:
        return ""
    bounds = [f"from {value['minimum']}"] if "minimum" in value else []
    bounds += [f"to {value['maximum']}"] if "maximum" in value else []
    return " ".join([" or ".join(_TYPES.get(kind, kind) for kind in kinds), *bounds]).strip()
