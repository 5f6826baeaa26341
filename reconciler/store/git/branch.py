"""The branch as a store: its segments and locks, checked and replayed into a cache; rows pushed as one commit."""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path

from reconciler.model.slots import Site
from reconciler.problems import Problem, StoreError
from reconciler.store.connection import Connection
from reconciler.store.git.errors import RemoteFailure, rewritten
from reconciler.store.git.remote import Remote
from reconciler.store.git.rows import Table, make_notes, replay
from reconciler.store.git.segments import (
    BentSegment,
    Line,
    Position,
    Segment,
    decode,
    digest_of,
    encode,
    number_of,
    path_of,
)
from reconciler.store.migrations import STEPS, VERSIONS, migrate, newest, version_of

_FIRST = Path(__file__).with_name("first.sql")
_LOCKS = "lock/"
_README = """# The record of onefile-reconciler

This branch is a store (docs/reference/store-on-a-branch.md of onefile-reconciler): what each run meant to write to
OneFile and what became of it, in files that are only added to. Do not edit it, and forbid force pushes and deletions.

- `runs/`: one folder for each run, in one for each month. Each line is one row; a file begins with the digest of the
  file before it.
- `other/`: rows that belong to no run.
- `lock/`: who writes to which organisation now, and until when.
"""


class LostRace(Exception):
    """Another push came first: the commit must be made again, on top of it."""


