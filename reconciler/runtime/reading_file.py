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
"""Bytes. A reading of 100,000 learners has about 30 MB."""


def save_reading(observed: Observed, declared: Declared, target: str, path: Path) -> None:
    """Save a reading, ids only."""
    document = to_document(observed, Site(target, declared.settings.organisation))
    write_whole(json.dumps(document, separators=(",", ":")) + "\n", path)


def load_reading(path: Path, declared: Declared, target: str) -> Observed:
    """Load a reading and fit it to the declared state. Raises Invalid if it cannot be used for it."""
    source = Source(str(path))
    try:
        content = read_within(path, LARGEST)
        if content is None:
            fix = "Save the reading again with: reconciler plan --save-observed FILE"
            raise Invalid(Problem("is larger than any reading", fix, source))
        observed = from_json(content, Site(target, declared.settings.organisation))
    except OSError as error:
        fix = "Check the path, or save a reading with: reconciler plan --save-observed FILE"
        raise Invalid(Problem(f"cannot be read: {error.strerror or error}", fix, source)) from error
    except (ValueError, RecursionError) as error:
        fix = "Save the reading again with: reconciler plan --save-observed FILE"
        raise Invalid(Problem("is not JSON, or is cut short", fix, source)) from error
    except ReconcilerError as error:
        raise Invalid([Problem(problem.what, problem.fix, source) for problem in error.problems]) from error
    return fitted(observed, declared)
