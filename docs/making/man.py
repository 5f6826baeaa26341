"""Man pages, one for the program and one for each command, from what click knows of it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from reconciler.cli.command_table import COMMANDS, SECTIONS, grouped_options
from reconciler.cli.main import cli


def man_pages() -> Iterator[tuple[str, str]]:
    """Yield the name of each file and its page."""
    root = click.Context(cli, info_name="reconciler", **cli.context_settings)
    yield "reconciler.1", _program(root)
    for name in sorted(COMMANDS):
        command = cli.get_command(root, name)
        assert command  # noqa: S101  it is in the list
        yield f"reconciler-{name}.1", _command(name, command, click.Context(command, info_name=name, parent=root))


def _program(root: click.Context) -> str:
    lines = _head("reconciler", "manage staff assignments in OneFile as code")
    lines += [".SH SYNOPSIS", ".B reconciler", r"[\fIOPTIONS\fR] \fICOMMAND\fR [\fIARGS\fR]..."]
    lines += [".SH DESCRIPTION", *_prose(inspect.cleandoc(cli.help or "").split("\b")[0])]
    for title, names in SECTIONS.items():
        lines.append(f".SH {_text(title).upper()}")
        for name in names:
            lines += [".TP", rf"\fBreconciler\-{_text(name)}\fR(1)", _text(COMMANDS[name])]
    lines += [".SH OPTIONS", *_options(root.command, root)]
    return _page(lines)


def _command(name: str, command: click.Command, context: click.Context) -> str:
    purpose, *more = re.split(r"\n\s*\n", inspect.cleandoc(command.help or ""))
    usage = " ".join(context.get_usage().removeprefix("Usage: ").split())
    lines = _head(f"reconciler-{name}", purpose.rstrip("."))
    lines += [".SH SYNOPSIS", _text(usage), ".SH DESCRIPTION"]
    for paragraph in more:
        lines += [".PP", *_prose(paragraph)]
    lines += [".SH OPTIONS", *_options(command, context)]
    if command.epilog:
        lines += [".SH EXAMPLES", ".nf", *map(_text, command.epilog.splitlines()), ".fi"]
    return _page([*lines, ".SH SEE ALSO", r"\fBreconciler\fR(1)"])


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    for title, records in grouped_options(command, context).items():
        if title != "Options":
            yield f".SS {_text(title)}"
        for written, does in records.values():
            yield from (".TP", rf"\fB{_text(written)}\fR", _text(" ".join(does.split())))


def _head(name: str, purpose: str) -> list[str]:
    return [
        f'.TH "{_text(name).upper()}" "1" "" "onefile\\-reconciler"',
        ".SH NAME",
        rf"{_text(name)} \- {_text(purpose)}",
    ]


def _prose(text: str) -> Iterator[str]:
    yield _text(" ".join(text.split()))


def _text(text: str) -> str:
    """Return a text in which troff finds no request: hyphens that can be copied, and no leading dot or quote."""
    text = text.replace("\\", r"\e").replace("-", r"\-").replace("…", "...")
    return rf"\&{text}" if text.startswith((".", "'")) else text


def _page(lines: list[str]) -> str:
    return "\n".join(['.\\" Made by `python -m docs.reference`. Change its source, not this page.', *lines]) + "\n"
