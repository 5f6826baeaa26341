"""What the program's values are made of, and how one compares and shows itself where not every field of it counts.

They are structs of a library in C: to make one costs a seventh of a dataclass, to define one, which every start pays
for, a twentieth. What works on values and changes on the way stays a dataclass.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import DecodeError as NotUnderstood
from msgspec import Meta, Struct, field
from msgspec.json import Decoder, encode
from msgspec.structs import asdict, fields, replace

__all__ = [
    "Decoder",
    "EqualIgnoringSource",
    "Natural",
    "NotUnderstood",
    "Positive",
    "RedactedRepr",
    "Struct",
    "asdict",
    "encode",
    "field",
    "fields",
    "replace",
]

Natural = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(gt=0)]
"""Whole numbers in what a Decoder reads. It takes nothing else for one: neither `1.0` nor `true`."""

_HIDDEN = frozenset({"body", "email", "environment", "handed", "location", "name", "names", "token"})
_BESIDE = frozenset({"lapsed", "later", "places", "source"})


class RedactedRepr:
    """A struct with secrets or personal data, which its `repr`, and so no log and no traceback, shows."""

    __slots__ = ()
    __struct_fields__: tuple[str, ...]

    def __repr__(self) -> str:
        shown = (f"{field}={getattr(self, field)!r}" for field in self.__struct_fields__ if field not in _HIDDEN)
        return f"{type(self).__name__}({', '.join(shown)})"


class EqualIgnoringSource:
    """A struct that equals another which asks for the same, wherever in the files it stands."""

    __slots__ = ()
    __struct_fields__: tuple[str, ...]

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._asks() == other._asks()

    def __hash__(self) -> int:
        return hash(self._asks())

    def _asks(self) -> tuple[object, ...]:
        return tuple(getattr(self, field) for field in self.__struct_fields__ if field not in _BESIDE)
