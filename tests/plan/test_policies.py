"""Policies: each is found where the planned world breaks it, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.declared import DEFAULT_POLICIES, POLICIES, Level, Settings, Staff, Waiver
from reconciler.model.observed import (
    CANNOT_ACT,
    AccountStatus,
    Observed,
    ObservedLearner,
    ObservedStaff,
    SharedAccount,
    SharedIdentity,
)
from reconciler.model.plan import Change, Finding
from reconciler.model.slots import Holder, OrganisationId, Role, Slot, Unread, UserId
from reconciler.model.structs import replace
from reconciler.plan.compare import make_plan
from reconciler.plan.holders import holders
from reconciler.plan.policies import cases_of, check_learner, check_policies
from reconciler.problems import Source
from tests.factories import (
    ACME,
    AIM,
    AIM_2,
    AIM_2_IQA,
    AIM_IQA,
    COHORT,
    DEFAULT,
    EMPLOYER,
    JAMES,
    KATE,
    LEARNER,
    NOON,
    ORGANISATION,
    OSCAR,
    PRIYA,
    STAFF,
    TOM,
    UNIT,
    UNIT_IQA,
    additional,
    change,
    declared,
    learner,
    member,
    observed,
)

UNREADABLE = Unread.UNREADABLE
LAST_DAY = date(2027, 1, 31)
KATE_AS_IQA = UserId(140009)
TWO_ACCOUNTS = (
    member("kate-anderson", KATE, person="kanderson"),
    member("kate-anderson-iqa", KATE_AS_IQA, Role.IQA, person="kanderson"),
    *STAFF[1:],
)
ALL: Mapping[str, Level] = dict.fromkeys(POLICIES, "error")


def found(
    held: Mapping[Slot, Holder],
    wanted: Mapping[Slot, UserId | None] | None = None,
    *,
    staff: Sequence[Staff] = TWO_ACCOUNTS,
    levels: Mapping[str, Level] = DEFAULT_POLICIES,
    waivers: tuple[Waiver, ...] = (),
    standing: AccountStatus = "active",
    day: date = date(2026, 11, 23),
) -> tuple[Finding, ...]:
    """What is found for one learner who holds `held` and is declared with `wanted`, after those are written."""
    wanted = wanted or {}
    settings = Settings(declared().settings.organisation, policies=levels, waivers=waivers)
    changes = [change(slot, held.get(slot, UNREADABLE), staff_id) for slot, staff_id in wanted.items()]
    return check_policies(
        declared(learner(wanted), staff=staff, settings=settings, day=day),
        observed({LEARNER: held}, standing={LEARNER: standing}),
        changes,
    )


def whats(findings: Sequence[Finding], policy: str) -> list[str]:
    return [finding.what for finding in findings if finding.policy == policy]


# ------------------------------------------------------------------ IQA independence


def test_two_accounts_of_one_person_are_not_independent() -> None:
    """People are compared: an assessor's account and an IQA's, joined by `person`, are one."""
    (finding,) = found({DEFAULT: JAMES, AIM: JAMES, AIM_IQA: PRIYA}, {AIM: KATE, AIM_IQA: KATE_AS_IQA})
    assert finding == Finding(
        policy="iqa_independent",
        level="error",
        what="LRN-0042: kate-anderson and kate-anderson-iqa are one person, who would both assess and quality-assure "
        "learning aim 41242",
        fix="Declare another assessor or another IQA for learning aim 41242. Or write a waiver for iqa_independent in "
        "settings.yaml: reason, approver and last day.",
        learner=LEARNER,
        label="LRN-0042",
        cohort=COHORT,
        staff=TWO_ACCOUNTS[1].handle,
    )
    assert finding.source == Source(f"state/cohorts/{COHORT}.yaml", 12)
    assert finding.blocks


def test_an_account_that_no_file_names_is_compared_by_its_id() -> None:
    """Somebody unknown who stands in both slots breaks the rule as well."""
    (what,) = whats(found({DEFAULT: JAMES, AIM: UserId(9), AIM_IQA: UserId(9)}), "iqa_independent")
    assert what == ("LRN-0042: account 9 (not in staff.yaml) would both assess and quality-assure learning aim 41242")


def test_the_slot_counts_and_not_the_role_of_whoever_stands_in_it() -> None:
    """OneFile may hold an assessor in an IQA's slot, or an IQA in an assessor's, although no file could ask for it."""
    for staff, handle in ((KATE, "kate-anderson"), (KATE_AS_IQA, "kate-anderson-iqa")):
        (what,) = whats(found({DEFAULT: JAMES, AIM: staff, AIM_IQA: staff}), "iqa_independent")
        assert what == f"LRN-0042: {handle} would both assess and quality-assure learning aim 41242"


def test_quality_assuring_a_colleagues_learning_aim_is_allowed() -> None:
    """Kate may assess one learning aim and quality-assure the other."""
    held = {DEFAULT: JAMES, AIM: KATE, AIM_IQA: PRIYA, AIM_2: JAMES, AIM_2_IQA: KATE_AS_IQA}
    assert found(held) == ()


CLASHES: Mapping[str, Mapping[Slot, Holder]] = {
    "an empty learning aim falls to the default": {DEFAULT: KATE, AIM: None, AIM_IQA: KATE_AS_IQA},
    "a unit's own assessor, the learning aim's IQA": {AIM: JAMES, AIM_IQA: KATE_AS_IQA, UNIT: KATE, UNIT_IQA: None},
    "a unit's own IQA, the learning aim's assessor": {AIM: KATE, AIM_IQA: PRIYA, UNIT: None, UNIT_IQA: KATE_AS_IQA},
    "a unit's own IQA, the default assessor": {DEFAULT: KATE, UNIT: None, UNIT_IQA: KATE_AS_IQA},
    "both on the unit": {AIM: JAMES, AIM_IQA: PRIYA, UNIT: KATE, UNIT_IQA: KATE_AS_IQA},
    "an additional IQA": {AIM: KATE, AIM_IQA: PRIYA, additional(KATE_AS_IQA): KATE_AS_IQA},
    "an additional IQA and the default": {DEFAULT: KATE, additional(KATE_AS_IQA): KATE_AS_IQA},
    "an additional assessor": {AIM: JAMES, AIM_IQA: KATE_AS_IQA, additional(KATE): KATE},
    "an additional IQA and a unit's own assessor": {
        **{AIM: JAMES, AIM_IQA: PRIYA, UNIT: KATE, UNIT_IQA: OSCAR},
        additional(KATE_AS_IQA): KATE_AS_IQA,
    },
    "an additional assessor and a unit's own IQA": {
        **{AIM: JAMES, AIM_IQA: PRIYA, UNIT: JAMES, UNIT_IQA: KATE_AS_IQA},
        additional(KATE): KATE,
    },
    "a learning aim that is not shown": {DEFAULT: KATE, AIM: UNREADABLE, AIM_IQA: KATE_AS_IQA},
}


@pytest.mark.parametrize("held", CLASHES.values(), ids=CLASHES.keys())
def test_a_clash_is_found_across_the_layers(held: Mapping[Slot, Holder]) -> None:
    """Whoever may be in effect counts, on each pair of layers, once."""
    (finding,) = [one for one in found(held) if one.policy == "iqa_independent"]
    assert "kate-anderson and kate-anderson-iqa are one person" in finding.what


ALLOWED: Mapping[str, Mapping[Slot, Holder]] = {
    "the default is overridden on the learning aim": {DEFAULT: KATE, AIM: JAMES, AIM_IQA: KATE_AS_IQA},
    "the learning aim is overridden on the unit": {AIM: JAMES, AIM_IQA: PRIYA, UNIT: KATE, UNIT_IQA: OSCAR},
    "the learner has no such learning aim": {DEFAULT: KATE, AIM: Unread.NOT_HELD, AIM_IQA: Unread.NOT_HELD},
    "a unit with nobody of its own adds nothing": {
        **{AIM: KATE, AIM_IQA: PRIYA, AIM_2: JAMES, AIM_2_IQA: KATE_AS_IQA},
        **{UNIT: None, UNIT_IQA: None},
    },
    "an additional IQA, the default overridden everywhere": {
        **{DEFAULT: KATE, AIM: JAMES, AIM_IQA: PRIYA},
        additional(KATE_AS_IQA): KATE_AS_IQA,
    },
    "nobody known assesses": {DEFAULT: UNREADABLE, AIM: UNREADABLE, AIM_IQA: KATE_AS_IQA},
    "an additional colleague": {AIM: KATE, AIM_IQA: PRIYA, additional(OSCAR): OSCAR, additional(JAMES): JAMES},
}


@pytest.mark.parametrize("held", ALLOWED.values(), ids=ALLOWED.keys())
def test_no_clash_is_found_where_others_are_in_effect(held: Mapping[Slot, Holder]) -> None:
    """What a nearer slot overrides, or the learner does not hold, is no clash."""
    assert whats(found(held), "iqa_independent") == []


def test_what_cannot_be_told_says_may_and_how_to_make_it_certain() -> None:
    """A unit's empty slot may fall to either learning aim, so the finding asks for both to be declared."""
    held = {AIM: JAMES, AIM_IQA: PRIYA, AIM_2: JAMES, AIM_2_IQA: KATE_AS_IQA, UNIT: KATE, UNIT_IQA: None}
    (finding,) = found(held)
    assert "may both assess and quality-assure unit KS_COMM1" in finding.what
    assert finding.fix.startswith("Declare both the assessor and the IQA of unit KS_COMM1, two different people")


