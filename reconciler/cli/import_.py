"""import: the declared state of a centre that exists, from OneFile or from a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from reconciler.cli.options import STATE, Whole, command
from reconciler.cli.output import Output, say_problems

if TYPE_CHECKING:
    from reconciler.runtime.context import Context

LAYERS = ("default_assessor", "default_employer", "learning_aims", "units")


@command(
    click.option("--organisation", type=Whole(1), metavar="ID", help="The centre. [default: settings.yaml's]"),
    click.option("--classroom", "classrooms", multiple=True, metavar="ID|NAME", help="Only this class (repeatable)."),
    click.option("--placement", "placements", multiple=True, metavar="ID|NAME", help="Only this one (repeatable)."),
    click.option(
        "--assessor",
        "assessors",
        type=Whole(1),
        multiple=True,
        metavar="ID",
        help="Only learners whose default assessor this is: OneFile id (repeatable).",
    ),
    click.option(
        "--without", type=click.Choice(LAYERS), multiple=True, help="Leave these slots unread, which spares calls."
    ),
    click.option(
        "--csv",
        "table",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="From this table instead: columns learner, slot, staff; also standard, unit, cohort, label, from, until.",
    ),
    click.option("--cohort", default="", metavar="NAME", help="One cohort for all. [default: one per class]"),
    click.option("--names", is_flag=True, help="Let handles and cohorts be made from people's and classes' names."),
    click.option("--labels", type=click.Choice(["misid", "name"]), help="Labels for learners; name only with --names."),
    click.option("--all-staff", is_flag=True, help="List all active staff, not only those who hold a slot."),
    STATE,
    files=False,
    name="import",
    examples=("reconciler import --target practice", "reconciler import --csv assignments.csv --cohort care-l3-2026"),
)
def import_(
    context: Context,
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
    """Write the declared state of a centre that exists: staff.yaml and cohort files, from what OneFile holds.

    Reads only, and never writes over a file. What it writes is proven first to ask for no change; `reconciler plan
    --detailed-exitcode` shows the same against OneFile. With --csv, OneFile is asked for nothing but its lists of
    staff, where the table names somebody whom staff.yaml does not have. Exit 0: everything is declared. 7: written, but
    some slots have to be looked after by hand. 3: refused, nothing written.
    """
    from reconciler.commands.import_csv import import_table
    from reconciler.commands.import_onefile import ImportOptions, import_centre
    from reconciler.report.import_ import import_problems, render_json, render_text

    if labels == "name" and not names:
        raise click.UsageError("--labels name needs --names, which lets people's names stand in files.")
    if table:
        if classrooms or placements or assessors or without or labels or all_staff:
            raise click.UsageError("--csv goes with --organisation, --cohort and --names only.")
        written = import_table(context, table, organisation=organisation, cohort=cohort, names=names)
    else:
        wish = ImportOptions(
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
        written = import_centre(context, wish)
    text = render_json(written) if output.json else render_text(written, verbose=output.verbose)
    output.save(text)
    output.report(text)
    if output.is_bare:
        say_problems(import_problems(written, verbose=output.verbose))
    return written.exit_code
