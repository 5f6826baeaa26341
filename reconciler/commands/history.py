"""`history`: stored runs, the timeline of a learner, and manual steps."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from reconciler.declared.selection import choose
from reconciler.model.declared import DeclaredLearner
from reconciler.model.history import IssueKind
from reconciler.model.names import NO_NAMES, Names
from reconciler.model.slots import Site, Slot, UserId
from reconciler.model.structs import Struct
from reconciler.problems import Invalid, NoStore, Problem, ReconcilerError
from reconciler.runtime.declared_state import read_state
from reconciler.runtime.environment import Environment
from reconciler.runtime.former_learner import former_learner
from reconciler.runtime.open_issues import issues_of
from reconciler.runtime.options import Options
from reconciler.runtime.store_address import store_of
from reconciler.runtime.target import named_target, target_of
from reconciler.store import JournalRow, OpenIssue, RunRow, Store

_EVER = datetime(1970, 1, 2, tzinfo=UTC)
_ISSUES: Sequence[IssueKind] = ("drift", "step", "fight")
_LOOKED_THROUGH = 1_000
"""Runs that are searched for targets."""


class Runs(Struct, frozen=True):
    """Runs, newest first.

    If there are none: `target` and `organisation` are those that were asked for, `elsewhere` are targets with runs, and
    `no_store` is the place where there is no store yet.
    """

    runs: Sequence[RunRow]
    target: str | None = None
    organisation: int | None = None
    elsewhere: Sequence[str] = ()
    no_store: str = ""


class RunDetail(Struct, frozen=True):
    """One run and everything that it wrote or meant to write."""

    run: RunRow
    journal: Sequence[JournalRow]
    known: Known


class RecordedSlot(Struct, frozen=True):
    """A slot that a run read as declared, or that a person reported, without a write of that run."""

    learner: UserId
    slot: Slot
    staff: UserId | None
    at: datetime
    run: RunRow


class Timeline(Struct, frozen=True):
    """All that is known of these learners' slots: writes with their runs, slots seen as declared, and issues."""

    writes: Sequence[tuple[RunRow, JournalRow]]
    recorded: Sequence[RecordedSlot]
    issues: Sequence[OpenIssue]
    learners: Sequence[UserId]
    known: Known
    now: datetime


class Steps(Struct, frozen=True):
    """Manual steps that an apply or a drift run has found."""

    steps: Sequence[OpenIssue]
    known: Known


def runs(options: Options, environment: Environment, organisation: int | None = None, *, limit: int = 50) -> Runs:
    """Return the runs, newest first; those of one target or organisation if the command names it."""
    target = named_target(options, environment)
    try:
        with _store(options, environment) as store:
            listed = store.runs(target=target, organisation=organisation, limit=limit)
            others = () if listed else sorted({run.target for run in store.runs(limit=_LOOKED_THROUGH)})
            return Runs(listed, target, organisation, others)
    except NoStore as none:
        return Runs((), target, organisation, no_store=none.problems[0].place())


def run(options: Options, environment: Environment, number: int) -> RunDetail:
    """Return everything that one run did. Raises Invalid for a run that is not there."""
    target = named_target(options, environment)
    try:
        with _store(options, environment) as store:
            row = store.run(number)
            if row is None or target not in (None, row.target):
                what = f"there is no run {number}{f' to {target}' if target else ''}"
                raise Invalid(Problem(what, "See the runs with: reconciler history", where="RUN"))
            return RunDetail(row, store.journal(number), _known(options, environment))
    except NoStore as none:
        (problem,) = none.problems
        what = f"there is no run {number}: there is no store at {problem.place()} yet"
        raise Invalid(Problem(what, problem.fix, where="RUN")) from none


