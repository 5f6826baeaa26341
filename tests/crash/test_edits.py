"""Other people work in OneFile while we do: their newer value stays, and is told."""

from __future__ import annotations

import signal

import pytest

from reconciler.model.operations import State
from reconciler.model.slots import Place
from reconciler.problems import ExitCode
from tests.crash import evidence
from tests.crash.harness import REPORTED, Case, edit_of, somebody_else


def of_learner(case: Case, which: int) -> list[Place]:
    """The slots of one of the declared learners that OneFile shows, first to last in the plan's order."""
    wanted = case.site.declaration.wanted
    learner = sorted({learner for learner, _ in wanted})[which]
    return [place for place in wanted if place[0] == learner and place[1].kind not in case.unreadable]


def by_others(case: Case, places: list[Place]) -> dict[Place, int | None]:
    return {place: somebody_else(case.site.declaration, place) for place in places}


@pytest.mark.parametrize("write", [10])
def test_a_slot_edited_before_its_turn_is_left_alone(case: Case, write: int) -> None:
    """Somebody moves the last learners while the first are written: theirs is left alone, and shown as a conflict. On a
    busy machine we may have written some of them already: then theirs is the newer value, and it stays as well."""
    edits = by_others(case, of_learner(case, -1) + of_learner(case, -2))
    fate_edits = [edit_of(place, staff) for place, staff in edits.items()]
    code, said = case.process({"at_write": write, "edit": fate_edits, "readings_count_for": 0.05})
    case.all_is_as_declared(but=edits)
    rows = case.journal()
    conflicts = {place for row in rows if row.state is State.CONFLICT for place in row.places}
    written = {touch.place for touch in case.site.touches(case.began) if touch.ours} & set(edits)
    assert set(edits) - written <= conflicts <= set(edits)
    assert code == ExitCode.STALE or (code == ExitCode.INCOMPLETE and written), said
    case.evidence_is_whole()


@pytest.mark.parametrize("write", [40])
def test_what_was_acknowledged_before_a_death_is_known_for_ours(case: Case, write: int) -> None:
    """Our write is known for ours though no reading had proven it yet: the later edit is drift, and treated as set."""
    assert case.killed({"die": {"write": write, "when": "answered"}})
    unproven = [row for row in case.journal() if row.state is State.DONE and not row.events[-1].proof]
    places = sorted(place for row in unproven for place in row.places if place[1].kind not in case.unreadable)
    told = edited(case, places)
    assert told
    case.finish()
    case.all_is_as_declared(but=told)
    case.evidence_is_whole()


def edited(case: Case, places: list[Place]) -> dict[Place, int | None]:
    """Somebody moves these slots now. Gives those of them in which the settings let others have their way."""
    edits = by_others(case, places)
    for place, staff in edits.items():
        case.site.edit(edit_of(place, staff))
    return {place: staff for place, staff in edits.items() if place[1].kind in REPORTED}


@pytest.mark.parametrize(("write", "when"), [(2, "before"), (4, "sent"), (6, "answered"), (20, "answered")])
def test_a_slot_edited_after_its_write_was_cut_off_keeps_the_newer_value(case: Case, write: int, when: str) -> None:
    """Whether ours took effect nobody can tell any more; the newer value is drift, and treated as set."""
    assert case.killed({"die": {"write": write, "when": when}})
    cut_off = {place for row in case.journal() if row.state is State.SENT for place in row.places}
    assert cut_off
    told = edited(case, [place for place in sorted(cut_off) if place[1].kind not in case.unreadable])
    case.finish()
    case.all_is_as_declared(but=told)
    case.evidence_is_whole()


def test_a_saved_plan_that_others_overtook_writes_the_rest(case: Case) -> None:
    """Reviewed yesterday, applied today, and two learners moved meanwhile: exit 4, and nothing of theirs is touched."""
    plan = case.store_url + ".json"
    assert case.process({}, "plan", f"--out={plan}")[0] == ExitCode.DONE
    edits = by_others(case, of_learner(case, 3) + of_learner(case, 4))
    for place, staff in edits.items():
        case.site.edit(edit_of(place, staff))
    code, said = case.process({}, "apply", plan)
    assert code == ExitCode.STALE, said
    case.all_is_as_declared(but=edits)
    case.evidence_is_whole()


def test_a_saved_plan_that_died_is_finished_by_the_same_plan(case: Case) -> None:
    """What was done is already done, what was not is written, and a person's edit in between is a conflict."""
    plan = case.store_url + ".json"
    assert case.process({}, "plan", f"--out={plan}")[0] == ExitCode.DONE
    assert case.process({"die": {"write": 40, "when": "answered"}}, "apply", plan)[0] == -signal.SIGKILL
    edits = by_others(case, of_learner(case, -1))
    for place, staff in edits.items():
        case.site.edit(edit_of(place, staff))
    code, said = case.process({}, "apply", plan)
    assert code in (ExitCode.STALE, ExitCode.INCOMPLETE), said
    evidence.nothing_is_left_open(case.journal())
    if not case.unknown():
        case.all_is_as_declared(but=edits)
    case.evidence_is_whole()
