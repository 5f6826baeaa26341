"""revert: a plan of the inverse of one run, from the journal's before-values; as reviewable as any other."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.commands.plan import Planned, observe_in
from reconciler.model.declared import Declared, DeclaredLearner, Wanted
from reconciler.model.observed import Observed, Recorded
from reconciler.model.operations import Move, State
from reconciler.model.slots import Place, Site, Slot, Unread, UserId
from reconciler.model.structs import replace
from reconciler.plan.compare import make_plan
from reconciler.plan.complete import judge_plan
from reconciler.plan.limits import counts_only
from reconciler.problems import Invalid, Problem, Source, in_order
from reconciler.report.plan.rows import REVERTED
from reconciler.runtime.context import Context
from reconciler.runtime.session import open_session
from reconciler.store import JournalRow, Store

Written = Mapping[Place, Move]


def revert(context: Context, run: int) -> Planned:
    """Plan to put back who stood in each slot before `run` wrote it.

    A slot that holds something else than the run left there has moved since, and is set aside. Where nobody
    stood before, or OneFile did not show who, there is a manual step: OneFile has no unassign. The files stay as
    they are: unless they are put back as well, the next apply writes the run's values again.
    Raises Invalid for a run that is not there or wrote nothing.
    """

    async def make() -> Planned:
        async with open_session(context, declared.settings) as session:
            written = _written(session.store, run, Site(session.target.name, declared.settings.organisation))
            recorded = session.store.recorded(Site(session.target.name, declared.settings.organisation))
            recorded = {key: staff for key, staff in recorded.items() if key in written}
            back = _Back(declared, written, recorded, run)
            wanted = back.wanted()
            observed = await observe_in(session, context, wanted)
            plan = make_plan(
                back.unmoved(wanted, observed),
                observed,
                recorded,
                target=session.target.name,
                created_at=context.clock.now(),
            )
            blocked = plan.summary.blocked + len(back.problems)
            plan = replace(
                plan,
                made_from=context.git_state(),
                problems=in_order([*plan.problems, *back.problems]),
                summary=replace(plan.summary, blocked=blocked),
            )
            limits = counts_only(declared.settings.limits)
            settings = replace(declared.settings, limits=limits)
            return Planned(judge_plan(plan, replace(declared, settings=settings), observed))

    context = context.with_git_state()
    declared = context.declared()
    return asyncio.run(make())


def _written(store: Store, run: int, site: Site) -> Written:
    """What the run is known to have written, slot by slot."""
    found = store.run(run)
    if found is None or (found.target, found.organisation) != (site):
        what = f"there is no run {run} for {site.target}, organisation {site.organisation}"
        raise Invalid(Problem(what, "See the runs with: reconciler history", where="RUN"))
    written = {
        (row.operation.learner, slot): move
        for row in store.journal(run)
        if _took_effect(row)
        for slot, move in row.operation.moves
    }
    if not written:
        raise Invalid(Problem(f"run {run} wrote nothing", "There is nothing to revert.", where="RUN"))
    return written


def _took_effect(row: JournalRow) -> bool:
    """Done; or read back, and failed all the same, because something else moved with it."""
    return row.state is State.DONE or any(one.state is State.DONE and one.proof == "read_back" for one in row.events)


@dataclass
class _Back:
    """The declaration of how it was before the run; who cannot be put back is in `problems`."""

    declared: Declared
    written: Written
    recorded: Recorded
    run: int

    def __post_init__(self) -> None:
        self.problems: list[Problem] = []
        self._staff = self.declared.staff_by_id()

    def wanted(self) -> Declared:
        """Every slot that the run wrote, asking for whom it displaced; nobody, where that is not known."""
        slots: dict[UserId, dict[Slot, Wanted]] = defaultdict(dict)
        for (learner, slot), move in self.written.items():
            before = None if isinstance(move.before, Unread) else move.before
            if before is None or before in self._staff:
                handle = self._staff[before].handle if before is not None else None
                slots[learner][slot] = Wanted(before, handle, Source(f"{REVERTED}{self.run}"))
            else:
                what = f"{slot.address(learner)} held account {before}, who is not in staff.yaml"
                self._aside(what, "Add them to staff.yaml to put them back.")
        return replace(self.declared, learners=tuple(self._learner(*one) for one in sorted(slots.items())))

    def _learner(self, user: UserId, slots: Mapping[Slot, Wanted]) -> DeclaredLearner:
        known = next((one for one in self.declared.learners if one.id == user), None)
        if known:
            return replace(known, slots=slots)
        organisation = self.declared.settings.organisation
        return DeclaredLearner(
            user, None, "", f"(run {self.run})", organisation, slots, Source(f"{REVERTED}{self.run}")
        )

    def unmoved(self, wanted: Declared, observed: Observed) -> Declared:
        """The same, without the slots that hold something else by now than the run left there."""
        return replace(wanted, learners=tuple(self._unmoved(learner, observed) for learner in wanted.learners))

    def _unmoved(self, learner: DeclaredLearner, observed: Observed) -> DeclaredLearner:
        user = UserId(learner.id or 0)  # wanted() gives every learner an id
        seen = observed.learners[user].slots
        kept = {}
        for slot, want in learner.slots.items():
            live = seen.get(slot, Unread.UNREADABLE)
            if live is Unread.UNREADABLE:
                live = self.recorded.get((user, slot), Unread.UNREADABLE)
            if live in (self.written[user, slot].after, want.staff):
                kept[slot] = want
            else:
                what = f"{slot.address(user)} has moved since run {self.run}, or OneFile no longer says who is there"
                self._aside(what, "It is left alone: change it in the files if it must change.")
        return replace(learner, slots=kept)

    def _aside(self, what: str, fix: str) -> None:
        self.problems.append(Problem(what, fix, where=f"run {self.run}"))
