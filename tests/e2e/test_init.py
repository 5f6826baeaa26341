"""init: what it writes is valid, works at once, is this repository's own where it should be, and harms nothing."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sysconfig
from pathlib import Path

import click
import pytest

from reconciler.cli.init import EXTRAS
from reconciler.cli.main import cli
from reconciler.commands.init import FORGES_OF, Origin, installed_from, origin_of
from reconciler.problems import ExitCode, Invalid
from reconciler.runtime.schema_copies import is_current
from tests.checker import checked_by_schema
from tests.e2e.user import REPOSITORY, Home

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SOURCE = f"https://git.example/northmere/onefile-reconciler@{COMMIT}"
ASKED = ("init", "--organisation", "777", "--source", SOURCE)
GITHUB, GITLAB = (*ASKED, "--ci", "github"), (*ASKED, "--ci", "gitlab")
IMPORT = ("init", "--organisation", "5740", "--ci", "none", "--begin-with", "import", "--target", "sandbox")


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def checked(*command: str | Path, folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# ------------------------------------------------------------------ the first hour


def test_what_is_written_is_valid_laid_out_and_asks_for_what_the_sandbox_holds(home: Home) -> None:
    """For a centre of any number: nothing is to do at first, and a first edit is planned, applied and over."""
    assert home.run(*GITHUB).code == ExitCode.DONE
    checked_now = home.run("validate")
    assert (checked_now.code, checked_now.err) == (ExitCode.DONE, "")
    assert home.run("validate", "--at", "2036-02-29").err == "", "nothing in it goes out of date"
    assert home.run("fmt", "--check").code == ExitCode.DONE
    assert home.run("plan", "--detailed-exitcode").code == ExitCode.DONE
    assert home.run("doctor").code == ExitCode.DONE
    example, guide = home.path / "state/cohorts/example.yaml", (home.path / "README.md").read_text("utf-8")
    (line,) = re.findall(r"add the line `(.+?)` at the end", guide)
    example.write_text(f"{example.read_text('utf-8')}{line}\n", "utf-8")
    assert home.run("plan", "--detailed-exitcode").code == ExitCode.CHANGES
    assert home.run("apply", "--auto-approve").code == ExitCode.DONE
    assert home.run("plan", "--detailed-exitcode").code == ExitCode.DONE
    assert home.run("doctor").code == ExitCode.DONE


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("default_assessor: kate-anderson", "default_assessor: james-fayre"),
        ("default_employer: acme-mentor", "additional: [kate-anderson]"),
        ("iqa: priya-shah", "assessor: james-fayre"),
        ("    label: LRN-0042", "    label: LRN-0042\n    units: [{unit: KS_COMM1, assessor: kate-anderson}]"),
    ],
)
def test_no_limit_and_no_policy_blocks_a_first_edit(home: Home, before: str, after: str) -> None:
    """Even one that takes half of all slots from somebody: shares count in larger centres only."""
    home.run(*GITHUB)
    example = home.path / "state/cohorts/example.yaml"
    text = example.read_text("utf-8")
    assert before in text
    example.write_text(text.replace(before, after, 1), "utf-8")
    assert home.run("plan", "--detailed-exitcode").code == ExitCode.CHANGES


def test_with_nobody_in_it_an_import_follows(home: Home) -> None:
    """Then the files equal what OneFile holds."""
    assert home.run(*IMPORT).code == ExitCode.DONE
    assert home.run("import").code in (ExitCode.DONE, ExitCode.INCOMPLETE)
    assert home.run("validate").code == ExitCode.DONE
    summary = home.run("plan", "--format", "json").json["summary"]
    assert (summary["create"], summary["update"], summary["manual"]) == (0, 0, 0)


def test_the_commands_that_are_told_and_written_exist(home: Home) -> None:
    """In the README that is written, and in the text that comes at the end."""
    for asked, folder in ((GITHUB, "one"), ((*IMPORT,), "two")):
        said = home.run(*asked, folder).out
        assert f"  cd {folder}\n" in said
        lines = re.findall(
            r"^ *(reconciler .+?)(?:  .*)?$", (home.path / folder / "README.md").read_text(), re.MULTILINE
        )
        told = re.findall(r"^  (reconciler .+?)  .*$", said, re.MULTILINE)
        assert len(lines) > 3 and len(told) > 3
        for line in (*lines, *told):
            _, name, *arguments = shlex.split(line)
            command = cli.get_command(click.Context(cli), name)
            assert command, line
            if "--help" not in arguments:
                command.make_context(name, arguments)


@pytest.mark.parametrize("extra", EXTRAS)
def test_files_for_people_without_git_are_offered(home: Home, extra: str) -> None:
    """Each names its source and what it needs; those that are parts of pipelines are written for their forges alone."""
    home.run(*GITHUB, "plain")
    assert home.run(*GITHUB, "--with", extra, "more").code == ExitCode.DONE
    plain, more = tree(home.path / "plain"), tree(home.path / "more")
    (name,) = more.keys() - plain.keys()
    text = more[name].decode()
    assert not re.search("@[A-Z]+@", text) and text.startswith("# ")
    if name.startswith(".github/workflows/"):
        assert f"uses: northmere/onefile-reconciler@{COMMIT}" in text
    for ci in ("gitlab", "none"):
        ended = home.run(*ASKED, "--ci", ci, "--with", extra, ci)
        is_offered = ci in FORGES_OF.get(extra, (ci,))
        assert ended.code == (ExitCode.DONE if is_offered else ExitCode.INVALID)
        assert is_offered or f"or leave out --with {extra}." in ended.err


def test_the_nightly_job_for_gitlab_is_part_of_its_pipeline(home: Home) -> None:
    """As the guide shows it, after the other jobs, with nothing of another forge."""
    home.run(*GITLAB, "plain")
    home.run(*GITLAB, "--with", "sync", "more")
    plain, more = (tree(home.path / name) for name in ("plain", "more"))
    assert more.keys() == plain.keys()
    assert [name for name in more if more[name] != plain[name]] == [".gitlab-ci.yml"]
    job = more[".gitlab-ci.yml"].decode().removeprefix(plain[".gitlab-ci.yml"].decode())
    guide = (REPOSITORY / "docs" / "how-to" / "gitlab.md").read_text("utf-8")
    assert f"```yaml\n{job[job.index('sync:') :]}```" in guide
    assert checked_by_schema("--builtin-schema", "vendor.gitlab-ci", home.path / "more" / ".gitlab-ci.yml")[0] == 0


# ------------------------------------------------------------------ never over anything


def test_a_second_time_there_is_nothing_to_do(home: Home) -> None:
    """No file changes, and one that is missing comes back alone."""
    home.run(*GITHUB)
    before = tree(home.path)
    again = home.run(*GITHUB)
    assert (again.code, again.out) == (ExitCode.DONE, f"Nothing to do: all {len(before)} files already exist.\n")
    assert tree(home.path) == before
    (home.path / "README.md").unlink()
    assert home.run(*GITHUB, "--format", "json").json["written"] == ["README.md"]
    assert tree(home.path) == before


def test_everything_in_the_way_is_named_and_nothing_written(home: Home) -> None:
    """A file with other content, a folder in a file's place, a file in a folder's, a link that leads nowhere."""
    (home.path / "README.md").write_text("mine\n")
    (home.path / ".gitignore").mkdir()
    (home.path / ".vscode").write_text("not a folder\n")
    (home.path / ".editorconfig").symlink_to("nowhere")
    before = tree(home.path)
    ended = home.run(*GITHUB)
    assert ended.code == ExitCode.INVALID
    named = {line.partition(":")[0] for line in ended.err.splitlines() if "already exists and differs" in line}
    assert named == {
        "README.md", ".gitignore", ".editorconfig", ".vscode/extensions.json", ".vscode/settings.json"
    }  # fmt: skip
    assert tree(home.path) == before and not (home.path / "state").exists()


def test_what_is_no_folder_is_told_once(home: Home) -> None:
    """Instead of once for each file that would be in it."""
    (home.path / "mine").write_text("mine\n")
    ended = home.run(*GITHUB, "mine")
    assert ended.code == ExitCode.INVALID and ended.err.startswith("mine: is not a folder\n")


def test_a_pipeline_that_no_forge_would_find_is_told(home: Home) -> None:
    """In a folder inside a repository; at its top, or without a pipeline, nothing is said."""
    home.git("init", "-q")
    assert home.run(*GITHUB).err == ""
    assert home.run(*ASKED, "--ci", "none", "inside").err == ""
    ended = home.run(*GITLAB, "below")
    assert ended.code == ExitCode.DONE
    assert "below: warning: this folder is inside the repository" in ended.err


def test_a_file_of_the_users_can_be_kept(home: Home) -> None:
    """The others are written; a name that init does not write is refused."""
    (home.path / "README.md").write_text("mine\n")
    assert home.run(*GITHUB, "--keep", "READ.me").code == ExitCode.INVALID
    assert tree(home.path) == {"README.md": b"mine\n"}
    assert home.run(*GITHUB, "--keep", "./README.md").code == ExitCode.DONE
    assert (home.path / "README.md").read_text() == "mine\n" and (home.path / "state" / "settings.yaml").is_file()


# ------------------------------------------------------------------ what is asked


def test_without_a_terminal_each_option_that_is_needed_is_named(home: Home) -> None:
    """At once, and nothing is written."""
    ended = home.run("init")
    assert ended.code == ExitCode.INVALID
    assert "--organisation: is required" in ended.err and "--ci: is required" in ended.err
    assert tree(home.path) == {}


def test_on_a_terminal_three_questions_are_asked_at_most(home: Home) -> None:
    """And none that an option answers."""
    ended = home.terminal("init", typed="5741\nnone\n\n")
    assert ended.code == ExitCode.DONE, ended
    assert ended.err.count("?") + ended.err.count("OrganisationID") == 3
    assert "organisation: 5741" in (home.path / "state" / "settings.yaml").read_text()
    ended = home.terminal("init", "two", "--organisation", "1", "--ci", "none", "--begin-with", "import")
    assert (ended.code, ended.err) == (ExitCode.DONE, "")
    assert "target: practice" in (home.path / "two" / "state" / "settings.yaml").read_text()


def test_the_example_stays_in_the_sandbox(home: Home) -> None:
    """Its people are nobody anywhere else."""
    assert home.run(*GITHUB, "--target", "live").code == ExitCode.INVALID
    assert tree(home.path) == {}


@pytest.mark.parametrize(
    "source",
    [
        "northmere/onefile-reconciler@main",
        f"http://git.example/northmere/onefile-reconciler@{COMMIT}",
        f"https://somebody:secret@git.example/northmere/onefile-reconciler@{COMMIT}",
        f'https://git.example/a/b"\n  - run: evil@{COMMIT}',
        f"https://git.example/northmere/onefile-reconciler@{COMMIT[:7]}",
    ],
)
def test_a_source_that_could_change_is_refused(source: str) -> None:
    """A branch, an address without protection or with a password, something that is no address, a short id."""
    with pytest.raises(Invalid) as refused:
        origin_of(source)
    assert "secret" not in str(refused.value)


def test_a_source_is_written_as_each_forge_names_it(home: Home) -> None:
    """The account and the commit in a workflow, the address in the others."""
    assert origin_of(f"https://git.example/a/b.git@{COMMIT}") == Origin("https://git.example/a/b", COMMIT)
    assert installed_from() is None, "a checkout is no place that a pipeline can take it from"
    home.run(*GITHUB)
    home.run(*GITLAB, "two")
    assert f"uses: northmere/onefile-reconciler@{COMMIT}\n" in (home.path / ".github/workflows/plan.yml").read_text()
    assert SOURCE.replace("@", " ") in (home.path / "two" / ".gitlab-ci.yml").read_text()
    assert f'rev: "{COMMIT}"' in (home.path / ".pre-commit-config.yaml").read_text()


def test_an_unknown_source_is_told_file_by_file(home: Home) -> None:
    """As the guide writes it, with the files in which it has to be named."""
    told = home.run("init", "--organisation", "777", "--ci", "github", "--format", "json").json["to_name"]
    assert len(told) == 5
    assert {name for name, text in tree(home.path).items() if b"COMMIT" in text} == set(told)


# ------------------------------------------------------------------ the workflows


def test_the_workflows_are_this_repositorys_own(home: Home) -> None:
    """But for where the program comes from, its checkout here, and two comments."""
    home.run(*GITHUB)
    for ours in (REPOSITORY / ".github" / "workflows" / f"{name}.yml" for name in ("plan", "apply", "drift", "adopt")):
        theirs = (home.path / ".github" / "workflows" / ours.name).read_text("utf-8")
        mine = re.sub(r" +# In this repository only:.*?(?= +- uses: \./)", "", ours.read_text("utf-8"), flags=re.DOTALL)
        lines = list(zip(mine.splitlines(), theirs.splitlines(), strict=True))
        code = [one.partition(" # ")[0] for pair in lines for one in pair if pair[0] != pair[1] and one[0] != "#"]
        assert set(code) == {
            "      - uses: ./.program" if ours.name == "plan.yml" else "      - uses: ./",
            f"      - uses: northmere/onefile-reconciler@{COMMIT}",
            *(["      name: onefile"] if ours.name == "apply.yml" else []),
        }
        assert "of onefile-reconciler lists what it needs" in theirs and "zizmor" not in theirs


def test_the_workflows_pass_the_checks_that_ours_pass(home: Home) -> None:
    """GitHub's own schema, and zizmor where it is pedantic."""
    home.run(*GITHUB)
    files = sorted((home.path / ".github" / "workflows").glob("*.yml"))
    code, said = checked_by_schema("--builtin-schema", "vendor.github-workflows", *files)
    assert code == 0, said
    zizmor = Path(sysconfig.get_path("scripts"), "zizmor")
    checked(zizmor, "--offline", "--no-progress", "--persona", "pedantic", ".github", folder=home.path)


