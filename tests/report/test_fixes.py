"""Laws of fixes: every problem has one, every report prints it, and it is a sentence that says what to do."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.model.plan import Watch
from reconciler.plan.drift import DriftAction, DriftReport
from reconciler.report.drift.html import render_html
from reconciler.report.drift.markdown import render_markdown
from reconciler.report.drift.text import render_text
from tests.factories import DEFAULT, JAMES, KATE, NOON, change
from tests.report.drift.test_formats import drifted, report

MODULES = sorted((Path(__file__).parents[2] / "reconciler").rglob("*.py"))


def fixes(module: Path) -> Iterator[tuple[int, str]]:
    """Yield line and text of each fix that is written where its problem is made; `{}` is a value."""
    tree = ast.parse(module.read_text("utf-8"))
    values: dict[str, list[ast.expr]] = {}
    longer = {ast.unparse(node.target) for node in ast.walk(tree) if isinstance(node, ast.AugAssign)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in (ast.unparse(target) for target in node.targets):
                values.setdefault(target, []).append(node.value)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("Problem", "Notice") and len(node.args) > 1:
            name = ast.unparse(node.args[1])
            for fix in values.get(name, [node.args[1]]) if name not in longer else ():
                if isinstance(fix, ast.Constant):
                    yield node.lineno, str(fix.value)
                elif isinstance(fix, ast.JoinedStr):
                    parts = (part.value if isinstance(part, ast.Constant) else "{}" for part in fix.values)
                    yield node.lineno, "".join(map(str, parts))


def test_every_fix_is_a_sentence() -> None:
    """With a capital and a full stop; only a command at its end has none, so that it can be copied."""
    written = [(module.name, line, fix) for module in MODULES for line, fix in fixes(module)]
    assert len(written) > 200
    sentence = re.compile(r"([A-Z]|`|\{\}).*(\.|\{\}|: [^.]*reconciler [^.]*)", re.DOTALL)
    assert [fault for fault in written if not sentence.fullmatch(fault[2])] == []


WARNINGS: dict[str, DriftReport] = {
    "no approved commit": report(drifted(DriftAction.NOT_APPROVED), unapproved="no approved commit is known"),
    "no record": report(unrecorded="nothing is recorded for this organisation"),
    "no daily reading": report(read_before=NOON - timedelta(days=40)),
    "blind": report(watch=Watch(blind=(change(DEFAULT, JAMES, KATE),))),
}


@pytest.mark.parametrize("warning", WARNINGS)
@pytest.mark.parametrize("render", [render_text, render_markdown, render_html])
def test_every_warning_of_a_drift_report_has_its_fix(render: Callable[[DriftReport], str], warning: str) -> None:
    """In each format for people, as a sentence."""
    shown = " ".join(render(WARNINGS[warning]).split())
    assert re.search(r"Fix: [A-Z][^:]*\.", shown)
