"""check-jsonschema, which holds files against schemas as forges and editors do, without a process for each file.

It is imported when it is used: that takes half a second, and few of the processes that run tests need it.
"""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner


def checked_by_schema(*arguments: str | Path) -> tuple[int, str]:
    """Return the exit code of its command with these arguments, and all that it prints."""
    from check_jsonschema import main  # type: ignore[import-untyped]  # has no types

    done = CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)
    return done.exit_code, done.output
