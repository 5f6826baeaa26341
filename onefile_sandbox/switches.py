"""Switches: one for each unknown of OneFile's API, so that a client can be tested with each behaviour."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Literal, get_args, get_origin, get_type_hints

from msgspec import Struct
from msgspec.structs import replace


class Switches(Struct, frozen=True):
    """One field per unknown, with its default.

    "Row" is the row of the table of unknowns in the record of public knowledge of the API. A row
    without a field has only one behaviour here: 6 (there is no unassign: 404), 7 (additional people are
    stored and never listed), 12 (faults.py), 22 (an IQA who also assesses is accepted), 24 (tasks, visits
    and reviews are not modelled), 29 (no locking, bulk or dry run), 30 (each world file is its own instance).
    """

    # Row 1: the id in the path of POST /User/{id}/Assign. With `learner`, as in the documents, the path names a
    # learner and LearnerID the member of staff. `learner_silent` is the same, but a member of staff in the path gets
    # a success that changes nothing.
    assign_path: Literal["staff", "learner", "learner_silent"] = "staff"
    # Row 2: the field name of the IQA on an aim and a unit summary.
    iqa_key: Literal["IVID", "IQAID", "IVUserID", "InternalVerifierID", "omit"] = "IVID"
    # Row 2: assessor and IQA on aims and unit summaries.
    aim_staff_keys: Literal["present", "omit"] = "present"
    # Row 3: DefaultAssessorID and DefaultEmployerID on GET /User/{id}.
    defaults_on_get: Literal["present", "absent"] = "present"
    # Row 4: Role, Email, DefaultAssessorID, ClassroomID and PlacementID in a paged User/Search.
    paged_user_fields: Literal["rich", "same"] = "rich"
    # Row 5: the form of an empty value. Only ids can be 0; with `zero` an empty text stays null.
    empty_value: Literal["null", "omit", "zero"] = "null"
    # Row 8: the same Assign twice. A slot cannot hold two people, so `duplicate` has an effect at level 1 only.
    repeat_assign: Literal["no_op", "refused", "duplicate"] = "no_op"
    # Row 9: the answer to a write that succeeded.
    write_answer: Literal["204", "200_text"] = "204"
    # Row 10: a missing, wrong or expired token.
    bad_token_status: Literal[401, 403, 400] = 401
    # Row 10: hours from log-in until a session ends; fractions make short sessions for tests.
    session_hours: float = 24
    # Section 0: the session token in the answer to the log-in, plain or as a JSON string.
    token_body: Literal["plain", "quoted"] = "plain"  # noqa: S105 (not a secret, the shape of one)
    # Row 11: calls in any 60 seconds; 0 is no limit.
    rate_limit: int = 300
    # Row 11: a Retry-After header with a 429.
    retry_after: Literal["absent", "present"] = "absent"
    # Row 11, a guess: calls refused with 429 count against the limit, or not.
    throttled_calls: Literal["free", "counted"] = "free"
    # Row 13: a page after the last.
    past_last_page: Literal["204", "empty", "last_again"] = "204"
    # Row 13: the largest page; a larger size is cut to this.
    page_cap: int = 200
    # Row 14: every row in an unpaged search, or only the first page_cap of them.
    unpaged: Literal["full", "capped"] = "full"
    # Row 15: archived users in searches.
    archived_in_search: Literal["omitted", "included"] = "omitted"
    # Row 15: DateArchived on GET /User/{id} of an archived user; the name is that of the exports.
    archived_marker: Literal["present", "absent"] = "present"
    # Row 16: writes that name an archived learner or member of staff.
    archived_assign: Literal["refused", "accepted"] = "refused"
    # Row 17: a trainee assessor in the slot of an assessor.
    trainee: Literal["accepted", "refused"] = "accepted"
    # Row 18: the centre's setting for people at unit level, and the answer to level 2 when it is off.
    unit_level: Literal["on", "off_refused", "off_silent"] = "on"
    # Row 19: a standard or unit that the learner holds more than once.
    ambiguous: Literal["first", "all", "refused"] = "first"
    # Row 20: an aim or unit that the learner does not hold.
    not_held_status: Literal[400, 404] = 400
    # Section 3: an id that nobody has.
    unknown_id_status: Literal[404, 400] = 404
    # Row 21: a default employer from another placement than the learner's.
    employer_placement: Literal["refused", "accepted"] = "refused"
    # Row 23: a new default assessor also gets the aim and unit slots of the old one, or not.
    default_cascade: Literal["none", "cascades"] = "none"
    # Row 25: the learner's LastModified after an assignment. With `api`, edits in the web pages do not move it.
    last_modified: Literal["kept", "bumped", "api"] = "kept"
    # Row 26: text filters, always regardless of case.
    name_filter: Literal["exact", "prefix"] = "exact"
    # Row 27: the form of a refusal's message.
    error_body: Literal["message", "Message", "text"] = "message"
    # Row 28: an id of another organisation of the same customer.
    foreign_organisation_status: Literal[400, 404] = 400
    # Keys in a body that an address does not know. Real clients send some. `reconciler sandbox` ignores them unless the
    # switch is set; the embedded sandbox refuses them, so that a mistake in this program shows.
    unknown_keys: Literal["refused", "ignored"] = "refused"
    # Seconds after a write in which reads still show the old value.
    read_lag_seconds: float = 0
    # Section 4: LearningAim/Search without UserID, which a real client sends.
    aim_search_without_user: Literal["allowed", "refused"] = "allowed"
    # Section 4: UnitSummary/Search without UserID, which no known client sends.
    unit_search_without_user: Literal["allowed", "refused"] = "refused"

    def __post_init__(self) -> None:
        for name in ("session_hours", "rate_limit", "page_cap", "read_lag_seconds"):
            is_zero = getattr(self, name) == 0 and name in ("session_hours", "page_cap")
            if not 0 <= getattr(self, name) < 1e9 or is_zero:
                raise ValueError(f"switch {name}: {getattr(self, name)} is out of range")

    @classmethod
    def parse(cls, settings: Iterable[str]) -> Switches:
        """Parse texts such as "iqa_key=IQAID". Raises ValueError with the allowed values."""
        values: dict[str, object] = {}
        for setting in settings:
            name, equals, text = (part.strip() for part in setting.partition("="))
            if not equals:
                raise ValueError(f"switch {setting!r}: write it as name=value")
            if name in values:
                raise ValueError(f"switch {name} is given twice")
            values[name] = _value(name, text)
        return cls(**values)  # type: ignore[arg-type]  # _value has checked each against its field's type

    def changed(self, values: object) -> Switches:
        """Return the switches with other values by name. Raises ValueError with the allowed values."""
        if not isinstance(values, Mapping):
            raise ValueError("switches are an object of names and values")
        return replace(self, **{name: _value(name, str(value)) for name, value in values.items()})


def allowed() -> dict[str, tuple[str, ...]]:
    """Return the values of every switch; for a number, its kind."""
    return {name: _choices(hint) for name, hint in _hints().items()}


@cache
def _hints() -> dict[str, object]:
    hints = get_type_hints(Switches)
    return {name: hints[name] for name in Switches.__struct_fields__}


def _choices(hint: object) -> tuple[str, ...]:
    if get_origin(hint) is Literal:
        return tuple(str(choice) for choice in get_args(hint))
    return ("a whole number",) if hint is int else ("a number",)


def _value(name: str, text: str) -> object:
    hint = _hints().get(name)
    if hint is None:
        near = difflib.get_close_matches(name, _hints(), n=1)
        advice = f"did you mean {near[0]}? " if near else ""
        raise ValueError(f"no switch is called {name!r}: {advice}The switches are {', '.join(sorted(_hints()))}")
    if get_origin(hint) is Literal:
        for choice in get_args(hint):
            if str(choice) == text:
                return choice
    elif hint is int and text.isascii() and text.isdigit() and len(text) < 10:
        return int(text)
    elif hint is float:
        try:
            return float(text)
        except ValueError:
            pass
    choices = _choices(hint)
    expected = choices[0] if len(choices) == 1 else f"one of {', '.join(choices)}"
    raise ValueError(f"switch {name}: {text!r} is not {expected}")
