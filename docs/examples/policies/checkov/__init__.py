"""Checks for `checkov --external-checks-dir`, which imports every module listed here."""

from pathlib import Path

__all__ = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem != "__init__")
