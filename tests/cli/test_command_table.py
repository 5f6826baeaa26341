"""The list of commands is written down once more, so that it can be shown without them: it says what they say."""

from __future__ import annotations

import shlex
import subprocess
import sys

import click
import pytest

from onefile_sandbox.switches import Switches
from reconciler.cli.command_table import COMMANDS, OPTION_GROUPS, SECTIONS, grouped_options, module_of
from reconciler.cli.main import cli


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_listed_with_its_own_words(name: str) -> None:
    """The first paragraph of its help, from the module that is named."""
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.help is not None
    assert " ".join(command.help.split("\n\n")[0].split()) == COMMANDS[name]


def test_no_command_is_forgotten() -> None:
    """Whatever the modules register is on the list."""
    for name in COMMANDS:
        cli.get_command(click.Context(cli), name)
    assert set(cli.commands) == set(COMMANDS)


def test_every_command_stands_in_one_section() -> None:
    """Of the list that people read."""
    listed = [name for section in SECTIONS.values() for name in section]
    assert sorted(listed) == sorted(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_ends_with_examples_that_are_accepted(name: str) -> None:
    """One or two, of this command or of the one that follows, with options that exist."""
    command = cli.get_command(click.Context(cli), name)
    assert command and command.epilog
    examples = command.epilog.splitlines()
    assert 1 <= len(examples) <= 2
    for line in examples:
        program, called, *arguments = shlex.split(line)
        found = cli.get_command(click.Context(cli), called)
        assert program == "reconciler" and found, line
        Switches.parse(found.make_context(called, arguments).params.get("switches", ()))
    assert examples[0].split()[1] == name
    shown = command.get_help(click.Context(command, info_name=name)).rpartition("Examples:\n")[2]
    assert [line.strip() for line in shown.splitlines()] == examples


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("history", ()),
        ("doctor", ()),
        ("unlock", ("--reason", "x")),
        ("done", ("3ef71a24", "--by", "x")),
    ],
)
def test_a_command_offers_only_options_that_mean_something_to_it(name: str, arguments: tuple[str, ...]) -> None:
    """What looks back or around has no day and no cohort; click refuses them."""
    command = cli.get_command(click.Context(cli), name)
    assert command
    command.make_context(name, [*arguments, "--state", "state", "--store", "x"])
    for option in ("--at=2027-01-01", "--cohort=c", "--changed-since=HEAD"):
        with pytest.raises(click.UsageError, match="No such option"):
            command.make_context(name, [*arguments, option])


def test_the_list_is_shown_without_importing_a_command() -> None:
    """Nor anything that only commands need."""
    program = "import sys; from reconciler.cli.main import run; run(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert not loaded & {module_of(name) for name in COMMANDS}
    assert not loaded & {"httpx", "msgspec", "sqlite3", "yaml", "jsonschema", "rich", "jinja2", "reconciler.model"}


def test_the_list_is_shown_uncut_in_80_columns() -> None:
    """One line for each command: its name, and a sentence of at most 55 characters."""
    assert {name: len(words) for name, words in COMMANDS.items() if len(words) > 55 or not words.endswith(".")} == {}
    context = click.Context(cli, info_name="reconciler", terminal_width=80, **cli.context_settings)
    lines = cli.get_help(context).splitlines()
    for name, words in COMMANDS.items():
        assert [line for line in lines if line.split()[:1] == [name] and line.endswith(words)], name


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_every_option_once_in_its_group(name: str) -> None:
    """A command's own options come first, then the common ones in the order of the reference pages."""
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    context = click.Context(command, info_name=name)
    groups = grouped_options(command, context)
    assert [*groups] == [title for title in ("Options", *OPTION_GROUPS) if title in groups]
    shown = [option for records in groups.values() for option in records]
    assert sorted(shown) == sorted(max(option.opts, key=len) for option in command.get_params(context)
                                   if isinstance(option, click.Option))  # fmt: skip
    titles = [line.removesuffix(":") for line in command.get_help(context).splitlines() if line.endswith(":")]
    assert [title for title in titles if title in groups] == [*groups]
