"""The module map holds: data flows one way, each foreign package has one home, and only the edge touches the world."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent / "reconciler"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix("__init__").strip("."): path
    for path in sorted(ROOT.rglob("*.py"))
}

NOUNS = {"operations", "model", "problems", "values"}
MAY_IMPORT: dict[str, set[str]] = {
    # the nouns, one way
    "values": set(),
    "problems": {"values"},
    "model": {"problems", "values"},
    "operations": {"model", "problems", "values"},
    "census": {"model", "values"},
    # small things without opinions
    "": set(),
    "clock": set(),
    "calls": set(),
    "foreign": set(),
    "resources": {"problems"},
    # the two services underneath
    "service": NOUNS | {"clock", "calls", ""},
    "store": NOUNS | {"clock", "calls"},
    # the stages: never another stage
    "declared": NOUNS | {"resources", "census", "foreign"},
    "editing": NOUNS,
    "observed": NOUNS | {"service", "census"},
    "plan": NOUNS | {"resources"},
    "apply": NOUNS | {"service", "store"},
    "doctor": NOUNS,
    "drift": NOUNS | {"store.rows"},
    "coming": NOUNS,
    # reports read a saved plan's format number and the store's rows, which are data; nothing of how either comes about
    "report": NOUNS | {"coming", "doctor", "drift", "plan.document", "store.rows"},
    "progress": {"report.words"},
    # OneFile's stand-in knows nothing of the rest, lest both make the same mistake
    "sandbox": {"clock", "values"},
    # the edge
    "run": NOUNS
    | {
        "",
        "census",
        "clock",
        "foreign",
        "resources",
        "declared",
        "observed",
        "plan",
        "apply",
        "report",
        "doctor",
        "drift",
        "editing",
    }
    | {"coming", "sandbox", "service", "store"},
    # what workflows ask of GitHub: an edge beside the command line, which gets saved plans and speaks as it does
    "github": {
        "",
        "problems",
        "values",
        "cli.output",
        "report.escape",
        "report.text",
        "run.git",
        "run.planfile",
        "run.planning",
        "service.targets",
    },
    "cli": {"", "values", "run", "report", "progress", "problems", "resources", "plan.document", "sandbox.switches"}
    | {"service.targets"},
}
"""What each package may import of the others: a whole package, or one module of it."""

HOMES: dict[str, set[str]] = {
    "click": {"cli", "github.__main__"},
    "deepdiff": {"apply.judge"},
    "httpx": {"service", "github.api"},
    "icalendar": {"report.calendar.ics"},
    "jinja2": {"report.html"},
    "jsonschema": {"declared.schema"},
    "jsonschema_rs": {"declared.schema", "plan.schema"},
    "msgspec": {"values"},
    "psycopg": {"store.database"},
    "prometheus_client": {"report.drift.prometheus"},
    "markupsafe": {"report.html"},
    "rich": {"progress", "report.page"},
    "starlette": {"sandbox", "service.embedded"},
    "uvicorn": {"sandbox"},
    "yaml": {"declared.yamlfile", "editing.tree"},
}
"""Where each foreign package may be imported."""

APART = "declared.apart"  # is a process of its own, whose standard streams lead to the command
STARTS = {"run.git": {"subprocess.run"}, APART: {"subprocess.Popen", "subprocess.PIPE", "subprocess.DEVNULL"}}
STARTERS = ("subprocess.", "os.system", "os.popen", "os.exec", "os.spawn", "os.posix_spawn", "os.fork", "os.startfile")
WRITES = {
    "run.files",  # whatever a user asks for
    "run.newfiles",  # a copy in a temporary folder of its own
    "store.database",  # SQLite's file
    "sandbox.eventlog",  # the sandbox's world, appended to
    "github.__main__",  # what a workflow reads from the step
    "cli.output",  # into the void, once nobody reads any more
}
WRITERS = {"write_text", "write_bytes", "touch", "mkstemp", "NamedTemporaryFile", "fdopen", "symlink_to", "hardlink_to"}
SPEAKS = {"cli", "progress", "github.__main__", APART}  # standard streams
LISTENS = {"cli", "run", "github.__main__", APART}  # the environment, and the terminal


def package(module: str) -> str:
    return module.split(".")[0]


def within(module: str, places: set[str]) -> bool:
    return any(module == place or module.startswith(f"{place}.") for place in places if place or not module)


def imports(path: Path) -> Iterator[str]:
    """The dotted names a module imports, wherever in it; from a package, the module meant where there is one."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            origin = str(node.module)
            for name in node.names:
                inner = f"{origin}.{name.name}"
                yield inner if inner.removeprefix("reconciler").strip(".") in MODULES else origin


