"""A world is its seed and the writes that it accepted, and reopening it gives the same world."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from onefile_sandbox.eventlog import WorldFileError
from onefile_sandbox.world import Effect, World
from tests.onefile_sandbox.trial import JAMES, KATE, LEARNER, LEE, NOON, Sandbox

EFFECTS = [Effect("user", LEARNER, "DefaultAssessorID", JAMES)]


def _write_some(sandbox: Sandbox) -> None:
    assert sandbox.assign(JAMES, StandardID=41242).status_code == 204
    assert sandbox.assign(JAMES, level=2, UnitID="KS_COMM1").status_code == 204
    assert sandbox.assign(LEE, level=1).status_code == 204
    assert sandbox.call("POST", f"/User/{LEARNER}", {"DefaultAssessorID": JAMES, "MISID": "é\n"}).status_code == 204
    assert sandbox.call("POST", "/User/200005/Archive").status_code == 204
    sandbox.send("POST", "/_sandbox/edit", json={"user": LEARNER, "additional": {"add": [KATE], "remove": [LEE]}})
    sandbox.send("POST", "/_sandbox/edit", json={"user": LEARNER, "standard": 41240, "set": {"AssessorID": None}})


def test_replaying_the_file_gives_the_live_world(tmp_path: Path) -> None:
    """Whatever was written live is there after opening again, whatever the switches were."""
    path = tmp_path / "world.jsonl"
    live = World.open(path, seed=1, learners=24)
    _write_some(Sandbox("default_cascade=cascades", "last_modified=bumped", world=live))
    again = World.open(path)
    assert again.state() == live.state()
    assert again.events == 7
    live.close()
    again.close()


def test_new_records_are_there_after_opening_again(tmp_path: Path) -> None:
    """A new learner, with an aim and a unit of theirs that hold people."""
    new = {"OrganisationID": 5740, "Role": 1, "FirstName": "Orla", "LastName": "Pattern", "Email": "o@example.org"}
    new |= {"DefaultAssessorID": KATE, "ClassroomID": 3301, "PlacementID": 8101}
    with closing(World.open(tmp_path / "world.jsonl", learners=24)) as world:
        sandbox = Sandbox(world=world)
        learner = sandbox.call("POST", "/User", new).json()["ID"]
        sandbox.call("POST", f"/Standard/41240/Assign/{learner}")
        sandbox.call("POST", f"/Unit/KS_COMM1/Assign/{learner}/41240")
        assert sandbox.assign(JAMES, learner, StandardID=41240).status_code == 204
        assert sandbox.assign(JAMES, learner, 2, UnitID="KS_COMM1").status_code == 204
        state = world.state()
    with closing(World.open(tmp_path / "world.jsonl")) as again:
        assert again.state() == state
        assert [unit["AssessorID"] for unit in again.units_of[learner]] == [JAMES]


def test_a_world_in_memory_and_one_in_a_file_are_alike(tmp_path: Path) -> None:
    """Events have the same effect in memory and in a file."""
    kept = World.open(tmp_path / "world.jsonl", learners=24)
    fleeting = World.create(learners=24)
    for world in (kept, fleeting):
        _write_some(Sandbox(world=world))
    assert kept.state() == fleeting.state()
    kept.close()


def test_the_file_says_how_large_the_world_is(tmp_path: Path) -> None:
    """Seed and size are of the file; arguments count only where it is new."""
    path = tmp_path / "world.jsonl"
    World.open(path, seed=7, learners=30).close()
    again = World.open(path, seed=1, learners=60)
    assert (again.seed, again.learners) == (7, 30)
    again.close()


def test_two_worlds_on_one_file_see_each_others_writes(tmp_path: Path) -> None:
    """As two processes do: each call starts by reading what others wrote."""
    path = tmp_path / "world.jsonl"
    first, second = World.open(path, learners=24), World.open(path, learners=24)
    near, far = Sandbox(world=first), Sandbox(world=second)
    near.call("POST", f"/User/{LEARNER}", {"DefaultAssessorID": JAMES})
    assert far.call("GET", f"/User/{LEARNER}").json()["DefaultAssessorID"] == JAMES
    far.call("POST", f"/User/{LEARNER}", {"DefaultAssessorID": KATE})
    assert near.call("GET", f"/User/{LEARNER}").json()["DefaultAssessorID"] == KATE
    assert near.state() == far.state()
    first.close()
    second.close()


WRITER = """
import sys
from datetime import UTC, datetime
from contextlib import closing
from pathlib import Path
from onefile_sandbox.world import Effect, World
world = World.open(Path(sys.argv[1]), learners=24)
for number in range(150):
    staff = int(sys.argv[2]) + number
    world.commit(lambda: [Effect("additional", 200004, "add", staff)], datetime.now(UTC), "trial")
