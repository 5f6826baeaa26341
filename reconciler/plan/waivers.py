"""Waivers of policies: apply the valid ones to findings, and mention those that have ended."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.model.declared import POLICIES, Declared, Waiver
from reconciler.model.plan import Finding
from reconciler.model.slots import UserId
from reconciler.model.structs import replace


def waive(finding: Finding, declared: Declared) -> Finding:
    """Waive a learner's finding by the waiver that runs longest, if it is still valid on the declared day."""
    longest = _covering(declared, finding.policy, [(finding.learner, finding.cohort)])[-1:]
    valid = [waiver for waiver in longest if declared.day <= waiver.until]
    return replace(finding, waived=_quoted(valid)) if valid else _unwaived(finding, longest)


def waive_saved(finding: Finding, declared: Declared) -> Finding:
    """Return a waived finding of a saved plan as it is today: waived only by a waiver that is still valid."""
    bare = replace(finding, waived="")
    if finding.policy not in POLICIES:  # a limit, which is checked again as a limit
        return finding
    if finding.learner is not None:
        return waive(bare, declared)
    ended = [waiver for waiver in declared.settings.waivers if waiver.policy == finding.policy]
    valid = [waiver for waiver in ended if declared.day <= waiver.until]
    return replace(finding, waived=_quoted(valid)) if valid else _unwaived(bare, ended)


def waive_staff(finding: Finding, declared: Declared, learners: Sequence[tuple[UserId, str]], bound: int) -> Finding:
    """Waive a finding about staff if so few of the learners are without a valid waiver."""
    waivers = _covering(declared, finding.policy, learners)
    valid = [waiver for waiver in waivers if declared.day <= waiver.until]
    counted = [learner for learner in learners if not any(names(waiver, *learner) for waiver in valid)]
    if len(counted) <= bound:
        return replace(finding, waived=_quoted(valid))
    return _unwaived(finding, [waiver for waiver in waivers if declared.day > waiver.until])


def _covering(declared: Declared, policy: str, learners: Iterable[tuple[UserId | None, str]]) -> list[Waiver]:
    """Return the waivers of a policy for any of the learners, with their cohorts; the latest to end comes last."""
    among = list(learners)
    waivers = [waiver for waiver in declared.settings.waivers if waiver.policy == policy]
    covering = [waiver for waiver in waivers if any(names(waiver, *learner) for learner in among)]
    return sorted(covering, key=lambda waiver: (waiver.until, waiver.reason, waiver.approved_by))


def names(waiver: Waiver, learner: UserId | None, cohort: str) -> bool:
    """Return True if a waiver is for this learner or cohort. `learner` is None if the OneFile id is not known."""
    if waiver.learner is None and waiver.cohort is None:
        return False
    return waiver.learner in (None, learner) and waiver.cohort in (None, cohort)


def _unwaived(finding: Finding, expired: Sequence[Waiver]) -> Finding:
    """Add to the fix which waiver has ended or, for an error without one, that a waiver is possible."""
    advice = "".join(f" The waiver approved by {waiver.approved_by} ended on {waiver.until}." for waiver in expired)
    if not advice and finding.level == "error":
        advice = f" Or write a waiver for {finding.policy} in settings.yaml: reason, approver and last day."
    return replace(finding, fix=finding.fix + advice)


def _quoted(waivers: Iterable[Waiver]) -> str:
    return "; ".join(f"{waiver.reason} (approved by {waiver.approved_by}, until {waiver.until})" for waiver in waivers)
