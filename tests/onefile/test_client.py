"""The client with hostile answers: its retries, its limits, and its errors."""

from __future__ import annotations

import asyncio
import gzip
import inspect
from collections.abc import Callable, Coroutine, Iterator
from datetime import timedelta

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from onefile_sandbox.clock import VirtualClock
from reconciler.onefile.client import OneFile
from reconciler.onefile.retry import Backoff
from reconciler.onefile.token import CustomerToken
from reconciler.problems import (
    AnswerLost,
    BadAnswer,
    Invalid,
    Rejected,
    ServiceError,
    Throttled,
    Unauthorised,
    Unreachable,
)
from reconciler.ratelimit import MemoryLedger
from tests.onefile.servers import BASE_URL, SECRET, START, Raising, Script, Step, json, onefile

PAGE = "<!DOCTYPE html><html><body>Please log in</body></html>"


def read(served: Script | httpx.AsyncBaseTransport, **options: object) -> object:
    """Read /User/200004 with a new client."""

    async def main() -> object:
        async with onefile(served, **options) as client:  # type: ignore[arg-type]  # passed on as given
            return await client.read("GET", "/User/200004")

    return asyncio.run(main())


def write(served: Script | httpx.AsyncBaseTransport) -> None:
    """Write to /User/200004 with a new client."""

    async def main() -> None:
        async with onefile(served) as client:
            await client.write("POST", "/User/200004", {"DefaultAssessorID": 122762})

    asyncio.run(main())


# ---------------------------------------------------------------------- what goes out


def test_a_request_carries_json_and_the_session_and_nothing_else_of_ours() -> None:
    """The customer token goes to the log-in only, the session to everything else, and the body is compact JSON."""
    script = Script()
    write(script)
    log_in, request = script.requests
    assert (log_in.method, log_in.url.path, script.bodies[0]) == ("POST", "/api/v2.1/Authentication", b"")
    assert log_in.headers["x-customertoken"] == SECRET
    assert "x-tokenid" not in log_in.headers
    assert "x-customertoken" not in request.headers
    assert request.headers["x-tokenid"] == "session-1"
    assert (request.headers["content-type"], request.headers["accept"]) == ("application/json", "application/json")
    assert script.bodies[1] == b'{"DefaultAssessorID":122762}'


def test_cookies_are_not_kept() -> None:
    """A server that sets a cookie does not see it again."""
    script = Script(Response(status_code=204, headers={"set-cookie": "tracked=yes; Path=/"}))

    async def main() -> None:
        async with onefile(script) as client:
            await client.read("GET", "/Customer")
            await client.read("GET", "/Customer")

    asyncio.run(main())
    assert [request.headers.get("cookie") for request in script.requests] == [None, None, None]


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        (json([{"ID": 1}]), [{"ID": 1}]),
        (Response(status_code=204), None),
        (Response(b"", status_code=200), None),
        (Response(b" \r\n", status_code=200), None),
        (Response(b"41", status_code=200, media_type="text/html"), 41),
        (Response(b'\xef\xbb\xbf{"ID": 1}', status_code=200), {"ID": 1}),
        (Response(gzip.compress(b"[1]"), headers={"content-encoding": "gzip"}), [1]),
    ],
)
def test_a_read_gives_the_decoded_answer(answer: Response, value: object) -> None:
    """JSON becomes values; an empty answer, in any of its shapes, becomes None."""
    assert read(Script(answer)) == value


# ---------------------------------------------------------------------- logging in


@pytest.mark.parametrize("text", ["tok-1", '"tok-1"', "  tok-1\r\n", ' "tok-1" \n', "'tok-1'", '" tok-1 "'])
def test_a_session_token_is_stripped_of_quotes_and_white_space(text: str) -> None:
    """However the token is wrapped, the bare token goes into the header."""
    script = Script(log_in=[PlainTextResponse(text)])
    read(script)
    assert script.calls == [("GET", "/User/200004", "tok-1")]


