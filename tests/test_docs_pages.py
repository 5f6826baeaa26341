"""Every block of every page is checked: commands exist, files are valid, and no block is left out.

test_docs.py runs the commands of the pages; this module checks their text.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
import yaml

from reconciler.cli.command_table import COMMANDS
from reconciler.cli.main import cli
from tests.desk import read_through
from tests.pages import EXAMPLES, PAGES, ROOT, Block, command_lines, name_of, read_page
from tests.shown import GROUP, KINDS, accepted

LANGUAGES = {"sh", "console", "yaml", "json", "csv", "python", "gherkin", "dockerfile", "mermaid", "text"}
MAY_BE_LEFT = 10
"""Maximum number of blocks that are not run; each has a reason."""

_READ = [read_page(path) for path in PAGES]
_BLOCKS = [block for page in _READ for block in page.blocks]


# ------------------------------------------------------------------ commands


def test_every_command_shown_is_accepted() -> None:
    """With its options, also in blocks that are not run, in generated pages, in workflows and crontabs."""
    lines = [line for block in _BLOCKS for line in _commands_in(block)]
    assert len(lines) > 80
    for line in lines:
        accepted(shlex.split(line, comments=True))


def test_every_option_in_running_text_exists() -> None:
    """A command in a sentence has the options that the sentence names."""
    spans = [
        span
        for path in PAGES
        for span in re.findall(r"(?<!`)`(?:reconciler )?([a-z]+ [^`\n]*--[a-z][^`\n]*)`", path.read_text("utf-8"))
    ]
    spans = [span for span in spans if span.split()[0] in COMMANDS]
    assert len(spans) > 20
    for span in spans:
        name, *words = span.split()
        command = cli.get_command(GROUP, name)
        assert command
        known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        assert {word.partition("=")[0] for word in words if re.match(r"--[a-z]", word)} <= known, span


def _commands_in(block: Block) -> Iterator[str]:
    if block.language == "console":
        yield from (line[2:] for line in block.text.splitlines() if line.startswith("$ reconciler "))
    else:
        for line in command_lines(block.text):
            plain = re.split(r" *(?:\|\|?|&&?|>) *", line)
            parts = (part.removeprefix("- ") for part in plain if "[OPTIONS]" not in part)
            yield from (part for part in parts if re.match(r"reconciler [a-z-]", part))


# ------------------------------------------------------------------ files


def test_each_path_in_the_architecture_exists() -> None:
    """Each module of the map and path of the text is in the tree; the map has all modules but the commands."""
    page = read_page(ROOT / "docs" / "architecture.md")
    drawing = page.blocks[0].text
    packages = re.findall(r"^  (\w+)/ ", drawing, re.MULTILINE)
    assert set(packages) == {path.parent.name for path in (ROOT / "reconciler").glob("*/__init__.py")}
    package, paths = "", re.findall(r"`((?:\w+/)*(?:\w+/|[a-z_]+\.(?:py|md)))`", page.path.read_text("utf-8"))
    for line in drawing.splitlines():
        package = match[1] if (match := re.match(r"  (\w+)/ ", line)) else package
        if line.startswith(" " * 22):
            paths += [f"{package}/{name}" for name in re.findall(r"\w+", line) if name != "also"]
    assert len(paths) > 150
    one_per_command = ("cli", "commands")
    modules = {
        f"{path.parent.name}/{path.stem}"
        for path in (ROOT / "reconciler").glob("*/*")
        if path.name[:2] != "__" and (path.suffix == ".py" or (path / "__init__.py").exists())
    }
    assert {path for path in modules if not path.startswith(one_per_command)} - set(paths) == set()
    places = [(ROOT / path, ROOT / "reconciler" / path, ROOT / "reconciler" / f"{path}.py") for path in paths]
    assert [str(place[0]) for place in places if not any(path.exists() for path in place)] == []


@pytest.mark.parametrize("block", [block for block in _BLOCKS if block.language == "yaml"], ids=str)
def test_each_yaml_block_is_what_it_is_a_file_of(block: Block, tmp_path: Path) -> None:
    """Declared state is loaded, pipelines are validated by their forge's schema; an unknown kind of file fails."""
    for value in yaml.safe_load_all(block.text):
        kinds = [check for holds, check in KINDS if holds(value)]
        assert len(kinds) == 1, f"{block}: this YAML matches no known kind, or several"
        kinds[0](block, value, tmp_path)


