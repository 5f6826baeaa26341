"""The group of commands: listed without importing any of them, each imported on use."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from keyword import iskeyword

import click
from click.shell_completion import CompletionItem

COMMANDS: Mapping[str, str] = {
    "adopt": "Copy changes made in OneFile back into the files.",
    "apply": "Apply a saved PLAN, or plan now, show it and ask.",
    "audit": "Judge everybody in OneFile, without any files.",
    "calendar": "List the coming changes, day by day.",
    "demo": "Run a demonstration on throw-away copies.",
    "digest": "Tell everybody concerned who gains or loses learners.",
    "doctor": "Check the configuration, token, store and server.",
    "done": "Mark manual steps as done.",
    "drift": "Report changes that were made directly in OneFile.",
    "export": "Write the declared assignments as a spreadsheet.",
    "fleet": "Run a command for many centres, and report on all.",
    "fmt": "Format the YAML files; comments are kept.",
    "history": "List the runs, or show everything that one RUN did.",
    "import": "Create the files of an existing OneFile centre.",
    "init": "Create a starter repository.",
    "plan": "Show what apply would change; write nothing.",
    "replace": "Replace one member of staff with another in the files.",
    "revert": "Make a plan that undoes RUN.",
    "sandbox": "Serve a sandbox of OneFile's API with invented people.",
    "share-out": "Share out a leaver's learners among several people.",
    "show": "Show a saved PLAN.",
    "site": "Make pages to read in a browser, without a server.",
    "store": "Begin a new branch of the store without old runs.",
    "sync": "Bring the cohort files up to a table.",
    "unlock": "Release a lock that a crashed run left.",
    "validate": "Check the declared files; nothing is sent.",
    "who": "Show a learner's holders, or one person's learners.",
}
"""Each command with the first paragraph of its help, at most 55 characters. Command `x` is `reconciler.cli.x`."""


def module_of(name: str) -> str:
    """Return the module that defines a command: words are joined, and a Python keyword gets an underscore."""
    module = name.replace("-", "_")
    return f"reconciler.cli.{module}_" if iskeyword(module) else f"reconciler.cli.{module}"


SECTIONS: Mapping[str, tuple[str, ...]] = {
    "Get started": ("demo", "init", "doctor", "audit", "import"),
    "Every day": ("validate", "plan", "show", "apply", "drift", "adopt", "replace", "share-out", "sync", "calendar"),
    "Records": ("who", "history", "export", "site", "digest", "revert", "done", "unlock", "store"),
    "Many centres": ("fleet",),
    "Tools": ("fmt", "sandbox"),
}
"""The list of commands, in the order in which people need them."""
OPTION_GROUPS: Mapping[str, frozenset[str]] = {
    "Scope": frozenset({"state", "cohorts", "learners", "since", "at"}),
    "Target and store": frozenset({"target", "store"}),
    "Output": frozenset({"form", "out", "quiet", "verbose", "no_color", "max_bytes", "save", "full_rows"}),
}
"""The common options by their parameters, as help and reference pages group them; a command's own come first."""


class Command(click.Command):
    """A command with grouped options, and an epilog of examples, one a line."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, records in grouped_options(self, ctx).items():
            with formatter.section(title):
                formatter.write_dl(list(records.values()))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  click's own
        if self.epilog:
            with formatter.section("Examples"):
                for line in self.epilog.splitlines():
                    formatter.write(f"{'':{formatter.current_indent}}{line}\n")


def grouped_options(command: click.Command, context: click.Context) -> dict[str, dict[str, tuple[str, str]]]:
    """Return the help records of a command's options by long name, in their groups; empty groups are left out."""
    groups: dict[str, dict[str, tuple[str, str]]] = {title: {} for title in ("Options", *OPTION_GROUPS)}
    for option in command.get_params(context):
        if isinstance(option, click.Option) and (record := option.get_help_record(context)):
            title = next((title for title, names in OPTION_GROUPS.items() if option.name in names), "Options")
            groups[title][max(option.opts, key=len)] = record
    return {title: group for title, group in groups.items() if group}


class Commands(click.Group):
    """The group of commands; each command is imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's own signature
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS:
            import_module(module_of(cmd_name))
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] == "help":
            args = [*args[1:2], "--help"]
            if len(args) == 1:
                click.echo(ctx.get_help())
                ctx.exit()
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0][:100], COMMANDS, n=1, cutoff=0.7)
            raise click.UsageError(
                f"there is no command {args[0]!r}{f'; did you mean {near[0]}?' if near else ''}", ctx
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  as above
        names = max(map(len, COMMANDS))
        for title, section in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(f"{name:<{names}}", COMMANDS[name]) for name in section])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        names = [name for name in COMMANDS if name.startswith(incomplete)]
        options = click.Command.shell_complete(self, ctx, incomplete)  # the group's own would import every command
        return [*(CompletionItem(name, help=COMMANDS[name]) for name in names), *options]
