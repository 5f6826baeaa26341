"""The command line: options in, one call to run, the report printed, the exit code out."""

from __future__ import annotations

import functools
import itertools
import os
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from types import FrameType
from typing import IO, TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from reconciler import __version__
from reconciler.problems import ExitCode, Invalid, Problem, ReconcilerError

if TYPE_CHECKING:
    from reconciler.run.context import Context
    from reconciler.run.planning import Planned


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script: every way a command can end becomes one exit code, and no error a traceback."""
    signal.signal(signal.SIGTERM, _terminated)
    sys.exit(run(arguments))


def _terminated(number: int, frame: FrameType | None) -> None:
    """A runner that ends a job sends SIGTERM: leave as with Ctrl-C, giving the lock back."""
    interrupted = signal.getsignal(signal.SIGINT)
    if not callable(interrupted):  # ignored, as in the background of a shell
        raise KeyboardInterrupt
    interrupted(number, frame)


def run(arguments: Sequence[str] | None = None) -> int:
    given = sys.argv[1:] if arguments is None else arguments
    try:
        return int(cli.main(arguments, prog_name="reconciler", standalone_mode=False) or ExitCode.DONE)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return ExitCode.INVALID
    except click.UsageError as error:
        problem = Problem(error.format_message(), f"see {_command_path(error)} --help")
        return Output("json" if _asks_for_json(given) else "text").failed(Invalid(problem))
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        return ExitCode.ERROR
    except ReconcilerError as error:
        return Output().failed(error)
    except Exception as error:
        return Output().failed(_unexpected(error))


def _command_path(error: click.UsageError) -> str:
    return error.ctx.command_path if error.ctx else "reconciler"


def _asks_for_json(arguments: Sequence[str]) -> bool:
    """Whether a command line that cannot be understood asks for JSON all the same."""
    pairs = itertools.pairwise(arguments)
    return "--format=json" in arguments or ("--format", "json") in pairs


# ------------------------------------------------------------------ what every command has


class Output:
    """Where a command's report goes: JSON alone on standard output, people's words beside it on standard error.

    What cannot be written ends in `lost`, not in an exception: by then the command may have written to OneFile,
    and its exit code and the other copy of its report must still get out.
    """

    def __init__(
        self,
        form: str = "text",
        out: Path | None = None,
        *,
        out_is_json: bool = False,
        quiet: bool = False,
        verbose: bool = False,
        no_color: bool = False,
    ) -> None:
        self.json = form == "json"
        self.out = out
        self.out_is_json = out_is_json or self.json
        self.quiet = quiet
        self.verbose = verbose
        self.colour = _is_terminal(sys.stdout) and not no_color and not os.environ.get("NO_COLOR")
        self.lost: list[Problem] = []
        # a file name or a label may hold what the terminal's encoding does not; JSON is UTF-8 on every machine,
        # and what even that cannot hold (half a surrogate pair) is written as JSON's own escape
        for stream, encoding in ((sys.stdout, "utf-8" if self.json else None), (sys.stderr, None)):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(encoding=encoding, errors="backslashreplace")

    @property
    def is_bare(self) -> bool:
        """People get no report on standard output, so that problems must reach them on the other."""
        return self.json or self.quiet

    def report(self, text: str) -> None:
        if self.json or not self.quiet:
            self._print(text)

    def save(self, text: str) -> None:
        """Write the report to --out as well, where that is asked."""
        if self.out:
            from reconciler.run.files import write_whole

            try:
                write_whole(text, self.out)
            except ReconcilerError as error:
                self.lost += error.problems

    def note(self, text: str) -> None:
        if not self.quiet:
            click.echo(text, err=True)

    def failed(self, error: ReconcilerError) -> ExitCode:
        """A command that ended without a report of its own gets this one, in --out too."""
        if self.json or (self.out and self.out_is_json):
            from reconciler.report.jsonreport import render_problems

            document = render_problems(error.problems, error.exit_code)
            if self.json:
                self._print(document)
            self.save(document if self.out_is_json else "")
        elif self.out:
            from reconciler.report import text

            self.save(text.render_problems(error.problems))
        _say_problems(error.problems)
        return error.exit_code

    def ended(self, code: ExitCode) -> ExitCode:
        """The exit code, which also tells of a report that could not be written where nothing else went wrong."""
        _say_problems(self.lost)
        return ExitCode.ERROR if self.lost and code is ExitCode.DONE else code

    def _print(self, text: str) -> None:
        try:
            click.echo(text, nl=not text.endswith("\n"))
            if sys.stdout:
                sys.stdout.flush()
        except BrokenPipeError:  # the reader has seen enough, as head has
            _discard(sys.stdout)
        except OSError as error:
            _discard(sys.stdout)
            what = f"the report cannot be written: {error.strerror or error}"
            self.lost.append(Problem(what, "Make room there, or give --out FILE as well.", where="standard output"))


def _is_terminal(stream: IO[str] | None) -> bool:
    return stream is not None and stream.isatty()  # None: closed from outside


def _discard(stream: IO[str]) -> None:
    """Let what is still buffered, and whatever follows, go nowhere: Python would complain of it at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _say_problems(problems: Sequence[Problem]) -> None:
    from reconciler.report.text import render_problems

    click.echo(render_problems(problems), err=True, nl=False)


