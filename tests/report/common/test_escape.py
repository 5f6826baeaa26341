"""Text from files cannot become markup, whatever it holds: tried with a Markdown parser of somebody else's."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from reconciler.report.common.escape import code_span, comment_value, prose, visible
from reconciler.text import HIDDEN

PARSER = MarkdownIt("gfm-like", {"linkify": False}).enable("table")
NASTY_LETTERS = st.sampled_from("ab 1|`\\*_[]()<>!@#&;:/.~-+=\"'$\n\t\u202e\u200b\x1bé東.wGH")
NASTY = st.text(NASTY_LETTERS, max_size=24)
TEXTS = st.one_of(NASTY, st.text(max_size=30))
HARMLESS = {"text", "code_inline"}


def folded(text: str) -> str:
    return re.sub(" +", " ", visible(text)).strip()


def inline(tokens: list[Token]) -> list[Token]:
    return [child for token in tokens if token.type == "inline" for child in token.children or []]


def said(tokens: list[Token]) -> str:
    return "".join(child.content for child in inline(tokens))


def markup(tokens: list[Token]) -> set[str]:
    return {child.type for child in inline(tokens)} - HARMLESS


@given(TEXTS)
@example("ends in a backslash\\")
@example("`` ` ``")
@example("a|b\\|c")
def test_a_cell_says_what_the_text_says_and_ends_where_it_should(text: str) -> None:
    """Both ways of writing a value: the parser finds two cells, the text in the first, and no markup."""
    for written in (code_span(text, cell=True), prose(text, cell=True)):
        tokens = PARSER.parse(f"| a | b |\n|---|---|\n| {written} | end |\n")
        cells = [one.content for one in tokens if one.type == "inline"][2:]
        assert len(cells) == 2
        assert cells[1] == "end"
        assert markup(tokens) == set()
        assert said(tokens).replace("→", "->") == f"ab{folded(text)}end".replace("→", "->")


@given(TEXTS)
@example("1. first")
@example("- x")
@example("'- id:' or '- misid:', and 1. 'a b' \"c | d\"")
@example("`- x` (`a  b`), `c`d `e` `")
def test_a_sentence_says_what_the_text_says(text: str) -> None:
    """Outside of a table too, also where the text begins the line of a list; backticks around code may go."""
    for written, left_out in ((code_span(text), {}), (prose(text), {ord("`"): None})):
        tokens = PARSER.parse(f"- {written}\n") if written else []
        assert markup(tokens) == set()
        shown, meant = said(tokens).replace("→", "->"), folded(text).replace("→", "->")
        assert shown.translate(left_out) == meant.translate(left_out)
        assert [one.type for one in tokens].count("list_item_open") == bool(written)


@given(st.text(NASTY_LETTERS.filter(lambda letter: letter not in "'\"`"), max_size=24), st.sampled_from("'\""))
@example("- id:", "'")
@example("a | b\\", '"')
def test_a_quotation_is_plain_or_one_piece_of_code(text: str, quote: str) -> None:
    """A fix that names what to write in a file does not break it in two; the quotes are outside the code."""
    quoted = folded(text)
    if " " not in quoted:
        return
    sentence = f"Begin each with {quote}{quoted}{quote}, or ({quote}{quoted}{quote})."
    for written in (f"- {prose(sentence)}\n", f"| |\n|---|\n| {prose(sentence, cell=True)} |\n"):
        tokens = PARSER.parse(written)
        code = [token.content for token in inline(tokens) if token.type == "code_inline"]
        assert code in ([], [quoted, quoted])
        assert said(tokens) == sentence


def test_a_command_between_backticks_is_one_piece_of_code() -> None:
    """As a fix has it, with the marks of its sentence outside."""
    fix = "Run `reconciler plan --at 2026-12-01`, then `reconciler apply` (see `person`)."
    assert prose(fix) == fix


@pytest.mark.parametrize(
    "text",
    ["@kate", "#12", "GH-12", "a1b2c3d", "www.example.org", "https://example.org", "me@example.org", "settings.yaml",
     "KS_COMM1", "owner/name#3", "<b>", "&amp;", "![x](y)", ":smile:", "$x$", "==="],
)  # fmt: skip
def test_what_github_would_make_something_of_is_code(text: str) -> None:
    """Mentions, references, hashes, addresses, HTML, images, emoji, formulas: GitHub leaves code alone."""
    assert prose(f"see {text} there") == f"see `{text}` there"


@pytest.mark.parametrize(
    "text",
    [
        "LRN-0042: default assessor: kate-anderson → james-fayre (nobody before)",
        "Zoë's, 東京; 10 %",
        "an IQA for learning aim 41243.",
    ],
)
def test_plain_words_are_left_to_read(text: str) -> None:
    """A sentence of staff is no code."""
    assert prose(text) == text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("41243. It is", "`41243`. It is"),
        ("https://example.org/api/v2.1, organisation 5740", "`https://example.org/api/v2.1`, organisation 5740"),
        ("see https://example.org.", "see `https://example.org`."),
    ],
)
def test_the_marks_of_a_sentence_stand_outside_of_code(text: str, written: str) -> None:
    """A number that would begin a list, or an address, is code; what follows it is not part of it."""
    assert prose(text) == written


@given(st.text())
def test_a_value_in_a_comment_cannot_end_it(text: str) -> None:
    """Nothing but letters, digits and a few marks, never two hyphens, and it can be read back."""
    value = comment_value(text)
    assert re.fullmatch(r"[A-Za-z0-9%:/._-]*", value)
    assert "--" not in value


@given(
    st.text(alphabet=st.characters() | st.sampled_from("a❤\u200d\u200c\ufe0f\u115f\u3164\u034f\U000e0041\U000e0100"))
)
@example("a\ufe0f\u202e\u200d")
def test_nothing_that_is_visible_is_hidden(text: str) -> None:
    """One list of hidden characters for what is read and what is shown; plain text stays as it is."""
    seen = visible(text)
    assert seen.isprintable() and not HIDDEN.search(seen) and visible(seen) == seen
    assert seen == text or not text.isascii() or not text.isprintable()
