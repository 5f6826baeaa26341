"""Titles of learning aims and units, as OneFile's own lists have them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

from reconciler.importing.naming import is_unwritable
from reconciler.model.slots import OrganisationId
from reconciler.onefile.reader import Reader
from reconciler.problems import ServiceError

LONGEST_TITLE = 80  # characters; the schema of settings.yaml has the same
Titles = dict[int | str, str]


async def read_titles(organisation: OrganisationId, reader: Reader, keys: Collection[int | str]) -> Titles:
    """Read the titles of these learning aims (numbers) and units (text): one call for each kind that is wanted.

    A list that cannot be read has no titles, because only reports use them.
    """
    titles: Titles = {}
    if any(isinstance(key, int) for key in keys):
        titles |= await _listed(reader.standard_titles, organisation)
    if any(isinstance(key, str) for key in keys):
        titles |= await _listed(reader.unit_titles, organisation)
    return writable({key: titles[key] for key in sorted(keys, key=str) if key in titles})


def writable(titles: Titles) -> Titles:
    """Return the titles that a settings file may have, cut to its longest."""
    return {key: title[:LONGEST_TITLE].strip() for key, title in titles.items() if title and not is_unwritable(title)}


async def _listed(read: Callable[[OrganisationId], Awaitable[Titles]], organisation: OrganisationId) -> Titles:
    try:
        return await read(organisation)
    except ServiceError:
        return {}
