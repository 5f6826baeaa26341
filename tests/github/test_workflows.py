"""The workflows themselves, without GitHub: every step's script as it stands, from a pull request to what is applied.

A repository with one learner, the embedded sandbox as OneFile, and a forge that keeps what it is told.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from onefile_sandbox.serve import serving
from onefile_sandbox.web_edits import edit
from onefile_sandbox.world import Effect, World
from reconciler.commands.init import InitOptions, texts_of
from reconciler.github.markers import kind_of, plan_mark
from tests.e2e.user import JAMES, KATE, LEARNER, SETTINGS, STAFF, new_folder
from tests.excel import table_file
from tests.github.forge import BOT, Forge, PullRequest, Text, git
from tests.github.quick import quick_tools
from tests.github.runner import Job, Runner
from tests.github.standin import application

SECOND = 200005
RECORD = "onefile-record"
SECRETS = {"ONEFILE_CUSTOMER_TOKEN": "ct-4711-Brombeere", "RECONCILER_STORE": ""}
FILES = {
    "state/settings.yaml": {"version": 1, **SETTINGS, "manual_steps": {"owner": "cleo"}},
    "state/staff.yaml": {"version": 1, "staff": STAFF},
    ".gitignore": ".reconciler\n",
}
POST, REPOST, APPLY, DONE = "Post the plan", "Post the plan that was not approved", "Apply", "Post what was done"
ISSUE, ADOPT, PROPOSE = "Keep the issue up to date", "Accept what OneFile holds", "Open a pull request"
SYNC, KEEP = "Bring the cohorts up to date", "Keep the pull request up to date"
SETUP, SEND, PAGES = "Check the setup", "Send messages", "Make the pages"


class Centre:
    """A centre's repository: what its people commit, and the workflows that GitHub would start."""

    def __init__(self, folder: Path, forge: Forge, runner: Runner) -> None:
        self.forge, self.runner, self.tree = forge, runner, folder / "tree"
        self.numbers = count()
        git(folder, "clone", "--quiet", str(forge.git_folder), str(self.tree))
        self.commit("ada", "main", FILES | cohort("kate"))

    def commit(self, who: str, branch: str, files: dict[str, object], onto: str = "") -> None:
        for name, content in files.items():
            path = self.tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            text = content if isinstance(content, str | bytes) else json.dumps(content, indent=1)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        if onto:
            git(self.tree, "fetch", "--quiet", "origin")
        git(self.tree, "checkout", "--quiet", *(["-B", branch, onto] if onto else ["-B", branch]))
        git(self.tree, "add", ".")
        author = ("-c", f"user.name={who}", "-c", f"user.email={who}@people.invalid")
        git(self.tree, *author, "commit", "--quiet", "-m", "Change who assesses whom")
        git(self.tree, "push", "--quiet", "--force", "origin", f"HEAD:{branch}")

    def line(self, key: str) -> int:
        """Where the cohort's file has this key."""
        lines = (self.tree / "state/cohorts/c1.yaml").read_text("utf-8").splitlines()
        return next(number for number, line in enumerate(lines, 1) if f'"{key}"' in line)

    def world(self) -> World:
        """OneFile's stand-in, as the last job left it on the branch of the record."""
        file = self.tree.parent / f"world-{next(self.numbers)}.jsonl"
        if content := self.kept_world():
            file.write_text(content, "utf-8")
        self.world_file = file
        return World.open(file)

    def kept_world(self) -> str:
        if not self.forge.has(f"heads/{RECORD}"):
            return ""
        found = "sandbox/world.jsonl" in git(self.forge.git_folder, "ls-tree", "-r", "--name-only", RECORD).splitlines()
        return git(self.forge.git_folder, "show", f"{RECORD}:sandbox/world.jsonl") if found else ""

    def keep_world(self, content: str) -> None:
        """Put the stand-in's file on the branch, as a push of somebody's."""
        clone = self.tree.parent / f"record-{next(self.numbers)}"
        git(self.tree.parent, "clone", "--quiet", "--no-checkout", str(self.forge.git_folder), str(clone))
        exists = self.forge.has(f"heads/{RECORD}")
        git(clone, "checkout", "--quiet", *(["-B", RECORD, f"origin/{RECORD}"] if exists else ["--orphan", RECORD]))
        if not exists:
            git(clone, "rm", "-r", "--quiet", "--force", ".")
        (clone / "sandbox").mkdir(exist_ok=True)
        (clone / "sandbox/world.jsonl").write_text(content, "utf-8")
        git(clone, "add", "--all")
        author = ("-c", "user.name=ada", "-c", "user.email=ada@people.invalid")
        git(clone, *author, "commit", "--quiet", "-m", "What happened in OneFile")
        git(clone, "push", "--quiet", "origin", f"HEAD:refs/heads/{RECORD}")

    def somebody_sets(self, assessor: int, learner: object = LEARNER["id"]) -> None:
        """What the web pages of OneFile let people do, without our files."""
        asked = {"user": learner, "set": {"DefaultAssessorID": assessor}}
        with closing(self.world()) as world:
            world.commit(lambda: edit(world, asked, self.forge.clock), self.forge.clock, "somebody")
        self.keep_world(self.world_file.read_text("utf-8"))

    def somebody_doubles_the_aim(self, standard: int) -> None:
        """What an enrolment that was made again leaves behind: two learning aims of one standard."""
        with closing(self.world()) as world:
            aim = next(aim for aim in world.aims_of[LEARNER["id"]] if aim["StandardID"] == standard)  # type: ignore[index]
            again = Effect("aim", max(world.aims) + 1, "create", json.dumps({**aim, "ID": max(world.aims) + 1}))
            world.commit(lambda: [again], self.forge.clock, "somebody")
        self.keep_world(self.world_file.read_text("utf-8"))


