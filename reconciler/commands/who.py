"""`who`: the holders of a learner's slots, or the slots of a member of staff, from the files and the record."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import Literal

from reconciler.commands.plan import observe_in
from reconciler.declared.cover import acting
from reconciler.declared.selection import choose
from reconciler.model.declared import Cover, Declared, DeclaredLearner, PlainSlots, Staff, Wanted
from reconciler.model.names import Names
from reconciler.model.operations import Move, State
from reconciler.model.slots import Handle, Holder, Place, Site, Slot, Unread, UserId
from reconciler.model.structs import Struct, replace
from reconciler.problems import Invalid, NoStore, Problem
from reconciler.runtime.declared_state import read_state
from reconciler.runtime.environment import LONDON, Environment
from reconciler.runtime.former_learner import former_learner
from reconciler.runtime.options import Options
from reconciler.runtime.session import open_session
from reconciler.runtime.store_address import store_of
from reconciler.runtime.target import target_of
from reconciler.store import JournalRow, LastApplied, RunRow, Store
from reconciler.text import did_you_mean, quoted

Proof = Literal["read back", "seen as declared", "reported by a person", "not shown by OneFile", "not verified"]
_CARRIED_OUT = (State.DONE, State.ALREADY_DONE)


class Recorded(Struct, frozen=True):
    """The holder that the record has, with the run that set it, who asked for it and what proves it."""

    staff: UserId | None
    at: datetime
    run: int
    by: str
    proof: Proof


class HeldSlot(Struct, frozen=True):
    """One slot: as declared for the day, as recorded, and as OneFile has it if that was read.

    `wanted` is None if no file declares the slot.
    """

    learner: UserId | None
    label: str
    cohort: str
    slot: Slot
    wanted: Wanted | None
    recorded: Recorded | None = None
    onefile: Holder | None = None

    @property
    def in_names(self) -> tuple[Handle, ...]:
        """The declared holders whom the one in effect covers for; several only of an additional person."""
        return self.wanted.in_names if self.wanted else ()


class Holders(Struct, frozen=True):
    """The slots of the learner or member of staff; `read`: OneFile was read.

    `covers` lead from the member to the stand-in on the day.
    """

    name: str
    day: date
    slots: Sequence[HeldSlot]
    names: Names
    staff: Staff | None = None
    learner: DeclaredLearner | None = None
    covers: tuple[Cover, ...] = ()
    read: bool = False


def who(options: Options, environment: Environment, name: str, *, read: bool = False) -> Holders:
    """Return the holders of a learner's slots, or the slots of a member of staff, on the command's day.

    Without `read`, no call is made. Raises Invalid for a name that the files, their history and the record do not have.
    """
    declared = read_state(options.whole(), environment)
    member = _member(declared, name)
    learners = declared.learners if member else _learners(options, declared, name)
    rows = [row for learner in learners for row in (_slots_of(member, learner) if member else declared_slots(learner))]
    rows = _with_records(options, environment, declared, learners, rows, everything=member is None)
    if read:
        rows = asyncio.run(_with_reading(options, environment, declared, rows))
    names = Names({member.id: member.handle for member in declared.staff.values()}, declared.settings.titles)
    covers = acting(declared.staff, declared.day)[member.handle].covers if member else ()
    learner = None if member else learners[0]
    return Holders(name, declared.day, rows, names, member, learner, covers, read)


def _slots_of(member: Staff, learner: DeclaredLearner) -> Iterator[HeldSlot]:
    """Yield the slots that a member of staff holds on a learner, or that somebody holds for them."""
    if isinstance(learner.slots, PlainSlots) and member.id not in learner.holders.values():
        return  # there is no cover: nothing to resolve
    for row in declared_slots(learner):
        if row.wanted and (row.wanted.staff == member.id or member.handle in row.in_names):
            yield row


def _member(declared: Declared, name: str) -> Staff | None:
    by_id = declared.staff_by_id()
    return declared.staff.get(Handle(name)) or (by_id.get(UserId(int(name))) if name.isdecimal() else None)


def _learners(options: Options, declared: Declared, name: str) -> tuple[DeclaredLearner, ...]:
    matches, _ = choose(declared.learners, (), [name])
    if matches:
        return tuple(matches)
    if former := former_learner(options.state, name):
        return (replace(former, slots={}),)
    if name.isascii() and name.isdecimal():
        settings = declared.settings
        return (DeclaredLearner(UserId(int(name)), None, "", "", settings.organisation, {}, settings.source),)
    known = [*declared.staff, *(learner.label for learner in declared.learners if learner.label)]
    fix = did_you_mean(name, known, "Use a label, MISID or OneFile id of a learner, or a handle of staff.yaml.")
    raise Invalid(Problem(f"{quoted(name)} is nobody in the files or in their history", fix, where="NAME"))


def declared_slots(learner: DeclaredLearner) -> Iterator[HeldSlot]:
    """Yield a learner's declared slots, in order."""
    for slot in sorted(learner.slots, key=Slot.order):
        yield HeldSlot(learner.id, learner.label, learner.cohort, slot, learner.slots[slot])


