"""Reference pages of the sandbox's switches and the store's tables, made from the code."""

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
    "runs": "Each command that may write: time, target, plan, author, commit of the files, and uncommitted changes.",
    "run_ends": "The end of each run. A run without such a row was cut off.",
    "operations": "The planned writes of a run: the request, and the holder before it.",
    "events": "The steps of each operation, and how its result was verified.",
    "record": "The last applied holder of each slot, for slots that OneFile does not show, and to detect drift.",
    "leases": "The lock: one run at a time writes to a centre.",
    "lock_breaks": "Locks that were released by force: by whom, from whom, and why.",
    "calls": "Calls to OneFile in the last minute, shared by all users of this store.",
    "pauses": "The end of a pause, after OneFile answered that there were too many calls.",
    "facts": "Capabilities of a server, and when each was observed.",
    "episodes": "Start and end of drift, open manual steps and correction conflicts.",
}


def switches_page() -> str:
    comments = _comments()
    allowed = switches.allowed()
    rows = [
        item(
            field.name,
            f"{comments[field.name]} Values: {', '.join(f'`{value}`' for value in allowed[field.name])}; "
            f"default `{field.default}`.",
        )
        for field in fields(switches.Switches)
    ]
    return page(
        "The sandbox's switches",
        prose(
            "The public documents do not define the behaviour of OneFile's API in every case. Each unknown is a switch "
            "of the sandbox, so that this program, or yours, can be tested with each behaviour."
        ),
        "```sh\nreconciler sandbox --switches\n```",
        prose(
            "Set a switch with `reconciler sandbox --switch NAME=VALUE`; repeat the option for others. `--fault JSON` "
            "makes single calls fail."
        ),
        "\n".join(rows),
    )


def _comments() -> dict[str, str]:
    """Return the comment above each switch, without the number of the table's row."""
    source = Path(str(switches.__file__)).read_text("utf-8")
    by_name: dict[str, str] = {}
    waiting: list[str] = []
    tokens = [token for token in tokenize.generate_tokens(io.StringIO(source).readline) if token.type != tokenize.NL]
    for token, after in itertools.pairwise(tokens):
        if token.type == tokenize.COMMENT and not source.splitlines()[token.start[0] - 1][: token.start[1]].strip():
            waiting.append(token.string.removeprefix("#").strip())
        elif token.type == tokenize.NAME and after.string == ":" and waiting:
            text = re.sub(r"^(?:Row|Section) \d+(?:, a guess)?: ", "", " ".join(waiting))
            by_name[token.string] = f"{text[0].upper()}{text[1:]}"
            waiting = []
        elif token.type == tokenize.NEWLINE:
            waiting = []
    return by_name


def store_page() -> str:
    tables = [part for name in COLUMNS for part in _table(name)]
    return page(
        "The store",
        prose(
            f"The program's records, in SQLite or PostgreSQL, in the same tables: schema version {newest(STEPS)}. "
            "Read them with `reconciler history`; this page is for database administrators. An older store is migrated "
            "when it is opened; a newer one is refused."
        ),
        prose(
            "People are recorded by their OneFile ids. `who`, `holder` and `by` are accounts and names of people who "
            "ran a command or closed a step. Learners' names are never stored. Times are seconds since 1970, UTC."
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


def _columns(definition: str) -> Iterator[str]:
    """Yield each column with its kind and its part in a key."""
    lines = [line.strip().rstrip(",") for line in definition.strip().splitlines()]
    keys = {name for line in lines for name in _named("PRIMARY KEY", line)}
    columns = [line for line in lines if not line.startswith(("PRIMARY KEY", "UNIQUE", "FOREIGN KEY"))]
    references = dict(_references(lines))
    for line in columns:
        name, kind, *facts = line.split()
        name = name.strip('"')
        parts = [KINDS.get(kind, kind.lower())]
        parts += ["key"] if name in keys or kind == "{unrepeated}" else []
        parts += [] if "NOT" in facts or kind == "{unrepeated}" else ["may be empty"]
        parts += [f"of `{references[name]}`"] if name in references else []
        yield f"- `{name}`: {', '.join(parts)}"


def _named(word: str, line: str) -> list[str]:
    """Return the columns in the brackets after a word."""
    match = re.search(rf"{word} \(([^)]*)\)", line)
    return match[1].split(", ") if match else []


def _references(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        if match := re.search(r"REFERENCES (\w+) \(([^)]*)\)", line):
            own = _named("FOREIGN KEY", line) or [line.split()[0]]
            for column, referenced in zip(own, match[2].split(", "), strict=True):
                yield column, f"{match[1]}.{referenced}"
