"""A store on a branch: what is on the branch when a method returns, and which branches are not believed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.model.operations import State
from reconciler.model.slots import Site, Slot, SlotKind
from reconciler.problems import Locked, NoStore, StoreError
from reconciler.store import Observation, Store
from reconciler.store.git.database import PUSH_SECONDS
from reconciler.store.git.rows import LOCAL, NATURAL_KEYS, is_numbered
from reconciler.store.migrations import newest
from reconciler.store.schema import APPEND_ONLY, TABLES
from tests.store.branches import BRANCH, files, git_url, new_remote, run_git, tip
from tests.store.parts import JAMES, KATE, LEARNER, HandClock, acquire, aim, begin

SITE = Site("sandbox", 5740)
SLOT = Slot(SlotKind.DEFAULT_ASSESSOR)


@pytest.fixture
def here(tmp_path: Path, clock: HandClock) -> Iterator[Store]:
    with Store.open(git_url(tmp_path), clock=clock, patience=1) as store:
        yield store


@pytest.fixture(scope="module")
def one_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A remote, and the cache of a clone, after one whole run."""
    folder = tmp_path_factory.mktemp("one-run")
    with Store.open(git_url(folder), clock=HandClock(), patience=1) as store:
        a_run(store)
    return folder


@pytest.fixture
def after_a_run(one_run: Path, tmp_path: Path, clock: HandClock) -> Iterator[Store]:
    """The clone `here` after one whole run."""
    shutil.copytree(one_run, tmp_path, dirs_exist_ok=True)
    with Store.open(git_url(tmp_path), clock=clock, patience=1) as store:
        yield store


def there(folder: Path, clock: HandClock) -> Store:
    """Another clone, which has seen nothing yet."""
    return Store.open(git_url(folder, "there"), clock=clock, patience=1)


def lines(folder: Path) -> list[dict[str, object]]:
    """Every row on the branch, oldest first."""
    texts = sorted((name.rpartition("/")[2], text) for name, text in files(folder).items() if name.endswith(".jsonl"))
    return [json.loads(line) for _, text in texts for line in text.splitlines()[1:]]


def a_run(store: Store) -> int:
    """One whole run, with a row in every table that goes to the branch."""
    run = begin(store)
    lease = acquire(store, run=run)
    store.plan_operations(run, [aim(1), aim(2)])
    store.append(run, aim(1).id, State.SENT)
    store.append(run, aim(1).id, State.DONE, detail="all is well", proof="read_back")
    store.append(run, aim(2).id, State.FAILED)
    store.record(SITE, [(LEARNER, SLOT, KATE), (LEARNER, Slot(SlotKind.DEFAULT_EMPLOYER), None)], run=run)
    store.observe_issues(SITE, "drift", {(LEARNER, SLOT): Observation(JAMES, KATE)}, lambda _: "")
    store.set_capabilities(SITE, "account", {"shows": "everything"})
    store.set_identities(SITE, {"0a1b": LEARNER})
    store.release(lease)
    store.end_run(run, exit_code=0, summary={"done": 1})
    broken = acquire(store, run=run)
    store.break_lock(SITE, by="james", reason="a trial")
    store.release(broken)
    return run


