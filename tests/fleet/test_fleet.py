"""Many centres by one command: each ends as it would alone, in a process of its own, and one report shows all."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from reconciler.clock import SystemClock
from reconciler.fleet.fleet_file import budgets, read_fleet
from reconciler.fleet.worker import Workers, worker_environment
from reconciler.model.fleet import Centre, Fleet
from reconciler.problems import ExitCode
from reconciler.store import Store
from tests.e2e import conftest
from tests.e2e.user import LEARNER, WRITES, Ended, Home, Served, served

home = conftest.home
NAMES = ("east", "north", "south", "valley", "west")
FILE = "fleet.yaml"


class Centres:
    """A fleet of small centres, each with a folder and a token of its own, on as many servers as tokens."""

    def __init__(self, home: Home, monkeypatch: pytest.MonkeyPatch, stack: ExitStack) -> None:
        self.home, self._monkeypatch, self._stack = home, monkeypatch, stack
        self.entries: dict[str, dict[str, object]] = {}
        self.servers: dict[str, Served] = {}

    def add(self, name: str, **more: object) -> Home:
        """A centre with the usual learner, behind a server that takes its token alone."""
        token = str(more.setdefault("token", f"TOKEN_{name.upper()}"))
        if token not in self.servers:
            self.servers[token] = self._stack.enter_context(served(token=f"secret-of-{token}"))
            self._monkeypatch.setenv(token, f"secret-of-{token}")
        entry = {"organisation": 5740, "folder": f"{name}/state", "target": self.servers[token].url}
        self.entries[name] = {**entry, **more}
        centre = Home(self.home.path / name, self.home._capsys)
        centre.path.mkdir()
        return centre.declare()

    def write(self) -> None:
        fleet = {"version": 1, "fleet": "colleges", "centres": self.entries}
        (self.home.path / FILE).write_text(json.dumps(fleet, indent=1), "utf-8")

    def run(self, *arguments: str) -> Ended:
        self.write()
        return self.home.run("fleet", *arguments)

    def rows(self, *arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
        ended = self.run(*arguments, "--format", "json")
        return ended.code, {row["centre"]: row for row in ended.json["centres"]}


@pytest.fixture
def centres(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Centres]:
    with ExitStack() as stack:
        yield Centres(home, monkeypatch, stack)


# ------------------------------------------------------------------ one command over all


def test_each_centre_ends_as_it_would_alone_and_the_worst_comes_first(
    centres: Centres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is refused by its server, one has an invalid file: neither stops another. Once mended, only these run."""
    folders = {name: centres.add(name) for name in NAMES}
    monkeypatch.setenv("TOKEN_WEST", "of-nobody")
    folders["valley"].declare({**LEARNER, "default_assessor": "nobody"})
    code, rows = centres.rows("apply", "--auto-approve")
    assert [(name, row["exit_code"]) for name, row in rows.items()] == [
        ("west", ExitCode.ERROR),
        ("valley", ExitCode.INVALID),
        *((name, ExitCode.DONE) for name in NAMES[:3]),
    ]
    assert code == ExitCode.ERROR
    assert {row["counts"].get("done", 0) for name, row in rows.items() if name in NAMES[:3]} == {WRITES}
    assert rows["valley"]["problems"][0]["file"] == "state/cohorts/c1.yaml"
    assert "refused the log-in" in rows["west"]["problems"][0]["what"]
    assert json.loads(Path(rows["north"]["report"]).read_text("utf-8"))["exit_code"] == ExitCode.DONE

    monkeypatch.setenv("TOKEN_WEST", "secret-of-TOKEN_WEST")
    folders["valley"].declare()
    code, rows = centres.rows("apply", "--auto-approve", "--failed")
    assert (code, sorted(rows)) == (ExitCode.DONE, ["valley", "west"])
    code, rows = centres.rows("apply", "--auto-approve", "--changed")
    assert (code, rows) == (ExitCode.DONE, {})
    assert {server.effects for server in centres.servers.values()} == {WRITES}

    code, rows = centres.rows("status")
    assert code == ExitCode.DONE
    assert {(row["command"], row["exit_code"]) for row in rows.values()} == {("apply", ExitCode.DONE)}
    for form, sign in (("text", "north"), ("markdown", "| north |"), ("html", '<th scope="row">north</th>')):
        assert sign in centres.run("status", "--format", form).out
    metrics = centres.run("status", "--format", "prometheus").out
    assert metrics.count("onefile_reconciler_fleet_store_readable{") == len(NAMES)


