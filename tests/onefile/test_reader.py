"""One learner is read exactly: another's row is an error, a missing field is not an empty one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import httpx
import pytest

from onefile_sandbox.clock import VirtualClock
from reconciler.model.slots import OrganisationId, Slot, SlotKind, Unread, UserId
from reconciler.onefile.client import OneFile
from reconciler.onefile.reader import Reader
from reconciler.onefile.token import CustomerToken
from reconciler.problems import BadAnswer, Rejected
from reconciler.ratelimit import MemoryLedger, RateLimiter
from tests.worlds import START

T = TypeVar("T")

KATE, JAMES, PRIYA = UserId(132757), UserId(122762), UserId(118204)
ONE, TWO = UserId(200001), UserId(200002)
DEFAULT, EMPLOYER = Slot(SlotKind.DEFAULT_ASSESSOR), Slot(SlotKind.DEFAULT_EMPLOYER)
AIM, AIM_IQA = Slot(SlotKind.LEARNING_AIM_ASSESSOR, 41240), Slot(SlotKind.LEARNING_AIM_IQA, 41240)
UNIT = Slot(SlotKind.UNIT_ASSESSOR, "KS_COMM1")
ADDED = Slot(SlotKind.ADDITIONAL, KATE)


class Centre(httpx.AsyncBaseTransport):
    """Scripted answers: `users` by id, `aims` and `units` by learner; a number is a status."""

    def __init__(
        self,
        users: Mapping[int, object] | None = None,
        aims: Mapping[int, list[dict[str, Any]]] | None = None,
        units: Mapping[int, list[dict[str, Any]]] | None = None,
        matches: list[dict[str, Any]] | None = None,
    ) -> None:
        self.users, self.aims, self.units, self.matches = users or {}, aims or {}, units or {}, matches or []
        self.calls: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/v2.1")
        if path == "/Authentication":
            return httpx.Response(200, text="session-1")
        self.calls.append(path)
        kind, *rest = path.strip("/").split("/")
        if request.method == "GET":
            answer = self.users.get(int(rest[0]), 404)
            return httpx.Response(answer) if isinstance(answer, int) else httpx.Response(200, json=answer)
        body = json.loads(request.content)
        rows = {"LearningAim": self.aims, "UnitSummary": self.units}.get(kind, {}).get(body.get("UserID"), self.matches)
        page, size = int(rest[1]), int(rest[2])
        shown = rows[size * (page - 1) : size * page]
        return httpx.Response(200, json=shown) if shown else httpx.Response(204)


def reading(centre: Centre, work: Callable[[Reader], Awaitable[T]]) -> T:
    async def session() -> T:
        clock = VirtualClock(START)
        async with OneFile(
            "https://onefile.test/api/v2.1",
            CustomerToken("secret"),
            rate_limiter=RateLimiter(MemoryLedger(clock), 300, clock),
            clock=clock,
            transport=centre,
        ) as client:
            return await work(Reader(client, clock))

    return asyncio.run(session())


def aim(number: int, learner: int | None = ONE, standard: int = 41240, **slots: object) -> dict[str, Any]:
    whose = {} if learner is None else {"UserID": learner}
    return {"ID": number, "StandardID": standard, **whose, **slots}


# ------------------------------------------------------------------ slots


def test_only_what_is_wanted_is_asked_for() -> None:
    """Calls are the scarce thing: a learner's record, aims and units each cost one."""
    centre = Centre(
        users={ONE: {"ID": ONE, "DefaultAssessorID": KATE}},
        aims={ONE: [aim(1, AssessorID=KATE, IVID=None)]},
        units={ONE: [{"ID": 1, "UserID": ONE, "UnitID": "KS_COMM1", "AssessorID": JAMES}]},
    )
    for needed, kinds in (
        ([DEFAULT], {"User"}),
        ([AIM, AIM_IQA], {"LearningAim"}),
        ([UNIT], {"UnitSummary"}),
        ([ADDED], set()),
        ([DEFAULT, AIM, UNIT], {"User", "LearningAim", "UnitSummary"}),
    ):
        centre.calls.clear()
        slots = reading(centre, lambda reader, needed=needed: reader.slots(ONE, needed)).slots  # type: ignore[misc]
        assert {path.split("/")[1] for path in centre.calls} == kinds
        assert all(slot in slots for slot in needed)


def test_a_look_at_the_whole_learner_shows_what_nobody_wanted() -> None:
    """All three layers are read; a layer that this server refuses is left out, unless it is needed."""
    centre = Centre(users={ONE: {"ID": ONE, "DefaultAssessorID": KATE}}, aims={ONE: [aim(1, AssessorID=JAMES)]})
    slots = reading(centre, lambda reader: reader.slots(ONE, [DEFAULT], whole=True)).slots
    assert {path.split("/")[1] for path in centre.calls} == {"User", "LearningAim", "UnitSummary"}
    assert (slots[DEFAULT], slots[AIM]) == (KATE, JAMES)
    centre.aims = {ONE: [aim(1, TWO)]}  # an answer that cannot be used
    assert AIM not in reading(centre, lambda reader: reader.slots(ONE, [DEFAULT], whole=True)).slots
    with pytest.raises(BadAnswer):
        reading(centre, lambda reader: reader.slots(ONE, [DEFAULT, AIM], whole=True))


