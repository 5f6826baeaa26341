"""No token and no person's data in any output of the client, for any answer of a server."""

from __future__ import annotations

import asyncio
import logging
import re
import traceback
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from onefile_sandbox.world import World
from reconciler.onefile.client import OneFile
from reconciler.onefile.redaction import FIELD_NAMES, NOUNS, SAFE_WORDS, keep_known_words, redact, server_message
from reconciler.problems import ServiceError
from tests.onefile.servers import SECRET, Script, Step, json, onefile, onefile_at, reset, wire

SESSION = "S3ss10n-0a1B2c3d/e5f"
BOTH = f"{SECRET} {SESSION}"
ECHO = {
    "x-echo": BOTH,
    "location": f"https://{quote(SESSION, safe='')}.example/{quote(SECRET)}?{SESSION}",
    "set-cookie": f"t={SESSION}",
}


@pytest.mark.parametrize(
    "step",
    [
        json({"message": f"token {BOTH} is wrong"}, 400),
        json({"message": f"token {BOTH} is wrong"}, 401),
        json({"message": f"token {BOTH} is wrong"}, 403),
        PlainTextResponse("x" * 190 + BOTH, 404),
        PlainTextResponse(BOTH, 500),
        PlainTextResponse(quote(BOTH, safe="").lower(), 400),
        PlainTextResponse(BOTH, 200),
        Response(BOTH, 302, ECHO),
        Response(BOTH, 429, ECHO),
        HTMLResponse(f"<p>{BOTH}</p>", 200),
        RuntimeError(BOTH),
        json([BOTH], 206),
    ],
)
@pytest.mark.parametrize("log_in", [False, True])
def test_no_token_shows_in_an_error_or_a_log(step: Step, log_in: bool, caplog: pytest.LogCaptureFixture) -> None:
    """A server that repeats both tokens wherever it can gets neither into a message, a traceback, a repr or a log."""
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "httpcore.http11", "httpcore.connection", "asyncio", "anyio"):
        caplog.set_level(logging.DEBUG, logger=name)
    tokens = PlainTextResponse(SESSION)
    script = Script(step, log_in=[step if log_in else tokens])
    shown = asyncio.run(complaints(onefile(script)))
    logging.getLogger("proof").debug("the log is read")
    assert "the log is read" in caplog.text
    for text in (*shown, caplog.text):
        assert SECRET[:10].lower() not in text.lower()
        assert (
            SESSION[:10].lower() not in text.lower()
        ) or log_in  # there it never became our session, so it is only the server's word


async def complaints(client: OneFile) -> list[str]:
    """Collect every form in which a failed read and write of the client could be printed."""
    shown = [repr(client)]
    async with client:
        for call in (client.read("GET", "/User/1"), client.write("POST", "/User/1", {})):
            try:
                await call
            except ServiceError as error:
                shown += [str(error), repr(error), error.detail, repr(vars(error)), *traceback.format_exception(error)]
    return shown


