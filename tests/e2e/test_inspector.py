"""Questions of an inspector: each command of the table in audit.md answers its question, after one apply."""

from __future__ import annotations

import re
import shlex

import pytest

from tests.e2e.test_who import committed
from tests.e2e.user import REPOSITORY, Home

PAGE = REPOSITORY / "docs" / "how-to" / "audit.md"
LEFT = "Which steps were left to people, and who closed them?"
ANSWERS = {
    "Who assesses this learner, and who quality-assures? Since when, and how is it known?": (
        r"default assessor: kate-anderson \[[^\]]+\], since \S+ by run 1 of \S+, seen as declared "
        r".*IQA of learning aim 41242: priya-shah \[[^\]]+\], since \S+ by run 1 of \S+, read back"
    ),
    "Who did on a day in the past?": "LRN-0042, .* on 2026-11-30 .*default assessor: kate-anderson",
    "Whom does this member of staff look after, in effect and in name?": (
        r"In effect: \d+ slots of \d+ learners .*In name only: \d+ slots"
    ),
    "What happened to this learner: who changed what, when, from whom to whom?": (
        "UTC run 1, apply to sandbox, asked by .*IQA of learning aim 41242: nobody -> priya-shah done, read back"
    ),
    "What did one run write to OneFile, and was it read back?": (
        "LRN-0042.*: IQA of learning aim 41242: nobody -> priya-shah POST /User/118204/Assign .*read back"
    ),
    LEFT: "remove observer-lee from the additional people .*jo",
    "Why was a rule not followed?": r"Waived: the IQA is on leave \(approved by jo, until 2099-01-01\)",
    "Does OneFile match the files today?": "No changes",
    "Does anyone quality-assure their own work?": "Nothing found: one person assesses and quality-assures the same",
    "Who asked for a run, and who approved it?": "Asked by .*, approved by jo, commit [0-9a-f]{40}",
}
"""Pattern of the answer to each question."""
WAIVER = """
waivers:
  - {policy: coverage, learner: 200013, reason: the IQA is on leave, approved_by: jo, until: 2099-01-01}
"""


def commands() -> dict[str, list[str]]:
    """Return the command of each row of the page's table by its question."""
    rows = re.findall(r"^\| (\S.+\?) \| `reconciler ([^`]+)`", PAGE.read_text("utf-8"), re.MULTILINE)
    return {question: shlex.split(command) for question, command in rows}


def test_each_question_is_answered_by_its_command(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demonstration centre is applied with a waiver; one step is left to people and closed by one of them."""
    monkeypatch.setenv("RECONCILER_APPROVED_BY", "jo")
    home.declare_demonstration()
    with (home.path / "state/settings.yaml").open("a") as file:
        file.write(WAIVER)
    committed(home, "Declare")
    home.run("apply", "--auto-approve", "--quiet")
    assert commands().keys() == ANSWERS.keys()
    shown = {question: home.run(*command).out for question, command in commands().items() if question != LEFT}
    cohort = home.path / "state/cohorts/business-admin-l3-2026.yaml"
    cohort.write_text(cohort.read_text("utf-8").replace("  additional: [observer-lee]\n", ""))
    home.run("apply", "--auto-approve", "--quiet")
    home.run("done", "--all", "--learner", "LRN-0042", "--by", "jo")
    shown[LEFT] = home.run(*commands()[LEFT]).out
    for question, answer in ANSWERS.items():
        assert re.search(answer, " ".join(shown[question].split())), f"{question}\n{shown[question]}"
