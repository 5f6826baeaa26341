"""`sandbox`: serves the sandbox to any client over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from onefile_sandbox.app import create_app
from onefile_sandbox.faults import Fault, Faults
from onefile_sandbox.serve import serve
from onefile_sandbox.switches import Switches
from onefile_sandbox.world import World
from reconciler.clock import Clock, SystemClock
from reconciler.problems import Invalid, Problem, ReconcilerError
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options
from reconciler.runtime.session import world_problems
from reconciler.runtime.token import customer_token, has_token


class _ShiftedClock(SystemClock):
    """The machine's clock, shifted to start at another time."""

    def __init__(self, start: datetime) -> None:
        self._shift: timedelta = start - super().now()

    def now(self) -> datetime:
        return super().now() + self._shift


_FAULT_FIX = 'Write an object such as {"kind": "throttle"}. `reconciler sandbox --help` lists the kinds and fields.'


@contextmanager
def _as_invalid(option: str, fix: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise Invalid(Problem(str(error), fix, where=option)) from error


def _switches(settings: Sequence[str]) -> Switches:
    """Parse the switches; unknown keys are ignored unless a setting is given, because any client may call."""
    switches = Switches.parse(settings)
    if any(setting.partition("=")[0].strip() == "unknown_keys" for setting in settings):
        return switches
    return switches.changed({"unknown_keys": "ignored"})


def _fault(text: str) -> Fault:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(f"{text[:60]!r} is not JSON") from None
    return Fault.from_json(value)


def serve_sandbox(
    options: Options,
    environment: Environment,
    *,
    host: str,
    port: int,
    seed: int,
    learners: int,
    switches: Sequence[str],
    faults: Sequence[str],
    world_file: Path | None,
    start: datetime | None,
    ready: Callable[[str, str], None],
) -> None:
    """Serve until interrupted. `ready` gets the base URL and the customer token once the server answers.

    The token is the customer token if that is set, else `sandbox`. `seed` and `learners` are for a new sandbox file.
    Raises Invalid for a switch or fault that does not exist.
    """
    token = customer_token(environment).reveal() if has_token(environment) else "sandbox"
    clock: Clock = _ShiftedClock(start) if start else SystemClock()
    with _as_invalid("--switch", "`reconciler sandbox --switches` lists the switches and their values."):
        chosen = _switches(switches)
    with _as_invalid("--fault", _FAULT_FIX):
        armed = Faults(*(_fault(fault) for fault in faults))
    path = world_file or options.world_file
    with world_problems(options.world_file):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        world = World.open(path, seed, learners)
    try:
        app = create_app(world, chosen, armed, clock, token)
        serve(app, host, port, lambda url: ready(url, token))
    except OSError as error:
        fix = "Choose another --port (0 is any free one) or --host."
        raise ReconcilerError(
            Problem(f"cannot serve there: {error.strerror or error}", fix, where=f"{host}:{port}")
        ) from error
    finally:
        world.close()
