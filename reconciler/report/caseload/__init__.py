"""Caseload tables and charts."""
