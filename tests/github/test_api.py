"""Speaking with GitHub: reads are repeated in bounds, writes are not, refusals become problems, the token stays."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from onefile_sandbox.serve import serving
from reconciler.github.api import LONGEST_WAIT_SECONDS, GitHub
from reconciler.github.errors import Refused
from reconciler.model.structs import replace
from reconciler.problems import ReconcilerError
from tests.github.conftest import TOKEN, Hub
from tests.github.forge import REPOSITORY, PullRequest, Text

PULL = f"/repos/{REPOSITORY}/pulls/1"
NEEDS = "pull-requests: write"


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def github(hub: Hub, waits: list[float]) -> Iterator[GitHub]:
    with GitHub(hub.here(), sleep=waits.append) as github:
        yield github


def reviews(hub: Hub, count: int) -> None:
    pull = PullRequest(1, "ada", "b", "a" * 40)
    pull.reviews = [{"user": "ben", "state": "COMMENTED", "commit": "", "at": hub.forge.now()} for _ in range(count)]
    hub.forge.pulls[1] = pull


@pytest.mark.parametrize("count", [0, 1, 100, 101, 250])
def test_a_list_is_read_to_its_end(hub: Hub, github: GitHub, count: int) -> None:
    """However many pages it has."""
    reviews(hub, count)
    assert len(github.pages(f"{PULL}/reviews", needs=NEEDS, most=1000)) == count


def test_a_list_longer_than_can_be_seen_is_not_taken_for_whole(hub: Hub, github: GitHub) -> None:
    """What is not seen must not count as absent."""
    reviews(hub, 301)
    with pytest.raises(ReconcilerError, match="more than 200"):
        github.pages(f"{PULL}/reviews", needs=NEEDS, most=200)


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_read_is_repeated_where_that_may_help(hub: Hub, github: GitHub, waits: list[float], status: int) -> None:
    """After pauses that grow, and after as long as GitHub asks."""
    reviews(hub, 1)
    hub.app.state.answers += [Response(status_code=status), Response(status_code=status, headers={"Retry-After": "7"})]
    assert len(github.pages(f"{PULL}/reviews", needs=NEEDS, most=100)) == 1
    assert waits == [1.0, 7.0]


def test_a_read_gives_up_in_bounds(hub: Hub, github: GitHub, waits: list[float]) -> None:
    """Four tries and no more, and never a pause of more than a minute."""
    hub.app.state.answers += [Response(status_code=503)] * 9
    with pytest.raises(Refused):
        github.get(PULL, needs=NEEDS)
    assert (len(hub.app.state.asked), len(waits)) == (4, 3)
    hub.app.state.answers[:] = [Response(status_code=503, headers={"Retry-After": "3600"})]
    with pytest.raises(Refused):
        github.get(PULL, needs=NEEDS)
    assert len(waits) == 3


@pytest.mark.parametrize("status", [500, 503])
def test_a_write_is_sent_once(hub: Hub, github: GitHub, waits: list[float], status: int) -> None:
    """Two comments for one are worse than a run that has to be started again."""
    hub.app.state.answers += [Response(status_code=status, headers={"Retry-After": "1"})]
    with pytest.raises(ReconcilerError):
        github.send("POST", f"/repos/{REPOSITORY}/issues", {"title": "t", "body": "b"}, needs="issues: write")
    assert (len(hub.app.state.asked), waits) == (1, [])


LIMITS = [
    (Response(status_code=429, headers={"Retry-After": "7"}), 7.0),
    (Response(status_code=403, headers={"Retry-After": "0"}), 1.0),
    (Response(status_code=403, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1130"}), 131.0),
    (Response(status_code=429, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "900"}), 1.0),
    (JSONResponse({"message": "You have exceeded a secondary rate limit."}, 403), 60.0),
    (Response(status_code=429, headers={"Retry-After": "soon"}), 60.0),
]


@pytest.mark.parametrize(("answer", "seconds"), LIMITS)
@pytest.mark.parametrize("writes", [False, True])
def test_a_rate_limit_is_waited_for_and_said(hub: Hub, answer: Response, seconds: float, writes: bool) -> None:
    """Until the time that GitHub names, else a minute; a write too, because what a limit refuses was not done."""
    reviews(hub, 1)
    hub.app.state.answers += [answer]
    waits: list[float] = []
    notes: list[str] = []
    with GitHub(hub.here(), sleep=waits.append, now=lambda: 1000.0, note=notes.append) as github:
        if writes:
            github.send("POST", f"/repos/{REPOSITORY}/issues", {"title": "t", "body": "b"}, needs="issues: write")
        else:
            github.pages(f"{PULL}/reviews", needs=NEEDS, most=100)
    assert waits == [seconds]
    assert len(notes) == 1
    assert f"waiting until {datetime.fromtimestamp(1000.0 + seconds, UTC):%H:%M:%S} UTC" in notes[0]
    assert len(hub.forge.issues) == writes


def test_graphql_says_its_rate_limit_in_a_good_answer(hub: Hub, github: GitHub, waits: list[float]) -> None:
    """With status 200, and no data."""
    limit = {"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]}
    hub.app.state.answers += [JSONResponse(limit, headers={"Retry-After": "3"}), JSONResponse({"data": {"a": 1}})]
    assert github.query("query", {}, needs=NEEDS) == {"a": 1}
    assert waits == [3.0]


@pytest.mark.parametrize("count", [1, 9])
def test_a_rate_limit_is_waited_for_in_bounds(hub: Hub, github: GitHub, waits: list[float], count: int) -> None:
    """A quarter of an hour in one run, however the limits follow each other; then the time of the reset is reported."""
    seconds = "3600" if count == 1 else "200"
    hub.app.state.answers += [Response(status_code=403, headers={"Retry-After": seconds})] * count
    with pytest.raises(Refused, match="rate limit is reached until") as caught:
        github.get(PULL, needs=NEEDS)
    assert "permissions" not in str(caught.value)
    assert sum(waits) <= LONGEST_WAIT_SECONDS


def test_a_file_is_downloaded_without_the_token(hub: Hub, github: GitHub) -> None:
    """GitHub keeps it elsewhere, behind an address that is a secret of its own."""
    elsewhere: list[tuple[str, bool]] = []

    async def file(request: Request) -> Response:
        elsewhere.append((request.url.query, "authorization" in request.headers))
        return Response(b"content")

    with serving(Starlette(routes=[Route("/api/v2.1/file", file)])) as url:
        hub.app.state.answers += [RedirectResponse(f"{url}/file?signature=x", 302)]
        assert github.download(PULL, needs=NEEDS) == b"content"
    assert elsewhere == [("signature=x", False)]
    hub.app.state.answers += [RedirectResponse("http://example.invalid/file", 302)]
    with pytest.raises(ReconcilerError, match="not encrypted"):
        github.download(PULL, needs=NEEDS)


@pytest.mark.parametrize(
    ("answer", "what", "fix"),
    [
        (JSONResponse({"message": "Bad credentials"}, 401), "does not accept the token", "github.token"),
        (JSONResponse({"message": "Resource not accessible"}, 403), "may not do this", NEEDS),
        (JSONResponse({"message": "Not Found"}, 404), "does not have this", NEEDS),
        (JSONResponse({"message": "body is too long"}, 422), "body is too long", "again"),
        (PlainTextResponse("<html>", 422), "does not accept the request", "again"),
        (
            JSONResponse({"message": "not permitted to create or approve pull requests"}, 403),
            "does not let",
            "Settings",
        ),
    ],
)
def test_a_refusal_says_what_is_missing(hub: Hub, github: GitHub, answer: Response, what: str, fix: str) -> None:
    """With the permission that this very request takes."""
    hub.app.state.answers += [answer]
    with pytest.raises(Refused) as caught:
        github.send("POST", f"/repos/{REPOSITORY}/issues", {}, needs=NEEDS)
    (problem,) = caught.value.problems
    assert what in problem.what
    assert fix in problem.fix


def test_the_token_follows_no_redirect(hub: Hub, github: GitHub) -> None:
    """Wherever it leads: the token is for the host that was named."""
    hub.app.state.answers += [RedirectResponse(f"{hub.url}/elsewhere")]
    with pytest.raises(Refused, match="another address"):
        github.get(PULL, needs=NEEDS)
    assert len(hub.app.state.asked) == 1


UNREADABLE = ["", "{", "[]", '{"data": null}', '{"data": {}, "errors": [{"message": "no"}]}', '{"data": {"a": 1e999}}']


@pytest.mark.parametrize("answer", UNREADABLE)
def test_half_an_answer_is_none(hub: Hub, github: GitHub, answer: str) -> None:
    """GraphQL answers 200 whatever happened: what is not whole data, without an error, is not used."""
    hub.app.state.answers += [PlainTextResponse(answer)]
    with pytest.raises(ReconcilerError):
        github.query("query", {}, needs=NEEDS)


def test_nobody_there_is_a_problem(hub: Hub, waits: list[float]) -> None:
    """A read is tried again, and a write is said to have done nothing where it never left."""
    with GitHub(replace(hub.here(), api_url="http://127.0.0.1:9"), sleep=waits.append) as nowhere:
        with pytest.raises(ReconcilerError, match="did not answer"):
            nowhere.get(PULL, needs=NEEDS)
        assert waits == [1.0, 2.0, 4.0]
        with pytest.raises(ReconcilerError) as caught:
            nowhere.send("POST", PULL, {}, needs=NEEDS)
    assert "may or may not" not in str(caught.value)


def test_the_token_is_shown_nowhere(hub: Hub, github: GitHub, caplog: pytest.LogCaptureFixture) -> None:
    """Not in what is logged, represented or raised."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises(Refused) as caught:
        github.get("/nowhere", needs=NEEDS)
    assert TOKEN not in caplog.text + str(caught.value) + repr(hub.here()) + repr(github)


def test_who_wrote_is_githubs_word(hub: Hub) -> None:
    """The stand-in and GitHub agree on this: a bot is ours by viewerDidAuthor, not by how its name is spelt."""
    from reconciler.github.comments import comments_of

    pull = PullRequest(1, "ada", "b", "a" * 40)
    pull.comments = [Text(5, "github-actions[bot]", "x", hub.forge.now()), Text(6, "ada", "y", hub.forge.now())]
    hub.forge.pulls[1] = pull
    with GitHub(hub.here()) as github:
        assert [one["viewerDidAuthor"] for one in comments_of(github, hub.here(), 1)] == [True, False]
