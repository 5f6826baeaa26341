"""The API with default switches: its answers, and its refusals of a client's mistakes."""

from __future__ import annotations

import re

import pytest

from onefile_sandbox.api import ROUTES
from onefile_sandbox.world import World
from tests.onefile_sandbox.trial import (
    EMPLOYER,
    JAMES,
    KATE,
    LEARNER,
    LEE,
    OTHER_ASSESSOR,
    OTHER_LEARNER,
    PRIYA,
    ROBIN,
    SOL,
    Sandbox,
)

USER_ROW = {"ID", "FirstName", "LastName", "MISID"}
USER = {
    *("ID", "Username", "FirstName", "LastName", "Email", "DOB", "HomeAddress", "Telephone", "MobileNumber", "NINO"),
    *("ULN", "L12", "L13", "ClassroomID", "PlacementID", "EpisodeName", "StartOn", "PlannedEndDate", "Progress"),
    *("LastModified", "DefaultAssessorID", "DefaultEmployerID"),
}
AIM = {"ID", "StandardID", "UserID", "Status", "AssessorID", "IVID"}
UNIT_SUMMARY = {"ID", "UserID", "UnitID", "LearningAimID", "AssessorID", "IVID"}


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox()


# ------------------------------------------------------------------ sessions


def test_logging_in_gives_a_token_that_opens_the_rest(sandbox: Sandbox) -> None:
    """The answer's whole body is the token, as text."""
    answer = sandbox.send("POST", "/api/v2.1/Authentication", headers={"X-CustomerToken": "sandbox"})
    assert re.fullmatch(r"[A-Za-z0-9_-]{32}", answer.text)
    assert answer.headers["content-type"].startswith("text/plain")
    assert sandbox.call("GET", "/Customer", headers={"X-TokenID": answer.text}).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"X-CustomerToken": ""}, {"X-CustomerToken": "guess"}])
def test_a_wrong_customer_token_opens_nothing(sandbox: Sandbox, headers: dict[str, str]) -> None:
    """Missing, empty and wrong are one."""
    assert sandbox.send("POST", "/api/v2.1/Authentication", headers=headers).status_code == 401


@pytest.mark.parametrize("token", ["", "guess", "sandbox"])
def test_a_wrong_session_token_opens_nothing(sandbox: Sandbox, token: str) -> None:
    """The customer token is not a session token either."""
    answer = sandbox.call("GET", "/Customer", headers={"X-TokenID": token})
    assert (answer.status_code, set(answer.json())) == (401, {"message"})


def test_a_session_ends_24_hours_after_login_however_busy_it_was(sandbox: Sandbox) -> None:
    """It does not slide: calls in between do not prolong it."""
    for _ in range(23):
        sandbox.wait(3600)
        assert sandbox.call("GET", "/Customer").status_code == 200
    sandbox.wait(3599)
    assert sandbox.call("GET", "/Customer").status_code == 200
    sandbox.wait(1)
    assert sandbox.call("GET", "/Customer").status_code == 401
    sandbox.token = sandbox.log_in()
    assert sandbox.call("GET", "/Customer").status_code == 200


def test_two_sessions_live_side_by_side(sandbox: Sandbox) -> None:
    """A second login does not end the first."""
    first, second = sandbox.token, sandbox.log_in()
    for token in (first, second):
        assert sandbox.call("GET", "/Customer", headers={"X-TokenID": token}).status_code == 200


# ------------------------------------------------------------------ pace


def test_the_301st_call_within_a_minute_is_refused() -> None:
    """Logging in counts, the window slides, and a refused call is free."""
    sandbox = Sandbox()
    for _ in range(149):
        sandbox.call("GET", "/Customer")
    sandbox.wait(30)
    for _ in range(150):
        assert sandbox.call("GET", "/Customer").status_code == 200
    for _ in range(5):
        answer = sandbox.call("POST", f"/User/{LEARNER}", {"DefaultAssessorID": JAMES})
        assert (answer.status_code, "retry-after" in answer.headers) == (429, False)
    assert sandbox.world.users[LEARNER]["DefaultAssessorID"] == KATE
    sandbox.wait(30)
    assert [sandbox.call("GET", "/Customer").status_code for _ in range(151)] == [200] * 150 + [429]


# ------------------------------------------------------------------ paths and bodies


