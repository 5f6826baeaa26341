"""What reads input, each with good inputs to begin with and the law that must hold whatever becomes of them."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import httpx

from onefile_sandbox.clock import VirtualClock
from onefile_sandbox.eventlog import WorldFileError
from onefile_sandbox.world import Effect, World
from reconciler.cli.main import run
from reconciler.commands.plan_file import load
from reconciler.declared.load import read_declared
from reconciler.declared.yaml_loader import load_text
from reconciler.editing.format import format_text
from reconciler.editing.layout import Kind
from reconciler.github.environment import read_environment
from reconciler.github.markers import PlanMark, kind_of, plan_mark
from reconciler.importing.csv_file import read_sheet
from reconciler.importing.existing_state import read_existing
from reconciler.importing.from_csv import import_sheet
from reconciler.model.plan import Plan
from reconciler.model.slots import OrganisationId, Slot, SlotKind, UserId
from reconciler.model.structs import replace
from reconciler.onefile.client import OneFile
from reconciler.onefile.reader import DEFAULT_KINDS, Reader
from reconciler.onefile.retry import Backoff
from reconciler.onefile.targets import is_loopback, resolve_target
from reconciler.onefile.token import CustomerToken
from reconciler.plan.compare import make_plan
from reconciler.problems import Invalid, Problem, ReconcilerError, ServiceError, Source
from reconciler.ratelimit import MemoryLedger, RateLimiter
from reconciler.report.common.annotations import Workspace
from reconciler.report.plan import annotations as plan_annotations
from reconciler.report.plan import html as plan_html
from reconciler.report.plan import markdown as plan_markdown
from reconciler.report.plan import text as plan_text
from reconciler.report.problems import annotations, markdown, text
from reconciler.report.problems import json as problems_json
from reconciler.runtime.reading_file import load_reading
from tests.declared.files import DAY
from tests.declared.test_robustness import FILES
from tests.fuzz.slips import slipped
from tests.onefile.servers import wire

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
PLACE = Workspace("/repository", "/repository")
LEARNERS = (200004, 200012, 200016)
SLOTS = (
    *(Slot(kind) for kind in DEFAULT_KINDS),
    Slot(SlotKind.LEARNING_AIM_IQA, 41242),
    Slot(SlotKind.UNIT_ASSESSOR, "BA_301"),
)
SECRET = "ct-4711-Vogelbeere"
Law = Callable[[bytes, Path], None]
Seeds = Callable[[], Sequence[bytes]]


@dataclass(frozen=True)
class Target:
    """`law` gets an input and a folder of its own to write in; it raises for anything that is not as it should be."""

    name: str
    seeds: Seeds
    law: Law
    mended: Callable[[bytes], bytes] = lambda data: data  # what makes a slipped input pass the first checks

    def slipped(self, data: bytes, chance: Random) -> bytes:
        changed = slipped(data or chance.choice(self.seeds()), self.seeds(), chance)
        return self.mended(changed) if chance.random() < 0.5 else changed


def told(problems: Sequence[Problem]) -> None:
    """Problems are told in every form: each has words and a fix, and none of them breaks out of its line."""
    assert problems
    assert all(one.what and one.fix and one.place() for one in problems), problems
    shown = annotations.render_annotations(problems, PLACE)
    assert all(re.match("::(error|warning) ", line) for line in shown.splitlines()), shown
    assert all(letter.isprintable() or letter == "\n" for letter in text.render_text(problems))
    markdown.render_markdown(problems, limit=60_000)
    json.loads(problems_json.render_json(problems, 3))


# ------------------------------------------------------------------ the declared files


def _declared(name: str) -> Target:
    kind: Kind = "cohort" if "/" in name else name.removesuffix(".yaml")  # type: ignore[assignment]

    def law(data: bytes, folder: Path) -> None:
        state = folder / "state"
        (state / "cohorts").mkdir(parents=True, exist_ok=True)
        for other, content in FILES.items():
            (state / other).write_bytes(data if other == name else content.encode())
        try:
            problems = read_declared(state, DAY, ahead_days=40).warnings
        except Invalid as invalid:
            problems = invalid.problems
            assert problems
        if problems:
            told(problems)
        laid_out(data, kind)

    def seeds() -> list[bytes]:
        ours = (ROOT / "state" / name) if "/" not in name else ROOT / "state/cohorts/business-admin-l3-2026.yaml"
        files = sorted(ROOT.glob(f"tests/cases/invalid/*/{'cohorts/*.yaml' if '/' in name else name}"))
        return [FILES[name].encode(), ours.read_bytes(), *(file.read_bytes() for file in files)]

    return Target(kind, cache(seeds), law)


def laid_out(data: bytes, kind: Kind) -> None:
    """A file that can be read is laid out to one layout, which says the same."""
    try:
        content = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return
    before = load_text(content, kind)
    if before.problems or not isinstance(before.value, dict):
        return
    with suppress(ReconcilerError):  # `fmt` may decline; what it gives must be right
        after = format_text(content, kind)
        assert load_text(after, kind).value == before.value
        assert format_text(after, kind) == after


# ------------------------------------------------------------------ saved files


@cache
def _saved() -> tuple[bytes, bytes]:
    """A plan of a few learners, and the reading that it was made from."""
    scope = [part for learner in LEARNERS for part in ("--learner", str(learner))]
    with TemporaryDirectory() as folder:
        plan, reading = Path(folder, "plan.json"), Path(folder, "reading.json")
        files = ["--out", str(plan), "--save-observed", str(reading), "--state", str(ROOT / "state")]
        code = run(["plan", *files, *scope, "--at", "2026-12-01", "--quiet", "--store", str(Path(folder, "store.db"))])
        assert code == 0
        return plan.read_bytes(), reading.read_bytes()


def _plan_law(data: bytes, folder: Path) -> None:
    file = folder / "plan.json"
    file.write_bytes(data)
    try:
        plan = load(file)
    except Invalid as invalid:
        told(invalid.problems)
        return
    rendered(plan)


def rendered(plan: Plan) -> None:
    """Whatever was let in can be shown in every form."""
    plan_text.render_text(plan, fingerprint="sha256:0")
    plan_markdown.render_markdown(plan, fingerprint="sha256:0")
    plan_html.render_html(plan, fingerprint="sha256:0")
    shown = plan_annotations.render_annotations(plan, PLACE)
    assert all(re.match("::(error|warning) ", line) for line in shown.splitlines()), shown


def _signed(data: bytes) -> bytes:
    """The digest that fits, as somebody who means harm would put it."""
    with suppress(ValueError, RecursionError, AttributeError, TypeError):
        document: dict[str, Any] = json.loads(data)
        document.pop("digest", None)
        plain = json.dumps(document, separators=(",", ":"), sort_keys=True, ensure_ascii=True)
        return json.dumps(document | {"digest": "sha256:" + hashlib.sha256(plain.encode()).hexdigest()}).encode()
    return data


def _reading_law(data: bytes, folder: Path) -> None:
    file = folder / "read.json"
    file.write_bytes(data)
    try:
        observed = load_reading(file, _demonstration(), "sandbox")
        plan = make_plan(_demonstration(), observed, {}, target="sandbox", created_at=NOW)
    except Invalid as invalid:
        told(invalid.problems)
    else:
        rendered(plan)


@cache
def _demonstration() -> Any:
    declared = read_declared(ROOT / "state", DAY)
    kept = tuple(one for one in declared.learners if one.id in LEARNERS)
    return replace(declared, learners=kept)


def _world_law(data: bytes, folder: Path) -> None:
    file = folder / "world.jsonl"
    file.write_bytes(data)
    with suppress(WorldFileError):
        World.open(file).close()


@cache
def _worlds() -> list[bytes]:
    """A small world after three writes."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "world.jsonl")
        with closing(World.open(file, learners=12)) as world:
            learner = next(user for user, row in world.users.items() if row["Role"] == 1)
            for effect in (
                Effect("user", learner, "DefaultAssessorID", None),
                Effect("additional", learner, "add", 127733),
                Effect("aim", next(iter(world.aims)), "IVID", 118204),
            ):
                world.commit(lambda effect=effect: [effect], NOW, "somebody")  # type: ignore[misc]
        return [file.read_bytes()]


