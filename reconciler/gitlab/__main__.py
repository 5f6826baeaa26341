"""The commands that the pipeline's jobs call: options in; text, notes and an exit code out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from reconciler.cli.pipelines import ANY_FILE, FILE, PLAN, note_text, print_text, run_group, start_group
from reconciler.doctor.pipeline import PipelineJob, missing, record_branch
from reconciler.github.approval import ApprovalRequest
from reconciler.github.conversation import (
    Reading,
    failed_comment,
    plan_comment,
    problems_section,
    read_problems,
    read_report,
)
from reconciler.github.markers import SavedPlan, read_plan
from reconciler.github.proposal import NOTHING_CHANGED, NOTHING_LEFT, Proposal
from reconciler.github.pull_request import changed
from reconciler.gitlab import notes, standing_request
from reconciler.gitlab.api import GitLab, Refused, text_of
from reconciler.gitlab.approval import evaluate
from reconciler.gitlab.environment import TOKEN, PipelineEnvironment, read_environment
from reconciler.gitlab.evidence import evidence
from reconciler.problems import Blocked, ExitCode, Invalid, Problem, ReconcilerError
from reconciler.report.common.annotations import Workspace
from reconciler.report.common.line_links import LineLinks, files_address
from reconciler.report.problems.text import render_text
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options

_BRANCH, _TITLE = "onefile-sync", "Bring the cohorts up to date"
STATE = click.option("--state", default="state", show_default=True, help="The folder with the declared state.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def gitlab() -> None:
    """Run the GitLab steps of this project's pipeline. See docs/how-to/gitlab.md."""


@gitlab.command()
@click.option("--plan", "plan", type=FILE, help="The saved plan.")
@click.option("--file", "report", type=FILE, help="The plan as `reconciler show --format markdown` wrote it.")
@click.option("--failed", is_flag=True, help="Report that no plan could be made of this commit.")
@click.option("--problems", "problems", type=ANY_FILE, help="With --failed: the problems as JSON, which say why.")
def note(plan: Path | None, report: Path | None, failed: bool, problems: Path | None) -> int:
    """Post the plan in the merge request, in one note that is edited in place."""
    if failed is bool(plan and report):
        raise click.UsageError("give --plan and --file, or --failed")
    if not os.environ.get(TOKEN):
        print_text(f"{TOKEN} is not set: no note is posted.")
        return ExitCode.DONE
    pipeline = read_environment(os.environ)
    if not pipeline.merge_request or pipeline.is_fork:
        fix = "Run this for a merge request from a branch of this project."
        raise Invalid(Problem("no merge request of this project started this pipeline", fix, where="merge request"))
    reading = Reading(pipeline.job_url)
    if failed or plan is None or report is None:
        body = failed_comment(pipeline.head, _section(problems), reading)
    else:
        body = _plan_note(read_plan(plan), report, pipeline, reading)
    with GitLab(pipeline) as client:
        path = f"{pipeline.path}/merge_requests/{pipeline.merge_request}"
        if text_of(client.get(path), path, "sha") != pipeline.head:
            print_text("The merge request has a newer commit: its pipeline posts the plan.")
            return ExitCode.DONE
        notes.post(client, pipeline, pipeline.merge_request, body)
    print_text(f"Posted in merge request {pipeline.merge_request}.")
    return ExitCode.DONE


def _plan_note(saved: SavedPlan, report: Path, pipeline: PipelineEnvironment, reading: Reading) -> str:
    body, _ = saved.comment(report, pipeline.head)
    return plan_comment(body, saved, reading)


def _section(file: Path | None) -> str:
    """Render the problems that a command wrote as JSON, with links to their lines."""
    here = str(Path.cwd())
    links = LineLinks(files_address(os.environ), Workspace(here, os.environ.get("CI_PROJECT_DIR") or here))
    return problems_section(read_problems(file) if file else [], "Why no plan could be made", links)


