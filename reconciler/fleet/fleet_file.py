"""The fleet file: read, checked against its schema and the surroundings, with every problem at once."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import time, timedelta
from pathlib import Path

from reconciler.declared.cohort import fields_at, mappings_at, number_at, text_at
from reconciler.declared.schema import checked
from reconciler.declared.yaml_loader import Document, Fields, Items
from reconciler.model.fleet import Centre, Fleet, Night, QueueRules, unfit_flags
from reconciler.model.structs import Struct, replace
from reconciler.onefile.targets import Target, resolve_target
from reconciler.problems import Invalid, Problem, Source

FOLDER = ".reconciler/fleet"
"""Folder of checkouts and results, beside the fleet file."""
POSTGRESQL = ("postgresql://", "postgres://")
_SCHEMES = ("git+", *POSTGRESQL, "sqlite:///")


class FleetFile(Struct, frozen=True):
    """A fleet with the problems of its file; `unset` are those of variables, each by its centre and key."""

    fleet: Fleet
    problems: tuple[Problem, ...]
    unset: tuple[tuple[str, str, Problem], ...]

    def unset_of(self, fleet: Fleet, *keys: str) -> Iterator[Problem]:
        """Yield the variables that are not set, of these keys, but not of centres that this fleet leaves out."""
        left_out = {centre.name for centre in self.fleet.centres} - {centre.name for centre in fleet.centres}
        return (problem for name, key, problem in self.unset if name not in left_out and key in keys)


def read_fleet(path: Path, variables: Mapping[str, str]) -> FleetFile:
    """Read a fleet file. Only variables that it names are looked at. Raises Invalid if it is no fleet file at all."""
    document = checked(path, "fleet")
    root = document.value if isinstance(document.value, Fields) else Fields()
    entries = fields_at(root, "centres")
    base = path.absolute().parent
    read = [_Entry(document, entries, name, base, variables) for name in entries if isinstance(entries[name], Fields)]
    if not read:
        raise Invalid(document.problems)
    problems = [*document.problems, *(problem for entry in read for problem in entry.problems())]
    problems += _twice(read)
    problems += _two_tokens(read)
    queue = _Queue(document, root, base, variables)
    problems += queue.problems
    fleet = Fleet(
        text_at(root, "fleet") or "",
        base / FOLDER,
        tuple(entry.centre() for entry in read if entry.is_whole),
        number_at(root, "jobs") or 4,
        queue.rules,
        tuple(queue.nights),
    )
    unset = ((entry.name, key, problem) for entry in read for key, problem in entry.unset())
    return FleetFile(fleet, tuple(problems), (*unset, *queue.unset))


def target_name(centre: Centre) -> str:
    """Return the name by which stores know the centre's target."""
    return resolve_target(centre.target, None).name


class _Entry:
    """One centre's entry, of which a part may be missing or refused."""

    def __init__(
        self, document: Document, entries: Fields, name: str, base: Path, variables: Mapping[str, str]
    ) -> None:
        self.name, self._file, self._base, self._variables = name, document.file, base, variables
        self._line = entries.lines[name]
        self._fields = fields_at(entries, name)
        self.organisation = number_at(self._fields, "organisation")
        self.folder = self._text("folder")
        self.repository = self._text("repository")
        self.token = self._text("token")
        self.target: Target | None = None
        self._target_problems: tuple[Problem, ...] = ()
        if target := self._text("target"):
            try:
                self.target = resolve_target(target, None)
            except Invalid as error:
                self._target_problems = error.problems

    def _text(self, key: str) -> str:
        return text_at(self._fields, key) or ""

    def source(self, key: str) -> Source:
        return Source(self._file, self._fields.lines.get(key, self._line))

    @property
    def is_whole(self) -> bool:
        """True if nothing is missing that a centre needs, and its repository was not refused."""
        is_local = "repository" not in self._fields
        return bool(self.organisation and self.folder and self.target and (self.repository or is_local))

    @property
    def place(self) -> tuple[str, str]:
        """The repository and the folder in it; without a repository, the folder on this machine."""
        return self.repository, os.path.normpath(self.folder) if self.repository else str(self.state)

    @property
    def state(self) -> Path:
        top = self._base / FOLDER / self.name / "checkout" if self.repository else self._base
        return Path(os.path.realpath(top / self.folder))  # a cycle of links is no error, but a folder without settings

    def centre(self) -> Centre:
        store = self._text("store")
        return Centre(
            name=self.name,
            organisation=self.organisation or 0,
            state=self.state,
            target=self._text("target"),
            folder=self.folder,
            token_variable=self.token,
            store=self._store(),
            store_variable=store if is_variable(store) else "",
            owner=self._text("owner"),
            repository=self.repository,
            branch=self._text("branch"),
            source=self.source("folder"),
            store_source=self.source("store"),
        )

    def _store(self) -> str:
        store = self._text("store")
        if is_variable(store):
            return self._variables.get(store, "")
        if not store or store.startswith(_SCHEMES):
            return store
        return str(self._base / store)

    def problems(self) -> Iterator[Problem]:
        for problem in self._target_problems:
            yield problem._replace(what=f"{self.name}: {problem.what}", source=self.source("target"), where="")
        if self.target and not self.target.embedded and not self.token and "token" not in self._fields:
            fix = "Add token: the name of the environment variable that holds the customer token."
            yield Problem(f"{self.name}: lacks token", fix, self.source(""))
        if self._text("branch") and not self.repository:
            fix = "Add the repository that has this branch, or remove branch."
            yield Problem(f"{self.name}: has a branch but no repository", fix, self.source("branch"))

    def unset(self) -> Iterator[tuple[str, Problem]]:
        """Yield each key that names a variable which is not set, with its problem."""
        store, fix = self._text("store"), "Set it to {} of this centre. Nothing was started."
        wanted = {"token": (self.token, "the customer token"), "store": (store, "the address of the store")}
        if not is_variable(store):
            del wanted["store"]
        if self.target and self.target.embedded:
            del wanted["token"]
        for key, (variable, what) in wanted.items():
            if variable and not self._variables.get(variable, "").strip():
                words = f"{self.name}: the variable {variable} is not set"
                yield key, Problem(words, fix.format(what), self.source(key))


