"""doctor: every check in each of its outcomes, at a sandbox behind a socket whose switches settle what is not known."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from onefile_sandbox.clock import VirtualClock
from onefile_sandbox.faults import Fault
from onefile_sandbox.world import World
from reconciler.clock import SystemClock
from reconciler.commands.doctor import examine
from reconciler.doctor import checks as doctor
from reconciler.doctor.checks import CheckStatus, Checkup, Name
from reconciler.model.operations import AssignLearningAim, Move, Outcome, State, operation_id
from reconciler.model.slots import OrganisationId, Site, Slot, SlotKind, StandardId, UserId
from reconciler.onefile.wire import write_request
from reconciler.problems import ExitCode
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options
from reconciler.store import JournalOperation, Store
from tests.e2e.test_surroundings import stopped_during
from tests.e2e.user import JAMES, KATE, LEARNER, PRIYA, SETTINGS, STAFF, TOKEN, Ended, Home, Served, point_at, served

CANARY = ("--canary", "200004")
PER_LEARNER = (Name.RECORD, Name.AIMS, Name.UNITS)


class Report:
    """What `doctor --format json` said: the checks by name."""

    def __init__(self, ended: Ended) -> None:
        self.code, self.run, self.calls = ended.code, ended.json["run"], ended.json["calls"]
        self.checks: dict[str, dict[str, Any]] = {check["name"]: check for check in ended.json["checks"]}
        assert ended.json["exit_code"] == ended.code

    def verdict(self, name: Name) -> str:
        return str(self.checks[name]["verdict"])

    def told(self, name: Name) -> str:
        check = self.checks[name]
        return " ".join([check["found"], *check["details"], check["fix"]])

    def failed(self) -> set[str]:
        return {name for name, check in self.checks.items() if check["verdict"] == "failed"}


def consult(home: Home, *arguments: str, server: Served | None = None) -> Report:
    """What the doctor says, having made sure that it told nobody's name and no secret, and changed nothing."""
    ended = home.run("doctor", "--format", "json", *arguments)
    assert TOKEN not in ended.out + ended.err and ended.is_decent()
    if server:
        for user in server.world.users.values():
            assert user["LastName"] not in ended.out and user["Email"] not in ended.out
        assert server.effects == 0
        assert ended.json["calls"] == len(server.calls)
    return Report(ended)


def at_a_server(
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    *settings: str,
    arguments: tuple[str, ...] = (),
    faults: tuple[Fault, ...] = (),
    edit: Callable[[World], object] = lambda _: None,
) -> Report:
    with served(None, *settings, faults=faults) as server:
        edit(server.world)
        point_at(monkeypatch, server.url)
        return consult(home, *arguments, server=server)


def unhurried(home: Home, url: str, clock: VirtualClock | None = None) -> Checkup:
    """The doctor's checks, where waiting takes no time."""
    environment = {"ONEFILE_BASE_URL": url, "ONEFILE_CUSTOMER_TOKEN": TOKEN}
    clock = clock or VirtualClock(datetime.now(UTC))
    return examine(Options(state=home.path / "state"), Environment(environment, clock=clock))


def verdicts(checkup: Checkup) -> dict[Name, CheckStatus]:
    return {check.name: check.verdict for check in checkup.checks}


# ------------------------------------------------------------------ where nothing is yet


def test_an_empty_folder_is_told_how_to_begin(home: Home) -> None:
    """One thing is wrong, with two ways out; what hangs on it is skipped, and says why. No token is missed."""
    report = consult(home)
    assert report.failed() == {Name.CONFIGURATION} and report.code == ExitCode.INVALID
    assert all(f"`reconciler {way}`" in report.told(Name.CONFIGURATION) for way in ("init", "import"))
    assert "skipped: " in report.told(Name.TOKEN) and report.verdict(Name.SERVER) == "skipped"
    said = home.run("doctor").out
    assert " skipped" in said.splitlines()[-1]


def test_settings_with_nobody_in_them_lead_to_the_import(home: Home) -> None:
    """As `init --begin-with import` leaves them."""
    home.run("init", "--organisation", "5740", "--ci", "none", "--begin-with", "import", "--target", "sandbox")
    report = consult(home)
    assert report.failed() == {Name.CONFIGURATION}
    assert report.checks[Name.CONFIGURATION]["fix"].startswith("`reconciler import` writes these files")
    assert report.verdict(Name.SERVER) == report.verdict(Name.SCHEMAS) == "fine"


