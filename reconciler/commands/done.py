"""`done`: closes a manual step, or acknowledges a correction conflict."""

from __future__ import annotations

from typing import Literal

from reconciler.model.operations import State, step_id
from reconciler.model.slots import Site, Slot, SlotKind, Unread, UserId
from reconciler.model.structs import Struct
from reconciler.plan.drift import fight_id
from reconciler.problems import ExitCode, Invalid, Problem
from reconciler.runtime.declared_state import read_state
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options
from reconciler.runtime.session import begin_run
from reconciler.runtime.target import target_of
from reconciler.store import JournalRow, OpenIssue, Store

Said = Literal["present", "absent"]


class Closed(Struct, frozen=True):
    """A step that a person closed: `outcome` is what they found, `by` who they are, `run` the entry in the history."""

    address: str
    outcome: str
    by: str
    run: int


def done(options: Options, environment: Environment, step: str, *, by: str, outcome: Said) -> Closed:
    """Close a manual step, or an operation whose outcome is unknown: a named person reports what OneFile has.

    `present`: the member of staff is assigned to the learner; `absent`: is not. A correction conflict is acknowledged
    too: the slot may be corrected again, whatever the outcome. Raises Invalid for a step that is not open.
    """
    settings = read_state(options, environment).settings
    site = Site(target_of(options, environment, settings).name, settings.organisation)
    with Store.open(options.store_url(environment.variables), clock=environment.clock, make=False) as store:
        found = _open_steps(store, site).get(step) or _fight(store, site, step)
        if found is None:
            raise Invalid(_not_open(step, store, site))
        run = begin_run(store, options, environment, "done", site, who=by)
        if isinstance(found, OpenIssue):
            store.end_issue(found.id, f"answered by {by}")
            said = "may be corrected again"
        else:
            _close(store, run, site, found, outcome, by)
            said = outcome
        store.end_run(run, exit_code=ExitCode.DONE, summary={f"said_{said.replace(' ', '_')}": 1})
    return Closed(found.slot.address(found.learner), said, by, run)


def _fight(store: Store, site: Site, step: str) -> OpenIssue | None:
    fights = store.issues(site, "fight")
    return next((one for one in fights if fight_id(*one.place) == step), None)


def _close(store: Store, run: int, site: Site, found: _Step, outcome: Said, by: str) -> None:
    if found.row:
        state = State.DONE if outcome == "present" else State.FAILED
        why = f"looked at in OneFile: {outcome}"
        store.resolve(found.row.run, found.row.operation.id, state, by=by, reason=why)
    if outcome == "present":
        store.record(site, [(found.learner, found.slot, found.staff)], run=run)
        return
    if found.alone:  # elsewhere, that one person is not there leaves open who is
        store.record(site, [(found.learner, found.slot, None)], run=run)
    for waiting in store.issues(site, "step"):
        if waiting.place == (found.learner, found.slot):
            store.end_issue(waiting.id, f"absent, said by {by}")


def _not_open(step: str, store: Store, site: Site) -> Problem:
    for waiting in store.issues(site, "step"):
        if step_id(*waiting.place) == step:
            what = f"step {step} is on {waiting.slot.address(waiting.learner)}, which OneFile shows"
            fix = "Nobody need say so: apply or drift closes it once it reads the slot empty."
            return Problem(what, fix, where="STEP")
    return Problem(f"no step {step} is open", "See the open steps with: reconciler plan", where="STEP")


class _Step(Struct, frozen=True):
    """A question that only a person can answer: the assignment of `staff` to the learner.

    `row` is the operation with an unknown outcome, if there is one. `alone`: without them, nobody holds the slot.
    """

    learner: UserId
    slot: Slot
    staff: UserId
    alone: bool
    row: JournalRow | None = None


def _open_steps(store: Store, site: Site) -> dict[str, _Step]:
    known = store.recorded(site)
    waiting = {(*step.place, step.holder) for step in store.issues(site, "step") if step.due}
    recorded = [
        _Step(learner, slot, staff, alone=True)
        for (learner, slot), staff in known.items()
        # what OneFile shows is read
        if staff is not None and (slot.kind is SlotKind.ADDITIONAL or (learner, slot, staff) in waiting)
    ]
    unknown = [
        _Step(row.operation.learner, slot, move.after, slot.kind is SlotKind.ADDITIONAL, row)
        for row in store.unknown(site)
        for slot, move in row.operation.moves
    ]
    refused = [
        _Step(row.operation.learner, slot, move.after, slot.kind is SlotKind.ADDITIONAL)
        for row in store.failed(site)
        for slot, move in row.operation.moves
        if move.before is Unread.UNREADABLE and (row.operation.learner, slot) not in known  # perhaps there already
    ]
    return {step_id(one.learner, one.slot): one for one in (*refused, *recorded, *unknown)}