def test_the_pipeline_for_gitlab_is_the_guides(home: Home) -> None:
    """And has GitLab's form."""
    home.run(*GITLAB)
    written = (home.path / ".gitlab-ci.yml").read_text("utf-8")
    guide = (REPOSITORY / "docs" / "how-to" / "gitlab.md").read_text("utf-8")
    found = re.search(r"^```yaml\n# \.gitlab-ci\.yml\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)
    assert found
    place = "https://gitlab.example/OWNER/onefile-reconciler COMMIT"
    expected = found[1].replace(place, SOURCE.replace("@", " ")).splitlines()
    assert [line for line in written.splitlines() if line[:1] != "#"] == expected
    assert checked_by_schema("--builtin-schema", "vendor.gitlab-ci", home.path / ".gitlab-ci.yml")[0] == 0
    assert not (home.path / ".github").exists()
    assert "the plan" in (home.path / ".gitlab/merge_request_templates/Default.md").read_text("utf-8")


def test_reviews_are_prepared_on_github(home: Home) -> None:
    """Who is asked for one, a text to begin with, and newer versions of the actions as pull requests."""
    home.run(*GITHUB)
    folder = home.path / ".github"
    assert {"/state/", "/.github/"} <= set(re.findall(r"^# (/\S+) +@OWNER/", (folder / "CODEOWNERS").read_text(), re.M))
    assert "the plan" in (folder / "pull_request_template.md").read_text("utf-8")
    assert checked_by_schema("--builtin-schema", "vendor.dependabot", folder / "dependabot.yml")[0] == 0


# ------------------------------------------------------------------ editors and git


def test_editors_find_the_schemas_without_a_network(home: Home) -> None:
    """By the first line of each file and by the folder's settings; the copies are this version's."""
    home.run(*GITHUB)
    for file in (home.path / "state").rglob("*.yaml"):
        kind = file.stem if file.parent.name == "state" else "cohort"
        named = file.read_text("utf-8").splitlines()[0].partition("$schema=")[2]
        copy = (file.parent / named).resolve()
        assert is_current(f"schemas/{kind}.schema.json", copy.read_text("utf-8"))
        code, said = checked_by_schema("--schemafile", copy, file)
        assert code == 0, said
    settings = json.loads((home.path / ".vscode" / "settings.json").read_text("utf-8"))
    for schema, pattern in settings["yaml.schemas"].items():
        kind = json.loads((home.path / schema).read_text("utf-8"))["$id"].split(":")[-2]
        (file,) = home.path.glob(pattern)
        assert kind == (file.stem if file.parent.name == "state" else "cohort")
    assert json.loads((home.path / ".vscode" / "extensions.json").read_text("utf-8"))["recommendations"]


def test_editors_know_the_centres_handles(home: Home) -> None:
    """A handle that nobody has is flagged; a new one is known once the files are formatted."""
    home.run(*GITHUB)
    cohort, staff = home.path / "state" / "cohorts" / "example.yaml", home.path / "state" / "staff.yaml"
    schema = home.path / "schemas" / "cohort.schema.json"
    cohort.write_text(cohort.read_text("utf-8").replace("kate-anderson", "new-person"), "utf-8")
    assert checked_by_schema("--schemafile", schema, cohort)[0] == 1
    staff.write_text(staff.read_text("utf-8") + "  new-person: {id: 163757, role: assessor}\n", "utf-8")
    assert home.run("doctor").out.count("without the handles of staff.yaml") == 1
    assert "Updated the handles in schemas/cohort.schema.json.\n" in home.run("fmt").out
    assert checked_by_schema("--schemafile", schema, cohort)[0] == 0
    assert home.run("fmt").out == "Nothing to do.\n"
    assert home.run("init", "--schemas").out == "Nothing to do: the schemas are up to date.\n"
    assert home.run(*GITHUB, "--keep", "state/staff.yaml", "--keep", "state/cohorts/example.yaml").code == ExitCode.DONE


def test_an_import_gives_editors_its_handles(home: Home) -> None:
    """As soon as it has written staff.yaml."""
    home.run(*IMPORT)
    home.run("import")
    for name in ("cohort", "staff"):
        text = (home.path / "schemas" / f"{name}.schema.json").read_text("utf-8")
        assert '"assessor-132757"' in text
    assert home.run("doctor").code == ExitCode.DONE


def test_git_leaves_out_what_holds_personal_data(home: Home) -> None:
    """The store, the sandbox's world, a saved plan and a kept reading are never committed by mistake."""
    home.run(*GITHUB)
    home.git("init", "-q")
    home.run("plan", "--out", "plan.json", "--save-observed", "observed.json")
    home.run("show", "plan.json", "--format", "html", "--out", "plan.html")
    home.run("history", "--format", "csv", "--out", "runs.csv")
    left_out = home.git("status", "--porcelain", "--ignored", "--untracked-files=all")
    ignored = {line.split()[-1] for line in left_out.splitlines() if line.startswith("!!")}
    assert {
        "plan.json",
        "plan.html",
        "runs.csv",
        "observed.json",
        ".reconciler/store.db",
        ".reconciler/sandbox.jsonl",
    } <= ignored
    assert not [name for name in ignored if name.startswith(("state", "schemas"))]


def test_schemas_of_another_version_are_renewed(home: Home) -> None:
    """Ours only: a file of somebody else's in that place stays, and is named."""
    home.run(*GITHUB)
    before = tree(home.path)
    schema = home.path / "schemas" / "staff.schema.json"
    old = {**json.loads(schema.read_text("utf-8")), "title": "As it once was"}
    schema.write_text(json.dumps(old), "utf-8")
    ended = home.run("init", "--schemas")
    assert (ended.code, ended.out) == (ExitCode.DONE, "Renewed:\n  schemas/staff.schema.json\n")
    assert tree(home.path) == before
    assert home.run("init", "--schemas").out == "Nothing to do: the schemas are up to date.\n"
    schema.write_text("{}", "utf-8")
    refused = home.run("init", "--schemas")
    assert refused.code == ExitCode.INVALID and "schemas/staff.schema.json" in refused.err
    assert schema.read_text("utf-8") == "{}"
    assert home.run("init", "--schemas", "nowhere").code == ExitCode.INVALID
    assert not (home.path / "nowhere").exists()
