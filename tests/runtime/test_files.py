"""Laws of the files that are written for people and pipelines: whole or as before, and nobody else's to read."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.problems import ReconcilerError
from reconciler.runtime import files
from reconciler.runtime.files import read_within, write_whole

POSIX = pytest.mark.skipif(os.name != "posix", reason="other systems have other permissions")

CUT_OFF = """
import resource, signal, sys
from pathlib import Path
from reconciler.problems import ReconcilerError
from reconciler.runtime.files import write_whole
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    write_whole("x" * 1_000_000, Path("plan.json"))
except ReconcilerError as error:
    sys.exit(str(error))
"""


@POSIX
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_only_the_owner_reads_it_and_only_the_owner_changes_its_folder(umask: int, tmp_path: Path) -> None:
    """Whatever the machine would let new files be; a folder that others may write to is theirs to swap files in."""
    before = os.umask(umask)
    try:
        write_whole("{}", tmp_path / "new" / "and newer" / "plan.json")
    finally:
        os.umask(before)
    for path in (tmp_path / "new").rglob("*"):
        assert path.stat().st_mode & (0o022 if path.is_dir() else 0o077) == 0, path
    assert (tmp_path / "new").stat().st_mode & 0o022 == 0


@POSIX
def test_a_file_that_everybody_could_read_is_replaced_by_one_that_they_cannot(tmp_path: Path) -> None:
    """Whoever has the old one open goes on seeing the old one."""
    path = tmp_path / "plan.json"
    path.write_text("old", encoding="utf-8")
    path.chmod(0o666)
    with path.open(encoding="utf-8") as reader:
        write_whole("new", path)
        assert reader.read() == "old"
    assert path.read_text(encoding="utf-8") == "new"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_text_in_pieces_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """Each piece is made when it is written; if that fails, the old file stays, and nothing is left beside it."""
    path = tmp_path / "plan.json"
    write_whole(iter(["{", "Zoë \udc80", "}"]), path)
    assert path.read_text("utf-8") == "{Zoë \\udc80}"

    def broken() -> Iterator[str]:
        yield "new"
        raise KeyError

    with pytest.raises(KeyError):
        write_whole(broken(), path)
    assert (path.read_text("utf-8"), list(tmp_path.iterdir())) == ("{Zoë \\udc80}", [path])


@pytest.mark.skipif(sys.platform != "linux", reason="stops a write half-way by a limit of Linux's")
def test_a_write_that_is_cut_off_leaves_what_was(tmp_path: Path) -> None:
    """The disk is full after a tenth: the old file stands, and nothing lies beside it."""
    (tmp_path / "plan.json").write_text("old", encoding="utf-8")
    command = [sys.executable, "-c", CUT_OFF]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, "plan.json: cannot be written: File too large" in done.stderr) == (1, True), done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]
    assert (tmp_path / "plan.json").read_text(encoding="utf-8") == "old"


def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    """With the path that was asked for."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ReconcilerError, match="cannot be written"):
        write_whole("{}", tmp_path / "file" / "deep" / "plan.json")


@POSIX
def test_a_file_without_end_is_read_no_further_than_allowed(tmp_path: Path) -> None:
    """A device, a pipe that never stops, and a file that is too large: none fills the memory."""
    assert read_within(Path("/dev/zero"), 5_000_000) is None
    (tmp_path / "five").write_bytes(b"12345")
    assert (read_within(tmp_path / "five", 5), read_within(tmp_path / "five", 4)) == (b"12345", None)


@POSIX
def test_a_pipe_is_awaited_as_long_as_it_may_send_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its content if somebody writes; an error that says so if nobody does."""
    monkeypatch.setattr(files, "PATIENCE_SECONDS", 0.2)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(TimeoutError, match="the pipe sent nothing"):
        read_within(pipe, 100)
    monkeypatch.setattr(files, "PATIENCE_SECONDS", 30)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"plan",))
    writer.start()
    assert read_within(pipe, 100) == b"plan"
    writer.join()
