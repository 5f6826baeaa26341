"""The newest result of each centre and command, stored beside the fleet file, and the centres it chooses."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

from reconciler.model.fleet import FINE, FLAGS, Centre, CentreResult, Fleet
from reconciler.model.structs import Decoder, NotUnderstood, encode, replace
from reconciler.runtime.files import text_at, write_whole

LastResult = Callable[[str], CentreResult | None]
"""How a command ended for a centre the last time; None if it is not known."""


def report_file(fleet: Fleet, centre: str, command: str) -> Path:
    """Return the file of a centre's whole report."""
    return fleet.folder / centre / f"{command}.json"


def _result_file(fleet: Fleet, centre: str, command: str) -> Path:
    return fleet.folder / centre / f"{command}.result.json"


def store_result(fleet: Fleet, command: str, result: CentreResult) -> None:
    """Store a result as soon as it is known. Raises ReconcilerError if the folder cannot be written to."""
    write_whole(encode(result).decode(), _result_file(fleet, result.centre, command))


def last_result(fleet: Fleet, centre: str, command: str) -> CentreResult | None:
    """Return how this command ended for a centre the last time; None if it is not known."""
    try:
        return Decoder(CentreResult).decode((text_at(_result_file(fleet, centre, command)) or "").encode())
    except NotUnderstood:
        return None


def last_results(fleet: Fleet, centre: Centre) -> Iterator[tuple[str, CentreResult]]:
    """Yield each command of a centre with its last result, but not results of another organisation or target."""
    for command in FLAGS:
        result = last_result(fleet, centre.name, command)
        if result and (result.organisation, result.target) == (centre.organisation, centre.target):
            yield command, result


def digest_of(state: Path) -> str:
    """Return a digest of the files that a centre declares; a file that cannot be read counts as another content."""
    digest = hashlib.sha256()
    for file in sorted(state.rglob("*.yaml")):
        try:
            content = file.read_bytes()
        except OSError:
            content = b"unreadable"
        digest.update(f"{file.relative_to(state).as_posix()}\0{len(content)}\0".encode("utf-8", "surrogateescape"))
        digest.update(content)
    return f"sha256:{digest.hexdigest()}"


def failed_last(fleet: Fleet, results: LastResult) -> Fleet:
    """Return the fleet with the centres for which a command did not end well the last time."""
    return _with(fleet, [centre for centre in fleet.centres if _failed(results(centre.name))])


def _failed(result: CentreResult | None) -> bool:
    return result is not None and result.exit_code not in FINE


def changed_since(fleet: Fleet, results: LastResult) -> Fleet:
    """Return the fleet with the centres whose files are not those with which a command last ended well."""
    return _with(fleet, [centre for centre in fleet.centres if _changed(centre, results(centre.name))])


def _changed(centre: Centre, result: CentreResult | None) -> bool:
    return result is None or result.exit_code not in FINE or result.files != digest_of(centre.state)


def _with(fleet: Fleet, centres: list[Centre]) -> Fleet:
    return replace(fleet, centres=tuple(centres))
