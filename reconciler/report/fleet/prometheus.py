"""A fleet's reports as Prometheus metrics, for a textfile collector or a Pushgateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.fleet import CentreResult, FleetRun
from reconciler.model.fleet_status import CentreState, FleetStatus

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Gauge

_PREFIX = "onefile_reconciler_fleet"
_LABELS = ("fleet", "centre", "target", "organisation")


def render_run(run: FleetRun) -> str:
    """Render gauges of each centre that ran, by command."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    code = _gauge(registry, "exit_code", "Exit code of the centre's command.", "command")
    seconds = _gauge(registry, "seconds", "Duration of the centre's command.", "command")
    ended = _gauge(registry, "ended_timestamp_seconds", "Time when the centre's command ended.", "command")
    counts = _gauge(registry, "count", "Numbers of the centre's report.", "command", "name")
    command = run.command.split()[0]
    for result in run.results:
        labels = _labels(run.fleet, result)
        code.labels(*labels, command).set(result.exit_code)
        seconds.labels(*labels, command).set(result.seconds)
        ended.labels(*labels, command).set(result.ended.timestamp())
        for name, count in result.counts.items():
            counts.labels(*labels, command, name).set(count)
    return generate_latest(registry).decode()


def render_status(status: FleetStatus) -> str:
    """Render gauges of what each centre's store shows; a store that cannot be read has none but `readable`."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    readable = _gauge(registry, "store_readable", "1 if the centre's store could be read.")
    reading = _gauge(registry, "last_reading_timestamp_seconds", "Time of the last complete reading of OneFile.")
    drift = _gauge(registry, "open_drift", "Slots with drift that is open.")
    steps = _gauge(registry, "manual_steps", "Open manual steps.")
    waiting = _gauge(registry, "queue_open_seconds", "Time since the centre's open job was queued or begun.", "state")
    job_code = _gauge(registry, "job_exit_code", "Exit code of the fleet's command that ended last.", "command")
    for state in status.centres:
        labels = _labels(status.fleet, state)
        if state.job and state.job.state.is_open:
            waiting.labels(*labels, state.job.state.value).set((status.now - state.job.since).total_seconds())
        if state.result:
            job_code.labels(*labels, state.result_command).set(state.result.exit_code)
        readable.labels(*labels).set(not state.problems)
        if state.problems:
            continue
        drift.labels(*labels).set(state.drift)
        steps.labels(*labels).set(state.steps)
        if state.read_at:
            reading.labels(*labels).set(state.read_at.timestamp())
    return generate_latest(registry).decode()


def _gauge(registry: CollectorRegistry, name: str, means: str, *labels: str) -> Gauge:
    from prometheus_client import Gauge

    return Gauge(f"{_PREFIX}_{name}", means, [*_LABELS, *labels], registry=registry)


def _labels(fleet: str, centre: CentreResult | CentreState) -> tuple[str, str, str, str]:
    return fleet, centre.centre, centre.target, str(centre.organisation)
