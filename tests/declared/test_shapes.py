"""Learners of a known shape are read as the YAML reader reads them, or not at all: values, lines and problems."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import indent

import pytest
import yaml
from hypothesis import event, given
from hypothesis import strategies as st

from reconciler.declared import load as loading
from reconciler.declared.cohort import LearnerEntry
from reconciler.declared.cohort_file import CohortFile, read_file
from reconciler.declared.load import read_declared
from reconciler.declared.shapes import PAYS_FROM, ShapedEntry, Shapes, explain, split
from reconciler.model.declared import Declared, PlainSlots
from reconciler.model.slots import Slot
from reconciler.model.structs import replace
from reconciler.problems import Invalid, Problem
from tests.declared.files import DAY, STAFF, centre
from tests.declared.test_one_verdict import BODIES, STATES, VALUES

ROOT = Path(__file__).resolve().parents[2]
NEVER = 10**9
"""Entries of one shape before it is explained, where every file is to be parsed as a whole."""

HEAD = "version: 1\ncohort: care-2\n"
DEFAULTS = "defaults:  # of all\n  default_assessor: james-fayre\n  additional: [observer-lee]\n"
ENTRIES = {
    "block": (
        "id: {n}\n    label: LRN-{n}\n    default_assessor: {a}\n    learning_aims:\n      - standard: 412{k}\n"
        "        assessor: {a}\n        iqa: priya-shah\n    additional:\n      - observer-lee"
    ),
    "flow": (
        "id: {n}\n    label: Zoë O'Neil {k}\n    learning_aims: [{{standard: 412{k}, assessor: {a}}}, "
        "{{standard: 41240, iqa: priya-shah}}]\n    units: [{{unit: KS_{k}, assessor: {a}}}]\n"
        "    additional: [{a}, observer-lee]"
    ),
    "quoted": 'misid: "LRN {n}"\n    label: "{n}"\n    units: [{{unit: "CS/3#{k}", assessor: "{a}"}}]',
    "dated": (
        "misid: LRN{n}\n    default_assessor:  # both days are included\n      - {{staff: {a}, until: 2026-12-31}}\n"
        "      - {{staff: null, from: 2027-01-01}}\n    default_employer: null"
    ),
    "short": "id: {n}\n",
}
TAILS = (
    "",
    "\n",
    "\norganisation: 5741\n",
    "\n# end\n",
    "\ndefaults:\n  additional:\n  - kate-anderson\n  - observer-lee\n",
)


def entry(form: str, n: int) -> str:
    handles = ("kate-anderson", "james-fayre")
    return ENTRIES[form].format(n=200_000 + n, k=41 + n % 7, a=handles[n % 2])


def file_of(*forms: str, defaults: bool = False, tail: str = "\n") -> str:
    entries = "".join(f"\n  - {entry(form, n)}" for n, form in enumerate(forms))
    return f"{HEAD}{DEFAULTS if defaults else ''}learners:{entries}{tail}"


def content(file: CohortFile) -> CohortFile:
    """Return the file with parsed entries in place of shaped ones."""
    learners = tuple(LearnerEntry(one.id, one.misid, one.label, one.line, one.slots) for one in file.entry.learners)
    return replace(file, entry=replace(file.entry, learners=learners))


def shaped(file: CohortFile) -> int:
    return sum(isinstance(learner, ShapedEntry) for learner in file.entry.learners)


def read_both(path: Path, text: str, shapes: Shapes) -> int:
    """Read a text in both ways, which must agree; return the number of learners of a known shape."""
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    fast, slow = read_file(path, shapes), read_file(path, Shapes(NEVER))
    assert content(fast) == content(slow), text
    return shaped(fast)


# ------------------------------------------------------------------ agreement


@pytest.mark.parametrize("defaults", [False, True])
@pytest.mark.parametrize("form", ENTRIES)
def test_no_entry_of_a_plain_form_needs_parsing(form: str, defaults: bool, tmp_path: Path) -> None:
    """As `fmt` and `import` write them, and as people do; with Windows' line ends too."""
    text = file_of(*[form] * 5, defaults=defaults)
    assert read_both(tmp_path / "care-2.yaml", text, Shapes(1)) == 5
    assert read_both(tmp_path / "care-2.yaml", text.replace("\n", "\r\n"), Shapes(1)) == 5


@pytest.mark.parametrize("tail", TAILS)
def test_different_shapes_may_alternate(tail: str, tmp_path: Path) -> None:
    """In any order, with something after the learners or nothing."""
    assert read_both(tmp_path / "care-2.yaml", file_of(*[*ENTRIES] * 3, tail=tail), Shapes(1)) >= 12


