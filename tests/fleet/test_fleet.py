"""Many centres by one command: each ends as it would alone, in a process of its own, and one report shows all."""

from __future__ import annotations

import json
import re
import sqlite3
import string
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from reconciler.clock import SystemClock
from reconciler.declared.schema import check
from reconciler.declared.yaml_loader import load_text
from reconciler.fleet.fleet_file import budgets, read_fleet
from reconciler.fleet.worker import Workers, with_own_names, worker_environment
from reconciler.model.fleet import Centre, Fleet, QueueRules
from reconciler.onefile.errors import Answer, ErrorMapper, HttpRequest
from reconciler.problems import ExitCode, Problem, ReconcilerError
from reconciler.runtime.environment import Environment
from reconciler.runtime.token import customer_token
from reconciler.store import Store
from reconciler.store.errors import problem_of
from tests.fleet.centres import FILE, NAMES, Centres

# ------------------------------------------------------------------ a process that does not end by itself


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
    outside = centres.add("yonder", folder="../../../../south/state")
    outside.commit()
    centres.entries["yonder"]["repository"] = outside.path.as_uri()
    centres.add("zenith", folder="zenith/itself/state")
    (centres.home.path / "zenith/itself").symlink_to("itself")
    ended = centres.run("plan", "--format", "json")
    lines = (centres.home.path / FILE).read_text("utf-8").splitlines()
    told = {(lines[row["line"] - 1].split('"')[1], row["what"]) for row in ended.json["problems"]}
    expected = {
        ("folder", "north: north/state is the folder of east already (fleet.yaml:"),
        ("token", "south: the variable TOKEN_SOUTH is not set"),
        ("token", "south: organisation 5740 is under TOKEN_SOUTH here, and under TOKEN_NORTH for north (fleet.yaml:"),
        ("folder", "valley: the repository cannot be fetched: fatal: "),
        ("folder", "yonder: ../../../../south/state is outside of the repository"),
        ("folder", "zenith: zenith/itself/state has no settings.yaml"),
        ("folder", "west: west/state/settings.yaml says organisation 5740, and the fleet says 5741"),
        ("store", f"west: the store {centres.home.path}/other.db is of another fleet: others"),
    }
    assert ended.code == ExitCode.INVALID
    assert {
        (key, words) for key, words in expected if not any(at == key and words in what for at, what in told)
    } == set()
    assert len(told) == len(expected), told
    assert all(not server.calls for server in centres.servers.values())


CENTRE = "{organisation: 1, folder: state, target: live, token: TOKEN}"


@pytest.mark.parametrize(
    "lines",
    [
        "centres: {north: {organisation: 1, folder: state, target: live, token: tSECRET}}",
        "centres: {north: {organisation: 1, folder: a, target: sandbox, repository: 'https://us:SECRET@a.example/b'}}",
        f"queue: {{database: DATABASE, budget: 'postgresql://us:SECRET@a/b'}}\ncentres: {{north: {CENTRE}}}",
        f"queue: {{database: 'postgresql://us:SECRET@a/b'}}\ncentres: {{north: {CENTRE}}}",
    ],
)
@given(st.text(string.ascii_letters + string.digits, min_size=12))
def test_no_secret_that_was_written_by_mistake_is_shown(lines: str, secret: str) -> None:
    """As a token in place of the name of its variable, or a password in an address."""
    document = load_text(f"version: 1\nfleet: colleges\n{lines.replace('SECRET', secret)}\n", FILE)
    check(document, "fleet")
    (problem,) = document.problems
    assert "not shown, because it may be a secret" in problem.what
    assert secret not in str(problem)


@pytest.mark.parametrize(
    "arguments",
    [
        ("apply",),
        ("plan", "--due"),
        ("drift", "--due"),
        ("apply", "--due", "--auto-approve"),
        ("status", "--correct"),
        *((action, option) for action in ("status", "matrix") for option in ("--failed", "--changed")),
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
        centre = Centre("north", 5740, Path("state"), "live", token_variable=variable, store="git+record")
        given_to = worker_environment(centre, {**tokens, **others}, "")
        assert given_to["ONEFILE_CUSTOMER_TOKEN"] == secret
        assert given_to["RECONCILER_STORE"] == "git+record"
        assert not given_to.keys() & (tokens.keys() | {"GITHUB_TOKEN", "PGPASSWORD", "RECONCILER_BUDGET"})


def _refused(token: Mapping[str, str]) -> Problem:
    with pytest.raises(ReconcilerError) as raised:
        customer_token(Environment(variables=token))
    return raised.value.problems[0]


def _failed(code: str) -> Problem:
    error = sqlite3.OperationalError("no")
    error.sqlite_errorname = code
    return problem_of(error, "store")


def _no_store(url: str) -> Problem:
    with pytest.raises(ReconcilerError) as raised:
        Store.open(url, clock=SystemClock(), make=False)
    return raised.value.problems[0]


def _log_in_refused(status: int) -> Problem:
    errors = ErrorMapper("https://onefile.example.org", lambda text: text)
    return errors.log_in_refused(HttpRequest("POST", "/Authentication", None, True), Answer(status)).problems[0]


PROBLEMS: Mapping[str, Callable[[], Problem]] = {
    "no token": lambda: _refused({}),
    "an empty token": lambda: _refused({"ONEFILE_CUSTOMER_TOKEN": " "}),
    "a token of two lines": lambda: _refused({"ONEFILE_CUSTOMER_TOKEN": "one\ntwo"}),
    "a token that is refused": lambda: _log_in_refused(401),
    "a store that is not there": lambda: _no_store("nowhere.db"),
    "an address that is none": lambda: _no_store("mysql://somewhere/store"),
    "a server that is not there": lambda: _no_store("postgresql://nobody@127.0.0.1:9/none"),
    "a damaged store": lambda: _failed("SQLITE_CORRUPT"),
    "a store that is read-only": lambda: _failed("SQLITE_READONLY"),
}
variables = st.from_regex("[A-Z][A-Z0-9_]*", fullmatch=True) | st.sampled_from(
    ["ONEFILE_CUSTOMER_TOKEN", "RECONCILER_STORE"]
)


@pytest.mark.parametrize("kind", PROBLEMS)
@given(token=variables, store=variables | st.just(""), budget=variables | st.just(""))
def test_no_message_names_a_variable_that_the_fleet_file_does_not(
    kind: str, token: str, store: str, budget: str
) -> None:
    """But for those that a centre's process has under their own name; the option of a store is none of a fleet's."""
    problem = PROBLEMS[kind]()
    centre = Centre("north", 5740, Path("state"), "live", token_variable=token, store_variable=store)
    for text in (problem.fix, problem.where, problem.fix.replace("--store or RECONCILER_STORE", "RECONCILER_BUDGET")):
        words = with_own_names(text, centre, QueueRules("", budget_variable=budget))
        named = set(re.findall(r"(?:ONEFILE|RECONCILER)_\w+|--store", words))
        assert named <= {token, store, budget}, words


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
        Centre(name, 1, Path(name) / "state", "live", token_variable=key, store=store)
        for name, (key, store) in places.items()
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
