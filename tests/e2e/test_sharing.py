"""Several repositories and folders on one store: each keeps to its own, and organisations see one record."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from reconciler.clock import SystemClock
from reconciler.model.slots import Site, Slot, SlotKind, UserId
from reconciler.problems import ExitCode
from reconciler.store import Store
from tests.e2e.user import JAMES, KATE, SETTINGS, STAFF, Ended, Home, Served, point_at, served

DEFAULT = Slot(SlotKind.DEFAULT_ASSESSOR)
FOUR, SEVEN, TEN, SOUTH = (UserId(number) for number in (200004, 200007, 200010, 920001))
OTHER = 163757  # an assessor of the sandbox whom no file names
AT_ONCE: Mapping[str, object] = {**SETTINGS, "drift": {"grace_hours": 0}}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    with served() as server:
        point_at(monkeypatch, server.url)
        yield server


class Repository:
    """A git repository with cohorts, whose commands use the store of all."""

    def __init__(self, home: Home, name: str, settings: Mapping[str, object] = AT_ONCE) -> None:
        self.home, self.top = home, home.path / name
        self.state = self.top / "state"
        self.write("settings", settings)
        self.write("staff", {"staff": STAFF})
        self.git("init", "-q")

    def git(self, *arguments: str) -> None:
        identity = ("-c", "user.name=Quality Lead", "-c", "user.email=lead@centre.example")
        subprocess.run(["git", "-C", str(self.top), *identity, *arguments], check=True, capture_output=True)

    def write(self, name: str, values: Mapping[str, object]) -> None:
        file = self.state / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"version": 1, **values}), "utf-8")

    def cohort(self, name: str, *learners: int, staff: str = "kate", **more: object) -> None:
        rows = [{"id": learner, "default_assessor": staff} for learner in learners]
        self.write(f"cohorts/{name}", {"cohort": name, **more, "learners": rows})

    def remove(self, name: str) -> None:
        (self.state / "cohorts" / f"{name}.yaml").unlink()

    def run(self, *arguments: str) -> Ended:
        return self.home.run(*arguments, "--state", str(self.state), "--store", str(self.home.path / "store.db"))

    def applied(self) -> None:
        self.git("add", "state")
        self.git("commit", "-q", "--allow-empty", "-m", f"Declare in {self.top.name}")
        ended = self.run("apply", "--auto-approve")
        assert ended.code == ExitCode.DONE, ended.out + ended.err

    def drift(self, *arguments: str) -> tuple[int, dict[str, str]]:
        ended = self.run("drift", "--format", "json", "--detailed-exitcode", *arguments)
        return ended.code, {row["address"]: row["first_seen"] for row in ended.json["drift"]}


def store(home: Home) -> Store:
    return Store.open(str(home.path / "store.db"), clock=SystemClock())


@pytest.fixture
def two(home: Home, server: Served) -> tuple[Repository, Repository]:
    """Two repositories of one organisation, both applied."""
    north, south = Repository(home, "north"), Repository(home, "south")
    north.cohort("care", FOUR, SEVEN)
    south.cohort("trades", TEN)
    north.applied()
    south.applied()
    return north, south


def test_two_repositories_do_not_take_each_others_cohorts_for_vanished(two: tuple[Repository, Repository]) -> None:
    """A cohort is known by who applies it; its own repository still misses it."""
    north, south = two
    for repository in two:
        assert repository.run("plan", "--detailed-exitcode").code == ExitCode.DONE
    south.remove("trades")
    south.cohort("other", 200008)
    blocked = south.run("plan")
    assert blocked.code == ExitCode.BLOCKED
    assert "cohort trades was managed before" in blocked.out
    assert north.run("plan", "--detailed-exitcode").code == ExitCode.DONE


def test_doctor_names_who_shares_the_organisation(two: tuple[Repository, Repository]) -> None:
    """With the cohorts of the other, by which people know it."""
    told = two[0].run("doctor").out
    assert "shared for organisation 5740 with" in " ".join(told.split())
    assert "(cohorts trades)" in " ".join(told.split())


def test_drift_and_steps_of_one_repository_stay_open_when_another_looks(
    two: tuple[Repository, Repository], server: Served, home: Home
) -> None:
    """What a repository does not declare is not for it to end, nor to report as unread."""
    north, south = two
    server.world.users[FOUR]["DefaultAssessorID"] = OTHER
    first = north.drift()
    assert first[0] == ExitCode.CHANGES
    assert south.drift() == (ExitCode.DONE, {})
    with store(home) as opened:
        (issue,) = opened.issues(Site(_target(opened), 5740), "drift")
        assert (issue.learner, issue.ended) == (FOUR, None)
    assert north.drift() == first


def test_corrections_go_by_the_commit_that_this_repository_applied(
    two: tuple[Repository, Repository], server: Served
) -> None:
    """The newest apply is the other's, whose commit is not known here."""
    server.world.users[FOUR]["DefaultAssessorID"] = OTHER
    corrected = two[0].run("drift", "--correct")
    assert corrected.code == ExitCode.DONE, corrected.out + corrected.err
    assert server.world.users[FOUR]["DefaultAssessorID"] == KATE


