"""The customer token: from the environment, or from a descriptor that was open when we were started; nowhere else."""

from __future__ import annotations

import os

from reconciler.onefile.token import LONGEST_TOKEN, CustomerToken
from reconciler.problems import Invalid, Problem
from reconciler.runtime.context import TOKEN_FD, Context, is_descriptor

TOKEN = "ONEFILE_CUSTOMER_TOKEN"  # noqa: S105  the variable's name
_FIX = f"Give the number of a descriptor that is open for reading, such as: {TOKEN_FD}=3 reconciler plan 3< <(command)"


def has_token(context: Context) -> bool:
    """Whether one is given, whatever it is worth."""
    return bool(context.environment.get(TOKEN) or _number(context))


def customer_token(context: Context) -> CustomerToken:
    """The token, asked for as often as needed: a descriptor is read once, to its end, and closed.

    Raises Invalid where none is given, or both ways at once, or something that cannot be one.
    """
    number = _number(context)
    if number and context.environment.get(TOKEN, "").strip():
        fix = f"Unset {TOKEN} or {TOKEN_FD}: which of the two is meant cannot be told."
        raise Invalid(Problem("the customer token is given twice", fix, where=TOKEN_FD))
    if number:
        if number not in context.handed:
            context.handed[number] = None  # whatever becomes of it: it is closed then, and its number another file's
            context.handed[number] = _read(number)
        text = context.handed[number]
        if text is None:
            raise Invalid(Problem(f"descriptor {number} is not open", _FIX, where=TOKEN_FD))
        return CustomerToken(text, TOKEN_FD)
    if TOKEN not in context.environment:
        fix = (
            "Set it to the customer token that OneFile support issued (it is never an option or a file), "
            "or use --target sandbox, which needs none."
        )
        raise Invalid(Problem("no customer token is set", fix, where=TOKEN))
    return CustomerToken(context.environment[TOKEN])


def origin_of(context: Context) -> str:
    """The variable that gives the token."""
    return TOKEN_FD if _number(context) else TOKEN


def _number(context: Context) -> str:
    return context.environment.get(TOKEN_FD, "").strip()


def _read(number: str) -> str:
    """What can be read there. The value of a variable that is no number is not repeated: it may be the token itself."""
    if not is_descriptor(number):
        raise Invalid(Problem("not the number of a descriptor, 3 or more", _FIX, where=TOKEN_FD))
    try:
        with os.fdopen(int(number), "rb") as pipe:
            content = pipe.read(LONGEST_TOKEN + 3)  # a token, the end of its line, and whether there is more
    except (OSError, ValueError) as error:
        what = f"descriptor {number} cannot be read: {getattr(error, 'strerror', None) or error}"
        raise Invalid(Problem(what, _FIX, where=TOKEN_FD)) from error
    return content.decode("utf-8", errors="replace")
