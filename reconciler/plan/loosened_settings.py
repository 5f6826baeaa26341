"""Rules that a change of the files loosens, in settings or staff: the base's count until the change is merged.

Otherwise a pull request could lift the rules for its own plan before anybody approved it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, get_args

from reconciler.model.declared import LOOSENED, Level, Limits, Names, Settings, Staff, Waiver
from reconciler.model.plan import Finding
from reconciler.model.slots import Handle, Role, SlotKind
from reconciler.model.structs import Struct, replace
from reconciler.problems import Source

LEVELS: tuple[Level, ...] = ("error", "warn", "off")
STRICT = (
    "organisation",
    "target",
    "drift",
    "grace_hours",
    "step_owner",
    "titles",
    "classes",
    "placements",
    "share_weights",
    "columns",
    "source",
)
"""Settings that loosen nothing: they say what is planned, and the plan shows it, or how files are edited."""


class Effective(Struct, frozen=True):
    """The settings that count, and a finding for each one that does not yet."""

    settings: Settings
    findings: tuple[Finding, ...] = ()


def stricter(here: Settings, base: Settings | None) -> Effective:
    """Return the stricter of both for each setting that can loosen; defaults are the base if there is none."""
    base = base or Settings(here.organisation)
    waivers, new = _waivers(here.waivers, base.waivers)
    settings = replace(
        here,
        names=_stricter(here.names, base.names, get_args(Names).index),
        policies={name: _stricter(here.level(name), base.level(name), LEVELS.index) for name in here.policies},
        limits=_limits(here.limits, base.limits),
        calls_per_minute=min(here.calls_per_minute, base.calls_per_minute),
        longest_wait_seconds=min(here.longest_wait_seconds, base.longest_wait_seconds),
        longest_read_lag_seconds=min(here.longest_read_lag_seconds, base.longest_read_lag_seconds),
        windows=(*here.windows, *(window for window in base.windows if window not in here.windows)),
        employer_signs=here.employer_signs or base.employer_signs,
        writers={**here.writers, **base.writers},
        waivers=waivers,
    )
    pairs = dict(_values(here))
    loosened = [_finding(name, pairs[name], value, here) for name, value in _values(settings) if pairs[name] != value]
    return Effective(settings, (*loosened, *map(_new_waiver, new)))


def stricter_staff(
    here: Mapping[Handle, Staff], base: Mapping[Handle, Staff]
) -> tuple[dict[Handle, Staff], tuple[Finding, ...]]:
    """Return the staff with the stricter of both for what rules depend on, and a finding for each looser value.

    Accounts are compared by id, because a handle may be renamed. One that the base does not have counts as it is.
    """
    before = {member.id: member for member in base.values()}
    staff = {handle: _stricter_member(member, before.get(member.id)) for handle, member in here.items()}
    loosened = [
        _loosened_member(name, value, counts, member)
        for handle, member in here.items()
        for (name, value), (_, counts) in zip(_member_values(member), _member_values(staff[handle]), strict=True)
        if value != counts
    ]
    return staff, tuple(loosened)


def _stricter_member(here: Staff, base: Staff | None) -> Staff:
    if base is None:
        return here
    return replace(
        here,
        caseload_target=_smaller(here.caseload_target, base.caseload_target),
        caseload_max=_smaller(here.caseload_max, base.caseload_max),
        person=base.person or here.person,
        role=base.role if (here.role, base.role) == (Role.ASSESSOR, Role.TRAINEE_ASSESSOR) else here.role,
    )


def _member_values(member: Staff) -> Iterator[tuple[str, object]]:
    yield "caseload.target", member.caseload_target
    yield "caseload.max", member.caseload_max
    yield "person", member.person or "none"
    yield "role", member.role.value


def _loosened_member(name: str, here: object, counts: object, member: Staff) -> Finding:
    what = f"{name} of {member.handle}: {_words(here)} in these files, {_words(counts)} on the base; {_UNTIL}"
    return Finding(LOOSENED, "warn", what, _FIX, staff=member.handle, source=member.source)


def _stricter(here: Any, base: Any, looseness: Callable[[Any], int]) -> Any:
    return min(here, base, key=looseness)


def _limits(here: Limits, base: Limits) -> Limits:
    return Limits(
        **{
            name: replace(
                getattr(here, name),
                count=_smaller(getattr(here, name).count, getattr(base, name).count),
                share=_smaller(getattr(here, name).share, getattr(base, name).share),
            )
            for name in here.__struct_fields__
        }
    )


def _smaller(here: Any, base: Any) -> Any:
    """Return the smaller bound; None is no bound."""
    return min((bound for bound in (here, base) if bound is not None), default=None)


def _waivers(here: Sequence[Waiver], base: Sequence[Waiver]) -> tuple[tuple[Waiver, ...], list[Waiver]]:
    """Return the waivers that count, and those that do not yet: one that was changed counts as it was."""
    new = [waiver for waiver in here if waiver not in base]
    changed = {_scope(waiver) for waiver in new}
    before = [waiver for waiver in base if _scope(waiver) in changed and waiver not in here]
    return (*(waiver for waiver in here if waiver in base), *before), new


def _scope(waiver: Waiver) -> tuple[object, ...]:
    return (waiver.policy, waiver.learner, waiver.cohort, waiver.run)


def _values(settings: Settings) -> Iterator[tuple[str, object]]:
    """Yield each value that can loosen, but waivers, by its name in settings.yaml."""
    yield "privacy.names", settings.names
    yield from ((f"policies.{name}", level) for name, level in settings.policies.items())
    for name in settings.limits.__struct_fields__:
        allowance = getattr(settings.limits, name)
        place = name.removesuffix("_per_cohort")
        path = f"limits.{place}.per_cohort" if place != name else f"limits.{name}"
        yield f"{path}.count", allowance.count
        yield f"{path}.share", allowance.share
    yield "calls_per_minute", settings.calls_per_minute
    yield "longest_wait_seconds", settings.longest_wait_seconds
    yield "longest_read_lag_seconds", settings.longest_read_lag_seconds
    yield "windows", settings.windows
    yield "reviews.employer_signs", settings.employer_signs
    yield from ((f"writers.{kind}", settings.writers.get(kind, "")) for kind in SlotKind)


_UNTIL = "the base counts until these files are merged"
_FIX = "Review it as a change of the rules. If this plan needs it, merge it first, in a pull request of its own."
_WORDS: Mapping[object, str] = {None: "without limit", True: "true", False: "false", "": "nobody"}


def _words(value: object) -> str:
    if isinstance(value, tuple):
        return f"{len(value)} closed"
    return _WORDS[value] if value is None or value == "" or isinstance(value, bool) else str(value)


def _finding(name: str, here: object, counts: object, settings: Settings) -> Finding:
    what = f"{name}: {_words(here)} in these files, {_words(counts)} on the base; {_UNTIL}"
    return Finding(LOOSENED, "warn", what, _FIX, source=Source(settings.source.file))


def _new_waiver(waiver: Waiver) -> Finding:
    scope = f"learner {waiver.learner}" if waiver.learner is not None else f"cohort {waiver.cohort}"
    scope = "the run" if waiver.run else scope
    what = (
        f"the waiver of {waiver.policy} for {scope} until {waiver.until} is not on the base, or differs there; {_UNTIL}"
    )
    fix = "Review who approved it and why. If this plan needs it, merge it first, in a pull request of its own."
    return Finding(LOOSENED, "warn", what, fix, cohort=waiver.cohort or "", source=waiver.source)