# ------------------------------------------------------------------ what OneFile answers


class _Answers(httpx.AsyncBaseTransport):
    """A server that logs everybody in and answers everything else as told: status, headers, a blank line, a body."""

    def __init__(self, data: bytes) -> None:
        head, _, self.body = data.partition(b"\n\n")
        status, *headers = head.split(b"\n")
        self.status = int(status) if status.isdigit() and len(status) == 3 and status >= b"200" else 200
        self.headers = [
            (name.strip() or b"x", value.strip()) for name, _, value in (one.partition(b":") for one in headers)
        ]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/Authentication") and self.status != 299:
            return httpx.Response(200, text="session-0001")
        stream = httpx.ByteStream(self.body)
        return httpx.Response(self.status, headers=self.headers, stream=stream)


def _answer_law(data: bytes, folder: Path) -> None:
    asyncio.run(_converse("http://localhost/api/v2.1", _Answers(data)))


def _wire_law(data: bytes, folder: Path) -> None:
    """The same over a socket, where the head of the answer is anybody's too."""

    async def main() -> None:
        async def talk(head: bytes, writer: asyncio.StreamWriter) -> None:
            writer.write(data)
            writer.close()

        async with wire(talk) as (base_url, _):
            await _converse(base_url, None)

    asyncio.run(main())


