"""The stand-in's web interface: the few endpoints of GitHub that the product uses, refusing what GitHub refuses."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.github.forge import ADDRESSES, BOT, REPOSITORY, Forge, PullRequest, Text, git

LARGEST = 65_536


class Refusal(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


def application(forge: Forge) -> Starlette:
    """`app.state.asked` lists every request. Instead of true answers, `answers` are given first come, and `spoilt`
    to the request that each is for; `after` has what happens once, after such a request."""
    path = f"/repos/{REPOSITORY}"
    hub = _Hub(forge)
    routes = [
        Route(f"{path}/commits/{{commit}}/pulls", hub.pulls_of_commit),
        Route(f"{path}/pulls/{{number:int}}", hub.pull),
        Route(f"{path}/pulls/{{number:int}}", hub.edit_pull, methods=["PATCH"]),
        Route(f"{path}/pulls/{{number:int}}/{{what}}", hub.listed),
        Route(f"{path}/collaborators/{{name}}/permission", hub.permission),
        Route(f"{path}/compare/{{pair:path}}", hub.compare),
        Route(f"{path}/issues", hub.open_issue, methods=["POST"]),
        Route(f"{path}/issues/comments/{{id:int}}", hub.edit_comment, methods=["PATCH"]),
        Route(f"{path}/issues/{{number:int}}", hub.edit_issue, methods=["PATCH"]),
        Route(f"{path}/issues/{{number:int}}/comments", hub.add_comment, methods=["POST"]),
        Route(f"{path}/issues/{{number:int}}/labels", hub.labels, methods=["GET", "POST"]),
        Route(f"{path}/issues/{{number:int}}/labels/{{name}}", hub.remove_label, methods=["DELETE"]),
        Route(f"{path}/assignees/{{name}}", hub.assignee),
        Route(f"{path}/actions/artifacts", hub.list_artifacts),
        Route(f"{path}/actions/artifacts/{{id:int}}/zip", hub.artifact),
        Route("/storage/{id:int}", hub.stored),
        Route(f"{path}/rules/branches/{{branch}}", hub.rules),
        Route(f"{path}/branches/{{branch}}", hub.branch),
        Route(f"{path}/git/ref/{{ref:path}}", hub.show_ref),
        Route(f"{path}/git/refs", hub.make_ref, methods=["POST"]),
        Route(f"{path}/git/refs/{{ref:path}}", hub.drop_ref, methods=["DELETE"]),
        Route(f"{path}/pulls", hub.open_pull, methods=["POST"]),
        Route("/graphql", hub.graphql, methods=["POST"]),
    ]
    app = Starlette(
        routes=[
            one if one.endpoint == hub.stored else Route(one.path, hub.guarded(one.endpoint), methods=one.methods)
            for one in routes
        ]
    )
    app.state.asked, app.state.answers, app.state.spoilt = hub.asked, hub.answers, hub.spoilt
    app.state.after = hub.after
    return app


class _Hub:
    def __init__(self, forge: Forge) -> None:
        self.forge = forge
        self.asked: list[str] = []
        self.answers: list[Response] = []
        self.spoilt: dict[str, Response] = {}
        self.after: dict[str, Callable[[], None]] = {}

    def guarded(self, work: Callable[[Request, str], Awaitable[Any]]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            asked = f"{request.method} {request.url.path}"
            self.asked.append(asked)
            if asked in self.spoilt:
                return self.spoilt[asked]
            if self.answers:
                return self.answers.pop(0)
            try:
                account = self._account(request)
                if request.method == "GET":
                    self._may(request, _kind(request.url.path), "read")
                found = await work(request, account)
                self.after.pop(asked, lambda: None)()
            except Refusal as refusal:
                return JSONResponse({"message": refusal.message}, refusal.status)
            return found if isinstance(found, Response) else JSONResponse(found)

        return answer

    # ------------------------------------------------------------------ reading

    async def pulls_of_commit(self, request: Request, _account: str) -> Response:
        commit = request.path_params["commit"]
        found = [one for one in self.forge.pulls.values() if commit in (one.merge_commit, one.head)]
        rows = [{"number": one.number, "merged_at": one.merged_at and _text(one.merged_at)} for one in found]
        return self._page(request, rows)

    async def pull(self, request: Request, _account: str) -> Any:
        pull = self._pull(request)
        return {
            "number": pull.number,
            "user": _user(pull.author),
            "base": {"ref": pull.base},
            "head": {"sha": pull.head},
            "merged": pull.merged_at is not None,
            "merge_commit_sha": pull.merge_commit,
            "commits": len(self.forge.commits(pull)),
            "changed_files": len(self.forge.files(pull.base_commit, pull.head)),
        }

    async def listed(self, request: Request, _account: str) -> Response:
        pull, what = self._pull(request), request.path_params["what"]
        rows: Sequence[Any]
        if what == "files":
            rows = self.forge.files(pull.base_commit, pull.head)
        elif what == "commits":
            rows = [
                {"sha": commit, "author": _user(ADDRESSES.get(author)), "committer": _user(ADDRESSES.get(committer))}
                for commit, author, committer in self.forge.commits(pull)
            ]
        elif what == "reviews":
            rows = [
                {
                    "user": _user(one["user"]),
                    "state": one["state"],
                    "commit_id": one["commit"],
                    "submitted_at": _text(one["at"]),
                }
                for one in pull.reviews
            ]
        else:
            raise Refusal(404, "Not Found")
        return self._page(request, rows)

    async def permission(self, request: Request, _account: str) -> Any:
        name = request.path_params["name"]
        if name not in self.forge.permissions:
            raise Refusal(404, f"{name} is not a user")
        return {"permission": self.forge.permissions[name], "user": _user(name)}

    async def compare(self, request: Request, _account: str) -> Any:
        old, _, new = request.path_params["pair"].partition("...")
        new = self.forge.commit(new)
        ahead = self.forge.is_ancestor(old, new)
        status = "identical" if old == new else "ahead" if ahead else "diverged"
        return {"status": status, "files": self.forge.files(old, new)}

    async def graphql(self, request: Request, account: str) -> Any:
        """The two questions that are asked, a pull request's comments and the open issues, and the one change."""
        body = await request.json()
        if "createCommitOnBranch" in body["query"]:
            self._may(request, "contents", "write")
            return self._commit(body["variables"]["input"])
        after = int(body["variables"].get("after") or 0)
        if "pullRequest(" in body["query"]:
            self._may(request, "pull-requests", "read")
            pull = self.forge.pulls.get(body["variables"]["number"])
            if pull is None:
                message = f"Could not resolve to a PullRequest with the number of {body['variables']['number']}."
                return {"data": {"repository": {"pullRequest": None}}, "errors": [{"message": message}]}
            nodes = [_node(one, account, pull) for one in pull.comments]
            return {"data": {"repository": {"pullRequest": {"comments": _connection(nodes, after)}}}}
        if "updateRefs(" in body["query"]:
            self._may(request, "contents", "write")
            return self._update_refs(body["variables"]["input"])
        if "pullRequests(" in body["query"]:
            self._may(request, "pull-requests", "read")
            branch, most = body["variables"]["branch"], body["variables"]["most"]
            pulls = [pull for pull in reversed(self.forge.pulls.values()) if pull.branch == branch][:most]
            return {
                "data": {
                    "repository": {"id": "R_1", "pullRequests": {"nodes": [_pull_node(one, account) for one in pulls]}}
                }
            }
        self._may(request, "issues", "read")
        nodes = [_node(one, account, None) for one in self.forge.issues.values() if one.state == "open"]
        return {"data": {"repository": {"issues": _connection(nodes, after)}}}

    async def list_artifacts(self, request: Request, _account: str) -> Any:
        found = [one for one in self.forge.artifacts if one.name == request.query_params["name"]]
        rows = [
            {
                "id": one.id,
                "name": one.name,
                "size_in_bytes": len(one.content),
                "expired": one.expired,
                "workflow_run": {"id": 1, "head_sha": one.head},
            }
            for one in found
        ]
        return {"total_count": len(rows), "artifacts": rows}

    async def artifact(self, request: Request, _account: str) -> Response:
        return RedirectResponse(f"{request.base_url}storage/{request.path_params['id']}?signature=x", 302)

    async def stored(self, request: Request) -> Response:
        """A place beside GitHub, which takes no token."""
        assert "authorization" not in request.headers
        (content,) = (one.content for one in self.forge.artifacts if one.id == request.path_params["id"])
        return Response(content)

    async def rules(self, request: Request, _account: str) -> Response:
        """The branch need not exist."""
        kinds = self.forge.rules.get(request.path_params["branch"], ())
        return self._page(request, [{"type": kind, "ruleset_id": 1} for kind in kinds])

    async def branch(self, request: Request, _account: str) -> Any:
        name = request.path_params["branch"]
        if not self.forge.has(f"heads/{name}"):
            raise Refusal(404, "Branch not found")
        return {"name": name, "protected": name in self.forge.protected}

    async def assignee(self, request: Request, _account: str) -> Response:
        if self.forge.permissions.get(request.path_params["name"], "read") == "read":
            raise Refusal(404, "Not Found")
        return Response(status_code=204)

    # ------------------------------------------------------------------ writing

    async def labels(self, request: Request, _account: str) -> Any:
        pull = self._pull(request)
        if request.method == "POST":
            self._may(request, "pull-requests", "write")
            pull.labels |= set((await request.json())["labels"])
        return [{"name": name} for name in sorted(pull.labels)]

    async def remove_label(self, request: Request, _account: str) -> Any:
        self._may(request, "pull-requests", "write")
        labels, name = self._pull(request).labels, request.path_params["name"]
        if name not in labels:
            raise Refusal(404, "Label does not exist")
        labels.remove(name)
        return [{"name": name} for name in sorted(labels)]

    async def add_comment(self, request: Request, account: str) -> Response:
        body = await self._body(request)
        number = request.path_params["number"]
        if number in self.forge.issues:
            self._may(request, "issues", "write")
            self.forge.issues[number].comments.append(body)
            return JSONResponse({"html_url": f"https://github.invalid/{REPOSITORY}/issues/{number}"}, 201)
        self._may(request, "pull-requests", "write")
        comment = Text(self.forge.number(), account, body, self.forge.now())
        pull = self._pull(request)
        pull.comments.append(comment)
        return JSONResponse({"html_url": _url(comment, pull)}, 201)

    async def edit_comment(self, request: Request, account: str) -> Any:
        self._may(request, "pull-requests", "write")
        body = await self._body(request)
        for pull in self.forge.pulls.values():
            for comment in pull.comments:
                if comment.id == request.path_params["id"]:
                    comment.edit(account, body, self.forge.now())
                    return {"html_url": _url(comment, pull)}
        raise Refusal(404, "Not Found")

    async def open_issue(self, request: Request, account: str) -> Response:
        self._may(request, "issues", "write")
        given, body = json.loads(await request.body()), await self._body(request)
        issue = Text(self.forge.number(), account, body, self.forge.now(), title=given["title"])
        issue.assignees = given.get("assignees", [])
        self.forge.issues[issue.id] = issue
        return JSONResponse({"html_url": _url(issue, None)}, 201)

    async def edit_issue(self, request: Request, account: str) -> Any:
        self._may(request, "issues", "write")
        given = json.loads(await request.body())
        issue = self.forge.issues.get(request.path_params["number"])
        if issue is None:
            raise Refusal(404, "Not Found")
        if "body" in given:
            issue.edit(account, await self._body(request), self.forge.now())
        issue.state = given.get("state", issue.state)
        return {"html_url": _url(issue, None)}

    async def show_ref(self, request: Request, _account: str) -> Any:
        if not self.forge.has(request.path_params["ref"]):
            raise Refusal(404, "Not Found")
        ref = request.path_params["ref"]
        return {"ref": f"refs/{ref}", "object": {"type": "commit", "sha": self.forge.commit(f"refs/{ref}")}}

    async def make_ref(self, request: Request, _account: str) -> Response:
        self._may(request, "contents", "write")
        given = await request.json()
        if self.forge.has(given["ref"].removeprefix("refs/")):
            raise Refusal(422, "Reference already exists")
        git(self.forge.git_folder, "update-ref", given["ref"], given["sha"])
        return JSONResponse(given, 201)

    async def drop_ref(self, request: Request, _account: str) -> Response:
        self._may(request, "contents", "write")
        git(self.forge.git_folder, "update-ref", "-d", f"refs/{request.path_params['ref']}")
        return Response(status_code=204)

    async def open_pull(self, request: Request, account: str) -> Response:
        self._may(request, "pull-requests", "write")
        given, body = await request.json(), await self._body(request)
        if not self.forge.lets_workflows_open_pulls:
            raise Refusal(403, "GitHub Actions is not permitted to create or approve pull requests.")
        pull = self.forge.open_pull(account, given["head"])
        pull.title, pull.body = given["title"], body
        return JSONResponse({"html_url": _pull_url(pull)}, 201)

    async def edit_pull(self, request: Request, _account: str) -> Any:
        self._may(request, "pull-requests", "write")
        given, pull = await request.json(), self._pull(request)
        if "body" in given:
            pull.body = await self._body(request)
        pull.title = given.get("title", pull.title)
        pull.closed = given.get("state", "open") == "closed"
        return {"html_url": _pull_url(pull)}

    def _commit(self, given: Any) -> Any:
        branch, changes = given["branch"]["branchName"], given["fileChanges"]
        if self.forge.commit(branch) != given["expectedHeadOid"]:
            return {"data": {"createCommitOnBranch": None}, "errors": [{"message": "Expected branch to point to"}]}
        kept = {one["path"]: b64decode(one["contents"]) for one in changes["additions"]}
        gone = [one["path"] for one in changes["deletions"]]
        oid = self.forge.commit_files(branch, given["message"]["headline"], kept, gone)
        return {"data": {"createCommitOnBranch": {"commit": {"oid": oid}}}}

    def _update_refs(self, given: Any) -> Any:
        """Git itself compares each branch with the commit that it is to have before."""
        assert given["repositoryId"] == "R_1"
        for update in given["refUpdates"]:
            assert update["force"] or self.forge.is_ancestor(update["beforeOid"], update["afterOid"])
            if not self.forge.move(update["name"], update["beforeOid"], update["afterOid"]):
                return {"data": {"updateRefs": None}, "errors": [{"message": "A ref does not match its beforeOid"}]}
        return {"data": {"updateRefs": {"clientMutationId": None}}}

    # ------------------------------------------------------------------ who asks, and for how much

    def _account(self, request: Request) -> str:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.forge.tokens:
            raise Refusal(401, "Bad credentials")
        return self.forge.tokens[token][0]

    def _may(self, request: Request, what: str, how: str) -> None:
        token = request.headers["authorization"].removeprefix("Bearer ")
        held = self.forge.tokens[token][1].get(what)
        if held != "write" and held != how:
            raise Refusal(403, "Resource not accessible by integration")

    def _pull(self, request: Request) -> PullRequest:
        if request.path_params["number"] not in self.forge.pulls:
            raise Refusal(404, "Not Found")
        return self.forge.pulls[request.path_params["number"]]

    async def _body(self, request: Request) -> str:
        body = str(json.loads(await request.body())["body"])
        if not body.strip() or len(body) > LARGEST:
            raise Refusal(422, f"body is too long (maximum is {LARGEST} characters)")
        return body

    def _page(self, request: Request, rows: Sequence[Any]) -> Response:
        size, page = int(request.query_params.get("per_page", 30)), int(request.query_params.get("page", 1))
        assert size <= 100
        shown = list(rows)[(page - 1) * size : page * size]
        more = len(rows) > page * size
        following = f'<{request.url.include_query_params(page=page + 1)}>; rel="next"'
        return JSONResponse(shown, headers={"link": following} if more else {})


