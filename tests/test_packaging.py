"""The distribution: what it holds, that it is complete and starts quickly; the schemas and workflows beside it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import hatch_build
import reconciler
from reconciler.commands.init import WORKFLOWS
from tests.checker import checked_by_schema
from tests.test_imports import HOMES

ROOT = Path(__file__).parent.parent
LOCK, RUNTIME, NOTIFY, EXCEL = (ROOT / ".ci" / f"{name}.txt" for name in ("requirements", "runtime", "notify", "excel"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def _run(command: Sequence[str | Path], folder: Path = ROOT, **environment: str) -> str:
    """Standard output of a command that must succeed."""
    surroundings = {**os.environ, **environment}
    done = subprocess.run(
        command, cwd=folder, env=surroundings, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _build(folder: Path, into: Path, target: str, **environment: str) -> Path:
    """Build as `python -m hatchling build` does, in this process."""
    from hatchling.builders.sdist import SdistBuilder
    from hatchling.builders.wheel import WheelBuilder

    builder = (WheelBuilder if target == "wheel" else SdistBuilder)(str(folder))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        (built,) = builder.build(directory=str(into), versions=["standard"])
    return Path(built)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _build(ROOT, tmp_path_factory.mktemp("wheel"), "wheel")


def _names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def _below(folder: str) -> set[str]:
    """The files of a top folder that belong to the repository."""
    found = (path.relative_to(ROOT) for path in (ROOT / folder).rglob("*") if path.is_file())
    return {path.as_posix() for path in found if "__pycache__" not in path.parts}


def test_the_wheel_holds_the_program_its_schemas_and_the_demonstration_centre(wheel: Path) -> None:
    """Everything that the program reads while it runs is inside, and so is the mark that it is typed."""
    shipped = _below("schemas") | _below("state") | _below("starter") | set(WORKFLOWS)
    data = {f"reconciler/data/{name}" for name in shipped}
    assert data | _below("reconciler") | _below("onefile_sandbox") | {"reconciler/py.typed"} <= _names(wheel)


def test_the_wheel_holds_nothing_else(wheel: Path) -> None:
    """No tests and no documents but the man pages, which the installer puts beside those of other programs."""
    own = f"onefile_reconciler-{reconciler.__version__}.dist-info"
    assert {name.partition("/")[0] for name in _names(wheel)} == {
        "reconciler",
        "onefile_sandbox",
        own,
        f"onefile_reconciler-{reconciler.__version__}.data",
    }


def test_the_version_is_one(wheel: Path) -> None:
    """The wheel's name, its metadata and --version say the same."""
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(f"onefile_reconciler-{reconciler.__version__}.dist-info/METADATA").decode()
    assert f"\nVersion: {reconciler.__version__}\n" in metadata
    shown = _run([sys.executable, "-c", "from reconciler.cli.main import main; main()", "--version"])
    assert shown.splitlines()[0] == f"reconciler, version {reconciler.__version__}"


def _small_clone(folder: Path) -> str:
    """A repository with this program's sources, committed; the commit."""
    for package in ("reconciler", "onefile_sandbox"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("schemas", "starter", "state", ".github"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("hatch_build.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    who = ("-c", "user.name=ada", "-c", "user.email=ada@people.invalid")
    for asked in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "As it is", "--date", "2026-03-01T12:00"]):
        _run(["git", *asked], folder, GIT_COMMITTER_DATE="2026-03-01T12:00:00")
    return _run(["git", "rev-parse", "HEAD"], folder).strip()


def _version(site: Path, elsewhere: Path) -> list[str]:
    """Return what --version prints of the commit of the package in *site*."""
    asked = [sys.executable, "-c", "from reconciler.cli.main import main; main()", "--version"]
    return _run(asked, elsewhere, PYTHONPATH=str(site)).splitlines()[1:]


def test_a_built_program_says_its_commit(tmp_path: Path) -> None:
    """A wheel from a clone, one from its source distribution, one with changes; and one without git says that too."""
    clone = tmp_path / "clone"
    commit = _small_clone(clone)

    def version_of(folder: Path, name: str, **environment: str) -> list[str]:
        with zipfile.ZipFile(_build(folder, tmp_path / name, "wheel", **environment)) as archive:
            archive.extractall(tmp_path / name / "site")  # noqa: S202  our own archive
        return _version(tmp_path / name / "site", tmp_path)

    version = f"commit {commit} of 2026-03-01"
    assert _version(clone, tmp_path) == [version], "the checkout itself, as an editable installation runs it"
    assert version_of(clone, "clean") == [version]
    with tarfile.open(_build(clone, tmp_path / "sdist", "sdist")) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    assert version_of(unpacked, "unpacked-wheel") == [version]
    (clone / "LICENSE").write_text("changed\n", "utf-8")
    assert version_of(clone, "changed") == [f"{version}, with uncommitted changes"]
    shutil.rmtree(clone / ".git")
    assert version_of(clone, "action", RECONCILER_BUILD_COMMIT=commit) == [f"commit {commit}"]
    unknown = ["commit unknown: built without git, or by a tool that omits it"]
    assert version_of(clone, "branch", RECONCILER_BUILD_COMMIT="main") == unknown
    assert version_of(clone, "without-git") == unknown


def _metadata(archive: Path) -> str:
    """Return the metadata of a wheel."""
    with zipfile.ZipFile(archive) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        return wheel.read(name).decode("utf-8")


def test_the_action_gives_its_build_the_commit_and_the_repository() -> None:
    """Its folder has no .git, so the variables that the build reads come from the workflow."""
    steps = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))["runs"]["steps"]
    (install,) = (step for step in steps if step.get("name") == "Install")
    assert {hatch_build.COMMIT, hatch_build.REPOSITORY} <= set(install["env"])
    assert install["env"][hatch_build.COMMIT] == "${{ github.action_ref }}"


def test_a_wheel_names_the_repository_that_it_was_built_from(tmp_path: Path) -> None:
    """Its addresses and the README's links lead there, without credentials; without a repository, links are text."""
    clone = tmp_path / "clone"
    commit = _small_clone(clone)
    assert "Project-URL" not in (alone := _metadata(_build(clone, tmp_path / "alone", "wheel")))
    assert "See CHANGELOG.md" in alone
    address = "https://forge.example/ada/onefile-reconciler"
    for number, origin in enumerate(("https://ada:secret@forge.example/ada/onefile-reconciler.git", f"{address}/")):
        _run(["git", "remote", "add" if not number else "set-url", "origin", origin], clone)
        wheel = _build(clone, tmp_path / str(number), "wheel")
        metadata = _metadata(wheel)
        assert f"\nProject-URL: Repository, {address}\n" in metadata
        assert f"See [CHANGELOG.md]({address}/blob/{commit}/CHANGELOG.md)" in metadata
        assert "secret" not in metadata
    with tarfile.open(_build(clone, tmp_path / "sdist", "sdist")) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    assert _metadata(_build(unpacked, tmp_path / "from-sdist", "wheel")) == metadata
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")  # noqa: S202  our own archive
    code = "import sys, reconciler.cli.main as cli; sys.exit(cli.run(sys.argv[1:]))"
    begun = [sys.executable, "-c", code, "init", "--organisation", "1", "--ci", "github", "centre"]
    _run(begun, tmp_path, PYTHONPATH=str(tmp_path / "site"))
    plan = (tmp_path / "centre" / ".github" / "workflows" / "plan.yml").read_text("utf-8")
    assert f"uses: ada/onefile-reconciler@{commit}\n" in plan, "init fills in the repository and the commit"
    shutil.rmtree(clone / ".git")
    built = {"RECONCILER_BUILD_COMMIT": "0" * 40, "RECONCILER_BUILD_REPOSITORY": address}
    metadata = _metadata(_build(clone, tmp_path / "action", "wheel", **built))
    assert f"({address}/blob/{'0' * 40}/CHANGELOG.md)" in metadata


def test_an_editable_installation_offers_the_groups_as_extras(wheel: Path, tmp_path: Path) -> None:
    """So that the pip of Python 3.11 can install them; a distribution offers none of them."""
    code = "import sys, hatchling.build as backend; backend.build_editable(sys.argv[1])"
    _run([sys.executable, "-c", code, tmp_path])
    (editable,) = tmp_path.glob("*.whl")
    offered = set(re.findall(r"^Provides-Extra: (.+)$", _metadata(editable), re.MULTILINE))
    public = set(PROJECT["project"]["optional-dependencies"])
    assert offered == public | set(PROJECT["dependency-groups"])
    assert "mkdocs-material>=9.6; extra == 'test'" in _metadata(editable)
    assert set(re.findall(r"^Provides-Extra: (.+)$", _metadata(wheel), re.MULTILINE)) == public


def test_a_wheel_made_from_the_source_distribution_is_the_same(wheel: Path, tmp_path: Path) -> None:
    """The source distribution lacks nothing that the build needs."""
    with tarfile.open(_build(ROOT, tmp_path, "sdist")) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert _names(_build(unpacked, tmp_path, "wheel")) == _names(wheel)
    assert {"README.md", "LICENSE", "tests", ".ci"} <= {path.name for path in unpacked.iterdir()}


def test_the_unpacked_wheel_runs_the_demonstration_elsewhere(wheel: Path, tmp_path: Path) -> None:
    """Away from the checkout the program finds its own schemas and its own centre."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")  # noqa: S202  our own archive
    code = "import sys, reconciler.cli.main as cli; print(cli.__file__); sys.exit(cli.run(['demo']))"
    shown = _run([sys.executable, "-c", code], tmp_path, PYTHONPATH=str(tmp_path / "site"))
    assert shown.startswith(str(tmp_path / "site"))
    assert shown.count("\nNo changes") == 1


def test_the_unpacked_wheel_makes_the_same_repository_to_begin_with(wheel: Path, tmp_path: Path) -> None:
    """Away from the checkout init writes the same files, those that begin with a dot among them."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")  # noqa: S202  our own archive
    code = "import sys, reconciler.cli.main as cli; sys.exit(cli.run(sys.argv[1:]))"
    source = f"https://forge.example/ada/onefile-reconciler@{'0' * 40}"
    asked = [sys.executable, "-c", code, "init", "--organisation", "1", "--ci", "github", "--source", source]
    _run([*asked, "there"], tmp_path, PYTHONPATH=str(tmp_path / "site"))
    _run([*asked, "here"], tmp_path, PYTHONPATH=str(ROOT))
    there, here = (
        {
            path.relative_to(tmp_path / name): path.read_bytes()
            for path in (tmp_path / name).rglob("*")
            if path.is_file()
        }
        for name in ("there", "here")
    )
    assert there == here
    assert Path(".vscode/settings.json") in there


def test_help_loads_nothing_heavy() -> None:
    """`reconciler --help` answers before any package but click is loaded."""
    code = (
        "import json, sys; from reconciler.cli.main import run; run(['--help']);"
        "print(); print(json.dumps(sorted({name.partition('.')[0] for name, module in sys.modules.items() if module})))"
    )
    loaded = set(json.loads(_run([sys.executable, "-c", code]).splitlines()[-1]))
    assert "click" in loaded
    heavy = {"deepdiff", "httpx", "jsonschema", "jsonschema_rs", "rich", "sqlite3", "starlette", "uvicorn", "yaml"}
    assert loaded & heavy == set()


def test_no_dependency_is_held_back() -> None:
    """Ranges have no upper bound, so that fixes can come in; deepdiff has one on 3.15, and the engine of the queue."""
    project = PROJECT["project"]
    ranges = [
        *project["dependencies"],
        *(line for extra in project["optional-dependencies"].values() for line in extra),
    ]
    ranges += [line for group in PROJECT["dependency-groups"].values() for line in group if isinstance(line, str)]
    ranges.append(project["requires-python"])
    bounded = [line for line in ranges if set("<~!,") & set(line.partition(";")[0]) or "==" in line.partition(";")[0]]
    assert set(bounded) == {"deepdiff<9.1; python_version >= '3.15'", "dbos>=3.4,<3.5"}


def test_each_foreign_package_is_declared() -> None:
    """A package that the program imports is among its dependencies, and not only there because another one needs it."""
    declared = {
        canonicalize_name(requirement.name)
        for extra in ("", "postgres", "share", "notify", "excel", "fleet")
        for requirement in _required(extra)
    }
    assert {canonicalize_name({"yaml": "pyyaml"}.get(name, name)) for name in HOMES} <= declared


def test_each_supported_python_is_named_and_checked() -> None:
    """The classifiers and the checks of each push have the same versions."""
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["project"]["classifiers"]))
    checks = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8"))["jobs"]["checks"]
    assert named == checks["strategy"]["matrix"]["python"]
    assert f">={named[0]}" == PROJECT["project"]["requires-python"]


def _locked(lock: Path = LOCK) -> dict[str, set[str]]:
    """The versions of each package in a lock; of several, the system or the Python says which."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", lock.read_text("utf-8"), re.MULTILINE):
        found.setdefault(canonicalize_name(name), set()).add(version)
    return found


def _required(name: str = "") -> Iterator[Requirement]:
    """Yield the package's requirements, or those of an extra or a group, with the groups that it includes."""
    sets = PROJECT["project"]["optional-dependencies"] | PROJECT["dependency-groups"]
    for line in sets[name] if name else PROJECT["project"]["dependencies"]:
        if isinstance(line, str):
            yield Requirement(line)
        else:
            yield from _required(line["include-group"])


def test_the_lock_satisfies_what_is_asked_for() -> None:
    """Every package of the program, its tests and its audit is locked within its range. Else run .ci/lock."""
    locked, required = _locked(), [*_required(), *_required("test"), *_required("audit")]
    missing = [str(line) for line in required if canonicalize_name(line.name) not in locked]
    outside = [
        str(line)
        for line in required
        if not any(map(line.specifier.contains, locked.get(canonicalize_name(line.name), ["0"])))
    ]
    assert (missing, outside) == ([], []), "run .ci/lock"


def test_what_a_pipeline_installs_is_locked_as_it_was_tested() -> None:
    """The program with PostgreSQL, what builds it, and no version that the tests did not have."""
    locked, tested = _locked(RUNTIME), _locked()
    assert PROJECT["dependency-groups"]["build"] == PROJECT["build-system"]["requires"]
    required = [*_required(), *_required("postgres"), *_required("build")]
    assert [str(line) for line in required if canonicalize_name(line.name) not in locked] == [], "run .ci/lock"
    assert {name: versions for name, versions in locked.items() if not versions <= tested[name]} == {}, "run .ci/lock"


@pytest.mark.parametrize("lock", [NOTIFY, EXCEL], ids=["notify", "excel"])
def test_the_lock_of_an_extra_fits_beside_that_of_the_program(lock: Path) -> None:
    """It has the extra that it is named after, and no other version of anything that the program runs with."""
    locked, runs_with, tested = _locked(lock), _locked(RUNTIME), _locked()
    required = [*_required(), *_required(lock.stem)]
    assert [str(line) for line in required if canonicalize_name(line.name) not in locked] == [], "run .ci/lock"
    for other in (runs_with, tested):
        assert {name for name, versions in locked.items() if not versions <= other.get(name, versions)} == set()


@pytest.mark.parametrize(("table", "extra"), [("", ""), ("learners.csv", ""), ("lists/learners 1.xlsx", "excel")])
def test_the_action_installs_what_reads_a_workbook_only_for_one(tmp_path: Path, table: str, extra: str) -> None:
    """By the lock of that name; a table of text needs nothing more than the program."""
    steps = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))["runs"]["steps"]
    (script,) = (step["run"] for step in steps if step.get("name") == "Install")
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci" / "install").write_text('printf "%s\\n" "${@:2}" > "$1"\n', "utf-8")
    values = {"GITHUB_ACTION_PATH": tmp_path, "PROGRAM": tmp_path / "asked", "REPORTS": tmp_path / "reports"}
    values |= {"GITHUB_OUTPUT": tmp_path / "output", "SENDS": "", "TABLE": table}
    environment = os.environ | {name: str(value) for name, value in values.items()}
    subprocess.run(["bash", "-e", "-c", script], env=environment, check=True)
    assert (tmp_path / "asked").read_text("utf-8").strip() == extra


@pytest.mark.parametrize("lock", [LOCK, RUNTIME, NOTIFY, EXCEL], ids=["checks", "runtime", "notify", "excel"])
def test_the_lock_holds_hashes_and_no_address(lock: Path) -> None:
    """Every line is a version, or the hash of one of its files: nothing says where this machine gets its packages."""
    lines = lock.read_text("utf-8").splitlines()
    version = re.compile(r"[a-z0-9.-]+==[0-9][\w.+]*(?: ; [^\\:]*)? \\")
    digest = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?")
    assert [line for line in lines if not version.fullmatch(line) and not digest.fullmatch(line)] == []
    assert not lines[-1].endswith("\\")


def test_the_list_of_parts_names_what_the_program_runs_with(tmp_path: Path) -> None:
    """As in a release, where .ci/package holds it against CycloneDX's schema too: here of the tests' environment."""
    made = ["--pyproject", "pyproject.toml", "--no-validate", "--output-file", tmp_path / "sbom.json"]
    _run([sys.executable, "-m", "cyclonedx_py", "environment", *made, sys.executable])
    parts = json.loads((tmp_path / "sbom.json").read_text("utf-8"))
    assert parts["metadata"]["component"]["name"] == "onefile-reconciler"
    named = {canonicalize_name(part["name"]) for part in parts["components"] if part["version"]}
    assert {canonicalize_name(requirement.name) for requirement in _required()} <= named


def test_only_the_job_that_publishes_may_say_who_it_is() -> None:
    """It runs nothing of the repository; what may write a release holds no identity; nothing else may write at all."""
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8"))["jobs"]
    may = {name: {right for right, how in job["permissions"].items() if how == "write"} for name, job in jobs.items()}
    assert may == {"build": set(), "publish": {"id-token", "attestations"}, "announce": {"contents"}}
    assert jobs["publish"]["environment"]["name"] == "pypi"
    assert not any(
        "checkout" in step.get("uses", "") for name in ("publish", "announce") for step in jobs[name]["steps"]
    )


def test_the_schemas_are_schemas() -> None:
    """Each file in schemas/ is valid by the metaschema that it names."""
    code, said = checked_by_schema("--check-metaschema", *sorted((ROOT / "schemas").glob("*.json")))
    assert code == 0, said


@pytest.mark.parametrize(
    ("schema", "pattern"),
    [
        ("github-workflows", ".github/workflows/*.yml"),
        ("github-actions", "action.yml"),
        ("dependabot", ".github/dependabot.yml"),
    ],
)
def test_the_forges_files_have_its_form(schema: str, pattern: str) -> None:
    """GitHub's own schemas accept them."""
    files = sorted(ROOT.glob(pattern))
    assert files
    code, said = checked_by_schema("--builtin-schema", f"vendor.{schema}", *files)
    assert code == 0, said


def test_the_workflows_are_safe() -> None:
    """zizmor finds nothing, even as an auditor: pinned actions, least permissions, no injection."""
    zizmor = Path(sysconfig.get_path("scripts"), "zizmor")
    _run([zizmor, "--offline", "--no-progress", "--persona", "auditor", ROOT / ".github", ROOT / "action.yml"])
