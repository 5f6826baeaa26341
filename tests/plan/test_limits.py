"""Limits: what one run, or one cohort, may change before the plan is refused."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.model.declared import Allowance, Declared, Limits, Settings, Waiver
from reconciler.model.history import AppliedCohort
from reconciler.model.plan import Change, Finding
from reconciler.model.slots import OrganisationId, Slot, SlotKind, Unread, UserId
from reconciler.model.structs import replace
from reconciler.plan.limits import SHARES_FROM, check_limits, check_vanished, counts_only, waive_limits
from reconciler.problems import Problem
from tests.factories import DEFAULT, JAMES, KATE, additional, change

DAY = date(2026, 11, 23)
GONE = AppliedCohort(5740, frozenset({UserId(200004)}))


def slots(updates: int = 0, creates: int = 0, removals: int = 0, equal: int = 0, cohort: str = "care") -> list[Change]:
    """Changes of so many learners, one slot each."""
    kinds = [(KATE, JAMES)] * updates + [(None, JAMES)] * creates + [(KATE, None)] * removals + [(KATE, KATE)] * equal
    return [
        change(DEFAULT, before, after, learner=number, cohort=cohort) for number, (before, after) in enumerate(kinds, 1)
    ]


def only(**allowances: Allowance) -> Limits:
    return Limits(**({"reassign": Allowance(), "manual": Allowance()} | allowances))


def refused(limits: Limits, changes: list[Change]) -> tuple[Problem, ...]:
    return tuple(refusal.problem for refusal in check_limits(limits, changes))


def wheres(problems: tuple[Problem, ...]) -> list[str]:
    return [problem.where for problem in problems]


def test_the_default_share_is_met_exactly() -> None:
    """Three of ten may move at a share of 0.3, four may not."""
    assert refused(Limits(), slots(updates=3, equal=7)) == ()
    assert wheres(refused(Limits(), slots(updates=4, equal=6))) == ["limits.reassign"]


@given(st.integers(0, 100), st.integers(0, 60), st.integers(0, 60))
@example(29, 29, 71)  # in floats, 0.29 of 100 is less than 29
def test_a_share_is_exact_at_every_boundary(hundredths: int, updates: int, equal: int) -> None:
    """Refused exactly when the moved part is larger than the share, in whole-number arithmetic, of enough slots."""
    limits = only(reassign=Allowance(share=hundredths / 100))
    too_large = bool(refused(limits, slots(updates=updates, equal=equal)))
    enough = updates + equal >= SHARES_FROM or not hundredths
    assert too_large == (enough and updates * 100 > hundredths * (updates + equal))


def test_a_share_of_a_few_slots_refuses_nothing() -> None:
    """One of two slots is half of them, and no accident; a share of 0 allows none, however few there are."""
    assert refused(Limits(), slots(updates=1, equal=1)) == ()
    assert refused(Limits(), slots(updates=SHARES_FROM - 1, equal=0)) == ()
    assert len(refused(only(reassign=Allowance(share=0.0)), slots(updates=1, equal=1))) == 1


def test_a_step_that_is_open_is_not_counted_again() -> None:
    """The limit counts what this plan opens; the slot still counts among the declared ones."""
    limits, removals = only(manual=Allowance(count=1)), slots(removals=3)
    steps = [(one.learner, one.slot, one.before) for one in removals]
    assert len(check_limits(limits, removals)) == 1
    assert check_limits(limits, removals, steps[1:]) == ()


def test_a_share_is_of_the_declared_slots_and_its_fix_names_one_that_is_enough() -> None:
    """Half of ten is too much, and the fix says what would let it pass."""
    (refusal,) = refused(Limits(), slots(updates=5, equal=5))
    assert refusal.what == (
        "the plan reassigns 5 of 10 declared slots; at most 3 are allowed in one run (a share of 0.3)"
    )
    assert refusal.fix == (
        "If this is meant, raise limits.reassign.share in settings.yaml to 0.5 in the same pull request and lower it "
        "afterwards; or waive limit_reassign there for one run, with reason, approver and last day; or change fewer "
        "slots in one pull request, or run with a wider scope: the share is taken of the declared slots in scope."
    )


@given(st.integers(1, 60), st.integers(0, 60))
def test_the_share_that_a_fix_names_is_enough(updates: int, equal: int) -> None:
    """Following the advice lets the same plan pass."""
    changes = slots(updates=updates, equal=equal)
    for refusal in refused(only(reassign=Allowance(share=0.0)), changes):
        advised = float(refusal.fix.split(" in settings.yaml to ")[1].split()[0])
        assert refused(only(reassign=Allowance(share=advised)), changes) == ()


def test_a_plan_beyond_count_and_share_is_refused_once() -> None:
    """With both numbers, and one advice that is sound for both and lets the same plan pass."""
    limits = only(reassign=Allowance(count=2, share=0.1))
    changes = slots(updates=3, equal=7)
    (both,) = refused(limits, changes)
    assert both.what == (
        "the plan reassigns 3 of 10 declared slots; at most 2 are allowed in one run, and at most 1 by the share of 0.1"
    )
    assert (
        "raise limits.reassign.count there to 3 and limits.reassign.share to 0.3 in the same pull request" in both.fix
    )
    assert "scope" not in both.fix and "waive limit_reassign in settings.yaml for one run" in both.fix
    assert refused(only(reassign=Allowance(count=3, share=0.3)), changes) == ()


def test_each_sort_of_change_has_its_own_limit() -> None:
    """Creates, reassignments and manual removals are counted apart."""
    none = Allowance(count=0)
    changes = slots(updates=1, creates=1, removals=1)
    assert wheres(refused(only(create=none), changes)) == ["limits.create"]
    assert wheres(refused(only(reassign=none), changes)) == ["limits.reassign"]
    assert wheres(refused(only(manual=none), changes)) == ["limits.manual"]


def test_writing_to_an_unreadable_slot_counts_as_a_create() -> None:
    """What cannot be seen is not thereby free."""
    changes = [change(additional(KATE), Unread.UNREADABLE, KATE)]
    assert wheres(refused(only(create=Allowance(count=0)), changes)) == ["limits.create"]


def test_a_slot_left_alone_counts_for_nothing() -> None:
    """A blocked change is in the scope but not among what moves."""
    blocked = change(DEFAULT, KATE, JAMES, action="no-op", blocked="archived")
    assert refused(only(reassign=Allowance(count=0)), [blocked]) == ()


def test_a_cohort_has_its_own_limit() -> None:
    """One cohort beyond its limit is named, while the run and the others are within theirs."""
    limits = only(reassign_per_cohort=Allowance(count=8, share=0.5))
    changes = slots(updates=9, equal=20, cohort="care") + slots(updates=6, equal=4, cohort="it")
    by_count, by_share = refused(limits, changes)
    assert (by_count.where, by_share.where) == (
        "limits.reassign.per_cohort (care)",
        "limits.reassign.per_cohort (it)",
    )
    assert by_count.what == "cohort care: the plan reassigns 9 slots; at most 8 are allowed in one cohort"
    assert "limits.reassign.per_cohort.count in settings.yaml to 9" in by_count.fix
    assert "waive limit_reassign there for one cohort" in by_count.fix
    assert "6 of 10 declared slots;" in by_share.what


def test_nothing_declared_is_within_every_limit() -> None:
    """An empty scope changes nothing, so even a limit of nothing allows it."""
    none = Allowance(count=0, share=0.0)
    assert refused(Limits(none, none, none, none, none, none), []) == ()


def test_the_defaults_allow_a_first_run_but_not_many_removals() -> None:
    """Creates are unlimited; more than twenty removals by hand are too many to be meant."""
    creates = [change(Slot(SlotKind.UNIT_ASSESSOR, str(number)), None, KATE) for number in range(500)]
    assert refused(Limits(), creates) == ()
    assert wheres(refused(Limits(), slots(removals=21))) == ["limits.manual"]


def test_a_plan_of_nothing_but_changes_is_held_to_its_counts_alone() -> None:
    """Every slot of it moves, so a share would refuse the smallest; the counts stand, each where it was."""
    counts = [Allowance(count=number) for number in range(1, 7)]
    assert counts_only(Limits(*(replace(one, share=0.1) for one in counts))) == Limits(*counts)


# ------------------------------------------------------------------ written exceptions


def waived(policy: str, until: date = DAY, **scope: Any) -> Declared:
    waiver = Waiver(policy, "a whole team has moved", "quality-lead", until, **scope)
    return Declared(DAY, Settings(OrganisationId(5740), waivers=(waiver,)), {}, (), cohorts=frozenset({"care"}))


def standing_and_lifted(limits: Limits, declared: Declared) -> tuple[list[str], list[str]]:
    refusals = (
        *check_limits(limits, slots(updates=4, equal=6)),
        *check_vanished(declared, {"care": GONE, "it": GONE}, ()),
    )
    standing, lifted = waive_limits(refusals, declared)
    return wheres(standing), [finding.policy for finding in lifted]


def test_a_waiver_lifts_one_limit_in_one_scope() -> None:
    """The run's, a cohort's and a vanished cohort's, each alone; all the others stand."""
    both = only(reassign=Allowance(count=1), reassign_per_cohort=Allowance(count=2))
    run, cohort, gone = "limits.reassign", "limits.reassign.per_cohort (care)", "vanished_cohort"
    for declared, standing, lifted in (
        (waived("limit_create", run=True), [run, cohort, gone], []),
        (waived("limit_reassign", run=True), [cohort, gone], ["limit_reassign"]),
        (waived("limit_reassign", cohort="care"), [run, gone], ["limit_reassign"]),
        (waived("limit_reassign", cohort="it"), [run, cohort, gone], []),
        (waived("vanished_cohort", cohort="it"), [run, cohort], ["vanished_cohort"]),
    ):
        assert standing_and_lifted(both, declared) == (standing, lifted)