def test_each_example_shown_is_its_file() -> None:
    """Word for word, because other tests use the file."""
    shown = [block for block in _BLOCKS if block.title.startswith(EXAMPLES)]
    assert len(shown) == 3
    for block in shown:
        assert block.text == (ROOT / block.title).read_text("utf-8"), f"{block}: run python -m tests.test_docs"


def test_each_json_block_is_json() -> None:
    """It is valid JSON, and a valid plan if it has a plan's key."""
    schema = json.loads((ROOT / "schemas" / "plan.schema.json").read_text("utf-8"))
    for block in _BLOCKS:
        if block.language == "json" and "reconciler_format" in (value := json.loads(block.text)):
            jsonschema.validate(value, schema)


@pytest.mark.parametrize("block", [block for block in _BLOCKS if block.language in ("python", "gherkin")], ids=str)
def test_each_program_shown_stands_in_a_file_that_is_run(block: Block) -> None:
    """In docs/examples, whose programs other tests run or compile."""
    files = [path for path in (ROOT / "docs" / "examples").rglob("*") if path.suffix in (".py", ".feature")]
    lines = [line.strip() for line in block.text.strip().splitlines()]
    texts = [[line.strip() for line in path.read_text("utf-8").splitlines()] for path in files]
    assert any(lines == text[n : n + len(lines)] for text in texts for n in range(len(text)))


# ------------------------------------------------------------------ no block is left out


def test_every_block_says_what_it_is_written_in() -> None:
    """One of a few languages, each of which is run or checked; `text` is for blocks that nobody types."""
    assert [str(block) for block in _BLOCKS if block.language not in LANGUAGES] == []
    typed = [block for block in _BLOCKS if block.language == "text" and re.search(r"^\$ ", block.text, re.MULTILINE)]
    assert [str(block) for block in typed] == []
    assert [f"{name_of(page.path)}:{line}" for page in _READ for line in page.unfenced] == []


def test_few_blocks_are_not_run_and_each_says_why() -> None:
    """The number of blocks that are not run cannot grow unnoticed."""
    excuses = {str(block): block.excuse for block in _BLOCKS if block.excuse is not None}
    assert all(len(excuse.split()) > 2 for excuse in excuses.values()), excuses
    assert len(excuses) <= MAY_BE_LEFT, excuses


# ------------------------------------------------------------------ wrong pages fail

_BROKEN = {
    "an option that does not exist": "```sh\nreconciler validate --colour\n```\n",
    "another exit code": "```sh\nreconciler validate   # exit 2: so it says\n```\n",
    "output that is not printed": "```console\n$ reconciler validate\nAll is well.\n```\n",
    "a shell that fails": "```sh\nfalse\n```\n",
    "a file that is wrong": '```yaml title="state/settings.yaml"\nversion: 1\n```\n\n```sh\nreconciler validate\n```\n',
}


@pytest.mark.parametrize("fault", _BROKEN)
def test_a_page_that_is_wrong_is_found_out(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each kind of untrue page fails when its commands are run."""
    monkeypatch.setattr("tests.pages.name_of", lambda path: path.name)
    path = tmp_path / "page.md"
    path.write_text(f"# A page\n\n{_BROKEN[fault]}", "utf-8")
    with pytest.raises(AssertionError):
        for block, shown in read_through(read_page(path)):
            assert block.text == shown


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\norganisation: centre\n",
        "cohort: c\nlearners: [{id: 200004, default_assessor: nobody}]\n",
        "just: words\n",
    ],
)
def test_yaml_that_is_wrong_is_found_out(text: str, tmp_path: Path) -> None:
    """Its kind is checked, or it has no known kind."""
    block = Block(ROOT / "README.md", 0, 2, "yaml", text)
    with pytest.raises(Exception):  # noqa: B017
        test_each_yaml_block_is_what_it_is_a_file_of(block, tmp_path)
