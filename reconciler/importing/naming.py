"""Names for what has none in the files yet: handles and cohorts, from roles and ids, or from names if asked."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping

from reconciler.model.census import CensusStaff
from reconciler.model.declared import Staff
from reconciler.model.slots import Handle, Role, UserId
from reconciler.text import quoted, slug

LONGEST = 64  # characters of a handle or a cohort's name, as in the schemas
NO_CLASS = "no-class"

_FOLDED = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ı": "i", "'": "", "’": ""}
)
_ONE_PERSON = (Role.TRAINEE_ASSESSOR, Role.ASSESSOR, Role.IQA)


def folded(name: str) -> str:
    """A name in the letters that handles and cohorts have: `Zoë O'Brien` is zoe-obrien. Nothing where none is left."""
    letters = unicodedata.normalize("NFKD", name.lower().translate(_FOLDED))
    return slug("".join(letter for letter in letters if not unicodedata.combining(letter)))[:LONGEST].strip("-")


def handles(staff: Collection[CensusStaff], *, names: bool, taken: Mapping[UserId, Handle]) -> dict[UserId, Handle]:
    """A handle for each account: the one it has already, else `assessor-132757`, or with *names* kate-anderson.

    Whoever shares a name is told apart by role (james-fayre-iqa) and, where that is not enough, by id: all of them, so
    that none looks like the only one.
    """
    new = [one for one in staff if one.id not in taken]
    found = {one.id: _plain(one) for one in new}
    if names:
        used = set(taken.values())
        for shortest_first in (_by_name, _by_name_and_role, _by_name_and_id):
            found |= _unshared(new, shortest_first, found, used)
            used |= {found[one.id] for one in new if found[one.id] != _plain(one)}
    return {one.id: taken.get(one.id) or found[one.id] for one in staff}


def _unshared(
    staff: Iterable[CensusStaff],
    make: Callable[[CensusStaff], str],
    found: Mapping[UserId, Handle],
    used: Collection[str],
) -> dict[UserId, Handle]:
    """Handles of this form for those who have none but the plain one yet, where it is nobody else's."""
    waiting = [one for one in staff if found[one.id] == _plain(one)]
    wishes = {one.id: make(one) for one in waiting}
    shared = Counter(wishes.values())
    plain = {_plain(one) for one in staff}
    return {
        user: Handle(wish)
        for user, wish in wishes.items()
        if wish and wish[0].isalpha() and shared[wish] == 1 and wish not in used and wish not in plain
    }


def _plain(one: CensusStaff) -> Handle:
    return Handle(f"{one.role.value.replace('_', '-')}-{one.id}")


def _by_name(one: CensusStaff) -> str:
    return folded(one.name)


def _by_name_and_role(one: CensusStaff) -> str:
    return _joined(folded(one.name), one.role.value.replace("_", "-"))


def _by_name_and_id(one: CensusStaff) -> str:
    return _joined(folded(one.name), str(one.id))


def _joined(name: str, suffix: str) -> str:
    return f"{name[: LONGEST - len(suffix) - 1].strip('-')}-{suffix}" if name else ""


def persons(staff: Iterable[CensusStaff], handles: Mapping[UserId, Handle]) -> dict[UserId, str]:
    """Which accounts are one human being: assessors and IQAs with one e-mail address. The first account's handle
    names them. Employers are left out: a firm may have one address for all."""
    by_email: dict[str, list[UserId]] = defaultdict(list)
    for one in staff:
        if one.email and one.role in _ONE_PERSON:
            by_email[one.email.casefold()].append(one.id)
    return {user: handles[min(users)] for users in by_email.values() if len(users) > 1 for user in users}


def by_role(member: Staff) -> tuple[int, Handle]:
    """The order of members in a new staff.yaml: by role, then by handle."""
    return (list(Role).index(member.role), member.handle)


def cohort_names(classrooms: Collection[int | None], called: Mapping[int, str]) -> dict[int | None, str]:
    """A cohort's name for each classroom: `class-120`, or by the classroom's own name where *called* has it."""
    wishes = {room: folded(called.get(room, "")) for room in classrooms if room is not None}
    shared = Counter([*wishes.values(), NO_CLASS])
    names: dict[int | None, str] = {}
    for room, wish in wishes.items():
        unique = wish if shared[wish] == 1 else _joined(wish, str(room))
        names[room] = unique or f"class-{room}"
    if len(set(names.values())) < len(names):
        names = {room: f"class-{room}" for room in wishes}
    return {**names, None: NO_CLASS}


def cohort_name_fault(name: str) -> tuple[str, str] | None:
    """What is wrong with a cohort's name, and what to do; None where it can be one."""
    if re.fullmatch("[a-z0-9][a-z0-9-]*", name) and len(name) <= LONGEST:
        return None
    hint = folded(name)
    what = f"{quoted(name)} is not a cohort name (small letters, digits and hyphens, at most {LONGEST})"
    return what, f"use {hint}, for example." if hint else "use a name such as business-admin-l3-2026."
