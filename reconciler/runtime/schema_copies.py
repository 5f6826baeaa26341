"""The copies of the schemas beside a state folder, by which editors check: of which version, and how to renew them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from reconciler.problems import Invalid, Problem, Source
from reconciler.resources import resource
from reconciler.runtime.files import text_at, write_whole

SCHEMAS = tuple(f"schemas/{kind}.schema.json" for kind in ("cohort", "settings", "staff"))


def has_schemas(folder: Path) -> bool:
    return any((folder / name).exists() for name in SCHEMAS)


def other_schemas(folder: Path) -> tuple[str, ...]:
    """Copies in that folder which are of another version than this program."""
    found = ((name, text_at(folder / name)) for name in SCHEMAS)
    return tuple(name for name, text in found if text not in (None, _ours(name)))


def renew_schemas(folder: Path) -> Sequence[str]:
    """Put this version's schemas into the folder, over those of another version and over nothing else; which they were.

    Raises Invalid where the folder is none, or a file in their place is none of ours.
    """
    if not folder.is_dir():
        fix = "Name the one that state/ and schemas/ are in."
        raise Invalid(Problem("is not a folder", fix, Source(folder.as_posix())))
    stale = [name for name in SCHEMAS if text_at(folder / name) != _ours(name)]
    if problems := [_foreign(folder / name) for name in stale if not _may_be_renewed(folder / name)]:
        raise Invalid(problems)
    for name in stale:
        write_whole(_ours(name), folder / name, fix="Allow writing there.")
    return stale


def _ours(name: str) -> str:
    return resource(name).read_text("utf-8")


def _may_be_renewed(path: Path) -> bool:
    """Nothing is there, or a schema with our name."""
    text = text_at(path)
    if text is None:
        return True
    try:
        return str(json.loads(text)["$id"]).startswith("urn:onefile-reconciler:schema:")
    except (ValueError, KeyError, TypeError):
        return False


def _foreign(path: Path) -> Problem:
    return Problem("is no schema of this program", "Move it away and run this again.", Source(path.as_posix()))