def test_an_additional_clash_is_no_more_than_possible_and_stands_where_the_iqa_is_declared() -> None:
    """Nothing ties an additional person to one learning aim; else it is the additional assessor's line."""
    iqa, assessor = {additional(KATE_AS_IQA): KATE_AS_IQA}, {additional(KATE): KATE}
    for held, wanted, line in (
        ({AIM: JAMES, AIM_IQA: PRIYA}, {DEFAULT: JAMES, **assessor, **iqa}, 13),
        ({AIM: JAMES, AIM_IQA: KATE_AS_IQA}, {DEFAULT: JAMES, **assessor}, 12),
    ):
        (finding,) = found(held, wanted)
        assert finding.what == (
            "LRN-0042: kate-anderson and kate-anderson-iqa are one person, who may both assess and quality-assure the "
            "same work, as an additional person"
        )
        assert (finding.staff, finding.source) == ("kate-anderson-iqa", Source(f"state/cohorts/{COHORT}.yaml", line))


def test_a_breach_that_the_plan_mends_is_gone() -> None:
    """The world after the plan is judged, not the one before."""
    held = {AIM: KATE, AIM_IQA: KATE_AS_IQA}
    assert whats(found(held, {AIM: JAMES}), "iqa_independent") == []


def test_a_breach_that_the_plan_cannot_touch_still_blocks() -> None:
    """It was there before and in no declared slot; it is just as real."""
    (finding,) = found({DEFAULT: JAMES, AIM: KATE, AIM_IQA: KATE_AS_IQA}, {DEFAULT: JAMES})
    assert finding.blocks
    assert finding.source == Source(f"state/cohorts/{COHORT}.yaml", 10)


