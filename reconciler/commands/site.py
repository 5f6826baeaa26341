"""`site`: all that the pages of a centre are made of, from the files, the store and, if there is one, a reading."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path

from reconciler.commands.history import Known, RecordedSlot, Timeline
from reconciler.commands.plan import compare, observe_in
from reconciler.commands.who import (
    HeldSlot,
    Recorded,
    SlotWrites,
    carried_out,
    declared_slots,
    recorded_holders,
)
from reconciler.model.declared import Declared, DeclaredLearner, Staff
from reconciler.model.history import IssueKind
from reconciler.model.names import Names
from reconciler.model.observed import Observed
from reconciler.model.plan import Change, GitState, Plan
from reconciler.model.slots import Handle, LearnerKey, Place, Site, Slot, UserId
from reconciler.model.structs import Struct, field, replace
from reconciler.observed.narrow import narrow
from reconciler.plan.calendar import ChangeCalendar, build_calendar
from reconciler.plan.caseload_history import FIRST, CaseloadHistory, Points, Turns, declared_caseloads
from reconciler.plan.later import cut_horizon
from reconciler.plan.lookahead import foresee
from reconciler.problems import Invalid, NoStore, Problem, in_order
from reconciler.runtime.commit_files import git_state
from reconciler.runtime.declared_state import read_ahead
from reconciler.runtime.environment import LONDON, Environment
from reconciler.runtime.open_issues import issues_of
from reconciler.runtime.options import Options
from reconciler.runtime.reading_file import load_reading
from reconciler.runtime.session import open_session
from reconciler.runtime.store_address import store_of
from reconciler.runtime.target import target_of
from reconciler.store import JournalRow, LastApplied, OpenIssue, RunRow, Store
from reconciler.text import did_you_mean, quoted

_AT_ONCE = 500
"""Learners whose histories are in memory together."""
_ALL_RUNS = 100_000
_WARN = timedelta(days=28)
_EVER = datetime(1970, 1, 2, tzinfo=UTC)
_ISSUES: Sequence[IssueKind] = ("drift", "step", "fight")


Writes = Sequence[tuple[RunRow, JournalRow]]
Events = tuple[list[tuple[RunRow, JournalRow]], list[RecordedSlot], list[OpenIssue]]
"""A learner's writes, slots seen as declared, and issues."""


class LearnerFile(Struct, frozen=True):
    """All that is known of one learner: slots with holders, coming shifts, and the timeline.

    `learner` is without slots for one whom no file declares now. `changes` are the learner's rows of the plan.
    """

    learner: DeclaredLearner
    user: UserId | None
    slots: Sequence[HeldSlot]
    timeline: Timeline
    changes: Mapping[Slot, Change] = field(default_factory=dict)