@pytest.mark.parametrize("path", ["/User/Search", "/user/search", "/USER/SEARCH/", "/User/search/1/50/"])
def test_case_and_a_trailing_slash_do_not_matter(sandbox: Sandbox, path: str) -> None:
    """As real clients write them."""
    assert [row["ID"] for row in sandbox.rows(path, {"role": 10, "ORGANISATIONID": 5740})] == [PRIYA, 136481]


def test_a_form_is_as_good_as_json(sandbox: Sandbox) -> None:
    """Both encodings are in use; in a form a number is its digits."""
    form = {"learnerid": str(LEARNER), "level": "2", "unitID": "KS_COMM1", "organisationID": "5740"}
    assert sandbox.call("POST", f"/User/{JAMES}/Assign", data=form).status_code == 204
    assert sandbox.unit(LEARNER, "KS_COMM1")["AssessorID"] == JAMES
    form = {"role": "10", "organisationID": "5740"}
    assert len(sandbox.call("POST", "/User/Search", data=form).json()) == 2
    assert sandbox.call("POST", "/User/Search", data={"role": "ten"}).status_code == 400
    assert sandbox.call("POST", "/User/Search", data={"Role": "10", "role": "10"}).status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", f"/User/{KATE}/Unassign", 404),
        ("DELETE", f"/User/{KATE}/Assign", 405),
        ("GET", "/User/Search", 405),
        ("GET", "/Users/1", 404),
        ("POST", "/UnitSummary/Search", 404),
        ("POST", "/Visit/Search/1/10", 404),
        ("GET", "/User/-1", 404),
        ("GET", "/User/x", 404),
        ("POST", "/User/Search/0/10", 400),
        ("POST", "/User/Search/1/0", 400),
        ("GET", "/Customer?page=2", 400),
    ],
)
def test_what_the_api_does_not_have_is_refused(sandbox: Sandbox, method: str, path: str, status: int) -> None:
    """There is no unassign in any form, and no argument in a query."""
    answer = sandbox.call(method, path)
    assert answer.status_code == status
    assert answer.json()["message"]


