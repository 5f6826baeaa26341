"""The text report: what it says, in which order, and that nothing in it can play tricks on a terminal."""

from __future__ import annotations

import re
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.operations import Outcome, Proof, State
from reconciler.model.plan import Change, Finding, ManualRemoval, Plan
from reconciler.model.slots import Unread
from reconciler.model.structs import replace
from reconciler.problems import Problem, Source
from reconciler.report.common.escape import visible
from reconciler.report.common.grouping import MANY_ROWS
from reconciler.report.outcome.text import render_text as render_outcomes
from reconciler.report.outcome.view import outcome_view
from reconciler.report.plan.markdown import render_markdown
from reconciler.report.plan.text import SCREEN
from reconciler.report.plan.text import render_text as render_plan
from reconciler.report.problems.text import render_text as render_problems
from tests.factories import (
    ACME,
    AIM,
    DEFAULT,
    EMPLOYER,
    HANDLES,
    JAMES,
    KATE,
    LEE,
    PRIYA,
    UNIT,
    additional,
    change,
    plan_of,
)
from tests.report.plans import REMOVAL, everything, hostile_plan

UNREADABLE = Unread.UNREADABLE
COLOUR = re.compile(r"\x1b\[[0-9]+m")


def plan(*changes: Change, manual: tuple[ManualRemoval, ...] = (), reads: int = 0) -> Plan:
    return plan_of(changes, manual=manual, reads=reads)


def text(plan: Plan, *, width: int = 100, verbose: bool = False) -> str:
    return render_plan(plan, fingerprint="sha256:0123", width=width, verbose=verbose)


# ------------------------------------------------------------------ a plan


def test_a_plan_says_what_matters_first_and_every_change_in_words() -> None:
    """Counts and cost, what refuses, what is set aside, manual steps, caseloads, then the changes by cohort."""
    assert text(everything()) == (
        """\
Plan for sandbox, organisation 5740, as declared for 2026-11-23, made 2026-11-23 12:00 UTC
Blocked: 1 limit, 1 policy finding. Nothing is applied while a limit or a policy refuses this plan.
1 to fill, 1 to reassign, 1 to add (cannot be verified), 1 to remove by hand, 2 set aside, 1 drifted
  and only reported, 1 unchanged.
181 calls to read, 3 to write, about 37 s
Fingerprint sha256:0123

Refused by limits (1)
  limits.reassign: the plan reassigns 9 slots
    Fix: Raise it.

Refused by policies (1)
  state/cohorts/care.yaml:14: LRN-0042: one person
    Fix: Declare another. [iqa_independent]

Problems that set slots aside; the rest goes ahead (1)
  state/cohorts/it.yaml:4: learner 200006 is archived
    Fix: Remove the learner.

Manual removals needed: the API cannot remove people (1)
  LRN-0042: remove observer-lee from the additional people: the learner's Access Accounts tab (step
      8416d012)
    Afterwards: reconciler done STEP --by NAME

Policy warnings (1)
  state/cohorts/care.yaml:14: LRN-0042: no IQA
    Fix: Declare one. [coverage]

Warnings (1)
  state/cohorts/care.yaml:14: the last dated entry has passed
    Fix: Add one.

Waived (1)
  LRN-0042: tom-reed
    Waived: for a week (head) [trainee_assessor]

Who gains and who loses learners
  staff          learners      default   learning aim  unit    target  max
  james-fayre    9 -> 11   +2  9 -> 10   0             0 -> 1  10      12   above the target
  kate-anderson  42 -> 41  -1  41 -> 40  2 -> 3        0       30      40   above the maximum
  priya-shah     5             0         5             0       5       5

Changes: + fill  ~ reassign  - remove by hand  ! set aside  = left as it is
care
  - LRN-0042: additional people: remove observer-lee, by hand (from our record, not verified)
      [state/cohorts/care.yaml:10]
  ~ LRN-0042: default assessor: kate-anderson -> james-fayre  [state/cohorts/care.yaml:11]
  + LRN-0042: assessor of learning aim 41242: nobody -> kate-anderson  [cover,
      state/cohorts/care.yaml:13]
  = LRN-0042: default employer: OneFile holds account 9 (not in staff.yaml), the files say
      acme-mentor  [drift, reported only, state/cohorts/care.yaml:12]
it
  ! learner 200006: 2 slots set aside: archived
  + learner 200005: assessor of unit KS_COMM1: not shown -> james-fayre (cannot be verified)
      [state/cohorts/it.yaml:12]

Blocked: 1 limit, 1 policy finding. Nothing is applied while a limit or a policy refuses this plan.
1 to fill, 1 to reassign, 1 to add (cannot be verified), 1 to remove by hand, 2 set aside, 1 drifted
  and only reported, 1 unchanged.
"""
    )


