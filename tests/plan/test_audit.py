"""Audit: what is found of a whole reading is what is there, with everybody whom it concerns, and nobody else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.audit import Audit
from reconciler.model.declared import Level, Settings, Staff
from reconciler.model.observed import AccountStatus, Observed, ObservedStaff, SharedAccount, SharedIdentity
from reconciler.model.slots import Handle, Role, Site, Slot, UserId
from reconciler.model.structs import replace
from reconciler.plan.audit import DEFAULT_LEVELS, Known, audit_of
from reconciler.plan.policies import check_policies
from tests.factories import (
    AIM,
    AIM_2,
    AIM_2_IQA,
    AIM_IQA,
    DEFAULT,
    HANDLES,
    JAMES,
    KATE,
    NOOR,
    ORGANISATION,
    OSCAR,
    PRIYA,
    STAFF,
    TOM,
    declared,
    learner,
    observed,
)

STRANGER = UserId(190001)
SLOTS = (DEFAULT, AIM, AIM_2, AIM_IQA, AIM_2_IQA)
assessors, iqas = st.sampled_from([KATE, JAMES, NOOR, TOM, STRANGER]), st.sampled_from([PRIYA, OSCAR, STRANGER])
held = st.fixed_dictionaries(
    {slot: st.one_of(st.none(), iqas if slot in (AIM_IQA, AIM_2_IQA) else assessors) for slot in SLOTS}
)
centres = st.dictionaries(st.integers(1, 5), held, min_size=1)
statuses = st.dictionaries(st.sampled_from([KATE, JAMES, PRIYA, STRANGER]), st.sampled_from(["archived", "missing"]))


def reading(
    slots: Mapping[int, Mapping[Slot, UserId | None]], standing: Mapping[UserId, AccountStatus], *shared: SharedIdentity
) -> Observed:
    roles = {member.id: member.role for member in STAFF}
    staff = {
        (ORGANISATION, user): ObservedStaff(user, standing.get(user, "active"), role=roles.get(user))
        for user in (*roles, STRANGER)
    }
    return replace(observed(slots), staff=staff, shared=shared)


def judged(seen: Observed, policies: Mapping[str, Level] | None = None, staff: tuple[Staff, ...] = STAFF) -> Audit:
    settings = Settings(ORGANISATION, policies=policies or {})
    members = {member.id: member for member in staff}
    return audit_of(seen, Known(Site("sandbox", ORGANISATION), settings, {}, members, dict(HANDLES), {}))


@given(centres, statuses)
def test_everybody_who_cannot_act_is_found_with_exactly_their_learners(
    slots: Mapping[int, Mapping[Slot, UserId | None]], standing: Mapping[UserId, AccountStatus]
) -> None:
    """One finding for each account, whatever slots it holds, whether files would know it or not."""
    learners: dict[UserId, set[int]] = defaultdict(set)
    for user, holders in slots.items():
        for holder in holders.values():
            if holder in standing:
                learners[holder].add(user)
    found = [finding for finding in judged(reading(slots, standing)).findings if finding.policy == "staff_active"]
    assert {finding.staff[0]: set(finding.learners) for finding in found if finding.staff[0] in standing} == learners


@given(centres, statuses)
def test_policies_find_what_a_plan_finds_of_files_that_ask_for_the_same(
    slots: Mapping[int, Mapping[Slot, UserId | None]], standing: Mapping[UserId, AccountStatus]
) -> None:
    """The same learners for the same policy: an audit is the plan of a centre whose files say what is there."""
    seen = reading(slots, standing)
    wanted = [
        learner({slot: who for slot, who in holders.items() if who in (None, *HANDLES)}, user, label="")
        for user, holders in slots.items()
    ]
    planned = check_policies(declared(*wanted), seen, [])
    for policy in ("iqa_independent", "trainee_assessor", "coverage"):
        by_plan = {finding.learner for finding in planned if finding.policy == policy}
        by_audit = {user for finding in judged(seen).findings if finding.policy == policy for user in finding.learners}
        assert by_audit == by_plan


@given(centres, statuses, st.sampled_from(sorted(DEFAULT_LEVELS)))
def test_a_policy_that_is_off_is_not_judged(
    slots: Mapping[int, Mapping[Slot, UserId | None]], standing: Mapping[UserId, AccountStatus], policy: str
) -> None:
    """And the others are as they were."""
    seen = reading(slots, standing, SharedIdentity("misid", (SharedAccount(KATE), SharedAccount(NOOR))))
    every, rest = judged(seen), judged(seen, {policy: "off"})
    assert policy not in rest.checked
    assert rest.findings == tuple(finding for finding in every.findings if finding.policy != policy)
    assert every.concerned <= seen.learners.keys()


@pytest.mark.parametrize(
    ("slots", "words"),
    [
        ({DEFAULT: KATE, AIM: JAMES}, "kate-anderson is the default assessor, but james-fayre assesses every"),
        ({DEFAULT: KATE, AIM: KATE}, ""),
        ({DEFAULT: KATE, AIM: None}, ""),
        ({DEFAULT: KATE}, ""),
        ({DEFAULT: None, AIM: JAMES}, ""),
    ],
)
def test_a_default_assessor_who_assesses_nothing_is_found(slots: Mapping[Slot, UserId | None], words: str) -> None:
    """Only if others certainly assess everything."""
    found = [finding.what for finding in judged(reading({1: slots}, {})).findings if finding.policy == "layers_agree"]
    assert len(found) == bool(words)
    assert all(what.startswith(words) for what in found)


def test_a_role_that_does_not_fit_a_slot_is_found() -> None:
    """An IQA who holds an assessor's slot."""
    (finding,) = (one for one in judged(reading({1: {DEFAULT: PRIYA}}, {})).findings if one.policy == "staff_active")
    assert finding.what == "priya-shah is an IQA, which does not fit its slots: default assessor"


def test_caseloads_are_judged_by_the_bounds_of_staff_yaml() -> None:
    """Above the maximum at the level, above the target as a warning."""
    kate = Staff(Handle("kate"), KATE, Role.ASSESSOR, caseload_target=1, caseload_max=2)
    for count, expected in ((1, []), (2, ["warn"]), (3, ["error"])):
        seen = reading({user: {DEFAULT: KATE} for user in range(1, count + 1)}, {})
        audit = judged(seen, {"caseload": "error"}, (kate,))
        assert [one.level for one in audit.findings if one.policy == "caseload"] == expected
