"""New files of a state folder: checked on a copy first, then written all or none, never over an existing file."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from reconciler.declared.cohort import CohortEntry, Term
from reconciler.declared.dump import cohort_data, names_data, settings_data, staff_data
from reconciler.declared.folder import SIZE_CAP, list_state_folder
from reconciler.declared.load import read_declared
from reconciler.editing.emit import compose, schema_line
from reconciler.importing.existing_state import Existing
from reconciler.model.declared import Declared, Settings, Staff
from reconciler.model.slots import OrganisationId
from reconciler.onefile.targets import NAMES, SANDBOX, resolve_target
from reconciler.problems import Invalid, Problem, ReconcilerError, Source
from reconciler.runtime.edit_journal import write_journalled
from reconciler.runtime.environment import Environment
from reconciler.runtime.files import write_whole
from reconciler.runtime.options import Options
from reconciler.runtime.schema_copies import update_handles
from reconciler.runtime.target import BASE_URL

FAULT = "Report this as a bug of the import, with the version. Nothing was written."
_FIX = "Check the folder's permissions and free space. This command left no files behind."


def already_there(state: Path, names: Iterable[str]) -> list[Problem]:
    """Return a problem for each of these files, relative to the folder, that exists."""
    fix = "Move it away, or choose another name for the cohort. No file is overwritten."
    paths = (path for path in (state / name for name in names) if path.exists() or path.is_symlink())
    return [Problem("already exists", fix, Source(path.as_posix())) for path in paths]


def new_texts(
    state: Path,
    existing: Existing,
    settings: Settings,
    cohorts: Iterable[CohortEntry],
    staff: Sequence[Staff],
    comments: Mapping[str, str],
    *,
    all_staff: bool = False,
) -> dict[str, str]:
    """Return the texts of new cohort files, and of staff.yaml and settings.yaml if they are missing, by place.

    `all_staff`: all active staff were asked for, not only those who hold a slot. Raises Invalid with every file that is
    in the way, and every member who is missing from an existing staff.yaml.
    """
    cohorts = tuple(cohorts)
    texts = {f"cohorts/{cohort.name}.yaml": cohort_text(cohort, comments.get(cohort.name, "")) for cohort in cohorts}
    problems = already_there(state, texts)
    if existing.staff is None:
        texts = {"staff.yaml": staff_text(staff), **texts}
    else:
        file = (state / "staff.yaml").as_posix()
        lacking = [member for member in staff if member.handle not in existing.staff]
        named = {term.staff for cohort in cohorts for term in _terms(cohort)}
        idle = [member for member in lacking if all_staff and member.handle not in named]
        problems += _missing(lacking, idle, file)
    if existing.settings is None:
        texts = {"settings.yaml": settings_text(settings), **texts}
    if problems:
        raise Invalid(problems)
    return texts


def first_settings(options: Options, environment: Environment, organisation: int) -> Settings:
    """Return settings for a folder that has none: for the target of this command."""
    target = resolve_target(options.target or SANDBOX, environment.variables.get(BASE_URL))
    return Settings(OrganisationId(organisation), target=target.name)


def unnamed_target(existing: Existing, settings: Settings) -> list[Problem]:
    """Return a warning if the target of this command is a URL, which settings cannot have."""
    if existing.settings is not None or settings.target in NAMES:
        return []
    what = f"settings.yaml cannot name {settings.target}, so its target is {SANDBOX}"
    fix = f"Set {BASE_URL} or --target for each command."
    return [Problem(what, fix, where="settings.yaml", severity="warning")]


def cohort_text(cohort: CohortEntry, comment: str = "") -> str:
    """Return the text of a cohort's file, with the comment after its name."""
    return compose("cohort", cohort_data(cohort), head=[schema_line("cohort", depth=2)], notes={"cohort": comment})


def staff_text(staff: Iterable[Staff]) -> str:
    """Return the text of staff.yaml."""
    return compose("staff", staff_data(staff), head=[schema_line("staff", depth=1)])


