"""A saved plan is what was reviewed: it comes back exactly, or not at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model.plan import CaseloadRow, Change, Finding, Holding, ManualRemoval, Plan, Summary
from reconciler.model.slots import Handle, OrganisationId, Slot, SlotKind, Unread, UserId
from reconciler.model.structs import replace
from reconciler.onefile.wire import write_request
from reconciler.plan.document import Document, dumps, fingerprint, from_document, plan_faults, to_document
from reconciler.plan.operations import operations_for
from reconciler.problems import Invalid, Problem, Source
from tests.factories import DEFAULT, HANDLES, JAMES, KATE, LEARNER, LEE, NOON, additional, change, plan_of
from tests.marks import examples

# ------------------------------------------------------------------ any plan at all

IDS = st.integers(1, 10**9)
TEXT = st.text(max_size=12)
SOURCES = st.builds(Source, TEXT, st.integers(0, 10**6))
PEOPLE = IDS.map(UserId)
LEVELS = st.sampled_from(["error", "warning"])
NEEDS_PERSON = st.just(False)  # it decides on a retry while a run ends, and is no part of a plan
PROBLEMS = st.builds(
    Problem, TEXT, TEXT, st.none() | SOURCES, TEXT, LEVELS, st.lists(TEXT, max_size=2).map(tuple), TEXT, NEEDS_PERSON
)


def _keys(kind: SlotKind) -> st.SearchStrategy[int | str | None]:
    if kind in (SlotKind.UNIT_ASSESSOR, SlotKind.UNIT_IQA):
        return st.text(min_size=1, max_size=8)
    return st.none() if kind.value.startswith("default") else IDS


_SLOTS_OF = {kind: st.builds(Slot, st.just(kind), _keys(kind)) for kind in SlotKind}
SLOTS = st.sampled_from(SlotKind).flatmap(_SLOTS_OF.__getitem__)
_BEFORE = st.none() | PEOPLE | st.sampled_from(Unread)
_AFTER = st.none() | PEOPLE


@st.composite
def changes(draw: st.DrawFn) -> Change:
    slot = draw(SLOTS)
    row = change(slot, draw(_BEFORE), draw(_AFTER))
    if row.after is None and row.action == "create":
        row = replace(row, action="no-op")
    if draw(st.booleans()):
        row = replace(row, action="no-op", blocked=draw(st.sampled_from(["", "no such unit"])))
    return replace(
        row,
        learner=draw(PEOPLE),
        label=draw(TEXT),
        cohort=draw(TEXT),
        organisation=OrganisationId(draw(IDS)),
        held=draw(st.sampled_from(["", "report", "ignore"])),
        reason=draw(st.sampled_from(["declared", "drift", "cover", "unknown"])),
        recorded=not isinstance(row.before, Unread) and draw(st.booleans()),
        source=draw(SOURCES),
        pending=draw(st.booleans()),
    )


COUNTS = st.integers(0, 10**6)
HOLDINGS = st.builds(Holding, COUNTS, COUNTS, COUNTS, COUNTS)
HANDLE = TEXT.map(Handle)
MOMENTS = st.integers(-(10**9), 10**9).map(lambda seconds: NOON + timedelta(seconds=seconds))
STEPS = st.builds(
    ManualRemoval,
    st.from_regex(r"[0-9a-f]{8}", fullmatch=True),
    *[PEOPLE, SLOTS, PEOPLE, TEXT, TEXT, TEXT, SOURCES, TEXT, TEXT, st.none() | MOMENTS],
)
FINDINGS = st.builds(
    Finding,
    TEXT,
    st.sampled_from(["error", "warn", "off"]),
    TEXT,
    TEXT,
    st.none() | PEOPLE,
    TEXT,
    TEXT,
    st.none() | HANDLE,
    TEXT,
    st.none() | SOURCES,
    st.booleans(),
)


# Made once: hypothesis examines each strategy that it has not seen before, which takes longer than to draw from it.
_ROWS = st.lists(changes(), max_size=4, unique_by=lambda row: row.address)
_STEPS = st.lists(STEPS, max_size=2)
_PROBLEMS = st.lists(PROBLEMS, max_size=2)
_FINDINGS = st.lists(FINDINGS, max_size=2)
_CASELOAD = st.lists(st.builds(CaseloadRow, HANDLE, PEOPLE, HOLDINGS, HOLDINGS, st.none() | COUNTS), max_size=2)
_SUMMARIES = st.builds(Summary, *[COUNTS] * 10)
_HANDLES = st.dictionaries(PEOPLE, HANDLE, max_size=3)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    rows = tuple(draw(_ROWS))
    return Plan(
        target=draw(st.text(min_size=1, max_size=8)),
        organisation=OrganisationId(draw(IDS)),
        created_at=draw(MOMENTS),
        day=draw(st.dates(date(2000, 1, 1), date(2100, 1, 1))),
        changes=rows,
        operations=tuple(operations_for(rows)),
        manual=tuple(draw(_STEPS)),
        problems=tuple(draw(_PROBLEMS)),
        findings=tuple(draw(_FINDINGS)),
        refusals=tuple(draw(_PROBLEMS)),
        caseload=tuple(draw(_CASELOAD)),
        summary=draw(_SUMMARIES),
        handles=draw(_HANDLES),
        left_out=draw(COUNTS),
        base=draw(TEXT),
    )


def document_of(plan: Plan) -> Document:
    return to_document(plan)


def saved(plan: Plan) -> Any:
    """As it stands in a file, read again."""
    return json.loads(dumps(document_of(plan)).encode())


@settings(max_examples=examples(40))
@given(plans())
def test_learners_names_are_never_saved(plan: Plan) -> None:
    """A plan file is an artifact that many can read: names are for the report that is being made, and go with it."""
    named = replace(plan, names={UserId(learner): f"Zyxw{learner}" for learner in (1, *range(10, 20))})
    assert document_of(named) == document_of(plan)


@settings(max_examples=examples(50))
@given(plans())
def test_a_plan_survives_its_document(plan: Plan) -> None:
    """Written, printed, read and understood again it is the same plan, and makes the same document: each line that a
    change, a step or a finding stands at is in it."""
    document = saved(plan)
    again = from_document(document)
    assert again == plan
    assert document_of(again) == document
    calls = [(row["method"], row["path"], row["body"]) for row in document["operations"]]
    assert calls == [tuple(write_request(operation)) for operation in plan.operations]
    assert document == document_of(plan)


@settings(max_examples=examples(40))
@given(plans())
def test_every_document_fits_the_published_schema(plan: Plan) -> None:
    """Whoever reads plans by schemas/plan.schema.json can rely on it."""
    assert plan_faults(saved(plan)) == []


def test_text_that_no_file_can_hold_still_makes_a_plan_file() -> None:
    """A folder's name may hold half a surrogate pair, where its bytes were not UTF-8."""
    plan = plan_of([replace(change(DEFAULT, KATE, JAMES), source=Source("state-\udcff/cohorts/a.yaml", 3))])
    assert plan_faults(saved(plan)) == []
    assert from_document(saved(plan)).changes[0].source.file == "state-\udcff/cohorts/a.yaml"