"""


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    """Every event of both is there once, whole, and in the order in which each wrote."""
    path = tmp_path / "world.jsonl"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(start)]) for start in (1000, 5000)]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    world = World.open(path)
    added = world.additional[LEARNER]
    assert [person for person in added if person < 5000] == list(range(1000, 1150))
    assert [person for person in added if person >= 5000] == list(range(5000, 5150))
    world.close()


def test_a_line_cut_off_with_its_writer_does_not_count(tmp_path: Path) -> None:
    """Cut anywhere, the file opens as the world before the cut line, and goes on from there."""
    path = tmp_path / "world.jsonl"
    world = World.open(path, learners=24)
    world.commit(lambda: EFFECTS, NOON, "first")
    before = path.read_bytes()
    world.commit(lambda: [Effect("user", LEARNER, "DefaultAssessorID", KATE)], NOON, "second")
    world.close()
    whole = path.read_bytes()
    for cut in range(len(before), len(whole)):
        path.write_bytes(whole[:cut])
        torn = World.open(path)
        assert torn.users[LEARNER]["DefaultAssessorID"] == JAMES
        torn.commit(lambda: [Effect("user", LEARNER, "ClassroomID", 1)], NOON, "third")
        torn.close()
        assert path.read_bytes().startswith(before + b'{"at":')
        again = World.open(path)
        assert (again.events, again.users[LEARNER]["ClassroomID"]) == (2, 1)
        again.close()


def test_a_header_cut_off_with_its_writer_is_written_again(tmp_path: Path) -> None:
    """A process killed while it created the file leaves a file that the next one can use."""
    path = tmp_path / "world.jsonl"
    path.write_text('{"sandbox_wor')
    world = World.open(path, seed=3, learners=2)
    world.close()
    assert json.loads(path.read_text()) == {"sandbox_world": 1, "seed": 3, "learners": 2}


@pytest.mark.parametrize(
    "content",
    [
        "dear diary",
        "dear diary\n",
        "{}\n",
        "[1]\n",
        '{"sandbox_world": 99, "seed": 1, "learners": 60}\n',
        '{"sandbox_world": 1, "seed": 1, "learners": 0}\n',
        '{"sandbox_world": 1, "seed": 1, "learners": 24}\nnonsense\n',
        '{"sandbox_world": 1, "seed": 1, "learners": 24}\n{"effects": [["user", 1, "ID", 2]]}\n',
        '{"sandbox_world": 1, "seed": 1, "learners": 24}\n{"effects": [["user", 200001, "Shoe", 2]]}\n',
        "\udcff\udcfe\n",
    ],
)
def test_a_file_that_is_no_world_is_refused_and_left_as_it_is(tmp_path: Path, content: str) -> None:
    """Neither guess at a damaged event nor write into another program's file."""
    path = tmp_path / "world.jsonl"
    path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(WorldFileError, match=r"world\.jsonl: "):
        World.open(path)
    assert path.read_bytes() == content.encode(errors="surrogateescape")


def test_damage_done_while_the_world_is_open_stops_it_for_good(tmp_path: Path) -> None:
    """A world that missed an event no longer answers, because its answers would be wrong."""
    path = tmp_path / "world.jsonl"
    sandbox = Sandbox(world=World.open(path, learners=24))
    with path.open("a") as file:
        file.write("nonsense\n")
    for _ in range(2):
        answer = sandbox.call("GET", f"/User/{LEARNER}")
        assert answer.status_code == 500
        assert "line 2 is not an event" in answer.json()["message"]
    sandbox.world.close()


def test_only_the_owner_may_read_the_file(tmp_path: Path) -> None:
    """It is made with mode 0600."""
    path = tmp_path / "world.jsonl"
    World.open(path, learners=1).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_write_is_in_the_file_before_it_is_answered(tmp_path: Path) -> None:
    """The last line is the write just answered, with who asked and when."""
    path = tmp_path / "world.jsonl"
    sandbox = Sandbox(world=World.open(path, learners=24))
    sandbox.assign(JAMES, StandardID=41242)
    event = json.loads(path.read_text().splitlines()[-1])
    aim = sandbox.aim(LEARNER, 41242)["ID"]
    assert event == {
        "at": "2026-11-23T12:00:00.000Z",
        "what": f"POST /User/{JAMES}/Assign",
        "effects": [["aim", aim, "AssessorID", JAMES]],
    }
    sandbox.world.close()


def test_a_refused_write_and_one_that_changes_nothing_leave_no_event(tmp_path: Path) -> None:
    """The file holds what changed the world, and only that."""
    path = tmp_path / "world.jsonl"
    sandbox = Sandbox(world=World.open(path, learners=24))
    before = path.read_bytes()
    assert sandbox.assign(JAMES, StandardID=99).status_code == 400
    assert sandbox.call("POST", f"/User/{LEARNER}", {"DefaultAssessorID": KATE}).status_code == 204
    assert path.read_bytes() == before
    sandbox.world.close()
