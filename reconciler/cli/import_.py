"""The `import` command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from reconciler import commands
from reconciler.cli.options import STATE, Whole, command
from reconciler.cli.output import Output, say_problems

if TYPE_CHECKING:
    from reconciler.runtime.environment import Environment
    from reconciler.runtime.options import Options

LAYERS = ("default_assessor", "default_employer", "learning_aims", "units")


@command(
    click.option(
        "--organisation",
        type=Whole(1),
        metavar="ID",
        help="The centre's OrganisationID. [default: as settings.yaml says]",
    ),
    click.option(
        "--classroom", "classrooms", multiple=True, metavar="ID|NAME", help="Only this classroom (repeatable)."
    ),
    click.option(
        "--placement", "placements", multiple=True, metavar="ID|NAME", help="Only this placement (repeatable)."
    ),
    click.option(
        "--assessor",
        "assessors",
        type=Whole(1),
        multiple=True,
        metavar="ID",
        help="Only learners of this default assessor: OneFile id (repeatable).",
    ),
    click.option(
        "--without", type=click.Choice(LAYERS), multiple=True, help="Skip these slots (saves API calls; repeatable)."
    ),
    click.option(
        "--csv",
        "table",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Import this table. Columns: learner, slot, staff; optional standard, unit, cohort, label, from, until.",
    ),
    click.option(
        "--cohort", default="", metavar="NAME", help="Put everybody into one cohort. [default: one per classroom]"
    ),
    click.option("--names", is_flag=True, help="Make handles and cohort names from people's and classrooms' names."),
    click.option("--labels", type=click.Choice(["misid", "name"]), help="Labels for learners; `name` needs --names."),
    click.option("--all-staff", is_flag=True, help="Include all active staff, not only those who hold a slot."),
    STATE,
    files=False,
    name="import",
    examples=("reconciler import --target practice", "reconciler import --csv assignments.csv --cohort care-l3-2026"),
)
def import_(
    options: Options,
    environment: Environment,
    output: Output,
    organisation: int | None,
    classrooms: tuple[str, ...],
    placements: tuple[str, ...],
    assessors: tuple[int, ...],
    without: tuple[str, ...],
    table: Path | None,
    cohort: str,
    names: bool,
    labels: Literal["misid", "name"] | None,
    all_staff: bool,
) -> int:
    """Create the files of an existing OneFile centre.

    Writes staff.yaml and cohort files. Only reads OneFile, and never overwrites a file. Before writing, it proves that
    the files would change nothing; `reconciler plan --detailed-exitcode` shows the same afterwards. With --csv, only
    OneFile's lists of staff are read, and only if the table names somebody who is not in staff.yaml. Exit 0:
    everything is declared. 7: written, but some slots must be managed by hand. 3: refused, nothing written.
    """
    if labels == "name" and not names:
        raise click.UsageError("--labels name needs --names, which allows people's names in files.")
    if table:
        if classrooms or placements or assessors or without or labels or all_staff:
            raise click.UsageError("--csv can be used only with --organisation, --cohort and --names.")
        written = commands.import_csv.import_table(
            options, environment, table, organisation=organisation, cohort=cohort, names=names
        )
    else:
        wish = commands.import_onefile.ImportOptions(
            organisation,
            classrooms,
            placements,
            assessors,
            without,
            cohort=cohort,
            names=names,
            labels=labels or "",
            all_staff=all_staff,
        )
        written = commands.import_onefile.import_centre(options, environment, wish)
    output.deliver("import", written)
    if output.is_bare:
        say_problems(written.problems(verbose=output.verbose))
    return written.exit_code
