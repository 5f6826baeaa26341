"""`replace`: replaces one member of staff with another in the files, and plans it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from pathlib import Path

from reconciler.commands.plan import Handover, Planned, plan_in
from reconciler.declared.load import read_declared
from reconciler.declared.rules import a_role
from reconciler.editing.assignments import Fields
from reconciler.editing.replace import Replace, Taken, with_cover
from reconciler.model.declared import Cover, Declared, DeclaredLearner, Staff, Wanted
from reconciler.model.plan import Change
from reconciler.model.slots import ROLES_FOR, Handle, LearnerKey, Role, Slot, UserId
from reconciler.model.structs import Struct
from reconciler.model.structs import replace as with_
from reconciler.plan.limits import counts_only
from reconciler.problems import ExitCode, Problem, Source, refuse
from reconciler.runtime.commit_files import git_state
from reconciler.runtime.declared_state import read_state
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options
from reconciler.runtime.session import open_session
from reconciler.runtime.state_edits import Edits, FileEdit
from reconciler.text import did_you_mean, listed, number_of, quoted


class ReplaceRequest(Struct, frozen=True):
    """A replacement of `who` by `by`, from `start` or in all entries that have not ended.

    With `cover`, `by` covers until `end` (None: no end), and the slots keep their holder.
    """

    who: str
    by: str
    start: date | None = None
    cover: bool = False
    end: date | None = None
    reason: str = ""


class Replaced(Handover, Struct, frozen=True):
    """The edits, `written` or not, and their effect on `day`.

    `changes` are the slots that change hands in the files; `planned` is the plan against OneFile.
    """

    request: ReplaceRequest
    day: date
    edits: list[FileEdit]
    taken: list[Taken]
    notes: list[Problem]
    changes: list[Change]
    handles: Mapping[UserId, Handle]
    written: bool
    planned: Planned | None = None

    @property
    def successors(self) -> Mapping[UserId, UserId]:
        """The successor of each member, for additional people: their changes do not show it."""
        ids = {handle: user for user, handle in self.handles.items()}
        return {ids[Handle(self.request.who)]: ids[Handle(self.request.by)]}

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of the plan."""
        return self.planned.exit_code(detailed=False) if self.planned else ExitCode.DONE


def replace(
    options: Options, environment: Environment, request: ReplaceRequest, *, dry_run: bool = False, plans: bool = True
) -> Replaced:
    """Edit the files, and plan the learners who change hands.

    If the plan fails, the files stay edited: they are valid, and `plan` can be run again. Raises Invalid with every
    problem; then nothing is written.
    """
    day = request.start or environment.today()
    before = read_declared(options.state, day)
    refuse(_strangers(request, before))
    edits = Edits(options.state)
    taken = _covered(edits, request, day) if request.cover else _replaced(options, environment, edits, request, before)
    after = edits.declared(day)
    changes = list(changes_between(before, after))
    replaced = Replaced(
        request,
        day,
        edits.edits,
        taken,
        [] if request.cover else list(_notes(request, before, day)),
        changes,
        {member.id: member.handle for member in after.staff.values()},
        written=not dry_run,
    )
    if dry_run:
        return replaced
    edits.write()
    moved = [_name(learner) for learner, _ in moved_between(before, after)]
    if not plans or not moved:
        return replaced
    scope = with_(options, cohorts=(), learners=tuple(moved), since=None, at=day)
    return with_(replaced, planned=asyncio.run(_plan(scope, environment)))


async def _plan(scope: Options, environment: Environment) -> Planned:
    """Plan only the learners who change hands. Limits by share are ignored, because they would always be exceeded."""
    files = git_state(scope.state, environment.note)
    declared = read_state(scope, environment)
    settings = with_(declared.settings, limits=counts_only(declared.settings.limits))
    async with open_session(scope, environment, settings) as session:
        planned = await plan_in(session, scope, environment, with_(declared, settings=settings))
        return planned.made_from(files)


def _strangers(request: ReplaceRequest, declared: Declared) -> Iterator[Problem]:
    for handle, where in ((request.who, "STAFF"), (request.by, "--by")):
        if handle not in declared.staff:
            fix = did_you_mean(handle, declared.staff, "Use a handle of staff.yaml.")
            yield Problem(f"{quoted(handle)} is not in staff.yaml", fix, where=where)
    if request.who == request.by:
        yield Problem(f"{request.who} cannot replace themselves", "Name another member of staff.", where="--by")
    if request.end is not None and request.start is not None and request.end < request.start:
        what = f"the cover ends on {request.end}, before it starts on {request.start}"
        yield Problem(what, "Correct --from or --until.", where="--until")


# ------------------------------------------------------------------ cover


def _covered(edits: Edits, request: ReplaceRequest, day: date) -> list[Taken]:
    """Add a cover to staff.yaml. Reading the result checks roles, overlaps and circles."""
    values = edits.values("staff.yaml")
    cover: Fields = {"by": request.by, "from": day.isoformat()}
    if request.end:
        cover["until"] = request.end.isoformat()
    if request.reason:
        cover["reason"] = request.reason
    with_cover(values, request.who, cover)
    edits.put("staff.yaml", values)
    return []


# ------------------------------------------------------------------ a permanent replacement