def test_an_empty_plan_says_so_in_one_sentence() -> None:
    """Nothing to do is the first thing said, and what it costs to know."""
    assert text(plan(change(DEFAULT, KATE, KATE), reads=3)) == (
        """\
Plan for sandbox, organisation 5740, as declared for 2026-11-23, made 2026-11-23 12:00 UTC
No changes. OneFile holds what the files declare.
3 calls to read, 0 to write, about 1 s
"""
    )


def test_an_empty_plan_tells_what_it_could_not_see() -> None:
    """Recorded values are not verified; a slot without a known holder that should be empty is not as declared."""
    seen = text(plan(change(AIM, KATE, KATE, recorded=True), change(UNIT, UNREADABLE, None, action="no-op")))
    assert "\nNothing to write: 1 unknown, 1 unchanged.\n" in seen
    assert "1 unchanged slot cannot be verified (OneFile does not show it).\n" in seen
    assert "1 slot is unknown (1 unit assessor): the files say nobody, and neither OneFile nor our record" in seen
    assert "  ? LRN-0042: assessor of unit KS_COMM1: OneFile holds somebody or nobody" in seen


def test_unknown_slots_that_should_be_empty_are_counted() -> None:
    """By kind in the headline, and as one row."""
    unknown = [change(UNIT, UNREADABLE, None, action="no-op", learner=one, label="") for one in range(1, 12)]
    assert "11 slots are unknown (11 unit assessors)" in text(plan(*unknown))
    assert text(plan(*unknown)).count("\n  ?") == 1
    assert text(plan(*unknown), verbose=True).count("\n  ?") == 11


@pytest.mark.parametrize("held", ["report", "ignore"])
def test_drift_that_is_left_alone_is_not_called_in_sync(held: Literal["report", "ignore"]) -> None:
    """If OneFile differs from the files, the report never says that it holds what they declare."""
    drifted = replace(change(EMPLOYER, ACME, LEE, action="no-op", reason="drift"), held=held)
    seen = text(plan(drifted))
    assert "No changes" not in seen
    assert "Nothing to write. Left to differ, as settings.drift says: 1 slot." in seen
    assert "  = LRN-0042: default employer: OneFile holds acme-mentor, the files say observer-lee" in seen


def test_a_scope_without_slots_is_not_called_in_sync() -> None:
    """An empty scope is more often a mistake than an agreement."""
    assert "No changes. The files declare no slot in this scope." in text(plan())


def test_a_recorded_holder_is_called_unverified() -> None:
    """A holder known only from our record is marked."""
    seen = text(plan(change(AIM, KATE, JAMES, recorded=True)), width=300)
    assert "kate-anderson -> james-fayre (from our record, not verified)" in seen


def test_rows_that_differ_only_in_the_learner_are_one_row() -> None:
    """With how many there are, the first, the last and one line of the files."""
    rows = [change(DEFAULT, KATE, JAMES, learner=number, label=f"LRN-{number:02}", line=number) for number in (3, 1, 2)]
    assert (
        "  ~ 3 learners, LRN-01 to LRN-03: default assessor: kate-anderson -> james-fayre"
        "  [state/cohorts/business-admin-l3-2026.yaml:1, 2 more]\n"
    ) in text(plan(*rows), width=200)


