"""Whatever OneFile answers, or does not: no write is repeated, and the next run finishes the work."""

from __future__ import annotations

import json

import pytest

from reconciler.problems import ExitCode
from tests.crash.harness import Case
from tests.marks import in_long_runs

ASSIGN, DEFAULTS = "/User/*/Assign", "/User/2000??"
KINDS = {
    "throttle": {"retry_after": 1},
    "expired_session": {},
    "error_before": {"status": 503},
    "error_after": {"status": 500},
    "drop_before": {},
    "drop_after": {},
    "cut_length": {},
    "html": {"status": 200},
}
HARMLESS = ("throttle", "expired_session")  # the client deals with them, and nobody notices
RARER = ("expired_session", "error_before", "drop_after", "html")
NOTHING_DONE = ("error_before", "drop_before")  # as reading shows; the learner's other operations wait for the next run


@pytest.mark.parametrize("kind", [*(kind for kind in KINDS if kind not in RARER), *in_long_runs(*RARER)])
def test_a_wrong_answer_costs_no_more_than_another_run(case: Case, kind: str) -> None:
    """Two assignments and a change of defaults are answered so; those that took effect are not written again."""
    fault = {"kind": kind, "method": "POST", **KINDS[kind]}
    case.site.arm(*({**fault, "path": path, "nth": nth} for path, nth in ((ASSIGN, 15), (ASSIGN, 55), (DEFAULTS, 4))))
    code, said = case.process({})
    expected = {ExitCode.DONE} if kind in HARMLESS else {ExitCode.INCOMPLETE}
    assert code in (expected if kind in (*HARMLESS, *NOTHING_DONE) else {ExitCode.DONE, ExitCode.INCOMPLETE}), said
    case.finish()
    case.is_whole()


@pytest.mark.parametrize("kind", ["error_after", "drop_before"])
def test_a_first_write_without_an_answer_waits_for_a_person(case: Case, kind: str) -> None:
    """It adds somebody whom OneFile does not show, so a person must look; nothing is sent again before that."""
    case.site.arm({"kind": kind, "method": "POST", "path": ASSIGN})
    assert case.process({})[0] == ExitCode.INCOMPLETE
    assert case.finish() == 1
    case.is_whole()


def test_faults_of_every_kind_and_a_death_lose_nothing(case: Case) -> None:
    """Faults of every kind and a death in their midst."""
    faults = [
        {"kind": kind, "method": "POST", "path": ASSIGN, "nth": 5 * number, **KINDS[kind]}
        for number, kind in enumerate(KINDS, 1)
    ]
    case.site.arm(*faults)
    assert case.killed({"die": {"write": 45, "when": "sent"}})
    case.finish()
    case.is_whole()


def test_the_report_of_a_faulty_run_names_every_operation(case: Case) -> None:
    """JSON with one outcome for each operation, though the run failed."""
    case.site.arm({"kind": "drop_after", "method": "POST", "path": ASSIGN, "nth": 10, "times": 200})
    code, said = case.process({}, "apply", "--auto-approve", "--format=json")
    report = json.loads(said[said.index("{") : said.rindex("}") + 1])
    assert code == ExitCode.INCOMPLETE
    assert len(report["outcomes"]) == len({row.operation.id for row in case.journal()})
