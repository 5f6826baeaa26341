"""A year of a training provider and its OneFile, day by day. Merged files are applied; dates are left to the daily job.

People edit in OneFile, runs are killed, answers are lost, and the daily job is skipped or run twice. After each daily
job everything is checked.
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from onefile_sandbox.faults import Fault
from reconciler.commands.apply import apply
from reconciler.commands.apply_run import ApplyResult
from reconciler.commands.done import StepChoice, done
from reconciler.commands.drift import Drifting, drift
from reconciler.commands.plan import plan
from reconciler.model.operations import Outcome, State, step_id
from reconciler.model.plan import Plan
from reconciler.model.slots import IQA_KINDS, Place, Site, SlotKind
from reconciler.plan.drift import NEEDS_A_PERSON, DriftAction, fight_id
from reconciler.plan.due import DueAction
from reconciler.problems import ReconcilerError
from reconciler.store import JournalRow, Store
from tests.crash import evidence
from tests.crash.driver import changes
from tests.crash.evidence import Touch
from tests.crash.harness import edit_of
from tests.year.centre import ORGANISATION, Centre
from tests.year.onefile import URL, OneFile, Time, killed, surroundings

LONDON = ZoneInfo("Europe/London")
FIRST = date(2026, 11, 24)
PATIENCE = timedelta(3)  # nothing may wait longer than this, unless somebody is asked every day

FAULTS = (
    {"kind": "throttle", "times": 3},
    {"kind": "error_before", "method": "POST", "path": "/User/*", "status": 500},
    {"kind": "error_after", "method": "POST", "path": "/User/*", "status": 502},
    {"kind": "drop_after", "method": "POST", "path": "/User/*"},
    {"kind": "drop_before", "method": "POST", "path": "/User/*"},
    {"kind": "drop_after", "method": "GET"},
    {"kind": "expired_session"},
)


@dataclass
class Year:
    """`counts` is what happened, in the words of the table. Everything follows from the seed."""

    folder: Path
    learners: int = 800
    seed: int = 1
    busy: float = 1.0  # how often things happen, in relation to the full year
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.chance = Random(self.seed)  # noqa: S311  a fixed course of events, no secret
        self.site = OneFile(self.folder, self.learners, self.seed)
        self.centre = Centre(self.site.world, self.chance)
        self.here = surroundings(self.folder)
        self.clock = self.here[1].clock
        self.truth = evidence.holders(self.site.world)
        self.began = dict(self.truth)
        self._lines = self._run = 0
        self._touches: list[Touch] = []
        self._differs_since: dict[Place, date] = {}
        self._steps: dict[Place, date] = {}
        self._fight: tuple[Place, int, date] | None = None
        self._to_apply = True
        self._versions: dict[str, Centre] = {}
        self._skipped = False
        self._saved: Path | None = None

    def live(self, days: int) -> Counter[str]:
        clock = Time(datetime.combine(FIRST, time(6), UTC))
        self.day = FIRST
        with clock.told(), self.site.reached():
            self._commit("begin")
            for _ in range(days):
                self._working_day(clock)
                self.day += timedelta(1)
                clock.set(self._at(5))
                self._daily_job()
            if self._skipped:
                self._check(self._drift())
        self.counts.update({f"files: {what}": count for what, count in self.centre.happened.items()})
        self.counts["days"] = days
        return self.counts

    def _working_day(self, clock: Time) -> None:
        clock.set(self._at(9))
        if self.chance.random() < self.busy and self.centre.live(self.day):
            self._commit("edit")
            self._to_apply = True
            if self.chance.random() < 0.5:
                self._save_plan()
        clock.set(self._at(12))
        self._people_edit()
        self._people_do_steps()
        clock.set(self._at(18))
        if self._to_apply:
            self._apply()

    def _daily_job(self) -> None:
        """Run the daily job, which alone brings about what dates ask for; now and then it is skipped, or runs twice."""
        self._skipped = self.chance.random() < 0.05 * self.busy
        if self._skipped:
            self.counts["daily jobs skipped"] += 1
            return
        found = self._drift()
        self._check(found)
        if self.chance.random() < 0.1 * self.busy:
            self._run_twice(found)

    def _run_twice(self, first: Drifting) -> None:
        self.counts["daily jobs run twice"] += 1
        found = drift(*self.here, correct=True, due=True)
        if all(result is None or not _unfinished(result) for result in (first.finished, first.due)):
            sent = [outcome for result in (found.finished, found.due) if result for outcome in result.outcomes]
            assert not sent, f"{self.day}: the second run writes {sent}"
        self._check(found)

    def _at(self, hour: int) -> datetime:
        """That hour in London, where the days are."""
        return datetime.combine(self.day, time(hour), LONDON).astimezone(UTC)

    def _commit(self, message: str) -> None:
        self.centre.write(self.folder / "state")
        git = ["git", "-C", str(self.folder), "-c", "user.name=year", "-c", "user.email=year@example.org"]
        if not (self.folder / ".git").exists():
            subprocess.run([*git, "init", "-q"], check=True)
        subprocess.run([*git, "add", "state"], check=True)
        subprocess.run([*git, "commit", "-qm", message], check=True)
        commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
        self._versions[commit.stdout.strip()] = self.centre.as_it_is()

    def _save_plan(self) -> None:
        """Keep the plan of the pull request; by the time it is applied, others have edited."""
        self._saved = self.folder / "plan.json"
        self._saved.write_text(json.dumps(plan(*self.here).document), encoding="utf-8")
        self.counts["plans applied later than saved"] += 1

    # -------------------------------------------------------------- other people

    def _people_edit(self) -> None:
        single = [place for place in self.centre.held if place[1].kind is not SlotKind.DEFAULT_EMPLOYER]
        for _ in range(self.chance.choice((0, 0, 0, 1, 1, 2)) if self.chance.random() < self.busy else 0):
            place = self.chance.choice(single)
            self._edit(place, self.chance.choice((None, *[self._like(place)] * 5)), "edits in OneFile")
        if self.chance.random() < 0.1 * self.busy:
            place = self.chance.choice([one for one in self.centre.held if one[1].kind is SlotKind.DEFAULT_EMPLOYER])
            self._edit(place, None, "edits of employers in OneFile")
        if self._fight is None and self.chance.random() < 0.01 * self.busy:
            place = self.chance.choice(single)
            self._fight = (place, self._like(place), self.day + timedelta(9))
            self.counts["another system fights for a slot"] += 1
        if self._fight:
            place, who, until = self._fight
            self._edit(place, who, "edits in OneFile")
            self._fight = self._fight if self.day < until else None

    def _like(self, place: Place) -> int:
        role = "iqa" if place[1].kind in IQA_KINDS else "assessor"
        return self.chance.choice([who for who, each in self.centre.staff.items() if each == role])

    def _edit(self, place: Place, who: int | None, what: str) -> None:
        if self.truth.get(place) != who:
            self.site.edit(edit_of(place, who), self._at(12))
            self.counts[what] += 1

    def _people_do_steps(self) -> None:
        """What only a person can do is done two days after it was asked for."""
        for place in [place for place, since in self._steps.items() if since <= self.day - timedelta(2)]:
            del self._steps[place]
            if place in self.truth and place not in self.centre.wanted(self.day):
                self.site.edit(edit_of(place, None), self._at(12))
                done(*self.here, StepChoice((step_id(*place),)), by="quality lead", outcome="absent")
                self.counts["manual steps done"] += 1

    # -------------------------------------------------------------- runs

    def _arm(self) -> None:
        """Trouble for a run, every third time."""
        self.site.service.faults.clear()
        if self.chance.random() < 0.3 * self.busy:
            for fault in self.chance.sample(FAULTS, 2):
                self.site.service.faults.arm(Fault.from_json({**fault, "nth": self.chance.randint(1, 6)}))
                self.counts["faults armed"] += 1

    def _dies(self, *arguments: str) -> None:
        """Now and then the run is killed at one of its writes; whatever it did, another follows."""
        if self.chance.random() < 0.12 * self.busy:
            nth, after = self.chance.randint(1, 8), self.chance.random() < 0.5
            if killed(self.folder, self.clock.now(), [*arguments], nth, after=after):
                self.counts["runs killed at a write"] += 1
            else:
                self.counts["runs in a process of their own, not killed"] += 1
            self.site.world.catch_up()

    def _apply(self) -> None:
        """Apply what was merged; whoever starts it starts it again if it did not finish."""
        self._dies("apply", "--auto-approve")
        self._arm()
        saved, self._saved = self._saved, None
        finished = self._once(saved)
        self.site.service.faults.clear()
        if finished is None or self._say(finished.outcomes) or finished.error or _unfinished(finished):
            self.counts["runs of apply repeated"] += 1
            finished = self._once()
        assert finished is not None
        self._to_apply = bool(finished.error) or _unfinished(finished)
        if finished.run is not None:
            self._note_steps(finished.planned.plan)

    def _note_steps(self, plan: Plan) -> None:
        """Keep what the newest report asks of people, with the day of the first that did."""
        open_ = {(step.learner, step.slot) for step in plan.manual}
        self._steps = {place: self._steps.get(place, self.day) for place in open_}

    def _once(self, saved: Path | None = None) -> ApplyResult | None:
        """One apply; None where OneFile could not be read, or the plan had aged."""
        try:
            finished = apply(*self.here, saved, approve=lambda _: True)
        except ReconcilerError as error:
            self.counts[f"runs ended early, exit {int(error.exit_code)}"] += 1
            return None
        self._tell("apply", finished)
        return finished

    def _drift(self) -> Drifting:
        self._follow()
        before, approved = len(self._touches), self._approved()
        found = self._correct_and_carry_out()
        self._follow()
        wanted = approved.wanted(self.day)
        for touch in self._touches[before:]:
            asked = wanted.get(touch.place)
            assert not touch.ours or touch.after == asked, f"{self.day}: {touch} is written, and {asked} is approved"
        return found

    def _approved(self) -> Centre:
        """The files of the approved commit; older ones are forgotten."""
        with Store.open(str(self.folder / "store.db"), clock=self.clock) as store:
            run = store.approved(Site(URL, ORGANISATION))
        assert run is not None
        commits = list(self._versions)
        for older in commits[: commits.index(run.commit)]:
            del self._versions[older]
        return self._versions[run.commit]

    def _correct_and_carry_out(self) -> Drifting:
        self._dies("drift", "--correct", "--due")
        try:
            self._arm()
            found = drift(*self.here, correct=True, due=True)
        except ReconcilerError as error:
            self.counts[f"runs ended early, exit {int(error.exit_code)}"] += 1
            self.site.service.faults.clear()
            found = drift(*self.here, correct=True, due=True)
        self.site.service.faults.clear()
        self._note_steps(found.report.plan)
        if found.finished:
            self._tell("drift --correct", found.finished)
            self.counts["slots put back by drift --correct"] += len(found.report.corrected())
            self._say(found.finished.outcomes)
        if found.due and found.due.run is not None:
            self._tell("what was due", found.due)
            self._say(found.due.outcomes)
        for fight in found.report.fights:
            if fight.first_seen < self._at(0) - timedelta(2):
                done(*self.here, StepChoice((fight_id(*fight.place),)), by="quality lead", outcome="absent")
                self.counts["fights answered"] += 1
        return found

    def _tell(self, command: str, finished: ApplyResult) -> None:
        self.counts[f"runs of {command}"] += 1
        self.counts["conflicts left alone"] += sum(one.state is State.CONFLICT for one in finished.outcomes)

    def _say(self, outcomes: tuple[Outcome, ...]) -> bool:
        """A person looks at what stayed unknown because OneFile does not show it."""
        self._follow()
        with Store.open(str(self.folder / "store.db"), clock=self.clock) as store:
            unknown = [place for row in store.unknown(Site(URL, ORGANISATION)) for place in sorted(row.places)]
        for place in unknown:
            there = "present" if place in self.truth else "absent"
            done(*self.here, StepChoice((step_id(*place),)), by="quality lead", outcome=there)  # type: ignore[arg-type]
            self.counts["unknown writes looked at by a person"] += 1
        return bool(unknown) and bool(outcomes)

    # -------------------------------------------------------------- evidence

    def _follow(self) -> None:
        """Keep what moved in OneFile since the last look, and who holds what now."""
        lines = evidence.world_lines(self.folder / "world.jsonl")[self._lines :]
        self._lines += len(lines)
        self._touches += evidence.touches(self.site.world, self.truth, lines)

    def _journal(self) -> list[JournalRow]:
        with Store.open(str(self.folder / "store.db"), clock=self.clock) as store:
            runs = sorted(run.id for run in store.runs(limit=200) if run.id > self._run)
            self._run = max(runs, default=self._run)
            return [row for run in runs for row in store.journal(run)]

    def _check(self, found: Drifting) -> None:
        self._follow()
        touches, self._touches = self._touches, []
        rows = self._journal()
        self._the_journal_accounts_for(touches, rows)
        self._the_world_is_as_declared(found)
        ours = [touch for touch in touches if touch.ours]
        self.counts["slots written"] += len(ours)
        self.counts["operations sent"] += sum(map(evidence.was_sent, rows))

    def _the_journal_accounts_for(self, touches: list[Touch], rows: list[JournalRow]) -> None:
        """Every write has its entry, displaced what that said, and was made once; nothing is left open."""
        calls = [call for call in self.site.service.calls if changes(call["method"], call["path"])]
        self.counts["calls"] += len(self.site.service.calls)
        self.counts["calls answered 429"] += sum(call["status"] == 429 for call in self.site.service.calls)
        self.site.service.calls.clear()
        file = self.folder / "writes.jsonl"
        if file.exists():
            died = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
            calls += [{"method": method, "path": path, "status": None} for method, path in died]
            self.counts["calls"] += len(died)
            file.unlink()
        evidence.every_call_is_accounted_for(calls, rows)
        evidence.nothing_newer_was_overwritten(touches, rows)
        evidence.nothing_was_written_twice(touches)
        evidence.nothing_that_took_effect_is_denied(touches, rows)
        evidence.nothing_is_left_open(rows)
        strangers = [touch for touch in touches if touch.ours and not self._is_ours(touch.place)]
        assert not strangers, f"written, but not declared to be ours: {strangers}"

    def _is_ours(self, place: Place) -> bool:
        kind = place[1].kind
        return kind is SlotKind.ADDITIONAL or (kind is not SlotKind.DEFAULT_EMPLOYER and place in self.centre.held)

    def _the_world_is_as_declared(self, found: Drifting) -> None:
        """Each managed slot is as the book says, or the day's report says why it is not yet."""
        wanted = self.centre.wanted(self.day)
        told = _told(found)
        if DueAction.MOVED.value in told.values():
            self._to_apply = True  # whoever is asked reviews the change and applies it
        managed = {*self.centre.held, *wanted}
        for place, held in self.truth.items():  # whoever stands in a slot that was never ours is there as ever
            if place not in managed and place[1].kind is not SlotKind.ADDITIONAL:
                assert held == self.began.get(place), f"moved, and not ours: {place}"
        differing = {place for place, who in wanted.items() if self.truth.get(place) != who}
        self.counts["slots compared"] += len(wanted)
        for place in differing:
            assert place in told, f"{self.day}: {place} is {self.truth.get(place)}, not {wanted[place]}, and untold"
            self.counts[f"slot-days told: {told[place]}"] += 1
            since = self._differs_since.setdefault(place, self.day)
            asked = told[place] in _ASKED
            assert asked or self.day - since <= PATIENCE, f"{self.day}: {place} differs since {since}: {told[place]}"
        self._differs_since = {place: day for place, day in self._differs_since.items() if place in differing}
        lapsed = {place for place in self.centre.held if place not in wanted}
        aside = {(change.learner, change.slot) for change in found.report.plan.changes if change.blocked}
        assert lapsed <= aside, f"left to nobody, and untold: {lapsed - aside}"
        self.counts["slot-days told: left to nobody"] += len(lapsed)


_ASKED = {DriftAction.REPORT.value, DueAction.MOVED.value, *(one.value for one in NEEDS_A_PERSON)}


def _told(found: Drifting) -> dict[Place, str]:
    """What the drift report says of each slot that differs at its end."""
    told = {(one.change.learner, one.change.slot): one.verdict.value for one in found.report.left()}
    for word, changes_ in (
        ("due", found.report.due),
        ("pending", found.report.pending),
        ("unknown", found.report.unknown),
    ):
        told |= {(one.learner, one.slot): word for one in changes_}
    decided = {(row.change.learner, row.change.slot): row.action.value for row in (found.due.due if found.due else ())}
    return told | {place: decided[place] for place in told.keys() & decided.keys()}


def _unfinished(finished: ApplyResult) -> bool:
    states = {outcome.state for outcome in finished.outcomes}
    return bool(states - {State.DONE, State.ALREADY_DONE})


def live(folder: Path, *, learners: int, days: int, seed: int = 1, busy: float = 1.0) -> Counter[str]:
    """That many days in a folder that is empty. Raises AssertionError with the day and the place of what is wrong."""
    with ExitStack() as stack:
        year = Year(folder, learners, seed, busy)
        stack.callback(year.site.world.close)
        return year.live(days)
