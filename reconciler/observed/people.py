"""The learners and staff of one organisation: who is there, who is archived, and who holds the defaults."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from reconciler.model.declared import Declared, DeclaredLearner
from reconciler.model.observed import AccountStatus, ObservedStaff
from reconciler.model.slots import DEFAULT_KINDS, Holder, OrganisationId, Role, Slot, SlotKind, Unread, UserId
from reconciler.model.structs import Struct, replace
from reconciler.observed.placements import Placements
from reconciler.observed.user_list import UserList, sent
from reconciler.onefile.capabilities import Capabilities
from reconciler.onefile.concurrency import gather_bounded
from reconciler.onefile.list_scan import ListReader, Rows
from reconciler.onefile.read_cost import FEW, pages_worth
from reconciler.onefile.reader import Reader
from reconciler.onefile.wire import LEARNER_ROLE, ROLE_IDS, UserRow
from reconciler.problems import Problem

EMPLOYER = Slot(SlotKind.DEFAULT_EMPLOYER)
UNMARKED = "archived:unmarked"


class Found(Struct, frozen=True):
    """One declared learner in OneFile; `defaults` has the declared ones of the two, `at` is when they were read."""

    declared: DeclaredLearner
    standing: AccountStatus
    placement: int | None
    defaults: Mapping[Slot, Holder]
    at: float


class People:
    """Finds the declared learners of one organisation, and everybody who shall hold one of their slots.

    What is kept of a learner is what was asked for, whichever way it came: where a page happened to show more of one
    learner than of another, a plan must not depend on it.
    """

    def __init__(
        self,
        declared: Declared,
        organisation: OrganisationId,
        learners: Collection[DeclaredLearner],
        reader: Reader,
        capabilities: Capabilities,
    ) -> None:
        self.found: dict[UserId, Found] = {}
        self.misids: dict[str, UserId] = {}
        self.staff: dict[tuple[OrganisationId, UserId], ObservedStaff] = {}
        self.problems: list[Problem] = []
        self._declared = declared
        self._organisation = organisation
        self._learners = learners
        self._reader = reader
        self._capabilities = capabilities
        self._register = UserList(reader, organisation, LEARNER_ROLE, capabilities)
        self._scan: ListReader[UserRow] = ListReader(
            f"learners:{organisation}",
            lambda: reader.users(organisation, LEARNER_ROLE, long=True),
            reader.paging,
            capabilities,
        )
        self._pages: list[int] = []  # of the learners' list, that are worth their call
        self._by_misid: Mapping[str, Sequence[UserRow]] = {}  # of the whole list
        self._listed_at = 0.0
        self._shows = f"shows:learners:{organisation}"
        self._placements: Placements | None = None  # of the default employers

    # -------------------------------------------------------------- what it will cost

    async def survey(self) -> None:
        """Who is on the learners' list, what its rows show, and the staff: all that tells what the rest will cost."""
        self._listed_at = self._reader.clock.monotonic()
        called = await self._register.call()
        if called and (not self._absent() or await self._register.confirm()):
            await self._survey_rows()
        else:
            await self._scan.survey(
                self._spared_by,
                guess=lambda _: len(self._learners),
                usable=lambda rows: self._learn_from(rows.values()),
            )
        await self._find_staff()
        if self._unmarked:
            self._pages = []  # everybody's own record is read, which has all that a page could show

    @property
    def _unmarked(self) -> bool:
        """Whether this server's lists have archived users among them, and only their own record says so."""
        return self._capabilities.get(UNMARKED) == "yes"

    async def _survey_rows(self) -> None:
        self._by_misid = _by_misid(self._register.listed)
        asked = [learner for learner in self._learners if self._asked(learner)]
        if self._capabilities.get(self._shows) is None and len(asked) > FEW:
            if not self._register.rows:
                await self._register.first_page()
            self._learn_from(self._register.rows.values())
        shown = self._shown()
        users = (self._user(learner) for learner in asked if self._asked(learner) <= shown)
        places = (self._register.place(user) for user in users if user is not None and user not in self._register.rows)
        self._pages = pages_worth([place for place in places if place is not None], self._reader.paging.rows)

    def _learn_from(self, rows: Iterable[UserRow]) -> bool:
        """What rows of the learners' list carry. They are of use in any case: they tell who is there."""
        self._capabilities.set(self._shows, ",".join(sorted(sent(rows))))
        return True

    def _shown(self, unknown: frozenset[SlotKind] = frozenset()) -> frozenset[SlotKind]:
        """The defaults that a row of the learners' list carries, as far as is known before it is read."""
        learnt = self._capabilities.get(self._shows)
        return unknown if learnt is None else frozenset(kind for kind in DEFAULT_KINDS if kind in learnt.split(","))

    def _spared_by(self, rows: Rows[UserRow]) -> int:
        """How many learners need no call of their own once there is a row of each, like these."""
        shown = sent(rows.values()) if rows else self._shown(unknown=DEFAULT_KINDS)
        own = self._unmarked
        return sum(learner.id is None or (self._asked(learner) <= shown and not own) for learner in self._learners)

    @property
    def calls_left(self) -> int:
        pages, shown = set(self._pages), self._shown()
        own = sum(self._costs(learner, pages, shown) for learner in self._learners)
        placements = self._placements.calls_left if self._placements else 0
        return len(pages) + self._scan.calls_left + own + placements

    def _costs(self, learner: DeclaredLearner, pages: Collection[int], shown: frozenset[SlotKind]) -> int:
        """Calls for this learner alone: a search for the MISID, the learner's own record."""
        wants, user = self._asked(learner), self._user(learner)
        if self._scan.chosen:
            return int(self._unmarked or not wants <= shown)
        if user is None or user not in self._register.listed:
            return 1 if self._register.whole or learner.id is not None else 1 + (self._unmarked or bool(wants))
        if self._unmarked:
            return 1
        has_row = user in self._register.rows or self._register.page_of(user) in pages
        return int(bool(wants) and not (has_row and wants <= shown))

    def likely(self) -> Iterator[DeclaredLearner]:
        """The learners who are there, as far as the survey can tell."""
        for learner in self._learners:
            user = self._user(learner)
            if not self._register.whole or (user is not None and user in self._register.listed):
                yield learner

    @property
    def size(self) -> int:
        """How many learners the organisation has, as far as is known."""
        return max(len(self._learners), len(self._register.listed))

    def _asked(self, learner: DeclaredLearner) -> frozenset[SlotKind]:
        """The defaults to read of a learner: the declared ones, and the employer where everybody needs one."""
        declared = frozenset(slot.kind for slot in learner.slots) & DEFAULT_KINDS
        return declared | {EMPLOYER.kind} if self._declared.settings.asks_for_employers else declared

    def _user(self, learner: DeclaredLearner) -> UserId | None:
        """The learner's id as far as it is known without a call."""
        if learner.id is not None:
            return learner.id
        found = self._by_misid.get(learner.misid or "", [])
        return found[0].id if len(found) == 1 else None

    def _absent(self) -> bool:
        """Whether anybody is declared of whom the list's rows alone do not tell that they are there."""
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
        await self._find_placements()
        spent()

    async def _read_lists(self) -> None:
        register = self._register
        if self._scan.chosen:
            await self._scan.read()
            register.take(self._scan.rows.values(), whole=self._scan.whole)
            self._by_misid = _by_misid(register.listed)
        elif not await register.read_pages(self._pages):  # the server's pages are not what was learnt of them
            for name in (self._shows, "page_rows"):
                self._capabilities.clear(name)
            await register.first_page()
            await self._survey_rows()
            await register.read_pages(self._pages)

    async def _resolve(self, learner: DeclaredLearner) -> UserId | None:
        """The one active learner with exactly this MISID; none or several is a problem that names them."""
        misid = learner.misid or ""
        found = self._by_misid.get(misid) or await self._reader.misid(self._organisation, misid)
        if len(found) == 1:
            self.misids[misid] = found[0].id
            self._register.listed.setdefault(found[0].id, found[0])
            return found[0].id
        if found:
            ids = ", ".join(str(row.id) for row in sorted(found, key=lambda row: row.id))
            what = f"MISID {misid} belongs to {len(found)} learners in OneFile: {ids}"
            fix = "Declare the learner by the OneFile `id` of the right one, or correct the MISID in OneFile."
        else:
            what = f"no active learner of organisation {self._organisation} has MISID {misid}"
            fix = "Check the MISID's spelling (it is compared exactly), or declare the learner by OneFile `id`."
        self.problems.append(Problem(what, fix, learner.source))
        return None

    async def _keep(self, user: UserId, learner: DeclaredLearner) -> None:
        """Take the learner from the list where it shows all that is wanted, and from their own record where not."""
        listed, row = self._register.listed.get(user), self._register.rows.get(user)
        wants, at = self._asked(learner), self._listed_at
        shown = self._shows_enough(row, learner) if row else listed is not None and not wants
        own = None
        if not shown or self._unmarked:
            at = self._reader.clock.monotonic()
            own = await self._reader.user(user)
        if own and own.archived and listed and not listed.archived:
            self._capabilities.set(UNMARKED, "yes")
        standing = self._standing(own or (listed if shown else None), listed=listed is not None)
        record = own or row
        placement = record.placement if record and EMPLOYER in learner.slots else None
        defaults = {Slot(kind): self._default(kind, own, row) for kind in wants}
        self.found[user] = Found(learner, standing, placement, defaults, at)

    def _shows_enough(self, row: UserRow, learner: DeclaredLearner) -> bool:
        """Whether a row has every default that is wanted, and the placement that goes with a declared employer."""
        placed = EMPLOYER not in learner.slots or row.placement is not None
        return placed and self._asked(learner) <= self._register.row_kinds

    def _default(self, kind: SlotKind, own: UserRow | None, row: UserRow | None) -> Holder:
        """One default from the learner's own record, or from a row of the list where that field is not on the record.

        On a row, a missing field is nobody if other rows have it; whether it is on a record, the reader knows.
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
        # where the list was read to its end, who is not on it is not an active learner here
        return "active" if listed or not self._register.whole else "not listed"

    async def _look_at_rows_instead(self) -> None:
        """For those whose own record lacks a field, on this server always, that rows of the list do carry."""
        unseen = self._register.row_kinds - self._reader.sent_fields
        blind = [user for user, one in self.found.items() if any(_unread(one, kind) for kind in unseen)]
        pages = {page for user in blind if (page := self._register.page_of(user)) is not None}
        if pages:
            await self._register.read_pages(pages)
        for user in blind:
            one, row = self.found[user], self._register.rows.get(user)
            seen = {Slot(kind): self._default(kind, None, row) for kind in unseen if _unread(one, kind)}
            self.found[user] = replace(one, defaults={**one.defaults, **seen})

    # -------------------------------------------------------------- staff

    async def _find_staff(self) -> None:
        """Everybody who shall hold a slot, among the organisation's active users of their role."""
        members = self._declared.staff_by_id()
        needed: dict[Role, set[UserId]] = defaultdict(set)
        for learner in self._learners:
            for want in learner.slots.values():
                if want.staff is not None:
                    needed[members[want.staff].role].add(want.staff)
        for role, group in sorted(needed.items()):
            register = UserList(self._reader, self._organisation, ROLE_IDS[role], self._capabilities)
            listed = await self._listed(register, role, group)
            await self._learn_of_archived(listed)
            for user in sorted(group & listed.keys()):
                standing: AccountStatus = "archived" if listed[user].archived else "active"
                self.staff[self._organisation, user] = ObservedStaff(user, standing)
            if self._unmarked:
                await gather_bounded(sorted(group & listed.keys()), self._find_by_record)
            await gather_bounded(sorted(group - listed.keys()), self._find_unlisted)
            if role is Role.EMPLOYER and self._declared.settings.level("employer_placement") != "off":
                wanted = self._active(_employers(self._learners))
                self._placements = Placements(wanted, listed, register, self._reader, self._capabilities)
                await self._placements.survey()

    async def _listed(self, register: UserList, role: Role, group: set[UserId]) -> Mapping[UserId, UserRow]:
        """Those of the group who are on the list of their role; of the others it is certain that they are not."""
        if await register.call() and (group <= register.listed.keys() or await register.confirm()):
            return register.listed
        users = self._reader.users(self._organisation, ROLE_IDS[role], long=True)
        rows = await users.read(enough=lambda rows: group <= rows.keys(), to_the_end=False)
        return self._reader.of_role(rows.values(), ROLE_IDS[role])

    async def _learn_of_archived(self, listed: Mapping[UserId, UserRow]) -> None:
        """Learnt once for a server, from the record of whoever has been on a list of staff for longest: where lists
        leave out who is archived that is somebody active, and where they do not, most likely somebody who left."""
        if self._capabilities.get(UNMARKED) is not None or not listed:
            return
        first = min(listed)
        own = None if listed[first].archived else await self._reader.user(first)
        self._capabilities.set(UNMARKED, "yes" if own and own.archived else "no")

    async def _find_by_record(self, user: UserId) -> None:
        row = await self._reader.user(user)
        standing: AccountStatus = "missing" if row is None else "archived" if row.archived else "active"
        self.staff[self._organisation, user] = ObservedStaff(user, standing)

    async def _find_unlisted(self, user: UserId) -> None:
        row = await self._reader.user(user)
        standing: AccountStatus = "missing" if row is None else "archived" if row.archived else "not listed"
        self.staff[self._organisation, user] = ObservedStaff(user, standing)

    def _active(self, employers: Iterable[UserId]) -> set[UserId]:
        return {user for user in employers if self.staff[self._organisation, user].standing == "active"}

    async def _find_placements(self) -> None:
        """Of the default employers whom active learners shall have."""
        if self._placements is None:
            return
        learners = [one.declared for one in self.found.values() if one.standing == "active"]
        found = await self._placements.read(self._active(_employers(learners)))
        for user, placement in found.items():
            account = self._organisation, user
            self.staff[account] = replace(self.staff[account], placement=placement)


def _employers(learners: Iterable[DeclaredLearner]) -> Iterator[UserId]:
    wanted = (learner.slots[EMPLOYER].staff for learner in learners if EMPLOYER in learner.slots)
    return (user for user in wanted if user is not None)


def _both(learner: DeclaredLearner, other: DeclaredLearner | None) -> DeclaredLearner:
    """One learner whom two entries name, by id and by MISID: all that either asks for is read once."""
    return replace(learner, slots={**other.slots, **learner.slots}) if other else learner


def _unread(one: Found, kind: SlotKind) -> bool:
    return one.defaults.get(Slot(kind)) is Unread.UNREADABLE


def _by_misid(rows: Mapping[UserId, UserRow]) -> dict[str, list[UserRow]]:
    found: dict[str, list[UserRow]] = defaultdict(list)
    for row in rows.values():
        found[row.misid].append(row)
    return found
