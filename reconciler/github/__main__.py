"""The commands that workflow steps call: options in; text, step outputs and an exit code out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from reconciler.cli.pipelines import ANY_FILE, FILE, PLAN, note_text, print_text, run_group, start_group
from reconciler.commands.plan_file import load
from reconciler.declared.load import read_declared
from reconciler.doctor.pipeline import PipelineJob, missing, record_branch
from reconciler.github import comments, issues, standing_pull
from reconciler.github.api import GitHub
from reconciler.github.approval import ApprovalRequest, Judgement, evaluate_approval
from reconciler.github.artifacts import earlier_plan
from reconciler.github.conversation import (
    Reading,
    applied_comment,
    failed_comment,
    is_unchanged,
    plan_comment,
    problems_section,
    read_problems,
    read_report,
)
from reconciler.github.environment import WorkflowEnvironment, read_environment
from reconciler.github.evidence import evidence, pull_of
from reconciler.github.labels import Label, label_of, set_label
from reconciler.github.markers import SavedPlan, read_plan
from reconciler.github.proposal import NOTHING_CHANGED, NOTHING_LEFT, Proposal
from reconciler.github.pull_request import changed
from reconciler.github.pull_request import propose as make_pull
from reconciler.github.rules import rule_hints
from reconciler.plan.since import PlanDifference, difference
from reconciler.problems import Blocked, ExitCode, Invalid, Problem, ReconcilerError
from reconciler.report.common.annotations import Workspace, render
from reconciler.report.common.escape import fenced
from reconciler.report.common.line_links import LineLinks, files_address
from reconciler.report.common.notices import problem_notice
from reconciler.report.problems.json import render_json
from reconciler.report.problems.text import render_text
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options

ARTIFACT = click.option("--artifact", default="", help="The address of the run's artifact, for a link.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def github() -> None:
    """Run the GitHub steps of this project's workflows. See docs/how-to/github.md."""


@github.command()
@click.option("--plan", "plan", type=FILE, help="The saved plan.")
@click.option("--file", "report", type=FILE, help="The plan as `reconciler show --format markdown` wrote it.")
@click.option("--failed", is_flag=True, help="Report that no plan could be made of this commit.")
@click.option("--problems", "problems", type=ANY_FILE, help="With --failed: the problems as JSON, which say why.")
@click.option("--reasons", "reasons", type=ANY_FILE, help="Why it was not applied, as `approval --reasons` wrote it.")
@ARTIFACT
def comment(
    plan: Path | None, report: Path | None, failed: bool, problems: Path | None, reasons: Path | None, artifact: str
) -> int:
    """Post the plan in the pull request, in one comment that is edited in place.

    On a push it is posted in the pull request that was merged as the commit. Writes `comment-url` for later steps, and
    labels the pull request.
    """
    if failed is bool(plan and report):
        raise click.UsageError("give --plan and --file, or --failed")
    workflow = read_environment(os.environ)
    reading = Reading(workflow.run_url, artifact)
    with _hub(workflow) as hub:
        place = _place(hub, workflow)
        if failed or plan is None or report is None:
            _post_failure(hub, workflow, place, problems, reading)
        elif place:
            _post_plan(hub, workflow, place, read_plan(plan), report, reasons, reading)
    return ExitCode.DONE


def _post_failure(
    hub: GitHub, workflow: WorkflowEnvironment, place: tuple[int, str] | None, problems: Path | None, reading: Reading
) -> None:
    why = _section(problems, "Why no plan could be made")
    _summarise(workflow, f"## No plan could be made\n\n{why}")
    if place:
        number, head = place
        _post(hub, workflow, number, failed_comment(head, why, reading), Label.BLOCKED)


