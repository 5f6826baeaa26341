"""Faults fire on the calls they name, in order, once; and each spoils exactly what it says."""

from __future__ import annotations

from typing import get_args

import httpx
import pytest
from starlette.routing import Route

from onefile_sandbox.app import CONTROL_PLANE, DroppedAnswer, create_app
from onefile_sandbox.faults import FIELDS, KINDS, Fault, Faults, Kind
from onefile_sandbox.world import World
from tests.onefile_sandbox.trial import JAMES, KATE, LEARNER, Sandbox

WRITE = f"/User/{LEARNER}"
TO_JAMES = {"DefaultAssessorID": JAMES}


def _holder(sandbox: Sandbox) -> int | None:
    return sandbox.world.users[LEARNER]["DefaultAssessorID"]


@pytest.mark.parametrize(
    ("fault", "status", "took_effect"),
    [
        (Fault("throttle"), 429, False),
        (Fault("error_before"), 500, False),
        (Fault("error_before", status=502), 502, False),
        (Fault("error_after"), 500, True),
        (Fault("error_after", status=503), 503, True),
        (Fault("drop_before"), None, False),
        (Fault("drop_after"), None, True),
        (Fault("cut_length"), None, True),
        (Fault("cut_json"), 200, True),
        (Fault("html"), 200, True),
        (Fault("html", status=503), 503, True),
        (Fault("latency", seconds=5), 204, True),
        (Fault("expired_session"), 401, False),
        (Fault("repeated_page"), 204, True),
        (Fault("short_page"), 204, True),
        (Fault("changed_order"), 204, True),
    ],
)
def test_a_write_under_a_fault_takes_effect_or_not_as_the_fault_says(
    fault: Fault, status: int | None, took_effect: bool
) -> None:
    """The world differs before and after, although the answer does not."""
    sandbox = Sandbox(faults=(fault,))
    try:
        answered: int | None = sandbox.call("POST", WRITE, TO_JAMES).status_code
    except httpx.TransportError:
        answered = None
    assert (answered, _holder(sandbox)) == (status, JAMES if took_effect else KATE)
    call = sandbox.send("GET", "/_sandbox/calls").json()[-1]
    assert (call["effect"], call["fault"]) == (took_effect, fault.kind)
    assert sandbox.service.faults.waiting() == ()


@pytest.mark.parametrize(("retry_after", "header"), [(None, None), (7, "7"), (0, "0")])
def test_a_throttled_answer_says_when_to_come_back_only_if_told_to(retry_after: int | None, header: str | None) -> None:
    """Retry-After in seconds, or no header."""
    sandbox = Sandbox(faults=(Fault("throttle", retry_after=retry_after),))
    assert sandbox.call("GET", WRITE).headers.get("retry-after") == header


def test_latency_passes_on_the_given_clock() -> None:
    """In process it takes no real time."""
    sandbox = Sandbox(faults=(Fault("latency", seconds=90),))
    before = sandbox.clock.monotonic()
    sandbox.call("GET", WRITE)
    assert sandbox.clock.monotonic() - before == 90


def test_an_answer_cut_in_its_json_cannot_be_read() -> None:
    """It is a whole HTTP answer, and half a text."""
    sandbox = Sandbox(faults=(Fault("cut_json"),))
    answer = sandbox.call("GET", WRITE)
    assert int(answer.headers["content-length"]) == len(answer.content)
    with pytest.raises(ValueError, match=r"char \d+"):
        answer.json()


def test_a_web_page_comes_where_json_was_promised() -> None:
    """With status 200, as a gateway's maintenance page may."""
    answer = Sandbox(faults=(Fault("html"),)).call("GET", WRITE)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")


def test_an_expired_session_stays_expired_until_the_next_login() -> None:
    """The fault ends the session itself, not just one call."""
    sandbox = Sandbox(faults=(Fault("expired_session"),))
    assert [sandbox.call("GET", WRITE).status_code for _ in range(2)] == [401, 401]
    sandbox.token = sandbox.log_in()
    assert sandbox.call("GET", WRITE).status_code == 200


