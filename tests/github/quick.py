"""Our two programs without their start-up: a process that has loaded them, and forks for each command that it is sent.

The workflows' steps start some forty processes, which spend most of their time importing. Arguments, folder,
environment and streams are the caller's; what runs is the programs' own `main`.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CALLER = """
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as line:
    line.connect(sys.argv[1])
    said = json.dumps([sys.argv[2:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(line, [said[:1]], [0, 1, 2])
    line.sendall(said[1:])
    line.shutdown(socket.SHUT_WR)
    sys.exit(line.recv(1)[0])
"""


@contextmanager
def quick_tools(folder: Path) -> Iterator[Path]:
    """A folder with a `python` that starts our programs at once, as long as the block lasts."""
    folder.mkdir()
    place, python = folder / "line", shlex.quote(sys.executable)
    (folder / "caller.py").write_text(_CALLER, "utf-8")
    call = f"exec {python} -I -S {shlex.quote(str(folder / 'caller.py'))} {shlex.quote(str(place))}"
    script = f"""#!/bin/sh
case "$1 $2 $3" in
  "-I -m venv") mkdir -p "$4/bin" && exec cp "$0" "$4/bin/python" ;;
  "-I -m pip") exit 0 ;;
  "-I -m reconciler") shift 3; {call} reconciler "$@" ;;
  "-I -m reconciler.github") shift 3; {call} github "$@" ;;
  *) exec {python} "$@" ;;
esac
"""
    (folder / "python").write_text(script, "utf-8")
    (folder / "python").chmod(0o700)
    asked = [sys.executable, "-m", "tests.github.quick", str(place)]
    with subprocess.Popen(asked, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as server:
        try:
            assert server.stdout
            assert server.stdout.readline() == b"ready\n"
            yield folder
        finally:
            server.kill()


def _serve(place: str) -> None:
    import reconciler.cli.main
    import reconciler.commands.apply
    import reconciler.commands.sandbox
    import reconciler.github.__main__
    import reconciler.observed

    mains = {"reconciler": reconciler.cli.main.main, "github": reconciler.github.__main__.main}
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children here
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(place)
        door.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            line, _ = door.accept()
            if not os.fork():
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                door.close()
                os._exit(_answer(line, mains))
            line.close()


def _answer(line: socket.socket, mains: dict[str, object]) -> int:
    said, streams, _, _ = socket.recv_fds(line, 1, 3)
    while piece := line.recv(65_536):
        said += piece
    (name, *arguments), folder, environment = json.loads(said)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    utf8 = {"encoding": "utf-8", "closefd": False}
    sys.stdin, sys.stdout, sys.stderr = open(0, **utf8), open(1, "w", **utf8), open(2, "w", **utf8)  # noqa: SIM115
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [name, *arguments]
    code = 1
    try:
        mains[name]()  # type: ignore[operator]
    except SystemExit as leaving:
        code = int(leaving.code or 0)
    sys.stdout.flush()
    sys.stderr.flush()
    line.sendall(bytes([code]))
    return 0


if __name__ == "__main__":
    _serve(sys.argv[1])