def _unexpected(error: Exception) -> ReconcilerError:
    """A bug, told without its message, which may hold anybody's data: what it was and where in our code."""
    places, trace = ["?"], error.__traceback__
    while trace:
        if (name := str(trace.tb_frame.f_globals.get("__name__", ""))).startswith("reconciler."):
            places.append(f"{name}:{trace.tb_lineno}")
        trace = trace.tb_next
    what = f"something unforeseen happened: {type(error).__name__} at {places[-1]}"
    fix = f"Please report this line, with version {__version__}. Running again is safe: it looks at OneFile first."
    return ReconcilerError(Problem(what, fix))


def _day(_context: click.Context, _parameter: click.Parameter, value: str | None) -> date | None:
    try:
        return date.fromisoformat(value) if value else None
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a date such as 2026-12-01") from None


_FILES = [
    click.option(
        "--state",
        type=click.Path(path_type=Path),
        default=Path("state"),
        show_default=True,
        metavar="DIR",
        help="The folder with the declared state.",
    ),
    click.option("--cohort", "cohorts", multiple=True, metavar="NAME", help="Only this cohort (repeatable)."),
    click.option(
        "--learner", "learners", multiple=True, metavar="ID", help="Only this learner: id, MISID or label (repeatable)."
    ),
    click.option(
        "--changed-since", "since", metavar="GIT_REF", help="Only the cohorts and staff that changed since this commit."
    ),
    click.option("--at", callback=_day, metavar="DATE", help="As declared for that day, such as 2026-12-01."),
]
_SERVICE = [
    click.option(
        "--target",
        metavar="NAME|URL",
        help="sandbox, beta, practice, live or a base URL. [default: as settings.yaml says]",
    ),
    click.option(
        "--store",
        metavar="URL",
        help="Where runs and records are kept: a path or postgresql://…, or RECONCILER_STORE. "
        "[default: .reconciler/store.db beside the state folder]",
    ),
]
_REPORT = [
    click.option(
        "--format",
        "form",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="What standard output gets.",
    ),
    click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Also write the report to this file."),
    click.option("--quiet", is_flag=True, help="Print problems only."),
    click.option("--verbose", is_flag=True, help="Spell out every row."),
    click.option("--no-color", is_flag=True, help="No colours, as with NO_COLOR."),
]


def command(
    *options: Callable[[Any], Any], service: bool = True, files: bool = True, out_is_json: bool = False
) -> Callable[[Callable[..., int]], click.Command]:
    """A command of the group: its own options, the common ones, and errors that become reports and exit codes."""

    def decorate(work: Callable[..., int]) -> click.Command:
        @functools.wraps(work)
        def call(form: str, out: Path | None, quiet: bool, verbose: bool, no_color: bool, **chosen: Any) -> int:
            from reconciler.progress import Told
            from reconciler.run.context import Context
            from reconciler.run.files import check_place

            output = Output(form, out, out_is_json=out_is_json, quiet=quiet, verbose=verbose, no_color=no_color)
            names = ("state", "target", "store", "cohorts", "learners", "since", "at")
            told = {name: chosen.pop(name) for name in names if name in chosen}
            context = Context(**told, tell=None if quiet else Told)
            try:
                if out:
                    check_place(out)
                code = ExitCode(work(context, output, **chosen))
            except ReconcilerError as error:
                code = output.failed(error)
            except (KeyboardInterrupt, click.Abort):
                fix = "Run the command again: it starts from what OneFile holds then."
                code = output.failed(ReconcilerError(Problem("stopped before anything was written", fix)))
            except click.UsageError:
                raise
            except Exception as error:
                code = output.failed(_unexpected(error))
            return output.ended(code)

        wrapped: Callable[..., int] = call
        for option in reversed([*options, *(_FILES if files else []), *(_SERVICE if service else []), *_REPORT]):
            wrapped = option(wrapped)
        return cli.command(name=work.__name__)(wrapped)

    return decorate


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="reconciler")
def cli() -> None:
    """Staff assignments in OneFile as code: declared in YAML, planned, reviewed, applied as reviewed.

    \b
    Start with:   reconciler demo
    Then:         reconciler validate, plan, apply
    """


