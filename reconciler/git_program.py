"""The git program: started so that nothing of a repository runs, without a prompt, and for a limited time.

A pull request and a copied folder bring attributes, hooks, configuration and programs of their own. They are data here:
git reads objects and names, and starts nothing.
"""

from __future__ import annotations

import base64
import os
import signal
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from reconciler.subprocess_env import child_environment

_INERT = (
    "--no-pager",
    "--no-optional-locks",
    "--no-replace-objects",
    *("-c", "safe.bareRepository=explicit"),  # a folder that only looks like a repository is not taken for one
    *("-c", "core.fsmonitor=false"),
    *("-c", f"core.hooksPath={os.devnull}"),
    *("-c", f"core.attributesFile={os.devnull}"),
    *("-c", "protocol.allow=never"),
    *("-c", "log.showSignature=false"),
)
_SURROUNDINGS = {
    "GIT_ALLOW_PROTOCOL": "none",  # unlike protocol.allow, it overrules what a repository's configuration allows
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",  # refusals are recognised by their words
}
_MACHINE = ("GIT_CEILING_DIRECTORIES", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_SYSTEM",
            "GIT_DISCOVERY_ACROSS_FILESYSTEM")  # fmt: skip
"""Variables that describe the machine. Each other GIT_* may come from a hook, and names another repository."""

SAFE_DIRECTORY = "safe.directory"
_SECONDS = 60
_AUTHOR = "onefile-reconciler <onefile-reconciler@users.noreply.invalid>"

PROTOCOLS = ("https", "ssh", "file", "http")
_CONNECTIONS = ("GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH")
"""Variables by which a person says how git reaches a remote."""


def git(folder: Path, *arguments: str, given: bytes = b"") -> bytes:
    """Return git's standard output for that folder. Raises OSError or SubprocessError. Starts no other program."""
    command = [_program(folder, os.environ), *_INERT, "-C", str(folder), *arguments]
    surroundings = _environment(os.environ)
    done = subprocess.run(  # noqa: S603  no shell
        command, input=given, capture_output=True, timeout=_SECONDS, check=True, env=surroundings
    )
    return done.stdout


def bare_git(repository: Path, *arguments: str, given: bytes = b"", remote: str = "", token: str = "") -> bytes:
    """Return git's standard output for a bare repository of our own, which may speak to one remote.

    The remote is named `store`, and its address is in no command line. Raises OSError or SubprocessError: after
    `_SECONDS` git and all that it started are stopped.
    """
    command = [_program(repository, os.environ), *_INERT, f"--git-dir={repository}", *arguments]
    surroundings = _environment(os.environ)
    if remote:
        surroundings |= _speaking_to(remote, token, os.environ)
        surroundings["PATH"] = os.pathsep.join(_trusted_path(repository, os.get_exec_path(os.environ)))
    with subprocess.Popen(  # noqa: S603  no shell
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=surroundings,
        start_new_session=True,  # Ctrl-C at the terminal does not cut a push off
    ) as process:
        try:
            output, errors = process.communicate(given, timeout=_SECONDS)
        except BaseException:
            _stop(process)
            raise
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, output, errors)
    return output


def make_commit(
    repository: Path, ref: str, parent: str, files: Mapping[str, bytes | None], message: str, at: datetime
) -> str:
    """Make a commit in a bare repository that adds or changes these files, or removes them (None), and return it.

    Without a parent it is the first of its history. Raises OSError or SubprocessError.
    """
    stream = [
        f"commit {ref}\nmark :1\ncommitter {_AUTHOR} {at.timestamp():.0f} +0000\n".encode(),
        _data(message.encode()),
        f"from {parent}\n".encode() if parent else b"",
    ]
    for path, content in sorted(files.items()):
        name = _quoted(path)
        stream += [b"D %s\n" % name] if content is None else [b"M 100644 inline %s\n" % name, _data(content)]
    given = b"".join([*stream, b"\nget-mark :1\ndone\n"])
    # forced, because the parent may be another than the commit that the ref names
    return bare_git(repository, "fast-import", "--quiet", "--force", "--done", given=given).decode("ascii").strip()


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def _quoted(path: str) -> bytes:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'.encode("utf-8", "surrogateescape")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Stop git and the programs that it started to speak to the remote."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()


