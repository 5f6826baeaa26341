"""A checkout is data: every step of every workflow and pipeline runs beside files that would leave a mark."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from onefile_sandbox.serve import serving
from tests.e2e.user import new_folder
from tests.excel import table_file
from tests.github.forge import Forge, git
from tests.github.hostile import SURROUNDINGS, hostile_files, real_python
from tests.github.runner import BASH, ROOT, Runner
from tests.github.standin import application
from tests.github.test_workflows import APPLY, FILES, ISSUE, KEEP, POST, PROPOSE, SECRETS, Centre, cohort
from tests.gitlab.standin import PROJECT, TOKEN, Project, gitlab
from tests.pages import PAGES, read_page
from tests.shell import said_by
from tests.store.http_remote import http_remote

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the marks are programs of a Linux shell")

TESTS_THE_CHECKOUT = {"ci: checks", "ci: container", "ci: install", "release: build"}
"""Jobs whose work is to run what is checked out: tests and builds. They get no secret."""


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    """A centre whose every commit brings all hostile files, in a job whose variables lead to them."""
    with new_folder() as folder:
        forge = Forge(folder)
        git(forge.git_folder, "config", "uploadpack.allowAnySHA1InWant", "true")
        with serving(application(forge)) as url:
            python = real_python(tmp_path / "tools")
            runner = Runner(forge, folder, url.removesuffix("/api/v2.1"), python, SURROUNDINGS)
            centre = Centre(folder, forge, runner)
            centre.commit("ada", "main", FILES | hostile_files(tmp_path / "ran") | cohort("kate"))
            for file in centre.tree.rglob("*"):
                if file.is_file() and ".git" not in file.parts and file.read_bytes().startswith(b"#!"):
                    file.chmod(0o755)
            centre.commit("ada", "main", {})
            yield centre


def marks(tmp_path: Path) -> list[str]:
    left = tmp_path / "ran"
    return left.read_text("utf-8").splitlines() if left.exists() else []


def test_no_step_runs_what_a_pull_request_brings(centre: Centre, tmp_path: Path) -> None:
    """From the plan to what is applied, watched and proposed: each step does its work, and nothing else runs."""
    centre.commit("ada", "change", cohort("james"))
    pull = centre.forge.open_pull("ada", "change")
    plan = centre.runner.pull_request(pull, SECRETS)["plan"]
    assert (plan.conclusion, plan.steps[POST]) == ("success", "success"), plan.log
    centre.forge.review(pull, "ben")
    apply = centre.runner.push(centre.forge.merge(pull), SECRETS)["apply"]
    assert (apply.conclusion, apply.steps[APPLY]) == ("success", "success"), apply.log
    drift = centre.runner.schedule(SECRETS)["drift"]
    assert (drift.conclusion, drift.steps[ISSUE]) == ("success", "success"), drift.log
    centre.somebody_sets(132757)
    adopt = centre.runner.by_hand("adopt", SECRETS, cohort="c1")["adopt"]
    assert (adopt.conclusion, adopt.steps[PROPOSE]) == ("success", "success"), adopt.log
    centre.runner.variables["RECONCILER_SYNC_TABLE"] = "learners.csv"
    centre.commit("ada", "main", {"learners.csv": "id,default_assessor\n200004,james\n"}, "origin/main")
    sync = centre.runner.by_hand("sync", SECRETS)["sync"]
    assert (sync.conclusion, sync.steps[KEEP]) == ("success", "success"), sync.log
    assert marks(tmp_path) == []


def test_no_step_runs_what_a_fork_brings(centre: Centre, tmp_path: Path) -> None:
    """Its files are checked, and nothing of it runs."""
    centre.commit("dan", "change", cohort("james"))
    pull = centre.forge.open_pull("dan", "change", owner="dan/assignments")
    job = centre.runner.pull_request(pull, SECRETS)["plan"]
    assert (job.conclusion, job.steps["Validate"]) == ("success", "success"), job.log
    assert marks(tmp_path) == []


def checked_out(folder: Path, left: Path) -> Path:
    """A checkout with declared files and all hostile ones, outside of any forge."""
    workspace = folder / "work"
    for name, content in (FILES | cohort("kate") | hostile_files(left)).items():
        file = workspace / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
        file.chmod(0o755)
    git(workspace, "init", "--quiet")
    git(workspace, "add", "--all")
    git(workspace, "-c", "user.name=ada", "-c", "user.email=ada@people.invalid", "commit", "--quiet", "-m", "x")
    return workspace


def variables(workspace: Path, python: Path) -> dict[str, str]:
    given = {name: value.format(workspace=workspace) for name, value in SURROUNDINGS.items()}
    return {**given, "HOME": str(workspace.parent), "PYTHON": str(python)}


@pytest.mark.parametrize(
    "script", ['"$PYTHON" -m reconciler validate', '"$PYTHON" -P -m pip install x', "git status", "python -I -c 0"]
)
def test_the_marks_are_left_where_a_step_is_careless(tmp_path: Path, script: str) -> None:
    """Scripts without the care of ours: what is searched for can be found."""
    workspace, python = checked_out(tmp_path, tmp_path / "ran"), real_python(tmp_path / "tools")
    said_by([BASH, "-c", script], workspace, variables(workspace, python))
    assert marks(tmp_path) != []


# ------------------------------------------------------------------ jobs that are no part of the action


def jobs() -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    for file in sorted([*ROOT.glob(".github/workflows/*.yml"), *ROOT.glob("starter/*/.github/workflows/*.yml")]):
        workflow = yaml.safe_load(file.read_text("utf-8").replace("@ACTION@", "./"))
        for name, job in workflow["jobs"].items():
            yield f"{file.stem}: {name}", workflow, job


def test_a_job_that_runs_the_checkout_holds_nothing_that_is_worth_stealing() -> None:
    """It may read the code, gets no secret and no environment, and is listed here."""
    for name, workflow, job in jobs():
        if name in TESTS_THE_CHECKOUT:
            assert (workflow["permissions"], job["permissions"]) == ({}, {"contents": "read"}), name
            assert "environment" not in job and "secrets." not in str(job), name


def test_every_other_script_of_a_workflow_leaves_the_checkout_alone(tmp_path: Path) -> None:
    """As they are, in a checkout full of traps, where nothing but our own steps came before."""
    tried = []
    for name, _, job in jobs():
        for step in job["steps"]:
            if name not in TESTS_THE_CHECKOUT and "run" in step and "GH_TOKEN" not in step.get("env", {}):
                workspace = checked_out(tmp_path / str(len(tried)), tmp_path / "ran")
                python = real_python(tmp_path / f"tools-{len(tried)}")
                given = variables(workspace, python)
                given |= {"PATH": f"{python.parent}:/usr/local/bin:/usr/bin:/bin", "GITHUB_WORKSPACE": str(workspace)}
                del given["PYTHONPATH"]
                place = tmp_path if "working-directory" in step else workspace
                said_by([BASH, "-e", "-c", step["run"]], place, given)
                tried.append(step["run"])
    assert len(tried) == 3
    assert marks(tmp_path) == []


def test_a_job_that_may_write_a_release_checks_nothing_out() -> None:
    """Its script names programs by PATH, which nothing of ours has touched."""
    for name, _, job in jobs():
        if any("GH_TOKEN" in step.get("env", {}) for step in job["steps"]):
            assert not any("checkout" in step.get("uses", "") for step in job["steps"]), name


# ------------------------------------------------------------------ pipelines elsewhere


def program_source(folder: Path) -> tuple[str, str]:
    """A repository from which a pipeline can install this program; its address, and a commit."""
    source = folder / "source"
    (source / ".ci").mkdir(parents=True)
    for name in (".ci/install", ".ci/runtime.txt"):
        shutil.copy(ROOT / name, source / name)
    git(source, "init", "--quiet")
    git(source, "config", "uploadpack.allowAnySHA1InWant", "true")
    git(source, "add", "--all")
    git(source, "-c", "user.name=ada", "-c", "user.email=ada@people.invalid", "commit", "--quiet", "-m", "x")
    return source.as_uri(), git(source, "rev-parse", "HEAD").strip()


REPOSITORY_IN_SCRIPTS = re.compile(r"@REPOSITORY@|https://\S+/OWNER/onefile-reconciler")
COMMIT_IN_SCRIPTS = re.compile(r"@COMMIT@|\bCOMMIT\b")


def pipeline_of(text: str, address: str, commit: str) -> dict[str, Any]:
    """Return a pipeline that installs this program from there."""
    text = COMMIT_IN_SCRIPTS.sub(commit, REPOSITORY_IN_SCRIPTS.sub(address, text))
    pipeline: dict[str, Any] = yaml.safe_load(text)
    return pipeline


def scripts_of(pipeline: Mapping[str, Any]) -> dict[str, str]:
    """Return all that each job runs, from the installation on."""
    before = pipeline["default"]["before_script"]
    jobs = {name: job["script"] for name, job in pipeline.items() if isinstance(job, dict) and "script" in job}
    return {name: "\n".join([*before, *script]) for name, script in jobs.items()}


def pipelines() -> list[Any]:
    """The pipeline that `init` writes, with the job that it can add, and those of pages that run anything else."""
    parts = (ROOT / "starter" / name / ".gitlab-ci.yml" for name in ("gitlab", "with-sync"))
    texts = {"starter": "".join(part.read_text("utf-8") for part in parts)}
    same = scripts_of(pipeline_of(texts["starter"], "address", "commit")).items()
    for page in map(read_page, PAGES):
        for block in page.blocks:
            if block.language == "yaml" and "before_script:" in block.text:
                shown = scripts_of(pipeline_of(block.text, "address", "commit"))
                if not shown.items() <= same:
                    texts[str(block)] = block.text
    return [pytest.param(text, id=name) for name, text in texts.items()]


@pytest.mark.parametrize("text", pipelines())
def test_no_script_of_a_pipeline_runs_what_a_merge_request_brings(
    text: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Every job of it, from the installation on, in one shell as GitLab runs it."""
    address, commit = program_source(tmp_path)
    scripts = scripts_of(pipeline_of(text, address, commit))
    assert set(scripts) - {"sync"} == {"validate", "plan", "apply", "apply-by-hand", "drift"}
    assert ("sync" in scripts) is text.endswith('synced.md"\n')
    for number, (name, script) in enumerate(scripts.items()):
        workspace = checked_out(tmp_path / str(number), tmp_path / "ran")
        git(workspace, "rev-parse", "HEAD")
        given = variables(workspace, real_python(tmp_path / f"tools-{number}"))
        given |= {"CI_PROJECT_DIR": str(workspace), "FINGERPRINT": "sha256:none", "TMPDIR": str(tmp_path)}
        given |= {"CI_MERGE_REQUEST_DIFF_BASE_SHA": git(workspace, "rev-parse", "HEAD").strip()}
        done = said_by([BASH, "-e", "-c", script], workspace, given)
        assert marks(tmp_path) == [], name
        assert done.returncode == 0 or name in ("apply", "apply-by-hand", "drift", "sync"), done.stdout
        assert "Valid on" in done.stdout or name != "validate", done.stdout