def contents(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """All that a store's tables hold, but for what only one machine counts."""
    tables = sorted(TABLES.keys() - LOCAL | {"unfinished", "leases"})
    with store._database.reading() as connection:
        return {table: sorted(connection.rows(f"SELECT * FROM {table}"), key=str) for table in tables}


# ------------------------------------------------------------------ what is pushed, and when


def test_every_intent_is_on_the_branch_before_anything_is_sent(here: Store, tmp_path: Path) -> None:
    """A runner that dies from here on leaves what it meant to write."""
    run = begin(here)
    acquire(here, run=run)
    here.plan_operations(run, [aim(1), aim(2)])
    assert [line["state"] for line in lines(tmp_path) if line["table"] == "events"] == ["intent", "intent"]


def test_outcomes_are_pushed_at_a_checkpoint_and_when_they_are_old(
    here: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between pushes they wait in memory, so that a write costs no push."""
    run = begin(here)
    acquire(here, run=run)
    here.plan_operations(run, [aim(number) for number in range(4)])
    before = tip(tmp_path)
    here.append(run, aim(0).id, State.DONE)
    assert tip(tmp_path) == before
    here.checkpoint()
    here.append(run, aim(1).id, State.DONE)
    monkeypatch.setattr(here._database, "_pushed_at", here._database._pushed_at - PUSH_SECONDS)  # type: ignore[attr-defined]
    here.append(run, aim(2).id, State.DONE)
    done = [line["operation"] for line in lines(tmp_path) if line.get("state") == "done"]
    assert done == [aim(number).id for number in range(3)]


def test_a_heartbeat_takes_the_outcomes_along(here: Store, tmp_path: Path, clock: HandClock) -> None:
    """While nothing is written for long, the lock is renewed, and what is known goes with it."""
    run = begin(here)
    lease = acquire(here, run=run, seconds=90)
    here.plan_operations(run, [aim(1)])
    here.append(run, aim(1).id, State.DONE)
    before = tip(tmp_path)
    here.renew(lease)
    assert tip(tmp_path) == before  # proven a moment ago
    clock.forward(31)
    here.renew(lease)
    assert [line["state"] for line in lines(tmp_path) if line["table"] == "events"] == ["intent", "done"]


def test_what_a_plan_learns_of_the_server_is_never_pushed(after_a_run: Store, tmp_path: Path, clock: HandClock) -> None:
    """A plan on a pull request may only read the branch."""
    before = tip(tmp_path)
    with there(tmp_path, clock) as reader:
        reader.set_capabilities(SITE, "account", {"shows": "less"})
        assert reader.capabilities(SITE, "account")["shows"][0] == "less"
    assert tip(tmp_path) == before


def test_nothing_is_on_the_branch_twice_and_nothing_is_missing(
    after_a_run: Store, tmp_path: Path, clock: HandClock
) -> None:
    """Another clone makes the same rows of it, from nothing and from its cache."""
    a_run(after_a_run)
    for _ in range(2):
        with there(tmp_path, clock) as store:
            assert contents(store) == contents(after_a_run)
    shutil.rmtree(tmp_path / "cache-there")
    with there(tmp_path, clock) as store:
        assert contents(store) == contents(after_a_run)


def test_a_cache_that_is_damaged_is_made_again(after_a_run: Store, tmp_path: Path, clock: HandClock) -> None:
    """It may be deleted at any time, and so it may be wrong."""
    for broken in (b"no database", b""):
        there(tmp_path, clock).close()
        (tmp_path / "cache-there" / "record.db").write_bytes(broken)
        with there(tmp_path, clock) as store:
            assert contents(store) == contents(after_a_run)


def test_the_files_have_no_name_of_a_learner_and_are_for_people(after_a_run: Store, tmp_path: Path) -> None:
    """One folder for each run, times as people write them."""
    texts = files(tmp_path)
    assert {name.rpartition("/")[0] for name in texts} == {"", "runs/2026-11/000001", "other/2026-11"}
    assert '"at": "2026-11-23T12:00:00.000000Z"' in texts["runs/2026-11/000001/00000001.jsonl"]


def test_a_folder_and_other_files_of_the_branch_are_somebody_elses(
    after_a_run: Store, tmp_path: Path, clock: HandClock
) -> None:
    """Two centres may share a branch, and people may keep notes there."""
    with Store.open(git_url(tmp_path, "second") + "&folder=second", clock=clock) as second:
        assert second.runs() == () and second.is_new is False
        a_run(second)
        edited(tmp_path, {"notes.md": "ours"})
        assert a_run(after_a_run) == 2 and a_run(second) == 2
    with there(tmp_path, clock) as store:
        assert contents(store) == contents(after_a_run)


# ------------------------------------------------------------------ two clones


def test_two_clones_share_one_history(here: Store, tmp_path: Path, clock: HandClock) -> None:
    """Each push goes on top of the other's, and the numbers of runs are each used once."""
    with there(tmp_path, clock) as other:
        assert [begin(store) for store in (here, other, here, other)] == [1, 2, 3, 4]
        for store, run in ((here, 1), (other, 2), (here, 3), (other, 4)):
            store.plan_operations(run, [aim(run)])
            store.append(run, aim(run).id, State.DONE)
            store.end_run(run, exit_code=0, summary={})
    with Store.open(git_url(tmp_path, "third"), clock=clock) as third:
        assert [third.journal(run)[0].state for run in range(1, 5)] == [State.DONE] * 4


def test_only_one_of_two_clones_gets_the_lock(here: Store, tmp_path: Path, clock: HandClock) -> None:
    """The second learns who has it; when it is released, or has expired, it is the second's."""
    with there(tmp_path, clock) as other:
        lease = acquire(here, run=begin(here))
        with pytest.raises(Locked, match="another run holds the lock: kate on desk"):
            acquire(other, holder="james")
        here.release(lease)
        acquire(other, holder="james", run=begin(other))
        clock.forward(61)
        assert acquire(here).taken_over_from == 2


def test_what_was_not_pushed_when_the_lock_was_lost_is_never_pushed(
    here: Store, tmp_path: Path, clock: HandClock
) -> None:
    """The next run has settled it by reading, and a late outcome would overrule it."""
    with there(tmp_path, clock) as other:
        run = begin(here)
        lease = acquire(here, run=run, seconds=60)
        here.plan_operations(run, [aim(1)])
        here.append(run, aim(1).id, State.DONE)
        clock.forward(61)
        acquire(other, run=begin(other), holder="james")
        other.append(run, aim(1).id, State.FAILED)
        other.checkpoint()
        with pytest.raises(Locked):
            here.checkpoint()
        here.release(lease)
        here.end_run(run, exit_code=6, summary={})
    with Store.open(git_url(tmp_path, "third"), clock=clock) as third:
        assert [event.state for event in third.journal(run)[0].events] == [State.INTENT, State.FAILED]
        assert third.holder(SITE) is None or third.holder(SITE).holder == "james"  # type: ignore[union-attr]


def test_two_clones_that_see_the_same_drift_keep_one_issue(
    after_a_run: Store, tmp_path: Path, clock: HandClock
) -> None:
    """Neither holds the lock: a drift report needs none."""
    with there(tmp_path, clock) as other:
        seen = {(LEARNER, SLOT): Observation(JAMES, KATE)}
        first = [
            store.observe_issues(SITE, "step", seen, lambda _: "")[0][0].first_seen for store in (after_a_run, other)
        ]
        assert first[0] == first[1]
        assert len(other.issues(SITE, "step")) == 1


# ------------------------------------------------------------------ a branch that is not believed


def edited(folder: Path, changes: dict[str, str | None], *, message: str = "An edit") -> None:
    """Somebody with the right to push changes files of the branch, and pushes without force."""
    work = folder / "work"
    shutil.rmtree(work, ignore_errors=True)
    run_git("clone", "--quiet", "--branch", BRANCH, str(folder / "remote.git"), str(work))
    for name, text in changes.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).unlink(missing_ok=True) if text is None else (work / name).write_text(text, "utf-8")
    run_git("add", "--all", folder=work)
    run_git("commit", "--quiet", "--message", message, folder=work)
    run_git("push", "--quiet", folder=work)


def _segment(folder: Path, number: int) -> str:
    return next(name for name in files(folder) if name.endswith(f"{number:08}.jsonl"))


def _edit_a_segment(folder: Path) -> None:
    name = _segment(folder, 2)
    edited(folder, {name: files(folder)[name].replace("132757", "132758")})


def _remove_a_segment(folder: Path) -> None:
    edited(folder, {_segment(folder, 3): None})


def _add_a_foreign_segment(folder: Path) -> None:
    forged = {"segment": 99, "before": "sha256:00", "schema": newest(), "at": "2026-11-23T12:00:00Z"}
    number = len([name for name in files(folder) if name.endswith(".jsonl")]) + 1
    edited(folder, {f"other/2026-11/{number:08}.jsonl": json.dumps({**forged, "segment": number}) + "\n"})


def _put_an_older_commit_back(folder: Path) -> None:
    older = run_git("rev-parse", f"{BRANCH}~3", folder=folder / "remote.git")
    run_git("update-ref", f"refs/heads/{BRANCH}", older, folder=folder / "remote.git")


def _delete_the_branch(folder: Path) -> None:
    run_git("update-ref", "-d", f"refs/heads/{BRANCH}", folder=folder / "remote.git")


def _merge_another_history(folder: Path) -> None:
    edited(folder, {"notes.md": "ours"})
    work = folder / "work"
    run_git("checkout", "--quiet", "-b", "side", "HEAD~1", folder=work)
    run_git("commit", "--quiet", "--allow-empty", "--message", "Side", folder=work)
    run_git("merge", "--quiet", "--no-edit", BRANCH, folder=work)
    run_git("push", "--quiet", "origin", f"side:{BRANCH}", folder=work)


@pytest.mark.parametrize(
    "rewrite",
    [
        _edit_a_segment,
        _remove_a_segment,
        _add_a_foreign_segment,
        _put_an_older_commit_back,
        _delete_the_branch,
        _merge_another_history,
    ],
)
def test_a_history_that_was_rewritten_is_refused(
    rewrite: Callable[[Path], None], after_a_run: Store, tmp_path: Path, clock: HandClock
) -> None:
    """By whoever has seen it before, and where the branch itself shows it, by everybody; nothing is written then."""
    there(tmp_path, clock).close()
    rewrite(tmp_path)
    with pytest.raises(StoreError, match="the history of the store was rewritten") as refused:
        there(tmp_path, clock)
    assert "Nothing of it is believed" in refused.value.problems[0].fix
    if rewrite in (_put_an_older_commit_back, _delete_the_branch):
        # whoever has never seen the rest cannot miss it, so a rule of the server must forbid this; whoever is at work
        # and has seen it pushes it again
        begin(after_a_run)
        there(tmp_path, clock).close()
        return
    for attempt in (lambda: begin(after_a_run), lambda: Store.open(git_url(tmp_path, "new"), clock=clock)):
        with pytest.raises(StoreError, match="rewritten"):
            attempt()


@pytest.mark.parametrize("text", ["no JSON", '{"table": "runs"}', '{"table": "tables"}', "[]", "null", '{"table": 7}'])
def test_a_line_that_no_version_wrote_is_named(text: str, after_a_run: Store, tmp_path: Path, clock: HandClock) -> None:
    """Never a traceback: which file, and what to do."""
    names = sorted(name.rpartition("/")[2] for name in files(tmp_path) if name.endswith(".jsonl"))
    number = len(names) + 1
    digest = after_a_run._database.branch.position.digest  # type: ignore[attr-defined]
    header = {"segment": number, "before": digest, "schema": newest(), "at": "2026-11-23T12:00:00Z"}
    edited(tmp_path, {f"other/2026-11/{number:08}.jsonl": f"{json.dumps(header)}\n{text}\n"})
    with pytest.raises(StoreError, match=f"a file of the store cannot be read: .*{number}"):
        there(tmp_path, clock)


def test_a_newer_programs_branch_is_refused(after_a_run: Store, tmp_path: Path, clock: HandClock) -> None:
    """This program does not know what a newer one keeps there."""
    number = after_a_run._database.branch.position.number + 1  # type: ignore[attr-defined]
    digest = after_a_run._database.branch.position.digest  # type: ignore[attr-defined]
    header = {"segment": number, "before": digest, "schema": newest() + 1, "at": "2026-11-23T12:00:00Z"}
    edited(tmp_path, {f"other/2026-11/{number:08}.jsonl": f"{json.dumps(header)}\n"})
    with pytest.raises(StoreError, match=f"schema version {newest() + 1}, of a newer reconciler"):
        there(tmp_path, clock)


def test_an_older_programs_branch_is_brought_up(tmp_path: Path, clock: HandClock) -> None:
    """Its rows are replayed as they were, and the migrations of every database follow."""
    remote = new_remote(tmp_path)
    header = {"segment": 1, "before": "", "schema": 1, "at": "2026-11-23T12:00:00Z"}
    run = {"table": "runs", "id": 1, "started": "2026-11-23T12:00:00Z", "command": "apply", "target": "sandbox",
           "organisation": 5740, "fingerprint": "", "who": "kate", "commit_id": "0123abc"}  # fmt: skip
    work = tmp_path / "first"
    run_git("init", "--quiet", "--initial-branch", BRANCH, str(work))
    (work / "runs/2026-11/000001").mkdir(parents=True)
    (work / "runs/2026-11/000001/00000001.jsonl").write_text(f"{json.dumps(header)}\n{json.dumps(run)}\n", "utf-8")
    run_git("add", "--all", folder=work)
    run_git("commit", "--quiet", "--message", "Run 1", folder=work)
    run_git("push", "--quiet", remote.as_uri(), BRANCH, folder=work)
    with there(tmp_path, clock) as store:
        (row,) = store.runs()
        assert (row.who, row.uncommitted) == ("kate", None)
        a_run(store)
    with Store.open(git_url(tmp_path, "third"), clock=clock) as third:
        assert len(third.runs()) == 2


# ------------------------------------------------------------------ remotes that refuse


def hook(folder: Path, name: str, script: str) -> None:
    file = new_remote(folder) / "hooks" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    file.chmod(0o755)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ("GH006: Protected branch update failed", "a rule of the remote refuses this push"),
        ("GH013: Repository rule violations found", "a rule of the remote refuses this push"),
        ("Permission to kate/centre.git denied to james", "does not let this account write"),
        ("No space left on device", "the disk is full"),
    ],
)
def test_a_remote_that_refuses_is_explained_at_once(
    words: str, what: str, after_a_run: Store, tmp_path: Path, clock: HandClock
) -> None:
    """The run is not begun, and nothing of it is here either."""
    hook(tmp_path, "pre-receive", f"echo '{words}' >&2; exit 1")
    with pytest.raises(StoreError, match=what) as refused:
        begin(after_a_run)
    assert refused.value.problems[0].fix
    hook(tmp_path, "pre-receive", "exit 0")
    assert begin(after_a_run) == 2