# ------------------------------------------------------------------ coverage


def test_a_learner_without_assessor_is_found() -> None:
    """No default assessor, and learning aims that have none of their own."""
    held = {DEFAULT: None, AIM: None, AIM_IQA: None, AIM_2: JAMES, AIM_2_IQA: PRIYA}
    (finding,) = found(held)
    assert (finding.policy, finding.level) == ("coverage", "warn")
    assert finding.fix == "Declare a default assessor, or an assessor for each."
    assert finding.what == ("LRN-0042: nobody assesses learning aim 41242: no assessor there, and no default assessor")


def test_learning_aims_without_assessor_are_told_together_where_the_first_is_declared() -> None:
    """One finding, and whoever follows its place finds a line that can mend it."""
    held = {DEFAULT: None, AIM: None, AIM_IQA: PRIYA, AIM_2: None, AIM_2_IQA: PRIYA}
    wants = declared(learner({AIM_IQA: PRIYA, AIM: None}))
    (finding,) = check_policies(wants, observed({LEARNER: held}), [])
    assert "nobody assesses learning aims 41240, 41242: " in finding.what
    assert finding.source == Source(f"state/cohorts/{COHORT}.yaml", 12)


def test_a_learner_without_default_and_without_learning_aims_is_found() -> None:
    """The finding claims no more than was read."""
    (what,) = whats(found({DEFAULT: None}), "coverage")
    assert what == "LRN-0042: nobody is the default assessor, and no learning aim or unit was read that has an assessor"


