"""Reader of users, learning aims and unit summaries: complete or an error; unreadable is never taken for empty."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.clock import Clock
from reconciler.model.slots import (
    DEFAULT_KINDS,
    LAYERS,
    LEARNING_AIM_KINDS,
    UNIT_KINDS,
    Holder,
    OrganisationId,
    Slot,
    SlotKind,
    Unread,
    UserId,
)
from reconciler.model.structs import Struct, replace
from reconciler.onefile import wire
from reconciler.onefile.client import OneFile
from reconciler.onefile.pagination import (
    MOST_PAGES_OF_A_LEARNER,
    MOST_ROWS_OF_A_LEARNER,
    MOST_ROWS_OF_ALL_LEARNERS,
    USUAL_ROWS,
    PagedList,
    Paging,
    Row,
)
from reconciler.onefile.progress_limit import Notify
from reconciler.onefile.wire import Request, UserRow, WorkRow
from reconciler.problems import BadAnswer, Problem, Rejected

LONGEST_NAME = 80  # characters of a learner's name that a report may show
LONGEST_READ_LAG_SECONDS = 60.0
"""Default for how long after a write reads may still show the old value."""


def layers_of(slots: Iterable[Slot]) -> tuple[frozenset[SlotKind], ...]:
    """Return the layers to read for these slots; one call each, if a learner's work fits a page."""
    kinds = {slot.kind for slot in slots}
    return tuple(layer for layer in LAYERS if kinds & layer)


class Reading(Struct, frozen=True):
    """One learner's slots as read, and the time (monotonic seconds).

    `layers` are those that it has completely. `written`: a write of ours was put into it.
    """

    slots: Mapping[Slot, Holder]
    at: float
    layers: frozenset[frozenset[SlotKind]] = frozenset()
    written: bool = False


