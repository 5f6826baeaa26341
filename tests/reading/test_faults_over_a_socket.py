"""A reading over a real socket survives faults of networks and servers, or ends in an error; it is never partial."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Awaitable, Callable

import pytest

from onefile_sandbox.app import create_app
from onefile_sandbox.faults import Fault, Faults
from onefile_sandbox.serve import serving
from onefile_sandbox.world import World
from reconciler.model.declared import Declared
from reconciler.model.observed import Observed
from reconciler.model.structs import replace
from reconciler.onefile.http import Timeouts
from reconciler.problems import BadAnswer, ReconcilerError, Throttled, Unauthorised, Unreachable
from tests.marks import in_long_runs
from tests.observed.centre import Centre
from tests.onefile.servers import wire
from tests.reading.sockets import Hurried, observe_at, observe_served, resetting

WORLD = World.create(learners=40)
PAGED = ("page_cap=20", "unit_search_without_user=allowed")
ACTIVE = [range(1, 11), range(12, 17), range(18, 23)]


def centre(*switches: str) -> Centre:
    return Centre(*PAGED, *switches, world=WORLD)


def declared(centre_: Centre) -> Declared:
    return centre_.declared(*(learner for numbers in ACTIVE for learner in centre_.typical(numbers).learners))


def assert_true(centre_: Centre, observed: Observed) -> None:
    """Every declared slot of every learner is as it is in the sandbox."""
    for learner in declared(centre_).learners:
        assert learner.id is not None
        seen = observed.learners[learner.id]
        assert seen.standing == "active"
        assert {slot: seen.slots[slot] for slot in learner.slots} == {
            slot: centre_.truth(learner.id, slot) for slot in learner.slots
        }


PLACES = {
    "the unpaged list": "/User/Search",
    "a page of aims": "/LearningAim/Search/*",
    "a page of units": "/UnitSummary/Search/*",
    "one learner's record": "/User/20000*",
    "the log-in": "/Authentication",
}
PASSING = {
    "429 with a header": Fault("throttle", retry_after=7),
    "429 without": Fault("throttle"),
    "500": Fault("error_before"),
    "503 after the work": Fault("error_after", status=503),
    "a connection closed before the answer": Fault("drop_before"),
    "a connection closed after the work": Fault("drop_after"),
    "an answer cut short": Fault("cut_length"),
    "a web page with a 500": Fault("html", status=502),
}
NOT_AT_LOG_IN = {
    "a JSON text cut short": Fault("cut_json"),
    "a web page in place of JSON": Fault("html"),
    "a session that ends between two pages": Fault("expired_session", nth=2),
}


FAULTS = [
    # a log-in is answered with plain text, and needs no session
    *itertools.product(sorted(PASSING), sorted(PLACES)),
    *itertools.product(sorted(NOT_AT_LOG_IN), sorted(PLACES.keys() - {"the log-in"})),
]


@pytest.mark.parametrize("case", [*FAULTS[::3], *in_long_runs(*FAULTS[1::3], *FAULTS[2::3])], ids=", ".join)
def test_a_fault_that_passes_is_survived(case: tuple[str, str]) -> None:
    """Whatever was asked for is asked for again, and what is observed is what is there; a page is not taken twice.

    Each fault at one or two places; in long runs at all.
    """
    fault, place = case
    armed = (PASSING | NOT_AT_LOG_IN)[fault]
    centre_ = centre()
    observed, client, calls = observe_served(centre_, declared(centre_), replace(armed, path=PLACES[place]))
    assert_true(centre_, observed)
    assert observed.calls == client.calls == len(calls)
    assert [call["fault"] for call in calls if call["fault"]] == [armed.kind]


@pytest.mark.parametrize("hours", [-7.0, 5.0, 26.0])
def test_a_clock_that_is_hours_off_does_not_matter(hours: float) -> None:
    """Sessions are timed by what passes here, not by what hour the server says it is."""
    centre_ = centre("retry_after=present")
    observed, client, calls = observe_served(centre_, declared(centre_), Fault("throttle", retry_after=3), skew=hours)
    assert_true(centre_, observed)
    assert sum(call["path"] == "/Authentication" for call in calls) <= 2
    assert client.throttled == 1


@pytest.mark.parametrize("status", [401, 403])
def test_short_sessions_are_renewed_as_often_as_it_takes(status: int) -> None:
    """Sessions that end after some calls: a 401 says so; a 403 is no proof of it in a young session: an error."""
    centre_ = centre(f"bad_token_status={status}", "aim_search_without_user=refused")
    ends = [Fault("expired_session", path=path, nth=2) for path in ("/LearningAim/*", "/UnitSummary/*")]
    if status == 403:
        with pytest.raises(Unauthorised, match="refused the session"):
            observe_served(centre_, declared(centre_), *ends)
        return
    observed, _, calls = observe_served(centre_, declared(centre_), *ends)
    assert_true(centre_, observed)
    assert sum(call["path"] == "/Authentication" for call in calls) == 3


def test_an_ipv6_only_server_is_read() -> None:
    """On loopback that has no IPv4 at all for it."""
    if not _has_ipv6():
        pytest.skip("this machine has no IPv6 loopback")
    centre_ = centre()
    observed, _, _ = observe_served(centre_, declared(centre_), host="::1")
    assert_true(centre_, observed)


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    "what", [b"/LearningAim/Search/2/", b"/UnitSummary/Search/1/", b"/User/Search ", b"GET /User/"]
)
def test_a_reset_in_the_middle_of_a_page_is_survived(what: bytes) -> None:
    """The connection breaks under an answer that had begun: it is not half a page, it is none."""
    centre_ = centre()

    async def main(base_url: str) -> Observed:
        async with resetting(base_url, what, times=1) as way:
            return (await observe_at(way, declared(centre_)))[0]

    with serving(create_app(centre_.world, centre_.switches, Faults(), Hurried())) as base_url:
        assert_true(centre_, asyncio.run(main(base_url)))


def test_resets_without_end_are_an_error() -> None:
    """Bounded, in words, with where."""
    centre_ = centre()

    async def main(base_url: str) -> None:
        async with resetting(base_url, b"/LearningAim/", times=1000) as way:
            await observe_at(way, declared(centre_), tries=3)

    with (
        serving(create_app(centre_.world, centre_.switches, Faults(), Hurried())) as base_url,
        pytest.raises(ReconcilerError, match=r"broke before the answer was complete \(tried 3 times\)") as raised,
    ):
        asyncio.run(main(base_url))
    assert "/LearningAim/Search/" in raised.value.problems[0].where


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (Fault("error_before", path="/LearningAim/*", times=99), BadAnswer, "answered HTTP 500"),
        (Fault("html", path="/LearningAim/*", times=99), BadAnswer, "a web page"),
        (Fault("cut_json", path="/LearningAim/*", times=99), BadAnswer, "not JSON"),
        (Fault("drop_before", path="/User/200001", times=99), Unreachable, "broke before the answer"),
        (Fault("throttle", path="/LearningAim/*", retry_after=100000), Throttled, "too many calls"),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else "",
)
def test_a_fault_that_stays_ends_the_reading_in_words(fault: Fault, error: type[Exception], words: str) -> None:
    """The error has a place, a fault and a fix; the earlier part of the reading is not used."""
    centre_ = centre("aim_search_without_user=refused")
    with pytest.raises(error, match=words) as raised:
        observe_served(centre_, declared(centre_), fault)
    assert isinstance(raised.value, ReconcilerError)
    (problem,) = raised.value.problems
    assert fault.path.rstrip("*") in problem.where
    assert problem.fix


# ------------------------------------------------------------------ a server that slows to a crawl


async def _drip(_: bytes, writer: asyncio.StreamWriter) -> None:
    """Send bytes slowly without end."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"[")
        await writer.drain()
        await asyncio.sleep(0.02)


async def _hang(_: bytes, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


@pytest.mark.parametrize(
    ("talk", "words"),
    [(_drip, r"was not complete within 0\.3 s"), (_hang, r"did not answer for 0\.15 s")],
    ids=["drips", "hangs"],
)
def test_a_crawl_is_given_up_in_bounded_time(
    talk: Callable[[bytes, asyncio.StreamWriter], Awaitable[None]], words: str
) -> None:
    """An answer that trickles in without end, and one that never begins: the bound is kept, and said."""
    centre_ = centre()

    async def main() -> None:
        async with wire(talk) as (base_url, _):
            await observe_at(base_url, declared(centre_), timeouts=Timeouts(connect=0.2, read=0.15, call=0.3), tries=2)

    with pytest.raises(ReconcilerError, match=words):
        asyncio.run(main())
