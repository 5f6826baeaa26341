"""What ships with the program is found in a checkout; a broken installation says so."""

from __future__ import annotations

import pytest

from reconciler.problems import ReconcilerError
from reconciler.resources import resource


def test_the_schemas_are_found() -> None:
    """A folder and a file in it alike."""
    assert resource("schemas").is_dir()
    assert resource("schemas/cohort.schema.json").is_file()


def test_what_is_missing_is_a_problem_of_the_installation() -> None:
    """Never a traceback."""
    with pytest.raises(ReconcilerError, match="this installation has no schemas/none"):
        resource("schemas/none.json")
