"""A second implementation of OneFile's API, from its public description alone, with the standard library alone.

It shares no line with the sandbox and makes another choice wherever the description leaves one: keys in small letters,
`ivuserid` for the IQA, ids as text, "0" for nobody, a quoted session token, bare rows from paged searches, pages of at
most 25 and nothing beyond in unpaged searches, `[]` past the end and for a search without its UserID, 200 with a text
for writes, 400 for a user that does not exist, 403 for a session that is missing or old, errors under `Message`, a
repeated additional assignment refused, trainees refused, HTTP/1.0.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote

LEARNER, TRAINEE, ASSESSOR, IQA, EMPLOYER, OBSERVER = 1, 4, 5, 10, 40, 45
LARGEST_PAGE = 25


@dataclass
class Account:
    id: int
    role: int
    placement: int = 0
    organisation: int = 77
    misid: str = ""
    archived: bool = False
    assessor: int = 0
    employer: int = 0
    additional: set[int] = field(default_factory=set)


@dataclass
class Work:
    """A learning aim (`key` is its standard) or a unit summary (`key` is its unit)."""

    id: int
    learner: int
    key: int | str
    assessor: int = 0
    iqa: int = 0


class Refusal(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class Office:
    """What this server holds and has seen. `sessions` are the tokens that are good now."""

    customer_token: str
    accounts: dict[int, Account] = field(default_factory=dict)
    aims: list[Work] = field(default_factory=list)
    units: list[Work] = field(default_factory=list)
    sessions: set[str] = field(default_factory=set)
    log_ins: int = 0
    calls: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    # -------------------------------------------------------------- the doors

    def answer(self, method: str, path: str, headers: dict[str, str], body: dict[str, str]) -> tuple[int, object]:
        with self.lock:
            self.calls.append(f"{method} {path}")
            try:
                return 200, self._route(method, path.strip("/").split("/"), headers, body)
            except Refusal as refusal:
                self.refusals.append(f"{method} {path}: {refusal}")
                return refusal.status, {"Message": str(refusal)}

    def _route(self, method: str, parts: list[str], headers: dict[str, str], body: dict[str, str]) -> object:
        match [method, *(part.lower() for part in parts)]:
            case ["POST", "authentication"]:
                return self._log_in(headers.get("x-customertoken", ""))
            case _ if headers.get("x-tokenid", "") not in self.sessions:
                raise Refusal(403, "The session is not valid.")
            case ["GET", "user", number]:
                return self._user(self._account(number))
            case ["POST", "user", "search"]:
                return [self._row(one) for one in self._found(body)][:LARGEST_PAGE]
            case ["POST", "user", "search", page, size]:
                return self._page([self._row(one) for one in self._found(body)], page, size)
            case ["POST", "learningaim", "search", page, size]:
                return self._page(
                    [self._aim(one) for one in self.aims if one.learner == _id(body, "userid")], page, size
                )
            case ["POST", "unitsummary", "search", page, size]:
                rows = [self._unit(one) for one in self.units if one.learner == _id(body, "userid")]
                return self._page(rows, page, size)
            case ["POST", "user", number, "assign"]:
                return self._assign(self._account(number), body)
            case ["POST", "user", number]:
                return self._update(self._account(number), body)
        raise Refusal(404, "No such address.")

    def _log_in(self, token: str) -> str:
        if token != self.customer_token:
            raise Refusal(403, "The customer token is not known.")
        self.log_ins += 1
        session = f"{self.log_ins:04d}-session"
        self.sessions.add(session)
        return session

    # -------------------------------------------------------------- reading

    def _account(self, number: str) -> Account:
        account = self.accounts.get(int(number)) if number.isdigit() else None
        if account is None:
            raise Refusal(400, f"User {number} was not found.")
        return account

    def _found(self, body: dict[str, str]) -> Iterator[Account]:
        for account in sorted(self.accounts.values(), key=lambda one: -one.id):
            wanted = (account.role, account.organisation) == (_id(body, "role"), _id(body, "organisationid"))
            if wanted and not account.archived and body.get("misid", account.misid) == account.misid:
                yield account

    def _row(self, account: Account) -> dict[str, object]:
        return {"id": str(account.id), "firstname": "A", "lastname": "B", "misid": account.misid or None}

    def _user(self, account: Account) -> dict[str, object]:
        learner = {"defaultassessorid": str(account.assessor), "defaultemployerid": str(account.employer)}
        return {
            **self._row(account),
            "placementid": str(account.placement),
            "lastmodified": "2026-09-01T08:00:00.000Z",
            **(learner if account.role == LEARNER else {}),
        }

    def _aim(self, aim: Work) -> dict[str, object]:
        return {
            "id": str(aim.id),
            "standardid": str(aim.key),
            "assessorid": str(aim.assessor),
            "ivuserid": str(aim.iqa),
        }

    def _unit(self, unit: Work) -> dict[str, object]:
        return {"id": str(unit.id), "unitid": unit.key, "assessorid": str(unit.assessor), "ivuserid": str(unit.iqa)}

    def _page(self, rows: list[dict[str, object]], page: str, size: str) -> list[dict[str, object]]:
        length = min(int(size), LARGEST_PAGE)
        return rows[(int(page) - 1) * length :][:length]

    # -------------------------------------------------------------- writing

    def _update(self, learner: Account, body: dict[str, str]) -> str:
        if "defaultemployerid" in body:
            employer = self._account(body["defaultemployerid"])
            if employer.role != EMPLOYER or employer.placement != learner.placement:
                raise Refusal(400, "The employer is not one of the learner's placement.")
        if "defaultassessorid" in body and self._account(body["defaultassessorid"]).role != ASSESSOR:
            raise Refusal(400, "The default assessor must be an assessor.")
        learner.assessor = _id(body, "defaultassessorid") or learner.assessor
        learner.employer = _id(body, "defaultemployerid") or learner.employer
        return "Updated"

    def _assign(self, staff: Account, body: dict[str, str]) -> str:
        learner = self._account(body["learnerid"])
        if learner.role != LEARNER or learner.archived or staff.archived or staff.role in (LEARNER, TRAINEE):
            raise Refusal(400, "These two users cannot be joined.")
        if learner.organisation != staff.organisation:
            raise Refusal(404, "The user is of another organisation.")
        match _id(body, "level"):
            case 1 if staff.id in learner.additional:
                raise Refusal(400, "Already assigned.")
            case 1:
                learner.additional.add(staff.id)
            case 2:
                self._put(self.units, learner, body["unitid"], staff)
            case 3:
                self._put(self.aims, learner, _id(body, "standardid"), staff)
            case _:
                raise Refusal(400, "No such level.")
        return "Assigned"

    def _put(self, works: list[Work], learner: Account, key: int | str, staff: Account) -> None:
        held = [work for work in works if (work.learner, work.key) == (learner.id, key)]
        if not held or staff.role not in (ASSESSOR, IQA):
            raise Refusal(404, "The learner does not have it, or the role cannot hold it.")
        if staff.role == ASSESSOR:
            held[0].assessor = staff.id
        else:
            held[0].iqa = staff.id


def _id(body: dict[str, str], key: str) -> int:
    text = str(body.get(key) or "0")
    return int(text) if text.isdigit() else 0


# ------------------------------------------------------------------ the wire


def _handler(office: Office) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def _serve(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {key.lower(): value for key, value in self.headers.items()}
            path = unquote(self.path)
            if not path.lower().startswith("/api/v2.1/"):
                status, value = 404, {"Message": "No such address."}
            else:
                status, value = office.answer(self.command, path[len("/api/v2.1") :], headers, self._body(content))
            told = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def _body(self, content: bytes) -> dict[str, str]:
            """JSON or a form; keys in any case."""
            if "json" in (self.headers.get("Content-Type") or ""):
                pairs = json.loads(content or b"{}").items()
            else:
                pairs = iter(parse_qsl(content.decode()))
            return {key.lower(): value if value is None else str(value) for key, value in pairs}

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing: the office remembers the calls."""

    return Handler


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # beyond the usual five, a client tries to connect again after a second


