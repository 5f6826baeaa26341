"""Faults: armed beforehand, they fire on the calls that they name, in order and repeatably."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from typing import Literal, get_args

from msgspec import Struct

Kind = Literal[
    "throttle",
    "error_before",
    "drop_before",
    "error_after",
    "drop_after",
    "cut_length",
    "cut_json",
    "html",
    "latency",
    "expired_session",
    "repeated_page",
    "short_page",
    "changed_order",
]

KINDS: Mapping[Kind, str] = {
    "throttle": "429 in place of the call, with `retry_after` if it is given; nothing is changed.",
    "error_before": "`status`, or 500, in place of the call; nothing is changed.",
    "drop_before": "The connection closes in place of the call; nothing is changed.",
    "error_after": "The call is carried out, but the answer is `status`, or 500.",
    "drop_after": "The call is carried out, but the connection closes without an answer.",
    "cut_length": "The call is carried out, but the connection closes in the middle of the answer.",
    "cut_json": "The call is carried out, but the answer ends in the middle of its JSON.",
    "html": "The call is carried out, but the answer is a web page, with `status` or 200.",
    "latency": "`seconds` pass before the call is carried out.",
    "expired_session": "The session of the call has just ended.",
    "repeated_page": "A search answers with the page before the requested page.",
    "short_page": "The last row of a search is missing.",
    "changed_order": "The rows of a search are in reverse order.",
}
FIELDS: Mapping[str, str] = {
    "kind": "The fault; required.",
    "method": "The method of the calls, such as `POST`; default any.",
    "path": "A pattern for the path below the base URL, such as `/User/*/Assign`; a star spans slashes; default any.",
    "nth": "The first matching call that fails, counted from 1; default 1.",
    "times": "The number of calls that fail; default 1.",
    "status": "The HTTP status of errors and web pages, from 200 to 599.",
    "seconds": "The seconds of `latency`, from 0 to 3600; default 1.",
    "retry_after": "The seconds in the Retry-After header of `throttle`; default no header.",
}
"""Documentation of a fault's kinds and fields."""

BEFORE = frozenset[Kind]({"throttle", "error_before", "drop_before"})


class Fault(Struct, frozen=True):
    """One fault and the calls on which it fires.

    *path* is a shell pattern, regardless of case. Matching calls pass until the *nth* since the fault was armed; then
    it fires on *times* calls. FIELDS describes each field.
    """

    kind: Kind
    method: str = "*"
    path: str = "*"
    nth: int = 1
    times: int = 1
    status: int = 0  # 0: 500 for errors, 200 for html
    seconds: float = 1.0
    retry_after: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"no fault is called {self.kind!r}; there are {', '.join(get_args(Kind))}")
        if min(self.nth, self.times) < 1 or not 0 <= self.seconds <= 3600:
            raise ValueError("nth and times count from 1, and seconds are 0 to 3600")
        if self.status and not 200 <= self.status <= 599:
            raise ValueError(f"{self.status} is not a status")

    def matches(self, method: str, path: str) -> bool:
        return fnmatch.fnmatchcase(method.upper(), self.method.upper()) and fnmatch.fnmatchcase(
            path.lower(), self.path.lower()
        )

    @classmethod
    def from_json(cls, value: object) -> Fault:
        """Make a fault from its fields. Raises ValueError with the reason."""
        if not isinstance(value, Mapping):
            raise ValueError("a fault is an object with at least its kind")
        names = cls.__struct_fields__
        for name, setting in value.items():
            if name not in names:
                raise ValueError(f"a fault has no {name!r}; it has {', '.join(names)}")
            types: tuple[type, ...] = {"kind": (str,), "method": (str,), "path": (str,), "seconds": (int, float)}.get(
                name, (int,)
            )
            if not isinstance(setting, types) or isinstance(setting, bool):
                raise ValueError(f"a fault's {name} cannot be {setting!r}")
        if "kind" not in value:
            raise ValueError("a fault needs its kind")
        return cls(**value)


class Faults:
    """The armed faults.

    Each counts its matching calls; at most one fires per call, the first that is due, and any other that is due fires
    on the next matching call.
    """

    def __init__(self, *armed: Fault) -> None:
        self._armed: list[_Armed] = []
        for fault in armed:
            self.arm(fault)

    def arm(self, fault: Fault) -> None:
        self._armed.append(_Armed(fault))

    def take(self, method: str, path: str) -> Fault | None:
        """Return the fault for this call, and count it as fired."""
        matching = [armed for armed in self._armed if armed.fault.matches(method, path)]
        for armed in matching:
            armed.seen += 1
        due = next((armed for armed in matching if armed.seen >= armed.fault.nth), None)
        if due is None:
            return None
        due.fired += 1
        if due.fired == due.fault.times:
            self._armed.remove(due)
        return due.fault

    def waiting(self) -> tuple[Fault, ...]:
        return tuple(armed.fault for armed in self._armed)

    def clear(self) -> None:
        self._armed.clear()


class _Armed:
    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.seen = 0
        self.fired = 0