@pytest.mark.parametrize("table", ["learners.csv", "learners 1.xlsx"], ids=["csv", "workbook"])
def test_the_nightly_job_of_a_pipeline_proposes_and_runs_nothing_of_the_checkout(tmp_path: Path, table: str) -> None:
    """From the table to the merge request, with a branch that is pushed."""
    job = yaml.safe_load((ROOT / "starter/with-sync/.gitlab-ci.yml").read_text("utf-8"))["sync"]
    workspace, python = checked_out(tmp_path / "job", tmp_path / "ran"), real_python(tmp_path / "tools")
    rows = [["id", "cohort", "default_assessor"], [200004, "c1", "james"]]
    (tmp_path / table).write_bytes(table_file(table, rows))
    (tmp_path / "env" / "bin").mkdir(parents=True)
    (tmp_path / "env" / "bin" / "python").symlink_to(python)
    remote, head = tmp_path / "remote.git", git(workspace, "rev-parse", "HEAD").strip()
    git(tmp_path, "clone", "--quiet", "--bare", str(workspace), str(remote))
    programs = [
        f'{name}() {{ {shlex.quote(str(python))} -I -m {module} "$@"; }}'
        for name, module in (("reconciler", "reconciler"), ("forge", "reconciler.gitlab"))
    ]
    project = Project(head)
    with http_remote(tmp_path, TOKEN) as served, gitlab(project) as url:
        given = variables(workspace, python) | {"PROGRAM": str(tmp_path), "RECONCILER_GITLAB_TOKEN": TOKEN}
        given |= {"CI_PROJECT_ID": str(PROJECT), "CI_COMMIT_SHA": head, "CI_COMMIT_BRANCH": "main"}
        given |= {"CI_API_V4_URL": url, "CI_PROJECT_URL": served.url.removesuffix(".git")}
        given |= {"RECONCILER_SYNC_TABLE": str(tmp_path / table)}
        done = said_by([BASH, "-e", "-c", "\n".join([*programs, *job["script"]])], workspace, given)
    assert (done.returncode, "Proposed in" in done.stdout) == (0, True), done.stdout
    (made,) = project.proposals
    assert "c1" in made["description"]
    assert git(remote, "diff", "--name-only", head, "onefile-sync") == "state/cohorts/c1.yaml\n"
    assert marks(tmp_path) == []


