"""Schema validation: a fast check for every file, and an explanation for files that it refuses.

Two libraries, because the one that explains well takes 190 times as long as the one that only returns yes or no.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Literal

from reconciler.declared.schema_messages import Fault, Path, at, explain, source_of
from reconciler.declared.yaml_loader import Ambiguous, Document, Fields, Items, Refused, Value, load
from reconciler.problems import Problem
from reconciler.resources import resource

if TYPE_CHECKING:
    from collections.abc import Callable

    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

Kind = Literal["settings", "staff", "cohort", "fleet"]


def checked(path: FilePath, kind: Kind) -> Document:
    """Load a file and validate it against its schema; the document has every problem of the file alone."""
    document = load(path, path.as_posix())
    check(document, kind)
    return document


def check(document: Document, kind: Kind) -> None:
    """Add a problem for every fault, and mark the faulty values as refused, so that later checks skip them."""
    if document.value is None and document.problems:
        return
    if not document.problems and not document.has_ambiguous and _accepts(kind)(document.value):
        return
    faults = _one_per_value(_faults(document.value, kind))
    problems = [problem for fault in faults for problem in explain(fault, document, _schema(kind))]
    document.problems += dict.fromkeys(problems) if faults or document.has_ambiguous else _disagreement(document, kind)
    for fault in faults:
        if _spoils_value(fault):
            document.value = _refused_at(document.value, fault.path)
    if document.has_ambiguous:
        for path, value in [*_ambiguous(document.value)]:
            document.problems += explain(Fault(path, "ambiguous", None, value, {}, False), document, _schema(kind))
            document.value = _refused_at(document.value, path)


def _ambiguous(value: Value, path: Path = ()) -> Iterator[tuple[Path, Ambiguous]]:
    """Yield the values that are text here, and that other readers of YAML take for another type."""
    if isinstance(value, Ambiguous):
        yield path, value
    elif isinstance(value, Fields):
        for key, inner in value.items():
            yield from _ambiguous(inner, (*path, key))
    elif isinstance(value, Items):
        for place, inner in enumerate(value):
            yield from _ambiguous(inner, (*path, place))


def _one_per_value(faults: Iterable[Fault]) -> list[Fault]:
    """Drop all but the first of several faults that make the same value unusable."""
    kept: list[Fault] = []
    unusable: set[Path] = set()
    for fault in faults:
        if not _spoils_value(fault):
            kept.append(fault)
        elif fault.path not in unusable:
            unusable.add(fault.path)
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
    """Return the fast check, or the slow one on a platform without a wheel of the fast library."""
    try:
        import jsonschema_rs
    except ImportError:
        return _explainer(kind).is_valid
    return jsonschema_rs.validator_for(_schema(kind)).is_valid


@cache
def _explainer(kind: Kind) -> Validator:
    from jsonschema import Draft202012Validator, ValidationError, validators

    def pattern(_: object, expression: str, instance: object, __: object) -> Iterator[ValidationError]:
        """Match `$` at the very end only, as the standard has it; Python's also matches before a last line break."""
        if isinstance(instance, str) and not re.search(re.sub(r"\$$", r"\\Z", expression), instance):
            yield ValidationError("pattern")

    checks = {"pattern": pattern}
    extended: type[Validator] = validators.extend(Draft202012Validator, checks)  # type: ignore[no-untyped-call]  # jsonschema's
    return extended(_schema(kind))


def _faults(value: Value, kind: Kind) -> Iterator[Fault]:
    for error in _explainer(kind).iter_errors(value):
        schema = error.schema if isinstance(error.schema, dict) else {}
        if error.validator in ("oneOf", "anyOf") and not isinstance(error.instance, dict):
            continue  # these only choose between keys; a value that is not a mapping has a fault of its own
        of_key = "propertyNames" in error.absolute_schema_path
        path = tuple(error.absolute_path)
        yield Fault(path, str(error.validator), error.validator_value, error.instance, schema, of_key)


def _disagreement(document: Document, kind: Kind) -> list[Problem]:
    """Report the faults of the fast check if the slow one finds none: poorer words, but no fault passes."""
    if document.problems:  # the loader's own; the fast check was skipped
        return []
    import jsonschema_rs

    return [
        Problem(
            f"{': '.join(str(step) for step in error.instance_path) or 'the file'}: {error.message}",
            "Compare with the example in the documentation.",
            source_of(document, tuple(error.instance_path)),
        )
        for error in jsonschema_rs.validator_for(_schema(kind)).iter_errors(document.value)
    ]


# ------------------------------------------------------------------ what the faults spoil


def _spoils_value(fault: Fault) -> bool:
    """Return True if the value itself is unusable; with a key too few or too many it is still worth checking."""
    return fault.keyword not in ("required", "additionalProperties", "oneOf", "anyOf", "minProperties") and (
        not fault.of_key
    )


def _refused_at(value: Value, path: Path) -> Value:
    """Put Refused in place of the value at *path*, and return the whole."""
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
