"""View model of an audit: the words and order that every format renders."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.model.audit import Audit, AuditFinding
from reconciler.model.slots import Role, UserId
from reconciler.model.structs import Struct
from reconciler.report.caseload.view import CaseloadLine, caseload_line
from reconciler.report.common.notices import Notice, Notices
from reconciler.report.common.words import kinds_words, moment_words
from reconciler.text import number_of, spaced

HEADINGS = {
    "iqa_independent": "One person assesses and quality-assures the same work",
    "trainee_assessor": "Trainee assessors in assessor slots",
    "staff_active": "Slots held by people who cannot act",
    "coverage": "Learners without an assessor or IQA",
    "duplicate_staff": "Accounts that may be one person",
    "layers_agree": "Default assessors who assess nothing",
    "caseload": "Caseloads above target or maximum",
}
CASELOADS = "Caseloads"
NAMED = 8
"""Learners that a line names; the others are counted. JSON, CSV and `--verbose` name them all."""


class AuditView(Struct, frozen=True):
    """An audit in words, in the order of reports: verdict, notes, findings by seriousness, caseloads, what is fine."""

    title: str
    verdict: str
    notes: tuple[str, ...]
    notices: tuple[Notices, ...]
    caseload: tuple[CaseloadLine, ...]
    fine: str


def audit_view(audit: Audit, *, verbose: bool = False) -> AuditView:
    """Return the audit in words; *verbose* names every learner."""
    notices = tuple(_section(policy, audit, verbose=verbose) for policy in audit.checked)
    fine = [group.title for group in notices if not group.items]
    return AuditView(
        f"Audit of {audit.target}, organisation {audit.organisation}, read {moment_words(audit.taken_at)}",
        _verdict(audit),
        tuple(_notes(audit)),
        tuple(group for group in notices if group.items),
        tuple(caseload_line(row) for row in audit.caseload),
        f"Nothing found: {'; '.join(title[0].lower() + title[1:] for title in fine)}." if fine else "",
    )


def learner_names(learners: tuple[UserId, ...], audit: Audit, *, verbose: bool = False) -> str:
    """Return the learners by label or id, if there is room for them."""
    named = learners if verbose or len(learners) <= NAMED else learners[:NAMED]
    names = ", ".join(audit.labels.get(learner) or str(learner) for learner in named)
    return f"{names} and {len(learners) - len(named)} more" if len(named) < len(learners) else names


def _section(policy: str, audit: Audit, *, verbose: bool) -> Notices:
    findings = [finding for finding in audit.findings if finding.policy == policy]
    errors = any(finding.level == "error" for finding in findings)
    items = tuple(_notice(finding, audit, verbose=verbose) for finding in findings)
    return Notices(HEADINGS[policy], "findings", items, risky=errors, verbose=verbose)


def _notice(finding: AuditFinding, audit: Audit, *, verbose: bool) -> Notice:
    count = len(finding.learners)
    who = (
        f" ({number_of(count, 'learner')}: {learner_names(finding.learners, audit, verbose=verbose)})" if count else ""
    )
    return Notice(f"{finding.what}{who}", finding.fix)


def _verdict(audit: Audit) -> str:
    learners = number_of(audit.learners, "active learner")
    if not audit.findings:
        return f"Nothing found about {learners}."
    errors = sum(finding.level == "error" for finding in audit.findings)
    serious = f", {errors} of them serious" if errors else ""
    return f"{number_of(len(audit.findings), 'finding')}{serious}. They concern {len(audit.concerned)} of {learners}."


def _notes(audit: Audit) -> Iterator[str]:
    roles = [number_of(audit.staff[role], role_words(role)) for role in Role if audit.staff.get(role)]
    yield f"Active staff: {', '.join(roles) or 'none listed'}. {number_of(audit.slots, 'slot')} held."
    if audit.unseen:
        yield f"Not shown by OneFile, so not judged: {kinds_words(audit.unseen)}."
    if audit.calls:
        yield f"{number_of(audit.calls, 'call')} made; nothing was written."


def role_words(role: Role) -> str:
    """Return a role as people say it."""
    return "IQA" if role is Role.IQA else spaced(role.value)