def _kind(path: str) -> str:
    """The permission by which something is read."""
    kinds = {"/compare/": "contents", "/git/": "contents", "/actions/": "actions", "/assignees/": "issues"}
    kinds |= {"/rules/": "contents", "/branches/": "contents"}  # the rules take "metadata", which every token may read
    return next((kind for part, kind in kinds.items() if part in path), "pull-requests")


def _connection(nodes: list[Any], after: int) -> dict[str, Any]:
    more = len(nodes) > after + 100
    return {"nodes": nodes[after : after + 100], "pageInfo": {"hasNextPage": more, "endCursor": str(after + 100)}}


def _node(one: Text, account: str, pull: PullRequest | None) -> dict[str, Any]:
    """GraphQL names a bot without the [bot] that the rest shows."""
    return {
        "databaseId": one.id,
        "number": one.id,
        "url": _url(one, pull),
        "body": one.body,
        "viewerDidAuthor": one.author == account,
        "author": {"login": one.author.removesuffix("[bot]")},
        "editor": {"login": one.editor.removesuffix("[bot]")} if one.editor else None,
        "lastEditedAt": _text(one.updated_at) if one.editor else None,
        "updatedAt": _text(one.updated_at),
    }


def _pull_node(pull: PullRequest, account: str) -> dict[str, Any]:
    return {
        "number": pull.number,
        "url": _pull_url(pull),
        "body": pull.body,
        "state": pull.state,
        "viewerDidAuthor": pull.author == account,
        "isCrossRepository": pull.owner != REPOSITORY,
    }


def _pull_url(pull: PullRequest) -> str:
    return f"https://github.invalid/{REPOSITORY}/pull/{pull.number}"


def _url(one: Text, pull: PullRequest | None) -> str:
    place = f"pull/{pull.number}#issuecomment-{one.id}" if pull else f"issues/{one.id}"
    return f"https://github.invalid/{REPOSITORY}/{place}"


def _user(name: str | None) -> dict[str, str] | None:
    return {"login": name, "type": "Bot" if name == BOT or name.endswith("[bot]") else "User"} if name else None


def _text(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
