"""OneFile's records under its own names: users, learning aims, unit summaries, and the catalogue."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypedDict

from msgspec import Struct, field

CUSTOMER_ID = 61
CENTRE_ID = 5740
OTHER_CENTRE_ID = 5741  # under the same customer, so that ids of another organisation can be tried

LEARNER, TRAINEE, ASSESSOR, IQA, EMPLOYER, OBSERVER = 1, 4, 5, 10, 40, 45
STAFF_ROLES = (TRAINEE, ASSESSOR, IQA, EMPLOYER, OBSERVER)
DEFAULTS = {
    "DefaultAssessorID": (ASSESSOR, TRAINEE),
    "DefaultEmployerID": (EMPLOYER,),
}  # of a learner, with the roles that may hold them


class User(TypedDict):
    """A user under OneFile's names; learners and staff alike. Role, OrganisationID and MISID are not on GET."""

    ID: int
    OrganisationID: int
    Role: int
    Username: str
    FirstName: str
    LastName: str
    Email: str
    MISID: str | None
    DOB: str | None
    HomeAddress: str | None
    Telephone: str | None
    MobileNumber: str | None
    NINO: str | None
    ULN: str | None
    L12: int | str | None
    L13: int | str | None
    ClassroomID: int | None
    PlacementID: int | None
    EpisodeName: str | None
    StartOn: str | None
    PlannedEndDate: str | None
    Progress: int | None
    LastModified: str
    DateArchived: str | None
    DefaultAssessorID: int | None
    DefaultEmployerID: int | None


class Aim(TypedDict):
    """A learning aim: one learner's copy of a standard. Status 0 is in learning, 1 is achieved (a guess)."""

    ID: int
    StandardID: int
    UserID: int
    Status: int
    Progress: int
    AchievedDate: str | None
    AssessorID: int | None
    IVID: int | None


class UnitSummary(TypedDict):
    """A unit summary: one learner's copy of one unit, under one learning aim."""

    ID: int
    UserID: int
    UnitID: str
    LearningAimID: int
    AssessorID: int | None
    IVID: int | None


class Organisation(TypedDict):
    """A centre of the customer."""

    ID: int
    Name: str
    KeychainCreationForNewUserActive: bool
    KeychainEmailSuppression: bool


class Classroom(TypedDict):
    """A class of learners; each learner is in one."""

    ID: int
    OrganisationID: int
    Name: str
    MISID: str | None


class Placement(TypedDict):
    """An employer's workplace."""

    ID: int
    OrganisationID: int
    Name: str
    Active: bool
    Address: str


class Standard(TypedDict):
    """A standard of the catalogue."""

    ID: int
    Title: str


class Unit(TypedDict):
    """A unit of the catalogue; its id is text and may hold spaces, slashes and hashes."""

    ID: str
    Title: str
    NDAQCode: str | None
    Display: str | None


SHARED_UNIT = "KS_HSE1"  # in every standard, so a learner with two aims may hold it twice

_TITLES = {
    41240: ("Business Administrator", "BA"),
    41241: ("Team Leader", "TL"),
    41242: ("Customer Service Specialist", "CS"),
    41243: ("Adult Care Worker", "AC"),
    41244: ("Early Years Practitioner", "EY"),
    41245: ("Warehouse Operative", "WO"),
}
STANDARDS: tuple[Standard, ...] = tuple({"ID": id_, "Title": title} for id_, (title, _) in _TITLES.items())


def _units(standard: int, code: str) -> tuple[Unit, ...]:
    own = {
        f"{code}_301": "Working in the organisation",
        f"{code} 302": "Planning and reviewing work",
        f"{code}/303#A": "Improving a process",
        f"ref_{standard % 100}": "Professional discussion",
    }
    titles = {"KS_COMM1": "Communication"} | own if standard == 41240 else own
    units: list[Unit] = [{"ID": id_, "Title": title, "NDAQCode": None, "Display": id_} for id_, title in titles.items()]
    units.append({"ID": SHARED_UNIT, "Title": "Health, safety and environment", "NDAQCode": None, "Display": None})
    return tuple(units)


UNITS: dict[int, tuple[Unit, ...]] = {id_: _units(id_, code) for id_, (_, code) in _TITLES.items()}


LEARNER_STATUSES = ((1, "Active"), (2, "Archived"))
LEARNING_AIM_STATUSES = ((0, "In learning"), (1, "Achieved"))
"""Guesses: the addresses of these lists are known, but not their contents."""


class Centre(Struct):
    """All records before the first write; learner ids count up from 200001."""

    organisations: list[Organisation] = field(default_factory=list)
    classrooms: list[Classroom] = field(default_factory=list)
    placements: list[Placement] = field(default_factory=list)
    users: list[User] = field(default_factory=list)
    aims: list[Aim] = field(default_factory=list)
    unit_summaries: list[UnitSummary] = field(default_factory=list)


def instant(moment: datetime) -> str:
    """Format a time as OneFile does: 2026-11-23T14:00:00.000Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
