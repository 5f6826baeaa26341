"""Where a command's report and problems go: standard output, standard error, and the file of --out."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import click

from reconciler import __version__
from reconciler.problems import ExitCode, Problem, ReconcilerError


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
        self.form = form
        self.json = form == "json"
        self.csv = form == "csv"
        self.out = out
        self.out_is_json = out_is_json or self.json
        self.quiet = quiet
        self.verbose = verbose
        self.colour = is_terminal(sys.stdout) and not no_color and not os.environ.get("NO_COLOR")
        # neither a pipe nor a file gets the report; what --out saves in its place is JSON, which has no names
        self.on_screen = form == "text" and is_terminal(sys.stdout) and (out is None or out_is_json)
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
                write_whole(click.unstyle(text) if self.colour else text, self.out)
            except ReconcilerError as error:
                self.lost += error.problems

    def note(self, text: str) -> None:
        if not self.quiet:
            click.echo(text, err=True)

    def failed(self, error: ReconcilerError) -> ExitCode:
        """A command that ended without a report of its own gets this one, in --out too. But metrics of the last run
        that could read stay where they are, for their age to be seen."""
        if self.form == "prometheus":
            say_problems(error.problems)
            return error.exit_code
        if self.json or (self.out and self.out_is_json):
            from reconciler.report.jsonreport import render_problems

            document = render_problems(error.problems, error.exit_code)
            if self.json:
                self._print(document)
            self.save(document if self.out_is_json else "")
        elif self.out:
            from reconciler.report import text

            self.save(text.render_problems(error.problems))
        say_problems(error.problems)
        return error.exit_code

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


def is_terminal(stream: IO[str] | None) -> bool:
    return stream is not None and stream.isatty()  # None: closed from outside


def _discard(stream: IO[str]) -> None:
    """Let what is still buffered, and whatever follows, go nowhere: Python would complain of it at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def say_problems(problems: Sequence[Problem]) -> None:
    from reconciler.report.text import render_problems

    click.echo(render_problems(problems), err=True, nl=False)


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