# ------------------------------------------------------------------ altered documents

PLAN = replace(
    plan_of(
        [change(additional(LEE), Unread.UNREADABLE, LEE), change(DEFAULT, KATE, JAMES)],
        manual=(ManualRemoval("0123abcd", LEARNER, DEFAULT, KATE, "LRN-0042", "care", "Allocations", Source("a", 1)),),
        reads=3,
    ),
    problems=(Problem("what", "fix", Source("a", 1)),),
    findings=(Finding("coverage", "warn", "what", "fix", LEARNER),),
    refusals=(Problem("too much", "do less"),),
    caseload=(CaseloadRow(Handle("kate-anderson"), KATE, Holding(1, 2, 3, 4), Holding(), 10, 20),),
)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths to everything in a document that has a meaning of its own."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from leaves(inner, (*path, number))
    else:
        yield path


LEAVES = list(leaves(saved(PLAN)))
ROWS = [path for path in [path[:2] for path in LEAVES if len(path) > 2] if isinstance(path[1], int)]


def at(document: Any, path: tuple[Any, ...]) -> tuple[Any, Any]:
    """What holds the end of the path, and the last step to it."""
    for step in path[:-1]:
        document = document[step]
    return document, path[-1]


def refused(document: Any) -> bool:
    """Whether a plan file with this content would be used for nothing; it must never be a traceback."""
    if plan_faults(document):
        return True
    try:
        from_document(document)
    except Invalid:
        return True
    return False


@given(st.sampled_from(LEAVES), st.none() | st.booleans() | st.integers() | TEXT)
def test_a_document_with_any_value_altered_is_refused(path: tuple[Any, ...], value: object) -> None:
    """One id, word or count that is not as it was written, and the file is not the plan that was reviewed."""
    document = saved(PLAN)
    place, key = at(document, path)
    if (type(place[key]), place[key]) != (type(value), value):
        place[key] = value
        assert refused(document)


@given(st.sampled_from(LEAVES), st.integers(0, 400), st.sampled_from("0123456789abcxyz"))
def test_a_document_with_any_character_altered_is_refused(path: tuple[Any, ...], where: int, letter: str) -> None:
    """Also where the altered text still looks like an id, an address or a digest."""
    document = saved(PLAN)
    place, key = at(document, path)
    if isinstance(place[key], str) and place[key]:
        where %= len(place[key])
        altered = place[key][:where] + letter + place[key][where + 1 :]
        if altered != place[key]:
            place[key] = altered
            assert refused(document)