async def _converse(base_url: str, transport: httpx.AsyncBaseTransport | None) -> None:
    clock = VirtualClock(NOW)
    rate_limiter = RateLimiter(MemoryLedger(clock), 300, clock)
    once = Backoff(tries=1)
    async with OneFile(
        base_url,
        CustomerToken(SECRET),
        rate_limiter=rate_limiter,
        clock=clock,
        transport=transport,
        backoff=once,
    ) as client:
        reader = Reader(client, clock)
        asks: list[Callable[[], Any]] = [
            lambda: reader.user(UserId(200004)),
            lambda: reader.users_page(OrganisationId(5740), 1, 1, 50),
            lambda: reader.users_unpaged(OrganisationId(5740), 5),
            lambda: reader.placements(OrganisationId(5740)),
            reader.organisations,
            lambda: reader.slots(UserId(200004), SLOTS),
            lambda: reader.all_unit_summaries().read(),
            lambda: client.write("POST", "/User/200004", {"DefaultAssessorID": 132757}),
        ]
        for ask in asks:
            try:
                await ask()
            except ServiceError as error:
                told(error.problems)
                assert SECRET not in str(error) and "session-0001" not in str(error)


@cache
def _wires() -> list[bytes]:
    body = json.dumps([{"ID": 200004, "Role": 1, "DefaultAssessorID": 132757}]).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Tue, 01 Dec 2026 12:00:00 GMT\r\n"
    packed = gzip.compress(body, mtime=0)
    return [
        head + b"Content-Length: %d\r\n\r\n" % len(body) + body,
        head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n",
        head + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed,
        b"HTTP/1.0 302 Found\r\nLocation: https://login.example/\r\nSet-Cookie: a=b\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 429 Slow\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n",
    ]


@cache
def _answers() -> list[bytes]:
    user = {
        "ID": 200004,
        "MISID": "LRN00042",
        "FirstName": "Adara",
        "LastName": "Ashcombe",
        "Role": 1,
        "Email": "a@b.example",
    }
    user |= {
        "DefaultAssessorID": 132757,
        "DefaultEmployerID": None,
        "PlacementID": 8101,
        "ClassroomID": 0,
        "Archived": False,
    }
    aim = {"ID": 1, "UserID": 200004, "StandardID": 41242, "AssessorID": 132757, "IVID": "118204"}
    unit = {"ID": 2, "UserID": 200004, "UnitID": "BA_301", "AssessorID": 0, "IQAID": 118204}
    place = {"ID": 8101, "Name": "A place"}
    bodies: list[Any] = [user, [user], [aim], [unit], [place], {"ID": 7}, [], {"message": f"No {SECRET} session-0001"}]
    head = b"200\ncontent-type: application/json\ndate: Tue, 01 Dec 2026 12:00:00 GMT\nretry-after: 3\n\n"
    odd = [
        b"429\nretry-after: x\n\n",
        b"302\nlocation: https://login.example/?a=b\n\n",
        b'299\n\n"token"',
        b"500\n\n<p>",
    ]
    return [*(head + json.dumps(body).encode() for body in bodies), *odd]


# ------------------------------------------------------------------ tables, addresses, GitHub


