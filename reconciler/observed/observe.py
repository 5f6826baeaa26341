"""Read the observed state with the fewest calls: complete, or an error."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Protocol

from reconciler.model.declared import Declared, DeclaredLearner
from reconciler.model.observed import Observed, ObservedLearner
from reconciler.model.slots import OrganisationId, SlotKind, SlotValues, UserId
from reconciler.observed.aims_and_units import Work
from reconciler.observed.people import Known, People
from reconciler.observed.staff_accounts import UNMARKED
from reconciler.onefile.capabilities import Capabilities
from reconciler.onefile.concurrency import gather_bounded
from reconciler.onefile.reader import Reader


class ProgressListener(Protocol):
    """Receives the forecast of a reading's cost before most of it is spent, and then its progress; in calls."""

    def forecast(self, spent: int, remaining: int) -> None: ...
    def spent(self, calls: int) -> None: ...
    def applying(self, calls: int) -> None: ...


async def observe(
    declared: Declared,
    reader: Reader,
    capabilities: Capabilities | None = None,
    progress: ProgressListener | None = None,
    announce: Callable[[str], None] | None = None,
    known: Known | None = None,
) -> Observed:
    """Read every declared learner's managed slots, and the status of everybody who should hold one.

    First a few calls: the lists of people, and which lists are worth reading. Then the forecast, then the rest.
    With `announce`, the whole list of learners is read, and it receives the cost before that is spent. With `known`, a
    reading of very few learners looks only for the staff of slots that are to change, and for no list of learners.
    Knowledge about the server is stored in `capabilities`. Raises ServiceError when a read fails or contradicts itself.
    """
    capabilities = capabilities if capabilities is not None else Capabilities()
    reader.paging.rows = capabilities.number("page_rows") or reader.paging.rows
    begun, taken_at = reader.client.calls, reader.clock.now()

    def spent() -> None:
        if progress:
            progress.spent(reader.client.calls - begun)

    split = _split(declared) or ([(declared.settings.organisation, [])] if announce else [])
    groups = [People(declared, organisation, learners, reader, capabilities, known) for organisation, learners in split]
    work = Work(reader, capabilities)
    await _side_by_side(groups, reader, capabilities)
    likely = [learner.slots.keys() for people in groups for learner in people.likely()]
    await work.survey(likely, sum(people.size for people in groups))
    if progress:
        progress.forecast(reader.client.calls - begun, work.calls_left + sum(people.calls_left for people in groups))
    await gather_bounded(groups, lambda people: people.read(spent))
    active = {user: person for people in groups for user, person in people.found.items() if person.standing == "active"}
    await work.read({user: person.declared.slots.keys() for user, person in active.items()}, spent)
    for people in groups:
        await people.find_new_staff(work.slots)
    if declared.settings.level("staff_active") != "off":
        for people in groups:
            await people.staff.find_holders(_holders(people, work))
        spent()
    if declared.settings.level("duplicate_staff") != "off":
        for people in groups:
            await people.staff.look_at_shared()
        spent()
    for people in groups:
        people.staff.learn_of_shared()
        await people.read_roster(announce)
    if reader.paging.settled:
        capabilities.set("page_rows", str(reader.paging.rows))
    capabilities.settle()

    for user, person in active.items():
        slots = {**person.defaults, **work.slots.get(user, {})}
        at = min(person.at, work.at(user))
        reader.remember(user, slots, person.declared.slots.keys(), at, work.alone.get(user, ()))
    return Observed(
        taken_at=taken_at,
        learners={
            user: ObservedLearner(user, person.standing, person.placement, SlotValues.of(reader.last(user)))
            for people in groups
            for user, person in sorted(people.found.items())
        },
        misids={misid: user for people in groups for misid, user in people.misids.items()},
        staff={account: person for people in groups for account, person in people.staff.found.items()},
        calls=reader.client.calls - begun,
        problems=tuple(problem for people in groups for problem in people.problems),
        names={user: name for people in groups for user in people.found if (name := reader.names.get(user))},
        shared=tuple(shared for people in groups for shared in people.staff.shared()),
        roster=next(
            (people.roster for people in groups if people.organisation == declared.settings.organisation), None
        ),
        identities={digest: user for people in groups for digest, user in people.identities().items()},
    )


async def _side_by_side(groups: list[People], reader: Reader, capabilities: Capabilities) -> None:
    """Survey the organisations at the same time; the first alone if it teaches what would save the others a call."""
    is_known = reader.paging.settled and capabilities.get(UNMARKED) is not None
    for people in groups[: 0 if is_known else 1]:
        await people.survey()
    await gather_bounded(groups[0 if is_known else 1 :], lambda people: people.survey())


def _holders(people: People, work: Work) -> dict[UserId, set[SlotKind]]:
    """Return everybody who holds a declared slot of an active learner, with the kinds of those slots."""
    holders: dict[UserId, set[SlotKind]] = defaultdict(set)
    for user, found in people.found.items():
        if found.standing == "active":
            held = {**found.defaults, **work.slots.get(user, {})}
            for slot in found.declared.slots:
                holder = held.get(slot)
                if isinstance(holder, int):
                    holders[holder].add(slot.kind)
    return holders


def _split(declared: Declared) -> list[tuple[OrganisationId, list[DeclaredLearner]]]:
    groups: dict[OrganisationId, list[DeclaredLearner]] = defaultdict(list)
    for learner in declared.learners:
        groups[learner.organisation].append(learner)
    return sorted(groups.items())
