"""`digest`: the changes of a run, a plan or a day for the people concerned, and the sending of messages."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

from reconciler.commands.plan_file import load
from reconciler.model.declared import Declared, Staff
from reconciler.model.message import Address, Message
from reconciler.model.names import Names
from reconciler.model.operations import State
from reconciler.model.plan import Plan
from reconciler.model.slots import Handle, Holder, Site, Slot, UserId
from reconciler.model.structs import Struct, replace
from reconciler.plan.calendar import ChangeCalendar, build_calendar
from reconciler.plan.document import fingerprint
from reconciler.problems import Invalid, NoStore, Problem
from reconciler.runtime import notify
from reconciler.runtime.declared_state import read_state
from reconciler.runtime.environment import LONDON, Environment
from reconciler.runtime.options import Options
from reconciler.runtime.store_address import open_store, store_of
from reconciler.runtime.target import target_of
from reconciler.store import JournalRow, OpenIssue, Store

_DAY = timedelta(days=1)
_LATEST = 100
"""Runs among which the latest that wrote is looked for."""


class Transfer(Struct, frozen=True):
    """Slots of one learner that go from one member of staff to another; None is nobody, or not known.

    `user` is 0 for a learner whose OneFile id is not known.
    """

    user: UserId
    label: str
    cohort: str
    giver: UserId | None
    taker: UserId | None
    slots: tuple[Slot, ...]
    day: date | None = None


FAILURES = 2  # in a row, after which a service gets no more messages


class Digest(Struct, frozen=True):
    """The changes of a run, a plan or a day: `occasion` names it, `title` says it in words.

    `coming` has the changes of the week after the day; `drift` and `steps` are the open issues of the store.
    """

    occasion: str
    title: str
    site: Site
    staff: Mapping[Handle, Staff]
    names: Names
    transfers: Sequence[Transfer]
    steps: Sequence[OpenIssue]
    drift: Sequence[OpenIssue]
    coming: ChangeCalendar
    owner: str
    labels: Mapping[UserId, str]


class Delivery(Struct, frozen=True):
    """The end of one message's delivery; `why` is the reason why it was not sent."""

    recipient: str
    channel: str
    state: Literal["sent", "sent before", "not known", "failed", "not tried", "no address"]
    why: str = ""


def digest(
    options: Options,
    environment: Environment,
    *,
    run: int | None = None,
    plan: Path | None = None,
    due: date | None = None,
) -> Digest:
    """Return what one run did, what a saved plan will do, or else what a day brings. Raises Invalid."""
    day = due or options.day(environment.today())
    declared = read_state(replace(options.whole(), at=day - _DAY, ahead_days=8), environment)
    calendar = build_calendar(declared, ())
    saved = load(plan) if plan else None
    named = Site(target_of(options, environment, declared.settings).name, declared.settings.organisation)
    site = saved.site if saved else named
    with _store(options, environment) as store:
        if saved:
            occasion, title, transfers = f"plan {fingerprint(saved)}", "When this plan is applied", _of_plan(saved)
        elif run is not None:
            occasion, title, transfers = f"run {run}", f"Run {run}", _of_run(store, run, site, declared)
        else:
            title = f"From {day:%A} {day.day} {day:%B %Y}"
            occasion, transfers = f"due {day}", _of_day(calendar, day, declared)
        handles = {member.id: member.handle for member in declared.staff.values()}
        return Digest(
            occasion,
            title,
            site,
            declared.staff,
            Names(handles, declared.settings.titles),
            transfers,
            store.issues(site, "step") if store else (),
            store.issues(site, "drift") if store else (),
            calendar,
            declared.settings.step_owner,
            _labels(declared),
        )


def latest_run(options: Options, environment: Environment) -> int | None:
    """Return the number of the newest run that wrote to OneFile; None if none of the last runs did."""
    settings = read_state(options.whole(), environment).settings
    target = target_of(options, environment, settings).name
    with _store(options, environment) as store:
        runs = store.runs(target=target, limit=_LATEST) if store else ()
        for run in runs:
            if store and run.organisation == settings.organisation and any(map(_is_done, store.journal(run.id))):
                return run.id
    return None


def _is_done(row: JournalRow) -> bool:
    return row.state in (State.DONE, State.ALREADY_DONE)


