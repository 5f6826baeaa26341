"""Whole reports of saved plans, file against file: a folder of tests/cases/reports is a test.

`python -m tests.report.test_cases` writes what the program prints now; read the difference before it is committed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import pytest

from reconciler.commands.plan import Planned
from reconciler.commands.plan_file import load
from reconciler.model.declared import Allowance, Limits, Settings, Waiver
from reconciler.model.plan import Finding, Plan
from reconciler.model.slots import Handle, OrganisationId, Unread
from reconciler.model.structs import replace
from reconciler.plan.document import dumps
from reconciler.plan.loosened_settings import stricter
from reconciler.problems import Problem, Source
from reconciler.report.common.annotations import Workspace
from reconciler.report.plan import annotations, markdown, text
from tests.factories import (
    AIM,
    AIM_IQA,
    DEFAULT,
    HANDLES,
    JAMES,
    KATE,
    LEARNER,
    LEE,
    OSCAR,
    PRIYA,
    UNIT,
    additional,
    change,
    plan_of,
)
from tests.report.plans import REMOVAL, everything

FOLDER = Path(__file__).parents[1] / "cases" / "reports"
PLACE = Workspace("/repository", "/repository")
BASE = "4f2a9c1d8e7b6a5f4e3d2c1b0a9f8e7d6c5b4a39"

NASTY = "a|b`c\\ [x](http://example.org) ![i](u) @kate #12 <script>alert(1)</script> &amp; \u202eevil\x1b[2J\n- x"


def blocked() -> Plan:
    """Nothing but what a limit and a policy refuse, and one learner set aside."""
    whole = plan_of(
        [
            change(DEFAULT, KATE, JAMES),
            change(AIM_IQA, PRIYA, OSCAR),
            change(AIM, KATE, JAMES, learner=200005, label="", action="no-op", blocked="archived in OneFile"),
        ]
    )
    finding = Finding("iqa_independent", "error", "LRN-0042: oscar-lind assesses too", "Declare another IQA.", LEARNER)
    return replace(
        whole,
        refusals=(Problem("the plan reassigns 2 of 3 declared slots", "Waive it.", where="limits.reassign"),),
        findings=(replace(finding, source=Source("state/cohorts/care.yaml", 14)),),
        problems=(Problem("learner 200005 is archived", "Remove the learner.", Source("state/cohorts/care.yaml", 4)),),
    )


def pending() -> Plan:
    """One change that the files bring, beside three that were pending or drifting before."""
    before = [
        change(DEFAULT, KATE, JAMES, learner=200006, label="LRN-0044", reason="drift"),
        change(UNIT, None, KATE, learner=200006, label="LRN-0044"),
        change(additional(LEE), Unread.UNREADABLE, LEE, learner=200006, label="LRN-0044"),
    ]
    rows = [change(AIM, KATE, JAMES), *(replace(one, pending=True) for one in before)]
    old = Finding("coverage", "warn", "LRN-0044: no IQA", "Declare one.", LEARNER, pending=True)
    return replace(plan_of(rows), base=BASE, findings=(old, replace(old, what="LRN-0042: no IQA", pending=False)))


def hostile() -> Plan:
    """Text that would be markup, a command or a trick, wherever files and OneFile can put it."""
    line = Source(f"state/cohorts/{NASTY[:30]}.yaml", 3)
    changes = [
        change(DEFAULT, KATE, JAMES, label=NASTY[:80], cohort=NASTY),
        change(UNIT._replace(key=NASTY), KATE, JAMES, label=NASTY[20:90], cohort=NASTY),
        change(AIM, KATE, JAMES, learner=200005, label="|", cohort=NASTY, action="no-op", blocked=NASTY),
    ]
    step = replace(REMOVAL, label=NASTY[:80], page=NASTY, cohort=NASTY)
    return replace(
        plan_of([replace(one, source=line) for one in changes], manual=(step,)),
        problems=(Problem(NASTY, NASTY, line), Problem(NASTY, NASTY, line, severity="warning")),
        findings=(Finding("coverage", "warn", NASTY, NASTY, LEARNER, waived=NASTY),),
        handles={**HANDLES, KATE: Handle("<b>kate</b>|@anderson")},
    )


def loosened() -> Plan:
    """A change of the files that loosens a limit and privacy, and waives for itself, above what it is refused for."""
    base = Settings(OrganisationId(5740), limits=Limits(reassign=Allowance(1, 0.3)))
    line = Source("state/settings.yaml", 9)
    waiver = Waiver("limit_reassign", "mine", "me", date(2027, 1, 31), source=line, run=True)
    source = Source("state/settings.yaml", 3)
    files = replace(base, limits=Limits(reassign=Allowance(50)), names="always", waivers=(waiver,), source=source)
    whole = plan_of([change(DEFAULT, KATE, JAMES), change(AIM_IQA, PRIYA, OSCAR)])
    refusal = Problem("the plan reassigns 2 of 2 declared slots", "Waive it.", where="limits.reassign")
    return replace(whole, base=BASE, findings=stricter(files, base).findings, refusals=(refusal,))


PLANS: Mapping[str, Callable[[], Plan]] = {
    "empty": lambda: plan_of([change(DEFAULT, KATE, KATE)], reads=3),
    "everything": everything,
    "blocked": blocked,
    "pending": pending,
    "loosened": loosened,
    "hostile": hostile,
}

REPORTS: Mapping[str, Callable[[Planned], str]] = {
    "plan.txt": lambda planned: text.render_text(planned.plan, fingerprint=planned.fingerprint),
    "narrow.txt": lambda planned: text.render_text(planned.plan, fingerprint=planned.fingerprint, width=48),
    "comment.md": lambda planned: markdown.render_markdown(planned.plan, fingerprint=planned.fingerprint),
    "annotations.txt": lambda planned: annotations.render_annotations(planned.plan, PLACE),
}


@pytest.mark.parametrize("report", REPORTS)
@pytest.mark.parametrize("case", PLANS)
def test_a_saved_plan_gives_the_report_beside_it(case: str, report: str) -> None:
    """To the byte, from the file that a user would show."""
    folder = FOLDER / case
    assert REPORTS[report](Planned(load(folder / "plan.json"))) == (folder / report).read_bytes().decode()


@pytest.mark.parametrize("case", PLANS)
def test_a_cases_plan_is_the_one_described_here(case: str) -> None:
    """Its file reads as what its maker gives, also where the format has grown since it was written."""
    assert load(FOLDER / case / "plan.json") == PLANS[case]()


def test_every_folder_is_a_case() -> None:
    """No report lies about that nothing compares."""
    found = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()}
    assert found == {f"{case}/{name}" for case in PLANS for name in (*REPORTS, "plan.json")}


def _rewrite() -> None:
    for case, make in PLANS.items():
        folder = FOLDER / case
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "plan.json").write_bytes(dumps(Planned(make()).document).encode())
        planned = Planned(load(folder / "plan.json"))
        for name, render in REPORTS.items():
            (folder / name).write_bytes(render(planned).encode())


if __name__ == "__main__":
    _rewrite()
