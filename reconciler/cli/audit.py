"""The `audit` command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler import commands
from reconciler.cli.options import SAVE_OBSERVED, STATE, Whole, command
from reconciler.cli.output import Output

if TYPE_CHECKING:
    from reconciler.runtime.environment import Environment
    from reconciler.runtime.options import Options


@command(
    click.option(
        "--organisation",
        type=Whole(1),
        metavar="ID",
        help="The centre's OrganisationID. [default: as settings.yaml says, or the only one]",
    ),
    click.option("--names", is_flag=True, help="Name staff by handles made from their names, not from role and id."),
    SAVE_OBSERVED,
    click.option("--observed", type=click.Path(path_type=Path), metavar="FILE", help="Judge saved data, offline."),
    click.option("--detailed-exitcode", is_flag=True, help="Exit 2 if anything is found."),
    STATE,
    files=False,
    examples=("reconciler audit --target practice", "reconciler audit --format html --out audit.html"),
)
def audit(
    options: Options,
    environment: Environment,
    output: Output,
    organisation: int | None,
    names: bool,
    save_observed: Path | None,
    observed: Path | None,
    detailed_exitcode: bool,
) -> int:
    """Judge everybody in OneFile, without any files.

    Reads all active learners and staff of a centre, and reports who assesses and quality-assures the same work, who
    cannot act, who lacks an assessor or IQA, accounts that may be one person, layers that disagree, and caseloads.
    Writes nothing. If there is a state folder, its handles, persons, caseloads and policy levels count. Exit 0: judged.
    2: something was found (with --detailed-exitcode).
    """
    if observed and (save_observed or names):
        raise click.UsageError("--observed cannot be used with --save-observed or --names.")
    result = commands.audit.audit(
        options,
        environment,
        organisation=organisation,
        names=names,
        observed=observed,
        save_observed=save_observed,
    )
    output.deliver("audit", result)
    return commands.audit.exit_code(result, detailed=detailed_exitcode)
