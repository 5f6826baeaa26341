"""Laws of the calendar: who takes over what from whom on which day, by files alone, in four formats."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from icalendar import Calendar
from markdown_it import MarkdownIt

from reconciler.declared.load import read_declared
from reconciler.model.plan import HandoverKind
from reconciler.model.structs import replace
from reconciler.plan.calendar import Breach, ChangeCalendar, build_calendar
from reconciler.plan.lookahead import foresee_breaches
from reconciler.report.calendar.ics import render_ics
from reconciler.report.calendar.json import render_json
from reconciler.report.calendar.markdown import render_markdown
from reconciler.report.calendar.text import render_text
from reconciler.report.calendar.words import handover_words, learner_lines
from tests.declared.files import DAY, SETTINGS, STAFF, centre
from tests.schemas import fitting

COVERED = STAFF.replace(
    "id: 132757, role: assessor",
    "id: 132757, role: assessor, cover: [{by: noor-haddad, from: 2026-12-05, until: 2026-12-15, reason: surgery}]",
)
WAIVER = "waivers: [{policy: coverage, learner: 200004, reason: new, approved_by: quality-lead, until: 2026-12-09}]\n"
TEXT = """defaults:
  default_assessor: kate-anderson
learners:
  - {id: 200001, label: A-1}
  - {id: 200002, label: A-2}
  - id: 200004
    default_employer: [{staff: acme-mentor, until: 2026-12-20}]
    learning_aims:
      - standard: 41240
        assessor: [{staff: james-fayre, until: 2026-12-10}, {staff: kate-anderson, from: 2026-12-11}]
        iqa: [{staff: oscar-lind, until: 2026-12-20}, {staff: null, from: 2026-12-21}]
    additional: [{staff: observer-lee, from: 2026-12-24, until: 2026-12-27}]
"""


def found(tmp_path: Path, text: str = TEXT, staff: str = COVERED, days: int = 31) -> ChangeCalendar:
    declared = read_declared(centre(tmp_path, text, staff=staff, settings=SETTINGS + WAIVER), DAY, ahead_days=days)
    return build_calendar(declared, (Breach(*one) for one in foresee_breaches(declared)))


def test_each_handover_says_who_when_what_and_by_which_line(tmp_path: Path) -> None:
    """Slots that go from one person to another by one line on one day are one handover."""
    rows = [
        (one.day.day, one.kind, one.before, one.after, len(one.places), one.learners, one.source.line)
        for one in found(tmp_path).handovers
    ]
    assert rows == [
        (5, HandoverKind.COVER, "kate-anderson", "noor-haddad", 3, 3, 3),
        (11, HandoverKind.ENTRY, "james-fayre", "noor-haddad", 1, 1, 12),
        (16, HandoverKind.RETURN, "noor-haddad", "kate-anderson", 4, 3, 3),
        (21, HandoverKind.LAPSE, "acme-mentor", None, 1, 1, 9),
        (21, HandoverKind.VACATED, "oscar-lind", None, 1, 1, 13),
        (24, HandoverKind.JOINS, None, "observer-lee", 1, 1, 14),
        (28, HandoverKind.LEAVES, "observer-lee", None, 1, 1, 14),
    ]


def test_a_stand_in_acts_for_whom_the_cover_names_not_for_whom_they_follow(tmp_path: Path) -> None:
    """In a chain the one before may be another stand-in; among the additional people it is always the one covered."""
    chain = COVERED.replace(
        "id: 132990, role: assessor",
        "id: 132990, role: assessor, cover: [{by: james-fayre, from: 2026-12-08, until: 2026-12-09}]",
    )
    text = "learners:\n  - {id: 200004, default_assessor: kate-anderson, additional: [kate-anderson]}\n"
    covers = [one for one in found(tmp_path, text, chain).handovers if one.kind is HandoverKind.COVER]
    assert [(one.day.day, one.before, one.after, one.covered, len(one.places)) for one in covers] == [
        (5, "kate-anderson", "noor-haddad", "kate-anderson", 2),
        (8, "noor-haddad", "james-fayre", "noor-haddad", 2),
    ]
    returns = [one for one in found(tmp_path, text, chain).handovers if one.kind is HandoverKind.RETURN]
    assert [(one.day.day, handover_words(one)) for one in returns] == [
        (10, "noor-haddad takes back from james-fayre"),
        (16, "kate-anderson takes back from noor-haddad"),
    ]


def test_of_a_chain_the_cover_that_begins_or_ends_is_reported(tmp_path: Path) -> None:
    """Also if the stand-in is covered already; the stand-in's stand-in acts until the first of both ends."""
    chain = COVERED.replace(
        "id: 132990, role: assessor",
        "id: 132990, role: assessor, cover: [{by: james-fayre, from: 2026-12-03, until: 2026-12-11}]",
    )
    text = "learners:\n  - {id: 200004, default_assessor: kate-anderson}\n"
    rows = [(one.day.day, handover_words(one), one.source.line) for one in found(tmp_path, text, chain).handovers]
    assert rows == [
        (5, "james-fayre stands in for kate-anderson until 2026-12-11", 3),
        (12, "noor-haddad takes back from james-fayre", 5),
        (16, "kate-anderson takes back from noor-haddad", 3),
    ]


