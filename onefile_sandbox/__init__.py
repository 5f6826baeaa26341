"""Sandbox of OneFile's API v2.1, as publicly known, over real HTTP, with invented people."""
