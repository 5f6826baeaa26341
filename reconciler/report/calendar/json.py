"""The calendar as JSON, for programs: the same days and handovers, with every slot."""

from __future__ import annotations

import json
from typing import Any

from reconciler.model.declared import Waiver, Window
from reconciler.plan.calendar import ChangeCalendar, DeclaredSlot, Handover
from reconciler.plan.document import FORMAT
from reconciler.plan.windows import window_words
from reconciler.problems import Source
from reconciler.report.calendar.words import ends_on
from reconciler.report.problems.json import problem_json

Row = dict[str, Any]


def render_json(calendar: ChangeCalendar) -> str:
    """Render the days with their handovers, ended waivers and problems."""
    document: Row = {
        "reconciler_format": FORMAT,
        "organisation": calendar.organisation,
        "from": calendar.first.isoformat(),
        "until": calendar.last.isoformat(),
        "next": calendar.next.isoformat() if calendar.next else None,
        "windows": [_window(window) for window in calendar.windows],
        "days": [_day(calendar.on(day)) for day in calendar.days()],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _day(today: ChangeCalendar) -> Row:
    return {
        "day": today.first.isoformat(),
        "handovers": [_handover(handover) for handover in today.handovers],
        "waivers_ended": [_waiver(waiver) for waiver in today.waivers],
        "problems": [problem_json(breach.problem) for breach in today.breaches],
    }


def _handover(handover: Handover) -> Row:
    return {
        "kind": handover.kind.value,
        "before": handover.before,
        "after": handover.after,
        "covered": handover.covered,
        "last_day": handover.last.isoformat() if handover.last else None,
        "source": _source(handover.source),
        "slots": [_place(place) for place in handover.places],
    }


def _place(place: DeclaredSlot) -> Row:
    learner, slot = place
    return {
        "learner_id": learner.id,
        "misid": learner.misid,
        "label": learner.label,
        "cohort": learner.cohort,
        "type": slot.kind.value,
        "key": slot.key,
    }


def _window(window: Window) -> Row:
    return {"never": window_words(window), "reason": window.reason, "source": _source(window.source)}


def _waiver(waiver: Waiver) -> Row:
    return {
        "policy": waiver.policy,
        "learner_id": waiver.learner,
        "cohort": waiver.cohort,
        "run": waiver.run,
        "last_day": waiver.until.isoformat(),
        "ended_on": ends_on(waiver).isoformat(),
        "source": _source(waiver.source),
    }


def _source(source: Source) -> Row:
    return {"file": source.file, "line": source.line}
