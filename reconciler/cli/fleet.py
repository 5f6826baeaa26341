"""The `fleet` command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler import commands
from reconciler.cli.options import Whole, command
from reconciler.cli.output import Output
from reconciler.model.fleet import FLAGS, unfit_flags
from reconciler.problems import ExitCode

if TYPE_CHECKING:
    from reconciler.runtime.environment import Environment
    from reconciler.runtime.options import Options

ACTIONS = (*FLAGS, "status", "matrix", "work", "cancel", "resume")


@command(
    click.argument("action", type=click.Choice(ACTIONS), metavar=f"{{{' | '.join(ACTIONS)}}}"),
    click.option(
        "--file",
        type=click.Path(path_type=Path),
        default=Path("fleet.yaml"),
        show_default=True,
        metavar="FILE",
        help="The fleet file.",
    ),
    click.option("--only", multiple=True, metavar="NAME", help="Only this centre (repeatable)."),
    click.option("--failed", is_flag=True, help="Only centres for which this command failed the last time."),
    click.option("--changed", is_flag=True, help="Only centres whose files changed since this command last succeeded."),
    click.option("--jobs", type=Whole(1, 64), metavar="N", help="Centres at a time. [default: as the file says, or 4]"),
    click.option(
        "--longest",
        type=Whole(1, 1440),
        default=120,
        show_default=True,
        metavar="MINUTES",
        help="Stop a centre that takes longer.",
    ),
    click.option("--queue", is_flag=True, help="Put the centres into the queue, for workers to run."),
    click.option("--wait", is_flag=True, help="With --queue: wait until all have ended, and report on all."),
    click.option("--until-empty", is_flag=True, help="With work: end when nothing waits or runs."),
    click.option("--auto-approve", is_flag=True, help="With apply: do not ask for confirmation."),
    click.option("--correct", is_flag=True, help="With drift: correct drift where settings and approvals allow."),
    click.option("--due", is_flag=True, help="With apply or drift --correct: apply what dates have brought about."),
    click.option("--detailed-exitcode", is_flag=True, help="Exit 2 if a centre has changes, drift or findings."),
    click.option(
        "--ci",
        type=click.Choice(["github", "gitlab"]),
        default="github",
        show_default=True,
        help="With matrix: for whom.",
    ),
    click.option(
        "--run",
        "job",
        type=click.Choice(list(FLAGS)),
        default="plan",
        show_default=True,
        help="With matrix: what a job runs.",
    ),
    files=False,
    service=False,
    examples=(
        "reconciler fleet drift --correct --due --failed",
        "reconciler fleet work",
    ),
)
def fleet(
    options: Options,  # noqa: ARG001  a fleet has its own
    environment: Environment,
    output: Output,
    action: str,
    file: Path,
    only: tuple[str, ...],
    failed: bool,
    changed: bool,
    jobs: int | None,
    longest: int,
    queue: bool,
    wait: bool,
    until_empty: bool,
    auto_approve: bool,
    correct: bool,
    due: bool,
    detailed_exitcode: bool,
    ci: str,
    job: str,
) -> int:
    """Run a command for many centres, and report on all.

    fleet.yaml lists the centres. Each runs in a process of its own, with its own token and store only, and ends as it
    would alone; those of one token share its rate limit. `status` reads results, stores and queue, without a call
    to OneFile. `matrix` prints jobs for a pipeline. The exit code is that of the worst centre.

    With a queue in PostgreSQL, `work` is a worker, on any number of machines: it runs what `--queue` queues, and
    the nights of fleet.yaml. It logs what needs attention, and with --verbose each job. `cancel` ends what waits or
    runs, and `resume` queues it again.
    """
    given = {"auto-approve": auto_approve, "correct": correct, "due": due, "detailed-exitcode": detailed_exitcode}
    flags = [name for name, is_set in given.items() if is_set]
    choice = {"only": bool(only), "failed": failed, "changed": changed}
    _refuse_unfit(action, flags, choice, jobs=jobs, queue=queue, wait=wait, until_empty=until_empty)
    chosen = commands.fleet.FleetOptions(file, only, failed, changed, jobs, longest)
    command = [action, *(f"--{name}" for name in flags)]
    if action in FLAGS and (wait or not queue):
        if queue:
            count = commands.fleet_queue.enqueue(chosen, environment, command)
            run = commands.fleet_queue.follow(chosen, environment, count, command)
        else:
            run = commands.fleet.run(chosen, environment, command)
        output.deliver("fleet", run)
        return run.exit_code
    if action == "matrix":
        output.deliver("fleet matrix", commands.fleet.matrix(chosen, environment), ci=ci, job=job)
        return ExitCode.DONE
    if action == "status":
        status = commands.fleet.status(chosen, environment)
        output.deliver("fleet status", status)
        return status.exit_code
    if action in FLAGS:
        count = commands.fleet_queue.enqueue(chosen, environment, command)
    elif action == "work":
        count = commands.fleet_queue.work(
            chosen,
            environment,
            until_empty=until_empty,
            write=output.log,
            quiet=output.quiet,
            verbose=output.verbose,
        )
    else:
        change = commands.fleet_queue.cancel if action == "cancel" else commands.fleet_queue.resume
        count = change(chosen, environment)
    output.deliver("fleet queue", count)
    return ExitCode.DONE


def _refuse_unfit(
    action: str,
    flags: Sequence[str],
    choice: Mapping[str, bool],
    *,
    jobs: int | None,
    queue: bool,
    wait: bool,
    until_empty: bool,
) -> None:
    """Raise UsageError for options that mean nothing together."""
    if wrong := unfit_flags(action, flags):
        raise click.UsageError(wrong)
    belongs = {"only": action != "work", "failed": action in FLAGS, "changed": action in FLAGS}
    if misplaced := [name for name, is_set in choice.items() if is_set and not belongs[name]]:
        raise click.UsageError(f"--{misplaced[0]} does not belong to {action}.")
    if jobs and (queue or action == "work"):
        raise click.UsageError("--jobs cannot be used with a queue: the fleet file's jobs counts for every worker.")
    if until_empty and action != "work":
        raise click.UsageError("--until-empty belongs to work.")
    if (queue or wait) and action not in FLAGS:
        raise click.UsageError(f"--{'queue' if queue else 'wait'} does not belong to {action}.")
    if wait and not queue:
        raise click.UsageError("--wait needs --queue.")
    if queue and choice["changed"]:
        raise click.UsageError("--changed cannot be used with --queue: workers have the files.")