def test_a_learners_slots_are_what_the_rows_say() -> None:
    """Empty, held, not held and not shown are four different states."""
    centre = Centre(aims={ONE: [aim(1, AssessorID=KATE, IVID=None)]})
    other = Slot(SlotKind.LEARNING_AIM_IQA, 41242)
    slots = reading(centre, lambda reader: reader.slots(ONE, [AIM, AIM_IQA, other, ADDED])).slots
    assert slots == {AIM: KATE, AIM_IQA: None, other: Unread.NOT_HELD, ADDED: Unread.UNREADABLE}


def test_two_aims_of_one_standard_are_ambiguous_whoever_holds_them() -> None:
    """OneFile's API names a standard, and cannot tell which of the two is meant."""
    rows = [aim(1, AssessorID=KATE, IVID=PRIYA), aim(2, AssessorID=KATE, IVID=None), aim(3, AssessorID=None, IVID=None)]
    slots = reading(Centre(aims={ONE: rows}), lambda reader: reader.slots(ONE, [AIM])).slots
    assert slots == {AIM: Unread.AMBIGUOUS, AIM_IQA: Unread.AMBIGUOUS}


@pytest.mark.parametrize("count", [0, 1, 49, 50, 51, 99, 100, 101])
def test_every_page_of_a_learners_aims_is_read(count: int) -> None:
    """At the edges of pages, too."""
    rows = [aim(number, standard=number, AssessorID=KATE) for number in range(1, count + 1)]
    needed = [Slot(SlotKind.LEARNING_AIM_ASSESSOR, number) for number in range(1, count + 1)]
    slots = reading(Centre(aims={ONE: rows}), lambda reader: reader.slots(ONE, [*needed, AIM])).slots
    assert {slot: slots[slot] for slot in needed} == dict.fromkeys(needed, KATE)
    assert slots[AIM] is Unread.NOT_HELD


# ------------------------------------------------------------------ missing fields


def test_a_field_that_is_on_no_record_is_unreadable() -> None:
    """It may be there and not be shown."""
    centre = Centre(aims={ONE: [aim(1)], TWO: [aim(2, TWO)]})

    async def both(reader: Reader) -> list[object]:
        return [(await reader.slots(user, [AIM])).slots[AIM] for user in (ONE, TWO)]

    assert reading(centre, both) == [Unread.UNREADABLE, Unread.UNREADABLE]


@pytest.mark.parametrize("first", [ONE, TWO])
def test_a_field_that_is_missing_on_some_records_is_nobody_there(first: UserId) -> None:
    """If another record has the field, OneFile omits empty values; this also applies to an earlier reading."""
    centre = Centre(aims={ONE: [aim(1)], TWO: [aim(2, TWO, AssessorID=KATE)]})

    async def both(reader: Reader) -> list[object]:
        for user in (first, ONE, TWO):
            await reader.recent(user, [AIM], within=60)
        return [(await reader.recent(user, [AIM], within=60)).slots[AIM] for user in (ONE, TWO)]

    assert reading(centre, both) == [None, KATE]


def test_one_kind_of_field_says_nothing_of_another() -> None:
    """Visible assessors do not mean visible IQAs."""
    centre = Centre(
        aims={ONE: [aim(1, AssessorID=KATE)]}, units={ONE: [{"ID": 1, "UserID": ONE, "UnitID": "KS_COMM1"}]}
    )
    slots = reading(centre, lambda reader: reader.slots(ONE, [AIM, AIM_IQA, UNIT])).slots
    assert (slots[AIM], slots[AIM_IQA], slots[UNIT]) == (KATE, Unread.UNREADABLE, Unread.UNREADABLE)


# ------------------------------------------------------------------ answers to another question


def test_a_row_of_another_learner_is_an_error() -> None:
    """A server that ignores the filter would show somebody else's people."""
    with pytest.raises(BadAnswer, match="requested learner 200001, but OneFile sent a row of 200002"):
        reading(Centre(aims={ONE: [aim(1, TWO)]}), lambda reader: reader.slots(ONE, [AIM]))


def test_one_row_for_two_learners_is_an_error_where_rows_do_not_say_whose_they_are() -> None:
    """The row's own id still shows that the filter was ignored."""
    rows = [aim(7, None, AssessorID=KATE)]

    async def both(reader: Reader) -> None:
        await reader.slots(ONE, [AIM])
        await reader.slots(ONE, [AIM])
        await reader.slots(TWO, [AIM])

    with pytest.raises(BadAnswer, match="one row for learner 200002 and for another"):
        reading(Centre(aims={ONE: rows, TWO: rows}), both)