def test_schemas_of_another_version_are_told(home: Home) -> None:
    """With the command that renews them; and with no copies there is nothing to renew."""
    assert consult(home.declare()).verdict(Name.SCHEMAS) == "nothing"
    (home.path / "schemas").mkdir()
    (home.path / "schemas" / "staff.schema.json").write_text("{}", "utf-8")
    report = consult(home)
    assert report.verdict(Name.SCHEMAS) == "unknown" and report.code == ExitCode.DONE
    assert "schemas/staff.schema.json" in report.told(Name.SCHEMAS)
    assert "init --schemas" in report.checks[Name.SCHEMAS]["fix"]


def test_who_has_left_and_still_has_slots_is_named_with_the_way_out(home: Home) -> None:
    """A cover without an end that has begun; once nothing is in their name it is fine."""
    assert consult(home.declare()).verdict(Name.LEAVERS) == "nothing"
    kate = {"id": KATE, "role": "assessor", "cover": [{"by": "james", "from": "2020-01-01"}]}
    report = consult(home.declare(staff={**STAFF, "kate": kate}))
    assert report.verdict(Name.LEAVERS) == "unknown" and report.code == ExitCode.DONE
    assert "kate has 2 slots" in report.told(Name.LEAVERS)
    assert "`reconciler share-out kate`" in report.told(Name.LEAVERS)
    chain = {
        **STAFF,
        "kate": kate,
        "james": {"id": JAMES, "role": "assessor", "cover": [{"by": "noor", "from": "2020-01-01"}]},
        "noor": {"id": 132990, "role": "assessor"},
    }
    assert "kate has 2 slots" in consult(home.declare(staff=chain)).told(Name.LEAVERS)
    report = consult(home.declare({"id": 200004, "default_assessor": "james"}, staff={**STAFF, "kate": kate}))
    assert report.verdict(Name.LEAVERS) == "fine"
    (home.path / "state" / "staff.yaml").write_text("staff: 1", "utf-8")
    assert consult(home).verdict(Name.LEAVERS) == "skipped"


def test_a_centre_that_the_sandbox_has_not_is_no_failure(home: Home) -> None:
    """Its number is real elsewhere; what else can be known is known by a centre that the sandbox has."""
    home.declare(settings={"organisation": 777}, organisation=5740)
    report = consult(home)
    assert report.code == ExitCode.DONE and report.verdict(Name.ORGANISATION) == "nothing"
    assert report.verdict(Name.ROWS) == "fine"


# ------------------------------------------------------------------ where all is well