def cohort(assessor: str, **more: object) -> dict[str, object]:
    learner = {"id": LEARNER["id"], "label": "LRN-0042", "default_assessor": assessor, **more}
    return {"state/cohorts/c1.yaml": {"version": 1, "cohort": "c1", "learners": [learner]}}


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with quick_tools(tmp_path_factory.mktemp("path") / "tools") as folder:
        yield folder / "python"


@pytest.fixture
def centre(tools: Path) -> Iterator[Centre]:
    with new_folder() as folder:
        forge = Forge(folder)
        git(forge.git_folder, "config", "uploadpack.allowAnySHA1InWant", "true")
        with serving(application(forge)) as url:
            yield Centre(folder, forge, Runner(forge, folder, url.removesuffix("/api/v2.1"), tools))


def ours(pull: PullRequest, kind: str = "plan") -> Text:
    (comment,) = (one for one in pull.comments if one.author == BOT and kind_of(one.body) == kind)
    return comment


def assessor(centre: Centre) -> int | None:
    with closing(centre.world()) as world:
        found: int | None = world.users[LEARNER["id"]]["DefaultAssessorID"]  # type: ignore[index]
        return found


def keeps_its_secrets(job: Job) -> None:
    """Nothing prints one, and only the steps that speak with OneFile or GitHub hold one."""
    assert SECRETS["ONEFILE_CUSTOMER_TOKEN"] not in job.log + job.summary
    assert "token-" not in job.log + job.summary
    holders = {name.partition(": ")[0] for name in job.seen}
    drift = {"Look for drift", ISSUE, ADOPT, PROPOSE, SYNC, KEEP}
    assert holders <= {SETUP, "Plan", POST, "Was it approved?", REPOST, APPLY, DONE, SEND, PAGES} | drift
    assert f"{SETUP}: ONEFILE_CUSTOMER_TOKEN" not in job.seen


