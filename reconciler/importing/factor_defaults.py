"""Makes a cohort's entries short: what most of its learners share becomes the defaults, and nothing else changes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from reconciler.declared.cohort import CohortEntry, Held, LearnerEntry, Slots, Term
from reconciler.model.slots import Slot
from reconciler.model.structs import replace

Terms = tuple[Term, ...]
FEW = 5  # one learner in so many may lack what the defaults name


def factored(cohort: CohortEntry) -> CohortEntry:
    """The same cohort with as few words as its defaults can save; *cohort* has none yet.

    On every day, every learner has exactly the slots that they had: who differs says so, and who lacks a slot that the
    defaults name leaves it out with an empty list. A default is only made where that makes the file shorter.
    """
    learners = [replace(learner, slots=_placeless(learner.slots)) for learner in cohort.learners]
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


def _placeless(slots: Slots) -> Slots:
    """Without lines, so that equal entries compare equal wherever they stood."""
    held = tuple(Held(one.slot, _lineless(one.terms), 0) for one in slots.held)
    return Slots(held, _lineless(slots.additional))


def _lineless(terms: Iterable[Term]) -> Terms:
    return tuple(sorted((replace(term, line=0) for term in terms), key=_by_day))


def _by_day(term: Term) -> tuple[date, date, str]:
    return (term.start or date.min, term.end or date.max, term.staff or "")


def _defaults(learners: Sequence[LearnerEntry]) -> dict[Slot, Terms]:
    """Per slot its commonest undated holder, where one default and the exceptions from it are fewer than all.

    One that more than a few would have to leave out is no default, even if it were shorter: whoever is added to the
    cohort later would be given what others do not have.
    """
    counts: dict[Slot, Counter[Terms]] = defaultdict(Counter)
    for learner in learners:
        for held in learner.slots.held:
            counts[held.slot][held.terms] += 1
    found: dict[Slot, Terms] = {}
    for slot, count in counts.items():
        plain = {terms: number for terms, number in count.items() if _is_plain(terms)}
        if plain:
            terms = min(plain, key=lambda one: (-plain[one], str(one)))
            exceptions = len(learners) - plain[terms]
            lacking = len(learners) - count.total()
            if 1 + exceptions < count.total() and lacking * FEW <= len(learners):
                found[slot] = terms
    return found


def _is_plain(terms: Terms) -> bool:
    return len(terms) == 1 and terms[0].start is None and terms[0].end is None


def _shared_by_all(learners: Sequence[LearnerEntry]) -> Terms:
    """Additional people of every learner: nobody can say that one of the defaults' is not meant for them."""
    if len(learners) < 2:
        return ()
    first, *others = [frozenset(learner.slots.additional) for learner in learners]
    return tuple(sorted(first.intersection(*others), key=_by_day))


def _own(slots: Slots, defaults: Mapping[Slot, Terms], shared: Terms) -> Slots:
    own: dict[Slot, Terms] = {held.slot: held.terms for held in slots.held}
    differing = {slot: own.get(slot, ()) for slot, terms in defaults.items() if own.get(slot, ()) != terms}
    others = {slot: terms for slot, terms in own.items() if slot not in defaults}
    return Slots(_in_order(differing | others), tuple(term for term in slots.additional if term not in shared))


def _in_order(held: Mapping[Slot, Terms]) -> tuple[Held, ...]:
    return tuple(Held(slot, held[slot], 0) for slot in sorted(held, key=Slot.order))
