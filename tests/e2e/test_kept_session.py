"""The session of one command is used by the next, and nobody can read it in the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from onefile_sandbox.world import World
from reconciler.problems import ExitCode
from tests.e2e.user import TOKEN, Home, Served, point_at, served


def _log_ins(server: Served) -> int:
    return sum(call["path"] == "/Authentication" for call in server.calls)


def test_commands_of_one_day_log_in_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plan, apply and plan again."""
    with served() as server:
        point_at(monkeypatch, server.url)
        home.declare().plan()
        home.converges()
        assert _log_ins(server) == 1


def test_the_store_shows_no_session(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the session nor the customer token is in any file."""
    with served() as server:
        point_at(monkeypatch, server.url)
        home.declare().plan()
        (session,) = server.service._sessions
    written = b"".join(path.read_bytes() for path in Path(home.path).rglob("*") if path.is_file())
    assert session.encode() not in written and TOKEN.encode() not in written


@pytest.mark.parametrize("status", ["401", "403", "400"])
def test_a_session_that_the_server_forgot_is_renewed(home: Home, monkeypatch: pytest.MonkeyPatch, status: str) -> None:
    """Whatever a refused session answers, nobody is taken for missing because of it."""
    world = World.create(seed=1, learners=24)
    with served(world, f"bad_token_status={status}") as server:
        point_at(monkeypatch, server.url)
        home.declare().converges()
        server.service._sessions.clear()
        before = _log_ins(server)
        again = home.run("plan", "--learner", "200004", "--detailed-exitcode")
        assert (again.code, _log_ins(server) - before) == (ExitCode.DONE, 1)


def test_another_customer_logs_in(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session belongs to the token that it was opened with."""
    with served() as server:
        point_at(monkeypatch, server.url)
        home.declare().plan()
        point_at(monkeypatch, server.url, token="another customer")
        assert home.run("plan").code == ExitCode.ERROR
        assert [call["status"] for call in server.calls if call["path"] == "/Authentication"] == [200, 401]


def test_doctor_logs_in(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its check of the token would prove nothing in a session that another command opened."""
    with served() as server:
        point_at(monkeypatch, server.url)
        home.declare().plan()
        home.run("doctor")
        assert _log_ins(server) == 2