def is_variable(store: str) -> bool:
    """Return whether a store is named by an environment variable."""
    return store.isascii() and store.isupper() and store.replace("_", "").isalnum()


def _twice(entries: list[_Entry]) -> Iterator[Problem]:
    """Yield a problem for each centre whose folder another one has already."""
    first: dict[tuple[str, str], _Entry] = {}
    for entry in entries:
        if not entry.folder:
            continue
        other = first.setdefault(entry.place, entry)
        if other is not entry:
            what = f"{entry.name}: {entry.folder} is the folder of {other.name} already ({other.source('folder')})"
            yield Problem(what, "Name the folder of this centre, or remove one of the two.", entry.source("folder"))


def _two_tokens(entries: list[_Entry]) -> Iterator[Problem]:
    """Yield a problem for each organisation that a second token reaches: two budgets would exceed its rate limit."""
    first: dict[tuple[str, int], _Entry] = {}
    for entry in entries:
        if not (entry.target and entry.organisation and entry.token):
            continue
        other = first.setdefault((entry.target.name, entry.organisation), entry)
        if other.token != entry.token:
            what = (
                f"{entry.name}: organisation {entry.organisation} is under {entry.token} here, and under {other.token} "
                f"for {other.name} ({other.source('token')})"
            )
            yield Problem(what, "Use one token for an organisation.", entry.source("token"))


_SHORTEST_NAME = 3  # of a fleet whose queue the engine takes


class _Queue:
    """The queue and the nights of a fleet file, with their problems and the variables that are not set."""

    def __init__(self, document: Document, root: Fields, base: Path, variables: Mapping[str, str]) -> None:
        self._file, self._root, self._variables = document.file, root, variables
        self._fields = fields_at(root, "queue")
        self.problems: list[Problem] = []
        self.unset: list[tuple[str, str, Problem]] = []
        self.rules = self._rules(base) if "queue" in root else None
        self.nights = list(self._nights())

    def _source(self, key: str) -> Source:
        return Source(self._file, self._fields.lines.get(key, self._root.lines.get("queue", 1)))

    def _rules(self, base: Path) -> QueueRules:
        database, budget = self._address("database"), self._address("budget")
        if database and not database.startswith(POSTGRESQL):
            fix = "Set it to postgresql://USER@HOST/DATABASE, such as the address of the store."
            what = f"queue: the variable {text_at(self._fields, 'database')} holds no PostgreSQL address"
            self.problems.append(Problem(what, fix, self._source("database")))
        if 0 < len(text_at(self._root, "fleet") or "") < _SHORTEST_NAME:
            source = Source(self._file, self._root.lines["fleet"])
            fix = f"Name the fleet with {_SHORTEST_NAME} characters or more."
            self.problems.append(Problem("queue: the fleet's name is too short for a queue", fix, source))
        usual = QueueRules("")
        return QueueRules(
            database,
            budget if not budget or "://" in budget else str(base / budget),
            number_at(self._fields, "jobs") or usual.jobs,
            number_at(self._fields, "jobs_per_token") or usual.jobs_per_token,
            number_at(self._root, "jobs") or usual.jobs_per_worker,
            self._retries() if "retry_seconds" in self._fields else usual.retries,
            self._source("database"),
            text_at(self._fields, "budget") or "",
        )

    def _retries(self) -> tuple[timedelta, ...]:
        seconds = self._fields.get("retry_seconds")
        numbers = seconds if isinstance(seconds, Items) else ()
        return tuple(timedelta(seconds=number) for number in numbers if isinstance(number, int))

    def _address(self, key: str) -> str:
        variable = text_at(self._fields, key) or ""
        address = self._variables.get(variable, "").strip() if variable else ""
        if variable and not address:
            fix = "Set it to the address of a PostgreSQL database."
            self.unset.append(("", key, Problem(f"queue: the variable {variable} is not set", fix, self._source(key))))
        return address

    def _nights(self) -> Iterator[Night]:
        first: dict[tuple[str, str], Source] = {}
        for night, line in mappings_at(self._root, "nights"):
            run, begin, end = (text_at(night, key) or "" for key in ("run", "from", "until"))
            action, *flags = run.split() or ("",)
            wrong = unfit_flags(action, [flag.removeprefix("--") for flag in flags]) if run else ""
            source = Source(self._file, night.lines.get("run", line))
            if self.rules is None:
                self.problems.append(Problem("nights need a queue", "Add queue: {database: VARIABLE}.", source))
            if wrong:
                fix = "Write the command as after `reconciler fleet`, such as drift --correct --due."
                self.problems.append(Problem(f"nights: {wrong.rstrip('.')}", fix, source))
            other = first.setdefault((action, begin), source) if run and begin else source
            if other is not source:
                what = f"nights: {action} begins at {begin} already ({other})"
                self.problems.append(Problem(what, "Let one of the two begin at another time.", source))
            if run and begin and end:
                yield Night((action, *flags), time.fromisoformat(begin), time.fromisoformat(end))


