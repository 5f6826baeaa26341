"""Speaking with GitHub: reads are repeated in bounds, writes are not, refusals become problems, the token stays."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from reconciler.github.api import GitHub
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


@pytest.mark.parametrize("status", [500, 502, 503, 429])
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
    hub.app.state.answers[:] = [Response(status_code=429, headers={"Retry-After": "3600"})]
    with pytest.raises(Refused):
        github.get(PULL, needs=NEEDS)
    assert len(waits) == 3


@pytest.mark.parametrize("status", [403, 429, 500, 503])
def test_a_write_is_sent_once(hub: Hub, github: GitHub, waits: list[float], status: int) -> None:
    """Two comments for one are worse than a run that has to be started again."""
    hub.app.state.answers += [Response(status_code=status, headers={"Retry-After": "1"})]
    with pytest.raises(ReconcilerError):
        github.send("POST", f"/repos/{REPOSITORY}/issues", {"title": "t", "body": "b"}, needs="issues: write")
    assert (len(hub.app.state.asked), waits) == (1, [])


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
