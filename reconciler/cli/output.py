"""Output of a command: the report, problems, and the file of --out."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn

import click

from reconciler import __version__, runtime
from reconciler.cli.render import RENDERERS, render
from reconciler.problems import ExitCode, Invalid, Problem, ReconcilerError
from reconciler.report.common.escape import harmless
from reconciler.report.common.pieces import Pieces

if TYPE_CHECKING:
    from reconciler.report.common.annotations import Workspace
    from reconciler.report.common.line_links import LineLinks

PIPED_WIDTH = 100
"""Columns of a report that does not go to a terminal."""


MARKS = "✓✗?–"
"""The marks of the doctor's report, beside ASCII."""
_FOR_MACHINES = ("json", "annotations")
"""Formats that are printed with --quiet as well."""


def _columns() -> int:
    """Return the terminal's width."""
    import shutil  # loads the compression modules

    return shutil.get_terminal_size((PIPED_WIDTH, 24)).columns


class Output:
    """The report of a command on standard output and in --out; notes and problems on standard error.

    What cannot be written is kept in `lost` and raises no exception: by then the command may have written to OneFile,
    and its exit code and the other copy of its report must still be delivered.
    """

    def __init__(
        self,
        form: str = "text",
        out: Path | None = None,
        *,
        save: Path | None = None,
        makes_plans: bool = False,
        full_rows: bool = False,
        quiet: bool = False,
        verbose: bool = False,
        no_color: bool = False,
        max_bytes: int | None = None,
    ) -> None:
        self.form = form
        self.json = form == "json"
        self._max_bytes = max_bytes
        self.out = out
        self.plan_file = save or (out if makes_plans and out and out.suffix == ".json" else None)
        self.saves_full_rows = full_rows
        self.quiet = quiet
        self.verbose = verbose
        self.to_file = bool(out and out != self.plan_file)
        for_people = form == "text" and is_terminal(sys.stdout)
        self.colour = for_people and not no_color and not os.environ.get("NO_COLOR")
        self.width = _columns() if for_people else PIPED_WIDTH
        self.on_screen = for_people and not self.to_file
        self.lost: list[Problem] = []
        # the terminal's encoding may lack characters of file names or labels; files are UTF-8 on every machine. What
        # UTF-8 cannot hold (half of a surrogate pair) is written as JSON's own escape
        for stream, encoding in ((sys.stdout, None if form == "text" else "utf-8"), (sys.stderr, None)):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(encoding=encoding, errors="backslashreplace")

    @property
    def is_silent(self) -> bool:
        """True if standard output gets no report: it is quiet, or the report goes to a file."""
        return self.quiet or (self.to_file and not self.lost)

    @property
    def is_bare(self) -> bool:
        """True if people get no report on standard output, so that problems must go to standard error."""
        return self.form in _FOR_MACHINES or self.is_silent

    @property
    def limit(self) -> int:
        """The maximum size of a Markdown report in bytes."""
        from reconciler.report.common.truncate import COMMENT_LIMIT

        return self._max_bytes or COMMENT_LIMIT

    @property
    def workspace(self) -> Workspace:
        """The working folder, and the repository that a forge shows."""
        from reconciler.report.common.annotations import Workspace

        here = Path.cwd().resolve()
        return Workspace(str(here), str(runtime.git.repository(here) or os.environ.get("GITHUB_WORKSPACE") or here))

    @property
    def links(self) -> LineLinks:
        """Links to the lines of files, in a pipeline whose forge shows them."""
        from reconciler.report.common.line_links import LineLinks, files_address

        return LineLinks(files_address(os.environ), self.workspace)

    @property
    def plain(self) -> bool:
        """True if standard output's encoding lacks the marks of the doctor's report."""
        try:
            return not MARKS.encode(sys.stdout.encoding or "ascii")
        except UnicodeEncodeError:
            return True

    def deliver(self, command: str, result: Any, **facts: Any) -> None:
        """Render a result, and write it to --out if that is given, else print it."""
        text = render(command, result, self, **facts)
        self.save(text)
        self.report(text, pages=True)

    def report(self, text: str | Pieces, *, pages: bool = False) -> None:
        """Print the report, unless it was written to --out; with --quiet only for programs.

        Long text for people goes through a pager if `pages`, because nothing follows it.
        """
        written = self.to_file and not self.lost
        if not text or written or (self.quiet and self.form not in _FOR_MACHINES):
            return
        text = _harmless(text, self.form)
        if pages and self.on_screen:
            from reconciler.cli.pager import page

            if page(str(text)):
                return
        self._print(text)

    def check_out(self) -> None:
        """Raise if a file cannot be written or an option would do nothing, before anything is done.

        Such a failure is not written to the file.
        """
        out, to_file, self.out, self.to_file = self.out, self.to_file, None, False
        if self.form == "html" and not to_file and is_terminal(sys.stdout):
            self.form = "text"
            fix = "Use --out FILE.html, or redirect standard output."
            raise Invalid(Problem("HTML is not shown on a terminal", fix, where="--format html"))
        if self.saves_full_rows and not self.plan_file:
            fix = "Give --save FILE or --out FILE.json too, or leave out --full-rows."
            raise Invalid(Problem("no plan is saved", fix, where="--full-rows"))
        for file in filter(None, (out, self.plan_file)):
            runtime.files.check_place(file)
        self.out, self.to_file = out, to_file

    def save(self, text: str | Pieces) -> None:
        """Write the report to --out if that is given, and note it."""
        if self.out and self.to_file:
            self.write(click.unstyle(str(text)) if self.colour else text, self.out, form=self.form)
            if not self.lost:
                self.note(f"Written to {self.out}.")

    def write(self, text: str | Pieces, file: Path, *, form: str = "json") -> None:
        """Write a file of the command; an error is kept in `lost`."""
        try:
            # metrics hold counts and ages, and another account collects them
            mode = 0o644 if self.form == "prometheus" else 0o600
            runtime.files.write_whole(_harmless(text, form), file, mode=mode)
        except ReconcilerError as error:
            self.lost += error.problems

    def note(self, text: str) -> None:
        """Print a line on standard error, unless --quiet."""
        if not self.quiet:
            click.echo(harmless(text), err=True)

    def log(self, line: str) -> None:
        """Print a line of a log on standard error, also with --quiet."""
        click.echo(harmless(line), err=True)

    def status(self, text: str) -> None:
        """Print a line for somebody who waits at the terminal."""
        if not self.quiet and is_terminal(sys.stderr):
            click.echo(harmless(text), err=True)

    def failed(self, error: ReconcilerError) -> ExitCode:
        """Report an error in place of the command's report, in --out too.

        Metrics in --out are kept: their age shows when the last run could read OneFile.
        """
        if self.form != "prometheus":
            self.save(self._of_problems(error, self.form))
        if self.plan_file:
            self.write(self._of_problems(error, "json"), self.plan_file)
        if self.form not in ("text", "prometheus"):
            self.report(self._of_problems(error, self.form))
        say_problems(error.problems)
        return error.exit_code

    def _of_problems(self, error: ReconcilerError, form: str) -> str | Pieces:
        form = form if form in RENDERERS["problems"] else "text"
        return render("problems", error.problems, self, form=form, exit_code=error.exit_code)

    def ended(self, code: ExitCode) -> ExitCode:
        """Return the exit code: an error if nothing else failed but the report could not be written."""
        say_problems(self.lost)
        return ExitCode.ERROR if self.lost and code is ExitCode.DONE else code

    def _print(self, text: str | Pieces) -> None:
        pieces = [text if text.endswith("\n") else f"{text}\n"] if isinstance(text, str) else text
        try:
            for piece in pieces:
                click.echo(piece, nl=False)
            if sys.stdout:
                sys.stdout.flush()
        except BrokenPipeError:  # the reader has closed the pipe, as head does
            _discard(sys.stdout)
        except OSError as error:
            _discard(sys.stdout)
            self.lost.append(_unwritten(error))


