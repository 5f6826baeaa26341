"""The commands that workflow steps call: options in; text, step outputs and an exit code out."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from reconciler.cli.output import exit_code_of, leave, say_problems, secure_streams
from reconciler.github import comments, issues
from reconciler.github.api import GitHub
from reconciler.github.approval import ApprovalRequest, Judgement, evaluate_approval
from reconciler.github.environment import WorkflowEnvironment, read_environment
from reconciler.github.evidence import evidence, pull_of
from reconciler.github.markers import SavedPlan, read_plan
from reconciler.github.pull_request import changed
from reconciler.github.pull_request import propose as make_pull
from reconciler.problems import Blocked, ExitCode, Invalid, Problem, ReconcilerError, Source
from reconciler.report.common.escape import fenced, without_commands
from reconciler.report.problems.text import render_text

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
PLAN = click.option("--plan", "plan", type=FILE, required=True, help="The saved plan.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def github() -> None:
    """Run the GitHub steps of this project's workflows. See docs/how-to/github.md."""


@github.command()
@click.option("--plan", "plan", type=FILE, help="The saved plan.")
@click.option("--file", "report", type=FILE, help="The plan as `reconciler show --format markdown` wrote it.")
@click.option("--failed", is_flag=True, help="Report that no plan could be made of this commit.")
def comment(plan: Path | None, report: Path | None, failed: bool) -> int:
    """Post the plan in the pull request, in one comment that is edited in place.

    On a push it is posted in the pull request that was merged as the commit.
    """
    if failed is bool(plan and report):
        raise click.UsageError("give --plan and --file, or --failed")
    workflow = read_environment(os.environ)
    with GitHub(workflow) as hub:
        place = _place(hub, workflow)
        if place is None:
            return ExitCode.DONE
        number, head = place
        if failed or plan is None or report is None:
            body = _no_plan(workflow, head)
        else:
            body, mark = read_plan(plan).comment(report, head)
            if workflow.pull is None and comments.shows(hub, workflow, number, mark):
                _print(f"Pull request {number} shows this plan already.")
                return ExitCode.DONE
        _print(f"Posted in {comments.post(hub, workflow, number, body)}")
    return ExitCode.DONE


def _place(hub: GitHub, workflow: WorkflowEnvironment) -> tuple[int, str] | None:
    """Return the pull request to post in, and its head; None, with the reason printed, if nothing is to be posted."""
    if workflow.pull is None:
        pull = pull_of(hub, workflow)
        if pull is None:
            _print("No pull request was merged as this commit: nothing is posted.")
        return (pull.number, pull.head) if pull else None
    if workflow.pull.is_fork:
        fix = "Only validate it. Anyone who may write to this repository can propose the change from a branch of it."
        raise Invalid(Problem("comes from a fork, which gets no plan and no comment", fix, where="pull request"))
    if comments.head_of(hub, workflow, workflow.pull.number) != workflow.pull.head:
        _print("The pull request has a newer commit: its run posts the plan.")
        return None
    return workflow.pull.number, workflow.pull.head


def _no_plan(workflow: WorkflowEnvironment, head: str) -> str:
    return (
        f"<!-- onefile-reconciler plan head={head} -->\n**No plan could be made of commit {head[:12]}.** "
        f"There is nothing to approve yet; [the run]({workflow.run_url}) shows what is wrong.\n"
    )


@github.command()
@PLAN
@click.option("--state", default="state", show_default=True, help="The folder with the declared state.")
def approval(plan: Path, state: str) -> int:
    """Check whether this plan was approved in the pull request that was merged as this commit.

    Writes `approved` (yes, no, or nothing if there is nothing to write) and `fingerprint` for later steps.
    Exit 0: approved, or nothing to write. 5: not approved.
    """
    workflow, saved = read_environment(os.environ), read_plan(plan)
    if not saved.writes and not saved.future:
        _output(workflow, approved="nothing", fingerprint=saved.fingerprint)
        _print("The plan writes nothing, now or later: nothing needs to be approved.")
        return ExitCode.DONE
    _output(workflow, approved="no", fingerprint=saved.fingerprint)
    request = ApprovalRequest(
        saved.target, saved.organisation, saved.fingerprint, workflow.commit, workflow.branch, state, saved.future
    )
    with GitHub(workflow) as hub:
        judgement = evaluate_approval(request, evidence(hub, workflow))
    why_not = [*judgement.why_not, *_lost_record(saved, os.environ)]
    if why_not or not judgement.is_approved:
        _summarise(workflow, f"### Not applied: this plan was not approved\n\n{fenced(render_text(why_not))}")
        raise Blocked(why_not)
    _output(workflow, approved="yes")
    approved = _approved_text(judgement, saved)
    _summarise(workflow, f"### Approved\n\n{fenced(approved)}")
    _print(approved)
    return ExitCode.DONE


