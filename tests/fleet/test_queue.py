"""A fleet's queue: real workers on a real PostgreSQL, any of which may die, and what people see of it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefile_sandbox.faults import Fault
from reconciler.commands import fleet_queue
from reconciler.fleet import engine
from reconciler.fleet.nights import LONDON, begun, jobs_of, next_due
from reconciler.model.fleet import Centre, Fleet, Night
from reconciler.problems import ExitCode
from tests.e2e.user import OURS, WRITES
from tests.fleet.centres import Centres
from tests.fleet.quick_worker import LOOK_SECONDS, TAKE_SECONDS, work
from tests.forks import Fork


@pytest.fixture
def database(postgres_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an empty database, for the queue and the stores; a variable holds it."""
    name = f"fleet_{uuid4().hex}"
    url = urlsplit(postgres_server)._replace(path=f"/{name}").geturl()
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        with psycopg.connect(url, autocommit=True) as inside:
            inside.execute("CREATE SCHEMA second")
        monkeypatch.setenv("FLEET_DATABASE", url)
        monkeypatch.setenv("SECOND_STORE", f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3Dsecond")
        yield url
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def fleet(centres: Centres, database: str, monkeypatch: pytest.MonkeyPatch) -> Centres:
    """Three centres with one store and one queue, at which commands look as often as the workers."""
    monkeypatch.setattr(fleet_queue, "LOOK_SECONDS", LOOK_SECONDS)
    monkeypatch.setattr(engine, "TAKE_SECONDS", TAKE_SECONDS)
    for name in ("east", "north", "south"):
        centres.add(name, store="FLEET_DATABASE")
    centres.queue = {"database": "FLEET_DATABASE", "retry_seconds": [1]}
    return centres


def _worker(centres: Centres, *arguments: str) -> Fork:
    centres.write()
    variables = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return Fork(work, *arguments, folder=centres.home.path, variables=variables, output=centres.home.path)


def _ended(worker: Fork) -> str:
    code, said = worker.ended()
    assert code == ExitCode.DONE, said
    return said


@pytest.fixture
def worker(fleet: Centres) -> Iterator[Callable[..., Fork]]:
    """Starts workers, and ends those that are left."""
    started: list[Fork] = []

    def start(*arguments: str) -> Fork:
        started.append(_worker(fleet, *arguments))
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.wait(60)


def _until(true: Callable[[], bool], said: Callable[[], str]) -> None:
    for _ in range(600):
        if true():
            return
        time.sleep(0.1)
    raise AssertionError(said())


def _slow_down(fleet: Centres, *tokens: str) -> None:
    """Let servers answer every write but the first late, so that a run can be stopped between two writes."""
    for token in tokens or fleet.servers:
        fleet.servers[token].service.faults.arm(Fault("latency", path="*assign*", seconds=1, nth=2, times=100))


def _speed_up(fleet: Centres) -> None:
    for server in fleet.servers.values():
        server.service.faults.clear()


def test_what_is_queued_ends_as_it_would_on_this_machine(fleet: Centres, worker: Callable[..., Fork]) -> None:
    """Also what is invalid; the page shows the same, and a second look at the queue finds nothing to do."""
    fleet.home.path.joinpath("south/state/cohorts/c1.yaml").write_text("version: 1\ncohort: c1\nlearners: nobody\n")
    ended = fleet.run("apply", "--auto-approve", "--queue", "--format", "json")
    assert (ended.code, ended.json["centres"]) == (ExitCode.DONE, ["east", "north", "south"])
    assert fleet.run("apply", "--auto-approve", "--queue", "--format", "json").json["skipped"] == [
        "east", "north", "south"
    ]  # fmt: skip
    code, rows = fleet.rows("status")
    assert (code, {row["job"]["state"] for row in rows.values()}) == (ExitCode.DONE, {"waiting"})
    said = _ended(worker("--until-empty"))
    assert "3 centres run" in said
    assert "secret-of" not in said
    levels = [line.split()[1] for line in said.splitlines() if line.startswith("20")]
    assert levels == ["INFO", "ERROR"], said
    assert "south: apply --auto-approve, exit 3: state/cohorts/c1.yaml:" in said
    code, rows = fleet.rows("status")
    results = {name: row["job"]["result"] for name, row in rows.items()}
    assert {name: result["exit_code"] for name, result in results.items()} == {"east": 0, "north": 0, "south": 3}
    assert results["south"]["problems"][0]["file"] == "state/cohorts/c1.yaml"
    assert results["east"]["counts"]["done"] == WRITES
    text = fleet.run("status").out
    assert "3 centres: 2 done, 1 invalid." in text
    assert "state/cohorts/c1.yaml" in text
    assert 'class="' in fleet.run("status", "--format", "html").out


def test_a_worker_that_dies_loses_and_repeats_nothing(fleet: Centres, worker: Callable[..., Fork]) -> None:
    """Its centres run again on another one as soon as it is noticed."""
    _slow_down(fleet)
    fleet.run("apply", "--auto-approve", "--queue")
    first = worker()
    _until(lambda: any(server.effects for server in fleet.servers.values()), lambda: first.said)
    first.kill()
    _speed_up(fleet)
    second = worker("--until-empty")
    _ended(second)
    _, rows = fleet.rows("status")
    codes = {name: row["job"]["result"]["exit_code"] for name, row in rows.items()}
    assert codes == dict.fromkeys(rows, ExitCode.DONE), second.said
    assert [server.effects for server in fleet.servers.values()] == [WRITES] * 3


def test_a_job_whose_end_was_not_recorded_runs_again(
    fleet: Centres, worker: Callable[..., Fork], database: str
) -> None:
    """As after an answer of the database that the engine does not expect: the job is the worker's, but nothing runs."""
    fleet.run("plan", "--queue", "--only", "east")
    started = worker("--verbose")
    _until(lambda: fleet.rows("status", "--only", "east")[1]["east"]["job"]["state"] == "ended", lambda: started.said)
    name = started.said.split("worker ")[1].split()[0]
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "UPDATE reconciler_fleet.workflow_status SET status = 'PENDING', executor_id = %s, owner_xid = 'other'",
            (name,),
        )
    assert fleet.rows("status", "--only", "east")[1]["east"]["job"]["state"] == "running"
    _until(lambda: started.said.count("east: plan, exit 0") == 2, lambda: started.said)
    _until(lambda: fleet.rows("status", "--only", "east")[1]["east"]["job"]["state"] == "ended", lambda: started.said)