@gitlab.command()
@PLAN
@STATE
def approval(plan: Path, state: str) -> int:
    """Check whether this plan was approved in the merge request that was merged as this commit.

    Prints who approved it to standard output, and nothing there if the plan writes nothing. Exit 0: approved, or
    nothing to write. 5: not approved.
    """
    pipeline, saved = read_environment(os.environ), read_plan(plan)
    if saved.is_empty:
        note_text("The plan writes nothing, now or later: nothing needs to be approved.")
        return ExitCode.DONE
    request = ApprovalRequest(
        saved.target, saved.organisation, saved.fingerprint, pipeline.commit, pipeline.branch, state, saved.future
    )
    with GitLab(pipeline) as client:
        approvers, why_not = evaluate(request, evidence(client, pipeline))
    if why_not or not approvers:
        raise Blocked(why_not)
    note_text(f"Approved: {saved.fingerprint} by {', '.join(approvers)}")
    print_text(", ".join(approvers))
    return ExitCode.DONE


@gitlab.command()
@STATE
@click.option("--file", "report", type=FILE, required=True, help="The merge request's description, in Markdown.")
def sync(state: str, report: Path) -> int:
    """Keep one merge request with what `reconciler sync --propose` changed in the files; close it if nothing changed.

    It is left alone while it is right, once somebody has pushed to its branch, and if somebody closed it.
    """
    pipeline, files = read_environment(os.environ), changed(state)
    with GitLab(pipeline) as client:
        if files:
            proposal = Proposal(_BRANCH, _TITLE, read_report(report), files)
            print_text(standing_request.keep(client, pipeline, proposal, datetime.now(UTC)).sentence())
            return ExitCode.DONE
        url = standing_request.close(client, pipeline, _BRANCH, NOTHING_LEFT)
    print_text(f"Closed {url}" if url else NOTHING_CHANGED)
    return ExitCode.DONE


@gitlab.command()
@STATE
@click.option("--writes", is_flag=True, help="The job writes to the store.")
def doctor(state: str, writes: bool) -> int:
    """Report what this job lacks: a variable, access to the store, a protected branch.

    Exit 0 also if something is missing: the job's command fails by itself if it needs it.
    """
    environment, options = Environment(), Options(state=Path(state))
    has_token = any(os.environ.get(name) for name in ("ONEFILE_CUSTOMER_TOKEN", "ONEFILE_CUSTOMER_TOKEN_FD"))
    job = PipelineJob(
        writes, has_token, "the variables of the project (Settings, CI/CD, Variables), masked and protected"
    )
    problems = missing(options, environment, job)
    if not os.environ.get(TOKEN):
        fix = "Set it to a project access token with the role Developer and the scope `api`, masked."
        what = "is not set, so no plan is posted in merge requests and no approval is seen"
        problems.append(Problem(what, fix, where=TOKEN, severity="warning"))
    elif writes and (branch := record_branch(options, environment)):
        problems += _unprotected(branch)
    print_text(render_text(problems) if problems else "Nothing is missing.")
    return ExitCode.DONE


def _unprotected(branch: str) -> list[Problem]:
    """Warn about a branch of the record that could be replaced; what GitLab does not show is no fault."""
    try:
        pipeline = read_environment(os.environ)
        with GitLab(pipeline) as client:
            client.get(f"{pipeline.path}/protected_branches/{branch}")
    except Refused as error:
        if error.status != 404:
            return []
        fix = f"Protect {branch} under Settings, Repository, Protected branches: allow pushes, and no force push."
        return [Problem("is not protected, so the record could be replaced", fix, where=branch, severity="warning")]
    except ReconcilerError as error:
        note_text(f"The protection of {branch} is not checked: {error}")
    return []


# ------------------------------------------------------------------ the process


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code."""
    return run_group(gitlab, "reconciler.gitlab", arguments)


def main() -> None:
    start_group(gitlab, "reconciler.gitlab")


if __name__ == "__main__":
    main()