def test_an_aim_and_a_unit_summary_may_have_the_same_id() -> None:
    """They are numbered apart."""
    centre = Centre(
        aims={ONE: [aim(7, None, AssessorID=KATE)]},
        units={TWO: [{"ID": 7, "UnitID": "KS_COMM1", "AssessorID": JAMES}]},
    )

    async def both(reader: Reader) -> list[object]:
        return [(await reader.slots(ONE, [AIM])).slots[AIM], (await reader.slots(TWO, [UNIT])).slots[UNIT]]

    assert reading(centre, both) == [KATE, JAMES]


def test_another_users_record_is_an_error() -> None:
    """A request for one user that returns another is an error."""
    with pytest.raises(BadAnswer, match="requested user 200001, but OneFile sent user 200002"):
        reading(Centre(users={ONE: {"ID": TWO}}), lambda reader: reader.user(ONE))


@pytest.mark.parametrize("status", [400, 404])
def test_a_user_whom_nobody_has_is_none(status: int) -> None:
    """OneFile may answer 400 or 404; both mean that there is no such user."""
    assert reading(Centre(users={ONE: status}), lambda reader: reader.user(ONE)) is None


def test_any_other_refusal_is_not_taken_for_absence() -> None:
    """A 405 or 409 says nothing of the user."""
    with pytest.raises(Rejected):
        reading(Centre(users={ONE: 409}), lambda reader: reader.user(ONE))


def test_rows_of_another_role_are_left_out() -> None:
    """A server that sends roles but does not filter by them must not make an employer an assessor."""
    rows = [{"ID": 1, "Role": 5}, {"ID": 2, "Role": 40}, {"ID": 3}]

    async def assessors(reader: Reader) -> list[int]:
        listed = await reader.users(OrganisationId(5740), 5).read(enough=lambda _: False, to_the_end=True)
        return sorted(reader.of_role(listed.values(), 5))

    assert reading(Centre(matches=rows), assessors) == [1, 3]


def test_a_misid_is_matched_to_the_letter() -> None:
    """Whatever the server's filter lets through."""
    rows: list[dict[str, Any]] = [
        {"ID": 1, "MISID": "LRN1"},
        {"ID": 2, "MISID": "LRN10"},
        {"ID": 3, "MISID": "lrn1"},
        {"ID": 4, "MISID": None},
    ]
    listed = reading(Centre(matches=rows), lambda reader: reader.misid(OrganisationId(5740), "LRN1"))
    assert [row.id for row in listed] == [1]


def test_a_learner_whose_aims_do_not_end_is_an_error() -> None:
    """No learner has two thousand aims; the list that continues is not theirs, or has no end."""
    rows = [{"ID": number, "StandardID": number, "UserID": ONE} for number in range(1, 2101)]
    centre = Centre(aims={ONE: rows})
    with pytest.raises(BadAnswer, match=r"POST /LearningAim/Search: OneFile sent 2,050 rows on 41 pages"):
        reading(centre, lambda reader: reader.slots(ONE, [Slot(SlotKind.LEARNING_AIM_ASSESSOR, 99999)]))
    assert len(centre.calls) == 41


# ------------------------------------------------------------------ how long a reading counts


def test_a_reading_counts_until_it_is_too_old() -> None:
    """Within its time it costs nothing; after it OneFile is asked again."""
    centre = Centre(users={ONE: {"ID": ONE, "DefaultAssessorID": KATE}})

    async def twice(reader: Reader) -> list[int]:
        counts = []
        for seconds in (0, 59, 2):
            await reader.clock.sleep(seconds)
            await reader.recent(ONE, [DEFAULT], within=60)
            counts.append(len(centre.calls))
        return counts

    assert reading(centre, twice) == [1, 1, 2]


def test_a_reading_counts_only_for_the_slots_it_has() -> None:
    """Slots that were not read are read."""
    centre = Centre(users={ONE: {"ID": ONE, "DefaultAssessorID": KATE}}, aims={ONE: [aim(1, AssessorID=KATE)]})

    async def more(reader: Reader) -> object:
        await reader.slots(ONE, [DEFAULT])
        return (await reader.recent(ONE, [DEFAULT, AIM], within=60)).slots[AIM]

    assert reading(centre, more) == KATE


def test_our_own_write_is_expected_to_show_but_makes_a_reading_no_younger() -> None:
    """So that one learner's operations do not each cost a reading, and nothing is believed for longer than a minute."""
    centre = Centre(users={ONE: {"ID": ONE, "DefaultAssessorID": KATE, "DefaultEmployerID": None}})

    async def after_write(reader: Reader) -> list[object]:
        await reader.slots(ONE, [DEFAULT, EMPLOYER])
        await reader.clock.sleep(50)
        reader.wrote(ONE, {DEFAULT: JAMES})
        expected = (await reader.recent(ONE, [DEFAULT], within=60)).slots
        await reader.clock.sleep(20)
        return [expected[DEFAULT], expected[EMPLOYER], (await reader.recent(ONE, [DEFAULT], within=60)).slots[DEFAULT]]

    assert reading(centre, after_write) == [JAMES, None, KATE]
