"""sync --onefile, as its user sees it: cohorts follow OneFile's classrooms and placements, with no holder changed."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from onefile_sandbox.world import World
from reconciler.problems import ExitCode
from tests.e2e.user import KATE, STAFF, Home, Served, point_at, served


@pytest.fixture(params=["rich", "same"])
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A OneFile whose lists show classrooms, and one that shows them in each learner's own record only."""
    with served(World.create(1, 24), f"paged_user_fields={request.param}") as server:
        point_at(monkeypatch, server.url)
        yield server


def members(server: Served, key: str, place: int) -> set[int]:
    """The active learners who are in a place."""
    return {
        user["ID"]
        for user in server.world.users.values()
        if user["Role"] == 1 and user[key] == place and not user["DateArchived"] and user["OrganisationID"] == 5740
    }


def room_of(server: Served, learner: int) -> int:
    return int(server.world.users[learner]["ClassroomID"])


def synced(home: Home, *arguments: str) -> dict[str, Any]:
    shown: dict[str, Any] = home.run("sync", "--onefile", "--format", "json", *arguments).json
    return shown


def declared(home: Home) -> dict[int, dict[str, str]]:
    """The slots of each declared learner, as export shows them."""
    home.run("export", "--csv", "table.csv")
    text = (home.path / "table.csv").read_text("utf-8-sig")
    return {int(row["id"]): row for row in csv.DictReader(io.StringIO(text, newline=""))}


FIRST: Mapping[str, object] = {"id": 200004, "default_assessor": "james"}


def test_newcomers_get_the_cohorts_defaults_and_their_misid_as_label(home: Home, server: Served) -> None:
    """Never a name; the learner who was declared keeps what they have; the second sync edits nothing."""
    room = room_of(server, 200004)
    home.declare(FIRST, classroom=room, defaults={"default_assessor": "kate"})
    report = synced(home)
    assert {one["learner"] for one in report["newcomers"]} == members(server, "ClassroomID", room) - {200004}
    rows = declared(home)
    assert rows.keys() == members(server, "ClassroomID", room)
    assert rows.pop(200004)["default_assessor"] == "james"
    assert {row["default_assessor"] for row in rows.values()} == {"kate"}
    labels = {user: row["label"] for user, row in rows.items()}
    assert labels == {user: server.world.users[user]["MISID"] or "" for user in rows}
    assert not any(user["LastName"] in str(report) for user in server.world.users.values() if user["ID"] in rows)
    again = home.run("sync", "--onefile", "--check")
    assert again.code == ExitCode.DONE, again.out


def test_a_move_in_onefile_is_a_move_between_the_cohorts(home: Home, server: Served) -> None:
    """A learner's own entries go with them."""
    room = room_of(server, 200004)
    other = room + 1
    home.declare(FIRST, classroom=room)
    (home.path / "state/cohorts/c2.yaml").write_text(
        f"version: 1\ncohort: c2\nclassroom: {other}\nlearners: []\n", "utf-8"
    )
    synced(home)
    server.edit({"user": 200004, "set": {"ClassroomID": other}})
    report = synced(home)
    assert report["moves"] == [{"learner": 200004, "from": "c1", "to": "c2"}]
    row = declared(home)[200004]
    assert (row["cohort"], row["default_assessor"]) == ("c2", "james")


def test_whoever_left_is_reported_and_removed_only_if_asked(home: Home, server: Served) -> None:
    """Within the limits on manual removals."""
    room = room_of(server, 200004)
    home.declare(FIRST, {"id": KATE + 900_000}, classroom=room)
    report = synced(home)
    assert [(one["learner"], one["removed"]) for one in report["leavers"]] == [(KATE + 900_000, False)]
    assert KATE + 900_000 in declared(home)
    assert [one["removed"] for one in synced(home, "--remove")["leavers"]] == [True]
    assert KATE + 900_000 not in declared(home)


def test_a_placement_says_where_learners_come_from_as_well(home: Home, server: Served) -> None:
    """With a classroom beside it, only those who are in both."""
    user = server.world.users[200004]
    place, room = user["PlacementID"], user["ClassroomID"]
    home.declare(FIRST, placement=place)
    synced(home)
    assert declared(home).keys() == members(server, "PlacementID", place)
    home.declare(FIRST, placement=place, classroom=room)
    synced(home, "--store", "another.db")  # else what the files dropped since would stay dropped
    assert declared(home).keys() == members(server, "PlacementID", place) & members(server, "ClassroomID", room)


def test_a_place_without_anybody_is_refused_for_a_cohort_that_has_learners(home: Home, server: Served) -> None:
    """A wrong id must not make everybody a leaver."""
    ended = home.declare(FIRST, classroom=999).run("sync", "--onefile", "--remove")
    assert ended.code == ExitCode.INVALID and "classroom 999" in ended.err
    assert declared(home).keys() == {200004}
    assert server.effects == 0


def test_without_a_place_in_any_file_nothing_is_read(home: Home, server: Served) -> None:
    """The fix says what to write."""
    ended = home.declare(FIRST).run("sync", "--onefile")
    assert ended.code == ExitCode.INVALID and "classroom: ID" in ended.err
    assert server.calls == []


@pytest.mark.parametrize("arguments", [["--onefile", "table.csv"], ["--onefile", "--cohort", "c1"], []])
def test_a_source_is_named_once(arguments: list[str], home: Home) -> None:
    """A table or OneFile."""
    assert home.declare(FIRST).run("sync", *arguments).code == ExitCode.INVALID


def test_what_is_only_proposed_is_proposed_again(home: Home) -> None:
    """Until it is merged: then it is remembered, and what the files change afterwards stays."""
    home.declare(FIRST)
    table = home.path / "table.csv"
    table.write_text("id,cohort,default_assessor\n200004,c1,kate\n", "utf-8")
    for _ in range(2):
        assert [one["learner"] for one in _proposed(home)["holders"]] == [200004]
        home.declare(FIRST)  # the pull request is not merged
    _proposed(home)
    assert _proposed(home)["holders"] == []  # merged
    home.declare(FIRST)
    report = _proposed(home)
    assert (report["holders"], len(report["kept"])) == ([], 1)


def _proposed(home: Home) -> dict[str, Any]:
    report: dict[str, Any] = home.run("sync", "table.csv", "--propose", "--format", "json").json
    return report


def test_the_staff_of_the_defaults_are_checked_as_ever(home: Home, server: Served) -> None:
    """Nothing is written if the files would not be valid."""
    home.declare(FIRST, classroom=room_of(server, 200004), staff={**STAFF, "james": {"id": 1, "role": "iqa"}})
    assert home.run("sync", "--onefile").code == ExitCode.INVALID
