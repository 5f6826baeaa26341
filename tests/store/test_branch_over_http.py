"""A store on a branch of a server over HTTP, as forges are: a token, refusals, and answers that get lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.model.operations import State
from reconciler.problems import StoreError
from reconciler.store import Store
from tests.store.branches import git_url, new_remote
from tests.store.http_remote import TOKEN, HttpRemote, http_remote
from tests.store.parts import HandClock, aim, begin


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[HttpRemote]:
    new_remote(tmp_path)
    with http_remote(tmp_path) as served:
        yield served


def opened(folder: Path, remote: HttpRemote, clock: HandClock, token: str = TOKEN) -> Store:
    return Store.open(git_url(folder, remote=remote.url), clock=clock, patience=5, token=token)


def test_a_token_gives_access_and_is_in_no_file(tmp_path: Path, remote: HttpRemote, clock: HandClock) -> None:
    """As a workflow's token does; git's configuration of the cache does not hold it."""
    with opened(tmp_path, remote, clock) as store:
        run = begin(store)
    with opened(tmp_path, remote, clock) as store:
        assert [row.id for row in store.runs()] == [run]
    files = [file for file in (tmp_path / "cache-here").rglob("*") if file.is_file()]
    assert files and not any(TOKEN.encode() in file.read_bytes() for file in files)


@pytest.mark.parametrize("token", ["", "another"])
def test_without_the_right_token_nobody_is_asked_for_one(
    tmp_path: Path, remote: HttpRemote, clock: HandClock, token: str
) -> None:
    """No prompt: an error that says what to set, and never the token."""
    with pytest.raises(StoreError, match="the remote asks who this is") as refused:
        opened(tmp_path, remote, clock, token)
    assert "RECONCILER_STORE_TOKEN" in refused.value.problems[0].fix
    assert not token or token not in str(refused.value.problems[0])


def test_a_token_that_may_only_read_is_enough_to_read(tmp_path: Path, remote: HttpRemote, clock: HandClock) -> None:
    """And to begin a run, it is said what is missing."""
    with opened(tmp_path, remote, clock) as store:
        begin(store)
    remote.may_write = False
    with opened(tmp_path, remote, clock) as store:
        assert len(store.runs()) == 1
        for attempt in (lambda: begin(store), store.check_writable):
            with pytest.raises(StoreError, match="does not let this account write") as refused:
                attempt()
            assert "contents: write" in refused.value.problems[0].fix


@pytest.mark.parametrize("lost", [1, 2])
def test_a_push_that_took_effect_counts_once_though_its_answer_is_lost(
    tmp_path: Path, remote: HttpRemote, clock: HandClock, lost: int
) -> None:
    """The connection breaks after the server has done it."""
    with opened(tmp_path, remote, clock) as store:
        run = begin(store)
        remote.lose = lost
        store.plan_operations(run, [aim(1)])
        store.end_run(run, exit_code=0, summary={})
    with opened(tmp_path, remote, clock) as store:
        (row,) = store.journal(run)
        assert [event.state for event in row.events] == [State.INTENT]
        assert store.run(run).exit_code == 0  # type: ignore[union-attr]


def test_a_push_that_took_effect_unseen_is_not_made_again(tmp_path: Path, remote: HttpRemote, clock: HandClock) -> None:
    """The server is gone before anybody could ask: the caller hears of a failure, and the next push finds out."""
    with Store.open(git_url(tmp_path, remote=remote.url), clock=clock, patience=0, token=TOKEN) as store:
        run = begin(store)
        store.plan_operations(run, [aim(1), aim(2)])
        store.append(run, aim(1).id, State.DONE)
        remote.lose, remote.is_away = 1, True
        with pytest.raises(StoreError):
            store.checkpoint()
        remote.is_away = False
        store.append(run, aim(2).id, State.DONE)
        store.end_run(run, exit_code=0, summary={})
        here = [[event.state for event in row.events] for row in store.journal(run)]
    with opened(tmp_path, remote, clock) as store:
        rows = [[event.state for event in row.events] for row in store.journal(run)]
    assert rows == here == [[State.INTENT, State.DONE]] * 2


def test_a_server_that_is_gone_is_said(tmp_path: Path, clock: HandClock) -> None:
    """What is here is not believed without it."""
    new_remote(tmp_path)
    with http_remote(tmp_path) as remote:
        begin(opened(tmp_path, remote, clock))
    with pytest.raises(StoreError, match="the remote of the store cannot be reached"):
        opened(tmp_path, remote, clock)
