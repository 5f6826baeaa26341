"""The generated centre: the same for the same seed, and with everything in it that trials need."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from onefile_sandbox.generator import generate
from onefile_sandbox.records import CENTRE_ID, OTHER_CENTRE_ID, SHARED_UNIT, UNITS, Centre
from reconciler.model.structs import asdict
from tests.onefile_sandbox.trial import JAMES, KATE, LEARNER, LEE, PRIYA


def _bytes(centre: Centre) -> bytes:
    return json.dumps(asdict(centre)).encode()


@pytest.fixture(scope="module")
def centre() -> Centre:
    return generate()


@pytest.mark.parametrize("seed", [1, 2, 97])
def test_the_same_seed_gives_the_same_bytes(seed: int) -> None:
    """Nothing but the seed and the size decides."""
    assert _bytes(generate(seed, 90)) == _bytes(generate(seed, 90))
    assert _bytes(generate(seed, 90)) != _bytes(generate(seed + 1, 90))


@pytest.mark.parametrize("small", [1, 13, 60, 401])
def test_a_larger_centre_only_adds(small: int) -> None:
    """Every record of the small centre is unchanged in the larger one."""
    less, more = asdict(generate(1, small)), asdict(generate(1, 1000))
    for table, records in less.items():
        larger = {record["ID"]: record for record in more[table]}
        assert all(larger[record["ID"]] == record for record in records), table


def test_the_people_of_the_documentation_are_there(centre: Centre) -> None:
    """The examples in the documentation run against the default centre as they are written."""
    users = {user["ID"]: user for user in centre.users}
    named = {id_: (users[id_]["FirstName"], users[id_]["Role"]) for id_ in (KATE, JAMES, PRIYA, LEE)}
    assert named == {KATE: ("Kate", 5), JAMES: ("James", 5), PRIYA: ("Priya", 10), LEE: ("Lee", 45)}
    acme = next(place["ID"] for place in centre.placements if place["Name"] == "Acme")
    employers = [user["ID"] for user in centre.users if user["Role"] == 40 and user["PlacementID"] == acme]
    learner = users[LEARNER]
    assert (learner["OrganisationID"], learner["PlacementID"], learner["DefaultAssessorID"]) == (CENTRE_ID, acme, KATE)
    assert employers == [learner["DefaultEmployerID"]]
    assert [aim["StandardID"] for aim in centre.aims if aim["UserID"] == LEARNER] == [41240, 41242]
    assert "KS_COMM1" in [unit["UnitID"] for unit in centre.unit_summaries if unit["UserID"] == LEARNER]


def test_every_id_is_given_once_and_leads_somewhere(centre: Centre) -> None:
    """No id comes twice in its table, and every reference is to a record of the same organisation."""
    big = generate(3, 2000)
    for table, records in asdict(big).items():
        assert max(Counter(record["ID"] for record in records).values()) == 1, table
    users = {user["ID"]: user for user in big.users}
    homes = {place["ID"]: place["OrganisationID"] for place in [*big.placements, *big.classrooms]}
    for user in big.users:
        for place in (user["PlacementID"], user["ClassroomID"]):
            assert place is None or homes[place] == user["OrganisationID"]
        for staff, roles in ((user["DefaultAssessorID"], {5}), (user["DefaultEmployerID"], {40})):
            assert staff is None or users[staff]["Role"] in roles
            assert staff is None or users[staff]["OrganisationID"] == user["OrganisationID"]
        if user["DefaultEmployerID"] is not None:
            assert users[user["DefaultEmployerID"]]["PlacementID"] == user["PlacementID"]
    aims = {aim["ID"]: aim for aim in big.aims}
    for summary in big.unit_summaries:
        aim = aims[summary["LearningAimID"]]
        assert aim["UserID"] == summary["UserID"]
        assert summary["UnitID"] in {unit["ID"] for unit in UNITS[aim["StandardID"]]}
    for record in [*big.aims, *big.unit_summaries]:
        assert record["AssessorID"] is None or users[record["AssessorID"]]["Role"] == 5
        assert record["IVID"] is None or users[record["IVID"]]["Role"] == 10


def test_staff_grow_with_the_learners() -> None:
    """About one assessor per 13 learners, one IQA per 30, and one to three employers per placement."""
    big = generate(1, 1300)
    roles = Counter(user["Role"] for user in big.users if user["OrganisationID"] == CENTRE_ID)
    assert roles[1] == 1300
    assert 95 <= roles[5] <= 105
    assert 40 <= roles[10] <= 47
    assert roles[4] == 4
    employers = Counter(user["PlacementID"] for user in big.users if user["Role"] == 40)
    assert employers.keys() == {place["ID"] for place in big.placements}
    assert set(employers.values()) == {1, 2, 3}


def test_the_default_centre_holds_every_awkward_case(centre: Centre) -> None:
    """Archived people, missing defaults, empty slots, a standard twice, a unit twice, an id that needs care."""
    learners = [user for user in centre.users if user["Role"] == 1 and user["OrganisationID"] == CENTRE_ID]
    archived = [user for user in learners if user["DateArchived"]]
    assert archived
    assert all(user["DefaultAssessorID"] for user in archived)
    assert any(user["DefaultAssessorID"] is None for user in learners)
    assert sum(user["MISID"] is not None for user in learners) == len(learners) // 2
    standards = Counter((aim["UserID"], aim["StandardID"]) for aim in centre.aims)
    units = Counter((unit["UserID"], unit["UnitID"]) for unit in centre.unit_summaries)
    assert [learner for (learner, _), held in standards.items() if held > 1] == [200017, 200057]
    assert [key for key, held in units.items() if held > 1] == [(200023, SHARED_UNIT)]
    assert any(" " in unit["UnitID"] for unit in centre.unit_summaries)
    assert any("/" in unit["UnitID"] and "#" in unit["UnitID"] for unit in centre.unit_summaries)
    assert any(aim["AssessorID"] is None for aim in centre.aims)
    assert len({user["Email"] for user in centre.users}) == len(centre.users) - 1  # one person has two accounts
    misids = Counter(user["MISID"] for user in centre.users if user["MISID"])
    assert [misid for misid, times in misids.items() if times > 1] == ["LRN00002"]  # once in each organisation


def test_everybody_is_plainly_invented(centre: Centre) -> None:
    """Addresses end in example.org, and telephone numbers are of the range kept for invented people."""
    assert all(user["Email"].endswith(".example.org") for user in centre.users)
    assert all((user["MobileNumber"] or "07700 900").startswith("07700 900") for user in centre.users)


def test_the_second_organisation_is_whole(centre: Centre) -> None:
    """It has a learner and a member of staff of every role, so that every cross-organisation write can be tried."""
    roles = {user["Role"] for user in centre.users if user["OrganisationID"] == OTHER_CENTRE_ID}
    assert roles == {1, 4, 5, 10, 40, 45}


@pytest.mark.parametrize("learners", [0, -1, 100_001])
def test_a_centre_of_an_impossible_size_is_refused(learners: int) -> None:
    """Ids would meet, or there would be nobody."""
    with pytest.raises(ValueError, match="1 to 100000 learners"):
        generate(1, learners)
