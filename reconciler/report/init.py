"""What init wrote, and the commands that come next, as text and as JSON."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from typing import Literal

from reconciler.model.structs import Struct
from reconciler.text import number_of


class Beginning(Struct, frozen=True):
    """*folder* as the user gave it; *to_name* are the files that do not say yet where the program comes from."""

    folder: str
    written: Sequence[str]
    already: Sequence[str]
    to_name: Sequence[str]
    begin_with: Literal["example", "import"]
    target: str


def render_beginning(begun: Beginning) -> str:
    return "\n".join(_lines(begun)) + "\n"


def _lines(begun: Beginning) -> Iterator[str]:
    if not begun.written:
        yield f"Nothing to do: all {len(begun.already)} files are there already."
        return
    yield f"Written to {begun.folder}: {number_of(len(begun.written), 'file')}."
    yield from (f"  {name}" for name in begun.written)
    yield ""
    if begun.to_name:
        yield "Not known yet: where pipelines take this program from. For OWNER write the account, for COMMIT the full"
        yield "id of a commit that you have looked at, in:"
        yield from (f"  {name}" for name in begun.to_name)
        yield ""
    yield "Next:"
    if begun.folder != ".":
        yield f"  cd {shlex.quote(begun.folder)}"
    commands = steps(begun.begin_with, begun.target)
    width = max(map(len, commands))
    yield from (f"  {command:<{width}}  {why}" for command, why in commands.items())
    yield "README.md there tells the rest in five steps."


def steps(begin_with: Literal["example", "import"], target: str) -> dict[str, str]:
    """The commands that come next, each with what it is for."""
    token = "" if target == "sandbox" else "; set ONEFILE_CUSTOMER_TOKEN first"
    look = {"reconciler doctor": f"whether all is there that a run on {target} needs{token}"}
    if begin_with == "import":
        return {
            **look,
            "reconciler import": "write the files of the centre as it is; reads only",
            "reconciler validate": "check them; nothing is sent",
            "reconciler plan --detailed-exitcode": "0: the files say what OneFile holds",
        }
    return {
        "reconciler validate": "check the files; nothing is sent",
        "reconciler plan": "what would change in the sandbox; writes nothing",
        "reconciler apply": "shows the plan, asks, and writes to the sandbox",
        "reconciler import --help": "how to bring in your own centre, in place of the example",
        **look,
    }


def render_json(begun: Beginning) -> str:
    document = {
        "exit_code": 0,
        "folder": begun.folder,
        "written": list(begun.written),
        "already": list(begun.already),
        "to_name": list(begun.to_name),
        "next": list(steps(begun.begin_with, begun.target)) if begun.written else [],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def render_renewed(written: Sequence[str], *, as_json: bool = False) -> str:
    if as_json:
        return json.dumps({"exit_code": 0, "written": list(written)}, indent=1) + "\n"
    if not written:
        return "Nothing to do: the schemas are this version's.\n"
    return "".join(f"{line}\n" for line in ("Renewed:", *(f"  {name}" for name in written)))
