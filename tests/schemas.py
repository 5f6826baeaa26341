"""The published schemas of what the program prints: each report that a test looks at is held against its own."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jsonschema_rs

from reconciler.resources import resource


@cache
def _validator(kind: str) -> jsonschema_rs.Draft202012Validator:
    schema = json.loads(resource(f"schemas/{kind}.schema.json").read_text(encoding="utf-8"))
    return jsonschema_rs.Draft202012Validator(schema)


def fitting(document: Any) -> Any:
    """The document as it is, once it fits the schema of the report that it is, if it is one that has a schema."""
    is_report = isinstance(document, dict) and "reconciler_format" in document
    kind = (
        document["report"]
        if is_report and "report" in document
        else "calendar"
        if is_report and "days" in document
        else ""
    )
    if kind:
        wrong = [
            f"{'/'.join(map(str, one.instance_path))}: {one.message}" for one in _validator(kind).iter_errors(document)
        ]
        assert wrong == [], wrong[:5]
    return document
