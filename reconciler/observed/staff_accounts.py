"""Staff accounts of one organisation: everybody who should hold a slot, and everybody who does hold a declared one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

from reconciler.model.declared import Declared, DeclaredLearner
from reconciler.model.observed import (
    PEOPLE_ROLES,
    AccountStatus,
    ObservedStaff,
    SharedAccount,
    SharedIdentity,
    SharedThing,
    misid_digest,
)
from reconciler.model.slots import DEFAULT_EMPLOYER, ROLES_FOR, OrganisationId, Role, SlotKind, UserId
from reconciler.model.structs import replace
from reconciler.observed.placements import Placements
from reconciler.observed.user_list import UserList
from reconciler.onefile.capabilities import Capabilities
from reconciler.onefile.concurrency import gather_bounded
from reconciler.onefile.reader import Reader
from reconciler.onefile.wire import ROLE_IDS, UserRow

UNMARKED = "archived:unmarked"


class StaffAccounts:
    """Reader of staff accounts, from the lists of active users of the roles that are declared.

    `found` has everybody who was looked for. Somebody who is on no list is read alone, with one call.
    """

    def __init__(
        self, declared: Declared, organisation: OrganisationId, reader: Reader, capabilities: Capabilities
    ) -> None:
        self.found: dict[tuple[OrganisationId, UserId], ObservedStaff] = {}
        self._declared, self._organisation = declared, organisation
        self._reader, self._capabilities = reader, capabilities
        self._lists: dict[Role, _StaffList] = {}
        self._records: dict[UserId, UserRow] = {}  # of those who were read alone
        self._roles_held: dict[UserId, Role] = {}  # of holders who are not declared, by their slots
        self._placements: Placements | None = None  # of the default employers

    @property
    def calls_left(self) -> int:
        return self._placements.calls_left if self._placements else 0

    @property
    def unmarked(self) -> bool:
        """True if this server's lists have archived users among them, and only their own record shows it."""
        return self._capabilities.get(UNMARKED) == "yes"

    @property
    def may_be_few(self) -> bool:
        """True if it is known that accounts of several roles need not be compared to judge a few of them.

        That is if lists have no archived users, and no two accounts had one MISID when all were read last.
        """
        return self._capabilities.get(UNMARKED) == "no" and self._capabilities.get(self._shares) == "no"

    @property
    def _shares(self) -> str:
        return f"shares:misid:{self._organisation}"

    def learn_of_shared(self) -> None:
        """Store whether any two accounts have one MISID; a reading of a part must have read every role to tell."""
        if not self._lists or (self._declared.left_out and not self._lists.keys() >= PEOPLE_ROLES):
            return
        rows = {user: row for listed in self._lists.values() for user, row in listed.rows.items()}
        misids = [misid for row in rows.values() if (misid := row.misid.strip())]
        self._capabilities.set(self._shares, "yes" if len(set(misids)) < len(misids) else "no")

    async def survey(self, learners: Collection[DeclaredLearner]) -> None:
        """Look for everybody who should hold a slot among the organisation's active users of their role."""
        members = self._declared.staff_by_id()
        needed: dict[Role, set[UserId]] = defaultdict(set)
        for learner in learners:
            for staff in learner.holders.values():
                if staff is not None:
                    needed[members[staff].role].add(staff)
        for role in sorted(needed):
            self._lists[role] = _StaffList(self._reader, self._organisation, role, self._capabilities)
        if self._reader.paging.settled:  # what the first list teaches saves calls on the others
            await gather_bounded(needed, lambda role: self._lists[role].look_for(needed[role]))
        for role, group in sorted(needed.items()):
            accounts = self._lists[role]
            await accounts.look_for(group)
            await self._learn_of_archived(accounts.rows)
            await self._find(group, dict.fromkeys(group & accounts.rows.keys(), role))
            if role is Role.EMPLOYER and self._declared.settings.level("employer_placement") != "off":
                wanted = self._active(_employers(learners))
                rows, register = accounts.rows, accounts.register
                self._placements = Placements(wanted, rows, register, self._reader, self._capabilities)
                await self._placements.survey()
        await self._find_other_roles()

    async def find_holders(self, holders: Mapping[UserId, Collection[SlotKind]]) -> None:
        """Look for people who hold slots of these kinds and are not declared for any.

        Somebody who may be on a list that this reading does not make is left out: nothing would be known of them.
        """
        strangers = {
            user
            for user, kinds in holders.items()
            if (self._organisation, user) not in self.found
            and all(ROLES_FOR[kind] & self._lists.keys() for kind in kinds)
        }
        if not strangers:
            return
        self._roles_held = {user: min(role for kind in holders[user] for role in ROLES_FOR[kind]) for user in strangers}
        await self._find(strangers, await self._roles_of(strangers))
        for user in strangers:
            account = self.found[self._organisation, user]
            elsewhere = any(ROLES_FOR[kind] - self._lists.keys() for kind in holders[user])
            if account.standing == "not listed" and elsewhere:  # perhaps on a list that was not read
                self.found[self._organisation, user] = replace(account, standing="active")

    async def look_at_shared(self) -> None:
        """Read the accounts with one MISID or address alone, one call each, if lists do not mark who is archived."""
        if self.unmarked:
            users = {account.id for shared in self.shared() for account in shared.accounts}
            await gather_bounded(sorted(users - self._records.keys()), self._read)

    def shared(self) -> tuple[SharedIdentity, ...]:
        """Return the accounts that have one MISID or e-mail address, if one of them was looked for.

        Firms may use one address for all their employers, so only assessors and IQAs are compared by e-mail.
        """
        rows = {user: (role, row) for role, listed in self._lists.items() for user, row in listed.rows.items()}
        members = self._declared.staff_by_id()
        for user, row in self._records.items():
            role = members[user].role if user in members else self._roles_held.get(user)
            if user not in rows and role is not None:
                rows[user] = role, row
        groups: dict[tuple[SharedThing, str], set[UserId]] = defaultdict(set)
        for user, (role, row) in rows.items():
            if row.misid.strip():
                groups["misid", row.misid.strip()].add(user)
            if row.email and role in PEOPLE_ROLES:
                groups["email", row.email.casefold()].add(user)
        concerned = {user for _, user in self.found}
        return tuple(
            sorted(
                SharedIdentity(thing, tuple(SharedAccount(user, self._status(user)) for user in sorted(users)))
                for (thing, _), users in groups.items()
                if len(users) > 1 and users & concerned
            )
        )

    async def find_placements(self, learners: Collection[DeclaredLearner]) -> None:
        """Read the placements of the default employers whom these active learners should have."""
        if self._placements is None:
            return
        placements = await self._placements.read(self._active(_employers(learners)))
        for user, placement in placements.items():
            account = self._organisation, user
            self.found[account] = replace(self.found[account], placement=placement)

    # -------------------------------------------------------------- one account

    async def _find(self, group: Collection[UserId], listed: Mapping[UserId, Role]) -> None:
        """Find these accounts; `listed` has the roles of those on a list of active users."""
        alone = [user for user in sorted(group) if self.unmarked or user not in listed]
        await gather_bounded(alone, self._read)
        for user in group:
            role = listed.get(user)
            row = self._row(user, role)
            self.found[self._organisation, user] = ObservedStaff(
                user,
                self._status_of(row, listed=role is not None),
                role=role,
                misid=misid_digest(self._organisation, row.misid) if row and row.misid else "",
            )

    async def _read(self, user: UserId) -> None:
        if row := await self._reader.user(user):
            self._records[user] = row

    def _row(self, user: UserId, role: Role | None) -> UserRow | None:
        """Return the own record if it was read, or else the row of the list, with the MISID of either."""
        own = self._records.get(user)
        row = self._lists[role].rows.get(user) if role is not None else None
        if own is None:
            return None if self.unmarked else row
        return replace(own, misid=row.misid) if row and not own.misid else own

    def _status_of(self, row: UserRow | None, *, listed: bool) -> AccountStatus:
        if row is None:
            return "missing"
        if row.archived:
            return "archived"
        return "active" if listed else "not listed"

    def _status(self, user: UserId) -> AccountStatus:
        account = self.found.get((self._organisation, user))
        if account:
            return account.standing
        own = [self._records[user]] if user in self._records else []
        return "archived" if any(row.archived for row in (*own, *self._rows(user))) else "active"

    def _rows(self, user: UserId) -> Iterator[UserRow]:
        return (listed.rows[user] for listed in self._lists.values() if user in listed.rows)

    # -------------------------------------------------------------- roles

    async def _find_other_roles(self) -> None:
        """Look on the other lists for those whom the list of their declared role lacks."""
        lost = {user for (_, user), account in self.found.items() if account.standing == "not listed"}
        roles = await self._roles_of(lost) if lost else {}
        for user, role in roles.items():
            account = self._organisation, user
            self.found[account] = replace(self.found[account], role=role)

    async def _roles_of(self, users: Collection[UserId]) -> dict[UserId, Role]:
        """Return the roles of those on one of the lists that this reading makes."""
        left, roles = set(users), dict[UserId, Role]()
        for role, accounts in self._lists.items():
            on_list = left & accounts.rows.keys()
            roles |= dict.fromkeys(on_list, role)
            left -= on_list
        for role, accounts in self._lists.items() if left else ():
            await accounts.look_for(left)
            roles |= dict.fromkeys(left & accounts.rows.keys(), role)
        return roles

    async def _learn_of_archived(self, listed: Mapping[UserId, UserRow]) -> None:
        """Learn once per server whether lists contain archived users, from the record of the oldest account.

        If lists leave out archived users, it is active; otherwise it most likely belongs to somebody who left.
        """
        if self._capabilities.get(UNMARKED) is not None or not listed:
            return
        first = min(listed)
        own = None if listed[first].archived else await self._reader.user(first)
        self._capabilities.set(UNMARKED, "yes" if own and own.archived else "no")

    def _active(self, employers: Iterable[UserId]) -> set[UserId]:
        return {user for user in employers if self.found[self._organisation, user].standing == "active"}


