"""The `init` command."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler import commands, runtime
from reconciler.cli.options import Whole, command
from reconciler.cli.output import Output, is_terminal, say_problems
from reconciler.onefile.targets import NAMES
from reconciler.problems import ExitCode, Invalid, Problem

if TYPE_CHECKING:
    from reconciler.runtime.environment import Environment
    from reconciler.runtime.options import Options

FORGES = ("github", "gitlab", "none")
BEGINNINGS = ("example", "import")
EXTRAS = ("messages", "sync", "pages", "share", "login")


@command(
    click.argument("folder", metavar="[FOLDER]", default=".", type=click.Path(path_type=Path)),
    click.option("--organisation", type=Whole(1), metavar="ID", help="The centre's OrganisationID in OneFile."),
    click.option("--ci", type=click.Choice(FORGES), help="Where changes will be reviewed and applied."),
    click.option(
        "--begin-with",
        type=click.Choice(BEGINNINGS),
        help="Start with an invented example for the sandbox, or empty for `reconciler import`. [default: example]",
    ),
    click.option(
        "--target",
        "first_target",
        type=click.Choice(NAMES),
        help="The target in settings.yaml, with --begin-with import. [default: practice; sandbox for the example]",
    ),
    click.option(
        "--source",
        metavar="URL@COMMIT",
        help="Where pipelines install this program from. [default: where it was installed from, if known]",
    ),
    click.option(
        "--with",
        "extras",
        type=click.Choice(EXTRAS),
        multiple=True,
        help="Also write files for weekly messages, to keep cohorts in step each night, or for pages on GitHub Pages, "
        "on a file share or behind a login (repeatable).",
    ),
    click.option("--keep", multiple=True, metavar="FILE", help="Keep your own version of this file (repeatable)."),
    click.option("--schemas", is_flag=True, help="Only update the copies in schemas/ to this version's."),
    service=False,
    files=False,
    examples=(
        "reconciler init --organisation 5740 --ci github",
        "reconciler init assignments --organisation 5740 --ci gitlab --begin-with import",
    ),
)
def init(
    _options: Options, _environment: Environment, output: Output, folder: Path, schemas: bool, **asked: Any
) -> int:
    """Create a starter repository.

    Writes settings, an example or empty files, workflows, editor settings and a README. On a terminal it asks for what
    the options leave open. Nothing is overwritten: files that are in the way are all named, and then nothing is
    written. Files with the same content are left as they are. Exit 0: written, or nothing to do. 3: refused, nothing
    written.
    """
    if schemas:
        if any(asked.values()):
            raise click.UsageError("--schemas can be used only with FOLDER.")
        output.deliver("init --schemas", runtime.schema_copies.renew_schemas(folder))
        return ExitCode.DONE
    result = commands.init.init(commands.init.InitOptions(folder, **_answers(asked)))
    output.deliver("init", result)
    say_problems(result.warnings)
    return ExitCode.DONE


def _answers(asked: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of InitOptions: from the command line, the terminal and the defaults."""
    init, source = commands.init, asked["source"]
    origin = init.origin_of(source) if source else init.installed_from()
    organisation, ci, begin_with = asked["organisation"], asked["ci"], asked["begin_with"]
    if is_terminal(sys.stdin):
        organisation = organisation or _ask("The centre's OrganisationID in OneFile", Whole(1))
        ci = ci or _ask("Where will changes be reviewed and applied?", click.Choice(FORGES), "github")
        begin_with = begin_with or _ask("Start with an example, or import later?", click.Choice(BEGINNINGS), "example")
    missing = [name for name, value in (("--organisation", organisation), ("--ci", ci)) if value is None]
    if missing:
        raise Invalid([_missing(name) for name in missing])
    begin_with = begin_with or "example"
    target = asked["first_target"] or ("sandbox" if begin_with == "example" else "practice")
    if begin_with == "example" and target != "sandbox":
        raise click.UsageError("--target needs --begin-with import: the example's people are in the sandbox only.")
    elsewhere = [extra for extra in asked["extras"] if ci not in init.FORGES_OF.get(extra, FORGES)]
    if elsewhere:
        raise Invalid([_only_for(extra, init.FORGES_OF[extra]) for extra in elsewhere])
    return {
        "organisation": organisation,
        "ci": ci,
        "begin_with": begin_with,
        "target": target,
        "origin": origin,
        "extras": frozenset(asked["extras"]),
        "keep": frozenset(Path(name).as_posix() for name in asked["keep"]),
    }


def _ask(question: str, kind: click.Choice[str] | click.IntRange, default: str | None = None) -> Any:
    return click.prompt(question, type=kind, default=default, err=True)


def _only_for(extra: str, forges: Sequence[str]) -> Problem:
    needed = " or ".join(f"--ci {forge}" for forge in forges)
    fix = f"Give {needed}, or leave out --with {extra}."
    return Problem(f"needs {needed}: it is a part of the pipelines there", fix, where=f"--with {extra}")


def _missing(option: str) -> Problem:
    takes = "the centre's OrganisationID in OneFile" if option == "--organisation" else f"one of {', '.join(FORGES)}"
    what = "is required, and there is no terminal to ask for it"
    return Problem(what, f"Give {option}: {takes}.", where=option)
