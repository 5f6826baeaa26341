"""The strict reader: what it takes, what it refuses, and that it never fails in another way."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.declared import yaml_loader as yamlfile
from reconciler.declared.folder import SIZE_CAP
from reconciler.declared.yaml_loader import DEPTH_CAP, Ambiguous, Fields, Items, Value, load, load_text, read_text
from reconciler.text import HIDDEN

# What YAML is made of, so that random texts meet the reader's rules and not only its first line of defence.
SYNTAX = [
    "- ",
    ": ",
    "? ",
    "\n",
    "\n  ",
    "\n    ",
    "{",
    "}",
    "[",
    "]",
    ", ",
    "&a ",
    "*a",
    "!t ",
    "<<",
    "|\n",
    ">\n",
    "#",
]
WORDS = [
    "id",
    "null",
    "~",
    "no",
    "0012",
    "-7",
    "12:30",
    "1e3",
    "'",
    '"',
    "\\",
    "\t",
    "\x00",
    "é",
    "---",
    "...",
    "%",
    "@",
]
YAML_LIKE = st.lists(st.sampled_from(SYNTAX + WORDS), max_size=40).map("".join)


def one(text: str) -> Value:
    document = load_text(f"key: {text}\n", "a.yaml")
    assert document.problems == []
    assert isinstance(document.value, Fields)
    return document.value["key"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None),
        ("true", True),
        ("false", False),
        ("0", 0),
        ("-7", -7),
        ("200004", 200004),
        ("2026-12-01", "2026-12-01"),
        ("no", "no"),
        ("Yes", "Yes"),
        ("off", "off"),
        ("True", "True"),
        ("NULL", "NULL"),
        ("~", "~"),
        ("0.3", "0.3"),
        ("1e3", "1e3"),
        (".inf", ".inf"),
        ("0012", "0012"),
        ("+7", "+7"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("٣", "٣"),
        ("=", "="),
        ('"200004"', "200004"),
        ("'null'", "null"),
        ("|\n  two\n  lines\n", "two\nlines\n"),
    ],
)
def test_only_null_true_false_and_plain_whole_numbers_are_not_text(text: str, value: Value) -> None:
    """No date, no octal, no Norway problem: everything else reads as it is written."""
    found = one(text)
    assert (found, str if isinstance(found, Ambiguous) else type(found)) == (value, type(value))


def test_every_key_and_item_keeps_its_line() -> None:
    """Lines are those of an editor, counted from 1, also inside brackets."""
    document = load_text("a: 1\nb:\n  - c: 2\n    d: [3,\n      4]\n  - 5\n", "a.yaml")
    assert isinstance(document.value, Fields)
    items = document.value["b"]
    assert isinstance(items, Items)
    inner = items[0]
    assert isinstance(inner, Fields)
    numbers = inner["d"]
    assert isinstance(numbers, Items)
    assert (document.value.lines, items.lines, inner.lines, numbers.lines) == (
        {"a": 1, "b": 2},
        [3, 6],
        {"c": 3, "d": 4},
        [4, 5],
    )


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    """Windows editors write one; the first key is still the first key."""
    path = tmp_path / "a.yaml"
    path.write_bytes("\ufeffversion: 1\n".encode())
    document = load(path, "a.yaml")
    assert (document.value, document.problems) == ({"version": 1}, [])


def test_a_nesting_as_deep_as_allowed_is_read() -> None:
    """The cap refuses one level more, not the last one."""
    assert load_text("[" * DEPTH_CAP + "]" * DEPTH_CAP, "a.yaml").problems == []
    assert len(load_text("[" * (DEPTH_CAP + 1) + "]" * (DEPTH_CAP + 1), "a.yaml").problems) == 1


def test_a_file_over_the_cap_is_refused_without_reading_it_all(tmp_path: Path) -> None:
    """The message says the cap; the file is sparse, so nothing of that size was ever written."""
    path = tmp_path / "a.yaml"
    with path.open("wb") as file:
        file.truncate(SIZE_CAP + 1)
    [problem] = load(path, "a.yaml").problems
    assert problem.what == "the file is larger than 20 MB"


def test_a_file_of_unknown_size_is_read_to_its_end() -> None:
    """As is one to which another program adds; the system's own files are said to have no bytes."""
    place = Path("/proc/self/limits")
    if not place.exists():
        pytest.skip("only Linux has such files")
    assert place.stat().st_size == 0
    assert read_text(place) == place.read_text("utf-8")


