"""The common options of commands, and the decorator that turns a function into a command."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from reconciler import __version__, runtime
from reconciler.cli import completion
from reconciler.cli.command_table import Command, Commands
from reconciler.cli.output import Output, say_problems, unexpected
from reconciler.cli.render import formats_of
from reconciler.cli.state_folder import DEFAULT, find_state
from reconciler.problems import ExitCode, Problem, ReconcilerError

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def day_of(_context: click.Context, _parameter: click.Parameter, value: str | None) -> date | None:
    try:
        return date.fromisoformat(value) if value else None
    except ValueError:
        written = _DATE.fullmatch(value or "")
        what = f"there is no day {value}" if written else f"{value!r} is not a date such as 2026-12-01"
        raise click.BadParameter(what) from None


class Whole(click.IntRange):
    """A whole number within bounds, with an error in plain words."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            int(value)
        except ValueError:
            self.fail(f"{value!r} is not a whole number", param, ctx)
        return super().convert(value, param, ctx)


FILES = [
    click.option(
        "--state",
        type=click.Path(path_type=Path),
        default=Path("state"),
        show_default=True,
        metavar="DIR",
        help="The folder with the declared files, also found from a folder below.",
    ),
    click.option(
        "--cohort",
        "cohorts",
        multiple=True,
        metavar="NAME",
        shell_complete=completion.cohorts,
        help="Only this cohort (repeatable).",
    ),
    click.option(
        "--learner", "learners", multiple=True, metavar="ID", help="Only this learner: id, MISID or label (repeatable)."
    ),
    click.option(
        "--changed-since", "since", metavar="GIT_REF", help="Only learners whose files changed since this commit."
    ),
    click.option("--at", callback=day_of, metavar="DATE", help="Plan for this date (YYYY-MM-DD). [default: today]"),
]
STATE, LEARNER, AT = FILES[0], FILES[2], FILES[4]
SAVE_OBSERVED = click.option(
    "--save-observed",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Save the data read from OneFile (ids only).",
)
FROM = click.option(
    "--from", "--at", "at", callback=day_of, metavar="DATE", help="The first day (YYYY-MM-DD). [default: today]"
)
SERVICE = [
    click.option(
        "--target",
        metavar="NAME|URL",
        shell_complete=completion.targets,
        help="Use sandbox, beta, practice, live or a base URL. [default: as settings.yaml says]",
    ),
    click.option(
        "--store",
        metavar="URL",
        help="Where runs are stored: a path or postgresql://…, or RECONCILER_STORE. "
        "[default: .reconciler/store.db beside the state folder]",
    ),
]
REPORT = [
    click.option(
        "--out",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Write the report to this file, not to standard output.",
    ),
    click.option("--quiet", is_flag=True, help="Print only problems."),
    click.option("--verbose", is_flag=True, help="Do not group rows."),
    click.option("--no-color", is_flag=True, help="Do not use colours, as with NO_COLOR."),
]


SAVE = click.option(
    "--save",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also save the plan, as JSON, for `reconciler apply FILE`. The same as --out FILE.json.",
)
FULL_ROWS = click.option(
    "--full-rows",
    is_flag=True,
    help="Save a row for each unchanged slot too, as other tools for plans need.",
)
UNDECLARED = click.option(
    "--undeclared",
    is_flag=True,
    help="Read the whole list of learners, to find those in no file. Prints first what it costs.",
)
MAX_BYTES = click.option(
    "--max-bytes",
    type=Whole(8192),
    metavar="N",
    help="Maximum size of Markdown output (GitHub: comment 65536, job summary 1048576). [default: 65536]",
)


def _format(formats: Sequence[str]) -> Callable[[Any], Any]:
    kinds = click.Choice(list(formats))
    return click.option("--format", "form", type=kinds, default="text", show_default=True, help="Output format.")


