"""Several customers under one base URL: each token reaches its own data, and spends its own calls."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from onefile_sandbox.app import create_app
from onefile_sandbox.customers import Customers
from onefile_sandbox.eventlog import MemoryLog
from onefile_sandbox.generator import generate_customer
from onefile_sandbox.serve import serving
from onefile_sandbox.switches import Switches
from onefile_sandbox.world import World

LIMIT = 6
ORGANISATIONS = {"north": {1: 12, 2: 5}, "south": {3: 12}}
"""The learners of each organisation, by the customer's token."""


@pytest.fixture
def url() -> Iterator[str]:
    worlds = {
        token: World(1, 1, MemoryLog(), generate_customer(organisations))
        for token, organisations in ORGANISATIONS.items()
    }
    switches = Switches(rate_limit=LIMIT, archived_in_search="included")
    apps = {token: create_app(world, switches, customer_token=token) for token, world in worlds.items()}
    with serving(Customers(apps)) as url:
        yield url


def log_in(client: httpx.Client, token: str) -> int:
    answer = client.post("/Authentication", headers={"X-CustomerToken": token})
    client.headers["X-TokenID"] = answer.text
    return answer.status_code


def learners(client: httpx.Client, organisation: int) -> tuple[int, int]:
    """Return the status and the number of learners that a search shows."""
    answer = client.post("/User/Search", json={"OrganisationID": organisation, "Role": 1})
    return answer.status_code, len(answer.json()) if answer.status_code == 200 else 0


def test_a_token_reaches_the_organisations_of_its_customer_alone(url: str) -> None:
    """Another customer's organisation and an unknown session are refused."""
    with httpx.Client(base_url=url, trust_env=False) as client:
        assert log_in(client, "north") == 200
        assert [learners(client, organisation) for organisation in (1, 2, 3)] == [(200, 12), (200, 5), (404, 0)]
        assert log_in(client, "south") == 200
        assert [learners(client, organisation) for organisation in (3, 1)] == [(200, 12), (404, 0)]
        assert log_in(client, "of-nobody") == 401
        client.headers["X-TokenID"] = "of-nobody"
        assert learners(client, 1) == (401, 0)


def test_a_session_that_is_over_is_still_its_customers(url: str) -> None:
    """Its calls are refused and counted there: another customer's minute is not spent."""
    control = f"{url.removesuffix('/api/v2.1')}/_sandbox"
    with httpx.Client(base_url=url, trust_env=False) as client:
        assert log_in(client, "south") == 200
        over = client.headers["X-TokenID"]
        client.post(f"{control}/switches", json={"session_hours": 1e-9}, headers={"X-CustomerToken": "south"})
        assert log_in(client, "south") == 200  # which forgets sessions that are over
        client.headers["X-TokenID"] = over
        assert learners(client, 3) == (401, 0)
        assert [
            len(client.get(f"{control}/calls", headers={"X-CustomerToken": token}).json()) for token in ORGANISATIONS
        ] == [0, 3]


def test_the_calls_of_one_token_do_not_throttle_another(url: str) -> None:
    """Each has a minute of its own."""
    with httpx.Client(base_url=url, trust_env=False) as client:
        assert log_in(client, "north") == 200
        assert [learners(client, 1)[0] for _ in range(LIMIT)] == [200] * (LIMIT - 1) + [429]
        assert log_in(client, "south") == 200
        assert learners(client, 3)[0] == 200
