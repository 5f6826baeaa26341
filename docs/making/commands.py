"""One reference page per command, generated from its click definition."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping

import click

from docs.making.pages import fence, item, page, prose
from reconciler.cli.command_table import COMMANDS, SECTIONS, grouped_options
from reconciler.cli.main import cli

VARIABLES = {
    "--target": ("ONEFILE_CUSTOMER_TOKEN", "ONEFILE_BASE_URL"),
    "--store": ("RECONCILER_STORE",),
    "--no-color": ("NO_COLOR",),
}
_BOUNDS = re.compile(r"(?:(?P<low>-?\d+)<=)?x(?:>=(?P<least>-?\d+)|<=(?P<high>-?\d+))")
_CODES = re.compile(r"(?:Exit )?\b(\d(?:(?:, | and )\d)*): ")


def commands() -> Iterator[tuple[str, str]]:
    """Yield each page's file name and text."""
    yield "index.md", _index()
    for name in sorted(COMMANDS):
        yield f"{name}.md", _page(name)


def _index() -> str:
    sections = [f"## {title}\n\n" + "\n".join(_line(name) for name in section) for title, section in SECTIONS.items()]
    own = (parameter.get_help_record(_root()) for parameter in cli.get_params(_root()))
    options = "\n".join(item(written, _facts_in_words(does)) for written, does in filter(None, own))
    return page(
        "Commands",
        prose("Each page describes a command's options and exit codes. `reconciler COMMAND --help` prints the same."),
        *sections,
        f"## Options without a command\n\n{options}",
    )


def _line(name: str) -> str:
    return f"- [`{name}`]({name}.md): {' '.join(COMMANDS[name].split())}"


def _root() -> click.Context:
    return click.Context(cli, info_name="reconciler", **cli.context_settings)


def _page(name: str) -> str:
    context = _root()
    command = cli.get_command(context, name)
    assert command  # noqa: S101  it is in the list
    own = click.Context(command, info_name=name, parent=context)
    purpose, *more = re.split(r"\n\s*\n", inspect.cleandoc(command.help or ""))
    paragraphs, codes = _exit_codes(more)
    groups = grouped_options(command, own)
    written = {option for records in groups.values() for option in records}
    variables = [variable for option, names in VARIABLES.items() if option in written for variable in names]
    return page(
        f"reconciler {name}",
        prose(purpose),
        fence(" ".join(own.get_usage().removeprefix("Usage: ").split())),
        *paragraphs,
        *_options(groups),
        _environment(variables),
        _endings(codes),
        _examples(command),
    )


def _options(groups: Mapping[str, Mapping[str, tuple[str, str]]]) -> Iterator[str]:
    """Yield the options as `--help` groups them; `--help` itself is left out."""
    for title, records in groups.items():
        if rows := [record for name, record in records.items() if name != "--help"]:
            yield f"## {title}"
            yield "\n".join(item(written, _facts_in_words(does)) for written, does in rows)


def _facts_in_words(does: str) -> str:
    """Turn the facts that click puts into brackets into sentences."""
    text, *brackets = re.split(r"\s*\[(?=default: |required\]|x[<>]|-?\d+<)", does)
    return " ".join([text, *(fact for bracket in brackets for fact in _sentences(bracket.removesuffix("]")))])


def _sentences(bracket: str) -> Iterator[str]:
    *facts, last = bracket.rsplit("; ", 1)
    bounds = _BOUNDS.fullmatch(last)
    for fact in facts if bounds else [bracket]:
        yield "Required." if fact == "required" else f"Default: {fact.removeprefix('default: ')}."
    if bounds:
        low, high = bounds["low"] or bounds["least"], bounds["high"]
        yield f"From {low} to {high}." if high else f"{low} or more."


def _environment(names: list[str]) -> str:
    if not names:
        return ""
    listed = ", ".join(f"`{name}`" for name in names)
    return f"## Environment\n\n{listed}: see [environment](../environment.md)."


def _exit_codes(paragraphs: list[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """Split the paragraphs into text and exit codes, each code with its meaning for this command."""
    kept, codes = [], []
    for paragraph in paragraphs:
        if paragraph.startswith("\b"):
            kept.append(fence(paragraph.removeprefix("\b")))
            continue
        words = " ".join(paragraph.split())
        before, exits, after = words.partition("Exit ")
        if exits and _CODES.match(exits + after):
            _, *parts = _CODES.split(exits + after)
            codes += [(code, meaning.strip()) for code, meaning in zip(parts[::2], parts[1::2], strict=True)]
            words = before.strip()
        if words:
            kept.append(prose(words))
    return kept, codes


def _endings(codes: list[tuple[str, str]]) -> str:
    rows = [item(code, meaning) for code, meaning in codes]
    rest = prose("See also [all exit codes](../exit-codes.md).").replace("\\[", "[")
    return "\n\n".join(["## Exit codes", "\n".join(rows), rest] if rows else ["## Exit codes", rest])


def _examples(command: click.Command) -> str:
    lines = [line.strip() for line in inspect.cleandoc(command.epilog or "").splitlines()]
    shown = [line for line in lines if line.startswith("reconciler ")]
    return "## Examples\n\n" + fence("\n".join(shown), "sh") if shown else ""
