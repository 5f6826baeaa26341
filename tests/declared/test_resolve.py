"""Laws of what files come to mean on a day: defaults, dates, cover, and that order does not matter."""

from __future__ import annotations

import random
from datetime import date, timedelta
from pathlib import Path

import pytest

from reconciler.declared.load import read_declared
from reconciler.model.declared import DEFAULT_DRIFT, DEFAULT_POLICIES, Allowance, Declared, Limits
from reconciler.model.slots import Handle, Slot, SlotKind
from reconciler.problems import Source
from tests.declared.files import (
    ACME,
    AIM,
    AIM_IQA,
    DAY,
    DEFAULT,
    EMPLOYER,
    JAMES,
    KATE,
    LEE,
    NOOR,
    OSCAR,
    PRIYA,
    STAFF,
    UNIT,
    UNIT_IQA,
    additional,
    centre,
    holders,
    read,
    wanted,
)

DEFAULTS = """defaults:
  default_assessor: kate-anderson
  default_employer: acme-mentor
  learning_aims: [{standard: 41240, assessor: kate-anderson, iqa: priya-shah}]
  units: [{unit: KS_COMM1, assessor: kate-anderson, iqa: priya-shah}]
  additional: [observer-lee]
learners:
"""
ALL_DEFAULTS = {
    DEFAULT: KATE,
    EMPLOYER: ACME,
    AIM: KATE,
    AIM_IQA: PRIYA,
    UNIT: KATE,
    UNIT_IQA: PRIYA,
    additional(LEE): LEE,
}


def covered(handle: str, *entries: str) -> str:
    """Return the staff file with cover for one member."""
    lines = [line[:-1] + f", cover: [{', '.join(entries)}]}}" if f" {handle}:" in line else line for line in lines_of()]
    return "\n".join(lines) + "\n"


def lines_of() -> list[str]:
    return STAFF.splitlines()


# ------------------------------------------------------------------ defaults


def test_a_learner_who_says_nothing_has_the_defaults(tmp_path: Path) -> None:
    """Every kind of slot is inherited."""
    assert holders(read(tmp_path, DEFAULTS + "  - id: 200004\n")) == ALL_DEFAULTS


def test_what_is_declared_nowhere_is_not_managed(tmp_path: Path) -> None:
    """No defaults, no slots: the learner is known and left alone."""
    assert holders(read(tmp_path, "learners:\n  - id: 200004\n")) == {}


@pytest.mark.parametrize(
    ("own", "changed"),
    [
        ("default_assessor: james-fayre", {DEFAULT: JAMES}),
        ("default_assessor: null", {DEFAULT: None}),
        ("learning_aims: [{standard: 41240, iqa: oscar-lind}]", {AIM_IQA: OSCAR}),
        ("learning_aims: [{standard: 41240, iqa: null}]", {AIM_IQA: None}),
        ("learning_aims: [{standard: 41240, assessor: james-fayre, iqa: null}]", {AIM: JAMES, AIM_IQA: None}),
        ("units: [{unit: KS_COMM1, assessor: james-fayre}]", {UNIT: JAMES}),
        ("additional: [noor-haddad]", {additional(NOOR): NOOR}),
        ("additional: [observer-lee]", {}),
    ],
)
def test_a_learner_overrides_field_by_field(tmp_path: Path, own: str, changed: dict[Slot, int | None]) -> None:
    """The named field is the learner's, null is a declared empty slot, everything else stays the defaults'."""
    assert holders(read(tmp_path, f"{DEFAULTS}  - id: 200004\n    {own}\n")) == {**ALL_DEFAULTS, **changed}


