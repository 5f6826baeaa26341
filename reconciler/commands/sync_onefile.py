"""`sync --onefile`: brings cohort files up to the classrooms and placements of OneFile that they name."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from reconciler.commands.sync import Synced, SyncOptions, sync_listing
from reconciler.declared.load import read_declared
from reconciler.importing.from_onefile import labels_of
from reconciler.importing.read_census import read_members
from reconciler.model.census import CensusLearner, Scope
from reconciler.model.declared import Declared
from reconciler.model.listing import ListedLearner, Listing
from reconciler.model.slots import LearnerKey, OrganisationId
from reconciler.model.structs import Struct
from reconciler.problems import Invalid, Problem, Source
from reconciler.runtime.edit_journal import recover_edit
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options
from reconciler.runtime.session import open_session, progress_listener
from reconciler.runtime.state_edits import Edits

_PLACES = ("classroom", "placement")
"""Keys of a cohort file that say where its learners come from."""


class _Selector(Struct, frozen=True):
    """A cohort with the classroom, the placement or both that its learners are in."""

    cohort: str
    organisation: OrganisationId
    classroom: int | None
    placement: int | None
    source: Source

    @property
    def place(self) -> str:
        """The classroom and placement in words."""
        return " and ".join(f"{name} {id_}" for name in _PLACES if (id_ := getattr(self, name)) is not None)


_Members = Sequence[tuple[_Selector, Sequence[CensusLearner]]]


def sync_onefile(options: Options, environment: Environment, request: SyncOptions) -> Synced:
    """Bring the cohorts that name a classroom or a placement up to it: newcomers, moves and leavers.

    No holder is changed: newcomers get the cohort's defaults. Raises Invalid, also if a place has no learner at all
    although the cohort has; then nothing is written.
    """
    recover_edit(options.state)
    declared = read_declared(options.state, environment.today())
    selectors = list(_selectors(options, declared))
    if not selectors:
        what = "no cohort file says where its learners come from"
        fix = "Write classroom: ID or placement: ID in a cohort file, or name a table."
        raise Invalid(Problem(what, fix, Source(options.state.as_posix())))
    members = asyncio.run(_read(options, environment, declared, selectors))
    listing = Listing(tuple(_listed(members, declared)), frozenset(selector.cohort for selector in selectors))
    return sync_listing(
        options,
        environment,
        declared,
        listing,
        request,
        source="OneFile",
        problems=list(_empty(members, declared)),
        memory="onefile",
    )


def _selectors(options: Options, declared: Declared) -> Iterator[_Selector]:
    edits = Edits(options.state)
    for name, cohort in edits.cohorts():
        values = edits.values(name)
        classroom, placement = (_id(values.get(key)) for key in _PLACES)
        if classroom is not None or placement is not None:
            organisation = OrganisationId(_id(values.get("organisation")) or declared.settings.organisation)
            source = Source((options.state / name).as_posix())
            yield _Selector(cohort, organisation, classroom, placement, source)


def _id(value: object) -> int | None:
    return value if isinstance(value, int) else None


# ------------------------------------------------------------------ OneFile


async def _read(
    options: Options, environment: Environment, declared: Declared, selectors: Iterable[_Selector]
) -> _Members:
    """Return the active learners of each cohort's place; an organisation's classrooms are read together."""
    members: list[tuple[_Selector, Sequence[CensusLearner]]] = []
    async with open_session(options, environment, declared.settings) as session:
        with progress_listener(environment, declared.settings) as progress:
            for scope, group in _scopes(selectors).items():
                learners = await read_members(scope, session.reader, progress)
                members += [(one, [row for row in learners if _is_in(row, one)]) for one in group]
    return members


def _scopes(selectors: Iterable[_Selector]) -> Mapping[Scope, Sequence[_Selector]]:
    """Return what is read, with the cohorts that each reading is for."""
    groups: dict[tuple[OrganisationId, int | None, bool], list[_Selector]] = defaultdict(list)
    for selector in selectors:
        groups[selector.organisation, selector.placement, selector.classroom is not None].append(selector)
    return {_scope(group): group for group in groups.values()}


def _scope(group: Sequence[_Selector]) -> Scope:
    classrooms = frozenset(one.classroom for one in group if one.classroom is not None)
    placements = frozenset(one.placement for one in group if one.placement is not None)
    return Scope(group[0].organisation, classrooms, placements, kinds=frozenset(), by_class=bool(classrooms))


def _is_in(learner: CensusLearner, selector: _Selector) -> bool:
    return selector.classroom is None or learner.classroom == selector.classroom


# ------------------------------------------------------------------ the listing


def _listed(members: _Members, declared: Declared) -> Iterator[ListedLearner]:
    everybody = [learner for _, learners in members for learner in learners]
    labels = labels_of(everybody, "misid", {learner.label for learner in declared.learners})
    for selector, learners in members:
        for learner in learners:
            keys: tuple[LearnerKey, ...] = (learner.id, learner.misid) if learner.misid else (learner.id,)
            yield ListedLearner(keys, selector.source, selector.cohort, label=labels.get(learner.id, ""))


def _empty(members: _Members, declared: Declared) -> Iterator[Problem]:
    """Refuse a place without any learner for a cohort that has some: its id is probably wrong."""
    full = {learner.cohort for learner in declared.learners}
    for selector, learners in members:
        if not learners and selector.cohort in full:
            what = f"no active learner of organisation {selector.organisation} is in {selector.place}"
            fix = "Correct the id, or remove the cohort's learners by hand."
            yield Problem(what, fix, selector.source)
