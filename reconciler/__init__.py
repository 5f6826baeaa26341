"""Staff assignments in OneFile, declared in YAML, planned, reviewed and applied as reviewed."""

__version__ = "0.1.0"