def _replaced(
    options: Options, environment: Environment, edits: Edits, request: ReplaceRequest, declared: Declared
) -> list[Taken]:
    chosen = None
    if options.learners:
        scope = read_declared(options.state, declared.day, cohorts=options.cohorts, learners=options.learners)
        chosen = {learner.key for learner in scope.learners}
    elif options.cohorts:
        read_declared(options.state, declared.day, cohorts=options.cohorts)  # refuses a cohort that is not there
    work = Replace(request.who, request.by, request.start, environment.today())
    taken: list[Taken] = []
    problems: list[Problem] = []
    lines: dict[LearnerKey | None, Source] = {learner.key: learner.source for learner in declared.learners}
    for name, cohort in edits.cohorts():
        if options.cohorts and cohort not in options.cohorts:
            continue
        values = edits.values(name)
        done = work.in_cohort(cohort, values, chosen)
        taken += done.taken
        for place, why in done.stuck:
            source = lines.get(place.learner)
            what = f"{request.who} cannot be replaced here: {why}"
            fix = "Change this entry by hand first."
            problems.append(Problem(what, fix, source or Source((options.state / name).as_posix())))
        if done.taken:
            edits.put(name, values)
    problems += _wrong_roles(request, declared, taken, lines, options.state)
    if not taken and not problems:
        problems.append(_holds_nothing(request, declared))
    refuse(problems)
    return taken


def _wrong_roles(
    request: ReplaceRequest,
    declared: Declared,
    taken: Collection[Taken],
    lines: Mapping[LearnerKey | None, Source],
    state: Path,
) -> Iterator[Problem]:
    """Yield one problem per kind of slot, at its first place."""
    by = declared.staff[Handle(request.by)]
    kinds: dict[str, list[Taken]] = defaultdict(list)
    for place in taken:
        if by.role not in ROLES_FOR[place.slot]:
            kinds[place.slot.value].append(place)
    for kind, group in kinds.items():
        first = group[0]
        roles = listed((a_role(role) for role in Role if role in ROLES_FOR[first.slot]), "or")
        what = f"{request.by} is {a_role(by.role)}, but {kind} must be {roles} ({number_of(len(group), 'place')})"
        fix = f"Name {roles} with --by, or change these slots by hand."
        source = lines.get(first.learner)
        yield Problem(what, fix, source or Source((state / "cohorts" / f"{first.cohort}.yaml").as_posix()))


def _holds_nothing(request: ReplaceRequest, declared: Declared) -> Problem:
    when = f" on or after {request.start}" if request.start else ""
    what = f"{request.who} holds no slot in this scope{when}"
    by_cover = [f"{member.handle}'s" for member, _ in covers_by(request.who, declared, declared.day)]
    if by_cover:
        fix = f"Change the cover in staff.yaml: they cover others ({listed(by_cover, 'and')} slots)."
        return Problem(what, fix, where="STAFF")
    return Problem(what, "Check the handle, --from, --cohort and --learner.", where="STAFF")


# ------------------------------------------------------------------ warnings


def covers_by(who: str, declared: Declared, day: date) -> Iterator[tuple[Staff, Cover]]:
    """Yield each cover that somebody still has to do for another, with the one who is covered."""
    for member in declared.staff.values():
        for cover in member.cover:
            if cover.by == who and (cover.end is None or cover.end >= day):
                yield member, cover


def _notes(request: ReplaceRequest, declared: Declared, day: date) -> Iterator[Problem]:
    for member, cover in covers_by(request.who, declared, day):
        what = f"{request.who} also holds {member.handle}'s slots by cover {cover_span(cover)}; these do not change"
        fix = f"Change this cover of {member.handle} if somebody else must cover."
        yield Problem(what, fix, cover.source, severity="warning")
    for handle, means in (
        (request.who, f"it no longer applies to what {request.by} has taken over"),
        (request.by, "it also applies to what they have taken over"),
    ):
        for cover in declared.staff[Handle(handle)].cover:
            if cover.end is None or cover.end >= day:
                what = f"{handle} is covered by {cover.by} {cover_span(cover)}: {means}"
                yield Problem(what, "Change the cover if this is not intended.", cover.source, severity="warning")


def cover_span(cover: Cover) -> str:
    return f"from {cover.start}" + (f" until {cover.end}" if cover.end else " on")


# ------------------------------------------------------------------ the slots before and after


def moved_between(before: Declared, after: Declared) -> Iterator[tuple[DeclaredLearner, Mapping[Slot, Wanted]]]:
    """Yield the learners whose slots differ, with the slots that they had."""
    then = {learner.key: learner.slots for learner in before.learners}
    for learner in after.learners:
        if (had := then.get(learner.key, {})) != learner.slots:
            yield learner, had


def changes_between(before: Declared, after: Declared) -> Iterator[Change]:
    """Yield the slots that change hands in the files, as changes of a plan without a reading."""
    for learner, had in moved_between(before, after):
        for slot in sorted({**had, **learner.slots}, key=Slot.order):
            old, new = had.get(slot), learner.slots.get(slot)
            if old is None or (new is not None and new.staff == old.staff):
                continue
            yield Change(
                learner=learner.id or UserId(0),
                slot=slot,
                label=learner.label or learner.name(),
                cohort=learner.cohort,
                organisation=learner.organisation,
                action="update" if new is not None and new.staff is not None else "delete",
                reason="declared",
                before=old.staff,
                after=new.staff if new else None,
                source=(new or old).source,
            )


def _name(learner: DeclaredLearner) -> str:
    return str(learner.key)
