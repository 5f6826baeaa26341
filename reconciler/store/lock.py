"""The lock: one run at a time writes to an organisation; the lease of a run that died expires."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from reconciler.model.history import Lease
from reconciler.model.slots import OrganisationId, Site
from reconciler.problems import Locked, Problem
from reconciler.store.codec import decoded
from reconciler.store.connection import SCOPE_SQL, Connection, moment, scope_params
from reconciler.store.database import Database, Part

_BREAK_COLUMNS = ("target", "organisation", "holder", "host", "command", "run", "since", "until")
_LEASE_COLUMNS = (*_BREAK_COLUMNS, "token", "seconds")
_LONGEST_SECONDS = 1_000_000  # of a lease: more than any command asks for
_FREE = f"DELETE FROM leases WHERE {SCOPE_SQL}"
_TOLERANCE = timedelta(seconds=1)


class Lock(Part):
    """The lock of each site, held by a lease."""

    def acquire(
        self,
        site: Site,
        *,
        holder: str,
        host: str,
        command: str,
        run: int | None,
        lease_seconds: float,
    ) -> Lease:
        """Take the lock for `lease_seconds`. An expired lease is taken over, and the new one names the dead run.

        Raises Locked, naming the holder, while another lease is valid.
        """
        corrected = self._correct(site)
        with self._database.writing(_name(site)) as connection:
            now = self._database.now(connection)
            other = _lease(connection, site)
            if other and other.until > now:
                raise Locked(taken(other, corrected=corrected))
            lease = Lease(
                target=site.target,
                organisation=OrganisationId(site.organisation),
                token=secrets.token_hex(16),
                holder=holder,
                host=host,
                command=command,
                run=run,
                seconds=lease_seconds,
                since=now,
                until=now + timedelta(seconds=lease_seconds),
                taken_over_from=other.run if other else None,
            )
            connection.execute(_FREE, scope_params(site))
            connection.insert("leases", [_columns(lease, _LEASE_COLUMNS)])
        self._database.leases[lease.site] = lease
        return lease

    def _correct(self, site: Site) -> bool:
        """Shorten a lease that lasts longer than any, because the clock was wrong when it was written and was set back.

        Its holder may live, so it gets one whole lease from now; the holder's next renewal replaces it.
        """
        with self._database.writing(_name(site)) as connection:
            now = self._database.now(connection)
            lease = _lease(connection, site)
            if lease is None or lease.until <= now + timedelta(seconds=lease.seconds) + _TOLERANCE:
                return False
            until = now + timedelta(seconds=lease.seconds)
            update = "UPDATE leases SET since = :since, until = :until WHERE token = :token"
            row = {"token": lease.token, "since": min(now, lease.since), "until": until}
            connection.execute(update, row)
        return True

    def renew(self, lease: Lease) -> None:
        """Extend the lease to `lease.seconds` from now.

        Raises Locked if the lease has expired, or if the lock was taken over or broken: then write nothing more.
        """
        self._database.check_file()
        with self._database.writing(_name(lease.site)) as connection:
            now = self._database.now(connection)
            update = "UPDATE leases SET until = :until WHERE token = :token AND until > :now"
            values = {"token": lease.token, "now": now, "until": now + timedelta(seconds=lease.seconds)}
            if connection.execute(update, values).rowcount == 0:
                raise Locked(_lost(lease, _lease(connection, lease.site)))

    def release(self, lease: Lease) -> None:
        """Release the lock; do nothing if it is no longer ours."""
        if self._database.leases.get(lease.site) == lease:
            del self._database.leases[lease.site]
        with self._database.writing(_name(lease.site)) as connection:
            connection.execute("DELETE FROM leases WHERE token = :token", {"token": lease.token})

    def holder(self, site: Site) -> Lease | None:
        """Return the lease that is valid now."""
        with self._database.reading() as connection:
            lease = _lease(connection, site)
            return lease if lease and lease.until > self._database.now(connection) else None

    def break_lock(self, site: Site, *, by: str, reason: str, token: str | None = None) -> Lease | None:
        """Break the lock, record permanently who did so and why, and return the lease that was broken.

        With `token`, break only that lease: another run may have broken it first and taken the lock.
        """
        with self._database.writing(_name(site)) as connection:
            lease = _lease(connection, site)
            if lease and token not in (None, lease.token):
                return None
            if lease:
                row = {"at": self._database.now(connection), "by": by, "reason": reason}
                connection.insert("lock_breaks", [row | _columns(lease, _BREAK_COLUMNS)])
                connection.execute(_FREE, scope_params(site))
        return lease


def check_leases(database: Database, connection: Connection) -> None:
    """Raise Locked, in the caller's transaction, if a lock that was taken through this store has been lost.

    So a process that was suspended until its lease expired records nothing, even if it runs on.
    """
    for lease in database.leases.values():
        current = _lease(connection, lease.site)
        if current is None or current.token != lease.token or current.until <= database.now(connection):
            raise Locked(_lost(lease, current))


def _name(site: Site) -> str:
    return f"lease:{site.organisation}:{site.target}"


def _lease(connection: Connection, site: Site) -> Lease | None:
    rows = connection.named(f"SELECT * FROM leases WHERE {SCOPE_SQL}", scope_params(site))
    return decoded("leases", site, rows[0], _read_lease) if rows else None


def _read_lease(row: Mapping[str, Any]) -> Lease:
    if not 0 < row["seconds"] < _LONGEST_SECONDS:
        raise ValueError("seconds")
    return Lease(**{**row, "since": moment(row["since"]), "until": moment(row["until"])})


def _columns(lease: Lease, names: tuple[str, ...]) -> dict[str, object]:
    return {name: getattr(lease, name) for name in names}


def taken(lease: Lease, *, corrected: bool = False) -> Problem:
    """Describe the holder of the lock, and what you can do about it."""
    clock = " (it ended in the future, because the clock was set back, and was shortened)" if corrected else ""
    return Problem(
        what=f"another run holds the lock: {_described(lease)}{clock}",
        fix=f"Wait for it to end. If it died, its lock expires at {_time(lease.until)}. "
        "If you know that it is dead, `reconciler unlock` breaks the lock now.",
        where=_place(lease),
    )


def _lost(lease: Lease, other: Lease | None) -> Problem:
    if other and other.token == lease.token:
        now = f"it expired at {_time(other.until)}, because this process did not run for so long"
    elif other:
        now = f"now it is held by {_described(other)}"
    else:
        now = "it was broken with `reconciler unlock`, or expired and was used by another run"
    return Problem(
        what=f"this run's lock is lost: {now}",
        fix="Run again when the other run has ended: it settles what was left open. Nothing more was written.",
        where=_place(lease),
    )


def _described(lease: Lease) -> str:
    run = f", run {lease.run}" if lease.run is not None else ""
    return (
        f"{lease.holder} on {lease.host}, `{lease.command}`{run}, "
        f"since {_time(lease.since)}, until {_time(lease.until)} unless renewed"
    )


def _place(lease: Lease) -> str:
    return f"organisation {lease.organisation} on {lease.target}"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
