"""replace: one member of staff in another's place, in the files; then the plan of it, and what people hand over."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from pathlib import Path

from reconciler.commands.plan import Planned, plan_in
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
from reconciler.problems import ExitCode, Invalid, Problem, Source
from reconciler.runtime.context import Context
from reconciler.runtime.session import open_session
from reconciler.runtime.state_edits import Edits, FileEdit
from reconciler.text import did_you_mean, listed, number_of, quoted


class ReplaceRequest(Struct, frozen=True):
    """Who gives way to whom. `start` None: in every time that has not ended; else from that day on.

    With `cover`, `by` stands in until `end` (None: for good) and the slots stay whose they are.
    """

    who: str
    by: str
    start: date | None = None
    cover: bool = False
    end: date | None = None
    reason: str = ""


class Replaced(Struct, frozen=True):
    """What the edit is (`written` or not) and what follows from it on `day`: `changes` of the files' own slots, and the
    plan against OneFile where one was asked for."""

    asked: ReplaceRequest
    day: date
    edits: list[FileEdit]
    taken: list[Taken]
    notes: list[Problem]
    changes: list[Change]
    handles: Mapping[UserId, Handle]
    written: bool
    planned: Planned | None = None

    @property
    def title(self) -> str:
        """What was done, or would be, in one sentence without its full stop."""
        who, by = self.asked.who, self.asked.by
        if self.asked.cover:
            end = f" until {self.asked.end}" if self.asked.end else ", for good"
            return f"{by} {'stands' if self.written else 'would stand'} in for {who} from {self.day}{end}"
        when = f" from {self.asked.start}" if self.asked.start else ""
        verb = "is" if self.written else "would be"
        return f"{who} {verb} replaced by {by}{when} in {number_of(len(self.taken), 'place')}"

    @property
    def handed(self) -> tuple[Change, ...]:
        """The changes that people hand over by: as OneFile holds them where it was read."""
        return self.planned.plan.changes if self.planned else tuple(self.changes)

    @property
    def successors(self) -> Mapping[UserId, UserId]:
        """Whose place among the additional people goes to whom, which the changes themselves do not say."""
        ids = {handle: user for user, handle in self.handles.items()}
        return {ids[Handle(self.asked.who)]: ids[Handle(self.asked.by)]}

    @property
    def exit_code(self) -> ExitCode:
        return self.planned.exit_code(detailed=False) if self.planned else ExitCode.DONE


def replace(context: Context, asked: ReplaceRequest, *, dry_run: bool = False, plans: bool = True) -> Replaced:
    """Edit the files, and plan the learners who change hands. Raises Invalid with everything that is wrong, and then
    nothing is written. A plan that fails leaves the files edited: they are valid, and `plan` can be run again."""
    day = asked.start or context.today()
    before = read_declared(context.state, day)
    _refuse(_strangers(asked, before))
    edits = Edits(context.state)
    taken = _covered(edits, asked, day) if asked.cover else _replaced(context, edits, asked, before)
    after = edits.declared(day)
    changes = list(_changes(before, after))
    replaced = Replaced(
        asked,
        day,
        edits.edits,
        taken,
        [] if asked.cover else list(_notes(asked, before, day)),
        changes,
        {member.id: member.handle for member in after.staff.values()},
        written=not dry_run,
    )
    if dry_run:
        return replaced
    edits.write()
    moved = [_name(learner) for learner, _ in _moved(before, after)]
    if not plans or not moved:
        return replaced
    scope = with_(context, cohorts=(), learners=tuple(moved), since=None, at=day)
    return with_(replaced, planned=asyncio.run(_plan(scope)))


async def _plan(scope: Context) -> Planned:
    """Of those who change hands and nobody else, so a limit that is a share of the slots in scope would always refuse:
    only counts are judged, as where a run is reverted; `plan` judges the rest."""
    declared = scope.declared()
    settings = with_(declared.settings, limits=counts_only(declared.settings.limits))
    async with open_session(scope, settings) as session:
        return await plan_in(session, scope, with_(declared, settings=settings))


def _refuse(problems: Iterator[Problem]) -> None:
    if found := list(problems):
        raise Invalid(found)


def _strangers(asked: ReplaceRequest, declared: Declared) -> Iterator[Problem]:
    for handle, where in ((asked.who, "STAFF"), (asked.by, "--by")):
        if handle not in declared.staff:
            fix = did_you_mean(handle, declared.staff, "name a handle of staff.yaml.")
            yield Problem(f"{quoted(handle)} is not in staff.yaml", fix, where=where)
    if asked.who == asked.by:
        yield Problem(f"{asked.who} cannot take their own place", "Name somebody else.", where="--by")
    if asked.end is not None and asked.start is not None and asked.end < asked.start:
        what = f"the cover ends on {asked.end}, before it starts on {asked.start}"
        yield Problem(what, "Correct --from or --until.", where="--until")


# ------------------------------------------------------------------ cover


def _covered(edits: Edits, asked: ReplaceRequest, day: date) -> list[Taken]:
    """A stand-in in staff.yaml. Roles, overlaps and circles are judged as for every cover, by reading the result."""
    values = edits.values("staff.yaml")
    cover: Fields = {"by": asked.by, "from": day.isoformat()}
    if asked.end:
        cover["until"] = asked.end.isoformat()
    if asked.reason:
        cover["reason"] = asked.reason
    with_cover(values, asked.who, cover)
    edits.put("staff.yaml", values)
    return []


# ------------------------------------------------------------------ for good


def _replaced(context: Context, edits: Edits, asked: ReplaceRequest, declared: Declared) -> list[Taken]:
    chosen = None
    if context.learners:
        scope = read_declared(context.state, declared.day, cohorts=context.cohorts, learners=context.learners)
        chosen = {learner.key for learner in scope.learners}
    elif context.cohorts:
        read_declared(context.state, declared.day, cohorts=context.cohorts)  # refuses a cohort that is not there
    work = Replace(asked.who, asked.by, asked.start, context.today())
    taken: list[Taken] = []
    problems: list[Problem] = []
    lines: dict[LearnerKey | None, Source] = {learner.key: learner.source for learner in declared.learners}
    for name, cohort in edits.cohorts():
        if context.cohorts and cohort not in context.cohorts:
            continue
        values = edits.values(name)
        done = work.in_cohort(cohort, values, chosen)
        taken += done.taken
        for place, why in done.stuck:
            source = lines.get(place.learner)
            what = f"{asked.who} cannot be replaced here: {why}"
            fix = "Change this entry by hand first."
            problems.append(Problem(what, fix, source or Source((context.state / name).as_posix())))
        if done.taken:
            edits.put(name, values)
    problems += _wrong_roles(asked, declared, taken, lines, context.state)
    if not taken and not problems:
        problems.append(_holds_nothing(asked, declared))
    _refuse(iter(problems))
    return taken


def _wrong_roles(
    asked: ReplaceRequest,
    declared: Declared,
    taken: Collection[Taken],
    lines: Mapping[LearnerKey | None, Source],
    state: Path,
) -> Iterator[Problem]:
    """One problem per kind of slot, at the first place of each."""
    by = declared.staff[Handle(asked.by)]
    kinds: dict[str, list[Taken]] = defaultdict(list)
    for one in taken:
        if by.role not in ROLES_FOR[one.slot]:
            kinds[one.slot.value].append(one)
    for kind, group in kinds.items():
        first = group[0]
        roles = listed((a_role(role) for role in Role if role in ROLES_FOR[first.slot]), "or")
        what = f"{asked.by} is {a_role(by.role)}, but {kind} must be {roles} ({number_of(len(group), 'place')})"
        fix = f"Name {roles} with --by; slots of other kinds can be given to somebody else by hand."
        source = lines.get(first.learner)
        yield Problem(what, fix, source or Source((state / "cohorts" / f"{first.cohort}.yaml").as_posix()))


def _holds_nothing(asked: ReplaceRequest, declared: Declared) -> Problem:
    when = f"on or after {asked.start}" if asked.start else "any more"
    what = f"the files give {asked.who} no slot here {when}"
    by_cover = [f"{member.handle}'s" for member, _ in _stands_in(asked, declared, declared.day)]
    if by_cover:
        fix = f"They stand in for others ({listed(by_cover, 'and')} cover in staff.yaml): change it there."
        return Problem(what, fix, where="STAFF")
    return Problem(what, "Check the handle, --from, --cohort and --learner.", where="STAFF")


# ------------------------------------------------------------------ what else to know


def _stands_in(asked: ReplaceRequest, declared: Declared, day: date) -> Iterator[tuple[Staff, Cover]]:
    for member in declared.staff.values():
        for cover in member.cover:
            if cover.by == asked.who and (cover.end is None or cover.end >= day):
                yield member, cover


def _notes(asked: ReplaceRequest, declared: Declared, day: date) -> Iterator[Problem]:
    for member, cover in _stands_in(asked, declared, day):
        what = f"{asked.who} also holds {member.handle}'s slots by cover {_span(cover)}; these stay with {asked.who}"
        fix = f"If somebody else shall stand in, change this cover of {member.handle}."
        yield Problem(what, fix, cover.source, severity="warning")
    for handle, means in (
        (asked.who, f"what went to {asked.by} no longer falls under it"),
        (asked.by, "what they took over falls under it too"),
    ):
        for cover in declared.staff[Handle(handle)].cover:
            if cover.end is None or cover.end >= day:
                what = f"{handle} is covered by {cover.by} {_span(cover)}: {means}"
                yield Problem(what, "Change the cover if that is not meant.", cover.source, severity="warning")


def _span(cover: Cover) -> str:
    return f"from {cover.start}" + (f" until {cover.end}" if cover.end else " on")


# ------------------------------------------------------------------ what the files ask for, before and after


def _moved(before: Declared, after: Declared) -> Iterator[tuple[DeclaredLearner, Mapping[Slot, Wanted]]]:
    """The learners whose slots differ, with the slots that they had."""
    then = {learner.key: learner.slots for learner in before.learners}
    for learner in after.learners:
        if (had := then.get(learner.key, {})) != learner.slots:
            yield learner, had


def _changes(before: Declared, after: Declared) -> Iterator[Change]:
    """The slots of the files that change hands on the day, as changes of a plan that read nothing."""
    for learner, had in _moved(before, after):
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
