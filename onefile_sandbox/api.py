"""One exchange with the API: rate limit, session, route, answer, and any fault that was armed for it."""

from __future__ import annotations

import json
import math
import re
import secrets
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from onefile_sandbox import reads, writes
from onefile_sandbox.clock import Clock
from onefile_sandbox.eventlog import WorldFileError
from onefile_sandbox.faults import BEFORE, Fault, Faults
from onefile_sandbox.reads import Query, Record, Row, Rows
from onefile_sandbox.records import instant
from onefile_sandbox.request_body import Kind, Refused, read_fields
from onefile_sandbox.switches import Switches
from onefile_sandbox.world import Effect, Value, World
from onefile_sandbox.writes import Write

BASE = "/api/v2.1"
WINDOW_SECONDS = 60.0
CALLS_REMEMBERED = 100_000


class ApiRequest(Struct, frozen=True):
    """A request below the base URL; header names are lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


class Answer(Struct, frozen=True):
    """A response; *closed* means that the connection ends before it ("none") or inside it ("part")."""

    status: int
    body: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    closed: str = ""


class Route(Struct, frozen=True):
    """An endpoint: exactly one of *read* and *write*. Searches that are *paged* end in /{page}/{size}."""

    method: str
    pattern: re.Pattern[str]
    known: Mapping[str, Kind]
    read: Callable[[Query], Row | Rows] | None = None
    write: Callable[[Write], list[Effect]] | None = None
    paged: bool = False
    creates: bool = False


class SandboxApi:
    """The API over one world. A process handles one call at a time, so none sees half a write."""

    def __init__(self, world: World, switches: Switches, faults: Faults, clock: Clock, customer_token: str) -> None:
        self.world = world
        self.switches = switches
        self.faults = faults
        self.clock = clock
        self.calls: deque[dict[str, object]] = deque(maxlen=CALLS_REMEMBERED)
        self._customer_token = customer_token
        self._sessions: dict[str, float] = {}  # token to the moment it was issued
        self._issued: set[str] = set()
        self._recent: deque[float] = deque()
        self._written: deque[tuple[float, Effect, Value]] = deque()  # with its time and the old value

    async def exchange(self, request: ApiRequest) -> Answer:
        """Return the answer to one call below the base URL. Every call is recorded, refused calls too."""
        fault = self.faults.take(request.method, request.path.rstrip("/"))
        if fault and fault.kind == "latency":
            await self.clock.sleep(fault.seconds)
        at = self.clock.now()
        answer, effect = self._handled(request, fault)
        if fault:
            answer = _with_fault(answer, fault)
        self.calls.append(
            {
                "at": instant(at),
                "method": request.method,
                "path": request.path,
                "status": None if answer.closed == "none" else answer.status,
                "effect": effect,
                "fault": fault.kind if fault else None,
            }
        )
        return answer

    def knows(self, session: str) -> bool:
        """Return True if this customer's log-in issued the session token, which may be over."""
        return session in self._issued

    def replace_token(self, customer_token: str) -> None:
        """Take this customer token only, as after OneFile's support issued a new one; sessions of the old one end."""
        self._customer_token = customer_token
        self._sessions.clear()

    def _handled(self, request: ApiRequest, fault: Fault | None) -> tuple[Answer, bool]:
        """Return the answer, and True if the world changed."""
        if fault and fault.kind in BEFORE:
            return Answer(429 if fault.kind == "throttle" else fault.status or 500), False
        try:
            self._check_rate_limit()
            if fault and fault.kind == "expired_session":
                self._sessions.pop(request.headers.get("x-tokenid", ""), None)
            if request.path.lower().rstrip("/") == "/authentication":
                return self._log_in(request), False
            self._check_session(request)
            return self._routed(request, fault)
        except Refused as refusal:
            return self._refusal(refusal), False
        except _TooManyCalls as throttled:
            return throttled.answer, False
        except (OSError, WorldFileError) as error:  # the world's file, not the caller's request
            return self._refusal(Refused(500, str(error))), False

    # ------------------------------------------------------------ rate limit and session

    def _check_rate_limit(self) -> None:
        """Accept at most rate_limit calls in any 60 seconds. There is one customer, so one window for all."""
        now, limit = self.clock.monotonic(), self.switches.rate_limit
        while self._recent and now - self._recent[0] >= WINDOW_SECONDS:
            self._recent.popleft()
        if not limit or len(self._recent) < limit:
            self._recent.append(now)
            return
        wait = math.ceil(WINDOW_SECONDS - (now - self._recent[-limit]))
        if self.switches.throttled_calls == "counted":
            self._recent.append(now)
        answer = self._refusal(Refused(429, "Too many calls"))
        headers = {"Retry-After": str(max(1, wait))} if self.switches.retry_after == "present" else {}
        raise _TooManyCalls(replace(answer, headers=headers))

    def _log_in(self, request: ApiRequest) -> Answer:
        if request.method != "POST":
            raise Refused(405, "Authentication takes POST")
        if request.headers.get("x-customertoken") != self._customer_token:
            raise Refused(self.switches.bad_token_status, "The customer token is missing or wrong")
        now = self.clock.monotonic()
        self._sessions = {token: since for token, since in self._sessions.items() if not self._ended(since, now)}
        token = secrets.token_urlsafe(24)
        self._sessions[token] = now
        self._issued.add(token)
        quoted = self.switches.token_body == "quoted"  # noqa: S105 (not a secret, the shape of one)
        body = json.dumps(token) if quoted else token
        return Answer(200, body.encode(), "text/plain; charset=utf-8")

    def _check_session(self, request: ApiRequest) -> None:
        since = self._sessions.get(request.headers.get("x-tokenid", ""))
        if since is None or self._ended(since, self.clock.monotonic()):
            raise Refused(self.switches.bad_token_status, "The session is missing, wrong or over; log in again")

    def _ended(self, since: float, now: float) -> bool:
        return now - since >= self.switches.session_hours * 3600

    # ------------------------------------------------------------ routes

    def _routed(self, request: ApiRequest, fault: Fault | None) -> tuple[Answer, bool]:
        path = request.path.rstrip("/")
        matches = [(route, match) for route in ROUTES if (match := route.pattern.fullmatch(path))]
        if not matches:
            raise Refused(404, "There is nothing at this address")
        route, match = next(
            ((route, match) for route, match in matches if route.method == request.method), (None, None)
        )
        if route is None or match is None:
            raise Refused(405, f"This address takes {' or '.join(route.method for route, _ in matches)}")
        if request.query:
            raise Refused(400, "The API takes its arguments in the path and the body, not in a query")
        text, text_group = match.groupdict().get("text", ""), route.pattern.groupindex.get("text")
        numbers = tuple(int(group) for place, group in enumerate(match.groups(), 1) if place != text_group)
        body = request.body if request.method == "POST" else b""
        fields = read_fields(body, request.headers.get("content-type", ""), route.known, self.switches.unknown_keys)
        if route.write:
            write = Write(self.world, self.switches, numbers, fields, self.clock.now(), text)
            return self._write(request, write, route)
        assert route.read is not None  # noqa: S101 (a route reads or writes)
        self.world.catch_up()
        with self.world.as_before(self._lagging()):
            result = route.read(Query(self.world, self.switches, numbers, fields, route.paged, text))
            if isinstance(result, Rows):
                return self._listed(result, numbers if route.paged else None, fault), False
            return _json(result), False

    def _lagging(self) -> list[tuple[Effect, Value]]:
        """Return the effects of writes that reads do not show yet."""
        now, lag = self.clock.monotonic(), self.switches.read_lag_seconds
        while self._written and self._written[0][0] + lag <= now:
            self._written.popleft()
        return [(effect, old) for _, effect, old in self._written]

    def _write(self, request: ApiRequest, write: Write, route: Route) -> tuple[Answer, bool]:
        effects: list[Effect] = []

        def decide() -> list[Effect]:
            assert route.write is not None  # noqa: S101 (only routes that write come here)
            effects.extend(route.write(write))
            now = self.clock.monotonic()
            changes = (effect for effect in effects if effect.field != "create" and effect.table != "additional")
            self._written.extend((now, effect, self.world.field(effect)) for effect in changes)
            return effects

        changed = self.world.commit(decide, write.at, f"{request.method} {request.path}")
        if route.creates:
            return _created(effects[0]), changed
        if self.switches.write_answer == "200_text":
            return Answer(200, b"OK", "text/plain; charset=utf-8"), changed
        return Answer(204), changed

    # ------------------------------------------------------------ lists

    def _listed(self, rows: Rows, place: tuple[int, ...] | None, fault: Fault | None) -> Answer:
        """Answer a search: 204 if nothing matches, one page if *place* is its number and size."""
        kind = fault.kind if fault else ""
        records = list(reversed(rows.records)) if kind == "changed_order" else rows.records
        if place is None:
            rows_shown = records[: self.switches.page_cap] if self.switches.unpaged == "capped" else records
        else:
            number, size = place
            if kind == "repeated_page":
                number = max(1, number - 1)
            page = self._page(records, number, size)
            if page is None:
                return _json([])
            rows_shown = page
        if kind == "short_page":
            rows_shown = rows_shown[:-1]
        return _json([rows.show(record) for record in rows_shown]) if rows_shown else Answer(204)

    def _page(self, records: Sequence[Record], number: int, size: int) -> Sequence[Record] | None:
        """Return one page, cut to page_cap rows; None for an empty list in place of a 204."""
        if number < 1 or size < 1:
            raise Refused(400, "Pages count from 1 and hold at least one row")
        size = min(size, self.switches.page_cap)
        last = -(-len(records) // size)
        if number > max(1, last):  # the first page of nothing is an empty search, not a page after the last
            if self.switches.past_last_page == "empty":
                return None
            number = max(1, last) if self.switches.past_last_page == "last_again" else number
        return records[size * (number - 1) : size * number]

    def _refusal(self, refusal: Refused) -> Answer:
        if self.switches.error_body == "text":
            return Answer(refusal.status, refusal.message.encode("utf-8", "replace"), "text/plain; charset=utf-8")
        return replace(_json({self.switches.error_body: refusal.message}), status=refusal.status)


class _TooManyCalls(Exception):
    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


def _json(value: object) -> Answer:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Answer(200, text.encode("utf-8", "replace"))


def _with_fault(answer: Answer, fault: Fault) -> Answer:
    """Change the answer as the fault defines."""
    match fault.kind:
        case "throttle":
            return _throttled(answer, fault)
        case "error_before" | "error_after":
            return Answer(fault.status or 500, b"<html><body>Server error</body></html>", "text/html; charset=utf-8")
        case "html":
            return Answer(
                fault.status or 200, b"<html><body>Down for maintenance</body></html>", "text/html; charset=utf-8"
            )
        case "drop_before" | "drop_after":
            return replace(answer, closed="none")
        case "cut_length":
            return _with_body(answer, closed="part")
        case "cut_json":
            full = _with_body(answer).body
            return replace(_with_body(answer), body=full[: len(full) // 2])
        case _:
            return answer


def _throttled(answer: Answer, fault: Fault) -> Answer:
    headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    return replace(answer, status=429, body=b"", headers=headers)


def _with_body(answer: Answer, closed: str = "") -> Answer:
    """Give the answer a body that can be cut: a 204 has none, so it becomes a 200."""
    body = answer.body if len(answer.body) > 1 else b'{"message":"OK"}'
    return replace(answer, status=200 if answer.status == 204 else answer.status, body=body, closed=closed)


def _created(effect: Effect) -> Answer:
    """Answer with a new user's ID and Username, or with the id of a new aim or unit summary."""
    if effect.table != "user":
        return _json(effect.id)
    record = json.loads(str(effect.value))
    return _json({"ID": record["ID"], "Username": record["Username"]})


def _route(
    method: str,
    path: str,
    known: Mapping[str, Kind] | None = None,
    *,
    read: Callable[[Query], Row | Rows] | None = None,
    write: Callable[[Write], list[Effect]] | None = None,
    paged: bool = False,
    creates: bool = False,
) -> Route:
    pattern = path.replace("{id}", "([0-9]{1,18})").replace("{text}", "(?P<text>.+)")
    pattern = pattern.replace("{bool}", "(?:true|false)") + ("/([0-9]{1,9})/([0-9]{1,9})" if paged else "")
    return Route(method, re.compile(pattern, re.IGNORECASE), known or {}, read, write, paged, creates)


_F = reads.FILTERS

# UnitSummary/Search is only known in its paged form. Deleting, visits and templates, and GET /User/{id}/LearnerEpisodes
# (one doubtful mention), are left out: nothing needs them, and an unknown address answers 404.
ROUTES: tuple[Route, ...] = (
    _route("GET", "/Customer", read=reads.customer),
    _route("POST", "/Organisation/Search", _F["organisation"], read=reads.search_organisations),
    _route("POST", "/Organisation/Search", _F["organisation"], read=reads.search_organisations, paged=True),
    _route("GET", "/Organisation/{id}", read=reads.get_organisation),
    _route("GET", "/Organisation/{id}/LearnerStatuses", read=reads.learner_statuses),
    _route("GET", "/Organisation/{id}/LearningAimStatuses", read=reads.learning_aim_statuses),
    _route("GET", "/Organisation/{id}/AssignedStandards", read=reads.assigned_standards),
    _route("POST", "/User", writes.NEW_USER_FIELDS, write=writes.create_user, creates=True),
    _route("POST", "/User/Search", _F["user"], read=reads.search_users),
    _route("POST", "/User/Search", _F["user"], read=reads.search_users, paged=True),
    _route("GET", "/User/{id}", read=reads.get_user),
    _route("POST", "/User/{id}", writes.USER_FIELDS, write=writes.update_user),
    _route("POST", "/User/{id}/Assign", writes.ASSIGN_FIELDS, write=writes.assign),
    _route("POST", "/User/{id}/Archive", write=writes.archive),
    _route("POST", "/User/{id}/Unarchive", write=writes.unarchive),
    _route("POST", "/User/{id}/AssignPlacement/{id}/{bool}", write=writes.assign_placement),
    _route("GET", "/User/{id}/UnitSummary", read=reads.user_unit_summaries),
    _route("POST", "/Classroom/Search", _F["classroom"], read=reads.search_classrooms),
    _route("POST", "/Classroom/Search", _F["classroom"], read=reads.search_classrooms, paged=True),
    _route("GET", "/Classroom/{id}", read=reads.get_classroom),
    _route("POST", "/Placement/Search", _F["placement"], read=reads.search_placements),
    _route("POST", "/Placement/Search", _F["placement"], read=reads.search_placements, paged=True),
    _route("GET", "/Placement/{id}", read=reads.get_placement),
    _route("POST", "/Standard/Search", _F["standard"], read=reads.search_standards),
    _route("POST", "/Standard/Search", _F["standard"], read=reads.search_standards, paged=True),
    _route("GET", "/Standard/{id}", read=reads.get_standard),
    _route("POST", "/Standard/{id}/Assign/{id}", write=writes.assign_standard, creates=True),
    _route("POST", "/Unit/Search", _F["unit"], read=reads.search_units),
    _route("POST", "/Unit/Search", _F["unit"], read=reads.search_units, paged=True),
    _route("GET", "/Unit/{text}", read=reads.get_unit),
    _route("POST", "/Unit/{text}/Assign/{id}/{id}", write=writes.assign_unit, creates=True),
    _route("POST", "/LearningAim/Search", _F["aim"], read=reads.search_aims),
    _route("POST", "/LearningAim/Search", _F["aim"], read=reads.search_aims, paged=True),
    _route("GET", "/LearningAim/{id}", read=reads.get_aim),
    _route("POST", "/UnitSummary/Search", _F["unit_summary"], read=reads.search_unit_summaries, paged=True),
    _route("POST", "/Review/Search", _F["review"], read=reads.search_nothing),
    _route("POST", "/Review/Search", _F["review"], read=reads.search_nothing, paged=True),
    _route("GET", "/Review/{id}", read=reads.get_nothing),
    _route("POST", "/Plan/Search", _F["plan"], read=reads.search_nothing),
    _route("POST", "/Plan/Search", _F["plan"], read=reads.search_nothing, paged=True),
    _route("GET", "/Plan/{id}", read=reads.get_nothing),
    _route("GET", "/Provider", read=reads.search_nothing),
    _route("POST", "/Provider/Search", _F["provider"], read=reads.search_nothing),
    _route("POST", "/Provider/Search", _F["provider"], read=reads.search_nothing, paged=True),
    _route("GET", "/Timesheet/Learner/{id}", read=reads.learner_timesheets),
)