def test_a_worker_that_is_stopped_gives_its_centres_back(fleet: Centres, worker: Callable[..., Fork]) -> None:
    """They settle what they wrote, and another worker takes them at once."""
    _slow_down(fleet)
    fleet.run("apply", "--auto-approve", "--queue")
    first = worker()
    _until(lambda: any(server.effects for server in fleet.servers.values()), lambda: first.said)
    first.send_signal(signal.SIGTERM)
    assert "0 centres run" in _ended(first)
    _, rows = fleet.rows("status")
    assert {(row["job"]["state"], row["newest_result"]) for row in rows.values()} == {("waiting", None)}
    _speed_up(fleet)
    _ended(worker("--until-empty"))
    assert [server.effects for server in fleet.servers.values()] == [WRITES] * 3


def test_what_is_cancelled_stops_and_can_be_resumed(fleet: Centres, worker: Callable[..., Fork]) -> None:
    """A running centre too; others go on."""
    _slow_down(fleet, "TOKEN_SOUTH")
    fleet.run("apply", "--auto-approve", "--queue")
    started = worker()
    _until(lambda: fleet.servers["TOKEN_SOUTH"].effects > 0, lambda: started.said)
    assert fleet.run("cancel", "--only", "south", "--format", "json").json["centres"] == ["south"]
    _until(lambda: not fleet.rows("status")[1]["south"]["holder"], lambda: started.said)
    status = fleet.run("status").out
    assert "apply --auto-approve cancelled" in status
    assert "interrupted" not in status
    assert fleet.servers["TOKEN_SOUTH"].effects < WRITES
    _speed_up(fleet)
    assert fleet.run("resume", "--format", "json").json["centres"] == ["south"]
    _until(lambda: fleet.servers["TOKEN_SOUTH"].effects == WRITES, lambda: started.said)


def test_a_job_that_is_queued_right_after_a_cancelled_one_of_its_centre_ends_well(
    fleet: Centres, worker: Callable[..., Fork], database: str
) -> None:
    """It begins once the cancelled one has its answer for what it wrote, and is not stopped with it."""
    server = fleet.servers["TOKEN_SOUTH"]
    server.service.faults.arm(Fault("latency", path="*assign*", seconds=2, nth=2, times=100))
    fleet.run("apply", "--auto-approve", "--queue", "--only", "south")
    started = worker()
    _until(lambda: server.effects > 0, lambda: started.said)
    fleet.run("cancel", "--only", "south")
    fleet.run("plan", "--queue", "--only", "south")
    _until(lambda: _states(fleet, "south") == {"ended"}, lambda: started.said)
    job = fleet.rows("status", "--only", "south")[1]["south"]["job"]
    assert (job["command"], job["attempt"], job["result"]["exit_code"]) == ("plan", 1, ExitCode.DONE), started.said
    assert server.effects < WRITES
    with psycopg.connect(database) as connection:
        states = dict(connection.execute("SELECT operation, state FROM events ORDER BY id").fetchall())
    assert "sent" not in states.values(), states


