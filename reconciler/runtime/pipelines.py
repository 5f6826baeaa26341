"""Pipelines beside the state folder that run this program."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

DISTRIBUTION = "onefile-reconciler"
_PLACES = (".github/workflows/*.yml", ".github/workflows/*.yaml", ".gitlab-ci.yml", ".pre-commit-config.yaml")
_PLACEHOLDER = re.compile(rf"\bOWNER/{DISTRIBUTION}|{DISTRIBUTION}(?:\.git)?[@ ]COMMIT\b|\brev:\s*[\"']?COMMIT\b")
_LARGEST_BYTES = 1_000_000


def pipelines_of(folder: Path) -> Mapping[str, str]:
    """Return the files that name this program, by name, without their comments; what cannot be read is left out."""
    found: dict[str, str] = {}
    for path in sorted(path for place in _PLACES for path in folder.glob(place)):
        text = _text(path)
        if DISTRIBUTION in text:
            found[path.relative_to(folder).as_posix()] = text
    return found


def has_placeholder(text: str) -> bool:
    """Return whether a pipeline has the words of the guide where it should name the program."""
    return bool(_PLACEHOLDER.search(text))


def _text(path: Path) -> str:
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST_BYTES:
            return ""
        lines = path.read_text("utf-8").splitlines()
    except (OSError, ValueError):
        return ""
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))