def _post_plan(
    hub: GitHub,
    workflow: WorkflowEnvironment,
    place: tuple[int, str],
    saved: SavedPlan,
    report: Path,
    reasons: Path | None,
    reading: Reading,
) -> None:
    number, head = place
    body, mark = saved.comment(report, head)
    merged = number if workflow.pull is None else None
    shown = comments.shown(hub, workflow, number, mark)
    if shown and (merged or is_unchanged(shown.body, body)):
        print_text(f"Pull request {number} shows this plan already.")
        if not merged:
            _posted(hub, workflow, number, shown.url, label_of(saved))
        return
    why, since = _section(reasons, "Why it was not applied"), _since(hub, workflow, number, saved)
    body = plan_comment(body, saved, reading, merged=merged, since=since, why=why)
    _post(hub, workflow, number, body, label_of(saved))


def _since(hub: GitHub, workflow: WorkflowEnvironment, number: int, saved: SavedPlan) -> PlanDifference | None:
    """Compare with the plan that the comment shows now; None if it shows none, or no run has kept that plan."""
    mark = comments.mark_of(hub, workflow, number)
    if mark is None or saved.plan is None or mark.fingerprint == saved.fingerprint:
        return None
    try:
        older = earlier_plan(hub, workflow, mark)
    except ReconcilerError as error:
        note_text(f"What changed since the plan that was posted before is not shown: {error}")
        return None
    return difference(older, saved.plan) if older else None


def _post(hub: GitHub, workflow: WorkflowEnvironment, number: int, body: str, label: Label | None) -> None:
    url = comments.post(hub, workflow, number, body)
    _posted(hub, workflow, number, url, label)


def _posted(hub: GitHub, workflow: WorkflowEnvironment, number: int, url: str, label: Label | None) -> None:
    """Report the comment, and label the pull request; a label that cannot be set fails no run."""
    _output(workflow, **{"comment-url": url})
    print_text(f"Posted in {url}")
    try:
        set_label(hub, workflow, number, label)
    except ReconcilerError as error:
        note_text(f"The pull request was not labelled: {error}")


def _place(hub: GitHub, workflow: WorkflowEnvironment) -> tuple[int, str] | None:
    """Return the pull request to post in, and its head; None, with the reason printed, if nothing is to be posted."""
    if workflow.pull is None:
        pull = pull_of(hub, workflow)
        if pull is None:
            print_text("No pull request was merged as this commit: nothing is posted.")
        return (pull.number, pull.head) if pull else None
    if workflow.pull.is_fork:
        fix = "Only validate it. Anyone who may write to this repository can propose the change from a branch of it."
        raise Invalid(Problem("comes from a fork, which gets no plan and no comment", fix, where="pull request"))
    if comments.head_of(hub, workflow, workflow.pull.number) != workflow.pull.head:
        print_text("The pull request has a newer commit: its run posts the plan.")
        return None
    return workflow.pull.number, workflow.pull.head


@github.command()
@click.option("--file", "report", type=ANY_FILE, help="What apply did, as `apply --format markdown` wrote it.")
@click.option("--problems", "problems", type=ANY_FILE, help="The problems as JSON, if no plan could be made.")
@click.option("--code", type=int, required=True, help="The exit code of apply, or of the plan that failed.")
@ARTIFACT
def applied(report: Path | None, problems: Path | None, code: int, artifact: str) -> int:
    """Post what apply did in the pull request that was merged as this commit, under its plan."""
    workflow = read_environment(os.environ)
    if report and report.is_file():
        text = read_report(report)
    else:
        text = _section(problems, "Why nothing was applied")
        _summarise(workflow, f"## Not applied\n\n{text}")
    with _hub(workflow) as hub:
        if place := _place(hub, workflow):
            body = applied_comment(text, code, workflow.commit, Reading(workflow.run_url, artifact))
            url = comments.add(hub, workflow, place[0], body)
            _posted(hub, workflow, place[0], url, Label.APPLIED if code == ExitCode.DONE else Label.CHANGES)
    return ExitCode.DONE


