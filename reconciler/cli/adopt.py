"""What edits the declared files: fmt, replace, adopt."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import FILES, command
from reconciler.cli.output import Output, say_problems

if TYPE_CHECKING:
    from reconciler.commands.adopt import Adoption
    from reconciler.runtime.context import Context


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
    from reconciler.commands import adopt as adopting

    if addresses and everything:
        raise click.UsageError("--address names slots, --all takes every one: give one of the two.")
    wish = adopting.AdoptOptions(addresses, everything, add_staff)
    done = adopting.adopt(context, wish, dry_run=dry_run)
    text = _adopted_json(done) if output.json else _adopted_text(done, output)
    output.save(text)
    output.report(text)
    say_problems([*done.left, *done.remarks])
    return done.exit_code


def _adopted_text(done: Adoption, output: Output) -> str:
    from reconciler.report.common.words import learner_words, slot_words
    from reconciler.report.edits import Row, render_edits, render_rows
    from reconciler.text import number_of

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
    from reconciler.report.edits import render_difference
    from reconciler.report.problems.json import problem_json

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