@pytest.mark.parametrize(
    ("own", "left_out"),
    [
        ("default_assessor: []", {DEFAULT}),
        ("learning_aims: [{standard: 41240, assessor: [], iqa: []}]", {AIM, AIM_IQA}),
        ("units: [{unit: KS_COMM1, assessor: []}]", {UNIT}),
    ],
)
def test_an_empty_list_leaves_a_default_out(tmp_path: Path, own: str, left_out: set[Slot]) -> None:
    """The slot is not managed, on any day, and there is nothing to warn of: somebody wrote it so."""
    declared = read(tmp_path, f"{DEFAULTS}  - id: 200004\n    {own}\n")
    assert holders(declared) == {slot: who for slot, who in ALL_DEFAULTS.items() if slot not in left_out}
    assert declared.warnings == ()


def test_a_learner_s_dated_entries_replace_the_default_on_every_day(tmp_path: Path) -> None:
    """When they have run out, the default does not come back unasked: the slot is not managed, and that is told."""
    text = DEFAULTS + "  - id: 200004\n    default_assessor: [{staff: james-fayre, until: 2026-11-30}]\n"
    declared = read(tmp_path, text)
    assert DEFAULT not in holders(declared)
    [warning] = declared.warnings
    assert warning.severity == "warning"
    assert "learner 200004: default_assessor: nobody is declared after 2026-11-30" in warning.what


def test_learners_share_what_they_inherit(tmp_path: Path) -> None:
    """A hundred thousand learners with seven inherited slots each are one set of slots."""
    one, two = read(tmp_path, DEFAULTS + "  - id: 200004\n  - {id: 200005, label: B}\n").learners
    assert one.slots is two.slots


def test_a_cohort_may_belong_to_another_organisation(tmp_path: Path) -> None:
    """Its own organisation wins over that of the settings, for its own learners only."""
    state = centre(tmp_path, "learners: [{id: 1}]\n", other="organisation: 77\nlearners: [{id: 2}]\n")
    assert [learner.organisation for learner in read_declared(state, DAY).learners] == [5740, 77]


def test_each_slot_says_which_line_asks_for_it(tmp_path: Path) -> None:
    """A learner's own slot points to its line, a dated one to its entry, an inherited one to the defaults."""
    text = DEFAULTS + "  - id: 200004\n    default_assessor:\n      - {staff: james-fayre, until: 2027-01-01}\n"
    declared = read(tmp_path, text)
    file = (tmp_path / "state" / "cohorts" / "care.yaml").as_posix()
    assert wanted(declared, DEFAULT).source == Source(file, 12)
    assert wanted(declared, AIM_IQA).source == Source(file, 6)
    assert declared.learners[0].source == Source(file, 10)


# ------------------------------------------------------------------ dates

DATED = """learners:
  - id: 200004
    default_assessor:
      - {staff: kate-anderson, until: 2026-12-31}
      - {staff: james-fayre, from: 2027-01-01, until: 2027-01-31}
      - {staff: null, from: 2027-02-01, until: 2027-02-28}
      - {staff: noor-haddad, from: 2027-03-01}
"""


@pytest.mark.parametrize(
    ("day", "holder"),
    [
        (date(1, 1, 1), KATE),
        (date(2026, 12, 31), KATE),
        (date(2027, 1, 1), JAMES),
        (date(2027, 1, 31), JAMES),
        (date(2027, 2, 1), None),
        (date(2027, 2, 28), None),
        (date(2027, 3, 1), NOOR),
        (date(9999, 12, 31), NOOR),
    ],
)
def test_first_and_last_day_of_an_entry_are_both_included(tmp_path: Path, day: date, holder: int | None) -> None:
    """On every day exactly the entry holds whose days include it; no first or last day is open-ended."""
    assert holders(read(tmp_path, DATED, day)) == {DEFAULT: holder}