def test_a_unit_assessor_is_an_assessor() -> None:
    """A learner whose only assessor is a unit's has somebody."""
    assert whats(found({DEFAULT: None, UNIT: KATE}), "coverage") == []


def test_a_declared_learning_aim_without_iqa_is_found() -> None:
    """An assessor in effect and an IQA slot that was read and is empty."""
    held = {DEFAULT: KATE, AIM: None, AIM_IQA: None}
    assert whats(found(held, {AIM: JAMES}), "coverage") == ["LRN-0042: learning aim 41242 has an assessor but no IQA"]
    assert whats(found(held), "coverage") == []  # not declared, so not managed


def test_an_additional_iqa_covers_the_learning_aims() -> None:
    """Somebody who may quality-assure the learner is there."""
    held = {AIM: KATE, AIM_IQA: None}
    assert whats(found(held, {AIM: JAMES, additional(PRIYA): PRIYA}), "coverage") == []


@pytest.mark.parametrize("slot", [DEFAULT, AIM])
def test_what_was_not_read_is_never_called_empty(slot: Slot) -> None:
    """One unread layer is enough to claim nothing."""
    held = {DEFAULT: None, AIM: None, AIM_IQA: UNREADABLE, slot: UNREADABLE}
    assert whats(found(held), "coverage") == []
    assert whats(found({AIM: KATE, AIM_IQA: UNREADABLE}, {AIM: JAMES}), "coverage") == []


STANDINGS = st.none() | st.sampled_from(get_args(AccountStatus))


@given(STANDINGS, STANDINGS)
def test_an_account_counts_in_its_own_organisation_only(
    here: AccountStatus | None, there: AccountStatus | None
) -> None:
    """What another organisation shows of it, or that this one was not read, leaves nobody alone."""
    seen = {ORGANISATION: here, OrganisationId(ORGANISATION + 1): there}
    staff = {(at, KATE): ObservedStaff(KATE, standing) for at, standing in seen.items() if standing}
    reading = replace(observed({LEARNER: {DEFAULT: KATE, AIM: None}}), staff=staff)
    words = whats(check_policies(declared(learner({DEFAULT: KATE})), reading, []), "coverage")
    assert bool(words) is (here in CANNOT_ACT)


NEEDS_EMPLOYER = Settings(declared().settings.organisation, employer_signs=True)


@pytest.mark.parametrize("settings", [NEEDS_EMPLOYER, None], ids=["reviews need one", "nothing said"])
def test_a_learner_without_employer_is_found_where_reviews_need_one(settings: Settings | None) -> None:
    """OneFile's API does not tell whether they do, so nothing is found unless the settings say so."""
    seen = observed({LEARNER: {DEFAULT: KATE, EMPLOYER: None}})
    words = whats(check_policies(declared(learner({DEFAULT: KATE}), settings=settings), seen, []), "coverage")
    assert words == (["LRN-0042: nobody is the default employer, whose signature reviews need"] if settings else [])


@pytest.mark.parametrize("held", [{EMPLOYER: ACME}, {EMPLOYER: UNREADABLE}, {}], ids=["there", "not shown", "not read"])
def test_an_employer_who_is_there_or_was_not_read_is_not_missed(held: Mapping[Slot, Holder]) -> None:
    """Reviews need one, and nothing shows that there is none."""
    wants = declared(learner({DEFAULT: KATE}), settings=NEEDS_EMPLOYER)
    assert whats(check_policies(wants, observed({LEARNER: {DEFAULT: KATE, **held}}), []), "coverage") == []


def test_an_employer_whom_the_plan_fills_in_is_there() -> None:
    """The world after the plan is judged."""
    held = {DEFAULT: KATE, EMPLOYER: None}
    filled = [change(EMPLOYER, None, ACME)]
    wants = declared(learner({EMPLOYER: ACME}), settings=NEEDS_EMPLOYER)
    assert whats(check_policies(wants, observed({LEARNER: held}), filled), "coverage") == []


# ------------------------------------------------------------------ employers


def placed(theirs: int | None, mine: int | None, held: Mapping[Slot, Holder] | None = None) -> Observed:
    """The learner of placement `mine`, held by acme-mentor of placement `theirs` unless something else is said."""
    here = ObservedLearner(LEARNER, placement=mine, slots=held or {DEFAULT: KATE, EMPLOYER: ACME})
    mentor = ObservedStaff(ACME, placement=theirs)
    return replace(observed({}), learners={LEARNER: here}, staff={(ORGANISATION, ACME): mentor})


