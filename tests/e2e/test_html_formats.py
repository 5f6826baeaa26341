"""HTML of what people look at says what the text says, and nothing in it runs or is fetched."""

from __future__ import annotations

import re

import pytest

from reconciler.problems import ExitCode
from tests.e2e.test_drift import AT_ONCE, applied, server
from tests.e2e.user import JAMES, KATE, LEARNER, STAFF, Home, Served
from tests.pages_of_a_site import Parsed

__all__ = ["server"]
HOSTILE = "<script>alert(1)</script> -> \"'&amp;"
COVER = {"by": "james", "from": "2099-01-01", "until": "2099-01-31", "reason": "leave"}
PEOPLE = {**STAFF, "kate": {"id": KATE, "role": "assessor", "cover": [COVER], "caseload": {"target": 0, "max": 1}}}
SECOND = {"id": 200005, "label": HOSTILE, "default_assessor": "kate"}
_FACT = re.compile(r"\b(?:\d{4}-\d\d-\d\d|kate|james|priya|mentor|lee|\d{6}|[\w./-]+\.yaml:\d+|[0-9a-f]{8})\b")
"""Words by which a reader knows a report: days, people, ids, lines of the files."""


def facts(text: str) -> set[str]:
    return set(_FACT.findall(" ".join(text.split())))


@pytest.mark.parametrize(
    "command",
    [
        ("calendar", "--from", "2099-01-01", "--verbose"),
        ("who", "kate"),
        ("who", "kate", "--at", "2099-01-10"),
        ("who", "200004", "--read"),
        ("validate", "--caseload"),
        ("validate", "state/cohorts/c1.yaml"),
    ],
)
def test_a_page_has_every_fact_of_the_text(home: Home, command: tuple[str, ...]) -> None:
    """Days, people, ids and lines; a label is only text."""
    home.declare({**LEARNER, "label": "LRN-0042"}, SECOND, staff=PEOPLE)
    home.run("apply", "--auto-approve")
    page = Parsed(home.run(*command, "--format", "html").out)
    said = home.run(*command).out
    assert facts(said) - facts(page.text) == set()
    assert "script" not in page.tags and not page.fetched


def test_the_page_of_drift_has_every_fact_of_the_text(home: Home, server: Served) -> None:
    """Drift, what is pending, manual steps, and how old they are."""
    applied(home)
    server.world.users[200004]["DefaultAssessorID"] = KATE
    home.declare({**LEARNER, "label": HOSTILE, "additional": []}, settings=AT_ONCE)
    text = home.run("drift")
    page = home.run("drift", "--format", "html", "--verbose")
    assert text.code == page.code == ExitCode.DONE
    parsed = Parsed(page.out)
    assert facts(text.out) - facts(parsed.text) - {"reconciler"} == set()
    assert {"kate", "james"} <= facts(parsed.text) and str(JAMES) not in parsed.text
    assert HOSTILE.replace(" -> ", " → ") in parsed.text
    assert "script" not in parsed.tags and not parsed.fetched


@pytest.mark.parametrize("mode", [("--handover",), ("--since", "old.json")])
def test_the_pages_of_a_saved_plan_have_every_fact_of_the_text(home: Home, mode: tuple[str, ...]) -> None:
    """Who hands over to whom and what to check; what is new, different or gone since an older plan."""
    home.declare({**LEARNER, "label": "LRN-0042", "default_assessor": "james"}, SECOND, staff=PEOPLE)
    home.run("apply", "--auto-approve")
    home.run("plan", "--save", "old.json")
    home.declare({**LEARNER, "label": "LRN-0042", "default_assessor": "kate"}, {**SECOND, "default_assessor": "james"})
    home.run("plan", "--save", "new.json")
    text = home.run("show", "new.json", *mode)
    page = home.run("show", "new.json", *mode, "--format", "html")
    assert text.code == page.code == ExitCode.DONE, page.err
    parsed = Parsed(page.out)
    assert facts(text.out) and facts(text.out) - facts(parsed.text) == set()
    assert HOSTILE.replace(" -> ", " → ") in parsed.text
    assert "script" not in parsed.tags and not parsed.fetched
    home.run("plan", "--save", "same.json")
    nothing = home.run("show", "same.json", "--since", "new.json", "--format", "html").out
    assert "Both plans do the same." in nothing
