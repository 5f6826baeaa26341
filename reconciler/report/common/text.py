"""Parts shared by reports in plain text: notices and manual steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.report.common.manual_steps import ManualStep, ways_to_close
from reconciler.report.common.notices import Notice, Notices, same_fix
from reconciler.report.common.terminal import BOLD, RED, YELLOW, Page


def notices_lines(page: Page, group: Notices) -> Iterator[str]:
    """Yield the group's heading, then each notice; several with the same fix print it once."""
    code = RED if group.risky else BOLD if group.items[0].waived else YELLOW
    yield from page.title(f"{group.title} ({group.count})", code)
    for notices in group.grouped():
        yield from _same_fix(page, notices) if len(notices) > 1 else _notice(page, notices[0])


def _notice(page: Page, notice: Notice) -> Iterator[str]:
    what = f"{notice.what} [{notice.mark}]" if notice.mark else notice.what
    if notice.waived:
        yield from page.wrap(f"{notice.place}: {what}" if notice.place else what, first=2)
        yield from page.wrap(f"Waived: {notice.waived}", first=4)
        if notice.count > 1:
            yield from page.wrap(notice.fix, first=4)
    else:
        yield from page.notice(notice.place, what, notice.fix)


def _same_fix(page: Page, group: Sequence[Notice]) -> Iterator[str]:
    mark, fix = group[0].mark, group[0].fix
    yield from page.notice("", f"{same_fix(group)} [{mark}]" if mark else same_fix(group), fix)
    for notice in group:
        yield from page.wrap(f"{notice.place}: {notice.what}" if notice.place else notice.what, first=4)


def manual_lines(page: Page, steps: Sequence[ManualStep], title: str) -> Iterator[str]:
    """Yield the heading, each manual step with its instructions, and how steps are closed."""
    if not steps:
        return
    yield from page.title(f"{title} ({len(steps)})")
    for step in steps:
        name = f"step {step.id}, {step.since}" if step.since else f"step {step.id}"
        yield from page.wrap(f"{step.who}: {step.what}: {step.page} ({name})", first=2)
        yield from page.wrap(step.how, first=4)
    yield from closing_lines(page, steps)


def closing_lines(page: Page, steps: Sequence[ManualStep]) -> Iterator[str]:
    """Yield a line for each way in which the steps are closed."""
    for command, words in ways_to_close(steps):
        yield from page.wrap(f"Afterwards: {command}{words}", first=4)