class _StaffList:
    """Users of one role, read until everybody who was looked for is found, or is certainly not there."""

    def __init__(self, reader: Reader, organisation: OrganisationId, role: Role, capabilities: Capabilities) -> None:
        self.rows: Mapping[UserId, UserRow] = {}
        self.register = UserList(reader, organisation, ROLE_IDS[role], capabilities)
        self._reader, self._organisation, self._role = reader, organisation, role
        self._called: bool | None = None  # whether the unpaged list was sent
        self._whole = False

    async def look_for(self, group: Collection[UserId]) -> None:
        """Read on until all of the group are in `rows`, or are certainly not on the list."""
        users = set(group)
        if self._whole or (self._called is not None and users <= self.rows.keys()):
            return
        if self._called is None:
            self._called = await self.register.call()
        if self._called and (users <= self.register.listed.keys() or await self.register.confirm()):
            self.rows, self._whole = self.register.listed, self.register.whole
            return
        self._called = False
        listed = self._reader.users(self._organisation, ROLE_IDS[self._role], long=True)
        rows = await listed.read(enough=lambda rows: users <= rows.keys(), to_the_end=False)
        self.rows, self._whole = self._reader.of_role(rows.values(), ROLE_IDS[self._role]), not users <= rows.keys()


def _employers(learners: Iterable[DeclaredLearner]) -> Iterator[UserId]:
    wanted = (learner.holders.get(DEFAULT_EMPLOYER) for learner in learners)
    return (user for user in wanted if user is not None)
