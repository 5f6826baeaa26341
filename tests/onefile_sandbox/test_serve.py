"""Over a real socket: the same answers, closed connections that are really closed, and a clean end."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from onefile_sandbox.app import create_app
from onefile_sandbox.faults import Fault, Faults
from onefile_sandbox.serve import serve, serving
from onefile_sandbox.switches import Switches
from onefile_sandbox.world import World
from tests.onefile_sandbox.trial import JAMES, KATE, LEARNER

SERVER = """
import sys
from pathlib import Path
from onefile_sandbox.app import create_app
from onefile_sandbox.serve import serve
from onefile_sandbox.world import World
world = World.open(Path(sys.argv[1]), learners=24)
serve(create_app(world), port=0, ready=lambda url: print(url, flush=True))
world.close()
print("closed", flush=True)
"""


@pytest.fixture(scope="module")
def world() -> World:
    return World.create(learners=24)


@pytest.fixture(scope="module")
def faults() -> Faults:
    return Faults()


@pytest.fixture(scope="module")
def url(world: World, faults: Faults) -> Iterator[str]:
    with serving(create_app(world, Switches(rate_limit=0), faults)) as base:
        yield base


@pytest.fixture
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=10, trust_env=False) as client:
        _log_in(client)
        yield client


def _log_in(client: httpx.Client) -> None:
    client.headers["X-TokenID"] = client.post("/Authentication", headers={"X-CustomerToken": "sandbox"}).text


def test_the_api_answers_on_a_socket(client: httpx.Client) -> None:
    """Login, search, write and read back, as in process."""
    assert client.get("/Customer").json()["ID"] == 61
    assert len(client.post("/User/Search/1/50", json={"Role": 1}).json()) == 24
    assert client.post("/User/Search", data={"Role": "99"}).status_code == 204
    assert client.post("/User/200005", json={"DefaultAssessorID": JAMES}).status_code == 204
    assert client.get("/User/200005").json()["DefaultAssessorID"] == JAMES


@pytest.mark.parametrize(
    ("kind", "message", "took_effect"),
    [
        ("drop_before", "without sending a response", False),
        ("drop_after", "without sending a response", True),
        ("cut_length", "without sending complete message body", True),
    ],
)
def test_a_dropped_answer_is_a_closed_connection(
    client: httpx.Client, world: World, faults: Faults, kind: str, message: str, took_effect: bool
) -> None:
    """The client sees the connection close; the world shows if the write was done; the next call connects again."""
    client.post(f"/User/{LEARNER}", json={"DefaultAssessorID": KATE})
    faults.arm(Fault(kind))  # type: ignore[arg-type]
    with pytest.raises(httpx.RemoteProtocolError, match=message):
        client.post(f"/User/{LEARNER}", json={"DefaultAssessorID": JAMES})
    assert world.users[LEARNER]["DefaultAssessorID"] == (JAMES if took_effect else KATE)
    assert client.get("/Customer").status_code == 200


def test_a_slow_answer_runs_into_the_clients_timeout(client: httpx.Client, faults: Faults) -> None:
    """Latency is real time here, and the server is well afterwards."""
    faults.arm(Fault("latency", seconds=0.5))
    with pytest.raises(httpx.TimeoutException):
        client.get("/Customer", timeout=0.05)
    assert client.get("/Customer").status_code == 200


def test_a_client_that_leaves_in_the_middle_of_its_request_does_no_harm(client: httpx.Client, url: str) -> None:
    """Half a body is not a call."""
    host, port = httpx.URL(url).host, httpx.URL(url).port
    with socket.create_connection((host, port or 80)) as raw:
        raw.sendall(b"POST /api/v2.1/User/200005 HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    assert client.get("/Customer").status_code == 200


def test_the_sandbox_can_listen_on_ipv6(world: World) -> None:
    """Its base URL then has the address in brackets."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with serving(create_app(world), host="::1") as base:
        assert base.startswith("http://[::1]:")
        with httpx.Client(base_url=base, trust_env=False) as client:
            _log_in(client)
            assert client.get("/Customer").status_code == 200


def test_an_address_in_use_is_an_ordinary_error(url: str) -> None:
    """The caller gets an OSError; the process does not exit."""
    with pytest.raises(OSError, match="in use"):
        serve(create_app(World.create(learners=1)), port=httpx.URL(url).port or 0)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_served_sandbox_ends_cleanly_when_told(tmp_path: Path, ending: signal.Signals) -> None:
    """Ctrl-C and SIGTERM alike: what follows `serve` still runs, status 0, nothing on stderr."""
    path = tmp_path / "world.jsonl"
    command = [sys.executable, "-c", SERVER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        with httpx.Client(base_url=server.stdout.readline().strip(), trust_env=False) as client:
            _log_in(client)
            assert client.post(f"/User/{LEARNER}", json={"DefaultAssessorID": JAMES}).status_code == 204
            server.send_signal(ending)
            said, complained = server.communicate(timeout=30)
    assert (server.returncode, said, complained) == (0, "closed\n", "")
    again = World.open(path)
    assert again.users[LEARNER]["DefaultAssessorID"] == JAMES
    again.close()


def test_a_killed_sandbox_keeps_what_it_answered(tmp_path: Path) -> None:
    """No goodbye is needed: every write was in the file before its answer."""
    path = tmp_path / "world.jsonl"
    command = [sys.executable, "-c", SERVER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        with httpx.Client(base_url=server.stdout.readline().strip(), trust_env=False) as client:
            _log_in(client)
            assert client.post(f"/User/{LEARNER}", json={"DefaultAssessorID": JAMES}).status_code == 204
            server.kill()
    again = World.open(path)
    assert again.users[LEARNER]["DefaultAssessorID"] == JAMES
    again.close()
