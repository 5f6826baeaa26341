"""What a change of the files loosens does not count before it is merged, whatever it is."""

from __future__ import annotations

from datetime import date, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.declared import LOOSENED, POLICIES, Allowance, Limits, Settings, Staff, Waiver, Window
from reconciler.model.slots import Handle, OrganisationId, Role, SlotKind, UserId
from reconciler.model.structs import replace
from reconciler.plan.loosened_settings import LEVELS, STRICT, stricter, stricter_staff
from reconciler.problems import Source

HERE = OrganisationId(5740)
ALLOWANCES = st.builds(
    Allowance, st.none() | st.integers(0, 200), st.none() | st.sampled_from([0.0, 0.1, 0.3, 0.5, 1.0])
)
WAIVERS = st.builds(
    Waiver,
    policy=st.sampled_from(["coverage", "limit_reassign"]),
    reason=st.sampled_from(["x", "y"]),
    approved_by=st.just("quality-lead"),
    until=st.sampled_from([date(2027, 1, 1), date(2028, 1, 1)]),
    learner=st.none() | st.just(UserId(200004)),
    cohort=st.none() | st.just("c1"),
)
SETTINGS = st.builds(
    Settings,
    organisation=st.just(HERE),
    limits=st.builds(Limits, ALLOWANCES, ALLOWANCES, ALLOWANCES, ALLOWANCES, ALLOWANCES, ALLOWANCES),
    calls_per_minute=st.integers(1, 1000),
    longest_wait_seconds=st.integers(1, 1000),
    longest_read_lag_seconds=st.integers(0, 1000),
    policies=st.fixed_dictionaries({name: st.sampled_from(LEVELS) for name in POLICIES}),
    waivers=st.lists(WAIVERS, max_size=3, unique=True).map(tuple),
    names=st.sampled_from(["never", "terminal", "always"]),
    employer_signs=st.booleans(),
)


def looseness(settings: Settings) -> list[float]:
    """A number for each value that can loosen; a greater one is looser."""
    bounds = [
        float("inf") if bound is None else bound
        for name in settings.limits.__struct_fields__
        for bound in (getattr(settings.limits, name).count, getattr(settings.limits, name).share)
    ]
    levels = [float(LEVELS.index(settings.level(name))) for name in POLICIES]
    names = ["never", "terminal", "always"].index(settings.names)
    bounds += [settings.calls_per_minute, settings.longest_wait_seconds, settings.longest_read_lag_seconds]
    return [*map(float, bounds), *levels, float(names), float(not settings.employer_signs)]


@given(SETTINGS, SETTINGS)
def test_nothing_is_looser_than_on_the_base_and_nothing_looser_than_here(here: Settings, base: Settings) -> None:
    """Value by value; a waiver counts if the base has it; and each difference is a finding."""
    effective = stricter(here, base)
    expected = [min(pair) for pair in zip(looseness(here), looseness(base), strict=True)]
    assert looseness(effective.settings) == expected
    assert set(effective.settings.waivers) <= set(base.waivers)
    assert {waiver for waiver in here.waivers if waiver in base.waivers} <= set(effective.settings.waivers)
    new = [waiver for waiver in here.waivers if waiver not in base.waivers]
    loosened = sum(mine > theirs for mine, theirs in zip(looseness(here), looseness(base), strict=True))
    assert len(effective.findings) == loosened + len(new)
    assert {finding.policy for finding in effective.findings} <= {LOOSENED}


@given(SETTINGS)
def test_what_is_the_same_or_stricter_counts_as_it_is(settings: Settings) -> None:
    """And no finding is made of it."""
    assert stricter(settings, settings).findings == ()
    assert stricter(settings, settings).settings == settings


def test_without_settings_on_the_base_the_defaults_count() -> None:
    """A first pull request has nothing to be compared with, and a broken base excuses nothing."""
    here = Settings(HERE, names="always", policies={"coverage": "off"})
    effective = stricter(here, None)
    assert (effective.settings.names, effective.settings.level("coverage")) == ("never", "warn")
    assert len(effective.findings) == 2


