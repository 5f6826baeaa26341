"""The `share-out` command."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import click

from reconciler import commands
from reconciler.cli.options import FILES, command, day_of
from reconciler.cli.output import Output, say_problems

if TYPE_CHECKING:
    from reconciler.runtime.environment import Environment
    from reconciler.runtime.options import Options


def _people(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in (value or "").split(",") if name.strip()))


@command(
    click.argument("leavers", metavar="[STAFF]...", nargs=-1),
    click.option(
        "--to",
        callback=_people,
        metavar="STAFF,…",
        help="Only these people take learners; with --rebalance, only they give some away.",
    ),
    click.option("--from", "start", callback=day_of, metavar="DATE", help="The first day of the heirs."),
    click.option("--rebalance", is_flag=True, help="Share out what people hold above their target; nobody leaves."),
    click.option("--dry-run", is_flag=True, help="Show the proposal and the edits; write nothing."),
    click.option("--no-plan", is_flag=True, help="Do not read OneFile: judge by the files, and make no plan."),
    *FILES[:3],
    files=False,
    name="share-out",
    examples=(
        "reconciler share-out kate-anderson --from 2027-01-01 --dry-run",
        "reconciler share-out --rebalance --cohort team-leader-l3-2026",
    ),
)
def share_out(
    options: Options,
    environment: Environment,
    output: Output,
    leavers: tuple[str, ...],
    to: tuple[str, ...],
    start: date | None,
    rebalance: bool,
    dry_run: bool,
    no_plan: bool,
) -> int:
    """Share out a leaver's learners among several people.

    Chooses an heir for every slot that STAFF hold, edits the files, and prints the plan and a handover list. No heir
    breaks a policy, a role, a maximum or a competence in staff.yaml. Targets, even loads by working hours, one person
    for each employer, people who know the learner and few moves are wishes; settings.yaml has their weights under
    `share_out`. If somebody cannot be placed, the report shows which rules stand in the way, and nothing is written.
    Needs the extra `share`. Exit 0: edited. 3: refused, nothing written. 5: a learner has nobody, or the plan is
    blocked.
    """
    if rebalance == bool(leavers):
        raise click.UsageError("Name who leaves, or use --rebalance alone.")
    request = commands.share_out.ShareRequest(leavers, to, start, rebalance)
    shared = commands.share_out.share_out(options, environment, request, dry_run=dry_run, plans=not no_plan)
    output.deliver("share-out", shared)
    blocked = shared.planned.why_blocked() if shared.planned and output.is_bare else ()
    say_problems([*shared.notes, *blocked])
    return shared.exit_code
