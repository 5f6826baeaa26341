"""history: what the store remembers of runs, of one learner, and of steps by hand."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Literal

from reconciler.declared.selection import choose
from reconciler.model.declared import DeclaredLearner
from reconciler.model.slots import Handle, Site, UserId
from reconciler.model.structs import Struct, field
from reconciler.problems import Invalid, NoStore, Problem, ReconcilerError
from reconciler.report.common.escape import prose
from reconciler.report.common.truncate import COMMENT_LIMIT
from reconciler.report.history import markdown, rows, text
from reconciler.report.history.csv import render_csv
from reconciler.report.history.json import render_json
from reconciler.runtime.context import Context, named_target, target_of
from reconciler.store import JournalRow, OpenIssue, RunRow, Store

_EVER = datetime(1970, 1, 2, tzinfo=UTC)
_LOOKED_THROUGH = 1_000  # runs
Form = Literal["text", "json", "csv", "markdown"]


def history(context: Context, run: int | None, form: Form, *, limit: int = 50, max_bytes: int = COMMENT_LIMIT) -> str:
    """All runs, newest first, or everything that one run did; those of one target, where the command names it.
    Raises Invalid for a run that is not there."""
    target = named_target(context)
    try:
        with Store.open(context.store_url(), clock=context.clock, make=False) as store:
            if run is None:
                runs = store.runs(target=target, limit=limit)
                return _runs(runs, form, max_bytes, _nothing(store, target) if not runs else "")
            found = store.run(run)
            if found is None or target not in (None, found.target):
                what = f"there is no run {run}{f' to {target}' if target else ''}"
                raise Invalid(Problem(what, "See the runs with: reconciler history", where="RUN"))
            return _run(found, store.journal(run), _known(context), form, max_bytes)
    except NoStore as none:
        (problem,) = none.problems
        if run is not None:
            what = f"there is no run {run}: there is no store at {problem.place()} yet"
            raise Invalid(Problem(what, problem.fix, where="RUN")) from none
        return _runs((), form, max_bytes, f"No run has been recorded: there is no store at {problem.place()} yet.")


def _nothing(store: Store, target: str | None) -> str:
    """That no run is recorded, and for which targets there are some."""
    others = sorted({run.target for run in store.runs(limit=_LOOKED_THROUGH)})
    if target is None or not others:
        return "No run has been recorded here yet."
    return f"No run to {target} has been recorded. There are runs to {', '.join(others)}."


def writes(context: Context, learners: Collection[str], form: Form, *, max_bytes: int = COMMENT_LIMIT) -> str:
    """Every recorded write to the slots of these learners, newest first. Raises Invalid for a name that leads to no
    OneFile id."""
    known, target = _known(context), named_target(context)
    asked = ids_of(known.learners, learners)
    found: tuple[tuple[RunRow, JournalRow], ...] = ()
    with suppress(NoStore), Store.open(context.store_url(), clock=context.clock, make=False) as store:
        found = store.writes_to(asked, target=target)
    match form:
        case "text":
            return text.render_writes(found, asked, known.handles, known.labels)
        case "markdown":
            return markdown.render_writes(found, asked, known.handles, known.labels, limit=max_bytes)
        case "json":
            return render_json(rows.writes_as_rows(found, known.handles, known.labels))
        case "csv":
            return render_csv(rows.writes_as_rows(found, known.handles, known.labels), rows.LEARNER_COLUMNS)


def steps(context: Context, form: Form, *, max_bytes: int = COMMENT_LIMIT) -> str:
    """Every step by hand that an apply or a drift run has found, how long it was open, and what closed it."""
    settings = context.declared().settings
    target = target_of(context, settings).name
    found: tuple[OpenIssue, ...] = ()
    with suppress(NoStore), Store.open(context.store_url(), clock=context.clock, make=False) as store:
        found = store.issues(Site(target, settings.organisation), "step", ended_since=_EVER)
    known = _known(context)
    match form:
        case "text":
            return text.render_steps(found, known.handles, known.labels)
        case "markdown":
            return markdown.render_steps(found, known.handles, known.labels, limit=max_bytes)
        case "json":
            return render_json(rows.steps_as_rows(found, known.handles))
        case "csv":
            return render_csv(rows.steps_as_rows(found, known.handles), rows.STEP_COLUMNS)


def _runs(runs: Sequence[RunRow], form: Form, max_bytes: int, nothing: str) -> str:
    match form:
        case "text":
            return text.render_runs(runs) if runs else f"{nothing}\n"
        case "markdown":
            return markdown.render_runs(runs, limit=max_bytes) if runs else f"{prose(nothing)}\n"
        case "json":
            return render_json(rows.runs_as_rows(runs))
        case "csv":
            return render_csv(rows.runs_as_rows(runs), rows.RUN_COLUMNS)


def _run(run: RunRow, journal: Sequence[JournalRow], known: _Known, form: Form, max_bytes: int) -> str:
    handles, labels = known.handles, known.labels
    match form:
        case "text":
            return text.render_run(run, journal, handles, labels)
        case "markdown":
            return markdown.render_run(run, journal, handles, labels, limit=max_bytes)
        case "json":
            return render_json(rows.run_as_rows(run, journal, handles, labels))
        case "csv":
            return render_csv(rows.run_as_rows(run, journal, handles, labels), rows.WRITE_COLUMNS)


class _Known(Struct, frozen=True):
    """Who the ids are today, as far as files tell: what staff are called, and the learners."""

    handles: Mapping[UserId, Handle] = field(default_factory=dict)
    learners: Sequence[DeclaredLearner] = ()

    @property
    def labels(self) -> Mapping[UserId, str]:
        return labels_of(self.learners)


def _known(context: Context) -> _Known:
    """History must be readable also where the files are not valid any more."""
    try:
        declared = context.whole().declared()
    except ReconcilerError:
        return _Known()
    return _Known({member.id: member.handle for member in declared.staff.values()}, declared.learners)


_WHERE = "--learner"


def ids_of(learners: Sequence[DeclaredLearner], names: Collection[str]) -> list[UserId]:
    """Labels go by the learners whom valid files declare; an id is taken as it is, for the learner may stand in no
    file any more. Raises Invalid for every name that leads to no id: OneFile is not asked."""
    ids, problems = [], []
    for name in dict.fromkeys(names):
        found = _id_of(name, learners)
        if isinstance(found, Problem):
            problems.append(found)
        else:
            ids.append(found)
    if problems:
        raise Invalid(problems)
    return ids


def labels_of(learners: Sequence[DeclaredLearner]) -> Mapping[UserId, str]:
    return {learner.id: learner.label for learner in learners if learner.id is not None and learner.label}


def _id_of(name: str, learners: Sequence[DeclaredLearner]) -> UserId | Problem:
    found, problems = choose(learners, (), [name])
    if len(found) == 1:
        return found[0].id if found[0].id is not None else _only_misid(name, found[0])
    if not found and name.isascii() and name.isdecimal() and not name.startswith("0"):
        return UserId(int(name))
    if learners:
        return problems[0]
    what = f"no valid cohort file says who {name!r} is"
    return Problem(what, "Give the learner's OneFile id, or name the folder of their files with --state.", where=_WHERE)


def _only_misid(name: str, learner: DeclaredLearner) -> Problem:
    what = f"the files know {name!r} by MISID {learner.misid} only, and what was written is kept by OneFile id"
    fix = f"Find the id with: reconciler plan --learner {learner.misid} --format json (learner_id), and give that."
    return Problem(what, fix, learner.source, where=_WHERE)
