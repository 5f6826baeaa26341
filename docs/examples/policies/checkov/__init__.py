"""Checks that checkov loads with --external-checks-dir: it imports every module that is listed here."""

from pathlib import Path

__all__ = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem != "__init__")
