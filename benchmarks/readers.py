"""Measures readers of YAML on the same cohort files: which of them could replace PyYAML, which gives values and lines.

    python -m benchmarks.readers           prints the table
    python -m benchmarks.readers --write   and commits it to benchmarks/readers.md

The other readers are installed by hand; what is missing is reported so. Seconds of the processor, best of three.
"""

from __future__ import annotations

import gc
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from importlib import import_module, metadata
from pathlib import Path
from time import process_time
from typing import Any

from benchmarks.folders import Centre
from benchmarks.measuring import machine, table
from reconciler.declared.cohort_file import read_file
from reconciler.declared.shapes import Shapes

RESULT = Path(__file__).with_suffix(".md")
LEARNERS, OF = 10_000, 100_000
"""Learners that are read, and learners for whom the table counts."""

NEVER = 10**9  # entries of a shape before it is known

Reader = Callable[[Any, bytes], object]


def _events(yaml: Any, text: bytes) -> None:
    parser = yaml.CSafeLoader(text)
    while parser.check_event():
        parser.get_event()


def _walked(ryml: Any, text: bytes) -> None:
    tree = ryml.parse_in_place(bytearray(text))
    for node, _ in ryml.walk(tree):
        if tree.has_key(node):
            tree.key(node)
        if tree.has_val(node):
            tree.val(node)


READERS: tuple[tuple[str, str, str, str, Reader], ...] = (
    ("PyYAML", "yaml", "events alone", "yes", _events),
    ("PyYAML", "yaml", "nodes", "yes", lambda yaml, text: yaml.CSafeLoader(text).get_single_node()),
    ("rapidyaml", "ryml", "its tree alone", "no", lambda ryml, text: ryml.parse_in_arena(text)),
    ("rapidyaml", "ryml", "its tree, then keys and values", "no", _walked),
    ("ryaml", "ryaml", "values", "no", lambda ryaml, text: ryaml.loads(text.decode())),
    ("py-yaml12", "yaml12", "values", "no", lambda yaml12, text: yaml12.parse_yaml(text.decode())),
    ("libfyaml", "libfyaml", "values", "no", lambda fy, text: fy.loads(text.decode()).to_python()),
    ("libfyaml", "libfyaml", "values", "yes", lambda fy, text: fy.loads(text.decode(), create_markers=True)),
    ("yaml-rs", "yaml_rs", "values", "no", lambda yaml_rs, text: yaml_rs.loads(text.decode())),
)
"""Package, module, what is made of a file, whether it has lines, and how."""

FOUND = """\
No reader gives values and positions at a fraction of libyaml's time. rapidyaml's Python interface has no function for
positions, and a call for each node takes longer than libyaml. libfyaml has positions, and takes about as long as
libyaml's nodes to make them. The others, of which yaml-rs is the fastest, have none: their values would still have to
be checked, made entries and given lines, and that takes longer than reading by shape.

So PyYAML stays, and most learners do not reach it. Entries that differ only in their values have one shape. The
ordinary reader explains a shape once, and a regular expression reads the entries that have it (declared/shapes.py). A
file with a fault, or one in which it is not clear where an entry begins, is parsed as a whole."""


def rows(files: list[Path]) -> Iterator[tuple[str, str, str, str, str]]:
    """Yield the rows of the table: ours first, by shape and as if no shape were known."""
    for made, shapes in (("from the file, by shape", Shapes()), ("from the file, all parsed", Shapes(NEVER))):
        seconds = _seconds(partial(read_file, shapes=shapes), files)
        yield "ours", metadata.version("PyYAML"), f"checked entries, {made}", "yes", seconds
    texts = [file.read_bytes() for file in files]
    for package, module, made, lines, read in READERS:
        try:
            reader = import_module(module)
        except ImportError:
            yield package, "not here", made, lines, ""
        else:
            yield package, metadata.version(package), made, lines, _seconds(partial(read, reader), texts)


def _seconds(read: Callable[[Any], object], files: Iterable[Any]) -> str:
    best = float("inf")
    for _ in range(3):
        began = process_time()
        for file in files:
            read(file)
        best = min(best, process_time() - began)
    return f"{best * OF / LEARNERS:.1f}"


def main() -> None:
    """Print the table, or commit it."""
    gc.disable()  # as validate does
    with tempfile.TemporaryDirectory() as made:
        Centre(LEARNERS).write(Path(made))
        files = sorted((Path(made) / "state" / "cohorts").iterdir())
        measured = table(("reader", "version", "makes", "lines", f"seconds for {OF:,} learners"), list(rows(files)))
    how = f"{machine()}. One process, without its start; the best of three passes over {LEARNERS:,} learners."
    title = "# Readers of YAML\n\nMade by `python -m benchmarks.readers --write`; do not edit."
    text = "\n\n".join([title, how, measured, FOUND]) + "\n"
    sys.stdout.write(text)
    if "--write" in sys.argv[1:]:
        RESULT.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
