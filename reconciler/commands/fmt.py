"""`fmt`: formats the files of the state folder."""

from __future__ import annotations

from functools import partial

from reconciler.declared.load import read_declared
from reconciler.editing.format import format_text
from reconciler.model.structs import Struct
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options
from reconciler.runtime.state_edits import Edits, FileEdit, kind_of


class Formatting(Struct, frozen=True):
    """The number of files, and the edits of those that are not in the canonical layout."""

    files: int
    edits: list[FileEdit]
    written: bool


def fmt(options: Options, environment: Environment, *, check: bool) -> Formatting:
    """Format the files, or with `check` only compute the edits.

    Raises Invalid if the files are not valid: a file that is not understood is not rearranged.
    """
    read_declared(options.state, environment.today())
    edits = Edits(options.state)
    for name in edits.texts:
        edits.rewrite(name, partial(format_text, kind=kind_of(name)))
    if not check:
        edits.write()
    return Formatting(len(edits.texts), edits.edits, written=not check)
