"""The commands that workflow steps call: options in, one piece of work, words and step outputs out, an exit code."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from reconciler.cli.output import exit_code_of, say_problems
from reconciler.github import comments, issues
from reconciler.github.api import GitHub
from reconciler.github.approval import ApprovalRequest, Judgement, evaluate_approval
from reconciler.github.environment import WorkflowEnvironment, read_surroundings
from reconciler.github.evidence import evidence, pull_of
from reconciler.github.markers import SavedPlan, read_plan
from reconciler.github.pull_request import changed
from reconciler.github.pull_request import propose as make_pull
from reconciler.problems import Blocked, ExitCode, Invalid, Problem, ReconcilerError, Source
from reconciler.report.common.escape import fenced
from reconciler.report.problems.text import render_text

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
PLAN = click.option("--plan", "plan", type=FILE, required=True, help="The saved plan.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def github() -> None:
    """What the workflows of this project ask of GitHub. docs/how-to/github.md tells how they fit together."""


@github.command()
@click.option("--plan", "plan", type=FILE, help="The saved plan.")
@click.option("--file", "report", type=FILE, help="The plan as `reconciler show --format markdown` wrote it.")
@click.option("--failed", is_flag=True, help="Say that no plan could be made of this commit.")
def comment(plan: Path | None, report: Path | None, failed: bool) -> int:
    """Post the plan in the pull request, in one comment that is edited in place.

    On a push it goes to the pull request that brought the commit.
    """
    if failed is bool(plan and report):
        raise click.UsageError("give --plan and --file, or --failed")
    here = read_surroundings(os.environ)
    with GitHub(here) as hub:
        place = _place(hub, here)
        if place is None:
            return ExitCode.DONE
        number, head = place
        if failed or plan is None or report is None:
            body = _no_plan(here, head)
        else:
            body, mark = read_plan(plan).comment(report, head)
            if here.pull is None and comments.shows(hub, here, number, mark):
                _say(f"Pull request {number} shows this very plan already.")
                return ExitCode.DONE
        _say(f"Posted in {comments.post(hub, here, number, body)}")
    return ExitCode.DONE


def _place(hub: GitHub, here: WorkflowEnvironment) -> tuple[int, str] | None:
    """The pull request to post in, and its head; None, having said why, where nothing is to be posted."""
    if here.pull is None:
        pull = pull_of(hub, here)
        if pull is None:
            _say("No pull request brought this commit: nothing is posted.")
        return (pull.number, pull.head) if pull else None
    if here.pull.is_fork:
        fix = "Validate it only. Whoever may write here can bring the change from a branch of this repository."
        raise Invalid(Problem("comes from a fork, which gets no plan and no comment", fix, where="pull request"))
    if comments.head_of(hub, here, here.pull.number) != here.pull.head:
        _say("The pull request has moved on: the run of its newest commit posts.")
        return None
    return here.pull.number, here.pull.head


def _no_plan(here: WorkflowEnvironment, head: str) -> str:
    return (
        f"<!-- onefile-reconciler plan head={head} -->\n**No plan could be made of commit {head[:12]}.** "
        f"There is nothing to approve yet; [the run]({here.run_url}) tells what is wrong.\n"
    )


@github.command()
@PLAN
@click.option("--state", default="state", show_default=True, help="The folder with the declared state.")
def approval(plan: Path, state: str) -> int:
    """Find out whether this very plan was approved in the pull request that brought this commit.

    Writes `approved` (yes, no, or nothing where there is nothing to write) and `fingerprint` for later steps.
    Exit 0: approved, or nothing to write. 5: not approved.
    """
    here, saved = read_surroundings(os.environ), read_plan(plan)
    if not saved.writes:
        _output(here, approved="nothing", fingerprint=saved.fingerprint)
        _say("The plan writes nothing: nothing needs to be approved.")
        return ExitCode.DONE
    _output(here, approved="no", fingerprint=saved.fingerprint)
    wanted = ApprovalRequest(saved.target, saved.organisation, saved.fingerprint, here.commit, here.branch, state)
    with GitHub(here) as hub:
        verdict = evaluate_approval(wanted, evidence(hub, here))
    why_not = [*verdict.why_not, *_forgetful(saved, os.environ)]
    if why_not or not verdict.is_approved:
        _summarise(here, f"### Not applied: this plan was not approved\n\n{fenced(render_text(why_not))}")
        raise Blocked(why_not)
    _output(here, approved="yes")
    told = _told(verdict, saved)
    _summarise(here, f"### Approved\n\n{fenced(told)}")
    _say(told)
    return ExitCode.DONE


def _forgetful(saved: SavedPlan, environment: Mapping[str, str]) -> list[Problem]:
    """A runner's disk is thrown away, and with it the only memory of what OneFile does not show."""
    if saved.target == "sandbox" or environment.get("RECONCILER_STORE"):
        return []
    fix = "Keep it in PostgreSQL, and give its address as the secret RECONCILER_STORE."
    return [Problem("the record of what is applied would be lost with this runner", fix, where="RECONCILER_STORE")]


