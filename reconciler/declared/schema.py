"""Values against schemas/*.json, to problems: a fast check for every file, and for refused files an explanation.

Two libraries, because the one that explains well takes 190 times as long as the one that only says no.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Literal

from reconciler.declared.schema_messages import Fault, Path, at, explained, source_of
from reconciler.declared.yaml_loader import Document, Fields, Items, Refused, Value, load
from reconciler.problems import Problem
from reconciler.resources import resource

if TYPE_CHECKING:
    from collections.abc import Callable

    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

Kind = Literal["settings", "staff", "cohort"]


def checked(path: FilePath, kind: Kind) -> Document:
    """The file's values and lines, with every problem of the file by itself; called as the path is in messages."""
    document = load(path, path.as_posix())
    check(document, kind)
    return document


def check(document: Document, kind: Kind) -> None:
    """Add a problem for every fault, and mark the faulty values as refused, so that later checks pass over them."""
    if document.value is None and document.problems:
        return
    if not document.problems and _accepts(kind)(document.value):
        return
    faults = _one_per_value(_faults(document.value, kind))
    told = [problem for fault in faults for problem in explained(fault, document, _schema(kind))]
    document.problems += dict.fromkeys(told) if faults else _disagreement(document, kind)
    for fault in faults:
        if _spoils(fault):
            document.value = _marked(document.value, fault.path)


def _one_per_value(faults: Iterable[Fault]) -> list[Fault]:
    """All faults, but of several that make the same value unusable only the first."""
    kept: list[Fault] = []
    spoilt: set[Path] = set()
    for fault in faults:
        if not _spoils(fault):
            kept.append(fault)
        elif fault.path not in spoilt:
            spoilt.add(fault.path)
            kept.append(fault)
    return kept


# ------------------------------------------------------------------ the two checkers


@cache
def _schema(kind: Kind) -> dict[str, object]:
    text = resource(f"schemas/{kind}.schema.json").read_text(encoding="utf-8")
    schema: dict[str, object] = json.loads(text)
    return schema


@cache
def _accepts(kind: Kind) -> Callable[[Value], bool]:
    """The fast check; without its library (a platform without a wheel) the slow one gives the same answer."""
    try:
        import jsonschema_rs
    except ImportError:
        return _explainer(kind).is_valid
    return jsonschema_rs.validator_for(_schema(kind)).is_valid


@cache
def _explainer(kind: Kind) -> Validator:
    from jsonschema import Draft202012Validator, ValidationError, validators

    def pattern(_: object, expression: str, instance: object, __: object) -> Iterator[ValidationError]:
        """As the standard means `$`: the very end, where Python's also stands before a last line break."""
        if isinstance(instance, str) and not re.search(re.sub(r"\$$", r"\\Z", expression), instance):
            yield ValidationError("pattern")

    ours = {"pattern": pattern}
    extended: type[Validator] = validators.extend(Draft202012Validator, ours)  # type: ignore[no-untyped-call]  # theirs
    return extended(_schema(kind))


def _faults(value: Value, kind: Kind) -> Iterator[Fault]:
    for error in _explainer(kind).iter_errors(value):
        schema = error.schema if isinstance(error.schema, dict) else {}
        if error.validator in ("oneOf", "anyOf") and not isinstance(error.instance, dict):
            continue  # these only choose between keys; that it is no mapping is a fault of its own
        of_key = "propertyNames" in error.absolute_schema_path
        path = tuple(error.absolute_path)
        yield Fault(path, str(error.validator), error.validator_value, error.instance, schema, of_key)


def _disagreement(document: Document, kind: Kind) -> list[Problem]:
    """The fast check said no and the explaining one finds nothing: its words are poorer, but no fault passes."""
    if document.problems:  # the reader's own, for which the fast check was not asked
        return []
    import jsonschema_rs

    return [
        Problem(
            f"{': '.join(str(step) for step in error.instance_path) or 'the file'}: {error.message}",
            "compare with the example in the documentation.",
            source_of(document, tuple(error.instance_path)),
        )
        for error in jsonschema_rs.validator_for(_schema(kind)).iter_errors(document.value)
    ]


# ------------------------------------------------------------------ what the faults spoil


def _spoils(fault: Fault) -> bool:
    """Whether the value itself is unusable; one that has a key too few or too many is still worth checking."""
    return fault.keyword not in ("required", "additionalProperties", "oneOf", "anyOf", "minProperties") and (
        not fault.of_key
    )


def _marked(value: Value, path: Path) -> Value:
    """The value, with Refused in place of what stands at *path*."""
    if not path:
        return None
    inside = value
    for step in path[:-1]:
        inside = at(inside, step)
    last = path[-1]
    if isinstance(inside, Fields):
        inside[str(last)] = Refused()
    elif isinstance(inside, Items) and isinstance(last, int):
        inside[last] = Refused()
    return value
