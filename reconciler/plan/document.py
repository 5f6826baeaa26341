"""A plan as the JSON document that people review and apply executes: written, read back, fingerprinted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import date
from functools import cache
from operator import itemgetter
from typing import TYPE_CHECKING

from reconciler.model.operations import Operation, addresses, facts, hash_of, hashed, id_of, operation_id, time_json
from reconciler.model.plan import NO_GIT, Change, GitState, Plan
from reconciler.model.slots import Handle, OrganisationId, Unread, UserId
from reconciler.model.structs import Encoded, encode, laid_out
from reconciler.onefile.wire import write_request
from reconciler.plan import document_rows as rows
from reconciler.plan.later_rows import future, later_row, read_later
from reconciler.plan.operations import operations_for
from reconciler.plan.slot_rows import Layout, SlotRows, listed
from reconciler.plan.unchanged_rows import NO_ROWS, CompactRows, compact, expand
from reconciler.problems import Invalid, Problem, Source
from reconciler.resources import resource

if TYPE_CHECKING:
    import jsonschema_rs

TERRAFORM_FORMAT = "1.2"  # required by tools that read Terraform plans
TERRAFORM_VERSION = (
    "1.5.0"  # the version whose plans have that format; no Terraform made this, but such tools require it
)
FORMAT = "1.1"  # ours; a new major number means that an older reconciler must not apply it
COMPACT_FORMAT = "2.0"  # the same with compact rows, which an older reconciler would take for slots outside the plan
_READ = tuple(version.split(".")[0] for version in (FORMAT, COMPACT_FORMAT))
_WITHOUT_NAMES = ("1.0",)  # formats whose fingerprint covered the operations alone; they get today's when they are read
_BRIEF = ("unchanged", "unchanged_shapes")  # parts for programs alone
_ROW_PER_LINE = Layout("[\n  ", ",\n  ", "\n ]")
_IN_ONE_LINE = Layout("[", ", ", "]")
_CANONICAL = Layout("[", ",", "]")
Document = rows.Row
_UNNAMED = Source("plan file")


def fingerprint(plan: Plan) -> str:
    """Return `sha256:` and the digest of what an approval is given to: where the plan writes, what, and as whom.

    That is the target and the organisation; the ordered operations with the values they displace; the labels and
    handles by which people know those learners and staff; manual steps; and policies of level error and limits, which
    block a plan unless they are waived. Rows without a write, warnings, lines and times are not in it: they may change
    until the same plan is applied.
    """
    written = plan.learners_written
    changes = {change.address: change for change in plan.differing if change.learner in written}
    shown = [
        [_names(changes[address], plan) for address in addresses(operation) if address in changes]
        for operation in plan.operations
    ]
    operations = list(zip(map(_approved, plan.operations), shown, strict=True))
    steps = [[step.id, step.holder, plan.handles.get(step.holder), step.label] for step in plan.manual]
    errors = [
        [finding.policy, finding.what, finding.label, finding.staff, finding.waived]
        for finding in plan.findings
        if finding.level == "error"
    ]
    limits = [problem.what for problem in plan.refusals]
    return _digest([plan.target, plan.organisation, operations, steps, errors, limits])


def _approved(operation: Operation) -> list[object]:
    request, moved = write_request(operation), facts(operation)
    return [id_of(moved), [request.method, request.path, request.body], moved]


def future_digest(plan: Plan) -> str:
    """Return `sha256:` and the digest of the later changes, as the files declare them: a review covers them too."""
    return _digest(future(plan))


def _names(change: Change, plan: Plan) -> list[object]:
    holders = [None if isinstance(holder, Unread) else holder for holder in (change.before, change.after)]
    return [
        change.label,
        change.cohort,
        change.organisation,
        *(plan.handles.get(holder) for holder in holders if holder),
    ]


def to_document(plan: Plan, *, full: bool = True) -> Document:
    """Return the plan in the published format (schemas/plan.schema.json).

    Unless `full`, unchanged slots have no rows for other tools, and are written in a compact form.
    """
    unsigned = _unsigned(plan, full=full)
    document = {key: value.value() if isinstance(value, SlotRows) else value for key, value in unsigned.items()}
    return document | {"digest": _digest_of(document)}


def document_texts(plan: Plan, *, full: bool = True) -> Iterator[str]:
    """Yield the plan's document as `dumps` writes it, in pieces that are as large as a few hundred rows."""
    document = _unsigned(plan, full=full, finished=_encoded)
    return _texts(document | {"digest": _digest_of(document)})


def _encoded(row: Document) -> Document | Encoded:
    """Return the row as JSON if the file and the digest have the same text of it; its keys are in order."""
    text = _fast(row)
    return Encoded(text.encode()) if _is_canonical(text) else row


