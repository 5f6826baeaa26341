"""A sandbox centre that is only read: what is declared of it, what is true of it, and what a reading of it cost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx

from onefile_sandbox.api import SandboxApi
from onefile_sandbox.app import create_app
from onefile_sandbox.clock import VirtualClock
from onefile_sandbox.faults import Fault, Faults
from onefile_sandbox.switches import Switches
from onefile_sandbox.world import World
from reconciler.model.declared import Declared, DeclaredLearner, Settings, Staff, Wanted
from reconciler.model.observed import Observed
from reconciler.model.slots import DEFAULT_KINDS, Handle, Holder, OrganisationId, Slot, SlotKind, Unread, UserId
from reconciler.observed.observe import observe
from reconciler.onefile.capabilities import Capabilities
from reconciler.onefile.client import OneFile
from reconciler.onefile.in_process import dropped_answer, in_process
from reconciler.onefile.reader import Reader
from reconciler.onefile.token import CustomerToken
from reconciler.onefile.wire import ROLE_IDS
from reconciler.problems import Source
from reconciler.ratelimit import MemoryLedger, RateLimiter
from tests.factories import DAY
from tests.onefile.servers import START

ORGANISATION = OrganisationId(5740)
DEFAULT, EMPLOYER = Slot(SlotKind.DEFAULT_ASSESSOR), Slot(SlotKind.DEFAULT_EMPLOYER)
KATE, SOL, PRIYA, MORGAN, LEE = (UserId(number) for number in (132757, 121090, 118204, 139015, 127733))
PEOPLE: Mapping[SlotKind, UserId] = {
    SlotKind.ADDITIONAL: LEE,
    SlotKind.DEFAULT_ASSESSOR: KATE,
    SlotKind.DEFAULT_EMPLOYER: MORGAN,
    SlotKind.LEARNING_AIM_ASSESSOR: KATE,
    SlotKind.LEARNING_AIM_IQA: PRIYA,
    SlotKind.UNIT_ASSESSOR: KATE,
    SlotKind.UNIT_IQA: PRIYA,
}

NO_LISTS = {
    "offers:roll": "no",
    "offers:learners:5740": "no",
    "offers:learning_aims": "no",
    "offers:unit_summaries": "no",
}
"""Facts that leave nothing but one call for each learner and each sort of thing."""


@dataclass
class Told:
    """A Teller that remembers: the forecast, as spent and remaining, and every number of calls it heard after it."""

    forecasts: list[tuple[int, int]] = field(default_factory=list)
    heard: list[int] = field(default_factory=list)

    def forecast(self, spent: int, remaining: int) -> None:
        assert not self.heard
        self.forecasts.append((spent, remaining))

    def spent(self, calls: int) -> None:
        self.heard.append(calls)


class Meddling(httpx.AsyncBaseTransport):
    """A network on which somebody does something, once, right after a call to this path was answered."""

    def __init__(self, inner: httpx.AsyncBaseTransport, path: str, does: Callable[[], object]) -> None:
        self._inner, self._path, self._does = inner, path, does
        self._done = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        if not self._done and request.url.path.endswith(self._path):
            self._done = True
            self._does()
        return response


class Centre:
    """`read` is a session of its own, as a run of the program is; `reader` is the last one's."""

    def __init__(self, *switches: str, learners: int = 24, world: World | None = None) -> None:
        self.world = world or World.create(learners=learners)
        self.switches = Switches.parse(switches)
        self.told = Told()
        self.paths: list[str] = []
        self.reader: Reader | None = None

    def read(
        self,
        declared: Declared,
        capabilities: Capabilities | None = None,
        *faults: Fault,
        network: Callable[[httpx.AsyncBaseTransport], httpx.AsyncBaseTransport] = lambda inner: inner,
    ) -> Observed:
        clock = VirtualClock(START)
        app = create_app(self.world, self.switches, Faults(*faults), clock, dropped=dropped_answer)
        service: SandboxApi = app.state.api
        self.told = Told()

        async def session() -> Observed:
            async with OneFile(
                "http://sandbox.invalid/api/v2.1",
                CustomerToken("sandbox"),
                rate_limiter=RateLimiter(MemoryLedger(clock), 300, clock),
                clock=clock,
                transport=network(in_process(app)),
            ) as client:
                self.reader = Reader(client, clock)
                return await observe(declared, self.reader, capabilities, self.told)

        try:
            return asyncio.run(session())
        finally:
            self.paths = [f"{call['method']} {call['path']}" for call in service.calls]

    # -------------------------------------------------------------- what is declared

    def declared(self, *learners: DeclaredLearner) -> Declared:
        roles = {number: role for role, number in ROLE_IDS.items()}
        staff = {
            Handle(f"staff-{user['ID']}"): Staff(Handle(f"staff-{user['ID']}"), UserId(user["ID"]), roles[user["Role"]])
            for user in self.world.users.values()
            if user["Role"] in roles
        }
        return Declared(DAY, Settings(ORGANISATION), staff, learners)

    def typical(self, numbers: range) -> Declared:
        """Default assessor and one learning aim for all, units for a third, an employer for a half: as it is."""
        return self.declared(*(wanting(200000 + number, self._typical(200000 + number)) for number in numbers))

    def _typical(self, user: int) -> list[Slot]:
        aim = self.world.aims_of[user][0]["StandardID"]
        slots = [DEFAULT, Slot(SlotKind.LEARNING_AIM_ASSESSOR, aim), Slot(SlotKind.LEARNING_AIM_IQA, aim)]
        if user % 2:
            slots.append(EMPLOYER)
        if user % 3 == 0:
            unit = self.world.units_of[user][0]["UnitID"]
            slots += [Slot(SlotKind.UNIT_ASSESSOR, unit), Slot(SlotKind.UNIT_IQA, unit)]
        return slots

    # -------------------------------------------------------------- what is true

    def truth(self, user: int, slot: Slot) -> Holder:
        """Who holds the slot in the sandbox's own state, whatever the API shows of it."""
        record = self.world.users[user]
        match slot.kind:
            case SlotKind.ADDITIONAL:
                return Unread.UNREADABLE
            case SlotKind.DEFAULT_ASSESSOR | SlotKind.DEFAULT_EMPLOYER:
                held = record["DefaultAssessorID" if slot == DEFAULT else "DefaultEmployerID"]
                return None if held is None else UserId(held)
            case SlotKind.LEARNING_AIM_ASSESSOR | SlotKind.LEARNING_AIM_IQA:
                aims = self.world.aims_of.get(user, [])
                found = [aim for aim in aims if aim["StandardID"] == slot.key]
                return _held(found, "AssessorID" if slot.kind is SlotKind.LEARNING_AIM_ASSESSOR else "IVID")
            case SlotKind.UNIT_ASSESSOR | SlotKind.UNIT_IQA:
                units = self.world.units_of.get(user, [])
                rows = [unit for unit in units if unit["UnitID"] == slot.key]
                return _held(rows, "AssessorID" if slot.kind is SlotKind.UNIT_ASSESSOR else "IVID")

    def is_sent(self, kind: SlotKind) -> bool:
        """Whether a learner's own records carry this kind of slot on this server."""
        if kind in DEFAULT_KINDS:
            return self.switches.defaults_on_get == "present"
        iqa = kind in (SlotKind.LEARNING_AIM_IQA, SlotKind.UNIT_IQA)
        return self.switches.aim_staff_keys == "present" and not (iqa and self.switches.iqa_key == "omit")

    def naive_calls(self, declared: Declared) -> int:
        """Log in, a GET for each learner, a search for each learner's aims and for each one's units where declared,
        a search for each MISID, and one call for each member of staff."""
        calls = 1 + len({want.staff for one in declared.learners for want in one.slots.values()} - {None})
        for one in declared.learners:
            kinds = {slot.kind for slot in one.slots}
            calls += 1 + (one.id is None)
            calls += bool(kinds & {SlotKind.LEARNING_AIM_ASSESSOR, SlotKind.LEARNING_AIM_IQA})
            calls += bool(kinds & {SlotKind.UNIT_ASSESSOR, SlotKind.UNIT_IQA})
        return calls


def wanting(user: int | None, slots: list[Slot], misid: str | None = None) -> DeclaredLearner:
    """A learner whose slots shall hold the documentation's people."""
    source = Source("state/cohorts/care.yaml", 10)
    wants = {slot: Wanted(PEOPLE[slot.kind], Handle(f"staff-{PEOPLE[slot.kind]}"), source) for slot in slots}
    return DeclaredLearner(None if user is None else UserId(user), misid, "", "care", ORGANISATION, wants, source)


def _held(rows: list[Mapping[str, object]] | list[object], name: str) -> Holder:
    if len(rows) != 1:
        return Unread.AMBIGUOUS if rows else Unread.NOT_HELD
    held = rows[0][name]  # type: ignore[index]  # the sandbox's rows are typed dicts
    return None if held is None else UserId(held)
