"""Fixtures that several folders of tests use, and one profile for property tests: a busy machine is not a fault."""

from __future__ import annotations

from hypothesis import settings

from tests.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]

settings.register_profile("patient", deadline=None, print_blob=True)
settings.load_profile("patient")
