"""Values of the last sync in the store: by id, and by digest of the MISID, so that it holds no personal data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from reconciler.model.listing import Remembered
from reconciler.model.observed import misid_digest
from reconciler.model.slots import LearnerKey, OrganisationId, Site
from reconciler.problems import NoStore
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options
from reconciler.runtime.store_address import open_store, store_of


def last_sync(
    options: Options, environment: Environment, site: Site, memory: str, learners: Iterable[LearnerKey]
) -> Remembered:
    """Return what the last sync with this sort of source left of these learners; nothing without a store."""
    keys = {_text(site, learner): learner for learner in learners}
    try:
        with store_of(options, environment, make=False) as store:
            values = store.synced(site, memory)
    except NoStore:
        return {}
    return {
        (keys[text], name): value for text, fields in values.items() if text in keys for name, value in fields.items()
    }


def remember_sync(options: Options, environment: Environment, site: Site, memory: str, remembered: Remembered) -> None:
    """Store what the next sync compares with."""
    values: dict[str, dict[str, str]] = defaultdict(dict)
    for (learner, name), value in remembered.items():
        values[_text(site, learner)][name] = value
    with open_store(options, environment) as store:
        if store.synced(site, memory) != values:
            store.set_synced(site, memory, values)


def _text(site: Site, learner: LearnerKey) -> str:
    return str(learner) if isinstance(learner, int) else misid_digest(OrganisationId(site.organisation), learner)