def test_nothing_is_served_beside_the_api(sandbox: Sandbox) -> None:
    """Another version, or none, is not this API."""
    for path in ("/", "/api/v2.0/Customer", "/api/v2.1", "/api/v2.10/Customer"):
        assert sandbox.send("GET", path, headers={"X-TokenID": sandbox.token}).status_code == 404


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "not JSON"),
        (b"[]", "not a JSON object"),
        (b'"LearnerID"', "not a JSON object"),
        (b"[" * 100_000, "not JSON"),
        (b'{"LearnerID": 200004, "Level": 3, "StandardID": "41240x"}', "StandardID must be an id"),
        (b'{"LearnerID": 200004, "Level": 3, "StandardID": 41240.0}', "StandardID must be an id"),
        (b'{"LearnerID": 200004, "Level": 3, "StandardID": [41240]}', "StandardID must be an id"),
        (b'{"LearnerID": 200004, "Level": 2, "UnitID": 41240}', "UnitID must be text"),
        (b'{"LearnerID": 200004, "Level": 2, "UnitID": null}', "UnitID must be text"),
        (b'{"LearnerID": true, "Level": 1}', "LearnerID must be an id"),
        (b'{"LearnerID": 0, "Level": 1}', "LearnerID must be an id"),
        (b'{"LearnerID": 200004, "learnerid": 200004, "Level": 1}', "LearnerID is given twice"),
        (b'{"LearnerID": 200004, "LearnerID": 200005, "Level": 1}', "LearnerID is given twice"),
        (b'{"LearnerID": 200004, "Level": 1, "Note": ""}', "Note is not known here"),
        (b'{"LearnerID": 200004, "Level": 1, "\\ud800": ""}', "is not known here"),
        (b'{"LearnerID": 200004, "Level": 1, "StandardID": 41240}', "StandardID is not known at level 1"),
        (b'{"LearnerID": 200004, "Level": 2, "UnitID": "KS_COMM1", "StandardID": 41240}', "not known at level 2"),
        (b'{"LearnerID": 200004, "Level": 3, "UnitID": "KS_COMM1", "StandardID": 41240}', "not known at level 3"),
        (b'{"LearnerID": 200004, "Level": 3}', "StandardID is missing"),
        (b'{"LearnerID": 200004, "Level": 2}', "UnitID is missing"),
        (b'{"LearnerID": 200004, "Level": 4}', "Level must be 1, 2 or 3"),
        (b'{"LearnerID": 200004}', "Level is missing"),
        (b'{"Level": 1}', "LearnerID is missing"),
        (b"", "Level is missing"),
    ],
)
def test_a_body_that_is_not_exactly_right_is_refused(sandbox: Sandbox, body: bytes, message: str) -> None:
    """The message names what is wrong, and nothing is written."""
    answer = sandbox.call("POST", f"/User/{KATE}/Assign", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert message in answer.json()["message"]
    assert sandbox.world.events == 0


def test_a_body_of_a_million_bytes_is_not_read(sandbox: Sandbox) -> None:
    """The size of a request is limited."""
    assert sandbox.call("POST", "/User/Search", content=b" " * 1_000_001).status_code == 413


# ------------------------------------------------------------------ reading


def test_each_answer_has_exactly_the_fields_that_are_known(sandbox: Sandbox) -> None:
    """A field that nobody has seen, nor symmetry suggests, is not sent: no client can come to rely on it."""
    place = sandbox.world.users[LEARNER]["PlacementID"]
    aim = sandbox.aim(LEARNER, 41240)["ID"]
    rich = USER_ROW | {"Role", "Email", "DefaultAssessorID", "ClassroomID", "PlacementID"}
    keychain = {"KeychainCreationForNewUserActive", "KeychainEmailSuppression"}
    expected = {
        "/Organisation/Search": {"ID", "Name", *keychain},
        "/User/Search": USER_ROW,
        "/User/Search/1/10": rich,
        "/Classroom/Search": {"ID", "Name", "MISID"},
        "/Placement/Search": {"ID", "Name"},
        "/Standard/Search": {"ID", "Title"},
        "/Unit/Search": {"ID", "Title", "NDAQCode", "Display"},
        "/LearningAim/Search": AIM,
        "/LearningAim/Search/1/10": AIM,
    }
    for path, keys in expected.items():
        rows = sandbox.rows(path, {})
        assert rows
        assert all(row.keys() == keys for row in rows), path
    assert all(row.keys() == UNIT_SUMMARY for row in sandbox.rows("/UnitSummary/Search/1/9", {"UserID": LEARNER}))
    assert all(row.keys() == UNIT_SUMMARY for row in sandbox.call("GET", f"/User/{LEARNER}/UnitSummary").json())
    assert sandbox.call("GET", "/Customer").json().keys() == {"ID", "Name"}
    assert sandbox.call("GET", f"/User/{LEARNER}").json().keys() == USER
    assert sandbox.call("GET", f"/Placement/{place}").json().keys() == {"ID", "Name", "Active", "Address"}
    assert sandbox.call("GET", "/Standard/41240").json().keys() == {"ID", "Title"}
    assert sandbox.call("GET", f"/LearningAim/{aim}").json().keys() == {"ID", "Progress", "AssessorID", "IVID"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/User/Search", {"Role": 45, "OrganisationID": 5741, "FirstName": "Nobody"}),
        ("/User/Search/1/50", {"Role": 99}),
        ("/LearningAim/Search", {"UserID": 1}),
        ("/UnitSummary/Search/1/50", {"UserID": OTHER_LEARNER}),
        ("/Organisation/Search", {"CustomerID": 1}),
        ("/Review/Search", {"LearnerID": LEARNER}),
        ("/Plan/Search", {"OrganisationID": 5740}),
    ],
)
def test_an_empty_search_is_204_without_a_body(sandbox: Sandbox, path: str, body: object) -> None:
    """Not an empty list: that is how the service says it."""
    answer = sandbox.call("POST", path, body)
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize("path", ["/User/1", "/LearningAim/1", "/Placement/1", "/Standard/1", "/User/1/UnitSummary"])
def test_an_id_that_nobody_has_is_404(sandbox: Sandbox, path: str) -> None:
    """Never an empty answer."""
    assert sandbox.call("GET", path).status_code == 404