@pytest.mark.parametrize(
    "answer",
    [
        HTMLResponse(PAGE),
        PlainTextResponse(""),
        PlainTextResponse('""'),
        PlainTextResponse("null"),
        PlainTextResponse("please try later"),
        PlainTextResponse("x" * 4097),
        PlainTextResponse("tok\x00en"),
        PlainTextResponse("tok\nen"),
        PlainTextResponse("tokén"),
        Response(b"\xff\xfe\x00"),
        json({"Token": "abc"}),
        json(["abc"]),
        Response(status_code=204),
        Response(b"tok-1", status_code=202),
        RedirectResponse("https://login.example/"),
    ],
)
def test_what_cannot_be_a_session_token_is_not_used(answer: Response) -> None:
    """A page, an object, a sentence or nothing ends in words about the log-in, and no other request is sent."""
    script = Script(log_in=[answer])
    with pytest.raises(BadAnswer, match="log-in") as caught:
        read(script)
    assert script.calls == []
    assert "abc" not in str(caught.value)
    assert "tok" not in str(caught.value).replace("token", "")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
@pytest.mark.parametrize("call", [read, write])
def test_a_refused_log_in_names_the_variable_and_the_server(call: Callable[[Script], object], status: int) -> None:
    """Any 4xx at the log-in is Unauthorised: a 404 there must never pass for a learner who does not exist."""
    script = Script(log_in=[json({"message": f"bad token {SECRET}"}, status)])
    with pytest.raises(Unauthorised) as caught:
        call(script)
    assert "ONEFILE_CUSTOMER_TOKEN" in str(caught.value)
    assert BASE_URL in str(caught.value)
    assert SECRET not in str(caught.value)
    assert (caught.value.status, script.log_ins, script.calls) == (status, 1, [])


def test_concurrent_callers_share_one_log_in() -> None:
    """Twenty reads at once log in once."""
    script = Script(json([]))

    async def main() -> int:
        async with onefile(script) as client:
            await asyncio.gather(*(client.read("GET", f"/User/{number}") for number in range(20)))
            return client.calls

    assert asyncio.run(main()) == 21
    assert script.log_ins == 1


@pytest.mark.parametrize(("status", "tries"), [(401, 1), (500, 5)])
def test_concurrent_callers_share_one_failed_log_in(status: int, tries: int) -> None:
    """Twenty concurrent reads try no more often than a single read."""
    clock = VirtualClock(START)

    async def slow(request: Request) -> Response:
        await clock.sleep(1)
        return Response(status_code=status)

    script = Script(log_in=[slow])

    async def main() -> list[object]:
        async with onefile(script, clock) as client:
            reads = (client.read("GET", f"/User/{number}") for number in range(20))
            return list(await asyncio.gather(*reads, return_exceptions=True))

    assert {type(result) for result in asyncio.run(main())} == {Unauthorised if status == 401 else BadAnswer}
    assert script.log_ins == tries


def test_a_refused_customer_token_is_not_tried_again() -> None:
    """A later call fails as the first did, without a request; after a server fault the log-in is tried again."""

    async def main(script: Script) -> None:
        async with onefile(script, backoff=Backoff(tries=1)) as client:
            for _ in range(3):
                with pytest.raises(ServiceError):
                    await client.read("GET", "/Customer")

    refusing, ill = Script(log_in=[Response(status_code=403)]), Script(log_in=[Response(status_code=500)])
    asyncio.run(main(refusing))
    asyncio.run(main(ill))
    assert (refusing.log_ins, ill.log_ins) == (1, 3)


def test_a_cancelled_log_in_is_taken_over_by_the_next_caller() -> None:
    """A caller that waits behind a log-in that is cancelled logs in itself."""
    clock = VirtualClock(START)

    async def slow(request: Request) -> Response:
        await clock.sleep(5)
        return PlainTextResponse("tok-1")

    script = Script(json(1), log_in=[slow])

    async def main() -> object:
        async with onefile(script, clock) as client:
            first = asyncio.create_task(client.read("GET", "/Customer"))
            second = asyncio.create_task(client.read("GET", "/Customer"))
            await clock.sleep(1)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            return await second

    assert asyncio.run(main()) == 1


