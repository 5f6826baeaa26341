"""Edits declared files in place: minimal patches of a text, and the canonical layout of a whole file."""
