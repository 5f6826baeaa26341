"""The schemas, and the two checkers that must give the same verdict on everything."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any, get_args

import jsonschema
import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.declared import schema
from reconciler.declared.schema import Kind, check
from reconciler.declared.yaml_loader import Document, Fields, Items, Refused, Value, load_text
from reconciler.problems import Source
from reconciler.resources import resource

KINDS: tuple[Kind, ...] = get_args(Kind)
GOOD: dict[Kind, str] = {
    "settings": """
version: 1
organisation: 5740
target: sandbox
drift: {default_assessor: correct, unit_iqa: ignore, grace_hours: 0}
limits: {reassign: {count: 50, share: 0.3, per_cohort: {count: null, share: 1}}}
calls_per_minute: 300
policies: {coverage: off}
waivers:
  - {policy: coverage, learner: 200004, reason: new, approved_by: quality-lead, until: 2027-01-31}
  - {policy: caseload, cohort: care, reason: new, approved_by: quality-lead, until: 2027-01-31}
manual_steps: {owner: quality-lead}
privacy: {names: never}
""",
    "staff": """
version: 1
staff:
  kate-anderson: {id: 132757, role: assessor, caseload: {target: 30, max: 40}}
  james-fayre:
    {id: 122762, role: iqa, person: jf, cover: [{by: noor, from: 2026-12-01, until: 2027-02-28, reason: leave}]}
""",
    "fleet": """
version: 1
fleet: colleges
jobs: 2
centres:
  north: {organisation: 5740, folder: north/state, target: live, token: TOKEN_NORTH, store: STORE, owner: lead}
  south: {organisation: 5741, folder: state, repository: "https://git.example/s.git", branch: main, target: sandbox}
""",
    "cohort": """
version: 1
cohort: care
organisation: 5741
defaults: {default_assessor: kate, learning_aims: [{standard: 41240, assessor: kate, iqa: null}]}
learners:
  - id: 200004
    label: LRN-0042
    default_assessor: [{staff: kate, until: 2026-12-31}, {staff: null, from: 2027-01-01}]
    default_employer: acme
    units: [{unit: KS_COMM1, iqa: priya}]
    additional: [lee, {staff: kate, from: 2027-01-01}]
  - misid: LRN00042
""",
}


def raw(kind: Kind) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(resource(f"schemas/{kind}.schema.json").read_text(encoding="utf-8"))
    return found


def parts(node: object) -> Iterator[dict[str, Any]]:
    """Every schema inside a schema."""
    if isinstance(node, dict):
        if "$ref" in node or "type" in node or "enum" in node or "const" in node:
            yield node
        for key, inner in node.items():
            if key not in ("examples", "enum", "oneOf", "anyOf", "const", "required"):
                yield from parts(inner)


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_is_draft_2020_12_and_takes_its_own_examples(kind: Kind) -> None:
    """The metaschema accepts it, it has an id and a title, and no example in it breaks it."""
    document = raw(kind)
    jsonschema.Draft202012Validator.check_schema(document)
    assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert document["$id"] == f"urn:onefile-reconciler:schema:{kind}:1"
    assert document["title"]
    checker = jsonschema.Draft202012Validator(document)
    for part in parts(document):
        for example in part.get("examples", []):
            assert list(checker.evolve(schema={**part, "$defs": document.get("$defs", {})}).iter_errors(example)) == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_part_of_a_schema_explains_itself_and_is_closed(kind: Kind) -> None:
    """Titles and descriptions are what editors and our fixes show; an object takes no key it does not name."""
    for part in parts(raw(kind)):
        if "$ref" not in part:
            assert part["title"]
            assert part["description"].endswith(".")
        if part.get("type") == "object":
            assert "additionalProperties" in part
        if "pattern" in part:
            assert "x-form" in part
            assert part["pattern"].startswith("^")
            assert part["pattern"].endswith("$")


@pytest.mark.parametrize("share", [0, 1, 0.3, "0.3", "1.0", None])
def test_an_editor_may_read_a_share_as_a_number_or_as_text(share: object) -> None:
    """Editors' YAML servers read 0.3 as a number, our reader as text; both are right."""
    jsonschema.validate({"organisation": 5740, "limits": {"create": {"share": share}}}, raw("settings"))


