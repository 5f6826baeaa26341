"""World behind the API: a generated centre and the writes that it accepted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

from onefile_sandbox.eventlog import EventLog, FileLog, MemoryLog, WorldFileError
from onefile_sandbox.generator import check_size, generate
from onefile_sandbox.records import Aim, Centre, UnitSummary, User, instant

FORMAT = 1  # of the file; a change to what a seed generates is a new format too

Table = Literal["user", "aim", "unit", "additional"]
Value = int | str | None


class Effect(NamedTuple):
    """One change of a write.

    | table      | id           | field            | value                               |
    |------------|--------------|------------------|-------------------------------------|
    | user       | user         | a field of User  | its new value                       |
    | aim        | learning aim | AssessorID, IVID | a user, or None                     |
    | unit       | unit summary | AssessorID, IVID | a user, or None                     |
    | additional | learner      | add, remove      | the user added or removed           |
    | any other  | its own id   | create           | the new record as JSON              |
    """

    table: Table
    id: int
    field: str
    value: Value


class World:
    """Users, aims and unit summaries by id, changed only by applying events.

    An event holds the changes of one accepted write, not the request: a file replays to the same world with any
    switches. Two processes on one file see each other's writes at their next call. *centre* is the world before the
    first event, if it is not the centre that the seed generates.
    """

    def __init__(self, seed: int, learners: int, log: EventLog, centre: Centre | None = None) -> None:
        self.seed = seed
        self.learners = learners
        self.centre: Centre = centre or generate(seed, learners)
        self.users: dict[int, User] = {user["ID"]: user for user in self.centre.users}
        self.aims: dict[int, Aim] = {aim["ID"]: aim for aim in self.centre.aims}
        self.units: dict[int, UnitSummary] = {unit["ID"]: unit for unit in self.centre.unit_summaries}
        self.aims_of: dict[int, list[Aim]] = {}
        self.units_of: dict[int, list[UnitSummary]] = {}
        for aim in self.centre.aims:
            self.aims_of.setdefault(aim["UserID"], []).append(aim)
        for unit in self.centre.unit_summaries:
            self.units_of.setdefault(unit["UserID"], []).append(unit)
        self.additional: dict[int, list[int]] = {}
        self.events = 0
        self._log = log
        self._damage: WorldFileError | None = None

    @classmethod
    def create(cls, seed: int = 1, learners: int = 60) -> World:
        """Create a world in memory."""
        return cls(seed, learners, MemoryLog())

    @classmethod
    def open(cls, path: Path, seed: int = 1, learners: int = 60) -> World:
        """Open the world in *path*. *seed* and *learners* are used only for a new file.

        Raises OSError, ValueError if the size is out of range, and WorldFileError if the file is something else or is
        damaged.
        """
        check_size(learners)
        log = FileLog(path)
        try:
            header, *lines = _lines_or_new(log, {"sandbox_world": FORMAT, "seed": seed, "learners": learners})
            world = cls(*_read_header(header), log)
            world._replay(lines)
        except ValueError as error:
            log.close()
            raise WorldFileError(f"{path}: {error}") from None
        except BaseException:
            log.close()
            raise
        return world

    def close(self) -> None:
        self._log.close()

    def catch_up(self) -> None:
        """Apply the events of other processes since the last call.

        After one failure every later call fails too, because a world that misses an event is wrong.
        """
        if self._damage:
            raise self._damage
        try:
            self._replay(self._log.forward())
        except WorldFileError as error:
            self._damage = error
            raise

    def commit(self, decide: Callable[[], list[Effect]], at: datetime, what: str) -> bool:
        """Catch up, decide, store and apply in one step; return True if something changed.

        If *decide* raises, nothing is stored. *what* describes the request in the file.
        """
        with self._log.alone():
            self.catch_up()
            effects = decide()
            if effects:
                event = {"at": instant(at), "what": what, "effects": effects}
                self._log.append(json.dumps(event, separators=(",", ":")))
                self.catch_up()
        return bool(effects)

    def _replay(self, lines: Iterable[str]) -> None:
        for line in lines:
            try:
                for table, id_, field, value in json.loads(line)["effects"]:
                    self._apply(Effect(table, id_, field, value))
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise WorldFileError(f"line {self.events + 2} is not an event of this world ({error!r})") from None
            self.events += 1

    def _apply(self, effect: Effect) -> None:
        if not isinstance(effect.value, int if effect.table == "additional" else int | str | None):
            raise TypeError(effect.field)
        if effect.table == "additional":
            people = self.additional.setdefault(effect.id, [])
            if effect.field == "add":
                people.append(cast(int, effect.value))
            else:
                people[:] = [person for person in people if person != effect.value]
            return
        if effect.field == "create":
            self._create(effect.table, effect.id, json.loads(str(effect.value)))
            return
        tables: Mapping[str, Mapping[int, object]] = {"user": self.users, "aim": self.aims, "unit": self.units}
        record = cast("dict[str, Value]", tables[effect.table][effect.id])
        if effect.field not in record:
            raise KeyError(effect.field)
        record[effect.field] = effect.value

    def _create(self, table: Table, id_: int, record: Any) -> None:
        """Add a record. Raises KeyError unless it has its table's fields."""
        kind = {"user": User, "aim": Aim, "unit": UnitSummary}[table]
        if record.keys() != kind.__annotations__.keys() or record["ID"] != id_:
            raise KeyError(table)
        match table:
            case "user":
                self.centre.users.append(record)
                self.users[id_] = record
            case "aim":
                self.centre.aims.append(record)
                self.aims[id_] = record
                self.aims_of.setdefault(record["UserID"], []).append(record)
            case _:
                self.centre.unit_summaries.append(record)
                self.units[id_] = record
                self.units_of.setdefault(record["UserID"], []).append(record)

    def field(self, effect: Effect) -> Value:
        """Return the current value of the field that the effect changes."""
        tables: Mapping[str, Mapping[int, object]] = {"user": self.users, "aim": self.aims, "unit": self.units}
        return cast("dict[str, Value]", tables[effect.table][effect.id])[effect.field]

    @contextmanager
    def as_before(self, effects: Sequence[tuple[Effect, Value]]) -> Iterator[None]:
        """Show the old values of these effects, oldest first, during the block."""
        shown = [(effect, self.field(effect)) for effect, _ in effects]
        for effect, old in reversed(effects):
            self._apply(effect._replace(value=old))
        try:
            yield
        finally:
            for effect, value in shown:
                self._apply(effect._replace(value=value))

    def state(self) -> dict[str, object]:
        """Return the whole world as plain JSON; for tests and inspection only."""
        return {
            "seed": self.seed,
            "events": self.events,
            "organisations": self.centre.organisations,
            "classrooms": self.centre.classrooms,
            "placements": self.centre.placements,
            "users": self.centre.users,
            "aims": self.centre.aims,
            "units": self.centre.unit_summaries,
            "additional": {str(learner): people for learner, people in sorted(self.additional.items())},
        }


def _lines_or_new(log: FileLog, header: dict[str, int]) -> list[str]:
    with log.alone():
        lines = log.forward()
        if not lines:
            text = json.dumps(header)
            begun = log.torn()[: text.index(":")]
            if not text.encode().startswith(begun):  # another program's file: leave it as it is
                raise WorldFileError("this is not a sandbox world")
            log.append(text)
            lines = log.forward()
    return lines


def _read_header(line: str) -> tuple[int, int]:
    try:
        header = json.loads(line)
        version, seed, learners = header["sandbox_world"], header["seed"], header["learners"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise WorldFileError("this is not a sandbox world") from None
    if any(type(number) is not int for number in (version, seed, learners)):
        raise WorldFileError("this is not a sandbox world")
    if version != FORMAT:
        raise WorldFileError(f"it has format {version}, and this version reads format {FORMAT}")
    return seed, learners