@pytest.mark.parametrize(("hours", "log_ins"), [(22.99, 1), (23, 2), (30, 2)])
def test_a_session_is_renewed_at_23_hours(hours: float, log_ins: int) -> None:
    """The next call after 23 hours logs in first, whether or not the old session would still do."""
    clock = VirtualClock(START)
    script = Script(json([]))

    async def main() -> None:
        async with onefile(script, clock) as client:
            assert client.session_age() is None
            await client.read("GET", "/Customer")
            await clock.sleep(hours * 3600)
            assert client.session_age() == pytest.approx(hours * 3600)
            await client.read("GET", "/Customer")
            assert client.session_age() == (0 if log_ins == 2 else hours * 3600)

    asyncio.run(main())
    assert script.log_ins == log_ins
    assert script.calls[-1][2] == f"session-{log_ins}"


@pytest.mark.parametrize("call", [read, write])
def test_a_401_is_answered_by_one_log_in_and_one_repeat(call: Callable[[Script], object]) -> None:
    """An expired session is renewed, and the request is sent again with the new one."""
    script = Script(Response(status_code=401), Response(status_code=204))
    call(script)
    assert [token for _, _, token in script.calls] == ["session-1", "session-2"]


@pytest.mark.parametrize("call", [read, write])
def test_a_second_401_ends_the_call(call: Callable[[Script], object]) -> None:
    """A session that is refused although it is new is not renewed again."""
    script = Script(Response(status_code=401))
    with pytest.raises(Unauthorised) as caught:
        call(script)
    assert (len(script.calls), script.log_ins, caught.value.status) == (2, 2, 401)


@pytest.mark.parametrize("call", [read, write])
def test_a_403_in_a_young_session_ends_the_call(call: Callable[[Script], object]) -> None:
    """A refusal that no log-in can cure costs no second log-in."""
    script = Script(json({"Message": "API not enabled"}, 403))
    with pytest.raises(Unauthorised, match="API not enabled"):
        call(script)
    assert (len(script.calls), script.log_ins) == (1, 1)


def test_a_403_in_a_session_past_23_hours_is_answered_by_one_log_in() -> None:
    """A session that grew old while the request was under way is renewed once."""
    clock = VirtualClock(START)

    async def late(request: Request) -> Response:
        await clock.sleep(24 * 3600)
        return Response(status_code=403)

    script = Script(late, json("here"))
    assert read(script, clock=clock) == "here"
    assert script.log_ins == 2


def test_a_session_refused_to_many_is_renewed_once() -> None:
    """Eight callers whose common session expires log in once, not eight times."""

    async def by_session(request: Request) -> Response:
        return json([], 401 if request.headers["x-tokenid"] == "session-1" else 200)

    script = Script(by_session)

    async def main() -> None:
        async with onefile(script) as client:
            await asyncio.gather(*(client.read("GET", f"/User/{number}") for number in range(8)))

    asyncio.run(main())
    assert script.log_ins == 2


@pytest.mark.parametrize("refused", [0, 1, 4, 7])
def test_a_session_that_somebody_else_renewed_is_nobodys_own_retry(refused: int) -> None:
    """Eight callers meet the end of the first session together, and one of them, whichever, the end of the second."""
    ends: list[str] = []
    all_there = asyncio.Barrier(8)

    async def twice(request: Request) -> Response:
        session = request.headers["x-tokenid"]
        if session == "session-1":
            await all_there.wait()
            return Response(status_code=401)
        if session == "session-2":
            ends.append(request.url.path)
            return Response(status_code=401 if len(ends) == refused + 1 and refused else 204)
        return Response(status_code=204)

    script = Script(twice)

    async def main() -> None:
        async with onefile(script) as client:
            await asyncio.gather(*(client.write("POST", f"/User/{number}", {}) for number in range(8)))

    asyncio.run(main())
    assert script.log_ins == (3 if refused else 2)
    assert len(script.calls) == (17 if refused else 16)


# ---------------------------------------------------------------------- reads that fail