class Centre:
    """A centre on one day, to make pages of; histories and journals are read from the store as they are needed.

    `plan` is what a reading of OneFile at `read_at` shows, None without one. `only` is the member of staff for whom the
    pages are. `past` are the caseloads as runs have recorded them: complete after `learners` has ended.
    """

    def __init__(
        self,
        declared: Declared,
        site: Site,
        files: GitState,
        now: datetime,
        store: Store | None,
        plan: Plan | None,
        only: Staff | None,
        reading: Observed | None,
    ) -> None:
        self.declared, self.site, self.files, self.now = declared, site, files, now
        self.plan, self.only = plan, only
        self.read_at = reading.taken_at if reading else None
        self._store = store
        handles = {member.id: member.handle for member in declared.staff.values()}
        self.names = Names(handles, declared.settings.titles)
        self.people: Mapping[UserId, str] = plan.names if plan else {}
        self.calendar: ChangeCalendar = build_calendar(declared, ())
        self.coming = declared_caseloads(declared)
        self.past = CaseloadHistory(declared.staff.values())
        self.runs: Sequence[RunRow] = self._runs()
        self.issues: Sequence[OpenIssue] = self._issues()
        self._changes = _by_learner(plan)
        self._runs_by_id = {run.id: run for run in self.runs}
        self.users = {learner.key: learner.user(reading.misids if reading else {}) for learner in declared.learners}

    @property
    def day(self) -> date:
        """The day that the pages show."""
        return self.declared.day

    @property
    def run_numbers(self) -> Collection[int]:
        """The numbers of all runs."""
        return self._runs_by_id

    @property
    def first_day(self) -> date:
        """The day of the first run, from which caseloads are known."""
        return self.runs[-1].started.astimezone(LONDON).date() if self.runs else self.day

    def open_issues(self, kind: IssueKind) -> list[OpenIssue]:
        """Return the open issues of a kind that the pages may show, oldest first."""
        seen = {self.users[key] for key in self.visible} if self.only else None
        return [
            issue
            for issue in self.issues
            if issue.matter == kind and not issue.ended and (seen is None or issue.learner in seen)
        ]

    @cached_property
    def last_reading(self) -> datetime | None:
        """The time of the last complete reading: a recorded one, or the one of these pages; None if there is none."""
        recorded = self._store.last_reading(self.site) if self._store else None
        return max((at for at in (recorded, self.read_at) if at), default=None)

    def journal(self, run: int) -> Sequence[JournalRow]:
        """Return all that one run wrote or meant to write."""
        return self._store.journal(run) if self._store else ()

    @cached_property
    def visible(self) -> Mapping[LearnerKey, DeclaredLearner]:
        """Declared learners that the pages show: all, or those of one member of staff, now or on a later day."""
        return {learner.key: learner for learner in self.declared.learners if self._may_see(learner)}

    def caseload(self, member: Staff) -> tuple[Points, Points]:
        """Return a member's number of learners over time: as recorded up to the day, and as declared from it on."""
        return self.past.points(member.id, first=self.first_day), self.coming.points(member.id, first=self.day)

    def slots(self, learner: DeclaredLearner) -> list[HeldSlot]:
        """Return a learner's slots as declared for the day."""
        return list(declared_slots(learner))

    def learners(self) -> Iterator[LearnerFile]:
        """Yield each learner with their history, then those who are only in the record."""
        shown = list(self.visible.values())
        declared = {user for key in self.visible if (user := self.users[key])}
        former = [] if self.only else sorted(self._recorded_learners() - set(self.users.values()) - declared)
        shown += [_former(user, self.declared) for user in former]
        for start in range(0, len(shown), _AT_ONCE):
            yield from self._histories(shown[start : start + _AT_ONCE])

    # -------------------------------------------------------------- from the store

    def _may_see(self, learner: DeclaredLearner) -> bool:
        if self.only is None:
            return True
        slots = self.slots(learner)
        held = any(slot.wanted and slot.wanted.staff == self.only.id for slot in slots)
        later = any(shift.after and shift.after.staff == self.only.id for shift in learner.later)
        return held or later or any(self.only.handle in slot.in_names for slot in slots)

    def _runs(self) -> Sequence[RunRow]:
        if self._store is None:
            return ()
        runs = self._store.runs(target=self.site.target, limit=_ALL_RUNS)
        return [run for run in runs if run.organisation == self.site.organisation]

    def _issues(self) -> Sequence[OpenIssue]:
        if self._store is None:
            return ()
        sites = self.declared.by_site(self.site.target, {})
        return [issue for kind in _ISSUES for issue in issues_of(self._store, sites, kind, ended_since=_EVER)]

    def _recorded_learners(self) -> set[UserId]:
        if self._store is None:
            return set()
        sites = self.declared.by_site(self.site.target, {})
        return {learner for site in sites for learner, _ in self._store.recorded(site)}

    def _histories(self, learners: Sequence[DeclaredLearner]) -> Iterator[LearnerFile]:
        users = {learner.key: self.users.get(learner.key, learner.id) for learner in learners}
        ids = [user for user in users.values() if user is not None]
        rows = self._store.writes_to(ids, target=self.site.target) if self._store and ids else ()
        applied = self._store.last_applied(self.site, ids) if self._store and ids else {}
        writes = carried_out(rows)
        records: dict[UserId, dict[Slot, Recorded]] = defaultdict(dict)
        for place, recorded in recorded_holders(applied, writes).items():
            records[place[0]][place[1]] = recorded
        events = self._events(rows, applied)
        for learner in learners:
            user = users[learner.key]
            slots = self._with_records(learner, user, records.get(user, {}) if user else {})
            written, seen, issues = events[user] if user else ([], [], [])
            known = Known(self.names, (learner,))
            timeline = Timeline(written, seen, issues, [user] if user else [], known, self.now)
            if user:
                self.past.add(_turns(user, slots, writes, seen))
            yield LearnerFile(learner, user, slots, timeline, self._changes.get(user or UserId(0), {}))

    def _events(self, rows: Writes, applied: Mapping[Place, LastApplied]) -> Mapping[UserId, Events]:
        """Return writes, slots seen as declared, and issues, by learner."""
        events: dict[UserId, Events] = defaultdict(lambda: ([], [], []))
        written = {(run.id, place) for run, row in rows for place in row.places}
        for run, row in rows:
            events[row.operation.learner][0].append((run, row))
        for place, last in applied.items():
            if (last.run, place) not in written and last.run in self._runs_by_id:
                seen = RecordedSlot(*place, last.staff, last.at, self._runs_by_id[last.run])
                events[place[0]][1].append(seen)
        for issue in self.issues:
            events[issue.learner][2].append(issue)
        return events

    def _with_records(
        self, learner: DeclaredLearner, user: UserId | None, records: Mapping[Slot, Recorded]
    ) -> list[HeldSlot]:
        own = dict(records)
        rows = [replace(row, learner=user, recorded=own.pop(row.slot, None)) for row in self.slots(learner)]
        rest = sorted(own.items(), key=lambda item: item[0].order())
        return rows + [
            HeldSlot(user, learner.label, learner.cohort, slot, None, recorded=recorded)
            for slot, recorded in rest
            if recorded.staff is not None
        ]


