"""What every command has: the group, the common options, and errors that become reports and exit codes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler import __version__
from reconciler.cli import completion as completing
from reconciler.cli.group import Command, Commands
from reconciler.cli.output import Output, say_problems, unexpected
from reconciler.problems import ExitCode, Problem, ReconcilerError

if TYPE_CHECKING:
    from reconciler.runtime.context import Context


def day_of(_context: click.Context, _parameter: click.Parameter, value: str | None) -> date | None:
    try:
        return date.fromisoformat(value) if value else None
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a date such as 2026-12-01") from None


class Whole(click.IntRange):
    """A whole number within bounds; whoever gives something else is told what is expected."""

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
        help="The folder with the declared state.",
    ),
    click.option(
        "--cohort",
        "cohorts",
        multiple=True,
        metavar="NAME",
        shell_complete=completing.cohorts,
        help="Only this cohort (repeatable).",
    ),
    click.option(
        "--learner", "learners", multiple=True, metavar="ID", help="Only this learner: id, MISID or label (repeatable)."
    ),
    click.option(
        "--changed-since", "since", metavar="GIT_REF", help="Only the cohorts and staff that changed since this commit."
    ),
    click.option("--at", callback=day_of, metavar="DATE", help="As declared for that day, such as 2026-12-01."),
]
STATE, LEARNER = FILES[0], FILES[2]
FROM = click.option("--from", "--at", "at", callback=day_of, metavar="DATE", help="From that day on. [default: today]")
SERVICE = [
    click.option(
        "--target",
        metavar="NAME|URL",
        shell_complete=completing.targets,
        help="sandbox, beta, practice, live or a base URL. [default: as settings.yaml says]",
    ),
    click.option(
        "--store",
        metavar="URL",
        help="Where runs and records are kept: a path or postgresql://…, or RECONCILER_STORE. "
        "[default: .reconciler/store.db beside the state folder]",
    ),
]
REPORT = [
    click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Also write the report to this file."),
    click.option("--quiet", is_flag=True, help="Print problems only."),
    click.option("--verbose", is_flag=True, help="Spell out every row."),
    click.option("--no-color", is_flag=True, help="No colours, as with NO_COLOR."),
]


MAX_BYTES = click.option(
    "--max-bytes",
    type=Whole(8192),
    metavar="N",
    help="The longest Markdown report. [default: 65536, a comment on GitHub; a job summary takes 1048576]",
)


def _say_overruled(context: Context) -> None:
    from reconciler.runtime.context import overruled

    if warning := overruled(context):
        say_problems([warning])


def _format(formats: Sequence[str]) -> Callable[[Any], Any]:
    kinds = click.Choice(list(formats))
    return click.option(
        "--format", "form", type=kinds, default="text", show_default=True, help="What standard output gets."
    )


def command(
    *options: Callable[[Any], Any],
    service: bool = True,
    files: bool = True,
    out_is_json: bool = False,
    formats: Sequence[str] = ("text", "json"),
    name: str = "",
    examples: Sequence[str] = (),
) -> Callable[[Callable[..., int]], click.Command]:
    """A command of the group: its own options, the common ones, and errors that become reports and exit codes.

    *name* is for a command whose name Python keeps for itself; *examples* end its help.
    """

    def decorate(work: Callable[..., int]) -> click.Command:
        @functools.wraps(work)
        def call(
            form: str,
            out: Path | None,
            quiet: bool,
            verbose: bool,
            no_color: bool,
            max_bytes: int | None = None,
            **chosen: Any,
        ) -> int:
            from reconciler.cli.progress import ProgressBar
            from reconciler.runtime.context import Context

            output = Output(
                form,
                out,
                out_is_json=out_is_json,
                quiet=quiet,
                verbose=verbose,
                no_color=no_color,
                max_bytes=max_bytes,
            )
            names = ("state", "target", "store", "cohorts", "learners", "since", "at", "ahead_days")
            told = {name: chosen.pop(name) for name in names if name in chosen}
            context = Context(
                **told, progress=None if quiet else ProgressBar, on_screen=output.on_screen, says=output.note
            )
            try:
                output.check_out()
                if context.target:
                    _say_overruled(context)
                code = ExitCode(work(context, output, **chosen))
            except ReconcilerError as error:
                code = output.failed(error)
            except (KeyboardInterrupt, click.Abort):
                fix = "Run the command again: it starts from what OneFile holds then."
                code = output.failed(ReconcilerError(Problem("stopped before anything was written", fix)))
            except click.UsageError:
                raise
            except Exception as error:
                code = output.failed(unexpected(error))
            return output.ended(code)

        wrapped: Callable[..., int] = call
        common = [*(FILES if files else []), *(SERVICE if service else []), _format(formats), *REPORT]
        if "markdown" in formats:
            common.append(MAX_BYTES)
        for option in reversed([*options, *common]):
            wrapped = option(wrapped)
        return cli.command(name=name or work.__name__, cls=Command, epilog="\n".join(examples))(wrapped)

    return decorate


def _say_version(context: click.Context, _parameter: click.Parameter, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        from reconciler.runtime.git import built, in_words

        click.echo(f"reconciler, version {__version__}\n{in_words(built())}")
        context.exit()


def _say_completion(context: click.Context, _parameter: click.Parameter, shell: str | None) -> None:
    if shell and not context.resilient_parsing:
        click.echo(completing.script(shell, context.command))
        context.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_say_version,
    help="Show the version and the commit that it was built from, and exit.",
)
@click.option(
    "--completion",
    type=click.Choice(completing.SHELLS),
    is_eager=True,
    expose_value=False,
    callback=_say_completion,
    help='Show what a shell needs to complete commands, and exit: eval "$(reconciler --completion bash)"',
)
def cli() -> None:
    """Staff assignments in OneFile as code: declared in YAML, planned, reviewed, applied as reviewed.

    \b
    Look at it:       reconciler demo
    Begin your own:   reconciler init
    """