def other_scripts() -> Iterator[Any]:
    """The scripts for other services, as the steps of each job: whether it is in the checkout, and its text."""
    page = read_page(ROOT / "docs/how-to/azure-devops-and-bitbucket.md")
    azure, bitbucket = (yaml.safe_load(block.text) for block in page.blocks)
    for stage in azure["stages"]:
        (job,) = stage["jobs"]
        steps = job["steps"] if "steps" in job else job["strategy"]["runOnce"]["deploy"]["steps"]
        kinds = [next(iter(step)) for step in steps]
        assert kinds[:3] == ["bash", "checkout", "bash"], "installed before there is a checkout"
        texts = [(place > 0, step["bash"]) for place, step in enumerate(steps) if "bash" in step]
        yield pytest.param(texts, id=f"azure-{stage['stage']}")
    pipelines = bitbucket["pipelines"]
    for name, pipeline in {"plan": pipelines["pull-requests"]["**"], **pipelines["custom"]}.items():
        (step,) = (part["step"] for part in pipeline if "step" in part)
        yield pytest.param([(True, "\n".join(step["script"]))], id=f"bitbucket-{name}")


@pytest.mark.parametrize("steps", list(other_scripts()))
def test_no_script_for_another_service_runs_what_a_pull_request_brings(
    steps: list[tuple[bool, str]], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Each does its work: it plans, refuses another fingerprint, or reports that nothing was applied yet."""
    address, commit = program_source(tmp_path)
    workspace, temp = checked_out(tmp_path / "job", tmp_path / "ran"), tmp_path / "temp"
    git(workspace, "-c", "user.name=ada", "-c", "user.email=ada@people.invalid", "commit", "--allow-empty", "-qm", "y")
    temp.mkdir()
    given = variables(workspace, real_python(tmp_path / "tools")) | {"FINGERPRINT": f"sha256:{'0' * 64}"}
    given |= {"AGENT_TEMPDIRECTORY": str(temp), "TMPDIR": str(tmp_path), "BITBUCKET_CLONE_DIR": str(workspace)}
    given |= {"BITBUCKET_PR_DESTINATION_COMMIT": git(workspace, "rev-parse", "HEAD^1").strip()}
    for in_checkout, script in steps:
        text = script.replace("https://git.example/OWNER/onefile-reconciler COMMIT", f"{address} {commit}")
        text = re.sub(r"(?m)^export RECONCILER_STORE=.*$", "", text)
        done = said_by([BASH, "-e", "-c", text], workspace if in_checkout else temp, given)
        assert marks(tmp_path) == [], done.stdout
    kind = request.node.callspec.id.rpartition("-")[2]
    code, words = {"plan": (0, "No changes"), "apply": (4, ""), "drift": (0, "nothing is recorded in")}[kind]
    assert (done.returncode, words in done.stdout) == (code, True), done.stdout


def test_the_hooks_for_commits_run_nothing_of_the_repository(tmp_path: Path) -> None:
    """As pre-commit starts them: at the repository's top, with their environment first on PATH."""
    workspace, python = checked_out(tmp_path, tmp_path / "ran"), real_python(tmp_path / "tools")
    given = variables(workspace, python)
    given["PATH"] = f"{python.parent}{os.pathsep}{given['PATH']}"
    for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8")):
        done = said_by([BASH, "-c", hook["entry"]], workspace, given)
        assert "Traceback" not in done.stdout and done.returncode in (0, 1), done.stdout
    assert marks(tmp_path) == []
