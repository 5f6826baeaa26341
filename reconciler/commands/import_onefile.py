"""import: files made from what OneFile holds, proven to ask for nothing before any of them is written."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from reconciler.apply.journal import as_declared
from reconciler.importing.existing_state import Existing, read_existing
from reconciler.importing.from_onefile import FileOptions, Labels, LeftOut, OneFileImport, import_census
from reconciler.importing.naming import cohort_name_fault
from reconciler.importing.read_census import take_census
from reconciler.model.census import READABLE, Census, Scope
from reconciler.model.declared import Settings
from reconciler.model.observed import Observed, ObservedLearner, ObservedStaff, Recorded
from reconciler.model.plan import Plan
from reconciler.model.slots import LISTED, SINGLE, OrganisationId, Site, SlotKind, UserId
from reconciler.model.structs import Struct, replace
from reconciler.observed.narrow import narrow
from reconciler.onefile.reader import Reader
from reconciler.plan.compare import Unsettled, make_plan
from reconciler.plan.complete import judge_plan
from reconciler.problems import ExitCode, Invalid, Locked, Problem, ReconcilerError, StoreError
from reconciler.report.common.words import kind_words
from reconciler.report.import_ import Written
from reconciler.runtime.context import Context
from reconciler.runtime.lock import locked
from reconciler.runtime.session import Session, begin_run, learnt_capabilities, open_session, progress_listener
from reconciler.runtime.state_files import (
    FAULT,
    already_there,
    first_settings,
    new_texts,
    read_back,
    unnamed_target,
    write_new,
)
from reconciler.runtime.store_snapshot import unsettled
from reconciler.text import number_of


class ImportOptions(Struct, frozen=True):
    """What the command line asks for; classrooms and placements are named by id or by exact name."""

    organisation: int | None = None
    classrooms: tuple[str, ...] = ()
    placements: tuple[str, ...] = ()
    assessors: tuple[int, ...] = ()
    without: tuple[str, ...] = ()  # of LAYERS
    cohort: str = ""
    names: bool = False
    labels: Labels = ""
    all_staff: bool = False

    def kinds(self) -> frozenset[SlotKind]:
        return READABLE.difference(*(LAYERS[layer] for layer in self.without))


LAYERS: Mapping[str, frozenset[SlotKind]] = {
    **{name: frozenset({kind}) for name, kind in SINGLE.items()},
    **{name: frozenset(listed.kinds.values()) for name, listed in LISTED.items()},
}


class _Seen(Struct, frozen=True):
    """What was read and remembered, and of which target."""

    census: Census
    target: str
    settings: Settings
    classrooms: Mapping[int, str]
    recorded: Recorded
    unsettled: Unsettled


def import_centre(context: Context, wish: ImportOptions) -> Written:
    """Read what is asked for and write it as new files. Raises Invalid, ServiceError or StoreError; then none is."""
    existing = read_existing(context.state, context.day())
    check_cohort_option(context.state, wish.cohort)
    settings = existing.settings or first_settings(context, wish.organisation or 0)

    async def run() -> Written:
        async with open_session(context, settings) as session:
            seen = await _read(session, context, wish, existing, settings)
            made, texts = _made(context, wish, existing, seen)
            plan = _proven(context, texts, seen, made)
            write_new(context.state, texts)
            told = [*unnamed_target(existing, seen.settings), *_people(seen), *await _remember(session, context, plan)]
            return replace(_written(context.state, texts, seen, made, plan), warnings=told)

    return asyncio.run(run())


def _made(
    context: Context, wish: ImportOptions, existing: Existing, seen: _Seen
) -> tuple[OneFileImport, dict[str, str]]:
    """What is declared, and the new files by name."""
    made = import_census(
        seen.census,
        FileOptions(wish.cohort, seen.classrooms, names=wish.names, labels=wish.labels, all_staff=wish.all_staff),
        settings_organisation=seen.settings.organisation,
        existing=existing,
        recorded=seen.recorded,
        day=context.day(),
    )
    texts = new_texts(
        context.state,
        existing,
        seen.settings,
        made.cohorts,
        made.staff,
        made.comments,
        all_staff=wish.all_staff,
    )
    return made, texts


def check_cohort_option(state: Path, cohort: str) -> None:
    """Raise Invalid for what can be refused before a call is spent."""
    if cohort and (fault := cohort_name_fault(cohort)):
        raise Invalid(Problem(*fault, where="--cohort"))
    if problems := already_there(state, [f"cohorts/{cohort}.yaml"] if cohort else []):
        raise Invalid(problems)


# ------------------------------------------------------------------ what OneFile holds


async def _read(
    session: Session, context: Context, wish: ImportOptions, existing: Existing, settings: Settings
) -> _Seen:
    if existing.settings is None:
        settings = replace(settings, organisation=await _organisation(session.reader, wish.organisation))
    organisation = OrganisationId(wish.organisation or settings.organisation)
    rooms = await session.reader.classrooms(organisation) if _asks_for_names(wish) else {}
    scope = replace(await _scope(session.reader, organisation, wish, rooms), declared=_declared(existing))
    with learnt_capabilities(session, context) as capabilities, progress_listener(context, settings) as progress:
        census = await take_census(scope, session.reader, capabilities, progress)
    if not census.learners:
        raise Invalid(_nobody(organisation, census.already, session.client.calls))
    target = session.target.name
    return _Seen(
        census=replace(census, calls=session.client.calls),
        target=target,
        settings=settings,
        classrooms=rooms if wish.names else {},
        recorded=session.store.recorded(Site(target, settings.organisation)),
        unsettled=unsettled(session.store, Site(target, settings.organisation)),
    )


def _asks_for_names(wish: ImportOptions) -> bool:
    by_name = any(not room.isdecimal() for room in wish.classrooms)
    return by_name or (wish.names and not wish.cohort)


async def _organisation(reader: Reader, asked: int | None) -> OrganisationId:
    """The one that is asked for, or the only one that the token reaches."""
    if asked is not None:
        return OrganisationId(asked)
    found = sorted(await reader.organisations())
    if len(found) == 1:
        return found[0]
    what = f"the token reaches {len(found)} organisations: {', '.join(map(str, found))}"
    raise Invalid(Problem(what, "Name the one to import with --organisation ID.", where="--organisation"))


async def _scope(reader: Reader, organisation: OrganisationId, wish: ImportOptions, rooms: Mapping[int, str]) -> Scope:
    by_name = any(not place.isdecimal() for place in wish.placements)
    places = await reader.placements(organisation) if by_name else {}
    problems: list[Problem] = []
    scope = Scope(
        organisation=organisation,
        classrooms=_ids(wish.classrooms, rooms, "--classroom", problems),
        placements=_ids(wish.placements, places, "--placement", problems),
        assessors=frozenset(map(UserId, wish.assessors)),
        kinds=wish.kinds(),
        by_class=not wish.cohort,
    )
    if problems:
        raise Invalid(problems)
    return scope


def _ids(asked: Iterable[str], called: Mapping[int, str], option: str, problems: list[Problem]) -> frozenset[int]:
    """Ids as they are, names where exactly one place has them."""
    found: set[int] = set()
    for text in asked:
        ids = [int(text)] if text.isdecimal() else sorted(id_ for id_, name in called.items() if name == text)
        if len(ids) == 1:
            found.add(ids[0])
        else:
            said = f"{len(ids)} places have this name: {', '.join(map(str, ids))}" if ids else "no place has this name"
            problems.append(Problem(said, "Give the id, or the name exactly as OneFile has it.", where=option))
    return frozenset(found)


def _declared(existing: Existing) -> frozenset[UserId | str]:
    """Every learner whom the files declare, by id or MISID."""
    ids = (learner.id if learner.id is not None else learner.misid for learner in existing.learners)
    return frozenset(one for one in ids if one)


def _nobody(organisation: OrganisationId, already: int, calls: int) -> Problem:
    what = f"no active learner of organisation {organisation} is there to import"
    if already:
        what = f"all {already} learners who may be in scope are declared already"
    what += f" ({number_of(calls, 'call')} spent)"
    return Problem(what, "Check the organisation and the options that narrow the import. Nothing was written.")


# ------------------------------------------------------------------ what is written


def _proven(context: Context, texts: Mapping[str, str], seen: _Seen, made: OneFileImport) -> Plan:
    """The plan of the new files against what was read, which must have nothing to write. Raises ReconcilerError else.

    A step by hand may be left, for somebody whom an apply of ours added and who cannot be declared any more.
    """
    declared = read_back(context.state, texts, context.day(), [cohort.name for cohort in made.cohorts])
    observed = narrow(_observed(seen.census), declared)  # what the next plan reads, for it to say the same
    plan = make_plan(
        declared, observed, seen.recorded, seen.unsettled, target=seen.target, created_at=context.clock.now()
    )
    if plan.operations or plan.summary.blocked:
        wrong = [change.address for change in plan.changes if change.action in ("create", "update") or change.blocked]
        what = f"the files made would ask for changes, in {len(wrong)} slots such as {wrong[0]}"
        raise ReconcilerError(Problem(what, FAULT))
    return judge_plan(plan, declared, observed)


async def _remember(session: Session, context: Context, plan: Plan) -> list[Problem]:
    """Record what was read and is declared now, as an apply does: whatever moves from here on is drift.

    The files are written by then, so that what keeps it from being recorded is a warning.
    """
    store, agreed = session.store, as_declared(plan)
    try:
        run = begin_run(store, context, "import", plan.site)
        try:
            async with locked(store, plan.site, context, command="import", run=run):
                store.record(plan.site, agreed, run=run)
        except Locked:
            store.end_run(run, exit_code=ExitCode.LOCKED, summary={})
            raise
        store.end_run(run, exit_code=ExitCode.DONE, summary={"recorded": len(agreed)})
    except (Locked, StoreError) as error:
        what = f"the files are written, but what they say is not recorded: {error.problems[0].what}"
        fix = "Run `reconciler apply` once there is nothing to write: it records the same."
        return [Problem(what, fix, where="store", severity="warning")]
    return []


def _observed(census: Census) -> Observed:
    organisation = census.organisation
    return Observed(
        taken_at=census.taken_at,
        learners={one.id: ObservedLearner(one.id, slots=one.slots) for one in census.learners},
        staff={(organisation, user): ObservedStaff(user) for user in census.staff},
        calls=census.calls,
    )


def _written(state: Path, texts: Collection[str], seen: _Seen, made: OneFileImport, plan: Plan) -> Written:
    return Written(
        source=f"organisation {seen.census.organisation} of {seen.target}",
        files=[(state / name).as_posix() for name in texts],
        learners=len(seen.census.learners),
        slots=len(plan.changes),
        staff=len(made.staff),
        calls=seen.census.calls,
        already=seen.census.already,
        archived=seen.census.archived,
        recorded=made.recorded,
        left_out=[_left_out(one) for one in made.left_out],
        unreadable={_kind(kind): number for kind, number in sorted(made.unreadable.items())},
        blocking=_counted(finding.policy for finding in plan.findings if finding.blocks),
        warning=_counted(finding.policy for finding in plan.findings if not finding.blocks),
    )


def _kind(kind: SlotKind) -> str:
    return "additional people" if kind is SlotKind.ADDITIONAL else kind_words(kind)


def _people(seen: _Seen) -> list[Problem]:
    """Without addresses, two accounts of one person look like two people to the policy of independent IQA."""
    if any(one.email for one in seen.census.staff.values()):
        return []
    what = "OneFile's lists show no e-mail addresses here, so accounts of one person are not joined"
    fix = "Give both accounts of a person with two the same `person` in staff.yaml."
    return [Problem(what, fix, where="staff.yaml", severity="warning")]


def _left_out(one: LeftOut) -> Problem:
    return Problem(one.why, one.fix, where=one.slot.address(one.learner), severity="warning")


def _counted(policies: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(policies).items()))
