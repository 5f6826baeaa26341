"""The hooks, run by pre-commit itself in the repository that init makes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from reconciler.commands.init import WORKFLOWS
from reconciler.problems import ExitCode
from tests.e2e.user import REPOSITORY, Home
from tests.github.forge import git

BUILT_FROM = ("reconciler", "schemas", "starter", "state", *WORKFLOWS)
FILES = (".pre-commit-hooks.yaml", "LICENSE", "README.md", "hatch_build.py", "pyproject.toml")
COHORT = Path("state/cohorts/example.yaml")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """This program as a repository of its own, and its commit."""
    folder = tmp_path_factory.mktemp("program")
    for name in (*BUILT_FROM, *FILES):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if (REPOSITORY / name).is_dir():
            shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(REPOSITORY / name, folder / name)
    git(folder, "init", "--quiet")
    git(folder, "add", "--force", ".")
    git(folder, "-c", "user.name=ada", "-c", "user.email=ada@people.invalid", "commit", "--quiet", "-m", "As it is")
    return folder, git(folder, "rev-parse", "HEAD").strip()


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """pre-commit installs the program into an environment of its own. What that needs beside it is lent by this one,
    so that nothing is fetched."""
    return {
        **os.environ,
        "PRE_COMMIT_HOME": str(tmp_path_factory.mktemp("pre-commit")),
        "PIP_NO_DEPS": "1",
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads this as "no isolation"
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PYTHONPATH": sysconfig.get_path("purelib"),
    }


def _lend_packages(home: Home, surroundings: dict[str, str]) -> None:
    """The hooks start with -I, which ignores PYTHONPATH: a .pth file names the packages of this environment."""
    command = [sys.executable, "-m", "pre_commit", "install-hooks"]
    subprocess.run(command, cwd=home.path, env=surroundings, capture_output=True, check=True)
    for packages in Path(surroundings["PRE_COMMIT_HOME"]).glob("*/py_env-*/lib/python*/site-packages"):
        (packages / "lent.pth").write_text(f"{sysconfig.get_path('purelib')}\n", "utf-8")


@pytest.mark.long
def test_the_hooks_stop_what_is_wrong_and_lay_out_what_is_untidy(
    home: Home, program: tuple[Path, str], surroundings: dict[str, str]
) -> None:
    """As init leaves it both pass; an unknown handle and an untidy line are both red, and the line is laid out."""
    folder, commit = program
    assert home.run("init", "--organisation", "777", "--ci", "none").code == ExitCode.DONE
    config = home.path / ".pre-commit-config.yaml"
    text = config.read_text("utf-8").replace('rev: "COMMIT"', f'rev: "{commit}"')
    config.write_text(text.replace("https://github.com/OWNER/onefile-reconciler", folder.as_posix()), "utf-8")
    home.git("init", "-q")
    home.git("add", ".")

    def hooks() -> subprocess.CompletedProcess[str]:
        asked = [sys.executable, "-m", "pre_commit", "run", "--all-files", "--color", "never"]
        return subprocess.run(asked, cwd=home.path, env=surroundings, capture_output=True, text=True, check=False)

    _lend_packages(home, surroundings)
    passed = hooks()
    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert passed.stdout.count("Passed") == 2

    cohort = home.path / COHORT
    tidy = cohort.read_text("utf-8")
    cohort.write_text(tidy.replace("default_assessor: kate-anderson", "default_assessor: kate-andersen"), "utf-8")
    wrong = hooks()
    assert wrong.returncode == 1
    assert "state/cohorts/example.yaml:" in wrong.stdout and "Did you mean kate-anderson?" in wrong.stdout

    cohort.write_text(tidy.replace("{standard: 41240, ", "{ standard:  41240,  "), "utf-8")
    untidy = hooks()
    assert untidy.returncode == 1
    assert "files were modified by this hook" in untidy.stdout
    assert cohort.read_text("utf-8") == tidy
