"""The `export` command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler import commands, runtime
from reconciler.cli.options import FILES, command
from reconciler.cli.output import Output, say_problems
from reconciler.problems import ExitCode

if TYPE_CHECKING:
    from reconciler.runtime.environment import Environment
    from reconciler.runtime.options import Options


@command(
    click.option("--csv", "table", type=click.Path(path_type=Path), metavar="FILE", help="Write the table as CSV."),
    click.option(
        "--xlsx", "book", type=click.Path(path_type=Path), metavar="FILE", help="Write the table as an Excel workbook."
    ),
    click.option("--read", is_flag=True, help="Read OneFile for who holds each slot. Without it, no call is made."),
    *FILES[:3],
    files=False,
    to_folder=True,
    examples=("reconciler export --xlsx centre.xlsx", "reconciler export --csv team.csv --cohort team-leader-l3-2026"),
)
def export(
    options: Options, environment: Environment, output: Output, table: Path | None, book: Path | None, read: bool
) -> int:
    """Write the declared assignments as a spreadsheet.

    One row for each learner, one column for each slot: who is declared, in name, and beside it who holds the slot and
    since when, as recorded or, with --read, as OneFile has it now. `reconciler sync FILE` brings an edited table back
    into the files; unchanged, it edits nothing. An Excel file needs the extra `excel`.
    """
    files = {kind: file for kind, file in (("csv", table), ("xlsx", book)) if file}
    if not files:
        raise click.UsageError("Give --csv FILE, --xlsx FILE or both.")
    if table == book:
        raise click.UsageError("Give --csv and --xlsx two different files.")
    from reconciler.report.export import csv, xlsx

    if book:
        xlsx.check_library()
    made = commands.export.export(options, environment, list(files.values()), read=read)
    for kind, file in files.items():
        content = csv.render_csv(made) if kind == "csv" else xlsx.render_xlsx(made)
        runtime.files.write_whole(content, file, fix=commands.export.ANOTHER_PATH)
    output.deliver("export", commands.export.Exported(tuple(map(str, files.values())), made))
    say_problems(made.left_out)
    return ExitCode.DONE