@github.command()
@click.option("--state", default="state", show_default=True, help="The folder with the declared state.")
@click.option("--target", help="The target, if it is not the one in the settings.")
@click.option("--writes", is_flag=True, help="The job writes to the store.")
@click.option("--token-is-set", type=bool, required=True, help="Whether the job has the customer token.")
def doctor(state: str, target: str | None, writes: bool, token_is_set: bool) -> int:
    """Report what this job lacks: a secret, a permission, the store, rules for branches.

    Exit 0 also if something is missing: the job's command fails by itself if it needs it.
    """
    workflow, environment = read_environment(os.environ), Environment()
    options = Options(state=Path(state), target=target or None)
    job = PipelineJob(writes, token_is_set, "the secrets of the job's environment (Settings, Environments)")
    problems = [*missing(options, environment, job), *_hints(workflow, record_branch(options, environment))]
    here = str(Path.cwd())
    workspace = Workspace(here, os.environ.get("GITHUB_WORKSPACE") or here)
    rows = [(problem.severity, "Setup", problem_notice(problem)) for problem in problems]
    click.echo(render(rows, workspace) or "Nothing is missing.\n", nl=False)
    if errors := [problem for problem in problems if problem.severity == "error"]:
        _summarise(workflow, f"### Missing in the setup\n\n{fenced(render_text(errors))}")
    return ExitCode.DONE


def _hints(workflow: WorkflowEnvironment, record: str) -> list[Problem]:
    """Return hints about rules for branches; a pull request's run is spared them."""
    if workflow.pull:
        return []
    try:
        with _hub(workflow) as hub:
            return list(rule_hints(hub, workflow, record))
    except ReconcilerError as error:
        note_text(f"The rules for branches are not checked: {error}")
        return []


@github.command()
@PLAN
def counts(plan: Path) -> int:
    """Write the numbers of a saved plan for later steps."""
    saved = load(plan)
    summary = saved.summary
    numbers = {
        "create": summary.create,
        "update": summary.update,
        "unknown": summary.unknown,
        "manual": summary.manual,
        "set-aside": summary.blocked,
        "writes": summary.write_calls,
        "later": len(saved.later),
    }
    if output := os.environ.get("GITHUB_OUTPUT"):
        _write_outputs(Path(output), {name: str(number) for name, number in numbers.items()})
    return ExitCode.DONE


@github.command()
@PLAN
@click.option("--state", default="state", show_default=True, help="The folder with the declared state.")
@click.option("--reasons", "reasons", type=ANY_FILE, help="Write the reasons why not to this file, as JSON.")
def approval(plan: Path, state: str, reasons: Path | None) -> int:
    """Check whether this plan was approved in the pull request that was merged as this commit.

    Writes `approved` (yes, no, or nothing if there is nothing to write) and `fingerprint` for later steps.
    Exit 0: approved, or nothing to write. 5: not approved.
    """
    workflow, saved = read_environment(os.environ), read_plan(plan)
    if saved.is_empty:
        _output(workflow, approved="nothing", fingerprint=saved.fingerprint)
        print_text("The plan writes nothing, now or later: nothing needs to be approved.")
        return ExitCode.DONE
    _output(workflow, approved="no", fingerprint=saved.fingerprint)
    request = ApprovalRequest(
        saved.target, saved.organisation, saved.fingerprint, workflow.commit, workflow.branch, state, saved.future
    )
    with _hub(workflow) as hub:
        judgement = evaluate_approval(request, evidence(hub, workflow))
    why_not = [*judgement.why_not, *_lost_record(saved, os.environ)]
    if why_not or not judgement.is_approved:
        _summarise(workflow, f"### Not applied: this plan was not approved\n\n{fenced(render_text(why_not))}")
        if reasons:
            reasons.write_text(render_json(why_not, ExitCode.BLOCKED), "utf-8")
        raise Blocked(why_not)
    approvers = ", ".join(dict.fromkeys(review.reviewer for review in judgement.approvals))
    _output(workflow, approved="yes", approvers=approvers)
    approved = _approved_text(judgement, saved)
    _summarise(workflow, f"### Approved\n\n{fenced(approved)}")
    print_text(approved)
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
@click.option("--state", help="The folder with the declared state, whose settings name an owner of manual steps.")
def issue(report: Path | None, closes: bool, state: str | None) -> int:
    """Keep one issue about drift open while there is some.

    The issue is edited in place; a comment reports what is new. Writes `issue-url` for later steps.
    """
    if closes is (report is not None):
        raise click.UsageError("give --file or --close")
    workflow = read_environment(os.environ)
    with _hub(workflow) as hub:
        if report:
            url = issues.publish(hub, workflow, read_report(report), _owner(state) if state else "")
            _output(workflow, **{"issue-url": url})
            print_text(f"Reported in {url}")
        else:
            closed = issues.close(hub, workflow)
            print_text("\n".join(f"Closed {url}" for url in closed) or "No drift, and no open issue about it.")
    return ExitCode.DONE


