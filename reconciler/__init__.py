"""Staff assignments in OneFile, declared in YAML, planned, reviewed and applied as reviewed."""

import sys

__version__ = "0.1.0"

# httpx loads the parts of a command line of its own if it can: a quarter of the start of each command that sends calls.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # "not installed", as the import system writes it
