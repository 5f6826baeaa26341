"""The canonical layout: it changes nothing that is declared, keeps every comment, and is its own canonical form."""

from __future__ import annotations

import json
import re
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.declared.yaml_loader import load_text
from reconciler.editing.emit import compose, schema_line
from reconciler.editing.format import format_text
from reconciler.editing.layout import Kind
from reconciler.editing.verify import same
from reconciler.editing.yaml_tree import Data
from tests.editing.layouts import Fields, Hostile, cohorts
from tests.marks import examples

STATE = Path(__file__).parents[2] / "state"
FILES = sorted(STATE.rglob("*.yaml"))


def values(text: str) -> Data:
    """Return the values of a text for the product's own loader."""
    document = load_text(text, "file.yaml")
    assert document.problems == [], text
    found: Data = json.loads(json.dumps(document.value))
    return found


def comments(text: str) -> list[str]:
    return sorted(re.findall(r"# (c\d+) ", text))


def kind_of(path: Path) -> Kind:
    return "settings" if path.stem == "settings" else "staff" if path.stem == "staff" else "cohort"


@settings(max_examples=examples(40))
@given(cohorts, st.integers(0, 10**9))
def test_formatting_keeps_values_and_comments_and_settles(wanted: Fields, seed: int) -> None:
    """Whatever the layout, all readers see the same before and after, and a second time changes nothing."""
    given_text = Hostile(Random(seed)).text(wanted)  # noqa: S311
    assert same(values(given_text), wanted)
    text = format_text(given_text, "cohort")
    assert same(values(text), wanted)
    assert comments(text) == comments(given_text)
    assert format_text(text, "cohort") == text
    assert not re.search(r"[ \t]\r?$", text, re.MULTILINE)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_this_repositorys_files_are_formatted(path: Path) -> None:
    """The demonstration centre is laid out as `fmt` would."""
    text = path.read_text("utf-8")
    assert format_text(text, kind_of(path)) == text


@settings(max_examples=examples(20))
@given(cohorts)
def test_a_new_file_says_what_it_was_made_from_and_needs_no_formatting(wanted: Fields) -> None:
    """What is composed is canonical already."""
    text = compose("cohort", wanted, head=[schema_line("cohort", depth=2)], notes={"defaults": "for every learner"})
    assert same(values(text), wanted)
    assert format_text(text, "cohort") == text


def test_a_new_file_looks_as_written_by_hand() -> None:
    """Short things on one line, dated entries below each other, keys in order."""
    text = compose(
        "cohort",
        {
            "learners": [
                {
                    "units": [{"iqa": "priya-shah", "unit": "60030316"}],
                    "default_assessor": [
                        {"until": "2026-12-31", "staff": "kate-anderson"},
                        {"from": "2027-01-01", "staff": None},
                    ],
                    "id": 200004,
                },
                {"misid": "LRN 7", "additional": ["observer-lee"]},
            ],
            "cohort": "c1",
            "version": 1,
        },
    )
    assert text == (
        "version: 1\n"
        "cohort: c1\n"
        "learners:\n"
        "  - id: 200004\n"
        "    default_assessor:\n"
        "      - {staff: kate-anderson, until: 2026-12-31}\n"
        "      - {staff: null, from: 2027-01-01}\n"
        '    units: [{unit: "60030316", iqa: priya-shah}]\n'
        "  - misid: LRN 7\n"
        "    additional: [observer-lee]\n"
    )


def test_a_comment_goes_with_what_follows_it_or_with_the_part_it_ends() -> None:
    """A key that moves takes the lines above it along."""
    text = format_text(
        "# head\nversion: 1\nlearners:\n# of the first\n- label: A  # short\n  # why\n  id: 1\n  # end of the first\n"
        "- {id: 2, # second\n   label: B}\n\n\n# about the name\ncohort: c1\n# end\n",
        "cohort",
    )
    assert format_text("# modeline\n\n# of all\ncohort: c1\n# one\nversion: 1\n", "cohort") == (
        "# modeline\n\n# of all\n# one\nversion: 1\ncohort: c1\n"
    )
    assert text == (
        "# head\nversion: 1\n\n# about the name\ncohort: c1\nlearners:\n  # of the first\n  # why\n  - id: 1\n"
        "    label: A  # short\n    # end of the first\n  - id: 2  # second\n    label: B\n# end\n"
    )
