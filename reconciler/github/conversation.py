"""Texts of the comments in a pull request: the report, what changed since, the next step, and where to read more."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from reconciler.github.markers import LARGEST_BODY, SavedPlan, fits, without_mark
from reconciler.model.structs import Struct
from reconciler.plan.since import PlanDifference
from reconciler.problems import ExitCode, Invalid, Problem, Source
from reconciler.report.common.line_links import LineLinks
from reconciler.report.common.markdown import problems_part
from reconciler.report.common.truncate import SMALLEST_LIMIT, STOPS, fit
from reconciler.report.since import render_markdown as render_since

_SECTION = "\n### "
"""The beginning of a report's first section: text of files cannot begin a line."""
_OF_A_RUN = re.compile(r"^## Plan for .*, made [-\d]+ [:\d]+ UTC$|^- [\d,]+ calls? to read, ")
"""Lines of a plan's headline that differ from run to run."""

_MOST_BYTES = 32_768
"""Bytes of a list of problems in a comment."""

_AFTER: Mapping[int, str] = {
    ExitCode.DONE: "Nothing: everything is done.",
    ExitCode.INVALID: "Nothing was written. Fix what is listed here in a new pull request.",
    ExitCode.STALE: "Run this job again. It plans again, and posts the plan if it is not the approved one.",
    ExitCode.BLOCKED: "Nothing was written. Fix what blocks in a new pull request, or run this job again later.",
    ExitCode.LOCKED: "Run this job again when the other run has ended.",
    ExitCode.INCOMPLETE: "Do the manual steps that are listed here, and run this job again for what failed.",
}
_AGAIN = "Run this job again. It starts from what OneFile holds then."


class Reading(Struct, frozen=True):
    """Links for a comment's reader: the run's page, and the artifact with the HTML page."""

    run_url: str = ""
    artifact_url: str = ""

    def line(self) -> str:
        """Render the links; empty without any."""
        links = (("The run", self.run_url), ("HTML page and saved plan", self.artifact_url))
        return ", ".join(f"[{words}]({url})" for words, url in links if url)


def plan_comment(
    body: str,
    saved: SavedPlan,
    reading: Reading,
    *,
    merged: int | None = None,
    since: PlanDifference | None = None,
    why: str = "",
) -> str:
    """Add to a plan's report, which ends with its headline, why it was not applied, what changed, and the next step.

    `merged` is the number of the pull request if it was merged already. The additions are left out if the comment would
    be too long.
    """
    headline, section, rest = body.partition(_SECTION)
    opening = "\n".join(filter(None, (headline.rstrip(), _bullets(_next_step(saved, merged), reading), why)))
    changed = _since(since, LARGEST_BODY - len(f"{opening}{section}{rest}".encode())) if since else ""
    whole = f"{opening}{changed}{section}{rest}"
    return whole if fits(whole) else body


def is_unchanged(comment: str, report: str) -> bool:
    """Return True if the comment shows this report of a plan; when and with how many calls it was made do not count."""
    headline, section, rest = report.partition(_SECTION)
    lines = {line for line in headline.splitlines() if line and not _OF_A_RUN.search(line)}
    return comment.rstrip().endswith(f"{section}{rest}".rstrip()) and lines <= set(comment.splitlines())


def failed_comment(head: str, why: str, reading: Reading) -> str:
    """Return the comment in place of a plan that could not be made."""
    step = "Fix what is listed here and push again. This comment is then updated." if why else "See the run."
    return (
        f"<!-- onefile-reconciler plan head={head} -->\n## No plan could be made of commit {head[:12]}\n\n"
        f"There is nothing to approve yet.\n\n{_bullets(step, reading)}\n{why}"
    )


def applied_comment(report: str, code: int, commit: str, reading: Reading) -> str:
    """Return the comment with what an apply did, or why it did nothing.

    The report's own mark is replaced: a second comment that begins like a plan would end the approval.
    """
    mark = f"<!-- onefile-reconciler apply commit={commit} -->\n"
    body = without_mark(report)
    if not body.startswith("## "):
        body = f"## Not applied\n\n{body}"
    headline, section, rest = body.partition(_SECTION)
    whole = f"{mark}{headline.rstrip()}\n\n{_bullets(_AFTER.get(code, _AGAIN), reading)}{section}{rest}"
    return whole if fits(whole) else f"{mark}{body}"


def problems_section(problems: Sequence[Problem], title: str, links: LineLinks) -> str:
    """Render problems under a heading with their number; without problems the text is empty."""
    if not problems:
        return ""
    full = "The run's log shows everything."
    section = fit("", [problems_part(problems, title, STOPS)], "", limit=_MOST_BYTES, full_report=full, links=links)
    return f"{section.rstrip()}\n"


def read_report(path: Path) -> str:
    """Return a report that a command wrote. Raises Invalid if it is no text."""
    try:
        return path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise Invalid(Problem("cannot be read as UTF-8", "Write the report again.", Source(str(path)))) from error


def read_problems(path: Path) -> list[Problem]:
    """Read the problems that a command wrote as JSON in place of its plan; none from another file."""
    try:
        rows = json.loads(path.read_bytes())["problems"]
        return [_problem(row) for row in rows]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []


def _problem(row: Mapping[str, object]) -> Problem:
    file, line = row["file"], row["line"]
    source = Source(str(file), int(str(line)) if line else 0) if file else None
    who = str(row.get("who", ""))
    problem = Problem(str(row["what"]), str(row["fix"]), source, where=str(row["where"] or ""), who=who)
    return problem._replace(severity="warning") if row["severity"] == "warning" else problem


def _next_step(saved: SavedPlan, merged: int | None) -> str:
    if saved.is_blocked and merged:
        return "Nothing was applied. Fix what blocks in the files, and open a new pull request."
    if saved.is_blocked:
        return "Fix what blocks in the files, and push again. Nothing can be applied until then."
    if saved.is_empty:
        return "Nothing: this changes nothing in OneFile, so nothing needs to be approved."
    if merged:
        return (
            "Nothing was applied, because this plan was not approved. Have another person read it and approve it with "
            f"`gh pr review {merged} --approve`, then run the failed job again."
        )
    return "Have another person read this plan and approve it. Exactly this is applied after the merge."


def _bullets(step: str, reading: Reading) -> str:
    line = reading.line()
    return f"- **Next step:** {step}\n" + (f"- {line}\n" if line else "")


def _since(found: PlanDifference, room: int) -> str:
    if found.is_empty:
        return ""
    if room >= SMALLEST_LIMIT:
        return f"\n#{render_since(found, limit=room - 2).rstrip()}\n"
    counts = f"{len(found.added)} new, {len(found.removed)} no longer planned, {len(found.altered)} different"
    return f"\n### Changed since the plan that was posted before: {counts}\n"
