"""Base types of the program's values, with comparison and `repr` that leave fields out.

They are structs of a library in C: creating one costs a seventh of a dataclass; defining one, which every start pays
for, a twentieth. Mutable objects stay dataclasses.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import DecodeError as NotUnderstood
from msgspec import Meta, Struct, convert, field
from msgspec import Raw as Encoded
from msgspec.json import Decoder, encode
from msgspec.json import format as laid_out
from msgspec.structs import asdict, fields, replace

__all__ = [
    "Decoder",
    "Encoded",
    "EqualIgnoringSource",
    "Meta",
    "Natural",
    "NotUnderstood",
    "Positive",
    "RedactedRepr",
    "Struct",
    "asdict",
    "convert",
    "encode",
    "field",
    "fields",
    "laid_out",
    "replace",
]

Natural = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(gt=0)]
"""Whole numbers in a Decoder's input; `1.0` and `true` are refused."""


class RedactedRepr:
    """A struct whose `hidden` fields hold secrets or personal data: no `repr`, log or traceback shows them."""

    __slots__ = ()
    __struct_fields__: tuple[str, ...]
    hidden: ClassVar[tuple[str, ...]]

    def __repr__(self) -> str:
        shown = (f"{field}={getattr(self, field)!r}" for field in self.__struct_fields__ if field not in self.hidden)
        return f"{type(self).__name__}({', '.join(shown)})"


class EqualIgnoringSource:
    """A struct that is compared without its `not_compared` fields, such as its place in the files."""

    __slots__ = ()
    __struct_fields__: tuple[str, ...]
    not_compared: ClassVar[tuple[str, ...]] = ("source",)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._compared() == other._compared()

    def __hash__(self) -> int:
        return hash(self._compared())

    def _compared(self) -> tuple[object, ...]:
        return tuple(getattr(self, field) for field in self.__struct_fields__ if field not in self.not_compared)
