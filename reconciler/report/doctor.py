"""Report of doctor: each check with its mark and fix, as text and JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from reconciler.doctor.checks import Check, CheckStatus, Checkup, Name
from reconciler.plan.document import FORMAT
from reconciler.report.common.terminal import BOLD, GREEN, RED, YELLOW, Page
from reconciler.text import number_of

_MARKS: Mapping[CheckStatus, tuple[str, str, int]] = {
    CheckStatus.FINE: ("✓", "+", GREEN),
    CheckStatus.FAILED: ("✗", "x", RED),
    CheckStatus.UNKNOWN: ("?", "?", YELLOW),
    CheckStatus.NOTHING: ("–", "-", 0),
    CheckStatus.SKIPPED: ("–", "-", 0),
}
_TOTALS = {
    CheckStatus.FINE: "fine",
    CheckStatus.FAILED: "failed",
    CheckStatus.UNKNOWN: "not known",
    CheckStatus.NOTHING: "not needed",
    CheckStatus.SKIPPED: "skipped",
}


_NAMES = max(len(name.value) for name in Name)


def render_check(check: Check, *, colour: bool = False, plain: bool = False, width: int = 100) -> str:
    """Render one check, as soon as it is made."""
    page = Page(width, colour)
    return page.text([*_rows(page, check, plain)])


def render_text(
    checkup: Checkup,
    *,
    printed: Collection[Check] = (),
    colour: bool = False,
    plain: bool = False,
    width: int = 100,
) -> str:
    """Render one line per check with its fix below it, then the totals; *plain* writes the marks in ASCII.

    Checks that are *printed* already are left out.
    """
    page = Page(width, colour)
    lines = [line for check in checkup.checks if check not in printed for line in _rows(page, check, plain)]
    ends = Counter(check.verdict for check in checkup.checks)
    totals = ", ".join(f"{ends[verdict]} {word}" for verdict, word in _TOTALS.items() if ends[verdict])
    run = f"; the canary is run {checkup.run} in the journal" if checkup.run is not None else ""
    lines += ["", page.paint(BOLD, f"{totals}; {number_of(checkup.calls, 'call')} made{run}")]
    return page.text(lines)


def _rows(page: Page, check: Check, plain: bool) -> Iterator[str]:
    tick, ascii_tick, code = _MARKS[check.verdict]
    mark = ascii_tick if plain else tick
    first, *rest = page.wrap(f"{check.name.value:<{_NAMES}}  {check.result}", first=2, rest=_NAMES + 4)
    yield f"{page.paint(code, mark) if code else mark} {first[2:]}"
    yield from rest
    for line in check.details:
        yield from page.wrap(line, first=_NAMES + 4, rest=_NAMES + 6)
    if check.fix:
        word = "Fix" if check.verdict is CheckStatus.FAILED else "Next"
        yield from page.wrap(f"{word}: {check.fix}", first=_NAMES + 4, rest=_NAMES + 6)


def render_json(checkup: Checkup) -> str:
    """Render the checks for programs."""
    document = {
        "reconciler_format": FORMAT,
        "exit_code": int(checkup.exit_code),
        "calls": checkup.calls,
        "run": checkup.run,
        "checks": [
            {
                "name": check.name.value,
                "verdict": check.verdict.value,
                "found": check.result,
                "details": list(check.details),
                "fix": check.fix,
            }
            for check in checkup.checks
        ],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