def _target(opened: Store) -> str:
    return opened.runs(limit=1)[0].target


# ------------------------------------------------------------------ organisations


def test_folders_that_share_an_organisation_see_one_record(home: Home, server: Served) -> None:
    """Whatever organisation their settings name: what one applies, the other sees drift from."""
    own, group = Repository(home, "own"), Repository(home, "group", {**AT_ONCE, "organisation": 5741})
    own.cohort("care", FOUR)
    group.cohort("shared", FOUR, organisation=5740)
    own.applied()
    with store(home) as opened:
        target = _target(opened)
        assert opened.recorded(Site(target, 5740)) == {(FOUR, DEFAULT): KATE}
        assert opened.recorded(Site(target, 5741)) == {}
    server.world.users[FOUR]["DefaultAssessorID"] = OTHER
    assert [code for code, _ in (own.drift(), group.drift())] == [ExitCode.CHANGES] * 2
    assert own.drift() == group.drift()


def test_a_plan_over_several_organisations_keeps_each_in_its_own(home: Home, server: Served) -> None:
    """Records, operations and drift of a learner are found by the learner's organisation."""
    group = Repository(home, "group")
    staff = {**STAFF, **{f"south-{user['ID']}": {"id": user["ID"], "role": "assessor"} for user in _assessors(server)}}
    group.write("staff", {"staff": staff})
    group.cohort("care", FOUR, staff="james")
    (handle, *_) = [name for name in staff if name.startswith("south-")]
    server.world.users[SOUTH]["DefaultAssessorID"] = None
    group.cohort("south", SOUTH, staff=handle, organisation=5741)
    group.applied()
    with store(home) as opened:
        target = _target(opened)
        assert opened.recorded(Site(target, 5740)) == {(FOUR, DEFAULT): JAMES}
        assert {place: staff is not None for place, staff in opened.recorded(Site(target, 5741)).items()} == {
            (SOUTH, DEFAULT): True
        }
        journal = opened.journal(opened.runs(limit=1)[0].id)
        assert {row.operation.organisation for row in journal} == {5740, 5741}
    server.world.users[SOUTH]["DefaultAssessorID"] = None
    assert group.drift()[0] == ExitCode.CHANGES
    with store(home) as opened:
        assert [issue.learner for issue in opened.issues(Site(target, 5741), "drift")] == [SOUTH]
        assert opened.issues(Site(target, 5740), "drift") == ()
    assert group.run("drift", "--correct").code == ExitCode.DONE
    assert group.drift() == (ExitCode.DONE, {})


def test_the_history_names_and_filters_by_organisation(home: Home, server: Served) -> None:
    """Two centres in one store: each one's runs, learners and steps are found without the other's."""
    north, south = Repository(home, "north"), Repository(home, "south", {**AT_ONCE, "organisation": 5741})
    north.cohort("care", FOUR, SEVEN)
    north.applied()
    south.cohort("trades", TEN, staff="james", organisation=5740)
    south.applied()

    def rows(*arguments: str) -> list[tuple[int, int]]:
        listed = south.run("history", "--format", "json", *arguments).json
        return [(row["run"], row["organisation"]) for row in listed]

    assert rows() == [(2, 5741), (1, 5740)]
    assert rows("--organisation", "5741") == [(2, 5741)]
    assert rows("--organisation", "5740") == rows()  # the second run wrote to its learners
    assert {run for run, _ in rows("--learner", str(TEN), "--organisation", "5740")} == {2}
    assert rows("--learner", str(TEN), "--organisation", "5741") == []
    assert south.run("history", "--steps", "--organisation", "5741", "--format", "json").json == []
    heading, newest, _ = south.run("history").out.splitlines()
    assert newest[heading.index("organisation") :].split()[0] == "5741"
    assert south.run("history", "--organisation", "9").out.startswith("No run for organisation 9 has been recorded.")
    assert south.run("history", "1", "--organisation", "5740").code == ExitCode.INVALID


