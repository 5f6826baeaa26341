"""`done`: closes manual steps, or acknowledges correction conflicts; and takes it back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Literal

from reconciler.model.declared import Declared
from reconciler.model.history import CLOSED_BY
from reconciler.model.names import Names
from reconciler.model.operations import State, step_id
from reconciler.model.slots import Place, Site, Slot, SlotKind, Unread, UserId
from reconciler.model.structs import Struct
from reconciler.plan.drift import fight_id
from reconciler.problems import ExitCode, Invalid, Problem
from reconciler.runtime.declared_state import read_state
from reconciler.runtime.environment import Environment
from reconciler.runtime.open_issues import issues_of
from reconciler.runtime.options import Options
from reconciler.runtime.session import begin_run
from reconciler.runtime.store_address import store_of
from reconciler.runtime.target import target_of
from reconciler.store import JournalRow, Observation, OpenIssue, Store

Said = Literal["present", "absent"]
_EVER = datetime(1970, 1, 2, tzinfo=UTC)


class StepChoice(Struct, frozen=True):
    """The steps to close: by their ids, all of the learners in scope (`everything`), or all that a run left open."""

    steps: tuple[str, ...] = ()
    everything: bool = False
    run: int | None = None


class ClosedStep(Struct, frozen=True):
    """A step that a person closed, or reopened: `outcome` is what they found."""

    id: str
    learner: UserId
    label: str
    slot: Slot
    staff: UserId | None
    outcome: str


class Closed(Struct, frozen=True):
    """The steps that one person closed; `run` is the entry in the history."""

    steps: tuple[ClosedStep, ...]
    by: str
    run: int
    names: Names


def done(options: Options, environment: Environment, choice: StepChoice, *, by: str, outcome: Said) -> Closed:
    """Close manual steps, or operations whose outcome is unknown: a named person reports what OneFile has.

    `present`: the member of staff is assigned to the learner; `absent`: is not. A correction conflict is acknowledged
    too: the slot may be corrected again, whatever the outcome. Raises Invalid, and closes nothing, if a step is not
    open.
    """
    declared = read_state(options.whole(), environment)
    site = Site(target_of(options, environment, declared.settings).name, declared.settings.organisation)
    sites = declared.by_site(site.target, {})
    with store_of(options, environment, make=False) as store:
        chosen = _chosen(store, sites, declared, options.learners, choice)
        run = begin_run(store, options, environment, "done", site, who=by)
        closed = [_close(store, run, step, outcome, by, declared) for step in chosen]
        store.end_run(run, exit_code=ExitCode.DONE, summary={f"reported_{_word(outcome)}": len(closed)})
    return Closed(tuple(closed), by, run, _names(declared))


def reopen(options: Options, environment: Environment, steps: Sequence[str], *, by: str) -> Closed:
    """Take back that manual steps are done: their members of staff are assigned again in the record.

    Raises Invalid, and reopens nothing, for a step that `done` did not close.
    """
    declared = read_state(options.whole(), environment)
    site = Site(target_of(options, environment, declared.settings).name, declared.settings.organisation)
    sites = declared.by_site(site.target, {})
    with store_of(options, environment, make=False) as store:
        issues = {step_id(*issue.place): (place, issue) for place in sites for issue in _closed_by_people(store, place)}
        if unknown := [step for step in steps if step not in issues]:
            fix = "See the steps and what closed them with: reconciler history --steps"
            raise Invalid([Problem(f"step {step} was not closed by `done`", fix, where="STEP") for step in unknown])
        run = begin_run(store, options, environment, "done", site, who=by)
        reopened = [_reopen(store, run, *issues[step], declared) for step in dict.fromkeys(steps)]
        store.end_run(run, exit_code=ExitCode.DONE, summary={"reopened": len(reopened)})
    return Closed(tuple(reopened), by, run, _names(declared))


# ------------------------------------------------------------------ which steps


class _Step(Struct, frozen=True):
    """A question that only a person can answer: the assignment of `staff` to the learner, in its organisation.

    `row` is the operation with an unknown outcome, if there is one. `alone`: without them, nobody holds the slot.
    `fight` is the correction conflict that is acknowledged.
    """

    site: Site
    learner: UserId
    slot: Slot
    staff: UserId | None
    alone: bool = False
    row: JournalRow | None = None
    fight: OpenIssue | None = None

    @property
    def place(self) -> Place:
        return self.learner, self.slot


def _chosen(
    store: Store, sites: Collection[Site], declared: Declared, learners: Collection[str], choice: StepChoice
) -> tuple[_Step, ...]:
    steps = {id: step for site in sites for id, step in _open_steps(store, site, declared).items()}
    if choice.run is not None:
        steps = {step: steps[step] for step in _steps_of_run(store, sites, choice.run) if step in steps}
    if learners:
        users = {
            learner.id for learner in declared.learners if {str(learner.id), learner.misid, learner.label} & {*learners}
        }
        users |= {UserId(int(name)) for name in learners if name.isdecimal()}
        steps = {id: step for id, step in steps.items() if step.learner in users}
    if not choice.steps:
        open_places = {place for site in sites for place in _open_places(store, site)}
        wanted = {(learner.id, slot) for learner in declared.learners for slot in learner.slots}
        steps = {
            id: step
            for id, step in steps.items()
            if step.alone and (step.place in open_places or step.place not in wanted)
        }
        if not steps:
            raise Invalid(Problem("no manual step is open there", "See the open steps with: reconciler plan"))
        return tuple(steps.values())
    if problems := [_not_open(step, store, sites) for step in choice.steps if step not in steps]:
        raise Invalid(problems)
    return tuple(steps[step] for step in dict.fromkeys(choice.steps))


def _steps_of_run(store: Store, sites: Collection[Site], number: int) -> list[str]:
    """Return the ids of the open steps that a run found."""
    run = store.run(number)
    if run is None or Site(run.target, run.organisation) not in sites:
        raise Invalid(Problem(f"there is no run {number}", "See the runs with: reconciler history", where="--run"))
    end = run.ended or store.now()
    issues = issues_of(store, sites, "step")
    return [step_id(*issue.place) for issue in issues if issue.first_seen <= end and issue.last_seen >= run.started]


def _not_open(step: str, store: Store, sites: Collection[Site]) -> Problem:
    for issue in issues_of(store, sites, "step"):
        if step_id(*issue.place) == step:
            what = f"step {step} is on {issue.slot.address(issue.learner)}, which OneFile shows"
            return Problem(what, "You do not need to report it: this step closes itself at the next run.", where="STEP")
    return Problem(f"no step {step} is open", "See the open steps with: reconciler plan", where="STEP")


def _open_steps(store: Store, site: Site, declared: Declared) -> dict[str, _Step]:
    known, issues = store.recorded(site), store.issues(site, "step")
    waiting = {(*step.place, step.holder) for step in issues if step.due}
    wanted = {(learner.id, slot) for learner in declared.learners for slot in learner.slots}
    kept = [  # no file asks for it, so perhaps no run reads it
        _Step(site, issue.learner, issue.slot, UserId(issue.holder), alone=True)
        for issue in issues
        if issue.place not in wanted and isinstance(issue.holder, int)
    ]
    recorded = [
        _Step(site, learner, slot, staff, alone=True)
        for (learner, slot), staff in known.items()
        # what OneFile shows is read
        if staff is not None and (slot.kind is SlotKind.ADDITIONAL or (learner, slot, staff) in waiting)
    ]
    unknown = [
        _Step(site, row.operation.learner, slot, move.after, slot.kind is SlotKind.ADDITIONAL, row)
        for row in store.unknown(site)
        for slot, move in row.operation.moves
    ]
    refused = [
        _Step(site, row.operation.learner, slot, move.after, slot.kind is SlotKind.ADDITIONAL)
        for row in store.failed(site)
        for slot, move in row.operation.moves
        if move.before is Unread.UNREADABLE and (row.operation.learner, slot) not in known  # perhaps there already
    ]
    steps = {step_id(*step.place): step for step in (*kept, *refused, *recorded, *unknown)}
    fights = {
        fight_id(*fight.place): _Step(site, *fight.place, fight.due, fight=fight)
        for fight in store.issues(site, "fight")
    }
    return fights | steps


# ------------------------------------------------------------------ closing and reopening


def _close(store: Store, run: int, step: _Step, outcome: Said, by: str, declared: Declared) -> ClosedStep:
    site = step.site
    if step.fight:
        store.end_issue(step.fight.id, f"answered by {by}")
        return _closed(fight_id(*step.place), step.place, step.staff, "may be corrected again", declared)
    if step.row:
        state = State.DONE if outcome == "present" else State.FAILED
        store.resolve(step.row.run, step.row.operation.id, state, by=by, reason=f"looked at in OneFile: {outcome}")
    if outcome == "present":
        store.record(site, [(step.learner, step.slot, step.staff)], run=run)
    else:
        if step.alone:  # elsewhere, that one person is not there leaves open who is
            store.record(site, [(step.learner, step.slot, None)], run=run)
        _end_issue(store, step, f"absent{CLOSED_BY}{by} (run {run})")
    return _closed(step_id(*step.place), step.place, step.staff, outcome, declared)


def _end_issue(store: Store, step: _Step, how: str) -> None:
    """End the step's issue; one that no run has seen is stored first, so that the history has it."""
    site = step.site
    places = _open_places(store, site)
    if not step.row and step.staff is not None and step.place not in places:
        due = None if step.slot.kind is SlotKind.ADDITIONAL else step.staff
        store.observe_issues(site, "step", {**places, step.place: Observation(step.staff, due)}, _stays)
    for issue in store.issues(site, "step"):
        if issue.place == step.place:
            store.end_issue(issue.id, how)


