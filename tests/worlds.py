"""A sandbox, a store and the product between them: what a test of reading or applying stands on.

Each `read`, `plan` and `apply` is a session of its own (client, reader, event loop) on one world, one store and one
clock, as separate runs of the program are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import httpx

from onefile_sandbox.api import SandboxApi
from onefile_sandbox.app import create_app
from onefile_sandbox.clock import VirtualClock
from onefile_sandbox.faults import Fault, Faults
from onefile_sandbox.switches import Switches
from onefile_sandbox.web_edits import edit
from onefile_sandbox.world import World
from reconciler.apply.executor import Applied, apply_plan
from reconciler.apply.read_back import await_recent_writes
from reconciler.apply.recovery import settle_open
from reconciler.clock import SystemClock
from reconciler.model.declared import Declared, Settings, Staff
from reconciler.model.observed import Observed
from reconciler.model.plan import Plan
from reconciler.model.slots import Handle, OrganisationId, Place, Site, Slot, SlotKind, UserId
from reconciler.observed.observe import observe
from reconciler.onefile.client import OneFile
from reconciler.onefile.in_process import dropped_answer, in_process
from reconciler.onefile.reader import LONGEST_READ_LAG_SECONDS, Reader
from reconciler.onefile.token import CustomerToken
from reconciler.onefile.wire import ROLE_IDS
from reconciler.plan.ageing import unfit
from reconciler.plan.compare import make_plan
from reconciler.ratelimit import MemoryLedger, RateLimiter
from reconciler.runtime.store_snapshot import unsettled
from reconciler.store import JournalRow, Store
from tests.factories import declared, learner

T = TypeVar("T")
Network = Callable[[httpx.AsyncBaseTransport], httpx.AsyncBaseTransport]
Wants = Mapping[int, Mapping[Slot, int | None]]

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
TARGET, ORGANISATION = "sandbox", OrganisationId(5740)

# People of every sandbox centre (onefile_sandbox/generator.py); 200004 is the learner of the documentation's examples.
KATE, JAMES, SOL, ROBIN = UserId(132757), UserId(122762), UserId(121090), UserId(135510)
PRIYA, JAMES_AS_IQA, MORGAN, LEE = UserId(118204), UserId(136481), UserId(139015), UserId(127733)
LEARNER = UserId(200004)

_ROLES = {number: role for role, number in ROLE_IDS.items()}


class Trial:
    """`world` is the truth; `service` has the calls that the sandbox saw and takes faults at any time.

    The declared files keep the role that each member of staff had in the beginning.
    """

    def __init__(self, world: World, switches: Switches, store: Store, clock: VirtualClock) -> None:
        self.world, self.store, self.clock = world, store, clock
        self._roles = {number: user["Role"] for number, user in world.users.items()}
        app = create_app(world, switches, Faults(), clock, dropped=dropped_answer)
        self.service: SandboxApi = app.state.api
        self._ledger = MemoryLedger(clock)
        self._network = in_process(app)
        self.longest_read_lag_seconds = LONGEST_READ_LAG_SECONDS
        self.notify: Callable[[str], None] | None = None
        self.network: Network | None = None  # between every session and the sandbox, if there is one

    # -------------------------------------------------------------- the product

    def read(
        self, work: Callable[[Reader], Awaitable[T]], *, network: Network | None = None, calls_per_minute: int = 300
    ) -> T:
        """What `work` gives, done with a new reader on a new client."""

        between = network or self.network

        async def session() -> T:
            async with OneFile(
                "http://sandbox.invalid/api/v2.1",
                CustomerToken("sandbox"),
                rate_limiter=RateLimiter(self._ledger, calls_per_minute, self.clock),
                clock=self.clock,
                transport=between(self._network) if between else self._network,
            ) as client:
                lag = self.longest_read_lag_seconds
                return await work(Reader(client, self.clock, longest_read_lag_seconds=lag, notify=self.notify))

        return asyncio.run(session())

    def observe(self, wanted: Declared) -> Observed:
        async def work(reader: Reader) -> Observed:
            seen = await observe(wanted, reader)
            return await await_recent_writes(self.store, reader, Site(TARGET, ORGANISATION), seen)

        return self.read(work)

    def plan(self, wanted: Declared) -> Plan:
        seen = self.observe(wanted)
        recorded, open_slots = (
            self.store.recorded(Site(TARGET, ORGANISATION)),
            unsettled(self.store, [Site(TARGET, ORGANISATION)]),
        )
        return make_plan(wanted, seen, recorded, open_slots, target=TARGET, created_at=self.clock.now())

    def apply(
        self,
        plan: Plan,
        *,
        network: Network | None = None,
        still_ours: Callable[[], None] = lambda: None,
        calls_per_minute: int = 300,
        saved_from: Declared | None = None,
    ) -> Applied:
        """Settle what dead runs left, then carry out the plan, as the apply command does once it holds the lock.

        A saved plan is given with the files that it was made from: their staff accounts are looked up again.
        """

        async def work(reader: Reader) -> Applied:
            refused = await self._unfit_today(plan, saved_from, reader) if saved_from else {}
            await settle_open(self.store, reader, Site(TARGET, ORGANISATION))
            open_slots = unsettled(self.store, [Site(TARGET, ORGANISATION)])
            run = self.begin_run()
            return await apply_plan(
                plan,
                reader,
                self.store,
                run,
                unsettled=open_slots,
                still_ours=still_ours,
                agreed=plan.as_declared(),
                refused=refused,
            )

        return self.read(work, network=network, calls_per_minute=calls_per_minute)

    async def _unfit_today(self, plan: Plan, wanted: Declared, reader: Reader) -> dict[Place, str]:
        return unfit(plan, wanted, await observe(wanted, reader))

    def begin_run(self) -> int:
        return self.store.begin_run(
            command="apply", target=TARGET, organisation=ORGANISATION, fingerprint="", who="kate", commit=""
        )

    def journal(self, run: int | None = None) -> tuple[JournalRow, ...]:
        """Of the latest run, unless another is named."""
        return self.store.journal(run or self.store.runs(limit=1)[0].id)

    # -------------------------------------------------------------- what is declared

    def declared(self, wants: Wants, settings: Settings | None = None) -> Declared:
        """Slots by learner, as one cohort; the directory has every member of the centre's staff."""
        people = [user for user in self.world.users.values() if user["OrganisationID"] == ORGANISATION]
        staff = [
            Staff(Handle(f"{user['FirstName']}-{user['LastName']}-{user['ID']}".lower()), UserId(user["ID"]), role)
            for user in people
            if (role := _ROLES.get(self._roles.get(user["ID"], user["Role"])))
        ]
        learners = [
            learner({slot: None if who is None else UserId(who) for slot, who in slots.items()}, number)
            for number, slots in wants.items()
        ]
        return declared(*learners, staff=staff, settings=settings or Settings(ORGANISATION))

    # -------------------------------------------------------------- the truth

    def held(self, user: int = LEARNER) -> dict[Slot, int | None]:
        """Who really holds each of a learner's slots, and which additional people are there."""
        record = self.world.users[user]
        slots: dict[Slot, int | None] = {
            Slot(SlotKind.DEFAULT_ASSESSOR): record["DefaultAssessorID"],
            Slot(SlotKind.DEFAULT_EMPLOYER): record["DefaultEmployerID"],
        }
        for aim in self.world.aims_of.get(user, []):
            slots[Slot(SlotKind.LEARNING_AIM_ASSESSOR, aim["StandardID"])] = aim["AssessorID"]
            slots[Slot(SlotKind.LEARNING_AIM_IQA, aim["StandardID"])] = aim["IVID"]
        for unit in self.world.units_of.get(user, []):
            slots[Slot(SlotKind.UNIT_ASSESSOR, unit["UnitID"])] = unit["AssessorID"]
            slots[Slot(SlotKind.UNIT_IQA, unit["UnitID"])] = unit["IVID"]
        return slots | {Slot(SlotKind.ADDITIONAL, who): who for who in self.world.additional.get(user, [])}

    def edit(self, asked: Mapping[str, object]) -> None:
        """Somebody works in OneFile's web pages; see onefile_sandbox/web_edits.py for what can be asked."""
        now = self.clock.now()
        self.world.commit(lambda: edit(self.world, asked, now, self.service.switches), now, "edit")

    def arm(self, *faults: Fault) -> None:
        for fault in faults:
            self.service.faults.arm(fault)

    def writes(self) -> list[str]:
        """The paths of every write that the sandbox saw, in order, whatever became of it."""
        return [str(call["path"]) for call in self.service.calls if _is_write(str(call["method"]), str(call["path"]))]

    def effects(self) -> list[str]:
        """The paths of the writes that changed the world."""
        return [str(call["path"]) for call in self.service.calls if call["effect"]]


