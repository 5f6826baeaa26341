"""Laws of where the customer token comes from: one place, read once, and told to nobody else."""

from __future__ import annotations

import os
import tempfile

import pytest

from reconciler.model.structs import replace
from reconciler.problems import ExitCode, Invalid
from reconciler.runtime.environment import Environment
from reconciler.runtime.token import customer_token

TOKEN = "ct-0815-Weissdorn"


def handed(content: bytes) -> int:
    """A descriptor from which that can be read, and then nothing more."""
    reader, writer = os.pipe()
    os.write(writer, content)
    os.close(writer)
    return reader


def environment(**variables: str) -> Environment:
    return Environment({f"ONEFILE_CUSTOMER_{name}": value for name, value in variables.items()})


def refused(here: Environment) -> str:
    with pytest.raises(Invalid) as caught:
        customer_token(here)
    assert caught.value.exit_code == ExitCode.INVALID
    assert TOKEN not in str(caught.value)
    assert all(problem.fix for problem in caught.value.problems)
    return str(caught.value)


@pytest.mark.parametrize("content", [TOKEN, f"{TOKEN}\n", f" {TOKEN}\r\n"])
def test_a_descriptor_gives_the_token_and_is_closed(content: str) -> None:
    """It is read once; whoever asks again gets the same."""
    number = handed(content.encode())
    here = environment(TOKEN_FD=str(number))
    assert [customer_token(here).reveal() for _ in range(2)] == [TOKEN, TOKEN]
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)
    assert TOKEN not in repr(here)


def test_the_longest_token_passes_and_one_letter_more_does_not() -> None:
    """However much there is to read, no more than that is read."""
    longest = "x" * 4096
    assert customer_token(environment(TOKEN_FD=str(handed(f"{longest}\r\n".encode())))).reveal() == longest
    assert "longer than 4,096" in refused(environment(TOKEN_FD=str(handed(b"x" * 5000))))
    assert "longer than 4,096" in refused(environment(TOKEN="x" * 5000))


@pytest.mark.parametrize("content", [b"", b"\n", b"  "])
def test_an_empty_descriptor_is_no_token(content: bytes) -> None:
    """The variable that named it is named."""
    said = refused(environment(TOKEN_FD=str(handed(content))))
    assert "ONEFILE_CUSTOMER_TOKEN_FD: the customer token is empty" in said


@pytest.mark.parametrize("content", [b"a\nb", b"\xff\xfe", b"a\0b"])
def test_what_no_header_can_carry_is_no_token(content: bytes) -> None:
    """Such as two lines, or a file that is not text."""
    assert "ONEFILE_CUSTOMER_TOKEN_FD" in refused(environment(TOKEN_FD=str(handed(content))))


@pytest.mark.parametrize("number", ["0", "1", "2", "-1", "three", "3.0", "\u0663", "1e3", "99999999999", TOKEN])
def test_what_is_no_number_of_a_descriptor_is_not_repeated(number: str) -> None:
    """Somebody may have put the token itself there."""
    said = refused(environment(TOKEN_FD=number))
    assert "not the number of a descriptor" in said
    assert number == "3.0" or number not in said.partition("\n")[0]


def test_a_descriptor_that_is_not_open_for_reading_is_told() -> None:
    """A closed one, one that is for writing, and a folder."""
    closed = handed(b"")
    os.close(closed)
    assert "is not open" in refused(environment(TOKEN_FD=str(closed)))
    reader, writer = os.pipe()
    assert "cannot be read" in refused(environment(TOKEN_FD=str(writer)))
    os.close(reader)
    with tempfile.TemporaryDirectory() as folder:
        assert "cannot be read" in refused(environment(TOKEN_FD=str(os.open(folder, os.O_RDONLY))))


def test_a_number_that_was_free_is_not_read_once_it_is_another_files() -> None:
    """What was not open when the command began is by now its store, or its connections: none of the caller's."""
    number = handed(b"")
    os.close(number)
    here = environment(TOKEN_FD=str(number))
    ours = handed(b"a file of ours")
    assert ours == number
    assert "is not open" in refused(replace(here, on_screen=True))
    assert os.read(ours, 100) == b"a file of ours"
    os.close(ours)


def test_a_token_given_twice_is_refused() -> None:
    """Which one is meant cannot be told; a variable without a value, as pipelines set it, gives nothing."""
    number = handed(TOKEN.encode())
    assert "given twice" in refused(environment(TOKEN=TOKEN, TOKEN_FD=str(number)))
    assert customer_token(environment(TOKEN="", TOKEN_FD=str(number))).reveal() == TOKEN
    assert customer_token(environment(TOKEN=TOKEN, TOKEN_FD=" ")).reveal() == TOKEN


def test_no_token_at_all_is_told() -> None:
    """With the way to give it, and the sandbox, which needs none."""
    assert "--target sandbox" in refused(environment())
