"""What edits the declared files: fmt, replace, adopt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli.options import STATE, command
from reconciler.cli.output import Output
from reconciler.problems import ExitCode

if TYPE_CHECKING:
    from reconciler.runtime.context import Context


@command(
    click.option("--check", is_flag=True, help="Write nothing; show what would change, and exit 2 if anything would."),
    STATE,
    service=False,
    files=False,
    examples=("reconciler fmt", "reconciler fmt --check"),
)
def fmt(context: Context, output: Output, check: bool) -> int:
    """Lay the declared files out as all are: keys in order, two spaces, one way of writing; comments stay.

    What is declared never changes. Exit 0: done, or nothing to do. 2: files would change (with --check).
    """
    from reconciler.commands.fmt import fmt
    from reconciler.report.edits import render_formatted

    count, edits = fmt(context, check=check)
    changed = [(edit.path, edit.before, edit.after) for edit in edits]
    text = render_formatted(count, changed, written=not check, as_json=output.json)
    output.save(text)
    output.report(text)
    return ExitCode.CHANGES if check and changed else ExitCode.DONE
