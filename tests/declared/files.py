"""Writes small state folders: invented people, and only what a test is about spelled out."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from reconciler.declared.load import read_declared
from reconciler.model.declared import Declared, Wanted
from reconciler.model.slots import Slot, SlotKind

DAY = date(2026, 12, 1)
SETTINGS = "version: 1\norganisation: 5740\n"
STAFF = """version: 1
staff:
  kate-anderson: {id: 132757, role: assessor}
  james-fayre: {id: 122762, role: assessor}
  noor-haddad: {id: 132990, role: assessor}
  priya-shah: {id: 131001, role: iqa}
  oscar-lind: {id: 131002, role: iqa}
  acme-mentor: {id: 140022, role: employer}
  observer-lee: {id: 150003, role: observer}
"""
KATE, JAMES, NOOR, PRIYA, OSCAR, ACME, LEE = 132757, 122762, 132990, 131001, 131002, 140022, 150003

DEFAULT, EMPLOYER = Slot(SlotKind.DEFAULT_ASSESSOR), Slot(SlotKind.DEFAULT_EMPLOYER)
AIM, AIM_IQA = Slot(SlotKind.LEARNING_AIM_ASSESSOR, 41240), Slot(SlotKind.LEARNING_AIM_IQA, 41240)
UNIT, UNIT_IQA = Slot(SlotKind.UNIT_ASSESSOR, "KS_COMM1"), Slot(SlotKind.UNIT_IQA, "KS_COMM1")


def additional(staff: int) -> Slot:
    return Slot(SlotKind.ADDITIONAL, staff)


def centre(folder: Path, body: str, *, staff: str = STAFF, settings: str = SETTINGS, **others: str) -> Path:
    """Write a state folder with the cohort `care`, whose text follows its name, and *others* by name."""
    state = folder / "state"
    (state / "cohorts").mkdir(parents=True, exist_ok=True)
    (state / "settings.yaml").write_text(settings, encoding="utf-8")
    (state / "staff.yaml").write_text(staff, encoding="utf-8")
    for name, text in {"care": body, **others}.items():
        cohort = f"version: 1\ncohort: {name}\n{text}"
        (state / "cohorts" / f"{name}.yaml").write_text(cohort, encoding="utf-8")
    return state


def read(folder: Path, body: str, day: date = DAY, *, staff: str = STAFF, settings: str = SETTINGS) -> Declared:
    return read_declared(centre(folder, body, staff=staff, settings=settings), day)


def holders(declared: Declared, learner: int = 0) -> dict[Slot, int | None]:
    """Who shall hold what on the learner at that place in the result."""
    return {slot: wanted.staff for slot, wanted in declared.learners[learner].slots.items()}


def wanted(declared: Declared, slot: Slot, learner: int = 0) -> Wanted:
    return declared.learners[learner].slots[slot]
