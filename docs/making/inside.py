"""Reference pages of the sandbox's switches and the store's tables, generated from the code."""

from __future__ import annotations

import io
import itertools
import re
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path

from docs.making.pages import item, page, prose
from onefile_sandbox import faults, switches
from onefile_sandbox.app import CONTROL_PLANE
from reconciler.model.structs import fields
from reconciler.store.migrations import STEPS, newest
from reconciler.store.schema import APPEND_ONLY
from reconciler.store.schema import TABLES as COLUMNS

TABLES = {
    "reconciler_schema": "The version of the store's tables.",
    "runs": "Each command that may write: when, for which target, which plan, who ran it, the commit of the files, and "
    "if they had uncommitted changes.",
    "run_ends": "How a run ended. A run without such a row was interrupted.",
    "operations": "What a run was going to write: the request, and the previous holder of each slot.",
    "events": "The outcome of each operation, step by step, with its proof.",
    "unfinished": "Operations whose latest event is intent, sent, failed or unknown.",
    "record": "The last value applied to each slot, used to detect drift and for slots that OneFile does not show.",
    "messages": "Messages of digests, so that none is sent twice.",
    "seen": "Who was seen in each slot as the files declare, and when first; a later change is then drift.",
    "cohorts": "The cohorts that each repository manages, with their learners, used to notice one that vanished. A "
    "repository is named by its remote, or else its first commit, and the state folder in it.",
    "leases": "The lock: one run at a time writes to a centre.",
    "lock_breaks": "Locks that were released by hand: by whom, from which run, and why.",
    "calls": "Calls to OneFile in the last minute, shared by all users of this store.",
    "budgets": "The number of those calls for each account, so that a call needs no count.",
    "pauses": "How long an account waits after OneFile answered that there were too many calls.",
    "facts": "Accounts by the digest of their MISID, when everybody and each learner was last read, and the values of "
    "the last sync.",
    "capabilities": "What is known of a server's lists, as an account saw them for an organisation, and since when; "
    "what canaries have proved; and the account's session, encrypted with its customer token.",
    "episodes": "How long a slot has drifted or a manual step has been open, and what ended it.",
}


def switches_page() -> str:
    """Format the page of the sandbox's switches."""
    comments = _comments()
    allowed = switches.allowed()
    rows = [
        item(
            field.name,
            f"{comments[field.name]} {_values(allowed[field.name])}; default `{field.default}`.",
        )
        for field in fields(switches.Switches)
    ]
    return page(
        "Sandbox",
        prose(
            "The public documentation does not describe every behaviour of OneFile's API. The sandbox has a switch for "
            "each open question, so that you can try this program, or your own, against each answer."
        ),
        "```sh\nreconciler sandbox --switches\n```",
        prose(
            "Set a switch with `reconciler sandbox --switch NAME=VALUE` (repeatable). "
            "`--fault JSON` makes single calls fail."
        ),
        "## Switches",
        "\n".join(rows),
        "## Faults",
        prose(
            'A fault is a JSON object: `--fault \'{"kind": "throttle", "path": "/User/*", "nth": 5}\'` '
            "(repeatable). If several faults are due for one call, one fires, and the others fire on the next ones."
        ),
        "\n".join(item(name, text) for name, text in faults.FIELDS.items()),
        "Kinds:",
        "\n".join(item(name, text) for name, text in faults.KINDS.items()),
        "## Control plane",
        prose(
            "A test can look into a running sandbox and change it at these addresses, beside `/api/v2.1`. They need no "
            "session and do not count for the rate limit."
        ),
        "\n".join(item(name, text) for name, text in CONTROL_PLANE.items()),
    )


def _values(values: tuple[str, ...]) -> str:
    """List the values of a switch; a number has only its kind."""
    if values[0].startswith("a "):
        return f"{values[0][0].upper()}{values[0][1:]}"
    return f"One of {', '.join(f'`{value}`' for value in values)}"


def _comments() -> dict[str, str]:
    """Return the comment above each switch, without the number of the table's row."""
    source = Path(str(switches.__file__)).read_text("utf-8")
    comments: dict[str, str] = {}
    waiting: list[str] = []
    tokens = [token for token in tokenize.generate_tokens(io.StringIO(source).readline) if token.type != tokenize.NL]
    for token, after in itertools.pairwise(tokens):
        if token.type == tokenize.COMMENT and not source.splitlines()[token.start[0] - 1][: token.start[1]].strip():
            waiting.append(token.string.removeprefix("#").strip())
        elif token.type == tokenize.NAME and after.string == ":" and waiting:
            text = re.sub(r"^(?:Row|Section) \d+(?:, a guess)?: ", "", " ".join(waiting))
            comments[token.string] = f"{text[0].upper()}{text[1:]}"
            waiting = []
        elif token.type == tokenize.NEWLINE:
            waiting = []
    return comments


def store_page() -> str:
    """Format the page of the store's tables."""
    tables = [part for name in COLUMNS for part in _table(name)]
    return page(
        "Store",
        prose(
            f"The store is a SQLite or PostgreSQL database with the same tables, version {newest(STEPS)}. "
            "To read it, use `reconciler history`; this page is for the administrator of the database. The program "
            "migrates an older store when it opens it, and refuses a newer one."
        ),
        prose(
            "It identifies people by OneFile id. `who`, `holder` and `by` are accounts and names of people who ran a "
            "command or closed a manual step. It never contains learners' names. Times are seconds since 1970, UTC."
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
            columns = _named("FOREIGN KEY", line) or [line.split()[0]]
            for column, referred in zip(columns, match[2].split(", "), strict=True):
                yield column, f"{match[1]}.{referred}"