def test_a_cover_tells_its_last_day_and_a_waiver_the_day_without_it(tmp_path: Path) -> None:
    """The last day of each is included, so the change is on the day after."""
    all_ = found(tmp_path)
    assert all_.handovers[0].last == date(2026, 12, 15)
    assert date(2026, 12, 10) in all_.days()
    assert [waiver.policy for waiver in all_.on(date(2026, 12, 10)).waivers] == ["coverage"]


@pytest.mark.parametrize("render", [render_text, render_markdown, render_json, render_ics])
def test_every_format_has_every_day_and_no_reason(tmp_path: Path, render: object) -> None:
    """Why somebody is away is nobody's business who subscribes to a calendar."""
    assert callable(render)
    text = render(found(tmp_path)).replace("\r\n ", "")
    for handle in ("kate-anderson", "noor-haddad", "james-fayre", "oscar-lind", "observer-lee", "acme-mentor"):
        assert handle in text
    assert "surgery" not in text
    assert render(found(tmp_path)).replace("\r\n ", "") == text


def test_text_and_markdown_name_the_learners_by_label_or_id(tmp_path: Path) -> None:
    """Text only where it is verbose; Markdown folds them."""
    assert "A-2" not in render_text(found(tmp_path))
    assert "A-2: default assessor" in render_text(found(tmp_path), verbose=True)
    html = MarkdownIt("commonmark").render(render_markdown(found(tmp_path)))
    assert "A-2:" in html


def test_learners_on_one_line_are_told_apart(tmp_path: Path) -> None:
    """A file may have all its learners on one line, as JSON does: they are counted and named one by one."""
    flow = (
        "learners: [{id: 200001, label: A-1, default_assessor: kate-anderson}, "
        "{misid: LRN00002, default_assessor: kate-anderson}, {id: 200004, default_assessor: kate-anderson}]\n"
    )
    cover = found(tmp_path, flow).handovers[0]
    assert (len(cover.places), cover.learners) == (3, 3)
    assert sorted(learner_lines(cover)) == [
        "A-1: default assessor",
        "learner 200004: default assessor",
        "learner with MISID LRN00002: default assessor",
    ]


def test_json_has_each_slot(tmp_path: Path) -> None:
    """By learner, kind and key."""
    days = fitting(json.loads(render_json(found(tmp_path))))["days"]
    assert days[0]["day"] == "2026-12-05"
    [cover] = days[0]["handovers"]
    assert (cover["kind"], cover["last_day"], len(cover["slots"])) == ("cover", "2026-12-15", 3)
    assert days[2]["handovers"][0]["slots"] == [
        {
            "learner_id": 200004,
            "misid": None,
            "label": "",
            "cohort": "care",
            "type": "learning_aim_assessor",
            "key": 41240,
        }
    ]


