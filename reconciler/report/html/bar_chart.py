"""Numbers as bars: inline SVG with a text alternative, legible in grey, on a phone and in print."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.model.structs import Struct
from reconciler.report.common.escape import visible

if TYPE_CHECKING:
    from markupsafe import Markup

_LABEL, _WIDTH, _NOTE, _ROW, _TOP = 102, 130, 158, 24, 18  # columns, height of a row, room above, in user units
_AGES = ((2, "up to 2 days"), (7, "3 to 7 days"), (30, "8 to 30 days"))
_OLDER = "over 30 days"
_BOUNDS = {"target": ("target", "end", -2), "maximum": ("max", "start", 2), "both": ("target and max", "start", 2)}
"""The name of each bound's line, with the end of the name that is at the line, and the distance to it."""


class Bar(Struct, frozen=True):
    """A number with its label; `note` says why it asks for attention, `over` that it is above the maximum."""

    label: str
    number: int
    note: str = ""
    over: bool = False


def bar_chart(
    name: str, title: str, bars: Sequence[Bar], *, target: int | None = None, maximum: int | None = None
) -> Markup:
    """Return a bar for each number, which is written beside it, and a line with its name for each bound.

    Bounds that are equal have one line. `name` begins the ids of the chart, which must be unique in a page.
    """
    from markupsafe import Markup

    bounds = [(kind, bound) for kind, bound in (("target", target), ("maximum", maximum)) if bound]
    scale = _WIDTH / max([bar.number for bar in bars] + [bound for _, bound in bounds] + [1])
    height = _TOP + len(bars) * _ROW
    head = Markup(
        '<svg class="chart bars" role="img" aria-labelledby="{0}-title {0}-text" viewBox="0 0 {1} {2}">'
        '<title id="{0}-title">{3}</title><desc id="{0}-text">{4}</desc>'
    ).format(name, _LABEL + _WIDTH + _NOTE, height, visible(title), _words(bars, bounds))
    parts = [_bar(place, bar, scale) for place, bar in enumerate(bars)]
    drawn = [("both", target)] if target and target == maximum else bounds
    parts += [_bound(kind, _LABEL + bound * scale, height) for kind, bound in drawn]
    parts += [_number(place, bar, scale) for place, bar in enumerate(bars)]  # last, so that no line crosses them
    return head + Markup("").join(parts) + Markup("</svg>")


def age_chart(ages: Sequence[timedelta]) -> Markup:
    """Return how many slots have drifted for how long."""
    counts = dict.fromkeys([*(label for _, label in _AGES), _OLDER], 0)
    for age in ages:
        counts[next((label for days, label in _AGES if age < timedelta(days=days + 1)), _OLDER)] += 1
    return bar_chart("ages", "Drift by age", [Bar(label, count) for label, count in counts.items()])


def _words(bars: Sequence[Bar], bounds: Sequence[tuple[str, int]]) -> str:
    words = "; ".join(f"{visible(bar.label)}: {bar.number}{f', {bar.note}' if bar.note else ''}" for bar in bars)
    return f"{words}. {', '.join(f'{name} {bound}' for name, bound in bounds)}" if bounds else words


def _bar(place: int, bar: Bar, scale: float) -> Markup:
    from markupsafe import Markup

    top = _TOP + place * _ROW
    return Markup(
        '<text x="0" y="{base}">{label}</text><rect class="{kind}" x="{left}" y="{top}" width="{width}" height="16"/>'
    ).format(
        base=top + 13,
        label=visible(bar.label),
        kind="over" if bar.over else "busy" if bar.note else "plain",
        left=_LABEL,
        top=top,
        width=round(bar.number * scale, 1),
    )


def _number(place: int, bar: Bar, scale: float) -> Markup:
    from markupsafe import Markup

    note = f"{bar.number}, {bar.note}" if bar.note else str(bar.number)
    x = round(_LABEL + round(bar.number * scale, 1) + 6, 1)
    return Markup('<text class="number" x="{}" y="{}">{}</text>').format(x, _TOP + place * _ROW + 13, note)


def _bound(name: str, at: float, height: int) -> Markup:
    from markupsafe import Markup

    x = round(at, 1)
    line = Markup('<line class="{}" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(name, x, x, _TOP - 4, height)
    short, end, to = _BOUNDS[name]
    label = Markup('<text class="quiet" x="{}" y="11" text-anchor="{}">{}</text>')
    return line + label.format(round(x + to, 1), end, short)
