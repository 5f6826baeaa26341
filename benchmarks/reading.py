"""Measures what reading costs in calls and simulated minutes, compared with naive reading and a lower bound.

Run from the checkout: `python benchmarks/reading.py` prints the tables, `--write` also commits them to reading.md, and
sizes as arguments (`50 800`) select only those. The product's own reader and client talk to the sandbox in this
process; the minutes are those of a virtual clock, in which every call takes LATENCY and OneFile's limit is kept.
"""

from __future__ import annotations

import asyncio
import os
import platform
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx

from onefile_sandbox.api import BASE, ApiRequest, SandboxApi
from onefile_sandbox.clock import VirtualClock
from onefile_sandbox.faults import Faults
from onefile_sandbox.switches import Switches
from onefile_sandbox.world import World
from reconciler.model.declared import Declared, DeclaredLearner, Settings, Staff, Wanted
from reconciler.model.slots import LEARNING_AIM_KINDS, UNIT_KINDS, Handle, OrganisationId, Slot, SlotKind, UserId
from reconciler.model.structs import replace
from reconciler.observed.observe import observe
from reconciler.onefile.capabilities import Capabilities
from reconciler.onefile.client import OneFile
from reconciler.onefile.reader import Reader
from reconciler.onefile.token import CustomerToken
from reconciler.onefile.wire import ROLE_IDS
from reconciler.problems import Source
from reconciler.ratelimit import MemoryLedger, RateLimiter

SIZES = (50, 800, 10_000, 50_000)
SCOPE = 40
LATENCY = 0.3  # seconds a call
LIMIT = 300  # calls in any 60 seconds
LONG = 20_000  # learners; on the poor server such a reading is simulated with employers only
PAGE_CAP = 200  # rows of the largest page; the sandbox's guess
SERVERS: Mapping[str, tuple[str, ...]] = {
    "poor": ("paged_user_fields=same", "aim_search_without_user=refused", "unit_search_without_user=refused"),
    "rich": ("unit_search_without_user=allowed",),
}
ORGANISATION = OrganisationId(5740)
START = datetime(2026, 11, 23, 12, tzinfo=UTC)
DEFAULT, EMPLOYER = Slot(SlotKind.DEFAULT_ASSESSOR), Slot(SlotKind.DEFAULT_EMPLOYER)
RESULT = Path(__file__).with_suffix(".md")


# ------------------------------------------------------------------ a sandbox behind a slow network


class SlowNetwork(httpx.AsyncBaseTransport):
    """The sandbox in this process, with `latency` seconds per call, half of them before the call counts."""

    def __init__(self, service: SandboxApi, latency: float) -> None:
        self._service, self._latency = service, latency
        self.throttled = 0
        self.arrivals: list[float] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        clock = self._service.clock
        await clock.sleep(self._latency / 2)
        self.arrivals.append(clock.monotonic())
        path = request.url.path[len(BASE) :]
        asked = ApiRequest(request.method, path, "", dict(request.headers), await request.aread())
        answer = await self._service.exchange(asked)
        self.throttled += answer.status == 429
        await clock.sleep(self._latency / 2)
        return httpx.Response(answer.status, headers={"content-type": answer.content_type}, content=answer.body)


@dataclass(frozen=True)
class ForecastListener:
    """A progress listener that keeps the forecast of all calls."""

    forecasts: list[int]

    def forecast(self, spent: int, remaining: int) -> None:
        self.forecasts.append(spent + remaining)

    def spent(self, calls: int) -> None:
        pass


@dataclass(frozen=True)
class Reading:
    calls: int
    minutes: float
    forecast: int


def read(
    world: World, switches: Switches, declared: Declared, facts: Capabilities, latency: float = LATENCY
) -> Reading:
    """Log in and read everything declared, once."""
    clock, listener = VirtualClock(START), ForecastListener([])
    network = SlowNetwork(SandboxApi(world, switches, Faults(), clock, "sandbox"), latency)

    async def session() -> int:
        rate_limiter = RateLimiter(MemoryLedger(clock), LIMIT, clock)
        token = CustomerToken("sandbox")
        async with OneFile(
            "http://sandbox.invalid" + BASE, token, rate_limiter=rate_limiter, clock=clock, transport=network
        ) as client:
            observed = await observe(declared, Reader(client, clock), facts, listener)
            return observed.calls

    calls = asyncio.run(session())
    if network.throttled or calls != len(network.arrivals):
        raise AssertionError("a call was refused, or not counted")
    return Reading(calls, clock.monotonic() / 60, listener.forecasts[0])


# ------------------------------------------------------------------ a typical declaration


def declare(world: World, numbers: Sequence[int], *, employers: bool) -> Declared:
    """Declare a default assessor and one learning aim for all, units for a third, an employer for a half.

    Nearly everything is as it is in OneFile; one employer in a hundred is to change.
    """
    roles = {number: role for role, number in ROLE_IDS.items()}
    staff = {
        Handle(str(user["ID"])): Staff(Handle(str(user["ID"])), UserId(user["ID"]), roles[user["Role"]])
        for user in world.users.values()
        if user["Role"] in roles
    }
    learners = tuple(_learner(world, number, employers=employers) for number in numbers)
    return Declared(START.date(), Settings(ORGANISATION), staff, learners)


