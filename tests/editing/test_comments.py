"""Comments are people's reasons: whatever is laid out or replaced, each is still there."""

from __future__ import annotations

import re
from datetime import date

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reconciler.declared.schema import check
from reconciler.declared.yaml_loader import load_text
from reconciler.editing.format import format_text
from reconciler.editing.patch import patch
from reconciler.editing.replace import Replace
from reconciler.editing.yaml_tree import data_of, parse
from tests.marks import examples

BLOCK = """version: 1
cohort: care
defaults:
  default_assessor: kate-anderson
  additional: [observer-lee]
learners:
  - id: 200004
    default_assessor: >-  # KEEP0
      kate-anderson
    units: [{unit: "KS 1", assessor: kate-anderson}, {unit: "KS 2", iqa: priya-shah, assessor: kate-anderson}]
  - label: |-   # KEEP1
      some text
    id: 200005
    default_assessor:
      - staff: kate-anderson
        until: 2026-12-31
      - {staff: james-fayre, from: 2027-01-01}
    learning_aims:
    - standard: 41240
      assessor: 'kate-anderson'
    additional:
    - kate-anderson
    - {staff: noor-haddad, until: 2027-01-01}
"""
FLOW = """version: 1
? cohort
: care
learners: [{id: 1, default_assessor: [{staff: kate-anderson, until: 2026-12-31}, {staff: null, from: 2027-01-01}]},
  {id: 2,
   default_assessor: "kate-anderson"
  }
]
"""
START = date(2027, 2, 1)


@st.composite
def commented(draw: st.DrawFn) -> str:
    """Draw a valid text with comments where a parser may see one, with or without a space before them."""
    text = draw(st.sampled_from([BLOCK, FLOW]))
    for number in range(2, draw(st.integers(3, 5))):
        places = [match.start() for match in re.finditer(r"(?=[ \n,\[\]{}])|(?<=[-:>|])", text)]
        place = draw(st.sampled_from(places))
        note = draw(st.sampled_from([" # KEEP", "# KEEP", "  # KEEP"])) + str(number)
        more = "" if text[place] == "\n" else "\n" + " " * draw(st.integers(0, 8))
        text = text[:place] + note + more + text[place:]
    document = load_text(text, "care.yaml")
    check(document, "cohort")
    assume(not document.problems)
    return text


def kept(text: str) -> list[str]:
    return sorted(re.findall(r"KEEP\d", text))


@settings(deadline=None, max_examples=examples(60))
@given(commented())
def test_a_layout_keeps_every_comment(text: str) -> None:
    """Behind a block's sign, inside brackets, between a key and its value, or without a space before it."""
    after = format_text(text, "cohort")
    assert kept(after) == kept(text)
    assert format_text(after, "cohort") == after


@settings(deadline=None, max_examples=examples(60))
@given(commented(), st.sampled_from([None, START]))
def test_a_replacement_keeps_every_comment(text: str, start: date | None) -> None:
    """One holder for another takes no comment with it."""
    data = data_of(parse(text))
    assert isinstance(data, dict)
    Replace("kate-anderson", "james-fayre", start, date(2026, 11, 28)).in_cohort("care", data, None)
    assert kept(patch(text, "cohort", data)) == kept(text)