def _assessors(server: Served) -> list[dict[str, object]]:
    return [dict(user) for user in server.world.users.values() if (user["OrganisationID"], user["Role"]) == (5741, 5)]


# ------------------------------------------------------------------ cohorts that move


@pytest.mark.parametrize("after", [{"it": [4, 7, 10]}, {"it": [4], "care-two": [7, 10]}, {"old": [4, 7, 10, 8]}])
def test_a_cohort_that_was_renamed_split_or_merged_has_not_vanished(
    home: Home, server: Served, after: Mapping[str, list[int]]
) -> None:
    """All its learners are declared; from the next apply on only the new names count."""
    centre = Repository(home, "centre")
    centre.cohort("care", FOUR, SEVEN, TEN)
    centre.cohort("old", 200008)
    centre.applied()
    for name in ("care", "old"):
        centre.remove(name)
    for name, learners in after.items():
        centre.cohort(name, *(200000 + number for number in learners))
    if "old" not in after:
        centre.cohort("older", 200008)
    assert centre.run("plan", "--detailed-exitcode").code == ExitCode.DONE
    centre.applied()
    with store(home) as opened:
        (names,) = opened.sharers(Site(_target(opened), 5740)).values()
    assert {*names} == {*after, *(() if "old" in after else ("older",))}


def test_a_learner_who_was_lost_with_a_renamed_cohort_blocks(home: Home, server: Served) -> None:
    """Nobody would look after them, and the message says how many they are."""
    centre = Repository(home, "centre")
    centre.cohort("care", FOUR, SEVEN)
    centre.applied()
    centre.remove("care")
    centre.cohort("it", FOUR)
    blocked = centre.run("plan")
    assert blocked.code == ExitCode.BLOCKED
    words = " ".join(blocked.out.split())
    assert "cohort care was managed before, and now no file declares 1 of its 2 learners" in words


def test_a_clone_is_the_same_repository(home: Home, server: Served, tmp_path: Path) -> None:
    """Wherever it lies and however its address is spelt, it misses the cohorts that another clone applied."""
    centre = Repository(home, "centre")
    centre.git("remote", "add", "origin", "git@git.centre.example:quality/staff.git")
    centre.cohort("care", FOUR)
    centre.cohort("it", SEVEN)
    centre.applied()
    home.git("clone", "-q", str(centre.top), str(home.path / "clone"))
    clone = Repository(home, "clone")
    clone.git("remote", "set-url", "origin", "https://someone:secret@git.centre.example/quality/staff")
    clone.remove("it")
    blocked = clone.run("plan")
    assert blocked.code == ExitCode.BLOCKED
    assert "cohort it was managed before" in " ".join(blocked.out.split())
    assert "secret" not in (home.path / "store.db").read_bytes().decode("latin-1")


# ------------------------------------------------------------------ what is known of a server


@pytest.mark.parametrize("other", ["account", "organisation"])
def test_what_was_learnt_of_one_centre_costs_another_nothing(
    home: Home, server: Served, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    """Lists are as long as what an account sees of an organisation: another one surveys them for itself."""
    large = Repository(home, "large")
    small = Repository(home, "small", {**AT_ONCE, "organisation": 5741 if other == "organisation" else 5740})
    learners = [learner for learner, user in server.world.users.items() if user["Role"] == 1]
    for repository in (large, small):
        repository.cohort("care", *learners, organisation=5740)
    first, again = calls_of_plan(large, server), calls_of_plan(large, server)
    assert again < first
    if other == "account":
        server.service._customer_token = "another-customer"
        point_at(monkeypatch, server.url, "another-customer")
    assert calls_of_plan(small, server) == first


def calls_of_plan(repository: Repository, server: Served) -> int:
    """The calls of a plan without its log-in, which a kept session spares."""
    before = len(server.service.calls)
    ended = repository.run("plan")
    assert ended.code == ExitCode.DONE, ended.out + ended.err
    return sum(call["path"] != "/Authentication" for call in list(server.service.calls)[before:])
