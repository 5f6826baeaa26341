"""Nights: which jobs are due to be queued, and when each of them begins."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from reconciler.model.fleet import Centre, Fleet, Night
from reconciler.model.fleet_queue import Job

LONDON = ZoneInfo("Europe/London")
_TOMORROW = timedelta(days=1)
_DAY = 24 * 60  # minutes
_LATE = timedelta(hours=12)


def begun(fleet: Fleet, now: datetime) -> Iterator[tuple[str, Night, date]]:
    """Yield each night that is on, with its name in the queue and the day on which it began.

    It may still be queued twelve hours after its beginning, if no worker ran before.
    """
    today = now.astimezone(LONDON).date()
    for night in fleet.nights:
        for day in (today - _TOMORROW, today):
            begin, end = _span(night, day)
            if begin <= now < max(end, begin + _LATE):
                yield f"{day}-{night.command[0]}-{night.begin:%H%M}", night, day


def next_due(fleet: Fleet, now: datetime) -> dict[str, datetime]:
    """Return when each centre is next due to begin; nothing for a fleet without nights."""
    today = now.astimezone(LONDON).date()
    due: dict[str, datetime] = {}
    for night in fleet.nights:
        for day in (today - _TOMORROW, today, today + _TOMORROW):
            for job, at in jobs_of("", night, day, fleet):
                if at > now:
                    due[job.centre] = min(at, due.get(job.centre, at))
    return due


def jobs_of(name: str, night: Night, day: date, fleet: Fleet) -> Iterator[tuple[Job, datetime]]:
    """Yield a job for each centre with the time it is due: those of one token are spread evenly over the night."""
    begin, end = _span(night, day)
    by_token: dict[str, list[Centre]] = defaultdict(list)
    for centre in fleet.centres:
        by_token[centre.token_variable].append(centre)
    for token, centres in by_token.items():
        for place, centre in enumerate(centres):
            yield Job(name, centre.name, night.command, token), begin + (end - begin) * place / len(centres)


def _span(night: Night, day: date) -> tuple[datetime, datetime]:
    """Return when the night of a day begins and ends, in UTC; it is as long as its times say, also when clocks change.

    A beginning that the clocks skip in spring counts as if they had not changed yet; of one that comes twice in autumn,
    the first counts.
    """
    begin = datetime.combine(day, night.begin, LONDON).astimezone(UTC)
    minutes = (night.end.hour - night.begin.hour) * 60 + night.end.minute - night.begin.minute
    return begin, begin + timedelta(minutes=minutes % _DAY or _DAY)