def test_a_window_that_was_taken_away_still_closes() -> None:
    """Until the change is merged; a window that was added closes at once."""
    old, new = Window(time(9), time(17)), Window(time(7), time(8))
    effective = stricter(Settings(HERE, windows=(new,)), Settings(HERE, windows=(old,)))
    assert set(effective.settings.windows) == {old, new}
    assert [finding.what.partition(":")[0] for finding in effective.findings] == ["windows"]


def test_a_kind_that_another_system_owned_stays_theirs() -> None:
    """Until the change is merged; a kind that is given away is left alone at once."""
    here = Settings(HERE, writers={SlotKind.UNIT_IQA: "tracker"})
    base = Settings(HERE, writers={SlotKind.DEFAULT_ASSESSOR: "mis"})
    effective = stricter(here, base)
    assert effective.settings.writers == {**here.writers, **base.writers}
    (finding,) = effective.findings
    assert finding.what.startswith("writers.default_assessor: nobody in these files, mis on the base")


def test_a_waiver_that_was_extended_counts_as_long_as_it_did() -> None:
    """The old end is what somebody approved."""
    old = Waiver(
        "coverage", "x", "quality-lead", date(2027, 1, 1), UserId(200004), source=Source("state/settings.yaml", 9)
    )
    new = replace(old, until=date(2029, 1, 1))
    effective = stricter(Settings(HERE, waivers=(new,)), Settings(HERE, waivers=(old,)))
    assert effective.settings.waivers == (old,)
    assert "until 2029-01-01" in effective.findings[0].what


@pytest.mark.parametrize("name", Settings.__struct_fields__)
def test_every_setting_can_loosen_or_is_known_not_to(name: str) -> None:
    """A new setting has to be put on one side."""
    loose = {"names", "policies", "limits", "calls_per_minute", "longest_wait_seconds", "employer_signs"}
    loose |= {"longest_read_lag_seconds", "waivers", "windows", "writers"}
    assert (name in loose) != (name in STRICT)


BOUNDS = st.none() | st.integers(1, 60)
MEMBERS = st.builds(
    Staff,
    handle=st.sampled_from([Handle("kate"), Handle("james"), Handle("new-name")]),
    id=st.sampled_from([UserId(1), UserId(2), UserId(3)]),
    role=st.sampled_from([Role.ASSESSOR, Role.TRAINEE_ASSESSOR]),
    person=st.sampled_from(["", "k", "j"]),
    caseload_target=BOUNDS,
    caseload_max=BOUNDS,
)
STAFF = st.lists(MEMBERS, max_size=3, unique_by=(lambda one: one.handle, lambda one: one.id)).map(
    lambda members: {member.handle: member for member in members}
)


def least(*bounds: int | None) -> int | None:
    return min((bound for bound in bounds if bound is not None), default=None)


@given(STAFF, STAFF)
def test_no_rule_of_staff_is_looser_than_on_the_base(here: dict[Handle, Staff], base: dict[Handle, Staff]) -> None:
    """By account, under whatever handle: caseloads, who is one person, and who is a trainee; each is a finding."""
    staff, findings = stricter_staff(here, base)
    before = {member.id: member for member in base.values()}
    loosened = 0
    for handle, member in here.items():
        then, now = before.get(member.id, member), staff[handle]
        assert now.caseload_target == least(member.caseload_target, then.caseload_target)
        assert now.caseload_max == least(member.caseload_max, then.caseload_max)
        assert now.person == (then.person or member.person)
        assert (now.role is Role.TRAINEE_ASSESSOR) == (Role.TRAINEE_ASSESSOR in (member.role, then.role))
        names = ("caseload_target", "caseload_max", "person", "role")
        loosened += sum(getattr(now, name) != getattr(member, name) for name in names)
    assert (len(findings), {finding.policy for finding in findings}) == (loosened, {LOOSENED} if loosened else set())
    assert stricter_staff(here, here) == (here, ())
