"""Parts shared by reports in plain text: notices and manual steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.report.common.manual_steps import ManualStep, tasks_of, ways_to_close
from reconciler.report.common.notices import Cause, Notices
from reconciler.report.common.terminal import BOLD, RED, YELLOW, Page


def notices_lines(page: Page, group: Notices) -> Iterator[str]:
    """Yield the group's heading, then each notice; several with the same fix print it once."""
    code = RED if group.risky else BOLD if group.items[0].waived else YELLOW
    yield from page.title(f"{group.title} ({group.count})", code)
    for cause in group.causes():
        yield from cause_lines(page, cause)


def cause_lines(page: Page, cause: Cause) -> Iterator[str]:
    """Yield the lines of one cause, then its fix or waiver once."""
    notice, lines = cause.first, list(cause.lines())
    mark = f" [{notice.mark}]" if notice.mark else ""
    for place, what in lines:
        yield from page.wrap(f"{place}: {what}" if place else what, first=2)
    if notice.waived:
        yield from page.wrap(f"Waived: {notice.waived}{mark}", first=4)
        if notice.count > 1:
            yield from page.wrap(notice.fix, first=4)
    else:
        yield from page.wrap(f"Fix: {notice.fix}{mark}", first=4)


def manual_lines(page: Page, steps: Sequence[ManualStep], title: str) -> Iterator[str]:
    """Yield the heading, each instruction once with its learners and step ids, and how steps are closed."""
    if not steps:
        return
    yield from page.title(f"{title} ({len(steps)})")
    for task in tasks_of(steps):
        alone = f" ({task.steps[0].name})" if len(task.steps) == 1 else ""
        yield from page.wrap(f"{task.who}: {task.what}: {task.page}{alone}", first=2)
        yield from page.wrap(task.how, first=4)
        if not alone:
            listed = ", ".join(f"{step.who} ({step.name})" for step in task.shown)
            more = f", and {task.left:,} more: reconciler history --steps" if task.left else ""
            yield from page.wrap(f"{listed}{more}", first=4)
    yield from closing_lines(page, steps)


def closing_lines(page: Page, steps: Sequence[ManualStep]) -> Iterator[str]:
    """Yield a line for each way in which the steps are closed."""
    for command, words in ways_to_close(steps):
        yield from page.wrap(f"Afterwards: {command}{words}", first=4)
