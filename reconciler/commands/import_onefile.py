"""`import`: new files from OneFile, proven to change nothing before they are written."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from reconciler.commands.organisation import organisation_of
from reconciler.importing.existing_state import Existing, read_existing
from reconciler.importing.from_onefile import FileOptions, Labels, LeftOut, OneFileImport, import_census
from reconciler.importing.naming import cohort_name_fault
from reconciler.importing.read_census import take_census
from reconciler.importing.titles import read_titles
from reconciler.model.census import READABLE, Census, Scope
from reconciler.model.declared import Settings
from reconciler.model.observed import Observed, ObservedLearner, ObservedStaff, Recorded
from reconciler.model.plan import NO_WATCH, Plan, Watch
from reconciler.model.slots import LISTED, SINGLE, OrganisationId, Site, SlotKind, UserId
from reconciler.model.structs import Struct, field, replace
from reconciler.observed.narrow import narrow
from reconciler.onefile.reader import Reader
from reconciler.plan.compare import Unsettled, make_plan
from reconciler.plan.complete import judge_plan
from reconciler.plan.watch import NOTHING_SEEN, noted, watch_of, with_watch
from reconciler.problems import ExitCode, Invalid, Locked, Problem, ReconcilerError, StoreError
from reconciler.runtime.edit_journal import recover_edit
from reconciler.runtime.environment import Environment
from reconciler.runtime.files import NewFolder
from reconciler.runtime.lock import locked, sites_of
from reconciler.runtime.options import Options
from reconciler.runtime.session import Session, begin_run, learnt_capabilities, open_session, progress_listener
from reconciler.runtime.state_files import (
    FAULT,
    already_there,
    first_settings,
    names_lines,
    new_texts,
    read_back,
    unnamed_target,
    write_new,
)
from reconciler.runtime.store_snapshot import recorded_at, unsettled
from reconciler.text import number_of, quoted, shown, some


class ImportResult(Struct, frozen=True):
    """The result of an import.

    `left_out` are slots that somebody holds and no file declares. `unreadable` counts slots that OneFile does not show,
    by kind. `blocking` and `warning` count findings by policy. `calls` is None if OneFile was not read. `from_onefile`:
    the files declare what OneFile has, so the next plan is empty. `unnamed` are lines for an existing settings.yaml,
    with OneFile's titles of the learning aims and units that it does not name. `watch` sorts the declared slots, if it
    was read.
    """

    source: str
    files: Sequence[str]
    learners: int
    slots: int
    staff: int
    calls: int | None = None
    from_onefile: bool = True
    already: int = 0
    archived: int = 0
    recorded: int = 0
    left_out: Sequence[Problem] = ()
    warnings: Sequence[Problem] = ()
    unreadable: Mapping[SlotKind, int] = field(default_factory=dict)
    blocking: Mapping[str, int] = field(default_factory=dict)
    warning: Mapping[str, int] = field(default_factory=dict)
    unnamed: Sequence[str] = ()
    watch: Watch = NO_WATCH

    @property
    def exit_code(self) -> ExitCode:
        """INCOMPLETE if some slots could not be declared."""
        return ExitCode.INCOMPLETE if self.left_out else ExitCode.DONE

    def problems(self, *, verbose: bool = False) -> list[Problem]:
        """Return what must be managed by hand, once per reason; all addresses only if `verbose`."""
        slots = (
            Problem(f"not declared: {why}", fix, where=some(addresses, whole=verbose), severity="warning")
            for (why, fix), addresses in self.reasons().items()
        )
        return [*slots, *self.warnings]

    def reasons(self) -> dict[tuple[str, str], list[str]]:
        """Return the addresses that were left out, by why and what to do."""
        reasons: dict[tuple[str, str], list[str]] = defaultdict(list)
        for problem in self.left_out:
            reasons[problem.what, problem.fix].append(problem.where)
        return reasons


class ImportOptions(Struct, frozen=True):
    """The scope and manner of an import. Classrooms and placements are named by id or by exact name."""

    organisation: int | None = None
    classrooms: tuple[str, ...] = ()
    placements: tuple[str, ...] = ()
    assessors: tuple[int, ...] = ()
    without: tuple[str, ...] = ()  # keys of LAYERS
    cohort: str = ""
    names: bool = False
    labels: Labels = ""
    all_staff: bool = False

    def kinds(self) -> frozenset[SlotKind]:
        """Return the kinds of slots to read."""
        return READABLE.difference(*(LAYERS[layer] for layer in self.without))


LAYERS: Mapping[str, frozenset[SlotKind]] = {
    **{name: frozenset({kind}) for name, kind in SINGLE.items()},
    **{name: frozenset(listed.kinds.values()) for name, listed in LISTED.items()},
}


class _Seen(Struct, frozen=True):
    """The census of OneFile, with what the store knows of it; `titles` are those that the settings do not have."""

    census: Census
    target: str
    settings: Settings
    classrooms: Mapping[int, str]
    titles: Mapping[int | str, str]
    recorded: Recorded
    unsettled: Unsettled

    def titles_of(self, made: OneFileImport) -> dict[int | str, str]:
        """Return the titles of what the new cohorts declare."""
        return {key: title for key, title in self.titles.items() if key in made.keys}


def import_centre(options: Options, environment: Environment, request: ImportOptions) -> ImportResult:
    """Read OneFile and write new files. Raises Invalid, ServiceError or StoreError; then nothing is written."""
    recover_edit(options.state)
    existing = read_existing(options.state, options.day(environment.today()))
    check_cohort_option(options.state, request.cohort)
    settings = existing.settings or first_settings(options, environment, request.organisation or 0)

    async def run() -> ImportResult:
        async with open_session(options, environment, settings) as session:
            if not session.target.embedded:
                folder.keep()  # it counts the calls of this minute
            seen = await _read(session, environment, request, existing, settings)
            made, texts = _made(options, environment, request, existing, seen)
            plan = _proven(options, environment, texts, seen, made)
            write_new(options.state, texts)
            written = _written(options.state, texts, seen, made, plan)
            watch, unrecorded = await _remember(session, options, environment, plan, written.exit_code)
            warnings = [*unnamed_target(existing, seen.settings), *_people(seen), *unrecorded]
            unnamed = () if existing.settings is None else names_lines(seen.titles_of(made))
            return replace(written, warnings=warnings, unnamed=unnamed, watch=watch)

    with NewFolder(options.folder) as folder:
        return asyncio.run(run())


def _made(
    options: Options, environment: Environment, request: ImportOptions, existing: Existing, seen: _Seen
) -> tuple[OneFileImport, dict[str, str]]:
    """Return what is declared, and the texts of the new files by name."""
    made = import_census(
        seen.census,
        FileOptions(
            request.cohort,
            {**seen.classrooms, **seen.settings.classes},
            names=request.names,
            labels=request.labels,
            all_staff=request.all_staff,
        ),
        settings_organisation=seen.settings.organisation,
        existing=existing,
        recorded=seen.recorded,
        day=options.day(environment.today()),
    )
    texts = new_texts(
        options.state,
        existing,
        replace(seen.settings, titles=seen.titles_of(made)),
        made.cohorts,
        made.staff,
        made.comments,
        all_staff=request.all_staff,
    )
    return made, texts


def check_cohort_option(state: Path, cohort: str) -> None:
    """Raise Invalid for a cohort name that can be refused before any call."""
    if cohort and (fault := cohort_name_fault(cohort)):
        raise Invalid(Problem(*fault, where="--cohort"))
    if problems := already_there(state, [f"cohorts/{cohort}.yaml"] if cohort else []):
        raise Invalid(problems)


# ------------------------------------------------------------------ what OneFile holds


async def _read(
    session: Session,
    environment: Environment,
    request: ImportOptions,
    existing: Existing,
    settings: Settings,
) -> _Seen:
    if existing.settings is None:
        settings = replace(settings, organisation=await organisation_of(session, request.organisation))
    organisation = OrganisationId(request.organisation or settings.organisation)
    rooms = await session.reader.classrooms(organisation) if _asks_for_names(request) else {}
    scope = replace(await _scope(session.reader, organisation, request, rooms), declared=_declared(existing))
    with (
        learnt_capabilities(session, environment, organisation) as capabilities,
        progress_listener(environment, settings) as progress,
    ):
        census = await take_census(scope, session.reader, capabilities, progress)
    if not census.learners:
        raise Invalid(_nobody(organisation, census.already, session.client.calls))
    titles = await read_titles(organisation, session.reader, _keys(census) - settings.titles.keys())
    target = session.target.name
    sites = {
        Site(target, settings.organisation): (),
        Site(target, organisation): tuple(one.id for one in census.learners),
    }
    return _Seen(
        census=replace(census, calls=session.client.calls),
        target=target,
        settings=settings,
        classrooms=rooms if request.names else {},
        titles=titles,
        recorded=recorded_at(session.store, sites),
        unsettled=unsettled(session.store, sites),
    )


def _keys(census: Census) -> frozenset[int | str]:
    """Return the learning aims and units in which somebody holds a slot."""
    slots = (item for learner in census.learners for item in learner.slots.items())
    return frozenset(slot.key for slot, held in slots if slot.key is not None and isinstance(held, int))


def _asks_for_names(request: ImportOptions) -> bool:
    by_name = any(not room.isdecimal() for room in request.classrooms)
    return by_name or (request.names and not request.cohort)


async def _scope(
    reader: Reader, organisation: OrganisationId, request: ImportOptions, rooms: Mapping[int, str]
) -> Scope:
    by_name = any(not place.isdecimal() for place in request.placements)
    places = await reader.placements(organisation) if by_name else {}
    problems: list[Problem] = []
    scope = Scope(
        organisation=organisation,
        classrooms=_ids(request.classrooms, rooms, "--classroom", problems),
        placements=_ids(request.placements, places, "--placement", problems),
        assessors=frozenset(map(UserId, request.assessors)),
        kinds=request.kinds(),
        by_class=not request.cohort,
    )
    if problems:
        raise Invalid(problems)
    return scope


def _ids(requested: Iterable[str], names: Mapping[int, str], option: str, problems: list[Problem]) -> frozenset[int]:
    """Return ids as they are, and the ids of names that exactly one classroom or placement has."""
    chosen: set[int] = set()
    for text in requested:
        ids = [int(text)] if text.isdecimal() else sorted(id_ for id_, name in names.items() if name == text)
        if len(ids) == 1:
            chosen.add(ids[0])
        else:
            problems.append(_unknown_place(text, ids, names, option))
    return frozenset(chosen)


def _unknown_place(text: str, ids: list[int], names: Mapping[int, str], option: str) -> Problem:
    kind = option.removeprefix("--")
    if ids:
        what = f"{len(ids)} {kind}s are called {quoted(text)}: {', '.join(map(str, ids))}"
        return Problem(what, "Use the id.", where=option)
    known = some([f"{shown(name)} ({number})" for number, name in sorted(names.items())], whole=False)
    fix = f"Use an id or an exact name: {known}." if known else "Use the id."
    return Problem(f"no {kind} is called {quoted(text)}", fix, where=option)


def _declared(existing: Existing) -> frozenset[UserId | str]:
    """Return every learner whom the files declare, by id or MISID."""
    ids = (learner.id if learner.id is not None else learner.misid for learner in existing.learners)
    return frozenset(key for key in ids if key)


def _nobody(organisation: OrganisationId, already: int, calls: int) -> Problem:
    what = f"no active learner of organisation {organisation} is in scope"
    if already:
        what = f"all {already} learners in scope are already declared"
    what += f" ({number_of(calls, 'call')} made)"
    return Problem(what, "Check the organisation and the scope of the import. Nothing was written.")


# ------------------------------------------------------------------ what is written


def _proven(
    options: Options, environment: Environment, texts: Mapping[str, str], seen: _Seen, made: OneFileImport
) -> Plan:
    """Return the plan of the new files. Raises ReconcilerError if it would write anything.

    A manual step may be left, for somebody whom an apply added and who can no longer be declared.
    """
    declared = read_back(
        options.state, texts, options.day(environment.today()), [cohort.name for cohort in made.cohorts]
    )
    observed = narrow(_observed(seen.census), declared)  # as the next plan reads it
    plan = make_plan(
        declared, observed, seen.recorded, seen.unsettled, target=seen.target, created_at=environment.clock.now()
    )
    if plan.operations or plan.summary.blocked:
        wrong = [change.address for change in plan.differing if change.action in ("create", "update") or change.blocked]
        what = f"the new files would change {number_of(len(wrong), 'slot')}, such as {wrong[0]}"
        raise ReconcilerError(Problem(what, FAULT))
    plan = with_watch(plan, watch_of(plan, declared, seen.recorded, NOTHING_SEEN))
    return judge_plan(plan, declared, observed)


async def _remember(
    session: Session, options: Options, environment: Environment, plan: Plan, exit_code: ExitCode
) -> tuple[Watch, list[Problem]]:
    """Record what was read as an apply does, so that changes from now on are drift; return what is watched then.

    The files are written by then, so an error of the store is only a warning.
    """
    store, agreed = session.store, plan.as_declared()
    try:
        run = begin_run(store, options, environment, "import", plan.site)
        try:
            async with locked(store, *sites_of(plan), environment=environment, command="import", run=run):
                for site, rows in agreed.items():
                    store.record(site, rows, run=run)
                    store.see(site, rows)
        except Locked:
            store.end_run(run, exit_code=ExitCode.LOCKED, summary={})
            raise
        store.end_run(run, exit_code=exit_code, summary={"recorded": sum(map(len, agreed.values()))})
    except (Locked, StoreError) as error:
        what = f"the files are written, but not recorded: {error.problems[0].what}"
        fix = "Run `reconciler apply` when there is nothing to write: it records the same."
        return plan.watch, [Problem(what, fix, where="store", severity="warning")]
    return noted(plan.watch, {(user, slot) for rows in agreed.values() for user, slot, _ in rows}), []


def _observed(census: Census) -> Observed:
    organisation = census.organisation
    return Observed(
        taken_at=census.taken_at,
        learners={one.id: ObservedLearner(one.id, slots=one.slots) for one in census.learners},
        staff={(organisation, user): ObservedStaff(user) for user in census.staff},
        calls=census.calls,
    )


def _written(state: Path, texts: Collection[str], seen: _Seen, made: OneFileImport, plan: Plan) -> ImportResult:
    return ImportResult(
        source=f"organisation {seen.census.organisation} of {seen.target}",
        files=[(state / name).as_posix() for name in texts],
        learners=len(seen.census.learners),
        slots=len(plan.changes),
        staff=len(made.staff),
        calls=seen.census.calls,
        already=seen.census.already,
        archived=seen.census.archived,
        recorded=made.recorded,
        left_out=[_left_out(slot) for slot in made.left_out],
        unreadable=dict(sorted(made.unreadable.items())),
        blocking=_counted(finding.policy for finding in plan.findings if finding.blocks),
        warning=_counted(finding.policy for finding in plan.findings if not finding.blocks),
    )


def _people(seen: _Seen) -> list[Problem]:
    """Return a warning if OneFile shows no e-mail addresses, which join the accounts of one person."""
    if any(one.email for one in seen.census.staff.values()):
        return []
    what = "OneFile's lists show no e-mail addresses, so two accounts of one person are not joined"
    fix = "Set the same `person` for both accounts in staff.yaml."
    return [Problem(what, fix, where="staff.yaml", severity="warning")]


def _left_out(slot: LeftOut) -> Problem:
    return Problem(slot.why, slot.fix, where=slot.slot.address(slot.learner), severity="warning")


def _counted(policies: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(policies).items()))
