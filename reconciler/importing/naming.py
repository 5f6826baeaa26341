"""Makes new handles and cohort names, from roles and ids, or from people's names if allowed."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping

from reconciler.model.census import CensusStaff
from reconciler.model.declared import Staff
from reconciler.model.slots import Handle, Role, UserId
from reconciler.text import HIDDEN, quoted, slug

LONGEST = 64  # characters of a handle or a cohort's name, as in the schemas
NO_CLASS = "no-class"
COHORT_NAME = "^(?!(?:con|prn|aux|nul|com[0-9]|lpt[0-9])$)[a-z0-9][a-z0-9-]*$"  # as in the schemas
RESERVED = re.compile("con|prn|aux|nul|com[0-9]|lpt[0-9]")

_UNWRITABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_FOLDED = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ı": "i", "'": "", "’": ""}
)
_ONE_PERSON = (Role.TRAINEE_ASSESSOR, Role.ASSESSOR, Role.IQA)


def is_unwritable(text: str) -> bool:
    """Return True for text that no file may have: control characters and hidden ones."""
    return bool(_UNWRITABLE.search(text) or HIDDEN.search(text))


def folded(name: str) -> str:
    """Turn a name into the form of handles and cohorts, which may be empty: `Zoë O'Brien` is zoe-obrien."""
    letters = unicodedata.normalize("NFKD", name.lower().translate(_FOLDED))
    return slug("".join(letter for letter in letters if not unicodedata.combining(letter)))[:LONGEST].strip("-")


def handles(staff: Collection[CensusStaff], *, names: bool, taken: Mapping[UserId, Handle]) -> dict[UserId, Handle]:
    """Return a handle for each account: its present one, else `assessor-132757`, or with *names* kate-anderson.

    Accounts that share a name all get their role (james-fayre-iqa) or, if that is not enough, their id, so that none
    looks like the only one.
    """
    new = [account for account in staff if account.id not in taken]
    result = {account.id: _plain(account) for account in new}
    if names:
        used = set(taken.values())
        for make in (_by_name, _by_name_and_role, _by_name_and_id):
            result |= _unshared(new, make, result, used)
            used |= {result[account.id] for account in new if result[account.id] != _plain(account)}
    return {account.id: taken.get(account.id) or result[account.id] for account in staff}


def _unshared(
    staff: Iterable[CensusStaff],
    make: Callable[[CensusStaff], str],
    current: Mapping[UserId, Handle],
    used: Collection[str],
) -> dict[UserId, Handle]:
    """Return unique handles of this form for the accounts that still have the plain one."""
    remaining = [account for account in staff if current[account.id] == _plain(account)]
    handles = {account.id: make(account) for account in remaining}
    count = Counter(handles.values())
    plain = {_plain(account) for account in staff}
    return {
        user: Handle(handle)
        for user, handle in handles.items()
        if handle and handle[0].isalpha() and count[handle] == 1 and handle not in used and handle not in plain
    }


def _plain(account: CensusStaff) -> Handle:
    return Handle(f"{account.role.value.replace('_', '-')}-{account.id}")


def _by_name(account: CensusStaff) -> str:
    return folded(account.name)


def _by_name_and_role(account: CensusStaff) -> str:
    return _joined(folded(account.name), account.role.value.replace("_", "-"))


def _by_name_and_id(account: CensusStaff) -> str:
    return _joined(folded(account.name), str(account.id))


def _joined(name: str, suffix: str) -> str:
    return f"{name[: LONGEST - len(suffix) - 1].strip('-')}-{suffix}" if name else ""


def persons(staff: Iterable[CensusStaff], handles: Mapping[UserId, Handle]) -> dict[UserId, str]:
    """Return the accounts that belong to one person, with the handle of the person's first account.

    These are assessors and IQAs with the same e-mail address. Employers are left out, because a firm may have one
    address for all.
    """
    by_email: dict[str, list[UserId]] = defaultdict(list)
    for account in staff:
        if account.email and account.role in _ONE_PERSON:
            by_email[account.email.casefold()].append(account.id)
    return {user: handles[min(users)] for users in by_email.values() if len(users) > 1 for user in users}


def by_role(member: Staff) -> tuple[int, Handle]:
    """Sort members of a new staff.yaml by role, then by handle."""
    return (list(Role).index(member.role), member.handle)


def cohort_names(classrooms: Collection[int | None], called: Mapping[int, str]) -> dict[int | None, str]:
    """Return a cohort name for each classroom: its own name in *called*, or `class-120`."""
    own = {room: folded(called.get(room, "")) for room in classrooms if room is not None}
    count = Counter([*own.values(), NO_CLASS])
    names: dict[int | None, str] = {}
    for room, name in own.items():
        unique = name if count[name] == 1 and not RESERVED.fullmatch(name) else _joined(name, str(room))
        names[room] = unique or f"class-{room}"
    if len(set(names.values())) < len(names):
        names = {room: f"class-{room}" for room in own}
    return {**names, None: NO_CLASS}


def cohort_name_fault(name: str) -> tuple[str, str] | None:
    """Return what is wrong with a cohort's name, and the fix; None for a valid name."""
    if re.search(COHORT_NAME, name) and name.isprintable() and len(name) <= LONGEST:
        return None
    if RESERVED.fullmatch(name):
        what = f"{quoted(name)} is the name of a Windows device, so Windows cannot store the file"
        return what, f"Use a name such as {name}-2026."
    hint = folded(name)
    what = f"{quoted(name)} is not a cohort name (small letters, digits and hyphens, at most {LONGEST})"
    return what, f"Use {hint}, for example." if hint else "Use a name such as business-admin-l3-2026."
