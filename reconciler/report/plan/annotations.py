"""Problems and findings as GitHub annotations: workflow commands that mark the lines of a pull request."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from reconciler.model.plan import Plan
from reconciler.model.structs import Struct
from reconciler.problems import Problem
from reconciler.report.common.escape import visible
from reconciler.report.plan.view import Notice, plan_view, problem_notice

SHOWN = 10  # annotations of one level that GitHub shows for one step

Level = Literal["error", "warning"]
Annotation = tuple[Level, str, Notice]


class Workspace(Struct, frozen=True):
    """Where files are named from (`here`), and the repository that annotations name them in; both absolute."""

    here: str
    repository: str

    def of(self, file: str) -> str:
        """The file's path within the repository, with forward slashes; nothing for one that lies outside."""
        try:
            path = os.path.relpath(os.path.join(self.here, file), self.repository)  # noqa: PTH118
        except ValueError:  # Windows: on another drive
            return ""
        path = path.replace(os.sep, posixpath.sep)
        return "" if path == ".." or path.startswith("../") else path


def render_problems(problems: Iterable[Problem], place: Workspace) -> str:
    """Each problem at its line, errors first; nothing where nothing is wrong."""
    return _render([(one.severity, "Declared state", problem_notice(one)) for one in problems], place)


def render_plan(plan: Plan, place: Workspace) -> str:
    """What blocks, then what is set aside, as errors; then warnings. What is waived is no annotation."""
    return _render(list(_of_plan(plan)), place)


def _of_plan(plan: Plan) -> Iterator[Annotation]:
    for group in plan_view(plan, "", whole=True).notices:
        for notice in group.items:
            if not notice.waived:
                yield "error" if group.risky else "warning", group.title, notice


def _render(annotations: Sequence[Annotation], place: Workspace) -> str:
    lines: list[str] = []
    for level in ("error", "warning"):
        found = [one for one in annotations if one[0] == level]
        shown = found if len(found) <= SHOWN else found[: SHOWN - 1]
        lines += [_command(*one, place) for one in shown]
        if left := len(found) - len(shown):
            what = f"{left} more {level}s: GitHub shows {SHOWN} of a step. The step's log and the report have them all."
            lines.append(f"::{level} title=More than fits here::{_message(what)}")
    return "".join(f"{line}\n" for line in lines)


def _command(level: Level, title: str, notice: Notice, place: Workspace) -> str:
    known = {"title": title}
    if notice.source and (file := place.of(notice.source.file)):
        line = {"line": str(notice.source.line)} if notice.source.line else {}
        known = {"file": file, **line, **known}
    properties = ",".join(f"{name}={_property(value)}" for name, value in known.items())
    mark = f" [{notice.mark}]" if notice.mark else ""
    where = f"{notice.place}: " if notice.place and "file" not in known else ""
    message = f"{_message(f'{where}{notice.what}{mark}')}%0A{_message(f'Fix: {notice.fix}')}"
    return f"::{level} {properties}::{message}"


def _message(text: str) -> str:
    return visible(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