def test_a_second_copy_of_a_key_does_not_hide_later_problems() -> None:
    """One reading tells all duplicates, anchors, tags and empty values of a file."""
    document = load_text("a: 1\na: 2\nb: &x 3\nb: *x\nc:\nd: !t 4\n<<: {e: 5}\n", "a.yaml")
    assert [problem.source.line for problem in document.problems if problem.source] == [2, 3, 4, 4, 5, 6, 7]


@settings(deadline=None)
@given(st.one_of(st.text(), YAML_LIKE))
def test_any_text_ends_in_values_or_problems(text: str) -> None:
    """Never in another exception; and a text without a value has a problem that says why."""
    document = load_text(text, "a.yaml")
    assert document.problems or text.strip(" \t\r\n")  # a no-break space is a text to YAML
    assert all(problem.what and problem.fix and problem.source for problem in document.problems)


@settings(deadline=None)
@given(st.one_of(st.text(), YAML_LIKE, st.just('"\\UFFFFFFFF"'), st.just('"\\ud800"')))
def test_the_slow_parser_takes_and_refuses_the_same(text: str) -> None:
    """Where PyYAML has no libyaml, its own parser gives the same values, and problems where there were problems."""
    fast = load_text(text, "a.yaml")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yamlfile, "Parser", yaml.SafeLoader)
        slow = load_text(text, "a.yaml")
    if not fast.problems and not slow.problems:
        assert slow.value == fast.value


@pytest.mark.parametrize("key", ["1.50", "007", "-0", "0x10", "1_000", "~", "true", "=", "9" * 19])
def test_a_key_that_others_take_for_another_type_needs_quotes(key: str) -> None:
    """Two such keys may be the same key elsewhere: 1.5 and 1.50, or 1 and true."""
    [problem] = load_text(f"a:\n  {key}: 1\n", "a.yaml").problems
    assert problem.source
    assert problem.source.line == 2
    assert load_text(f'a:\n  "{key}": 1\n', "a.yaml").problems == []


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_end_in_values_or_problems(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    """What is no UTF-8 is refused with the line where that begins."""
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(raw)
    document = load(path, "a.yaml")
    assert all(problem.source is not None for problem in document.problems)


# U+0085, U+2028 and U+2029 end lines in YAML 1.1, and PyYAML's own two parsers disagree on them inside quotes
TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x85\u2028\u2029")).filter(
    lambda text: not HIDDEN.search(text)
)
KEYS = TEXT.filter(lambda text: not yamlfile._OTHER_TYPE.fullmatch(text))  # PyYAML leaves some of them without quotes
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


class PlainDumper(yaml.SafeDumper):
    """Writes a value out each time it occurs, where PyYAML would write an alias."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(KEYS, JSON), st.sampled_from([True, False, None]))
def test_the_reader_agrees_with_safe_load_where_yaml_is_plain(value: object, flow: bool | None) -> None:
    """What PyYAML writes for JSON-like values reads back as those values, in block and in flow style."""
    text = yaml.dump(value, Dumper=PlainDumper, default_flow_style=flow, allow_unicode=True)
    document = load_text(text, "a.yaml")
    if "\t" in text:  # PyYAML writes raw tabs into quoted texts; we refuse them anywhere
        assert [problem.what[:5] for problem in document.problems] == ["a tab"]
    else:
        assert (document.value, document.problems) == (yaml.safe_load(text), [])
