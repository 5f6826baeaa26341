"""Grouping of rows: nothing is lost, and rows that differ only in the learner are one row."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.slots import SlotKind
from reconciler.plan.calendar import Breach, ChangeCalendar
from reconciler.problems import Problem, Source
from reconciler.report.calendar import markdown as calendar_markdown
from reconciler.report.calendar import text as calendar_text
from reconciler.report.common.grouping import MANY_ROWS, Entry, grouped, learners_words
from reconciler.report.common.notices import Notices, problem_notice

LEARNERS = st.sampled_from([f"LRN-{number:03}" for number in range(40)])
ENTRIES = st.lists(
    st.builds(
        Entry,
        order=st.integers(0, 2),
        who=LEARNERS,
        cohort=st.sampled_from(["care", "it"]),
        slot=st.sampled_from(list(SlotKind)),
        place=st.sampled_from([f"IQA of learning aim {number}" for number in range(6)]),
        people=st.sampled_from(["kate -> james", "nobody -> priya", "add lee"]),
        why=st.sampled_from(["declared", "cover"]),
        mark=st.sampled_from(["", "cannot be verified"]),
        source=st.one_of(st.none(), st.builds(Source, st.just("state/cohorts/care.yaml"), st.integers(1, 9))),
    ),
    max_size=60,
)


@given(ENTRIES, st.booleans())
def test_every_entry_is_in_exactly_one_group(entries: list[Entry], verbose: bool) -> None:
    """Grouping cuts nothing, and what a reader must see is equal within a group."""
    groups = grouped(entries, verbose=verbose)
    assert sorted(map(id, entries)) == sorted(id(entry) for group in groups for entry in group.entries)
    for group in groups:
        assert len({entry.same_people() for entry in group.entries}) == 1
        assert group.spelled_out <= (len({entry.alike() for entry in group.entries}) == 1)


@given(ENTRIES)
def test_few_kinds_of_row_are_a_row_each(entries: list[Entry]) -> None:
    """Up to a limit each slot is named; beyond it, there are as many rows as pairs of people and reasons at most."""
    groups = grouped(entries)
    kinds = len({entry.alike() for entry in entries})
    assert (
        len(groups) == kinds if kinds <= MANY_ROWS else len(groups) == len({entry.same_people() for entry in entries})
    )


@given(ENTRIES)
def test_verbose_spells_out(entries: list[Entry]) -> None:
    """A row for each slot, in the order given."""
    assert [group.first for group in grouped(entries, verbose=True)] == entries


def test_a_group_names_the_first_and_the_last_learner() -> None:
    """And counts those between."""
    assert learners_words(["LRN-2"]) == "LRN-2"
    assert learners_words(["LRN-2", "LRN-1", "LRN-2"]) == "LRN-1 and LRN-2"
    assert learners_words([f"learner {number}" for number in range(8, 13)]) == "5 learners, learner 8 to learner 12"
    assert learners_words(["LRN-3", "LRN-2", "LRN-1"], cohorts=2) == "3 learners in 2 cohorts, LRN-1 to LRN-3"


def test_a_day_that_breaks_one_policy_for_many_learners_says_the_fix_once() -> None:
    """In the calendar as in a plan; --verbose spells each out."""
    day = date(2027, 2, 1)
    problems = [
        Problem(f"learner {number}: no IQA from then on", "Declare an IQA.", Source("state/cohorts/c1.yaml", number))
        for number in range(1, 31)
    ]
    calendar = ChangeCalendar(5740, day, day, (), (), tuple(Breach(day, problem) for problem in problems))
    shown, markdown = calendar_text.render_text(calendar), calendar_markdown.render_markdown(calendar)
    for report in (shown, markdown):
        assert report.count("Declare an IQA.") == 1
        assert "30 learners, learner 1 to learner 30" in report.replace("`", "")
    assert calendar_text.render_text(calendar, verbose=True).count("Declare an IQA.") == 30


@given(
    st.lists(
        st.tuples(st.sampled_from(["LRN-0101: kate is archived", "learner 7: kate is archived"]), st.integers(1, 4))
    )
)
def test_every_line_of_a_notice_says_something(problems: list[tuple[str, int]]) -> None:
    """Also if one learner has one problem on several lines of a file, and nothing says which part names the learner."""
    items = tuple(problem_notice(Problem(what, "Look.", Source("c1.yaml", line))) for what, line in problems)
    for cause in Notices("Set aside", "problem", items).causes():
        for _, what in cause.lines():
            assert what.endswith("kate is archived")
            assert not what.startswith(":")
