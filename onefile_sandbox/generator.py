"""Generator of an invented centre, learner by learner from a seed: the world before the first write."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

from onefile_sandbox.records import (
    ASSESSOR,
    CENTRE_ID,
    EMPLOYER,
    IQA,
    LEARNER,
    OBSERVER,
    OTHER_CENTRE_ID,
    SHARED_UNIT,
    STAFF_ROLES,
    STANDARDS,
    TRAINEE,
    UNITS,
    Aim,
    Centre,
    Organisation,
    Placement,
    User,
    instant,
)

T = TypeVar("T")

FIRST_LEARNER_ID = 200001
LEARNERS_PER_ASSESSOR = 13
LEARNERS_PER_IQA = 30
LEARNERS_PER_PLACEMENT = 16
LEARNERS_PER_CLASS = 27
LEARNERS_PER_TRAINEE = 400
LARGEST = 100_000  # learners; beyond this the ids would meet those of the other centre


def _words(text: str) -> list[str]:
    return text.split()


_FIRST = _words(
    "Adara Bexley Calla Dorin Elswyth Fenn Galen Hesper Isolde Jory Kerensa Lowen Merryn Nyle Orla Perran Quill Rowan "
    "Senara Tamsin Ulric Verity Wilmot Xanthe Yestin Zennor Alby Briar Corin Demelza"
)
_LAST = _words(
    "Ashcombe Birkdale Coldwater Dunmere Eastlake Fernhough Greyling Hollowell Inkpen Jessamy Kestrelby Longmarsh "
    "Mossgrove Netherby Oakhanger Pennyfold Quarrington Ravenscar Silverbeck Thornley Underbank Vaisey Whitlow Yarrowby"
)
_FIRMS = _words("Brightwell Copperline Dovetail Evergreen Foxglove Greenhithe Harbourside Ironbridge Juniper")
_TRADES = _words("Logistics Bakery Engineering Care Stationers Textiles Nurseries Foods Printing Optics")
_STREETS = _words("Example Sample Pattern Specimen Placeholder Model")

_BASE_DAY = date(2026, 9, 1)


def generate(seed: int = 1, learners: int = 60) -> Centre:
    """Generate a centre. The same seed gives the same centre; more learners only add to it."""
    check_size(learners)
    growth = _Growth(random.Random(seed))  # noqa: S311 (people are invented here, no secret is made)
    for number in range(1, learners + 1):
        growth.add(number)
    _add_other_centre(growth)
    growth.centre.users.sort(key=lambda user: user["ID"])
    return growth.centre


def generate_customer(organisations: Mapping[int, int], seed: int = 1) -> Centre:
    """Generate one customer: each organisation by its id, with so many learners.

    The records of organisation N have the ids of its centre plus N million, so that no two organisations share one.
    """
    customer = Centre()
    for organisation, learners in organisations.items():
        check_size(learners)
        growth = _Growth(random.Random(f"{seed} {organisation}"))  # noqa: S311 (invented people)
        for number in range(1, learners + 1):
            growth.add(number)
        _join(customer, growth.centre, organisation)
    return customer


_IDS = frozenset(
    {
        *("ID", "UserID", "ClassroomID", "PlacementID", "LearningAimID", "DefaultAssessorID", "DefaultEmployerID"),
        *("AssessorID", "IVID"),
    }
)


def _join(customer: Centre, centre: Centre, organisation: int) -> None:
    """Add a centre's records under another organisation's ids."""
    customer.organisations.append(_organisation(organisation, f"College {organisation} (invented)"))
    centre.users.sort(key=lambda user: user["ID"])
    for name in ("classrooms", "placements", "users", "aims", "unit_summaries"):
        for record in getattr(centre, name):
            for key in _IDS & record.keys():
                record[key] = record[key] and record[key] + organisation * 1_000_000
            if "OrganisationID" in record:
                record["OrganisationID"] = organisation
            getattr(customer, name).append(record)


def check_size(learners: int) -> None:
    if not 1 <= learners <= LARGEST:
        raise ValueError(f"a sandbox centre has 1 to {LARGEST} learners, not {learners}")


class _Growth:
    """A growing centre.

    Staff, placements and classes are added with the first learner who needs them, and every random draw depends only on
    the draws before it: so a small centre is a part of a larger one.
    """

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.centre = Centre()
        self.assessors: list[int] = []
        self.iqas: list[int] = []
        self.employers: dict[int, list[int]] = {}  # by placement
        self._staff_made = 0
        self._add_documented_people()

    def _add_documented_people(self) -> None:
        """Add the organisation and the people of the documentation's examples."""
        self.centre.organisations.append(_organisation(CENTRE_ID, "Northmere College (invented)"))
        self._open_placement("Acme", made_up=False)
        acme = self.centre.placements[0]["ID"]
        self.assessors = [
            self._hire(ASSESSOR, 132757, ("Kate", "Anderson")),
            self._hire(ASSESSOR, 122762, ("James", "Fayre")),
        ]
        self.iqas = [self._hire(IQA, 118204, ("Priya", "Shah"))]
        self.employers[acme] = [self._hire(EMPLOYER, 139015, ("Morgan", "Bellweather"), acme)]
        self._hire(OBSERVER, 127733, ("Lee", "Okehampton"), acme)
        self._hire(TRAINEE, 135510, ("Robin", "Tregarth"))
        # James has a second account, as people with two roles have: one human being, two user ids.
        self.iqas.append(self._hire(IQA, 136481, ("James", "Fayre"), email_of=122762))
        self.leaver = self._hire(ASSESSOR, 121090, ("Sol", "Wrenfield"))
        self._user(self.leaver)["DateArchived"] = _at(_BASE_DAY - timedelta(days=60))

    def add(self, number: int) -> None:
        """Add learner *number*, counted from 1, with the staff, placement and class that they need."""
        before = number - 1
        if before % LEARNERS_PER_CLASS == 0:
            self._open_classroom()
        if before and before % LEARNERS_PER_PLACEMENT == 0:
            self._open_placement(self._firm())
        if before >= 2 * LEARNERS_PER_ASSESSOR and before % LEARNERS_PER_ASSESSOR == 0:
            self.assessors.append(self._hire(ASSESSOR))
        if before >= 2 * LEARNERS_PER_IQA and before % LEARNERS_PER_IQA == 0:
            self.iqas.append(self._hire(IQA))
        if before and before % LEARNERS_PER_TRAINEE == 0:
            self._hire(TRAINEE)
        learner = self._enrol(number)
        if number == 4:
            self._as_documented(learner)
        else:
            self._add_aims(learner, number)

    # ------------------------------------------------------------ places and staff

    def _open_classroom(self) -> None:
        number = len(self.centre.classrooms) + 1
        standard = STANDARDS[(number - 1) % len(STANDARDS)]
        name = f"{standard['Title']} class {number}"
        self.centre.classrooms.append(
            {"ID": 3300 + number, "OrganisationID": CENTRE_ID, "Name": name, "MISID": f"CLS{number:03d}"}
        )

    def _firm(self) -> str:
        return f"{self.chance.choice(_FIRMS)} {self.chance.choice(_TRADES)} {len(self.centre.placements) + 1}"

    def _open_placement(self, name: str, *, made_up: bool = True) -> None:
        number = len(self.centre.placements) + 1
        id_ = 8100 + number
        street = _STREETS[number % len(_STREETS)]
        self.centre.placements.append(
            {
                "ID": id_,
                "OrganisationID": CENTRE_ID,
                "Name": name,
                "Active": True,
                "Address": f"{number} {street} Street",
            }
        )
        if made_up:
            self.employers[id_] = [self._hire(EMPLOYER, placement=id_) for _ in range(self.chance.randint(1, 3))]
            if number % 2:
                self._hire(OBSERVER, placement=id_)

    def _hire(
        self,
        role: int,
        id_: int | None = None,
        name: tuple[str, str] | None = None,
        placement: int | None = None,
        *,
        email_of: int | None = None,
    ) -> int:
        if id_ is None:
            self._staff_made += 1
            id_ = 140000 + self._staff_made * 7919 % 59999  # 59,999 is a prime: no id comes twice
        first, last = name or (self.chance.choice(_FIRST), self.chance.choice(_LAST))
        user = _user(CENTRE_ID, role, id_, first, last, "staff")
        user["PlacementID"] = placement
        if email_of is not None:
            user["Email"] = self._user(email_of)["Email"]
        self.centre.users.append(user)
        return id_

    def _user(self, id_: int) -> User:
        return next(user for user in self.centre.users if user["ID"] == id_)

    # ------------------------------------------------------------ learners

    def _enrol(self, number: int) -> User:
        chance = self.chance
        id_ = FIRST_LEARNER_ID + number - 1
        user = _user(CENTRE_ID, LEARNER, id_, chance.choice(_FIRST), chance.choice(_LAST), "learner")
        placement = self._near(self.centre.placements, LEARNERS_PER_PLACEMENT, number)["ID"]
        employers = self.employers[placement]
        start = _BASE_DAY - timedelta(days=chance.randrange(700))
        user["MISID"] = f"LRN{number:05d}" if number % 2 == 0 else None
        user["DOB"] = _at(date(1985, 1, 1) + timedelta(days=chance.randrange(8400)))
        user["HomeAddress"] = f"{chance.randrange(1, 200)} {chance.choice(_STREETS)} Road"
        user["MobileNumber"] = f"07700 900{chance.randrange(1000):03d}"  # a range reserved for invented people
        user["ULN"] = f"9990{number:06d}"
        user["ClassroomID"] = self.centre.classrooms[-1]["ID"]
        user["PlacementID"] = placement
        user["EpisodeName"] = "Episode 1"
        user["StartOn"] = _at(start)
        user["PlannedEndDate"] = _at(start + timedelta(days=548))
        user["Progress"] = chance.randrange(101)
        user["DefaultAssessorID"] = self._near(self.assessors, LEARNERS_PER_ASSESSOR, number)
        user["DefaultEmployerID"] = chance.choice(employers) if chance.random() < 0.6 else None
        if number % 20 == 15:
            user["DefaultAssessorID"] = None
        if number % 20 == 11:
            user["DateArchived"] = _at(_BASE_DAY - timedelta(days=30))
            user["DefaultAssessorID"] = self.leaver  # archived learners keep their assessor
        self.centre.users.append(user)
        return user

    def _near(self, items: list[T], every: int, number: int) -> T:
        """Choose mostly the newest item, sometimes an earlier one."""
        last = len(items) - 1
        turn = min((number - 1) // every, last)
        return items[turn] if self.chance.random() < 0.85 else items[self.chance.randrange(turn + 1)]

    def _as_documented(self, learner: User) -> None:
        """Make the learner the documentation's example, 200004: aims 41240 and 41242, and unit KS_COMM1."""
        learner["PlacementID"], learner["DefaultEmployerID"] = self.centre.placements[0]["ID"], 139015
        learner["DefaultAssessorID"] = 132757
        first = self._add_aim(learner, 41240, 132757, 118204)
        self._add_aim(learner, 41242, None, None)
        self._add_unit(learner, first, "KS_COMM1", None, 118204)
        self._add_unit(learner, first, "BA_301", None, None)

    def _add_aims(self, learner: User, number: int) -> None:
        ids = [standard["ID"] for standard in STANDARDS]
        main = ids[(len(self.centre.classrooms) - 1) % len(ids)]
        other_ids = [id_ for id_ in ids if id_ != main]
        extra = self.chance.sample(other_ids, 2)[: self.chance.choice((0, 0, 0, 0, 1, 1, 2))]
        iqa = self._near(self.iqas, LEARNERS_PER_IQA, number)
        if number % 40 == 17:
            extra = [main, *extra[:1]]  # two episodes of one standard: a level 3 assignment is ambiguous
        aims = [self._add_aim(learner, id_, *self._holders(learner, iqa)) for id_ in (main, *extra)]
        picked = self.chance.sample(UNITS[main][:-1], self.chance.randint(2, 4))
        for unit in sorted(picked, key=lambda unit: unit["ID"]):
            assessor, iqa_or_none = self._holders(learner, iqa)
            self._add_unit(learner, aims[0], unit["ID"], assessor if self.chance.random() < 0.3 else None, iqa_or_none)
        if number % 40 == 23:  # one unit under two aims: a level 2 assignment is ambiguous
            second = aims[1] if len(aims) > 1 else self._add_aim(learner, other_ids[0], None, None)
            for aim in (aims[0], second):
                self._add_unit(learner, aim, SHARED_UNIT, None, None)

    def _holders(self, learner: User, iqa: int) -> tuple[int | None, int | None]:
        """Choose an aim's or unit's assessor, often left to the default, and its IQA, mostly set."""
        draw = self.chance.random()
        other = self.chance.choice(self.assessors)
        assessor = None if draw < 0.5 else learner["DefaultAssessorID"] if draw < 0.85 else other
        return assessor, iqa if self.chance.random() < 0.8 else None

    def _add_aim(self, learner: User, standard: int, assessor: int | None, iqa: int | None) -> Aim:
        achieved = learner["ID"] % 12 == 7
        aim: Aim = {
            "ID": 500001 + len(self.centre.aims),
            "StandardID": standard,
            "UserID": learner["ID"],
            "Status": int(achieved),
            "Progress": 100 if achieved else self.chance.randrange(100),
            "AchievedDate": _at(_BASE_DAY - timedelta(days=self.chance.randrange(90))) if achieved else None,
            "AssessorID": assessor,
            "IVID": iqa,
        }
        self.centre.aims.append(aim)
        return aim

    def _add_unit(self, learner: User, aim: Aim, unit: str, assessor: int | None, iqa: int | None) -> None:
        self.centre.unit_summaries.append(
            {
                "ID": 4000001 + len(self.centre.unit_summaries),
                "UserID": learner["ID"],
                "UnitID": unit,
                "LearningAimID": aim["ID"],
                "AssessorID": assessor,
                "IVID": iqa,
            }
        )


def _add_other_centre(growth: _Growth) -> None:
    """Add a small second organisation: one user of each role, and a learner with a MISID of the first centre."""
    centre = growth.centre
    centre.organisations.append(_organisation(OTHER_CENTRE_ID, "Southmere Training (invented)"))
    centre.classrooms.append(
        {"ID": 990001, "OrganisationID": OTHER_CENTRE_ID, "Name": "Southmere class", "MISID": None}
    )
    place: Placement = {
        "ID": 990011,
        "OrganisationID": OTHER_CENTRE_ID,
        "Name": "Acme South",
        "Active": True,
        "Address": "1 Pattern Street",
    }
    centre.placements.append(place)
    for number, role in enumerate(STAFF_ROLES):
        user = _user(OTHER_CENTRE_ID, role, 910001 + number, _FIRST[number], _LAST[-1 - number], "staff")
        user["PlacementID"] = place["ID"] if role in (EMPLOYER, OBSERVER) else None
        centre.users.append(user)
    learner = _user(OTHER_CENTRE_ID, LEARNER, 920001, "Adara", "Southby", "learner")
    learner.update(
        {"MISID": "LRN00002", "ClassroomID": 990001, "PlacementID": place["ID"], "DefaultAssessorID": 910002}
    )
    centre.users.append(learner)
    aim: Aim = {
        "ID": 99000101,
        "StandardID": 41240,
        "UserID": 920001,
        "Status": 0,
        "Progress": 10,
        "AchievedDate": None,
        "AssessorID": None,
        "IVID": None,
    }
    centre.aims.append(aim)


def _organisation(id_: int, name: str) -> Organisation:
    return {"ID": id_, "Name": name, "KeychainCreationForNewUserActive": True, "KeychainEmailSuppression": False}


def _user(organisation: int, role: int, id_: int, first: str, last: str, domain: str) -> User:
    handle = f"{first}.{last}.{id_}".lower()
    return {
        "ID": id_,
        "OrganisationID": organisation,
        "Role": role,
        "Username": handle,
        "FirstName": first,
        "LastName": last,
        "Email": f"{handle}@{domain}.example.org",
        "MISID": None,
        "DOB": None,
        "HomeAddress": None,
        "Telephone": None,
        "MobileNumber": None,
        "NINO": None,
        "ULN": None,
        "L12": None,
        "L13": None,
        "ClassroomID": None,
        "PlacementID": None,
        "EpisodeName": None,
        "StartOn": None,
        "PlannedEndDate": None,
        "Progress": None,
        "LastModified": _at(_BASE_DAY),
        "DateArchived": None,
        "DefaultAssessorID": None,
        "DefaultEmployerID": None,
    }


def _at(day: date) -> str:
    return instant(datetime(day.year, day.month, day.day, tzinfo=UTC))
