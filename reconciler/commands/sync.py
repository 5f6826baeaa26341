"""`sync`: brings existing cohort files up to a table, or to another listing of learners."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

from reconciler.declared.load import read_declared
from reconciler.editing.adopt import with_member
from reconciler.editing.assignments import Fields
from reconciler.editing.sync_changes import Moved, Newcomer, SyncChanges, compare
from reconciler.editing.sync_edits import edited
from reconciler.editing.verify import require
from reconciler.importing.csv_cells import known_to_files
from reconciler.importing.csv_file import SIZE_CAP, Sheet, read_sheet
from reconciler.importing.excel_file import is_workbook, read_workbook
from reconciler.importing.read_census import read_staff
from reconciler.importing.table_listing import cells_of_staff, listing_of
from reconciler.importing.wide_layout import layout_of
from reconciler.model.census import CensusStaff
from reconciler.model.declared import Allowance, Declared, Settings, Staff
from reconciler.model.listing import COHORT_FIELD, Listing, Remembered, field_of
from reconciler.model.slots import Handle, OrganisationId, Site, UserId
from reconciler.model.structs import Struct
from reconciler.problems import Blocked, ExitCode, Invalid, Problem, Severity, Source, in_order, refuse
from reconciler.runtime.edit_journal import recover_edit
from reconciler.runtime.environment import Environment
from reconciler.runtime.files import read_start
from reconciler.runtime.last_sync import last_sync, remember_sync
from reconciler.runtime.options import Options
from reconciler.runtime.session import open_session
from reconciler.runtime.state_edits import Edits, FileEdit, values_of
from reconciler.runtime.target import target_of

Ids = Mapping[Handle, UserId]


class SyncOptions(Struct, frozen=True):
    """Request of a sync.

    Newcomers whose row names no cohort go to `cohort`. `check` and `dry_run` write nothing. `propose`: the edits are
    for a review, so only what the files have already is remembered as synced.
    """

    cohort: str = ""
    add_staff: bool = False
    remove: bool = False
    dry_run: bool = False
    check: bool = False
    propose: bool = False

    @property
    def writes(self) -> bool:
        return not (self.dry_run or self.check)


class Synced(Struct, frozen=True):
    """The edits, `written` or not, and what was left alone."""

    source: str
    changes: SyncChanges
    edits: Sequence[FileEdit]
    new_staff: Sequence[Staff]
    handles: Mapping[UserId, str]
    warnings: Sequence[Problem]
    request: SyncOptions
    first: bool

    @property
    def written(self) -> bool:
        return self.request.writes

    @property
    def exit_code(self) -> ExitCode:
        """CHANGES if something would be edited and --check asks; STALE for conflicts."""
        if self.edits and self.request.check:
            return ExitCode.CHANGES
        return ExitCode.STALE if self.changes.conflicts else ExitCode.DONE


def sync_table(options: Options, environment: Environment, path: Path, request: SyncOptions) -> Synced:
    """Bring the files up to a table. Raises Invalid with every row that is refused; then nothing is written."""
    recover_edit(options.state)
    declared = read_declared(options.state, environment.today())
    sheet = _sheet(path, declared.settings)
    accounts: Mapping[UserId, CensusStaff] = {}
    if sheet.rows and not known_to_files(cells_of_staff(sheet), declared.staff):
        accounts = asyncio.run(_accounts(options, environment, declared.settings))
    read = listing_of(sheet, declared.staff, accounts, cohort=request.cohort, add_staff=request.add_staff)
    return sync_listing(
        options,
        environment,
        declared,
        read.listing,
        request,
        source=path.as_posix(),
        new_staff=read.staff,
        problems=read.problems,
        warnings=list(_unread(sheet)),
    )


def sync_listing(
    options: Options,
    environment: Environment,
    declared: Declared,
    listing: Listing,
    request: SyncOptions,
    *,
    source: str,
    new_staff: Sequence[Staff] = (),
    problems: Sequence[Problem] = (),
    warnings: Sequence[Problem] = (),
    memory: str = "table",
) -> Synced:
    """Bring the files up to a listing of learners, and remember its values for the next sync.

    *memory* names the sort of source whose last sync counts, so that two that disagree do not undo each other.

    *problems* are those of reading the listing. Raises Invalid with all of them and every learner who is refused, and
    Blocked if more learners would be removed than the limits allow; nothing is written then.
    """
    edits = Edits(options.state)
    files = {cohort: edits.values(name) for name, cohort in edits.cohorts()}
    members = {**declared.staff, **{member.handle: member for member in new_staff}}
    ids = {handle: member.id for handle, member in members.items()}
    site = Site(target_of(options, environment, declared.settings).name, declared.settings.organisation)
    known = {key for learner in listing.learners for key in learner.keys} | {
        learner.key for learner in declared.learners
    }
    remembered = last_sync(options, environment, site, memory, known)
    changes = compare(files, listing, day=declared.day, ids=ids, remembered=remembered, remove=request.remove)
    refused = [*problems, *changes.refusals]
    if refused:
        raise Invalid(in_order(refused))
    doubles = list(_perhaps_the_same(changes, source, "error" if request.remove else "warning"))
    if request.remove:
        refuse(doubles)
    if request.remove and (exceeded := list(_exceeded(changes, declared.settings))):
        raise Blocked(exceeded)
    _prove(files | _edit(edits, changes, new_staff), listing, changes, declared.day, ids)
    if edits.changed:
        edits.declared(declared.day)
    if request.writes:
        edits.write()
        agreed = _agreed(changes, remembered) if request.propose else changes.remembered
        remember_sync(options, environment, site, memory, agreed)
    handles = {member.id: handle for handle, member in members.items()}
    notes = [*warnings, *doubles]
    return Synced(source, changes, edits.edits, new_staff, handles, notes, request, first=not remembered)


def _agreed(changes: SyncChanges, before: Remembered) -> Remembered:
    """Return what may be remembered before the edits are reviewed: without the values that only the listing has."""
    placed: tuple[Newcomer | Moved, ...] = (*changes.newcomers, *changes.moves)
    proposed = {(change.learner, COHORT_FIELD) for change in placed}
    proposed |= {(change.learner, field_of(change.slot)) for change in changes.holders}
    gone = {leaver.learner for leaver in changes.leavers}
    agreed = {place: value for place, value in changes.remembered.items() if place not in proposed}
    return {place: value for place, value in before.items() if place in proposed or place[0] in gone} | agreed


def _edit(edits: Edits, changes: SyncChanges, new_staff: Sequence[Staff]) -> dict[str, Fields]:
    """Edit the files; return the new values of the cohorts that change."""
    names = {cohort: name for name, cohort in edits.cohorts()}
    texts = {cohort: edits.text(name) for cohort, name in names.items()}
    after = edited(texts, changes)
    for cohort, text in after.items():
        edits.replace(names[cohort], text)
    if new_staff:
        values = edits.values("staff.yaml")
        for member in new_staff:
            with_member(values, member.handle, member.id, member.role.value)
        edits.put("staff.yaml", values)
    return {cohort: values_of(text) for cohort, text in after.items()}


def _prove(files: Mapping[str, Fields], listing: Listing, changes: SyncChanges, day: date, ids: Ids) -> None:
    """Check that the same listing would edit nothing more: before anything is written."""
    again = compare(files, listing, day=day, ids=ids, remembered=changes.remembered, remove=changes.removes)
    left = [*again.newcomers, *again.moves, *again.holders, *(again.leavers if again.removes else ())]
    require(not left and not again.refusals, "the same table would edit it again")


def _perhaps_the_same(changes: SyncChanges, source: str, severity: Severity) -> Iterator[Problem]:
    """Yield the cohorts whose newcomers have one sort of key and whose leavers have the other."""
    for cohort in sorted({newcomer.cohort for newcomer in changes.newcomers}):
        new = {isinstance(newcomer.learner, int) for newcomer in changes.newcomers if newcomer.cohort == cohort}
        gone = {isinstance(leaver.learner, int) for leaver in changes.leavers if leaver.cohort == cohort}
        if new | gone == {True, False} and new != gone:
            what = f"{cohort}: newcomers by MISID and leavers by OneFile id, or the reverse, may be the same people"
            fix = "Give the table both columns, id and misid, so that learners are found by either."
            yield Problem(what, fix, Source(source), severity=severity)


def _exceeded(changes: SyncChanges, settings: Settings) -> Iterator[Problem]:
    """Yield each limit on removals that the leavers exceed, of the run and of a cohort."""
    cohorts = Counter(leaver.cohort for leaver in changes.leavers)
    yield from _above(len(changes.leavers), settings.limits.manual, "", "limits: manual")
    for cohort, count in cohorts.items():
        where = "limits: manual: per_cohort"
        yield from _above(count, settings.limits.manual_per_cohort, f" from {cohort}", where)


def _above(count: int, allowance: Allowance, place: str, where: str) -> Iterator[Problem]:
    if allowance.count is not None and count > allowance.count:
        what = f"{count} learners would be removed{place}; the limit is {allowance.count}"
        fix = "Check that the table is complete, or remove the learners by hand."
        yield Problem(what, fix, where=where)


def _sheet(path: Path, settings: Settings) -> Sheet:
    try:
        raw = read_start(path, SIZE_CAP + 1)
    except OSError as error:
        what = f"cannot be read: {error.strerror or error}"
        raise Invalid(Problem(what, "Check the path.", Source(path.as_posix()))) from error
    read = read_workbook if is_workbook(raw) else read_sheet
    sheet = read(raw, path.as_posix(), layout_of(settings.columns))
    if not sheet.rows and not sheet.problems:
        raise Invalid(Problem("has no rows below its header", "Add one row for each learner.", Source(path.as_posix())))
    return sheet


async def _accounts(options: Options, environment: Environment, settings: Settings) -> Mapping[UserId, CensusStaff]:
    async with open_session(options, environment, settings) as session:
        return await read_staff(OrganisationId(settings.organisation), session.reader)


def _unread(sheet: Sheet) -> Iterator[Problem]:
    if sheet.unread:
        what = f"columns that were not read: {', '.join(map(str, sheet.unread))}"
        fix = "Name a column's meaning in settings.yaml, under import: columns, if it says who is assigned."
        yield Problem(what, fix, Source(sheet.file), severity="warning")