def test_searches_take_the_known_filters_together(sandbox: Sandbox) -> None:
    """All must hold; text counts regardless of case and as a whole."""
    users = sandbox.world.users
    find = {"FirstName": "KATE", "lastname": "anderson", "Email": users[KATE]["Email"].upper(), "Role": 5}
    assert [row["ID"] for row in sandbox.rows("/User/Search", find)] == [KATE]
    assert sandbox.rows("/User/Search", {**find, "Role": 10}) == []
    assert sandbox.rows("/User/Search", {"FirstName": "Kat"}) == []
    assert [row["ID"] for row in sandbox.rows("/User/Search", {"MISID": "lrn00002"})] == [200002, OTHER_LEARNER]
    acme = users[LEARNER]["PlacementID"]
    assert EMPLOYER in [row["ID"] for row in sandbox.rows("/User/Search", {"PlacementID": acme})]
    assert sandbox.rows("/Standard/Search", {"Title": "team leader", "OrganisationID": 5740}) == [
        {"ID": 41241, "Title": "Team Leader"}
    ]
    assert len(sandbox.rows("/Unit/Search", {"StandardID": 41240, "Title": "communication"})) == 1
    done = sandbox.rows("/LearningAim/Search", {"LearningAimCompletionStatus": 1})
    assert done
    assert all(row["Status"] == 1 for row in done)
    none_before = {"LearningAimCompletionStatus": 1, "DateTo": "2020-01-01", "DateFrom": "2019-01-01T00:00:00.000Z"}
    assert sandbox.rows("/LearningAim/Search", none_before) == []
    assert sandbox.call("POST", "/User/Search", {"OrganisationID": 1}).status_code == 404
    assert sandbox.call("POST", "/User/Search", {"LastModified": "yesterday"}).status_code == 400


def test_last_modified_finds_what_changed_since(sandbox: Sandbox) -> None:
    """A changed address moves it; an assignment, by default, does not."""
    since = {"LastModified": "2026-11-01T00:00:00.000Z"}
    assert sandbox.rows("/User/Search", since) == []
    sandbox.call("POST", "/User/200007", {"Telephone": "07700 900111"})
    sandbox.call("POST", f"/User/{LEARNER}", {"DefaultAssessorID": JAMES})
    assert [row["ID"] for row in sandbox.rows("/User/Search", since)] == [200007]


def test_archived_people_are_not_listed_but_answer_by_id(sandbox: Sandbox) -> None:
    """Their record carries the day, and their assessor is still named."""
    archived = 200011
    assert archived not in [row["ID"] for row in sandbox.rows("/User/Search", {"Role": 1})]
    record = sandbox.call("GET", f"/User/{archived}").json()
    assert (record["DateArchived"], record["DefaultAssessorID"]) == ("2026-08-02T00:00:00.000Z", SOL)


@pytest.mark.parametrize("size", [1, 7, 8, 24, 50])
def test_pages_make_up_the_whole_search(sandbox: Sandbox, size: int) -> None:
    """Each row once, in the order of the unpaged search, and 204 after the last."""
    whole = [row["ID"] for row in sandbox.rows("/User/Search", {"Role": 1})]
    paged: list[int] = []
    for page in range(1, 100):
        rows = sandbox.rows(f"/User/Search/{page}/{size}", {"Role": 1})
        if not rows:
            break
        assert len(rows) <= size
        paged += [row["ID"] for row in rows]
    assert paged == whole
    assert len(whole) == 24


def test_a_page_is_never_larger_than_200() -> None:
    """A larger size is cut, and the pages are then of that size."""
    sandbox = Sandbox(world=World.create(learners=420))
    pages = [sandbox.rows(f"/User/Search/{page}/1000", {"Role": 1}) for page in (1, 2, 3)]
    assert [len(page) for page in pages][:2] == [200, 200]
    unpaged = sandbox.rows("/User/Search", {"Role": 1})
    assert [row["ID"] for page in pages for row in page] == [row["ID"] for row in unpaged]


# ------------------------------------------------------------------ assigning


