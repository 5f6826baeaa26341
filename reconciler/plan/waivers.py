"""Written exceptions to policies: which one lets a finding pass, and which no longer does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.model.declared import Declared, Waiver
from reconciler.model.plan import Finding
from reconciler.model.slots import UserId
from reconciler.model.structs import replace


def waive(finding: Finding, declared: Declared) -> Finding:
    """A learner's finding, waived by the waiver that runs longest, if it has not ended before the declared day."""
    longest = _covering(declared, finding.policy, [(finding.learner, finding.cohort)])[-1:]
    valid = [waiver for waiver in longest if declared.day <= waiver.until]
    return replace(finding, waived=_quoted(valid)) if valid else _unwaived(finding, longest)


def waive_caseload(finding: Finding, declared: Declared, learners: Sequence[tuple[UserId, str]], bound: int) -> Finding:
    """A finding about staff has no learner: it is waived where those whom no valid waiver names keep to the bound."""
    waivers = _covering(declared, "caseload", learners)
    valid = [waiver for waiver in waivers if declared.day <= waiver.until]
    counted = [learner for learner in learners if not any(names(waiver, *learner) for waiver in valid)]
    if len(counted) <= bound:
        return replace(finding, waived=_quoted(valid))
    return _unwaived(finding, [waiver for waiver in waivers if declared.day > waiver.until])


def _covering(declared: Declared, policy: str, learners: Iterable[tuple[UserId | None, str]]) -> list[Waiver]:
    """The waivers of a policy for any of the learners, with their cohorts; the one that ends last comes last."""
    among = list(learners)
    waivers = [waiver for waiver in declared.settings.waivers if waiver.policy == policy]
    found = [waiver for waiver in waivers if any(names(waiver, *learner) for learner in among)]
    return sorted(found, key=lambda waiver: (waiver.until, waiver.reason, waiver.approved_by))


def names(waiver: Waiver, learner: UserId | None, cohort: str) -> bool:
    """Whether a waiver is for this learner or cohort. `learner` is None where the OneFile id is not known."""
    if waiver.learner is None and waiver.cohort is None:
        return False
    return waiver.learner in (None, learner) and waiver.cohort in (None, cohort)


def _unwaived(finding: Finding, expired: Sequence[Waiver]) -> Finding:
    """The fix says which waiver has ended, or, where only one would lift a block, that there are waivers."""
    advice = "".join(f" The waiver approved by {one.approved_by} ended on {one.until}." for one in expired)
    if not advice and finding.level == "error":
        advice = f" Or write a waiver for {finding.policy} in settings.yaml: reason, approver and last day."
    return replace(finding, fix=finding.fix + advice)


def _quoted(waivers: Iterable[Waiver]) -> str:
    return "; ".join(f"{one.reason} (approved by {one.approved_by}, until {one.until})" for one in waivers)
