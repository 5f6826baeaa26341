"""Which renderer makes a report in the format that was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.cli.output import Output, workspace
from reconciler.model.structs import replace

if TYPE_CHECKING:
    from reconciler.commands.apply import ApplyResult
    from reconciler.commands.plan import Planned
    from reconciler.report.validate import Declaration


def plan_text(planned: Planned, output: Output) -> str:
    from reconciler.report.plan.text import render_text

    return render_text(
        planned.plan,
        fingerprint=planned.fingerprint,
        colour=output.colour,
        width=output.width,
        verbose=output.verbose,
    )


def plan_report(planned: Planned, output: Output, *, limit: int | None = None) -> str:
    """`limit` is what Markdown has room for where the plan is not alone."""
    match output.form:
        case "json":
            from reconciler.plan.document import dumps

            return dumps(planned.document)
        case "markdown":
            from reconciler.report.plan.markdown import render_markdown

            return render_markdown(planned.plan, fingerprint=planned.fingerprint, limit=limit or output.limit)
        case "annotations":
            from reconciler.report.plan.annotations import render_annotations

            return render_annotations(planned.plan, workspace())
        case "html":
            from reconciler.report.plan.html import render_html

            return render_html(planned.plan, fingerprint=planned.fingerprint)
        case _:
            return plan_text(planned, output)


def outcome_report(done: ApplyResult, output: Output, *, printed: bool = False) -> str:
    """What an apply did, or what it would have done where nothing was begun. Text that is `printed` stands below the
    plan, which has told what is waived."""
    plan, fingerprint, outcomes = done.planned.plan, done.planned.fingerprint, done.outcomes
    problems = done.error.problems if done.error else ()
    if output.json:
        from reconciler.report.outcome.json import render_json

        return render_json(
            plan,
            outcomes,
            fingerprint=fingerprint,
            run=done.run,
            spent_calls=done.spent_calls,
            exit_code=done.exit_code,
            problems=problems,
        )
    if done.run is None:
        return plan_report(done.planned, output)
    from reconciler.report.outcome import html, markdown, text
    from reconciler.report.outcome.view import outcome_view

    view = outcome_view(
        plan,
        outcomes,
        fingerprint=fingerprint,
        run=done.run,
        spent_calls=done.spent_calls,
        problems=problems,
        checked_out=done.here,
    )
    match output.form:
        case "markdown":
            return markdown.render_markdown(view, limit=output.limit)
        case "html":
            return html.render_html(view)
    if printed or not plan.operations:
        view = replace(view, waived=replace(view.waived, items=()))
    report = text.render_text(view, colour=output.colour, width=output.width)
    # where nothing was to be written nobody was asked, so the plan has not been shown: it says why not
    return report if plan.operations else f"{plan_text(done.planned, output)}\n{report}"


def declaration_report(declaration: Declaration, output: Output) -> str:
    from reconciler.report import validate as report

    match output.form:
        case "json":
            return report.render_json(declaration)
        case "markdown":
            return report.render_markdown(declaration, limit=output.limit)
        case "annotations":
            from reconciler.report.problems.annotations import render_annotations

            return render_annotations(declaration.warnings, workspace())
        case _:
            return report.render_text(declaration, colour=output.colour, width=output.width)