def test_a_sound_setting_has_nothing_to_mend(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every check over HTTP: what can be known without a write is, in about ten calls, and nothing is written."""
    home.declare()
    report = at_a_server(home, monkeypatch)
    assert report.code == ExitCode.DONE and report.run is None
    assert {name for name, check in report.checks.items() if check["verdict"] != "fine"} == {
        Name.LEAVERS,
        Name.SCHEMAS,
        Name.PIPELINES,
        Name.LAST_READING,
        Name.ALL_UNITS,
        Name.PAGES,
        Name.ASSIGN,
        Name.UNIT_LEVEL,
    }
    assert report.calls <= 12


def test_the_embedded_sandbox_needs_no_token_and_no_server(home: Home) -> None:
    """In this process there is no token to miss and no other clock."""
    report = consult(home.declare())
    assert report.code == ExitCode.DONE
    assert report.verdict(Name.TOKEN) == report.verdict(Name.CLOCK) == "nothing"
    assert report.verdict(Name.SESSION) == "fine"


def test_people_get_a_table_of_ticks_and_a_fix_under_each_failure(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line a check, marks in front, totals and calls at the end."""
    home.declare(settings={**SETTINGS, "organisation": 77})
    with served() as server:
        point_at(monkeypatch, server.url)
        ended = home.run("doctor")
        calls = len(server.calls)
        lines = ended.out.splitlines()
        assert ended.code == ExitCode.ERROR
        assert any(line.startswith("✓ server") for line in lines)
        place = next(number for number, line in enumerate(lines) if line.startswith("✗ organisation"))
        assert "Fix: " in lines[place + 1] + lines[place + 2]
        assert f"{calls} calls made" in lines[-1]
        saved = home.run("doctor", "--out", "report.txt")
        assert (saved.out, (home.path / "report.txt").read_text("utf-8").splitlines()[:9]) == ("", lines[:9])
        quiet = home.run("doctor", "--quiet")
        assert quiet.out == "" and "organisation" in quiet.err


def test_marks_are_ascii_where_the_output_cannot_hold_others(home: Home) -> None:
    """A terminal of plain ASCII gets + x ? - instead."""
    ended = home.declare().process("doctor", env={"PYTHONIOENCODING": "ascii"})
    assert ended.code == ExitCode.DONE, ended.err
    assert "+ store" in ended.out and ended.out.isascii() and "\\u" not in ended.out


# ------------------------------------------------------------------ on this machine


def test_files_that_are_wrong_are_counted_and_the_rest_is_looked_at(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cohort that cannot be used: 3, the first problems with their lines, and the server is examined all the same."""
    home.declare(*({"id": 200004 + n, "default_assessor": "nobody"} for n in range(5)))
    report = at_a_server(home, monkeypatch)
    assert report.code == ExitCode.INVALID and report.failed() == {Name.CONFIGURATION}
    assert "5 problems" in report.told(Name.CONFIGURATION)
    assert len(report.checks[Name.CONFIGURATION]["details"]) == 3
    assert "c1.yaml:" in report.told(Name.CONFIGURATION)
    assert report.verdict(Name.ORGANISATION) == report.verdict(Name.RECORD) == "fine"


def test_settings_that_cannot_be_read_leave_the_target_unknown(home: Home) -> None:
    """Without a target nothing is called: the sandbox is not examined in place of what was meant."""
    home.declare()
    (home.path / "state" / "settings.yaml").write_text("version: 1\norganisation: x\n")
    report = consult(home)
    assert report.code == ExitCode.INVALID and report.calls == 0
    assert report.verdict(Name.TARGET) == report.verdict(Name.SERVER) == "skipped"
    assert report.verdict(Name.STORE) == "fine"
    told = consult(home, "--target", "sandbox")
    assert told.verdict(Name.LOG_IN) == "fine" and told.verdict(Name.ORGANISATION) == "skipped"


@pytest.mark.parametrize("target", ["moon", "http://onefile.example/api/v2.1", "https://onefile.example/other"])
def test_a_target_that_cannot_be_meant_is_3(home: Home, target: str) -> None:
    """Nothing is called, and the token is looked at all the same."""
    report = consult(home.declare(), "--target", target)
    assert report.code == ExitCode.INVALID and report.failed() == {Name.TARGET, Name.TOKEN}
    assert report.calls == 0


@pytest.mark.parametrize("token", [None, "", "two\nlines"])
def test_a_token_that_is_missing_or_no_token_is_3(
    home: Home, monkeypatch: pytest.MonkeyPatch, token: str | None
) -> None:
    """It is asked for before anything is called."""
    if token is not None:
        monkeypatch.setenv("ONEFILE_CUSTOMER_TOKEN", token)
    report = consult(home.declare(), "--target", "practice")
    assert report.code == ExitCode.INVALID and report.failed() == {Name.TOKEN}
    assert "ONEFILE_CUSTOMER_TOKEN" in report.told(Name.TOKEN)
    assert "https" in report.told(Name.TARGET) and report.calls == 0


def test_a_store_that_cannot_be_used_does_not_keep_the_rest_from_being_looked_at(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A damaged file is told with its place; the server is examined with a store that is forgotten."""
    home.declare()
    place = home.path / ".reconciler" / "store.db"
    place.parent.mkdir()
    place.write_bytes(b"this is no database" * 100)
    report = at_a_server(home, monkeypatch)
    assert report.code == ExitCode.ERROR and report.failed() == {Name.STORE}
    assert str(place) in report.told(Name.STORE) and "backup" in report.told(Name.STORE)
    assert report.verdict(Name.UNITS) == "fine" and report.verdict(Name.LOCK) == "skipped"
    with_canary = at_a_server(home, monkeypatch, arguments=CANARY)
    assert with_canary.verdict(Name.ASSIGN) == "skipped" and with_canary.run is None
    assert place.read_bytes().startswith(b"this is no database")


def _store(home: Home) -> Store:
    return Store.open(str(home.path / ".reconciler" / "store.db"), clock=SystemClock())


def _left_open(store: Store, last: State) -> None:
    """A run that died with one write at this state."""
    operation = AssignLearningAim(UserId(200004), StandardId(41242), "assessor", Move(None, UserId(KATE)))
    call = write_request(operation)
    run = store.begin_run(command="apply", target="sandbox", organisation=5740, fingerprint="", who="robin", commit="")
    store.plan_operations(run, [JournalOperation.of(operation, method=call.method, path=call.path, body=call.body)])
    store.append(run, operation_id(operation), last)


@pytest.mark.parametrize("last", [State.SENT, State.UNKNOWN])
def test_writes_that_a_dead_run_left_are_told(home: Home, last: State) -> None:
    """How many, of which run, and what settles them."""
    home.declare()
    with _store(home) as store:
        _left_open(store, last)
    report = consult(home)
    assert report.code == ExitCode.ERROR and report.failed() == {Name.UNFINISHED}
    assert "1 whose end is not known, of run 1" in report.told(Name.UNFINISHED)


@pytest.mark.parametrize(
    ("days", "verdict", "words"),
    [
        (None, "nothing", "none is recorded"),
        (1, "fine", " UTC"),
        (3, "unknown", "3 days ago If a job should read daily, check that its schedule is on"),
    ],
)
def test_an_old_reading_tells_that_the_schedule_may_be_off(
    home: Home, days: int | None, verdict: str, words: str
) -> None:
    """A job that runs no longer says nothing itself."""
    home.declare()
    if days is not None:
        with _store(home) as store:
            store.set_last_reading(Site("sandbox", 5740), store.now() - timedelta(days=days))
    report = consult(home)
    assert report.verdict(Name.LAST_READING) == verdict and words in report.told(Name.LAST_READING)
    assert report.code == ExitCode.DONE


def test_a_lock_that_is_held_is_told_with_its_holder(home: Home) -> None:
    """Whose it is and until when; what is open is then not taken for a dead run's, and a canary does not fly."""
    home.declare()
    with _store(home) as store:
        _left_open(store, State.SENT)
        store.acquire(
            Site("sandbox", 5740), holder="robin", host="elsewhere", command="apply", run=None, lease_seconds=600
        )
        report = consult(home)
        assert report.code == ExitCode.DONE
        assert report.verdict(Name.LOCK) == "unknown" and "robin on elsewhere" in report.told(Name.LOCK)
        assert report.verdict(Name.UNFINISHED) == "skipped"
        with_canary = consult(home, *CANARY)
    assert with_canary.code == ExitCode.ERROR and with_canary.failed() == {Name.ASSIGN}
    assert "another run holds the lock" in with_canary.told(Name.ASSIGN)


# ------------------------------------------------------------------ the conversation


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_token_that_is_refused_is_told_at_the_log_in(
    home: Home, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """The server answers, the log-in fails, and nothing further is asked."""
    with served(None, f"bad_token_status={status}", token="another") as server:
        point_at(monkeypatch, server.url)
        report = consult(home.declare(), server=server)
    assert report.code == ExitCode.ERROR and report.failed() == {Name.LOG_IN}
    assert report.verdict(Name.SERVER) == report.verdict(Name.CLOCK) == "fine"
    assert report.verdict(Name.SESSION) == "skipped" and report.calls == 1
    assert "ONEFILE_CUSTOMER_TOKEN" in report.told(Name.LOG_IN)


def test_a_server_that_is_not_there_is_told_once(home: Home) -> None:
    """The server's line fails, and what hangs on it says why it was not looked at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    found = unhurried(home.declare(), f"http://127.0.0.1:{port}/api/v2.1")
    assert found.exit_code == ExitCode.ERROR
    assert [check.name for check in found.checks if check.verdict is CheckStatus.FAILED] == [Name.SERVER]
    assert "the server does not answer" in next(check.result for check in found.checks if check.name is Name.UNITS)


@pytest.mark.parametrize(("ahead_seconds", "verdict"), [(-3600, "failed"), (0, "fine"), (3600, "failed")])
def test_a_clock_that_differs_from_the_servers_is_told(home: Home, ahead_seconds: int, verdict: str) -> None:
    """An hour fast or slow fails; the server's Date is what counts."""
    clock = VirtualClock(datetime.now(UTC) + timedelta(seconds=ahead_seconds))
    with served() as server:
        found = unhurried(home.declare(), server.url, clock)
    assert verdicts(found)[Name.CLOCK] == verdict


@pytest.mark.parametrize(
    ("skew", "verdict"),
    [(None, CheckStatus.UNKNOWN), (60.0, CheckStatus.FINE), (-60.0, CheckStatus.FINE), (61.0, CheckStatus.FAILED)],
)
def test_a_minutes_difference_is_borne(skew: float | None, verdict: CheckStatus) -> None:
    """And a server that does not tell its time leaves it unknown."""
    assert doctor.clock_check(skew).verdict is verdict


def test_a_server_that_goes_away_midway_ends_the_rest(home: Home) -> None:
    """The check in whose midst it went fails; those after it say that it no longer answers."""
    with served(None, faults=(Fault("drop_before", "POST", "/LearningAim/*", times=1000),)) as server:
        found = unhurried(home.declare(), server.url)
    seen = verdicts(found)
    assert seen[Name.ROWS] is CheckStatus.FINE and seen[Name.ALL_AIMS] is CheckStatus.FAILED
    assert seen[Name.UNITS] is seen[Name.RECORD] is CheckStatus.SKIPPED
    assert "no longer answers" in next(check.result for check in found.checks if check.name is Name.UNITS)


@pytest.mark.parametrize("fault", ["error_before", "html"])
def test_an_answer_that_is_none_fails_its_own_check_only(home: Home, fault: Any) -> None:
    """A server error and a web page where units were asked for: the aims are looked at all the same."""
    with served(None, faults=(Fault(fault, "POST", "/UnitSummary/*", times=1000),)) as server:
        found = unhurried(home.declare(), server.url)
    assert {check.name for check in found.checks if check.verdict is CheckStatus.FAILED} == {Name.UNITS, Name.ALL_UNITS}
    assert verdicts(found)[Name.ALL_AIMS] is CheckStatus.FINE


def test_a_server_that_asks_for_a_long_pause_is_left_alone(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """429 with an hour to wait: the check fails, and no further call is made."""
    throttle = Fault("throttle", "POST", "/Organisation/Search", retry_after=3600)
    report = at_a_server(home.declare(), monkeypatch, faults=(throttle,))
    assert report.code == ExitCode.ERROR and report.failed() == {Name.ORGANISATION}
    assert report.verdict(Name.RECORD) == "skipped" and report.calls == 3


@pytest.mark.parametrize(("organisation", "told"), [(77, "does not see 77; it sees 5740"), (5740, "5740, among the 2")])
def test_the_organisation_is_among_those_that_the_token_sees(
    home: Home, monkeypatch: pytest.MonkeyPatch, organisation: int, told: str
) -> None:
    """Or the check fails and names those that are."""
    home.declare(settings={**SETTINGS, "organisation": organisation})
    report = at_a_server(home, monkeypatch)
    assert told in report.told(Name.ORGANISATION)
    assert (Name.ORGANISATION in report.failed()) == (organisation == 77)


def test_a_cohorts_own_organisation_is_looked_for_too(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cohort file may name another than the settings."""
    home.declare({"id": 200004}, organisation=78)
    assert "does not see 78" in at_a_server(home, monkeypatch).told(Name.ORGANISATION)


def test_a_server_without_those_addresses_leaves_the_organisation_unknown(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal is no proof of anything."""
    refusals = tuple(Fault("error_after", path=path, status=404) for path in ("/Customer", "/Organisation/Search"))
    report = at_a_server(home.declare(), monkeypatch, faults=refusals)
    assert report.verdict(Name.ORGANISATION) == "unknown" and report.code == ExitCode.DONE


# ------------------------------------------------------------------ what this server shows


POOR = (
    "defaults_on_get=absent",
    "paged_user_fields=same",
    "iqa_key=omit",
    "aim_search_without_user=refused",
    "page_cap=10",
)
RICH = ("iqa_key=IQAID", "empty_value=omit", "unit_search_without_user=allowed", "past_last_page=last_again")


@pytest.mark.parametrize(
    ("switches", "checks"),
    [
        (
            POOR,
            {
                Name.RECORD: ("unknown", "no default assessor, no default employer"),
                Name.ROWS: ("nothing", "one by one"),
                Name.AIMS: ("unknown", "assessor as AssessorID, no IQA"),
                Name.UNITS: ("unknown", "unverified"),
                Name.ALL_AIMS: ("nothing", "not offered (HTTP 400)"),
                Name.ALL_UNITS: ("nothing", "not offered (HTTP 400)"),
                Name.PAGES: ("fine", "10 rows, where 1000 were asked for"),
            },
        ),
        (
            RICH,
            {
                Name.RECORD: ("fine", "default assessor as DefaultAssessorID, default employer as DefaultEmployerID"),
                Name.ROWS: ("fine", "rows show default assessor"),
                Name.AIMS: ("fine", "assessor as AssessorID, IQA as IQAID"),
                Name.UNITS: ("fine", "IQA as IQAID"),
                Name.ALL_AIMS: ("fine", "offered"),
                Name.ALL_UNITS: ("fine", "offered"),
                Name.PAGES: ("unknown", "room for all"),
            },
        ),
        (("aim_staff_keys=omit",), {Name.AIMS: ("unknown", "no assessor, no IQA"), Name.UNITS: ("unknown", "no IQA")}),
    ],
    ids=["poor", "rich", "without people"],
)
def test_what_this_server_shows_is_told(
    home: Home, monkeypatch: pytest.MonkeyPatch, switches: tuple[str, ...], checks: dict[Name, tuple[str, str]]
) -> None:
    """Each unknown of reading, settled either way; none of them is a failure."""
    report = at_a_server(home.declare(), monkeypatch, *switches)
    assert {name: report.verdict(name) for name in checks} == {name: verdict for name, (verdict, _) in checks.items()}
    for name, (_, told) in checks.items():
        assert told in report.told(name)
    assert report.code == ExitCode.DONE


def test_an_organisation_without_learners_is_told(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody on the list and nobody declared who exists: it is not known what records would show."""
    everybody_leaves = Fault("error_after", "GET", "/User/*", status=404, times=1000)
    home.declare({"id": 299999, "default_assessor": "kate"})
    report = at_a_server(home, monkeypatch, faults=(everybody_leaves,), edit=_archive_everybody)
    assert report.verdict(Name.ROWS) == report.verdict(Name.RECORD) == report.verdict(Name.AIMS) == "unknown"


def _archive_everybody(world: World) -> None:
    for user in world.users.values():
        user["DateArchived"] = "2026-01-01T00:00:00.000Z"


def test_one_learner_who_is_gone_is_passed_over(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one's record tells what this server shows."""
    report = at_a_server(home.declare({"id": 299999, "default_assessor": "kate"}), monkeypatch)
    assert [report.verdict(name) for name in PER_LEARNER] == ["fine"] * 3


# ------------------------------------------------------------------ the canary


def _canary(home: Home, monkeypatch: pytest.MonkeyPatch, *settings: str, **more: Any) -> Report:
    return at_a_server(home, monkeypatch, *settings, arguments=CANARY, **more)


def _is_write(call: dict[str, Any]) -> bool:
    return call["method"] == "POST" and call["path"].split("/")[-1] in ("200004", "Assign")


def test_a_canary_writes_back_what_is_there_and_changes_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """One default, one learning aim, one unit, each by who holds it, and no other write; all in the journal."""
    home.declare()
    with served() as server:
        point_at(monkeypatch, server.url)
        report = consult(home, *CANARY, server=server)
        writes = [call["path"] for call in server.calls if _is_write(call)]
        target = server.url
    assert report.code == ExitCode.DONE
    for name in (Name.DEFAULT, Name.ASSIGN, Name.UNIT_LEVEL, Name.TRACE):
        assert report.verdict(name) == "fine", report.told(name)
    for name in (Name.DEFAULT, Name.ASSIGN, Name.UNIT_LEVEL):
        assert "apply verifies the first write of each kind" in report.told(name)
    assert writes == ["/User/200004", f"/User/{KATE}/Assign", f"/User/{PRIYA}/Assign"]
    with _store(home) as store:
        run, rows = store.run(report.run), store.journal(report.run)
        assert store.holder(Site(target, 5740)) is None
        assert store.recorded(Site(target, OrganisationId(5740))) == {}
    assert run and (run.command, run.exit_code) == ("doctor", 0)
    ends = {row.operation.moves[0][0]: (row.state, row.events[-1].proof) for row in rows}
    assert ends[Slot(SlotKind.DEFAULT_ASSESSOR)] == (State.DONE, "read_back")
    assert ends[Slot(SlotKind.LEARNING_AIM_ASSESSOR, 41240)] == (State.DONE, "read_back")
    assert ends[Slot(SlotKind.UNIT_IQA, "KS_COMM1")] == (State.DONE, "read_back")
    assert len(ends) == 3


@pytest.mark.parametrize(
    ("switches", "assign", "unit", "told"),
    [
        (("assign_path=learner",), "failed", "unknown", "Either this server wants the learner there"),
        (("assign_path=learner_silent",), "fine", "fine", "the slot still reads the same"),
        (("repeat_assign=refused",), "failed", "unknown", "refuses a person who already has the slot"),
        (("unit_level=off_refused",), "fine", "failed", "Switch on people at unit level"),
        (("unit_level=off_silent",), "fine", "fine", "the slot still reads the same"),
        (("write_answer=200_text", "empty_value=omit"), "fine", "fine", "the slot still reads the same"),
    ],
)
def test_a_canary_tells_how_assign_behaves(
    home: Home, monkeypatch: pytest.MonkeyPatch, switches: tuple[str, ...], assign: str, unit: str, told: str
) -> None:
    """Each reading of the documents, each answer of a centre without people at unit level; nothing changes in any."""
    report = _canary(home.declare(), monkeypatch, *switches)
    assert (report.verdict(Name.ASSIGN), report.verdict(Name.UNIT_LEVEL)) == (assign, unit)
    assert told in report.told(Name.ASSIGN) + report.told(Name.UNIT_LEVEL)
    assert report.verdict(Name.TRACE) == "fine"
    assert report.code == (ExitCode.ERROR if "failed" in (assign, unit) else ExitCode.DONE)


def test_units_that_are_off_are_no_failure_where_none_are_declared(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the files do not manage needs no fixing."""
    home.declare({**LEARNER, "units": []})
    report = _canary(home, monkeypatch, "unit_level=off_refused")
    assert report.verdict(Name.UNIT_LEVEL) == "nothing" and report.code == ExitCode.DONE


def test_a_default_that_is_refused_is_told(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the server's own words, and a fix."""
    refusal = Fault("error_before", "POST", "/User/200004", status=400)
    report = _canary(home.declare(), monkeypatch, faults=(refusal,))
    assert report.failed() == {Name.DEFAULT} and "HTTP 400" in report.told(Name.DEFAULT)
    assert report.verdict(Name.ASSIGN) == "fine"


def test_an_answer_that_is_lost_is_settled_by_reading(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check stays unknown, and no operation stays open."""
    lost = (
        Fault("error_after", "POST", "/User/200004"),
        Fault("error_after", "POST", f"/User/{KATE}/Assign"),
        Fault("error_after", "POST", f"/User/{PRIYA}/Assign"),
    )
    report = _canary(home.declare(), monkeypatch, faults=lost)
    assert [report.verdict(name) for name in (Name.DEFAULT, Name.ASSIGN, Name.UNIT_LEVEL)] == ["unknown"] * 3
    assert report.verdict(Name.TRACE) == "fine" and report.code == ExitCode.DONE
    with _store(home) as store:
        assert [row.state for row in store.journal(report.run)] == [State.DONE] * 3


def test_a_learner_who_has_nothing_leaves_it_unknown(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is put where nobody is."""

    def empty(world: World) -> None:
        world.users[200004]["DefaultAssessorID"] = None
        for row in (*world.aims_of[200004], *world.units_of[200004]):
            row["AssessorID"] = row["IVID"] = None

    report = _canary(home.declare(), monkeypatch, edit=empty)
    for name in (Name.DEFAULT, Name.ASSIGN, Name.UNIT_LEVEL):
        assert report.verdict(name) == "unknown" and "nothing to write back" in report.told(name)
    assert report.verdict(Name.TRACE) == "fine"


@pytest.mark.parametrize(("user", "told"), [(299999, "is not a user"), (200011, "is archived"), (JAMES, "")])
def test_a_canary_takes_an_active_learner(home: Home, monkeypatch: pytest.MonkeyPatch, user: int, told: str) -> None:
    """Somebody else is 3, or has nothing to write back; no write is sent."""
    with served() as server:
        point_at(monkeypatch, server.url)
        report = consult(home.declare(), "--canary", str(user), server=server)
        assert not any("Assign" in call["path"] for call in server.calls)
    assert told in report.told(Name.ASSIGN)
    assert report.code == (ExitCode.INVALID if told else ExitCode.DONE)


def test_a_server_that_goes_away_under_the_canary_leaves_the_journal_whole(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Throttled at the first write: nothing was done, the journal says so, and the lock is given back."""
    throttle = Fault("throttle", "POST", "/User/200004", retry_after=3600)
    home.declare()
    with served(None, faults=(throttle,)) as server:
        point_at(monkeypatch, server.url)
        report = consult(home, *CANARY, server=server)
        target = server.url
    assert report.failed() == {Name.ASSIGN}
    with _store(home) as store:
        (run,) = store.runs(target=target)
        assert run.exit_code == ExitCode.ERROR
        assert {row.state for row in store.journal(run.id)} == {State.NOT_TRIED}
        assert store.holder(Site(target, 5740)) is None


def test_a_canary_that_is_stopped_does_not_say_that_nothing_was_written(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C during its second write: the report tells of it, the lock is given back, and apply settles the rest."""
    command = ("doctor", "--format", "json", *CANARY)
    with stopped_during(home.declare(), f"/User/{KATE}/Assign", *command) as (ended, server):
        report = Report(ended)
        assert report.code == ExitCode.ERROR and report.failed() == {Name.ASSIGN}
        assert "stopped before the end: run 1 had sent writes" in report.told(Name.ASSIGN)
        assert "before anything was written" not in ended.err + ended.out
        with _store(home) as store:
            assert [row.state for row in store.journal(1)] == [State.DONE, State.SENT, State.NOT_TRIED]
            assert store.holder(Site(server.url, 5740)) is None
        point_at(monkeypatch, server.url)
        home.converges()
        with _store(home) as store:
            assert store.open_operations(Site(server.url, 5740)) == ()


def test_a_canary_that_is_stopped_before_its_first_write_says_that_nothing_was_written(home: Home) -> None:
    """Ctrl-C while the server is looked at."""
    with stopped_during(home.declare(), "/Organisation/Search", "doctor", *CANARY) as (ended, server):
        assert ended.code == ExitCode.ERROR and "interrupted; nothing was written" in ended.err
        assert not any(map(_is_write, server.calls))


@pytest.mark.parametrize("target", ["live", "https://wsapi.onefile.co.uk/api/v2.1", "https://onefile.example/api/v2.1"])
def test_a_canary_is_refused_where_writes_concern_people(
    home: Home, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    """Live, by name or by address, and any server that is not known to be for trials: 3, before anything is sent."""
    monkeypatch.setenv("ONEFILE_CUSTOMER_TOKEN", TOKEN)
    ended = home.declare().run("doctor", "--target", target, *CANARY)
    assert ended.code == ExitCode.INVALID
    assert "not a place for trials" in ended.err and "Nothing was sent" in ended.err


def test_the_help_says_that_nothing_changes(home: Home) -> None:
    """And that the canary sends nothing but what is there."""
    said = " ".join(home.run("doctor", "--help").out.split())
    assert "back as they are and reads them back; it changes nothing by design" in said


def test_slots_that_moved_are_named(tmp_path: Path) -> None:
    """Whatever reads otherwise after the canary is a failure with its address."""
    check = doctor.trace_check(["learner[200004].default_assessor"])
    assert check.verdict is CheckStatus.FAILED and "learner[200004].default_assessor" in check.result


def test_a_write_without_an_answer_proves_nothing() -> None:
    """Not tried, answered into the void, or moved by somebody meanwhile: neither fine nor failed."""
    move = Move(UserId(KATE), UserId(KATE))
    write = AssignLearningAim(UserId(200004), StandardId(41240), "assessor", move)
    for state in (State.NOT_TRIED, State.DONE, State.CONFLICT):
        outcome = Outcome(write, state, "words")
        for check in (
            doctor.default_check(outcome),
            doctor.assign_check(outcome),
            doctor.unit_check(outcome, assign=CheckStatus.FINE, declared=True),
        ):
            assert check.verdict is CheckStatus.UNKNOWN and check.result == "words"


PIPELINES = {
    "github": (".github/workflows/plan.yml", "      - uses: OWNER/onefile-reconciler@COMMIT\n"),
    "gitlab": (
        ".gitlab-ci.yml",
        "    - git -C source fetch https://github.com/OWNER/onefile-reconciler COMMIT\n",
    ),
    "pre-commit": (
        ".pre-commit-config.yaml",
        "  - repo: https://github.com/centre/onefile-reconciler\n    rev: COMMIT\n",
    ),
}


@pytest.mark.parametrize("name", PIPELINES)
def test_words_of_the_guide_in_a_pipeline_are_told(home: Home, name: str) -> None:
    """OWNER and COMMIT would fail only in the first pull request; a comment may name them."""
    file, text = PIPELINES[name]
    path = home.declare().path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"# OWNER/onefile-reconciler@COMMIT\n{text}", "utf-8")
    report = consult(home)
    assert file in report.told(Name.PIPELINES)
    assert "OWNER" in report.checks[Name.PIPELINES]["fix"]
    path.write_text(text.replace("OWNER", "centre").replace("COMMIT", "0a" * 20), "utf-8")
    assert consult(home).verdict(Name.PIPELINES) == "fine"