@contextmanager
def trial(folder: Path, *switches: str, learners: int = 24, faults: tuple[Fault, ...] = ()) -> Iterator[Trial]:
    """A new centre in memory and a new SQLite store in `folder`. Switches are texts such as "iqa_key=IQAID"."""
    with Store.open(str(folder / "store.db"), clock=SystemClock()) as store:
        here = Trial(World.create(learners=learners), Switches.parse(switches), store, VirtualClock(START))
        here.arm(*faults)
        yield here


class CutOff(httpx.AsyncBaseTransport):
    """A network on which the process dies at the nth write, before or after it took effect."""

    def __init__(self, inner: httpx.AsyncBaseTransport, nth: int, *, after: bool) -> None:
        self._inner, self._left, self._after = inner, nth, after

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not _is_write(request.method, request.url.path.removeprefix("/api/v2.1")):
            return await self._inner.handle_async_request(request)
        self._left -= 1
        if self._left == 0 and not self._after:
            raise KeyboardInterrupt
        response = await self._inner.handle_async_request(request)
        if self._left == 0:
            raise KeyboardInterrupt
        return response


def cut_off(nth: int, *, after: bool) -> Network:
    return lambda inner: CutOff(inner, nth, after=after)


def _is_write(method: str, path: str) -> bool:
    parts = path.strip("/").split("/")
    return method == "POST" and parts[0] == "User" and len(parts) > 1 and parts[1].isdigit()
