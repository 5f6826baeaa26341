"""Laws of the table of renderers: every row leads to a function, and every command that reports has rows."""

from __future__ import annotations

import inspect

import pytest

from reconciler.cli.command_table import COMMANDS
from reconciler.cli.output import Output
from reconciler.cli.render import RENDERERS, formats_of, parameters_of, renderer_of
from tests.shown import GROUP

_PLAN = {"fingerprint"}
_KNOWN = {"names", "labels"}
FACTS = {
    "apply": {"printed"},
    "digest": {"deliveries", "folder"},
    "doctor": {"printed"},
    "drift": {"exit_code"},
    "fleet matrix": {"ci", "job"},
    "history": {"target", "organisation", "elsewhere", "no_store"},
    "history RUN": {"journal", *_KNOWN},
    "history --steps": _KNOWN,
    "plan": _PLAN,
    "problems": {"exit_code"},
    "revert": _PLAN,
    "show": _PLAN,
}
"""What commands give beside their results."""


@pytest.mark.parametrize(("command", "form"), [(name, form) for name, rows in RENDERERS.items() for form in rows])
def test_every_row_leads_to_a_renderer_that_the_output_can_serve(command: str, form: str) -> None:
    """What a renderer cannot do without is a fact of the command or a property of the output."""
    renderer = renderer_of(command, form)
    own = list(inspect.signature(renderer).parameters.values())[1:]
    assert parameters_of(renderer) == tuple(parameter.name for parameter in own)
    served = {parameter.name for parameter in own if hasattr(Output(form), parameter.name)} | FACTS.get(command, set())
    needed = {parameter.name for parameter in own if parameter.default is inspect.Parameter.empty}
    assert needed - served == set()


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_offers_the_formats_of_its_rows(name: str) -> None:
    """A new format is one function and one row: the option follows. The sandbox serves, and reports nothing."""
    command = GROUP.command.get_command(GROUP, name)
    assert command is not None
    offered = [option.type.choices for option in command.params if option.name == "form"]
    assert offered == ([] if name == "sandbox" else [formats_of(name)])
