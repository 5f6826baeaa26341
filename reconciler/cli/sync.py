"""The `sync` command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler import commands
from reconciler.cli.options import STATE, command
from reconciler.cli.output import Output, say_problems

if TYPE_CHECKING:
    from reconciler.runtime.environment import Environment
    from reconciler.runtime.options import Options


@command(
    click.argument("file", metavar="[FILE]", type=click.Path(path_type=Path), required=False),
    click.option("--table", type=click.Path(path_type=Path), metavar="FILE", help="The same as FILE."),
    click.option(
        "--cohort",
        default="",
        metavar="NAME",
        help="Put newcomers whose row names no cohort here. [default: refuse]",
    ),
    click.option("--add-staff", is_flag=True, help="Add people whom the table names and who are not in staff.yaml."),
    click.option(
        "--remove", is_flag=True, help="Remove learners who are no longer listed, within the limits on manual removals."
    ),
    click.option("--dry-run", is_flag=True, help="Show the edits; write nothing."),
    click.option(
        "--onefile", is_flag=True, help="Instead of a table: the classrooms and placements that cohort files name."
    ),
    click.option(
        "--propose", is_flag=True, help="Edit the files for a pull request: remember nothing before it is merged."
    ),
    click.option("--check", is_flag=True, help="As --dry-run; exit 2 if a file would be edited."),
    STATE,
    files=False,
    examples=("reconciler sync learners.csv --dry-run", "reconciler sync learners.csv --check --format json"),
)
def sync(
    options: Options,
    environment: Environment,
    output: Output,
    file: Path | None,
    table: Path | None,
    cohort: str,
    add_staff: bool,
    remove: bool,
    dry_run: bool,
    check: bool,
    onefile: bool,
    propose: bool,
) -> int:
    """Bring the cohort files up to a table.

    FILE is CSV or Excel (.xlsx), with one row for each learner or for each slot. Learners are found by OneFile id or
    MISID, staff by handle, OneFile id, e-mail address or MISID, nobody by their name. Adds newcomers, moves learners
    between cohorts with their comments, and changes holders, with the smallest edits. What the table does not mention
    stays.
    Values that both the table and the files have changed since the last sync are conflicts, and left alone. Either all
    files are written or none. Exit 0: edited, or nothing to edit. 2: with --check, a file would be edited. 3: rows were
    refused, nothing written. 4: conflicts were left alone. 5: more leavers than the limits allow, nothing written.
    """
    if sum((file is not None, table is not None, onefile)) != 1:
        raise click.UsageError("Name one table, or use --onefile.")
    if onefile and (cohort or add_staff):
        raise click.UsageError("--cohort and --add-staff are for tables.")
    request = commands.sync.SyncOptions(cohort, add_staff, remove, dry_run, check, propose)
    if onefile:
        synced = commands.sync_onefile.sync_onefile(options, environment, request)
    else:
        synced = commands.sync.sync_table(options, environment, file or table or Path(), request)
    output.deliver("sync", synced)
    say_problems(synced.warnings)
    if output.is_bare:
        from reconciler.report.sync import conflict_problems

        say_problems(conflict_problems(synced))
    return synced.exit_code