@pytest.mark.parametrize(
    "line", ["cohort: {0}", "cohort: '{0}'", "cohort: {0}\ncohort: {0}", "cohort: {0}  # the name", "cohort: any", ""]
)
@pytest.mark.parametrize("name", ["care-1", "care", "con", "null", "2026-a", "any-1", "care-" + "a" * 64, "care-null"])
def test_a_cohort_has_the_name_of_its_own_file(name: str, line: str, tmp_path: Path) -> None:
    """Also if the rest of the file was read before, for another one of another name."""
    text = f"version: 1\n{line}\nlearners:\n  - id: 200001\n  - id: 200002\n"
    for file in (name, "other-2", name):
        read_both(tmp_path / f"{file}.yaml", text.format(file), Shapes(1))


@pytest.mark.parametrize("body", BODIES["cohort"])
def test_a_value_is_accepted_only_if_it_is_read_the_same(body: str, tmp_path: Path) -> None:
    """Every value that some reader of YAML takes for something special, in every field, bare and in quotes."""
    sound = {"id": "7", "standard": "41240", "until": "2026-12-31"}.get(
        body.split(": @")[0].rpartition(" ")[2], "kate-anderson"
    )
    accepted = 0
    for form, values in ((sound, VALUES), (f'"{sound}"', [f'"{value}"' for value in VALUES])):
        shape = explain(body.replace("@", form))
        for value in values if shape else ():
            if shape.read(body.replace("@", value), 5):
                text = f"{HEAD}learners:\n  - id: 9\n  - {body.replace('@', form)}\n  - {body.replace('@', value)}\n"
                read_both(tmp_path / "care-2.yaml", text, Shapes(1))
                accepted += 1
    assert accepted or body.endswith("until: @")


def test_a_list_that_names_something_twice_is_left_to_the_yaml_reader(tmp_path: Path) -> None:
    """A standard, a unit or an additional person."""
    path = tmp_path / "care-2.yaml"
    text = file_of(*["flow"] * 4)
    for twice in ("standard: 41241", "observer-lee, observer-lee"):
        faulty = (
            text.replace("standard: 41240, iqa", f"{twice}, iqa")
            if "standard" in twice
            else text.replace("james-fayre, observer-lee", twice)
        )
        assert read_both(path, faulty, Shapes(1)) == 0
        assert read_file(path, Shapes(1)).problems


@pytest.mark.parametrize("first", ["", " ", "# note", "default_employer: null"])
def test_an_entry_is_on_the_line_where_the_yaml_reader_says(first: str, tmp_path: Path) -> None:
    """Also if its first key is below its `- `."""
    entries = "".join(f"  - {first}\n    label: LRN-{n}\n    misid: LRN{n}\n" for n in range(4))
    read_both(tmp_path / "care-2.yaml", f"{HEAD}learners:\n{entries}", Shapes(1))


HOSTILE = [
    *"\"'[]{}#&*!|>%@`:,?-\\\t\r\n\x85\u2028\u200b\xad\ufeff\u0301é~=",
    "- ",
    "  ",
    ": ",
    " #",
    "\n\n",
    "\n---\n",
]
HOSTILE += [
    "...",
    "<<<<<<< a\n",
    "null",
    "True",
    "'x",
    '"x',
    "[x",
    "|\n",
    ">-\n",
    "\n  - ",
    "\n    ",
    "id: 7",
    "\n  - id: 200001",
]
HOSTILE += ["\nlearners:", "marked-value-1", "900000001", "2147483648", "0012", "1e3", "staff: null"]


MILD = ["kate-anderson", "observer-lee", "a", "1", " ", "\n", "  # note", "\n    # note: it's his", "\n\n  - misid: Q"]


def slips(seed: int) -> Iterator[str]:
    """Yield plain files after one to three slips each: text put in, lost, doubled or moved, by letters or by lines."""
    draw = random.Random(seed)  # noqa: S311  the same slips in every run
    while True:
        forms = draw.choices([*ENTRIES], k=draw.randint(3, 6))
        text = file_of(*forms, defaults=draw.random() < 0.3, tail=draw.choice(TAILS))
        words = HOSTILE if draw.random() < 0.3 else MILD
        for _ in range(draw.choice([1, 1, 1, 2, 3])):
            start = draw.randrange(len(text))
            end = min(len(text), start + draw.choice([0, 0, 1, 2, 8, 40]))
            if draw.random() < 0.3:  # whole lines
                start, end = text.rfind("\n", 0, start) + 1, text.find("\n", end) + 1 or len(text)
            word, place, kept = draw.choice(words), draw.randrange(len(text)), draw.random() < 0.7
            if draw.random() < 0.8:
                text = text[:start] + word + text[start if kept else end :]
            else:
                part, rest = text[start:end], text if kept else text[:start] + text[end:]
                text = rest[:place] + part + rest[place:]
        yield text