@contextmanager
def open_centre(
    options: Options,
    environment: Environment,
    *,
    observed: Path | None = None,
    read: bool = False,
    only: str | None = None,
) -> Iterator[Centre]:
    """Yield all that the pages are made of; the store is open until the end.

    `observed` is a saved reading; with `read`, OneFile is read now; without both, no call is made. `only` is the handle
    of the member of staff who may see the pages. Raises Invalid, ServiceError or StoreError.
    """
    files = git_state(options.state, environment.note)
    declared = read_ahead(options.whole(), environment)
    near = cut_horizon(declared, declared.day + min(_WARN, date.max - declared.day))
    declared = replace(declared, warnings=in_order([*declared.warnings, *foresee(near)]))
    member = _member(declared, only) if only is not None else None
    site = Site(target_of(options, environment, declared.settings).name, declared.settings.organisation)
    reading = load_reading(observed, declared, site.target) if observed else None
    if read:
        reading = asyncio.run(_read(options, environment, declared))
    if reading is not None:
        reading = narrow(reading, declared)
    with ExitStack() as stack:
        store = None
        with suppress(NoStore):
            store = stack.enter_context(store_of(options, environment, make=reading is not None))
        plan = None
        if reading is not None and store is not None:
            plan = compare(
                declared, reading, store, site.target, replace(options.whole(), everyone=True), environment
            ).plan
        if plan is not None and declared.settings.names != "always":  # pages outlast the screen
            plan = replace(plan, names={})
        yield Centre(declared, site, files, environment.clock.now(), store, plan, member, reading)


async def _read(options: Options, environment: Environment, declared: Declared) -> Observed:
    async with open_session(options, environment, declared.settings) as session:
        return await observe_in(session, environment, declared)


def _member(declared: Declared, handle: str) -> Staff:
    if member := declared.staff.get(Handle(handle)):
        return member
    fix = did_you_mean(handle, declared.staff, "Use a handle of staff.yaml.")
    raise Invalid(Problem(f"{quoted(handle)} is not in staff.yaml", fix, where="--for"))


def _former(user: UserId, declared: Declared) -> DeclaredLearner:
    settings = declared.settings
    return DeclaredLearner(user, None, "", "", settings.organisation, {}, settings.source)


def _by_learner(plan: Plan | None) -> Mapping[UserId, Mapping[Slot, Change]]:
    changes: dict[UserId, dict[Slot, Change]] = defaultdict(dict)
    for change in plan.changes if plan else ():
        changes[change.learner][change.slot] = change
    return changes


def _turns(user: UserId, slots: Sequence[HeldSlot], writes: SlotWrites, seen: Sequence[RecordedSlot]) -> Turns:
    """Return who held the learner's slots from when on, as runs wrote or saw it."""
    turns: dict[Slot, list[tuple[date, UserId | None]]] = defaultdict(list)
    places = {slot.slot for slot in slots} | {slot.slot for slot in seen}
    for slot in places:
        own = list(reversed(writes.get((user, slot), ())))
        if own and isinstance(own[0][2].before, int):
            turns[slot].append((FIRST, UserId(own[0][2].before)))
        turns[slot] += [(_day(row.events[-1].at), move.after) for _, row, move in own]
    for recorded in seen:
        turns[recorded.slot].append((_day(recorded.at), recorded.staff))
    return {slot: sorted(days, key=lambda turn: turn[0]) for slot, days in turns.items()}


def _day(moment: datetime) -> date:
    return moment.astimezone(LONDON).date()
