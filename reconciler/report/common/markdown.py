"""Parts of a Markdown report: hidden line, tables, lists, folds; everything from files is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from reconciler.model.slots import Site
from reconciler.problems import Problem
from reconciler.report.common.escape import code_span, comment_value, prose
from reconciler.report.common.manual_steps import ManualStep, ways_to_close
from reconciler.report.common.notices import Notice, Notices, problem_notice, same_fix
from reconciler.report.common.truncate import ASIDE, BY_HAND, STOPS, WARNS, Item, Part

LONGEST_VALUE, LONGEST_SENTENCE = 120, 600  # characters; no file needs more, and no text may push the rest out
MANY_WARNINGS = 10  # more of them are folded
FULL_REPORT = "Everything is in the saved plan: `reconciler show PLAN`."
FOLD_END = "\n</details>\n\n"


def hidden(kind: str, site: Site, fingerprint: str) -> str:
    """Return the first line, hidden from readers: the report's kind and the plan that it is about."""
    facts = {"target": site.target, "organisation": str(site.organisation), "fingerprint": fingerprint}
    listed = " ".join(f"{name}={comment_value(clipped(value, LONGEST_VALUE))}" for name, value in facts.items())
    return f"<!-- onefile-reconciler {kind} {listed} -->\n"


def clipped(text: str, longest: int) -> str:
    """Return the text, cut to *longest* characters with an ellipsis."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def value(text: str) -> str:
    """Render one value as code for a table's cell."""
    return code_span(clipped(text, LONGEST_VALUE), cell=True)


def cell(text: str) -> str:
    """Render a sentence for a table's cell."""
    return prose(clipped(text, LONGEST_SENTENCE), cell=True)


def sentence(text: str) -> str:
    """Render a sentence outside a table."""
    return prose(clipped(text, LONGEST_SENTENCE))


def heading(text: str, level: int = 3) -> str:
    """Render a heading; its text must be escaped."""
    return f"{'#' * level} {text}\n\n"


def caution(text: str) -> str:
    """Render a box that is red on GitHub and a quotation elsewhere."""
    return f"> [!CAUTION]\n> {text}\n\n"


def row(cells: Iterable[str]) -> str:
    """Render a table's row of escaped cells."""
    return f"| {' | '.join(cells)} |\n"


def table_head(names: Sequence[str], right: Sequence[str] = ()) -> str:
    """Render a table's head; the columns in *right* are right-aligned."""
    return row(names) + row("---:" if name in right else "---" for name in names)


def folded(title: str, inside: str = "") -> str:
    """Render the opening of a fold, to be closed with FOLD_END.

    The title must be our own words, because GitHub reads it as HTML.
    """
    return f"<details><summary>{title}</summary>\n\n{inside}"


def notice_entry(notice: Notice) -> str:
    """Render an entry of a list: place, finding, policy; then the fix, or the waiver."""
    mark = f" ({sentence(notice.mark)})" if notice.mark else ""
    every = f". {sentence(notice.fix)}" if notice.count > 1 else ""
    after = f"**Waived:** {sentence(notice.waived)}{every}" if notice.waived else f"**Fix:** {sentence(notice.fix)}"
    return f"- {_place(notice)}{sentence(notice.what)}{mark}<br>{after}\n"


def same_fix_entries(group: Sequence[Notice]) -> Iterator[str]:
    """Yield the entries of notices with the same fix; the first has the fix before it."""
    mark = f" ({sentence(group[0].mark)})" if group[0].mark else ""
    head = f"- {same_fix(group)}{mark}<br>**Fix:** {sentence(group[0].fix)}\n"
    for notice in group:
        yield f"{head}  - {_place(notice)}{sentence(notice.what)}\n"
        head = ""


def _place(notice: Notice) -> str:
    return f"{code_span(clipped(notice.place, LONGEST_VALUE))}: " if notice.place else ""


def notices_part(group: Notices) -> Part:
    """Return a list with its count in the heading; many that neither block nor set aside are folded."""
    tier = STOPS if group.stops else ASIDE if group.risky else WARNS
    items = tuple(
        Item(text, tier, group.counted, notice.count)
        for notices in group.grouped()
        for text, notice in zip(
            same_fix_entries(notices) if len(notices) > 1 else [notice_entry(notices[0])], notices, strict=True
        )
    )
    head = heading(f"{group.title} ({group.count})")
    if not group.risky and len(items) > MANY_WARNINGS:
        return Part(items, head + folded(f"{len(items)} in all"), FOLD_END, always=True)
    return Part(items, head, "\n", always=True)


def manual_part(steps: Sequence[ManualStep], title: str) -> Part:
    """Return the table of manual steps, with the ways to close them below it."""
    names = ("learner", "what", "how, in OneFile", "step", "since")
    rows = (row(_step_cells(step)) for step in steps)
    head = heading(f"{title} ({len(steps)})") + table_head(names)
    items = tuple(Item(text, BY_HAND, "manual steps") for text in rows)
    return Part(items, head, "\n" + closing_paragraphs(steps), always=True)


def closing_paragraphs(steps: Sequence[ManualStep]) -> str:
    """Render a paragraph for each way in which the steps are closed."""
    ways = ((code_span(command) if command else "", words) for command, words in ways_to_close(steps))
    return "".join(f"Afterwards: {command}{words}\n\n" for command, words in ways)


def _step_cells(step: ManualStep) -> tuple[str, ...]:
    return value(step.who), cell(step.what), cell(step.how or step.page), value(step.id), cell(step.since)


def problems_part(problems: Sequence[Problem], title: str, tier: int) -> Part:
    """Return a list of problems with its count in the heading."""
    items = tuple(Item(notice_entry(problem_notice(problem)), tier, title.lower()) for problem in problems)
    return Part(items, heading(f"{title} ({len(items)})"), "\n", always=True)
