"""Reads settings.yaml and staff.yaml into the types of the model, with its defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import time
from functools import cached_property
from sys import intern
from typing import cast

from reconciler.declared.cohort import Reader, fields_at, has_refused, mappings_at, number_at, text_at
from reconciler.declared.yaml_loader import Document, Fields
from reconciler.model.declared import (
    DEFAULT_DRIFT,
    DEFAULT_POLICIES,
    FULL_TIME_HOURS,
    WEEKDAYS,
    Allowance,
    Competence,
    Cover,
    DriftMode,
    Level,
    Limits,
    Names,
    Settings,
    ShareWeights,
    Staff,
    Waiver,
    Window,
)
from reconciler.model.slots import ROLES_FOR, Handle, OrganisationId, Role, SlotKind, StandardId, UserId
from reconciler.model.structs import Struct, asdict
from reconciler.problems import Source


class Directory(Struct, frozen=True, dict=True):
    """Staff whose entry could be read.

    `handles` also has those with a faulty entry: naming one of them is not a second fault. `complete` is False if the
    file as a whole could not be read, so that any handle may be known.
    """

    staff: dict[Handle, Staff]
    handles: frozenset[str]
    complete: bool

    @cached_property
    def fitting(self) -> Mapping[SlotKind, frozenset[Handle | None]]:
        """Handles that may hold each kind of slot by their role; None (nobody) may hold every kind."""
        return {
            kind: frozenset([None, *(handle for handle, member in self.staff.items() if member.role in roles)])
            for kind, roles in ROLES_FOR.items()
        }


def read_staff(document: Document) -> Directory:
    root = document.value if isinstance(document.value, Fields) else Fields()
    members = fields_at(root, "staff")
    reader = Reader(document)
    staff: dict[Handle, Staff] = {}
    for handle in members:
        member = _member(reader, document.file, members, handle)
        if member is not None:
            staff[member.handle] = member
    return Directory(staff, frozenset(members), isinstance(root.get("staff"), Fields))


def _member(reader: Reader, file: str, members: Fields, handle: str) -> Staff | None:
    fields = fields_at(members, handle)
    covers = tuple(_covers(reader, file, fields, handle))
    number, role = number_at(fields, "id"), text_at(fields, "role")
    if number is None or role is None:
        return None
    caseload = fields_at(fields, "caseload")
    return Staff(
        handle=Handle(intern(handle)),  # as in cohort files: the same object is looked up sooner
        id=UserId(number),
        role=Role(role),
        person=text_at(fields, "person") or "",
        caseload_target=number_at(caseload, "target"),
        caseload_max=number_at(caseload, "max"),
        cover=covers,
        hours=_decimal(fields, "hours") or FULL_TIME_HOURS,
        competence=tuple(_competence(reader, file, fields, handle)) if "competence" in fields else None,
        notify=text_at(fields, "notify") or "",
        source=Source(file, members.lines[handle]),
    )


def _covers(reader: Reader, file: str, fields: Fields, handle: str) -> list[Cover]:
    covers: list[Cover] = []
    for item, line in mappings_at(fields, "cover"):
        by, subject = text_at(item, "by"), f"staff {handle}: cover"
        start, end = reader.day(item, "from", subject), reader.day(item, "until", subject)
        if by is not None and start is not None and not has_refused(item) and (end is not None or "until" not in item):
            reason = text_at(item, "reason") or ""
            covers.append(Cover(Handle(handle), Handle(by), start, end, reason, Source(file, line)))
    return sorted(covers, key=lambda cover: cover.start)


def _competence(reader: Reader, file: str, fields: Fields, handle: str) -> Iterator[Competence]:
    for item, line in mappings_at(fields, "competence"):
        standard, subject = number_at(item, "standard"), f"staff {handle}: competence"
        start, end = reader.day(item, "from", subject), reader.day(item, "until", subject)
        if standard is not None and not has_refused(item):
            yield Competence(StandardId(standard), start, end, Source(file, line))


def read_settings(document: Document) -> Settings | None:
    """Read the settings; return None if the organisation is missing."""
    root = document.value if isinstance(document.value, Fields) else Fields()
    waivers = tuple(_waivers(Reader(document), document.file, root))
    organisation = number_at(root, "organisation")
    if organisation is None:
        return None
    default = Settings(OrganisationId(organisation))
    drift, policies = fields_at(root, "drift"), fields_at(root, "policies")
    grace, lag = number_at(drift, "grace_hours"), number_at(root, "longest_read_lag_seconds")
    return Settings(
        organisation=default.organisation,
        target=text_at(root, "target") or default.target,
        drift={kind: cast("DriftMode", text_at(drift, kind) or DEFAULT_DRIFT[kind]) for kind in SlotKind},
        grace_hours=default.grace_hours if grace is None else grace,
        writers={kind: name for kind in SlotKind if (name := text_at(fields_at(root, "writers"), kind))},
        limits=_limits(fields_at(root, "limits")),
        calls_per_minute=number_at(root, "calls_per_minute") or default.calls_per_minute,
        longest_wait_seconds=number_at(root, "longest_wait_seconds") or default.longest_wait_seconds,
        longest_read_lag_seconds=default.longest_read_lag_seconds if lag is None else lag,
        policies={name: cast("Level", text_at(policies, name) or DEFAULT_POLICIES[name]) for name in DEFAULT_POLICIES},
        waivers=waivers,
        windows=tuple(_windows(Reader(document), document.file, root)),
        step_owner=text_at(fields_at(root, "manual_steps"), "owner") or "",
        titles=_titles(fields_at(root, "names")),
        classes=_named(fields_at(fields_at(root, "names"), "classes")),
        placements=_named(fields_at(fields_at(root, "names"), "placements")),
        names=cast("Names", text_at(fields_at(root, "privacy"), "names") or default.names),
        share_weights=_share_weights(fields_at(root, "share_out")),
        columns=_columns(fields_at(fields_at(root, "import"), "columns")),
        employer_signs=fields_at(root, "reviews").get("employer_signs") is True,
        source=Source(document.file, root.lines["organisation"]),
    )


def _share_weights(fields: Fields) -> ShareWeights:
    default = asdict(ShareWeights())
    given = ((name, number_at(fields, name)) for name in default)
    return ShareWeights(**{**default, **{name: value for name, value in given if value is not None}})


def _columns(fields: Fields) -> dict[str, str]:
    return {heading: meaning for heading in fields if (meaning := text_at(fields, heading))}


def _titles(fields: Fields) -> dict[int | str, str]:
    """Return the names of learning aims, by number, and of units, by text."""
    units = fields_at(fields, "units")
    titles: dict[int | str, str] = {key: title for key in units if (title := text_at(units, key))}
    for number, title in _named(fields_at(fields, "learning_aims")).items():
        titles[number] = title
    return titles


def _named(fields: Fields) -> dict[int, str]:
    """Return names by number."""
    return {int(key): name for key in fields if key.isdecimal() and (name := text_at(fields, key))}


def _waivers(reader: Reader, file: str, root: Fields) -> list[Waiver]:
    waivers: list[Waiver] = []
    for item, line in mappings_at(root, "waivers"):
        until = reader.day(item, "until", "waiver")
        learner = number_at(item, "learner")
        policy, reason, approved_by = (text_at(item, key) for key in ("policy", "reason", "approved_by"))
        if until is not None and policy and reason and approved_by:
            key = None if learner is None else UserId(learner)
            cohort, run = text_at(item, "cohort"), item.get("run") is True
            waivers.append(Waiver(policy, reason, approved_by, until, key, cohort, Source(file, line), run))
    return waivers


def _windows(reader: Reader, file: str, root: Fields) -> Iterator[Window]:
    for item, line in mappings_at(root, "windows"):
        never, reason, source = text_at(item, "never") or "", text_at(item, "reason") or "", Source(file, line)
        with suppress(ValueError):  # the schema reports what is neither hours nor days
            if ".." in never:
                first, last = (reader.day_in(item, "never", part, "window") for part in never.split(".."))
                if first and last:
                    yield Window(first=first, last=last, reason=reason, source=source)
            else:
                start, end = (time.fromisoformat(part) for part in never.split("-"))
                yield Window(start, end, _weekdays(text_at(item, "days") or "mon-sun"), reason=reason, source=source)


def _weekdays(text: str) -> tuple[str, ...]:
    """Return the days of `mon-fri`, which may pass the end of the week, or of `sat`."""
    first, _, last = text.partition("-")
    start = WEEKDAYS.index(first)
    count = (WEEKDAYS.index(last or first) - start) % len(WEEKDAYS) + 1
    return tuple(WEEKDAYS[(start + number) % len(WEEKDAYS)] for number in range(count))


def _limits(fields: Fields) -> Limits:
    default = Limits()
    create, reassign, manual = (fields_at(fields, key) for key in ("create", "reassign", "manual"))
    return Limits(
        create=_allowance(create, default.create),
        reassign=_allowance(reassign, default.reassign),
        manual=_allowance(manual, default.manual),
        create_per_cohort=_allowance(fields_at(create, "per_cohort"), default.create_per_cohort),
        reassign_per_cohort=_allowance(fields_at(reassign, "per_cohort"), default.reassign_per_cohort),
        manual_per_cohort=_allowance(fields_at(manual, "per_cohort"), default.manual_per_cohort),
    )


def _allowance(fields: Fields, default: Allowance) -> Allowance:
    """Read an allowance: a missing part keeps its default; null is no limit."""
    count = number_at(fields, "count") if "count" in fields else default.count
    return Allowance(count, _decimal(fields, "share") if "share" in fields else default.share)


def _decimal(fields: Fields, key: str) -> float | None:
    value = text_at(fields, key) or number_at(fields, key)
    return None if value is None else float(value)
