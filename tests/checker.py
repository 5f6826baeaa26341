"""check-jsonschema, which holds files against schemas as forges and editors do, without a process for each file."""

from __future__ import annotations

from pathlib import Path

from check_jsonschema import main  # type: ignore[import-untyped]  # has no types
from click.testing import CliRunner


def checked_by_schema(*arguments: str | Path) -> tuple[int, str]:
    """Return the exit code of its command with these arguments, and all that it prints."""
    done = CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)
    return done.exit_code, done.output
