"""Copies of the schemas beside a state folder, for editors: their version, and how to update them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from reconciler.problems import Invalid, Problem, Source
from reconciler.resources import resource
from reconciler.runtime.files import text_at, write_whole

SCHEMAS = tuple(f"schemas/{kind}.schema.json" for kind in ("cohort", "settings", "staff"))


def has_schemas(folder: Path) -> bool:
    """Return whether the folder has a copy of any schema."""
    return any((folder / name).exists() for name in SCHEMAS)


def other_schemas(folder: Path) -> tuple[str, ...]:
    """Return the copies that are of another version than this program."""
    texts = ((name, text_at(folder / name)) for name in SCHEMAS)
    return tuple(name for name, text in texts if text not in (None, _ours(name)))


def renew_schemas(folder: Path) -> Sequence[str]:
    """Write this version's schemas over those of another version, and return their names.

    Raises Invalid if `folder` is not a folder, or if another file is in their place.
    """
    if not folder.is_dir():
        fix = "Use the folder that contains state/ and schemas/."
        raise Invalid(Problem("is not a folder", fix, Source(folder.as_posix())))
    stale = [name for name in SCHEMAS if text_at(folder / name) != _ours(name)]
    if problems := [_foreign(folder / name) for name in stale if not _may_be_renewed(folder / name)]:
        raise Invalid(problems)
    for name in stale:
        write_whole(_ours(name), folder / name, fix="Allow writing to this file.")
    return stale


def _ours(name: str) -> str:
    return resource(name).read_text("utf-8")


def _may_be_renewed(path: Path) -> bool:
    """Return whether there is no file, or a schema of this program."""
    text = text_at(path)
    if text is None:
        return True
    try:
        return str(json.loads(text)["$id"]).startswith("urn:onefile-reconciler:schema:")
    except (ValueError, KeyError, TypeError):
        return False


def _foreign(path: Path) -> Problem:
    return Problem("is not a schema of this program", "Move it away, then run this again.", Source(path.as_posix()))