@contextmanager
def serving(office: Office) -> Iterator[str]:
    """The base URL under which the office answers for as long as the block lasts."""
    server = _Server(("127.0.0.1", 0), _handler(office))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/api/v2.1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def invented_office(customer_token: str) -> Office:
    """A centre of 31 learners, two aims and a unit each; nobody is assigned to anybody except where it says so."""
    office = Office(customer_token)
    for id, role, placement in [
        (501, ASSESSOR, 0), (502, ASSESSOR, 0), (503, TRAINEE, 0), (511, IQA, 0), (512, IQA, 0),
        (541, EMPLOYER, 31), (542, EMPLOYER, 32), (551, OBSERVER, 31),
    ]:  # fmt: skip
        office.accounts[id] = Account(id, role, placement)
    numbers = itertools.count(9001)
    for place in range(31):
        learner = Account(1001 + place, LEARNER, placement=31 + place % 2, misid=f"MIS {place}" if place % 3 else "")
        learner.assessor = 502 if place % 4 == 0 else 0
        office.accounts[learner.id] = learner
        office.aims += [
            Work(next(numbers), learner.id, 41, 501, 512),
            Work(next(numbers), learner.id, 42, 0 if place % 5 else 502, 0),
        ]
        office.units.append(Work(next(numbers), learner.id, f"U/{place % 2}#a", 0, 511 if place == 7 else 0))
    return office
