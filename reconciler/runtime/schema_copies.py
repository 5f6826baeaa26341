"""Copies of the schemas beside a state folder, for editors: their version, and the centre's handles in them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reconciler.declared.yaml_loader import Fields, load
from reconciler.problems import Invalid, Problem, ReconcilerError, Source
from reconciler.resources import resource
from reconciler.runtime.files import text_at, write_whole

BYTE_ORDER_MARK = "\ufeff"  # some editors begin a file with it
SCHEMAS = tuple(f"schemas/{kind}.schema.json" for kind in ("cohort", "settings", "staff"))

_FIX = "Allow writing to this file."


def has_schemas(folder: Path) -> bool:
    """Return whether the folder has a copy of any schema."""
    return any((folder / name).exists() for name in SCHEMAS)


def other_schemas(folder: Path) -> tuple[str, ...]:
    """Return the copies that are of another version than this program."""
    texts = ((name, text_at(folder / name)) for name in SCHEMAS)
    return tuple(name for name, text in texts if text is not None and not is_current(name, text))


def is_current(name: str, text: str) -> bool:
    """Return whether a copy is of this version, with any handles."""
    try:
        copy = json.loads(text.removeprefix(BYTE_ORDER_MARK))
        return bool(copy == json.loads(schema_text(name, _handles_in(name, copy))))
    except (ValueError, KeyError, TypeError):
        return False


def stale_handles(state: Path) -> tuple[str, ...]:
    """Return the copies of this version whose handles are not those of staff.yaml."""
    folder, handles = state.absolute().parent, handles_of(state / "staff.yaml")
    texts = ((name, text_at(folder / name)) for name in SCHEMAS)
    return tuple(
        name for name, text in texts if text and is_current(name, text) and not _same(text, schema_text(name, handles))
    )


def update_handles(state: Path) -> tuple[str, ...]:
    """Write the handles of staff.yaml into the copies of this version beside the state folder; return their names.

    A copy that cannot be written stays as it is: `doctor` reports it.
    """
    handles, updated = handles_of(state / "staff.yaml"), []
    for name in stale_handles(state):
        try:
            write_whole(schema_text(name, handles), state.absolute().parent / name, fix=_FIX)
            updated.append(name)
        except ReconcilerError:
            continue
    return tuple(updated)


def renew_schemas(folder: Path) -> Sequence[str]:
    """Write this version's schemas, with the handles of state/staff.yaml, and return the names of those that changed.

    Raises Invalid if `folder` is not a folder, or if another file is in their place.
    """
    if not folder.is_dir():
        fix = "Use the folder that contains state/ and schemas/."
        raise Invalid(Problem("is not a folder", fix, Source(folder.as_posix())))
    handles = handles_of(folder / "state" / "staff.yaml")
    stale = [name for name in SCHEMAS if not _same(text_at(folder / name), schema_text(name, handles))]
    if problems := [_foreign(folder / name) for name in stale if not _may_be_renewed(folder / name)]:
        raise Invalid(problems)
    for name in stale:
        write_whole(schema_text(name, handles), folder / name, fix=_FIX)
    return stale


def handles_of(staff: Path) -> tuple[str, ...]:
    """Return the handles of a staff file, sorted; none if it does not exist or cannot be read."""
    document = load(staff, staff.as_posix())
    members = document.value.get("staff") if isinstance(document.value, Fields) else None
    return tuple(sorted(members)) if isinstance(members, Fields) and not document.problems else ()


def schema_text(name: str, handles: Sequence[str]) -> str:
    """Return a schema of this version, in which an editor finds these handles; without handles, the plain schema."""
    text = resource(name).read_text("utf-8")
    if not handles or name == "schemas/settings.schema.json":
        return text
    schema = json.loads(text)
    definitions = schema["$defs"]
    if name == "schemas/staff.schema.json":
        definitions["cover"]["properties"]["by"]["enum"] = [*handles]
    else:
        definitions["handle"]["enum"] = [*handles]
        definitions["holder"]["anyOf"] = [{"enum": [*handles]}, {"type": ["null", "array"]}]
        definitions["dated"]["properties"]["staff"]["enum"] = [*handles, None]
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _handles_in(name: str, copy: Any) -> list[str]:
    """Return the handles that a copy has."""
    definitions = copy["$defs"]
    if name == "schemas/staff.schema.json":
        return list(definitions["cover"]["properties"]["by"].get("enum", ()))
    return list(definitions.get("handle", {}).get("enum", ()))


def _same(text: str | None, expected: str) -> bool:
    """Return whether two schemas are the same, whatever their layout."""
    try:
        return text is not None and bool(json.loads(text.removeprefix(BYTE_ORDER_MARK)) == json.loads(expected))
    except ValueError:
        return False


def _may_be_renewed(path: Path) -> bool:
    """Return whether there is no file, or a schema of this program."""
    text = text_at(path)
    if text is None:
        return True
    try:
        return str(json.loads(text.removeprefix(BYTE_ORDER_MARK))["$id"]).startswith("urn:onefile-reconciler:schema:")
    except (ValueError, KeyError, TypeError):
        return False


def _foreign(path: Path) -> Problem:
    return Problem("is not a schema of this program", "Move it away, then run this again.", Source(path.as_posix()))
