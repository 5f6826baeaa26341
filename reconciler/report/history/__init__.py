"""Reports of past runs."""