@pytest.mark.parametrize(
    ("day", "when"), [(date(2026, 11, 30), "before 2026-12-01"), (date(2027, 1, 1), "after 2026-12-31")]
)
def test_outside_all_entries_a_slot_is_left_alone_with_a_warning(tmp_path: Path, day: date, when: str) -> None:
    """Nobody is declared is not the same as declared empty."""
    entry = "{staff: kate-anderson, from: 2026-12-01, until: 2026-12-31}"
    text = f"learners:\n  - id: 200004\n    default_assessor: [{entry}]\n"
    declared = read(tmp_path, text, day)
    assert holders(declared) == {}
    assert [when in problem.what for problem in declared.warnings] == [True]


def test_an_additional_person_comes_and_goes_by_their_dates(tmp_path: Path) -> None:
    """Once the time is over there is a reminder, because OneFile cannot take the person off by itself."""
    text = "learners:\n  - id: 200004\n    additional: [{staff: observer-lee, from: 2026-12-01, until: 2026-12-31}]\n"
    before, during, after = (read(tmp_path, text, DAY + timedelta(days=days)) for days in (-1, 30, 31))
    assert [holders(declared) for declared in (before, during, after)] == [{}, {additional(LEE): LEE}, {}]
    assert [len(declared.warnings) for declared in (before, during, after)] == [0, 0, 1]


def test_a_learner_s_dates_for_an_additional_person_win_over_the_defaults(tmp_path: Path) -> None:
    """The union has each person once."""
    text = DEFAULTS + "  - id: 200004\n    additional: [{staff: observer-lee, until: 2026-11-30}]\n"
    assert additional(LEE) not in holders(read(tmp_path, text))


# ------------------------------------------------------------------ cover


def test_cover_rewrites_every_slot_of_the_person(tmp_path: Path) -> None:
    """Default, learning aim, unit and additional, own and inherited, with the reason cover and the cover's line."""
    staff = covered("kate-anderson", "{by: james-fayre, from: 2026-12-01}")
    declared = read(tmp_path, DEFAULTS + "  - id: 200004\n    additional: [kate-anderson]\n", staff=staff)
    expected = {slot: JAMES if holder == KATE else holder for slot, holder in ALL_DEFAULTS.items()}
    assert holders(declared) == {**expected, additional(JAMES): JAMES}
    for slot, one in declared.learners[0].slots.items():
        was_kate = slot in (DEFAULT, AIM, UNIT, additional(JAMES))
        assert one.reason == ("cover" if was_kate else "declared")
        assert one.source.file.endswith("staff.yaml" if was_kate else "care.yaml")


def test_cover_of_an_iqa_and_of_an_employer_works_the_same(tmp_path: Path) -> None:
    """No role is special."""
    staff = covered("priya-shah", "{by: oscar-lind, from: 2026-12-01}") + "  new-mentor: {id: 140023, role: employer}\n"
    staff = staff.replace(
        "id: 140022, role: employer", "id: 140022, role: employer, cover: [{by: new-mentor, from: 2026-01-01}]"
    )
    declared = read(tmp_path, DEFAULTS + "  - id: 200004\n", staff=staff)
    assert holders(declared) == {**ALL_DEFAULTS, AIM_IQA: OSCAR, UNIT_IQA: OSCAR, EMPLOYER: 140023}


@pytest.mark.parametrize(
    ("day", "holder"),
    [
        (date(2026, 11, 30), KATE),
        (date(2026, 12, 1), JAMES),
        (date(2026, 12, 31), JAMES),
        (date(2027, 1, 1), KATE),
        (date(2027, 3, 1), NOOR),
        (date(2040, 1, 1), NOOR),
    ],
)
def test_cover_counts_on_its_first_and_last_day_and_then_ends(tmp_path: Path, day: date, holder: int) -> None:
    """Without an until the successor stays."""
    entries = "{by: james-fayre, from: 2026-12-01, until: 2026-12-31}", "{by: noor-haddad, from: 2027-03-01}"
    text = "learners:\n  - id: 200004\n    default_assessor: kate-anderson\n"
    assert holders(read(tmp_path, text, day, staff=covered("kate-anderson", *entries))) == {DEFAULT: holder}