def agree_on(count: int, seed: int, path: Path) -> int:
    """Read so many files in both ways, with shapes that are kept from file to file; count those in two parts."""
    shapes, in_parts = Shapes(1), 0
    for number, text in zip(range(count), slips(seed), strict=False):
        if number % 100 == 0:
            shapes = Shapes(1)
        in_parts += read_both(path, text, shapes) > 0
    return in_parts


def test_both_readers_agree_after_any_slip(tmp_path: Path) -> None:
    """On values, lines and every problem; a good part of the files is still read by shape."""
    assert agree_on(400, 1, tmp_path / "care-2.yaml") > 40


@pytest.mark.long
def test_both_readers_agree_after_a_hundred_thousand_slips(tmp_path: Path) -> None:
    """The result is written down in benchmarks/fuzz.md."""
    assert agree_on(100_000, 2, tmp_path / "care-2.yaml") > 10_000


@pytest.mark.parametrize("part", ["x ", " ", "- ", "[", "a: ", '{a: "', "'"])
def test_a_long_line_takes_no_longer_than_its_length(part: str) -> None:
    """Whatever it repeats: a pattern that tried every way to read it would never come to an end."""
    line = f"x{part * 10**6}z#"
    for text in (
        f"{line}\nlearners:\n  - id: 1",
        f"learners:\n  - id: 1\n    label: {line}\n  - id: 1\n    label: {line}",
    ):
        assert split(text, Shapes(1)) is None


# ------------------------------------------------------------------ the whole state folder


def outcome(state: Path) -> tuple[object, tuple[Problem, ...]]:
    try:
        declared = read_declared(state, DAY, ahead_days=100)
    except Invalid as error:
        return None, error.problems
    return repr(ordered(declared)), declared.warnings  # which has the lines too


def ordered(declared: Declared) -> Declared:
    """Put the slots of each learner in plan order, in which those on demand are, and the others need not be."""
    learners = (replace(one, slots=dict(sorted(one.slots.items(), key=slot_order))) for one in declared.learners)
    return replace(declared, learners=tuple(learners), everyone=())


def slot_order(item: tuple[Slot, object]) -> tuple[int, int, str]:
    return item[0].order()


