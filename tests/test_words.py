"""Plain words and right spelling, in code, in documents and in everything printed."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

INSTEAD = {
    r"shall": "must, should or will",
    r"lest": "so that … not, or because … otherwise",
    r"who(?:so)?ever": "anyone who, or the person who",
    r"whilst": "while",
    r"hence": "because of this, or so",
    r"upon": "on",
    r"where(?:in|of|by)": "in which, of which, by which",
    r"(?:here|there)(?:by|of|with|in)": "by this, of it, with it",
    r"morrow": "the next day",
    r"anew": "again",
    r"(?:in vain)": "without a result, or wasted",
    r"by far the most": "most",
    r"any more": "any longer, or now",
    r"at the most": "at most",
    r"at the least": "at least",
    r"of late": "recently",
    r"as far as": "where, or if",
    r"mend(?:s|ed|ing)?": "fix",
    r"steps? by hand": "manual step",
    r"times? of grace": "grace period",
    r"(?:un)?told": "shown, reported, printed, returned, or the noun that is meant",
    r"tells": "shows, reports, prints or returns",
    r"stood": "was, or were",
    r"stands(?!(?: |&#160;)(?:in|for)\b|-)": "is, or are",  # a picture has no plain spaces
    r"purely": "leave it out",
    r"made out": "computed, or worked out",
    r"goes by|go by|went by": "uses, or depends on",
    r"for good": "permanently, or indefinitely",
    r"nought": "nothing, or zero",
}
"""Each word as a pattern, with what to write in its place."""

TEXT = (".py", ".md", ".yml", ".yaml", ".json", ".j2", ".css", ".sh", ".toml", ".svg", "run", "package", "lock")
EXEMPT = ("CHANGELOG.md", "tests/", "benchmarks/", "state/cohorts/")
"""History stays as it was written. Tests hold hostile input, and their names are claims."""
_WORDS = re.compile(rf"(?<![\w-])(?:{'|'.join(INSTEAD)})(?![\w-])", re.IGNORECASE)


def files(*places: str) -> list[str]:
    """The names of the repository's own text files, below *places* if any are given."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", *places], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    return [name for name in listed if name.endswith(TEXT) and (ROOT / name).is_file()]


def offences(name: str) -> Iterator[str]:
    """Each unwanted word of a file as `file:line: word: what to write instead`."""
    for number, line in enumerate((ROOT / name).read_text("utf-8", errors="replace").splitlines(), 1):
        for match in _WORDS.finditer(line):
            word = match.group()
            advice = next(text for word_, text in INSTEAD.items() if re.fullmatch(word_, word, re.IGNORECASE))
            yield f"{name}:{number}: {word}: write {advice}"


def test_every_file_uses_plain_words() -> None:
    """Each word of the list has a plainer one beside it."""
    names = [name for name in files() if not name.startswith(EXEMPT)]
    assert [offence for name in names for offence in offences(name)] == []


RELATIVE = re.compile(r"(?:What|Who|Whose|Whom|Whether|Where|How|Which|When|That|Nobody|Somebody|Everybody)\b")


def test_no_docstring_begins_with_a_relative_clause() -> None:
    """A function's begins with an imperative verb, which ruff checks too; a module's or a class's with a noun."""
    names = [name for name in files("reconciler", "onefile_sandbox") if name.endswith(".py")]
    firsts = [(name, text.partition("\n")[0]) for name in names for text in docstrings(ROOT / name)]
    assert [(name, first) for name, first in firsts if RELATIVE.match(first)] == []


def docstrings(path: Path) -> Iterator[str]:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, kinds):
            yield ast.get_docstring(node) or ""


def test_everything_is_spelt_right() -> None:
    """Names of the domain and hostile input of tests are listed in pyproject.toml."""
    command = [sys.executable, "-m", "codespell_lib", *(name for name in files() if not name.startswith(EXEMPT))]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


if __name__ == "__main__":
    for each in files(*sys.argv[1:]):
        sys.stdout.writelines(f"{offence}\n" for offence in offences(each))
