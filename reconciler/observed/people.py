"""Learners and staff of one organisation: account status, and the holders of the defaults."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from reconciler.model.declared import Declared, DeclaredLearner
from reconciler.model.observed import AccountStatus, Recorded, Roster, misid_digest
from reconciler.model.slots import (
    DEFAULT_EMPLOYER,
    DEFAULT_KINDS,
    Holder,
    OrganisationId,
    Slot,
    SlotKind,
    Unread,
    UserId,
)
from reconciler.model.structs import Struct, replace
from reconciler.observed.staff_accounts import UNMARKED, StaffAccounts
from reconciler.observed.user_list import UserList, sent
from reconciler.onefile.capabilities import Capabilities
from reconciler.onefile.concurrency import gather_bounded
from reconciler.onefile.list_scan import ListReader, Rows
from reconciler.onefile.read_cost import FEW, pages_worth
from reconciler.onefile.reader import Reader
from reconciler.onefile.wire import LEARNER_ROLE, UserRow
from reconciler.problems import Problem


class Found(Struct, frozen=True):
    """One declared learner in OneFile; `defaults` has the declared ones of the two, `at` is when they were read."""

    declared: DeclaredLearner
    standing: AccountStatus
    placement: int | None
    defaults: Mapping[Slot, Holder]
    at: float


class Known(Struct, frozen=True):
    """Learners who were active in a reading of the last hours, and the record, for a reading of very few of them.

    `just_read` were read by a plan that is being applied: only what is asked for is read again.
    """

    active: Collection[UserId]
    recorded: Recorded
    just_read: Collection[UserId] = ()


class People:
    """Reader of the declared learners of one organisation, and of everybody who should hold their slots.

    Only what was asked for is kept, by whichever call it came: if a page happened to show more of one learner than of
    another, a plan must not depend on it.
    """

    def __init__(
        self,
        declared: Declared,
        organisation: OrganisationId,
        learners: Collection[DeclaredLearner],
        reader: Reader,
        capabilities: Capabilities,
        known: Known | None = None,
    ) -> None:
        self.found: dict[UserId, Found] = {}
        self.misids: dict[str, UserId] = {}
        self.staff = StaffAccounts(declared, organisation, reader, capabilities)
        self.problems: list[Problem] = []
        self._declared = declared
        self.organisation = organisation
        self._learners = learners
        self._reader = reader
        self._capabilities = capabilities
        self.roster: Roster | None = None
        self._register = UserList(reader, organisation, LEARNER_ROLE, capabilities)
        self._scan: ListReader[UserRow] = ListReader(
            f"learners:{organisation}",
            lambda: reader.users(organisation, LEARNER_ROLE, long=True),
            reader.paging,
            capabilities,
        )
        self._positions: list[int] = []  # on the learners' list, of those whose row would show enough
        self._by_misid: Mapping[str, Sequence[UserRow]] = {}  # when the whole list was read
        self._listed_at = 0.0
        self._called = False  # the unpaged list was sent
        self._shows = f"shows:learners:{organisation}"
        few = len(learners) <= FEW and self.staff.may_be_few
        self._known = known if known and few and all(learner.id in known.active for learner in learners) else None

    # -------------------------------------------------------------- what it will cost

    async def survey(self) -> None:
        """Read the learners' list and the staff: all that the cost of the rest depends on."""
        self._listed_at = self._reader.clock.monotonic()
        if self._known:
            return
        called = self._called = await self._register.call()
        if called and (not self._absent() or await self._register.confirm()):
            await self._survey_rows()
        else:
            await self._scan.estimate(
                self._spared_by,
                guess=lambda _: len(self._learners),
                usable=lambda rows: self._learn_from(rows.values()),
            )
        await self.staff.survey(self._learners)
        if self.staff.unmarked:
            self._positions = []  # everybody's own record is read, which has all that a page could show

    async def _survey_rows(self) -> None:
        self._by_misid = _by_misid(self._register.listed)
        with_defaults = [learner for learner in self._learners if self._asked(learner)]
        if self._capabilities.get(self._shows) is None and len(with_defaults) > FEW:
            if not self._register.rows:
                await self._register.first_page()
            self._learn_from(self._register.rows.values())
        shown = self._shown()
        users = (self._user(learner) for learner in with_defaults if self._asked(learner) <= shown)
        places = (self._register.place(user) for user in users if user is not None and user not in self._register.rows)
        self._positions = [place for place in places if place is not None]

    @property
    def _pages(self) -> list[int]:
        """The pages of the learners' list that are worth their call, in the size that this server is known to send."""
        return pages_worth(self._positions, self._reader.paging.rows)

    def _learn_from(self, rows: Iterable[UserRow]) -> bool:
        """Store which fields rows of the learners' list carry. Always return True: the rows are useful in any case."""
        self._capabilities.set(self._shows, ",".join(sorted(sent(rows))))
        return True

    def _shown(self, unknown: frozenset[SlotKind] = frozenset()) -> frozenset[SlotKind]:
        """Return the defaults that a row of the learners' list carries, if known before it is read."""
        learnt = self._capabilities.get(self._shows)
        return unknown if learnt is None else frozenset(kind for kind in DEFAULT_KINDS if kind in learnt.split(","))

    def _spared_by(self, rows: Rows[UserRow]) -> int:
        """Count the learners who need no call of their own once each has a row like these."""
        shown = sent(rows.values()) if rows else self._shown(unknown=DEFAULT_KINDS)
        own = self.staff.unmarked
        return sum(learner.id is None or (self._asked(learner) <= shown and not own) for learner in self._learners)

    @property
    def calls_left(self) -> int:
        pages, shown = set(self._pages), self._shown()
        own = sum(self._costs(learner, pages, shown) for learner in self._learners)
        return len(pages) + self._scan.calls_left + own + self.staff.calls_left

    def _costs(self, learner: DeclaredLearner, pages: Collection[int], shown: frozenset[SlotKind]) -> int:
        """Count the calls for this learner alone: a search for the MISID, the learner's own record."""
        wants, user = self._asked(learner), self._user(learner)
        if self._scan.chosen:
            return int(self.staff.unmarked or not wants <= shown)
        if user is None or user not in self._register.listed:
            return 1 if self._register.whole or learner.id is not None else 1 + (self.staff.unmarked or bool(wants))
        if self.staff.unmarked:
            return 1
        has_row = user in self._register.rows or self._register.page_of(user) in pages
        return int(bool(wants) and not (has_row and wants <= shown))

    def likely(self) -> Iterator[DeclaredLearner]:
        """Yield the learners who exist according to the survey."""
        for learner in self._learners:
            user = self._user(learner)
            if not self._register.whole or (user is not None and user in self._register.listed):
                yield learner

    @property
    def size(self) -> int:
        """Number of learners in the organisation, as known so far."""
        return max(len(self._learners), len(self._register.listed))

    def _asked(self, learner: DeclaredLearner) -> frozenset[SlotKind]:
        """Return the defaults to read: the declared ones, and the employer if every learner needs one."""
        declared = frozenset(slot.kind for slot in learner.slots) & DEFAULT_KINDS
        return declared | {DEFAULT_EMPLOYER.kind} if self._declared.settings.asks_for_employers else declared

    def identities(self) -> dict[str, UserId]:
        """Return the learners declared by id, by the digest of the MISID that the list shows for them."""
        ids = (learner.id for learner in self._learners if learner.id is not None)
        rows = (row for user in ids if (row := self._register.listed.get(user)))
        return {misid_digest(self.organisation, row.misid): row.id for row in rows if row.misid}

    def _user(self, learner: DeclaredLearner) -> UserId | None:
        """Return the learner's id if it is known without a call."""
        if learner.id is not None:
            return learner.id
        rows = self._by_misid.get(learner.misid or "", [])
        return rows[0].id if len(rows) == 1 else None

    def _absent(self) -> bool:
        """Return True if a declared learner may exist although the list's rows do not show them."""
        return any(learner.id is None or learner.id not in self._register.listed for learner in self._learners)

    # -------------------------------------------------------------- reading

    async def read(self, spent: Callable[[], None]) -> None:
        await self._read_lists()
        spent()

        users: dict[UserId, DeclaredLearner] = {}

        async def find(learner: DeclaredLearner) -> None:
            user = learner.id if learner.id is not None else await self._resolve(learner)
            if user is not None:
                users[user] = _both(learner, users.get(user))

        async def keep(user: UserId) -> None:
            await self._keep(user, users[user])
            spent()

        await gather_bounded(self._learners, find)
        await gather_bounded(sorted(users), keep)
        await self._look_at_rows_instead()
        active = [found.declared for found in self.found.values() if found.standing == "active"]
        await self.staff.find_placements(active)
        spent()

    async def find_new_staff(self, work: Mapping[UserId, Mapping[Slot, Holder]]) -> None:
        """Look for the staff of slots that do not hold what is declared, if only those are looked for.

        A slot that OneFile does not show holds what was recorded.
        """
        known = self._known
        if known is None:
            return
        changing = []
        for user, found in self.found.items():
            held = {**found.defaults, **work.get(user, {})}
            slots = {
                slot: want
                for slot, want in found.declared.slots.items()
                if _held(user, slot, held, known.recorded) != want.staff
            }
            changing.append(replace(found.declared, slots=slots))
        await self.staff.survey(changing)
        if not known.just_read:
            await self.staff.find_placements(changing)

    async def read_roster(self, announce: Callable[[str], None] | None) -> None:
        """Keep the organisation's active learners, if the lists that were read show them.

        With `announce`, the whole list is read, and records where only they show who is archived; it receives the cost
        before it is spent.
        """
        if announce:
            await self._complete_list(announce)
        archived = await self._archived(announce) if self.staff.unmarked else frozenset[UserId]()
        listed = self._register.whole or self._called or self._scan.chosen
        if not listed or archived is None:
            return
        rows = {user: row for user, row in sorted(self._register.listed.items()) if not row.archived}
        for misid, found in self._by_misid.items():
            if misid in self._everyone and len(found) == 1:
                self.misids.setdefault(misid, found[0].id)
        classes = {user: row.classroom for user in rows if (row := self._register.rows.get(user))}
        shown = all(not isinstance(classes.get(user, Unread.UNREADABLE), Unread) for user in self.found.keys() & rows)
        self.roster = Roster(
            tuple(user for user in rows if user not in archived),
            {user: room for user, room in classes.items() if not isinstance(room, Unread)} if shown else {},
            self._register.whole,
            asked=announce is not None,
        )

    @property
    def _everyone(self) -> set[UserId | str]:
        """The keys of all declared learners, whatever the scope."""
        return {learner.key for learner in (*self._learners, *self._declared.everyone)}

    async def _complete_list(self, announce: Callable[[str], None]) -> None:
        register = self._register
        if register.whole:
            return
        if self._called:
            announce("--undeclared: about 2 calls, to prove that the list of learners is complete")
            await register.confirm()
        if not register.whole:
            announce("--undeclared: one call for each page of the list of learners, at least 1")
            rows = await self._reader.users(self.organisation, LEARNER_ROLE, long=True).read()
            register.take(rows.values(), whole=True)
        self._by_misid = _by_misid(register.listed)

    async def _archived(self, announce: Callable[[str], None] | None) -> frozenset[UserId] | None:
        """Return the archived learners of a list that does not mark them; None if finding out was not asked for."""
        everyone = self._everyone
        unknown = [user for user, row in sorted(self._register.listed.items()) if not {user, row.misid} & everyone]
        if announce is None:
            return None
        archived = {user for user, found in self.found.items() if found.standing != "active"}
        announce(f"--undeclared: {len(unknown)} calls, because only a learner's own record shows who is archived")

        async def look(user: UserId) -> None:
            row = await self._reader.user(user)
            if row is None or row.archived:
                archived.add(user)

        await gather_bounded(unknown, look)
        return frozenset(archived)

    async def _read_lists(self) -> None:
        register = self._register
        if self._scan.chosen:
            await self._scan.read()
            register.take(self._scan.rows.values(), whole=self._scan.whole)
            self._by_misid = _by_misid(register.listed)
        elif not await register.read_pages(self._pages):  # the server's pages differ from what was learnt
            for name in (self._shows, "page_rows"):
                self._capabilities.clear(name)
            await register.first_page()
            await self._survey_rows()
            await register.read_pages(self._pages)

    async def _resolve(self, learner: DeclaredLearner) -> UserId | None:
        """Return the one active learner with exactly this MISID; none or several is a problem that names them."""
        misid = learner.misid or ""
        rows = self._by_misid.get(misid) or await self._reader.misid(self.organisation, misid)
        if len(rows) == 1:
            self.misids[misid] = rows[0].id
            self._register.listed.setdefault(rows[0].id, rows[0])
            return rows[0].id
        if rows:
            ids = ", ".join(str(row.id) for row in sorted(rows, key=lambda row: row.id))
            what = f"MISID {misid} belongs to {len(rows)} learners in OneFile: {ids}"
            fix = "Declare the learner by the OneFile `id` of the right one, or correct the MISID in OneFile."
        else:
            what = f"no active learner of organisation {self.organisation} has MISID {misid}"
            fix = "Check the MISID's spelling (it is compared exactly), or declare the learner by OneFile `id`."
        self.problems.append(Problem(what, fix, learner.source))
        return None

    async def _keep(self, user: UserId, learner: DeclaredLearner) -> None:
        """Take the learner from the list if it shows all that is wanted, or else from their own record."""
        listed, row = self._register.listed.get(user), self._register.rows.get(user)
        wants, at = self._asked(learner), self._listed_at
        is_known = listed is not None or bool(self._known and user in self._known.just_read)
        shown = self._shows_enough(row, learner) if row else is_known and not wants
        own = None
        if not shown or self.staff.unmarked:
            at = self._reader.clock.monotonic()
            own = await self._reader.user(user)
        if own and own.archived and listed and not listed.archived:
            self._capabilities.set(UNMARKED, "yes")
        standing: AccountStatus = "active"
        if own or listed or not shown:
            standing = self._standing(own or (listed if shown else None), listed=listed is not None)
        record = own or row
        placement = record.placement if record and DEFAULT_EMPLOYER in learner.slots else None
        defaults = {Slot(kind): self._default(kind, own, row) for kind in wants}
        self.found[user] = Found(learner, standing, placement, defaults, at)

    def _shows_enough(self, row: UserRow, learner: DeclaredLearner) -> bool:
        """Return True if a row has every default that is wanted, and the placement of a declared employer."""
        placed = DEFAULT_EMPLOYER not in learner.slots or row.placement is not None
        return placed and self._asked(learner) <= self._register.row_kinds

    def _default(self, kind: SlotKind, own: UserRow | None, row: UserRow | None) -> Holder:
        """Return one default from the own record, or from a row of the list if the record lacks that field.

        On a row, a missing field means nobody if other rows have it; for a record, the reader knows.
        """
        if own is not None and own.holders[kind] is not Unread.UNREADABLE:
            return own.holders[kind]
        if row is not None and kind in self._register.row_kinds:
            held = row.holders[kind]
            return None if held is Unread.UNREADABLE else held
        return Unread.UNREADABLE

    def _standing(self, row: UserRow | None, *, listed: bool) -> AccountStatus:
        if row is None:
            return "missing"
        if row.archived:
            return "archived"
        # a learner who is not on a complete list is not active here
        return "active" if listed or not self._register.whole else "not listed"

    async def _look_at_rows_instead(self) -> None:
        """Read list rows for learners whose own record lacks, on this server always, a field that rows carry."""
        unseen = self._register.row_kinds - self._reader.sent_fields
        blind = [user for user, found in self.found.items() if any(_unread(found, kind) for kind in unseen)]
        pages = {page for user in blind if (page := self._register.page_of(user)) is not None}
        if pages:
            await self._register.read_pages(pages)
        for user in blind:
            found, row = self.found[user], self._register.rows.get(user)
            seen = {Slot(kind): self._default(kind, None, row) for kind in unseen if _unread(found, kind)}
            self.found[user] = replace(found, defaults={**found.defaults, **seen})


def _both(learner: DeclaredLearner, other: DeclaredLearner | None) -> DeclaredLearner:
    """Merge two entries for one learner, by id and by MISID: all that either asks for is read once."""
    return replace(learner, slots={**other.slots, **learner.slots}) if other else learner


def _held(user: UserId, slot: Slot, held: Mapping[Slot, Holder], recorded: Recorded) -> Holder:
    """Return who holds a slot: as read or, if OneFile does not show it, as recorded."""
    seen = held.get(slot, Unread.UNREADABLE)
    return recorded.get((user, slot), seen) if seen is Unread.UNREADABLE else seen


def _unread(found: Found, kind: SlotKind) -> bool:
    return found.defaults.get(Slot(kind)) is Unread.UNREADABLE


def _by_misid(rows: Mapping[UserId, UserRow]) -> dict[str, list[UserRow]]:
    by_misid: dict[str, list[UserRow]] = defaultdict(list)
    for row in rows.values():
        by_misid[row.misid].append(row)
    return by_misid