class Branch:
    """The store's branch: its newest commit that is known here, and the segments up to it."""

    def __init__(self, remote: Remote, patience: float, attached: Mapping[str, Path]) -> None:
        self._remote, self._patience = remote, patience
        self.tip, self.position = "", Position()
        self._files = attached
        self._attempts: dict[str, int] = {}  # each push of this process, with the newest row that it held
        self._locks: dict[str, bytes] = {}
        self._kept: dict[str, bytes] = {}  # attached files as the branch has them

    # -------------------------------------------------------------- following

    def follow(self, driver: sqlite3.Connection, now: datetime) -> bool:
        """Fetch the branch, and replay what is new in the cache; True if it had moved.

        Raises StoreError if the branch is not the one that was known, with more at its end.
        """
        tip = self._remote.fetch()
        if tip == self.tip:
            if tip and not self._kept:
                self._fetch_attached(self._remote.files(tip))
            return False
        self._check_history(tip)
        files = self._remote.files(tip)
        segments = self._new_segments(files)
        if version_of(Connection(driver, is_postgresql=False)) == 0:
            first = list(islice(segments, 1))
            self._create(driver, first[0].schema if first else newest(), now)
            segments = chain(first, segments)
        locks = {path: files[path] for path in files if path.startswith(_LOCKS)}
        contents = dict(zip(locks, self._remote.contents(list(locks.values())), strict=True))
        position = self.position
        driver.execute("BEGIN IMMEDIATE")
        try:
            for segment in segments:
                self._replay(driver, segment, now)
                position = Position(segment.number, segment.digest)
            _replace_leases(driver, contents)
            _note_position(driver, tip, position)
            driver.execute("COMMIT")
        except BaseException:
            driver.execute("ROLLBACK")
            raise
        self.tip, self.position, self._locks = tip, position, contents
        self._fetch_attached(files)
        return True

    def resume(self, driver: sqlite3.Connection) -> None:
        """Go on from the position that a cache has noted."""
        tip, *position = driver.execute("SELECT tip, number, digest FROM git_position").fetchone() or ("", 0, "")
        self.tip, self.position, self._locks = tip, Position(*position), _lock_files(driver)

    def _check_history(self, tip: str) -> None:
        if self.tip and not tip:
            raise rewritten("the branch was deleted", self._remote.place)
        if self.tip and not self._remote.contains(tip, self.tip):
            what = f"{tip[:12]} does not follow {self.tip[:12]}, which was its newest commit before"
            raise rewritten(what, self._remote.place)
        for change in self._remote.changes(self.tip, tip):
            if change.kind != "A" and number_of(change.path) is not None:
                raise rewritten(f"{change.path} was changed or removed", self._remote.place)

    def _new_segments(self, files: Mapping[str, str]) -> Iterator[Segment]:
        paths = sorted((number, path) for path in files if (number := number_of(path)) is not None)
        new = [path for number, path in paths if number > self.position.number]
        if len(paths) - len(new) != self.position.number:
            raise rewritten("an older segment is missing", self._remote.place)
        position = self.position
        for path, content in zip(new, self._remote.contents([files[path] for path in new]), strict=True):
            segment = self._decode(path, content)
            if (segment.number, segment.before) != (position.number + 1, position.digest):
                what = f"{path} does not follow the segment before it, as the digests show"
                raise rewritten(what, self._remote.place)
            position = Position(segment.number, segment.digest)
            yield segment

    def _decode(self, path: str, content: bytes) -> Segment:
        try:
            segment = decode(content)
        except BentSegment as error:
            raise self._bent(path, str(error)) from error
        if segment.schema > newest():
            what = f"the store has schema version {segment.schema}, of a newer reconciler; this one supports up to "
            fix = "Upgrade onefile-reconciler, or use another store. Nothing was changed."
            raise StoreError(Problem(f"{what}{newest()}", fix, where=self._remote.place))
        return segment

    def _create(self, driver: sqlite3.Connection, schema: int, now: datetime) -> None:
        """Create the tables as they were when the first segment was written; later versions follow in their place."""
        connection = Connection(driver, is_postgresql=False)
        if schema < newest():
            driver.executescript(_FIRST.read_text("utf-8"))
            connection.insert(VERSIONS, [{"version": 1, "at": now}])
        migrate(connection, now, self._remote.place, STEPS[: schema - 1])
        make_notes(driver)

    def _replay(self, driver: sqlite3.Connection, segment: Segment, now: datetime) -> None:
        connection = Connection(driver, is_postgresql=False)
        if version_of(connection) < segment.schema:
            migrate(connection, now, self._remote.place, STEPS[: segment.schema - 1])
        try:
            noted = self._attempts.get(segment.push)
            replay(driver, segment.lines, again=noted is not None)
            if noted is not None:  # a push of ours took effect, though nothing could be asked about it then
                driver.execute("DELETE FROM git_rows WHERE id <= ?", (noted,))
        except (sqlite3.Error, KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise self._bent(f"segment {segment.number}", str(error)) from error

    def _bent(self, path: str, why: str) -> StoreError:
        what = f"a file of the store cannot be read: {path} ({why}); no version of this program wrote it"
        fix = "Find out who changed the branch, and put its last good commit back. Nothing was written."
        return StoreError(Problem(what, fix, where=self._remote.place))

    def _fetch_attached(self, files: Mapping[str, str]) -> None:
        """Write each attached file as the branch has it, if it is new."""
        names = [name for name in self._files if name in files]
        for name, content in zip(names, self._remote.contents([files[name] for name in names]), strict=True):
            if content != self._kept.get(name):
                self._files[name].write_bytes(content)
                self._kept[name] = content

    # -------------------------------------------------------------- pushing

    def push(self, driver: sqlite3.Connection, lines: Sequence[Line], run: int | None, now: datetime) -> bool:
        """Push rows, and the locks as the cache has them, as one commit; False if there is nothing to push.

        Everything happens inside the caller's transaction, so that it is in the cache only if it is on the branch.
        Raises LostRace if the branch has moved, and StoreError if the remote does not take the commit.
        """
        files: dict[str, bytes | None] = dict(self._changed_locks(driver))
        position = self.position
        if lines:
            push = secrets.token_hex(8)
            self._attempts[push] = driver.execute("SELECT max(id) FROM git_rows").fetchone()[0] or 0
            content = encode(position, newest(), now, push, lines)
            position = Position(position.number + 1, digest_of(content))
            files[path_of(position.number, run, now)] = content
        if not files:
            return False
        if not self.tip:
            files["README.md"] = _README.encode()
        attached = {name: file.read_bytes() for name, file in self._files.items() if file.exists()}
        files |= {name: content for name, content in attached.items() if content != self._kept.get(name)}
        commit = self._remote.commit(self.tip, files, _message(lines, run), now)
        self._deliver(commit)
        self.tip, self.position = commit, position
        self._locks, self._kept = _lock_files(driver), self._kept | attached
        _note_position(driver, commit, position)
        return True

    def check_push(self) -> None:
        """Check that the remote takes pushes from here, without changing anything. Raises StoreError."""
        self._remote.check_push(self.tip or self._remote.commit("", {}, "Check", datetime.now(UTC)))

    def _deliver(self, commit: str) -> None:
        """Push until the remote has the commit. What it answered may be lost, so the branch itself is asked."""
        deadline, pause = time.monotonic() + self._patience, 0.5
        while True:
            try:
                return self._remote.push(commit)
            except RemoteFailure as failure:
                if self._has_arrived(commit, failure):
                    return None
                if failure.is_final or time.monotonic() + pause > deadline:
                    raise
            time.sleep(pause)
            pause *= 2

    def _has_arrived(self, commit: str, failure: RemoteFailure) -> bool:
        """Return whether the branch has the commit. Raises LostRace if it has another in its place."""
        try:
            tip = self._remote.fetch()
        except RemoteFailure:
            return False
        if tip and self._remote.contains(tip, commit):
            return True
        if tip != self.tip:
            raise LostRace from failure
        return False

    def _changed_locks(self, driver: sqlite3.Connection) -> Iterator[tuple[str, bytes | None]]:
        held = _lock_files(driver)
        for path in held.keys() | self._locks.keys():
            if held.get(path) != self._locks.get(path):
                yield path, held.get(path)


def _lock_files(driver: sqlite3.Connection) -> dict[str, bytes]:
    """Return the file of each lock that the cache has."""
    table = Table.of(driver, "leases")
    names = ", ".join(f'"{column}"' for column in table.columns)
    lines = [table.line(row) for row in driver.execute(f"SELECT {names} FROM leases")]
    return {_lock_path(line): _pretty(line) for line in lines}


def _lock_path(line: Line) -> str:
    site = Site(line["target"], line["organisation"])
    return f"{_LOCKS}{site.organisation}-{hashlib.sha256(site.target.encode()).hexdigest()[:8]}.json"


def _pretty(line: Line) -> bytes:
    return json.dumps({name: line[name] for name in line if name != "table"}, indent=1).encode() + b"\n"


def _replace_leases(driver: sqlite3.Connection, contents: Mapping[str, bytes]) -> None:
    table = Table.of(driver, "leases")
    driver.execute("DELETE FROM leases")
    for content in contents.values():
        driver.execute(table.statement(), table.values(json.loads(content)))


def _note_position(driver: sqlite3.Connection, tip: str, position: Position) -> None:
    driver.execute("DELETE FROM git_position")
    driver.execute("INSERT INTO git_position VALUES (?, ?, ?)", (tip, *position))


def _message(lines: Sequence[Line], run: int | None) -> str:
    counts: dict[str, int] = {}
    for line in lines:
        counts[line["table"]] = counts.get(line["table"], 0) + 1
    what = ", ".join(f"{count} {name}" for name, count in counts.items()) or "lock"
    return f"Run {run}: {what}" if run is not None else what[:1].upper() + what[1:]
