"""Laws of the man pages: one for each command, and nothing in them that troff stumbles over."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from docs.making.man import man_pages
from reconciler.cli.command_table import COMMANDS

PAGES = dict(man_pages())


def test_every_command_has_a_page() -> None:
    """And the program has one, which names them all."""
    assert set(PAGES) == {"reconciler.1", *(f"reconciler-{name}.1" for name in COMMANDS)}
    for name, words in COMMANDS.items():
        escaped = name.replace("-", r"\-")
        assert rf"\fBreconciler\-{escaped}\fR(1)" in PAGES["reconciler.1"]
        assert words.rstrip(".").replace("-", r"\-") in PAGES[f"reconciler-{name}.1"]


@pytest.mark.skipif(not shutil.which("groff"), reason="groff is not installed")
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_set_without_a_warning(name: str) -> None:
    """By the program that man uses."""
    command = ["groff", "-man", "-Tutf8", "-ww", "-z"]
    done = subprocess.run(command, input=PAGES[name].encode(), capture_output=True, check=True)
    assert done.stderr == b""
