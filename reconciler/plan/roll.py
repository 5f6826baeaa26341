"""Roll of learners: active ones whom no file declares, and declared ones who have left."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from reconciler.model.declared import Declared, DeclaredLearner
from reconciler.model.observed import AccountStatus, Observed, Roster
from reconciler.model.plan import Departed, Roll
from reconciler.model.slots import UserId

FEWEST = 3
"""Learners of a cohort whose class is known, from which the class of the cohort is taken."""


def roll_of(declared: Declared, observed: Observed) -> Roll | None:
    """Compare the organisation's learners with all that the files declare; None if the reading does not show them.

    A plan of part of the files is not compared, unless the whole list was asked for.
    """
    roster = observed.roster
    if roster is None or (declared.left_out and not roster.asked):
        return None
    everyone = declared.everyone or declared.learners
    accounts = {learner.user(observed.misids) for learner in everyone}
    departed = [*_gone(declared, observed, roster), *_left_class(declared, observed, roster)]
    return Roll(
        undeclared=tuple(user for user in roster.learners if user not in accounts),
        departed=tuple(sorted(departed, key=lambda one: (one.cohort, one.learner or 0, one.misid))),
        whole=roster.whole,
    )


def _gone(declared: Declared, observed: Observed, roster: Roster) -> Iterator[Departed]:
    """Yield declared learners who are archived, missing or not in the organisation."""
    active = frozenset(roster.learners)
    here = {learner.key for learner in declared.learners}
    for learner in declared.everyone or declared.learners:
        user = learner.user(observed.misids)
        seen = observed.learners.get(user) if user is not None else None
        if seen is not None:
            if seen.standing != "active":
                yield _departed(learner, user, seen.standing)
        elif (user is None and learner.key in here) or (roster.whole and user not in active):
            yield _departed(learner, user, "not listed")


def _left_class(declared: Declared, observed: Observed, roster: Roster) -> Iterator[Departed]:
    """Yield active learners who are in another class than most of their cohort."""
    cohorts: dict[str, list[tuple[DeclaredLearner, UserId]]] = defaultdict(list)
    for learner in declared.learners:
        user = learner.user(observed.misids)
        if user is not None and user in roster.classes:
            cohorts[learner.cohort].append((learner, user))
    for members in cohorts.values():
        classes = Counter(roster.classes[user] for _, user in members)
        usual, count = classes.most_common(1)[0]
        if usual is not None and count >= FEWEST and 2 * count > len(members):
            for learner, user in members:
                if (now := roster.classes[user]) != usual:
                    yield Departed(user, "", learner.label, learner.cohort, "class", usual, now)


def _departed(learner: DeclaredLearner, user: UserId | None, why: AccountStatus) -> Departed:
    return Departed(user, "" if user is not None else learner.misid or "", learner.label, learner.cohort, why)