def test_no_token_shows_in_the_logs_of_the_wire(caplog: pytest.LogCaptureFixture) -> None:
    """On a real socket the HTTP libraries log headers at DEBUG; ours stay silent, whatever comes back."""
    caplog.set_level(logging.DEBUG)

    async def talk(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 400 {SECRET}\r\nX-Echo: {BOTH}\r\nContent-Length: {len(BOTH)}\r\n\r\n{BOTH}".encode())
        await writer.drain()
        reset(writer)

    async def main() -> list[str]:
        async with wire(talk) as (base_url, heads):
            shown = await complaints(onefile_at(base_url))
            assert heads
        return shown

    shown = asyncio.run(main())
    for text in (*shown, caplog.text):
        assert SECRET not in text
        assert "session-1" not in text


def test_an_old_session_is_hidden_as_well() -> None:
    """The token of a session that has been renewed is still a token."""
    script = Script(Response(status_code=401), json({"message": "session-1 has ended, session-2 too"}, 400))
    shown = asyncio.run(complaints(onefile(script)))
    assert "[removed] has ended, [removed] too" in "".join(shown)


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("No unit KS_COMM1 for user 200004", "No unit KS_COMM1 for user 200004"),
        ("Standard 41242 not held", "Standard 41242 not held"),
        ("m.okafor-bell+x@college.example exists", "[removed] exists"),
        ("NINO QQ123456C or QQ 12 34 56 C is used", "NINO [removed] or [removed] is used"),
        ("ULN 1234567890", "ULN [removed]"),
        ("ULN 123 456 7890", "ULN [removed]"),
        ("call +44 7700 900123 now", "call [removed] now"),
        ("call 07700-900123 now", "call [removed] now"),
        ("born 03/04/2001", "born [removed]"),
        ("born 2001-04-03T00:00:00", "born [removed]T00:00:00"),
        ("born 3rd of April 2001", "born [removed]"),
        ("born April 3, 2001", "born [removed]"),
        ("born 3-Apr-01", "born [removed]"),
        ("a\x1b[31mb\x07\u202ec\u2028d\te", "a [31mb c d e"),
        ("12\u200b34\u200b56\u200b78\u200b90", "[removed]"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc expired", "[removed] expired"),
        ("", ""),
    ],
)
def test_personal_data_is_taken_out(text: str, safe: str) -> None:
    """E-mail addresses, dates, long numbers, opaque tokens and control characters go; ids and words stay."""
    assert redact(text) == safe


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("Learner 200004 does not hold standard 41242", "Learner 200004 does not hold standard 41242"),
        ("User 132757 is a learner and cannot be assigned", "User 132757 is a learner and cannot be assigned"),
        ("DefaultAssessorID isn't the learner's; PlacementID is missing.",) * 2,
        ('{"error": "Not allowed"}', '{"error": "Not allowed"}'),
        ("Adara Ashcombe is already assigned", "[removed] is already assigned"),
        ("no user adara.o'neill2, see Ms. A. Ashcombe-Vaisey", "no user [removed], see [removed]"),
        ("Learner May Page is not active", "Learner [removed] is not active"),
        ("Cannot assign: An Do is archived", "Cannot assign: An [removed] is archived"),
        ("No unit KS_COMM1 for user 200004", "No unit [removed] for user 200004"),
        ("Léa-Noëlle Łukasz 王小明 not found", "[removed] not found"),
        ("[removed] Adara", ""),
        ("", ""),
    ],
)
def test_only_words_that_are_nobodys_name_are_left(text: str, safe: str) -> None:
    """Known words, fields and ids stay; any other name is removed in any spelling."""
    assert keep_known_words(text) == safe


@given(st.lists(st.sampled_from(["learner", "is", "not", "Adara", "ASHCOMBE", "ashcombe", "May", "7", ",", "("])))
def test_no_name_passes_in_any_sentence(words: list[str]) -> None:
    """In capitals, in small letters, at the beginning, in brackets."""
    shown = keep_known_words(" ".join(words)).lower()
    assert not {"adara", "ashcombe", "may"} & set(re.findall(r"\w+", shown))


def test_no_word_of_the_vocabulary_is_a_name_of_the_sandboxs_people() -> None:
    """And every one is in small letters, once, so that it can be found."""
    names = {name.lower() for user in World.create().users.values() for name in (user["FirstName"], user["LastName"])}
    shown = SAFE_WORDS | FIELD_NAMES | NOUNS
    assert names.isdisjoint(shown)
    assert {word for word in shown if word != word.lower()} == set()
    assert SAFE_WORDS.isdisjoint(
        {"will", "may", "mark", "page", "read", "long", "grace", "young", "case", "call's", "post"}
    )


def test_a_refusal_that_names_somebody_names_nobody_here() -> None:
    """Neither in the words, nor in the detail that is kept."""
    script = Script(json({"message": "Adara Ashcombe (adara.ashcombe) is not of placement 8101"}, 400))
    shown = "".join(asyncio.run(complaints(onefile(script))))
    assert "[removed] ([removed]) is not of placement 8101" in shown
    assert "adara" not in shown.lower() and "ashcombe" not in shown.lower()


def test_a_long_message_is_cut() -> None:
    """At most 200 characters, whatever the length, and in no time to speak of."""
    assert len(redact("words " * 100)) == 200
    for letter in ("a", "1", "@", "a1", "1 ", "a@", "-"):
        assert len(redact(letter * 1_000_000)) <= 200


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"message": "No"}', "No"),
        (b'{"Message": "No", "MessageDetail": "never mind"}', "No"),
        (b'{"MESSAGE": "No"}', "No"),
        (b'{"message": {"a": 1}}', '{"message": {"a": 1}}'),
        (b'{"error": "No"}', '{"error": "No"}'),
        (b'"No"', "No"),
        (b"No", "No"),
        (b"[1]", "[1]"),
        (b"\xff\xfeNo", "\ufffd\ufffdNo"),
        (b"[" * 50_000, "[" * 50_000),
        (b" \n<!DOCTYPE html><p>No", ""),
        (b"", ""),
    ],
)
def test_the_servers_own_message_is_found(body: bytes, words: str) -> None:
    """`message` in any case, else a JSON string, else the text; a web page says nothing to our users."""
    assert server_message(body) == words
