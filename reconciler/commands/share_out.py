"""`share-out`: gives the learners of leavers, or of people with too many, to several heirs in the files."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from reconciler.commands.plan import Handover, Planned, observe_in, plan_in
from reconciler.commands.replace import changes_between, cover_span, covers_by
from reconciler.declared.load import read_declared
from reconciler.declared.selection import choose
from reconciler.editing.assignments import Fields
from reconciler.editing.assignments import learners_of as entries_of
from reconciler.editing.replace import Replacement, Taken, learner_key
from reconciler.editing.share_out import defaults_name, give, slots_of
from reconciler.model.declared import Declared, DeclaredLearner, Staff
from reconciler.model.observed import Observed
from reconciler.model.plan import Change
from reconciler.model.slots import Handle, LearnerKey, Slot, SlotKind, UserId
from reconciler.model.structs import Struct
from reconciler.model.structs import replace as with_
from reconciler.plan.caseload import KINDS, by_staff, learners_of
from reconciler.plan.limits import counts_only
from reconciler.problems import ExitCode, Invalid, Problem, Source, refuse
from reconciler.runtime.commit_files import git_state
from reconciler.runtime.declared_state import read_state
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options
from reconciler.runtime.session import open_session
from reconciler.runtime.state_edits import Edits, FileEdit
from reconciler.sharing.build import Given, as_declared, build_problem, new_findings, read_from_files, side_of
from reconciler.sharing.obstacles import Obstacle, obstacles_of
from reconciler.sharing.problem import Shared, ShareProblem
from reconciler.sharing.reasons import Reason, reasons_of
from reconciler.sharing.solver import solve
from reconciler.text import did_you_mean, quoted

if TYPE_CHECKING:
    from reconciler.runtime.session import Session


class ShareRequest(Struct, frozen=True):
    """Leavers whose slots are given to others, from `start` or in all entries that have not ended.

    `to`: only these people take learners. With `rebalance` nobody leaves: people above their target give learners away.
    """

    leavers: tuple[str, ...] = ()
    to: tuple[str, ...] = ()
    start: date | None = None
    rebalance: bool = False


class Assignment(Struct, frozen=True):
    """One learner with who gives and who takes, or None if nobody may. Learners who stay are not among them."""

    learner: DeclaredLearner
    slots: Mapping[Handle, Sequence[Slot]]
    side: str
    heir: Handle | None
    reasons: tuple[Reason, ...] = ()


class Load(Struct, frozen=True):
    """Caseload of one person before and after; `leaves`: all that they hold in this scope is given away."""

    handle: Handle
    before: int
    after: int
    target: int | None
    maximum: int | None
    hours: float
    leaves: bool = False


class SharedOut(Handover, Struct, frozen=True):
    """The proposal with its edits, `written` or not. `read`: OneFile was read, not only the files.

    `obstacles` has what stands in the way of learners without an heir; then nothing is written.
    """

    request: ShareRequest
    day: date
    read: bool
    problem: ShareProblem
    shared: Shared
    assignments: list[Assignment]
    loads: list[Load]
    obstacles: tuple[Obstacle, ...]
    edits: list[FileEdit]
    taken: list[Taken]
    notes: list[Problem]
    changes: list[Change]
    handles: Mapping[UserId, Handle]
    titles: Mapping[int | str, str]
    written: bool = False
    planned: Planned | None = None

    @property
    def unplaced(self) -> int:
        """The number of learners without an heir."""
        return self.shared.heirs.count(None)

    @property
    def exit_code(self) -> ExitCode:
        """Blocked if a learner has no heir; else the exit code of the plan."""
        if self.unplaced:
            return ExitCode.BLOCKED
        return self.planned.exit_code(detailed=False) if self.planned else ExitCode.DONE


def share_out(
    options: Options, environment: Environment, request: ShareRequest, *, dry_run: bool = False, plans: bool = True
) -> SharedOut:
    """Choose an heir for each learner, edit the files, and plan the learners who change hands.

    With `plans`, OneFile is read first, and who holds what there counts as well. Without an heir for everybody nothing
    is written. Raises Invalid with every problem; then nothing is written.
    """
    day = request.start or environment.today()
    before = read_state(with_(options.whole(), at=day), environment)
    work = _Work(options, environment, request, before)
    if not plans:
        shared, edits = work.shared_out(read_from_files(before), read=False)
        return _written(shared, edits) if not dry_run else shared
    return asyncio.run(_with_onefile(work, dry_run))


async def _with_onefile(work: _Work, dry_run: bool) -> SharedOut:
    options, environment, before = work.options, work.environment, work.before
    settings = with_(before.settings, limits=counts_only(before.settings.limits))
    async with open_session(options, environment, settings) as session:
        observed = await observe_in(session, environment, work.scoped)
        shared, edits = work.shared_out(observed, read=True)
        if dry_run or shared.unplaced:
            return shared
        shared = _written(shared, edits)
        return with_(shared, planned=await _plan(work, shared, session)) if shared.changes else shared


def _written(shared: SharedOut, edits: Edits) -> SharedOut:
    if shared.unplaced:
        return shared
    edits.write()
    return with_(shared, written=True)


async def _plan(work: _Work, shared: SharedOut, session: Session) -> Planned:
    """Plan only the learners who change hands. Limits by share are ignored, because they would always be exceeded."""
    keys = dict.fromkeys(str(assignment.learner.key) for assignment in shared.assignments)
    scope = with_(work.options, cohorts=(), learners=tuple(keys), since=None, at=shared.day)
    files = git_state(scope.state, work.environment.note)
    declared = read_state(scope, work.environment)
    declared = with_(declared, settings=with_(declared.settings, limits=counts_only(declared.settings.limits)))
    return (await plan_in(session, scope, work.environment, declared)).made_from(files)


@dataclass
class _Work:
    """The question of one command: who gives which slots away, and the files."""

    options: Options
    environment: Environment
    request: ShareRequest
    before: Declared
    given: list[Given] = field(init=False)
    scoped: Declared = field(init=False)

    def __post_init__(self) -> None:
        refuse(_wrong_people(self.request, self.before))
        self._edits = Edits(self.options.state)
        self._values = {
            name: (cohort, self._edits.values(name))
            for name, cohort in self._edits.cohorts()
            if not self.options.cohorts or cohort in self.options.cohorts
        }
        self._chosen = self._scope()
        self.given = self._rebalanced() if self.request.rebalance else self._left()
        if not self.given and not list(self._left_in_defaults()):
            raise Invalid([_nothing(self.request)])
        concerned = {item.learner.key for item in self.given}
        learners = tuple(learner for learner in self.before.everyone if learner.key in concerned)
        self.scoped = with_(self.before, learners=learners, left_out=len(self.before.everyone) - len(learners))

    def _scope(self) -> Collection[LearnerKey]:
        """Return the learners of the command's scope."""
        if self.options.cohorts:  # refuses a cohort that is not there
            read_declared(self.options.state, self.before.day, cohorts=self.options.cohorts)
        chosen, unknown = choose(list(self.before.everyone), self.options.cohorts, self.options.learners)
        if unknown:
            raise Invalid(unknown)
        return {learner.key for learner in chosen}

    # -------------------------------------------------------------- who gives what

    def _taken(self, handle: str) -> dict[LearnerKey, list[Slot]]:
        """Return the slots that a replacement of this person would change, by learner."""
        slots: dict[LearnerKey, list[Slot]] = defaultdict(list)
        for cohort, values in self._values.values():
            for place in slots_of(handle, cohort, values, self.request.start, self.environment.today()):
                if place.learner is not None and place.learner in self._chosen:
                    key = self.before.staff[Handle(handle)].id if place.slot is SlotKind.ADDITIONAL else place.key
                    slots[place.learner].append(Slot(place.slot, key))
        return slots

    def _left(self) -> list[Given]:
        """Return the tasks of leavers: one for each learner and side."""
        tasks: dict[tuple[LearnerKey, str], dict[Handle, list[Slot]]] = defaultdict(dict)
        for leaver in self.request.leavers:
            side = side_of(self.before.staff[Handle(leaver)].role)
            for key, slots in self._taken(leaver).items():
                tasks[key, side][Handle(leaver)] = slots
        learners = {learner.key: learner for learner in self.before.everyone}
        order = {learner.key: place for place, learner in enumerate(self.before.everyone)}
        return [
            Given(learners[key], side, slots)
            for (key, side), slots in sorted(tasks.items(), key=lambda item: (order[item[0][0]], item[0][1]))
        ]

    def _rebalanced(self) -> list[Given]:
        """Return the tasks of people above their target, or their maximum: each learner may stay."""
        files = read_from_files(self.before)
        members = [member for member in self.before.staff.values() if member.role in KINDS]
        loads = by_staff(files, as_declared(with_(self.before, learners=self.before.everyone), files), members)
        learners = {learner.key: learner for learner in self.before.everyone}
        given = []
        for member in sorted(members, key=lambda member: member.handle):
            bound = member.caseload_max if member.caseload_target is None else member.caseload_target
            if bound is None or len(learners_of(member, loads)) <= bound:
                continue
            if self.request.to and member.handle not in self.request.to:
                continue
            for key, slots in self._taken(member.handle).items():
                given.append(Given(learners[key], side_of(member.role), {member.handle: slots}, keeps=True))
        return given

    def _left_in_defaults(self) -> Iterator[tuple[str, str, str]]:
        """Yield each leaver whom a cohort's defaults name: the leaver, the cohort and its file."""
        for leaver in self.request.leavers:
            for name, (cohort, values) in self._values.items():
                if defaults_name(leaver, cohort, values, self.request.start, self.environment.today()):
                    yield leaver, cohort, name

    # -------------------------------------------------------------- the proposal

    def shared_out(self, observed: Observed, *, read: bool) -> tuple[SharedOut, Edits]:
        """Return the proposal and its edits, not yet written; without an heir for everybody there are no edits."""
        problem = build_problem(self.scoped, observed, self.given, [Handle(handle) for handle in self.request.to])
        shared = solve(problem)
        reasons = reasons_of(problem, shared.heirs)
        moves = [
            Assignment(item.learner, item.slots, item.side, heir, reasons[place])
            for place, (item, heir) in enumerate(zip(self.given, shared.heirs, strict=True))
            if not (item.keeps and heir in item.slots)
        ]
        taken = self._edit(moves) if None not in shared.heirs else []
        after = with_(self._edits.declared(self.before.day), settings=self.before.settings)
        refuse(_breaches(self.scoped, after, observed))
        settings, staff = self.before.settings, self.before.staff
        return (
            SharedOut(
                self.request,
                self.before.day,
                read,
                problem,
                shared,
                moves,
                _loads(problem, shared, staff),
                obstacles_of(problem, shared),
                self._edits.edits,
                taken,
                [
                    *_notes(self.request, self.before, read=read),
                    *(self._defaults_notes() if taken or not moves else ()),
                ],
                list(changes_between(self.before, after)),
                {member.id: member.handle for member in staff.values()},
                settings.titles,
            ),
            self._edits,
        )

    def _defaults_notes(self) -> Iterator[Problem]:
        """Warn of defaults that name a leaver, whom the next new learner would get."""
        for leaver, cohort, name in self._left_in_defaults():
            if not self.options.learners:
                what = f"the defaults of {cohort} still name {leaver}"
                fix = f"Choose a successor: `reconciler replace {leaver} --by STAFF --cohort {cohort}`."
                yield Problem(what, fix, Source((self.options.state / name).as_posix()), severity="warning")

    def _edit(self, moves: Sequence[Assignment]) -> list[Taken]:
        """Edit the cohort files. Raises Invalid if an entry cannot change alone."""
        heirs: dict[Handle, dict[LearnerKey, str]] = {Handle(leaver): {} for leaver in self.request.leavers}
        for move in moves:
            for giver in move.slots:
                heirs.setdefault(giver, {})[move.learner.key] = str(move.heir)
        taken: list[Taken] = []
        problems: list[Problem] = []
        for name, (cohort, values) in self._values.items():
            done = [self._given_in(cohort, values, giver, heirs[giver]) for giver in sorted(heirs)]
            problems += [
                self._stuck(name, giver, *stuck)
                for giver, part in zip(sorted(heirs), done, strict=True)
                for stuck in part.stuck
            ]
            if edited := [place for part in done for place in part.taken]:
                taken += edited
                self._edits.put(name, values)
        refuse(problems)
        return taken

    def _given_in(self, cohort: str, values: Fields, giver: Handle, heirs: Mapping[LearnerKey, str]) -> Replacement:
        present = _keys(values)
        counts = Counter(heirs.values())
        return give(
            giver,
            cohort,
            values,
            {key: heir for key, heir in heirs.items() if key in present},
            self.request.start,
            self.environment.today(),
            whole=not self.request.rebalance and not self.options.learners,
            otherwise=min(counts, key=lambda heir: (-counts[heir], heir), default=None),
        )

    def _stuck(self, name: str, giver: Handle, place: Taken, why: str) -> Problem:
        lines = {learner.key: learner.source for learner in self.before.everyone}
        source = lines.get(place.learner or "") or Source((self.options.state / name).as_posix())
        return Problem(f"{giver} cannot be replaced here: {why}", "Change this entry by hand first.", source)


