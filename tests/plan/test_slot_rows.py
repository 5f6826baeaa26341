"""Rows in pieces: the text of a plan is the one that its whole document gives, and no piece grows with the plan."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.declared import DeclaredLearner, Wanted
from reconciler.model.plan import Change, Changes, Plan, UnchangedLearner
from reconciler.model.slots import Handle, OrganisationId, Slot, SlotKind, UserId
from reconciler.model.structs import replace
from reconciler.plan.document import document_texts, dumps, to_document
from reconciler.problems import Source
from reconciler.report.common.escape import harmless
from tests.factories import AIM, DEFAULT, EMPLOYER, JAMES, KATE, LEE, UNIT, additional, plan_of
from tests.plan.test_document import changes, signed

SAMPLE = "7" + "0" * 17
"""The number in place of a value in a pattern."""
HOSTILE = [
    "",
    "LRN-1",
    "##vso[task]",
    "::error::",
    "%s%%",
    "Zoë \u200b \u2028",
    "\x7f\x00",
    "half: \udc80",
    f"{SAMPLE}0",
]
TEXT = st.sampled_from(HOSTILE) | st.text(max_size=8)
UNITS = st.sampled_from(
    [UNIT, *(Slot(SlotKind.UNIT_IQA, key) for key in (SAMPLE, f"{SAMPLE}4", "%d", "\u7000" + "0" * 17))]
)
SLOTS = st.sampled_from([DEFAULT, EMPLOYER, AIM, additional(LEE), additional(KATE)]) | UNITS
STAFF = st.sampled_from([KATE, JAMES, LEE, UserId(999), UserId(7 * 10**17)])


@st.composite
def unchanged(draw: st.DrawFn) -> UnchangedLearner:
    """A learner as declared, whose slots may be in several files and have a holder without a handle, or nobody."""
    slots = tuple(draw(st.lists(SLOTS, min_size=1, max_size=4, unique=True)))
    files = st.sampled_from(["state/cohorts/a.yaml"] * 4 + ["state/staff.yaml"])
    wanted = {
        slot: Wanted(
            UserId(int(slot.key or 0)) if slot.kind is SlotKind.ADDITIONAL else draw(STAFF),
            None,
            Source(draw(files), draw(st.integers(0, 99))),
            draw(st.sampled_from(["declared", "cover"])),
        )
        for slot in slots
    }
    user = UserId(draw(st.integers(1, 9)))
    source = Source("state/cohorts/a.yaml", 1)
    learner = DeclaredLearner(
        user, None, draw(TEXT), draw(TEXT), OrganisationId(draw(st.integers(1, 9))), wanted, source
    )
    return UnchangedLearner(user, learner, slots, frozenset(draw(st.sets(st.sampled_from(slots)))))


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    groups = draw(st.lists(unchanged() | st.lists(changes(), max_size=3), max_size=4))
    handles = {UserId(KATE): Handle(draw(TEXT)), UserId(JAMES): Handle("james")}
    return replace(plan_of([]), changes=Changes(groups), handles=handles)


def one_by_one(document: dict[str, Any]) -> Iterator[str]:
    """The lines of a saved plan, each value encoded by Python's own library."""
    start = "{\n "
    for key, value in document.items():
        brief = (",", ":") if key.startswith("unchanged") else None
        rows = (
            [json.dumps(row, ensure_ascii=False, separators=brief) for row in value] if isinstance(value, list) else []
        )
        text = "[\n  {}\n ]".format(",\n  ".join(rows)) if rows else json.dumps(value, ensure_ascii=False)
        yield f"{start}{json.dumps(key)}: {text}"
        start = ",\n "
    yield "\n}\n"


@given(plans(), st.booleans())
def test_a_plan_in_pieces_is_its_document_encoded_value_by_value(plan: Plan, full: bool) -> None:
    """Byte by byte, with the same digest, and as harmless to whoever prints it."""
    document = to_document(plan, full=full)
    assert signed(document) == document
    text = "".join(one_by_one(document)).encode("utf-8", "backslashreplace").decode()
    pieces = list(document_texts(plan, full=full))
    assert "".join(pieces) == dumps(document) == text
    assert "".join(harmless(piece, "json") for piece in pieces) == harmless(text, "json")


@given(plans())
def test_a_plan_of_single_changes_has_the_same_text(plan: Plan) -> None:
    """As one that was saved and read back has."""
    single: tuple[Change, ...] = tuple(plan.changes)
    assert "".join(document_texts(replace(plan, changes=single))) == "".join(document_texts(plan))


def test_no_piece_grows_with_the_plan() -> None:
    """Twenty times the learners have the same largest piece, so the plan's text is never held as a whole."""

    def largest(learners: int) -> int:
        wanted = {slot: Wanted(KATE, None, Source("a.yaml", 1)) for slot in (DEFAULT, AIM, UNIT)}
        learner = DeclaredLearner(None, None, "LRN", "a", OrganisationId(1), wanted, Source("a.yaml", 1))
        groups = [
            UnchangedLearner(UserId(10_000 + user), learner, tuple(wanted), frozenset()) for user in range(learners)
        ]
        return max(map(len, document_texts(replace(plan_of([]), changes=Changes(groups)))))

    assert largest(1_000) == largest(50)
