"""Caseloads before and after as bars: inline SVG with a text alternative."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reconciler.report.caseload.view import CaseloadLine
from reconciler.report.common.escape import visible

if TYPE_CHECKING:
    from markupsafe import Markup

ROWS = 30
"""Number of people in the chart; the table has everybody."""
_LABEL, _BAR, _AFTER, _ROW = 200, 460, 50, 40  # widths of names, bars and numbers, and a row's height, in user units
_LONGEST_NAME = 26  # characters that fit before the bars


def caseload_chart(lines: Sequence[CaseloadLine]) -> Markup | None:
    """Return a pair of bars per member of staff, the most changed first; None if no number of learners changes.

    Target and maximum are a dashed and a solid line, so that they do not depend on colour.
    """
    from markupsafe import Markup

    moved = sorted((line for line in lines if line.gain), key=lambda line: (-abs(line.gain), line.handle))[:ROWS]
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
    return head.format(width=_LABEL + _BAR + _AFTER, height=height, title=title, text=text) + rows + Markup("</svg>")


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
    parts = [Markup('<text class="name" x="{x}" y="{y}">{name}</text>').format(x=_LABEL - 10, y=top + 20, name=short)]
    bars = (
        ("before", line.before.learners, top),
        ("after over" if line.over else "after", line.after.learners, top + 15),
    )
    for kind, learners, y in bars:
        bar = Markup('<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="13" rx="2"/>')
        parts.append(bar.format(kind=kind, x=_LABEL, y=y, width=round(learners * scale, 1)))
    for kind, bound in (("target", line.target), ("maximum", line.maximum)):
        if bound is not None:
            mark = Markup('<line class="{kind}" x1="{at}" x2="{at}" y1="{top}" y2="{end}"/>')
            parts.append(mark.format(kind=kind, at=round(_LABEL + bound * scale, 1), top=top - 2, end=top + 31))
    for _, learners, y in bars:  # last, so that no line crosses a number
        number = Markup('<text class="number" x="{x}" y="{y}">{learners}</text>')
        parts.append(number.format(x=round(_LABEL + learners * scale + 6, 1), y=y + 11, learners=learners))
    return Markup("").join(parts)
