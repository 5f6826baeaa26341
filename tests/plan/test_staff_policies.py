"""Policies about accounts: everybody who cannot act is found, once, and coverage counts them as nobody."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.declared import Settings, Waiver
from reconciler.model.observed import AccountStatus, Observed, ObservedStaff, SharedAccount, SharedIdentity
from reconciler.model.plan import Finding
from reconciler.model.slots import ROLES_FOR, Holder, Role, Slot, UserId
from reconciler.model.structs import replace
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
    LEARNER,
    NOOR,
    ORGANISATION,
    OSCAR,
    PRIYA,
    UNIT,
    change,
    declared,
    learner,
    member,
    observed,
)

ASSESSOR_SLOTS, IQA_SLOTS = (DEFAULT, AIM, AIM_2, UNIT), (AIM_IQA, AIM_2_IQA)
STRANGER = UserId(190001)
STATUSES: tuple[AccountStatus, ...] = ("active", "archived", "missing", "not listed")
accounts = st.sampled_from([KATE, JAMES, NOOR, STRANGER])
iqas = st.sampled_from([PRIYA, OSCAR])
held_slots = st.fixed_dictionaries(
    {},
    optional={slot: st.one_of(st.none(), accounts) for slot in ASSESSOR_SLOTS}
    | {slot: st.one_of(st.none(), iqas) for slot in IQA_SLOTS},
)
statuses = st.dictionaries(st.one_of(accounts, iqas), st.sampled_from(STATUSES))


def reading(
    learners: Mapping[int, Mapping[Slot, Holder]],
    standing: Mapping[UserId, AccountStatus],
    *shared: SharedIdentity,
    roles: Mapping[UserId, Role] | None = None,
) -> Observed:
    everybody = {*HANDLES, STRANGER}
    staff = {
        (ORGANISATION, user): ObservedStaff(user, standing.get(user, "active"), role=(roles or {}).get(user))
        for user in everybody
    }
    return replace(observed(learners), staff=staff, shared=shared)


def findings(policy: str, found: tuple[Finding, ...]) -> list[Finding]:
    return [finding for finding in found if finding.policy == policy]


@given(
    st.dictionaries(st.integers(1, 4), held_slots, min_size=1),
    statuses,
    st.dictionaries(st.integers(1, 4), held_slots),
)
def test_everybody_who_cannot_act_is_found_once_and_nobody_else(
    held: Mapping[int, Mapping[Slot, UserId | None]],
    standing: Mapping[UserId, AccountStatus],
    asked: Mapping[int, Mapping[Slot, UserId | None]],
) -> None:
    """Declared for a slot, or in a declared slot after the plan: one finding for each account, with its learners."""
    wants = {
        user: {slot: asked.get(user, {}).get(slot, who) for slot, who in slots.items()} for user, slots in held.items()
    }
    wanted = [
        learner({slot: _known(who) for slot, who in slots.items()}, user, label=f"L{user}")
        for user, slots in wants.items()
    ]
    found = findings("staff_active", check_policies(declared(*wanted), reading(held, standing), []))
    concerned = {
        account
        for one in wanted
        for slot, want in one.slots.items()
        for account in (want.staff, held[one.id or 0].get(slot))
        if account is not None
    }
    inactive = {account for account in concerned if standing.get(account, "active") != "active"}
    assert len(found) == len(inactive)
    for account in inactive:
        (finding,) = (one for one in found if f"account {account} " in one.what.replace(")", " "))
        assert finding.level == "warn"
        assert finding.staff == HANDLES.get(account)


def _known(account: UserId | None) -> UserId | None:
    """Only staff of staff.yaml can be declared."""
    return account if account in HANDLES else None


@given(held_slots, st.sets(st.one_of(accounts, iqas)))
def test_somebody_archived_leaves_a_slot_as_bare_as_nobody_does(
    held: Mapping[Slot, UserId | None], gone: set[UserId]
) -> None:
    """With everybody archived, learners lack an assessor as with empty slots; those who hold nothing change nothing."""
    slots = {DEFAULT: None, **held}
    wanted = declared(learner(dict.fromkeys(slots)))

    def coverage(inactive: set[UserId], who: Mapping[Slot, UserId | None] = slots) -> list[str]:
        found = check_policies(wanted, reading({LEARNER: who}, dict.fromkeys(inactive, "archived")), [])
        return [finding.what for finding in findings("coverage", found)]

    def without_assessor(found: list[str]) -> bool:
        return any("nobody" in what for what in found)

    everybody = {*HANDLES, STRANGER}
    assert without_assessor(coverage(everybody)) == without_assessor(coverage(set(), dict.fromkeys(slots)))
    assert coverage(gone - set(slots.values())) == coverage(set())
    assert without_assessor(coverage(gone)) >= without_assessor(coverage(set()))


@pytest.mark.parametrize("standing", ["archived", "missing"])
def test_coverage_names_who_cannot_act(standing: AccountStatus) -> None:
    """The reason is the account, not an empty slot; the default assessor below does not hide it."""
    held = {DEFAULT: JAMES, AIM: KATE, AIM_IQA: PRIYA}
    found = check_policies(declared(learner(held)), reading({LEARNER: held}, {KATE: standing, PRIYA: standing}), [])
    word = "archived" if standing == "archived" else "gone"
    assert [finding.what for finding in findings("coverage", found)] == [
        f"LRN-0042: learning aim 41242 has an assessor but no IQA: priya-shah is {word}",
        f"LRN-0042: nobody assesses learning aim 41242: kate-anderson is {word}",
    ]


def test_somebody_who_is_replaced_by_the_plan_is_not_found() -> None:
    """The state after the plan counts."""
    wanted = declared(learner({DEFAULT: JAMES}))
    seen = reading({LEARNER: {DEFAULT: KATE}}, {KATE: "archived"})
    assert findings("staff_active", check_policies(wanted, seen, [change(DEFAULT, KATE, JAMES)])) == []
    assert len(findings("staff_active", check_policies(wanted, seen, []))) == 1


@given(st.sampled_from([DEFAULT, AIM_IQA]), st.sampled_from(list(Role)), st.booleans())
def test_a_role_that_does_not_fit_is_found(slot: Slot, role: Role, known: bool) -> None:
    """The declared role for somebody in staff.yaml, any that may hold the slot for somebody else."""
    holder = (KATE if slot == DEFAULT else PRIYA) if known else STRANGER
    wanted = declared(learner({slot: _known(holder)}))
    found = findings(
        "staff_active", check_policies(wanted, reading({LEARNER: {slot: holder}}, {}, roles={holder: role}), [])
    )
    fitting = {Role.ASSESSOR if slot == DEFAULT else Role.IQA} if known else ROLES_FOR[slot.kind]
    assert bool(found) is (role not in fitting)


def test_a_waiver_covers_an_account_if_it_covers_all_of_its_learners() -> None:
    """As for every policy: with its reason, until its last day."""
    waiver = Waiver("staff_active", "back in May", "head", date(2026, 12, 31), cohort="one")
    settings = Settings(ORGANISATION, policies={"staff_active": "error"}, waivers=(waiver,))
    first, second = learner({DEFAULT: KATE}, 1, cohort="one"), learner({DEFAULT: KATE}, 2, cohort="two")
    seen = reading({1: {DEFAULT: KATE}, 2: {DEFAULT: KATE}}, {KATE: "archived"})
    (one,) = findings("staff_active", check_policies(declared(first, settings=settings), seen, []))
    (both,) = findings("staff_active", check_policies(declared(first, second, settings=settings), seen, []))
    assert one.waived.startswith("back in May")
    assert both.blocks


# ------------------------------------------------------------------ accounts that may be one person


def shared(*users: UserId, thing: str = "misid") -> SharedIdentity:
    return SharedIdentity(thing, tuple(SharedAccount(user) for user in sorted(users)))  # type: ignore[arg-type]


@pytest.mark.parametrize(("thing", "words"), [("misid", "MISID"), ("email", "e-mail address")])
def test_accounts_with_one_identity_are_found_if_one_of_them_is_concerned(thing: str, words: str) -> None:
    """Whoever else has it may be nobody whom the files know."""
    held = {DEFAULT: KATE}
    wanted = declared(learner(held))
    seen = reading({LEARNER: held}, {}, shared(KATE, STRANGER, thing=thing), shared(JAMES, NOOR, thing=thing))
    (finding,) = findings("duplicate_staff", check_policies(wanted, seen, []))
    assert finding.what == (
        f"kate-anderson (account {KATE}) and account {STRANGER} (not in staff.yaml) have the same {words} in OneFile"
    )


def test_two_roles_of_one_declared_person_are_no_duplicate() -> None:
    """Two accounts are how OneFile gives one person two roles; two of one role are a mistake."""
    staff = (
        member("kate", KATE, person="k"),
        member("kate-iqa", PRIYA, Role.IQA, person="k"),
        member("kate-2", JAMES, person="k"),
    )
    held = {DEFAULT: KATE}
    wanted = declared(learner(held), staff=staff)
    assert not findings(
        "duplicate_staff", check_policies(wanted, reading({LEARNER: held}, {}, shared(KATE, PRIYA)), [])
    )
    assert findings("duplicate_staff", check_policies(wanted, reading({LEARNER: held}, {}, shared(KATE, JAMES)), []))


def test_accounts_with_one_misid_are_one_person_who_must_not_judge_their_own_work() -> None:
    """Also if the files do not say so: a new account of the same person changes nothing."""
    held = {AIM: KATE, AIM_IQA: PRIYA}
    wanted = declared(learner(held))
    assert not findings("iqa_independent", check_policies(wanted, reading({LEARNER: held}, {}), []))
    (finding,) = findings(
        "iqa_independent", check_policies(wanted, reading({LEARNER: held}, {}, shared(KATE, PRIYA)), [])
    )
    assert "kate-anderson and priya-shah have the same MISID, so they count as one person" in finding.what
    by_mail = reading({LEARNER: held}, {}, shared(KATE, PRIYA, thing="email"))
    assert not findings("iqa_independent", check_policies(wanted, by_mail, []))
