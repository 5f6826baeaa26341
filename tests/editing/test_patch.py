"""Edits in place: the result says exactly what is wanted, and nothing else has moved."""

from __future__ import annotations

import copy
import difflib
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.editing.patch import patch
from reconciler.editing.verify import same
from reconciler.editing.yaml_tree import Data
from tests.editing.layouts import HANDLES, Fields, Hostile, cohorts
from tests.editing.test_format import comments, values
from tests.marks import examples

COHORT = """version: 1
cohort: care   # the name
defaults:
  default_assessor: kate-anderson      # since May
  learning_aims: [{standard: 41240, iqa: 'priya-shah'}]
learners:
  - id: 200001    # first

  - {id: 200002, units: [ {unit: KS_COMM1,  assessor: kate-anderson} ]}
  - label: "C"
    id: 200003
    default_assessor:        # who, until when
      - {staff: kate-anderson, until: 2026-12-31}   # she goes
      - {staff: james-fayre,   from: 2027-01-01}
    additional:
    - observer-lee
"""


def edited(change: str, text: str = COHORT) -> list[str]:
    """Return the lines that a change of the values removes and adds, as `- ` and `+ `."""
    data = values(text)
    exec(change, {"data": data})  # noqa: S102  our own lines
    assert isinstance(data, dict)
    after = patch(text, "cohort", data)
    assert same(values(after), data)
    found = difflib.ndiff(text.splitlines(keepends=True), after.splitlines(keepends=True))
    return [line.rstrip("\n") for line in found if line[0] in "+-"]


def leaves(data: Data, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    if isinstance(data, dict):
        return [leaf for name, value in data.items() for leaf in leaves(value, (*path, name))]
    if isinstance(data, list):
        return [leaf for place, value in enumerate(data) for leaf in leaves(value, (*path, place))]
    return [path]


@settings(max_examples=examples(40))
@given(cohorts, cohorts, st.integers(0, 10**9))
def test_any_values_can_be_made_any_others(before: Fields, after: Fields, seed: int) -> None:
    """In every layout the result is what was wanted; without a difference not a byte changes."""
    text = Hostile(Random(seed)).text(before)  # noqa: S311
    assert patch(text, "cohort", before) == text
    assert same(values(patch(text, "cohort", after)), after)


@settings(max_examples=examples(40))
@given(cohorts, st.integers(0, 10**9), st.sampled_from(HANDLES))
def test_another_value_changes_nothing_but_that_value(before: Fields, seed: int, new: str) -> None:
    """One scalar for another: no other line differs, and every comment stays."""
    random = Random(seed)  # noqa: S311
    text, after = Hostile(random).text(before), copy.deepcopy(before)
    *path, last = random.choice(leaves(after))
    inside: Data = after
    for step in path:
        inside = inside[step]  # type: ignore[index, call-overload]
    inside[last] = new  # type: ignore[index, call-overload]
    result = patch(text, "cohort", after)
    assert same(values(result), after)
    assert comments(result) == comments(text)
    rows, kept = text.splitlines(), result.splitlines()
    assert len(rows) == len(kept)
    assert sum(one != other for one, other in zip(rows, kept, strict=True)) <= 1


def test_a_value_keeps_its_quotes_and_comment() -> None:
    """Only the word changes."""
    assert edited("data['defaults']['learning_aims'][0]['iqa'] = 'oscar-lind'") == [
        "-   learning_aims: [{standard: 41240, iqa: 'priya-shah'}]",
        "+   learning_aims: [{standard: 41240, iqa: 'oscar-lind'}]",
    ]


def test_one_holder_becomes_dated_entries_below_the_key() -> None:
    """The comment stays on the key's line."""
    assert edited(
        "data['defaults']['default_assessor'] = [{'staff': 'kate-anderson', 'until': '2026-11-30'},"
        " {'staff': 'james-fayre', 'from': '2026-12-01'}]"
    ) == [
        "-   default_assessor: kate-anderson      # since May",
        "+   default_assessor:      # since May",
        "+     - {staff: kate-anderson, until: 2026-11-30}",
        "+     - {staff: james-fayre, from: 2026-12-01}",
    ]


def test_dated_entries_become_one_holder_and_their_comments_stay() -> None:
    """What was said between the entries moves above the key."""
    assert edited("data['learners'][2]['default_assessor'] = 'james-fayre'") == [
        "+     # she goes",
        "-     default_assessor:        # who, until when",
        "+     default_assessor: james-fayre        # who, until when",
        "-       - {staff: kate-anderson, until: 2026-12-31}   # she goes",
        "-       - {staff: james-fayre,   from: 2027-01-01}",
    ]


def test_a_new_key_stands_behind_its_neighbour_as_they_are_written() -> None:
    """In a block on a line of its own, in brackets behind a comma."""
    assert edited("data['learners'][0]['default_assessor'] = 'james-fayre'") == [
        "+     default_assessor: james-fayre",
    ]
    assert edited("data['learners'][1]['units'][0]['iqa'] = 'oscar-lind'") == [
        "-   - {id: 200002, units: [ {unit: KS_COMM1,  assessor: kate-anderson} ]}",
        "+   - {id: 200002, units: [ {unit: KS_COMM1,  assessor: kate-anderson, iqa: oscar-lind} ]}",
    ]


def test_items_come_and_go_on_lines_of_their_own() -> None:
    """A list keeps its indentation."""
    assert edited("data['learners'][2]['additional'] = ['james-fayre', 'observer-lee']") == ["+     - james-fayre"]
    assert edited("data['learners'][2]['default_assessor'].pop(0)") == [
        "-       - {staff: kate-anderson, until: 2026-12-31}   # she goes"
    ]
    assert edited("data['learners'][2].pop('label')") == ['-   - label: "C"', "-     id: 200003", "+   - id: 200003"]


def test_json_stays_json() -> None:
    """In a file that has every key in quotes, what is new is in quotes too."""
    text = '{\n "version": 1,\n "learners": [\n  {\n   "id": 1\n  }\n ]\n}\n'
    assert edited("data['learners'][0]['default_assessor'] = [{'staff': 'kate-anderson'}]", text) == [
        '-    "id": 1',
        '+    "id": 1,',
        '+    "default_assessor": [{"staff": "kate-anderson"}]',
    ]
