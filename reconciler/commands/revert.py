"""`revert`: a plan that undoes one run, from the journal's before-values."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.commands.plan import Planned, observe_in
from reconciler.model.declared import Declared, DeclaredLearner, Wanted
from reconciler.model.observed import Observed, Recorded
from reconciler.model.operations import Move
from reconciler.model.plan import REVERTED
from reconciler.model.slots import Place, Site, Slot, Unread, UserId
from reconciler.model.structs import replace
from reconciler.plan.compare import make_plan
from reconciler.plan.complete import judge_plan
from reconciler.plan.limits import counts_only
from reconciler.problems import Invalid, Problem, Source, in_order
from reconciler.runtime.commit_files import git_state
from reconciler.runtime.declared_state import read_state
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options
from reconciler.runtime.session import open_session
from reconciler.runtime.store_snapshot import written_by
from reconciler.store import Store

Written = Mapping[Place, Move]


def revert(options: Options, environment: Environment, run: int) -> Planned:
    """Plan to restore who held each slot before `run` wrote it.

    A slot that has changed since is set aside. If nobody held it before, or OneFile did not show who, there is a manual
    step: OneFile has no unassign. The files are not changed: the next apply writes the run's values again unless they
    are reverted too. Raises Invalid for a run that does not exist or wrote nothing.
    """

    async def make() -> Planned:
        async with open_session(options, environment, declared.settings) as session:
            site = Site(session.target.name, declared.settings.organisation)
            written, late = _written(session.store, run, site)
            known = session.store.recorded(site, {learner for learner, _ in written})
            recorded = {place: known[place] for place in written if place in known}
            back = _Back(declared, written, recorded, run, late)
            wanted = back.wanted()
            observed = await observe_in(session, environment, wanted)
            if not back.took_effect(observed):
                raise _wrote_nothing(run)
            plan = make_plan(
                back.unmoved(wanted, observed),
                observed,
                recorded,
                target=session.target.name,
                created_at=environment.clock.now(),
            )
            blocked = plan.summary.blocked + len(back.problems)
            plan = replace(
                plan,
                made_from=files,
                problems=in_order([*plan.problems, *back.problems]),
                summary=replace(plan.summary, blocked=blocked),
            )
            limits = counts_only(declared.settings.limits)
            settings = replace(declared.settings, limits=limits)
            return Planned(judge_plan(plan, replace(declared, settings=settings), observed))

    files = git_state(options.state, environment.note)
    declared = read_state(options, environment)
    return asyncio.run(make())


def _written(store: Store, run: int, site: Site) -> tuple[Written, frozenset[Place]]:
    """Return what the run wrote, slot by slot, and the slots that failed and that OneFile may have shown later."""
    row = store.run(run)
    if row is None or Site(row.target, row.organisation) != site:
        what = f"there is no run {run} for {site.target}, organisation {site.organisation}"
        raise Invalid(Problem(what, "See the runs with: reconciler history", where="RUN"))
    written = written_by(store, run, site)
    if not written:
        raise _wrote_nothing(run)
    return written, frozenset(place for row in store.journal(run) if row.may_show_late for place in row.places)


def _wrote_nothing(run: int) -> Invalid:
    return Invalid(Problem(f"run {run} wrote nothing", "There is nothing to revert.", where="RUN"))


@dataclass
class _Back:
    """The declared state before the run; slots that cannot be restored are in `problems`.

    Of the `late` slots, whose write failed, those count that OneFile shows as written in the end.
    """

    declared: Declared
    written: Written
    recorded: Recorded
    run: int
    late: frozenset[Place] = frozenset()

    def __post_init__(self) -> None:
        self.problems: list[Problem] = []
        self._staff = self.declared.staff_by_id()

    def wanted(self) -> Declared:
        """Return every slot that the run wrote with its holder before; nobody if that is not known."""
        slots: dict[UserId, dict[Slot, Wanted]] = defaultdict(dict)
        for (learner, slot), move in self.written.items():
            before = None if isinstance(move.before, Unread) else move.before
            if before is None or before in self._staff:
                handle = self._staff[before].handle if before is not None else None
                slots[learner][slot] = Wanted(before, handle, Source(f"{REVERTED}{self.run}"))
            else:
                what = f"held account {before}, who is not in staff.yaml"
                self._set_aside(learner, slot, what, "Add them to staff.yaml to restore them.")
        return replace(
            self.declared, learners=tuple(self._learner(user, wanted) for user, wanted in sorted(slots.items()))
        )

    def _learner(self, user: UserId, slots: dict[Slot, Wanted]) -> DeclaredLearner:
        known = next((learner for learner in self.declared.learners if learner.id == user), None)
        if known:
            return replace(known, slots=slots)
        organisation = self.declared.settings.organisation
        return DeclaredLearner(
            user, None, "", f"(run {self.run})", organisation, slots, Source(f"{REVERTED}{self.run}")
        )

    def took_effect(self, observed: Observed) -> bool:
        """Return whether OneFile shows anything that the run wrote, apart from the writes that failed."""
        return any(place not in self.late or self._shows(place, observed) for place in self.written)

    def _shows(self, place: Place, observed: Observed) -> bool:
        learner, slot = place
        return observed.learners[learner].slots.get(slot) == self.written[place].after

    def unmoved(self, wanted: Declared, observed: Observed) -> Declared:
        """Return the same without the slots that have changed since the run."""
        return replace(wanted, learners=tuple(self._unmoved(learner, observed) for learner in wanted.learners))

    def _unmoved(self, learner: DeclaredLearner, observed: Observed) -> DeclaredLearner:
        user = UserId(learner.id or 0)  # wanted() gives every learner an id
        seen = observed.learners[user].slots
        kept = {}
        for slot, want in learner.slots.items():
            if (user, slot) in self.late and not self._shows((user, slot), observed):
                continue
            live = seen.get(slot, Unread.UNREADABLE)
            if live is Unread.UNREADABLE:
                live = self.recorded.get((user, slot), Unread.UNREADABLE)
            if live in (self.written[user, slot].after, want.staff):
                kept[slot] = want
            else:
                what = f"has changed since run {self.run}, or OneFile no longer shows who holds it"
                self._set_aside(user, slot, what, "Change it in the files if it must change.")
        return replace(learner, slots=kept)

    def _set_aside(self, user: UserId, slot: Slot, what: str, fix: str) -> None:
        known = next((learner for learner in self.declared.learners if learner.id == user), None)
        who = known.name() if known else f"learner {user}"
        part = slot.address(user).partition(".")[2]
        self.problems.append(Problem(f"{who}: {part} {what}", fix, where=f"run {self.run}", who=who))
