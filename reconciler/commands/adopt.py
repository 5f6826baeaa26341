"""`adopt`: copies changes made in OneFile back into the files."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.commands.plan import Planned, compare, observe_in
from reconciler.declared.cover import StandIn, acting
from reconciler.declared.rules import a_role
from reconciler.editing.adopt import Accept, accept, with_member
from reconciler.editing.verify import require
from reconciler.model.declared import Declared, Staff, Wanted
from reconciler.model.observed import Observed
from reconciler.model.plan import Change, Watch
from reconciler.model.slots import ASSESSOR_KINDS, IQA_KINDS, ROLES_FOR, Handle, Role, SlotKind, Unread, UserId
from reconciler.model.structs import Struct, replace
from reconciler.problems import ExitCode, Invalid, Problem, in_order
from reconciler.runtime.declared_state import read_state
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options
from reconciler.runtime.session import Session, open_session
from reconciler.runtime.sightings import note_sightings
from reconciler.runtime.state_edits import Edits, FileEdit
from reconciler.text import did_you_mean, listed, quoted

_OPTION = "--address"


class Adopted(Struct, frozen=True):
    """One slot that was adopted; `shared` if a default of the cohort declares it."""

    change: Change
    was: Handle | None
    now: Handle | None
    shared: bool


class Adoption(Struct, frozen=True):
    """The slots that were adopted, or would be, and those that could not be (`left`).

    `remarks`: accounts that could not be read, and policies that the edited files break. `watch` sorts the declared
    slots after it.
    """

    adopted: list[Adopted]
    left: list[Problem]
    remarks: list[Problem]
    edits: list[FileEdit]
    new_staff: list[Staff]
    written: bool
    watch: Watch

    @property
    def exit_code(self) -> ExitCode:
        """INCOMPLETE if slots were left."""
        return ExitCode.INCOMPLETE if self.left else ExitCode.DONE


class AdoptOptions(Struct, frozen=True):
    """The slots to adopt: drift, `everything` that differs, or `addresses`. `add_staff` adds holders to staff.yaml."""

    addresses: tuple[str, ...] = ()
    everything: bool = False
    add_staff: bool = False


def adopt(options: Options, environment: Environment, request: AdoptOptions, *, dry_run: bool = False) -> Adoption:
    """Read OneFile and copy its differences into the files.

    A slot that cannot be declared is left, with its reason. Before the files are written they are compared with the
    same reading: every adopted slot must be in sync, and no other slot may change. Raises Invalid for an address that
    is not declared.
    """

    async def run() -> Adoption:
        async with open_session(options, environment, declared.settings) as session:
            observed = await observe_in(session, environment, declared)
            planned = _compared(session, options, environment, declared, observed)
            work = _Adopting(session, options, environment, declared, observed, request)
            return await work.adopt(planned, dry_run=dry_run)

    declared = read_state(options, environment)
    return asyncio.run(run())


def _compared(
    session: Session, options: Options, environment: Environment, declared: Declared, observed: Observed
) -> Planned:
    return compare(declared, observed, session.store, session.target.name, options, environment)


@dataclass
class _Adopting:
    session: Session
    options: Options
    environment: Environment
    declared: Declared
    observed: Observed
    request: AdoptOptions
    left: list[Problem] = field(default_factory=list)
    new_staff: dict[UserId, Staff] = field(default_factory=dict)

    def __post_init__(self) -> None:
        resolved = ((learner.user(self.observed.misids), learner) for learner in self.declared.learners)
        self._learners = {user: learner for user, learner in resolved if user is not None}
        self._members = self.declared.staff_by_id()
        self._acting = acting(self.declared.staff, self.declared.day)

    async def adopt(self, planned: Planned, *, dry_run: bool) -> Adoption:
        chosen = list(self._chosen(planned.plan.changes))
        taken = [change for change in chosen if await self._can_be_declared(change)]
        edits = Edits(self.options.state)
        shared = self._edit(edits, taken)
        after = edits.declared(self.declared.day)
        again = _compared(self.session, self.options, self.environment, _within(after, self.declared), self.observed)
        self._prove(taken, planned, again)
        if not dry_run:
            edits.write()
        watch = note_sightings(self.session.store, (planned if dry_run else again).plan, self.session.began)
        before = set(planned.why_blocked())
        blocked = [edits.in_place(problem) for problem in again.why_blocked()]
        return Adoption(
            [self._adopted(change, shared) for change in taken],
            list(in_order(self.left)),
            [*self.observed.problems, *(problem for problem in blocked if problem not in before)],
            edits.edits,
            list(self.new_staff.values()),
            written=not dry_run,
            watch=watch,
        )

    # -------------------------------------------------------------- which slots

    def _chosen(self, changes: Sequence[Change]) -> Iterator[Change]:
        by_address = {change.address: change for change in changes}
        if unknown := [address for address in self.request.addresses if address not in by_address]:
            fix = "Use the address of a slot that is declared in this scope, as in the JSON of a plan."
            raise Invalid(
                [
                    Problem(
                        f"no declared slot {quoted(address)}", did_you_mean(address, by_address, fix), where=_OPTION
                    )
                    for address in unknown
                ]
            )
        for change in changes:
            if change.before == change.after:
                continue
            if self.request.addresses:
                if change.address in self.request.addresses:
                    yield change
            elif isinstance(change.before, Unread) or change.recorded:
                continue  # nothing was read that could be adopted
            elif self.request.everything or change.writer or (change.reason == "drift" and change.held != "ignore"):
                yield change

    # -------------------------------------------------------------- which of them can be declared

    async def _can_be_declared(self, change: Change) -> bool:
        problem = self._unreadable(change) or self._under_cover(change) or await self._wrong_holder(change)
        if problem is None:
            return True
        what, fix = problem
        self.left.append(Problem(f"{change.address}: {what}", fix, change.source))
        return False

    def _unreadable(self, change: Change) -> tuple[str, str] | None:
        if change.slot.kind is SlotKind.ADDITIONAL or change.recorded or change.before is Unread.UNREADABLE:
            return "OneFile does not show who holds it", "Look it up in OneFile and edit the file by hand."
        if change.before is Unread.NOT_HELD:
            return "the learner has no such learning aim or unit in OneFile", "Remove it from the cohort file."
        if change.before is Unread.AMBIGUOUS:
            return (
                "the learner has it more than once in OneFile",
                "Remove it from the cohort file; manage it in OneFile.",
            )
        return None

    def _under_cover(self, change: Change) -> tuple[str, str] | None:
        """Return why a slot under cover cannot be adopted: the file names its permanent holder."""
        wanted = self._learners[change.learner].slots.get(change.slot)
        if wanted is None:
            return "no entry is declared for this day", "Add an entry for this time by hand."
        if wanted.reason == "cover":
            what = "a cover is in force, so adopting would replace the permanent holder"
            lines = listed((str(cover.source) for cover in wanted.covers), "or")
            return what, f"Change the cover at {lines}, or edit the permanent holder by hand."
        return None

    async def _wrong_holder(self, change: Change) -> tuple[str, str] | None:
        if not isinstance(change.before, int):
            return None
        member = self._members.get(change.before) or self.new_staff.get(change.before)
        if member is None:
            return await self._stranger(change, change.before)
        if member.role not in ROLES_FOR[change.slot.kind]:
            roles = listed((a_role(role) for role in Role if role in ROLES_FOR[change.slot.kind]), "or")
            what = f"{member.handle} is {a_role(member.role)} in staff.yaml, but the slot needs {roles}"
            return what, f"Correct the role at {member.source}, or the slot in OneFile."
        stand_in, covers = self._acting.get(member.handle, StandIn(member))
        if covers:
            what = (
                f"{member.handle} is covered by {stand_in.handle} today, so the files would declare {stand_in.handle}"
            )
            return what, f"Change the cover at {covers[0].source} first, or the slot in OneFile."
        return None

    # -------------------------------------------------------------- accounts that are not in staff.yaml

    async def _stranger(self, change: Change, user: UserId) -> tuple[str, str] | None:
        if not self.request.add_staff:
            what = f"OneFile has account {user}, which is not in staff.yaml"
            return what, "Add the account to staff.yaml with a handle and role, or use --add-staff."
        role = await self._role(change, user)
        if role is None:
            what = f"account {user} is not active staff with a role for this slot"
            return what, "Check the account in OneFile: it may be archived, or belong to another organisation."
        handle = Handle(f"{role.value.replace('_', '-')}-{user}")
        if handle in self.declared.staff:
            return f"the handle {handle} belongs to another account", "Add the account to staff.yaml by hand."
        self.new_staff[user] = Staff(handle, user, role)
        return None

    async def _role(self, change: Change, user: UserId) -> Role | None:
        """Return the role under which OneFile lists the account, if it fits the slot."""
        kind = change.slot.kind
        roles = [Role.IQA] if kind in IQA_KINDS else [Role.EMPLOYER]
        for role in [Role.ASSESSOR, Role.TRAINEE_ASSESSOR] if kind in ASSESSOR_KINDS else roles:
            handle = Handle(f"account-{user}")
            slots = {change.slot: Wanted(user, handle, change.source)}
            learner = replace(self._learners[change.learner], slots=slots)
            single = replace(self.declared, learners=(learner,), staff={handle: Staff(handle, user, role)})
            seen = await observe_in(self.session, self.environment, single)
            account = seen.staff.get((learner.organisation, user))
            if account is not None and account.standing == "active":
                return role
        return None

    # -------------------------------------------------------------- into the files

    def _edit(self, edits: Edits, taken: Sequence[Change]) -> set[Accept]:
        """Edit the files, and return what the defaults declare."""
        groups: dict[str, list[Accept]] = defaultdict(list)
        for change in taken:
            groups[change.cohort].append(self._accepting(change))
        shared: set[Accept] = set()
        for name, cohort in edits.cohorts():
            if cohort in groups:
                values = edits.values(name)
                shared |= accept(values, groups[cohort], self.declared.day)
                edits.put(name, values)
        if self.new_staff:
            values = edits.values("staff.yaml")
            for member in self.new_staff.values():
                with_member(values, member.handle, member.id, member.role.value)
            edits.put("staff.yaml", values)
        return shared

    def _handle(self, holder: object) -> Handle | None:
        if not isinstance(holder, int):
            return None
        return (self._members.get(UserId(holder)) or self.new_staff[UserId(holder)]).handle

    def _accepting(self, change: Change) -> Accept:
        learner = self._learners[change.learner]
        return Accept(learner.key, change.slot, self._handle(change.before))

    def _adopted(self, change: Change, shared: set[Accept]) -> Adopted:
        is_shared = self._accepting(change) in shared
        return Adopted(change, self._handle(change.after), self._handle(change.before), is_shared)

    def _prove(self, taken: Sequence[Change], before: Planned, after: Planned) -> None:
        adopted = {change.address for change in taken}
        now: Mapping[str, Change] = {change.address: change for change in after.plan.changes}
        require(
            all(now[address].before == now[address].after for address in adopted), "an adopted slot would still differ"
        )
        kept = {change.address: change.after for change in before.plan.changes if change.address not in adopted}
        require(
            kept == {address: change.after for address, change in now.items() if address not in adopted},
            "a slot that was not adopted would change",
        )


def _within(after: Declared, scope: Declared) -> Declared:
    """Return the learners of the command's scope as the edited files declare them."""
    keys = {(learner.id, learner.misid) for learner in scope.learners}
    kept = tuple(learner for learner in after.learners if (learner.id, learner.misid) in keys)
    return replace(after, settings=scope.settings, learners=kept, left_out=scope.left_out)
