"""The documents match the program: commands, printed text, tables, examples, links."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from docs import reference
from reconciler.cli.command_table import COMMANDS
from reconciler.cli.render import RENDERERS, formats_of
from reconciler.problems import ExitCode
from tests.desk import read_through, renew
from tests.pages import PAGES, ROOT, Written, name_of, read_page, steady

README = ROOT / "README.md"

ENVIRONMENT = ROOT / "docs" / "reference" / "environment.md"

# ------------------------------------------------------------------ reading the documents


def _section(title: str) -> str:
    match = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert match, title
    return match[1]


def _try_it() -> list[str]:
    """Return the commands for a new clone: install and demonstrate, install the tests' tools, run the tests."""
    return "".join(re.findall(r"```sh\n(.*?)```", _section("Try it"), re.DOTALL)).splitlines()


# ------------------------------------------------------------------ what every document must keep


@pytest.mark.parametrize("page", [read_page(path) for path in PAGES], ids=lambda page: name_of(page.path))
def test_a_reader_can_do_what_the_page_shows(page: Written) -> None:
    """Its commands, run one after another in one folder, print and end as the page shows."""
    for block, shown in () if page.made else read_through(page):
        assert steady(block.text) == steady(shown), f"{block}: run python -m tests.test_docs"


def test_the_help_in_the_readme_names_every_command() -> None:
    """The list of commands is among the console blocks."""
    shown = next(block.text for block in read_page(README).blocks if block.text.startswith("$ reconciler --help"))
    assert set(re.findall(r"^  ([a-z][a-z-]*) {2,}[A-Z]", shown, re.MULTILINE)) == set(COMMANDS)


def test_the_first_command_demonstrates_and_the_second_installs_the_tests_tools() -> None:
    """The first installs the program alone and runs a command that exists; the second installs a group that exists."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    first, second, *_ = _try_it()
    demonstration = re.search(r"pip install -q -e \. && \.venv/bin/(\w+) (\w+)$", first)
    assert demonstration
    assert demonstration[1] in settings["project"]["scripts"]
    assert demonstration[2] in COMMANDS
    tools = re.search(r"pip install -q -e '\.\[(\w+)]'$", second)
    assert tools
    assert tools[1] in settings["dependency-groups"]


def test_the_checks_end_with_the_readmes_test_command() -> None:
    """The last command of .ci/run is the README's test command, with its own environment's Python."""
    last = (ROOT / ".ci" / "run").read_text("utf-8").splitlines()[-1]
    assert last == _try_it()[2].replace(".venv/bin/python", '"$python"')


def test_the_table_of_exit_codes_is_the_programs() -> None:
    """Numbers and names, in order."""
    page = (ROOT / "docs" / "reference" / "exit-codes.md").read_text("utf-8")
    shown = re.findall(r"^\| (\d) \| (\w+) \|", page, re.MULTILINE)
    assert shown == [(str(int(code)), code.name.lower()) for code in ExitCode]


def test_the_table_of_policies_is_the_programs() -> None:
    """Each has its default level."""
    page = (ROOT / "docs" / "reference" / "policies.md").read_text("utf-8")
    shown = dict(re.findall(r"^\| `(\w+)` \| `(error|warn|off)` \|", page, re.MULTILINE))
    schema = json.loads((ROOT / "schemas" / "settings.schema.json").read_text("utf-8"))
    levels = schema["properties"]["policies"]["properties"]
    assert shown == {name: level["default"] for name, level in levels.items()}


def test_the_table_of_formats_is_the_programs() -> None:
    """Each format of a report has its commands, or `all` if no command lacks it."""
    page = (ROOT / "docs" / "reference" / "reports.md").read_text("utf-8")
    shown = dict(re.findall(r"^\| `(\w+)` \| [^|]* \| ([^|]*) \|$", page, re.MULTILINE))
    offered = {name: set(formats_of(name)) for name in RENDERERS if name in COMMANDS}
    for form in set().union(*offered.values()):
        names = sorted(name for name, formats in offered.items() if form in formats)
        assert shown.pop(form) in (
            "all" if len(names) == len(offered) else "",
            ", ".join(f"`{name}`" for name in names),
        )
    assert shown == {}


def test_the_variables_in_the_reference_are_those_that_are_read() -> None:
    """All of them, and no other."""
    names = "ONEFILE|RECONCILER|NO_COLOR"
    source = "".join(path.read_text("utf-8") for path in (ROOT / "reconciler").rglob("*.py"))
    read = {name for name in re.findall(rf'"((?:{names})[A-Z_]*)"', source) if not name.endswith("_")}
    shown = re.findall(rf"^\| `((?:{names})[A-Z_]*)`", ENVIRONMENT.read_text("utf-8"), re.MULTILINE)
    assert sorted(shown) == sorted(read)


@pytest.mark.parametrize("document", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_relative_links_lead_somewhere(document: Path) -> None:
    """A link without a scheme names a file or folder of this repository."""
    links = re.findall(r"\]\(([^)\s]+)\)", document.read_text("utf-8"))
    local = [link.partition("#")[0] for link in links if "://" not in link and not link.startswith("#")]
    assert [link for link in local if not (document.parent / link).exists()] == []


def test_the_changelog_has_a_place_for_what_is_not_released() -> None:
    """Its first entry is Unreleased."""
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert headings[0] == "[Unreleased]"


# ------------------------------------------------------------------ what no file may contain

_FOLDERS = "home Users root opt work mnt srv tmp"
_HOSTS = ("pypi {} org", "pythonhosted {} org", "npmjs {} org", "npmjs {} com", "crates {} io", "anaconda {} org")
_FORBIDDEN = re.compile(
    "|".join(
        [
            rf"(?<![\w.{{}}$-])/(?:{'|'.join(_FOLDERS.split())})/[A-Za-z]",
            *(re.escape(host.replace(" ", "").format(".")) for host in _HOSTS),
        ]
    )
)


def _files() -> list[Path]:
    """Return every file that is or could be committed; without git, every file that .gitignore does not name."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
        if listed.returncode == 0:
            return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    ignored = [line.rstrip("/") for line in (ROOT / ".gitignore").read_text("utf-8").split()]
    return [path for path in ROOT.rglob("*") if path.is_file() and not _matches(path.relative_to(ROOT), ignored)]


def _matches(path: Path, patterns: list[str]) -> bool:
    return any(fnmatch(part, pattern) for part in path.parts for pattern in patterns)


def test_no_file_names_a_machines_paths_or_a_package_registry() -> None:
    """No file is for one machine only, and the installer decides where packages come from."""
    files = _files()
    assert README in files
    offences = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in files
        for match in _FORBIDDEN.finditer(path.read_bytes().decode("utf-8", "replace"))
    ]
    assert offences == []


def test_the_reference_is_what_the_program_makes() -> None:
    """Each generated page is current, and their folders have no other page."""
    made = dict(reference.pages())
    shown = {path: path.read_text("utf-8") for path in made if path.exists()}
    assert [path.name for path in made if shown.get(path) != made[path]] == [], "run python -m tests.test_docs"
    folders = {path.parent for path in made} - {reference.HERE}
    assert {path for folder in folders for path in folder.glob("*.md")} <= set(made)


if __name__ == "__main__":
    reference.main()
    for path in PAGES:
        if not (page := read_page(path)).made:
            renew(page)
