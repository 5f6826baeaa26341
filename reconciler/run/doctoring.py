"""doctor: looks at everything a run depends on, one after the other, and goes on past what fails."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Collection, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import timedelta
from urllib.parse import urlsplit

from reconciler import doctor
from reconciler.clock import SystemClock
from reconciler.declared.folder import look
from reconciler.declared.reading import read_all
from reconciler.doctor import (
    CANARY_ONLY,
    Check,
    Checkup,
    Name,
    Verdict,
    failed,
    failed_with,
    fine,
    nothing,
    skipped,
    unknown,
)
from reconciler.model import (
    DEFAULT_KINDS,
    LEARNING_AIM_KINDS,
    UNIT_KINDS,
    Declared,
    DeclaredLearner,
    OrganisationId,
    Settings,
    SlotKind,
    Unread,
    UserId,
)
from reconciler.problems import (
    Invalid,
    Problem,
    ReconcilerError,
    Rejected,
    ServiceError,
    StoreError,
    Throttled,
    Unreachable,
)
from reconciler.run.canary import fly
from reconciler.run.context import Context
from reconciler.run.schemas import has_schemas, other_schemas
from reconciler.run.session import Session, open_session
from reconciler.run.token import TOKEN, customer_token, has_token, origin_of
from reconciler.service import wire
from reconciler.service.client import RENEW_AFTER_SECONDS, OneFile
from reconciler.service.paging import LARGE_ROWS, USUAL_ROWS
from reconciler.service.targets import Target, is_loopback, resolve_target
from reconciler.service.wire import Request, UserRow
from reconciler.store import Store
from reconciler.store.schema import newest

LOOKED_AT = 3  # learners at most, since one record may leave out what is empty

Parse = Callable[[object, Request], object]


def examine(context: Context, canary: int | None = None) -> Checkup:
    """Check what can be checked. `canary` is the learner whose slots are written back, on a target for trials only.

    Raises Invalid where a canary is asked for elsewhere; every other error becomes a failed check.
    """
    return asyncio.run(_Examination(context, None if canary is None else UserId(canary)).run())


@dataclass
class _Examination:
    context: Context
    canary: UserId | None
    checks: dict[Name, Check] = field(default_factory=dict)
    fields: dict[SlotKind, str] = field(default_factory=dict)  # under which each kind of slot was seen
    calls: int = 0
    journalled: int | None = None
    stopped: str = "an earlier check failed"  # why the checks that are still missing were not made
    absent: Set[OrganisationId] = frozenset()  # centres that the files name and the embedded sandbox has not
    broken: bool = False  # the conversation cannot go on

    async def run(self) -> Checkup:
        declared = self._configuration()
        self._schemas()
        settings = declared.settings if declared else self._settings_alone()
        target = self._target(settings)
        if self.canary is not None and target is not None and not _for_trials(target):
            raise Invalid(_canary_refused(target))
        token, store = self._token(target), self._store(target, settings)
        if target is not None and token:
            with tempfile.TemporaryDirectory(prefix="reconciler-doctor-") as folder:
                # without a store of its own the rest can still be looked at, with one that is forgotten afterwards
                context = self.context if store else replace(self.context, store=f"{folder}/store.db")
                await self._service(context, settings, declared, kept=store)
        names = [name for name in Name if self.canary is not None or name not in CANARY_ONLY]
        checks = tuple(self.checks.get(name) or skipped(name, self.stopped) for name in names)
        return Checkup(checks, self.calls, self.journalled)

    def _note(self, check: Check) -> None:
        self.checks[check.name] = check

    # -------------------------------------------------------------- on this machine

    def _configuration(self) -> Declared | None:
        try:
            declared = self.context.declared()
        except ReconcilerError as error:
            failure = failed_with(Name.CONFIGURATION, error)
            if self._has_nobody_yet():
                failure = replace(failure, fix="`reconciler import` writes these files from what OneFile holds.")
            self._note(failure)
            return None
        warnings = f"; {len(declared.warnings)} warnings, see `reconciler validate`" if declared.warnings else ""
        slots = sum(len(learner.slots) for learner in declared.learners)
        valid = f"valid on {declared.day}: {len(declared.learners)} learners, {slots} slots{warnings}"
        self._note(fine(Name.CONFIGURATION, valid))
        return declared

    def _has_nobody_yet(self) -> bool:
        """Settings alone, as `init --begin-with import` leaves it."""
        found = look(self.context.state)
        return found.settings.is_file() and not found.staff.exists() and not found.cohorts

    def _schemas(self) -> None:
        """The copies beside the state folder, by which editors check what people write."""
        top = self.context.state.absolute().parent
        if not has_schemas(top):
            self._note(nothing(Name.SCHEMAS, "none beside the state folder"))
        elif others := other_schemas(top):
            fix = "`reconciler init --schemas` renews them; an editor may take valid files for wrong until then."
            self._note(unknown(Name.SCHEMAS, f"not this version's: {', '.join(others)}", fix))
        else:
            self._note(fine(Name.SCHEMAS, "this version's"))

    def _settings_alone(self) -> Settings | None:
        """The settings, where only other files are wrong."""
        return read_all(look(self.context.state), self.context.day()).settings

    def _target(self, settings: Settings | None) -> Target | None:
        base_url = self.context.environment.get("ONEFILE_BASE_URL")
        name = self.context.target or (settings.target if settings else "")
        if not name and not (base_url or "").strip():
            self._note(skipped(Name.TARGET, "the settings cannot be read, and no --target is given"))
            return None
        try:
            target = resolve_target(name, base_url)
        except ReconcilerError as error:
            self._note(failed_with(Name.TARGET, error))
            return None
        self._note(fine(Name.TARGET, _target_words(target)))
        return target

    def _token(self, target: Target | None) -> bool:
        if target is not None and target.embedded:
            self._note(nothing(Name.TOKEN, "the embedded sandbox needs none"))
            return True
        if self.checks[Name.TARGET].verdict is Verdict.SKIPPED and not has_token(self.context):
            self._note(skipped(Name.TOKEN, "it is not known which OneFile is meant; the sandbox needs none"))
            return False
        if not has_token(self.context):
            fix = f"Set {TOKEN} to the customer token that OneFile support issued."
            self._note(failed_with(Name.TOKEN, Invalid(Problem("not set", fix, where=TOKEN))))
            return False
        try:
            customer_token(self.context)
        except ReconcilerError as error:
            self._note(failed_with(Name.TOKEN, error))
            return False
        self._note(fine(Name.TOKEN, f"set in {origin_of(self.context)}"))
        return True

    def _store(self, target: Target | None, settings: Settings | None) -> bool:
        url = self.context.store_url()
        try:
            with Store.open(url, clock=SystemClock()) as store:
                store.forget("doctor", "writable")  # a write that changes nothing
                kind = "PostgreSQL" if urlsplit(url).scheme.startswith("postgres") else f"SQLite, {url}"
                self._note(fine(Name.STORE, f"{kind}; schema version {newest()}; can be written to"))
                if target is not None and settings is not None:
                    self._lock(store, target, settings.organisation)
        except StoreError as error:
            self._note(failed_with(Name.STORE, error))
            return False
        return True

    def _lock(self, store: Store, target: Target, organisation: OrganisationId) -> None:
        if lease := store.holder(target.name, organisation):
            held = f"held by {lease.holder} on {lease.host}, `{lease.command}`, until {lease.until:%H:%M:%S} UTC"
            fix = "Wait for it to end. If it is dead, `reconciler unlock` breaks the lock."
            self._note(unknown(Name.LOCK, held, fix))
            self._note(skipped(Name.UNFINISHED, "what is open may be the work of who holds the lock"))
            return
        self._note(fine(Name.LOCK, "nobody holds it"))
        rows = (*store.open_operations(target.name, organisation), *store.unknown(target.name, organisation))
        if not rows:
            self._note(fine(Name.UNFINISHED, "none"))
            return
        runs = ", ".join(map(str, sorted({row.run for row in rows})))
        found = f"{len(rows)} whose end is not known, of run {runs}"
        fix = "Run `reconciler apply`: it settles by reading what can be read. `reconciler history RUN` shows the rest."
        self._note(failed(Name.UNFINISHED, found, fix))

    # -------------------------------------------------------------- the conversation

    async def _service(
        self, context: Context, settings: Settings | None, declared: Declared | None, *, kept: bool
    ) -> None:
        """Everything that takes a call. `kept`: the store is the real one, so that a canary can be journalled."""
        try:
            async with open_session(context, settings or _NO_SETTINGS) as session:
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
        if Name.SESSION not in self.checks:
            return
        if settings is None:
            self.stopped = "settings.yaml could not be read, so the organisation is not known"
            return
        organisation, learners = settings.organisation, declared.learners if declared else ()
        named = {organisation, *(learner.organisation for learner in learners)}
        await self._row(lambda: self._organisation(session, customer, named), Name.ORGANISATION)
        if self.absent:  # the sandbox's lists are then looked at for a centre that a cohort file names
            organisation = min(named - self.absent, default=organisation)
        listed: list[UserId] = []
        await self._row(lambda: self._lists(session, organisation, listed), Name.ROWS, Name.PAGES)
        await self._readable(session.client, self._examples(learners, listed))
        if self.canary is None:
            for check in doctor.no_canary_checks(_for_trials(session.target)):
                self._note(check)
        elif not kept:
            self.stopped = "without a store a canary cannot be journalled"
        elif not self.broken:
            await self._fly(session, organisation, learners, self.canary)

    async def _log_in(self, session: Session) -> int | None:
        """The first call, which logs in. Gives the customer's number, where the server tells it."""
        client, customer, met = session.client, None, None
        request = wire.get_customer()
        try:
            customer = wire.parse_customer(await client.read(*request), request)
        except ServiceError as error:
            met = error
        self._note(
            nothing(Name.CLOCK, "the embedded sandbox goes by this machine's")
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
            self.stopped = "the server does not answer"
        else:
            self._note(fine(Name.SERVER, "answers"))
            self._note(failed_with(Name.LOG_IN, met))
            self.stopped = "there is no session"

    async def _row(self, look: Callable[[], Awaitable[object]], *names: Name) -> None:
        """Make checks that take calls. Where the server is gone, or asks for a pause, it is the last."""
        if self.broken:
            return
        try:
            await look()
        except Rejected as refusal:
            for name in names:
                self.checks.setdefault(name, unknown(name, refusal.problems[0].what, _ASK_ONEFILE))
        except ServiceError as error:
            for name in names:
                self.checks.setdefault(name, failed_with(name, error))
            if isinstance(error, (Unreachable, Throttled)):
                self.broken = True
                self.stopped = "the server no longer answers" if isinstance(error, Unreachable) else "too many calls"

    # -------------------------------------------------------------- what can be seen and read

    async def _organisation(self, session: Session, customer: int | None, named: Set[OrganisationId]) -> None:
        request = wire.search_organisations(customer)
        seen = wire.parse_organisations(await session.client.read(*request), request)
        embedded = session.target.embedded
        self.absent = named - set(seen) if embedded else frozenset()
        self._note(doctor.organisation_check(named, seen, embedded=embedded))

    async def _lists(self, session: Session, organisation: OrganisationId, listed: list[UserId]) -> None:
        """The first page of the learners, and the next where only that tells whether the server caps its pages."""

        async def page(number: int, size: int) -> list[UserRow]:
            request = wire.search_users(organisation, wire.LEARNER_ROLE, number, size)
            return wire.parse_users(await session.client.read(*request), request)

        asked = LARGE_ROWS
        try:
            rows = await page(1, asked)
        except Rejected:  # of the size, perhaps
            asked = USUAL_ROWS
            rows = await page(1, asked)
        more = await page(2, len(rows)) if 0 < len(rows) < asked else []
        listed += (row.id for row in rows)
        shown = {kind for row in rows for kind, held in row.holders.items() if held is not Unread.UNREADABLE}
        ended = len(rows) < asked and {row.id for row in more} <= {row.id for row in rows}
        self._note(doctor.rows_check(shown, len(rows)))
        self._note(doctor.page_check(len(rows), asked, ended=ended))

    def _examples(self, learners: Sequence[DeclaredLearner], listed: Sequence[UserId]) -> list[UserId]:
        """Whose records are looked at: the canary's, else those with most declared, then whoever is on the list."""
        by_slots = sorted(learners, key=lambda learner: -len(learner.slots))
        declared = [learner.id for learner in by_slots if learner.id is not None]
        first = [] if self.canary is None else [self.canary]
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
        """Look at one learner after the other until every kind was seen."""
        looked_at, refused = 0, None
        for request in requests:
            try:
                answer = await client.read(*request)
            except Rejected as refusal:  # perhaps only this learner
                refused = refusal
                continue
            rows = parse(answer, request)
            looked_at += len(rows) if isinstance(rows, list) else 1
            self.fields |= wire.holder_names(answer, kinds)
            if looked_at and self.fields.keys() >= set(kinds):
                break
        if refused is not None and not looked_at:
            raise refused
        self._note(doctor.shown_check(name, kinds, self.fields, looked_at))

    async def _all(self, client: OneFile, name: Name, kinds: Collection[SlotKind]) -> None:
        """A search without a learner: the first page tells whether this server answers it."""
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
        self.fields |= wire.holder_names(answer, kinds)
        self._note(doctor.list_check(name, len(rows), says_whose=all(row.learner is not None for row in rows)))

    # -------------------------------------------------------------- the canary

    async def _fly(
        self, session: Session, organisation: OrganisationId, learners: Sequence[DeclaredLearner], canary: UserId
    ) -> None:
        try:
            flown = await fly(session, self.context, organisation, canary)
        except ReconcilerError as error:
            self._note(failed_with(Name.ASSIGN, error))
            self.stopped = "the canary came to no end"
            return
        self.journalled = flown.run
        units = any(slot.kind in UNIT_KINDS for learner in learners for slot in learner.slots)
        assign = doctor.assign_check(flown.outcomes.get(Name.ASSIGN))
        self._note(doctor.default_check(flown.outcomes.get(Name.DEFAULT)))
        self._note(assign)
        self._note(doctor.unit_check(flown.outcomes.get(Name.UNIT_LEVEL), assign=assign.verdict, declared=units))
        self._note(doctor.trace_check(flown.moved))


_NO_SETTINGS = Settings(OrganisationId(0))  # where they cannot be read: only the pace is taken from these
_ASK_ONEFILE = "Ask OneFile whether this customer token may make this request."


def _for_trials(target: Target) -> bool:
    """Whether what is written there concerns nobody: the embedded sandbox, OneFile's two for trials, this machine."""
    if target.embedded or target.name in ("beta", "practice"):
        return True
    return is_loopback(urlsplit(target.base_url).hostname or "")


def _canary_refused(target: Target) -> Problem:
    what = f"a canary writes, and {target.name} is not a place for trials"
    return Problem(what, "Use --target beta, practice or sandbox. Nothing was sent.", where="--canary")


def _target_words(target: Target) -> str:
    if target.embedded:
        return "sandbox, in this process: nothing leaves this machine"
    how = "https" if target.base_url.startswith("https:") else "plain http, on this machine only"
    name = "" if target.name == target.base_url else f"{target.name}, "
    return f"{name}{target.base_url} ({how})"