@pytest.mark.parametrize(
    ("staff", "slot"), [(JAMES, "AssessorID"), (ROBIN, "AssessorID"), (PRIYA, "IVID"), (136481, "IVID")]
)
def test_the_role_chooses_the_slot(sandbox: Sandbox, staff: int, slot: str) -> None:
    """At levels 3 and 2 assessors and trainees take the assessor's place, IQAs the IQA's; the other stays."""
    other = "IVID" if slot == "AssessorID" else "AssessorID"
    before = sandbox.aim(LEARNER, 41242)[other], sandbox.unit(LEARNER, "BA_301")[other]
    assert sandbox.assign(staff, StandardID=41242).status_code == 204
    assert sandbox.assign(staff, level=2, UnitID="BA_301").status_code == 204
    assert sandbox.aim(LEARNER, 41242)[slot] == sandbox.unit(LEARNER, "BA_301")[slot] == staff
    assert before == (sandbox.aim(LEARNER, 41242)[other], sandbox.unit(LEARNER, "BA_301")[other])


@pytest.mark.parametrize("staff", [KATE, PRIYA, EMPLOYER, LEE, ROBIN])
def test_anybody_but_a_learner_can_be_added_and_nobody_is_listed(sandbox: Sandbox, staff: int) -> None:
    """Level 1 adds to a set that only the control plane shows."""
    before = {path: sandbox.call("GET", path).text for path in (f"/User/{LEARNER}", f"/User/{LEARNER}/UnitSummary")}
    assert sandbox.assign(staff, level=1).status_code == 204
    assert sandbox.state()["additional"] == {str(LEARNER): [staff]}
    assert before == {path: sandbox.call("GET", path).text for path in before}


@pytest.mark.parametrize(
    ("staff", "learner", "level", "target", "status"),
    [
        (EMPLOYER, LEARNER, 3, {"StandardID": 41240}, 400),
        (LEE, LEARNER, 2, {"UnitID": "KS_COMM1"}, 400),
        (200001, LEARNER, 1, {}, 400),
        (LEARNER, LEARNER, 3, {"StandardID": 41240}, 400),
        (KATE, JAMES, 1, {}, 400),
        (1, LEARNER, 1, {}, 404),
        (KATE, 1, 1, {}, 404),
        (OTHER_ASSESSOR, LEARNER, 1, {}, 400),
        (KATE, OTHER_LEARNER, 3, {"StandardID": 41240}, 400),
        (SOL, LEARNER, 3, {"StandardID": 41240}, 400),
        (KATE, 200011, 1, {}, 400),
        (KATE, LEARNER, 3, {"StandardID": 41245}, 400),
        (KATE, LEARNER, 2, {"UnitID": "ks_comm1"}, 400),
        (KATE, LEARNER, 2, {"UnitID": "KS_COMM1 "}, 400),
    ],
)
def test_who_may_not_stand_there_is_refused(
    sandbox: Sandbox, staff: int, learner: int, level: int, target: dict[str, object], status: int
) -> None:
    """Wrong role, learner for staff, staff for learner, unknown, foreign, archived, not held: nothing is written."""
    answer = sandbox.assign(staff, learner, level, **target)
    assert (answer.status_code, sandbox.world.events) == (status, 0)
    assert answer.json()["message"]


def test_a_unit_id_is_any_text_compared_exactly(sandbox: Sandbox) -> None:
    """Spaces, slashes and hashes are part of it."""
    odd = [unit for unit in sandbox.world.centre.unit_summaries if set(unit["UnitID"]) & set(" /#")]
    assert odd
    for unit in odd:
        learner = sandbox.world.users[unit["UserID"]]
        if learner["DateArchived"] is None:
            assert sandbox.assign(KATE, unit["UserID"], 2, UnitID=unit["UnitID"]).status_code == 204
            assert unit["AssessorID"] == KATE


def test_of_a_standard_held_twice_the_first_is_meant(sandbox: Sandbox) -> None:
    """And of a unit held under two aims."""
    standard = sandbox.world.aims_of[200017][0]["StandardID"]
    sandbox.assign(KATE, 200017, StandardID=standard)
    sandbox.assign(PRIYA, 200023, 2, UnitID="KS_HSE1")
    units = [unit["IVID"] for unit in sandbox.world.units_of[200023] if unit["UnitID"] == "KS_HSE1"]
    aims = [aim["AssessorID"] for aim in sandbox.world.aims_of[200017] if aim["StandardID"] == standard]
    assert aims[0] == KATE
    assert len(aims) == 2
    assert units == [PRIYA, None]


# ------------------------------------------------------------------ updating