def test_a_change_is_planned_reviewed_and_applied(centre: Centre) -> None:
    """From the first push to the write: one comment, a second push that edits it, an approval, and the change."""
    centre.commit("ada", "change", cohort("james", additional=["lee"]))
    pull = centre.forge.open_pull("ada", "change")
    jobs = centre.runner.pull_request(pull, SECRETS)
    assert {name: job.conclusion for name, job in jobs.items()} == {"plan": "success"}, jobs["plan"].log
    first = plan_mark(ours(pull).body)
    assert first is not None
    assert first.head == pull.head
    assert "Plan" in jobs["plan"].summary
    saved = json.loads(jobs["plan"].artifacts["reconciler-plan/plan.json"])
    assert saved["fingerprint"].encode() in jobs["plan"].artifacts["reconciler-plan/plan.html"]
    assert (saved["fingerprint"], saved["target"]) == (first.fingerprint, "sandbox")
    keeps_its_secrets(jobs["plan"])
    assert "**Next step:** Have another person read this plan" in ours(pull).body
    assert "[The run](https://github.invalid/centre/assignments/actions/runs/4711)" in ours(pull).body
    assert "[HTML page and saved plan](https://github.invalid/centre/assignments/actions/runs/4711/" in ours(pull).body
    where = f"state/cohorts/c1.yaml#L{centre.line('default_assessor')}"
    assert f"blob/{centre.forge.commit(f'refs/pull/{pull.number}/merge')}/{where}" in ours(pull).body
    assert pull.labels == {"onefile: changes"}
    assert "Changed since" not in ours(pull).body

    centre.commit("ada", "change", cohort("james"))
    centre.forge.push(pull)
    centre.runner.pull_request(pull, SECRETS)
    second = plan_mark(ours(pull).body)
    assert second is not None
    assert second.head == pull.head != first.head
    headline, _, changed = ours(pull).body.partition("### Changed since the plan made ")
    assert "1 no longer planned" in changed.partition("\n")[0]
    assert "additional people: add lee" in changed
    assert "Next step" in headline

    before = assessor(centre)
    centre.forge.review(pull, "ben")
    job = centre.runner.push(centre.forge.merge(pull), SECRETS)["apply"]
    assert job.conclusion == "success", job.log
    assert (job.steps[REPOST], job.steps[APPLY]) == ("skipped", "success")
    assert "by ben" in job.summary
    assert (before == JAMES, assessor(centre)) == (False, JAMES)
    keeps_its_secrets(job)
    comment = ours(pull, "apply")
    assert pull.comments.index(comment) > pull.comments.index(ours(pull)), "below the plan"
    assert "on sandbox, organisation 5740, by ada, 20" in comment.body
    assert "UTC: 1 done" in comment.body
    assert "**Next step:** Nothing: everything is done." in comment.body
    assert pull.labels == {"onefile: applied"}


def test_nothing_is_applied_that_was_not_approved_as_it_is_now(centre: Centre) -> None:
    """An approval by the author, one of a comment that was tampered with, one that is older than the plan: each stops
    and says why, until somebody else approves what is posted now."""
    centre.commit("ada", "change", cohort("james"))
    pull = centre.forge.open_pull("ada", "change")
    centre.runner.pull_request(pull, SECRETS)
    centre.forge.review(pull, "ada")
    ours(pull).edit("dan", ours(pull).body + "and something soothing", centre.forge.now())
    merge = centre.forge.merge(pull)

    def refused(*reasons: str) -> None:
        job = centre.runner.push(merge, SECRETS)["apply"]
        assert job.conclusion == "failure"
        assert job.steps[APPLY] == "skipped"
        assert [reason for reason in reasons if reason not in job.log or reason not in job.summary] == []
        assert assessor(centre) != JAMES

    centre.forge.review(pull, "ben")
    refused("edited by dan")
    assert ours(pull).editor == BOT, "the plan is posted as it is"
    refused("they opened the pull request", "older than the plan as posted now")
    centre.forge.review(pull, "ben")
    assert centre.runner.push(merge, SECRETS)["apply"].conclusion == "success"
    assert assessor(centre) == JAMES


def test_a_plan_that_moved_after_its_approval_is_posted_anew(centre: Centre) -> None:
    """Another change was merged meanwhile: what would be written is not what was approved, so it is shown again."""
    centre.commit("ada", "change", cohort("james"))
    pull = centre.forge.open_pull("ada", "change")
    centre.runner.pull_request(pull, SECRETS)
    approved = plan_mark(ours(pull).body)
    centre.forge.review(pull, "ben")
    other = cohort("kate", default_employer="mentor", additional=["lee"])["state/cohorts/c1.yaml"]
    settings = {"version": 1, **SETTINGS, "drift": {"default_employer": "ignore"}}
    centre.commit(
        "cleo", "other", {"state/settings.yaml": settings, "state/cohorts/c2.yaml": second(other)}, "origin/main"
    )
    elsewhere = centre.forge.open_pull("cleo", "other")
    centre.forge.merge(elsewhere)

    merge = centre.forge.merge(pull)
    job = centre.runner.push(merge, SECRETS)["apply"]
    assert (job.conclusion, job.steps[REPOST]) == ("failure", "success"), job.log
    now = plan_mark(ours(pull).body)
    assert approved is not None
    assert now is not None
    assert now.fingerprint != approved.fingerprint
    assert assessor(centre) != JAMES
    headline, _, changed = ours(pull).body.partition("### Changed since the plan made ")
    assert "LRN-0043" in changed.partition("### Who gains")[0], "the other pull request's learner"
    assert "### Why it was not applied (" in headline
    assert "but now it is" in headline
    assert f"`gh pr review {pull.number} --approve`" in headline

    centre.forge.review(pull, "ben")
    assert centre.runner.push(merge, SECRETS)["apply"].conclusion == "success"
    assert assessor(centre) == JAMES


