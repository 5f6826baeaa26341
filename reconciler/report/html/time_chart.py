"""A number over time as steps: inline SVG with a text alternative, legible in grey, on a phone and in print."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING

from reconciler.model.structs import Struct
from reconciler.report.common.escape import visible

if TYPE_CHECKING:
    from markupsafe import Markup

_LEFT, _TOP, _WIDTH, _HEIGHT = 30, 18, 308, 150  # the field of the chart, in user units
_RIGHT, _BELOW = 52, 24  # room for the names of lines and of days
_APART = 14  # between the names of two lines
_TOLD = 12  # changes in the text alternative


class Series(Struct, frozen=True):
    """Numbers up to `today`, as recorded, and from then on, as declared, with the bounds that they are judged by."""

    title: str
    first: date
    today: date
    last: date
    past: Sequence[tuple[date, int]]
    coming: Sequence[tuple[date, int]]
    target: int | None = None
    maximum: int | None = None

    @property
    def top(self) -> int:
        """The highest number that is drawn."""
        numbers = [number for _, number in (*self.past, *self.coming)]
        return max(*numbers, self.target or 0, self.maximum or 0, 1)

    def words(self) -> str:
        """Return the changes in words, the last ones if they are many."""
        changes = [f"{number} from {day}" for day, number in (*self.past, *self.coming)]
        words = "; ".join(changes[-_TOLD:]) or "no learners"
        bounds = [f"{name} {bound}" for name, bound in (("target", self.target), ("maximum", self.maximum)) if bound]
        return f"{words}. {', '.join(bounds)}" if bounds else words


def time_chart(series: Series) -> Markup:
    """Return the chart: a solid line as recorded, a dashed one as declared, a line for each bound with its name."""
    from markupsafe import Markup

    field = _Field(series)
    head = Markup(
        '<svg class="chart time" role="img" aria-labelledby="time-title time-text" viewBox="0 0 {} {}">'
        '<title id="time-title">{}</title><desc id="time-text">{}</desc>'
    ).format(_LEFT + _WIDTH + _RIGHT, _TOP + _HEIGHT + _BELOW, visible(series.title), series.words())
    return head + Markup("").join(field.parts()) + Markup("</svg>")


class _Field:
    """Places of days and numbers in the chart."""

    def __init__(self, series: Series) -> None:
        self._series = series
        self._days = max((series.last - series.first).days, 1)

    def parts(self) -> Iterator[Markup]:
        series = self._series
        yield self._axis()
        yield from self._bounds()
        yield self._today()
        yield self._steps("recorded", series.past, series.today)
        yield self._steps("declared", series.coming, series.last)

    def _x(self, day: date) -> float:
        passed = min(max((day - self._series.first).days, 0), self._days)
        return round(_LEFT + passed / self._days * _WIDTH, 1)

    def _y(self, number: int) -> float:
        return round(_TOP + _HEIGHT * (1 - number / self._series.top), 1)

    def _axis(self) -> Markup:
        from markupsafe import Markup

        series, bottom = self._series, self._y(0)
        axis = Markup('<path class="axis" d="M{} {}H{}"/>').format(_LEFT, bottom, _LEFT + _WIDTH)
        label = Markup('<text x="{}" y="{}"{}>{}</text>')
        below, end = bottom + 17, Markup(' text-anchor="end"')
        axis += label.format(_LEFT - 5, bottom + 4, end, 0) + label.format(_LEFT - 5, _TOP + 4, end, series.top)
        axis += label.format(_LEFT, below, "", _short(series.first))
        return axis + label.format(_LEFT + _WIDTH, below, end, _short(series.last))

    def _today(self) -> Markup:
        from markupsafe import Markup

        x = self._x(self._series.today)
        line = Markup('<path class="today" d="M{} {}V{}"/>').format(x, _TOP - 4, self._y(0))
        return line + Markup('<text class="quiet" x="{}" y="{}">today</text>').format(x + 3, _TOP - 7)

    def _bounds(self) -> Iterator[Markup]:
        """Yield the lines of target and maximum; names that would overlap are written one above the other."""
        target, maximum = self._series.target, self._series.maximum
        low, high = self._y(target or 0), self._y(maximum or 0)
        if target is not None and maximum is not None:
            high = max(min(high, low - _APART), _TOP)
            low = max(low, high + _APART)
        if target is not None:
            yield self._bound("target", target, "target", low)
        if maximum is not None:
            yield self._bound("maximum", maximum, "max", high)

    def _bound(self, kind: str, bound: int, name: str, at: float) -> Markup:
        from markupsafe import Markup

        y, right = self._y(bound), _LEFT + _WIDTH
        line = Markup('<line class="{}" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(kind, _LEFT, right, y, y)
        return line + Markup('<text x="{}" y="{}">{}</text>').format(right + 3, round(at + 4, 1), name)

    def _steps(self, kind: str, points: Sequence[tuple[date, int]], end: date) -> Markup:
        from markupsafe import Markup

        if not points:
            return Markup("")
        (day, number), *rest = points
        path = f"M{self._x(day)} {self._y(number)}" + "".join(f"H{self._x(at)}V{self._y(to)}" for at, to in rest)
        return Markup('<path class="{}" d="{}H{}"/>').format(kind, path, self._x(end))


def _short(day: date) -> str:
    return f"{day.day} {day:%b %Y}"
