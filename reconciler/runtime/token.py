"""The customer token, from an environment variable or from a file descriptor; from nowhere else."""

from __future__ import annotations

import os

from reconciler.onefile.token import LONGEST_TOKEN, CustomerToken
from reconciler.problems import Invalid, Problem
from reconciler.runtime.environment import TOKEN_FD, Environment, is_descriptor
from reconciler.runtime.files import read_descriptor

TOKEN = "ONEFILE_CUSTOMER_TOKEN"  # noqa: S105  the variable's name
_FIX = f"Use the number of a descriptor that is open for reading, such as: {TOKEN_FD}=3 reconciler plan 3< <(command)"


def has_token(environment: Environment) -> bool:
    """Return whether a token is given, valid or not."""
    return bool(environment.variables.get(TOKEN) or _number(environment))


def customer_token(environment: Environment) -> CustomerToken:
    """Return the token. A descriptor is read once, to its end, and closed; its token is cached.

    Raises Invalid if no token is given, if it is given both ways, or if it cannot be a token.
    """
    number = _number(environment)
    if number and environment.variables.get(TOKEN, "").strip():
        fix = f"Unset either {TOKEN} or {TOKEN_FD}."
        raise Invalid(Problem("the customer token is given twice", fix, where=TOKEN_FD))
    if number:
        if number not in environment.handed:
            environment.handed[number] = None  # it will be closed, and its number may become another file's
            environment.handed[number] = _read(number)
        text = environment.handed[number]
        if text is None:
            raise Invalid(Problem(f"descriptor {number} is not open", _FIX, where=TOKEN_FD))
        return CustomerToken(text, TOKEN_FD)
    if TOKEN not in environment.variables:
        fix = (
            "Set it to the customer token that OneFile support issued (it is never an option or a file), "
            "or use --target sandbox, which needs none."
        )
        raise Invalid(Problem("no customer token is set", fix, where=TOKEN))
    return CustomerToken(environment.variables[TOKEN])


def origin_of(environment: Environment) -> str:
    """Return the name of the variable that gives the token."""
    return TOKEN_FD if _number(environment) else TOKEN


def _number(environment: Environment) -> str:
    return environment.variables.get(TOKEN_FD, "").strip()


def _read(number: str) -> str:
    """Read a descriptor. A value that is not a number is never shown: it may be the token itself."""
    if not is_descriptor(number):
        raise Invalid(Problem("not the number of a descriptor (3 or more)", _FIX, where=TOKEN_FD))
    try:
        with os.fdopen(int(number), "rb") as pipe:
            content = read_descriptor(pipe.fileno(), LONGEST_TOKEN + 3)  # a token, its line end, and one byte too many
    except (OSError, ValueError) as error:
        what = f"descriptor {number} cannot be read: {getattr(error, 'strerror', None) or error}"
        raise Invalid(Problem(what, _FIX, where=TOKEN_FD)) from error
    return content.decode("utf-8", errors="replace")