@pytest.mark.parametrize("path", sorted(set(ROWS), key=str), ids=str)
def test_a_document_with_a_row_lost_doubled_or_moved_is_refused(path: tuple[str, int]) -> None:
    """A merge that drops or repeats a line does not make a smaller plan."""
    part, number = path
    rows = saved(PLAN)[part]
    without, twice = [*rows[:number], *rows[number + 1 :]], [*rows[: number + 1], *rows[number:]]
    for altered in (without, twice, rows[::-1]):
        if altered != rows:
            assert refused(saved(PLAN) | {part: altered})


@pytest.mark.parametrize("key", sorted(saved(PLAN)))
def test_a_document_without_one_of_its_parts_is_refused(key: str) -> None:
    """Every part is needed, the digest first of all."""
    document = saved(PLAN)
    del document[key]
    assert refused(document)


@pytest.mark.parametrize("document", [None, 1, "plan", [], {}, [[[]]] * 3, {"digest": "\ud800"}], ids=repr)
def test_what_is_no_plan_at_all_is_refused_in_a_few_words(document: object) -> None:
    """Any JSON may be given for a plan."""
    assert 1 <= len(plan_faults(document)) <= 5


def test_a_document_nested_without_end_is_refused() -> None:
    """The validator stops at a depth; so do we, in words."""
    deep: object = []
    for _ in range(500):
        deep = [deep]
    assert len(plan_faults({"caseload": deep})) == 1


@given(st.sampled_from(LEAVES), st.none() | st.booleans() | st.integers() | TEXT | st.just({}) | st.just([]))
def test_a_document_signed_anew_is_never_a_traceback(path: tuple[Any, ...], value: object) -> None:
    """The digest shows accidents, not malice: whatever stands behind a right one is a plan or is refused."""
    document = saved(PLAN)
    place, key = at(document, path)
    place[key] = value
    refused(signed(document))


def signed(document: Any) -> Any:
    """The document with the digest that its content should have: anybody can make one."""
    content = {key: value for key, value in document.items() if key != "digest"}
    text = json.dumps(content, separators=(",", ":"), sort_keys=True)
    return content | {"digest": f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("resource_changes", 1, "address"), "learner[200005].default_assessor"),
        (("resource_changes", 1, "learner_id"), 200005),
        (("resource_changes", 1, "type"), "default_employer"),
        (("resource_changes", 1, "change", "after", "staff_id"), 1),
        (("resource_changes", 1, "change", "before", "staff_id"), 1),
        (("resource_changes", 1, "change", "actions"), ["no-op"]),
        (("operations", 1, "id"), "0123456789ab"),
        (("operations", 1, "addresses"), ["learner[200004].default_employer"]),
        (("manual_steps", 0, "learner_id"), 1),
        (("manual_steps", 0, "holder"), None),
    ],
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_rows_that_do_not_belong_together_are_refused_whatever_the_digest(path: tuple[Any, ...], value: object) -> None:
    """What the report shows and what is written cannot be made to differ."""
    document = saved(PLAN)
    place, key = at(document, path)
    place[key] = value
    with pytest.raises(Invalid):
        from_document(signed(document))


@pytest.mark.parametrize("version", ["3.0", "0.9"])
def test_another_major_format_is_refused_and_named(version: str) -> None:
    """Its rows may mean something else."""
    with pytest.raises(Invalid, match=rf"format is {version}"):
        from_document(signed(saved(PLAN) | {"reconciler_format": version}))


def test_a_newer_minor_format_is_read() -> None:
    """A minor number may add, and nothing that is here changes its meaning."""
    newer = signed(saved(PLAN) | {"reconciler_format": "1.7", "something_new": {"a": 1}})
    assert not plan_faults(newer)
    assert from_document(newer) == PLAN


def test_a_step_saved_before_it_told_the_way_and_the_owner_is_read() -> None:
    """They are told since; a plan of the same major format is still the plan that was reviewed."""
    document = saved(PLAN)
    for key in ("clicks", "owner", "first_seen"):
        del document["manual_steps"][0][key]
    assert not plan_faults(signed(document))
    assert from_document(signed(document)) == PLAN