def test_cover_is_followed_along_a_chain(tmp_path: Path) -> None:
    """Who stands in may be away too; the line that names who finally acts is the one that asks."""
    staff = covered("kate-anderson", "{by: james-fayre, from: 2026-12-01}")
    staff = staff.replace(
        "id: 122762, role: assessor", "id: 122762, role: assessor, cover: [{by: noor-haddad, from: 2026-12-01}]"
    )
    declared = read(tmp_path, "learners:\n  - id: 200004\n    default_assessor: kate-anderson\n", staff=staff)
    found = wanted(declared, DEFAULT)
    assert (found.staff, found.handle, found.reason, found.source.line) == (NOOR, "noor-haddad", "cover", 4)


def test_who_is_named_stays_declared_beside_a_stand_in(tmp_path: Path) -> None:
    """Kate is covered by James, and both are additional: James is there for his own sake."""
    staff = covered("kate-anderson", "{by: james-fayre, from: 2026-12-01}")
    text = "learners:\n  - id: 200004\n    additional: [james-fayre, kate-anderson]\n"
    declared = read(tmp_path, text, staff=staff)
    assert holders(declared) == {additional(JAMES): JAMES}
    assert wanted(declared, additional(JAMES)).reason == "declared"


# ------------------------------------------------------------------ order


def meaning(declared: Declared) -> object:
    """Everything but the places in the files."""
    return (declared.settings, declared.staff, declared.learners, sorted(problem.what for problem in declared.warnings))


def test_the_order_of_keys_and_learners_means_nothing(tmp_path: Path) -> None:
    """However files are shuffled, the same is declared, in the same order."""
    learner_lines = [
        [
            "id: 200004",
            "label: A",
            "default_assessor: [{staff: kate-anderson, until: 2026-10-01}]",
            "additional: [noor-haddad]",
        ],
        ["id: 200009", "label: B", "learning_aims: [{iqa: oscar-lind, standard: 41240}, {standard: 7, iqa: null}]"],
        ["misid: X1", "label: C", "default_employer: null", "units: [{unit: U, assessor: james-fayre}]"],
        ["misid: X0", "label: D", "additional: [{staff: kate-anderson, until: 2026-10-01}]"],
    ]
    shuffle = random.Random(7)  # noqa: S311 - a fixed shuffle, no secret
    found = []
    for turn in range(6):
        learners = []
        for lines in shuffle.sample(learner_lines, len(learner_lines)):
            first, *rest = shuffle.sample(lines, len(lines))
            learners.append("  - " + "\n    ".join([first, *rest]) + "\n")
        head, *members = lines_of()[1:]
        staff = "\n".join([head, *shuffle.sample(members, len(members)), "version: 1", ""])
        found.append(meaning(read(tmp_path / str(turn), DEFAULTS + "".join(learners), staff=staff)))
    assert all(one == found[0] for one in found)


def test_learners_come_by_cohort_then_id_then_misid(tmp_path: Path) -> None:
    """A documented order: the same files give the same bytes."""
    state = centre(tmp_path, "learners: [{misid: B}, {id: 9}, {misid: A}, {id: 10}]\n", arts="learners: [{id: 11}]\n")
    declared = read_declared(state, DAY)
    assert [learner.id or learner.misid for learner in declared.learners] == [11, "A", "B", 9, 10]


# ------------------------------------------------------------------ settings and staff


def test_settings_left_out_mean_what_the_model_says(tmp_path: Path) -> None:
    """Only organisation is required."""
    settings = read(tmp_path, "learners: []\n", settings="organisation: 5740\n").settings
    assert (settings.organisation, settings.target, settings.calls_per_minute, settings.names) == (
        5740,
        "sandbox",
        300,
        "never",
    )
    assert (settings.drift, settings.policies, settings.limits, settings.waivers) == (
        DEFAULT_DRIFT,
        DEFAULT_POLICIES,
        Limits(),
        (),
    )