def test_a_partial_body_changes_only_what_it_names(sandbox: Sandbox) -> None:
    """One field alone is a whole update."""
    before = sandbox.call("GET", f"/User/{LEARNER}").json()
    assert sandbox.call("POST", f"/User/{LEARNER}", {"DefaultAssessorID": JAMES}).status_code == 204
    assert sandbox.call("GET", f"/User/{LEARNER}").json() == {**before, "DefaultAssessorID": JAMES}


def test_both_defaults_go_in_one_call(sandbox: Sandbox) -> None:
    """Assessor and employer are set together or not at all."""
    both = {"DefaultAssessorID": JAMES, "DefaultEmployerID": EMPLOYER}
    place = {"user": LEARNER, "set": {"DefaultEmployerID": None}}
    sandbox.send("POST", "/_sandbox/edit", json=place)
    assert sandbox.call("POST", f"/User/{LEARNER}", {**both, "DefaultAssessorID": PRIYA}).status_code == 400
    assert sandbox.call("GET", f"/User/{LEARNER}").json()["DefaultEmployerID"] is None
    assert sandbox.call("POST", f"/User/{LEARNER}", both).status_code == 204
    assert both.items() <= sandbox.call("GET", f"/User/{LEARNER}").json().items()


@pytest.mark.parametrize(
    ("user", "body", "status", "message"),
    [
        (LEARNER, {}, 400, "names nothing"),
        (LEARNER, {"DefaultIQAID": PRIYA}, 400, "DefaultIQAID is not known here"),
        (LEARNER, {"Role": 5}, 400, "Role is not known here"),
        (LEARNER, {"DefaultAssessorID": None}, 400, "must be an id"),
        (LEARNER, {"DefaultAssessorID": 0}, 400, "must be an id"),
        (LEARNER, {"DefaultAssessorID": f"{JAMES}.0"}, 400, "must be an id"),
        (LEARNER, {"L12": True}, 400, "must be text"),
        (LEARNER, {"DefaultAssessorID": PRIYA}, 400, "an IQA and cannot be DefaultAssessorID"),
        (LEARNER, {"DefaultAssessorID": 200005}, 400, "a learner and cannot be DefaultAssessorID"),
        (LEARNER, {"DefaultEmployerID": KATE}, 400, "an assessor and cannot be DefaultEmployerID"),
        (LEARNER, {"DefaultAssessorID": 1}, 404, "no user 1"),
        (LEARNER, {"DefaultAssessorID": OTHER_ASSESSOR}, 400, "not of the learner's organisation"),
        (LEARNER, {"DefaultAssessorID": SOL}, 400, "is archived"),
        (LEARNER, {"ClassroomID": 1}, 404, "no ClassroomID 1"),
        (LEARNER, {"ClassroomID": 990001}, 400, "of another organisation"),
        (LEARNER, {"DOB": "soon"}, 400, "ISO 8601"),
        (200011, {"DefaultAssessorID": KATE}, 400, "200011 is archived"),
        (KATE, {"DefaultAssessorID": JAMES}, 400, "not a learner"),
        (1, {"DefaultAssessorID": JAMES}, 404, "no user 1"),
    ],
)
def test_an_update_that_cannot_be_meant_is_refused(
    sandbox: Sandbox, user: int, body: dict[str, object], status: int, message: str
) -> None:
    """No null and no 0 empties a field, no other role takes the place, and nothing is written."""
    answer = sandbox.call("POST", f"/User/{user}", body)
    assert (answer.status_code, sandbox.world.events) == (status, 0)
    assert message in answer.json()["message"]


def test_an_employer_must_be_of_the_placement_that_the_learner_has_afterwards(sandbox: Sandbox) -> None:
    """Placement and employer may move together."""
    away = next(user for user in sandbox.world.centre.users if user["Role"] == 40 and user["PlacementID"] == 8102)
    employer = {"DefaultEmployerID": away["ID"]}
    assert sandbox.call("POST", f"/User/{LEARNER}", employer).status_code == 400
    assert sandbox.call("POST", f"/User/{LEARNER}", {**employer, "PlacementID": 8102}).status_code == 204