ALTERED = "its content does not match its own digest: it was altered after it was made"
APART = "its rows do not belong together ({})"


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (saved(PLAN) | {"day": "2026-11-24"}, ALTERED),
        (signed(saved(PLAN) | {"operations": []}), APART.format("operations are not those of the changes")),
    ],
    ids=["altered", "of other changes"],
)
def test_a_plan_that_is_refused_says_why_and_how_to_get_another(document: Any, why: str) -> None:
    """Nothing in it can be mended by hand."""
    with pytest.raises(Invalid) as refusal:
        from_document(document, Source("plans/mine.json"))
    fix = "Make the plan again with: reconciler plan --out FILE"
    assert refusal.value.problems == (Problem(f"this plan cannot be used: {why}", fix, Source("plans/mine.json")),)


def test_a_row_that_names_two_learners_is_shown_with_both() -> None:
    """The address is what a reader sees, the number what would be written."""
    document = saved(PLAN)
    document["resource_changes"][1]["learner_id"] = 200005
    with pytest.raises(Invalid, match=r"learner\[200004\]\.default_assessor is not a slot of learner 200005"):
        from_document(signed(document))


# ------------------------------------------------------------------ fingerprints


def print_of(plan: Plan) -> str:
    return fingerprint(plan)


@pytest.mark.parametrize(
    "other",
    [
        [change(DEFAULT, None, JAMES)],
        [change(DEFAULT, Unread.UNREADABLE, JAMES)],
        [change(DEFAULT, LEE, JAMES)],
        [change(DEFAULT, KATE, LEE)],
        [change(DEFAULT, KATE, JAMES, learner=200005)],
        [change(DEFAULT, KATE, JAMES), change(additional(LEE), None, LEE)],
        [],
    ],
    ids=["nobody before", "unknown before", "another before", "another after", "another learner", "more", "none"],
)
def test_what_is_written_or_displaced_is_in_the_fingerprint(other: list[Change]) -> None:
    """An approval is for these writes over these values, and for no others."""
    assert print_of(plan_of(other)) != print_of(plan_of([change(DEFAULT, KATE, JAMES)]))


def test_the_order_of_writing_is_in_the_fingerprint() -> None:
    """Who comes before whom was approved too."""
    rows = [change(additional(LEE), None, LEE), change(DEFAULT, KATE, JAMES)]
    assert print_of(plan_of(rows)) != print_of(plan_of(rows[::-1]))


def test_what_changes_no_write_is_not_in_the_fingerprint() -> None:
    """An hour later, on another line or with another reason, it is the same plan to approve."""
    rows = [replace(row, source=Source("elsewhere.yaml", 99), reason="drift") for row in PLAN.changes]
    same = replace(
        PLAN,
        changes=(*rows, change(Slot(SlotKind.DEFAULT_EMPLOYER), None, None)),
        created_at=NOON + timedelta(hours=1),
        day=date(2027, 1, 1),
        problems=(),
    )
    assert print_of(same) == print_of(PLAN)


@pytest.mark.parametrize(
    "fields",
    [
        {"target": "practice"},
        {"organisation": OrganisationId(5741)},
        {"handles": {**HANDLES, KATE: Handle("kate-married")}},
        {"changes": tuple(replace(row, label="other") for row in PLAN.changes)},
        {"changes": tuple(replace(row, cohort="other") for row in PLAN.changes)},
        {"manual": ()},
        {"findings": ()},
        {"refusals": (Problem("too many", "Fewer."),)},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_where_it_writes_and_what_people_read_of_it_is_in_the_fingerprint(fields: dict[str, Any]) -> None:
    """An approval for one OneFile, one learner's name or one waived policy is for no other."""
    error = Finding("iqa_independent", "error", "the same person twice", "Declare another.", waived="until Friday")
    plan = replace(PLAN, findings=(error,))
    assert print_of(replace(plan, **fields)) != print_of(plan)


@pytest.mark.parametrize("key", ["policies", "limits", "manual_steps", "staff"])
def test_a_plan_without_what_was_reviewed_is_refused_whatever_its_digest(key: str) -> None:
    """Anybody can make the digest of a file again; the fingerprint is what was approved."""
    error = Finding("iqa_independent", "error", "the same person twice", "Declare another.")
    document = saved(replace(PLAN, findings=(error,), refusals=(Problem("too many", "Fewer."),)))
    document[key] = type(document[key])()
    with pytest.raises(Invalid, match="does not match its fingerprint"):
        from_document(signed(document))


def test_a_plan_of_an_older_version_is_read_and_gets_todays_fingerprint() -> None:
    """Its own covered the operations alone, so that an approval of it is none of what is shown."""
    older = saved(PLAN) | {"reconciler_format": "1.0", "fingerprint": f"sha256:{'0' * 64}"}
    assert print_of(from_document(signed(older))) == print_of(PLAN)


def test_the_document_has_one_row_a_line() -> None:
    """Two plans can be compared line by line."""
    lines = dumps(document_of(PLAN)).splitlines()
    assert sum(line.startswith('  {"address"') for line in lines) == len(PLAN.changes)