def _owner(state: str) -> str:
    """Return who does manual steps, as the settings say."""
    return read_declared(Path(state), datetime.now(UTC).date()).settings.step_owner


@github.command()
@click.option("--state", default="state", show_default=True, help="The folder with the declared state.")
@click.option("--file", "report", type=FILE, required=True, help="The pull request's description, in Markdown.")
@click.option("--title", required=True, help="The title of the pull request and of its commit.")
@click.option("--branch", required=True, help="The branch for it: a new one, or with --keep the same each time.")
@click.option("--keep", "keeps", is_flag=True, help="Keep one pull request up to date; close it if nothing changed.")
def propose(state: str, report: Path, title: str, branch: str, keeps: bool) -> int:
    """Open a pull request with what a command changed in the files; do nothing if nothing changed."""
    workflow, files = read_environment(os.environ), changed(state)
    if keeps:
        with _hub(workflow) as hub:
            _keep(hub, workflow, Proposal(branch, title, read_report(report), files))
        return ExitCode.DONE
    if not files:
        print_text(NOTHING_CHANGED)
        return ExitCode.DONE
    with _hub(workflow) as hub:
        print_text(f"Proposed in {make_pull(hub, workflow, branch, title, read_report(report), files)}")
    return ExitCode.DONE


def _keep(hub: GitHub, workflow: WorkflowEnvironment, proposal: Proposal) -> None:
    if proposal.files:
        print_text(standing_pull.keep(hub, workflow, proposal).sentence())
        return
    url = standing_pull.close(hub, workflow, proposal.branch, NOTHING_LEFT)
    print_text(f"Closed {url}" if url else NOTHING_CHANGED)


# ------------------------------------------------------------------ input and output


def _hub(workflow: WorkflowEnvironment) -> GitHub:
    return GitHub(workflow, note=note_text)


def _section(file: Path | None, title: str) -> str:
    """Render the problems that a command wrote as JSON, with links to their lines."""
    here = str(Path.cwd())
    workspace = Workspace(here, os.environ.get("GITHUB_WORKSPACE") or here)
    return problems_section(read_problems(file) if file else [], title, LineLinks(files_address(os.environ), workspace))


def _output(workflow: WorkflowEnvironment, **values: str) -> None:
    """Write step outputs. The values are our own words and fingerprints: none contains a line break."""
    if workflow.output:
        _write_outputs(workflow.output, values)


def _write_outputs(output: Path, values: Mapping[str, str]) -> None:
    with output.open("a", encoding="utf-8") as file:
        file.writelines(f"{name}={value}\n" for name, value in values.items())


def _summarise(workflow: WorkflowEnvironment, text: str) -> None:
    """Write to the summary on the run's page."""
    if workflow.summary:
        with workflow.summary.open("a", encoding="utf-8", newline="\n") as file:
            file.write(text)


# ------------------------------------------------------------------ the process


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code."""
    return run_group(github, "reconciler.github", arguments)


def main() -> None:
    start_group(github, "reconciler.github")


if __name__ == "__main__":
    main()