# ------------------------------------------------------------------ the commands


@command(service=False)
def validate(context: Context, output: Output) -> int:
    """Check the declared state; every problem at once, nothing sent.

    Exit 0: valid. 3: problems, each with its file, line and fix.
    """
    from reconciler.run.validating import summary

    declared = context.declared()
    _say_problems(declared.warnings)
    text = summary(declared, as_json=output.json)
    output.save(text)
    output.report(text)
    return ExitCode.DONE


@command(
    click.option("--detailed-exitcode", is_flag=True, help="Exit 2 when changes are pending."),
    click.option(
        "--save-observed", type=click.Path(path_type=Path), metavar="FILE", help="Keep what was read: ids, no names."
    ),
    click.option(
        "--observed", type=click.Path(path_type=Path), metavar="FILE", help="Plan from a kept reading, without a call."
    ),
    out_is_json=True,
)
def plan(
    context: Context, output: Output, detailed_exitcode: bool, save_observed: Path | None, observed: Path | None
) -> int:
    """Compare the declared state with OneFile and show what apply would do; writes nothing.

    --out FILE saves the plan, for `reconciler apply FILE`. Exit 0: planned. 2: changes pending (with
    --detailed-exitcode). 5: a limit or a policy blocks it.
    """
    from reconciler.plan.document import dumps
    from reconciler.run import planning

    if observed and save_observed:
        raise click.UsageError("--observed reads nothing that --save-observed could keep.")
    planned = planning.plan(context, observed=observed, save_observed=save_observed)
    document = dumps(planned.document) if output.json or output.out else ""
    output.save(document)
    output.report(document if output.json else _plan_text(planned, output))
    if output.is_bare:
        _say_problems([*planned.why_blocked(), *planned.plan.problems])
    if output.out and not output.lost:
        output.note(f"Saved to {output.out}.")
        if planned.plan.operations and not planned.plan.blocked:
            output.note(f"Apply exactly this with: reconciler apply {shlex.quote(str(output.out))}")
    return planned.exit_code(detailed=detailed_exitcode)


@command(
    click.argument("saved", metavar="[PLAN]", required=False, type=click.Path(path_type=Path)),
    click.option("--auto-approve", is_flag=True, help="Do not ask. A saved plan is never asked about."),
    click.option("--expect", metavar="FINGERPRINT", help="Apply only the plan with this fingerprint."),
)
def apply(context: Context, output: Output, saved: Path | None, auto_approve: bool, expect: str | None) -> int:
    """Apply a saved PLAN exactly as reviewed, or make a plan now, show it and ask.

    Exit 0: all done. 4: the world moved, conflicting slots were left alone. 5: blocked, nothing written.
    6: another run holds the lock. 7: something failed, is unknown, or waits for a person.
    """
    from reconciler.report import jsonreport, text
    from reconciler.run import applying

    asks = not (saved or auto_approve or expect)
    if asks and not _is_terminal(sys.stdin):
        fix = "Give --auto-approve, or save the plan with `reconciler plan --out FILE` and apply that file."
        raise Invalid(Problem("apply asks before it writes, and there is no terminal to ask at", fix))

    def approve(planned: Planned) -> bool:
        if asks:
            return _ask(planned, output)
        if not output.json:
            output.report(_plan_text(planned, output))
        return True

    done = applying.apply(context, saved, approve=approve, expect=expect)
    if done.declined:
        raise ReconcilerError(Problem("not approved: nothing was written", "Run apply again when it is."))
    problems = done.error.problems if done.error else ()
    if output.json:
        report = jsonreport.render_outcomes(
            done.planned.plan,
            done.outcomes,
            fingerprint=done.planned.fingerprint,
            run=done.run,
            spent_calls=done.spent_calls,
            exit_code=done.exit_code,
            problems=problems,
        )
    elif done.run is None:
        report = _plan_text(done.planned, output)
    else:
        report = text.render_outcomes(
            done.planned.plan,
            done.outcomes,
            fingerprint=done.planned.fingerprint,
            run=done.run,
            spent_calls=done.spent_calls,
            colour=output.colour,
        )
    output.save(report)
    output.report(report)
    _say_problems(done.problems() if output.is_bare else problems)
    return done.exit_code


def _ask(planned: Planned, output: Output) -> bool:
    """Show the plan to whoever is asked, also where standard output is kept for JSON or for nothing."""
    click.echo(_plan_text(planned, output), err=output.json or output.quiet, nl=False)
    count = len(planned.plan.operations)
    return click.confirm(f"Write these {count} changes to {planned.plan.target}?", err=True)


