"""Reads users, learning aims and unit summaries exactly: whole pages or an error, unreadable never taken for empty."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

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
from reconciler.onefile.concurrency import gather_bounded as gather_bounded  # apply, too, does a few things at a time
from reconciler.onefile.pagination import USUAL_ROWS, PagedList, Paging, Row
from reconciler.onefile.wire import Request, UserRow, WorkRow
from reconciler.problems import BadAnswer, Problem, Rejected

LONGEST_NAME = 80  # characters of a learner's name that a report may show
"""What one question each shows of a learner: their own record, a search for the aims, a search for the units."""


def layers_of(slots: Iterable[Slot]) -> tuple[frozenset[SlotKind], ...]:
    """The layers that must be asked for to know these slots; one call each, as long as a learner's work fits a page."""
    kinds = {slot.kind for slot in slots}
    return tuple(layer for layer in LAYERS if kinds & layer)


class Reading(Struct, frozen=True):
    """One learner's slots as read, and when (monotonic seconds)."""

    slots: Mapping[Slot, Holder]
    at: float


@dataclass
class Reader:
    """Reads through one client; remembers which fields this server sends, and each learner's last reading.

    A field that is missing on one record means nobody is there only if the same field was seen on another
    record of the same sort; until then the slot is UNREADABLE. `sent_fields` is what a learner's own records (the
    user, the searches for one learner) were seen to have, `listed_fields` what rows of lists of many had.
    `names` are those that answers happened to show, and are kept only where the command may show them.
    """

    client: OneFile
    clock: Clock
    paging: Paging = field(default_factory=Paging)
    sent_fields: set[SlotKind] = field(default_factory=set)
    listed_fields: set[SlotKind] = field(default_factory=set)
    keeps_names: bool = False
    names: dict[UserId, str] = field(default_factory=dict, repr=False)
    _readings: dict[UserId, Reading] = field(default_factory=dict)
    _owner: dict[tuple[str, int], UserId] = field(default_factory=dict)

    # -------------------------------------------------------------- users

    async def user(self, user: UserId) -> UserRow | None:
        """One user, or None where OneFile says there is no such user."""
        request = wire.get_user(user)
        try:
            answer = await self.client.read(*request)
        except Rejected as refusal:
            if refusal.status in (400, 404):
                return None
            raise
        row = wire.parse_user(answer, request)
        self._note_names([row])
        if row.id != user:
            raise _contradiction(str(request), f"asked for user {user}, OneFile sent user {row.id}")
        self._note(row.holders)
        return row

    def users(self, organisation: OrganisationId, role: int, *, long: bool = False) -> PagedList[UserRow]:
        """The active users of one role, under way. `long` asks for the largest pages that this server sends.

        Whoever takes rows from it passes them through `of_role`.
        """
        size = self.paging.rows if long else USUAL_ROWS
        return self._list(lambda page, size: wire.search_users(organisation, role, page, size), self._users, size)

    def placement_learners(self, organisation: OrganisationId, placement: int) -> PagedList[UserRow]:
        """The active learners of one placement, under way."""

        def request(page: int, size: int) -> Request:
            return wire.search_placement_learners(organisation, placement, page, size)

        return self._list(request, wire.parse_users, self.paging.rows)

    async def classrooms(self, organisation: OrganisationId) -> dict[int, str]:
        """The names of an organisation's classrooms by id."""
        request = wire.search_classrooms(organisation)
        return wire.parse_places(await self.client.read(*request), request)

    async def placements(self, organisation: OrganisationId) -> dict[int, str]:
        """The names of an organisation's placements by id."""
        request = wire.search_placements(organisation)
        return wire.parse_places(await self.client.read(*request), request)

    async def organisations(self) -> frozenset[OrganisationId]:
        """The centres that the token reaches."""
        customer = wire.get_customer()
        number = wire.parse_customer(await self.client.read(*customer), customer)
        request = wire.search_organisations(number)
        return wire.parse_organisations(await self.client.read(*request), request)

    async def users_page(self, organisation: OrganisationId, role: int, page: int, size: int) -> list[UserRow]:
        """One page of the same list."""
        request = wire.search_users(organisation, role, page, size)
        rows = self._users(await self.client.read(*request), request)
        self.paging.came(len(rows), size)
        return rows

    async def users_unpaged(self, organisation: OrganisationId, role: int) -> list[UserRow]:
        """The same list in one answer; whether it is all of it is for the caller to find out."""
        request = wire.search_users_unpaged(organisation, role)
        return self._users(await self.client.read(*request), request)

    def of_role(self, rows: Iterable[UserRow], role: int) -> dict[UserId, UserRow]:
        """A server that sends roles but does not filter by them must not make an employer an assessor."""
        return {row.id: row for row in rows if row.role in (None, role)}

    async def misid(self, organisation: OrganisationId, misid: str) -> tuple[UserRow, ...]:
        """Every active learner with exactly this MISID."""
        found = self._list(
            lambda page, size: wire.search_misid(organisation, misid, page, size), self._users, USUAL_ROWS
        )
        rows = await found.read(enough=lambda rows: any(row.misid == misid for row in rows.values()), to_the_end=True)
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
        """Every learner's learning aims, under way; not every server answers this."""
        return self._list(wire.search_all_learning_aims, wire.parse_learning_aims, self.paging.rows)

    def all_unit_summaries(self) -> PagedList[WorkRow]:
        """Every learner's unit summaries, under way; not every server answers this."""
        return self._list(wire.search_all_unit_summaries, wire.parse_unit_summaries, self.paging.rows)

    # -------------------------------------------------------------- slots

    async def slots(self, learner: UserId, wanted: Collection[Slot], *, whole: bool = False) -> Reading:
        """Read what is needed to know the wanted slots: the user, the learning aims, the unit summaries.

        The reading has every wanted slot (NOT_HELD where the learner lacks the aim or unit) and whatever
        else those calls showed. Additional people cannot be read and stay UNREADABLE. `whole`: look at all three
        layers, also those with no wanted slot, as far as this server lets them be read.
        """
        asked = layers_of(wanted)
        slots: dict[Slot, Holder] = {}
        started = self.clock.monotonic()
        for layer in LAYERS:
            if layer in asked:
                slots |= await self._layer(layer, learner, wanted)
            elif whole:
                with suppress(Rejected, BadAnswer):  # nobody asked for it: it must not end what was asked for
                    slots |= await self._layer(layer, learner, wanted)
        return self.remember(learner, slots, wanted, started)

    async def _layer(
        self, layer: frozenset[SlotKind], learner: UserId, wanted: Collection[Slot]
    ) -> Mapping[Slot, Holder]:
        if layer is DEFAULT_KINDS:
            return self.defaults_of(await self.user(learner))
        return await (self.learning_aims if layer is LEARNING_AIM_KINDS else self.units)(learner, wanted)

    def defaults_of(self, row: UserRow | None) -> dict[Slot, Holder]:
        """Both defaults as a user's own record shows them."""
        return {Slot(kind): Unread.NOT_HELD if row is None else row.holders[kind] for kind in DEFAULT_KINDS}

    async def learning_aims(self, learner: UserId, wanted: Collection[Slot]) -> dict[Slot, Holder]:
        """One learner's learning aim slots, by a search for this learner alone.

        A wanted slot without a key stands for whatever there is: a first answer that looks whole is taken for whole.
        """
        return await self._work(learner, wanted, wire.search_learning_aims, wire.parse_learning_aims)

    async def units(self, learner: UserId, wanted: Collection[Slot]) -> dict[Slot, Holder]:
        """One learner's unit slots, by a search for this learner alone."""
        return await self._work(learner, wanted, wire.search_unit_summaries, wire.parse_unit_summaries)

    def remember(self, learner: UserId, slots: Mapping[Slot, Holder], wanted: Collection[Slot], at: float) -> Reading:
        """Keep what was read of a learner, begun at `at`, so that one younger than a minute need not be read again."""
        absent = {
            slot: Unread.UNREADABLE if slot.kind is SlotKind.ADDITIONAL else Unread.NOT_HELD
            for slot in wanted
            if slot not in slots
        }
        self._readings[learner] = Reading({**slots, **absent}, at)
        return self._known(self._readings[learner])

    def is_recent(self, learner: UserId, *, within: float) -> bool:
        """Whether the learner's last reading is at most `within` seconds old."""
        last = self._readings.get(learner)
        return last is not None and self.clock.monotonic() - last.at < within

    async def recent(self, learner: UserId, wanted: Collection[Slot], *, within: float) -> Reading:
        """A reading of the wanted slots that is at most `within` seconds old, made now where there is none."""
        last = self._readings.get(learner)
        if last and self.is_recent(learner, within=within) and all(slot in last.slots for slot in wanted):
            return self._known(last)
        return await self.slots(learner, wanted)

    def wrote(self, learner: UserId, written: Mapping[Slot, UserId]) -> None:
        """Our own acknowledged write: the learner's last reading, no younger for it, is expected to show it now."""
        if last := self._readings.get(learner):
            self._readings[learner] = replace(last, slots={**last.slots, **written})

    def last(self, learner: UserId) -> Mapping[Slot, Holder]:
        """The slots of a learner's last reading; nothing where there was none."""
        reading = self._readings.get(learner)
        return self._known(reading).slots if reading else {}

    def shows(self, kind: SlotKind) -> bool:
        """Whether this server was seen to send this kind of slot."""
        return kind in self.sent_fields or kind in self.listed_fields

    def _known(self, reading: Reading) -> Reading:
        return replace(reading, slots={slot: self.known(slot, holder) for slot, holder in reading.slots.items()})

    def known(self, slot: Slot, holder: Holder) -> Holder:
        """A missing field is nobody where this server is known to send that field, and UNREADABLE where not."""
        if holder is Unread.UNREADABLE and slot.kind in self.sent_fields:
            return None
        return holder

    async def _work(
        self,
        learner: UserId,
        wanted: Collection[Slot],
        search: Callable[[UserId, int, int], Request],
        parse: Callable[[object, Request], list[WorkRow]],
    ) -> dict[Slot, Holder]:
        kinds = LEARNING_AIM_KINDS if parse is wire.parse_learning_aims else UNIT_KINDS
        expected = {slot.key for slot in wanted if slot.kind in kinds and slot.key is not None}
        found = self._list(lambda page, size: search(learner, page, size), parse, USUAL_ROWS)
        rows = await found.read(enough=lambda rows: expected <= {row.key for row in rows.values()}, to_the_end=True)
        for row in rows.values():
            self._note(row.holders)
        return self.work_slots(learner, rows.values(), search(learner, 1, USUAL_ROWS).path.split("/")[1])

    def work_slots(self, learner: UserId, rows: Iterable[WorkRow], name: str) -> dict[Slot, Holder]:
        """Slots from one learner's aims or units; two of one standard or unit are AMBIGUOUS."""
        slots: dict[Slot, Holder] = {}
        for row in rows:
            if row.learner is not None and row.learner != learner:
                raise _contradiction(name, f"asked for learner {learner}, OneFile sent a row of {row.learner}")
            # without a UserID on the row, the row's own id still tells when a filter was ignored
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
            "Nothing was changed by this read, and nothing is concluded from it. Run the command again; "
            "if it happens again, report it to OneFile support with the time of the call.",
            where=where,
        )
    )