def test_a_push_that_fails_stops_what_comes_after_it(here: Store, tmp_path: Path) -> None:
    """The run says so, and what is known is pushed when the remote takes it again."""
    run = begin(here)
    lease = acquire(here, run=run)
    here.plan_operations(run, [aim(1), aim(2)])
    here.append(run, aim(1).id, State.DONE)
    hook(tmp_path, "pre-receive", "echo 'GH006: Protected branch' >&2; exit 1")
    with pytest.raises(StoreError, match="a rule of the remote refuses"):
        here.checkpoint()
    hook(tmp_path, "pre-receive", "exit 0")
    here.release(lease)
    assert [line["state"] for line in lines(tmp_path) if line["table"] == "events"] == ["intent", "intent", "done"]


@pytest.mark.parametrize(
    ("remote", "what"),
    [
        ("file:///no/such/place.git", "the remote has no such repository"),
        ("https://127.0.0.1:1/kate/centre.git", "the remote of the store cannot be reached"),
        ("http://example.org/centre.git", "names a remote that is not used"),
        ("ext::sh -c evil", "names the remote 'ext::sh -c evil'"),
        ("ftp://example.org/centre.git", "names the remote 'ftp"),
    ],
)
def test_a_remote_that_cannot_be_used_is_said(remote: str, what: str, tmp_path: Path, clock: HandClock) -> None:
    """With what to do, within seconds, and with nothing started that the address names."""
    with pytest.raises(StoreError, match=what) as refused:
        Store.open(git_url(tmp_path, remote=remote), clock=clock, patience=0.1)
    assert refused.value.problems[0].fix


