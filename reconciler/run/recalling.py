"""history: what the store remembers of runs and of steps by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from reconciler.model import Handle, UserId
from reconciler.problems import Invalid, Problem, ReconcilerError
from reconciler.report import history as report
from reconciler.report.fit import COMMENT_LIMIT
from reconciler.report.markdown import history as markdown
from reconciler.run.context import Context
from reconciler.run.targets import target_of
from reconciler.store import JournalRow, RunRow, Store

_EVER = datetime(1970, 1, 2, tzinfo=UTC)

Form = Literal["text", "json", "csv", "markdown"]


def history(context: Context, run: int | None, form: Form, *, limit: int = 50, max_bytes: int = COMMENT_LIMIT) -> str:
    """All runs, newest first, or everything that one run did. Raises Invalid for a run that is not there."""
    with Store.open(context.store_url(), clock=context.clock) as store:
        if run is None:
            return _runs(store.runs(limit=limit), form, max_bytes)
        found = store.run(run)
        if found is None:
            raise Invalid(Problem(f"there is no run {run}", "See the runs with: reconciler history", where="RUN"))
        return _run(found, store.journal(run), _handles(context), form, max_bytes)


def steps(context: Context, form: Form, *, max_bytes: int = COMMENT_LIMIT) -> str:
    """Every step by hand that an apply or a drift run has found, how long it was open, and what closed it."""
    settings = context.declared().settings
    target = target_of(context, settings).name
    with Store.open(context.store_url(), clock=context.clock) as store:
        found = store.episodes(target, settings.organisation, "step", ended_since=_EVER)
    handles = _handles(context)
    match form:
        case "text":
            return report.steps_as_text(found, handles)
        case "markdown":
            return markdown.render_steps(found, handles, limit=max_bytes)
        case "json":
            return report.as_json(report.steps_as_rows(found, handles))
        case "csv":
            return report.as_csv(report.steps_as_rows(found, handles))


def _runs(runs: Sequence[RunRow], form: Form, max_bytes: int) -> str:
    match form:
        case "text":
            return report.runs_as_text(runs)
        case "markdown":
            return markdown.render_runs(runs, limit=max_bytes)
        case "json":
            return report.as_json(report.runs_as_rows(runs))
        case "csv":
            return report.as_csv(report.runs_as_rows(runs))


def _run(run: RunRow, journal: Sequence[JournalRow], handles: report.Handles, form: Form, max_bytes: int) -> str:
    match form:
        case "text":
            return report.run_as_text(run, journal, handles)
        case "markdown":
            return markdown.render_run(run, journal, handles, limit=max_bytes)
        case "json":
            return report.as_json(report.run_as_rows(run, journal, handles))
        case "csv":
            return report.as_csv(report.run_as_rows(run, journal, handles))


def _handles(context: Context) -> dict[UserId, Handle]:
    """Who the ids are today. History must be readable also where the files are not valid any more."""
    try:
        return {member.id: member.handle for member in context.whole().declared().staff.values()}
    except ReconcilerError:
        return {}
