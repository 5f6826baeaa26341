"""A stand-in for GitLab over HTTP: one project, its merge requests and notes, with the few endpoints that are used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from onefile_sandbox.serve import serving

PROJECT = 4711
TOKEN = "glpat-Haselnuss-und-Quitte"  # recognisable wherever it should not be
OURS, ADA, BEN, CLEO = 90, 1, 2, 3
NAMES = {OURS: "project_4711_bot_ab12", ADA: "ada", BEN: "ben", CLEO: "cleo"}


@dataclass
class Project:
    """What GitLab holds. Time is a counter of seconds that each deed moves on.

    `spoilt`: its answers to these requests. `refused`: its answer to new merge requests. `meanwhile`: what somebody
    does while a merge request is edited.
    """

    head: str
    commit: str = ""
    author: int = ADA
    proposals: list[dict[str, Any]] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)
    approved_by: list[int] = field(default_factory=list)
    access: dict[int, int] = field(default_factory=lambda: {ADA: 40, BEN: 30, CLEO: 20, OURS: 30})
    files: list[str] = field(default_factory=lambda: ["state/staff.yaml"])
    changed_since: list[str] = field(default_factory=list)
    is_on_branch: bool = True
    protected: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    answers: list[Response] = field(default_factory=list)
    spoilt: dict[str, Response] = field(default_factory=dict)
    refused: Response | None = None
    meanwhile: Callable[[], object] | None = None
    clock: datetime = datetime(2026, 11, 25, 9, tzinfo=UTC)

    def now(self) -> str:
        self.clock += timedelta(seconds=1)
        return self.clock.strftime("%Y-%m-%dT%H:%M:%S.000Z")

    def note(self, author: int, body: str, *, system: bool = False) -> dict[str, Any]:
        now = self.now()
        note = {"id": len(self.notes) + 1, "author": {"id": author, "username": NAMES[author]}, "body": body}
        note |= {"created_at": now, "updated_at": now, "system": system}
        self.notes.append(note)
        return note

    def approve(self, who: int) -> None:
        self.approved_by.append(who)
        self.note(who, "approved this merge request", system=True)

    def push(self, who: int, head: str) -> None:
        self.head = head
        self.note(who, "added 1 commit\n\n<ul><li>abc - change</li></ul>", system=True)

    def propose(self, author: int, **given: Any) -> dict[str, Any]:
        """Open a merge request, beside the one whose plan is reviewed."""
        number = 8 + len(self.proposals)
        made = {"iid": number, "web_url": f"https://gitlab.invalid/centre/-/merge_requests/{number}", "state": "opened"}
        made |= {"author": {"id": author, "username": NAMES[author]}, "source_project_id": PROJECT, "notes": []} | given
        self.proposals.append(made)
        return made

    @property
    def ours(self) -> list[dict[str, Any]]:
        return [note for note in self.notes if note["author"]["id"] == OURS and not note["system"]]


@contextmanager
def gitlab(project: Project) -> Iterator[str]:
    """Serve the project; yields the address of the API."""
    with serving(_application(project)) as url:
        yield url.removesuffix("/api/v2.1") + "/api/v4"


def _application(project: Project) -> Starlette:
    path = f"/api/v4/projects/{PROJECT}"
    request = f"{path}/merge_requests/7"

    def merge_request() -> dict[str, Any]:
        return {
            "iid": 7,
            "author": {"id": project.author, "username": NAMES[project.author]},
            "state": "merged" if project.commit else "opened",
            "target_branch": "main",
            "sha": project.head,
            "merge_commit_sha": project.commit or None,
            "squash_commit_sha": None,
            "changes_count": str(len(project.files)),
        }

    def page(asked: Request, rows: list[Any]) -> Response:
        size, number = int(asked.query_params.get("per_page", 20)), int(asked.query_params.get("page", 1))
        assert size <= 100
        following = f'<{asked.url.include_query_params(page=number + 1)}>; rel="next"'
        more = len(rows) > size * number
        return JSONResponse(rows[size * (number - 1) : size * number], headers={"link": following} if more else {})

    async def notes(asked: Request) -> Response:
        if asked.method == "POST":
            return JSONResponse(project.note(OURS, (await asked.json())["body"]), 201)
        assert asked.query_params["sort"] == "asc"
        return page(asked, project.notes)

    async def edit(asked: Request) -> Response:
        note = project.notes[asked.path_params["id"] - 1]
        note["body"], note["updated_at"] = (await asked.json())["body"], project.now()
        return JSONResponse(note)

    def compare(asked: Request) -> Response:
        backwards = asked.query_params["from"] == "main"
        commits = [{"id": "x"}] if backwards and not project.is_on_branch else []
        diffs = [] if backwards else [{"old_path": name, "new_path": name} for name in project.changed_since]
        return JSONResponse({"commits": commits, "diffs": diffs, "compare_timeout": False})

    def member(asked: Request) -> Response:
        access = project.access.get(asked.path_params["id"])
        return JSONResponse({"access_level": access}) if access else JSONResponse({"message": "404 Not found"}, 404)

    def protected(asked: Request) -> Response:
        name = asked.path_params["name"]
        return JSONResponse({"name": name}) if name in project.protected else JSONResponse({"message": "404"}, 404)

    def approvals(_: Request) -> Response:
        users = [{"user": {"id": who, "username": NAMES[who]}} for who in project.approved_by]
        return JSONResponse({"approved_by": users})

    def diffs(asked: Request) -> Response:
        return page(asked, [{"old_path": name, "new_path": name} for name in project.files])

    async def proposals(asked: Request) -> Response:
        if asked.method == "POST":
            if project.refused:
                return project.refused
            given = await asked.json()
            places = [[row[name] for name in ("source_branch", "target_branch")] for row in project.proposals
                      if row["state"] == "opened"]  # fmt: skip
            if [given["source_branch"], given["target_branch"]] in places:
                return JSONResponse({"message": ["Another open merge request already exists"]}, 409)
            return JSONResponse(project.propose(OURS, **given), 201)
        chosen = asked.query_params
        assert (chosen["scope"], chosen["state"], chosen["sort"]) == ("all", "all", "desc")
        rows = [row for row in project.proposals if row["source_branch"] == chosen["source_branch"]]
        return page(asked, [row for row in rows if row["author"]["id"] == int(chosen["author_id"])][::-1])

    async def change(asked: Request) -> Response:
        row, given = project.proposals[asked.path_params["id"] - 8], await asked.json()
        if project.meanwhile:
            project.meanwhile()
        if given.pop("state_event", "") == "close":
            row["state"] = "closed"
        row |= given
        return JSONResponse(row)

    async def talk(asked: Request) -> Response:
        note = await asked.json()
        project.proposals[asked.path_params["id"] - 8]["notes"].append(note["body"])
        return JSONResponse(note, 201)

    routes = {
        "/api/v4/user": lambda _: JSONResponse({"id": OURS, "username": NAMES[OURS]}),
        f"{path}/repository/commits/{{commit}}/merge_requests": lambda asked: page(asked, [merge_request()]),
        f"{path}/repository/compare": compare,
        f"{path}/members/all/{{id:int}}": member,
        f"{path}/protected_branches/{{name}}": protected,
        request: lambda _: JSONResponse(merge_request()),
        f"{request}/approvals": approvals,
        f"{request}/diffs": diffs,
        f"{request}/notes": notes,
        f"{request}/notes/{{id:int}}": edit,
        f"{path}/merge_requests": proposals,
        f"{path}/merge_requests/{{id:int}}": change,
        f"{path}/merge_requests/{{id:int}}/notes": talk,
    }

    def guarded(work: Any) -> Any:
        async def answer(asked: Request) -> Response:
            project.asked.append(f"{asked.method} {asked.url.path}")
            if asked.headers.get("private-token") != TOKEN:
                return JSONResponse({"message": "401 Unauthorized"}, 401)
            if project.asked[-1] in project.spoilt:
                return project.spoilt[project.asked[-1]]
            if project.answers:
                return project.answers.pop(0)
            answered = work(asked)
            response: Response = answered if isinstance(answered, Response) else await answered
            return response

        return answer

    methods = {f"{request}/notes": ["GET", "POST"], f"{request}/notes/{{id:int}}": ["PUT"]}
    methods |= {f"{path}/merge_requests": ["GET", "POST"], f"{path}/merge_requests/{{id:int}}": ["PUT"]}
    methods |= {f"{path}/merge_requests/{{id:int}}/notes": ["POST"]}
    return Starlette(routes=[Route(at, guarded(work), methods=methods.get(at, ["GET"])) for at, work in routes.items()])
