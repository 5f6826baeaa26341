"""A plan document against its published schema."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

from reconciler.resources import resource

if TYPE_CHECKING:
    import jsonschema_rs

SHOWN = 5  # a document that is no plan at all breaks everything at once


def plan_faults(document: object) -> list[str]:
    """What the schema finds wrong, in its own words, a few at the most; empty for a plan."""
    try:
        return _faults(document)
    except UnicodeEncodeError:  # half a surrogate pair, which the validator cannot take: a question mark is as good
        return _faults(json.loads(json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")))
    except ValueError as error:  # nested deeper than the validator goes, and than any plan is
        return [f"the document: {error}"]


def _faults(document: object) -> list[str]:
    errors = _validator().iter_errors(document)
    return [
        f"{'/'.join(map(str, error.instance_path)) or 'the document'}: {error.message[:200]}"
        for error, _ in zip(errors, range(SHOWN), strict=False)
    ]


@cache
def _validator() -> jsonschema_rs.Draft202012Validator:
    import jsonschema_rs

    schema = json.loads(resource("schemas/plan.schema.json").read_text(encoding="utf-8"))
    return jsonschema_rs.Draft202012Validator(schema)
