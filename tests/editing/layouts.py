"""Declared values in every layout that the reader accepts: flow and block, comments everywhere, quotes, CRLF."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from hypothesis import strategies as st

from reconciler.editing.yaml_tree import Data, resolved

HANDLES = ("kate-anderson", "james-fayre", "noor-haddad", "priya-shah", "oscar-lind", "observer-lee", "null", "no")
TEXTS = ("KS_COMM1", "BA 302", "60030316", "it's", 'a "b" c', "x, y", "k: v", "a #b", "LRN-0042", "é 𝄞", "- x", "0012")

Fields = dict[str, Data]

handles = st.sampled_from(HANDLES)
texts = st.sampled_from(TEXTS)
days = st.dates().map(lambda day: day.isoformat())
numbers = st.integers(1, 60)


def _some(*, needed: Fields | None = None, **values: st.SearchStrategy[Data]) -> st.SearchStrategy[Fields]:
    """Draw a mapping with any of these keys, in any order."""
    chosen: st.SearchStrategy[Fields] = st.fixed_dictionaries(needed or {}, optional=values)  # type: ignore[arg-type]
    return chosen.flatmap(lambda found: st.permutations(list(found.items())).map(dict))


terms = _some(needed={"staff": handles | st.none()}, **{"from": days, "until": days})  # type: ignore[dict-item]
holders = st.one_of(handles, st.none(), st.lists(terms, max_size=3))
SLOTS: dict[str, st.SearchStrategy[Data]] = {
    "default_assessor": holders,  # type: ignore[dict-item]
    "default_employer": holders,  # type: ignore[dict-item]
    "learning_aims": st.lists(_some(needed={"standard": numbers}, assessor=holders, iqa=holders), max_size=3),  # type: ignore
    "units": st.lists(_some(needed={"unit": texts}, assessor=holders, iqa=holders), max_size=3),  # type: ignore
    "additional": st.lists(handles | terms, max_size=3),  # type: ignore[dict-item]
}
learners = _some(needed={"id": numbers}, label=texts, **SLOTS)  # type: ignore
cohorts: st.SearchStrategy[Fields] = _some(
    needed={"version": st.just(1), "learners": st.lists(learners, max_size=4)},  # type: ignore
    organisation=numbers,
    classroom=numbers,
    placement=numbers,
    defaults=_some(**SLOTS),
)
"""The values of a cohort file as far as layout is concerned: nobody need exist, and days may be in any order."""


@dataclass
class Hostile:
    """Writes values in a layout that nobody would choose, with numbered comments."""

    random: Random
    made: int = 0
    ends: str = field(default="\n")

    def text(self, data: Fields) -> str:
        self.ends = self.random.choice(["\n", "\n", "\r\n"])
        body = [*self._noise(""), *([f"--- {self._comment()}"] if self._may(0.1) else []), *self._noise("")]
        body += [self._flow(data, "  ") + self._tail()] if self._may(0.15) else self._block(data, "")
        return self.ends.join([*body, *self._noise(""), ""])

    def _may(self, share: float) -> bool:
        return self.random.random() < share

    def _comment(self) -> str:
        self.made += 1
        return f"# c{self.made} " + self.random.choice(["- x: [", "it's", '"', "é𝄞", "#", "a: b"])

    def _tail(self) -> str:
        """Return the comment after a value on its line."""
        spaces = " " * self.random.randint(1, 9)
        return spaces + self._comment() if self._may(0.2) else self.random.choice(["", "", "", "  "])

    def _noise(self, indent: str) -> Iterator[str]:
        while self._may(0.15):
            yield self.random.choice([indent, f"{indent}  ", " ", ""]) + self._comment() if self._may(0.7) else ""

    # -------------------------------------------------------------- over lines

    def _block(self, data: Data, indent: str) -> Iterator[str]:
        """Yield the lines of a mapping or list that is not empty."""
        assert isinstance(data, dict | list)
        named: list[tuple[str | None, Data]]
        named = [*data.items()] if isinstance(data, dict) else [(None, value) for value in data]
        for name, value in named:
            yield from self._noise(indent)
            head = f"{indent}-" if name is None else f"{indent}{self._key(name)}{' ' * self._may(0.1)}:"
            if not (isinstance(value, dict | list) and value) or self._may(0.3):
                spaces = " " * self.random.choice([1, 1, 1, 4])
                yield f"{head}{spaces}{self._value(value, f'{indent}  ')}{self._tail()}"
            elif name is None and isinstance(value, dict) and self._may(0.8):  # its first pair behind the dash
                first, *rest = self._pairs_behind(value, f"{indent}  ")
                yield f"{head} {first}"
                yield from rest
            else:
                yield head + self._tail()
                least = 0 if name is not None and isinstance(value, list) else 1
                yield from self._block(value, indent + " " * self.random.choice([least, 2, 4]))

    def _pairs_behind(self, value: Fields, indent: str) -> Iterator[str]:
        (name, first), *rest = value.items()
        yield f"{self._key(name)}: {self._value(first, indent + '  ')}{self._tail()}"
        if rest:
            yield from self._block(dict(rest), indent)

    # -------------------------------------------------------------- inside brackets

    def _value(self, value: Data, indent: str) -> str:
        return self._flow(value, indent) if isinstance(value, dict | list) else self._scalar(value, flow=False)

    def _flow(self, value: Data, indent: str) -> str:
        """On one line or over several, these with comments."""
        if not isinstance(value, dict | list):
            return self._scalar(value, flow=True)
        deeper = f"{indent}  "
        if isinstance(value, dict):
            parts = [f"{self._key(name)}: {self._flow(one, deeper)}" for name, one in value.items()]
        else:
            parts = [self._flow(one, deeper) for one in value]
        opened, closed = "{}" if isinstance(value, dict) else "[]"
        if self._may(0.75):
            space = self.random.choice(["", " "])
            return f"{opened}{space}{f'{space}, '.join(parts)}{space}{closed}"
        ends = [self.random.choice([",", f", {self._comment()}"]) for _ in parts[1:]]
        ends += [self.random.choice(["", ",", f"  {self._comment()}"])] * bool(parts)
        rows = [f"{indent}{part}{end}" for part, end in zip(parts, ends, strict=True)]
        return self.ends.join([opened, *rows, indent + closed])

    def _key(self, name: str) -> str:
        return self.random.choice([name, name, name, json.dumps(name), f"'{name}'"])

    def _scalar(self, value: str | int | bool | None, *, flow: bool) -> str:
        if not isinstance(value, str):
            return json.dumps(value)
        breaks = (": ", " #", *(",[]{}" if flow else ""))
        plain = resolved(value) == value and value[0] not in "-\"'" and not any(one in value for one in breaks)
        ways = [json.dumps(value, ensure_ascii=False), "'" + value.replace("'", "''") + "'"]
        return self.random.choice([value] * 4 * plain + ways)
