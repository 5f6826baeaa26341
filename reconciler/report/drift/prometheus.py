"""A drift report as Prometheus metrics, for a textfile collector or a Pushgateway."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from reconciler.model.declared import STAFF_POLICIES
from reconciler.model.operations import State
from reconciler.model.slots import SlotKind
from reconciler.plan.drift import CauseKind, DriftAction, DriftReport

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Gauge

_PREFIX = "onefile_reconciler"
_WHERE = ("target", "organisation")


def render_prometheus(report: DriftReport, *, exit_code: int) -> str:
    """Render gauges only, because each run's text replaces the one before.

    Every kind and verdict is present, also with zero, so that an alert can distinguish zero from unknown. A run that
    fails prints no metrics: alert on the age of the last reading.
    """
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    _drift(registry, report)
    _watch(registry, report)
    _steps(registry, report)
    _run(registry, report, exit_code)
    return generate_latest(registry).decode()


def _drift(registry: CollectorRegistry, report: DriftReport) -> None:
    left = report.left()
    counts = Counter((drifted.change.slot.kind, drifted.verdict) for drifted in left)
    slots = _gauge(registry, "drifted_slots", "Slots changed in OneFile and not in the files.", "kind", "verdict")
    for kind in SlotKind:
        for verdict in DriftAction:
            _set(slots, report, counts[kind, verdict], kind.value, verdict.value)
    oldest = _gauge(registry, "drift_oldest_seconds", "Seconds since the oldest drift was first seen; 0 without drift.")
    _set(oldest, report, _oldest(report, (drifted.first_seen for drifted in left)))
    waiting = _gauge(registry, "waiting_slots", "Slots that differ and are not drift.", "sort")
    sorts = {"due": report.due, "pending": report.pending, "unknown": report.unknown}
    for name, changes in sorts.items():
        _set(waiting, report, len(changes), name)
    unrecorded = _gauge(
        registry, "record_missing", "1 if nothing is recorded to detect drift by, so that zero drift means nothing."
    )
    _set(unrecorded, report, bool(report.unrecorded))
    fights = _gauge(registry, "fights", "Slots that are not corrected again until a person decides.")
    _set(fights, report, len(report.fights))
    found = Counter(finding.policy for finding in report.staff_findings())
    staff = _gauge(registry, "staff_findings", "Staff accounts that cannot act, or that may be one person.", "policy")
    for policy in STAFF_POLICIES:
        _set(staff, report, found[policy], policy)
    explained = Counter(cause.kind for cause in report.causes)
    causes = _gauge(registry, "causes", "Likely causes that explain several drifted slots each.", "cause")
    for cause in CauseKind:
        _set(causes, report, explained[cause], cause.value)


def _watch(registry: CollectorRegistry, report: DriftReport) -> None:
    watch = report.watch
    for name, number, means in (
        ("watched_slots", watch.watched, "Declared slots whose change in OneFile would be drift."),
        ("unwatched_slots", len(watch.unwatched), "Declared slots that were never seen as declared."),
        ("unseen_slots", watch.unseen_count, "Declared slots that OneFile does not show."),
    ):
        _set(_gauge(registry, name, means), report, number)
    blind = Counter(change.slot.kind for change in watch.blind)
    gauge = _gauge(registry, "blind_slots", "Declared slots that OneFile showed before and no longer shows.", "kind")
    for kind in SlotKind:
        _set(gauge, report, blind[kind], kind.value)


def _steps(registry: CollectorRegistry, report: DriftReport) -> None:
    steps = _gauge(registry, "manual_steps", "Open manual steps.")
    _set(steps, report, len(report.plan.steps))
    oldest = _gauge(
        registry, "manual_step_oldest_seconds", "Seconds since the oldest manual step was opened; 0 without any."
    )
    _set(oldest, report, _oldest(report, (step.first_seen for step in report.plan.steps if step.first_seen)))


def _run(registry: CollectorRegistry, report: DriftReport, exit_code: int) -> None:
    recent = _gauge(registry, "corrections_in_7_days", "Slots corrected by drift runs in seven days.")
    _set(recent, report, report.recent_corrections)
    ends = Counter(outcome.state for outcome in report.outcomes)
    outcomes = _gauge(registry, "corrections", "Corrections of this run by outcome.", "state")
    for state in State:
        if state not in (State.INTENT, State.SENT):
            _set(outcomes, report, ends[state], state.value)
    read = _gauge(registry, "last_reading_timestamp_seconds", "Time of the last complete reading of OneFile.")
    _set(read, report, report.taken_at.timestamp())
    coverage = report.coverage
    oldest = _gauge(registry, "oldest_reading_seconds", "Seconds since the learner read longest ago was read.")
    _set(oldest, report, _oldest(report, [coverage.oldest] if coverage and coverage.oldest else []))
    calls = _gauge(registry, "calls", "Calls that this run made to OneFile.")
    _set(calls, report, report.spent_calls)
    code = _gauge(registry, "exit_code", "Exit code of this run; the README has the table.")
    _set(code, report, exit_code)


def _gauge(registry: CollectorRegistry, name: str, means: str, *labels: str) -> Gauge:
    from prometheus_client import Gauge

    return Gauge(f"{_PREFIX}_{name}", means, [*_WHERE, *labels], registry=registry)


def _set(gauge: Gauge, report: DriftReport, number: float, *labels: str) -> None:
    gauge.labels(report.plan.target, str(report.plan.organisation), *labels).set(number)


def _oldest(report: DriftReport, moments: Iterable[datetime]) -> float:
    ages = [(report.now - moment).total_seconds() for moment in moments]
    return max([0.0, *ages])