def _unsigned(
    plan: Plan, *, full: bool, finished: Callable[[Document], Document | Encoded] = lambda row: row
) -> Document:
    """Return the document without its digest, and with the rows of slots as SlotRows."""
    handles = plan.handles
    changes, unchanged = (plan.changes, NO_ROWS) if full else compact(plan.changes, finished)
    return {
        "format_version": TERRAFORM_FORMAT,
        "terraform_version": TERRAFORM_VERSION,
        "reconciler_format": COMPACT_FORMAT if unchanged.cohorts else FORMAT,
        "created_at": time_json(plan.created_at),
        "day": plan.day.isoformat(),
        "target": plan.target,
        "organisation": plan.organisation,
        "fingerprint": fingerprint(plan),
        **_made_from(plan.made_from),
        **({"base": plan.base} if plan.base else {}),
        "scope": {"learners": len(plan.learners), "left_unread": plan.left_out},
        "summary": rows.summary_row(plan.summary),
        "resource_changes": SlotRows(changes, handles, rows.change_row),
        **_unchanged(unchanged),
        "operations": [rows.operation_row(operation) for operation in plan.operations],
        "manual_steps": [rows.manual_row(step, handles) for step in plan.manual],
        **({"kept_steps": [rows.manual_row(step, handles) for step in plan.kept]} if plan.kept else {}),
        "problems": [rows.problem_row(problem) for problem in plan.problems],
        "policies": [rows.finding_row(finding) for finding in plan.findings],
        "limits": [rows.problem_row(problem) for problem in plan.refusals],
        "caseload": [rows.caseload_row(row) for row in plan.caseload],
        **_titles(plan.titles),
        **({"learners": rows.roll_row(plan.roll)} if plan.roll else {}),
        "later": [later_row(change, compared=bool(plan.base)) for change in plan.later],
        "later_withdrawn": [later_row(change, compared=bool(plan.base)) for change in plan.withdrawn],
        "future": future_digest(plan),
        "staff": {str(user): handle for user, handle in sorted(handles.items())},
        "planned_values": SlotRows(changes, handles, rows.planned_row, _planned_values),
        "prior_state": {},
        "configuration": {"root_module": {}},
    }


def _planned_values(resources: list[Document]) -> Document:
    return {"root_module": {"resources": resources}}


def dumps(document: Document) -> str:
    """Return JSON with one row per line: quick to write, and two plans can be compared line by line."""
    return "".join(_texts(document))


def _texts(document: Document) -> Iterator[str]:
    start = "{\n "
    for key, value in document.items():
        yield f"{start}{_json(key)}: "
        yield from _value_texts(key, value)
        start = ",\n "
    yield "\n}\n"


def _value_texts(key: str, value: object) -> Iterator[str]:
    if isinstance(value, SlotRows):
        return value.texts(_json, _IN_ONE_LINE if key == "planned_values" else _ROW_PER_LINE)
    if isinstance(value, list):
        return listed((_json(row, brief=key in _BRIEF) for row in value), _ROW_PER_LINE)
    return iter([_json(value)])


def from_document(document: Document, source: Source = _UNNAMED) -> Plan:
    """Read the plan of a document that fits the schema; `source` is its file.

    Raises Invalid when the document's digest, ids, rows or calls do not belong together: it was altered or cut.
    """
    if document["reconciler_format"].split(".")[0] not in _READ:
        why = f"its format is {document['reconciler_format']}, and this reconciler reads {FORMAT} and {COMPACT_FORMAT}"
        raise Invalid(_refusal(why, source))
    unsigned = {key: value for key, value in document.items() if key != "digest"}
    if document["digest"] != _digest_of(unsigned):
        raise Invalid(_refusal("its content does not match its own digest: it was altered after it was made", source))
    try:
        plan = _plan(document)
    except (ValueError, LookupError, TypeError) as error:
        raise Invalid(_refusal(f"its rows do not belong together ({error})", source)) from error
    calls = [{key: row[key] for key in rows.CALL} for row in document["operations"]]
    if calls != [{key: row[key] for key in rows.CALL} for row in map(rows.operation_row, plan.operations)]:
        fix = "Make the plan again with: reconciler plan --out FILE"
        raise Invalid(Problem("its calls are not those of its operations: it was altered", fix, source))
    if document["reconciler_format"] not in _WITHOUT_NAMES and document["fingerprint"] != fingerprint(plan):
        raise Invalid(_refusal("its content does not match its fingerprint: it was altered after it was made", source))
    return plan


def _plan(document: Document) -> Plan:
    unchanged = CompactRows(document.get("unchanged_shapes", ()), document.get("unchanged", ()))
    changes = expand(unchanged, map(rows.read_change, document["resource_changes"]))
    operations = tuple(operations_for(changes))
    stated = [(row["id"], tuple(row["addresses"])) for row in document["operations"]]
    if stated != [(operation_id(operation), addresses(operation)) for operation in operations]:
        raise ValueError("operations are not those of the changes")
    return Plan(
        target=document["target"],
        organisation=OrganisationId(document["organisation"]),
        created_at=rows.read_time(document["created_at"]),
        day=date.fromisoformat(document["day"]),
        changes=changes,
        operations=operations,
        manual=tuple(rows.read_manual(row) for row in document["manual_steps"]),
        kept=tuple(rows.read_manual(row) for row in document.get("kept_steps", ())),
        problems=tuple(rows.read_problem(row) for row in document["problems"]),
        findings=tuple(rows.read_finding(row) for row in document["policies"]),
        left_out=document["scope"]["left_unread"],
        refusals=tuple(rows.read_problem(row) for row in document["limits"]),
        caseload=tuple(rows.read_caseload(row) for row in document["caseload"]),
        summary=rows.read_summary(document["summary"]),
        later=tuple(read_later(row) for row in document.get("later", ())),
        withdrawn=tuple(read_later(row) for row in document.get("later_withdrawn", ())),
        base=document.get("base", ""),
        made_from=_read_made_from(document),
        titles=_read_titles(document.get("names", {})),
        roll=rows.read_roll(document["learners"]) if "learners" in document else None,
        handles={UserId(int(user)): Handle(handle) for user, handle in document["staff"].items()},
    )