def _lost_record(saved: SavedPlan, environment: Mapping[str, str]) -> list[Problem]:
    """Refuse a record on the runner's disk: it is deleted, and with it the record of what OneFile does not show."""
    if saved.target == "sandbox" or environment.get("RECONCILER_STORE"):
        return []
    fix = "Keep the record in PostgreSQL, and set its address as the secret RECONCILER_STORE."
    return [Problem("the record of what is applied would be lost with this runner", fix, where="RECONCILER_STORE")]


def _approved_text(judgement: Judgement, saved: SavedPlan) -> str:
    number = judgement.pull.number if judgement.pull else 0
    by = "".join(
        f"\n  by {review.reviewer} at {review.submitted_at:%Y-%m-%d %H:%M:%S} UTC" for review in judgement.approvals
    )
    return f"Approved in pull request {number}: {saved.fingerprint}{by}"


@github.command()
@click.option("--file", "report", type=FILE, help="The drift as `reconciler drift --format markdown` wrote it.")
@click.option("--close", "closes", is_flag=True, help="There is no drift: close the open drift issue.")
def issue(report: Path | None, closes: bool) -> int:
    """Keep one issue about drift open while there is some."""
    if closes is (report is not None):
        raise click.UsageError("give --file or --close")
    workflow = read_environment(os.environ)
    with GitHub(workflow) as hub:
        if report:
            _print(f"Reported in {issues.publish(hub, workflow, _text(report))}")
        else:
            closed = issues.close(hub, workflow)
            _print("\n".join(f"Closed {url}" for url in closed) or "No drift, and no open issue about it.")
    return ExitCode.DONE


@github.command()
@click.option("--state", default="state", show_default=True, help="The folder with the declared state.")
@click.option("--file", "report", type=FILE, required=True, help="The pull request's description, in Markdown.")
@click.option("--title", required=True, help="The title of the pull request and of its commit.")
@click.option("--branch", required=True, help="A new branch for it.")
def propose(state: str, report: Path, title: str, branch: str) -> int:
    """Open a pull request with what a command changed in the files; do nothing if nothing changed."""
    workflow, files = read_environment(os.environ), changed(state)
    if not files:
        _print("Nothing changed in the files: nothing to propose.")
        return ExitCode.DONE
    with GitHub(workflow) as hub:
        _print(f"Proposed in {make_pull(hub, workflow, branch, title, _text(report), files)}")
    return ExitCode.DONE


# ------------------------------------------------------------------ input and output


def _print(text: str) -> None:
    click.echo(without_commands(text))


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise Invalid(Problem("cannot be read as UTF-8", "Write the report again.", Source(str(path)))) from error


def _output(workflow: WorkflowEnvironment, **values: str) -> None:
    """Write step outputs. The values are our own words and fingerprints: none contains a line break."""
    if workflow.output:
        with workflow.output.open("a", encoding="utf-8") as file:
            file.writelines(f"{name}={value}\n" for name, value in values.items())


def _summarise(workflow: WorkflowEnvironment, text: str) -> None:
    """Write to the summary on the run's page."""
    if workflow.summary:
        with workflow.summary.open("a", encoding="utf-8", newline="\n") as file:
            file.write(text)


# ------------------------------------------------------------------ exit codes


def run(arguments: Sequence[str] | None = None) -> int:
    work: Callable[..., Any] = github.main
    return exit_code_of(
        lambda: work(arguments, prog_name="python -I -m reconciler.github", standalone_mode=False),
        lambda error: _failed(Invalid(Problem(error.format_message(), "See --help."))),
        _failed,
    )


def _failed(error: ReconcilerError) -> int:
    say_problems(error.problems)
    return error.exit_code


def main() -> None:
    secure_streams()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    leave(run())


if __name__ == "__main__":
    main()
