"""Long text in pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterator


class Pieces:
    """A text that is too long to be held: its pieces are made each time that it is written."""

    def __init__(self, make: Callable[[], Iterator[str]]) -> None:
        self._make = make

    def __iter__(self) -> Iterator[str]:
        return self._make()

    def __str__(self) -> str:
        return "".join(self)