def test_archiving_and_its_undoing(sandbox: Sandbox) -> None:
    """An archived learner leaves the searches, keeps the assessor, and comes back."""
    for action, listed in (("Archive", False), ("Archive", False), ("Unarchive", True), ("Unarchive", True)):
        assert sandbox.call("POST", f"/User/{LEARNER}/{action}").status_code == 204
        ids = [row["ID"] for row in sandbox.rows("/User/Search", {"Role": 1, "OrganisationID": 5740})]
        assert (LEARNER in ids) is listed
        assert sandbox.call("GET", f"/User/{LEARNER}").json()["DefaultAssessorID"] == KATE
    assert sandbox.world.events == 2


# ------------------------------------------------------------------ the control plane


def test_every_call_is_remembered_with_its_effect(sandbox: Sandbox) -> None:
    """Refused calls too; the control plane's own are not calls of the API."""
    sandbox.send("DELETE", "/_sandbox/calls")
    sandbox.call("GET", "/User/1")
    sandbox.assign(JAMES, StandardID=41242)
    sandbox.assign(JAMES, StandardID=41242)
    seen = sandbox.send("GET", "/_sandbox/calls").json()
    assert [(call["method"], call["path"], call["status"], call["effect"]) for call in seen] == [
        ("GET", "/User/1", 404, False),
        ("POST", f"/User/{JAMES}/Assign", 204, True),
        ("POST", f"/User/{JAMES}/Assign", 204, False),
    ]
    assert {call["at"] for call in seen} == {"2026-11-23T12:00:00.000Z"}


def test_another_persons_edit_has_a_writes_effect(sandbox: Sandbox) -> None:
    """It shows in the next reading, and can empty a slot, which the API cannot."""
    edits: list[dict[str, object]] = [
        {"user": LEARNER, "set": {"DefaultAssessorID": None, "DefaultEmployerID": None}},
        {"user": LEARNER, "standard": 41240, "set": {"AssessorID": JAMES, "IVID": None}},
        {"user": LEARNER, "unit": "KS_COMM1", "set": {"IVID": None}},
        {"user": LEARNER, "additional": {"add": [LEE, JAMES], "remove": [LEE]}},
        {"user": 200005, "archived": True},
    ]
    for edit in edits:
        assert sandbox.send("POST", "/_sandbox/edit", json=edit).json() == {"changed": True}
    assert sandbox.call("GET", f"/User/{LEARNER}").json()["DefaultAssessorID"] is None
    aim = sandbox.rows("/LearningAim/Search", {"UserID": LEARNER})[0]
    assert (aim["AssessorID"], aim["IVID"]) == (JAMES, None)
    assert sandbox.unit(LEARNER, "KS_COMM1")["IVID"] is None
    assert sandbox.state()["additional"] == {str(LEARNER): [LEE, JAMES]}
    assert "DateArchived" in sandbox.call("GET", "/User/200005").json()


def test_an_archived_account_leaves_all_its_slots_to_one_heir(sandbox: Sandbox) -> None:
    """Defaults, aims, units and additional people; nobody else's slots move."""
    sandbox.assign(KATE, level=1)
    before = sandbox.state()
    edit = {"user": KATE, "archived": True, "heir": JAMES}
    assert sandbox.send("POST", "/_sandbox/edit", json=edit).json() == {"changed": True}
    after = sandbox.state()
    for table, names in (
        ("users", ("DefaultAssessorID", "DefaultEmployerID")),
        ("aims", ("AssessorID", "IVID")),
        ("units", ("AssessorID", "IVID")),
    ):
        for old, new in zip(before[table], after[table], strict=True):
            for name in names:
                assert new[name] == (JAMES if old[name] == KATE else old[name])
    assert after["additional"] == {str(LEARNER): [JAMES]}
    assert "DateArchived" in sandbox.call("GET", f"/User/{KATE}").json()


def test_two_learners_can_swap_their_misids_and_a_role_can_change(sandbox: Sandbox) -> None:
    """As a typing mistake in OneFile's web pages does."""
    first, second = (sandbox.world.users[id_]["MISID"] for id_ in (200002, 200004))
    sandbox.send("POST", "/_sandbox/edit", json={"user": 200002, "misid_of": 200004})
    assert [sandbox.world.users[id_]["MISID"] for id_ in (200002, 200004)] == [second, first]
    sandbox.send("POST", "/_sandbox/edit", json={"user": KATE, "role": 10})
    assert KATE in [row["ID"] for row in sandbox.rows("/User/Search", {"Role": 10})]


