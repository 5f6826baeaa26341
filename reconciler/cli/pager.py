"""Shows long text through a pager, as git does."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys

from reconciler.cli.output import is_terminal
from reconciler.subprocess_env import child_environment

LESS = "FRX"
"""Options of less, as git sets them: quit if the text fits, keep colours, leave the text on the screen."""


def page(text: str) -> bool:
    """Show a text that is longer than the terminal in the user's pager; return False if it was not shown.

    The pager is PAGER, or less. With PAGER=cat, an empty PAGER or a dumb terminal there is none.
    """
    command = shlex.split(os.environ.get("PAGER", "less"))
    if not command or command[0] == "cat" or os.environ.get("TERM", "dumb") == "dumb":
        return False
    if not (is_terminal(sys.stdout) and is_terminal(sys.stdin)):
        return False
    if text.count("\n") < shutil.get_terminal_size().lines or not shutil.which(command[0]):
        return False
    environment = {"LESS": LESS, "LV": "-c", **child_environment(os.environ)}
    encoding = sys.stdout.encoding or "utf-8"
    pager = subprocess.run(  # noqa: S603  the user's own program, without a shell
        command, input=text.encode(encoding, "backslashreplace"), env=environment, check=False
    )
    return pager.returncode == 0