def test_a_default_employer_of_another_placement_is_found() -> None:
    """At the line that declares them, with both placements."""
    (finding,) = check_policies(declared(learner({EMPLOYER: ACME})), placed(8102, 8101), [])
    assert (finding.policy, finding.level, finding.staff) == ("employer_placement", "warn", "acme-mentor")
    assert finding.what == (
        "LRN-0042: acme-mentor is the default employer and belongs to placement 8102, the learner to placement 8101"
    )
    assert finding.source == Source(f"state/cohorts/{COHORT}.yaml", 11)


def test_placements_have_their_names_beside_their_numbers() -> None:
    """Those that the settings have, in a finding and in the reason why a row is set aside."""
    settings = Settings(ORGANISATION, placements={8102: "Acme, Leeds"})
    wanted, seen = declared(learner({EMPLOYER: ACME}), settings=settings), placed(8102, 8101, {EMPLOYER: None})
    (change,) = make_plan(wanted, seen, {}, target="sandbox", created_at=NOON).changes
    (finding,) = check_policies(wanted, placed(8102, 8101), [])
    for words in (change.blocked, finding.what):
        assert words.endswith("belongs to placement 8102 (Acme, Leeds), the learner to placement 8101")


@pytest.mark.parametrize(("theirs", "mine"), [(8101, 8101), (None, 8101), (8102, None), (None, None)])
def test_an_employer_of_the_placement_or_of_one_not_told_is_not_found(theirs: int | None, mine: int | None) -> None:
    """What OneFile does not tell is not judged."""
    assert check_policies(declared(learner({EMPLOYER: ACME})), placed(theirs, mine), []) == ()


def test_an_employer_whom_the_plan_does_not_write_is_not_in_effect() -> None:
    """A change that was set aside leaves whoever is there; one that is written is judged."""
    wants, seen = declared(learner({EMPLOYER: ACME})), placed(8102, 8101, {DEFAULT: KATE, EMPLOYER: None})
    aside = change(EMPLOYER, None, ACME, action="no-op", blocked="belongs to placement 8102")
    assert check_policies(wants, seen, [aside]) == ()
    assert [one.policy for one in check_policies(wants, seen, [change(EMPLOYER, None, ACME)])] == ["employer_placement"]


def test_an_employer_of_another_placement_blocks_where_it_is_an_error_and_nobody_waived_it() -> None:
    """As every policy does."""
    strict = Settings(ORGANISATION, policies={"employer_placement": "error"})
    let = replace(strict, waivers=(Waiver("employer_placement", "moves in May", "head", LAST_DAY, LEARNER),))
    for settings, blocks in ((strict, True), (let, False)):
        (finding,) = check_policies(declared(learner({EMPLOYER: ACME}), settings=settings), placed(8102, 8101), [])
        assert finding.blocks is blocks


# ------------------------------------------------------------------ trainees


def test_a_trainee_declared_as_assessor_is_found_once_with_every_slot() -> None:
    """One finding names each slot the trainee shall hold."""
    (finding,) = found({}, {additional(TOM): TOM, DEFAULT: TOM, UNIT: TOM, AIM: KATE})
    assert finding.what == (
        "LRN-0042: tom-reed is a trainee assessor, declared as additional person, default assessor, "
        "assessor for unit KS_COMM1"
    )
    assert (finding.policy, finding.level, finding.staff) == ("trainee_assessor", "error", "tom-reed")


def test_a_trainees_learning_aim_is_named_by_its_number() -> None:
    """A learner has several, and one may be another's."""
    (finding,) = found({}, {AIM: TOM, AIM_2: KATE})
    assert finding.what == "LRN-0042: tom-reed is a trainee assessor, declared as assessor for learning aim 41242"


def test_a_trainee_that_no_file_declares_is_not_managed() -> None:
    """What OneFile holds without being asked for is left alone."""
    assert found({DEFAULT: TOM}) == ()


# ------------------------------------------------------------------ caseload

THREE = {number: {DEFAULT: KATE} for number in (1, 2, 3)}


