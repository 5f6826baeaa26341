"""Edits of the declared files: checked on a copy first, then written all or none."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from reconciler.declared.folder import list_state_folder
from reconciler.declared.load import read_declared
from reconciler.editing.assignments import Fields
from reconciler.editing.layout import Kind
from reconciler.editing.patch import patch
from reconciler.editing.verify import require
from reconciler.editing.yaml_tree import data_of, parse
from reconciler.model.declared import Declared
from reconciler.model.structs import Struct
from reconciler.problems import Invalid, Problem, ReconcilerError, Source
from reconciler.runtime.edit_journal import recover_edit, write_journalled
from reconciler.runtime.schema_copies import update_handles
from reconciler.runtime.state_files import tried

_BOM = "\ufeff"
_FIX = "Check the folder's permissions and free space. The files are as they were."


class FileEdit(Struct, frozen=True):
    """One file of the state folder, before and after; `path` is as the user gave it."""

    path: str
    before: str
    after: str


def kind_of(name: str) -> Kind:
    match name:
        case "settings.yaml":
            return "settings"
        case "staff.yaml":
            return "staff"
        case _:
            return "cohort"


@dataclass
class Edits:
    """The files of a valid state folder, and their edits."""

    state: Path
    texts: dict[str, str] = field(init=False)  # by name relative to the folder
    changed: dict[str, str] = field(default_factory=dict)
    copy: str = ""  # the folder in which the edits were tried last

    def __post_init__(self) -> None:
        recover_edit(self.state)
        folder = list_state_folder(self.state)
        paths = [folder.settings, folder.staff, *folder.cohorts]
        self.texts = {path.relative_to(self.state).as_posix(): _text(path) for path in paths}

    def cohorts(self) -> Iterator[tuple[str, str]]:
        """Yield each cohort file's name in the folder, and the cohort's name."""
        for name in self.texts:
            if name.startswith("cohorts/"):
                yield name, Path(name).stem

    def text(self, name: str) -> str:
        """Return a file's text without its byte order mark, to be changed and given to `replace`."""
        return self.texts[name].removeprefix(_BOM)

    def values(self, name: str) -> Fields:
        """Return a file's values, to be changed and given to `put`."""
        return values_of(self.text(name))

    def put(self, name: str, values: Fields) -> None:
        """Give a file these values with the smallest edit."""
        self.rewrite(name, lambda text: patch(text, kind_of(name), values))

    def replace(self, name: str, text: str) -> None:
        """Give a file this text."""
        self.rewrite(name, lambda _: text)

    def rewrite(self, name: str, change: Callable[[str], str]) -> None:
        """Change a file's text. A file that stays the same is not among the edits."""
        text = self.texts[name]
        mark = _BOM if text.startswith(_BOM) else ""
        try:
            after = mark + change(text.removeprefix(_BOM))
        except ReconcilerError as error:
            place = Source((self.state / name).as_posix())
            raise ReconcilerError([Problem(problem.what, problem.fix, place) for problem in error.problems]) from error
        if after != text:
            self.changed[name] = after

    @property
    def edits(self) -> list[FileEdit]:
        """The edits so far."""
        return [
            FileEdit((self.state / name).as_posix(), self.texts[name], after) for name, after in self.changed.items()
        ]

    @contextmanager
    def tried(self) -> Iterator[Path]:
        """Yield a temporary copy of the folder with the edits in it."""
        with tried(self.state, self.changed) as place:
            yield place

    def declared(self, day: date) -> Declared:
        """Return what the edited files declare for `day`; its sources are in a copy: see `in_place`.

        Raises Invalid with places in the files, not in the copy.
        """
        with self.tried() as place:
            self.copy = place.as_posix()
            try:
                return read_declared(place, day)
            except Invalid as error:
                note = " Nothing was written: the problem is in the edited files."
                raise Invalid([self.in_place(problem, note) for problem in error.problems]) from error

    def in_place(self, problem: Problem, note: str = "") -> Problem:
        """Return a problem of the copy with its places in the files."""

        def original(text: str) -> str:
            return re.sub(re.escape(self.copy), lambda _: self.state.as_posix(), text) if self.copy else text

        source = problem.source and Source(original(problem.source.file), problem.source.line)
        fix = f"{original(problem.fix)}{note}"
        return Problem(original(problem.what), fix, source, problem.where, problem.severity)

    def write(self) -> None:
        """Write every edit. Raises ReconcilerError if one changed meanwhile or cannot be written; then none is kept."""
        moved = [name for name in self.changed if _text(self.state / name) != self.texts[name]]
        if moved:
            fix = "Save or close it in your editor, then run the command again. Nothing was written."
            what = "the file was changed while this command ran"
            raise ReconcilerError([Problem(what, fix, Source((self.state / name).as_posix())) for name in moved])
        write_journalled(self.state, self.changed, fix=_FIX)
        if "staff.yaml" in self.changed:
            update_handles(self.state)


def values_of(text: str) -> Fields:
    """Return the values of a file's text."""
    values = data_of(parse(text))
    require(isinstance(values, dict), "it is not a mapping")
    return values if isinstance(values, dict) else {}


def _text(path: Path) -> str:
    """Return the exact text, with its line ends and byte order mark."""
    try:
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problem = Problem(
            "the file cannot be read", "Check that it exists and that you may read it.", Source(path.as_posix())
        )
        raise ReconcilerError(problem) from error