def _told(verdict: Judgement, saved: SavedPlan) -> str:
    number = verdict.pull.number if verdict.pull else 0
    by = "".join(f"\n  by {one.reviewer} at {one.submitted_at:%Y-%m-%d %H:%M:%S} UTC" for one in verdict.approvals)
    return f"Approved in pull request {number}: {saved.fingerprint}{by}"


@github.command()
@click.option("--file", "report", type=FILE, help="The drift as `reconciler drift --format markdown` wrote it.")
@click.option("--close", "closes", is_flag=True, help="There is no drift: close the issue that tells of some.")
def issue(report: Path | None, closes: bool) -> int:
    """Keep one open issue that tells of drift, as long as there is some."""
    if closes is (report is not None):
        raise click.UsageError("give --file or --close")
    here = read_surroundings(os.environ)
    with GitHub(here) as hub:
        if report:
            _say(f"Told in {issues.tell(hub, here, _text(report))}")
        else:
            closed = issues.close(hub, here)
            _say("\n".join(f"Closed {url}" for url in closed) or "No drift, and no issue that tells of any.")
    return ExitCode.DONE


@github.command()
@click.option("--state", default="state", show_default=True, help="The folder with the declared state.")
@click.option("--file", "report", type=FILE, required=True, help="What the pull request says of itself, in Markdown.")
@click.option("--title", required=True, help="Its title, and its commit's.")
@click.option("--branch", required=True, help="A new branch for it.")
def propose(state: str, report: Path, title: str, branch: str) -> int:
    """Open a pull request with what a command changed in the files; nothing where nothing changed."""
    here, files = read_surroundings(os.environ), changed(state)
    if not files:
        _say("Nothing changed in the files: nothing to propose.")
        return ExitCode.DONE
    with GitHub(here) as hub:
        _say(f"Proposed in {make_pull(hub, here, branch, title, _text(report), files)}")
    return ExitCode.DONE


# ------------------------------------------------------------------ where words go


def _say(text: str) -> None:
    click.echo(text)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise Invalid(Problem("cannot be read as UTF-8", "Write the report again.", Source(str(path)))) from error


def _output(here: WorkflowEnvironment, **values: str) -> None:
    """For later steps. The values are our own words and fingerprints: nothing in them can end a line."""
    if here.output:
        with here.output.open("a", encoding="utf-8") as file:
            file.writelines(f"{name}={value}\n" for name, value in values.items())


def _summarise(here: WorkflowEnvironment, text: str) -> None:
    """For people, on the run's page."""
    if here.summary:
        with here.summary.open("a", encoding="utf-8", newline="\n") as file:
            file.write(text)


# ------------------------------------------------------------------ every way to end


def run(arguments: Sequence[str] | None = None) -> int:
    work: Callable[..., Any] = github.main
    return exit_code_of(
        lambda: work(arguments, prog_name="python -P -m reconciler.github", standalone_mode=False),
        lambda error: _failed(Invalid(Problem(error.format_message(), "See --help."))),
        _failed,
    )


def _failed(error: ReconcilerError) -> int:
    say_problems(error.problems)
    return error.exit_code


def main() -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(run())


if __name__ == "__main__":
    main()