# ------------------------------------------------------------------ what only the folders show


def check_folders(fleet: Fleet) -> Iterator[Problem]:
    """Yield a problem for each centre whose folder has no settings, or those of another organisation."""
    for centre in fleet.centres:
        settings = centre.state / "settings.yaml"
        if not settings.is_file():
            what = f"{centre.name}: {centre.folder} has no settings.yaml"
            yield Problem(what, "Name the state folder of this centre.", centre.source)
            continue
        document = checked(settings, "settings")
        root = document.value if isinstance(document.value, Fields) else Fields()
        organisation = number_at(root, "organisation")
        if organisation not in (None, centre.organisation):
            what = f"{centre.name}: {centre.folder}/settings.yaml says organisation {organisation}"
            what += f", and the fleet says {centre.organisation}"
            yield Problem(what, "Name the folder of this organisation.", centre.source)


def budgets(fleet: Fleet, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the address of a shared call ledger by centre, if the stores of one token are not one store."""
    shared = (fleet.queue.budget if fleet.queue else "") or str(fleet.folder / "budget.db")
    return {centre.name: shared for centres in _apart(fleet, variables) for centre in centres}


def check_shared(file: FleetFile, fleet: Fleet, variables: Mapping[str, str]) -> Iterator[Problem]:
    """Yield a problem for each store that one machine has alone, and each token whose calls no shared store counts.

    Workers of a queue may run on several machines.
    """
    unset = {name for name, key, _ in file.unset if key == "store"}
    for centre in fleet.centres:
        if centre.name not in unset and not centre.store.startswith((*POSTGRESQL, "git+")):
            what = f"{centre.name}: the store is a file of one machine, and the workers of a queue may run on several"
            fix = "Name a variable with a PostgreSQL address as store, or use git+BRANCH."
            yield Problem(what, fix, centre.store_source)
    if fleet.queue and not fleet.queue.budget.startswith(POSTGRESQL):
        for first, *_ in _apart(fleet, variables):
            what = f"{first.name}: the centres of {first.token_variable} have different stores, which count calls apart"
            fix = "Give them one PostgreSQL store, or name one with queue.budget."
            yield Problem(what, fix, first.store_source)


def _apart(fleet: Fleet, variables: Mapping[str, str]) -> Iterator[list[Centre]]:
    """Yield the centres of each token whose stores differ."""
    customers: dict[tuple[str, str], list[Centre]] = defaultdict(list)
    for centre in fleet.centres:
        if centre.token_variable and (token := variables.get(centre.token_variable, "").strip()):
            customers[target_name(centre), token].append(centre)
    for centres in customers.values():
        if len({centre.store or str(centre.state.parent / ".reconciler" / "store.db") for centre in centres}) > 1:
            yield centres


def chosen(fleet: Fleet, names: tuple[str, ...], where: str) -> Fleet:
    """Return the fleet with these centres alone; with all if none is named. Raises Invalid for unknown names."""
    known = {centre.name for centre in fleet.centres}
    if unknown := [name for name in names if name not in known]:
        fix = f"Use one of {', '.join(sorted(known))}."
        raise Invalid([Problem(f"there is no centre {name!r}", fix, where=where) for name in unknown])
    return replace(fleet, centres=tuple(centre for centre in fleet.centres if not names or centre.name in names))