def command(
    *own: Callable[[Any], Any],
    service: bool = True,
    files: bool = True,
    makes_plans: bool = False,
    to_folder: bool = False,
    name: str = "",
    examples: Sequence[str] = (),
) -> Callable[[Callable[..., int]], click.Command]:
    """Register a command with its own and the common options; its errors become reports and exit codes.

    `to_folder`: it writes files of its own to a folder, with an `--out` of its own. `name` is for a command whose name
    is a Python keyword; `examples` end its help.
    """

    def decorate(work: Callable[..., int]) -> click.Command:
        called = name or work.__name__

        @functools.wraps(work)
        def call(
            form: str,
            quiet: bool,
            verbose: bool,
            no_color: bool,
            out: Path | None = None,
            max_bytes: int | None = None,
            save: Path | None = None,
            full_rows: bool = False,
            **chosen: Any,
        ) -> int:
            from reconciler.cli.progress import ProgressBar

            output = Output(
                form,
                out,
                save=save,
                makes_plans=makes_plans,
                full_rows=full_rows,
                quiet=quiet,
                verbose=verbose,
                no_color=no_color,
                max_bytes=max_bytes,
            )
            names = ("state", "target", "store", "cohorts", "learners", "since", "at", "ahead_days", "until")
            given = {name: chosen.pop(name) for name in names if name in chosen}
            options = runtime.options.Options(**_with_state(given, output))
            environment = runtime.environment.Environment(
                progress=None if quiet else ProgressBar,
                note=output.note,
                status=output.status,
                on_screen=output.on_screen,
            )
            try:
                output.check_out()
                if options.target and (warning := runtime.target.overruled(options, environment)):
                    say_problems([warning])
                code = ExitCode(work(options, environment, output, **chosen))
            except ReconcilerError as error:
                code = output.failed(error)
            except (KeyboardInterrupt, click.Abort):
                click.echo(err=True)  # ends the line of the prompt or of ^C
                problem = Problem("interrupted; nothing was written", "Run the command again.")
                code = output.failed(ReconcilerError(problem))
            except click.UsageError:
                raise
            except Exception as error:
                code = output.failed(unexpected(error))
            return output.ended(code)

        wrapped: Callable[..., int] = call
        formats = formats_of(called)
        common = [
            *(FILES if files else []),
            *(SERVICE if service else []),
            _format(formats),
            *(REPORT[1:] if to_folder else REPORT),
        ]
        if "markdown" in formats:
            common.append(MAX_BYTES)
        if makes_plans:
            common += [SAVE, FULL_ROWS]
        for option in reversed([*own, *common]):
            wrapped = option(wrapped)
        return cli.command(name=called, cls=Command, epilog="\n".join(examples))(wrapped)

    return decorate


def _with_state(given: dict[str, Any], output: Output) -> dict[str, Any]:
    """Return the options with the state folder that is found from the working folder, unless one is named."""
    source = click.get_current_context().get_parameter_source("state")
    if source is not ParameterSource.DEFAULT or (state := find_state(Path.cwd())) == DEFAULT:
        return given
    output.note(f"State folder: {state}")
    return {**given, "state": state}


def _show_version(context: click.Context, _parameter: click.Parameter, given: bool) -> None:
    if given and not context.resilient_parsing:
        git = runtime.git
        click.echo(f"reconciler, version {__version__}\n{git.in_words(git.built())}")
        context.exit()


def _show_completion(context: click.Context, _parameter: click.Parameter, shell: str | None) -> None:
    if shell and not context.resilient_parsing:
        click.echo(completion.script(shell, context.command))
        context.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and its commit, and exit.",
)
@click.option(
    "--completion",
    type=click.Choice(completion.SHELLS),
    is_eager=True,
    expose_value=False,
    callback=_show_completion,
    help='Print completion code, for: eval "$(reconciler --completion bash)"',
)
def cli() -> None:
    """Manage staff assignments in OneFile as code: declare in YAML, plan, review, apply.

    \b
    Try it:        reconciler demo
    Start:         reconciler init
    """
