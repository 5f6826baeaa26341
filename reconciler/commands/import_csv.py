"""`import --csv`: new files from a table. OneFile is read only for accounts that the table names."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from reconciler.commands.import_onefile import ImportResult, check_cohort_option
from reconciler.importing.csv_cells import known_to_files
from reconciler.importing.csv_file import SIZE_CAP, Sheet, read_sheet
from reconciler.importing.existing_state import Existing, read_existing
from reconciler.importing.from_csv import import_sheet
from reconciler.importing.read_census import read_staff
from reconciler.model.census import CensusStaff
from reconciler.model.declared import Settings
from reconciler.model.slots import OrganisationId, UserId
from reconciler.problems import Invalid, Problem, Source, in_order
from reconciler.runtime.edit_journal import recover_edit
from reconciler.runtime.environment import Environment
from reconciler.runtime.files import read_start
from reconciler.runtime.options import Options
from reconciler.runtime.session import open_session
from reconciler.runtime.state_files import first_settings, new_texts, read_back, unnamed_target, write_new


def import_table(
    options: Options,
    environment: Environment,
    path: Path,
    *,
    organisation: int | None = None,
    cohort: str = "",
    names: bool = False,
) -> ImportResult:
    """Write new files from the table. Raises Invalid with every row that is refused; then nothing is written."""
    recover_edit(options.state)
    existing = read_existing(options.state, options.day(environment.today()))
    check_cohort_option(options.state, cohort)
    settings = _settings(options, environment, existing, organisation)
    centre = OrganisationId(organisation or settings.organisation)
    sheet = _sheet(path)
    calls: int | None = None
    listed: Mapping[UserId, CensusStaff] = {}
    if sheet.rows and not known_to_files((row["staff"] for row in sheet.rows), existing.staff or {}):
        listed, calls = asyncio.run(_listed(options, environment, settings, centre))
    foreign = None if centre == settings.organisation else centre
    made = import_sheet(sheet, existing, listed, cohort=cohort, names=names, organisation=foreign)
    try:
        texts = new_texts(options.state, existing, settings, made.cohorts, made.staff, {})
    except Invalid as error:
        raise Invalid(in_order([*made.problems, *error.problems])) from error
    if made.problems:
        raise Invalid(in_order(made.problems))
    declared = read_back(options.state, texts, options.day(environment.today()), [one.name for one in made.cohorts])
    write_new(options.state, texts)
    return ImportResult(
        source=path.as_posix(),
        files=[(options.state / name).as_posix() for name in texts],
        learners=len(declared.learners),
        slots=sum(len(learner.slots) for learner in declared.learners),
        staff=len(made.staff),
        calls=calls,
        from_onefile=False,
        warnings=[*unnamed_target(existing, settings), *_unread(sheet)],
    )


def _settings(options: Options, environment: Environment, existing: Existing, organisation: int | None) -> Settings:
    if existing.settings is not None:
        return existing.settings
    if organisation is None:
        what = "the organisation is not known: there is no settings.yaml"
        raise Invalid(Problem(what, "Use --organisation ID; the file is then created.", where="--organisation"))
    return first_settings(options, environment, organisation)


def _sheet(path: Path) -> Sheet:
    try:
        sheet = read_sheet(read_start(path, SIZE_CAP + 1), path.as_posix())
    except OSError as error:
        what = f"cannot be read: {error.strerror or error}"
        raise Invalid(Problem(what, "Check the path.", Source(path.as_posix()))) from error
    if not sheet.rows and not sheet.problems:
        raise Invalid(Problem("has no rows below its header", "Add one row for each slot.", Source(path.as_posix())))
    return sheet


async def _listed(
    options: Options, environment: Environment, settings: Settings, organisation: OrganisationId
) -> tuple[Mapping[UserId, CensusStaff], int]:
    """Return the organisation's staff, and the number of calls."""
    async with open_session(options, environment, settings) as session:
        return await read_staff(organisation, session.reader), session.client.calls


def _unread(sheet: Sheet) -> list[Problem]:
    if not sheet.unread:
        return []
    what = f"columns that were not read: {', '.join(map(str, sheet.unread))}"
    fix = "Rename a column if it says who is assigned."
    return [Problem(what, fix, Source(sheet.file), severity="warning")]
