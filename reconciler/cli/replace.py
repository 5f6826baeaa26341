"""The `replace` command."""

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


@command(
    click.argument("who", metavar="STAFF"),
    click.option("--by", required=True, metavar="STAFF", help="The handle of the successor."),
    click.option("--from", "start", callback=day_of, metavar="DATE", help="The first day of the successor."),
    click.option(
        "--cover", is_flag=True, help="Add a temporary cover to staff.yaml instead; the slots keep their holder."
    ),
    click.option(
        "--until", "end", callback=day_of, metavar="DATE", help="The last day of the cover. [default: no end]"
    ),
    click.option("--reason", default="", metavar="TEXT", help="The reason for the cover, stored in staff.yaml."),
    click.option("--dry-run", is_flag=True, help="Show the edits; write nothing."),
    click.option("--no-plan", is_flag=True, help="Do not read OneFile or make a plan."),
    *FILES[:3],
    files=False,
    examples=(
        "reconciler replace james-fayre --by kate-anderson --from 2027-01-01",
        "reconciler replace james-fayre --by kate-anderson --cover --from 2027-02-01 --until 2027-04-30",
    ),
)
def replace(
    options: Options,
    environment: Environment,
    output: Output,
    who: str,
    by: str,
    start: date | None,
    cover: bool,
    end: date | None,
    reason: str,
    dry_run: bool,
    no_plan: bool,
) -> int:
    """Replace one member of staff with another in the files.

    Also prints the plan of it, and a handover list. Applies to every slot that the files give to STAFF: defaults,
    learning aims, units, additional people. Without --from it applies to all entries that have not ended; with it,
    their entries end on the day before. Either all files are written or none. The plan has only the learners who change
    hands, and ignores limits by share. Exit 0: edited. 3: refused, nothing written. 5: edited, but the plan is blocked.
    """
    if (end or reason) and not cover:
        raise click.UsageError("--until and --reason need --cover.")
    if cover and (options.cohorts or options.learners):
        raise click.UsageError("--cover applies to every slot: leave --cohort and --learner out.")
    request = commands.replace.ReplaceRequest(who, by, start, cover, end, reason)
    replaced = commands.replace.replace(options, environment, request, dry_run=dry_run, plans=not no_plan)
    output.deliver("replace", replaced)
    blocked = replaced.planned.why_blocked() if replaced.planned and output.is_bare else ()
    say_problems([*replaced.notes, *blocked])
    return replaced.exit_code