@dataclass
class Reader:
    """Reads through one client; remembers the fields that this server sends, and each learner's last reading.

    A field that is missing on one record means that nobody holds the slot only if the same field was seen on another
    record of the same kind; until then the slot is UNREADABLE. `sent_fields` are the fields of a learner's own records
    (the user, the searches for one learner), `listed_fields` those of rows in lists of many learners. `names` are those
    that answers contained, and are kept only if the command may show them. After a write, readings may show the old
    value for `longest_read_lag_seconds`; `notify` shows a person that they are repeated.
    """

    client: OneFile
    clock: Clock
    paging: Paging = field(default_factory=Paging)
    sent_fields: set[SlotKind] = field(default_factory=set)
    listed_fields: set[SlotKind] = field(default_factory=set)
    keeps_names: bool = False
    names: dict[UserId, str] = field(default_factory=dict, repr=False)
    longest_read_lag_seconds: float = LONGEST_READ_LAG_SECONDS
    notify: Notify | None = None
    _noted_lag: bool = False
    _readings: dict[UserId, Reading] = field(default_factory=dict)
    _modified: dict[UserId, tuple[datetime, float]] = field(default_factory=dict)
    _defaults: dict[UserId, tuple[Mapping[Slot, Holder], float]] = field(default_factory=dict)
    _owner: dict[tuple[str, int], UserId] = field(default_factory=dict)

    # -------------------------------------------------------------- users

    async def user(self, user: UserId) -> UserRow | None:
        """Read one user; return None if OneFile has no such user."""
        request = wire.get_user(user)
        started = self.clock.monotonic()
        try:
            answer = await self.client.read(*request)
        except Rejected as refusal:
            if refusal.status in (400, 404):
                return None
            raise
        row = wire.parse_user(answer, request)
        self._note_names([row])
        if row.id != user:
            raise _contradiction(str(request), f"requested user {user}, but OneFile sent user {row.id}")
        self._note(row.holders)
        self._defaults[user] = self.defaults_of(row), started
        if row.modified is not None:
            self._modified[user] = row.modified, started
        return row

    def users(self, organisation: OrganisationId, role: int, *, long: bool = False) -> PagedList[UserRow]:
        """Return the list of active users of one role. `long` requests the largest pages that this server sends.

        Callers pass its rows through `of_role`.
        """
        size = self.paging.rows if long else USUAL_ROWS
        return self._list(lambda page, size: wire.search_users(organisation, role, page, size), self._users, size)

    def placement_learners(self, organisation: OrganisationId, placement: int) -> PagedList[UserRow]:
        """Return the list of active learners of one placement."""

        def request(page: int, size: int) -> Request:
            return wire.search_placement_learners(organisation, placement, page, size)

        return self._list(request, wire.parse_users, self.paging.rows)

    async def classrooms(self, organisation: OrganisationId) -> dict[int, str]:
        """Read the names of an organisation's classrooms by id."""
        request = wire.search_classrooms(organisation)
        return wire.parse_places(await self.client.read(*request), request)

    async def placements(self, organisation: OrganisationId) -> dict[int, str]:
        """Read the names of an organisation's placements by id."""
        request = wire.search_placements(organisation)
        return wire.parse_places(await self.client.read(*request), request)

    async def standard_titles(self, organisation: OrganisationId) -> dict[int | str, str]:
        """Read the titles of an organisation's standards by StandardID."""
        request = wire.search_standards(organisation)
        return wire.parse_standard_titles(await self.client.read(*request), request)

    async def unit_titles(self, organisation: OrganisationId) -> dict[int | str, str]:
        """Read the titles of an organisation's units by UnitID."""
        request = wire.search_units(organisation)
        return wire.parse_unit_titles(await self.client.read(*request), request)

    async def organisations(self) -> frozenset[OrganisationId]:
        """Read the organisations that the token can access."""
        customer = wire.get_customer()
        number = wire.parse_customer(await self.client.read(*customer), customer)
        request = wire.search_organisations(number)
        return wire.parse_organisations(await self.client.read(*request), request)

    async def users_page(self, organisation: OrganisationId, role: int, page: int, size: int) -> list[UserRow]:
        """Read one page of the list of `users`."""
        request = wire.search_users(organisation, role, page, size)
        rows = self._users(await self.client.read(*request), request)
        self.paging.note_page(len(rows), size)
        return rows

    async def users_unpaged(self, organisation: OrganisationId, role: int) -> list[UserRow]:
        """Read the list of `users` in one answer, which may be incomplete; the caller checks."""
        request = wire.search_users_unpaged(organisation, role)
        return self._users(await self.client.read(*request), request)

    def of_role(self, rows: Iterable[UserRow], role: int) -> dict[UserId, UserRow]:
        """Return the rows of that role by id, because a server may send roles without filtering by them."""
        return {row.id: row for row in rows if row.role in (None, role)}

    async def misid(self, organisation: OrganisationId, misid: str) -> tuple[UserRow, ...]:
        """Read every active learner with exactly this MISID."""
        matches = self._list(
            lambda page, size: wire.search_misid(organisation, misid, page, size), self._users, USUAL_ROWS
        )
        rows = await matches.read(enough=lambda rows: any(row.misid == misid for row in rows.values()), to_the_end=True)
        learners = self.of_role(rows.values(), wire.LEARNER_ROLE)
        return tuple(row for _, row in sorted(learners.items()) if row.misid == misid)

    def _users(self, answer: object, request: Request) -> list[UserRow]:
        rows = wire.parse_users(answer, request)
        self._note_names(rows)
        return rows

    def _note_names(self, rows: Iterable[UserRow]) -> None:
        if self.keeps_names:
            self.names |= {row.id: row.name[:LONGEST_NAME] for row in rows if row.name}

    def all_learning_aims(self) -> PagedList[WorkRow]:
        """Return the list of all learning aims; not every server supports it."""
        return self._long_list(wire.search_all_learning_aims, wire.parse_learning_aims)

    def all_unit_summaries(self) -> PagedList[WorkRow]:
        """Return the list of all unit summaries; not every server supports it."""
        return self._long_list(wire.search_all_unit_summaries, wire.parse_unit_summaries)

    def _long_list(
        self, request_for: Callable[[int, int], Request], parse: Callable[[object, Request], list[WorkRow]]
    ) -> PagedList[WorkRow]:
        rows = self._list(request_for, parse, self.paging.rows)
        rows.most_rows = MOST_ROWS_OF_ALL_LEARNERS
        return rows

    async def modified_since(self, organisation: OrganisationId, since: datetime) -> frozenset[UserId]:
        """Read which active learners have a record that was modified since."""

        def request(page: int, size: int) -> Request:
            return wire.search_modified(organisation, since, page, size)

        rows = await self._list(request, wire.parse_users, self.paging.rows).read()
        return frozenset(self.of_role(rows.values(), wire.LEARNER_ROLE))

    def modified(self, learner: UserId) -> tuple[datetime, float] | None:
        """Return LastModified of a learner's own record as last read, and when it was read (monotonic seconds)."""
        return self._modified.get(learner)

    # -------------------------------------------------------------- slots

    async def slots(self, learner: UserId, needed: Collection[Slot], *, whole: bool = False) -> Reading:
        """Read the records that the needed slots are on: the user, the learning aims, the unit summaries.

        The reading has every needed slot (NOT_HELD if the learner lacks the aim or unit) and all others of the same
        answers. Additional people cannot be read and stay UNREADABLE. `whole`: read all three layers, also those
        without a needed slot, if this server permits it.
        """
        needed_layers = layers_of(needed)
        slots: dict[Slot, Holder] = {}
        layers = set()
        started = self.clock.monotonic()
        for layer in LAYERS:
            if layer in needed_layers:
                slots |= await self._layer(layer, learner, needed)
                layers.add(layer)
            elif whole:
                with suppress(Rejected, BadAnswer):  # it is not needed, so its failure does not end the reading
                    slots |= await self._layer(layer, learner, needed)
                    layers.add(layer)
        return self.remember(learner, slots, needed, started, layers)

    async def whole(self, learner: UserId, needed: Collection[Slot], *, within: float) -> Reading:
        """Return a reading of all three layers; only those are read that no reading has within so many seconds.

        After a write of ours every layer is read: a side effect may be anywhere.
        """
        return await self._completed(learner, needed, LAYERS, within)

    async def _completed(
        self, learner: UserId, needed: Collection[Slot], layers: Iterable[frozenset[SlotKind]], within: float
    ) -> Reading:
        """Return a reading of these layers, and of any other that is known; read what no recent reading has."""
        kept, started = self._kept_layers(learner, within), self.clock.monotonic()
        needed_layers = layers_of(needed)
        read = {layer: held for layer, (held, _) in kept.items()}
        for layer in layers:
            if layer in kept:
                continue
            try:
                read[layer] = await self._layer(layer, learner, needed)
            except (Rejected, BadAnswer):
                if layer in needed_layers:
                    raise
        slots = {slot: held for layer in read.values() for slot, held in layer.items()}
        at = min((read_at for _, read_at in kept.values()), default=started)
        return self.remember(learner, slots, needed, at, read)

    def layers_missing(self, learner: UserId, needed: Collection[Slot], *, whole: bool, within: float) -> int:
        """Count the layers that `recent`, or `whole`, would read now."""
        last = self._readings.get(learner)
        if not whole and last and self.is_recent(learner, within=within) and all(slot in last.slots for slot in needed):
            return 0
        kept = self._kept_layers(learner, within)
        return sum(layer not in kept for layer in (LAYERS if whole else layers_of(needed)))

    def _kept_layers(
        self, learner: UserId, within: float
    ) -> dict[frozenset[SlotKind], tuple[Mapping[Slot, Holder], float]]:
        """Return the slots of each layer that was read completely within so many seconds, and when that was."""
        last, own = self._readings.get(learner), self._defaults.get(learner)
        if last is None or last.written:
            return {}
        now = self.clock.monotonic()
        kept: dict[frozenset[SlotKind], tuple[Mapping[Slot, Holder], float]] = {}
        for layer in last.layers if now - last.at < within else ():
            kept[layer] = {slot: held for slot, held in last.slots.items() if slot.kind in layer}, last.at
        if DEFAULT_KINDS not in kept and own is not None and now - own[1] < within:
            kept[DEFAULT_KINDS] = own
        return kept

    async def _layer(
        self, layer: frozenset[SlotKind], learner: UserId, needed: Collection[Slot]
    ) -> Mapping[Slot, Holder]:
        if layer is DEFAULT_KINDS:
            return self.defaults_of(await self.user(learner))
        return await (self.learning_aims if layer is LEARNING_AIM_KINDS else self.units)(learner, needed)

    def defaults_of(self, row: UserRow | None) -> dict[Slot, Holder]:
        """Return both defaults from a user's own record."""
        return {Slot(kind): Unread.NOT_HELD if row is None else row.holders[kind] for kind in DEFAULT_KINDS}

    async def learning_aims(self, learner: UserId, needed: Collection[Slot]) -> dict[Slot, Holder]:
        """Read one learner's learning aim slots, by a search for this learner alone.

        A needed slot without a key means all slots of its kind: a first answer that looks complete is accepted.
        """
        return await self._work(learner, needed, wire.search_learning_aims, wire.parse_learning_aims)

    async def units(self, learner: UserId, needed: Collection[Slot]) -> dict[Slot, Holder]:
        """Read one learner's unit slots, by a search for this learner alone."""
        return await self._work(learner, needed, wire.search_unit_summaries, wire.parse_unit_summaries)

    def remember(
        self,
        learner: UserId,
        slots: Mapping[Slot, Holder],
        needed: Collection[Slot],
        at: float,
        layers: Iterable[frozenset[SlotKind]] = (),
    ) -> Reading:
        """Keep a learner's reading, begun at `at`, so that a recent one is not made again."""
        absent = {
            slot: Unread.UNREADABLE if slot.kind is SlotKind.ADDITIONAL else Unread.NOT_HELD
            for slot in needed
            if slot not in slots
        }
        self._readings[learner] = Reading({**slots, **absent}, at, frozenset(layers))
        return self._known(self._readings[learner])

    def is_recent(self, learner: UserId, *, within: float) -> bool:
        """Return True if the learner's last reading is at most `within` seconds old."""
        last = self._readings.get(learner)
        return last is not None and self.clock.monotonic() - last.at < within

    async def recent(self, learner: UserId, needed: Collection[Slot], *, within: float) -> Reading:
        """Return a reading of the needed slots that is at most `within` seconds old; make it now if there is none."""
        last = self._readings.get(learner)
        if last and self.is_recent(learner, within=within) and all(slot in last.slots for slot in needed):
            return self._known(last)
        return await self._completed(learner, needed, layers_of(needed), within)

    def forget(self, learners: Iterable[UserId]) -> None:
        """Drop the last readings of these learners, because another run has written to them since."""
        for learner in learners:
            self._readings.pop(learner, None)
            self._defaults.pop(learner, None)

    def wrote(self, learner: UserId, written: Mapping[Slot, UserId]) -> None:
        """Put our own acknowledged write into the learner's last reading, which keeps its age."""
        if last := self._readings.get(learner):
            self._readings[learner] = replace(last, slots={**last.slots, **written}, written=True)
        self._defaults.pop(learner, None)

    def note_lag(self, learner: UserId, seconds: float) -> None:
        """Show once that readings are repeated, and for how long at most."""
        if self.notify and not self._noted_lag:
            self._noted_lag = True
            self.notify(
                f"OneFile still shows the old value of learner {learner} after a write: reading again, for up to "
                f"{seconds:.0f} s each."
            )

    def last(self, learner: UserId) -> Mapping[Slot, Holder]:
        """Return the slots of a learner's last reading; none if there was no reading."""
        reading = self._readings.get(learner)
        return self._known(reading).slots if reading else {}

    def shows(self, kind: SlotKind) -> bool:
        """Return True if this server was seen to send this kind of slot."""
        return kind in self.sent_fields or kind in self.listed_fields

    def _known(self, reading: Reading) -> Reading:
        return replace(reading, slots={slot: self.known(slot, holder) for slot, holder in reading.slots.items()})

    def known(self, slot: Slot, holder: Holder) -> Holder:
        """Return nobody for a missing field if this server is known to send that field, else UNREADABLE."""
        if holder is Unread.UNREADABLE and slot.kind in self.sent_fields:
            return None
        return holder

    async def _work(
        self,
        learner: UserId,
        needed: Collection[Slot],
        search: Callable[[UserId, int, int], Request],
        parse: Callable[[object, Request], list[WorkRow]],
    ) -> dict[Slot, Holder]:
        kinds = LEARNING_AIM_KINDS if parse is wire.parse_learning_aims else UNIT_KINDS
        expected = {slot.key for slot in needed if slot.kind in kinds and slot.key is not None}
        work = self._list(lambda page, size: search(learner, page, size), parse, USUAL_ROWS)
        work.most_rows, work.most_pages = MOST_ROWS_OF_A_LEARNER, MOST_PAGES_OF_A_LEARNER
        rows = await work.read(enough=lambda rows: expected <= {row.key for row in rows.values()}, to_the_end=True)
        for row in rows.values():
            self._note(row.holders)
        return self.work_slots(learner, rows.values(), search(learner, 1, USUAL_ROWS).path.split("/")[1])

    def work_slots(self, learner: UserId, rows: Iterable[WorkRow], name: str) -> dict[Slot, Holder]:
        """Return the slots of one learner's aims or units; two of one standard or unit are AMBIGUOUS."""
        slots: dict[Slot, Holder] = {}
        for row in rows:
            if row.learner is not None and row.learner != learner:
                raise _contradiction(name, f"requested learner {learner}, but OneFile sent a row of {row.learner}")
            # if the row has no UserID, its own id still shows that a filter was ignored
            if self._owner.setdefault((name, row.id), learner) != learner:
                raise _contradiction(name, f"OneFile sent one row for learner {learner} and for another")
            for kind, holder in row.holders.items():
                slot = Slot(kind, row.key)
                slots[slot] = Unread.AMBIGUOUS if slot in slots else holder
        return slots

    def _note(self, holders: Mapping[SlotKind, Holder]) -> None:
        self.sent_fields.update(kind for kind, holder in holders.items() if holder is not Unread.UNREADABLE)

    def _list(
        self,
        request_for: Callable[[int, int], Request],
        parse: Callable[[object, Request], list[Row]],
        size: int,
    ) -> PagedList[Row]:
        async def fetch(page: int, size: int) -> list[Row]:
            request = request_for(page, size)
            return parse(await self.client.read(*request), request)

        search = str(request_for(1, size)).rsplit("/", 2)[0]
        return PagedList(search, fetch, self.paging, size)


def _contradiction(where: str, what: str) -> BadAnswer:
    return BadAnswer(
        Problem(
            what,
            "Run the command again. If it happens again, report it to OneFile support with the time of the call. "
            "This read changed nothing, and its result is not used.",
            where=where,
        )
    )