def test_lists_come_repeated_short_or_turned_around() -> None:
    """Each only for the call it fires on."""
    path, body = "/User/Search/{}/10", {"Role": 1}
    sandbox = Sandbox()
    first, second = (sandbox.rows(path.format(page), body) for page in (1, 2))
    everyone = sandbox.rows("/User/Search", body)
    for kind, expected in (
        ("repeated_page", first),
        ("short_page", second[:-1]),
        ("changed_order", sandbox.rows("/User/Search/1/50", body)[::-1][10:20]),
    ):
        sandbox.service.faults.arm(Fault(kind, path="/User/Search/2/*"))  # type: ignore[arg-type]
        assert sandbox.rows(path.format(2), body) == expected
        assert sandbox.rows(path.format(2), body) == second
    sandbox.service.faults.arm(Fault("short_page"))
    assert sandbox.rows("/User/Search", body) == everyone[:-1]


@pytest.mark.parametrize("make", [None, lambda: httpx.ReadError("closed")])
def test_in_process_a_closed_connection_is_the_exception_asked_for(make: object) -> None:
    """Without one of the client's own, the sandbox's."""
    sandbox = Sandbox()
    if make is None:
        sandbox.app = create_app(World.create(learners=4), faults=Faults(Fault("drop_after")))
    else:
        sandbox.service.faults.arm(Fault("drop_after"))
    with pytest.raises(DroppedAnswer if make is None else httpx.ReadError):
        sandbox.send("GET", "/api/v2.1/Customer")


# ------------------------------------------------------------------ which call, and how often


def test_a_fault_waits_for_its_call_and_is_used_up() -> None:
    """The nth matching call from arming on, for as many calls as it says; other calls do not count."""
    faults = Faults(Fault("html", method="post", path="/user/*/ASSIGN", nth=2, times=2))
    calls = [
        ("POST", "/User/1/Assign"),
        ("GET", "/User/1/Assign"),
        ("POST", "/User/1"),
        ("POST", "/User/2/Assign"),
        ("POST", "/User/3/Assign"),
        ("POST", "/User/4/Assign"),
    ]
    assert [faults.take(*call) is not None for call in calls] == [False, False, False, True, True, False]


def test_of_two_faults_that_are_due_the_first_armed_fires_first() -> None:
    """The other fires on the next call: none is lost."""
    faults = Faults(Fault("html", nth=2), Fault("throttle"), Fault("drop_after", nth=2))
    fired = [faults.take("GET", "/Customer") for _ in range(5)]
    assert [fault and fault.kind for fault in fired] == ["throttle", "html", "drop_after", None, None]


def test_every_kind_and_field_of_a_fault_is_documented() -> None:
    """In the tables that the reference page is made from."""
    assert tuple(KINDS) == get_args(Kind)
    assert tuple(FIELDS) == Fault.__struct_fields__


def test_every_address_of_the_control_plane_is_documented() -> None:
    """With the method that the documentation names."""
    app = create_app(World.create(learners=1))
    control = {
        route.path: route.methods or set()
        for route in app.routes
        if isinstance(route, Route) and route.path.startswith("/_sandbox/")
    }
    documented = {path: method for method, path in (entry.split() for entry in CONTROL_PLANE)}
    assert documented.keys() == control.keys()
    assert all(documented[path] in methods for path, methods in control.items())


def test_faults_are_armed_and_cleared_from_outside() -> None:
    """One or a list, as JSON."""
    sandbox = Sandbox()
    fault = {"kind": "error_before", "path": "/User/*", "status": 502}
    assert sandbox.send("POST", "/_sandbox/faults", json=fault).json() == {"waiting": 1}
    assert sandbox.send("POST", "/_sandbox/faults", json=[fault, fault]).json() == {"waiting": 3}
    assert sandbox.call("GET", WRITE).status_code == 502
    assert sandbox.send("GET", "/_sandbox/faults").json() == {"waiting": 2}
    assert sandbox.send("DELETE", "/_sandbox/faults").json() == {"waiting": 0}
    assert sandbox.call("GET", WRITE).status_code == 200


@pytest.mark.parametrize(
    "fault",
    [
        None,
        [[]],
        {},
        {"kind": "gremlin"},
        {"kind": 5},
        {"kind": "html", "colour": "red"},
        {"kind": "html", "nth": 0},
        {"kind": "html", "times": "2"},
        {"kind": "html", "times": True},
        {"kind": "html", "status": 99},
        {"kind": "latency", "seconds": -1},
        [{"kind": "html"}, {"kind": "gremlin"}],
    ],
)
def test_a_fault_that_does_not_exist_is_refused_and_none_is_armed(fault: object) -> None:
    """With a message that says what there is."""
    sandbox = Sandbox()
    answer = sandbox.send("POST", "/_sandbox/faults", json=fault)
    assert answer.status_code == 400
    assert answer.json()["message"]
    assert sandbox.service.faults.waiting() == ()
