"""The client on real sockets: connections that break, hang, send wrong data or are never made."""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from collections.abc import Awaitable, Callable

import pytest

from reconciler.onefile.client import OneFile
from reconciler.onefile.http import Timeouts, is_network_missing
from reconciler.onefile.retry import Backoff
from reconciler.problems import AnswerLost, BadAnswer, Rejected, ServiceError, Unreachable
from tests.onefile.servers import Talk, free_port, onefile_at, reset, wire

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
Writer = asyncio.StreamWriter
Call = Callable[[OneFile], Awaitable[object]]


async def reading(client: OneFile) -> object:
    return await client.read("GET", "/User/200004")


async def writing(client: OneFile) -> None:
    await client.write("POST", "/User/200004", {"DefaultAssessorID": 122762})


def meet(talk: Talk, call: Call, *, timeouts: Timeouts | None = None, host: str = "127.0.0.1") -> tuple[object, int]:
    """Make that call to a server that answers with `talk`; return its result or error, and the number of requests."""

    async def main() -> tuple[object, int]:
        async with wire(talk, host) as (base_url, heads):
            async with onefile_at(base_url, timeouts=timeouts or Timeouts()) as client:
                try:
                    result = await call(client)
                except ServiceError as error:
                    result = error
            return result, len(heads)

    return asyncio.run(main())


async def reset_before_an_answer(head: bytes, writer: Writer) -> None:
    reset(writer)


async def close_before_an_answer(head: bytes, writer: Writer) -> None:
    writer.close()


async def reset_in_the_head(head: bytes, writer: Writer) -> None:
    writer.write(b"HTTP/1.1 20")
    await writer.drain()
    reset(writer)


async def no_http_at_all(head: bytes, writer: Writer) -> None:
    writer.write(b"220 mail.example ESMTP\r\n\r\n")
    writer.close()


async def cut_short(head: bytes, writer: Writer) -> None:
    writer.write(HEAD + b'Content-Length: 100\r\n\r\n[{"ID": 200004')
    writer.close()


async def cut_short_in_a_chunk(head: bytes, writer: Writer) -> None:
    writer.write(HEAD + b'Transfer-Encoding: chunked\r\n\r\n20\r\n[{"ID": 200004')
    writer.close()


async def cut_short_with_no_length(head: bytes, writer: Writer) -> None:
    writer.write(HEAD + b'Connection: close\r\n\r\n[{"ID": 200004')
    writer.close()


async def false_gzip(head: bytes, writer: Writer) -> None:
    writer.write(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 7\r\n\r\nnotgzip")


BEFORE = [reset_before_an_answer, close_before_an_answer, reset_in_the_head, no_http_at_all]
WITHIN = [cut_short, cut_short_in_a_chunk, cut_short_with_no_length, false_gzip]


@pytest.mark.parametrize("talk", BEFORE)
def test_a_connection_that_breaks_before_the_answer(talk: Talk) -> None:
    """A read tries again and then says that nobody answered; a write is lost, and was sent once."""
    error, seen = meet(talk, reading)
    assert (type(error), seen) == (Unreachable, 2)
    error, seen = meet(talk, writing)
    assert (type(error), seen) == (AnswerLost, 1)


@pytest.mark.parametrize("talk", WITHIN)
def test_an_answer_that_is_cut_short_is_no_answer_to_a_read(talk: Talk) -> None:
    """Half a list is never taken for a list: the read tries again, then fails."""
    error, seen = meet(talk, reading)
    assert (type(error), seen) == (BadAnswer, 2)


@pytest.mark.parametrize("talk", [cut_short, cut_short_in_a_chunk, false_gzip])
def test_a_success_that_is_cut_short_is_still_a_success_of_a_write(talk: Talk) -> None:
    """The status said that the write was accepted; what happens to the body changes nothing."""
    assert meet(talk, writing) == (None, 1)


def test_a_read_survives_one_broken_connection() -> None:
    """A connection that breaks once costs one repeat."""
    broken: list[bytes] = []

    async def once(head: bytes, writer: Writer) -> None:
        if not broken:
            broken.append(head)
            reset(writer)
        else:
            writer.write(HEAD + b"Content-Length: 3\r\n\r\n[1]")

    assert meet(once, reading) == ([1], 2)


async def silence(head: bytes, writer: Writer) -> None:
    await asyncio.Event().wait()


async def trickle(head: bytes, writer: Writer) -> None:
    writer.write(HEAD + b"Content-Length: 100000\r\n\r\n")
    while not writer.is_closing():
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.01)


