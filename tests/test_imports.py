"""The module map holds: data flows one way, each foreign package has one home, and only the edge touches the world."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__").removeprefix("reconciler."): path
    for folder in ("reconciler", "onefile_sandbox")
    for path in sorted((ROOT / folder).rglob("*.py"))
}
"""Each module by its dotted name within `reconciler`; the sandbox beside it by its whole name."""

NOUNS = {"model", "model.structs", "problems"}
STAGES = {"declared", "observed", "plan", "apply", "editing", "importing"}
MAY_IMPORT: dict[str, set[str]] = {
    # the nouns, one way
    "model.structs": set(),
    "problems": {"model.structs"},
    "model": {"problems", "model.structs"},
    # small things without opinions
    "reconciler": set(),
    "clock": set(),
    "subprocess_env": set(),
    "text": {"model"},
    "lazy": set(),
    "memory": set(),
    "git_program": {"subprocess_env"},
    "ratelimit": {"clock", "problems"},
    "resources": {"problems"},
    # the two services underneath
    "onefile": NOUNS | {"clock", "ratelimit", "reconciler"},
    "store": NOUNS | {"clock", "git_program", "ratelimit"},
    # the stages: never another stage, but that new files are made from what is declared and observed
    "declared": NOUNS | {"memory", "resources", "subprocess_env", "text"},
    "editing": NOUNS | {"resources"},
    "observed": NOUNS | {"onefile"},
    "importing": NOUNS | {"declared", "observed", "onefile", "text"},
    "plan": NOUNS | {"onefile.wire", "resources"},
    "apply": NOUNS | {"onefile", "store"},
    # who takes whose learners: the policies of plans judge it, and one module knows the solver
    "sharing": NOUNS | {"plan.caseload", "plan.holders", "plan.policies"},
    "doctor.checks": NOUNS,
    # many centres: their file, checkouts, worker processes and the queue
    "fleet": NOUNS | {"clock", "declared", "git_program", "onefile.targets", "runtime", "subprocess_env"},
    # reports read what the pure stages make, and the types of what commands return; nothing of how it comes about
    "report": NOUNS
    | {
        "commands",
        "doctor.checks",
        "plan.calendar",
        "plan.caseload_history",
        "plan.document",
        "plan.document_rows",
        "plan.drift",
        "plan.since",
        "plan.windows",
    }
    | {"runtime.output_folder", "runtime.state_edits", "sharing.obstacles", "sharing.reasons", "store", "text"},
    # OneFile's stand-in imports nothing of the rest, so that both cannot make the same mistake
    "onefile_sandbox": set(),
    # the edge: what commands share, the checks of doctor, one module per command, and the command line
    "runtime": NOUNS
    | {"declared", "editing", "importing", "observed", "plan"}
    | {
        "clock",
        "git_program",
        "lazy",
        "onefile",
        "onefile_sandbox",
        "ratelimit",
        "resources",
        "store",
        "subprocess_env",
    },
    "doctor": NOUNS | {"apply", "clock", "declared", "doctor.checks", "onefile", "runtime", "store", "text"},
    "commands": NOUNS
    | STAGES
    | {
        "clock",
        "doctor",
        "doctor.checks",
        "fleet",
        "lazy",
        "memory",
        "onefile",
        "onefile_sandbox",
        "resources",
        "runtime",
        "sharing",
        "store",
        "text",
    },
    "cli": {
        "commands",
        "doctor.checks",
        "memory",
        "model.fleet",
        "model.structs",
        "onefile.targets",
        "onefile_sandbox.switches",
        "problems",
        "reconciler",
    }
    | {"report", "resources", "runtime", "subprocess_env", "text"},
    "__main__": {"cli"},
    # what workflows ask of GitHub: an edge beside the command line, which reads saved plans and prints as it does
    "github": {"cli.pipelines", "commands.plan_file", "declared.load", "doctor.pipeline", "model.plan", "model.structs"}
    | {"onefile.targets", "plan.document", "plan.since", "problems", "reconciler", "report"}
    | {"runtime.commit_files", "runtime.environment", "runtime.git", "runtime.options"},
    # what pipelines ask of GitLab: the same texts and marks, and an API of its own
    "gitlab": {"cli.pipelines", "doctor.pipeline", "git_program", "github", "model.structs", "problems", "reconciler"}
    | {"report"}
    | {"runtime.environment", "runtime.options"},
}
"""What each package may import of the others: a whole package, or one module of it."""

HOMES: dict[str, set[str]] = {
    "apprise": {"runtime.notify"},
    "click": {"cli", "github.__main__", "gitlab.__main__"},
    "dbos": {"fleet.engine"},
    "deepdiff": {"apply.differences", "plan.since"},
    "highspy": {"sharing.solver"},
    "httpx": {"onefile", "github.forge_client", "github.api", "gitlab.api"},
    "icalendar": {"report.calendar.ics"},
    "jinja2": {"report.html"},
    "jsonschema": {"declared.schema"},
    "jsonschema_rs": {"declared.schema", "plan.document"},
    "msgspec": {"model.structs", "onefile_sandbox"},
    "python_calamine": {"importing.excel_file"},
    "psycopg": {"fleet.engine", "store.database"},
    "prometheus_client": {"report.drift.prometheus", "report.fleet.prometheus"},
    "markupsafe": {"report.html"},
    "rich": {"cli.progress", "report.common.terminal"},
    "sqlalchemy": {"fleet.engine"},
    "starlette": {"onefile_sandbox", "onefile.in_process"},
    "uvicorn": {"onefile_sandbox"},
    "xlsxwriter": {"report.export.xlsx"},
    "yaml": {"declared.yaml_loader", "editing.yaml_tree"},
}
"""Where each foreign package may be imported."""

STARTS = {
    "git_program": {"subprocess.run", "subprocess.Popen", "subprocess.PIPE"},
    "cli.pager": {"subprocess.run"},
    "fleet.worker": {"subprocess.Popen", "subprocess.PIPE", "subprocess.DEVNULL", "subprocess.TimeoutExpired"},
}
STARTERS = ("subprocess.", "os.system", "os.popen", "os.exec", "os.spawn", "os.posix_spawn", "os.fork", "os.startfile")
WRITES = {
    "runtime.commit_files",  # another commit's files, in a temporary folder of its own
    "runtime.files",  # whatever a user asks for
    "runtime.output_folder",  # the pages of a site, in a folder of their own
    "runtime.state_files",  # a copy in a temporary folder of its own
    "store.database",  # SQLite's file
    "store.git.branch",  # the sandbox's world, as the branch has it
    "onefile_sandbox.eventlog",  # the sandbox's world, appended to
    "github.__main__",  # what a workflow reads from the step
    "cli.output",  # into the void, once nobody reads any more
}
WRITERS = {"write_text", "write_bytes", "touch", "mkstemp", "NamedTemporaryFile", "fdopen", "symlink_to", "hardlink_to"}
SPEAKS = {"cli", "github.__main__", "gitlab.__main__"}  # standard streams
LISTENS = {
    "cli",
    "commands",
    "git_program",
    "doctor",
    "runtime",
    "github.__main__",
    "gitlab.__main__",
}  # the environment, and the terminal


def package(module: str) -> str:
    """The entry of the map that a module belongs to: the longest that names it or a package around it."""
    names = [name for name in MAY_IMPORT if within(module, {name})]
    return max(names, key=len, default=module.split(".")[0])


def top(name: str) -> str:
    return name.split(".")[0]


def local(name: str) -> str:
    return name.removeprefix("reconciler.")


def within(module: str, places: set[str]) -> bool:
    return any(module == place or module.startswith(f"{place}.") for place in places)


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def without_types(path: Path) -> Iterator[ast.AST]:
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        if not (isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.dump(statement.test)):
            yield from ast.walk(statement)


def imports(path: Path, *, types: bool = True) -> Iterator[str]:
    """The dotted names a module imports, wherever in it; from a package, the module meant where there is one. Without
    *types*, what it imports for a type checker alone is left out."""
    for node in nodes(path) if types else without_types(path):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            origin = str(node.module)
            for name in node.names:
                inner = f"{origin}.{name.name}"
                yield inner if local(inner) in MODULES else origin


def ours(path: Path) -> set[str]:
    return {local(name) for name in imports(path) if top(name) in ("reconciler", "onefile_sandbox")}


def writes(path: Path) -> Iterator[str]:
    """What a module calls that makes or changes a file: by name, or by how it opens one."""
    for node in nodes(path):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name not in {*WRITERS, "open"}:
            continue
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
    for node in nodes(path):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.Name):
            yield node.id


def test_a_module_imports_only_what_its_place_on_the_map_allows() -> None:
    """Declared, observed, plan, apply, report: each reads the nouns, and only run lets them meet."""
    assert {package(module) for module in MODULES} <= set(MAY_IMPORT), "a new package has a place on the map to begin"
    assert [
        f"{module} imports {name}"
        for module, path in MODULES.items()
        for name in ours(path)
        if package(name) != package(module) and not within(name, MAY_IMPORT[package(module)])
    ] == []


def test_a_report_imports_commands_for_their_types_alone() -> None:
    """Commands return values and reports render them: a report loads nothing of how its values came about."""
    assert [
        f"{module} imports {name}"
        for module, path in MODULES.items()
        if within(module, {"report"})
        for name in imports(path, types=False)
        if within(local(name), {"commands", "runtime", "store"})
    ] == []


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
        exceptions = {one for one in allowed if "." in one and one not in MAY_IMPORT}
        assert {one for one in exceptions if (here, one) not in used} == set()


def test_a_foreign_package_is_imported_only_in_its_home() -> None:
    """So that it can be replaced in one place, and its errors end there."""
    known = {*sys.stdlib_module_names, "reconciler", "onefile_sandbox"}
    assert [
        f"{module} imports {name}"
        for module, path in MODULES.items()
        for name in {top(name) for name in imports(path)} - known
        if not within(module, HOMES.get(name, set()))
    ] == []


def test_only_the_edge_speaks_and_listens() -> None:
    """Everything else is told what it needs, and gives back values. Two places start a program: git, and ourselves."""
    assert {module: taken for module, path in MODULES.items() if (taken := liberties(module, path))} == {}


def liberties(module: str, path: Path) -> set[str]:
    """What a module uses of the world, and has no leave to."""
    used = set(names_used(path))
    taken = {name for name in used if name.startswith(STARTERS) and not name.endswith("Error")} - STARTS.get(
        module, set()
    )
    if not within(module, SPEAKS):
        taken |= used & {"print", "sys.stdout", "sys.stderr", "click.echo"}
    if not within(module, LISTENS):
        taken |= used & {"input", "os.environ", "os.getenv", "sys.argv", "sys.stdin"}
    return taken


def test_files_are_written_in_few_places() -> None:
    """Whole and for their owner's eyes alone: that is seen to once, and whoever writes elsewhere says why here."""
    assert {module for module, path in MODULES.items() if set(writes(path))} == WRITES


def test_every_module_says_first_why_it_exists() -> None:
    """In one sentence, on one line."""
    said = {module: ast.get_docstring(nodes(path)[0]) or "" for module, path in MODULES.items()}  # type: ignore[arg-type]
    assert [module for module, text in said.items() if not text.partition("\n")[0].endswith(".")] == []