def test_a_waiver_counts_on_its_last_day_and_not_after() -> None:
    """An exception that nobody renews ends by itself."""
    limits = only(reassign=Allowance(count=1))
    assert standing_and_lifted(limits, waived("limit_reassign", run=True))[1] == ["limit_reassign"]
    assert standing_and_lifted(limits, waived("limit_reassign", DAY - timedelta(days=1), run=True))[1] == []


def test_what_was_lifted_says_who_approved_it_and_why() -> None:
    """A reviewer sees the number that was exceeded and the waiver side by side."""
    refusals = check_limits(only(reassign=Allowance(count=1)), slots(updates=4))
    _, (finding,) = waive_limits(refusals, waived("limit_reassign", run=True))
    assert finding.what == "the plan reassigns 4 slots; at most 1 is allowed in one run"
    assert finding.waived == "a whole team has moved (approved by quality-lead, until 2026-11-23)"
    assert not finding.blocks


def test_a_lifted_refusal_keeps_its_cohort_its_words_and_its_advice() -> None:
    """It stands where it would stand if nobody had lifted it."""
    (refusal,) = check_limits(only(reassign_per_cohort=Allowance(count=1)), slots(updates=4))
    _, (finding,) = waive_limits([refusal], waived("limit_reassign", cohort="care"))
    words, quoted = refusal.problem, "a whole team has moved (approved by quality-lead, until 2026-11-23)"
    assert finding == Finding("limit_reassign", "error", words.what, words.fix, cohort="care", waived=quoted)


