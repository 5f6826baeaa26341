"""`fmt`: formats the files of the state folder."""

from __future__ import annotations

from functools import partial

from reconciler.declared.load import read_declared
from reconciler.editing.format import format_text
from reconciler.model.structs import Struct
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options
from reconciler.runtime.schema_copies import update_handles
from reconciler.runtime.state_edits import Edits, FileEdit, kind_of


class Formatting(Struct, frozen=True):
    """The number of files, the edits of those not in the canonical layout, and the schema copies with new handles."""

    files: int
    edits: list[FileEdit]
    written: bool
    schemas: tuple[str, ...] = ()


def fmt(options: Options, environment: Environment, *, check: bool) -> Formatting:
    """Format the files and update the handles in the schema copies, or with `check` only compute the edits.

    Raises Invalid if the files are not valid: a file that is not understood is not rearranged.
    """
    read_declared(options.state, environment.today())
    edits = Edits(options.state)
    for name in edits.texts:
        edits.rewrite(name, partial(format_text, kind=kind_of(name)))
    if not check:
        edits.write()
    schemas = () if check else update_handles(options.state)
    return Formatting(len(edits.texts), edits.edits, written=not check, schemas=schemas)
