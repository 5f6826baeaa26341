"""Drift: separate it from what waits to be applied, and decide what may be done about each slot."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Literal

from reconciler.model.declared import STAFF_POLICIES, Declared, Settings
from reconciler.model.history import Correction, LastApplied, OpenIssue
from reconciler.model.observed import Observed
from reconciler.model.operations import Outcome, State, moves
from reconciler.model.plan import NO_WATCH, Change, Finding, Plan, UnchangedLearner, Watch, unchanged, with_differing
from reconciler.model.slots import Place, Slot, SlotKind, Unread, UserId
from reconciler.model.structs import Struct, field, replace
from reconciler.plan.operations import operations_for, summarise
from reconciler.plan.rotation import Coverage
from reconciler.plan.watch import Seen
from reconciler.problems import Problem

CORRECTIONS_BEFORE_ASKING = 3
LOOKING_BACK = timedelta(days=7)
"""Period for counting corrections. A slot corrected too often in it is moved on purpose: a person must decide."""
OTHER_STORE = "If runs were recorded elsewhere, name that store with --store or RECONCILER_STORE."
APPROVE = (
    "Keep the state folder in git, commit it and apply it, or name a commit that people have approved with "
    f"--approved GIT_REF. {OTHER_STORE} Nothing is corrected without one."
)
"""The fix if no approved commit is known."""
"""First thing to do if a record is empty that should not be."""


class DriftAction(StrEnum):
    """Decision about one drifted slot."""

    CORRECT = "correct"  # `drift --correct` puts it back
    GRACE = "grace"  # it does so after the grace period
    REPORT = "report"  # settings.drift says to report only
    OTHER_WRITER = "other_writer"  # settings.writers says that another system owns this kind
    FIGHT = "fight"  # corrected too often: a person must answer first
    BY_HAND = "by_hand"  # somebody holds a slot that should be empty: OneFile has no unassign
    SET_ASIDE = "set_aside"  # it cannot be written; the change's `blocked` says why
    NOT_APPROVED = "not_approved"  # the approved commit asks for something else, or none is known


NEEDS_A_PERSON = frozenset({DriftAction.FIGHT, DriftAction.BY_HAND, DriftAction.SET_ASIDE})


class Approval(Struct, frozen=True):
    """Holders that the files of the last approved commit ask for on the same day: the bound of corrections."""

    commit: str
    settings: Settings
    wanted: Mapping[Place, UserId | None]


def nothing_approved(settings: Settings) -> Approval:
    """Return an approval that refuses every correction, for when no approved commit is known."""
    return Approval("", settings, {})


class Memory(Struct, frozen=True):
    """Contents of the store about slots that differ.

    Since when each has drifted, the last applied holder, how often it was corrected since a person last answered, and
    open fights. `unseen` drifted before, and was not read now. `sighted` is since when each was seen as declared.
    """

    seen: Mapping[Place, OpenIssue] = field(default_factory=dict)
    applied: Mapping[Place, LastApplied] = field(default_factory=dict)
    corrections: Mapping[Place, int] = field(default_factory=dict)
    fights: Mapping[Place, OpenIssue] = field(default_factory=dict)
    unseen: tuple[OpenIssue, ...] = ()
    sighted: Mapping[Place, datetime] = field(default_factory=dict)


class Drifted(Struct, frozen=True):
    """One slot that was changed in OneFile but not in the files; `corrected_from` ends its grace period.

    `is_new` is True where no earlier reading saw it.
    `last` is who applied the declared holder, `sighted` since when the slot was seen with that holder: one may be known
    without the other.
    """

    change: Change
    verdict: DriftAction
    first_seen: datetime
    corrected_from: datetime
    last: LastApplied | None = None
    corrections: int = 0
    is_new: bool = False
    sighted: datetime | None = None


Confidence = Literal["likely", "possible"]


class CauseKind(StrEnum):
    """Kinds of probable causes."""

    ARCHIVED = "archived"  # an account was archived in OneFile, which gives all its work to one heir
    SENT_AGAIN = "sent_again"  # another system writes its own value after each correction
    BATCH = "batch"  # a bulk import gave many learners one default
    REALLOCATED = "reallocated"  # somebody gave one person's work to another at once


class Cause(Struct, frozen=True):
    """One probable cause of drift in several slots.

    `left` is who was applied, `came` who is there now; None if they are several. `between` is the part of the day in
    which the slots were seen to move, if it was about the same each time; `corrections` is how often they were
    corrected before, at most.
    """

    kind: CauseKind
    confidence: Confidence
    slots: tuple[Drifted, ...]
    since: datetime
    left: UserId | None = None
    came: UserId | None = None
    corrections: int = 0
    between: tuple[datetime, datetime] | None = None

    @property
    def places(self) -> frozenset[Place]:
        """The slots that moved."""
        return frozenset(place_of(drifted.change) for drifted in self.slots)

    @property
    def kinds(self) -> tuple[SlotKind, ...]:
        """The kinds of the slots, in order."""
        kinds = {drifted.change.slot.kind for drifted in self.slots}
        return tuple(kind for kind in SlotKind if kind in kinds)

    @property
    def learners(self) -> int:
        """The number of learners."""
        return len({drifted.change.learner for drifted in self.slots})


class DriftReport(Struct, frozen=True):
    """Everything that a drift run found and did, for every format.

    `plan` is the whole comparison. `due` are changes that dates ask for, cover and dated entries; `pending` are those
    of the files. `ended` are the issues that this run found over; `unseen` are open ones in scope whose slot it could
    not read. `approved` is the commit that corrections go back to, or `unapproved` the reason why there is none.
    `outcomes` are of the corrections of `run`. `unrecorded` is why drift cannot be detected if nothing is recorded.
    `coverage` is when each learner was read, for a run of all files. `causes` explain several drifted slots each.
    `due_outcomes` are of the due changes that `due_run` applied, `due_waiting` the due changes that it left, with who
    must act. `read_before` is when the last complete reading before this one was taken.
    """

    plan: Plan
    taken_at: datetime
    now: datetime
    drift: tuple[Drifted, ...] = ()
    due: tuple[Change, ...] = ()
    pending: tuple[Change, ...] = ()
    unknown: tuple[Change, ...] = ()
    ignored: int = 0
    unmanaged: Mapping[SlotKind, int] = field(default_factory=dict)
    applied: Mapping[Place, LastApplied] = field(default_factory=dict)
    fights: tuple[OpenIssue, ...] = ()
    ended: tuple[OpenIssue, ...] = ()
    unseen: tuple[OpenIssue, ...] = ()
    watch: Watch = NO_WATCH
    recent_corrections: int = 0
    approved: str = ""
    unapproved: str = ""
    unrecorded: str = ""
    run: int | None = None
    outcomes: tuple[Outcome, ...] = ()
    problems: tuple[Problem, ...] = ()
    spent_calls: int = 0
    due_run: int | None = None
    due_outcomes: tuple[Outcome, ...] = ()
    due_waiting: tuple[Problem, ...] = ()
    read_before: datetime | None = None
    causes: tuple[Cause, ...] = ()
    coverage: Coverage | None = None

    def corrected(self) -> frozenset[Place]:
        """Return the slots that are as applied again."""
        return carried_out(self.outcomes)

    def left(self) -> tuple[Drifted, ...]:
        """Return the drift that is still there at the end."""
        corrected = self.corrected()
        return tuple(drifted for drifted in self.drift if place_of(drifted.change) not in corrected)

    def staff_findings(self) -> tuple[Finding, ...]:
        """Return what is wrong with accounts of staff, without what is waived."""
        return tuple(
            finding for finding in self.plan.findings if finding.policy in STAFF_POLICIES and not finding.waived
        )

    def cause_of(self, drifted: Drifted) -> Cause | None:
        """Return the probable cause that explains a drifted slot with others."""
        place = place_of(drifted.change)
        return next((cause for cause in self.causes if place in cause.places), None)

    def moved_too(self, change: Change) -> LastApplied | None:
        """Return the last applied holder if the files and OneFile have both moved away from it."""
        last = self.applied.get(place_of(change))
        if last is None or change.recorded or isinstance(change.before, Unread):
            return None
        return last if last.staff != change.before else None


def carried_out(outcomes: Iterable[Outcome]) -> frozenset[Place]:
    """Return the slots of the operations that succeeded."""
    done = (outcome for outcome in outcomes if outcome.state in (State.DONE, State.ALREADY_DONE))
    return frozenset((outcome.operation.learner, slot) for outcome in done for slot, _ in moves(outcome.operation))


def fight_id(learner: UserId, slot: Slot) -> str:
    """Return eight hex digits by which a person answers; they differ from those of the slot's manual step."""
    return hashlib.sha256(f"fight {slot.address(learner)}".encode()).hexdigest()[:8]


