"""The pieces of a Markdown report: hidden line, tables, lists, folds; everything from files is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from reconciler.model.slots import Site
from reconciler.problems import Problem
from reconciler.report.common import truncate as fit
from reconciler.report.common.escape import code_span, comment_value, prose
from reconciler.report.common.truncate import ASIDE, BY_HAND, COMMENT_LIMIT, STOPS, WARNS, Item, Part
from reconciler.report.plan.view import ManualStep, Notice, Notices, after_by_hand, one_fix, problem_notice

LONGEST_VALUE, LONGEST_SENTENCE = 120, 600  # characters; no file needs more, and no text may push the rest out
MANY_WARNINGS = 10  # more of them are folded
FULL_REPORT = "Everything is in the saved plan: `reconciler show PLAN`."


def hidden(kind: str, site: Site, fingerprint: str) -> str:
    """The first line, which readers do not see and tools find: the report's kind and which plan it is about."""
    facts = {"target": site.target, "organisation": str(site.organisation), "fingerprint": fingerprint}
    listed = " ".join(f"{name}={comment_value(clipped(value, LONGEST_VALUE))}" for name, value in facts.items())
    return f"<!-- onefile-reconciler {kind} {listed} -->\n"


def clipped(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def value(text: str) -> str:
    """One value, as code in a table's cell."""
    return code_span(clipped(text, LONGEST_VALUE), cell=True)


def cell(text: str) -> str:
    """A sentence in a table's cell."""
    return prose(clipped(text, LONGEST_SENTENCE), cell=True)


def sentence(text: str) -> str:
    return prose(clipped(text, LONGEST_SENTENCE))


def heading(text: str, level: int = 3) -> str:
    return f"{'#' * level} {text}\n\n"


def caution(text: str) -> str:
    """A box in red on GitHub, a quotation elsewhere."""
    return f"> [!CAUTION]\n> {text}\n\n"


def row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def table_head(names: Sequence[str], right: Sequence[str] = ()) -> str:
    return row(names) + row("---:" if name in right else "---" for name in names)


def folded(title: str, inside: str = "") -> str:
    """The opening of a fold; its title must be our own words, since GitHub reads it as HTML. Ends with FOLD_END."""
    return f"<details><summary>{title}</summary>\n\n{inside}"


FOLD_END = "\n</details>\n\n"


def notice(one: Notice) -> str:
    """An entry of a list: where, what, which policy; then what to do, or the waiver that lets it pass."""
    place = f"{code_span(clipped(one.place, LONGEST_VALUE))}: " if one.place else ""
    mark = f" ({sentence(one.mark)})" if one.mark else ""
    every = f". {sentence(one.fix)}" if one.count > 1 else ""
    after = f"**Waived:** {sentence(one.waived)}{every}" if one.waived else f"**Fix:** {sentence(one.fix)}"
    return f"- {place}{sentence(one.what)}{mark}<br>{after}\n"


def with_one_fix(group: Sequence[Notice]) -> Iterator[str]:
    """The entries of several notices: the first has their fix before it, and all are listed below that."""
    mark = f" ({sentence(group[0].mark)})" if group[0].mark else ""
    head = f"- {one_fix(group)}{mark}<br>**Fix:** {sentence(group[0].fix)}\n"
    for one in group:
        place = f"{code_span(clipped(one.place, LONGEST_VALUE))}: " if one.place else ""
        yield f"{head}  - {place}{sentence(one.what)}\n"
        head = ""


def notices_part(group: Notices) -> Part:
    """A list that names how many there are; many that neither block nor set aside are folded."""
    tier = STOPS if group.stops else ASIDE if group.risky else WARNS
    items = tuple(
        Item(text, tier, group.counted, one.count)
        for some in group.gathered()
        for text, one in zip(with_one_fix(some) if len(some) > 1 else [notice(some[0])], some, strict=True)
    )
    head = heading(f"{group.title} ({group.count})")
    if not group.risky and len(items) > MANY_WARNINGS:
        return Part(items, head + folded(f"{len(items)} in all"), FOLD_END, always=True)
    return Part(items, head, "\n", always=True)


def manual_part(steps: Sequence[ManualStep], title: str) -> Part:
    names = ("learner", "what", "how, in OneFile", "step", "since")
    rows = (row(_step_cells(step)) for step in steps)
    head = heading(f"{title} ({len(steps)})") + table_head(names)
    items = tuple(Item(text, BY_HAND, "steps by hand") for text in rows)
    return Part(items, head, "\n" + after_lines(steps), always=True)


def after_lines(steps: Sequence[ManualStep]) -> str:
    """A paragraph for each way in which steps are closed."""
    said = ((code_span(command) if command else "", words) for command, words in after_by_hand(steps))
    return "".join(f"Afterwards: {command}{words}\n\n" for command, words in said)


def _step_cells(step: ManualStep) -> tuple[str, ...]:
    return value(step.who), cell(step.what), cell(step.how or step.page), value(step.id), cell(step.since)


def problems_part(problems: Sequence[Problem], title: str, tier: int) -> Part:
    items = tuple(Item(notice(problem_notice(one)), tier, title.lower()) for one in problems)
    return Part(items, heading(f"{title} ({len(items)})"), "\n", always=True)


def render_problems(problems: Sequence[Problem], *, limit: int = COMMENT_LIMIT) -> str:
    """Errors, then warnings, in at most `limit` bytes; no problems are no text."""
    errors = [problem for problem in problems if problem.severity == "error"]
    warnings = [problem for problem in problems if problem.severity == "warning"]
    parts = [
        problems_part(found, title, tier)
        for found, title, tier in ((errors, "Problems", fit.STOPS), (warnings, "Warnings", fit.WARNS))
        if found
    ]
    full = "Run the command again with its text format to see all."
    return fit.fit("", parts, "", limit=limit, full_report=full) if parts else ""
