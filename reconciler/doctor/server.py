"""Doctor checks that call the server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence, Set
from datetime import timedelta

from reconciler.doctor import checks as doctor
from reconciler.doctor.canary import run_canary
from reconciler.doctor.checks import Checks, Name, failed_with, fine, nothing, skipped, unknown
from reconciler.model.declared import Declared, DeclaredLearner, Settings
from reconciler.model.slots import (
    DEFAULT_KINDS,
    LEARNING_AIM_KINDS,
    UNIT_KINDS,
    OrganisationId,
    SlotKind,
    Unread,
    UserId,
)
from reconciler.onefile import wire
from reconciler.onefile.client import RENEW_AFTER_SECONDS, OneFile
from reconciler.onefile.pagination import LARGE_ROWS, USUAL_ROWS
from reconciler.onefile.wire import Request, UserRow
from reconciler.problems import ReconcilerError, Rejected, ServiceError, StoreError, Throttled, Unreachable
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options
from reconciler.runtime.session import Session, open_session
from reconciler.runtime.windows import wait_until_open

LOOKED_AT = 3  # learners at most, since one record may leave out what is empty

Parse = Callable[[object, Request], object]


class ServerChecks:
    """Checks in one session. Continues after failed checks; stops if the server is unreachable or throttles."""

    def __init__(
        self, options: Options, environment: Environment, checks: Checks, canary: UserId | None, *, for_trials: bool
    ) -> None:
        self._options, self._environment, self._checks, self._canary, self._for_trials = (
            options,
            environment,
            checks,
            canary,
            for_trials,
        )
        self._note = checks.note
        self._fields: dict[SlotKind, str] = {}  # the field in which each kind of slot was seen
        self._absent: Set[OrganisationId] = frozenset()  # centres in the files that the embedded sandbox does not have
        self._broken = False
        self.calls = 0
        self.journalled: int | None = None

    async def hold(self, settings: Settings | None, declared: Declared | None, *, kept: bool) -> None:
        """Make every check that takes a call. `kept`: the store is the real one, so a canary can be journalled."""
        try:
            async with open_session(
                self._options, self._environment, settings or _NO_SETTINGS, logs_in=True
            ) as session:
                try:
                    await self._talk(session, settings, declared, kept=kept)
                finally:
                    self.calls = session.client.calls
        except ReconcilerError as error:  # the environment's proxies, the sandbox's world, the store in the midst
            self._note(failed_with(Name.STORE if isinstance(error, StoreError) else Name.SERVER, error))

    async def _talk(
        self, session: Session, settings: Settings | None, declared: Declared | None, *, kept: bool
    ) -> None:
        customer = await self._log_in(session)
        if Name.SESSION not in self._checks.found:
            return
        if settings is None:
            self._checks.stopped = "settings.yaml could not be read, so the organisation is not known"
            return
        organisation, learners = settings.organisation, declared.learners if declared else ()
        named = {organisation, *(learner.organisation for learner in learners)}
        await self._row(lambda: self._organisation(session, customer, named), Name.ORGANISATION)
        if self._absent:  # the sandbox's lists are then looked at for a centre that a cohort file names
            organisation = min(named - self._absent, default=organisation)
        listed: list[UserId] = []
        await self._row(lambda: self._lists(session, organisation, listed), Name.ROWS, Name.PAGES)
        await self._readable(session.client, self._examples(learners, listed))
        if self._canary is None:
            for check in doctor.no_canary_checks(self._for_trials):
                self._note(check)
        elif not kept:
            self._checks.stopped = "without a store a canary cannot be journalled"
        elif not self._broken:
            await self._fly(session, settings, organisation, learners, self._canary)

    async def _log_in(self, session: Session) -> int | None:
        """Make the first call, which logs in. Return the customer's number if the server shows it."""
        client, customer, met = session.client, None, None
        request = wire.get_customer()
        try:
            customer = wire.parse_customer(await client.read(*request), request)
        except ServiceError as error:
            met = error
        self._note(
            nothing(Name.CLOCK, "the embedded sandbox uses this machine's")
            if session.target.embedded
            else doctor.clock_check(client.clock_skew)
        )
        age = client.session_age()
        if age is None and met is not None:
            self._no_session(met)
            return None
        self._note(fine(Name.SERVER, "answers"))
        self._note(fine(Name.LOG_IN, "accepted"))
        renewed_at = session.clock.now() + timedelta(seconds=RENEW_AFTER_SECONDS - (age or 0))
        self._note(doctor.session_check(renewed_at))
        return customer

    def _no_session(self, met: ServiceError) -> None:
        if isinstance(met, Unreachable):
            self._note(failed_with(Name.SERVER, met))
            self._note(skipped(Name.CLOCK, "the server does not answer"))
            self._checks.stopped = "the server does not answer"
        else:
            self._note(fine(Name.SERVER, "answers"))
            self._note(failed_with(Name.LOG_IN, met))
            self._checks.stopped = "there is no session"

    async def _row(self, look: Callable[[], Awaitable[object]], *names: Name) -> None:
        """Make checks that take calls. If the server is gone or asks for a pause, they are the last."""
        if self._broken:
            return
        try:
            await look()
        except Rejected as refusal:
            for name in names:
                self._checks.note_first(unknown(name, refusal.problems[0].what, _ASK_ONEFILE))
        except ServiceError as error:
            for name in names:
                self._checks.note_first(failed_with(name, error))
            if isinstance(error, (Unreachable, Throttled)):
                self._broken = True
                self._checks.stopped = (
                    "the server no longer answers" if isinstance(error, Unreachable) else "too many calls"
                )

    # -------------------------------------------------------------- what can be seen and read

    async def _organisation(self, session: Session, customer: int | None, named: Set[OrganisationId]) -> None:
        request = wire.search_organisations(customer)
        seen = wire.parse_organisations(await session.client.read(*request), request)
        embedded = session.target.embedded
        self._absent = named - set(seen) if embedded else frozenset()
        self._note(doctor.organisation_check(named, seen, embedded=embedded))

    async def _lists(self, session: Session, organisation: OrganisationId, listed: list[UserId]) -> None:
        """Read the first page of the learners, and the next if only that shows whether the server caps its pages."""

        async def page(number: int, size: int) -> list[UserRow]:
            request = wire.search_users(organisation, wire.LEARNER_ROLE, number, size)
            return wire.parse_users(await session.client.read(*request), request)

        requested = LARGE_ROWS
        try:
            rows = await page(1, requested)
        except Rejected:  # of the size, perhaps
            requested = USUAL_ROWS
            rows = await page(1, requested)
        more = await page(2, len(rows)) if 0 < len(rows) < requested else []
        listed += (row.id for row in rows)
        shown = {kind for row in rows for kind, held in row.holders.items() if held is not Unread.UNREADABLE}
        ended = len(rows) < requested and {row.id for row in more} <= {row.id for row in rows}
        self._note(doctor.rows_check(shown, len(rows)))
        self._note(doctor.page_check(len(rows), requested, ended=ended))

    def _examples(self, learners: Sequence[DeclaredLearner], listed: Sequence[UserId]) -> list[UserId]:
        """Return the learners to look at: the canary, those with most declared, then the first on the list."""
        by_slots = sorted(learners, key=lambda learner: -len(learner.slots))
        declared = [learner.id for learner in by_slots if learner.id is not None]
        first = [] if self._canary is None else [self._canary]
        return list(dict.fromkeys([*first, *declared[: LOOKED_AT - 1], *listed]))[:LOOKED_AT]

    async def _readable(self, client: OneFile, examples: Sequence[UserId]) -> None:
        def aims(learner: UserId) -> Request:
            return wire.search_learning_aims(learner, 1, USUAL_ROWS)

        def units(learner: UserId) -> Request:
            return wire.search_unit_summaries(learner, 1, USUAL_ROWS)

        shown: tuple[tuple[Name, Collection[SlotKind], Callable[[UserId], Request], Parse], ...] = (
            (Name.RECORD, DEFAULT_KINDS, wire.get_user, wire.parse_user),
            (Name.AIMS, LEARNING_AIM_KINDS, aims, wire.parse_learning_aims),
            (Name.UNITS, UNIT_KINDS, units, wire.parse_unit_summaries),
        )
        await self._row(lambda: self._all(client, Name.ALL_AIMS, LEARNING_AIM_KINDS), Name.ALL_AIMS)
        await self._row(lambda: self._all(client, Name.ALL_UNITS, UNIT_KINDS), Name.ALL_UNITS)
        for name, kinds, request_for, parse in shown:
            requests = [request_for(learner) for learner in examples]
            await self._row(lambda: self._shown(client, name, sorted(kinds), requests, parse), name)  # noqa: B023

    async def _shown(
        self, client: OneFile, name: Name, kinds: Sequence[SlotKind], requests: Sequence[Request], parse: Parse
    ) -> None:
        """Look at one learner after another until every kind was seen."""
        looked_at, refused = 0, None
        for request in requests:
            try:
                answer = await client.read(*request)
            except Rejected as refusal:  # perhaps only this learner
                refused = refusal
                continue
            rows = parse(answer, request)
            looked_at += len(rows) if isinstance(rows, list) else 1
            self._fields |= wire.holder_names(answer, kinds)
            if looked_at and self._fields.keys() >= set(kinds):
                break
        if refused is not None and not looked_at:
            raise refused
        self._note(doctor.shown_check(name, kinds, self._fields, looked_at))

    async def _all(self, client: OneFile, name: Name, kinds: Collection[SlotKind]) -> None:
        """Read the first page of a search without a learner, to see whether this server offers it."""
        search, parse = (
            (wire.search_all_learning_aims, wire.parse_learning_aims)
            if name is Name.ALL_AIMS
            else (wire.search_all_unit_summaries, wire.parse_unit_summaries)
        )
        request = search(1, USUAL_ROWS)
        try:
            answer = await client.read(*request)
        except Rejected as refusal:
            self._note(nothing(name, f"not offered (HTTP {refusal.status}): learners are read one by one"))
            return
        rows = parse(answer, request)
        self._fields |= wire.holder_names(answer, kinds)
        self._note(doctor.list_check(name, len(rows), says_whose=all(row.learner is not None for row in rows)))

    # -------------------------------------------------------------- the canary

    async def _fly(
        self,
        session: Session,
        settings: Settings,
        organisation: OrganisationId,
        learners: Sequence[DeclaredLearner],
        canary: UserId,
    ) -> None:
        try:
            await wait_until_open(self._environment, settings)
            flown = await run_canary(session, self._options, self._environment, organisation, canary)
        except ReconcilerError as error:
            self._note(failed_with(Name.ASSIGN, error))
            self._checks.stopped = "the canary came to no end"
            return
        self.journalled = flown.run
        units = any(slot.kind in UNIT_KINDS for learner in learners for slot in learner.slots)
        assign = doctor.assign_check(flown.outcomes.get(Name.ASSIGN))
        self._note(doctor.default_check(flown.outcomes.get(Name.DEFAULT)))
        self._note(assign)
        self._note(doctor.unit_check(flown.outcomes.get(Name.UNIT_LEVEL), assign=assign.verdict, declared=units))
        self._note(doctor.trace_check(flown.moved))


_NO_SETTINGS = Settings(OrganisationId(0))  # if they cannot be read: only the rate is taken from these
_ASK_ONEFILE = "Ask OneFile whether this customer token may make this request."