def _loads(problem: ShareProblem, shared: Shared, staff: Mapping[Handle, Staff]) -> list[Load]:
    """Return the leavers, and everybody whose caseload changes or has a bound."""
    came = Counter(
        heir for task, heir in zip(problem.tasks, shared.heirs, strict=True) if heir and heir not in task.known
    )
    rows = [
        Load(
            person.handle,
            person.now,
            person.load + came[person.handle],
            person.target,
            staff[person.handle].caseload_max,
            person.hours,
        )
        for person in problem.people
    ]
    leaving = [
        Load(person.handle, person.now, person.load, None, None, person.hours, leaves=True)
        for person in problem.leavers
    ]
    return [*leaving, *(row for row in rows if row.before != row.after or (row.target, row.maximum) != (None, None))]


def _keys(values: Fields) -> set[LearnerKey]:
    return {learner_key(learner) for learner in entries_of(values)}


# ------------------------------------------------------------------ refusals and warnings


def _wrong_people(request: ShareRequest, declared: Declared) -> Iterator[Problem]:
    for handle, where in (*((leaver, "STAFF") for leaver in request.leavers), *((heir, "--to") for heir in request.to)):
        if handle not in declared.staff:
            fix = did_you_mean(handle, declared.staff, "Use a handle of staff.yaml.")
            yield Problem(f"{quoted(handle)} is not in staff.yaml", fix, where=where)
        elif where == "--to" and handle in request.leavers:
            yield Problem(f"{handle} leaves and cannot take learners", "Name other people.", where=where)