def _speaking_to(remote: str, token: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that let git speak to this remote, by its own protocol, without a question."""
    url = urlsplit(remote)
    settings = {
        "remote.store.url": remote,
        "http.followRedirects": "false",
        "http.lowSpeedLimit": "1",
        "http.lowSpeedTime": "30",
        "gc.auto": "0",
        "maintenance.auto": "false",
        "transfer.credentialsInUrl": "allow",
    }
    if token and url.scheme in ("http", "https"):
        account = token if ":" in token else f"x-access-token:{token}"
        place = f"{url.scheme}://{url.netloc.rpartition('@')[2]}/"
        settings[f"http.{place}.extraHeader"] = f"Authorization: Basic {base64.b64encode(account.encode()).decode()}"
    pairs = {f"GIT_CONFIG_KEY_{place}": name for place, name in enumerate(settings)}
    pairs |= {f"GIT_CONFIG_VALUE_{place}": value for place, value in enumerate(settings.values())}
    own = {name: environment[name] for name in _CONNECTIONS if name in environment}
    return {
        "GIT_SSH_COMMAND": "ssh -o BatchMode=yes -o ConnectTimeout=10",
        **own,
        "GIT_ALLOW_PROTOCOL": url.scheme if url.scheme in PROTOCOLS else "ssh",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS": "",
        "GIT_CONFIG_COUNT": str(len(settings)),
        **pairs,
    }


def _environment(environment: Mapping[str, str]) -> dict[str, str]:
    kept = {
        name: value
        for name, value in child_environment(environment).items()
        if not name.startswith("GIT_") or name in _MACHINE
    }
    return kept | _SURROUNDINGS | _trusted_folders(environment)


def _trusted_folders(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the trust in folders of other accounts that the environment sets, as containers do."""
    count = environment.get("GIT_CONFIG_COUNT", "")
    places = range(int(count)) if count.isdecimal() and len(count) < 4 else ()
    folders = [
        environment.get(f"GIT_CONFIG_VALUE_{place}", "")
        for place in places
        if environment.get(f"GIT_CONFIG_KEY_{place}", "").lower() == SAFE_DIRECTORY
    ]
    pairs = {f"GIT_CONFIG_KEY_{place}": SAFE_DIRECTORY for place in range(len(folders))}
    pairs |= {f"GIT_CONFIG_VALUE_{place}": folder for place, folder in enumerate(folders)}
    return {"GIT_CONFIG_COUNT": str(len(folders)), **pairs} if folders else {}


def _program(folder: Path, environment: Mapping[str, str]) -> str:
    """Return git's path from PATH, without what lies in the working directory or in a repository that is read.

    Raises FileNotFoundError.
    """
    name = "git.exe" if os.name == "nt" else "git"
    programs = {entry: Path(entry) / name for entry in os.get_exec_path(environment)}
    present = [entry for entry, file in programs.items() if os.access(file, os.X_OK) and file.is_file()]
    for entry in _trusted_path(folder, present):
        return str(programs[entry])
    raise FileNotFoundError(name)


def _trusted_path(folder: Path, entries: Iterable[str]) -> Iterator[str]:
    """Yield the folders of PATH that are outside the working directory's repository and the one that is read."""
    checkouts = [top for place in (folder, Path.cwd()) if (top := enclosing_repository(place))]
    for entry in entries:
        place = Path(entry)
        if place.is_absolute() and not any(place.resolve().is_relative_to(top) for top in checkouts):
            yield entry


def enclosing_repository(folder: Path) -> Path | None:
    """Return the nearest folder upwards that has a `.git`, found without git; None if there is none."""
    place = folder.resolve()
    return next((top for top in (place, *place.parents) if (top / ".git").exists()), None)