async def trickle_in_the_head(head: bytes, writer: Writer) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not writer.is_closing():
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(("call", "kind"), [(reading, Unreachable), (writing, AnswerLost)])
def test_a_silent_server_is_given_up_and_the_seconds_are_said(call: Call, kind: type[ServiceError]) -> None:
    """The time between two pieces of an answer is bounded."""
    error, _ = meet(silence, call, timeouts=Timeouts(read=0.05))
    assert type(error) is kind
    assert "did not answer for 0.05 s" in str(error)


@pytest.mark.parametrize("talk", [silence, trickle, trickle_in_the_head])
def test_the_bound_without_progress_holds_for_a_command_on_a_real_socket(talk: Talk) -> None:
    """Reads, tries and later calls together take hardly longer than the bound, and a note shows what is awaited."""

    async def main() -> tuple[float, list[str]]:
        started, notes = time.monotonic(), list[str]()
        async with (
            wire(talk) as (base_url, _),
            onefile_at(base_url, backoff=Backoff(tries=50), longest_wait_seconds=0.4, notify=notes.append) as client,
        ):
            for number in range(20):
                with pytest.raises(ServiceError):
                    await client.read("GET", f"/User/{number}")
        return time.monotonic() - started, notes

    seconds, notes = asyncio.run(main())
    assert seconds < 2
    assert "Waiting for 127.0.0.1 to answer GET /User/0; giving up in 0 s." in notes


def test_a_refused_connection_is_shown_within_two_seconds_though_it_is_tried_again() -> None:
    """The first failure names the host and the bound, before the first retry; later failures add no line."""
    notes: list[tuple[float, str]] = []
    started = time.monotonic()

    async def main() -> None:
        backoff = Backoff(tries=4, first_wait_seconds=0.01)
        base_url = f"http://127.0.0.1:{free_port()}"
        async with onefile_at(
            base_url, backoff=backoff, notify=lambda note: notes.append((time.monotonic() - started, note))
        ) as client:
            await client.read("GET", "/User/1")

    with pytest.raises(Unreachable, match="tried 4 times"):
        asyncio.run(main())
    ((seconds, note),) = notes
    assert seconds < 2
    assert "no connection to 127.0.0.1" in note
    assert "trying again for up to" in note


@pytest.mark.parametrize("talk", [trickle, trickle_in_the_head])
@pytest.mark.parametrize("call", [reading, writing])
def test_a_server_that_trickles_cannot_hold_a_call_for_ever(talk: Talk, call: Call) -> None:
    """Single bytes that come just in time reset every timeout but the one for the call as a whole."""
    error, _ = meet(talk, call, timeouts=Timeouts(call=0.2))
    if talk is trickle and call is writing:
        assert error is None  # the status had come: accepted
    else:
        assert isinstance(error, ServiceError)
        assert "not complete within 0.2 s" in str(error)


@pytest.mark.parametrize("status", [b"200 OK", b"400 Bad Request"])
def test_an_endless_text_beside_a_status_is_not_listened_to(status: bytes) -> None:
    """A write needs the status and a line of words; a server that talks on is left after a few kilobytes."""
    sent: list[int] = []

    async def talk(head: bytes, writer: Writer) -> None:
        writer.write(b"HTTP/1.1 " + status + b"\r\nConnection: close\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x" * 65_536)
            await writer.drain()
            sent.append(65_536)

    result, _ = meet(talk, writing)
    assert type(result) is (type(None) if status == b"200 OK" else Rejected)
    assert sum(sent) < 50_000_000


def test_a_refusal_counts_although_its_text_is_cut_short() -> None:
    """The status of a 4xx counts; its text is only the part that arrived."""

    async def talk(head: bytes, writer: Writer) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 100\r\n\r\nNo such unit")
        writer.close()

    error, seen = meet(talk, writing)
    assert isinstance(error, Rejected)
    assert (error.detail, seen) == ("No such unit", 1)


