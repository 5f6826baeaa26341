"""Moves what most learners of a cohort share into its defaults."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from reconciler.declared.cohort import CohortEntry, Held, Learner, Slots, Term
from reconciler.model.slots import Slot
from reconciler.model.structs import replace

Terms = tuple[Term, ...]
FEW = 5  # at most one learner in this many may lack a slot of the defaults


def factor_defaults(cohort: CohortEntry) -> CohortEntry:
    """Return the same cohort in as few lines as defaults can save; *cohort* has no defaults yet.

    On every day, every learner keeps exactly the slots that they had: a learner who differs has an entry of their own,
    and one who lacks a slot of the defaults leaves it out with an empty list. A default is only made if that makes the
    file shorter.
    """
    learners = [replace(learner, slots=_without_lines(learner.slots)) for learner in cohort.learners]
    defaults = _defaults(learners)
    shared = _shared_by_all(learners)
    return CohortEntry(
        file=cohort.file,
        name=cohort.name,
        declared=cohort.declared,
        line=0,
        organisation=cohort.organisation,
        defaults=Slots(_in_order(defaults), shared),
        learners=tuple(replace(learner, line=0, slots=_own(learner.slots, defaults, shared)) for learner in learners),
    )


def _without_lines(slots: Slots) -> Slots:
    """Drop the lines, so that equal entries compare equal."""
    single = tuple(Held(held.slot, _sorted(held.terms), 0) for held in slots.held)
    return Slots(single, _sorted(slots.additional))


def _sorted(terms: Iterable[Term]) -> Terms:
    return tuple(sorted((replace(term, line=0) for term in terms), key=_by_day))


def _by_day(term: Term) -> tuple[date, date, str]:
    return (term.start or date.min, term.end or date.max, term.staff or "")


def _defaults(learners: Sequence[Learner]) -> dict[Slot, Terms]:
    """Choose each slot's commonest undated holder, if the default and its exceptions are fewer than all entries.

    A slot that more than a few learners lack is not made a default, even if that were shorter: a learner who is added
    to the cohort later would get it.
    """
    counts: dict[Slot, Counter[Terms]] = defaultdict(Counter)
    for learner in learners:
        for held in learner.slots.held:
            counts[held.slot][held.terms] += 1
    defaults: dict[Slot, Terms] = {}
    for slot, count in counts.items():
        plain = {terms: number for terms, number in count.items() if _is_plain(terms)}
        if plain:
            terms = min(plain, key=lambda terms: (-plain[terms], str(terms)))
            exceptions = len(learners) - plain[terms]
            lacking = len(learners) - count.total()
            if 1 + exceptions < count.total() and lacking * FEW <= len(learners):
                defaults[slot] = terms
    return defaults


def _is_plain(terms: Terms) -> bool:
    return len(terms) == 1 and terms[0].start is None and terms[0].end is None


def _shared_by_all(learners: Sequence[Learner]) -> Terms:
    """Return the additional people of every learner, because a learner cannot leave out one of the defaults."""
    if len(learners) < 2:
        return ()
    first, *rest = [frozenset(learner.slots.additional) for learner in learners]
    return tuple(sorted(first.intersection(*rest), key=_by_day))


def _own(slots: Slots, defaults: Mapping[Slot, Terms], shared: Terms) -> Slots:
    own: dict[Slot, Terms] = {held.slot: held.terms for held in slots.held}
    differing = {slot: own.get(slot, ()) for slot, terms in defaults.items() if own.get(slot, ()) != terms}
    unshared = {slot: terms for slot, terms in own.items() if slot not in defaults}
    return Slots(_in_order(differing | unshared), tuple(term for term in slots.additional if term not in shared))


def _in_order(held: Mapping[Slot, Terms]) -> tuple[Held, ...]:
    return tuple(Held(slot, held[slot], 0) for slot in sorted(held, key=Slot.order))
