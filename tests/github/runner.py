"""Runs the workflow files as a runner does: jobs, steps and the composite action, each script with bash, as it stands.

What is not ours (checkout, Python, cache, artifacts) is done by hand. The package is not installed anew: the `python`
that a job gets makes environments that are this one, and its `pip install` does nothing.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.github.expressions import Status, filled, holds
from tests.github.forge import BOT, REPOSITORY, Forge, PullRequest, git
from tests.shell import said_by

ROOT = Path(__file__).parents[2]
BASH = shutil.which("bash") or "bash"


@dataclass
class Job:
    """How a job ended: its steps by name with what became of them, all it printed, and the files it left."""

    conclusion: str = "success"
    steps: dict[str, str] = field(default_factory=dict)
    log: str = ""
    summary: str = ""
    artifacts: dict[str, bytes] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)  # names of variables that held a secret, with the step


class Runner:
    """Each job has a new disk, home and cache, as on GitHub: what is kept between jobs is on a branch of the forge.
    `surroundings` come on top of a job's variables; `{workspace}` in them is its checkout."""

    def __init__(
        self, forge: Forge, folder: Path, api_url: str, python: Path, surroundings: Mapping[str, str] | None = None
    ) -> None:
        self.forge, self.folder, self.api_url, self.python = forge, folder, api_url, python
        self.surroundings = surroundings or {}
        self.variables: dict[str, str] = {}  # of the repository
        self._jobs = 0

    def pull_request(self, pull: PullRequest, secrets: Mapping[str, str] | None = None) -> dict[str, Job]:
        """What GitHub starts when a pull request is opened or pushed to."""
        head = {"sha": pull.head, "ref": pull.branch, "repo": {"full_name": pull.owner}}
        base = {"sha": self.forge.commit("main"), "ref": "main"}
        event = {"number": pull.number, "pull_request": {"number": pull.number, "head": head, "base": base}}
        ref, commit = f"refs/pull/{pull.number}/merge", self.forge.merged(pull)
        is_fork = pull.owner != REPOSITORY
        return self._run("plan", "pull_request", event, ref, commit, {} if is_fork else secrets or {}, is_fork)

    def push(self, commit: str, secrets: Mapping[str, str] | None = None) -> dict[str, Job]:
        return self._run("apply", "push", {}, "refs/heads/main", commit, secrets or {}, False)

    def schedule(self, secrets: Mapping[str, str] | None = None) -> dict[str, Job]:
        return self._run("drift", "schedule", {}, "refs/heads/main", self.forge.commit("main"), secrets or {}, False)

    def by_hand(self, name: str, secrets: Mapping[str, str] | None = None, **inputs: str) -> dict[str, Job]:
        commit = self.forge.commit("main")
        return self._run(name, "workflow_dispatch", {"inputs": inputs}, "refs/heads/main", commit, secrets or {}, False)

    def workflow(self, name: str) -> str:
        """The text of one of our workflows, or of one that `init` writes beside them."""
        ours = ROOT / ".github" / "workflows" / f"{name}.yml"
        extra = {"messages": "messages", "site": "pages", "sync": "sync"}.get(name)
        if not extra:
            return ours.read_text("utf-8")
        starter = ROOT / "starter" / f"with-{extra}" / ".github" / "workflows" / f"{name}.yml"
        return starter.read_text("utf-8").replace("@ACTION@", "./")

    def _run(
        self,
        name: str,
        event_name: str,
        event: Mapping[str, Any],
        ref: str,
        commit: str,
        secrets: Mapping[str, str],
        is_fork: bool,
    ) -> dict[str, Job]:
        workflow = yaml.safe_load(self.workflow(name))
        ended: dict[str, Job] = {}
        for key, job in workflow["jobs"].items():
            self._jobs += 1
            token = f"token-{self._jobs}-of-{key}"
            given = job.get("permissions", workflow["permissions"])
            may = {what: "read" if is_fork else how for what, how in given.items()}
            self.forge.tokens[token] = (BOT, may)
            github = {
                "event": event,
                "event_name": event_name,
                "repository": REPOSITORY,
                "sha": commit,
                "ref": ref,
                "token": token,
            }
            needed = ended.get(job["needs"], Job("skipped")) if "needs" in job else Job()
            if needed.conclusion == "success" and holds(job.get("if"), {"github": github}, _status(Job())):
                ended[key] = _JobRun(self, github, secrets, self._jobs).run(job)
            del self.forge.tokens[token]  # as GitHub takes it back when the job ends
        return ended


