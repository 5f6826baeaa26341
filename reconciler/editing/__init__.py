"""Declared files edited in place: the smallest change of a text, and the canonical layout of a whole file."""