def _open_places(store: Store, site: Site) -> dict[Place, Observation]:
    return {issue.place: Observation(issue.holder, issue.due) for issue in store.issues(site, "step")}


def _stays(_issue: OpenIssue) -> str:
    return ""


def _closed_by_people(store: Store, site: Site) -> list[OpenIssue]:
    """Return the steps that `done` closed as absent and that are not open again, oldest first."""
    issues = store.issues(site, "step", ended_since=_EVER)
    again = {issue.place for issue in issues if issue.ended is None}
    return [issue for issue in issues if issue.ended and CLOSED_BY in issue.ending and issue.place not in again]


def _reopen(store: Store, run: int, site: Site, issue: OpenIssue, declared: Declared) -> ClosedStep:
    holder = UserId(issue.holder) if isinstance(issue.holder, int) else None
    store.record(site, [(issue.learner, issue.slot, holder)], run=run)
    observations = {**_open_places(store, site), issue.place: Observation(issue.holder, issue.due)}
    store.observe_issues(site, "step", observations, _stays)
    return _closed(step_id(*issue.place), issue.place, holder, "open again", declared)


def _closed(id: str, place: Place, staff: UserId | None, outcome: str, declared: Declared) -> ClosedStep:
    labels = {learner.id: learner.label for learner in declared.learners}
    return ClosedStep(id, place[0], labels.get(place[0], ""), place[1], staff, outcome)


def _names(declared: Declared) -> Names:
    return Names({member.id: member.handle for member in declared.staff.values()}, declared.settings.titles)


def _word(outcome: Said) -> str:
    return "removed" if outcome == "absent" else "assigned"