def second(cohort: object) -> dict[str, object]:
    """Another learner's file."""
    assert isinstance(cohort, dict)
    return {**cohort, "cohort": "c2", "learners": [{**cohort["learners"][0], "id": SECOND, "label": "LRN-0043"}]}


def test_a_fork_is_validated_and_gets_nothing_else(centre: Centre) -> None:
    """No secret, no plan, no comment; and a fault in its files is red."""
    centre.commit("dan", "change", cohort("james"))
    pull = centre.forge.open_pull("dan", "change", owner="dan/assignments")
    job = centre.runner.pull_request(pull, SECRETS)["plan"]
    assert (job.conclusion, job.seen, pull.comments, job.artifacts) == ("success", set(), [], {}), job.log
    assert {job.steps[name] for name in ("Plan", POST)} == {"skipped"}
    assert job.steps["Validate"] == "success"
    assert "nothing is planned" in job.summary

    centre.commit("dan", "change", cohort("jmaes"))
    centre.forge.push(pull)
    job = centre.runner.pull_request(pull, SECRETS)["plan"]
    assert job.conclusion == "failure"
    assert "::error file=state/cohorts/c1.yaml,line=" in job.log


def test_a_blocked_plan_is_posted_and_red(centre: Centre) -> None:
    """People see what blocks it; and a plan that cannot be made at all takes its place."""
    blocked = {"state/settings.yaml": {"version": 1, **SETTINGS, "limits": {"reassign": {"count": 0}}}}
    centre.commit("ada", "change", cohort("james") | blocked)
    pull = centre.forge.open_pull("ada", "change")
    job = centre.runner.pull_request(pull, SECRETS)["plan"]
    assert (job.conclusion, job.steps[POST]) == ("failure", "success"), job.log
    assert plan_mark(ours(pull).body) is not None
    assert "reconciler-plan/plan.json" in job.artifacts
    assert "**Next step:** Fix what blocks in the files, and push again." in ours(pull).body
    assert pull.labels == {"onefile: blocked"}

    centre.commit("ada", "change", {"state/settings.yaml": {"version": 1, **SETTINGS, "target": "practice"}})
    centre.forge.push(pull)
    job = centre.runner.pull_request(pull, {})["plan"]
    assert job.conclusion == "failure"
    assert "No plan could be made" in ours(pull).body
    assert plan_mark(ours(pull).body) is None


def test_a_plan_that_could_not_be_made_says_why_in_the_comment_and_the_summary(centre: Centre) -> None:
    """File, line and fix, with a link to the line; what stands in the file is shown and nothing of it is obeyed."""
    centre.commit("ada", "change", cohort("james", default_employer="<img src=x> @cleo [x](y) | ::error::"))
    pull = centre.forge.open_pull("ada", "change")
    pull.labels = {"onefile: changes", "urgent"}
    job = centre.runner.pull_request(pull, SECRETS)["plan"]
    assert job.conclusion == "failure"
    merge = centre.forge.commit(f"refs/pull/{pull.number}/merge")
    for text in (ours(pull).body, job.summary):
        assert "### Why no plan could be made (1)" in text
        assert f"blob/{merge}/state/cohorts/c1.yaml#L{centre.line('default_employer')}" in text
        assert "**Fix:**" in text
        html = MarkdownIt("gfm-like", {"linkify": False}).render(text)
        assert "<img" not in html
        assert 'href="y"' not in html
    assert "**Next step:** Fix what is listed here and push again." in ours(pull).body
    assert pull.labels == {"onefile: blocked", "urgent"}


