"""What counts as approved: one true approval, and every way in which something that looks like one is none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.github.approval import (
    ApprovalRequest,
    Comment,
    Commit,
    Evidence,
    Judgement,
    Pull,
    Review,
    Since,
    evaluate_approval,
)
from reconciler.github.markers import PlanMark
from reconciler.model.structs import replace

HEAD, OLDER, MERGE, OTHER = "a" * 40, "b" * 40, "c" * 40, "d" * 40
PLANNED = datetime(2026, 11, 25, 10, tzinfo=UTC)
FINGERPRINT, ANOTHER = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
MARK = PlanMark("live", "5740", FINGERPRINT, HEAD)
WANTED = ApprovalRequest("live", "5740", FINGERPRINT, MERGE, "main")
PULL = Pull(7, "ada", "main", HEAD, is_merged=True, merge_commit=MERGE, commits=1, changed_files=1)
COMMENT = Comment(True, "github-actions", f"{MARK.line()}\nthe plan", PLANNED)
REVIEW = Review("ben", True, "APPROVED", HEAD, PLANNED + timedelta(seconds=1))
TRUE = Evidence(
    pulls=(PULL,),
    since=Since("identical"),
    comments=(COMMENT,),
    reviews=(REVIEW,),
    commits=(Commit(HEAD, "ada", "ada"),),
    files=(("state/cohorts/one.yaml",),),
    permissions={"ben": "write", "cleo": "admin", "dan": "read"},
)


def say(mark: PlanMark) -> Comment:
    return replace(COMMENT, body=f"{mark.line()}\nthe plan")


def with_pull(**changes: object) -> Evidence:
    return replace(TRUE, pulls=(replace(PULL, **changes),))  # type: ignore[arg-type]


def with_reviews(*reviews: Review) -> Evidence:
    return replace(TRUE, reviews=reviews)


def with_files(*names: str) -> Evidence:
    pull = replace(PULL, changed_files=len(names))
    return replace(TRUE, pulls=(pull,), files=tuple((name,) for name in names))


def reasons(verdict: Judgement) -> str:
    return "\n".join(problem.what for problem in verdict.why_not)


def test_a_review_after_the_plan_by_somebody_else_who_may_write_approves() -> None:
    """The one way to be approved, and the verdict says by whom."""
    verdict = evaluate_approval(WANTED, TRUE)
    assert verdict.is_approved
    assert [review.reviewer for review in verdict.approvals] == ["ben"]


def test_an_approval_covers_the_later_changes_that_its_comment_showed() -> None:
    """The same future is approved; another one, or one that was not shown, is not."""
    evidence = replace(with_pull(), comments=(say(replace(MARK, future=ANOTHER)),))
    assert evaluate_approval(replace(WANTED, future=ANOTHER), evidence).is_approved
    for future in ("", FINGERPRINT):
        assert "other changes for later days" in reasons(evaluate_approval(replace(WANTED, future=future), evidence))
    unseen = replace(evidence, comments=(say(MARK),))
    assert "other changes for later days" in reasons(evaluate_approval(replace(WANTED, future=ANOTHER), unseen))


def test_no_evidence_is_no_approval() -> None:
    """Where nothing is shown, nothing is proven."""
    assert not evaluate_approval(WANTED, Evidence((), Since(""))).is_approved


REFUSED: dict[str, tuple[Evidence, str]] = {
    # who approved
    "nobody": (with_reviews(), "nobody approved"),
    "only a comment": (with_reviews(replace(REVIEW, state="COMMENTED")), "nobody approved"),
    "a review that was dismissed": (with_reviews(replace(REVIEW, state="DISMISSED")), "nobody approved"),
    "an approval dismissed later": (with_reviews(REVIEW, replace(REVIEW, state="DISMISSED")), "nobody approved"),
    "the author": (
        replace(with_reviews(replace(REVIEW, reviewer="ada")), permissions={"ada": "admin"}),
        "they opened the pull request",
    ),
    "somebody whose commit is in it": (
        replace(with_pull(commits=2), commits=(*TRUE.commits, Commit(OLDER, "ben", "ada"))),
        "they made some of its commits",
    ),
    "whoever committed what somebody else wrote": (
        replace(TRUE, commits=(Commit(HEAD, "ada", "ben"),)),
        "they made some of its commits",
    ),
    "a commit of nobody known": (replace(TRUE, commits=(Commit(HEAD, None, "ada"),)), "no account"),
    "a machine": (with_reviews(replace(REVIEW, is_person=False)), "not a person"),
    "a reader": (with_reviews(replace(REVIEW, reviewer="dan")), "no write access"),
    "somebody without any permission known": (with_reviews(replace(REVIEW, reviewer="eve")), "no write access"),
    "one of two where a machine opened it": (with_pull(by_person=False), "two people must approve, and only ben did"),
    "one of two where a machine made a commit": (
        replace(TRUE, commits=(Commit(HEAD, "ada", "ada", by_people=False),)),
        "two people must approve",
    ),
    "changes are asked for by another": (
        with_reviews(REVIEW, replace(REVIEW, reviewer="cleo", state="CHANGES_REQUESTED")),
        "cleo asked for changes",
    ),
    "changes are asked for after all": (
        with_reviews(REVIEW, replace(REVIEW, state="CHANGES_REQUESTED")),
        "ben asked for changes",
    ),
    # when, and what of
    "before the plan existed": (
        with_reviews(replace(REVIEW, submitted_at=PLANNED - timedelta(hours=1))),
        "older than the plan as posted now",
    ),
    "in the same second as the plan": (with_reviews(replace(REVIEW, submitted_at=PLANNED)), "older than the plan"),
    "of an older commit": (with_reviews(replace(REVIEW, commit=OLDER)), "is for commit bbbbbbbbbbbb"),
    # the comment
    "no plan was posted": (replace(TRUE, comments=()), "no plan was posted"),
    "somebody else's comment that looks like ours": (
        replace(TRUE, comments=(replace(COMMENT, is_ours=False, author="ben"),)),
        "no plan was posted",
    ),
    "edited by somebody else": (replace(TRUE, comments=(replace(COMMENT, editor="ben"),)), "edited by ben"),
    "edited by nobody known": (
        replace(TRUE, comments=(replace(COMMENT, editor="somebody unknown"),)),
        "edited by somebody unknown",
    ),
    "two plans": (replace(TRUE, comments=(COMMENT, say(replace(MARK, fingerprint=ANOTHER)))), "more than one plan"),
    "another plan": (replace(TRUE, comments=(say(replace(MARK, fingerprint=ANOTHER)),)), f"fingerprint {ANOTHER}"),
    "another target": (replace(TRUE, comments=(say(replace(MARK, target="practice")),)), "target practice"),
    "another organisation": (replace(TRUE, comments=(say(replace(MARK, organisation="1")),)), "organisation 1"),
    "the plan of an older commit": (replace(TRUE, comments=(say(replace(MARK, head=OLDER)),)), "commit bbbbbbbbbbbb"),
    "no whole plan": (
        replace(TRUE, comments=(replace(COMMENT, body=f"<!-- onefile-reconciler plan head={HEAD} -->\n"),)),
        "no whole plan",
    ),
    "a mark with a name twice": (
        replace(TRUE, comments=(replace(COMMENT, body=MARK.line().replace(" head", f" head={HEAD} head")),)),
        "no whole plan",
    ),
    # the pull request
    "no pull request": (replace(TRUE, pulls=()), "no pull request was merged as this commit"),
    "one that was not merged": (with_pull(is_merged=False), "no pull request"),
    "one that was merged as another commit": (with_pull(merge_commit=OTHER), "no pull request"),
    "one that was merged elsewhere": (with_pull(base="release"), "no pull request"),
    "two that brought it": (replace(TRUE, pulls=(PULL, replace(PULL, number=8))), "no pull request"),
    "it changes the workflows": (
        with_files("state/a.yaml", ".github/workflows/plan.yml"),
        ".github/workflows/plan.yml",
    ),
    "it changes what a review shows": (with_files("state/a.yaml", "state/.gitattributes"), "state/.gitattributes"),
    "it names submodules": (with_files("state/a.yaml", "state/cohorts/.gitmodules"), "state/cohorts/.gitmodules"),
    "it changes a document of the workflows": (with_files(".github/x.md"), ".github/x.md"),
    "it changes the program": (with_files("reconciler/cli/commands.py"), "reconciler/cli/commands.py"),
    "it changes what only looks like the folder": (with_files("state.py", "statement/x"), "state.py, statement/x"),
    "it moves something out of the way": (
        replace(TRUE, files=(("state/action.yml", "action.yml"),)),
        "documents, so the comment may show anything: action.yml",
    ),
    "it has files that cannot be seen": (with_pull(changed_files=2), "does not list all of its files"),
    "it has commits that cannot be seen": (with_pull(commits=251), "does not list all of its files and commits"),
    # what came after
    "the branch changed the files since": (
        replace(TRUE, since=Since("ahead", ("state/staff.yaml",))),
        "main has changed state/ since",
    ),
    "the branch forgot the commit": (replace(TRUE, since=Since("diverged")), "no longer has"),
    "the branch went back": (replace(TRUE, since=Since("behind")), "no longer has"),
    "the branch moved on too far": (
        replace(TRUE, since=Since("ahead", is_whole=False)),
        "more changes since this commit than GitHub lists",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_only_looks_like_an_approval_is_none(case: str) -> None:
    """Each is refused, with a reason that names it and a fix."""
    evidence, reason = REFUSED[case]
    verdict = evaluate_approval(WANTED, evidence)
    assert not verdict.is_approved
    assert reason in reasons(verdict)
    assert all(problem.fix for problem in verdict.why_not)


ALLOWED: dict[str, Evidence] = {
    "a second approval that does not count": with_reviews(REVIEW, replace(REVIEW, reviewer="dan")),
    "a reader asks for changes": with_reviews(REVIEW, replace(REVIEW, reviewer="dan", state="CHANGES_REQUESTED")),
    "changes asked for, then approved": with_reviews(replace(REVIEW, state="CHANGES_REQUESTED"), REVIEW),
    "a comment after the approval": with_reviews(REVIEW, replace(REVIEW, state="COMMENTED")),
    "our own account edited the comment": replace(TRUE, comments=(replace(COMMENT, editor="github-actions"),)),
    "somebody else's comments beside it": replace(TRUE, comments=(replace(COMMENT, is_ours=False), COMMENT)),
    "another pull request holds the commit": replace(TRUE, pulls=(PULL, replace(PULL, number=8, is_merged=False))),
    "documents beside the files": with_files("state/a.yaml", "README.md"),
    "the branch moved on elsewhere": replace(TRUE, since=Since("ahead", ("README.md",))),
    "two approvals of what a machine opened": replace(
        with_pull(by_person=False), reviews=(REVIEW, replace(REVIEW, reviewer="cleo"))
    ),
    "an approval after the merge": with_reviews(replace(REVIEW, submitted_at=PLANNED + timedelta(days=3))),
}


@pytest.mark.parametrize("case", ALLOWED)
def test_what_takes_nothing_from_an_approval_leaves_it(case: str) -> None:
    """A gate that is shut in the normal case would be taken down."""
    assert evaluate_approval(WANTED, ALLOWED[case]).is_approved, reasons(evaluate_approval(WANTED, ALLOWED[case]))


def test_every_reason_is_told_at_once() -> None:
    """People do not find out one by one what is missing."""
    evidence = replace(with_reviews(), comments=(say(replace(MARK, target="practice", fingerprint=ANOTHER)),))
    assert len(evaluate_approval(WANTED, evidence).why_not) == 3


@pytest.mark.parametrize("folder", ["state", "./state", "state/", "././state"])
def test_the_folder_may_be_written_in_any_usual_way(folder: str) -> None:
    """It is compared as git names it."""
    assert evaluate_approval(replace(WANTED, folder=folder), TRUE).is_approved


def test_a_folder_that_is_the_whole_repository_holds_no_workflows() -> None:
    """What runs is never declared state."""
    wanted = replace(WANTED, folder=".")
    assert evaluate_approval(wanted, with_files("staff.yaml", "cohorts/one.yaml")).is_approved
    assert not evaluate_approval(wanted, with_files("staff.yaml", ".github/workflows/plan.yml")).is_approved


@pytest.mark.parametrize(
    "spoil",
    [
        lambda wanted: replace(wanted, commit=OTHER),
        lambda wanted: replace(wanted, branch=""),
        lambda wanted: replace(wanted, fingerprint=""),
        lambda wanted: replace(wanted, folder="elsewhere"),
    ],
)
def test_evidence_for_something_else_approves_nothing(spoil: Callable[[ApprovalRequest], ApprovalRequest]) -> None:
    """Whatever is not what is about to be applied refuses."""
    assert not evaluate_approval(spoil(WANTED), TRUE).is_approved
