"""Characters that nobody sees, in OneFile's texts and in arguments: written out by every command, in every format."""

from __future__ import annotations

import re

import pytest

from onefile_sandbox.world import World
from reconciler.text import HIDDEN
from tests.e2e.test_names import COMMANDS, fast_imports, forms, runs
from tests.e2e.user import LEARNER, SETTINGS, Home, point_at, served

UNSEEN = "\u202e\u200b"
ESCAPE_SEQUENCE = "\x1b[31m"
TEXTS = ("FirstName", "LastName", "MISID", "Username", "Name", "Title", "EpisodeName")


def bent() -> World:
    """A centre in which every text begins with a change of direction, a space without width and a new colour."""
    world = World.create(1, 24)
    centre = world.centre
    for row in (*world.users.values(), *centre.organisations, *centre.classrooms, *centre.placements):
        for key in TEXTS:
            if isinstance(row.get(key), str):
                row[key] = f"{UNSEEN}{ESCAPE_SEQUENCE}{row[key]}"  # type: ignore[literal-required]
    return world


def hidden(text: str) -> list[str]:
    return [line for line in text.split("\n") if HIDDEN.search(line) or ESCAPE_SEQUENCE in line]


def test_no_command_and_no_format_prints_a_hidden_character_of_onefile(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names are allowed everywhere, so that they are in the reports, on pages and in messages."""
    settings = {**SETTINGS, "privacy": {"names": "always"}}
    home.declare(LEARNER, settings=settings).commit()
    fast_imports(home, settings)
    with served(bent()) as server:
        point_at(monkeypatch, server.url)
        shown = ""
        for command, variants in COMMANDS.items():
            for form, arguments in runs(command, variants):
                place = ["--state", f"imported-{form}"] if command == "import" else arguments
                ended = home.run(command, *place, "--format", form)
                assert ended.is_decent(), (command, form, arguments)
                assert (command, form, hidden(ended.out + ended.err)) == (command, form, [])
                shown += ended.out
    assert re.search(r"\\u202e", shown), "the texts are in the reports"
    files = [path for path in home.path.rglob("*") if path.suffix in (".html", ".md", ".eml", ".json", ".yaml", ".csv")]
    texts = [path.read_text("utf-8-sig") for path in files]  # a table begins with a byte order mark
    assert [(path.name, hidden(text)[0]) for path, text in zip(files, texts, strict=True) if hidden(text)] == []


@pytest.mark.parametrize(
    "command",
    [
        ["plan", "--out", f"{UNSEEN}.txt"],
        ["plan", "--out", f"{UNSEEN}.json"],
        ["apply", "--auto-approve", "--out", f"{UNSEEN}.txt"],
        ["audit", "--out", f"{UNSEEN}.txt"],
        ["site", "--out", f"{UNSEEN} pages"],
        ["digest", "--due", "2027-01-01", "--out", f"{UNSEEN} messages"],
        ["export", "--csv", f"{UNSEEN}.csv"],
        ["history", "--store", f"{UNSEEN}.db"],
        ["who", UNSEEN],
        ["share-out", UNSEEN],
        ["done", UNSEEN, "--by", UNSEEN],
        ["unlock", "--reason", UNSEEN],
        ["revert", UNSEEN],
        ["init", "--state", f"{UNSEEN} state"],
    ],
    ids=lambda command: command[0],
)
def test_an_argument_is_printed_without_what_is_hidden_in_it(command: list[str], home: Home) -> None:
    """A name that came by a script or was copied from a page may read as another."""
    home.declare()
    for form in forms(command[0]) if command[0] != "init" else ["text"]:
        ended = home.run(*command, *(["--format", form] if form != "text" else []))
        assert ended.is_decent()
        assert hidden(ended.out + ended.err) == [], form
