"""The sandbox's switches and the store's tables, from the code that has them."""

from __future__ import annotations

import io
import itertools
import re
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path

from docs.making.pages import item, page, prose
from onefile_sandbox import switches
from reconciler.model.structs import fields
from reconciler.store.migrations import STEPS, newest
from reconciler.store.schema import APPEND_ONLY
from reconciler.store.schema import TABLES as COLUMNS

TABLES = {
    "reconciler_schema": "Which version the store's tables have.",
    "runs": "Each command that may write: when, for which OneFile, which plan, who asked, the commit of the files, and "
    "whether they differed from it.",
    "run_ends": "How a run ended. A run without such a row was cut off.",
    "operations": "What a run was going to write: the request, and who stood where before.",
    "events": "What became of each operation, step by step, and how that was proven.",
    "record": "Who was last applied to each slot. It speaks where OneFile does not show a slot, and tells drift.",
    "leases": "The lock: one run at a time writes to a centre.",
    "lock_breaks": "Who took a lock away from whom, and why.",
    "calls": "Calls to OneFile of the last minute, shared by all who use this store.",
    "pauses": "Until when an account waits, after OneFile answered that there were too many calls.",
    "facts": "What was found out about a server, and when.",
    "episodes": "Since when a slot has drifted, or a step by hand is open, and what ended it.",
}


def switches_page() -> str:
    comments = _comments()
    allowed = switches.allowed()
    rows = [
        item(
            field.name,
            f"{comments[field.name]} Takes {', '.join(f'`{one}`' for one in allowed[field.name])}; "
            f"unless told otherwise `{field.default}`.",
        )
        for field in fields(switches.Switches)
    ]
    return page(
        "The sandbox's switches",
        prose(
            "Nothing public says how OneFile's API behaves in every case. Each such question is a switch of the "
            "sandbox, so that the program, or yours, can be tried against either answer."
        ),
        "```sh\nreconciler sandbox --switches\n```",
        prose(
            "A switch is set with `reconciler sandbox --switch NAME=VALUE`, as often as needed. `--fault JSON` makes "
            "single calls go wrong."
        ),
        "\n".join(rows),
    )


def _comments() -> dict[str, str]:
    """What stands in the comment above each switch, without the number of the table's row."""
    source = Path(str(switches.__file__)).read_text("utf-8")
    found: dict[str, str] = {}
    waiting: list[str] = []
    tokens = [token for token in tokenize.generate_tokens(io.StringIO(source).readline) if token.type != tokenize.NL]
    for token, after in itertools.pairwise(tokens):
        if token.type == tokenize.COMMENT and not source.splitlines()[token.start[0] - 1][: token.start[1]].strip():
            waiting.append(token.string.removeprefix("#").strip())
        elif token.type == tokenize.NAME and after.string == ":" and waiting:
            text = re.sub(r"^(?:Row|Section) \d+(?:, a guess)?: ", "", " ".join(waiting))
            found[token.string] = f"{text[0].upper()}{text[1:]}"
            waiting = []
        elif token.type == tokenize.NEWLINE:
            waiting = []
    return found


def store_page() -> str:
    tables = [part for name in COLUMNS for part in _table(name)]
    return page(
        "The store",
        prose(
            f"What the program remembers, in SQLite or PostgreSQL: the same tables, version {newest(STEPS)} of them. "
            "Read them with `reconciler history`; this page is for whoever looks after the database. An older store is "
            "brought up when it is opened; a newer one is refused."
        ),
        prose(
            "People are in it as OneFile ids. `who`, `holder` and `by` are accounts and names of those who ran a "
            "command or answer for a step. Learners' names are never kept. Times are seconds since 1970, UTC."
        ),
        *tables,
    )


KINDS = {
    "{serial}": "bigint",
    "{unrepeated}": "bigint",
    "{number}": "bigint",
    "{version}": "integer",
    "{moment}": "double",
}


def _table(name: str) -> Iterator[str]:
    added = " Rows are only added; the database refuses to change or remove any." if name in APPEND_ONLY else ""
    yield f"## `{name}`"
    yield prose(TABLES[name] + added)
    yield "\n".join(_columns(COLUMNS[name]))


def _columns(said: str) -> Iterator[str]:
    """Each column with its kind, and what part it has in a key."""
    lines = [line.strip().rstrip(",") for line in said.strip().splitlines()]
    keys = {name for line in lines for name in _named("PRIMARY KEY", line)}
    columns = [line for line in lines if not line.startswith(("PRIMARY KEY", "UNIQUE", "FOREIGN KEY"))]
    others = dict(_references(lines))
    for line in columns:
        name, kind, *facts = line.split()
        name = name.strip('"')
        parts = [KINDS.get(kind, kind.lower())]
        parts += ["key"] if name in keys or kind == "{unrepeated}" else []
        parts += [] if "NOT" in facts or kind == "{unrepeated}" else ["may be empty"]
        parts += [f"of `{others[name]}`"] if name in others else []
        yield f"- `{name}`: {', '.join(parts)}"


def _named(word: str, line: str) -> list[str]:
    """The columns in the brackets after a word."""
    found = re.search(rf"{word} \(([^)]*)\)", line)
    return found[1].split(", ") if found else []


def _references(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        if found := re.search(r"REFERENCES (\w+) \(([^)]*)\)", line):
            for mine, theirs in zip(
                _named("FOREIGN KEY", line) or [line.split()[0]], found[2].split(", "), strict=True
            ):
                yield mine, f"{found[1]}.{theirs}"
