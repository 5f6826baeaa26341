"""The `adopt` command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler import commands
from reconciler.cli.options import FILES, command
from reconciler.cli.output import Output, say_problems

if TYPE_CHECKING:
    from reconciler.runtime.environment import Environment
    from reconciler.runtime.options import Options


@command(
    click.option(
        "--address",
        "addresses",
        multiple=True,
        metavar="ADDRESS",
        help="Adopt this slot, whatever the reason (repeatable).",
    ),
    click.option("--all", "everything", is_flag=True, help="Adopt everything that differs, not only drift."),
    click.option("--add-staff", is_flag=True, help="Add people who hold a slot and are not in staff.yaml."),
    click.option("--dry-run", is_flag=True, help="Show the edits; write nothing."),
    *FILES[:3],
    files=False,
    examples=("reconciler adopt --dry-run", "reconciler adopt --cohort business-admin-l3-2026 --add-staff"),
)
def adopt(
    options: Options,
    environment: Environment,
    output: Output,
    addresses: tuple[str, ...],
    everything: bool,
    add_staff: bool,
    dry_run: bool,
) -> int:
    """Copy changes made in OneFile back into the files.

    Makes the smallest edits that accept drift, so that you can review them as a pull request. --all also accepts
    differences that wait to be applied. A slot that is empty in OneFile becomes null. Either all files are written or
    none. Exit 0: adopted, or nothing to adopt. 3: refused. 7: some slots cannot be declared; the others were adopted.
    """
    if addresses and everything:
        raise click.UsageError("Give either --address or --all.")
    wish = commands.adopt.AdoptOptions(addresses, everything, add_staff)
    adoption = commands.adopt.adopt(options, environment, wish, dry_run=dry_run)
    output.deliver("adopt", adoption)
    say_problems([*adoption.left, *adoption.remarks])
    return adoption.exit_code