def _harmless(text: str | Pieces, form: str) -> str | Pieces:
    """Return a report without commands and hidden characters. Pieces end between values, where neither can be."""
    return harmless(text, form) if isinstance(text, str) else Pieces(lambda: (harmless(part, form) for part in text))


def is_terminal(stream: IO[str] | None) -> bool:
    """Return whether a standard stream, None if it is closed, is a terminal."""
    return stream is not None and stream.isatty()


def _discard(stream: IO[str]) -> None:
    """Discard what is still buffered and all that follows, or Python would report an error at its exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


class _Lossy(io.FileIO):
    """A descriptor for messages: what cannot be written, because it is full or closed, is lost without an error."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data) or 0
        except OSError:
            return memoryview(data).nbytes


def secure_streams() -> None:
    """Keep a closed or full standard stream from becoming an error, or another file's descriptor.

    A report that cannot be written is an error; a message on standard error is lost.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one
    if sys.stderr is not None:
        messages = io.BufferedWriter(_Lossy(sys.stderr.fileno(), "w", closefd=False))
        sys.stderr = io.TextIOWrapper(
            messages, sys.stderr.encoding, errors="backslashreplace", line_buffering=True, write_through=True
        )


def leave(code: int) -> NoReturn:
    """Exit with *code*, or with an error if standard output does not take what is still buffered."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        _discard(sys.stdout)
        if not isinstance(error, BrokenPipeError):
            say_problems([_unwritten(error)])
            code = code or ExitCode.ERROR
    sys.exit(code)


def _unwritten(error: OSError) -> Problem:
    what = f"the report cannot be written: {error.strerror or error}"
    return Problem(what, "Free some space, or use --out FILE as well.", where="standard output")


_FROM_A_STREAM = {errno.ENOSPC, errno.EIO, errno.EBADF, errno.EFBIG}


def say_problems(problems: Sequence[Problem]) -> None:
    """Print problems on standard error."""
    from reconciler.report.problems.text import render_text

    click.echo(harmless(render_text(problems)), err=True, nl=False)


def unexpected(error: Exception) -> ReconcilerError:
    """Return a bug as an error: its type and its place in our code. Its message may hold personal data."""
    places, trace = ["?"], error.__traceback__
    while trace:
        if (name := str(trace.tb_frame.f_globals.get("__name__", ""))).startswith("reconciler."):
            places.append(f"{name}:{trace.tb_lineno}")
        trace = trace.tb_next
    what = f"unexpected error: {type(error).__name__} at {places[-1]}"
    fix = f"Report this line with version {__version__}. Running again is safe: it reads OneFile first."
    return ReconcilerError(Problem(what, fix))


def exit_code_of(
    work: Callable[[], Any], misused: Callable[[click.UsageError], int], failed: Callable[[ReconcilerError], int]
) -> int:
    """Run a group of commands and return its exit code; no error becomes a traceback."""
    try:
        return int(work() or ExitCode.DONE)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(harmless(error.format_message()), err=True)
        return ExitCode.INVALID
    except click.UsageError as error:
        return misused(error)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return ExitCode.ERROR
    except ReconcilerError as error:
        return failed(error)
    except OSError as error:
        if error.errno not in _FROM_A_STREAM or error.filename is not None:
            return failed(unexpected(error))
        _discard(sys.stdout)  # the help or another text of click's own
        return failed(ReconcilerError(_unwritten(error)))
    except Exception as error:
        return failed(unexpected(error))
