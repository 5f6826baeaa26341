"""Entries to the text of the files they stand in: short, in one order, as somebody would write them by hand."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from reconciler.declared.entries import CohortEntry, LearnerEntry, Slots, Term
from reconciler.model import IQA_KINDS, LEARNING_AIM_KINDS, UNIT_KINDS, OrganisationId, Staff

LONGEST_LINE = 120
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})  # not text, or not for every reader
_LISTS = (("learning_aims", "standard", LEARNING_AIM_KINDS), ("units", "unit", UNIT_KINDS))


def settings_text(organisation: OrganisationId, target: str) -> str:
    return (
        "# yaml-language-server: $schema=../schemas/settings.schema.json\n"
        "version: 1\n"
        f"organisation: {organisation}                 # OneFile OrganisationID\n"
        f"target: {_text(target)}                    # sandbox | beta | practice | live\n"
    )


def staff_text(staff: Iterable[Staff]) -> str:
    """Members in the order given."""
    lines = ["# yaml-language-server: $schema=../schemas/staff.schema.json", "version: 1", "staff:"]
    lines += [f"  {_text(member.handle)}: {_member(member)}" for member in staff]
    if len(lines) == 3:
        lines[-1] += " {}"
    return "\n".join(lines) + "\n"


def member_line(member: Staff) -> str:
    """One member as staff.yaml has it."""
    return f"{_text(member.handle)}: {_member(member)}"


def _member(member: Staff) -> str:
    person = f", person: {_text(member.person)}" if member.person else ""
    return f"{{id: {member.id}, role: {member.role.value}{person}}}"


def cohort_text(cohort: CohortEntry, comment: str = "") -> str:
    """`comment` follows the cohort's name."""
    lines = ["# yaml-language-server: $schema=../../schemas/cohort.schema.json", "version: 1"]
    lines.append(f"cohort: {_text(cohort.name)}" + (f"    # {comment}" if comment else ""))
    if cohort.organisation is not None:
        lines.append(f"organisation: {cohort.organisation}")
    if cohort.defaults != Slots():
        lines += ["defaults:", *_slots(cohort.defaults, "  ")]
    lines.append("learners:" if cohort.learners else "learners: []")
    for learner in cohort.learners:
        lines += _learner(learner)
    return "\n".join(lines) + "\n"


def _learner(learner: LearnerEntry) -> Iterator[str]:
    yield f"  - id: {learner.id}" if learner.id is not None else f"  - misid: {_text(learner.misid or '')}"
    if learner.label:
        yield f"    label: {_text(learner.label)}"
    yield from _slots(learner.slots, "    ")


def _slots(slots: Slots, indent: str) -> Iterator[str]:
    """Slots in the order of the documentation: defaults, learning aims, units, additional people."""
    items: dict[str, dict[int | str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for slot, terms, _ in sorted(slots.held, key=lambda held: held.slot.order()):
        if slot.key is None:
            yield from _holder(slot.kind.value, terms, indent)
        for name, _, kinds in _LISTS:
            if slot.kind in kinds and slot.key is not None:
                part = "iqa" if slot.kind in IQA_KINDS else "assessor"
                items[name][slot.key].append(f"{part}: {_flow(terms)}")
    for name, key_name, _ in _LISTS:
        rows = [f"{{{', '.join([f'{key_name}: {_key(key)}', *items[name][key]])}}}" for key in items[name]]
        yield from _list(name, rows, indent)
    yield from _list("additional", [_term(term) for term in slots.additional], indent)


def _holder(name: str, terms: Sequence[Term], indent: str) -> Iterator[str]:
    if len(terms) < 2:
        yield f"{indent}{name}: {_flow(terms)}"
    else:
        yield f"{indent}{name}:"
        yield from (f"{indent}  - {_term(term)}" for term in terms)


def _list(name: str, items: Sequence[str], indent: str) -> Iterator[str]:
    """On one line, if it is not too long for one."""
    line = f"{indent}{name}: [{', '.join(items)}]"
    if items and len(line) <= LONGEST_LINE:
        yield line
    elif items:
        yield f"{indent}{name}:"
        yield from (f"{indent}  - {item}" for item in items)


def _flow(terms: Sequence[Term]) -> str:
    if len(terms) == 1 and not (terms[0].start or terms[0].end):
        return _term(terms[0])
    return f"[{', '.join(_term(term, dated=True) for term in terms)}]"


def _term(term: Term, *, dated: bool = False) -> str:
    """A handle or null; as a dated entry where it has days, or has to be one."""
    staff = "null" if term.staff is None else _text(term.staff)
    days = [f"{name}: {day}" for name, day in (("from", term.start), ("until", term.end)) if day]
    return f"{{{', '.join([f'staff: {staff}', *days])}}}" if days or dated else staff


def _key(key: int | str) -> str:
    return str(key) if isinstance(key, int) else _text(key)


def _text(text: str) -> str:
    """A text as YAML: plain where no reader could take it for anything else, else in double quotes as in JSON."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(char if char.isprintable() else _escaped(char) for char in quoted)


def _escaped(char: str) -> str:
    number = ord(char)
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"