def place_of(change: Change) -> Place:
    return change.learner, change.slot


# ------------------------------------------------------------------ sorting


def is_drift(change: Change) -> bool:
    """Return True if OneFile moved and the files did not, or if another system owns a slot that differs."""
    return change.reason == "drift" or bool(change.writer)


def differs(change: Change) -> bool:
    """Return True if the files and OneFile do not agree, whatever comes of it."""
    return change.action != "no-op" or bool(change.blocked)


def is_due(change: Change, last: LastApplied | None, holders_then: Mapping[Place, UserId | None]) -> bool:
    """Return True if a date asks for the change.

    That is cover, or a declaration that on an earlier day asked for what was applied then.
    """
    if change.reason == "cover":
        return True
    holder = holders_then.get(place_of(change), Unread.UNREADABLE)
    return last is not None and holder == last.staff and holder != change.after


def wanted_by(declared: Declared, observed: Observed) -> Mapping[Place, UserId | None]:
    """Return who these files ask for, slot by slot, for the learners whose id is known."""
    wanted: dict[Place, UserId | None] = {}
    for learner in declared.learners:
        user = learner.user(observed.misids)
        if user is not None:
            wanted |= {(user, slot): staff for slot, staff in learner.holders.items()}
    return wanted


def unmanaged(plan: Plan, observed: Observed) -> Mapping[SlotKind, int]:
    """Count slots of declared learners that hold somebody and that no file declares, if they were read."""
    managed = {place_of(change) for change in plan.differing}
    managed |= {(learner.id, slot) for learner in unchanged(plan.changes) for slot in learner.slots}
    held = (
        slot.kind
        for user in plan.learners & observed.learners.keys()
        for slot, holder in observed.learners[user].slots.items()
        if holder is not None and not isinstance(holder, Unread) and (user, slot) not in managed
    )
    counts = Counter(held)
    return {kind: counts[kind] for kind in SlotKind if counts[kind]}


