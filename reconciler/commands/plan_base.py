"""`--base`: the files of another commit, planned beside these against one reading."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from reconciler.declared.schema import checked
from reconciler.declared.settings_and_staff import read_settings
from reconciler.model.declared import Declared, DeclaredLearner, Settings, Wanted
from reconciler.model.plan import Finding
from reconciler.model.slots import Handle, Slot, SlotKind
from reconciler.model.structs import Struct, replace
from reconciler.plan.loosened_settings import stricter, stricter_staff
from reconciler.problems import Invalid, Source
from reconciler.runtime.commit_files import as_of
from reconciler.runtime.declared_state import read_folder, read_state
from reconciler.runtime.environment import Environment
from reconciler.runtime.git import commit_at
from reconciler.runtime.options import Options


class Base(Struct, frozen=True):
    """Files at `commit` for the day and scope of the command; None if they are not valid.

    `settings` are those at `commit`; None if that file is not valid.
    """

    commit: str
    declared: Declared | None
    settings: Settings | None = None


def base_of(options: Options, environment: Environment, ref: str, declared: Declared) -> Base:
    """Read the declaration at `ref` to compare `declared` with. Raises Invalid if git does not have it."""
    commit = commit_at(options.state, ref)
    with as_of(options.state, commit) as folder:
        try:
            declared_then = read_folder(folder, options, environment)
        except Invalid:
            return Base(commit, None, _settings_in(folder))
        placed = _placed(_concerned(options, environment, declared_then, declared), commit, folder)
        return Base(commit, placed, declared_then.settings)


def _settings_in(folder: Path) -> Settings | None:
    document = checked(folder / "settings.yaml", "settings")
    return None if document.problems else read_settings(document)


def as_on_base(declared: Declared, base: Base | None) -> tuple[Declared, tuple[Finding, ...]]:
    """Return the declaration with the rules that count beside a base, and a finding for each that was loosened."""
    if base is None:
        return declared, ()
    effective = stricter(declared.settings, base.settings)
    staff, loosened = stricter_staff(declared.staff, base.declared.staff if base.declared else {})
    return replace(declared, settings=effective.settings, staff=staff), (*effective.findings, *loosened)


def for_both(declared: Declared, base: Base | None) -> Declared:
    """Join two declarations for one reading: every slot that either asks for, and everybody whom either names.

    If the two ask for different people in one slot, the base's also count as additional people, which costs no call:
    they are looked for among the staff like everybody else.
    """
    if base is None or base.declared is None:
        return declared
    of_base = {learner.key: learner for learner in base.declared.learners}
    joined = [_joined(learner, of_base.pop(learner.key, None)) for learner in declared.learners]
    known = declared.staff_by_id()
    left = {
        Handle(f"{handle} at {base.commit[:12]}"): member
        for handle, member in base.declared.staff.items()
        if member.id not in known
    }
    return replace(declared, learners=(*joined, *of_base.values()), staff={**declared.staff, **left})


def _joined(learner: DeclaredLearner, other: DeclaredLearner | None) -> DeclaredLearner:
    return replace(learner, slots={**dict(_also(learner, other)), **learner.slots}) if other else learner


def _also(learner: DeclaredLearner, other: DeclaredLearner) -> Iterator[tuple[Slot, Wanted]]:
    for slot, want in other.slots.items():
        own = learner.slots.get(slot)
        if own is None:
            yield slot, want
        elif want.staff not in (None, own.staff):
            yield Slot(SlotKind.ADDITIONAL, want.staff), want


def _concerned(options: Options, environment: Environment, base: Declared, declared: Declared) -> Declared:
    """Return the base within the command's scope.

    It has the same learners, and those of the scope whom no file declares any longer. A learner whom these files
    declare outside the scope is left out. The organisation is the planned one: it decides whose records count.
    """
    declared_here = {learner.key for learner in declared.learners}
    outside = (
        {learner.key for learner in read_state(options.whole(), environment).learners} - declared_here
        if options.is_narrow
        else set()
    )

    def concerns(learner: DeclaredLearner) -> bool:
        if learner.key in declared_here:
            return True
        names = {str(learner.id), learner.misid, learner.label}
        return (
            learner.key not in outside
            and (not options.cohorts or learner.cohort in options.cohorts)
            and (not options.learners or not names.isdisjoint(options.learners))
        )

    settings = replace(base.settings, organisation=declared.settings.organisation)
    return replace(base, settings=settings, learners=tuple(filter(concerns, base.learners)))


def _placed(base: Declared, commit: str, folder: Path) -> Declared:
    """Name the sources of learners, staff and later changes by commit, since the unpacked files are gone by now."""

    def at(source: Source) -> Source:
        return Source(f"{commit[:12]}:{Path(source.file).relative_to(folder.parent).as_posix()}", source.line)

    return replace(
        base,
        learners=tuple(
            replace(
                learner,
                source=at(learner.source),
                later=tuple(shift._replace(source=at(shift.source)) for shift in learner.later),
            )
            for learner in base.learners
        ),
        staff={handle: replace(member, source=at(member.source)) for handle, member in base.staff.items()},
    )