def over(
    target: int | None,
    maximum: int | None,
    level: Level = "error",
    waivers: tuple[Waiver, ...] = (),
    changes: Sequence[Change] = (),
    seen: Mapping[int, Mapping[Slot, Holder]] = THREE,
) -> tuple[Finding, ...]:
    """Kate holds learners 1, 2 and 3, of cohorts one, one and two, before the changes."""
    staff = [member("kate-anderson", KATE, target=target, maximum=maximum)]
    learners = [learner({}, number, cohort=cohort) for number, cohort in ((1, "one"), (2, "one"), (3, "two"))]
    settings = Settings(declared().settings.organisation, policies={"caseload": level}, waivers=waivers)
    return check_policies(declared(*learners, staff=staff, settings=settings), observed(seen), changes)


def test_a_target_passed_only_warns() -> None:
    """A target is a wish: even where the policy is an error, passing it is not."""
    (finding,) = over(2, 3)
    assert (finding.level, finding.staff, finding.source) == ("warn", "kate-anderson", Source("state/staff.yaml", 4))
    assert finding.what == "kate-anderson would hold 3 learners, above the target of 2 (3 now)"


def test_a_maximum_passed_is_as_grave_as_the_policy_says() -> None:
    """The policy's level holds for the maximum, and the target is not told as well."""
    (finding,) = over(1, 2)
    assert finding.blocks
    assert "above the maximum of 2" in finding.what
    assert [one.level for one in over(1, 2, "warn")] == ["warn"]


def test_a_caseload_finding_names_the_number_to_raise() -> None:
    """By its key in staff.yaml: the target's or the maximum's, whichever is passed."""
    advice = "Give learners to somebody else, or raise caseload.{} in staff.yaml."
    assert over(2, 3)[0].fix == advice.format("target")
    assert over(1, 2, "warn")[0].fix == advice.format("max")


def test_a_caseload_finding_tells_what_it_was_and_what_it_would_be() -> None:
    """So that a reviewer sees how much worse this plan makes it."""
    joining = [change(DEFAULT, JAMES, KATE, learner=number) for number in (2, 3)]
    seen = {1: {DEFAULT: KATE}, 2: {DEFAULT: JAMES}, 3: {DEFAULT: JAMES}}
    assert "would hold 3 learners, above the target of 2 (1 now)" in over(2, 4, changes=joining, seen=seen)[0].what


def test_nobody_is_warned_of_a_caseload_that_a_plan_does_not_raise() -> None:
    """A warning of what stays as it is, or gets better, hides those that matter; a maximum that blocks still does."""
    leaving = [change(DEFAULT, KATE, JAMES, learner=number) for number in (1, 2)]
    assert over(0, 3, changes=leaving) == ()
    assert over(0, 0, changes=leaving)[0].blocks


def test_a_caseload_within_its_bounds_is_no_finding() -> None:
    """Reaching a bound is not passing it."""
    assert over(3, 3) == over(None, None) == ()


def test_a_waived_learner_does_not_count_towards_the_maximum() -> None:
    """A waiver names learners or a cohort; it lifts the finding where the others keep to the bound."""
    one = Waiver("caseload", "handover week", "head", date(2026, 11, 30), cohort="two")
    assert [found.waived for found in over(None, 2, waivers=(one,))] == [
        "handover week (approved by head, until 2026-11-30)"
    ]
    assert [found.waived for found in over(None, 1, waivers=(one,))] == [""]


def test_a_caseload_waiver_counts_on_its_last_day() -> None:
    """As every waiver does, so it has not ended on that day either."""
    one = Waiver("caseload", "handover week", "head", date(2026, 11, 23), cohort="two")
    (finding,) = over(None, 2, waivers=(one,))
    assert finding.waived == "handover week (approved by head, until 2026-11-23)"
    (finding,) = over(None, 1, waivers=(one,))
    assert "ended" not in finding.fix


def test_every_caseload_waiver_that_has_ended_is_named() -> None:
    """Two cohorts may have had one each."""
    ended = [Waiver("caseload", "handover", who, date(2026, 11, 22), cohort=who) for who in ("one", "two")]
    (finding,) = over(None, 2, waivers=tuple(ended))
    assert finding.fix.endswith(
        "in staff.yaml. The waiver approved by one ended on 2026-11-22. The waiver approved by two ended on 2026-11-22."
    )


