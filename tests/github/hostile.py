"""Files that a pull request could bring, each of which leaves a mark if anything imports or runs it."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

OF_PIP = ("hashlib", "json", "pathlib", "subprocess", "venv")
"""What pip and pip-audit import."""
MODULES = (
    *OF_PIP,
    *("pip", "reconciler", "onefile_sandbox", "ensurepip", "click", "yaml", "hatchling"),
    *("sitecustomize", "usercustomize", "conftest", "setup", "hatch_build"),
)
PROGRAMS = (
    *("git", "python", "python3", "python3.11", "pip", "uv", "reconciler", "git-remote-https", "sh", "env"),
    *("cat", "mkdir", "mktemp", "dirname", "cp", "sha256sum", "docker"),
)
PACKAGES = ("pip", "reconciler", "onefile_sandbox", "venv")


def hostile_files(left: Path) -> dict[str, str]:
    """Return the files of a checkout, by their place in it; what is run appends a line to `left`."""
    module = f"import sys\nwith open({str(left)!r}, 'a') as file:\n    print(__file__, file=file)\n"
    program = f'#!/bin/sh\necho "$0" >> {shlex.quote(str(left))}\nexit 1\n'
    files = {f"{name}.py": module for name in MODULES if name not in PACKAGES}
    files |= {f"{name}/__init__.py": module for name in PACKAGES}
    files |= {f"{name}/__main__.py": module for name in PACKAGES}
    files |= {name: program for name in PROGRAMS if name not in PACKAGES}
    files |= {f"{folder}/{name}": program for folder in ("bin", "state") for name in PROGRAMS}
    return files | {
        "hostile.pth": f"import sys; exec({module!r})\n",
        "pyvenv.cfg": "home = .\ninclude-system-site-packages = true\n",
        "setup.cfg": "[install]\nprefix = .\n[global]\nindex-url = file:///nowhere\n",
        "pip.conf": "[global]\nindex-url = file:///nowhere\n",
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "setup"\nbackend-path = ["."]\n',
        ".program/action.yml": "runs: {using: composite, steps: [{shell: bash, run: git}]}\n",
        ".program/.ci/install": program,
        ".ci/install": program,
        ".bashrc": program,
        ".gitattributes": "* filter=mark\n",
        "state/.gitattributes": "*.yaml export-ignore\n",
    }


SURROUNDINGS = {
    "PATH": ":".join(("{workspace}", "{workspace}/bin", ".", "", "bin", "/usr/local/bin", "/usr/bin", "/bin")),
    "PYTHONPATH": "{workspace}:.",
    "PYTHONSTARTUP": "{workspace}/conftest.py",
    "PYTHONUSERBASE": "{workspace}",
}
"""The worst that a workflow around ours could set."""


def real_python(folder: Path) -> Path:
    """Write a `python` that imports what a real one would for each command, and installs nothing.

    The environments that it makes are this one. A real interpreter with the same flags, folder and variables does the
    imports: for pip, of its package and of all modules that it uses and a checkout may bring, which takes a fifth of
    the time.
    """
    program = folder / "python"
    folder.mkdir(parents=True)
    program.write_text(
        f"""#!/bin/sh
real={shlex.quote(sys.executable)} flags=
while case "$1" in -[A-Z]) true ;; *) false ;; esac; do flags="$flags $1"; shift; done
case "$1 $2" in
  "-m venv") "$real" $flags -m venv --help >/dev/null; /bin/mkdir -p "$3/bin" && exec /bin/cp "$0" "$3/bin/python" ;;
  "-m pip" | "-m pip_audit") exec "$real" $flags -c "import $2, {", ".join(OF_PIP)}" ;;
  *) exec "$real" $flags "$@" ;;
esac
""",
        "utf-8",
    )
    program.chmod(0o755)
    return program
