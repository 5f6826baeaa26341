"""Truncation of a report to a size limit: the least risky rows are left out first, and a notice counts them.

Sizes are bytes of UTF-8, which are never fewer than the characters or UTF-16 units that a forge counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from reconciler.model.structs import Struct
from reconciler.report.common.line_links import NO_LINKS, LineLinks

COMMENT_LIMIT = 65_536  # characters of a comment on GitHub
SUMMARY_LIMIT = 1_048_576  # bytes of a job's summary on GitHub
SMALLEST_LIMIT = 8_192  # below this a headline alone might not fit

STOPS, GRAVE, ASIDE, BY_HAND, CASELOAD, WARNS, DISPLACES, REST = range(8)
"""Tiers, in the order in which they are kept."""

ESSENTIAL = CASELOAD  # up to here, a report that leaves something out says so loudly


class Item(Struct, frozen=True):
    """A row or an entry. `kind` is the noun that it is counted as if left out; `slots` is the number it counts for."""

    text: str
    tier: int
    kind: str
    slots: int = 1


class Part(Struct, frozen=True):
    """Items under a head, in the order of their tiers, because the end is left out first.

    A part without room for any item vanishes, unless `always` is set: then its head shows the count.
    """

    items: tuple[Item, ...]
    head: str = ""
    tail: str = ""
    always: bool = False

    def cost(self) -> int:
        """Return the bytes of the part without its items."""
        return size(self.head) + size(self.tail) + size(_more(len(self.items)))


def size(text: str) -> int:
    """Return the size of a text in bytes."""
    return len(text) if text.isascii() else len(text.encode())


def check_limit(limit: int) -> None:
    """Raise ValueError for a limit below SMALLEST_LIMIT."""
    if limit < SMALLEST_LIMIT:
        raise ValueError(f"{limit} bytes are too few for a report: at least {SMALLEST_LIMIT}")


def fit(
    opening: str, parts: Sequence[Part], closing: str, *, limit: int, full_report: str, links: LineLinks = NO_LINKS
) -> str:
    """Join the opening, the parts and the closing within *limit* bytes, with links to lines if there is room for them.

    *full_report* is the sentence on where everything can be read. Raises ValueError if not even the opening and
    the closing have room.
    """
    frame = size(opening) + size(closing)
    whole = "".join([opening, *(_shown(part, len(part.items)) for part in parts), closing])
    for text in (links.linked(whole), whole):
        if size(text) <= limit:
            return text
    longest = _notice([item for part in parts for item in part.items], full_report, loud=True)
    room = limit - frame - size(longest) - sum(part.cost() for part in parts if part.always)
    if room < 0:
        raise ValueError(f"a limit of {limit} bytes leaves no room for the headline")
    kept = _choose(parts, room)
    lost = [item for part, count in zip(parts, kept, strict=True) for item in part.items[count:]]
    notice = _notice(lost, full_report, loud=any(item.tier <= ESSENTIAL for item in lost))
    return "".join([opening, notice, *(_shown(*pair) for pair in zip(parts, kept, strict=True)), closing])


def _choose(parts: Sequence[Part], room: int) -> list[int]:
    """Count the items of each part that have room, tier by tier, up to the first that has none."""
    kept = [0] * len(parts)
    order = sorted(
        (item.tier, place, number) for place, part in enumerate(parts) for number, item in enumerate(part.items)
    )
    for _, place, number in order:
        part = parts[place]
        cost = size(part.items[number].text) + (part.cost() if number == 0 and not part.always else 0)
        if cost > room:
            break
        room -= cost
        kept[place] += 1
    return kept


def _shown(part: Part, kept: int) -> str:
    if not kept and not part.always:
        return ""
    missing = len(part.items) - kept
    return "".join([part.head, *(item.text for item in part.items[:kept]), part.tail, _more(missing)])


def _more(missing: int) -> str:
    return f"*{missing:,} more left out for length.*\n\n" if missing else ""


def _notice(lost: Iterable[Item], full_report: str, *, loud: bool) -> str:
    kinds: Counter[str] = Counter()
    rows = 0
    for item in lost:
        kinds[item.kind] += item.slots
        rows += 1
    listed = _listed(kinds)
    if loud:
        return (
            "> [!CAUTION]\n> **This report is too long to show everything that needs a person's eye. Do not approve "
            f"on it alone.** Left out, {rows:,} rows: {listed}. {full_report}\n\n"
        )
    return f"> [!NOTE]\n> Shortened to fit: {rows:,} rows are left out, the least risky: {listed}. {full_report}\n\n"


def _listed(kinds: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())
