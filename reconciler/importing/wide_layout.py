"""Headings of a table with one row for each learner: known, renamed by the settings, or close to a known one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher

from reconciler.importing.csv_file import LONG, NEAR, Layout, Sheet, is_long
from reconciler.model.table_columns import KEYS, WORDS, Column, column_of, suggestion
from reconciler.problems import Problem, Source
from reconciler.text import listed, quoted

_SINGLE = ("default_assessor", "default_employer")
_SLIPS = tuple(word for word in (*WORDS, *_SINGLE) if word != "id")  # too short to be recognised in a slip
_HOLDERS = (*_SINGLE, "learning_aim[41240].assessor", "unit[KS_COMM1].iqa")
_IGNORED = Column("ignore")


def layout_of(columns: Mapping[str, str]) -> Callable[[Sequence[str]], Layout]:
    """Return the choice of a layout: one row for each slot if there is a column for the slot, else for each learner.

    *columns* are the meanings of headings, as the settings say.
    """
    wide = Layout(
        lambda cell: column_of(cell, columns) is not None,
        lambda cells, line, sheet: _header(cells, line, sheet, columns),
    )
    return lambda cells: LONG if is_long(cells) else wide


def _header(cells: Sequence[str], line: int, sheet: Sheet, columns: Mapping[str, str]) -> dict[int, str] | None:
    meanings = {place: column_of(cell, columns) for place, cell in enumerate(cells) if cell.strip()}
    known = {place: column for place, column in meanings.items() if column and column != _IGNORED}
    unknown = {place: cells[place].strip() for place, column in meanings.items() if column is None}
    sheet.unread += [place + 1 for place in unknown]
    for name, count in Counter(column.name for column in known.values()).items():
        if count > 1:
            sheet.problem(line, f"{count} columns are {name}", "Rename or remove all but one of them.")
    names = {column.name for column in known.values()}
    sheet.problems += _near(unknown, names, line, sheet.file)
    if not sheet.problems:
        sheet.problems += _missing({column.meaning for column in known.values()}, line, sheet.file)
    return None if sheet.problems else {place: column.name for place, column in known.items()}


def _near(unknown: Mapping[int, str], known: set[str], line: int, file: str) -> Iterator[Problem]:
    """Report headings that probably mean what no other column is.

    The others are not repeated, because they may be somebody's names.
    """
    likely = {
        heading: meaning for heading in unknown.values() if (meaning := suggestion(heading)) and meaning not in known
    }
    if likely:
        headings = listed(map(quoted, likely), "and")
        what = f"the settings do not say what the {'headings mean' if len(likely) > 1 else 'heading means'}: {headings}"
        fix = "Correct and add these lines in settings.yaml; a column that is something else is `ignore`."
        lines = ("import:", "  columns:", *(f"    {_key(heading)}: {meaning}" for heading, meaning in likely.items()))
        yield Problem(what, fix, Source(file, line), lines=lines)
    for place, heading in unknown.items():
        near = [word for word in _SLIPS if word not in known and _is_slip(heading, word)]
        if near and heading not in likely:
            what = f"the heading of column {place + 1} is almost {near[0]}, so the column would not be read"
            fix = f"Rename it to {near[0]}, or give it a different name if it is something else."
            yield Problem(what, fix, Source(file, line))


def _is_slip(heading: str, word: str) -> bool:
    return SequenceMatcher(None, heading.lower().replace(" ", "_"), word).ratio() >= NEAR


def _key(heading: str) -> str:
    plain = heading.replace(" ", "").replace("-", "").replace("_", "").isalnum() and not heading[0].isdigit()
    return heading if plain else quoted(heading).replace("'", '"')


def _missing(meanings: set[str], line: int, file: str) -> Iterator[Problem]:
    if not meanings & set(KEYS):
        fix = (
            "Name a column learner, id or misid, or say in settings.yaml, under import: columns, which one it is. "
            "Remove lines above the headings."
        )
        yield Problem("no column says who the learner is", fix, Source(file, line))
    elif "learner" in meanings and len(meanings & set(KEYS)) > 1:
        yield Problem("learner is beside id or misid", "Keep learner alone, or id and misid.", Source(file, line))
    elif not meanings & {"slot", "additional", "cohort"}:
        fix = f"Name columns cohort, {listed(_HOLDERS, 'or')}, or say in settings.yaml, under import: columns, which."
        yield Problem("no column says who is assigned, or the cohort", fix, Source(file, line))