# ------------------------------------------------------------------ the record


def _with_records(
    options: Options,
    environment: Environment,
    declared: Declared,
    learners: Collection[DeclaredLearner],
    rows: Sequence[HeldSlot],
    *,
    everything: bool,
) -> list[HeldSlot]:
    """Add what the store knows; with `everything`, also slots of these learners that no file declares."""
    site = Site(target_of(options, environment, declared.settings).name, declared.settings.organisation)
    named = (learner.id for learner in learners) if everything else (row.learner for row in rows)
    users = {user for user in named if user is not None}
    records: Mapping[Place, Recorded] = {}
    with (
        suppress(NoStore),
        store_of(options, environment, make=False) as store,
    ):
        records = _records(store, site, users, declared.day if declared.day < environment.today() else None)
    known = [replace(row, recorded=records.get((row.learner or UserId(0), row.slot))) for row in rows]
    if everything:
        listed = {(row.learner, row.slot) for row in rows}
        for (user, slot), recorded in sorted(records.items(), key=lambda item: Slot.order(item[0][1])):
            if (user, slot) not in listed and recorded.staff is not None:
                learner = next(learner for learner in learners if learner.id == user)
                known.append(HeldSlot(user, learner.label, learner.cohort, slot, None, recorded=recorded))
    return known


def _records(store: Store, site: Site, users: Collection[UserId], past: date | None) -> dict[Place, Recorded]:
    """Return the recorded holder of each slot, now or at the end of a day in the past."""
    writes = carried_out(store.writes_to(users, target=site.target))
    records = recorded_holders(store.last_applied(site, users), writes)
    if past is None:
        return records
    places = {*records, *writes}
    then = {place: _holder_on(past, records.get(place), writes.get(place, [])) for place in places}
    return {place: recorded for place, recorded in then.items() if recorded}


SlotWrites = Mapping[Place, Sequence[tuple[RunRow, JournalRow, Move]]]
"""Writes to each slot that were carried out, newest first."""


def carried_out(rows: Iterable[tuple[RunRow, JournalRow]]) -> SlotWrites:
    """Return the writes of one target that were carried out, by slot; `rows` are newest first."""
    writes: dict[Place, list[tuple[RunRow, JournalRow, Move]]] = defaultdict(list)
    for run, row in rows:
        if row.state in _CARRIED_OUT:
            for slot, move in row.operation.moves:
                writes[row.operation.learner, slot].append((run, row, move))
    return writes


def recorded_holders(applied: Mapping[Place, LastApplied], writes: SlotWrites) -> dict[Place, Recorded]:
    """Return the recorded holder of each slot with what proves it."""
    return {
        place: Recorded(last.staff, last.at, last.run, last.who, _proof(place, last, writes))
        for place, last in applied.items()
    }


def _proof(place: Place, last: LastApplied, writes: SlotWrites) -> Proof:
    for run, row, _ in writes.get(place, ()):
        if run.id == last.run:
            return _proof_of(row)
    return "reported by a person" if last.command == "done" else "seen as declared"


def _proof_of(row: JournalRow) -> Proof:
    match row.events[-1].proof:
        case "read_back":
            return "read back"
        case "unreadable":
            return "not shown by OneFile"
        case _:
            return "not verified"


def _holder_on(
    day: date, record: Recorded | None, writes: Sequence[tuple[RunRow, JournalRow, Move]]
) -> Recorded | None:
    """Return the last holder up to the end of that day in London; from the next write's before-value if need be."""
    for run, row, move in writes:
        at = row.events[-1].at
        if at.astimezone(LONDON).date() <= day:
            return Recorded(move.after, at, run.id, run.who, _proof_of(row))
    if record and record.at.astimezone(LONDON).date() <= day:
        return record
    if writes and not isinstance(writes[-1][2].before, Unread):
        run, row, move = writes[-1]
        before = move.before if isinstance(move.before, int) else None
        return Recorded(before, row.events[-1].at, run.id, run.who, "read back")
    return None


# ------------------------------------------------------------------ OneFile


async def _with_reading(
    options: Options, environment: Environment, declared: Declared, rows: Sequence[HeldSlot]
) -> list[HeldSlot]:
    wanted = {row.learner for row in rows}
    scope = replace(declared, learners=tuple(learner for learner in declared.learners if learner.id in wanted))
    async with open_session(options, environment, declared.settings) as session:
        observed = await observe_in(session, environment, scope)
    return [
        replace(row, onefile=seen.slots.get(row.slot, Unread.UNREADABLE))
        if row.learner is not None and (seen := observed.learners.get(row.learner))
        else row
        for row in rows
    ]
