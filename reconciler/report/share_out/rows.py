"""Rows and words of share-out that every format renders."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from reconciler.model.names import Names
from reconciler.model.plan import Change
from reconciler.model.slots import NOBODY, UserId
from reconciler.report.common.words import slot_words
from reconciler.report.plan.handover import HandOver, hand_overs
from reconciler.text import listed, number_of, some

if TYPE_CHECKING:
    from reconciler.commands.share_out import Assignment, Load, SharedOut
    from reconciler.sharing.obstacles import Obstacle
    from reconciler.sharing.reasons import Reason

LEARNER_COLUMNS = ("learner", "cohort", "from", "to", "slots", "why")
LOAD_COLUMNS = ("staff", "learners", "±", "target", "max", "hours")
_RULES: Mapping[str, str] = {
    "max": "caseload.max",
    "competence": "competence",
    "trainee": "the policy trainee_assessor",
    "independence": "the policy iqa_independent",
    "placement": "the policy employer_placement",
    "coverage": "the policy coverage",
}
_KEPT_AWAY: Mapping[str, str] = {
    "max": "no room",
    "competence": "no competence for the standard",
    "trainee": "trainee",
    "independence": "not independent",
    "placement": "another placement",
    "coverage": "would leave a gap",
}


def title(result: SharedOut) -> str:
    """Return what was done, or would be, without a full stop."""
    request, count = result.request, len({move.learner.key for move in result.assignments})
    learners, heirs = number_of(count, "learner"), {move.heir for move in result.assignments if move.heir}
    verb = "is" if result.written else "would be"
    when = f" from {request.start}" if request.start else ""
    if result.unplaced:
        return f"{number_of(result.unplaced, 'learner')} of {count} would have nobody{when}: nothing was written"
    if not count:
        return "No move makes the caseloads better" if request.rebalance else "No learner changes hands"
    verb = verb if count == 1 else verb.replace("is", "are")
    givers = "" if request.rebalance else f" of {listed(request.leavers, 'and')}"
    return f"{learners}{givers} {verb} shared out among {len(heirs)} {'person' if len(heirs) == 1 else 'people'}{when}"


def quality_words(result: SharedOut) -> str:
    """Return how good the proposal is known to be, or nothing without one."""
    if result.unplaced or not result.assignments:
        return ""
    if result.shared.is_proven:
        return "No other sharing is better by the weights in settings.yaml (proven)."
    return "Found by search: a slightly better sharing may exist."


def learner_rows(result: SharedOut) -> list[tuple[str, ...]]:
    """Return a row for each learner: who gives, who takes, which slots, and why."""
    names = names_of(result)
    moves = sorted(result.assignments, key=lambda move: (move.heir or "", move.learner.cohort, move.learner.name()))
    return [
        (
            move.learner.name(),
            move.learner.cohort,
            ", ".join(move.slots),
            move.heir or NOBODY,
            ", ".join(dict.fromkeys(slot_words(slot, names) for slots in move.slots.values() for slot in slots)),
            "; ".join(map(reason_words, move.reasons)),
        )
        for move in moves
    ]


def reason_words(reason: Reason) -> str:
    """Return one reason in words."""
    match reason.why:
        case "known":
            return "already holds another slot of this learner"
        case "only":
            return "the only person whom the rules allow"
        case "group":
            return f"takes {reason.count} of {reason.total} learners of {reason.group}"
        case "nobody":
            kept = [f"{_KEPT_AWAY[rule]} ({count})" for rule, count in reason.rules]
            return f"nobody may: {', '.join(kept)}" if kept else "nobody else has the role"
        case _:
            planned = "" if reason.total is None else f" of {reason.total} planned"
            return f"holds {reason.count}{planned} after it"


def load_rows(loads: Sequence[Load]) -> list[tuple[str, ...]]:
    """Return a row for each person: the caseload before and after, with its bounds."""
    return [
        (
            load.handle,
            str(load.after) if load.before == load.after else f"{load.before} -> {load.after}",
            f"{load.after - load.before:+d}" if load.after != load.before else "",
            "" if load.target is None else str(load.target),
            "" if load.maximum is None else str(load.maximum),
            f"{load.hours:g}",
        )
        for load in loads
    ]


def load_mark(load: Load) -> str:
    """Return which bound a caseload passes afterwards."""
    if load.leaves:
        return "leaves"
    if load.maximum is not None and load.after > load.maximum:
        return "above the maximum"
    return "above the target" if load.target is not None and load.after > load.target else ""


def obstacle_words(result: SharedOut, *, whole: bool = True) -> list[str]:
    """Return what giving up rules would do, the smallest sets first; why nobody could be found, if none helps."""
    if not result.unplaced:
        return []
    if not result.obstacles:
        return ["No rule that you could give up helps: more people with the role are needed."]
    return [_obstacle(result, obstacle, whole) for obstacle in result.obstacles]


def _obstacle(result: SharedOut, obstacle: Obstacle, whole: bool) -> str:
    rules = listed((_RULES[rule] for rule in obstacle.rules), "and")
    effect = "everybody would have somebody"
    if obstacle.missing:
        effect = f"{obstacle.placed} more would have somebody, and {obstacle.missing} still nobody"
    breaches = some(list(_breaches(result, obstacle)), whole=whole)
    return f"Without {rules} {effect}. This would break: {breaches}"


def _breaches(result: SharedOut, obstacle: Obstacle) -> Iterator[str]:
    """Yield each breach; those of a maximum together, by person."""
    over = Counter(breach.heir for breach in obstacle.breaches if breach.rule == "max")
    people = {person.handle: person for person in result.problem.people}
    for handle, count in sorted(over.items()):
        person = people[handle]
        yield f"{handle} would hold {max(person.load, person.maximum or 0) + count} (max {person.maximum})"
    learners = result.problem.tasks
    labels = {move.learner.key: move.learner.name() for move in result.assignments}
    for breach in obstacle.breaches:
        if breach.rule != "max":
            key = learners[breach.task].learner
            yield f"{labels.get(key, str(key))} to {breach.heir} ({breach.rule})"


def next_steps(result: SharedOut) -> list[str]:
    """Return the steps until the leaver can be archived; nothing without a leaver or an answer."""
    if result.unplaced or not result.request.leavers:
        return []
    leavers = result.request.leavers
    steps = ["Have the edited files reviewed, and apply them."]
    steps += [f"Check that nothing is left with {name}: `reconciler who {name} --read`." for name in leavers]
    steps.append("Sampling is judged for each assessor: check the sampling of everybody who takes learners.")
    for leaver in leavers:
        heir = main_heir(result.assignments, leaver)
        tasks = f" Give their open tasks to {heir}." if heir else ""
        steps.append(
            f"Last, archive {leaver} in OneFile by hand.{tasks} Archiving moves everything that is left to one heir."
        )
    return steps


def main_heir(moves: Sequence[Assignment], leaver: str) -> str | None:
    """Return who takes most of a leaver's learners."""
    heirs = Counter(move.heir for move in moves if move.heir and leaver in move.slots)
    return min(heirs, key=lambda heir: (-heirs[heir], heir), default=None)


def names_of(result: SharedOut) -> Names:
    """Return the handles and titles of the report."""
    return Names(result.handles, result.planned.plan.titles if result.planned else result.titles)


def hand_overs_of(result: SharedOut) -> list[HandOver]:
    """Return the handover list; each learner has successors of their own."""
    ids = {handle: user for user, handle in result.handles.items()}
    successors: dict[object, dict[UserId, UserId]] = defaultdict(dict)
    for move in result.assignments:
        for giver in move.slots:
            if move.heir:
                for key in (move.learner.id, move.learner.name()):
                    successors[key][ids[giver]] = ids[move.heir]
    changes: dict[object, list[Change]] = defaultdict(list)
    for change in result.handed:
        changes[change.learner if change.learner in successors else change.label].append(change)
    return [row for key, group in changes.items() for row in hand_overs(group, successors.get(key))]