@pytest.mark.parametrize(
    "step",
    [Response(status_code=500), Response(status_code=502), Response(status_code=503), ConnectionResetError("gone")],
)
def test_a_read_is_repeated_after_a_fault_of_the_server(step: Step) -> None:
    """Two faults, then an answer: the read has the answer, and every try is counted."""
    script = Script(step, step, json({"ID": 200004}))
    clock = VirtualClock(START)

    async def main() -> tuple[object, int]:
        async with onefile(script, clock) as client:
            return await client.read("GET", "/User/200004"), client.calls

    assert asyncio.run(main()) == ({"ID": 200004}, 4)
    assert clock.monotonic() == 1 + 2


def test_a_read_gives_up_after_five_tries() -> None:
    """A server that always fails ends the read, with its status, its words and the number of tries."""
    script = Script(json({"message": "Object reference not set"}, 500))
    with pytest.raises(BadAnswer, match=r"Object reference not set \(tried 5 times\)") as caught:
        read(script)
    assert (len(script.calls), caught.value.status) == (5, 500)


def test_a_read_gives_up_when_its_time_is_over() -> None:
    """Slow failures are tried less often than quick ones: the total time is bounded, too."""
    clock = VirtualClock(START)

    async def slow(request: Request) -> Response:
        await clock.sleep(100)
        return Response(status_code=500)

    script = Script(slow)
    with pytest.raises(BadAnswer):
        read(script, clock=clock, longest_wait_seconds=900)
    assert len(script.calls) == 3


def test_the_time_without_progress_is_one_bound_for_all_calls_of_a_command() -> None:
    """Slow failures end the first call after two minutes, and every later call at once, until the server answers."""
    clock = VirtualClock(START)

    async def slow(request: Request) -> Response:
        await clock.sleep(59)
        return Response(status_code=500)

    script = Script(slow)

    async def main() -> None:
        async with onefile(script, clock) as client:
            with pytest.raises(BadAnswer, match=r"tried 2 times"):
                await client.read("GET", "/User/1")
            assert clock.monotonic() <= 120
            await clock.sleep(2)
            for call in (client.read("GET", "/User/2"), client.write("POST", "/User/2", {})):
                with pytest.raises(Unreachable, match=r"no usable answer for 120 s"):
                    await call
            assert len(script.calls) == 2

    asyncio.run(main())


def test_an_answer_restarts_the_time_without_progress() -> None:
    """A server that fails, then answers, may fail for another two minutes; a refusal is an answer too."""
    clock = VirtualClock(START)
    seconds = iter([59, 1, 59, 1])

    async def slow(request: Request) -> Response:
        wait = next(seconds)
        await clock.sleep(wait)
        return Response(status_code=500) if wait > 1 else json({"message": "No such user"}, 404)

    async def main() -> None:
        async with onefile(Script(slow), clock) as client:
            for _ in range(2):
                with pytest.raises(Rejected):
                    await client.read("GET", "/User/1")

    asyncio.run(main())


def test_garbage_that_asks_to_wait_is_bounded_and_each_wait_is_shown() -> None:
    """A 429 without a usable time means a minute; two such minutes are waited, with a note each."""
    clock, notes = VirtualClock(START), list[str]()
    script = Script(Response("\xff" * 100, 429, {"retry-after": "a while"}))
    with pytest.raises(Throttled):
        read(script, clock=clock, notify=notes.append)
    assert len(script.calls) == 3
    assert 120 <= clock.monotonic() < 121
    ends = [f"{START + timedelta(seconds=seconds):%H:%M:%S} UTC" for seconds in (60, 120)]
    assert notes == [f"Waiting until {end}: onefile.test answered that there were too many calls." for end in ends]


@pytest.mark.parametrize("status", [400, 402, 404, 405, 408, 409, 422, 499])
@pytest.mark.parametrize("call", [read, write])
def test_a_refusal_is_never_repeated(call: Callable[[Script], object], status: int) -> None:
    """Every 4xx but 401, 403 and 429 is Rejected at once, with the server's message."""
    script = Script(json({"MESSAGE": "No such user"}, status))
    with pytest.raises(Rejected, match="No such user") as caught:
        call(script)
    assert (len(script.calls), caught.value.status, caught.value.detail) == (1, status, "No such user")


