"""Writes the changes of a listing into the texts of the cohort files, with the smallest edits."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from reconciler.editing.assignments import Fields, Term, dated, defaults_of, held, learners_of, term_of, value_of
from reconciler.editing.holders import put_terms
from reconciler.editing.move import move
from reconciler.editing.patch import patch
from reconciler.editing.replace import learner_key
from reconciler.editing.sync_changes import HolderChange, Newcomer, SyncChanges, grouped
from reconciler.editing.yaml_tree import Data, data_of, parse
from reconciler.model.slots import LISTED, LearnerKey, Slot, SlotKind


def edited(texts: Mapping[str, str], changes: SyncChanges) -> dict[str, str]:
    """Return the texts that change, by cohort."""
    after = dict(texts)
    for step in changes.moves:
        after[step.before], after[step.after] = move(after[step.before], after[step.after], step.learner)
    holders = grouped(changes.holders)
    leavers = changes.leavers if changes.removes else ()
    for cohort in texts:
        newcomers = [newcomer for newcomer in changes.newcomers if newcomer.cohort == cohort]
        gone = {leaver.learner for leaver in leavers if leaver.cohort == cohort}
        moved = {step.learner for step in changes.moves if step.after == cohort}
        if newcomers or gone or moved or cohort in holders:
            after[cohort] = _edited(after[cohort], newcomers, moved, holders.get(cohort, ()), gone)
    return {cohort: text for cohort, text in after.items() if text != texts[cohort]}


def _edited(
    text: str,
    newcomers: Sequence[Newcomer],
    moved: Collection[LearnerKey],
    holders: Sequence[HolderChange],
    gone: Collection[LearnerKey],
) -> str:
    """Edit one file: leavers go with their comments, and all other comments stay."""
    values = data_of(parse(text))
    if not isinstance(values, dict):
        return text
    learners: list[Data] = [learner for learner in learners_of(values) if learner_key(learner) not in gone]
    if gone:
        values["learners"] = learners
        text = patch(text, "cohort", values)
    values["learners"] = [*learners, *(_entry(newcomer) for newcomer in newcomers)]
    single = {
        (change.learner, change.slot): change.after for change in holders if change.slot.kind is not SlotKind.ADDITIONAL
    }
    for learner in learners_of(values):
        if learner_key(learner) in moved:
            _drop_left_out(learner, {slot for slot, _, _ in held(defaults_of(values))})
    put_terms(values, single, {*(newcomer.learner for newcomer in newcomers), *moved})
    by_key = {learner_key(learner): learner for learner in learners_of(values)}
    for change in holders:
        if change.slot.kind is SlotKind.ADDITIONAL:
            _put_additional(by_key[change.learner], change.after[0])
    return patch(text, "cohort", values, keeps_comments=True)


def _drop_left_out(learner: Fields, defaults: Collection[Slot]) -> None:
    """Drop the empty lists of a learner who moved for slots that these defaults do not have."""
    for slot, fields, name in list(held(learner)):
        if fields[name] == [] and slot not in defaults:
            del fields[name]
    for name in LISTED:
        if isinstance(items := learner.get(name), list):
            kept = [item for item in items if not isinstance(item, dict) or len(item) > 1]
            learner[name] = kept
            if not kept:
                del learner[name]


def _entry(newcomer: Newcomer) -> Fields:
    entry: Fields = {"id" if isinstance(newcomer.learner, int) else "misid": newcomer.learner}
    return entry | ({"label": newcomer.label} if newcomer.label else {})


def _put_additional(learner: Fields, term: Term) -> None:
    """Add an additional person, or give their own entry other days."""
    value = value_of((term,)) if term == Term(term.staff) else dated(term)
    items = learner.get("additional")
    others = [item for item in items if term_of(item).staff != term.staff] if isinstance(items, list) else []
    learner["additional"] = [*others, value]
