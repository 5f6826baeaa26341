"""Hostile input to everything that reads input."""
