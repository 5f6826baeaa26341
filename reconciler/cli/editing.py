"""What edits the declared files: fmt, replace, adopt."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING

import click

from reconciler.cli.output import Output, say_problems
from reconciler.cli.reports import plan_report
from reconciler.cli.shared import FILES, STATE, command, day_of
from reconciler.problems import ExitCode

if TYPE_CHECKING:
    from reconciler.report.handover import Form
    from reconciler.run.adopting import Adoption
    from reconciler.run.context import Context
    from reconciler.run.replacing import Replaced


@command(
    click.option("--check", is_flag=True, help="Write nothing; show what would change, and exit 2 if anything would."),
    STATE,
    service=False,
    files=False,
    examples=("reconciler fmt", "reconciler fmt --check"),
)
def fmt(context: Context, output: Output, check: bool) -> int:
    """Lay the declared files out as all are: keys in order, two spaces, one way of writing; comments stay.

    What is declared never changes. Exit 0: done, or nothing to do. 2: files would change (with --check).
    """
    from reconciler.report.edits import render_formatted
    from reconciler.run.formatting import fmt

    count, edits = fmt(context, check=check)
    changed = [(edit.path, edit.before, edit.after) for edit in edits]
    text = render_formatted(count, changed, written=not check, as_json=output.json)
    output.save(text)
    output.report(text)
    return ExitCode.CHANGES if check and changed else ExitCode.DONE


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
    from reconciler.run import replacing

    if (end or reason) and not cover:
        raise click.UsageError("--until and --reason are a cover's: give --cover as well.")
    if cover and (context.cohorts or context.learners):
        raise click.UsageError("a cover counts for every slot: --cohort and --learner cannot narrow it.")
    asked = replacing.Asked(who, by, start, cover, end, reason)
    done = replacing.replace(context, asked, dry_run=dry_run, plans=not no_plan)
    text = _replaced_json(done) if output.json else _replaced_text(done, output)
    output.save(text)
    output.report(text)
    say_problems([*done.notes, *(done.planned.why_blocked() if done.planned and output.is_bare else ())])
    return done.exit_code


def _replaced_text(done: Replaced, output: Output) -> str:
    from reconciler.report.edits import Place, render_edits
    from reconciler.report.fit import SMALLEST_LIMIT, size
    from reconciler.report.handover import hand_overs, render_handover

    markdown = output.form == "markdown"
    places = [Place(one.cohort, one.learner, one.slot.value) for one in done.taken]
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
    from reconciler.report.difference import render_difference
    from reconciler.report.handover import as_json, hand_overs
    from reconciler.report.jsonreport import problem_json

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


@command(
    click.option("--address", "addresses", multiple=True, metavar="ADDRESS", help="This slot, whatever the reason."),
    click.option("--all", "everything", is_flag=True, help="All that differs, not drift alone."),
    click.option("--add-staff", is_flag=True, help="Add whoever holds a slot and is not in staff.yaml."),
    click.option("--dry-run", is_flag=True, help="Show the edit, and write nothing."),
    *FILES[:3],
    files=False,
    examples=("reconciler adopt --dry-run", "reconciler adopt --cohort business-admin-l3-2026 --add-staff"),
    formats=("text", "markdown", "json"),
)
def adopt(
    context: Context, output: Output, addresses: tuple[str, ...], everything: bool, add_staff: bool, dry_run: bool
) -> int:
    """Accept what OneFile holds back into the files, with the smallest edit, so that drift can become a pull request.

    Takes what OneFile moved although the files did not; --all also takes what the files ask for and was not applied.
    A slot that is empty in OneFile becomes null. Writes files only, and all of them or none. Exit 0: adopted, or
    nothing to adopt. 3: refused. 7: some slots cannot be said in the files; the others were adopted.
    """
    from reconciler.run import adopting

    if addresses and everything:
        raise click.UsageError("--address names slots, --all takes every one: give one of the two.")
    wish = adopting.Wish(addresses, everything, add_staff)
    done = adopting.adopt(context, wish, dry_run=dry_run)
    text = _adopted_json(done) if output.json else _adopted_text(done, output)
    output.save(text)
    output.report(text)
    say_problems([*done.left, *done.remarks])
    return done.exit_code


def _adopted_text(done: Adoption, output: Output) -> str:
    from reconciler.report.edits import Row, render_edits, render_rows
    from reconciler.report.words import learner_words, number_of, slot_words

    markdown = output.form == "markdown"
    rows = [
        Row(
            one.change.cohort,
            learner_words(one.change.learner, one.change.label),
            slot_words(one.change.slot),
            one.was or "nobody",
            one.now or "nobody",
            one.shared,
        )
        for one in done.adopted
    ]
    if not rows and not done.left:
        return "Nothing to adopt.\n"
    must = "" if done.written else "would be "
    title = f"{number_of(len(rows), 'slot')} {must}adopted from OneFile"
    title += f", {number_of(len(done.left), 'slot')} left" if done.left else ""
    title += f"; new in staff.yaml: {', '.join(one.handle for one in done.new_staff)}" if done.new_staff else ""
    edited = [(edit.path, edit.before, edit.after) for edit in done.edits]
    half = output.limit // 2
    head = render_edits(title, [], edited, written=done.written, markdown=markdown, limit=half)
    return render_rows(rows, markdown=markdown, limit=half) + head if rows else head


def _adopted_json(done: Adoption) -> str:
    from reconciler.report.difference import render_difference
    from reconciler.report.jsonreport import problem_json

    document = {
        "exit_code": done.exit_code,
        "written": done.written,
        "adopted": [
            {
                "address": one.change.address,
                "label": one.change.label,
                "cohort": one.change.cohort,
                "was": one.was,
                "now": one.now,
                "in_defaults": one.shared,
            }
            for one in done.adopted
        ],
        "new_staff": [{"handle": one.handle, "id": one.id, "role": one.role.value} for one in done.new_staff],
        "edits": [
            {"file": edit.path, "difference": render_difference(edit.path, edit.before, edit.after)}
            for edit in done.edits
        ],
        "problems": [problem_json(problem) for problem in (*done.left, *done.remarks)],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
