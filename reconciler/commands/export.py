"""`export`: the wide table of the files, with one row per learner: who is declared, who holds, since when."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from reconciler.commands.plan import observe_in
from reconciler.declared.load import read_declared
from reconciler.importing.csv_file import cell_faults
from reconciler.model.declared import Declared, DeclaredLearner, Wanted
from reconciler.model.history import LastApplied
from reconciler.model.observed import Observed, ObservedLearner, misid_digest
from reconciler.model.slots import NOBODY, Holder, LearnerKey, Place, Site, Slot, SlotKind, Unread, UserId
from reconciler.model.structs import Struct
from reconciler.model.table_columns import HELD, SEPARATOR, SINCE, column_of, headings
from reconciler.problems import NoStore, Problem
from reconciler.runtime.declared_state import read_state
from reconciler.runtime.environment import LONDON, Environment
from reconciler.runtime.files import check_place
from reconciler.runtime.options import Options
from reconciler.runtime.session import open_session
from reconciler.runtime.store_address import store_of
from reconciler.runtime.store_snapshot import identities_at
from reconciler.runtime.target import target_of

ANOTHER_PATH = "Choose another path for the table."
_INFORMATION = (HELD, SINCE)


class WideTable(Struct, frozen=True):
    """Rows of text, one per learner, with as many cells as there are headings.

    `left_out` are warnings about what a table cannot hold. `read`: OneFile was read, not only the record.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left_out: tuple[Problem, ...] = ()
    read: bool = False

    @property
    def information(self) -> frozenset[int]:
        """The places of the columns that are for people only: `sync` does not read them."""
        return frozenset(place for place, heading in enumerate(self.headings) if heading.endswith(_INFORMATION))


class Exported(Struct, frozen=True):
    """The result of an export: the files that were written, and the table in them."""

    files: tuple[str, ...]
    table: WideTable


class _Held(Struct, frozen=True):
    """Holder of a slot, as OneFile or the record has it, and since when, if the record has that."""

    staff: UserId | None
    since: datetime | None = None


_Holders = Mapping[LearnerKey, Mapping[Slot, _Held]]


def export(options: Options, environment: Environment, files: Collection[Path], *, read: bool = False) -> WideTable:
    """Return the table of the learners in scope, for these files.

    Who is declared is named without cover, because that is what the entries of the files name. Without `read`, no call
    is made: who holds a slot is as recorded. Raises Invalid if a file cannot be written.
    """
    for file in files:
        check_place(file, fix=ANOTHER_PATH)
    declared = read_state(options, environment)
    observed = asyncio.run(_observed(options, environment, declared)) if read else None
    held = _holders(options, environment, declared, observed)
    in_name = read_declared(
        options.state, declared.day, cohorts=options.cohorts, learners=options.learners, cover=False
    )
    return _Table(in_name, held).made(read=read)


async def _observed(options: Options, environment: Environment, declared: Declared) -> Observed:
    async with open_session(options, environment, declared.settings) as session:
        return await observe_in(session, environment, declared)


# ------------------------------------------------------------------ who holds


def _holders(options: Options, environment: Environment, declared: Declared, observed: Observed | None) -> _Holders:
    """Return who holds each slot: as read, else as recorded."""
    site = Site(target_of(options, environment, declared.settings).name, declared.settings.organisation)
    sites = {Site(site.target, learner.organisation) for learner in declared.learners}
    misids = dict(observed.misids) if observed else {}
    records: Mapping[Place, LastApplied] = {}
    with suppress(NoStore), store_of(options, environment, make=False) as store:
        accounts = identities_at(store, site, sites)
        misids = _known_accounts(declared, accounts) | misids
        users = [user for learner in declared.learners if (user := learner.user(misids)) is not None]
        for place in sites:
            records = {**records, **store.last_applied(place, users)}
    recorded: dict[UserId, dict[Slot, LastApplied]] = defaultdict(dict)
    for (user, slot), record in records.items():
        recorded[user][slot] = record
    return {
        learner.key: _of_learner(recorded.get(user, {}), observed.learners.get(user) if observed else None)
        for learner in declared.learners
        if (user := learner.user(misids)) is not None
    }


def _known_accounts(declared: Declared, accounts: Mapping[str, UserId]) -> dict[str, UserId]:
    """Return the recorded account of each MISID; *accounts* has them by digest."""
    digests = {one.misid: misid_digest(one.organisation, one.misid) for one in declared.learners if one.misid}
    return {misid: accounts[digest] for misid, digest in digests.items() if digest in accounts}


def _of_learner(recorded: Mapping[Slot, LastApplied], seen: ObservedLearner | None) -> dict[Slot, _Held]:
    slots = seen.slots if seen else {}
    held = {slot: _held(recorded.get(slot), slots.get(slot, Unread.UNREADABLE)) for slot in {*recorded, *slots}}
    return {slot: one for slot, one in held.items() if one}


