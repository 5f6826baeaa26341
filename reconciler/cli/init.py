"""What comes first: init."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.options import Whole, command
from reconciler.cli.output import Output, is_terminal, say_problems
from reconciler.onefile.targets import NAMES
from reconciler.problems import ExitCode, Invalid, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.runtime.context import Context

FORGES = ("github", "gitlab", "none")
BEGINNINGS = ("example", "import")


@command(
    click.argument("folder", metavar="[FOLDER]", default=".", type=click.Path(path_type=Path)),
    click.option("--organisation", type=Whole(1), metavar="ID", help="The centre's OrganisationID in OneFile."),
    click.option("--ci", type=click.Choice(FORGES), help="Where it will be reviewed and applied."),
    click.option(
        "--begin-with",
        type=click.Choice(BEGINNINGS),
        help="An invented example for the sandbox, or nobody, for `reconciler import`. [default: example]",
    ),
    click.option(
        "--target",
        "first_target",
        type=click.Choice(NAMES),
        help="For settings.yaml, with --begin-with import. [default: practice; the example's is sandbox]",
    ),
    click.option(
        "--source",
        metavar="URL@COMMIT",
        help="Where pipelines take this program from. [default: where it was installed from, if that is known]",
    ),
    click.option("--keep", multiple=True, metavar="FILE", help="Leave this file of mine as it is (repeatable)."),
    click.option("--schemas", is_flag=True, help="Only renew the copies in schemas/ with this version's."),
    service=False,
    files=False,
    examples=(
        "reconciler init --organisation 5740 --ci github",
        "reconciler init assignments --organisation 5740 --ci gitlab --begin-with import",
    ),
)
def init(_context: Context, output: Output, folder: Path, schemas: bool, **asked: Any) -> int:
    """Make a repository to begin with: settings, an example or nobody yet, workflows, editor settings, a README.

    On a terminal it asks for what the options leave open. Nothing is ever written over: all that stands in the way is
    named at once, and then nothing is written. Files that are there with the same content are left as they are. Exit
    0: written, or nothing to do. 3: refused, nothing written.
    """
    from reconciler.commands import init as beginning
    from reconciler.report.init import InitReport, render_json, render_text
    from reconciler.runtime.schema_copies import renew_schemas

    if schemas:
        if any(asked.values()):
            raise click.UsageError("--schemas goes with FOLDER only.")
        return _say_renewed(renew_schemas(folder), output)
    wish = beginning.InitOptions(folder, **_answers(asked))
    begun = beginning.begin(wish)
    report = InitReport(folder.as_posix(), begun.written, begun.already, begun.to_name, wish.begin_with, wish.target)
    text = render_json(report) if output.json else render_text(report)
    output.save(text)
    output.report(text)
    say_problems(begun.warnings)
    return ExitCode.DONE


def _answers(asked: dict[str, Any]) -> dict[str, Any]:
    """The options, what was asked at the terminal, and the defaults, as the fields of a wish."""
    from reconciler.commands.init import installed_from, origin_of

    origin = origin_of(asked["source"]) if asked["source"] else installed_from()
    organisation, ci, begin_with = asked["organisation"], asked["ci"], asked["begin_with"]
    if is_terminal(sys.stdin):
        organisation = organisation or _ask("The centre's OrganisationID in OneFile", Whole(1))
        ci = ci or _ask("Where will it be reviewed and applied?", click.Choice(FORGES), "github")
        begin_with = begin_with or _ask("Begin with an example, or import later?", click.Choice(BEGINNINGS), "example")
    missing = [name for name, value in (("--organisation", organisation), ("--ci", ci)) if value is None]
    if missing:
        raise Invalid([_missing(name) for name in missing])
    begin_with = begin_with or "example"
    target = asked["first_target"] or ("sandbox" if begin_with == "example" else "practice")
    if begin_with == "example" and target != "sandbox":
        raise click.UsageError("the example's people are in the sandbox only: --target goes with --begin-with import.")
    return {
        "organisation": organisation,
        "ci": ci,
        "begin_with": begin_with,
        "target": target,
        "origin": origin,
        "keep": frozenset(Path(name).as_posix() for name in asked["keep"]),
    }


def _ask(question: str, kind: click.Choice[str] | click.IntRange, default: str | None = None) -> Any:
    return click.prompt(question, type=kind, default=default, err=True)


def _missing(option: str) -> Problem:
    takes = "the centre's OrganisationID in OneFile" if option == "--organisation" else f"one of {', '.join(FORGES)}"
    what = "is needed, and there is no terminal to ask at"
    return Problem(what, f"Give {option}: {takes}.", where=option)


def _say_renewed(renewed: Sequence[str], output: Output) -> int:
    from reconciler.report.init import render_renewed

    text = render_renewed(renewed, as_json=output.json)
    output.save(text)
    output.report(text)
    return ExitCode.DONE