def _plan_text(planned: Planned, output: Output) -> str:
    from reconciler.report.text import render_plan

    return render_plan(planned.plan, fingerprint=planned.fingerprint, colour=output.colour, verbose=output.verbose)


@command(
    click.argument("saved", metavar="PLAN", type=click.Path(path_type=Path)),
    service=False,
    files=False,
)
def show(_context: Context, output: Output, saved: Path) -> int:
    """Show a saved PLAN; refuses one that was altered."""
    from reconciler.plan.document import dumps
    from reconciler.run.planfile import load
    from reconciler.run.planning import Planned

    planned = Planned(load(saved))
    text = dumps(planned.document) if output.json else _plan_text(planned, output)
    output.save(text)
    output.report(text)
    return ExitCode.DONE


@command(service=False)
def demo(context: Context, output: Output) -> int:
    """Walk plan, apply and plan again on a copy of the state folder and a sandbox of its own.

    Uses ./state, or the demonstration centre where there is none. Touches nothing outside a temporary folder.
    """
    from dataclasses import replace

    from reconciler.report.jsonreport import render_problems
    from reconciler.resources import resource
    from reconciler.run.demonstrating import demonstrate

    asked = click.get_current_context().get_parameter_source("state") is ParameterSource.COMMANDLINE
    if not asked and not context.state.is_dir():
        context = replace(context, state=resource("state"))
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        if not output.json:
            output.report(text)

    code = demonstrate(context, say, colour=output.colour)
    if output.json:
        output.report(render_problems((), code))
    output.save("\n".join(said))
    return code


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on; ::1 works too.")
@click.option("--port", type=click.IntRange(0, 65535), default=8321, show_default=True, help="0 is any free one.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, other people.")
@click.option("--learners", type=click.IntRange(1, 200_000), default=60, show_default=True, help="Of a new world.")
@click.option("--world", type=click.Path(path_type=Path), help="The world's file. [default: the embedded sandbox's]")
@click.option("--clock", type=click.DateTime(["%Y-%m-%dT%H:%M:%S"]), help="Start the sandbox's clock at this UTC time.")
@click.option("--switch", "switches", multiple=True, metavar="NAME=VALUE", help="Settle an unknown of OneFile's API.")
@click.option("--fault", "faults", multiple=True, metavar="JSON", help='Such as {"kind": "throttle", "nth": 5}.')
@click.option("--switches", "listing", is_flag=True, help="List the switches and their values, and exit.")
@_FILES[0]
def sandbox(state: Path, listing: bool, clock: datetime | None, world: Path | None, **options: Any) -> int:
    """Serve the sandbox: OneFile's API v2.1 as far as it is known, with invented people, for any client.

    The customer token is ONEFILE_CUSTOMER_TOKEN where that is set, else `sandbox`.
    """
    from reconciler.run.context import Context
    from reconciler.run.serving import serve_sandbox
    from reconciler.sandbox.switches import allowed

    if listing:
        for name, values in allowed().items():
            click.echo(f"{name} = {' | '.join(values)}")
        return ExitCode.DONE

    def ready(url: str, token: str) -> None:
        told = "sandbox" if token == "sandbox" else "(as it is set here)"  # noqa: S105
        click.echo(f"ONEFILE_BASE_URL={url}\nONEFILE_CUSTOMER_TOKEN={told}\nServing. Ctrl-C ends it.", err=False)
        sys.stdout.flush()

    start = clock.replace(tzinfo=UTC) if clock else None
    serve_sandbox(Context(state=state), ready=ready, world_file=world, start=start, **options)
    return ExitCode.DONE


@command(
    click.option(
        "--canary",
        type=click.IntRange(1),
        metavar="LEARNER",
        help="Also write, on beta, practice or a sandbox only: what this learner (OneFile id) holds already.",
    )
)
def doctor(context: Context, output: Output, canary: int | None) -> int:
    """Check files, token, store, clock, server and what it shows; a fix for each failure.

    Costs about ten calls and writes nothing to OneFile without --canary. The canary writes back one default
    assessor, one learning aim slot and one unit slot as they are, and nothing else; by design nothing
    changes, and everything is read back. Exit 0: nothing failed. 1: something failed. 3: files or command line.
    """
    from reconciler.report.checkup import TICKS, render_checkup, render_json
    from reconciler.run.doctoring import examine

    checkup = examine(context, canary)
    try:
        plain = not TICKS.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        plain = True
    text = render_json(checkup) if output.json else render_checkup(checkup, colour=output.colour, plain=plain)
    output.save(text)
    output.report(text)
    if output.is_bare:
        _say_problems(checkup.problems())
    return checkup.exit_code
