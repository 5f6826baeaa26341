"""The caseload table in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.report.caseload.view import CaseloadLine
from reconciler.report.common import truncate as fit
from reconciler.report.common.markdown import FOLD_END, folded, row, table_head, value
from reconciler.report.common.truncate import Item, Part

MANY_UNCHANGED = 10
"""Number of unchanged caseloads above which they are folded."""

_COLUMNS = ("staff", "learners", "±", "default", "learning aim", "unit", "target", "max", "")
_NUMBERS = _COLUMNS[1:8]


def caseload_parts(lines: Sequence[CaseloadLine], title: str) -> Iterator[Part]:
    """Yield the table of caseloads that change or pass a limit, then the others, folded if they are many."""
    moved = [line for line in lines if line.before != line.after or line.mark]
    still = [line for line in lines if line not in moved]
    if len(still) <= MANY_UNCHANGED:
        moved, still = list(lines), []
    if moved:
        items = tuple(Item(_row(line), fit.CASELOAD, "caseloads") for line in moved)
        yield Part(items, title + table_head(_COLUMNS, _NUMBERS), "\n", always=True)
    if still:
        items = tuple(Item(_row(line), fit.REST, "unchanged caseloads") for line in still)
        head = ("" if moved else title) + folded(f"{len(still)} others, unchanged", table_head(_COLUMNS, _NUMBERS))
        yield Part(items, head, FOLD_END)


def gains(lines: Sequence[CaseloadLine]) -> str:
    """Return a sentence on the three largest gains and losses; the table has them all."""
    sentences = []
    for word, sign in (("Gain", 1), ("Lose", -1)):
        ranked = sorted((line for line in lines if line.gain * sign > 0), key=lambda line: -abs(line.gain))
        if ranked:
            named = ", ".join(f"{value(line.handle)} {line.gain:+d}" for line in ranked[:3])
            sentences.append(f"{word} learners: {named}{f' and {len(ranked) - 3} more' if len(ranked) > 3 else ''}.")
    return f"{' '.join(sentences) or 'Nobody gains or loses a learner.'}\n\n"


def _row(line: CaseloadLine) -> str:
    before, after = line.before, line.after
    numbers = (
        _from_to(before.learners, after.learners),
        f"{line.gain:+d}" if line.gain else "",
        _from_to(before.default, after.default),
        _from_to(before.learning_aim, after.learning_aim),
        _from_to(before.unit, after.unit),
        "" if line.target is None else str(line.target),
        "" if line.maximum is None else str(line.maximum),
    )
    return row((value(line.handle), *numbers, f"**{line.mark}**" if line.mark else ""))


def _from_to(before: int, after: int) -> str:
    return str(after) if before == after else f"{before} → {after}"