def _unchanged(unchanged: CompactRows) -> Document:
    """Return nothing if no slot is unchanged, or each has a row like the others."""
    return {"unchanged_shapes": unchanged.shapes, "unchanged": unchanged.cohorts} if unchanged.cohorts else {}


def _titles(titles: Mapping[int | str, str]) -> Document:
    """Return names of learning aims and units; nothing if there are none, so that such a plan keeps its digest."""
    aims = {str(key): title for key, title in titles.items() if isinstance(key, int)}
    units = {key: title for key, title in titles.items() if isinstance(key, str)}
    return {"names": {"learning_aims": aims, "units": units}} if titles else {}


def _read_titles(names: Document) -> dict[int | str, str]:
    titles: dict[int | str, str] = dict(names.get("units", {}))
    return {int(key): title for key, title in names.get("learning_aims", {}).items()} | titles


def _made_from(git_state: GitState) -> Document:
    """Return nothing if no commit is known: such a plan approves no files."""
    row = {"commit": git_state.commit, "uncommitted_changes": bool(git_state.uncommitted)}
    return {"made_from": row} if git_state.commit else {}


def _read_made_from(document: Document) -> GitState:
    row = document.get("made_from")
    return GitState(row["commit"], row["uncommitted_changes"]) if row else NO_GIT


def _refusal(why: str, source: Source) -> Problem:
    fix = "Make the plan again with: reconciler plan --out FILE"
    return Problem(f"this plan cannot be used: {why}", fix, source)


def _digest(value: object) -> str:
    return f"sha256:{hashed(_canonical(value))}"


def _digest_of(document: Document) -> str:
    """Return the digest of a document of which parts are made piece by piece."""
    return f"sha256:{hash_of(_canonical_texts(document))}"


def _canonical_texts(document: Document) -> Iterator[str]:
    start = "{"
    for key, value in sorted(document.items(), key=itemgetter(0)):
        yield f"{start}{_canonical(key)}:"
        if isinstance(value, SlotRows):
            yield from value.texts(_canonical, _CANONICAL)
        elif isinstance(value, list):
            yield from listed(map(_canonical, value), _CANONICAL)
        else:
            yield _canonical(value)
        start = ","
    yield "}"


def _canonical(value: object) -> str:
    """Return JSON without spaces, with sorted keys, of ASCII characters that can be printed."""
    text = _fast(value, sort_keys=True)
    if not _is_canonical(text):
        text = json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=True)
    return text


def _is_canonical(text: str) -> bool:
    """Return whether the text of the faster encoder is what `json` makes as well, which escapes more."""
    return text.isascii() and "\x7f" not in text and bool(text)


def _json(value: object, *, brief: bool = False) -> str:
    """Return JSON, `brief` or readable. Half a surrogate pair, which no file can hold, becomes a JSON escape."""
    if text := _fast(value):
        return text if brief else laid_out(text, indent=0)
    separators = (",", ":") if brief else None
    return json.dumps(value, ensure_ascii=False, separators=separators).encode("utf-8", "backslashreplace").decode()


def _fast(value: object, *, sort_keys: bool = False) -> str:
    """Return brief JSON by a faster encoder, with no escapes but JSON's own; empty if it cannot encode the value."""
    with suppress(ValueError, OverflowError):  # half a surrogate pair; a number of more than 64 bits
        return encode(value, order="deterministic" if sort_keys else None).decode()
    return ""


SHOWN = 5  # messages at most: a document that is not a plan breaks every rule


def plan_faults(document: object) -> list[str]:
    """Return a few of the schema's error messages; empty for a plan."""
    try:
        return _faults(document)
    except UnicodeEncodeError:  # half a surrogate pair, which the validator cannot take: a question mark is as good
        return _faults(json.loads(json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")))
    except ValueError as error:  # nested deeper than the validator goes, and than any plan is
        return [f"the document: {error}"]


def _faults(document: object) -> list[str]:
    errors = _validator().iter_errors(document)
    return [
        f"{'/'.join(map(str, error.instance_path)) or 'the document'}: {error.message[:200]}"
        for error, _ in zip(errors, range(SHOWN), strict=False)
    ]


@cache
def _validator() -> jsonschema_rs.Draft202012Validator:
    import jsonschema_rs

    schema = json.loads(resource("schemas/plan.schema.json").read_text(encoding="utf-8"))
    return jsonschema_rs.Draft202012Validator(schema)
