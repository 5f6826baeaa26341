"""Generates the reference and the man pages from the program. Run it when commands, schemas, switches or tables change.

    python -m docs.reference

A test checks that the pages are current.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from docs.making.commands import commands
from docs.making.inside import store_page, switches_page
from docs.making.man import man_pages
from docs.making.pages import fence
from docs.making.schemas import schema_page

ROOT = Path(__file__).resolve().parent.parent
HERE = Path(__file__).parent / "reference"
MAN = ROOT / "man"
EXAMPLES = {
    "settings": "state/settings.yaml",
    "staff": "state/staff.yaml",
    "cohort": "state/cohorts/customer-service-l2-2026.yaml",
}
"""A complete file of each kind, from the invented centre."""


def pages() -> Iterator[tuple[Path, str]]:
    """Yield the path and the text of each generated page."""
    for name, text in commands():
        yield HERE / "commands" / name, text
    for path in sorted((ROOT / "schemas").glob("*.schema.json")):
        name = path.name.removesuffix(".schema.json")
        yield HERE / "files" / f"{name}.md", _file(name, json.loads(path.read_text("utf-8")))
    yield HERE / "sandbox.md", switches_page()
    yield HERE / "store.md", store_page()
    for name, text in man_pages():
        yield MAN / name, text


def _file(name: str, schema: dict[str, object]) -> str:
    if name not in EXAMPLES:
        return schema_page(f"{schema.get('title', name)}", schema)
    example = EXAMPLES[name]
    title = example if name != "cohort" else "state/cohorts/NAME.yaml"
    shown = "".join(
        line for line in (ROOT / example).read_text("utf-8").splitlines(keepends=True) if "yaml-language" not in line
    )
    return schema_page(title, schema, f"`{example}` of the invented centre:\n\n{fence(shown, 'yaml')}")


def main() -> None:
    """Write every page, and remove pages that are no longer generated."""
    made = dict(pages())
    for old in {*(HERE / "commands").glob("*.md"), *(HERE / "files").glob("*.md"), *MAN.glob("*.1")} - set(made):
        old.unlink()
    for path, text in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8", newline="\n")


if __name__ == "__main__":
    main()