@pytest.mark.parametrize(
    "body",
    [PAGE.encode(), b"[1, 2", b"NaN", b"[Infinity]", b"\xff\xfe\xfd", b"[" * 100_000, b"9" * 5000, b"just words"],
)
def test_an_answer_that_is_not_json_is_asked_for_once_more_and_no_oftener(body: bytes) -> None:
    """A garbled 200 may be an accident, two are a proxy's page: the message says so and quotes nothing of it."""
    script = Script(Response(body))
    with pytest.raises(BadAnswer, match="proxy or a log-in page") as caught:
        read(script)
    assert len(script.calls) == 2
    assert caught.value.__cause__ is None
    assert read(Script(Response(body), json(1))) == 1


@pytest.mark.parametrize("status", [201, 202, 206, 299])
def test_another_success_than_200_or_204_is_no_reading(status: int) -> None:
    """A part of an answer, or a promise of one, must not pass for the whole, and is not quoted."""
    script = Script(json([{"FirstName": "Morwenna"}], status))
    with pytest.raises(BadAnswer) as caught:
        read(script)
    assert "Morwenna" not in str(caught.value)
    assert len(script.calls) == 1


def test_an_answer_past_the_cap_is_not_kept_and_not_asked_for_again() -> None:
    """A body that outgrows the cap, also by being unpacked, ends the read."""
    for response in (
        Response(b"1" * 2_000_000),
        Response(gzip.compress(b"1" * 2_000_000), headers={"content-encoding": "gzip"}),
    ):
        script = Script(response)
        with pytest.raises(BadAnswer, match="larger than 1,000,000 bytes"):
            read(script, largest_answer_bytes=1_000_000)
        assert len(script.calls) == 1


# ---------------------------------------------------------------------- writes that fail


@pytest.mark.parametrize(
    "answer",
    [
        Response(status_code=200),
        Response(status_code=204),
        Response(status_code=201),
        PlainTextResponse("OK, assigned"),
        Response(b"", media_type="text/html"),
        json(4711),
        Response(b"\xff not anything", status_code=202),
    ],
)
def test_any_success_accepts_a_write(answer: Response) -> None:
    """The code and the body of a success are not known, so none is expected."""
    script = Script(answer)
    write(script)
    assert len(script.calls) == 1


@pytest.mark.parametrize(
    "step",
    [
        Response(status_code=500),
        Response(status_code=503, headers={"retry-after": "1"}),
        Response(status_code=599),
        RedirectResponse("https://elsewhere.example/x", 302),
        RedirectResponse("https://elsewhere.example/x", 308),
        Response(status_code=304),
        HTMLResponse(PAGE),
        HTMLResponse("Please log in"),
        RuntimeError("fell over half-way"),
    ],
)
def test_a_write_without_a_trustworthy_answer_is_lost_and_not_repeated(step: Step) -> None:
    """It may have been done, so it is not sent again without a check."""
    script = Script(step)
    with pytest.raises(AnswerLost, match="before you repeat it"):
        write(script)
    assert len(script.calls) == 1


