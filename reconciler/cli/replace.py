"""What edits the declared files: fmt, replace, adopt."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import FILES, command, day_of
from reconciler.cli.output import Output, say_problems
from reconciler.cli.render import plan_report

if TYPE_CHECKING:
    from reconciler.commands.replace import Replaced
    from reconciler.report.plan.handover import Form
    from reconciler.runtime.context import Context


@command(
    click.argument("who", metavar="STAFF"),
    click.option("--by", required=True, metavar="STAFF", help="The handle of who takes over."),
    click.option(
        "--from", "start", callback=day_of, metavar="DATE", help="The first day; both days count, past or not."
    ),
    click.option(
        "--cover", is_flag=True, help="Write a stand-in into staff.yaml instead; the slots stay whose they are."
    ),
    click.option("--until", "end", callback=day_of, metavar="DATE", help="The cover's last day. [default: for good]"),
    click.option("--reason", default="", metavar="TEXT", help="The cover's reason, for everybody to read."),
    click.option("--dry-run", is_flag=True, help="Show the edit, and write nothing."),
    click.option("--no-plan", is_flag=True, help="Do not read OneFile for the plan."),
    *FILES[:3],
    files=False,
    examples=(
        "reconciler replace james-fayre --by kate-anderson --from 2027-01-01",
        "reconciler replace james-fayre --by kate-anderson --cover --from 2027-02-01 --until 2027-04-30",
    ),
    formats=("text", "markdown", "json"),
)
def replace(
    context: Context,
    output: Output,
    who: str,
    by: str,
    start: date | None,
    cover: bool,
    end: date | None,
    reason: str,
    dry_run: bool,
    no_plan: bool,
) -> int:
    """Put one member of staff in another's place in the files, print the plan of it, and what people hand over.

    STAFF gives way in every slot that the files give them: defaults, learning aims, units, additional people. Without
    --from this goes for every time that has not ended; with it, their entries end on the day before. Writes
    files only, and all of them or none. The plan is of those who change hands, without limits by share. Exit 0: edited.
    3: refused, nothing written. 5: edited, but the plan is blocked.
    """
    from reconciler.commands import replace as replacing

    if (end or reason) and not cover:
        raise click.UsageError("--until and --reason are a cover's: give --cover as well.")
    if cover and (context.cohorts or context.learners):
        raise click.UsageError("a cover counts for every slot: --cohort and --learner cannot narrow it.")
    asked = replacing.ReplaceRequest(who, by, start, cover, end, reason)
    done = replacing.replace(context, asked, dry_run=dry_run, plans=not no_plan)
    text = _replaced_json(done) if output.json else _replaced_text(done, output)
    output.save(text)
    output.report(text)
    say_problems([*done.notes, *(done.planned.why_blocked() if done.planned and output.is_bare else ())])
    return done.exit_code


def _replaced_text(done: Replaced, output: Output) -> str:
    from reconciler.report.common.truncate import SMALLEST_LIMIT, size
    from reconciler.report.edits import EditedSlot, render_edits
    from reconciler.report.plan.handover import hand_overs, render_handover

    markdown = output.form == "markdown"
    places = [EditedSlot(one.cohort, one.learner, one.slot.value) for one in done.taken]
    edited = [(edit.path, edit.before, edit.after) for edit in done.edits]
    share = output.limit // 4
    head = render_edits(done.title, places, edited, written=done.written, markdown=markdown, limit=share)
    form: Form = "markdown" if markdown else "text"
    rows = hand_overs(done.handed, done.successors)
    hands = render_handover(rows, done.handles, form, colour=output.colour, width=output.width, limit=share)
    if not done.planned:
        return f"{head}\n{hands}"
    left = output.limit - size(f"{head}\n\n{hands}")
    if markdown and left < SMALLEST_LIMIT:
        return f"{head}\nThe plan has no room here: see `reconciler plan`.\n\n{hands}"
    return f"{head}\n{plan_report(done.planned, output, limit=left)}\n{hands}"


def _replaced_json(done: Replaced) -> str:
    from reconciler.report.edits import render_difference
    from reconciler.report.plan.handover import as_json, hand_overs
    from reconciler.report.problems.json import problem_json

    document = {
        "who": done.asked.who,
        "by": done.asked.by,
        "day": done.day.isoformat(),
        "cover": done.asked.cover,
        "written": done.written,
        "edits": [
            {"file": edit.path, "difference": render_difference(edit.path, edit.before, edit.after)}
            for edit in done.edits
        ],
        "slots": [
            {"cohort": one.cohort, "learner": one.learner, "type": one.slot.value, "key": one.key} for one in done.taken
        ],
        "plan": done.planned.document if done.planned else None,
        "handover": [as_json(row, done.handles) for row in hand_overs(done.handed, done.successors)],
        "problems": [problem_json(problem) for problem in done.notes],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
