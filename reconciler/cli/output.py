"""Where a command's report and problems go: standard output, standard error, and the file of --out."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from reconciler import __version__
from reconciler.problems import ExitCode, Problem, ReconcilerError

if TYPE_CHECKING:
    from reconciler.report.common.annotations import Workspace

PIPED_WIDTH = 100  # columns, where no terminal says how wide it is


FORMS = ("text", "json", "markdown", "annotations", "html")  # in which every failure can be told
_FOR_MACHINES = ("json", "annotations")  # printed with --quiet as well: they are what was asked for


def _columns() -> int:
    """How wide the terminal is, as far as it tells."""
    import shutil  # brings every way of packing files along

    return shutil.get_terminal_size((PIPED_WIDTH, 24)).columns


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
        max_bytes: int | None = None,
    ) -> None:
        self.form = form
        self.json = form == "json"
        self._max_bytes = max_bytes
        self.out = out
        self.out_is_json = out_is_json or self.json
        self.quiet = quiet
        self.verbose = verbose
        for_people = form == "text" and is_terminal(sys.stdout)
        self.colour = for_people and not no_color and not os.environ.get("NO_COLOR")
        self.width = _columns() if for_people else PIPED_WIDTH
        # neither a pipe nor a file gets the report; what --out saves in its place is JSON, which has no names
        self.on_screen = for_people and (out is None or out_is_json)
        self.lost: list[Problem] = []
        # a file name or a label may hold what the terminal's encoding does not; files are UTF-8 on every machine,
        # and what even that cannot hold (half a surrogate pair) is written as JSON's own escape
        for stream, encoding in ((sys.stdout, None if form == "text" else "utf-8"), (sys.stderr, None)):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(encoding=encoding, errors="backslashreplace")

    @property
    def is_bare(self) -> bool:
        """People get no report on standard output, so that problems must reach them on the other."""
        return self.form in _FOR_MACHINES or self.quiet

    @property
    def limit(self) -> int:
        """Bytes that a Markdown report may have."""
        from reconciler.report.common.truncate import COMMENT_LIMIT

        return self._max_bytes or COMMENT_LIMIT

    def report(self, text: str) -> None:
        if text and (self.form in _FOR_MACHINES or not self.quiet):
            self._print(text)

    def check_out(self) -> None:
        """Raise where --out cannot be written, before anything is done; that failure is not tried there again."""
        if self.out:
            from reconciler.runtime.files import check_place

            place, self.out = self.out, None
            check_place(place)
            self.out = place

    def save(self, text: str) -> None:
        """Write the report to --out as well, where that is asked."""
        if self.out:
            from reconciler.runtime.files import write_whole

            try:
                # metrics hold counts and ages, and whoever collects them is another account
                mode = 0o644 if self.form == "prometheus" else 0o600
                write_whole(click.unstyle(text) if self.colour else text, self.out, mode=mode)
            except ReconcilerError as error:
                self.lost += error.problems

    def note(self, text: str) -> None:
        if not self.quiet:
            click.echo(text, err=True)

    def failed(self, error: ReconcilerError) -> ExitCode:
        """A command that ended without a report of its own gets this one, in --out too. But metrics of the last run
        that could read stay where they are, for their age to be seen."""
        if self.form not in ("text", "prometheus"):
            self.report(self._of_problems(error, self.form))
        if self.out and self.form != "prometheus":
            self.save(self._of_problems(error, "json" if self.out_is_json else self.form))
        say_problems(error.problems)
        return error.exit_code

    def _of_problems(self, error: ReconcilerError, form: str) -> str:
        from reconciler.report.problems import annotations, html, json, markdown, text

        match form:
            case "json":
                return json.render_json(error.problems, error.exit_code)
            case "markdown":
                return markdown.render_markdown(error.problems, limit=self.limit)
            case "annotations":
                return annotations.render_annotations(error.problems, workspace())
            case "html":
                return html.render_html(error.problems)
            case _:
                return text.render_text(error.problems)

    def ended(self, code: ExitCode) -> ExitCode:
        """The exit code, which also tells of a report that could not be written where nothing else went wrong."""
        say_problems(self.lost)
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


def workspace() -> Workspace:
    """Return the working folder and the repository that a forge shows."""
    from reconciler.report.common.annotations import Workspace
    from reconciler.runtime.git import repository

    here = Path.cwd().resolve()
    return Workspace(str(here), str(repository(here) or os.environ.get("GITHUB_WORKSPACE") or here))


def is_terminal(stream: IO[str] | None) -> bool:
    return stream is not None and stream.isatty()  # None: closed from outside


def _discard(stream: IO[str]) -> None:
    """Let what is still buffered, and whatever follows, go nowhere: Python would complain of it at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def say_problems(problems: Sequence[Problem]) -> None:
    from reconciler.report.problems.text import render_text

    click.echo(render_text(problems), err=True, nl=False)


def unexpected(error: Exception) -> ReconcilerError:
    """A bug, told without its message, which may hold anybody's data: what it was and where in our code."""
    places, trace = ["?"], error.__traceback__
    while trace:
        if (name := str(trace.tb_frame.f_globals.get("__name__", ""))).startswith("reconciler."):
            places.append(f"{name}:{trace.tb_lineno}")
        trace = trace.tb_next
    what = f"something unforeseen happened: {type(error).__name__} at {places[-1]}"
    fix = f"Please report this line, with version {__version__}. Running again is safe: it looks at OneFile first."
    return ReconcilerError(Problem(what, fix))


def exit_code_of(
    work: Callable[[], Any], misused: Callable[[click.UsageError], int], failed: Callable[[ReconcilerError], int]
) -> int:
    """How a group of commands ended: every way becomes one exit code, and no error a traceback."""
    try:
        return int(work() or ExitCode.DONE)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return ExitCode.INVALID
    except click.UsageError as error:
        return misused(error)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        return ExitCode.ERROR
    except ReconcilerError as error:
        return failed(error)
    except Exception as error:
        return failed(unexpected(error))
