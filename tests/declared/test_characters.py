"""Characters that readers disagree on or that nobody sees never reach a declaration, in any file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.declared.load import read_declared
from reconciler.declared.schema import check
from reconciler.declared.yaml_loader import load_text
from reconciler.problems import Invalid
from reconciler.text import HIDDEN, shown
from tests.declared.files import DAY, SETTINGS, STAFF, centre

BREAKS = "\r\x85\u2028\u2029"
UNSEEN = "\xad\u034f\u061c\u200b\u200e\u202a\u202e\u2060\u2066\u3164\ufeff\U000e0041"
COHORT = "version: 1\ncohort: care\nlearners:\n  - id: 200004\n    default_assessor: kate-anderson  # moved\n"


@given(st.sampled_from(BREAKS + UNSEEN), st.data())
def test_such_a_character_is_refused_wherever_it_is(char: str, data: st.DataObject) -> None:
    """With its line and code point, in each of the three kinds of file, in a value, a key or a comment."""
    text = data.draw(st.sampled_from([SETTINGS, STAFF, COHORT]))
    place = data.draw(st.integers(1, len(text) - 1).filter(lambda place: (char, text[place]) != ("\r", "\n")))
    [problem] = load_text(text[:place] + char + text[place:], "a.yaml").problems
    assert f"U+{ord(char):04X}" in problem.what
    assert problem.source is not None and problem.source.line == text.count("\n", 0, place) + 1


@pytest.mark.parametrize("text", ["👩\u200d🏫", "✔\ufe0f", "1\ufe0f\u20e3", "می\u200cخواهم", "Zoë", "e\u0301"])
def test_letters_and_symbols_that_need_a_joiner_keep_it(text: str) -> None:
    """Emoji and scripts beyond ASCII are text like any other."""
    assert load_text(f"a: '{text}'  # {text}\n", "a.yaml").problems == []


@given(st.text(st.sampled_from(UNSEEN + "\u200d\ufe0fabé "), max_size=8))
def test_a_message_shows_what_cannot_be_seen(text: str) -> None:
    """As an escape, so that the reader sees that it is there."""
    assert not HIDDEN.search(shown(text))


@pytest.mark.parametrize("file", ["settings.yaml", "staff.yaml", "cohorts/care.yaml"])
def test_a_comment_never_becomes_a_declaration(file: str, tmp_path: Path) -> None:
    """For git and an editor it is a comment; for YAML 1.1 another key follows on a line of its own."""
    state = centre(tmp_path, "learners: []\n")
    with (state / file).open("a", encoding="utf-8", newline="") as handle:
        handle.write("# end\u2028version: 2\n")
    with pytest.raises(Invalid, match="U\\+2028"):
        read_declared(state, DAY)


@pytest.mark.parametrize(
    "word",
    [
        "~",
        "Null",
        "NULL",
        "True",
        "FALSE",
        "007",
        "+5",
        "-0.0",
        "1.5",
        "1e3",
        ".5",
        "5.",
        "0x1F",
        "0o17",
        ".inf",
        ".NaN",
        "1_000",
        "0b11",
        "=",
    ],
)
def test_text_that_others_take_for_something_else_needs_quotes(word: str) -> None:
    """An editor or check-jsonschema refuses it as a number, a truth value or null; here it says what to write."""
    for value, refused in ((word, True), (f'"{word}"', False)):
        document = load_text(f"version: 1\ncohort: care\nlearners:\n  - misid: {value}\n", "care.yaml")
        check(document, "cohort")
        assert bool(document.problems) == refused
    assert f'"{word}"' in _problems(word)[0]


def _problems(word: str) -> list[str]:
    document = load_text(f"version: 1\ncohort: care\nlearners:\n  - misid: {word}\n", "care.yaml")
    check(document, "cohort")
    return [problem.fix for problem in document.problems]


@pytest.mark.parametrize(
    "word", ["2026-12-01", "no", "off", "KS_COMM1", "_1000", "12:30", "1.2.3", "0x", "e3", "LRN-1"]
)
def test_text_that_every_reader_takes_for_text_needs_none(word: str) -> None:
    """Days and words stay as people write them."""
    assert _problems(word) == []
