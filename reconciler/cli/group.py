"""Every command by name: shown in the list without importing any of them, and imported when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from keyword import iskeyword

import click
from click.shell_completion import CompletionItem

COMMANDS: Mapping[str, str] = {
    "adopt": (
        "Accept what OneFile holds back into the files, with the smallest edit, so that drift can become a "
        "pull request."
    ),
    "apply": ("Apply a saved PLAN exactly as reviewed, or make a plan now, show it and ask."),
    "calendar": (
        "List the coming changes, day by day: cover that begins and ends, dated entries, waivers that end, "
        "slots that will be left to nobody. Nothing is sent."
    ),
    "demo": ("Walk plan, apply and plan again on a copy of the state folder and a sandbox of its own."),
    "doctor": ("Check files, token, store, clock, server and what it shows; a fix for each failure."),
    "done": ("Close a manual STEP that a person has done in OneFile, or say what they found there."),
    "drift": ("Say what OneFile moved although the files did not, since which run and since when it is known."),
    "fmt": ("Lay the declared files out as all are: keys in order, two spaces, one way of writing; comments stay."),
    "history": ("List the runs, or everything that one RUN did: before, after, outcome, who, commit, when, proof."),
    "import": (
        "Write the declared state of a centre that exists: staff.yaml and cohort files, from what OneFile holds."
    ),
    "init": (
        "Make a repository to begin with: settings, an example or nobody yet, workflows, editor settings, a README."
    ),
    "plan": ("Compare the declared state with OneFile and show what apply would do; writes nothing."),
    "replace": (
        "Put one member of staff in another's place in the files, print the plan of it, and what people hand over."
    ),
    "revert": ("Plan to put back who stood in each slot before RUN wrote it; writes nothing."),
    "sandbox": ("Serve the sandbox: OneFile's API v2.1 as far as it is known, with invented people, for any client."),
    "show": ("Show a saved PLAN; refuses one that was altered."),
    "unlock": ("Take the lock from a run that cannot give it back. Make sure first that it no longer runs."),
    "validate": ("Check the declared state; every problem at once, nothing sent."),
}
"""Each command with the first paragraph of its help. The command `x` stands in the module `reconciler.cli.x`."""


def module_of(name: str) -> str:
    """The module that defines a command; `import` is a keyword of Python and gets an underscore."""
    return f"reconciler.cli.{name}_" if iskeyword(name) else f"reconciler.cli.{name}"


SECTIONS: Mapping[str, tuple[str, ...]] = {
    "To begin": ("demo", "init", "doctor", "import"),
    "Every day": ("validate", "plan", "show", "apply", "drift", "adopt", "replace", "calendar"),
    "Records": ("history", "revert", "done", "unlock"),
    "Tools": ("fmt", "sandbox"),
}
"""The list of commands, in the order in which people come to need them."""


class Command(click.Command):
    """A command whose epilog is examples, one a line."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  click's own
        if self.epilog:
            with formatter.section("Examples"):
                for line in self.epilog.splitlines():
                    formatter.write(f"{'':{formatter.current_indent}}{line}\n")


class Commands(click.Group):
    """The group: what takes time to import, a command and all that it needs, waits until it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's own signature
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS:
            import_module(module_of(cmd_name))
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0][:100], COMMANDS, n=1)
            raise click.UsageError(
                f"there is no command {args[0]!r}{f'; did you mean {near[0]}?' if near else ''}", ctx
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  as above
        names = max(map(len, COMMANDS))
        for title, section in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(
                    [(f"{name:<{names}}", self._short(name, formatter.width - 6 - names)) for name in section]
                )

    def _short(self, name: str, room: int) -> str:
        return click.Command(name, help=COMMANDS[name]).get_short_help_str(room)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        names = [name for name in COMMANDS if name.startswith(incomplete)]
        options = click.Command.shell_complete(self, ctx, incomplete)  # the group's own would import every command
        return [*(CompletionItem(name, help=self._short(name, 80)) for name in names), *options]