def _learner(world: World, number: int, *, employers: bool) -> DeclaredLearner:
    user = UserId(200_000 + number)
    record, aim = world.users[user], world.aims_of[user][0]
    holders: dict[Slot, int | None] = {
        DEFAULT: record["DefaultAssessorID"],
        Slot(SlotKind.LEARNING_AIM_ASSESSOR, aim["StandardID"]): aim["AssessorID"],
        Slot(SlotKind.LEARNING_AIM_IQA, aim["StandardID"]): aim["IVID"],
    }
    if number % 3 == 0:
        unit = world.units_of[user][0]
        holders[Slot(SlotKind.UNIT_ASSESSOR, unit["UnitID"])] = unit["AssessorID"]
        holders[Slot(SlotKind.UNIT_IQA, unit["UnitID"])] = unit["IVID"]
    if employers and number % 2:
        holders[EMPLOYER] = record["DefaultEmployerID"] if number % 200 != 1 else 139015
    source = Source("state/cohorts/centre.yaml", number)
    slots = {slot: Wanted(UserId(who) if who else None, None, source) for slot, who in holders.items()}
    return DeclaredLearner(user, None, "", "centre", ORGANISATION, slots, source)


def active(world: World) -> list[int]:
    """Return the learners who are not archived, by number."""
    return [n for n in range(1, world.learners + 1) if world.users[200_000 + n]["DateArchived"] is None]


# ------------------------------------------------------------------ naive, and the least


def naive(declared: Declared) -> int:
    """Log in, then for each learner one GET, one search for the aims and one for the units, whatever is declared."""
    return 1 + 3 * len(declared.learners)


def minutes(calls: int) -> float:
    """Return the minutes for so many calls at the best pace: a full window at once, then the next."""
    windows, rest = divmod(calls - 1, LIMIT)
    return (windows * (60 + LATENCY) + (rest + 1) * LATENCY / 8) / 60