# ------------------------------------------------------------------ iCalendar


def test_the_ics_is_what_the_standard_asks(tmp_path: Path) -> None:
    """CR LF, at most 75 bytes a line, all-day events whose end is the next day, read back by another reader."""
    odd = TEXT.replace("label: A-1", 'label: "Zoë; A\\\\1, und\\u2007 mehr ' + "é" * 45 + '"')
    text = render_ics(found(tmp_path, odd))
    assert text.endswith("END:VCALENDAR\r\n")
    assert "\n" not in text.replace("\r\n", "")
    assert max(len(line.encode()) for line in text.split("\r\n")) <= 75
    events = Calendar.from_ical(text).walk("VEVENT")
    assert len(events) == len({str(event["UID"]) for event in events}) == 8
    for event in events:
        assert event["DTEND"].dt - event["DTSTART"].dt == timedelta(days=1)
    told = str(events[0]["DESCRIPTION"])
    assert "Zoë; A\\1, und\\u2007 mehr é" in told


def test_an_event_keeps_its_id_while_it_stays_what_it_is(tmp_path: Path) -> None:
    """More learners, another line or a later look change the event, not who it is; another day is another event."""

    def ids(text: str, staff: str = COVERED, days: int = 31) -> set[str]:
        return {
            str(event["UID"]) for event in Calendar.from_ical(render_ics(found(tmp_path, text, staff, days))).events
        }

    first = ids(TEXT)
    assert ids("# a comment\n" + TEXT.replace("  - {id: 200002, label: A-2}\n", "")) == first
    assert ids(TEXT, days=60) == first
    moved = ids(TEXT, COVERED.replace("from: 2026-12-05", "from: 2026-12-06"))
    assert len(moved - first) == len(first - moved) == 1


def test_a_broken_policy_keeps_its_id_when_lines_move(tmp_path: Path) -> None:
    """A comment above, another path of the folder: the same day, policy and people are the same event."""
    staff = COVERED.replace("id: 132757, role: assessor", "id: 132757, role: assessor, person: k")
    staff = staff.replace("id: 131002, role: iqa", "id: 131002, role: iqa, person: k")

    def ids(folder: Path, text: str) -> dict[str, str]:
        events = Calendar.from_ical(render_ics(found(folder, text, staff))).events
        return {str(event["UID"]): str(event["SUMMARY"]) for event in events}

    first = ids(tmp_path / "a", TEXT)
    assert ids(tmp_path / "elsewhere" / "b", "# a comment\n# another\n" + TEXT) == first
    assert "A policy will be broken" in first.values()


def test_two_calendars_of_parts_of_a_centre_share_no_id(tmp_path: Path) -> None:
    """A program may subscribe to the calendars of two cohorts; each keeps its own events."""
    whole = found(tmp_path)
    ids = [
        {str(event["UID"]) for event in Calendar.from_ical(render_ics(changes)).events}
        for changes in (whole, replace(whole, scope=("care",)), replace(whole, scope=("arts",)))
    ]
    assert len(set.union(*ids)) == sum(map(len, ids)) == 3 * 8


def test_events_that_are_alike_in_all_but_their_reason_have_ids_of_their_own(tmp_path: Path) -> None:
    """Two waivers of one policy for one learner with one last day are two events."""
    whole = found(tmp_path)
    twice = replace(whole, waivers=(*whole.waivers, replace(whole.waivers[0], reason="other")))
    ids = [str(event["UID"]) for event in Calendar.from_ical(render_ics(twice)).events]
    assert len(set(ids)) == len(ids) == 9


def test_nothing_coming_is_said_in_every_format(tmp_path: Path) -> None:
    """An empty calendar is a calendar."""
    nothing = found(tmp_path, TEXT, STAFF, days=1)
    assert render_text(nothing) == "Calendar from 2026-12-02 to 2026-12-02: nothing changes.\n"
    assert "nothing changes" in render_markdown(nothing)
    assert fitting(json.loads(render_json(nothing)))["days"] == []
    assert Calendar.from_ical(render_ics(nothing)).events == []