def test_fields_can_vanish_while_the_sandbox_runs(sandbox: Sandbox) -> None:
    """A switch that is set from outside counts from the next call on; a wrong one changes nothing."""
    assert "AssessorID" in sandbox.rows("/LearningAim/Search", {"UserID": LEARNER})[0]
    answer = sandbox.send("POST", "/_sandbox/switches", json={"aim_staff_keys": "omit", "page_cap": 7})
    assert (answer.json()["aim_staff_keys"], answer.json()["page_cap"]) == ("omit", 7)
    assert "AssessorID" not in sandbox.rows("/LearningAim/Search", {"UserID": LEARNER})[0]
    for wrong in ({"aim_staff_keys": "perhaps"}, {"page_cap": 0}, {"shoe": 1}, [1]):
        assert sandbox.send("POST", "/_sandbox/switches", json=wrong).status_code == 400
    assert sandbox.send("GET", "/_sandbox/switches").json() == answer.json()


def test_a_lagging_server_shows_each_old_value_for_its_time() -> None:
    """Two writes to one slot, ten seconds apart: each shows thirty seconds later; validation uses the new value."""
    sandbox = Sandbox("read_lag_seconds=30", "repeat_assign=refused")

    def holder() -> object:
        return sandbox.rows("/LearningAim/Search", {"UserID": LEARNER})[1]["AssessorID"]

    sandbox.assign(ROBIN, StandardID=41242)
    sandbox.wait(10)
    sandbox.assign(JAMES, StandardID=41242)
    assert sandbox.assign(JAMES, StandardID=41242).status_code == 400
    seen = [holder()]
    for seconds in (15, 10, 10):
        sandbox.wait(seconds)
        seen.append(holder())
    assert seen == [None, None, ROBIN, JAMES]
    assert sandbox.aim(LEARNER, 41242)["AssessorID"] == JAMES


@pytest.mark.parametrize(
    "edit",
    [
        "nonsense",
        {"user": KATE, "archived": True, "heir": 1},
        {"user": KATE, "heir": JAMES},
        {"user": LEARNER, "misid_of": "LRN00002"},
        {"user": KATE, "role": 99},
        {"user": KATE, "role": [5]},
        {},
        {"user": 1, "set": {"DefaultAssessorID": KATE}},
        {"user": [1], "set": {"DefaultAssessorID": KATE}},
        {"user": LEARNER},
        {"user": LEARNER, "set": {}},
        {"user": LEARNER, "set": {"Shoe": 1}},
        {"user": LEARNER, "set": {"DefaultAssessorID": 1}},
        {"user": LEARNER, "set": {"DefaultAssessorID": "KATE"}},
        {"user": LEARNER, "standard": 41245, "set": {"IVID": PRIYA}},
        {"user": LEARNER, "standard": 41240, "unit": "KS_COMM1", "set": {"IVID": PRIYA}},
        {"user": LEARNER, "additional": {"add": 1}},
        {"user": LEARNER, "additional": {"add": [[1]]}},
    ],
)
def test_an_edit_that_makes_no_sense_is_refused(sandbox: Sandbox, edit: object) -> None:
    """With a message, and without an event."""
    answer = sandbox.send("POST", "/_sandbox/edit", json=edit)
    assert (answer.status_code, sandbox.world.events) == (400, 0)
    assert answer.json()["message"]


def test_reading_or_writing_one_learner_walks_no_table() -> None:
    """Per-learner reads touch only that learner's records, in a centre of any size."""
    large = World.create(learners=3000)
    for records in (large.centre.users, large.centre.aims, large.centre.unit_summaries):
        records.clear()  # a walk over the tables now finds nothing
    reading = Sandbox(world=large)
    assert reading.call("GET", "/User/202999").json()["ID"] == 202999
    assert reading.rows("/LearningAim/Search", {"UserID": 202999})
    assert reading.rows("/UnitSummary/Search/1/50", {"UserID": 202999})
    assert reading.call("POST", "/User/202999", {"DefaultAssessorID": JAMES}).status_code == 204


def test_every_route_has_one_job(sandbox: Sandbox) -> None:
    """It reads or it writes, and no two routes take the same request."""
    assert all((route.read is None) != (route.write is None) for route in ROUTES)
    assert len({(route.method, route.pattern.pattern) for route in ROUTES}) == len(ROUTES)
