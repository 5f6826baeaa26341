"""Parts of a Markdown report: hidden line, tables, lists, folds; everything from files is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.model.slots import Site
from reconciler.problems import Problem
from reconciler.report.common.escape import code_span, comment_value, prose
from reconciler.report.common.manual_steps import ManualStep, Task, tasks_of, ways_to_close
from reconciler.report.common.notices import Cause, Notice, Notices, problem_notice
from reconciler.report.common.truncate import ASIDE, BY_HAND, STOPS, WARNS, Item, Part

LONGEST_VALUE, LONGEST_SENTENCE = 120, 600  # characters; no file needs more, and no text may push the rest out
MANY_WARNINGS = 10  # more of them are folded
FULL_REPORT = "Everything is in the saved plan: `reconciler show PLAN`."
FOLD_END = "\n</details>\n\n"


def hidden(kind: str, site: Site, fingerprint: str, future: str = "") -> str:
    """Return the first line, hidden from readers: the report's kind and the plan that it is about.

    `future` is the digest of the later changes that the report shows.
    """
    facts = {"target": site.target, "organisation": str(site.organisation), "fingerprint": fingerprint}
    if future:
        facts["future"] = future
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


def who_cell(who: str, learners: Sequence[str]) -> str:
    """Render a learner as code for a table's cell, or several in words."""
    return cell(who) if learners else value(who)


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
    return cause_entry(Cause((notice,)))


def cause_entry(cause: Cause) -> str:
    """Render the notices of one cause; several are a list below their fix."""
    notice, lines = cause.first, list(cause.lines())
    mark = f" ({sentence(notice.mark)})" if notice.mark else ""
    every = f". {sentence(notice.fix)}" if notice.count > 1 else ""
    after = f"**Waived:** {sentence(notice.waived)}{every}" if notice.waived else f"**Fix:** {sentence(notice.fix)}"
    if len(lines) == 1:
        return f"- {_line(*lines[0])}{mark}<br>{after}\n"
    listed = "".join(f"  - {_line(place, what)}\n" for place, what in lines)
    return f"- {cause.title}{mark}<br>{after}\n{listed}"


def _line(place: str, what: str) -> str:
    return f"{code_span(clipped(place, LONGEST_VALUE))}: {sentence(what)}" if place else sentence(what)


def notices_part(group: Notices) -> Part:
    """Return a list with its count in the heading; many that neither block nor set aside are folded."""
    tier = STOPS if group.stops else ASIDE if group.risky else WARNS
    items = tuple(
        Item(cause_entry(cause), tier, group.counted, sum(item.count for item in cause.items))
        for cause in group.causes()
    )
    head = heading(f"{group.title} ({group.count})")
    if not group.risky and len(items) > MANY_WARNINGS:
        return Part(items, head + folded(f"{len(items)} in all"), FOLD_END, always=True)
    return Part(items, head, "\n", always=True)


def manual_part(steps: Sequence[ManualStep], title: str) -> Part:
    """Return each instruction once with its learners and steps, and the ways to close them below."""
    items = tuple(Item(_task(task), BY_HAND, "manual steps", len(task.steps)) for task in tasks_of(steps))
    return Part(items, heading(f"{title} ({len(steps)})"), "\n" + closing_paragraphs(steps), always=True)


def _task(task: Task) -> str:
    where = sentence(f"{task.page}. {task.how}" if task.how else task.page)
    if len(task.steps) == 1:
        listed = sentence(task.steps[0].name)
    else:
        names = ((code_span(clipped(step.who, LONGEST_VALUE)), sentence(step.name)) for step in task.shown)
        listed = ", ".join(f"{who} ({name})" for who, name in names)
    more = f", and {task.left:,} more: `reconciler history --steps`" if task.left else ""
    head = f"**{code_span(clipped(task.who, LONGEST_VALUE))}: {sentence(task.what)}**"
    return f"- {head}<br>{where}<br>{listed}{more}\n"


def closing_paragraphs(steps: Sequence[ManualStep]) -> str:
    """Render a paragraph for each way in which the steps are closed."""
    ways = ((code_span(command) if command else "", words) for command, words in ways_to_close(steps))
    return "".join(f"Afterwards: {command}{words}\n\n" for command, words in ways)


def problems_part(problems: Sequence[Problem], title: str, tier: int) -> Part:
    """Return a list of problems with its count in the heading."""
    return listed_part(tuple(map(problem_notice, problems)), title, tier)


def listed_part(notices: tuple[Notice, ...], title: str, tier: int) -> Part:
    """Return a list of notices with its count in the heading."""
    group = Notices(title, title.lower(), notices)
    items = tuple(Item(cause_entry(cause), tier, group.counted, len(cause.items)) for cause in group.causes())
    return Part(items, heading(f"{title} ({len(notices)})"), "\n", always=True)
