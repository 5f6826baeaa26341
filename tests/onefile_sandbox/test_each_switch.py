"""Each switch changes what it says and nothing else: a battery of questions, asked under every value.

A probe asks the sandbox one thing and gives back what a client sees of it. For every switch and every value
that is not the default, the table says which probes answer differently, and how; all others must not.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from onefile_sandbox.switches import Switches, allowed
from onefile_sandbox.web_edits import edit
from tests.onefile_sandbox.trial import (
    EMPLOYER,
    JAMES,
    KATE,
    LEARNER,
    LEE,
    OTHER_ASSESSOR,
    ROBIN,
    SOL,
    Sandbox,
)

ARCHIVED, TWICE_STANDARD, TWICE_UNIT = 200011, 200017, 200023


def _keys(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(set().union(*rows))


def _first(sandbox: Sandbox, path: str, **body: object) -> dict[str, Any]:
    return sandbox.rows(path, body)[0]


def _count(sandbox: Sandbox, path: str, **body: object) -> object:
    """Count the rows of a list, or return the status of any other answer."""
    answer = sandbox.call("POST", path, body)
    return f"{len(answer.json())} rows" if answer.status_code == 200 else answer.status_code


def _empty_slots(sandbox: Sandbox) -> object:
    aim = sandbox.rows("/LearningAim/Search", {"UserID": LEARNER})[1]
    return {key: value for key, value in aim.items() if key not in ("ID", "StandardID", "UserID", "Status")}


def _written(sandbox: Sandbox, answer: Any) -> object:
    return answer.status_code if answer.status_code >= 300 or sandbox.world.events else "nothing"


def _assign(staff: int, learner: int = LEARNER, level: int = 3, **target: object) -> Callable[[Sandbox], object]:
    return lambda sandbox: _written(sandbox, sandbox.assign(staff, learner, level, **target))


def _set(learner: int = LEARNER, **fields: object) -> Callable[[Sandbox], object]:
    return lambda sandbox: _written(sandbox, sandbox.call("POST", f"/User/{learner}", fields))


def _path_is_learner(sandbox: Sandbox) -> object:
    return _written(sandbox, sandbox.assign(LEARNER, KATE, StandardID=41242))


def _add_twice(sandbox: Sandbox) -> object:
    codes = [sandbox.assign(LEE, level=1).status_code for _ in range(2)]
    return [code < 300 for code in codes], sandbox.state()["additional"].get(str(LEARNER))


def _put_twice(sandbox: Sandbox) -> object:
    codes = [sandbox.assign(JAMES, StandardID=41242).status_code for _ in range(2)]
    return [code < 300 for code in codes]


def _put_in_two_aims(sandbox: Sandbox) -> object:
    standard = sandbox.world.aims_of[TWICE_STANDARD][0]["StandardID"]
    answer = sandbox.assign(ROBIN, TWICE_STANDARD, StandardID=standard)
    return answer.status_code < 300, sum(a["AssessorID"] == ROBIN for a in sandbox.world.aims_of[TWICE_STANDARD])


def _put_in_two_units(sandbox: Sandbox) -> object:
    answer = sandbox.assign(ROBIN, TWICE_UNIT, 2, UnitID="KS_HSE1")
    return answer.status_code < 300, sum(u["AssessorID"] == ROBIN for u in sandbox.world.units_of[TWICE_UNIT])


def _employer_of_elsewhere(sandbox: Sandbox) -> object:
    away = next(user for user in sandbox.world.centre.users if user["Role"] == 40 and user["PlacementID"] == 8102)
    return _set(DefaultEmployerID=away["ID"])(sandbox)


def _modified_in_the_pages(sandbox: Sandbox) -> object:
    asked = {"user": LEARNER, "standard": 41242, "set": {"AssessorID": LEE}}
    effects = edit(sandbox.world, asked, datetime(2026, 11, 28, 9, tzinfo=UTC), sandbox.service.switches)
    return any(effect.field == "LastModified" and effect.id == LEARNER for effect in effects)


def _default_moves_aim(sandbox: Sandbox) -> object:
    sandbox.call("POST", f"/User/{LEARNER}", {"DefaultAssessorID": JAMES})
    return sandbox.aim(LEARNER, 41240)["AssessorID"], sandbox.aim(LEARNER, 41242)["AssessorID"]


def _modified_after(path: str, body: dict[str, object]) -> Callable[[Sandbox], object]:
    def probe(sandbox: Sandbox) -> object:
        before = sandbox.world.users[LEARNER]["LastModified"]
        status = sandbox.call("POST", path, body).status_code
        return status if status >= 300 else sandbox.world.users[LEARNER]["LastModified"] != before

    return probe


def _read_back(sandbox: Sandbox) -> object:
    """Return True for each reading that shows a write: at once, and after 30 seconds."""
    sandbox.call("POST", f"/User/{LEARNER}", {"Telephone": "07700 900222"})
    shown = []
    for seconds in (30, 0):
        shown.append(sandbox.call("GET", f"/User/{LEARNER}").json().get("Telephone") == "07700 900222")
        sandbox.wait(seconds)
    return shown


def _write_answer(sandbox: Sandbox) -> object:
    answer = sandbox.call("POST", f"/User/{LEARNER}", {"DefaultAssessorID": JAMES})
    return answer.status_code, answer.text


def _refusal(sandbox: Sandbox) -> object:
    answer = sandbox.call("POST", "/User/Search", {"Shoe": 1})
    if answer.status_code == 200:
        return 200, "rows"
    json_ = answer.headers["content-type"].startswith("application/json")
    return answer.status_code, sorted(answer.json()) if json_ else answer.text


def _refused_login(sandbox: Sandbox) -> int:
    return sandbox.send("POST", "/api/v2.1/Authentication", headers={"X-CustomerToken": "no"}).status_code


def _token(sandbox: Sandbox) -> object:
    answer = sandbox.send("POST", "/api/v2.1/Authentication", headers={"X-CustomerToken": "sandbox"})
    return answer.text[0] == '"'


def _session_after_a_day(sandbox: Sandbox) -> object:
    sandbox.wait(23 * 3600)
    return sandbox.call("GET", "/Customer").status_code < 300


def _calls_in_a_minute(sandbox: Sandbox) -> object:
    """Count the accepted calls, read the first refusal, and count again after half a window and after another."""
    sandbox.wait(60)
    passed = 0
    while (answer := sandbox.call("GET", "/Customer")).status_code == 200 and passed < 25:
        passed += 1
    retry_after = answer.headers.get("retry-after")
    sandbox.wait(30)
    sandbox.call("GET", "/Customer")
    sandbox.wait(30)
    again = 0
    while sandbox.call("GET", "/Customer").status_code == 200 and again < 25:
        again += 1
    return passed, retry_after, again


READS: dict[str, Callable[[Sandbox], object]] = {
    "user keys": lambda s: sorted(s.call("GET", f"/User/{LEARNER}").json()),
    "user empty": lambda s: {k: s.call("GET", f"/User/{KATE}").json().get(k, "-") for k in ("ULN", "PlacementID")},
    "archived keys": lambda s: sorted(s.call("GET", f"/User/{ARCHIVED}").json()),
    "unpaged keys": lambda s: _keys(s.rows("/User/Search", {"Role": 1})),
    "paged keys": lambda s: _keys(s.rows("/User/Search/1/20", {"Role": 1})),
    "aim keys": lambda s: sorted(_first(s, "/LearningAim/Search", UserID=LEARNER)),
    "one aim's keys": lambda s: sorted(s.call("GET", f"/LearningAim/{s.aim(LEARNER, 41240)['ID']}").json()),
    "unit keys": lambda s: _keys(s.rows("/UnitSummary/Search/1/9", {"UserID": LEARNER})),
    "user's unit keys": lambda s: _keys(s.call("GET", f"/User/{LEARNER}/UnitSummary").json()),
    "empty slots": _empty_slots,
    "learners": lambda s: _count(s, "/User/Search", Role=1, OrganisationID=5740),
    "large page": lambda s: _count(s, "/LearningAim/Search/1/1000"),
    "all aims": lambda s: _count(s, "/LearningAim/Search"),
    "all units": lambda s: _count(s, "/UnitSummary/Search/1/1000"),
    "page after last": lambda s: _count(s, "/User/Search/3/20", Role=1),
    "page 1 of nothing": lambda s: _count(s, "/User/Search/1/20", Role=99),
    "nothing": lambda s: _count(s, "/User/Search", Role=99),
    "name as a whole": lambda s: _count(s, "/User/Search", FirstName="kate"),
    "name in part": lambda s: _count(s, "/User/Search", FirstName="kat", LastName="and"),
    "misid in part": lambda s: _count(s, "/User/Search", MISID="LRN0000"),
    "unknown user": lambda s: s.call("GET", "/User/1").status_code,
    "unknown organisation": lambda s: _count(s, "/User/Search", OrganisationID=1),
    "wrong session": lambda s: s.call("GET", "/Customer", headers={"X-TokenID": "no"}).status_code,
    "wrong login": _refused_login,
    "token quoted": _token,
    "refusal": _refusal,
}
"""Probes that leave the sandbox as it was, and can share one."""

TRIALS: dict[str, Callable[[Sandbox], object]] = {
    "session after 23 h": _session_after_a_day,
    "pace": _calls_in_a_minute,
    "write answer": _write_answer,
    "assign aim": _assign(JAMES, StandardID=41242),
    "assign unit": _assign(JAMES, level=2, UnitID="KS_COMM1"),
    "assign unknown": _assign(1, StandardID=41240),
    "assign wrong role": _assign(EMPLOYER, StandardID=41242),
    "learner in path": _path_is_learner,
    "add twice": _add_twice,
    "put twice": _put_twice,
    "two aims": _put_in_two_aims,
    "two units": _put_in_two_units,
    "aim not held": _assign(JAMES, StandardID=41245),
    "unit not held": _assign(JAMES, level=2, UnitID="NONE"),
    "archived learner": _assign(JAMES, ARCHIVED, 1),
    "archived staff": _assign(SOL, level=1),
    "archived default": _set(DefaultAssessorID=SOL),
    "trainee on aim": _assign(ROBIN, StandardID=41242),
    "trainee added": _assign(ROBIN, level=1),
    "trainee default": _set(DefaultAssessorID=ROBIN),
    "foreign staff": _assign(OTHER_ASSESSOR, StandardID=41242),
    "foreign default": _set(DefaultAssessorID=OTHER_ASSESSOR),
    "foreign class": _set(ClassroomID=990001),
    "employer elsewhere": _employer_of_elsewhere,
    "default and aims": _default_moves_aim,
    "modified by default": _modified_after(f"/User/{LEARNER}", {"DefaultAssessorID": JAMES}),
    "modified by aim": _modified_after(
        f"/User/{JAMES}/Assign", {"LearnerID": LEARNER, "Level": 3, "StandardID": 41242}
    ),
    "modified by adding": _modified_after(f"/User/{LEE}/Assign", {"LearnerID": LEARNER, "Level": 1}),
    "modified in the pages": _modified_in_the_pages,
    "read back": _read_back,
    "modified by telephone": _modified_after(f"/User/{LEARNER}", {"Telephone": "07700 900222"}),
}
"""Probes that write, or let time pass; each has its own sandbox."""

AIM = ["AssessorID", "ID", "IVID", "StandardID", "Status", "UserID"]
ONE_AIM = ["AssessorID", "ID", "IVID", "Progress"]
SUMMARY = ["AssessorID", "ID", "IVID", "LearningAimID", "UnitID", "UserID"]
USER = [
    *("ClassroomID", "DOB", "DefaultAssessorID", "DefaultEmployerID", "Email", "EpisodeName", "FirstName"),
    *("HomeAddress", "ID", "L12", "L13", "LastModified", "LastName", "MobileNumber", "NINO", "PlacementID"),
    *("PlannedEndDate", "Progress", "StartOn", "Telephone", "ULN", "Username"),
]
ARCHIVED_USER = sorted([*USER, "DateArchived"])
DEFAULTS = ("DefaultAssessorID", "DefaultEmployerID")


def _without(keys: list[str], *gone: str) -> list[str]:
    return [key for key in keys if key not in gone]


def _slots_called(*names: str) -> dict[str, object]:
    """Return the expected probe results if an aim's and a unit's slots have these names."""
    tables = {"aim keys": AIM, "one aim's keys": ONE_AIM, "unit keys": SUMMARY, "user's unit keys": SUMMARY}
    keys = {probe: sorted([*_without(table, "AssessorID", "IVID"), *names]) for probe, table in tables.items()}
    return {**keys, "empty slots": dict.fromkeys(name for name in names)}


REFUSED_PAIRS: dict[str, object] = {"two aims": (False, 0), "two units": (False, 0)}
BAD_ASSIGN = ("assign unknown", "assign wrong role", "aim not held", "unit not held", "foreign staff")
ASSIGN = ("assign aim", "assign unit", "trainee on aim", "trainee added")

MODIFIED = ("modified by default", "modified by aim", "modified by adding")
EXPECTED: dict[str, dict[str, object]] = {
    "assign_path=learner": {
        **dict.fromkeys((*ASSIGN, "modified by aim", "modified by adding"), 400),
        **REFUSED_PAIRS,
        "learner in path": 204,
        "add twice": ([False, False], None),
        "put twice": [False, False],
    },
    "assign_path=learner_silent": {
        **dict.fromkeys((*ASSIGN, *BAD_ASSIGN[1:], "archived learner", "archived staff"), "nothing"),
        "learner in path": 204,
        "add twice": ([True, True], None),
        "two aims": (True, 0),
        "two units": (True, 0),
    },
    "iqa_key=IQAID": _slots_called("AssessorID", "IQAID"),
    "iqa_key=IVUserID": _slots_called("AssessorID", "IVUserID"),
    "iqa_key=InternalVerifierID": _slots_called("AssessorID", "InternalVerifierID"),
    "iqa_key=omit": _slots_called("AssessorID"),
    "aim_staff_keys=omit": _slots_called(),
    "defaults_on_get=absent": {
        "user keys": _without(USER, *DEFAULTS),
        "archived keys": _without(ARCHIVED_USER, *DEFAULTS),
    },
    "paged_user_fields=same": {"paged keys": ["FirstName", "ID", "LastName", "MISID"]},
    "empty_value=omit": {
        "user keys": _without(USER, "L12", "L13", "NINO", "Telephone"),
        "archived keys": _without(ARCHIVED_USER, "L12", "L13", "NINO", "Telephone", "DefaultEmployerID"),
        "user empty": {"ULN": "-", "PlacementID": "-"},
        "unit keys": _without(SUMMARY, "AssessorID"),
        "user's unit keys": _without(SUMMARY, "AssessorID"),
        "empty slots": {},
    },
    "empty_value=zero": {"user empty": {"ULN": None, "PlacementID": 0}, "empty slots": {"AssessorID": 0, "IVID": 0}},
    "repeat_assign=refused": {"add twice": ([True, False], [LEE]), "put twice": [True, False]},
    "repeat_assign=duplicate": {"add twice": ([True, True], [LEE, LEE])},
    "write_answer=200_text": {"write answer": (200, "OK"), **dict.fromkeys((*ASSIGN, "trainee default"), 200)},
    "bad_token_status=403": {"wrong session": 403, "wrong login": 403},
    "bad_token_status=400": {"wrong session": 400, "wrong login": 400},
    "session_hours=0.5": {"session after 23 h": False},
    "token_body=quoted": {"token quoted": True},
    "rate_limit=7": {"pace": (7, None, 7)},
    "rate_limit=0": {"pace": (25, None, 25)},
    "retry_after=present": {"pace": (20, "60", 20)},
    "throttled_calls=counted": {"pace": (20, None, 19)},
    "past_last_page=empty": {"page after last": "0 rows"},
    "past_last_page=last_again": {"page after last": "4 rows"},
    "page_cap=5": {"large page": "5 rows", "page after last": "5 rows"},
    "unpaged=capped": {"all aims": "30 rows"},
    "archived_in_search=included": {"learners": "24 rows"},
    "archived_marker=absent": {"archived keys": USER},
    "archived_assign=accepted": dict.fromkeys(("archived learner", "archived staff", "archived default"), 204),
    "trainee=refused": {**REFUSED_PAIRS, **dict.fromkeys(("trainee on aim", "trainee added", "trainee default"), 400)},
    "unit_level=off_refused": {"assign unit": 400, "two units": (False, 0)},
    "unit_level=off_silent": {"assign unit": "nothing", "unit not held": "nothing", "two units": (True, 0)},
    "ambiguous=all": {"two aims": (True, 2), "two units": (True, 2)},
    "ambiguous=refused": REFUSED_PAIRS,
    "not_held_status=404": {"aim not held": 404, "unit not held": 404},
    "unknown_id_status=400": dict.fromkeys(("unknown user", "unknown organisation", "assign unknown"), 400),
    "employer_placement=accepted": {"employer elsewhere": 204},
    "default_cascade=cascades": {"default and aims": (JAMES, None)},
    "last_modified=bumped": dict.fromkeys((*MODIFIED, "modified in the pages"), True),
    "last_modified=api": dict.fromkeys(MODIFIED, True),
    "name_filter=prefix": {"name in part": "1 rows", "misid in part": "5 rows"},
    "error_body=Message": {"refusal": (400, ["Message"])},
    "error_body=text": {"refusal": (400, "Shoe is not known here")},
    "unknown_keys=ignored": {"refusal": (200, "rows")},
    "read_lag_seconds=30": {"read back": [False, True]},
    "foreign_organisation_status=404": dict.fromkeys(("foreign staff", "foreign default", "foreign class"), 404),
    "aim_search_without_user=refused": {"large page": 400, "all aims": 400},
    "unit_search_without_user=allowed": {"all units": "30 rows"},
}

SMALL = {"rate_limit": "20", "page_cap": "30"}  # so that limits are met without hundreds of calls and rows


def _answers(setting: str = "") -> dict[str, object]:
    """Run every probe. Probes that share a sandbox have no rate limit."""
    name, _, value = setting.partition("=")
    settings = {**SMALL, name: value} if name else SMALL
    shared = Sandbox(*_texts({**settings, "rate_limit": "0"}))
    seen = {probe: ask(shared) for probe, ask in READS.items()}
    assert shared.world.events == 0
    return seen | {probe: ask(Sandbox(*_texts(settings))) for probe, ask in TRIALS.items()}


def _texts(settings: dict[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in settings.items()]


@pytest.fixture(scope="module")
def usual() -> dict[str, object]:
    return _answers()


@pytest.mark.parametrize("setting", EXPECTED)
def test_a_switch_changes_what_it_says_and_nothing_else(setting: str, usual: dict[str, object]) -> None:
    """Of all probes only the expected ones answer differently from the default, and as expected."""
    answers = _answers(setting)
    assert {probe: answer for probe, answer in answers.items() if answer != usual[probe]} == EXPECTED[setting]


def test_every_value_of_every_switch_is_tried() -> None:
    """A new switch, or a new value, is not finished before it stands in the table."""
    values = {
        f"{name}={value}"
        for name, values in allowed().items()
        for value in values
        if value != str(getattr(Switches(), name)) and not value.startswith("a ")
    }
    numbers = {"rate_limit=7", "rate_limit=0", "page_cap=5", "session_hours=0.5", "read_lag_seconds=30"}
    assert EXPECTED.keys() == values | numbers