def settings_text(settings: Settings) -> str:
    """Return the text of a first settings.yaml, with the names that are known; everything else has its default."""
    notes = {"organisation": "OneFile OrganisationID", "target": "sandbox | beta | practice | live"}
    target = settings.target if settings.target in NAMES else SANDBOX
    data = settings_data(settings.organisation, target, settings.titles)
    return compose("settings", data, head=[schema_line("settings", depth=1)], notes=notes)


def names_lines(titles: Mapping[int | str, str]) -> list[str]:
    """Return the lines of settings.yaml that name these learning aims and units."""
    return compose("settings", {"names": names_data(titles)}).splitlines() if titles else []


def _missing(lacking: Sequence[Staff], idle: Sequence[Staff], file: str) -> Iterator[Problem]:
    """Yield the lines to add to an existing staff.yaml, which is not changed. `idle` hold no slot."""
    holding = [member for member in lacking if member not in idle]
    whys = [f"{_users(holding)} a slot to import"] if holding else []
    whys += [f"{_users(idle)} none, but --all-staff asks for all active staff"] if idle else []
    if whys:
        lines = tuple(staff_text(lacking).partition("\nstaff:\n")[2].splitlines())
        fix = "Add these lines below `staff:`, then import again."
        yield Problem(f"not in this file: {'; '.join(whys)}", fix, Source(file), lines=lines)


def _users(members: Sequence[Staff]) -> str:
    ids = ", ".join(str(member.id) for member in members)
    return f"OneFile user {ids}, who holds" if len(members) == 1 else f"OneFile users {ids}, who hold"


def _terms(cohort: CohortEntry) -> Iterator[Term]:
    for slots in (cohort.defaults, *(learner.slots for learner in cohort.learners)):
        yield from slots.additional
        for held in slots.held:
            yield from held.terms


def read_back(state: Path, texts: Mapping[str, str], day: date, cohorts: Collection[str]) -> Declared:
    """Return what these cohorts would declare with the new files. Raises ReconcilerError if they are not valid."""
    with tried(state, texts) as place:
        try:
            return read_declared(place, day, cohorts=cohorts)
        except Invalid as error:
            what = f"the new files are not valid: {error.problems[0].what}"
            raise ReconcilerError(Problem(what, FAULT)) from error


def copy_state(state: Path, copy: Path) -> None:
    """Copy the files that are read, and the names of those that a warning is about; nothing else, and no links."""
    copy.mkdir()
    folder = list_state_folder(state)
    for path in (folder.settings, folder.staff, *folder.cohorts):
        if path.is_file():
            target = copy / path.relative_to(state)
            target.parent.mkdir(exist_ok=True)
            with path.open("rb") as source:
                target.write_bytes(source.read(SIZE_CAP + 1))  # a larger file is refused, whatever else is in it
    for problem in folder.problems:
        path = Path(problem.source.file) if problem.source else state
        if path != state and path.parent in (state, state / "cohorts") and path.is_file():
            target = copy / path.relative_to(state)
            target.parent.mkdir(exist_ok=True)
            target.touch()


@contextmanager
def tried(state: Path, texts: Mapping[str, str]) -> Iterator[Path]:
    """Yield a temporary copy of the state folder with the new files in it."""
    with tempfile.TemporaryDirectory(prefix="reconciler-new-") as folder:
        place = Path(folder) / "state"
        copy_state(state, place)
        for name, text in texts.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text(text, encoding="utf-8", newline="\n")
        yield place


def write_new(folder: Path, texts: Mapping[str, str], *, is_state: bool = True, mode: int = 0o600) -> None:
    """Write all files. Raises Invalid if one exists, ReconcilerError if one cannot be written; then none is left.

    Files of a state folder are all written or none even if the machine stops; a starter is written again. `mode` is
    the mode of a starter's files.
    """
    if problems := already_there(folder, texts):
        raise Invalid(problems)
    if is_state:
        write_journalled(folder, texts, fix=_FIX)
        if "staff.yaml" in texts:
            update_handles(folder)
        return
    written: list[Path] = []
    try:
        for name, text in texts.items():
            write_whole(text, folder / name, fix=_FIX, mode=mode)
            written.append(folder / name)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise
