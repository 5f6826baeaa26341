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

import reconciler
from reconciler.commands.init import WORKFLOWS

ROOT = Path(__file__).parent.parent
LOCK = ROOT / ".ci" / "requirements.txt"


def _run(command: Sequence[str | Path], folder: Path = ROOT, **environment: str) -> str:
    """Standard output of a command that must succeed."""
    surroundings = {**os.environ, **environment}
    done = subprocess.run(
        command, cwd=folder, env=surroundings, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _build(folder: Path, into: Path, target: str) -> Path:
    _run([sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", into], folder)
    (built,) = into.glob("*.whl" if target == "wheel" else "*.tar.gz")
    return built


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
    """No tests, no documents, no folder of its own at the top."""
    own = f"onefile_reconciler-{reconciler.__version__}.dist-info"
    assert {name.partition("/")[0] for name in _names(wheel)} == {"reconciler", "onefile_sandbox", own}


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


def _says(site: Path, elsewhere: Path) -> list[str]:
    """What --version says of the package in that folder."""
    asked = [sys.executable, "-c", "from reconciler.cli.main import main; main()", "--version"]
    return _run(asked, elsewhere, PYTHONPATH=str(site)).splitlines()[1:]


def test_a_built_program_says_its_commit(tmp_path: Path) -> None:
    """A wheel from a clone, one from its source distribution, one with changes; and one without git says that too."""
    clone = tmp_path / "clone"
    commit = _small_clone(clone)

    def said_by(folder: Path, name: str) -> list[str]:
        with zipfile.ZipFile(_build(folder, tmp_path / name, "wheel")) as archive:
            archive.extractall(tmp_path / name / "site")  # noqa: S202  our own archive
        return _says(tmp_path / name / "site", tmp_path)

    told = f"commit {commit} of 2026-03-01"
    assert _says(clone, tmp_path) == [told], "the checkout itself, as an editable installation runs it"
    assert said_by(clone, "clean") == [told]
    with tarfile.open(_build(clone, tmp_path / "sdist", "sdist")) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    assert said_by(unpacked, "unpacked-wheel") == [told]
    (clone / "LICENSE").write_text("changed\n", "utf-8")
    assert said_by(clone, "changed") == [f"{told}, with uncommitted changes"]
    shutil.rmtree(clone / ".git")
    assert said_by(clone, "without-git") == ["commit unknown: built without git, or by a tool that omits it"]


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
    assert shown.count("\nNo changes.") == 1


def test_the_unpacked_wheel_makes_the_same_repository_to_begin_with(wheel: Path, tmp_path: Path) -> None:
    """Away from the checkout init writes the same files, those that begin with a dot among them."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")  # noqa: S202  our own archive
    code = "import sys, reconciler.cli.main as cli; sys.exit(cli.run(sys.argv[1:]))"
    asked = [sys.executable, "-c", code, "init", "--organisation", "1", "--ci", "github"]
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
        "print(); print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    loaded = set(json.loads(_run([sys.executable, "-c", code]).splitlines()[-1]))
    assert "click" in loaded
    heavy = {"deepdiff", "httpx", "jsonschema", "jsonschema_rs", "rich", "sqlite3", "starlette", "uvicorn", "yaml"}
    assert loaded & heavy == set()


def test_no_dependency_is_held_back() -> None:
    """Ranges have no upper bound: an application's fixes must be able to come in."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    ranges = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    ranges.append(project["requires-python"])
    assert [one for one in ranges if set("<~!,") & set(one.partition(";")[0]) or "==" in one.partition(";")[0]] == []


def _locked() -> dict[str, set[str]]:
    """The versions of each package in the lock; of several, the system or the Python says which."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", LOCK.read_text("utf-8"), re.MULTILINE):
        found.setdefault(canonicalize_name(name), set()).add(version)
    return found


def _asked(extra: str = "") -> Iterator[Requirement]:
    """What the package asks for, with that extra; extras that it names in turn are followed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for line in project["optional-dependencies"][extra] if extra else project["dependencies"]:
        requirement = Requirement(line)
        if requirement.name == project["name"]:
            yield from (one for inner in requirement.extras for one in _asked(inner))
        else:
            yield requirement


def test_the_lock_satisfies_what_is_asked_for() -> None:
    """Every package of the program, its tests and its audit is locked within its range. Else run .ci/lock."""
    locked, asked = _locked(), [*_asked(), *_asked("test"), *_asked("audit")]
    missing = [str(one) for one in asked if canonicalize_name(one.name) not in locked]
    outside = [
        f"{one}: {version}"
        for one in asked
        for version in locked.get(canonicalize_name(one.name), ())
        if not one.specifier.contains(version)
    ]
    assert (missing, outside) == ([], []), "run .ci/lock"


def test_the_lock_holds_hashes_and_no_address() -> None:
    """Every line is a version, or the hash of one of its files: nothing says where this machine gets its packages."""
    lines = LOCK.read_text("utf-8").splitlines()
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
    assert {canonicalize_name(one.name) for one in _asked()} <= named


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
    _run([sys.executable, "-m", "check_jsonschema", "--check-metaschema", *sorted((ROOT / "schemas").glob("*.json"))])


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
    _run([sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *files])


def test_the_workflows_are_safe() -> None:
    """zizmor finds nothing, even where it is pedantic: pinned actions, least permissions, no injection."""
    zizmor = Path(sysconfig.get_path("scripts"), "zizmor")
    _run([zizmor, "--offline", "--no-progress", "--persona", "pedantic", ROOT / ".github", ROOT / "action.yml"])