# ------------------------------------------------------------------ judging


def fought_over(
    drift: Iterable[Change], settings: Settings, corrections: Iterable[Correction], answered: Mapping[Place, datetime]
) -> tuple[set[Place], Mapping[Place, int]]:
    """Return the slots corrected too often to be corrected again, and the number of corrections of each slot.

    Corrections before a person's answer do not count.
    """
    since = datetime.min.replace(tzinfo=UTC)
    counts = Counter(
        (correction.learner, correction.slot)
        for correction in corrections
        if correction.at > answered.get((correction.learner, correction.slot), since)
    )
    correctable = {
        place_of(change) for change in drift if settings.drift[change.slot.kind] == "correct" and not change.writer
    }
    return {place for place in correctable if counts[place] >= CORRECTIONS_BEFORE_ASKING}, counts


def decide_drift(
    drift: Iterable[Change], memory: Memory, settings: Settings, now: datetime, approval: Approval | None = None
) -> tuple[Drifted, ...]:
    """Decide what may be done about each drifted slot; without an approval, as if all of it were approved."""
    hours = max(settings.grace_hours, approval.settings.grace_hours if approval else 0)
    judged = []
    for change in drift:
        place = place_of(change)
        issue = memory.seen.get(place)
        first_seen = first_sighting(issue) if issue else now
        from_then = first_seen + timedelta(hours=hours)
        verdict = _verdict(change, settings, place in memory.fights, approval)
        if verdict is DriftAction.CORRECT and now < from_then:
            verdict = DriftAction.GRACE
        last, corrections = memory.applied.get(place), memory.corrections.get(place, 0)
        is_new = issue is None or issue.last_seen == first_seen
        last = last if last and last.staff == change.after else None
        sighted = memory.sighted.get(place)
        judged.append(Drifted(change, verdict, first_seen, from_then, last, corrections, is_new, sighted))
    return tuple(judged)


def sightings_of(drift: Iterable[Change], seen: Seen) -> Mapping[Place, datetime]:
    """Return since when each drifted slot was seen with its declared holder."""
    return {
        place_of(change): sighting.at
        for change in drift
        for sighting in seen.get(place_of(change), ())
        if sighting.holder == change.after
    }


def first_sighting(issue: OpenIssue) -> datetime:
    """Return when the slot was first seen to have drifted, from its declared holder to anybody."""
    return issue.since or issue.first_seen


def _verdict(change: Change, settings: Settings, fought: bool, approval: Approval | None) -> DriftAction:
    if change.writer or (approval and change.slot.kind in approval.settings.writers):
        return DriftAction.OTHER_WRITER
    if settings.drift[change.slot.kind] != "correct":
        return DriftAction.REPORT
    if change.blocked:
        return DriftAction.SET_ASIDE
    if change.action == "delete":
        return DriftAction.BY_HAND
    if fought:
        return DriftAction.FIGHT
    return DriftAction.CORRECT if approval is None or _approved(change, approval) else DriftAction.NOT_APPROVED


