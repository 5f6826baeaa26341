"""Whatever stands in the files: what is declared comes back, or every problem with its place, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.declared.load import read_declared
from reconciler.problems import Invalid
from tests.declared.files import DAY, SETTINGS, STAFF

COHORT = """version: 1
cohort: care
defaults:
  default_assessor: kate-anderson
  learning_aims: [{standard: 41240, assessor: kate-anderson, iqa: priya-shah}]
  additional: [observer-lee]
learners:
  - id: 200004
    label: LRN-0042
    default_assessor:
      - {staff: kate-anderson, until: 2026-12-31}
      - {staff: james-fayre, from: 2027-01-01}
    units: [{unit: KS_COMM1, assessor: kate-anderson, iqa: priya-shah}]
  - misid: LRN00043
    default_employer: null
"""
COVERED = STAFF.replace(
    "132757, role: assessor", "132757, role: assessor, cover: [{by: james-fayre, from: 2026-12-01}]"
)
WAIVERS = """waivers:
  - {policy: coverage, learner: 200004, reason: new, approved_by: quality-lead, until: 2027-01-31}
"""
FILES = {
    "settings.yaml": f"{SETTINGS}drift: {{unit_iqa: ignore}}\nlimits: {{create: {{share: 0.5}}}}\n{WAIVERS}",
    "staff.yaml": COVERED,
    "cohorts/care.yaml": COHORT,
}
WORDS = sorted({word for text in FILES.values() for word in text.replace(",", " ").replace("{", " ").split()})
ODD = [
    "null",
    "~",
    "0",
    "-1",
    "0012",
    "2026-02-30",
    "9999-12-31",
    "[]",
    "{}",
    '""',
    "&a",
    "*a",
    "!t",
    "\t",
    "é",
    "#",
    "- ",
]


@st.composite
def edited(draw: st.DrawFn) -> dict[str, str]:
    """Draw the good files after a few slips: words replaced, lines lost, doubled, moved or indented."""
    files = dict(FILES)
    for _ in range(draw(st.integers(1, 4))):
        name = draw(st.sampled_from(sorted(files)))
        lines = files[name].splitlines()
        at = draw(st.integers(0, len(lines) - 1))
        slip = draw(st.sampled_from(["word", "lose", "double", "swap", "indent", "odd"]))
        if slip == "word":
            before, after = draw(st.sampled_from(WORDS)), draw(st.sampled_from(WORDS + ODD))
            lines[at] = lines[at].replace(before, after, 1)
        elif slip == "lose" and len(lines) > 1:
            del lines[at]
        elif slip == "double":
            lines.insert(at, lines[at])
        elif slip == "swap":
            other = draw(st.integers(0, len(lines) - 1))
            lines[at], lines[other] = lines[other], lines[at]
        elif slip == "indent":
            lines[at] = "  " + lines[at]
        else:
            key, colon, _ = lines[at].partition(": ")
            lines[at] = f"{key}{colon}{draw(st.sampled_from(ODD))}"
        files[name] = "\n".join(lines) + "\n"
    return files


@settings(deadline=None, max_examples=200)
@given(edited())
def test_any_slip_ends_in_a_declared_state_or_in_problems(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, str]
) -> None:
    """Never a traceback; and every problem has a place, words and a fix."""
    state = tmp_path_factory.getbasetemp() / "slips" / "state"
    (state / "cohorts").mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (state / name).write_text(text, encoding="utf-8")
    try:
        problems = read_declared(state, DAY).warnings
    except Invalid as invalid:
        problems = invalid.problems
        assert problems
    assert all(problem.what and problem.fix and problem.source for problem in problems)


def test_the_files_before_any_slip_are_good(tmp_path: Path) -> None:
    """Else every slip would find the same problem."""
    (tmp_path / "cohorts").mkdir()
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert len(read_declared(tmp_path, DAY).learners) == 2