def test_an_apply_that_cannot_plan_says_why_and_leaves_the_approved_plan(centre: Centre) -> None:
    """Because OneFile was not reachable, say: the approval is as good as before once the job is run again."""
    centre.commit("ada", "change", cohort("james"))
    pull = centre.forge.open_pull("ada", "change")
    centre.runner.pull_request(pull, SECRETS)
    centre.forge.review(pull, "ben")
    merge = centre.forge.merge(pull)
    before = centre.kept_world()
    centre.keep_world("no world\n")
    job = centre.runner.push(merge, SECRETS)["apply"]
    assert job.conclusion == "failure"
    assert "### Why nothing was applied (1)" in ours(pull, "apply").body
    assert "### Why nothing was applied (1)" in job.summary
    assert pull.labels == {"onefile: changes"}

    centre.keep_world(before)
    assert centre.runner.push(merge, SECRETS)["apply"].conclusion == "success"
    assert [kind_of(comment.body) for comment in pull.comments] == ["plan", "apply", "apply"]
    assert assessor(centre) == JAMES


def james_is_applied(centre: Centre, more: dict[str, object] | None = None) -> None:
    """As the first of these tests shows in full."""
    centre.commit("ada", "change", cohort("james") | (more or {}))
    pull = centre.forge.open_pull("ada", "change")
    centre.runner.pull_request(pull, SECRETS)
    centre.forge.review(pull, "ben")
    assert centre.runner.push(centre.forge.merge(pull), SECRETS)["apply"].conclusion == "success"


def test_the_first_morning_of_a_new_repository_is_green(centre: Centre) -> None:
    """Nothing was applied yet: nothing can have drifted, no issue is opened, and the page of the run says so."""
    job = centre.runner.schedule(SECRETS)["drift"]
    assert job.conclusion == "success", job.log
    assert centre.forge.issues == {}
    assert "nothing is recorded in branch onefile-record" in " ".join(job.summary.split())


def test_a_new_repository_is_green_from_its_first_push_to_its_second_morning(centre: Centre) -> None:
    """What `init` writes, a first edit as its README suggests, and nothing set up but the branch of the record."""
    texts = texts_of(InitOptions(centre.tree, 5740, "github"))
    git(centre.tree, "rm", "-r", "--quiet", "state")
    state = {name: text for name, text in texts.items() if name.startswith(("state/", "README", ".gitignore"))}
    centre.commit("ada", "main", {**state})
    job = centre.runner.push(centre.forge.commit("main"), SECRETS)["apply"]
    assert job.conclusion == "success", job.log
    assert "main: anyone with write access can push" in job.log
    assert centre.runner.schedule(SECRETS)["drift"].conclusion == "success"

    example = "state/cohorts/example.yaml"
    centre.commit("ada", "edit", {example: f"{texts[example]}    default_assessor: james-fayre\n"})
    pull = centre.forge.open_pull("ada", "edit")
    job = centre.runner.pull_request(pull, SECRETS)["plan"]
    assert (job.conclusion, pull.labels) == ("success", {"onefile: changes"}), job.log
    assert "::" not in job.log.partition(f"## {SETUP}\n")[2].partition("\n## ")[0]
    centre.forge.review(pull, "ben")
    job = centre.runner.push(centre.forge.merge(pull), SECRETS)["apply"]
    assert (job.conclusion, job.steps[APPLY]) == ("success", "success"), job.log
    assert assessor(centre) == 122762
    for _ in range(2):
        job = centre.runner.schedule(SECRETS)["drift"]
        assert job.conclusion == "success", job.log
    assert centre.forge.issues == {}