def least(world: World, declared: Declared, server: str) -> int:
    """Return the lower bound that reading.md derives."""
    rich = server == "rich"
    slots = [set(learner.slots) for learner in declared.learners]
    own_record = sum(not rich or EMPLOYER in one for one in slots)
    rest = [learner.id for learner, one in zip(declared.learners, slots, strict=True) if rich and EMPLOYER not in one]
    calls = 1 + own_record + -(-len(rest) // PAGE_CAP)
    for kinds, rows in ((LEARNING_AIM_KINDS, world.centre.aims), (UNIT_KINDS, world.centre.unit_summaries)):
        wanted = sum(any(slot.kind in kinds for slot in one) for one in slots)
        calls += min(wanted, -(-len(rows) // PAGE_CAP)) if rich else wanted
    roles = {staff.id: staff.role for staff in declared.staff.values()}
    needed = {roles[want.staff] for one in declared.learners for want in one.slots.values() if want.staff}
    employers = {one.slots[EMPLOYER].staff for one in declared.learners if EMPLOYER in one.slots} - {None}
    return calls + len(needed) + (-(-len(employers) // PAGE_CAP) if rich else len(employers))


# ------------------------------------------------------------------ the tables


@dataclass(frozen=True)
class Row:
    learners: int
    scope: int
    server: str
    employers: bool
    naive: int
    first: Reading
    second: Reading
    least: int

    def cells(self) -> tuple[str, ...]:
        errors = (one.forecast - one.calls for one in (self.first, self.second))
        return (
            f"{self.learners:,}",
            f"{self.scope:,}",
            self.server,
            "half" if self.employers else "none",
            f"{self.naive:,}",
            f"{self.first.calls:,}",
            f"{self.second.calls:,}",
            f"{self.least:,}",
            f"{minutes(self.naive):,.1f}",
            f"{self.first.minutes:,.1f}",
            f"{self.second.minutes:,.1f}",
            ", ".join(f"{error:+d}" if error else "0" for error in errors),
        )


HEADS = (
    *("learners (N)", "declared (K)", "server", "employers"),
    *("naive calls", "first time", "second time", "the least"),
    *("naive minutes", "first", "second", "forecast off by (first, second)"),
)


def measure(learners: int) -> Iterator[Row]:
    world = World.create(learners=learners)
    everybody = active(world)
    # somewhere in the middle, as a cohort is
    cohort = everybody[len(everybody) // 2 :][:SCOPE] if len(everybody) > 2 * SCOPE else everybody[:SCOPE]
    for server, switches in SERVERS.items():
        switched = replace(Switches.parse(switches), page_cap=PAGE_CAP, rate_limit=LIMIT)
        for numbers in (everybody, cohort):
            for employers in (True, False):
                if server == "poor" and not employers and len(numbers) > LONG:
                    continue  # the records that are read for the assessors show the employers too: the same calls
                declared, facts = declare(world, numbers, employers=employers), Capabilities()
                first = read(world, switched, declared, facts)
                second = read(world, switched, declared, Capabilities(dict(facts.known)))
                lowest = least(world, declared, server)
                yield Row(learners, len(numbers), server, employers, naive(declared), first, second, lowest)


def pace(latency: float, world: World, limit: int) -> tuple[float, int]:
    """Return the share of the allowed calls that a long reading uses after its first minute, and its 429 answers."""
    clock = VirtualClock(START)
    switches = replace(Switches.parse(SERVERS["poor"]), rate_limit=limit)
    network = SlowNetwork(SandboxApi(world, switches, Faults(), clock, "sandbox"), latency)

    async def session() -> None:
        rate_limiter = RateLimiter(MemoryLedger(clock), limit, clock)
        token = CustomerToken("sandbox")
        async with OneFile(
            "http://sandbox.invalid" + BASE, token, rate_limiter=rate_limiter, clock=clock, transport=network
        ) as client:
            await observe(declare(world, active(world), employers=True), Reader(client, clock))

    asyncio.run(session())
    begun, *_, ended = network.arrivals[limit::limit]  # whole windows, without the first, which waits for nothing
    windows = (len(network.arrivals) - 1) // limit - 1
    return windows * 60 / (ended - begun), network.throttled


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---:" if place > 3 or place < 2 else "---" for place in range(len(heads))], *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def report(sizes: Sequence[int]) -> str:
    begun = time.perf_counter()
    rows = []
    for learners in sizes:
        for row in measure(learners):
            sys.stderr.write(" ".join(row.cells()) + "\n")
            rows.append(row.cells())
    took = time.perf_counter() - begun
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    machine = (
        f"{datetime.now(UTC):%d %B %Y}, Python {platform.python_version()}, {platform.system()} on "
        f"{platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB of memory; {took:.0f} s of real time."
    )
    facts = {"machine": machine, "latency": f"{LATENCY:g}", "cap": str(PAGE_CAP), "limit": str(LIMIT)}
    return TEXT.format(table=table(HEADS, rows), **facts)


TEXT = """# What reading costs

Made by `python benchmarks/reading.py --write`; do not edit.
{machine}

Calls are the bottleneck: OneFile allows {limit} a minute. The minutes are simulated, at {latency} s a call; those of
the naive reading are for so many calls at the same pace. Declared for every learner are a default assessor and one
learning aim (assessor and IQA), for a third of them a unit, for a half of them (where the table says so) a default
employer, of which one in a hundred is to change. The first time nothing is known of the server; the second time the
capabilities found by the first are. K = 40 are forty learners who follow one another, as a cohort does; K = N leaves
out those who are archived, one in twenty.

- **poor**: paged rows of users carry no more than id and name, and there is no list of everybody's aims or units.
- **rich**: paged rows of users carry the default assessor, and everybody's aims and units can be paged through.

On the poor server employers cost next to nothing, because the record that shows the default assessor shows them too.
Pages hold {cap} rows at most on both, which is a guess: OneFile's largest page is not known.

{table}

**Naive** is one log-in, and for each learner one GET, one search for the aims and one for the units, whatever is
declared; staff are not read. The forecast is what `plan` said before the bulk of the reading, less what was spent.

## The lower bound

One learner's slot shows nothing about another's: a value that was not in an answer may differ without changing any
answer. So each value that is wanted must have been in some answer, and what counts is how many of them one answer can
have held.

1. One call logs in.
2. A default employer is only on the learner's own record: one GET for each learner for whom one is declared. It shows
   the default assessor too.
3. The default assessors of the others: on the poor server also one GET each; on the rich one a page shows {cap}.
4. Learning aims: a search for one learner shows one learner's. The alternative is everybody's list, and then all of
   it: a second aim of the same standard, which makes an assignment ambiguous, may be on any page that was not read.
   So on the rich server it is the lesser of one search for each learner with a declared aim and all pages of the
   list, and mixing the two helps nobody; on the poor server it is the searches. The same for units.
5. Staff: a search shows users of one role, so one call for each role that is declared somewhere.
6. Placements of the default employers, for the policy that they belong to the learner's: on the poor server one GET
   for each employer; on the rich one a page shows {cap}.

The bound counts nothing for finding out what the server offers, for who is on the learners' list, or for where lists
end. It holds for the calls that the product uses: single records, searches for one learner, pages, and unpaged lists
of users. One unpaged answer with everybody's aims would be one call instead of hundreds; that a server sends such an
answer was never seen, and it is not relied on.

What the product spends beyond it: one call for who is on the learners' list, where the first time one page shows what
its rows contain; for the lists of everybody's aims and units, the first time, one look at their first page and a few
at where they end; one look that proves the end of each list that is read through; and pages of employers that hold
others as well.

How much of the rate limit is used, and what one change and a day of drift cost: calls.md.
"""


def main() -> None:
    sizes = [int(argument) for argument in sys.argv[1:] if argument.isdecimal()] or SIZES
    text = report(sizes)
    sys.stdout.write(text)
    if "--write" in sys.argv[1:]:
        RESULT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
