"""A copy of a state folder holds what is read of it, whatever else is in the folder."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.declared.load import read_declared
from reconciler.importing.existing_state import read_existing
from reconciler.problems import Invalid
from reconciler.resources import resource
from reconciler.runtime.schema_copies import SCHEMAS, other_schemas, renew_schemas
from reconciler.runtime.state_edits import Edits
from reconciler.runtime.state_files import tried
from tests.declared.files import DAY, centre


def _socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's whole path may have 107 bytes only
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(path.name)
    finally:
        os.chdir(here)


def _unreadable(path: Path) -> None:
    path.write_text("x", encoding="utf-8")
    path.chmod(0)


STRAY: dict[str, Callable[[Path], object]] = {
    "a link to nothing": lambda path: path.symlink_to("kay@desk.1234:1699"),
    "a link to its parent": lambda path: path.symlink_to(".."),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a link to the root": lambda path: path.symlink_to("/"),
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
    "a pipe": os.mkfifo,
    "a socket": _socket,
    "an unreadable file": _unreadable,
    "a folder": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("name", ["x", ".#care.yaml", "cohorts/.#care.yaml", "cohorts/x", "cohorts/.x.swp"])
@pytest.mark.parametrize("kind", STRAY)
def test_a_stray_entry_changes_no_copy(kind: str, name: str, tmp_path: Path) -> None:
    """Editors' locks, links, pipes, sockets and devices are neither followed nor copied, nor waited for."""
    state = centre(tmp_path, "learners: [{id: 200004, default_assessor: kate-anderson}]\n")
    STRAY[kind](state / name)
    if name == "cohorts/x" and (state / name).is_dir():
        with pytest.raises(Invalid, match="folders inside cohorts are not read"):
            read_declared(state, DAY)
        return
    expected = read_declared(state, DAY)
    with tried(state, {}) as copy:
        assert sorted(path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file()) == [
            "cohorts/care.yaml",
            "settings.yaml",
            "staff.yaml",
        ]
        assert read_declared(copy, DAY).learners[0].slots.keys() == expected.learners[0].slots.keys()
    assert read_existing(state, DAY).cohorts == {"care"}
    assert Edits(state).declared(DAY).cohorts == {"care"}


def test_a_copy_keeps_the_warnings_of_names_that_are_not_read(tmp_path: Path) -> None:
    """They are the same for a command that edits as for validate."""
    state = centre(tmp_path, "learners: []\n")
    (state / "old.yaml").write_text("version: 1\n")
    (state / "cohorts" / "care.yaml~").write_text("version: 1\n")
    with tried(state, {}) as copy:
        told = [problem.what for problem in read_declared(copy, DAY).warnings]
    assert told == [problem.what for problem in read_declared(state, DAY).warnings] and len(told) == 2


@pytest.mark.parametrize("change", [lambda text: text.replace("\n", "\r\n"), lambda text: "\ufeff" + text])
def test_a_copy_of_a_schema_with_other_line_ends_is_no_other_version(
    change: Callable[[str], str], tmp_path: Path
) -> None:
    """Git on Windows and some editors change these, and nothing of what the schema says."""
    (tmp_path / "schemas").mkdir()
    for name in SCHEMAS:
        (tmp_path / name).write_bytes(change(resource(name).read_text("utf-8")).encode())
    assert other_schemas(tmp_path) == () and renew_schemas(tmp_path) == []
