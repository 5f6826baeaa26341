"""fmt: every file of the state folder in the canonical layout."""

from __future__ import annotations

from functools import partial

from reconciler.declared.load import read_declared
from reconciler.editing.format import format_text
from reconciler.runtime.context import Context
from reconciler.runtime.state_edits import Edits, FileEdit, kind_of


def fmt(context: Context, *, check: bool) -> tuple[int, list[FileEdit]]:
    """How many files there are, and those that are not in the canonical layout, which are written unless only
    *check*ed. Raises Invalid where the files are not valid: what cannot be understood is not moved about."""
    read_declared(context.state, context.today())
    edits = Edits(context.state)
    for name in edits.texts:
        edits.rewrite(name, partial(format_text, kind=kind_of(name)))
    if not check:
        edits.write()
    return len(edits.texts), edits.edits
