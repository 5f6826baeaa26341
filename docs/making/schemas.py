"""One reference page per schema: each key with its type, default, meaning and an example."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from docs.making.pages import item, page, prose

Schema = Mapping[str, Any]
_TYPES = {"integer": "whole number", "array": "list", "object": "keys", "boolean": "true or false", "string": "text"}


def schema_page(title: str, schema: Schema, example: str = "") -> str:
    """Format a schema as a page: the keys in the schema's order, each with the paths inside it.

    Definitions that several keys share come last.
    """
    shared = _shared(schema)
    parts = [prose(schema["description"])] if "description" in schema else []
    if needed := schema.get("required", []):
        parts.append(prose(f"Required: {', '.join(f'`{name}`' for name in needed)}."))
    parts.append(example)
    for name, value in schema.get("properties", {}).items():
        parts += [f"## `{name}`", *_section(name, value, schema, shared)]
    for name, heading in shared.items():
        parts += [f"## {heading}", *_section("", schema["$defs"][name], schema, shared)]
    return page(title, *parts)


def _section(path: str, value: Schema, schema: Schema, shared: Mapping[str, str]) -> Iterator[str]:
    whole = _whole(value, schema)
    yield prose(str(whole.get("description", "")))
    yield " ".join(filter(None, [_facts(whole), _see(value, shared)]))
    if not _see(value, shared):
        yield "\n".join(_rows(path, whole, schema, shared))


def _rows(path: str, value: Schema, schema: Schema, shared: Mapping[str, str]) -> Iterator[str]:
    """Yield a list entry for each path below a key."""
    for name, inside in _below(value):
        whole = _whole(inside, schema)
        required = name.lstrip(".") in value.get("required", ())
        see = _see(inside, shared)
        facts = "" if see and not required else _facts(whole, required)
        texts = [str(whole.get("description", "")), facts]
        yield item(f"{path}{name}", " ".join(filter(None, texts)) or ("" if see else "–")) + (f" {see}" if see else "")
        if not see:
            yield from _rows(f"{path}{name}", whole, schema, shared)


def _below(value: Schema) -> Iterator[tuple[str, Schema]]:
    for name, inside in value.get("properties", {}).items():
        yield f".{name}", inside
    additional = value.get("additionalProperties")
    if isinstance(additional, Mapping):
        yield ".NAME", additional
    items = value.get("items")
    if isinstance(items, Mapping):
        yield "[]", items
    for option in value.get("anyOf", ()):
        if isinstance(option, Mapping):
            yield from _below(option)


def _shared(schema: Schema) -> dict[str, str]:
    """Return the definitions that several keys refer to and that have keys inside, each with its heading."""
    used = Counter(re.findall(r'"\$ref": "#/\$defs/(\w+)"', json.dumps(schema)))
    definitions = schema.get("$defs", {})
    return {
        name: str(value.get("title") or name.replace("_", " ").capitalize())
        for name, value in definitions.items()
        if used[name] > 1 and any(_below(value))
    }


def _see(value: Schema, shared: Mapping[str, str]) -> str:
    heading = shared.get(value.get("$ref", "").rpartition("/")[2])
    return f"Inside: [{heading}](#{heading.lower().replace(' ', '-')})." if heading else ""


def _whole(value: Schema, schema: Schema) -> dict[str, Any]:
    """Resolve the reference of a value; keys next to the reference override it."""
    if "$ref" not in value:
        return dict(value)
    referred = schema["$defs"][value["$ref"].rpartition("/")[2]]
    return {**_whole(referred, schema), **{name: own for name, own in value.items() if name != "$ref"}}


def _facts(value: Schema, required: bool = False) -> str:
    facts = ["required"] if required else []
    facts += list(filter(None, [_takes(value)]))
    if "default" in value:
        facts.append(f"default `{_shown(value['default'])}`")
    if value.get("examples") and (example := _shown(value["examples"][0])) not in _takes(value):
        facts.append(f"such as `{example}`")
    text = "; ".join(facts)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _takes(value: Schema) -> str:
    if "const" in value:
        return f"always `{_shown(value['const'])}`"
    if "enum" in value:
        return "one of " + ", ".join(f"`{_shown(choice)}`" for choice in value["enum"])
    if "x-form" in value:
        return str(value["x-form"])
    kinds = value.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds == ["object"]:
        return ""
    bounds = [f"from {value['minimum']}"] if "minimum" in value else []
    bounds += [f"to {value['maximum']}"] if "maximum" in value else []
    return " ".join([" or ".join(_TYPES.get(kind, kind) for kind in kinds), *bounds]).strip()
