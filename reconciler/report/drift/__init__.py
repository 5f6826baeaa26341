"""Reports of drift."""
