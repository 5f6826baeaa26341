"""The hidden first line by which our comments and issues are found and checked; written, and parsed strictly."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from reconciler.commands.plan_file import load
from reconciler.model.plan import Plan
from reconciler.model.structs import Struct
from reconciler.plan.document import fingerprint, future_digest
from reconciler.problems import Invalid, Problem, ReconcilerError, Source

LARGEST_BODY = 65_536  # of a comment or an issue, in UTF-16 units, the larger way of counting characters
_LINE = re.compile(r"<!-- onefile-reconciler (plan|drift|apply|proposal)((?: [a-z_]+=[A-Za-z0-9.:/_-]+)*) -->")
_FINGERPRINT = re.compile(r"sha256:[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_NAMES = ("target", "organisation", "fingerprint", "head")


class PlanMark(Struct, frozen=True):
    """The plan of a comment: where it would be applied, its fingerprint, and the planned commit.

    `future` is the digest of the later changes that the comment shows, empty if there are none.
    """

    target: str
    organisation: str
    fingerprint: str
    head: str
    future: str = ""

    def line(self) -> str:
        names = (*_NAMES, "future") if self.future else _NAMES
        pairs = (f"{name}={getattr(self, name)}" for name in names)
        return f"<!-- onefile-reconciler plan {' '.join(pairs)} -->"


class ProposalMark(Struct, frozen=True):
    """The proposal of a standing pull request: the digest of its files, and the commit that has them.

    `former` is the commit that the branch had before, in case the run ended before the branch was moved. `digest` is
    empty once the job itself has closed the request: its changes may be proposed again.
    """

    head: str
    former: str
    digest: str = ""

    def line(self) -> str:
        digest = f" digest={self.digest}" if self.digest else ""
        return f"<!-- onefile-reconciler proposal head={self.head} former={self.former}{digest} -->"


def proposal_mark(body: str) -> ProposalMark | None:
    """Return the mark of a pull request of ours, or None if it is not whole."""
    values = _values(body)
    if kind_of(body) != "proposal" or values is None or set(values) - {"digest"} != {"head", "former"}:
        return None
    commits = all(map(_COMMIT.fullmatch, (values["head"], values["former"])))
    whole = commits and ("digest" not in values or _FINGERPRINT.fullmatch(values["digest"]))
    return ProposalMark(**values) if whole else None


def kind_of(body: str) -> str:
    """Return `plan`, `drift`, `apply`, `proposal`, or nothing for a text that does not begin with our line."""
    match = _LINE.fullmatch(_first_line(body))
    return match[1] if match else ""


def plan_mark(body: str) -> PlanMark | None:
    """Return the mark of a comment that shows a whole plan, or None: nothing less proves anything."""
    values = _values(body)
    if kind_of(body) != "plan" or values is None or set(values) - {"future"} != set(_NAMES):
        return None
    digests = [values["fingerprint"], *([values["future"]] if "future" in values else [])]
    whole = all(map(_FINGERPRINT.fullmatch, digests)) and _COMMIT.fullmatch(values["head"])
    return PlanMark(**values) if whole and values["organisation"].isdecimal() else None


def without_mark(report: str) -> str:
    """Return a report without our hidden first line."""
    return report.partition("\n")[2] if kind_of(report) else report


def marked(report: str, head: str) -> str:
    """Add the planned commit to the first line of a rendered plan. Raises ReconcilerError for another text."""
    first, _, rest = report.partition("\n")
    whole = f"{first.removesuffix(' -->')} head={head} -->\n{rest}"
    if plan_mark(whole) is None:
        fix = "Give the file that `reconciler show PLAN --format markdown --out FILE` wrote."
        raise ReconcilerError(Problem("does not begin like a rendered plan", fix, where="comment"))
    return whole


def fits(body: str) -> bool:
    return len(body.encode("utf-16-le", "surrogatepass")) // 2 <= LARGEST_BODY


def _first_line(body: str) -> str:
    return body.partition("\n")[0].rstrip("\r")


def _values(body: str) -> Mapping[str, str] | None:
    """Return the line's pairs, or None if there is no such line or it repeats a name."""
    match = _LINE.fullmatch(_first_line(body))
    if not match:
        return None
    pairs = [pair.partition("=") for pair in match[2].split()]
    values = {name: value for name, _, value in pairs}
    return values if len(values) == len(pairs) else None


class SavedPlan(Struct, frozen=True):
    """The parts of a saved plan that its comment and approval need; `plan` is all of it."""

    path: Path
    target: str
    organisation: str
    fingerprint: str
    writes: int
    future: str = ""
    is_blocked: bool = False
    plan: Plan | None = None

    @property
    def is_empty(self) -> bool:
        """True if nothing needs an approval: nothing is written, now or later."""
        return not self.writes and not self.future

    def comment(self, report: Path, head: str) -> tuple[str, PlanMark]:
        """Return the rendered plan as a comment on that commit. Raises Invalid if it is not this plan's."""
        try:
            body = marked(report.read_text("utf-8"), head)
        except (OSError, ValueError) as error:
            what = f"cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}"
            raise Invalid(Problem(what, _AGAIN, Source(str(report)))) from error
        mark = plan_mark(body)
        if mark is None or (mark.organisation, mark.fingerprint, mark.future) != (
            self.organisation,
            self.fingerprint,
            self.future,
        ):
            raise Invalid(Problem(f"is not the report of {self.path}", _AGAIN, Source(str(report))))
        return body, mark


_AGAIN = "Write it again with: reconciler show PLAN --format markdown --out FILE."


def read_plan(path: Path) -> SavedPlan:
    """Load a saved plan. Raises Invalid for a file that is no plan or was altered."""
    plan = load(path)
    future = future_digest(plan) if plan.later else ""
    return SavedPlan(
        path,
        plan.target,
        str(plan.organisation),
        fingerprint(plan),
        len(plan.operations),
        future,
        is_blocked=plan.blocked,
        plan=plan,
    )