@pytest.mark.parametrize("state", STATES, ids=lambda state: str(state.relative_to(ROOT)))
def test_a_state_says_the_same_with_shapes_and_without(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every state of the suite, with faults and without: the same declaration, or the same messages in order."""
    monkeypatch.setattr(loading, "Shapes", lambda: Shapes(1))
    fast = outcome(state)
    monkeypatch.setattr(loading, "Shapes", lambda: Shapes(NEVER))
    assert fast == outcome(state)


SLIPS = {
    "an unknown handle": ("iqa: priya-shah", "iqa: nobody-known"),
    "a wrong role": ("iqa: priya-shah", "iqa: kate-anderson"),
    "an id that is there twice": ("id: 200003", "id: 200001"),
    "a label that is there twice": ("label: LRN-3", "label: LRN-1"),
    "an account of staff": ("id: 200003", "id: {staff}"),
}


@given(st.lists(st.sampled_from(["block", "flow", "quoted", "short", "dated"]), min_size=5, max_size=8), st.data())
def test_the_rules_say_the_same_of_learners_of_one_shape(forms: list[str], data: st.DataObject) -> None:
    """Whoever of many has a slip, and in whatever order: the same problems, in the same order."""
    slips = data.draw(st.sets(st.sampled_from([*SLIPS]), max_size=3))
    text = file_of(*forms, defaults=True)
    for slip in sorted(slips):
        before, after = SLIPS[slip]
        text = text.replace(before, after.format(staff=re.findall(r"id: ([0-9]+)", STAFF)[0]), 1)
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        state = centre(Path(folder), text.removeprefix(HEAD))
        patch.setattr(loading, "Shapes", lambda: Shapes(1))
        fast = outcome(state)
        patch.setattr(loading, "Shapes", lambda: Shapes(NEVER))
        assert fast == outcome(state)


@st.composite
def _holding(draw: st.DrawFn) -> dict[str, object]:
    """Return the keys of an entry, or of the defaults: some of them, in any order, each with people who may hold it."""
    assessor, iqa = (
        st.sampled_from(["kate-anderson", "james-fayre", "noor-haddad"]),
        st.sampled_from(["priya-shah", "oscar-lind"]),
    )
    standards, units = st.sampled_from([41240, 41241]), st.sampled_from(["KS_1", "KS_2"])
    aim = {"standard": standards, "assessor": assessor, "iqa": iqa}
    unit = {"unit": units, "assessor": assessor, "iqa": iqa}
    people = st.sampled_from(["observer-lee", "kate-anderson", "priya-shah", "noor-haddad"])
    keys: dict[str, st.SearchStrategy[object]] = {
        "default_assessor": st.none() | assessor,
        "default_employer": st.just("acme-mentor"),
        "learning_aims": st.lists(st.fixed_dictionaries(aim), min_size=1, max_size=2, unique_by=itemgetter("standard")),
        "units": st.lists(st.fixed_dictionaries(unit), min_size=1, max_size=2, unique_by=itemgetter("unit")),
        "additional": st.lists(people, min_size=1, max_size=3, unique=True),
    }
    chosen = draw(st.lists(st.sampled_from([*keys]), min_size=1, unique=True))
    return {key: draw(keys[key]) for key in chosen}


def _yaml(value: object) -> str:
    return yaml.safe_dump(value, sort_keys=False)


@given(
    st.just({}) | _holding(),
    st.lists(_holding(), min_size=1, max_size=3),
    st.sampled_from(["kate-anderson", "priya-shah"]),
    st.sampled_from(["2026-01-01", "2026-12-15", "2031-01-01"]),
)
def test_slots_on_demand_are_those_that_are_resolved_at_once(
    defaults: dict[str, object], forms: list[dict[str, object]], covered: str, start: str
) -> None:
    """With any defaults, with cover on the day, soon, or far ahead: holders, lines, order and number are the same."""
    cover = f", cover: [{{by: {'oscar-lind' if covered == 'priya-shah' else 'james-fayre'}, from: {start}}}]}}"
    staff = re.sub(rf"(?m)^(  {covered}: .*)}}$", rf"\1{cover}", STAFF)
    entries = [_yaml([{"id": 200_000 + number} | form]) for number, form in enumerate(forms * 2)]
    text = f"{_yaml({'defaults': defaults}) if defaults else ''}learners:\n{indent(''.join(entries), '  ')}"
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        state = centre(Path(folder), text, staff=staff)
        patch.setattr(loading, "Shapes", lambda: Shapes(1))
        declared = read_declared(state, DAY, ahead_days=100)
        patch.setattr(loading, "Shapes", lambda: Shapes(NEVER))
        at_once = read_declared(state, DAY, ahead_days=100)
    event(f"on demand: {any(isinstance(learner.slots, PlainSlots) for learner in declared.learners)}")
    for learner, other in zip(declared.learners, at_once.learners, strict=True):
        assert isinstance(other.slots, dict)
        assert len(learner.slots) == len(other.slots)
        assert [*learner.holders.items()] == [*other.holders.items()]
        if isinstance(learner.slots, PlainSlots):
            line, below = learner.source.line, learner.slots.offsets()
            assert [line + each for each in below] == [other.slots[slot].source.line for slot in learner.holders]
            assert {wanted.source.file for wanted in other.slots.values()} == {learner.source.file}
            assert {wanted.reason for wanted in other.slots.values()} == {"declared"}
    assert repr(ordered(declared)) == repr(ordered(at_once))


def test_learners_without_slots_of_their_own_share_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read by shape or not, they have one set of slots."""
    monkeypatch.setattr(loading, "Shapes", lambda: Shapes(1))
    state = centre(tmp_path, file_of(*["short"] * 4, defaults=True).removeprefix(HEAD))
    assert len({id(learner.slots) for learner in read_declared(state, DAY).learners}) == 1


# ------------------------------------------------------------------ the gain


def test_files_as_people_and_programs_write_them_are_plain() -> None:
    """The example of the README, and what `init` writes: all learners are read by shape."""
    for path in [*ROOT.glob("state/cohorts/*.yaml"), *ROOT.glob("starter/*/state/cohorts/*.yaml")]:
        learners = read_file(path, Shapes(NEVER)).entry.learners
        assert shaped(read_file(path, Shapes(1))) == len(learners), path


def test_of_a_large_centre_little_is_parsed() -> None:
    """Of each shape as many entries as pay."""
    shapes = Shapes()
    parts = [split(file_of(*["block", "flow"] * 100), shapes) for _ in range(5)]
    parsed = sum(isinstance(one, int) for part in parts if part for one in part.learners)
    assert parsed <= 2 * PAYS_FROM
