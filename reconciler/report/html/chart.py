"""Caseloads before and after as bars: inline SVG with a text alternative, legible on a phone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reconciler.report.caseload.view import CaseloadLine
from reconciler.report.common.escape import visible

if TYPE_CHECKING:
    from markupsafe import Markup

ROWS = 30
"""Number of people in the chart; the table has everybody."""
_BAR, _NUMBER, _NAME, _ROW = 350, 40, 18, 54  # widths of bars and numbers, heights of a name and a row, in user units
_LONGEST_NAME = 40  # characters that fit above the bars


def caseload_chart(lines: Sequence[CaseloadLine]) -> Markup | None:
    """Return a pair of bars per member of staff whose number of learners changes, in the given order; None without any.

    Target and maximum are a dashed and a solid line, so that they do not depend on colour; one solid line if they are
    equal.
    """
    from markupsafe import Markup

    moved = [line for line in lines if line.gain][:ROWS]
    if not moved:
        return None
    largest = max(number for line in moved for number in _numbers(line))
    scale = _BAR / max(largest, 1)
    height = len(moved) * _ROW + 4
    title = "Learners of each member of staff, before and after"
    rows = Markup("").join(_row(place, line, scale) for place, line in enumerate(moved))
    head = Markup(
        '<svg class="chart" role="img" aria-labelledby="chart-title chart-text" viewBox="0 0 {width} {height}">'
        '<title id="chart-title">{title}</title><desc id="chart-text">{text}</desc>'
    )
    text = "; ".join(map(_in_words, moved))
    return head.format(width=_BAR + _NUMBER, height=height, title=title, text=text) + rows + Markup("</svg>")


def _numbers(line: CaseloadLine) -> list[int]:
    return [line.before.learners, line.after.learners, line.target or 0, line.maximum or 0]


def _in_words(line: CaseloadLine) -> str:
    words = f"{visible(line.handle)} from {line.before.learners} to {line.after.learners}"
    return f"{words}, {line.mark}" if line.mark else words


def _row(place: int, line: CaseloadLine, scale: float) -> Markup:
    from markupsafe import Markup

    top = place * _ROW + 4
    name = visible(line.handle)
    short = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
    parts = [Markup('<text class="name" x="0" y="{y}">{name}</text>').format(y=top + 12, name=short)]
    kind = "after over" if line.over else "after busy" if line.mark else "after"
    bars = (("before", line.before.learners, top + _NAME), (kind, line.after.learners, top + _NAME + 15))
    for kind, learners, y in bars:
        bar = Markup('<rect class="{kind}" x="0" y="{y}" width="{width}" height="13" rx="2"/>')
        parts.append(bar.format(kind=kind, y=y, width=round(learners * scale, 1)))
    for kind, bound in (("target", line.target), ("maximum", line.maximum)):
        if bound is not None and not (kind == "target" and bound == line.maximum):
            mark = Markup('<line class="{kind}" x1="{at}" x2="{at}" y1="{top}" y2="{end}"/>')
            at = round(bound * scale, 1)
            parts.append(mark.format(kind=kind, at=at, top=top + _NAME - 2, end=top + _NAME + 31))
    for _, learners, y in bars:  # last, so that no line crosses a number
        number = Markup('<text class="number" x="{x}" y="{y}">{learners}</text>')
        parts.append(number.format(x=round(learners * scale + 6, 1), y=y + 11, learners=learners))
    return Markup("").join(parts)