def test_a_share_is_lifted_as_a_count_is_in_its_own_scope() -> None:
    """And a cohort's says that it is the cohort's, with no advice about the scope of the run."""
    limits = only(reassign=Allowance(share=0.1), reassign_per_cohort=Allowance(share=0.2))
    run, cohort = check_limits(limits, slots(updates=4, equal=6))
    assert (run.name, run.cohort, cohort.name, cohort.cohort) == ("limit_reassign", "", "limit_reassign", "care")
    assert waive_limits([run, cohort], waived("limit_reassign", run=True))[0] == (cohort.problem,)
    assert waive_limits([run, cohort], waived("limit_reassign", cohort="care"))[0] == (run.problem,)
    assert cohort.problem.what == (
        "cohort care: the plan reassigns 4 of 10 declared slots; at most 2 are allowed in one cohort (a share of 0.2)"
    )
    assert cohort.problem.fix == (
        "If this is meant, raise limits.reassign.per_cohort.share in settings.yaml to 0.4 in the same pull request and "
        "lower it afterwards; or waive limit_reassign there for one cohort, with reason, approver and last day; or "
        "change fewer slots in one pull request."
    )


def test_of_two_waivers_of_a_limit_the_one_that_runs_longer_is_quoted() -> None:
    """Wherever it stands in the file."""
    state = waived("limit_reassign", run=True)
    (short,) = state.settings.waivers
    longer = replace(short, reason="and another team", until=DAY + timedelta(days=9))
    for both in ((short, longer), (longer, short)):
        changed = replace(state, settings=replace(state.settings, waivers=both))
        _, (finding,) = waive_limits(check_limits(only(reassign=Allowance(count=1)), slots(updates=4)), changed)
        assert finding.waived == "and another team (approved by quality-lead, until 2026-12-02)"


def test_a_vanished_cohort_is_named_with_both_ways_out() -> None:
    """The file may come back, or a waiver say that it is meant; the waiver that the fix shows names the cohort."""
    (refusal,) = check_vanished(waived("coverage"), {"care": GONE, "it": GONE}, ())
    assert refusal.problem.what == "cohort it was managed before, and now no file declares a learner of it"
    assert "{policy: vanished_cohort, cohort: it, reason: …, approved_by: …, until: …}" in refusal.problem.fix
    assert refusal.problem.fix.endswith("Otherwise restore the file.")