class _JobRun:
    def __init__(self, runner: Runner, github: dict[str, Any], secrets: Mapping[str, str], number: int) -> None:
        self._runner, self._github, self._secrets = runner, github, secrets
        self._folder = runner.folder / f"job-{number}"
        self._workspace = self._folder / "work"
        self._workspace.mkdir(parents=True)
        (self._folder / "temp").mkdir()
        (self._folder / "event.json").write_text(json.dumps(github["event"]), "utf-8")
        self._job = Job()

    def run(self, job: Mapping[str, Any]) -> Job:
        contexts = {"github": self._github, "secrets": self._secrets, "runner": self._runner_context(), "steps": {}}
        contexts["vars"] = self._runner.variables
        contexts["inputs"] = self._github["event"].get("inputs", {})
        self._steps(job["steps"], contexts, self._job)
        summary = self._folder / "summary"
        self._job.summary = summary.read_text("utf-8") if summary.exists() else ""
        return self._job

    def _runner_context(self) -> dict[str, str]:
        return {"temp": str(self._folder / "temp"), "os": "Linux"}

    def _steps(self, steps: list[dict[str, Any]], contexts: dict[str, Any], job: Job) -> None:
        for step in steps:
            name = str(step.get("name") or step.get("uses") or step.get("run"))
            status = _status(job)
            if not holds(step.get("if"), contexts, status):
                self._job.steps[name] = "skipped"
                continue
            environment = {key: filled(value, contexts, status) for key, value in (step.get("env") or {}).items()}
            given = {key: filled(value, contexts, status) for key, value in (step.get("with") or {}).items()}
            outputs: dict[str, str] = {}
            if "run" in step:
                place = Path(filled(step.get("working-directory", ""), contexts, status) or self._workspace)
                went_well = self._script(name, step["run"], step.get("shell"), environment, outputs, place)
            else:
                went_well = self._use(str(step["uses"]), given, outputs)
            self._job.steps[name] = "success" if went_well else "failure"
            if not went_well:
                job.conclusion = "failure"
            if "id" in step:
                contexts["steps"][step["id"]] = {"outputs": outputs, "outcome": self._job.steps[name]}

    def _script(
        self,
        name: str,
        script: str,
        shell: str | None,
        environment: dict[str, str],
        outputs: dict[str, str],
        place: Path,
    ) -> bool:
        self._job.seen |= {f"{name}: {key}" for key, value in environment.items() if self._is_secret(value)}
        output = self._folder / "output"
        output.write_text("", "utf-8")
        strict = ["-eo", "pipefail"] if shell == "bash" else ["-e"]
        done = said_by(
            [BASH, "--noprofile", "--norc", *strict, "-c", script],
            place,
            {**self._surroundings(), "GITHUB_OUTPUT": str(output), **environment},
        )
        self._job.log += f"## {name}\n{done.stdout}"
        assert "Traceback" not in done.stdout, done.stdout
        outputs |= dict(line.split("=", 1) for line in output.read_text("utf-8").splitlines())
        return done.returncode == 0

    def _is_secret(self, value: str) -> bool:
        return bool(value) and value in (*self._secrets.values(), self._github["token"])

    def _surroundings(self) -> dict[str, str]:
        github = self._github
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self._folder),
            "RUNNER_TEMP": str(self._folder / "temp"),
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_API_URL": self._runner.api_url,
            "GITHUB_GRAPHQL_URL": f"{self._runner.api_url}/graphql",
            "GITHUB_SERVER_URL": "https://github.invalid",
            "GITHUB_REPOSITORY": github["repository"],
            "GITHUB_EVENT_NAME": github["event_name"],
            "GITHUB_EVENT_PATH": str(self._folder / "event.json"),
            "GITHUB_SHA": github["sha"],
            "GITHUB_REF": github["ref"],
            "GITHUB_RUN_ID": "4711",
            "GITHUB_ACTOR": "ada",
            "GITHUB_STEP_SUMMARY": str(self._folder / "summary"),
            "GITHUB_WORKSPACE": str(self._workspace),
            **{name: value.format(workspace=self._workspace) for name, value in self._runner.surroundings.items()},
        }

    # ------------------------------------------------------------------ what others wrote

    def _use(self, what: str, given: Mapping[str, str], outputs: dict[str, str]) -> bool:
        if what in ("./", "./.program"):
            assert what == "./" or (self._workspace / ".program" / ".git").is_dir(), "checked out apart"
            return self._composite(given, outputs)
        name, _, pin = what.partition("@")
        assert len(pin) == 40, what
        if name == "actions/checkout":
            self._check_out(given)
        elif name == "actions/upload-artifact":
            place = Path(given["path"])
            found = {f"{given['name']}/{one.relative_to(place)}": one.read_bytes() for one in place.rglob("*.*")}
            self._job.artifacts |= found
            pull = self._github["event"].get("pull_request")
            head = pull["head"]["sha"] if pull else self._github["sha"]
            files = {str(one.relative_to(place)): one.read_bytes() for one in place.rglob("*.*")}
            artifact = self._runner.forge.keep(given["name"], head, files)
            outputs["artifact-url"] = f"https://github.invalid/{REPOSITORY}/actions/runs/4711/artifacts/{artifact.id}"
        elif name == "actions/upload-pages-artifact":
            place = Path(given["path"])
            self._job.artifacts |= {f"pages/{one.relative_to(place)}": one.read_bytes() for one in place.rglob("*.*")}
        elif name == "actions/cache":
            assert Path(given["path"]).is_relative_to(self._folder / "temp"), "nothing of the checkout"
        elif name == "actions/setup-python":
            outputs["python-path"] = str(self._runner.python)
        else:
            assert name == "actions/deploy-pages", what  # publishes what was uploaded
        return True

    def _composite(self, given: Mapping[str, str], outputs: dict[str, str]) -> bool:
        action = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
        contexts: dict[str, Any] = {"github": self._github, "runner": self._runner_context(), "steps": {}}
        inside, status = Job(), _status(Job())
        assert set(given) <= set(action["inputs"]), "an input that the action does not have"
        contexts["inputs"] = {
            name: given.get(name, filled(one.get("default", ""), contexts, status))
            for name, one in action["inputs"].items()
        }
        self._steps(action["runs"]["steps"], contexts, inside)
        outputs |= {name: filled(one["value"], contexts, status) for name, one in action["outputs"].items()}
        return inside.conclusion == "success"

    def _check_out(self, given: Mapping[str, str]) -> None:
        assert given["persist-credentials"] == "false"
        depth = given.get("fetch-depth", "1")
        shallow = [] if depth == "0" else [f"--depth={depth}"]
        place = self._workspace / given.get("path", "")
        if place != self._workspace:
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
        git(place, "init", "--quiet")
        origin = f"file://{self._runner.forge.git_folder}"
        git(place, "fetch", "--quiet", *shallow, origin, given.get("ref", self._github["sha"]))
        git(place, "checkout", "--quiet", "--detach", "FETCH_HEAD")
        git(place, "remote", "add", "origin", origin)


def _status(job: Job) -> Status:
    return {
        "success": lambda: job.conclusion == "success",
        "failure": lambda: job.conclusion == "failure",
        "cancelled": lambda: False,
        "always": lambda: True,
    }
