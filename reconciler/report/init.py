"""Report of init: files written and next commands, as text and JSON."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from reconciler.text import number_of

if TYPE_CHECKING:
    from reconciler.commands.init import InitResult


def render_text(report: InitResult) -> str:
    """Render the files written and the next commands."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: InitResult) -> Iterator[str]:
    if not report.written:
        yield f"Nothing to do: all {len(report.already)} files already exist."
        return
    yield f"Written to {report.folder}: {number_of(len(report.written), 'file')}."
    yield from (f"  {name}" for name in report.written)
    yield ""
    if report.to_name:
        yield "Before using CI, replace OWNER and COMMIT (account and full commit id of the version you trust) in:"
        yield from (f"  {name}" for name in report.to_name)
        yield ""
    yield "Next:"
    if report.folder != ".":
        yield f"  cd {shlex.quote(report.folder)}"
    commands = steps(report.begin_with, report.target)
    width = max(map(len, commands))
    yield from (f"  {command:<{width}}  {why}" for command, why in commands.items())
    yield "README.md explains the next five steps."


def steps(begin_with: Literal["example", "import"], target: str) -> dict[str, str]:
    """Return the next commands, each with its purpose."""
    token = "" if target == "sandbox" else "; set ONEFILE_CUSTOMER_TOKEN first"
    check = {"reconciler doctor": f"check that everything a run on {target} needs is in place{token}"}
    if begin_with == "import":
        return {
            **check,
            "reconciler import": "write the files of your centre as it is now; only reads",
            "reconciler validate": "check them; nothing is sent",
            "reconciler plan --detailed-exitcode": "exit code 0 means the files match OneFile",
        }
    return {
        "reconciler validate": "check the files; nothing is sent",
        "reconciler plan": "show changes to the sandbox; writes nothing",
        "reconciler apply": "show the plan, ask, and write to the sandbox",
        "reconciler import --help": "how to import your own centre instead of the example",
        **check,
    }


def render_json(report: InitResult) -> str:
    """Render the files and next commands for programs."""
    document = {
        "exit_code": 0,
        "folder": report.folder,
        "written": list(report.written),
        "already": list(report.already),
        "to_name": list(report.to_name),
        "next": list(steps(report.begin_with, report.target)) if report.written else [],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def render_renewed(written: Sequence[str]) -> str:
    """Render the schema copies that were renewed."""
    if not written:
        return "Nothing to do: the schemas are up to date.\n"
    return "".join(f"{line}\n" for line in ("Renewed:", *(f"  {name}" for name in written)))


def render_renewed_json(written: Sequence[str]) -> str:
    """Render the same for programs."""
    return json.dumps({"exit_code": 0, "written": list(written)}, indent=1) + "\n"
