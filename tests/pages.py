"""The documents taken apart: each fenced block with its language, its place, and what the page says of running it.

A block is run or checked by what it is written in. Two comments before it, which readers do not see, change that:

    <!-- not run: why this block cannot be run here -->
    <!-- before: a command that the page does not show -->
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt

from docs.making.pages import MARK

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(path for path in ROOT.glob("docs/**/*.md"))])
EXAMPLES = "docs/examples/"
"""A block with a title that begins so shows that file."""
_COMMENT = re.compile(r"<!--\s*(not run|before|begins):\s*(.*?)\s*-->", re.DOTALL)
_TITLE = re.compile(r'title="([^"]+)"')


@dataclass(frozen=True)
class Block:
    """One fenced block.

    `excuse` says why it is not run; `title` is the file that it shows; `first` and `end` count the lines of the fence
    itself, from 0.
    """

    page: Path
    first: int
    end: int
    language: str
    text: str
    title: str = ""
    excuse: str | None = None
    before: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{name_of(self.page)}:{self.first + 1}"


@dataclass(frozen=True)
class Written:
    """A page: its blocks, whether it is made by a program, and whether its commands begin in an empty folder."""

    path: Path
    blocks: tuple[Block, ...]
    made: bool
    begins_empty: bool
    unfenced: tuple[int, ...] = field(default=())


def steady(text: str) -> str:
    """Return the text without ids of commits, which change with files that no reader looks at."""
    return re.sub(r"\b(?:[0-9a-f]{40}|[0-9a-f]{10})\b", "commit", text)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def read_page(path: Path) -> Written:
    text = path.read_text("utf-8")
    blocks, unfenced, begins = [], [], ""
    excuse: str | None = None
    before: list[str] = []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "html_block":
            for kind, said in _COMMENT.findall(token.content):
                if kind == "not run":
                    excuse = said
                elif kind == "before":
                    before.append(said)
                else:
                    begins = said
        elif token.type == "code_block" and token.map:
            unfenced.append(token.map[0] + 1)
        elif token.type == "fence" and token.map:
            language, _, rest = token.info.partition(" ")
            title = _TITLE.search(rest)
            shown = Block(path, *token.map, language, token.content, title[1] if title else "", excuse, tuple(before))
            blocks.append(shown)
            excuse, before = None, []
    assert excuse is None, f"{name_of(path)}: a comment without a block"
    assert not before, f"{name_of(path)}: a comment without a block"
    assert begins in ("", "empty folder"), f"{name_of(path)}: begins: {begins}"
    return Written(path, tuple(blocks), text.startswith(MARK), bool(begins), tuple(unfenced))


def command_lines(text: str) -> Iterator[str]:
    """Return a shell block's commands, with continued lines joined, without comments and empty lines."""
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            yield line.strip()