def _approved(change: Change, approval: Approval) -> bool:
    return (
        approval.settings.drift[change.slot.kind] == "correct"
        and approval.wanted.get(place_of(change), Unread.UNREADABLE) == change.after
    )


# ------------------------------------------------------------------ how an episode ended

Words = Callable[[OpenIssue, Change | None], str]
"""Reason why an issue ended, given its slot in the plan; empty if the plan does not show it."""


def endings(plan: Plan, words: Words) -> Callable[[OpenIssue], str]:
    """Return a function that says how an open issue ended; empty if this plan did not look."""

    @cache  # most runs find nothing over, and a large centre has many rows
    def differing() -> Mapping[Place, Change]:
        return {place_of(change): change for change in plan.differing}

    @cache
    def same() -> Mapping[UserId, UnchangedLearner]:
        return {learner.id: learner for learner in unchanged(plan.changes)}

    def row(place: Place) -> Change | None:
        user, slot = place
        learner = same().get(user)
        return learner.change(slot) if learner and slot in learner.slots else differing().get(place)

    @cache
    def looked() -> tuple[bool, frozenset[UserId]]:
        """Return whether everybody was read, and whose slots were."""
        blocked = sum(bool(change.blocked) for change in plan.differing)
        whole = not plan.left_out and plan.summary.blocked == blocked
        return whole, plan.learners

    @cache
    def set_aside() -> frozenset[UserId]:
        """Return the learners of whom nothing was read.

        Such a plan lacks even the additional people whom the files no longer declare.
        """
        return looked()[1] - {change.learner for change in plan.of_each_learner if not change.blocked}

    def ending(episode: OpenIssue) -> str:
        change = row(episode.place)
        whole, learners = looked()
        if change is None and not (episode.learner in learners or (whole and not episode.foreign)):
            return ""
        if change is None and episode.slot.kind is SlotKind.ADDITIONAL and episode.learner in set_aside():
            return ""
        return words(episode, change)

    return ending


def drift_ending(episode: OpenIssue, change: Change | None) -> str:
    if change is None or change.lapsed:
        return "no longer declared"
    unread = change.recorded or change.before is Unread.UNREADABLE
    if unread and change.after == episode.due:
        return ""  # OneFile did not show the slot this time
    if is_drift(change):
        return "settings.drift says to ignore it"
    if unread and change.after is None and change.blocked:
        return "no longer declared"
    if change.after == episode.holder:
        return "the files accept it"
    if change.before == episode.due:
        return "back as it was applied"
    return "the files ask for somebody else"


def fight_ending(episode: OpenIssue, change: Change | None) -> str:
    """Return why a fight ended: only the files or a person can end it, not a quiet period."""
    if change is None or change.lapsed:
        return "no longer declared"
    return "" if change.after == episode.due else "the files ask for somebody else"


def step_ending(episode: OpenIssue, change: Change | None) -> str:
    """Return why a manual step ended: only a reading of the slot shows that, not our record of it."""
    if change is None or change.lapsed:
        return "a reading shows that it is done"  # else the plan has kept it
    if change.after is not None:
        return f"the files ask for {'them again' if change.after == episode.holder else 'somebody else'}"
    if change.recorded or change.before in (Unread.UNREADABLE, Unread.AMBIGUOUS, episode.holder):
        return ""
    return "a reading shows that it is done"


def restrict_to(plan: Plan, chosen: Collection[Place], calls_per_minute: int) -> Plan:
    """Return the plan with every other change left undone.

    All rows stay, so that limits take their shares of the same slots and policies see the same state. Manual steps are
    not part of it.
    """
    changes = with_differing(
        plan.changes,
        lambda change: (
            change if (change.learner, change.slot) in chosen and change.action != "delete" else _at_rest(change)
        ),
    )
    operations = tuple(operations_for(changes.differing))
    return replace(
        plan,
        changes=changes,
        operations=operations,
        manual=(),
        kept=(),
        problems=(),
        findings=(),
        refusals=(),
        caseload=(),
        later=(),
        withdrawn=(),
        summary=summarise(changes, 0, len(operations), plan.summary.read_calls, calls_per_minute),
    )


def _at_rest(change: Change) -> Change:
    return replace(change, action="no-op", blocked="", held="")