def ours(path: Path) -> set[str]:
    return {name.removeprefix("reconciler").strip(".") for name in imports(path) if package(name) == "reconciler"}


def writes(path: Path) -> Iterator[str]:
    """What a module calls that makes or changes a file: by name, or by how it opens one."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        modes = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        flags = {one.attr for one in ast.walk(node) if isinstance(one, ast.Attribute)} & {
            "O_CREAT",
            "O_WRONLY",
            "O_RDWR",
        }
        if name in WRITERS and "rb" not in modes:
            yield name
        if name == "open" and (flags or any(set(mode) <= set("rwaxbt+") and set(mode) & set("wax+") for mode in modes)):
            yield name


def names_used(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.Name):
            yield node.id


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_its_place_on_the_map_allows(module: str) -> None:
    """Declared, observed, plan, apply, report: each reads the nouns, and only run lets them meet."""
    others = {name for name in ours(MODULES[module]) if package(name) != package(module)}
    assert package(module) in MAY_IMPORT, "a new package has a place on the map to begin with"
    assert {name for name in others if not within(name, MAY_IMPORT[package(module)])} == set()


def test_the_map_has_no_way_back() -> None:
    """Whoever is imported knows nothing of who imports: the packages can be put in one order."""
    below = {name: {package(one) for one in allowed} - {name} for name, allowed in MAY_IMPORT.items()}
    done: set[str] = set()
    while ready := {name for name, needs in below.items() if name not in done and needs <= done}:
        done |= ready
    assert done == set(MAY_IMPORT)


def test_nothing_stands_on_the_map_that_is_not_there() -> None:
    """A map of what was removed would allow it to come back unnoticed."""
    assert set(MAY_IMPORT) == {package(module) for module in MODULES}
    used = {
        (package(module), name) for module, path in MODULES.items() for name in ours(path) if package(name) != module
    }
    for here, allowed in MAY_IMPORT.items():
        exceptions = {one for one in allowed if "." in one}
        assert {one for one in exceptions if (here, one) not in used} == set()


@pytest.mark.parametrize("module", MODULES)
def test_a_foreign_package_is_imported_only_in_its_home(module: str) -> None:
    """So that it can be replaced in one place, and its errors end there."""
    foreign = {package(name) for name in imports(MODULES[module])} - sys.stdlib_module_names - {"reconciler"}
    assert {name for name in foreign if not within(module, HOMES.get(name, set()))} == set()


@pytest.mark.parametrize("module", MODULES)
def test_only_the_edge_speaks_and_listens(module: str) -> None:
    """Everything else is told what it needs, and gives back values. Two places start a program: git, and ourselves."""
    used = set(names_used(MODULES[module]))
    starters = {name for name in used if name.startswith(STARTERS) and name != "subprocess.SubprocessError"}
    assert starters <= STARTS.get(module, set())
    if not within(module, SPEAKS):
        assert used & {"print", "sys.stdout", "sys.stderr", "click.echo"} == set()
    if not within(module, LISTENS):
        assert used & {"input", "os.environ", "os.getenv", "sys.argv", "sys.stdin"} == set()


def test_files_are_written_in_few_places() -> None:
    """Whole and for their owner's eyes alone: that is seen to once, and whoever writes elsewhere says why here."""
    assert {module for module, path in MODULES.items() if set(writes(path))} == WRITES


@pytest.mark.parametrize("module", MODULES)
def test_every_module_says_first_why_it_exists(module: str) -> None:
    """In one sentence, on one line."""
    said = ast.get_docstring(ast.parse(MODULES[module].read_text(encoding="utf-8")))
    assert said, "no docstring"
    assert said.splitlines()[0].endswith("."), said.splitlines()[0]