def test_many_rows_with_the_same_people_are_one_row() -> None:
    """Across slots, which are counted by kind; a row that is alone keeps its slot."""
    rows = [
        change(AIM._replace(key=number), KATE, PRIYA if number > 2 * MANY_ROWS else JAMES, learner=number, label="")
        for number in range(1, 2 * MANY_ROWS + 2)
    ]
    seen = text(plan(*rows, change(UNIT, KATE, JAMES, learner=3)), width=200)
    assert (
        "  ~ 21 learners, LRN-0042 to learner 20: kate-anderson -> james-fayre "
        "(20 learning aim assessors, 1 unit assessor)  ["
    ) in seen
    assert "  ~ learner 21: assessor of learning aim 21: kate-anderson -> priya-shah  [" in seen


@pytest.mark.parametrize(("count", "verbose"), [(MANY_ROWS // 2, False), (MANY_ROWS + 5, True)])
def test_few_rows_or_verbose_are_spelled_out(count: int, verbose: bool) -> None:
    """A few different slots have a row each, and so has every slot with --verbose."""
    rows = [change(AIM._replace(key=number), UNREADABLE, JAMES, learner=number) for number in range(1, count + 1)]
    assert text(plan(*rows), width=200, verbose=verbose).count("(cannot be verified)  [") == count


def test_a_long_plan_ends_with_its_verdict() -> None:
    """A reader at the end of a long text need not scroll back to know whether it is blocked."""
    rows = [change(AIM._replace(key=number), KATE, JAMES, learner=number) for number in range(SCREEN)]
    assert text(plan(*rows), verbose=True).endswith(f"\n\n{SCREEN} to reassign, 0 unchanged.\n")


def test_a_plan_that_writes_nothing_shows_no_fingerprint() -> None:
    """There is nothing to approve."""
    assert "Fingerprint" not in text(plan(change(DEFAULT, KATE, KATE)))


def test_the_same_plan_gives_the_same_text() -> None:
    """Nothing but the arguments goes into the text."""
    assert text(everything()) == text(everything())


def test_colour_adds_codes_and_nothing_else() -> None:
    """Without the codes, the coloured text is the plain one; without colour there is no code."""
    coloured = render_plan(everything(), fingerprint="sha256:0123", colour=True)
    assert COLOUR.sub("", coloured) == text(everything())
    assert "\x1b[31m!\x1b[0m learner 200006" in coloured
    assert "\x1b" not in text(everything())


@pytest.mark.parametrize("width", [40, 60, 100, 200])
def test_prose_keeps_to_the_width(width: int) -> None:
    """No wrapped line is longer, but for a single word that is."""
    findings = (Finding("coverage", "warn", "word " * 100, "word " * 100),)
    lines = text(replace(plan(), findings=findings), width=width).splitlines()
    assert max(len(line) for line in lines if "word" in line) <= width


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min 0 s"), (83, "1 min 23 s"), (3600, "1 h 0 min"), (20001, "5 h 34 min")],
)
def test_a_duration_is_told_in_units_that_people_use(seconds: int, words: str) -> None:
    """Rounded up, because a forecast should not end early."""
    empty = plan()
    seen = text(replace(empty, summary=replace(empty.summary, seconds=seconds)))
    assert f"about {words}\n" in seen


# ------------------------------------------------------------------ hostile text

HOSTILE = "\x1b[2J\x9b31m\r\n\u202eevil\u200b\ud800\u2028\x07"


def test_what_a_terminal_would_obey_or_hide_is_shown() -> None:
    """Escape sequences, line breaks, direction and zero-width marks, lone surrogates: all are written out."""
    assert visible(HOSTILE) == r"\x1b[2J\x9b31m\r\n\u202eevil\u200b\ud800\u2028\x07"


def test_ordinary_text_is_left_as_it_is() -> None:
    """Letters of every script, punctuation and emoji are printable."""
    assert visible("Zoë Ñuñez – 東京 · 👍 'a' \\ b") == "Zoë Ñuñez – 東京 · 👍 'a' \\ b"


def hostile(words: str) -> str:
    """Every report, with the words wherever files or OneFile may have put them."""
    whole, outcomes = hostile_plan(words)
    return (
        render_plan(whole, fingerprint=words)
        + render_outcomes(outcome_view(whole, outcomes, fingerprint=words, run=1, spent_calls=1))
        + render_problems(whole.problems)
    )


@given(st.text(min_size=1))
def test_no_report_lets_unprintable_text_through(words: str) -> None:
    """Whatever stands in a label, a handle, a reason or an answer, each line of every report is printable."""
    assert all(line.isprintable() for line in hostile(words).split("\n"))


@given(st.text(alphabet="\n\r\x0b\x0c\x1c\x85\u2028\u2029", min_size=1, max_size=3))
def test_no_text_can_add_a_line(breaks: str) -> None:
    """A line break in a label cannot forge a line of the report."""
    forged = f"{breaks}+ forged"
    assert not any(line.lstrip().startswith("+ forged") for line in hostile(forged).splitlines())


# ------------------------------------------------------------------ outcomes


def test_outcomes_tell_how_each_operation_ended_and_what_proves_it() -> None:
    """Totals first, then what needs somebody, then what is done, then what is still to do by hand."""
    changes = [
        change(additional(LEE), UNREADABLE, LEE),
        change(DEFAULT, KATE, JAMES),
        change(EMPLOYER, None, ACME),
        *(change(AIM, KATE, JAMES, learner=200005 + number, label="") for number in range(6)),
    ]
    whole = plan_of(changes, manual=(REMOVAL,))
    ends: list[tuple[State, str, Proof]] = [
        (State.DONE, "", "unreadable"),
        (State.DONE, "", "read_back"),
        (State.FAILED, "400: not allowed", ""),
        (State.CONFLICT, "somebody else is there now", ""),
        (State.UNKNOWN, "no answer", ""),
        (State.ALREADY_DONE, "", "read_back"),
        (State.NOT_TRIED, "the run was stopped", ""),
        (State.DONE, "", ""),
    ]
    outcomes = [
        Outcome(operation, state, detail, proof)
        for operation, (state, detail, proof) in zip(whole.operations, ends, strict=True)
    ]
    seen = render_outcomes(outcome_view(whole, outcomes, fingerprint="sha256:0123", run=12, spent_calls=33))
    assert seen == (
        """\
Run 12 on sandbox, organisation 5740: 3 done, 1 already done, 1 not tried, 1 in conflict, 1 unknown,
  1 failed, 33 calls
2 of the 3 done cannot be verified
Fingerprint sha256:0123

Failed (1)
  learner 200005: assessor of learning aim 41242: kate-anderson -> james-fayre: 400: not allowed

Unknown: these may have taken effect; look in OneFile (1)
  learner 200007: assessor of learning aim 41242: kate-anderson -> james-fayre: no answer

Conflict: changed in OneFile since the plan, left alone; plan again (1)
  learner 200006: assessor of learning aim 41242: kate-anderson -> james-fayre: somebody else is
      there now

Not tried (1)
  learner 200009: assessor of learning aim 41242: kate-anderson -> james-fayre: the run was stopped

Already done: the slot had the new holder before this run wrote (1)
  learner 200008: assessor of learning aim 41242: kate-anderson -> james-fayre

Done (3)
  LRN-0042: additional people: add observer-lee: not verified
  LRN-0042: default assessor: kate-anderson -> james-fayre: read back
  LRN-0042: default employer: nobody -> acme-mentor: read back
  learner 200010: assessor of learning aim 41242: kate-anderson -> james-fayre: not read back

Manual removals still needed: the API cannot remove people (1)
  LRN-0042: remove observer-lee from the additional people: the learner's Access Accounts tab (step
      8416d012)
    Afterwards: reconciler done STEP --by NAME
"""
    )


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_its_words(state: State) -> None:
    """No operation is left out of the report, whatever state a run that was cut off left it in."""
    whole = plan(change(DEFAULT, KATE, JAMES))
    seen = render_outcomes(
        outcome_view(whole, [Outcome(whole.operations[0], state)], fingerprint="", run=1, spent_calls=1)
    )
    assert "default assessor: kate-anderson -> james-fayre" in seen
    assert "nothing to write" not in seen


def test_what_a_waiver_let_pass_is_told_of_the_run_too() -> None:
    """An exception shows in every report."""
    assert "Waived: for a week (head)" in render_outcomes(
        outcome_view(everything(), [], fingerprint="", run=1, spent_calls=1)
    )


def test_what_ended_a_run_early_is_told_before_its_outcomes() -> None:
    """The copy that is saved has no other place for it."""
    problem = Problem("stopped before the end", "Run apply again.")
    seen = render_outcomes(
        outcome_view(plan(), [], fingerprint="sha256:0123", run=3, spent_calls=1, problems=[problem])
    )
    assert seen.endswith("\nRun ended early (1)\n  stopped before the end\n    Fix: Run apply again.\n")


def test_a_run_without_operations_says_so() -> None:
    """No outcome is not a success of anything."""
    seen = render_outcomes(outcome_view(plan(), [], fingerprint="sha256:0123", run=3, spent_calls=1))
    assert seen == "Run 3 on sandbox, organisation 5740: nothing to write, 1 call\n"


# ------------------------------------------------------------------ problems


def test_problems_are_told_by_place_and_counted() -> None:
    """File and line begin the line, unwrapped, as editors expect; the count comes last."""
    problems = [
        Problem("'kate-andersen' is not in staff.yaml", "did you mean kate-anderson?", Source("a.yaml", 14)),
        Problem("nothing here", "Declare a learner.", where="--cohort care"),
        Problem("an entry has passed", "Add one.", Source("a.yaml", 20), severity="warning"),
        Problem("no place", "None."),
    ]
    assert render_problems(problems) == (
        """\
a.yaml:14: 'kate-andersen' is not in staff.yaml
  Fix: did you mean kate-anderson?
--cohort care: nothing here
  Fix: Declare a learner.
a.yaml:20: warning: an entry has passed
  Fix: Add one.
no place
  Fix: None.
3 problems, 1 warning
"""
    )


def test_no_problems_are_no_text() -> None:
    """Nothing wrong, nothing said."""
    assert render_problems([]) == ""


def test_no_learner_or_member_of_staff_goes_without_a_name() -> None:
    """A learner without a label is an id, and so is an account that no file names."""
    seen = text(replace(plan(change(DEFAULT, KATE, JAMES, label="")), handles={JAMES: HANDLES[JAMES]}), width=200)
    assert "learner 200004: default assessor: account 132757 (not in staff.yaml) -> james-fayre" in seen


def test_below_its_plan_a_run_is_a_few_lines() -> None:
    """What was done is counted by its proof, with the command that lists it; what failed is still spelled out."""
    rows = [change(AIM._replace(key=number), KATE, JAMES, learner=number, label="") for number in range(1, 8)]
    whole = plan_of(rows)
    ends = [
        Outcome(one, State.FAILED if n == 3 else State.DONE, "", "read_back") for n, one in enumerate(whole.operations)
    ]
    view = outcome_view(whole, ends, fingerprint="sha256:0123", run=12, spent_calls=33)
    seen = render_outcomes(view, below_plan=True)
    assert "Done (6): 6 read back; see: reconciler history 12" in seen
    assert "Failed (1)\n  learner 4: assessor of learning aim 4" in seen
    assert len(seen.splitlines()) < 8


# ------------------------------------------------------------------ measures


def test_many_changes_of_one_cause_fit_a_screen_and_a_short_comment() -> None:
    """One member of staff takes 3,000 learners from another: a few rows in every format."""
    rows = [
        change(DEFAULT, KATE, JAMES, learner=number, label=f"LRN-{number}", cohort=f"cohort-{number % 40}")
        for number in range(200_000, 203_000)
    ]
    many = plan(*rows)
    assert len(text(many).splitlines()) <= 40
    assert len(render_markdown(many, fingerprint="sha256:0123").encode()) <= 4_000