def _nothing(request: ShareRequest) -> Problem:
    if request.rebalance:
        what = "nobody in this scope holds more learners than their target"
        return Problem(what, "Set caseload in staff.yaml, or check --to.", where="--rebalance")
    what = (
        f"{' and '.join(request.leavers)} hold no slot in this scope"
        if len(request.leavers) > 1
        else (f"{request.leavers[0]} holds no slot in this scope")
    )
    return Problem(what, "Check the handle, --from, --cohort and --learner.", where="STAFF")


def _breaches(before: Declared, after: Declared, observed: Observed) -> Iterator[Problem]:
    """Report what the edited files would break although no heir breaks it alone: no proposal may."""
    concerned = {learner.key for learner in before.learners}
    scoped = with_(after, learners=tuple(learner for learner in after.everyone if learner.key in concerned))
    for finding in new_findings(before, scoped, observed):
        fix = "Leave this person out with --to, or change the learner by hand first. Nothing was written."
        yield Problem(f"policy {finding.policy}: {finding.what}", fix, where="share-out")


def _notes(request: ShareRequest, declared: Declared, *, read: bool) -> Iterator[Problem]:
    for leaver in request.leavers:
        for member, cover in covers_by(leaver, declared, declared.day):
            what = f"{leaver} also covers {member.handle} {cover_span(cover)}; this does not change"
            fix = f"Change this cover of {member.handle} in staff.yaml."
            yield Problem(what, fix, cover.source, severity="warning")
    if not read:
        what = "OneFile was not read: placements and slots that the files do not have were not judged"
        yield Problem(what, "Run `reconciler plan` before you merge.", severity="warning")