def test_a_reason_that_may_pass_is_tried_again_and_another_is_not(
    fleet: Centres, worker: Callable[..., Fork], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one waits for its retry, the other has its result at once."""
    refused = Fault("error_before", path="/[!a]*", status=400, times=1000)  # but for /Authentication
    fleet.servers["TOKEN_EAST"].service.faults.arm(refused)
    fleet.home.path.joinpath("south/state/cohorts/c1.yaml").write_text("version: 2\n")
    fleet.write()
    monkeypatch.chdir(fleet.home.path)
    process = worker()
    ended = fleet.run("drift", "--queue", "--wait", "--format", "json")
    rows = {row["centre"]: row["exit_code"] for row in ended.json["centres"]}
    assert rows == {"east": ExitCode.ERROR, "north": ExitCode.DONE, "south": ExitCode.INVALID}, process.said
    attempts = {name: row["job"]["attempt"] for name, row in fleet.rows("status")[1].items()}
    assert attempts == {"east": 2, "north": 1, "south": 1}


@pytest.mark.long
def test_a_token_that_is_replaced_during_a_night_stops_its_centres_and_no_other(
    fleet: Centres, worker: Callable[..., Fork], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are not tried again in vain; with the new token and a new worker they come to their end."""
    east, north, _ = (server.service for server in fleet.servers.values())
    east.faults.arm(Fault("latency", method="POST", seconds=0.4, times=100))
    north.replace_token("new-of-north")
    fleet.run("apply", "--auto-approve", "--queue")
    first = worker()
    _until(lambda: fleet.servers["TOKEN_EAST"].effects > 0, lambda: first.said)
    east.replace_token("new-of-east")
    _until(lambda: _states(fleet) == {"ended"}, lambda: first.said)
    _, rows = fleet.rows("status")
    results = {name: row["job"]["result"] for name, row in rows.items()}
    assert {name: result["exit_code"] for name, result in results.items()} == {"east": 1, "north": 1, "south": 0}
    assert {row["job"]["attempt"] for row in rows.values()} == {1}
    assert results["east"]["problems"][0]["fix"].startswith("Check TOKEN_EAST, and")
    assert "2 of 3 centres need attention: east, north." in fleet.run("status").out
    assert 0 < fleet.servers["TOKEN_EAST"].effects < WRITES
    first.send_signal(signal.SIGTERM)
    _ended(first)

    east.faults.clear()
    monkeypatch.setenv("TOKEN_EAST", "new-of-east")
    monkeypatch.setenv("TOKEN_NORTH", "new-of-north")
    monkeypatch.chdir(fleet.home.path)
    worker()
    ended = fleet.run("apply", "--auto-approve", "--failed", "--queue", "--wait", "--format", "json")
    assert {row["centre"]: row["exit_code"] for row in ended.json["centres"]} == {"east": 0, "north": 0}
    assert [server.effects for server in fleet.servers.values()] == [WRITES] * 3
    assert "No centre needs attention." in fleet.run("status").out


def _states(fleet: Centres, *names: str) -> set[str]:
    """The states of the newest jobs: of these centres, or of all."""
    only = [argument for name in names for argument in ("--only", name)]
    return {row["job"]["state"] for row in fleet.rows("status", *only)[1].values()}


def test_a_status_writes_nothing(fleet: Centres, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither before anything was queued, when there are no tables, nor afterwards."""
    for entry in fleet.entries.values():
        del entry["store"]
    read_only = f"{database}{'&' if '?' in database else '?'}options=-cdefault_transaction_read_only%3Don"
    monkeypatch.setenv("FLEET_DATABASE", read_only)
    code, rows = fleet.rows("status")
    assert (code, [row["job"] for row in rows.values()]) == (ExitCode.DONE, [None] * 3)
    with psycopg.connect(database) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'reconciler_fleet'").fetchone()
    assert tables == (0,)
    monkeypatch.setenv("FLEET_DATABASE", database)
    assert fleet.run("plan", "--queue").code == ExitCode.DONE
    monkeypatch.setenv("FLEET_DATABASE", read_only)
    assert _states(fleet) == {"waiting"}


def test_two_fleets_in_one_database_know_nothing_of_each_other(fleet: Centres, worker: Callable[..., Fork]) -> None:
    """Though their centres have the same names."""
    fleet.run("plan", "--queue")
    _ended(worker("--until-empty"))
    fleet.name = "schools"
    for server in ("north", "south"):
        del fleet.entries[server]
    fleet.entries["east"]["store"] = "SECOND_STORE"
    assert fleet.rows("status")[1]["east"]["job"] is None
    assert fleet.run("plan", "--queue", "--format", "json").json["centres"] == ["east"]
    assert "1 centre run" in _ended(worker("--until-empty"))


def test_every_problem_of_a_queue_is_reported_at_once(centres: Centres, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no worker starts."""
    centres.add("north")
    centres.name = "us"
    centres.queue = {"database": "FLEET_DATABASE", "budget": "NOT_SET"}
    centres.nights = [{"run": "plan --due", "from": "01:00", "until": "05:00"}]
    centres.nights += [{"run": "plan", "from": "01:00", "until": until} for until in ("02:00", "03:00")]
    monkeypatch.setenv("FLEET_DATABASE", "somewhere.db")
    ended = centres.run("work", "--format", "json")
    words = {row["what"] for row in ended.json["problems"]}
    lines = {row["line"] for row in ended.json["problems"] if row["what"].startswith("nights: --due")}
    assert ended.code == ExitCode.INVALID
    assert words == {
        "queue: the variable FLEET_DATABASE holds no PostgreSQL address",
        "queue: the fleet's name is too short for a queue",
        "nights: --due does not belong to plan",
        *(f"nights: plan begins at 01:00 already (fleet.yaml:{line})" for line in lines),
        "queue: the variable NOT_SET is not set",
        "north: the store is a file of one machine, and the workers of a queue may run on several",
    }
    monkeypatch.setenv("FLEET_DATABASE", "postgresql://nobody:verysecret@127.0.0.1:9/none")
    centres.name = "colleges"
    centres.queue, centres.nights = {"database": "FLEET_DATABASE"}, []
    ended = centres.run("plan", "--queue")
    assert (ended.code, "verysecret" in ended.out + ended.err) == (ExitCode.ERROR, False)
    assert ended.err.splitlines()[0].startswith("queue: the database of the queue cannot be used: connection failed")
    centres.queue = {}
    assert "has no queue" in centres.run("plan", "--queue").err


@pytest.mark.parametrize(
    "arguments",
    [
        ("work", "--queue"),
        ("work", "--jobs", "3"),
        ("work", "--only", "north"),
        *((action, option) for action in ("work", "cancel", "resume") for option in ("--failed", "--changed")),
        ("plan", "--wait"),
        ("plan", "--until-empty"),
        ("plan", "--queue", "--changed"),
        ("apply", "--queue"),
    ],
)
def test_options_of_a_queue_that_mean_nothing_together_are_refused(
    centres: Centres, arguments: tuple[str, ...]
) -> None:
    """Before anything is read."""
    centres.add("north")
    assert centres.run(*arguments).code == ExitCode.INVALID


# ------------------------------------------------------------------ nights

nights = st.builds(Night, st.just(("drift",)), st.times(), st.times()).map(
    lambda night: Night(night.command, _minute(night.begin), _minute(night.end))
)
fleets = st.builds(
    lambda tokens, night: Fleet(
        "colleges",
        Path("fleet"),
        tuple(
            Centre(f"c{number}", number, Path(), "live", token_variable=token) for number, token in enumerate(tokens)
        ),
        nights=(night,),
    ),
    st.lists(st.sampled_from("ABC"), min_size=1, max_size=12),
    nights,
)
days = st.dates(date(2026, 1, 1), date(2027, 12, 31)) | st.sampled_from([date(2026, 3, 29), date(2026, 10, 25)])


def _minute(at: time_of_day) -> time_of_day:
    return time_of_day(at.hour, at.minute)


@given(fleets, days)
def test_each_night_is_queued_once_a_day_also_when_clocks_change(fleet: Fleet, day: date) -> None:
    """Looking every few minutes for three days, whatever the times; each centre begins within its night."""
    start = datetime(day.year, day.month, day.day, tzinfo=LONDON).astimezone(UTC)
    seen = {}
    for step in range(0, 3 * 24 * 60, 7):
        for name, night, begin_day in begun(fleet, start + timedelta(minutes=step)):
            seen.setdefault(name, (begin_day, night))
    begins = {begin_day for begin_day, _ in seen.values()}
    assert begins >= {day, day + timedelta(days=1)}
    assert len(seen) == len(begins)
    for name, (begin_day, night) in seen.items():
        jobs = list(jobs_of(name, night, begin_day, fleet))
        assert [job.centre for job, _ in sorted(jobs, key=lambda pair: int(pair[0].centre[1:]))] == [
            centre.name for centre in fleet.centres
        ]
        for token in "ABC":
            due = [at for job, at in jobs if job.token_variable == token]
            gaps = {later - earlier for earlier, later in pairwise(due)}
            assert all(abs(gap - other) < timedelta(seconds=1) for gap in gaps for other in gaps)


@given(fleets, days)
def test_the_next_beginning_is_always_ahead_and_at_most_a_day_and_an_hour_away(fleet: Fleet, day: date) -> None:
    """For every centre."""
    now = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    due = next_due(fleet, now)
    assert due.keys() == {centre.name for centre in fleet.centres}
    assert all(now < at <= now + timedelta(hours=25) for at in due.values())