def test_a_password_in_the_remotes_url_is_not_shown(tmp_path: Path, clock: HandClock) -> None:
    """Neither in the address nor in git's words."""
    with pytest.raises(StoreError) as refused:
        Store.open(git_url(tmp_path, remote="https://kate:s3cret-word@127.0.0.1:1/x.git"), clock=clock, patience=0.1)
    assert "s3cret-word" not in str(refused.value.problems[0])


def test_no_branch_is_no_store(tmp_path: Path, clock: HandClock) -> None:
    """Looking does not make one."""
    with pytest.raises(NoStore):
        Store.open(git_url(tmp_path), clock=clock, make=False)
    with Store.open(git_url(tmp_path), clock=clock) as store:
        assert store.is_new and store.runs() == ()
    assert run_git("branch", "--list", folder=tmp_path / "remote.git") == ""


@pytest.mark.parametrize("branch", ["", "-x", "a..b", "a//b", ".hidden", "a.lock", "a b", "x?remote=y&other=1"])
def test_an_address_without_a_branch_is_refused(branch: str, clock: HandClock) -> None:
    """Before anything is made or asked."""
    with pytest.raises(StoreError, match="the store's address"):
        Store.open(f"git+{branch}", clock=clock)


# ------------------------------------------------------------------ the seam for new tables


@pytest.mark.parametrize("table", sorted(TABLES.keys() - LOCAL))
def test_a_table_can_be_replayed(table: str) -> None:
    """A number that one cache gives to a row means nothing in another: such rows are never changed, or have a key."""
    assert table == "runs" or not is_numbered(table) or table in APPEND_ONLY or table in NATURAL_KEYS


def test_the_first_schema_is_the_first_versions() -> None:
    """Segments of every version can be replayed, because the migrations begin there."""
    first = Path(__file__).parents[2] / "reconciler/store/git/first.sql"
    dump = (Path(__file__).parent / "versions/v1-sqlite.sql").read_text("utf-8")
    kept = [line for line in dump.splitlines() if not line.startswith("INSERT")]
    assert first.read_text("utf-8").splitlines() == kept
