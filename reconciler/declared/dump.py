"""Values of new files, as plain mappings and lists: the inverse of `cohort` and `settings_and_staff`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from reconciler.declared.cohort import CohortEntry, Learner, Slots, Term
from reconciler.model.declared import Staff
from reconciler.model.slots import LISTED, SINGLE, OrganisationId

Data: TypeAlias = "str | int | bool | list[Data] | dict[str, Data] | None"


def settings_data(organisation: OrganisationId, target: str, titles: Mapping[int | str, str]) -> dict[str, Data]:
    data: dict[str, Data] = {"version": 1, "organisation": int(organisation), "target": target}
    return {**data, "names": names_data(titles)} if titles else data


def names_data(titles: Mapping[int | str, str]) -> dict[str, Data]:
    """Return the names of learning aims, by number, and of units, by text."""
    aims: dict[str, Data] = {str(key): title for key, title in titles.items() if isinstance(key, int)}
    units: dict[str, Data] = {key: title for key, title in titles.items() if isinstance(key, str)}
    return {name: group for name, group in (("learning_aims", aims), ("units", units)) if group}


def staff_data(staff: Iterable[Staff]) -> dict[str, Data]:
    """Return the values of staff.yaml, members in the order given."""
    return {"version": 1, "staff": {str(member.handle): _member(member) for member in staff}}


def _member(member: Staff) -> dict[str, Data]:
    data: dict[str, Data] = {"id": int(member.id), "role": member.role.value}
    return {**data, "person": member.person} if member.person else data


def cohort_data(cohort: CohortEntry) -> dict[str, Data]:
    data: dict[str, Data] = {"version": 1, "cohort": cohort.name}
    if cohort.organisation is not None:
        data["organisation"] = int(cohort.organisation)
    if cohort.defaults != Slots():
        data["defaults"] = _slots(cohort.defaults)
    return {**data, "learners": [_learner(learner) for learner in cohort.learners]}


def _learner(learner: Learner) -> dict[str, Data]:
    named: dict[str, Data] = {"misid": learner.misid} if learner.id is None else {"id": int(learner.id)}
    label: dict[str, Data] = {"label": learner.label} if learner.label else {}
    return {**named, **label, **_slots(learner.slots)}


def _slots(slots: Slots) -> dict[str, Data]:
    """Return single slots under their key or in the item of their standard or unit, then additional people."""
    data: dict[str, Data] = {}
    items: dict[tuple[str, int | str], dict[str, Data]] = {}
    for held in sorted(slots.held, key=lambda held: held.slot.order()):
        slot, terms = held.slot, held.terms
        data |= {name: _holder(terms) for name, kind in SINGLE.items() if kind is slot.kind}
        for name, (key, kinds) in LISTED.items():
            for part, kind in kinds.items():
                if kind is slot.kind and slot.key is not None:
                    items.setdefault((name, slot.key), {key: slot.key})[part] = _holder(terms)
    for name in LISTED:
        if keys := [key for list_name, key in items if list_name == name]:
            data[name] = [items[name, key] for key in sorted(keys, key=_by_key)]
    if slots.additional:
        data["additional"] = [_plain(term) if _is_plain(term) else _dated(term) for term in slots.additional]
    return data


def _by_key(key: int | str) -> tuple[int, str]:
    return (key, "") if isinstance(key, int) else (0, key)


def _holder(terms: Sequence[Term]) -> Data:
    """Return a handle or null for a term without days, else dated entries; no term is an empty list."""
    if len(terms) == 1 and _is_plain(terms[0]):
        return _plain(terms[0])
    return [_dated(term) for term in terms]


def _is_plain(term: Term) -> bool:
    return term.start is None and term.end is None


def _plain(term: Term) -> Data:
    return None if term.staff is None else str(term.staff)


def _dated(term: Term) -> Data:
    days = (("from", term.start), ("until", term.end))
    return {"staff": _plain(term), **{name: day.isoformat() for name, day in days if day}}