def test_a_write_is_sent_again_when_it_certainly_never_left() -> None:
    """A connection that could not be made is tried again; the write reaches the server once."""
    seen: list[str] = []

    class Flaky(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("/Authentication"):
                return httpx.Response(200, text="session-1")
            seen.append(request.method)
            if len(seen) < 3:
                raise httpx.ConnectError("refused")
            return httpx.Response(204)

    write(Flaky())
    assert seen == ["POST", "POST", "POST"]


def test_a_write_whose_log_in_fails_was_not_sent() -> None:
    """Losing the log-in's answer loses nothing: the error says that nothing was done."""
    script = Script(log_in=[Response(status_code=500)])
    with pytest.raises(BadAnswer, match="Nothing was done"):
        write(script)
    assert script.calls == []
    with pytest.raises(Unreachable, match="Nothing was done"):
        write(Script(log_in=[ConnectionResetError("gone")]))


# ---------------------------------------------------------------------- 429


@pytest.mark.parametrize("call", [read, write])
def test_a_throttled_call_waits_and_is_sent_again(call: Callable[[Script], object]) -> None:
    """A 429 refuses before anything is done, so that even a write may follow it."""
    script = Script(Response(status_code=429), Response(status_code=429), Response(status_code=204))
    call(script)
    assert len(script.calls) == 3


def test_a_write_that_is_no_longer_wanted_after_a_wait_is_not_sent_again() -> None:
    """The precondition is checked right before each sending, so that the caller can read again."""
    script = Script(Response(status_code=429), Response(status_code=204))
    answers = [True, False]

    async def main() -> bool:
        async with onefile(script) as client:
            return await client.write("POST", "/User/1", {"DefaultAssessorID": 2}, precondition=lambda: answers.pop(0))

    assert asyncio.run(main()) is False
    assert len(script.calls) == 1


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("7", 7),
        ("0", 1),
        ("Mon, 23 Nov 2026 14:01:50 GMT", 110),
        ("Mon, 23 Nov 2026 13:00:00 GMT", 60),
        (None, 60),
        ("soon", 60),
        ("-5", 60),
        ("1e3", 60),
        ("²", 60),
        ("", 60),
    ],
)
def test_everybody_pauses_as_long_as_a_429_asks(retry_after: str | None, seconds: float) -> None:
    """Retry-After is obeyed in both its forms; without a usable one the minute is waited out. All callers wait."""
    clock = VirtualClock(START)
    headers = {} if retry_after is None else {"retry-after": retry_after}
    times: list[tuple[str, float]] = []

    async def answer(request: Request) -> Response:
        times.append((request.url.path[-1], clock.monotonic()))
        return Response(status_code=429, headers=headers) if len(times) == 1 else Response(status_code=204)

    async def main() -> int:
        async with onefile(Script(answer), clock) as client:
            throttled = asyncio.create_task(client.read("GET", "/User/1"))
            while not client.throttled:
                await asyncio.sleep(0)
            await asyncio.gather(throttled, client.read("GET", "/User/2"))
            return client.throttled

    assert asyncio.run(main()) == 1
    assert sorted(times[1:]) == [("1", seconds), ("2", seconds)]


@pytest.mark.parametrize("call", [read, write])
def test_five_429s_in_a_row_end_the_call(call: Callable[[Script], object]) -> None:
    """A server that never accepts the call is reported, and nothing was done."""
    script = Script(Response(status_code=429, headers={"retry-after": "5"}))
    with pytest.raises(Throttled, match="Nothing was done") as caught:
        call(script)
    assert (len(script.calls), caught.value.status) == (5, 429)


def test_a_pause_of_hours_ends_the_call_at_once() -> None:
    """A call does not wait for half a day; nor does the shared rate limit make other callers wait so long."""
    clock = VirtualClock(START)
    script = Script(Response(status_code=429, headers={"retry-after": "43200"}), json("later"))

    async def main() -> object:
        async with onefile(script, clock) as client:
            with pytest.raises(Throttled, match="43200 s"):
                await client.read("GET", "/Customer")
            return await client.read("GET", "/Customer")

    assert asyncio.run(main()) == "later"
    assert clock.monotonic() == 900


def test_a_throttled_log_in_waits_too() -> None:
    """The log-in is a call like any other."""
    script = Script(json(1), log_in=[Response(status_code=429), PlainTextResponse("tok-1")])
    assert read(script) == 1


# ---------------------------------------------------------------------- pace


def test_many_reads_keep_to_the_limit_and_near_it() -> None:
    """900 reads at 300 ms each take three windows of 300 calls, at no time more."""
    clock = VirtualClock(START)
    arrivals: list[float] = []

    async def answer(request: Request) -> Response:
        await clock.sleep(0.15)
        arrivals.append(clock.monotonic())
        await clock.sleep(0.15)
        return json([])

    async def main() -> None:
        async with onefile(Script(answer), clock) as client, asyncio.TaskGroup() as group:
            for number in range(900):
                group.create_task(client.read("GET", f"/User/{number}"))

    asyncio.run(main())
    assert max(sum(1 for other in arrivals if 0 <= other - time <= 60) for time in arrivals) <= 300
    assert 600 / (arrivals[899] - arrivals[299]) * 60 >= 0.95 * 300