def test_settings_given_are_taken(tmp_path: Path) -> None:
    """Each part alone; what stands beside it keeps its default, and null takes a limit away."""
    text = """organisation: 5740
target: practice
drift: {unit_iqa: ignore}
limits:
  create: {count: 7, per_cohort: {share: 0.5}}
  reassign: {share: null}
  manual: {count: 0}
calls_per_minute: 60
policies: {coverage: off}
waivers: [{policy: coverage, cohort: care, reason: new, approved_by: quality-lead, until: 2026-11-30}]
privacy: {names: terminal}
"""
    declared = read(tmp_path, "learners: []\n", settings=text)
    settings = declared.settings
    assert (settings.target, settings.calls_per_minute, settings.names) == ("practice", 60, "terminal")
    assert settings.drift == {**DEFAULT_DRIFT, SlotKind.UNIT_IQA: "ignore"}
    assert settings.policies == {**DEFAULT_POLICIES, "coverage": "off"}
    assert settings.limits == Limits(
        create=Allowance(7),
        create_per_cohort=Allowance(share=0.5),
        reassign=Allowance(count=100),
        manual=Allowance(0),
    )
    [waiver] = settings.waivers
    assert (waiver.policy, waiver.cohort, waiver.learner, waiver.until) == (
        "coverage",
        "care",
        None,
        date(2026, 11, 30),
    )
    assert [warning.what for warning in declared.warnings] == [
        "waiver of coverage: its last day was 2026-11-30, so it no longer counts"
    ]


def test_a_waiver_still_counts_on_its_last_day(tmp_path: Path) -> None:
    """Until is inclusive here as everywhere."""
    waiver = "{policy: coverage, learner: 1, reason: new, approved_by: quality-lead, until: 2026-12-01}"
    declared = read(tmp_path, "learners: [{id: 1}]\n", settings=f"organisation: 5740\nwaivers: [{waiver}]\n")
    assert declared.warnings == ()


def test_two_accounts_of_one_person_are_one_human(tmp_path: Path) -> None:
    """Caseload and person are kept as declared."""
    staff = (
        STAFF
        + "  kate-iqa: {id: 9, role: iqa, person: ka}\n"
        + "  kate-two: {id: 8, role: assessor, person: ka, caseload: {max: 4}}\n"
    )
    members = read(tmp_path, "learners: []\n", staff=staff).staff
    one, two = (member for member in members.values() if member.person)
    assert one.human() == two.human()
    assert (two.caseload_target, two.caseload_max) == (None, 4)


def test_hours_and_competence_are_kept_as_declared(tmp_path: Path) -> None:
    """Without hours somebody is full-time; an empty list is no competence, and none is any."""
    staff = (
        STAFF
        + "  kate-two: {id: 8, role: assessor, hours: 22.5, competence: [{standard: 41240, until: 2026-12-31}]}\n"
        + "  kate-three: {id: 9, role: assessor, competence: []}\n"
    )
    members = read(tmp_path, "learners: []\n", staff=staff).staff
    two, three, kate = (members[Handle(name)] for name in ("kate-two", "kate-three", "kate-anderson"))
    assert (two.hours, three.hours) == (22.5, 37.0)
    last = date(2026, 12, 31)
    assert [two.is_competent([41240], day) for day in (last, last + timedelta(days=1))] == [True, False]
    assert not two.is_competent([41240, 41242], last)
    assert not three.is_competent([41240], last)
    assert three.is_competent([], last) and kate.is_competent([1], last)


def test_the_weights_of_sharing_out_are_read_one_by_one(tmp_path: Path) -> None:
    """A weight that is left out has its default; 0 is a weight."""
    settings = "version: 1\norganisation: 5740\nshare_out: {even: 9, known: 0}\n"
    weights = read(tmp_path, "learners: []\n", settings=settings).settings.share_weights
    assert (weights.even, weights.known, weights.target) == (9, 0, 20)
