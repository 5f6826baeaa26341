"""One verdict: check-jsonschema, an editor and our own check refuse the same lines of the same files.

Two kinds of refusal are ours alone, because no schema can express them. Faults of the YAML itself (anchors, tags, tabs,
keys given twice, …): readers of YAML differ on them. Plain text that only some readers take for a number, a truth value
or null (`007`, `1.0`, `1_000`): it needs quotes, or plain decimal digits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest
import ruamel.yaml
from jsonschema import ValidationError
from jsonschema.protocols import Validator
from ruamel.yaml.error import YAMLError
from ruamel.yaml.resolver import VersionedResolver

from reconciler.declared.schema import Kind, check
from reconciler.declared.schema_messages import source_of
from reconciler.declared.yaml_loader import Ambiguous, Document, Fields, Items, Value, load, load_text
from tests.declared.test_schema import KINDS
from tests.declared.test_schema import raw as schema_of
from tests.marks import in_long_runs

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
STATES = [ROOT / "state", *sorted(ROOT.glob("starter/*/state")), *sorted(ROOT.glob("tests/cases/**/state"))]
EVERY_LINE = frozenset([0])
"""Verdict on a file that cannot be read as YAML."""

# ------------------------------------------------------------------ the other readers


@cache
def validator(kind: Kind) -> Validator:
    """Return the validator that check-jsonschema uses, with the regular expressions of JavaScript, as in editors."""
    from check_jsonschema.formats import FormatOptions  # type: ignore[import-untyped]  # has no types
    from check_jsonschema.regex_variants import RegexImplementation, RegexVariantName  # type: ignore[import-untyped]
    from check_jsonschema.schema_loader import SchemaLoader  # type: ignore[import-untyped]

    loader = SchemaLoader(str(ROOT / "schemas" / f"{kind}.schema.json"))
    regex = RegexImplementation(RegexVariantName.default)
    checker: Validator = loader.get_validator("a.yaml", {}, FormatOptions(regex_impl=regex), regex, False)
    return checker


@cache
def parsers() -> Any:
    """Return the parsers that check-jsonschema uses."""
    from check_jsonschema.parsers import ParserSet  # type: ignore[import-untyped]

    return ParserSet()


def for_check_jsonschema(raw: bytes) -> object:
    return parsers().parse_data_with_path(raw, "a.yaml", "yaml")


class CoreSchema(VersionedResolver):
    """Resolves plain text as the core schema of YAML 1.2 does (chapter 10.3.2 of its specification)."""

    forms: ClassVar = {
        "null": re.compile("null|Null|NULL|~|"),
        "bool": re.compile("true|True|TRUE|false|False|FALSE"),
        "int": re.compile("[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"),
        "float": re.compile(
            r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
        ),
    }

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        if kind is not ruamel.yaml.nodes.ScalarNode or not implicit[0]:
            return super().resolve(kind, value, implicit)
        name = next((name for name, form in self.forms.items() if form.fullmatch(value)), "str")
        return ruamel.yaml.tag.Tag(suffix=f"tag:yaml.org,2002:{name}")


EDITOR = ruamel.yaml.YAML(typ="safe", pure=True)
EDITOR.Resolver = CoreSchema


def for_an_editor(raw: bytes) -> object:
    return by_text(EDITOR.load(raw))


def by_text(value: object) -> object:
    """Name each key by its text, as an editor does."""
    if isinstance(value, dict):
        return {str(key): by_text(inner) for key, inner in value.items()}
    return [by_text(inner) for inner in value] if isinstance(value, list) else value


READERS = (for_check_jsonschema, for_an_editor)

# ------------------------------------------------------------------ verdicts


def theirs(reader: Callable[[bytes], object], raw: bytes, kind: Kind, document: Document) -> frozenset[int]:
    """Return the lines that another reader refuses, with the lines of our *document*."""
    try:
        value = reader(raw)
    except (YAMLError, ValueError):  # check-jsonschema ends in the second at `-_`
        return EVERY_LINE
    faults = [path for error in validator(kind).iter_errors(cast("Any", value)) for path in paths(error)]
    return frozenset(source_of(document, path).line for path in faults)


def paths(error: ValidationError) -> Iterator[tuple[str | int, ...]]:
    """Yield the place of a fault: an unknown or a wrong key has a place of its own."""
    path = tuple(error.absolute_path)
    if error.validator == "additionalProperties" and isinstance(error.schema, dict):
        yield from (
            (*path, key) for key in cast("Any", error.instance) if key not in error.schema.get("properties", {})
        )
    elif "propertyNames" in error.absolute_schema_path:
        yield (*path, str(error.instance))
    else:
        yield path


def ours(document: Document, kind: Kind) -> frozenset[int]:
    check(document, kind)
    return frozenset(problem.source.line for problem in document.problems if problem.source)


def other_forms(value: Value, line: int = 1) -> Iterator[int]:
    """Yield the lines with a plain text that is a number, a truth value or null elsewhere."""
    if isinstance(value, Ambiguous):
        yield line
    elif isinstance(value, Fields):
        for key, inner in value.items():
            yield from other_forms(inner, value.lines[key])
    elif isinstance(value, Items):
        for inner, start in zip(value, value.lines, strict=True):
            yield from other_forms(inner, start)


def disagreements(raw: bytes, kind: Kind, read: Callable[[], Document]) -> Iterator[str]:
    """Yield a sentence per reader and direction in which the verdicts differ."""
    document = read()
    if document.problems:  # refused as YAML; other readers may see anything in it
        return
    exempt = frozenset(other_forms(document.value))
    refused = ours(read(), kind)
    for reader in READERS:
        lines = theirs(reader, raw, kind, document)
        if lines == EVERY_LINE:
            yield from [f"{reader.__name__}: cannot read it"] if not refused else []
            continue
        if missed := sorted(lines - refused):
            yield f"{reader.__name__}: refuses lines {missed}, and we do not"
        if harsher := sorted(refused - lines - exempt):
            yield f"{reader.__name__}: accepts lines {harsher}, and our schema does not"


def files(state: Path) -> Iterator[tuple[Path, Kind]]:
    yield state / "settings.yaml", "settings"
    yield state / "staff.yaml", "staff"
    yield from ((path, "cohort") for path in sorted((state / "cohorts").glob("*.yaml")))


@pytest.mark.parametrize("state", STATES, ids=lambda state: str(state.relative_to(ROOT)))
def test_every_file_of_the_suite_gets_one_verdict(state: Path) -> None:
    """Line by line, whatever one of the three refuses, the others refuse."""
    for path, kind in files(state):
        if path.is_file():
            assert [*disagreements(path.read_bytes(), kind, partial(load, path, path.name))] == [], path


# ------------------------------------------------------------------ every way to write a value

HEADS: dict[Kind, str] = {
    "cohort": "version: 1\ncohort: care\nlearners:\n  - ",
    "staff": "version: 1\nstaff:\n  kate:\n    ",
    "settings": "organisation: 1\n",
    "fleet": "version: 1\nfleet: college\ncentres:\n  north:\n    ",
}
WAIVER = "waivers:\n  - policy: limit_create\n    reason: new\n    approved_by: me\n    until: 2027-01-31\n    "
BODIES: dict[Kind, tuple[str, ...]] = {
    "cohort": (
        "id: @",
        "misid: @",
        "id: 1\n    label: @",
        "id: 1\n    default_assessor: @",
        "id: 1\n    default_employer:\n      - staff: @",
        "id: 1\n    default_employer:\n      - staff: null\n        until: @",
        "id: 1\n    learning_aims:\n      - standard: @\n        iqa: null",
        "id: 1\n    units:\n      - unit: @\n        iqa: null",
        "id: 1\n    additional:\n      - @",
        "id: 1\n    additional:\n      - staff: @",
    ),
    "staff": (
        "id: @\n    role: iqa",
        "id: 1\n    role: @",
        "id: 1\n    role: iqa\n    person: @",
        "id: 1\n    role: iqa\n    caseload:\n      max: @",
        "id: 1\n    role: iqa\n    caseload:\n      target: @",
        "id: 1\n    role: iqa\n    hours: @",
        "id: 1\n    role: iqa\n    notify: @",
        "id: 1\n    role: iqa\n    competence:\n      - standard: @",
        "id: 1\n    role: iqa\n    cover:\n      - by: @\n        from: 2026-12-01",
        "id: 1\n    role: iqa\n    cover:\n      - by: noor\n        from: @",
        "id: 1\n    role: iqa\n    cover:\n      - by: noor\n        from: 2026-12-01\n        reason: @",
    ),
    "settings": (
        "version: @",
        "target: @",
        "drift:\n  unit_iqa: @",
        "drift:\n  grace_hours: @",
        "limits:\n  create:\n    count: @",
        "limits:\n  create:\n    share: @",
        "calls_per_minute: @",
        "longest_wait_seconds: @",
        "longest_read_lag_seconds: @",
        "policies:\n  coverage: @",
        f"{WAIVER}run: @",
        f"{WAIVER}cohort: @",
        f"{WAIVER}learner: @",
        f"{WAIVER}@: 1",
        f"{WAIVER}run: true".replace("limit_create", "@"),
        f"{WAIVER}run: true".replace("2027-01-31", "@"),
        f"{WAIVER}run: true".replace("new", "@"),
        f"{WAIVER}run: true".replace(": me", ": @"),
        "windows:\n  - never: @",
        "windows:\n  - never: 07:00-07:30\n    days: @",
        "windows:\n  - never: 07:00-07:30\n    reason: @",
        "reviews:\n  employer_signs: @",
        "manual_steps:\n  owner: @",
        "names:\n  learning_aims:\n    @: Name",
        "names:\n  learning_aims:\n    1: @",
        "names:\n  units:\n    @: Name",
        "names:\n  units:\n    1: Name\n    @: Name",
        "share_out:\n  target: @",
        "share_out:\n  even: @",
        "share_out:\n  together: @",
        "share_out:\n  known: @",
        "share_out:\n  move: @",
        "import:\n  columns:\n    @: misid",
        "import:\n  columns:\n    Trainee: @",
        "privacy:\n  names: @",
    ),
    "fleet": (
        "organisation: @\n    folder: state\n    target: live",
        "organisation: 1\n    folder: @\n    target: live",
        "organisation: 1\n    folder: state\n    target: @",
        *(
            f"organisation: 1\n    folder: state\n    target: live\n    {key}: @"
            for key in ("repository", "branch", "token", "store", "owner")
        ),
    ),
}
FIELDS: dict[Kind, tuple[str, ...]] = {kind: tuple(HEADS[kind] + body for body in BODIES[kind]) for kind in HEADS}
FIELDS["cohort"] += (
    "version: @\ncohort: care\nlearners: []",
    "version: 1\ncohort: @\nlearners: []",
    "version: 1\ncohort: care\norganisation: @\nlearners: []",
    "version: 1\ncohort: care\nclassroom: @\nlearners: []",
    "version: 1\ncohort: care\nplacement: @\nlearners: []",
    "version: 1\ncohort: care\nlearners: @",
)
FIELDS["staff"] += ("version: @\nstaff: {}", "version: 1\nstaff:\n  @: {id: 1, role: iqa}")
FIELDS["settings"] += ("organisation: @", "organisation: 1\n@: 1")
FIELDS["fleet"] += tuple(
    f"version: 1\nfleet: {name}\n{line}centres:\n  north: {{organisation: 1, folder: state, target: live}}"
    for name, line in (("@", ""), ("college", "jobs: @\n"), ("college", "@: 1\n"))
)
FIELDS["fleet"] += tuple(
    f"version: 1\nfleet: college\n{lines}\ncentres:\n  north: {{organisation: 1, folder: state, target: live}}"
    for lines in (
        "queue: {database: @}",
        *(f"queue: {{database: DATABASE, {key}: @}}" for key in ("budget", "jobs", "jobs_per_token", "retry_seconds")),
        "queue: {database: DATABASE, retry_seconds: [@]}",
        "nights:\n  - {run: @, from: '01:00', until: '02:00'}",
        "nights:\n  - {run: plan, from: @, until: '02:00'}",
        "nights:\n  - {run: plan, from: '01:00', until: @}",
    )
)
FIELDS["fleet"] += ("version: @\nfleet: college\ncentres: {}",)
WORDS = """
1.5 1.0 1. 1.00 0.3 0.5 .5 -.5 +.5 5. 0. 00 0 -0 1 +1 -1 007 0012 09 1e3 1E-3 1e .5e3 .5e+3 1.e3 1_e3
0x10 0X10 -0x1F 0x_1 0o17 0o18 +0o7 0b11 0b12 1_000 1__0 1_ 0_ _1 -_ +_ ._ 1_0.5 12:30 1:2:3 22:00-06:00
.inf -.INF +.Inf .nan .NaN . + - = << ~ null Null NULL nUll true True TRUE false False yes Yes no No on off y n N
2147483647 2147483648 123456789012345678 1234567890123456789 0.333333333333333333 0.3333333333333333333333
2026-11-31 2026-11-30 2026-1-1 2026-11-30T10:00:00Z 2026-11-30..2026-12-01 20261130
"1.5" "1" "null" "~" 'true' "0.3" "2026-11-30" "" "kate\\n" "a\\tb" "2026-11-30\\n"
kate KATE 9a a-b iqa error con mon-fri é ٣ ６ [] {} [1.5] [kate] [1_000] [~] {a:1}
&a *a !t |x @x %x `x ?x ? #x
"""
VALUES = [*WORDS.split(), "", "2026-11-30 10:00:00", "1 000", "1,000", "on leave", "<<: x", "a" * 65, "9" * 101]


@pytest.mark.parametrize("kind", KINDS)
def test_every_single_value_of_a_schema_is_among_the_fields(kind: Kind) -> None:
    """A new key is written in every way too; keys with one definition need one field."""
    schema = schema_of(kind)
    fields = "\n".join(FIELDS[kind])
    names: dict[str, set[str]] = {}
    for part in every_part(schema):
        for name, inner in part.get("properties", {}).items():
            target = inner.get("$ref", name).removeprefix("#/$defs/")
            if schema.get("$defs", {}).get(target, inner).get("type") not in ("object", "array"):
                names.setdefault(target, set()).add(name)
    assert [name for name, keys in names.items() if not any(f"{key}: @" in fields for key in keys)] == []


def every_part(node: object) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for inner in node.values():
            yield from every_part(inner)


@pytest.mark.parametrize("step", [3, *in_long_runs(1)])
@pytest.mark.parametrize("kind", KINDS)
def test_every_way_to_write_a_value_gets_one_verdict(kind: Kind, step: int) -> None:
    """Numbers, days, null and truth values in each form that some reader of YAML knows, in each field.

    Usually each value is in every third field, another third for the next value; in long runs it is in all.
    """
    texts = [
        field.replace("@", value) + "\n"
        for place, field in enumerate(FIELDS[kind])
        for value in VALUES[place % step :: step]
    ]
    found = {
        text: differences
        for text in texts
        if (differences := [*disagreements(text.encode(), kind, partial(load_text, text, "a.yaml"))])
    }
    assert found == {}


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_made_of_digits_is_the_same_as_a_number_and_as_text(kind: Kind) -> None:
    """An editor holds such a key against the schema as a number, we and check-jsonschema as text."""
    for part in every_part(schema_of(kind)):
        if "propertyNames" in part:
            keys = validator(kind).evolve(schema={**part["propertyNames"], "$defs": schema_of(kind)["$defs"]})
            for number in (-1, 0, 1, 41240, 10**10 - 1, 10**10, 10**18 - 1):
                assert keys.is_valid(number) == keys.is_valid(str(number)), (part["title"], number)