def _held(record: LastApplied | None, seen: Holder) -> _Held | None:
    """Return the holder as read, with the day of the record if it has the same one; else as recorded."""
    if isinstance(seen, Unread):
        return _Held(record.staff, record.at) if record else None
    return _Held(seen, record.at if record and record.staff == seen else None)


# ------------------------------------------------------------------ the table


class _Table:
    def __init__(self, declared: Declared, held: _Holders) -> None:
        self._declared, self._held = declared, held
        self._handles = {member.id: member.handle for member in declared.staff.values()}
        self._problems: list[Problem] = []
        self._slots = self._columns()

    def made(self, *, read: bool) -> WideTable:
        """Return the table, without columns for people that would be empty."""
        learners = [learner for learner in self._declared.learners if self._is_writable(learner)]
        columns = [self._fixed(learners), *(self._of_slot(slot, learners) for slot in self._slots)]
        cells = {heading: column for group in columns for heading, column in group.items()}
        cells = {name: column for name, column in cells.items() if any(column) or not name.endswith(_INFORMATION)}
        return WideTable(tuple(cells), tuple(zip(*cells.values(), strict=True)), tuple(self._problems), read)

    def _columns(self) -> list[Slot]:
        """Return the slots that have a column, all additional people as one at the end."""
        declared = {slot for learner in self._declared.learners for slot in learner.slots}
        additional = [Slot(SlotKind.ADDITIONAL)] if any(slot.kind is SlotKind.ADDITIONAL for slot in declared) else []
        slots = sorted((slot for slot in declared if slot.kind is not SlotKind.ADDITIONAL), key=Slot.order)
        return [slot for slot in (*slots, *additional) if self._has_heading(slot)]

    def _has_heading(self, slot: Slot) -> bool:
        """Return False, with a warning, for a unit whose id a heading cannot hold."""
        name = _heading(slot)
        column = column_of(name, self._declared.settings.columns)
        if column is not None and column.name == name:
            return True
        what = f"the heading {name} would not be read back as this slot, so it has no column"
        self._problems.append(Problem(what, "Change this slot in the files.", severity="warning"))
        return False

    def _is_writable(self, learner: DeclaredLearner) -> bool:
        """Return False, with a warning, for a MISID that no cell can hold."""
        if learner.id is not None or _fits("misid", learner.misid or ""):
            return True
        what = f"{learner.name()}: no cell can hold this MISID, so the learner has no row"
        self._problems.append(Problem(what, "Change this learner in the files.", learner.source, severity="warning"))
        return False

    def _fixed(self, learners: Sequence[DeclaredLearner]) -> dict[str, list[str]]:
        keys = {
            "id": [str(learner.id or "") for learner in learners],
            "misid": [learner.misid or "" for learner in learners],
        }
        texts = {
            "label": [_fitting("label", learner.label) for learner in learners],
            "cohort": [_fitting("cohort", learner.cohort) for learner in learners],
        }
        return {name: (keys | texts)[name] for name in headings(())}

    def _of_slot(self, slot: Slot, learners: Sequence[DeclaredLearner]) -> dict[str, list[str]]:
        """Return the column of a slot, and the two for people beside it."""
        name = _heading(slot)
        if slot.kind is SlotKind.ADDITIONAL:
            return {
                name: [SEPARATOR.join(_additional(learner)) for learner in learners],
                f"{name}{HELD}": [SEPARATOR.join(self._additional_held(learner)) for learner in learners],
            }
        held = [self._held.get(learner.key, {}).get(slot) for learner in learners]
        return {
            name: [self._declared_holder(learner.slots.get(slot)) for learner in learners],
            f"{name}{HELD}": [self._named(one.staff) if one else "" for one in held],
            f"{name}{SINCE}": [_day(one.since) if one else "" for one in held],
        }

    def _declared_holder(self, wanted: Wanted | None) -> str:
        return self._named(wanted.staff) if wanted else ""

    def _named(self, staff: UserId | None) -> str:
        if staff is None:
            return "" if NOBODY in self._declared.staff else NOBODY  # else it would be somebody with this handle
        return self._handles.get(staff, str(staff))

    def _additional_held(self, learner: DeclaredLearner) -> list[str]:
        people = {
            held.staff
            for slot, held in self._held.get(learner.key, {}).items()
            if slot.kind is SlotKind.ADDITIONAL and held.staff is not None
        }
        return sorted(self._named(person) for person in people)


def _heading(slot: Slot) -> str:
    return headings([slot])[-1]


def _additional(learner: DeclaredLearner) -> list[str]:
    return sorted(
        wanted.handle for slot, wanted in learner.slots.items() if slot.kind is SlotKind.ADDITIONAL and wanted.handle
    )


def _fitting(column: str, text: str) -> str:
    """Return the text if it would be read back as it is, else an empty cell, which changes nothing."""
    return text if _fits(column, text) else ""


def _fits(column: str, text: str) -> bool:
    """Return True if the cell would be read back as it is."""
    return not text or (text == text.strip() and next(cell_faults(column, text), None) is None)


def _day(moment: datetime | None) -> str:
    return moment.astimezone(LONDON).date().isoformat() if moment else ""