def test_two_centres_of_one_organisation_and_store_never_run_at_once_nor_write_twice(centres: Centres) -> None:
    """Both declare the same slots; the second finds them done. They share the budget of their customer."""
    for name in ("north", "south"):
        centres.add(name, token="TOKEN_BOTH", store="group.db")
    code, rows = centres.rows("apply", "--auto-approve", "--jobs", "2")
    assert code == ExitCode.DONE, rows
    assert centres.servers["TOKEN_BOTH"].effects == WRITES
    assert not (centres.home.path / ".reconciler" / "fleet" / "budget.db").exists()  # their store is one already


def test_centres_of_one_token_with_two_stores_count_their_calls_in_one_place(centres: Centres) -> None:
    """Else each would spend the whole rate limit of the customer."""
    for name in ("north", "south"):
        centres.add(name, token="TOKEN_BOTH")
    code, rows = centres.rows("plan")
    assert code == ExitCode.DONE, rows
    folder = centres.home.path
    assert counted_calls(folder / ".reconciler" / "fleet" / "budget.db") > 0
    assert {counted_calls(folder / name / ".reconciler" / "store.db") for name in ("north", "south")} == {0}


def counted_calls(store: Path) -> int:
    with closing(sqlite3.connect(store)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM calls").fetchone()
    return int(count)


def test_a_centre_in_a_repository_is_fetched_before_it_is_planned(centres: Centres) -> None:
    """Its newest commit counts, also after another fetch; its checkout belongs to the fleet."""
    origin = centres.add("north", repository="", folder="state")
    origin.commit()
    centres.entries["north"]["repository"] = origin.path.as_uri()
    code, rows = centres.rows("plan")
    assert (code, rows["north"]["counts"]["update"] > 0) == (ExitCode.DONE, True)
    origin.declare({**LEARNER, "default_assessor": "nobody"}).commit()
    assert centres.rows("plan")[0] == ExitCode.INVALID


def test_a_centre_that_takes_too_long_is_stopped(centres: Centres) -> None:
    """And says so; what it was going to do is left to the next run."""
    centres.add("north")
    centres.write()
    fleet = read_fleet(centres.home.path / FILE, {}).fleet
    workers = Workers(fleet, SystemClock(), {}, {})
    (centre,) = fleet.centres
    result = workers.run(centre, ["plan"], 0.01)
    assert (result.exit_code, result.problems[0].what) == (1, "did not end within 0.000166667 minutes and was stopped")
    workers.stop()
    assert "interrupted before" in workers.run(centre, ["plan"], 60).problems[0].what


# ------------------------------------------------------------------ what is wrong, all at once


def test_every_problem_of_a_fleet_is_reported_at_once_and_nothing_is_started(
    centres: Centres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the line of the fleet file; a centre that is well does not run either."""
    for name in NAMES:
        centres.add(name)
    centres.entries["east"] |= {"folder": "north/state"}
    centres.entries["south"] |= {"target": centres.entries["north"]["target"]}
    monkeypatch.delenv("TOKEN_SOUTH")
    centres.entries["valley"] |= {"repository": (centres.home.path / "nowhere").as_uri()}
    centres.entries["west"] |= {"store": "other.db", "organisation": 5741}
    with Store.open(str(centres.home.path / "other.db"), clock=SystemClock()) as store:
        store.set_fleet("others")
    ended = centres.run("plan", "--format", "json")
    lines = (centres.home.path / FILE).read_text("utf-8").splitlines()
    told = {(lines[row["line"] - 1].split('"')[1], row["what"]) for row in ended.json["problems"]}
    expected = {
        ("folder", "north: north/state is the folder of east already (fleet.yaml:"),
        ("token", "south: the variable TOKEN_SOUTH is not set"),
        ("token", "south: organisation 5740 is under TOKEN_SOUTH here, and under TOKEN_NORTH for north (fleet.yaml:"),
        ("folder", "valley: the repository cannot be fetched: fatal: "),
        ("folder", "west: west/state/settings.yaml says organisation 5740, and the fleet says 5741"),
        ("store", f"west: the store {centres.home.path}/other.db is of another fleet: others"),
    }
    assert ended.code == ExitCode.INVALID
    assert {
        (key, words) for key, words in expected if not any(at == key and words in what for at, what in told)
    } == set()
    assert len(told) == len(expected), told
    assert all(not server.calls for server in centres.servers.values())


@pytest.mark.parametrize(
    "arguments",
    [
        ("apply",),
        ("plan", "--due"),
        ("drift", "--due"),
        ("apply", "--due", "--auto-approve"),
        ("status", "--correct"),
        ("plan", "--only", "nobody"),
    ],
)
def test_options_that_mean_nothing_together_are_refused(centres: Centres, arguments: tuple[str, ...]) -> None:
    """Before anything is read."""
    centres.add("north")
    assert centres.run(*arguments).code == ExitCode.INVALID
    assert not centres.servers["TOKEN_NORTH"].calls


# ------------------------------------------------------------------ secrets and budgets

tokens = st.dictionaries(
    st.sampled_from([f"TOKEN_{letter}" for letter in "ABCDE"]), st.text("xyz", min_size=9), min_size=1
)


@given(
    tokens,
    st.dictionaries(st.sampled_from(["PATH", "HOME", "GITHUB_TOKEN", "RECONCILER_STORE", "PGPASSWORD"]), st.just("1")),
)
def test_no_secret_of_one_centre_reaches_the_process_of_another(
    tokens: Mapping[str, str], others: Mapping[str, str]
) -> None:
    """A worker has its own token and store, and what describes the machine."""
    for variable, secret in tokens.items():
        centre = Centre("north", 5740, Path("state"), "live", token=variable, store="git+record")
        given_to = worker_environment(centre, {**tokens, **others}, "")
        assert given_to["ONEFILE_CUSTOMER_TOKEN"] == secret
        assert given_to["RECONCILER_STORE"] == "git+record"
        assert not given_to.keys() & (tokens.keys() | {"GITHUB_TOKEN", "PGPASSWORD", "RECONCILER_BUDGET"})


def test_a_budget_belongs_to_a_customer_and_not_to_a_variable() -> None:
    """Two variables with one token are one customer; a store that all share counts by itself."""
    places = {
        "a": ("ONE", "a.db"),
        "b": ("TWO", "b.db"),
        "c": ("THREE", "c.db"),
        "d": ("FOUR", "g.db"),
        "e": ("FOUR", "g.db"),
    }
    made = [
        Centre(name, 1, Path(name) / "state", "live", token=key, store=store) for name, (key, store) in places.items()
    ]
    variables = {"ONE": "same", "TWO": "same", "THREE": "other", "FOUR": "third"}
    fleet = Fleet("colleges", Path("fleet"), tuple(made))
    assert budgets(fleet, variables) == dict.fromkeys("ab", str(Path("fleet") / "budget.db"))


# ------------------------------------------------------------------ pipelines


def test_a_matrix_has_one_job_for_each_centre(centres: Centres) -> None:
    """With the name of its token's variable, which need not be set where the matrix is made."""
    for name in ("north", "south"):
        centres.entries[name] = {
            "organisation": 5740, "folder": f"{name}/state", "target": "live", "token": "TOKEN_BOTH"
        }  # fmt: skip
    jobs = json.loads(centres.run("matrix", "--run", "drift").out)["include"]
    assert [(job["name"], job["token"]) for job in jobs] == [("north", "TOKEN_BOTH"), ("south", "TOKEN_BOTH")]
    assert jobs[0]["run"] == "reconciler fleet drift --correct --due --only north"
    pipeline = yaml.safe_load(centres.run("matrix", "--ci", "gitlab").out)
    assert pipeline["fleet-south"]["script"] == ["reconciler fleet plan --detailed-exitcode --only south"]
    assert {job["resource_group"] for job in pipeline.values()} == {"onefile-5740"}


def test_a_matrix_of_more_jobs_than_github_allows_is_refused(centres: Centres) -> None:
    """256 is the most of one matrix."""
    for number in range(257):
        centres.entries[f"c{number}"] = {"organisation": 1 + number, "folder": f"{number}/state", "target": "sandbox"}
    refused = centres.run("matrix")
    assert (refused.code, "257 centres are more than one matrix may have (256)" in refused.err) == (
        ExitCode.INVALID,
        True,
    )
    assert centres.run("matrix", "--only", "c7").code == ExitCode.DONE
