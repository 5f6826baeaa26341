"""Saved readings: the observed state in a file, to plan from again without a call."""

from __future__ import annotations

import json
from pathlib import Path

from reconciler.model.declared import Declared
from reconciler.model.observed import Observed
from reconciler.model.slots import Site
from reconciler.observed.document import fitted, from_json, to_document
from reconciler.problems import Invalid, Problem, ReconcilerError, Source
from reconciler.runtime.files import read_within, write_whole

LARGEST = 1_000_000_000
"""Bytes. A reading of 100,000 learners has about 11 MB, and about 30 MB in the form of older versions."""


def save_reading(observed: Observed, site: Site, path: Path) -> None:
    """Save a reading, ids only."""
    write_whole(json.dumps(to_document(observed, site), separators=(",", ":")) + "\n", path)


def load_reading(path: Path, declared: Declared, target: str) -> Observed:
    """Load a reading and fit it to the declared state. Raises Invalid if it cannot be used for it."""
    return fitted(read_reading(path, Site(target, declared.settings.organisation)), declared)


def read_reading(path: Path, site: Site | None) -> Observed:
    """Load a reading of this site, or of the one that it is of. Raises Invalid if it cannot be used."""
    source = Source(str(path))
    try:
        content = read_within(path, LARGEST)
        if content is None:
            fix = "Save the reading again with: reconciler plan --save-observed FILE"
            raise Invalid(Problem("is larger than any reading", fix, source))
        return from_json(content, site or _site_of(content))
    except OSError as error:
        fix = "Check the path, or save a reading with: reconciler plan --save-observed FILE"
        raise Invalid(Problem(f"cannot be read: {error.strerror or error}", fix, source)) from error
    except (ValueError, RecursionError) as error:
        fix = "Save the reading again with: reconciler plan --save-observed FILE"
        raise Invalid(Problem("is not JSON, or is cut short", fix, source)) from error
    except ReconcilerError as error:
        raise Invalid([Problem(problem.what, problem.fix, source) for problem in error.problems]) from error


def site_of(path: Path) -> Site:
    """Return the site of a saved reading that can be used."""
    return _site_of(read_within(path, LARGEST) or b"")


def _site_of(data: bytes) -> Site:
    document = json.loads(data)
    named = document if isinstance(document, dict) else {}
    return Site(str(named.get("target")), int(named.get("organisation") or 0))