def _sheet_law(data: bytes, folder: Path) -> None:
    state = folder / "sheet-state"
    if not state.exists():
        state.mkdir()
        for name in ("settings.yaml", "staff.yaml"):
            (state / name).write_text(FILES[name], encoding="utf-8")
    sheet = read_sheet(data, "table.csv")
    made = import_sheet(sheet, read_existing(state, DAY), {}, cohort="care")
    if problems := [*sheet.problems, *made.problems]:
        told(problems)


@cache
def _sheets() -> list[bytes]:
    rows = [
        "learner,slot,staff,standard,unit,cohort,label,from,until",
        "200004,default_assessor,kate-anderson,,,care,LRN-0042,,2026-12-31",
        "200004,default_assessor,james-fayre,,,care,LRN-0042,2027-01-01,",
        '200005,learning_aim_iqa,"priya-shah",41240,,care,,,',
        '="0012",unit_assessor,132757,,KS_COMM1,care,,,',
        "LRN00043,additional,observer-lee,,,care,,,",
    ]
    table = "\n".join(rows)
    return [
        table.encode(),
        table.replace(",", ";").replace("\n", "\r\n").encode("utf-16"),
        b"sep=;\r\nlearner;slot;staff\r\n1;2;3",
    ]


def _address_law(data: bytes, folder: Path) -> None:
    url = data.decode("utf-8", "surrogateescape")
    for name, given in ((url, None), ("practice", url)):
        try:
            target = resolve_target(name, given)
        except Invalid as invalid:
            told(invalid.problems)
            continue
        if target.base_url:
            theirs, ours = httpx.URL(target.base_url), urlsplit(target.base_url)
            assert (theirs.host, theirs.scheme) == ((ours.hostname or ""), ours.scheme), "two readers, two hosts"
            assert theirs.scheme == "https" or is_loopback(theirs.host)
            assert not theirs.userinfo and not theirs.query and theirs.path.endswith("/api/v2.1")


def _event_law(data: bytes, folder: Path) -> None:
    """The pull request that a workflow was started for, and the comment that it left: both hold what others wrote."""
    file = folder / "event.json"
    file.write_bytes(data)
    surroundings = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": str(file), "GITHUB_TOKEN": SECRET}
    surroundings |= {"GITHUB_REPOSITORY": "centre/state", "GITHUB_SHA": "a" * 40, "GITHUB_REF": "refs/pull/7/merge"}
    try:
        read_environment(surroundings | {"GITHUB_RUN_ID": "1"})
    except ReconcilerError as error:
        told(error.problems)
        assert SECRET not in str(error)
    body = data.decode("utf-8", "surrogateescape")
    mark = plan_mark(body)
    assert mark is None or (kind_of(body) == "plan" and body.startswith(mark.line()[:31]))


@cache
def _events() -> list[bytes]:
    pull = {"number": 7, "head": {"sha": "b" * 40, "repo": {"full_name": "centre/state"}}, "title": "Kate leaves"}
    mark = PlanMark("sandbox", "5740", f"sha256:{'0' * 64}", "c" * 40).line()
    return [json.dumps({"action": "opened", "pull_request": pull}).encode(), f"{mark}\n## Plan".encode()]


def _problem_law(data: bytes, folder: Path) -> None:
    """Whatever stands in a file's name or in a message."""
    what, _, fix = data.decode("utf-8", "surrogateescape").partition("|")
    told(
        [Problem(what or "x", fix or "y", Source(fix or "z", len(what))), Problem(what or "x", "y", where=what or "z")]
    )


TARGETS: dict[str, Target] = {
    one.name: one
    for one in (
        _declared("settings.yaml"),
        _declared("staff.yaml"),
        _declared("cohorts/care.yaml"),
        Target("plan", lambda: [_saved()[0]], _plan_law, _signed),
        Target("reading", lambda: [_saved()[1]], _reading_law),
        Target("answer", _answers, _answer_law),
        Target("wire", _wires, _wire_law),
        Target("sheet", _sheets, _sheet_law),
        Target(
            "address",
            lambda: [b"https://wsapi.onefile.co.uk/api/v2.1", b"http://[::1]:8321/a/api/v2.1", b"live"],
            _address_law,
        ),
        Target("event", _events, _event_law),
        Target("problem", lambda: [b"'x' is no handle|did you mean `y`?", b"a\nb|c::d%0A"], _problem_law),
        Target("world", _worlds, _world_law),
    )
}
