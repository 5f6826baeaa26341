"""Generated centres of invented people, for questions of who takes whose learners."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from random import Random

from reconciler.model.declared import Competence, Cover, Declared, DeclaredLearner, Settings, Staff, Wanted
from reconciler.model.plan import Finding
from reconciler.model.slots import Handle, OrganisationId, Role, Slot, SlotKind, StandardId, UserId
from reconciler.model.structs import replace
from reconciler.plan.policies import check_policies
from reconciler.problems import Source
from reconciler.sharing.build import Given, build_problem, read_from_files, side_of
from reconciler.sharing.problem import ShareProblem

DAY = date(2026, 11, 23)
ORGANISATION = OrganisationId(5740)
STANDARDS = tuple(StandardId(41240 + number) for number in range(6))


class Centre:
    """A centre with leavers; `slack` is how many learners more than now each person may hold, at most."""

    def __init__(self, seed: int, staff: int, learners: int, *, leavers: int = 1, slack: int = 8) -> None:
        self.random = Random(seed)  # noqa: S311  to invent people, not to keep secrets
        self._staff = {member.handle: member for member in self._members(staff)}
        self._learners = tuple(self._learner(number) for number in range(learners))
        self._staff = {handle: self._bounded(member, slack) for handle, member in self._staff.items()}
        settings = Settings(ORGANISATION)
        self.declared = Declared(DAY, settings, self._staff, self._learners, everyone=self._learners)
        self.leavers = self._choose_leavers(leavers)

    # -------------------------------------------------------------- people

    def _members(self, count: int) -> Iterator[Staff]:
        roles = [Role.ASSESSOR] * 13 + [Role.IQA] * 4 + [Role.TRAINEE_ASSESSOR] + [Role.EMPLOYER] * 2
        for number in range(count):
            role = (
                [Role.ASSESSOR, Role.IQA, Role.ASSESSOR, Role.IQA][number] if number < 4 else self.random.choice(roles)
            )
            person = f"p{number // 2}" if self.random.random() < 0.15 else ""
            yield Staff(
                Handle(f"{role.value.replace('_', '-')}-{number:03}"),
                UserId(1000 + number),
                role,
                person,
                hours=self.random.choice([37.0, 37.0, 37.0, 30.0, 22.5, 18.5]),
                competence=self._competence() if role is not Role.EMPLOYER else None,
                source=Source("state/staff.yaml", number + 3),
            )

    def _competence(self) -> tuple[Competence, ...] | None:
        if self.random.random() < 0.5:
            return None
        chosen = self.random.sample(STANDARDS, self.random.randint(2, len(STANDARDS)))
        ends = [None, DAY + timedelta(days=400), DAY - timedelta(days=1)]
        return tuple(Competence(standard, None, self.random.choice(ends)) for standard in sorted(chosen))

    def _bounded(self, member: Staff, slack: int) -> Staff:
        if side_of(member.role) not in (Role.ASSESSOR, Role.IQA):
            return member
        held = sum(
            any(wanted.staff == member.id for slot, wanted in learner.slots.items()) for learner in self._learners
        )
        most = held + self.random.randint(0, slack)
        away = self.random.random() < 0.03
        cover = (Cover(member.handle, self._another(member), DAY, None),) if away else ()
        return replace(member, caseload_target=max(0, most - self.random.randint(0, 4)), caseload_max=most, cover=cover)

    def _another(self, member: Staff) -> Handle:
        return next(handle for handle, other in self._staff.items() if other.role is Role.ASSESSOR and other != member)

    def _choose_leavers(self, count: int) -> list[Handle]:
        held = Counter(wanted.handle for learner in self._learners for wanted in learner.slots.values())
        busy = [handle for handle in sorted(self._staff) if held[handle]]
        first = self.random.sample(busy, min(count, len(busy)))
        humans = {self._staff[handle].human() for handle in first}
        return [handle for handle in busy if self._staff[handle].human() in humans]

    # -------------------------------------------------------------- learners

    def _learner(self, number: int) -> DeclaredLearner:
        file = f"state/cohorts/c{number % 7}.yaml"
        aims = self.random.sample(STANDARDS, self.random.choice([1, 1, 2]))
        assessor = self._one(Role.ASSESSOR, number)
        slots = {Slot(SlotKind.DEFAULT_ASSESSOR): assessor}
        for aim in aims:
            slots[Slot(SlotKind.LEARNING_AIM_IQA, aim)] = self._one(Role.IQA, number, but=assessor)
            if self.random.random() < 0.2:
                slots[Slot(SlotKind.LEARNING_AIM_ASSESSOR, aim)] = self._one(Role.ASSESSOR, number)
        if self.random.random() < 0.6 and any(member.role is Role.EMPLOYER for member in self._staff.values()):
            slots[Slot(SlotKind.DEFAULT_EMPLOYER)] = self._one(Role.EMPLOYER)
        if self.random.random() < 0.2:
            slots[Slot(SlotKind.UNIT_ASSESSOR, "KS_COMM1")] = self._one(Role.ASSESSOR, number)
        wanted = {slot: Wanted(who.id, who.handle, Source(file, 10 + number)) for slot, who in slots.items()}
        return DeclaredLearner(
            UserId(200000 + number), None, f"LRN-{number:04}", f"c{number % 7}", ORGANISATION, wanted, Source(file, 9)
        )

    def _one(self, role: Role, near: int | None = None, but: Staff | None = None) -> Staff:
        """Somebody of a role; neighbours have the same people more often, as in real cohorts."""
        fitting = [member for member in self._staff.values() if member.role is role]
        independent = [member for member in fitting if but is None or member.human() != but.human()] or fitting
        if near is not None and self.random.random() < 0.7:
            return independent[(near // 9) % len(independent)]
        return self.random.choice(independent)

    # -------------------------------------------------------------- the question

    @property
    def given(self) -> list[Given]:
        """What the leavers give away, as the command finds it in the files."""
        tasks: dict[tuple[UserId, str], dict[Handle, list[Slot]]] = {}
        for learner in self._learners:
            for slot, wanted in learner.slots.items():
                if wanted.handle in self.leavers and learner.id is not None:
                    side = side_of(self._staff[wanted.handle].role)
                    tasks.setdefault((learner.id, side), {}).setdefault(wanted.handle, []).append(slot)
        by_id = {learner.id: learner for learner in self._learners}
        return [Given(by_id[user], side, slots) for (user, side), slots in tasks.items()]

    def problem(self) -> ShareProblem:
        return build_problem(self.declared, read_from_files(self.declared), self.given)

    def after(self, heirs: Sequence[Handle | None]) -> Declared:
        """The centre once every heir holds what was given away."""
        new: dict[UserId | None, dict[Slot, Wanted]] = {}
        for item, heir in zip(self.given, heirs, strict=True):
            slots = new.setdefault(item.learner.id, dict(item.learner.slots))
            for slot in (slot for several in item.slots.values() for slot in several):
                if heir is not None:
                    slots[slot] = Wanted(self._staff[heir].id, heir, slots[slot].source)
        learners = tuple(replace(one, slots=new.get(one.id, one.slots)) for one in self._learners)
        return replace(self.declared, learners=learners, everyone=learners)

    def broken(self, declared: Declared) -> set[tuple[str, int | None, str]]:
        """What plans find in this centre, with the person in place of a caseload's numbers."""
        findings = check_policies(declared, read_from_files(declared), ())
        return {(finding.policy, finding.learner, _words(finding)) for finding in findings if not _is_target(finding)}


def _is_target(finding: Finding) -> bool:
    return "above the target" in finding.what


def _words(finding: Finding) -> str:
    return finding.staff or "" if finding.policy == "caseload" else finding.what