def test_no_more_calls_are_in_flight_than_allowed() -> None:
    """Eight at once hide the latency; a ninth waits."""
    clock = VirtualClock(START)
    flying: set[str] = set()
    most: list[int] = []

    async def answer(request: Request) -> Response:
        flying.add(request.url.path)
        most.append(len(flying))
        await clock.sleep(1)
        flying.discard(request.url.path)
        return json([])

    async def main() -> None:
        async with onefile(Script(answer), clock) as client:
            await asyncio.gather(*(client.read("GET", f"/User/{number}") for number in range(40)))

    asyncio.run(main())
    assert max(most) == 8


# ---------------------------------------------------------------------- every exception of httpx


def every(kind: type[Exception]) -> Iterator[type[Exception]]:
    yield kind
    for below in kind.__subclasses__():
        yield from every(below)


def made(kind: type[Exception]) -> Exception:
    """Make an instance of that class with the arguments that its constructor needs."""
    request = httpx.Request("GET", BASE_URL)
    offered = {"message": f"about {SECRET}", "request": request, "response": httpx.Response(500, request=request)}
    parameters = inspect.signature(kind.__init__).parameters
    return kind(**{name: value for name, value in offered.items() if name in parameters})


ROOTS = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, httpx.CookieConflict)
KINDS = [kind for root in ROOTS for kind in every(root) if kind.__module__.startswith("httpx")]
NEVER_LEFT = {"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "UnsupportedProtocol", "InvalidURL"}


def test_the_roots_hold_every_exception_that_httpx_exports() -> None:
    """A class that httpx adds outside of the known trees would show here."""
    exported = {getattr(httpx, name) for name in httpx.__all__}
    errors = {value for value in exported if inspect.isclass(value) and issubclass(value, Exception)}
    assert errors <= set(KINDS)
    assert {kind.__name__ for kind in KINDS} >= NEVER_LEFT


@pytest.mark.parametrize("kind", [*KINDS, OSError, ValueError, ExceptionGroup], ids=lambda kind: str(kind.__name__))
def test_every_foreign_exception_becomes_ours(kind: type[Exception]) -> None:
    """A read is Unreachable; a write is Unreachable only if it certainly never left, else AnswerLost.

    Neither the exception nor its text goes with it.
    """
    error = ExceptionGroup("two", [OSError(), OSError()]) if kind is ExceptionGroup else made(kind)
    with pytest.raises(ServiceError) as from_read:
        read(Raising(error))
    with pytest.raises(ServiceError) as from_write:
        write(Raising(error))
    assert type(from_read.value) is Unreachable
    assert type(from_write.value) is (Unreachable if kind.__name__ in NEVER_LEFT else AnswerLost)
    for caught in (from_read.value, from_write.value):
        assert (caught.__cause__, caught.__context__) == (None, None)
        assert SECRET not in str(caught)
        assert "Fix: " in str(caught)


@pytest.mark.parametrize("call", [OneFile.read, OneFile.write])
def test_cancellation_passes_through(call: Callable[..., Coroutine[object, object, object]]) -> None:
    """Ctrl-C is not an answer that was lost: CancelledError arrives as itself, and the place is given back."""
    clock = VirtualClock(START)

    async def never(request: Request) -> Response:
        await asyncio.Event().wait()
        return Response()

    async def main() -> None:
        async with onefile(Script(never, json(1)), clock, limit=3) as client:
            task = asyncio.create_task(call(client, "POST", "/User/1", {}))
            await clock.sleep(1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await client.read("GET", "/User/1") == 1

    asyncio.run(main())


async def _late(_: Request) -> Response:
    await asyncio.Event().wait()
    return Response()


@pytest.mark.parametrize(
    ("ending", "seconds"),
    [("cancelled", 180), (httpx.ReadTimeout("late"), 180), (httpx.ConnectError("refused"), 60), (json(1), 60)],
)
def test_a_request_that_may_still_arrive_keeps_its_place(ending: Step | str, seconds: int) -> None:
    """The server may count it after its caller has gone; a request that was answered or never left frees its place."""
    clock = VirtualClock(START)
    ledger = MemoryLedger(clock)

    async def main() -> tuple[int, int]:
        served = (
            Raising(ending) if isinstance(ending, Exception) else Script(_late if ending == "cancelled" else ending)
        )
        async with onefile(served, clock, ledger=ledger, backoff=Backoff(tries=1)) as client:
            task = asyncio.create_task(client.read("GET", "/User/1"))
            await clock.sleep(1)  # time enough for an answer
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await clock.sleep(seconds - 2)
            before = ledger.spent()
            await clock.sleep(3)
            return before, ledger.spent()

    before, after = asyncio.run(main())
    assert (before > 0, after) == (True, 0)


# ---------------------------------------------------------------------- the token, and how the client is made


def test_a_customer_token_shows_itself_to_nobody() -> None:
    """Printing, formatting or inspecting it gives no part of the secret; nor does the client that holds it."""
    token = CustomerToken(f" {SECRET}\n")
    client = onefile(Script())
    for text in (repr(token), str(token), f"{token}", f"{token!s:>40}", repr([token]), repr(client), str(client)):
        assert SECRET not in text
        assert SECRET[:8] not in text
    assert repr(client) == f"OneFile({BASE_URL})"
    assert token.reveal() == SECRET


def test_an_account_is_one_customer_at_one_server() -> None:
    """16 hex digits that differ for another token or server, and do not show the token."""
    account = CustomerToken(SECRET).account(BASE_URL)
    assert account == CustomerToken(SECRET).account(BASE_URL)
    other_token = CustomerToken(SECRET + "x").account(BASE_URL)
    other_server = CustomerToken(SECRET).account(BASE_URL + "/")
    assert len({account, other_token, other_server}) == 3
    assert len(account) == 16
    assert int(account, 16) >= 0


@pytest.mark.parametrize("text", ["", "  \n", "a\nb", "a\x00b", "tokén", "a\r\nX-Evil: 1"])
def test_a_token_that_no_header_can_carry_is_refused_unquoted(text: str) -> None:
    """The message names the variable, and nothing of its value."""
    with pytest.raises(Invalid, match="ONEFILE_CUSTOMER_TOKEN") as caught:
        CustomerToken(text)
    assert "Evil" not in str(caught.value)
    assert "tok\u00e9n" not in str(caught.value)


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY"])
def test_an_unusable_proxy_setting_is_named_and_its_password_is_not(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy address that httpx cannot take ends in words about the environment."""
    monkeypatch.setenv(variable, "gopher://user:opensesame@proxy.example:99999")
    with pytest.raises(Invalid, match="HTTPS_PROXY") as caught:
        unplugged(BASE_URL)
    assert "opensesame" not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_proxy_setting_means_nothing_on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests to this machine need no proxy, so a broken setting does no harm."""
    monkeypatch.setenv("ALL_PROXY", "gopher://proxy.example")
    unplugged("http://127.0.0.1:1/api/v2.1")


def test_plain_http_off_this_machine_is_refused_by_the_client_too() -> None:
    """Callers that do not use resolve_target cannot send the token in the clear either."""
    with pytest.raises(Invalid, match="https"):
        unplugged("http://onefile.example/api/v2.1")


def unplugged(base_url: str) -> None:
    """Make a client with the real network, and close it again unused."""

    async def main() -> None:
        made = onefile(Script())
        async with OneFile(base_url, CustomerToken(SECRET), rate_limiter=made._rate_limiter, clock=made._clock):
            pass
        async with made:
            pass

    asyncio.run(main())


def test_bounds_can_be_set() -> None:
    """A backoff of one try never repeats."""
    script = Script(Response(status_code=500))
    with pytest.raises(BadAnswer) as caught:
        read(script, backoff=Backoff(tries=1))
    assert len(script.calls) == 1
    assert "tried" not in str(caught.value)
