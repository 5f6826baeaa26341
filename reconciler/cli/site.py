"""The `site` command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler import commands, runtime
from reconciler.cli.options import STATE, command
from reconciler.cli.output import Output
from reconciler.problems import ExitCode

if TYPE_CHECKING:
    from reconciler.runtime.environment import Environment
    from reconciler.runtime.options import Options


@command(
    click.option(
        "--out",
        "folder",
        type=click.Path(path_type=Path),
        metavar="DIR",
        required=True,
        help="The folder for the pages: new, empty, or made by this command before.",
    ),
    click.option(
        "--observed", type=click.Path(path_type=Path), metavar="FILE", help="Compare with saved data, offline."
    ),
    click.option("--read", is_flag=True, help="Read OneFile now and compare. Without it, no call is made."),
    click.option("--for", "only", metavar="HANDLE", help="Make only what this member of staff may see."),
    STATE,
    files=False,
    to_folder=True,
    examples=(
        "reconciler site --out site --observed reading.json",
        "reconciler site --out site-kate --for kate-anderson",
    ),
)
def site(
    options: Options,
    environment: Environment,
    output: Output,
    folder: Path,
    observed: Path | None,
    read: bool,
    only: str | None,
) -> int:
    """Make pages to read in a browser, without a server.

    The centre, all staff, learners, cohorts and runs have a page each, and each learner has evidence to print. The
    pages fetch nothing: put the folder on a file share or behind a login. Let nobody in who may not know who works with
    each learner. Pages that have not changed are left as they are; those that are no longer needed are removed. A
    folder that holds other files is refused.
    """
    if observed and read:
        raise click.UsageError("Give either --observed or --read.")
    from reconciler.report.site.pages import site_pages

    with commands.site.open_centre(options, environment, observed=observed, read=read, only=only) as centre:
        subject = f"{centre.site.target}, organisation {centre.site.organisation}, {only or 'everybody'}"
        pages = runtime.output_folder.OutputFolder(folder, subject)
        pages.check()
        pages.begin()
        for name, text in site_pages(centre):
            pages.put(name, text)
        written = pages.end()
    output.deliver("site", written)
    return ExitCode.DONE