def timeline(options: Options, environment: Environment, organisation: int | None = None) -> Timeline:
    """Return everything that is recorded of the learners in the options, newest first; of one organisation or of all.

    A label or MISID that is in no file now is looked up in the files' git history. Raises Invalid for a name that leads
    to no OneFile id.
    """
    known, target = _known(options, environment), named_target(options, environment)
    former = [learner for name in options.learners if (learner := _former(options, known.learners, name))]
    known = Known(known.names, (*known.learners, *former))
    learners = ids_of(known.learners, options.learners)
    now = environment.clock.now()
    writes: tuple[tuple[RunRow, JournalRow], ...] = ()
    recorded: list[RecordedSlot] = []
    issues: list[OpenIssue] = []
    with suppress(NoStore), _store(options, environment) as store:
        now = store.now()
        writes = store.writes_to(learners, target=target, organisation=organisation)
        written = {(run.id, place) for run, row in writes for place in row.places}
        runs = {run.id: run for run in store.runs(target=target, limit=_LOOKED_THROUGH)}
        for site in {run.target: Site(run.target, organisation or run.organisation) for run in runs.values()}.values():
            own = None if organisation is None else store.recorded(site)
            for place, last in store.last_applied(site, learners).items():
                if own is not None and place not in own:
                    continue
                if (last.run, place) not in written and (run := runs.get(last.run) or store.run(last.run)):
                    recorded.append(RecordedSlot(*place, last.staff, last.at, run))
        sites = [site for site in store.sites(target) if organisation in (None, site.organisation)]
        for kind in _ISSUES:
            found = issues_of(store, sites, kind, ended_since=_EVER)
            issues += [issue for issue in found if issue.learner in learners]
    return Timeline(writes, recorded, issues, learners, known, now)


def _former(options: Options, learners: Sequence[DeclaredLearner], name: str) -> DeclaredLearner | None:
    """Return a learner whom the files had once, by label or MISID."""
    if name.isdecimal() or choose(learners, (), [name])[0]:
        return None
    return former_learner(options.state, name)


def steps(options: Options, environment: Environment, organisation: int | None = None) -> Steps:
    """Return every manual step, open or closed, that a run has found; of one organisation or of all."""
    declared = read_state(options, environment)
    target = target_of(options, environment, declared.settings).name
    sites = [site for site in declared.by_site(target, {}) if organisation in (None, site.organisation)]
    rows: tuple[OpenIssue, ...] = ()
    with suppress(NoStore), _store(options, environment) as store:
        rows = issues_of(store, sites, "step", ended_since=_EVER)
    return Steps(rows, _known(options, environment))


def _store(options: Options, environment: Environment) -> Store:
    return store_of(options, environment, make=False)


class Known(Struct, frozen=True):
    """Handles and learners of the files, for the ids in the store."""

    names: Names = NO_NAMES
    learners: Sequence[DeclaredLearner] = ()

    def facts(self) -> dict[str, Any]:
        """Return what renderers take of it, by parameter."""
        return {"names": self.names, "labels": self.labels}

    @property
    def labels(self) -> Mapping[UserId, str]:
        """Labels by learner."""
        return labels_of(self.learners)


def _known(options: Options, environment: Environment) -> Known:
    """Return what the files know; nothing if they are not valid, because the history must stay readable."""
    try:
        declared = read_state(options.whole(), environment)
    except ReconcilerError:
        return Known()
    handles = {member.id: member.handle for member in declared.staff.values()}
    return Known(Names(handles, declared.settings.titles), declared.learners)


_WHERE = "--learner"


def ids_of(learners: Sequence[DeclaredLearner], names: Collection[str]) -> list[UserId]:
    """Return the ids of learners by id, MISID or label. An id needs no file. Raises Invalid for every unknown name."""
    ids, problems = [], []
    for name in dict.fromkeys(names):
        match _id_of(name, learners):
            case Problem() as problem:
                problems.append(problem)
            case user:
                ids.append(user)
    if problems:
        raise Invalid(problems)
    return ids


def labels_of(learners: Sequence[DeclaredLearner]) -> Mapping[UserId, str]:
    """Return the labels of the learners who have an id and a label."""
    return {learner.id: learner.label for learner in learners if learner.id is not None and learner.label}


def _id_of(name: str, learners: Sequence[DeclaredLearner]) -> UserId | Problem:
    matches, problems = choose(learners, (), [name])
    if len(matches) == 1:
        return matches[0].id if matches[0].id is not None else _only_misid(name, matches[0])
    if not matches and name.isascii() and name.isdecimal() and not name.startswith("0"):
        return UserId(int(name))
    if learners:
        return problems[0]
    what = f"no valid cohort file has a learner {name!r}"
    return Problem(what, "Use the learner's OneFile id, or name the folder of the files with --state.", where=_WHERE)


def _only_misid(name: str, learner: DeclaredLearner) -> Problem:
    what = f"the files have only the MISID {learner.misid} of {name!r}, but the history has OneFile ids"
    fix = f"Find the id with: reconciler plan --learner {learner.misid} --format json (learner_id), and use that."
    return Problem(what, fix, learner.source, where=_WHERE)
