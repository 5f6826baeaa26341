"""The token on its way from whoever starts the program to OneFile: nobody in between sees it, nobody else gets it."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme
from uvicorn import Config, Server

from onefile_sandbox.app import create_app
from onefile_sandbox.world import World
from reconciler.problems import ExitCode
from tests.e2e.user import TOKEN, Home, point_at, served

SPY = """#!{python}
import os, sys
with open({seen!r}, "a", encoding="utf-8") as file:
    print(sys.argv[1:], dict(os.environ), *(os.readlink(f"/proc/self/fd/{{n}}") for n in os.listdir("/proc/self/fd")
          if os.path.lexists(f"/proc/self/fd/{{n}}")), sep="\\n", file=file)
os.execv({git!r}, ["git", *sys.argv[1:]])
"""


@contextmanager
def handed(token: str) -> Iterator[int]:
    """A descriptor from which a child can read the token, once."""
    reader, writer = os.pipe()
    os.write(writer, token.encode())
    os.close(writer)
    try:
        yield reader
    finally:
        os.close(reader)


def test_a_descriptor_does_in_place_of_the_variable(home: Home) -> None:
    """From the log-in to the last read; and doctor says where the token came from, not what it is."""
    home.declare()
    with served() as server:
        for command in (["plan"], ["apply", "--auto-approve"], ["doctor"]):
            with handed(f"{TOKEN}\n") as number:
                env = {"ONEFILE_BASE_URL": server.url, "ONEFILE_CUSTOMER_TOKEN_FD": str(number)}
                ended = home.process(*command, env=env, pass_fds=(number,))
            assert ended.is_decent() and TOKEN not in ended.out + ended.err
            assert ended.code == ExitCode.DONE or command == ["doctor"], ended.err
        assert "set in ONEFILE_CUSTOMER_TOKEN_FD" in ended.out
        closed = home.process("plan", env={"ONEFILE_BASE_URL": server.url, "ONEFILE_CUSTOMER_TOKEN_FD": "3"})
        assert closed.code == ExitCode.INVALID and closed.is_decent()
        assert "descriptor 3 is not open" in closed.err
        assert server.effects > 0


@pytest.mark.skipif(sys.platform != "linux", reason="looks at a process by /proc")
def test_git_is_told_no_secret(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in its environment nor by a descriptor: a program that git starts would have it too."""
    home.declare().commit()
    tools, seen = tmp_path / "tools", tmp_path / "seen.txt"
    tools.mkdir()
    real = next(place for folder in os.get_exec_path() if (place := Path(folder, "git")).exists())
    (tools / "git").write_text(SPY.format(python=sys.executable, seen=str(seen), git=str(real)), encoding="utf-8")
    (tools / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    with served() as server, handed(TOKEN) as number:
        pipe = str(Path(f"/proc/self/fd/{number}").readlink())
        env = {"ONEFILE_BASE_URL": server.url, "ONEFILE_CUSTOMER_TOKEN_FD": str(number)}
        given = {"RECONCILER_STORE": "s.db", "GITHUB_TOKEN": TOKEN, "PATH": os.environ["PATH"]}
        ended = home.process("plan", "--base", "HEAD", env=env | given, pass_fds=(number,))
        assert ended.code == ExitCode.DONE, ended.err
        told = seen.read_text(encoding="utf-8")
        assert "rev-parse" in told and "PATH" in told
        assert pipe not in told

        seen.unlink()
        for name in given:
            monkeypatch.setenv(name, given[name])
        point_at(monkeypatch, server.url)
        assert home.run("plan", "--base", "HEAD").code == ExitCode.DONE
        told += seen.read_text(encoding="utf-8")
    for secret in (TOKEN, "s.db", "CUSTOMER_TOKEN", "RECONCILER_STORE", "GITHUB_TOKEN"):
        assert secret not in told


def test_a_repository_hidden_in_the_state_folder_starts_nothing(home: Home) -> None:
    """A pull request can bring a folder that git takes for a repository, with a program in its configuration."""
    home.declare().commit()
    hidden, ran = home.path / "state", home.path / "ran"
    home.git("clone", "-q", "--bare", ".", "bare")
    for name in ("HEAD", "objects", "refs", "packed-refs"):
        (home.path / "bare" / name).rename(hidden / name)
    program = f"touch {ran}; false"
    (hidden / "config").write_text(
        f'[core]\nrepositoryformatversion = 0\nbare = false\nworktree = .\nfsmonitor = "{program}"\n', encoding="utf-8"
    )
    home.git("-C", "state", "ls-files", "--others")
    assert ran.exists(), "git itself would have run it"
    ran.unlink()
    for command in (["plan", "--base", "HEAD"], ["plan", "--changed-since", "HEAD"], ["apply", "--auto-approve"]):
        assert home.run(*command).is_decent()
    assert not ran.exists()


@contextmanager
def served_over_tls(certificate: trustme.LeafCert) -> Iterator[str]:
    """The sandbox's base URL, with that certificate."""
    with certificate.private_key_and_cert_chain_pem.tempfile() as pem:
        app = create_app(World.create(seed=1, learners=24), customer_token=TOKEN)
        server = Server(Config(app, port=0, ssl_certfile=pem, lifespan="off", ws="none", log_config=None))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            threading.Event().wait(0.01)
        try:
            port = server.servers[0].sockets[0].getsockname()[1]
            yield f"https://127.0.0.1:{port}/api/v2.1"
        finally:
            server.should_exit = True
            thread.join(10)


def test_a_centres_own_authority_is_enough_for_every_command(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named, the plan is made; not named, or named wrongly, nothing is sent, and the words say what to do."""
    home.declare()
    authority = trustme.CA()
    authority.cert_pem.write_to_path("ca.pem")
    with served_over_tls(authority.issue_cert("127.0.0.1")) as url:
        point_at(monkeypatch, url)
        monkeypatch.setenv("ONEFILE_CA_FILE", "ca.pem")
        assert home.run("plan").code == ExitCode.DONE
        monkeypatch.setenv("ONEFILE_CA_FILE", "lost.pem")
        ended = home.run("plan")
        assert (ended.code, ended.is_decent()) == (ExitCode.INVALID, True)
        assert "lost.pem: cannot be read" in ended.err and "ONEFILE_CA_FILE" in ended.err
        monkeypatch.delenv("ONEFILE_CA_FILE")
        ended = home.run("plan")
        assert (ended.code, ended.is_decent()) == (ExitCode.ERROR, True)
        assert "CERTIFICATE_VERIFY_FAILED" in ended.err and "ONEFILE_CA_FILE" in ended.err