def test_an_ipv6_only_server_on_loopback_is_reached() -> None:
    """[::1] in a base URL works, and so does the loopback rule for plain http."""

    async def talk(head: bytes, writer: Writer) -> None:
        writer.write(HEAD + b"Content-Length: 1\r\n\r\n1")

    assert meet(talk, reading, host="::1") == (1, 1)


@pytest.mark.parametrize("call", [reading, writing])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_refused_connection_is_unreachable(host: str, call: Call) -> None:
    """Without a listener nothing was sent, so the message of a read or a write says that nothing was done."""

    async def main() -> None:
        async with onefile_at(f"http://{host}:{free_port()}/api/v2.1") as client:
            with pytest.raises(Unreachable, match=f"no connection to {host}.*tried 2 times") as caught:
                await call(client)
            assert "Nothing was done" in str(caught.value)

    asyncio.run(main())


@pytest.mark.parametrize("call", [reading, writing])
def test_an_unknown_host_is_unreachable(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name without an address, with or without a network, ends in a clear error."""
    for variable in ("HTTPS_PROXY", "ALL_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)

    async def main() -> str:
        async with onefile_at("https://no-such-host.invalid/api/v2.1", backoff=Backoff()) as client:
            with pytest.raises(Unreachable, match=r"no connection to no-such-host\.invalid") as caught:
                await call(client)
        return str(caught.value)

    assert "tried" not in asyncio.run(main())  # another try finds no address either


@pytest.mark.parametrize(
    ("causes", "missing"),
    [
        ([socket.gaierror(socket.EAI_NONAME, "unknown")], True),
        ([socket.gaierror(socket.EAI_AGAIN, "no server")], True),
        ([OSError(errno.ENETUNREACH, "no route")], True),
        ([OSError(errno.ENETUNREACH, "no route"), OSError(errno.EHOSTUNREACH, "no host")], True),
        ([OSError(errno.ENETUNREACH, "no IPv6"), ConnectionRefusedError(errno.ECONNREFUSED, "no")], False),
        ([ConnectionRefusedError(errno.ECONNREFUSED, "no")], False),
        ([TimeoutError()], False),
    ],
)
def test_only_a_missing_network_is_not_tried_again(causes: list[Exception], missing: bool) -> None:
    """Libraries wrap the system's error, several together if a name has several addresses."""
    error = ConnectionError("all attempts failed")
    error.__cause__ = OSError("failed")
    error.__cause__.__context__ = causes[0] if len(causes) == 1 else ExceptionGroup("several", causes)
    assert is_network_missing(error) is missing


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("at_log_in", [True, False])
@pytest.mark.parametrize("call", [reading, writing])
def test_no_token_follows_a_redirect(status: int, at_log_in: bool, call: Call) -> None:
    """Neither another host nor another port of this host gets a request."""

    async def listen(head: bytes, writer: Writer) -> None:
        writer.write(HEAD + b"Content-Length: 1\r\n\r\n1")

    async def main() -> list[bytes]:
        async with wire(listen, talks_at_log_in=True) as (elsewhere, heard):

            async def point(head: bytes, writer: Writer) -> None:
                place = f"HTTP/1.1 {status} Go\r\nLocation: {elsewhere}/User/1\r\nContent-Length: 0\r\n\r\n"
                writer.write(place.encode())

            async with wire(point, talks_at_log_in=at_log_in) as (base_url, _), onefile_at(base_url) as client:
                with pytest.raises(ServiceError):
                    await call(client)
        return heard

    assert asyncio.run(main()) == []


def test_connections_are_kept_and_used_again() -> None:
    """Ten reads one after the other need one connection."""
    ports: set[object] = set()

    async def talk(head: bytes, writer: Writer) -> None:
        ports.add(writer.get_extra_info("peername"))
        writer.write(HEAD + b"Content-Length: 1\r\n\r\n1")

    async def ten(client: OneFile) -> object:
        return [await reading(client) for _ in range(10)]

    assert meet(talk, ten) == ([1] * 10, 10)
    assert len(ports) == 1
