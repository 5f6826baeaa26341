"""The table of renderers: which function makes a command's report in a format. Renderers are imported on use."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reconciler.cli.output import Output
    from reconciler.report.common.pieces import Pieces

_PLAN = {
    "text": "plan.text:render_text",
    "json": "plan.json:render_json",
    "markdown": "plan.markdown:render_markdown",
    "annotations": "plan.annotations:render_annotations",
    "html": "plan.html:render_html",
}
RENDERERS: Mapping[str, Mapping[str, str]] = {
    "adopt": {
        "text": "adopt:render_text",
        "markdown": "adopt:render_markdown",
        "json": "adopt:render_json",
    },
    "apply": {
        "text": "outcome.text:render_applied",
        "json": "outcome.json:render_applied",
        "markdown": "outcome.markdown:render_applied",
        "html": "outcome.html:render_applied",
    },
    "audit": {
        "text": "audit.text:render_text",
        "markdown": "audit.markdown:render_markdown",
        "html": "audit.html:render_html",
        "json": "audit.json:render_json",
        "csv": "audit.csv:render_csv",
    },
    "calendar": {
        "text": "calendar.text:render_text",
        "markdown": "calendar.markdown:render_markdown",
        "json": "calendar.json:render_json",
        "ics": "calendar.ics:render_ics",
        "html": "calendar.html:render_html",
    },
    "demo": {"text": "demo:render_text", "json": "demo:render_json"},
    "digest": {
        "text": "digest.result:render_text",
        "json": "digest.result:render_json",
        "markdown": "digest.result:render_markdown",
    },
    "doctor check": {"text": "doctor:render_check"},
    "doctor": {"text": "doctor:render_text", "json": "doctor:render_json"},
    "done": {"text": "done:render_text", "json": "done:render_json"},
    "drift": {
        "text": "drift.text:render_text",
        "json": "drift.json:render_json",
        "markdown": "drift.markdown:render_markdown",
        "prometheus": "drift.prometheus:render_prometheus",
        "html": "drift.html:render_html",
    },
    "export": {"text": "export.summary:render_text", "json": "export.summary:render_json"},
    "fleet": {
        "text": "fleet.text:render_run",
        "json": "fleet.json:render_run",
        "markdown": "fleet.markdown:render_run",
        "prometheus": "fleet.prometheus:render_run",
        "html": "fleet.html:render_run",
    },
    "fleet status": {
        "text": "fleet.text:render_status",
        "json": "fleet.json:render_status",
        "markdown": "fleet.markdown:render_status",
        "prometheus": "fleet.prometheus:render_status",
        "html": "fleet.html:render_status",
    },
    "fleet queue": {"text": "fleet.text:render_count", "json": "fleet.json:render_count"},
    "fleet matrix": dict.fromkeys(("text", "json", "markdown", "prometheus", "html"), "fleet.matrix:render_matrix"),
    "fmt": {"text": "fmt:render_text", "json": "fmt:render_json"},
    "history": {
        "text": "history.text:render_runs",
        "json": "history.json:render_runs",
        "csv": "history.csv:render_runs",
        "markdown": "history.markdown:render_runs",
        "html": "history.html:render_runs",
    },
    "history RUN": {
        "text": "history.text:render_run",
        "json": "history.json:render_run",
        "csv": "history.csv:render_run",
        "markdown": "history.markdown:render_run",
        "html": "history.html:render_run",
    },
    "history --learner": {
        "text": "history.text:render_timeline",
        "json": "history.json:render_timeline",
        "csv": "history.csv:render_timeline",
        "markdown": "history.markdown:render_timeline",
        "html": "history.html:render_timeline",
    },
    "history --steps": {
        "text": "history.text:render_steps",
        "json": "history.json:render_steps",
        "csv": "history.csv:render_steps",
        "markdown": "history.markdown:render_steps",
        "html": "history.html:render_steps",
    },
    "import": {"text": "import_:render_text", "json": "import_:render_json"},
    "init": {"text": "init:render_text", "json": "init:render_json"},
    "init --schemas": {"text": "init:render_renewed", "json": "init:render_renewed_json"},
    "plan": _PLAN,
    "problems": {
        "text": "problems.text:render_text",
        "json": "problems.json:render_json",
        "markdown": "problems.markdown:render_markdown",
        "annotations": "problems.annotations:render_annotations",
        "html": "problems.html:render_html",
    },
    "replace": {
        "text": "replace:render_text",
        "markdown": "replace:render_markdown",
        "json": "replace:render_json",
    },
    "revert": _PLAN,
    "share-out": {
        "text": "share_out.text:render_text",
        "markdown": "share_out.markdown:render_markdown",
        "json": "share_out.json:render_json",
        "csv": "share_out.csv:render_csv",
        "html": "share_out.html:render_html",
    },
    "show": _PLAN,
    "show --handover": {
        "text": "plan.handover:render_text",
        "markdown": "plan.handover:render_markdown",
        "json": "plan.handover:render_json",
        "html": "plan.handover:render_html",
    },
    "show --since": {
        "text": "since:render_text",
        "markdown": "since:render_markdown",
        "json": "since:render_json",
        "html": "since:render_html",
    },
    "site": {"text": "site.summary:render_text", "json": "site.summary:render_json"},
    "store": {"text": "store:render_text", "json": "store:render_json"},
    "sync": {"text": "sync:render_text", "markdown": "sync:render_markdown", "json": "sync:render_json"},
    "unlock": {"text": "unlock:render_text", "json": "unlock:render_json"},
    "who": {
        "text": "who.text:render_text",
        "json": "who.rows:render_json",
        "csv": "who.rows:render_csv",
        "html": "who.html:render_html",
    },
    "validate FILE": {
        "text": "validate:render_files",
        "json": "validate:render_files_json",
        "markdown": "validate:render_files",
        "annotations": "validate:render_annotations",
        "html": "validate:render_files_html",
    },
    "validate": {
        "text": "validate:render_text",
        "json": "validate:render_json",
        "markdown": "validate:render_markdown",
        "annotations": "validate:render_annotations",
        "html": "validate:render_html",
    },
}
"""For each command, or one of its modes, the formats that it offers, with `module:function` within `reconciler.report`.

A renderer takes the command's result. Its further parameters are filled by name, from the facts that the command gives
beside the result and from the properties of the output: colour, width, verbose, limit, workspace, links,
plain.
"""


def formats_of(command: str) -> tuple[str, ...]:
    """Return the formats that a command offers, the default first."""
    return tuple(RENDERERS[command])


def renderer_of(command: str, form: str) -> Any:
    """Import and return a renderer."""
    module, _, function = RENDERERS[command][form].partition(":")
    return getattr(import_module(f"reconciler.report.{module}"), function)


def parameters_of(renderer: Any) -> tuple[str, ...]:
    """Return the names of a renderer's parameters beside the result."""
    code = renderer.__code__
    return tuple(code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount])


def render(command: str, result: Any, output: Output, *, form: str = "", **facts: Any) -> str | Pieces:
    """Return a result as text in the output's format, or in `form`."""
    renderer = renderer_of(command, form or output.form)
    missing = object()
    values = {name: facts.get(name, getattr(output, name, missing)) for name in parameters_of(renderer)}
    text: str | Pieces = renderer(result, **{name: value for name, value in values.items() if value is not missing})
    return text