def test_an_expired_caseload_waiver_counts_its_learners_again() -> None:
    """The finding blocks, and says which waiver has ended."""
    one = Waiver("caseload", "handover week", "head", date(2026, 11, 22), cohort="two")
    (finding,) = over(None, 2, waivers=(one,))
    assert finding.blocks
    assert finding.fix.endswith("The waiver approved by head ended on 2026-11-22.")


# ------------------------------------------------------------------ levels and waivers

EVERYTHING_WRONG: Mapping[Slot, UserId | None] = {DEFAULT: TOM, AIM: KATE, AIM_IQA: KATE_AS_IQA, AIM_2: KATE}
HELD: Mapping[Slot, Holder] = {DEFAULT: None, AIM: None, AIM_IQA: None, AIM_2: None, AIM_2_IQA: None}
CROWDED = (member("kate-anderson", KATE, person="kanderson", maximum=0), *TWO_ACCOUNTS[1:])


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_that_is_off_finds_nothing(policy: str) -> None:
    """Each level rules its own policy and no other."""

    def every_with(levels: Mapping[str, Level]) -> set[str]:
        wrong = {**EVERYTHING_WRONG, EMPLOYER: ACME}
        settings = Settings(ORGANISATION, policies=levels)
        changes = [change(slot, HELD.get(slot, UNREADABLE), staff) for slot, staff in EVERYTHING_WRONG.items()]
        world = declared(learner(wrong), staff=CROWDED, settings=settings)
        seen = placed(8102, 8101, {**HELD, EMPLOYER: ACME})
        two = SharedIdentity("misid", (SharedAccount(KATE), SharedAccount(JAMES)))
        gone = {(ORGANISATION, TOM): ObservedStaff(TOM, "archived")}
        seen = replace(seen, staff={**seen.staff, **gone}, shared=(two,))
        return {one.policy for one in check_policies(world, seen, changes)}

    every, rest = every_with(ALL), every_with({**ALL, policy: "off"})
    assert every == set(POLICIES)
    assert rest == every - {policy}


def test_a_level_left_out_is_the_default() -> None:
    """A missing level never switches a policy off."""
    assert found(HELD, EVERYTHING_WRONG, levels={}) == found(HELD, EVERYTHING_WRONG)


def waiver(
    *, learner: UserId | None = None, cohort: str | None = None, policy: str = "iqa_independent"
) -> tuple[Waiver, ...]:
    return (Waiver(policy, "Only qualified IQA until January", "quality-lead", LAST_DAY, learner, cohort),)


CLASH: Mapping[Slot, Holder] = {AIM: KATE, AIM_IQA: KATE_AS_IQA}


@pytest.mark.parametrize("waivers", [waiver(learner=LEARNER), waiver(cohort=COHORT)], ids=["learner", "cohort"])
def test_a_waiver_holds_to_its_last_day(waivers: tuple[Waiver, ...]) -> None:
    """The last day is included; the finding stays and quotes reason, approver and end."""
    (finding,) = found(CLASH, waivers=waivers, day=LAST_DAY)
    assert finding.waived == "Only qualified IQA until January (approved by quality-lead, until 2027-01-31)"
    assert not finding.blocks


def test_an_expired_waiver_does_not_waive_and_is_named() -> None:
    """On the day after, the breach blocks again and its fix says why."""
    (finding,) = found(CLASH, waivers=waiver(learner=LEARNER), day=date(2027, 2, 1))
    assert finding.blocks
    assert finding.fix.endswith("The waiver approved by quality-lead ended on 2027-01-31.")


def test_of_two_waivers_the_one_that_runs_longer_counts() -> None:
    """A renewed waiver may stand beside the one it renews."""
    ended = Waiver("iqa_independent", "Only qualified IQA", "quality-lead", date(2026, 8, 31), LEARNER)
    stands = replace(ended, until=date(2026, 12, 31))
    for other in (ended, stands):
        (finding,) = found(CLASH, waivers=(*waiver(cohort=COHORT), other))
        assert finding.waived == "Only qualified IQA until January (approved by quality-lead, until 2027-01-31)"


