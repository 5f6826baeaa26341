"""privacy.names: where learners' names may appear, and that they are nowhere else, whatever is asked for."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence

import click
import pytest

from onefile_sandbox.world import World
from reconciler.cli.command_table import COMMANDS as LISTED
from reconciler.cli.main import cli
from reconciler.model.declared import Names
from reconciler.problems import ExitCode
from tests.e2e.test_privacy_and_calls import _everything_written, _personal
from tests.e2e.user import LEARNER, SETTINGS, TOKEN, Home, Served, point_at, served

MISID: Mapping[str, object] = {"misid": "LRN00002", "default_assessor": "james"}


def declare(home: Home, names: Names) -> Home:
    return home.declare(LEARNER, MISID, settings={**SETTINGS, "privacy": {"names": names}})


def name_of(world: World, user: int) -> str:
    return f"{world.users[user]['FirstName']} {world.users[user]['LastName']}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    with served(World.create(1, 24)) as server:
        point_at(monkeypatch, server.url)
        yield server


def forms(command: str) -> list[str]:
    """Every format that the command offers."""
    found = cli.get_command(click.Context(cli), command)
    assert found is not None
    (option,) = [one for one in found.params if one.name == "form"]
    return list(option.type.choices)  # type: ignore[attr-defined]


def runs(command: str, variants: Sequence[list[str]]) -> Iterator[tuple[str, list[str]]]:
    """The first arguments in every format that the command offers, and each of the others in one."""
    offered = forms(command)
    for number, arguments in enumerate(variants):
        for form in [offered[number % len(offered)]] if number else offered:
            yield form, arguments


# ------------------------------------------------------------------ where they may


def test_on_a_terminal_names_stand_beside_labels_where_the_settings_say_so(home: Home, server: Served) -> None:
    """With `terminal` and with `always`, never with `never`; and not one call is spent on them."""
    shown = {}
    for names in ("never", "terminal", "always"):
        declare(home, names).plan()  # what this server offers is known from here on
        server.service.calls.clear()
        shown[names] = home.terminal("plan", ONEFILE_BASE_URL=server.url, ONEFILE_CUSTOMER_TOKEN=TOKEN).out
        shown[f"{names} calls"] = str(len(server.calls))
    wanted = [f"({name_of(server.world, user)})" for user in (200004, 200002)]
    assert [name in shown["never"] for name in wanted] == [False, False]
    assert [name in shown["terminal"] for name in wanted] == [True, True]
    assert [name in shown["always"] for name in wanted] == [True, True]
    assert shown["never calls"] == shown["terminal calls"] == shown["always calls"]


def test_names_for_the_terminal_reach_no_pipe_and_no_file(home: Home, server: Served) -> None:
    """Piped, as JSON, or with a text report that is saved, it is as with `never`."""
    declare(home, "terminal")
    surroundings = {"ONEFILE_BASE_URL": server.url, "ONEFILE_CUSTOMER_TOKEN": TOKEN}
    said = home.forked("plan", env=surroundings).out
    for form in sorted({*forms("plan"), *forms("apply")} - {"text"}):
        said += home.terminal("plan", "--format", form, **surroundings).out if form in forms("plan") else ""
    said += home.terminal("apply", "--auto-approve", "--out", "report.txt", **surroundings).out
    said += (home.path / "report.txt").read_text(encoding="utf-8")
    assert "Run 1" in said
    assert [name for name in _personal(server.world) if name in said] == []


def test_a_saved_plan_that_is_applied_on_a_terminal_may_name_whom_it_read(home: Home, server: Served) -> None:
    """The plan file has no names; what is read before each write may show them."""
    declare(home, "terminal").run("plan", "--out", "plan.json")
    ended = home.terminal("apply", "plan.json", "--verbose", ONEFILE_BASE_URL=server.url, ONEFILE_CUSTOMER_TOKEN=TOKEN)
    assert f"({name_of(server.world, 200004)})" in ended.out
    assert name_of(server.world, 200004) not in (home.path / "plan.json").read_text(encoding="utf-8")


def test_with_always_only_what_is_saved_for_machines_is_without_names(home: Home, server: Served) -> None:
    """Reports have them; plans, readings and the store have not."""
    declare(home, "always")
    text = home.run("plan", "--out", "plan.json", "--save-observed", "seen.json").out
    assert name_of(server.world, 200004) in text
    applied = home.run("apply", "--auto-approve", "--out", "report.txt")
    assert applied.code == ExitCode.DONE
    assert name_of(server.world, 200004) in (home.path / "report.txt").read_text(encoding="utf-8")
    (home.path / "report.txt").unlink()
    assert [name for name in _personal(server.world) if name in _everything_written(home.path)] == []
    assert name_of(server.world, 200004) not in home.run("show", "plan.json").out


# ------------------------------------------------------------------ where they may not

COMMANDS: Mapping[str, list[list[str]]] = {
    "validate": [[]],
    "plan": [["--verbose"], ["--out", "plan.json", "--save-observed", "seen.json"], ["--learner", "nobody"]],
    "show": [["plan.json"]],
    "apply": [["--auto-approve", "--verbose", "--out", "report"]],
    "drift": [[]],
    "history": [[], ["1"], ["--learner", "200004"], ["--steps"]],
    "who": [["200004"], ["200004", "--read"], ["kate"]],
    "revert": [["1", "--out", "back.json"]],
    "done": [["00000000", "--by", "somebody"]],
    "unlock": [["--reason", "a trial"]],
    "doctor": [[]],
    "audit": [[], ["--verbose"], ["--names"]],
    "site": [["--out", "pages"], ["--out", "pages", "--read"], ["--out", "pages-of-kate", "--for", "kate"]],
    "digest": [["--run", "1"], ["--run", "1", "--out", "messages"], ["--due", "2027-01-01"]],
    "share-out": [["kate", "--from", "2027-01-01", "--dry-run"], ["--rebalance", "--no-plan", "--dry-run"]],
    "sync": [["assignments.csv", "--dry-run"]],
    "export": [["--csv", "table.csv", "--read"]],
    "store": [["compact", "--keep-days", "9", "--into", "later"]],
    "import": [["--state", "imported"]],
    "demo": [[]],
}


def fast_imports(home: Home, settings: Mapping[str, object] = SETTINGS) -> None:
    """Give each folder of an import settings: without any, it keeps to 300 calls a minute."""
    for form in forms("import"):
        (home.path / f"imported-{form}").mkdir()
        (home.path / f"imported-{form}" / "settings.yaml").write_text(json.dumps({"version": 1, **settings}), "utf-8")


def test_no_command_is_left_out_of_the_search() -> None:
    """A new command is searched as well, or says here why it has nothing to do with anybody."""
    assert set(LISTED) - {"sandbox"} == set(COMMANDS) | (set(LISTED) & UNSEARCHED)


UNSEARCHED = {"fleet", "init", "fmt", "adopt", "replace", "calendar"}
"""These touch only files of the user's own, run other commands, or are searched by tests of their own."""


def test_no_command_and_no_format_shows_anybody(home: Home, server: Served, caplog: pytest.LogCaptureFixture) -> None:
    """A full run in every format, with names for the terminal only: what is printed, written, stored and logged."""
    caplog.set_level(logging.DEBUG)
    declare(home, "terminal").commit()
    fast_imports(home)
    said = []
    for command, variants in COMMANDS.items():
        for form, arguments in runs(command, variants):
            place = ["--state", f"imported-{form}"] if command == "import" else arguments
            ended = home.run(command, *place, "--format", form)
            assert ended.is_decent(), (command, form, arguments)
            said.append(ended.out + ended.err)
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("asyncio")]
    for text in (*said, _everything_written(home.path), "\n".join(ours)):
        assert TOKEN not in text
        assert [secret for secret in _personal(server.world) if secret in text] == []