def _store(options: Options, environment: Environment) -> AbstractContextManager[Store | None]:
    try:
        return store_of(options, environment, make=False)
    except NoStore:
        return nullcontext()


def _labels(declared: Declared) -> Mapping[UserId, str]:
    return {learner.id: learner.label for learner in declared.learners if learner.id and learner.label}


Moved = tuple[UserId, str, str, Slot, Holder, UserId | None]
"""The learner with label and cohort, and a slot with its holders before and after."""


def _transfers(moved: Iterable[Moved], day: date | None) -> list[Transfer]:
    groups: dict[tuple[UserId, str, str, UserId | None, UserId | None], list[Slot]] = defaultdict(list)
    for user, label, cohort, slot, before, after in moved:
        groups[user, label, cohort, before if isinstance(before, int) else None, after].append(slot)
    return [Transfer(*who, tuple(slots), day) for who, slots in groups.items()]


def _of_plan(plan: Plan) -> list[Transfer]:
    changes = (change for change in plan.differing if change.action != "no-op")
    moved = [
        (change.learner, change.label, change.cohort, change.slot, change.before, change.after) for change in changes
    ]
    return _transfers(moved, None)


def _of_run(store: Store | None, number: int, site: Site, declared: Declared) -> list[Transfer]:
    run = store.run(number) if store else None
    if store is None or run is None or Site(run.target, run.organisation) != site:
        what = f"there is no run {number} of {site.target}, organisation {site.organisation}"
        raise Invalid(Problem(what, "See the runs with: reconciler history", where="--run"))
    known = {learner.id: learner for learner in declared.learners}
    moved = [
        (row.operation.learner, learner.label if learner else "", learner.cohort if learner else "", slot, *move_of)
        for row in store.journal(number)
        if _is_done(row)
        for learner in [known.get(row.operation.learner)]
        for slot, move in row.operation.moves
        for move_of in [(move.before, move.after)]
    ]
    return _transfers(moved, run.started.astimezone(LONDON).date())


def _of_day(calendar: ChangeCalendar, day: date, declared: Declared) -> list[Transfer]:
    ids = {member.handle: member.id for member in declared.staff.values()}
    moved = [
        (
            place.learner.id or UserId(0),
            place.learner.name(),
            place.learner.cohort,
            place.slot,
            ids.get(handover.before) if handover.before else None,
            ids.get(handover.after) if handover.after else None,
        )
        for handover in calendar.on(day).handovers
        for place in handover.places
    ]
    return _transfers(moved, day)


# ------------------------------------------------------------------ delivery


def deliver(options: Options, environment: Environment, digest: Digest, messages: Sequence[Message]) -> list[Delivery]:
    """Send each message that has an address and was not sent before; a failure is stored and reported, not raised.

    A service that fails twice in a row gets no more messages in this run, so that a silent one is not awaited for each.
    """
    if not any(_address(environment, message) for message in messages):
        return [Delivery(message.recipient, message.variable, "no address") for message in messages]
    with open_store(options, environment) as store:
        failures: Counter[str] = Counter()
        return [_deliver(store, environment, digest, message, failures) for message in messages]


def _deliver(
    store: Store, environment: Environment, digest: Digest, message: Message, failures: Counter[str]
) -> Delivery:
    recipient, channel = message.recipient, message.variable
    address = _address(environment, message)
    if address is None:
        return Delivery(recipient, channel, "no address", f"{channel} is not set")
    if failures[channel] >= FAILURES:
        return Delivery(recipient, channel, "not tried", f"the service behind {channel} failed {FAILURES} times")
    key = (digest.site, digest.occasion, recipient, channel)
    match store.claim_message(*key):
        case "sent":
            return Delivery(recipient, channel, "sent before")
        case "sending":
            return Delivery(recipient, channel, "not known", "a run that was cut off may have sent it")
    why = notify.send(message, address)
    store.settle_message(*key, sent=not why)
    failures[channel] = failures[channel] + 1 if why else 0
    return Delivery(recipient, channel, "failed" if why else "sent", why)


def _address(environment: Environment, message: Message) -> Address | None:
    url = environment.variables.get(message.variable, "").strip()
    return Address(url) if url else None
