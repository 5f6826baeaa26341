"""Generators of the reference pages: commands, schemas, sandbox switches, store tables."""
