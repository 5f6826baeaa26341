"""Fixtures that several folders of tests use, and the profiles of property tests: a busy machine is not a fault.

The usual profile draws the same examples in each run of one commit, so that a failure can be seen again. Hypothesis
also draws the constants of loaded modules, and the program loads many of its own only when they are needed: all are
loaded here. `--hypothesis-profile=explore` draws new examples each time.

A shell starts what runs in the background with Ctrl-C ignored, which programs that tests start would inherit.
"""

from __future__ import annotations

import importlib
import pkgutil
import signal

from hypothesis import settings

import onefile_sandbox
import reconciler
from tests.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]

for package in (reconciler, onefile_sandbox):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("explore", deadline=None, print_blob=True)
settings.register_profile("patient", deadline=None, print_blob=True, derandomize=True)
settings.load_profile("patient")
