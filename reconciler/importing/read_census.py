"""Reads all learners in scope of one organisation with their slots, and its staff, declared or not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from reconciler.model.census import Census, CensusLearner, CensusStaff, Scope
from reconciler.model.observed import AccountStatus
from reconciler.model.slots import DEFAULT_KINDS, Holder, OrganisationId, Role, Slot, SlotKind, Unread, UserId
from reconciler.observed.aims_and_units import EVERYTHING, Work
from reconciler.observed.observe import ProgressListener
from reconciler.observed.user_list import sent
from reconciler.onefile.capabilities import Capabilities
from reconciler.onefile.concurrency import gather_bounded
from reconciler.onefile.reader import Reader
from reconciler.onefile.wire import LEARNER_ROLE, ROLE_IDS, UserRow
from reconciler.problems import BadAnswer, Invalid, Problem


async def take_census(
    scope: Scope, reader: Reader, capabilities: Capabilities, progress: ProgressListener | None = None
) -> Census:
    """Read the learners in scope, their slots of the kinds in scope, and the organisation's staff.

    Whole lists come first: they show the users and what a row contains. Then the forecast, then the records of users
    whose row shows too little, and their work. Raises ServiceError if a read fails or contradicts itself.
    """
    reader.paging.rows = capabilities.number("page_rows") or reader.paging.rows
    begun, taken_at = reader.client.calls, reader.clock.now()

    def spent() -> None:
        if progress:
            progress.spent(reader.client.calls - begun)

    people = _People(scope, reader)
    await people.survey()
    if not people.likely:  # nobody new, so further reads would change nothing
        calls = reader.client.calls - begun
        return Census(taken_at, scope.organisation, (), {}, {}, people.archived, people.already, calls)
    everybody = await _read_all_staff(scope.organisation, reader)
    staff = {user: member for user, (member, archived) in everybody.items() if not archived}
    retired = {user: member for user, (member, archived) in everybody.items() if archived}
    _refuse_both(people.rows, staff)
    work = Work(reader, capabilities)
    layers = frozenset(slot for slot in EVERYTHING if slot.kind in scope.kinds)
    await work.survey([layers] * len(people.likely), len(people.rows))
    if progress:
        progress.forecast(reader.client.calls - begun, people.calls_left + work.calls_left)
    await people.read(spent)
    await work.read(dict.fromkeys(people.active, layers), spent)
    capabilities.settle()
    if reader.paging.settled:
        capabilities.set("page_rows", str(reader.paging.rows))

    def slots(user: UserId) -> Mapping[Slot, Holder]:
        read = {**people.defaults(user), **work.slots.get(user, {})}
        return {slot: reader.known(slot, held) for slot, held in read.items() if slot.kind in scope.kinds}

    learners = tuple(
        CensusLearner(user, people.rows[user].misid, people.active[user], slots(user), people.rows[user].name)
        for user in sorted(people.active)
    )
    strangers = await _read_strangers(learners, staff, reader)
    retired |= {user: _retired(row) for user, row in strangers.items() if row and row.archived and user not in retired}
    spent()
    calls = reader.client.calls - begun
    elsewhere = {user: _status(row) for user, row in strangers.items()}
    counts = (people.archived, people.already, calls)
    return Census(taken_at, scope.organisation, learners, staff, elsewhere, *counts, retired)


async def read_members(
    scope: Scope, reader: Reader, progress: ProgressListener | None = None
) -> tuple[CensusLearner, ...]:
    """Read the active learners in scope, without their slots: lists, and records only if rows show no classroom.

    Raises Invalid if OneFile does not show the classrooms that the scope selects by.
    """
    begun = reader.client.calls
    people = _People(scope, reader)
    await people.survey()
    if progress:
        progress.forecast(reader.client.calls - begun, people.calls_left)
    await people.read(lambda: progress.spent(reader.client.calls - begun) if progress else None)
    rows = ((user, people.rows[user]) for user in sorted(people.active))
    return tuple(CensusLearner(user, row.misid, people.active[user], {}, row.name) for user, row in rows)


async def read_staff(organisation: OrganisationId, reader: Reader) -> dict[UserId, CensusStaff]:
    """Read the lists of active staff. Raises BadAnswer if somebody is on two lists."""
    everybody = await _read_all_staff(organisation, reader)
    return {user: member for user, (member, archived) in everybody.items() if not archived}


async def _read_all_staff(organisation: OrganisationId, reader: Reader) -> dict[UserId, tuple[CensusStaff, bool]]:
    """Read the lists of staff: each account, and whether the list marks it as archived."""
    staff: dict[UserId, tuple[CensusStaff, bool]] = {}
    for role in Role:
        listed = await reader.users(organisation, ROLE_IDS[role], long=True).read()
        for user, row in sorted(reader.of_role(listed.values(), ROLE_IDS[role]).items()):
            if user in staff:
                raise _on_two_lists(user, staff[user][0].role.value, role.value)
            staff[user] = CensusStaff(user, role, row.misid, row.name, row.email), row.archived
    return staff


class _People:
    """Learners in scope.

    `rows` has everybody on the list that was read, `likely` those that their rows do not put out of scope, and in the
    end `active` those in scope and active, each with their classroom.
    """

    def __init__(self, scope: Scope, reader: Reader) -> None:
        self.rows: dict[UserId, UserRow] = {}
        self.likely: list[UserId] = []
        self.active: dict[UserId, int | None] = {}
        self.archived = 0
        self.already = 0
        self._scope, self._reader = scope, reader
        self._records: dict[UserId, UserRow] = {}
        self._shown: frozenset[SlotKind] = frozenset()
        self._classrooms_shown = False

    async def survey(self) -> None:
        """Read the whole list by pages, because a row of a page shows the most."""
        organisation, places = self._scope.organisation, sorted(self._scope.placements)
        lists = [self._reader.placement_learners(organisation, place) for place in places]
        for listed in lists or [self._reader.users(organisation, LEARNER_ROLE, long=True)]:
            self.rows |= self._reader.of_role((await listed.read()).values(), LEARNER_ROLE)
        self._learn_from(self.rows.values())
        self._shown = sent(self.rows.values())
        inside = [user for user in sorted(self.rows) if not self._is_outside(user)]
        active = [user for user in inside if not self.rows[user].archived]
        self.archived = len(inside) - len(active)
        self.likely = [user for user in active if not {user, self.rows[user].misid} & self._scope.declared]
        self.already = len(active) - len(self.likely)

    @property
    def calls_left(self) -> int:
        return len(self.likely) if self._needs_records else 0

    @property
    def _needs_records(self) -> bool:
        """True if rows show too little, so that each learner is read alone."""
        by_class = self._scope.by_class or bool(self._scope.classrooms)
        assessor = {SlotKind.DEFAULT_ASSESSOR} if self._scope.assessors else set()
        needed = (self._scope.kinds & DEFAULT_KINDS) | assessor
        return not needed <= self._shown or (by_class and not _show_classrooms(self.rows.values()))

    async def read(self, spent: Callable[[], None]) -> None:
        async def record(user: UserId) -> None:
            row = await self._reader.user(user)
            if row is not None:
                self._records[user] = row
            spent()

        if self._needs_records:
            await gather_bounded(self.likely, record)
            self._learn_from(self._records.values())
            self.likely = [user for user in self.likely if user in self._records]  # without those who left meanwhile
        self._refuse_unknown()
        for user in self.likely:
            own = self._records.get(user)
            if self._is_outside(user):
                continue
            if own is not None and own.archived:
                self.archived += 1
            else:
                classroom = self._classroom(user)
                self.active[user] = None if isinstance(classroom, Unread) else classroom

    def defaults(self, user: UserId) -> dict[Slot, Holder]:
        return {Slot(kind): self._default(user, kind) for kind in DEFAULT_KINDS}

    def _learn_from(self, rows: Collection[UserRow]) -> None:
        self._classrooms_shown = self._classrooms_shown or _show_classrooms(rows)

    def _default(self, user: UserId, kind: SlotKind) -> Holder:
        """Return the holder from the learner's own record, else from their row.

        In a row, a missing field means nobody if other rows have it; for a record, the reader knows.
        """
        own, row = self._records.get(user), self.rows[user]
        if own is not None and own.holders[kind] is not Unread.UNREADABLE:
            return own.holders[kind]
        if kind not in self._shown:
            return self._reader.known(Slot(kind), Unread.UNREADABLE) if own else Unread.UNREADABLE
        return None if row.holders[kind] is Unread.UNREADABLE else row.holders[kind]

    def _classroom(self, user: UserId) -> int | Unread | None:
        rows = [row for row in (self._records.get(user), self.rows[user]) if row]
        shown = [row.classroom for row in rows if not isinstance(row.classroom, Unread)]
        if shown:
            return shown[0]
        complete = user in self._records or not self._needs_records
        return None if self._classrooms_shown and complete else Unread.UNREADABLE

    def _is_outside(self, user: UserId) -> bool:
        """Return True if the data read so far is enough to know that the learner is out of scope."""
        scope, classroom = self._scope, self._classroom(user)
        places = {row.placement for row in (self._records.get(user), self.rows[user]) if row} - {None}
        assessor = self._default(user, SlotKind.DEFAULT_ASSESSOR)
        return (
            bool(scope.placements and places and not places & scope.placements)
            or bool(scope.classrooms and not isinstance(classroom, Unread) and classroom not in scope.classrooms)
            or bool(scope.assessors and not isinstance(assessor, Unread) and assessor not in scope.assessors)
        )

    def _refuse_unknown(self) -> None:
        """Raise Invalid for an option whose field OneFile does not show, because learners cannot be selected by it."""
        fix = "Select by placement instead: OneFile searches for that itself."
        unknown = [
            Problem(f"OneFile does not show a learner's {field} here", fix, where=option)
            for option, field, selected, value in (
                ("--classroom", "classroom", self._scope.classrooms, self._classroom),
                ("--assessor", "default assessor", self._scope.assessors, self._default_assessor),
            )
            if selected and any(isinstance(value(user), Unread) for user in self.likely)
        ]
        if unknown:
            raise Invalid(unknown)

    def _default_assessor(self, user: UserId) -> Holder:
        return self._default(user, SlotKind.DEFAULT_ASSESSOR)


def _show_classrooms(rows: Iterable[UserRow]) -> bool:
    return any(not isinstance(row.classroom, Unread) for row in rows)


async def _read_strangers(
    learners: Iterable[CensusLearner], staff: Mapping[UserId, CensusStaff], reader: Reader
) -> dict[UserId, UserRow | None]:
    """Read the records of the holders who are on no list of active staff, with one call each."""
    held = {holder for learner in learners for holder in learner.slots.values() if isinstance(holder, int)}
    records: dict[UserId, UserRow | None] = {}

    async def read(user: UserId) -> None:
        records[user] = await reader.user(user)

    await gather_bounded(sorted(held - staff.keys()), read)
    return records


def _status(row: UserRow | None) -> AccountStatus:
    return "missing" if row is None else "archived" if row.archived else "not listed"


def _retired(row: UserRow) -> CensusStaff:
    """Return an archived account; if its role is not shown, it counts as an assessor's, whose address is compared."""
    roles = {number: role for role, number in ROLE_IDS.items()}
    return CensusStaff(row.id, roles.get(row.role or 0, Role.ASSESSOR), row.misid, row.name, row.email)


def _refuse_both(learners: Mapping[UserId, UserRow], staff: Mapping[UserId, CensusStaff]) -> None:
    for user in sorted(learners.keys() & staff.keys()):
        raise _on_two_lists(user, "learner", staff[user].role.value)


def _on_two_lists(user: UserId, role: str, other_role: str) -> BadAnswer:
    fix = "Report which server does this: it may not filter its lists by role. Nothing was written."
    what = f"OneFile lists user {user} as {role} and as {other_role}, so no role can be trusted"
    return BadAnswer(Problem(what, fix, where="POST /User/Search"))