def test_drift_is_one_issue_until_it_is_gone(centre: Centre) -> None:
    """Somebody changes in OneFile what was applied: an issue says so the morning after, and closes once it is back."""
    james_is_applied(centre, {"state/cohorts/c2.yaml": second(cohort("james")["state/cohorts/c1.yaml"])})
    assert centre.runner.schedule(SECRETS)["drift"].conclusion == "success"
    assert centre.forge.issues == {}

    centre.somebody_sets(KATE)
    for _ in range(2):
        job = centre.runner.schedule(SECRETS)["drift"]
        assert job.conclusion == "success", job.log
        keeps_its_secrets(job)
    (issue,) = centre.forge.issues.values()
    assert (issue.author, issue.state) == (BOT, "open")
    assert "LRN-0042" in issue.body
    assert "LRN-0042" in job.summary
    assert issue.assignees == ["cleo"], "as the settings say who does manual steps"
    assert issue.comments == [], "nothing is new on the second morning"

    centre.somebody_sets(KATE, SECOND)
    centre.runner.schedule(SECRETS)
    (comment,) = issue.comments
    assert "**New since the last reading (1 slot):**" in comment
    assert "LRN-0043" in comment
    assert "LRN-0042" not in comment

    centre.somebody_sets(JAMES)
    centre.somebody_sets(JAMES, SECOND)
    centre.runner.schedule(SECRETS)
    assert issue.state == "closed"
    assert len(centre.forge.issues) == 1


def test_a_slot_that_went_blind_is_an_issue_and_the_job_ends_as_drift_did(centre: Centre) -> None:
    """The learner has the learning aim twice now, so no reading shows its assessor: somebody must act."""
    aims = [{"standard": 41242, "assessor": "kate"}]
    james_is_applied(centre, cohort("james", learning_aims=aims))
    centre.somebody_doubles_the_aim(41242)
    job = centre.runner.schedule(SECRETS)["drift"]
    assert (job.conclusion, job.steps[ISSUE]) == ("failure", "success"), job.log
    assert job.steps["Say that it is blocked, or not all done"] == "failure"
    (issue,) = centre.forge.issues.values()
    assert "Went blind: OneFile showed 1 learning aim assessor before and no longer does" in issue.body


def test_what_onefile_holds_becomes_a_pull_request(centre: Centre) -> None:
    """It changes the one line, nothing is left to apply for it, and a second one does not run over the first."""
    james_is_applied(centre)
    centre.somebody_sets(KATE)
    job = centre.runner.by_hand("adopt", SECRETS, cohort="c1")["adopt"]
    assert job.conclusion == "success", job.log
    keeps_its_secrets(job)
    pull = list(centre.forge.pulls.values())[-1]
    assert (pull.author, pull.branch) == (BOT, "onefile-adopt")
    assert "LRN-0042" in pull.body
    changed = git(centre.forge.git_folder, "diff", "-U0", "main", "onefile-adopt").splitlines()[5:]
    assert [line.strip("+- ,") for line in changed] == ['"default_assessor": "james"', '"default_assessor": "kate"']

    job = centre.runner.by_hand("adopt", SECRETS, cohort="")["adopt"]
    assert job.conclusion == "failure"
    assert "already exists" in job.log

    centre.runner.pull_request(pull, SECRETS)
    job = centre.runner.push(centre.forge.merge(pull), SECRETS)["apply"]
    assert (job.conclusion, job.steps[APPLY]) == ("success", "skipped"), job.log
    assert "nothing needs to be approved" in job.log


@pytest.mark.parametrize("name", ["learners.csv", "lists/learners 1.xlsx"], ids=["csv", "workbook"])
def test_a_table_becomes_one_pull_request_that_is_kept_up_to_date(centre: Centre, name: str) -> None:
    """Nothing is opened while the files have it all; the pull request is closed when they have it again."""
    centre.runner.variables["RECONCILER_SYNC_TABLE"] = name

    def night(assessor: str) -> Job:
        rows = [["id", "cohort", "default_assessor"], [LEARNER["id"], "c1", assessor]]
        files = {name: table_file(name, rows), "night": str(next(centre.numbers))}
        centre.commit("ada", "main", files, "origin/main")
        job = centre.runner.by_hand("sync", SECRETS)["sync"]
        assert (job.conclusion, job.steps[SYNC], job.steps[KEEP]) == ("success", "success", "success"), job.log
        keeps_its_secrets(job)
        return job

    night("kate")
    assert not centre.forge.pulls
    night("james")
    (pull,) = centre.forge.pulls.values()
    assert (pull.author, pull.branch, pull.state) == (BOT, "onefile-sync", "OPEN")
    assert "c1" in pull.body
    changed = git(centre.forge.git_folder, "diff", "-U0", pull.base_commit, "onefile-sync").splitlines()[5:]
    assert [line.strip("+- ,") for line in changed] == ['"default_assessor": "kate"', '"default_assessor": "james"']
    night("kate")
    assert pull.state == "CLOSED"