@pytest.mark.parametrize("share", [-0.1, 1.5, "1.5", "30%", ".5.", True])
def test_a_share_beyond_0_to_1_is_refused_in_either_form(share: object) -> None:
    """Also by editors, before anybody commits it."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"organisation": 5740, "limits": {"create": {"share": share}}}, raw("settings"))


# ------------------------------------------------------------------ the same verdict

WORDS = [
    "",
    "0.3",
    "1.5",
    "no",
    "kate",
    "Kate",
    "kate\n",
    "٣",
    "2026-12-01",
    "2026-12-01\n",
    "٢٠٢٦-12-01",
    "\x07",
    "error",
]
LONG = ["a" * 65, "a" * 81, "a" * 101, "x" * 201]
ODD = st.sampled_from([None, True, False, 0, 1, -1, 2**31, 2**31 - 1, 10**18, *WORDS, *LONG])


def as_read(value: object) -> Value:
    """Return the value in the loader's own types, with line 1 everywhere."""
    if isinstance(value, dict):
        fields = Fields()
        fields.update({key: as_read(inner) for key, inner in value.items()})
        fields.lines.update(dict.fromkeys(value, 1))
        return fields
    if isinstance(value, list):
        items = Items()
        items.extend(as_read(inner) for inner in value)
        items.lines.extend(1 for _ in value)
        return items
    assert value is None or isinstance(value, str | int)
    return value


def places(value: object) -> Iterator[tuple[Any, Any]]:
    """Every container inside a value with every key or position in it."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from places(value[key])


@st.composite
def mutated(draw: st.DrawFn) -> tuple[Kind, object]:
    """Draw a good file with up to three parts replaced, removed or added."""
    kind = draw(st.sampled_from(KINDS))
    value = plain(GOOD[kind])
    for _ in range(draw(st.integers(1, 3))):
        container, key = draw(st.sampled_from(list(places(value)) or [({"a": 1}, "a")]))
        action = draw(st.sampled_from(["replace", "remove", "add", "wrap"]))
        if action == "replace":
            container[key] = draw(ODD)
        elif action == "wrap":
            container[key] = draw(st.sampled_from([[container[key]], {"staff": container[key]}, [], {}]))
        elif action == "remove":
            del container[key]
        elif isinstance(container, dict):
            container[draw(st.sampled_from(["id", "misid", "iqa", "staff", "cohort", "x", "no\n", "Kate A"]))] = draw(
                ODD
            )
        else:
            container.append(draw(ODD))
    return kind, value


def plain(text: str) -> Any:
    return json.loads(json.dumps(load_text(text, "a.yaml").value))


@settings(deadline=None)
@given(mutated())
def test_the_fast_and_the_explaining_check_give_the_same_verdict(case: tuple[Kind, object]) -> None:
    """What one refuses, the other refuses; so a refused file never goes without an explanation."""
    kind, value = case
    read = as_read(value)
    fast = jsonschema_rs.validator_for(raw(kind)).is_valid(read)
    assert schema._explainer(kind).is_valid(read) == fast
    document = Document("a.yaml", read)
    check(document, kind)
    assert bool(document.problems) != fast
    for problem in document.problems:
        assert "schema" not in problem.what
        assert problem.fix


@settings(deadline=None)
@given(mutated())
def test_what_passes_after_its_faults_are_marked_has_only_keys_missing(case: tuple[Kind, object]) -> None:
    """Later checks may trust every value that is not marked: checking again finds no wrong value."""
    kind, value = case
    document = Document("a.yaml", as_read(value))
    check(document, kind)
    if document.value is not None:
        again = schema._faults(document.value, kind)
        assert all(isinstance(fault.value, Refused) or not schema._spoils_value(fault) for fault in again)


@pytest.mark.parametrize("kind", KINDS)
def test_the_good_files_are_good(kind: Kind) -> None:
    """Else the mutations would start from a fault."""
    document = load_text(GOOD[kind], "a.yaml")
    check(document, kind)
    assert document.problems == []


def test_without_the_fast_library_the_slow_one_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a platform without its wheel everything still works, only slower."""
    schema._accepts.cache_clear()
    monkeypatch.setitem(sys.modules, "jsonschema_rs", None)
    good, bad = load_text(GOOD["cohort"], "a.yaml"), load_text("version: 2\ncohort: a\nlearners: []\n", "a.yaml")
    check(good, "cohort")
    check(bad, "cohort")
    schema._accepts.cache_clear()
    assert good.problems == []
    assert [problem.what for problem in bad.problems] == ["version must be 1, but is the number 2"]


def test_a_verdict_that_only_the_fast_check_can_explain_is_still_told() -> None:
    """Its own words are poorer, but they come with the right line."""
    document = load_text("version: 1\ncohort: care\nlearners:\n  - id: no\n", "a.yaml")
    [problem] = schema._disagreement(document, "cohort")
    assert problem.source == Source("a.yaml", 4)
    assert problem.what.startswith("learners: 0: id: ")