@pytest.mark.parametrize(
    "waivers",
    [waiver(learner=UserId(1)), waiver(cohort="care"), waiver(), waiver(learner=LEARNER, policy="coverage")],
    ids=["learner", "cohort", "nobody", "policy"],
)
def test_a_waiver_for_something_else_does_not_waive(waivers: tuple[Waiver, ...]) -> None:
    """Neither another learner's or cohort's waiver counts, nor one for nobody at all or for another policy."""
    assert found(CLASH, waivers=waivers)[0].blocks


# ------------------------------------------------------------------ scope and order


@pytest.mark.parametrize("standing", ["archived", "missing", "not listed"])
def test_a_learner_set_aside_is_not_judged(standing: AccountStatus) -> None:
    """The plan has set them aside with a problem of their own; they stop nobody else."""
    assert found(CLASH, standing=standing) == ()


def test_a_learner_who_was_not_declared_is_not_judged() -> None:
    """What OneFile holds for others is not in scope."""
    assert check_policies(declared(), observed({LEARNER: CLASH}), []) == ()


def test_a_learner_declared_by_misid_is_judged() -> None:
    """The MISID leads to the learner as read."""
    by_misid = learner({AIM: KATE}, None, misid="LRN00042", label="")
    seen = observed({LEARNER: CLASH}, misids={"LRN00042": LEARNER})
    (finding,) = check_policies(declared(by_misid, staff=TWO_ACCOUNTS), seen, [])
    assert finding.what.startswith("learner 200004: ")


def test_the_order_of_the_files_does_not_change_the_findings() -> None:
    """Policy, cohort, learner and text order them."""
    learners = [learner({}, number, cohort=cohort) for number, cohort in ((3, "it"), (2, "care"), (1, "it"))]
    seen = observed(dict.fromkeys((2, 1, 3), CLASH))
    one = check_policies(declared(*learners, staff=TWO_ACCOUNTS), seen, [])
    other = check_policies(declared(*reversed(learners), staff=TWO_ACCOUNTS), seen, [])
    assert one == other
    assert [(finding.cohort, finding.learner) for finding in one] == [("care", 2), ("it", 1), ("it", 3)]


# ------------------------------------------------------------------ learners who are passed by

SLOTS = [DEFAULT, EMPLOYER, AIM, AIM_IQA, UNIT, UNIT_IQA, additional(JAMES), additional(PRIYA)]
HOLDERS = st.sampled_from([JAMES, KATE, KATE_AS_IQA, PRIYA, TOM, ACME])
ACCOUNTS = st.builds(
    ObservedStaff, st.just(KATE), st.sampled_from(["active", "active", "archived"]), st.sampled_from([None, 1, 2])
)


@given(
    st.lists(st.dictionaries(st.sampled_from(SLOTS), HOLDERS | st.none()), max_size=3),
    st.lists(
        st.dictionaries(st.sampled_from(SLOTS), HOLDERS | st.none() | st.sampled_from(Unread)), min_size=3, max_size=3
    ),
    st.dictionaries(HOLDERS, ACCOUNTS),
    st.sampled_from([None, 1]),
)
def test_no_learner_is_passed_by_for_whom_a_rule_has_a_finding(
    asked: Sequence[Mapping[Slot, UserId | None]],
    held: Sequence[Mapping[Slot, Holder]],
    staff: Mapping[UserId, ObservedStaff],
    placement: int | None,
) -> None:
    """Most learners are not looked at slot by slot, but the findings are those of each rule for each learner."""
    files = declared(
        *(learner(slots, number) for number, slots in enumerate(asked, 1)),
        staff=TWO_ACCOUNTS,
        settings=Settings(ORGANISATION, policies=ALL, employer_signs=True),
    )
    accounts = {(ORGANISATION, user): replace(account, id=user) for user, account in staff.items()}
    seen = replace(observed(dict(enumerate(held, 1))), staff=accounts)
    seen = replace(seen, learners={user: replace(who, placement=placement) for user, who in seen.learners.items()})
    each = [
        finding
        for case in cases_of(files, seen, holders(seen, (), after=True))
        for finding in check_learner(case, files)
    ]
    rules = {"iqa_independent", "coverage", "trainee_assessor", "employer_placement"}
    whole = [finding for finding in check_policies(files, seen, ()) if finding.policy in rules]
    assert sorted(whole, key=str) == sorted(each, key=str)
