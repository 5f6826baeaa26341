"""Reads a cohort file: learners of a known shape by their text, everything else as YAML."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from reconciler.declared.cohort import CohortEntry, read_cohort
from reconciler.declared.schema import check
from reconciler.declared.shapes import Shapes, split
from reconciler.declared.yaml_loader import Document, Unreadable, load_text, read_text
from reconciler.model.structs import Struct, replace
from reconciler.problems import Problem


class CohortFile(Struct, frozen=True):
    """Content of one cohort file; `is_readable` is False if its learners are unknown."""

    entry: CohortEntry
    problems: list[Problem]
    is_readable: bool


def read_file(path: Path, shapes: Shapes) -> CohortFile:
    """Read a file, and the text of most learners with the *shapes* met before."""
    file = path.as_posix()
    try:
        text = read_text(path)
    except Unreadable as stop:
        return _read(stop.document(file), path.stem)
    return _read_in_parts(text, path, shapes) or _read(load_text(text, file), path.stem)


def _read_in_parts(text: str, path: Path, shapes: Shapes) -> CohortFile | None:
    """Return None unless the file is without any fault, and in parts that fit together."""
    parts = split(text, shapes)
    if parts is None:
        return None
    file, name = path.as_posix(), path.stem
    is_named = f"\ncohort: {name}\n" in parts.rest and _SEVERAL_WORDS.fullmatch(name)
    rest = _read_rest(parts.rest.replace(f"\ncohort: {name}\n", "\ncohort: any\n", 1) if is_named else parts.rest)
    learners = parts.joined(rest.entry.learners)
    if rest.problems or learners is None:
        return None
    declared = name if is_named else rest.entry.declared
    return replace(rest, entry=replace(rest.entry, file=file, name=name, declared=declared, learners=learners))


_SEVERAL_WORDS = re.compile("[a-z]{1,20}-[a-z0-9-]{1,40}")
"""Names that neither YAML nor the schema takes for anything else."""


@lru_cache(maxsize=16)
def _read_rest(text: str) -> CohortFile:
    """Read the rest of a file, once for all files in which it differs only in the cohort's name."""
    return _read(load_text(text, ""), "")


def _read(document: Document, name: str) -> CohortFile:
    check(document, "cohort")
    entry = read_cohort(document, name)
    return CohortFile(entry, document.problems, document.value is not None)
