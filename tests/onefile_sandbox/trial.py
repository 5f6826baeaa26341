"""A sandbox in process with a client, for tests of single requests."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx

from onefile_sandbox.app import create_app
from onefile_sandbox.clock import VirtualClock
from onefile_sandbox.faults import Fault, Faults
from onefile_sandbox.switches import Switches
from onefile_sandbox.world import World

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
KATE, JAMES, PRIYA, EMPLOYER, LEE, ROBIN, SOL = 132757, 122762, 118204, 139015, 127733, 135510, 121090
LEARNER = 200004
OTHER_ASSESSOR, OTHER_LEARNER = 910002, 920001  # of the second organisation


class Sandbox:
    """One sandbox, logged in; `call` answers as a client's request would be answered, or raises as it would."""

    def __init__(self, *settings: str, world: World | None = None, faults: tuple[Fault, ...] = ()) -> None:
        self.clock = VirtualClock(NOON)
        self.world = world or World.create(seed=1, learners=24)
        self.app = create_app(
            self.world, Switches.parse(settings), Faults(), self.clock, dropped=lambda: httpx.ReadError("closed")
        )
        self.service = self.app.state.api
        self.token = self.log_in()
        for fault in faults:
            self.service.faults.arm(fault)

    def log_in(self) -> str:
        answer = self.send("POST", "/api/v2.1/Authentication", headers={"X-CustomerToken": "sandbox"})
        assert answer.status_code == 200
        return answer.text.strip('"')

    def call(self, method: str, path: str, body: object = None, **more: Any) -> httpx.Response:
        if body is not None:
            more["json"] = body
        headers = {"X-TokenID": self.token, **more.pop("headers", {})}
        return self.send(method, f"/api/v2.1{path}", headers=headers, **more)

    def rows(self, path: str, body: object) -> list[dict[str, Any]]:
        answer = self.call("POST", path, body)
        assert answer.status_code in (200, 204), answer.text
        return answer.json() if answer.content else []

    def assign(self, staff: int, learner: int = LEARNER, level: int = 3, **target: object) -> httpx.Response:
        return self.call("POST", f"/User/{staff}/Assign", {"LearnerID": learner, "Level": level, **target})

    def send(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def once() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
                return await client.request(method, path, **more)

        return asyncio.run(once())

    def wait(self, seconds: float) -> None:
        asyncio.run(self.clock.sleep(seconds))

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = self.send("GET", "/_sandbox/state").json()
        return state

    def aim(self, learner: int, standard: int) -> Mapping[str, Any]:
        return next(aim for aim in self.world.aims_of[learner] if aim["StandardID"] == standard)

    def unit(self, learner: int, unit: str) -> Mapping[str, Any]:
        return next(row for row in self.world.units_of[learner] if row["UnitID"] == unit)
