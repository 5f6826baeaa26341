"""GitHub annotations: workflow commands that mark lines of a pull request."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Sequence
from typing import Literal

from reconciler.model.structs import Struct
from reconciler.report.common.escape import visible
from reconciler.report.common.notices import Notice

SHOWN = 10
"""Number of annotations of one level that GitHub shows for one step."""

Level = Literal["error", "warning"]
Annotation = tuple[Level, str, Notice]
"""Level, title and notice."""


class Workspace(Struct, frozen=True):
    """The working folder, and the repository in which annotations name files; both absolute paths."""

    folder: str
    repository: str

    def path_of(self, file: str) -> str:
        """Return the file's path within the repository, with forward slashes; empty for a file outside it."""
        try:
            path = os.path.relpath(os.path.join(self.folder, file), self.repository)  # noqa: PTH118
        except ValueError:  # Windows: on another drive
            return ""
        path = path.replace(os.sep, posixpath.sep)
        return "" if path == ".." or path.startswith("../") else path


def render(annotations: Sequence[Annotation], workspace: Workspace) -> str:
    """Render the annotations, errors first; more than GitHub shows are counted in the last one."""
    lines: list[str] = []
    for level in ("error", "warning"):
        of_level = [annotation for annotation in annotations if annotation[0] == level]
        shown = of_level if len(of_level) <= SHOWN else of_level[: SHOWN - 1]
        lines += [_command(*annotation, workspace) for annotation in shown]
        if left := len(of_level) - len(shown):
            what = f"{left} more {level}s: GitHub shows {SHOWN} of a step. The step's log and the report have them all."
            lines.append(f"::{level} title=More than fits here::{_message(what)}")
    return "".join(f"{line}\n" for line in lines)


def _command(level: Level, title: str, notice: Notice, workspace: Workspace) -> str:
    fields = {"title": title}
    if notice.source and (file := workspace.path_of(notice.source.file)):
        line = {"line": str(notice.source.line)} if notice.source.line else {}
        fields = {"file": file, **line, **fields}
    properties = ",".join(f"{name}={_property(value)}" for name, value in fields.items())
    mark = f" [{notice.mark}]" if notice.mark else ""
    where = f"{notice.place}: " if notice.place and "file" not in fields else ""
    message = f"{_message(f'{where}{notice.what}{mark}')}%0A{_message(f'Fix: {notice.fix}')}"
    return f"::{level} {properties}::{message}"


def _message(text: str) -> str:
    return visible(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
